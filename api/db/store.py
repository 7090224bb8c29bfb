"""The statements of a write, in the order in which they run: lock, read, insert or update, revisions, tick, change rows.

Each is set-wise and stands alone, with INSERT outermost and `county_id` by parameter for every table (decision 0002). Rows travel as one
JSON parameter: arrays keep their shape in it, which `unnest` of several arrays would flatten.
"""

from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import SQLModel

from api.db.session import Tx
from api.rules.caller import Caller

Row = dict[str, Any]
_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves its dialects' constructors untyped


class Store:
    """The statements of one kind's table."""

    def __init__(
        self,
        table: type[SQLModel],
        doubles: tuple[str, ...],
        parent_member: str | None,
        blind: str | None = None,
        *,
        public_below: bool = False,
        of_people: bool = False,
    ) -> None:
        name, declared = str(table.__tablename__), table.__table__.columns  # type: ignore[attr-defined]  # SQLModel does not declare it
        # quoted where the name is a word of SQL
        columns = {_DIALECT.identifier_preparer.quote(c.name): c.type.compile(_DIALECT) for c in declared if c.name != "county_id"}
        self.json = tuple(c.name for c in declared if isinstance(c.type, JSONB))
        names, typed = list(columns), ", ".join(f"{column} {kind}" for column, kind in columns.items())
        same = {c.name: "IS NOT DISTINCT FROM" if c.nullable else "=" for c in declared}
        in_scope = "(t.place_id = ANY ($3::int[]) OR t.township_id = ANY ($4::int[]))"
        self.found = f"SELECT t.* FROM {name} t WHERE t.county_id = $1 AND t.id = ANY ($2::uuid[]) AND {in_scope}"
        self.lock = f"{self.found} ORDER BY t.id FOR NO KEY UPDATE"
        self.by_place = (
            f"SELECT t.* FROM {name} t WHERE t.county_id = $1 AND t.place_id = ANY ($2::int[]) AND {in_scope}"
            " ORDER BY t.place_id FOR NO KEY UPDATE"
        )
        self.insert = (
            f"INSERT INTO {name} (county_id, {', '.join(names)}) SELECT k.county_id, {', '.join(f'x.{n}' for n in names)}"
            f" FROM clock k, json_to_recordset($2::json) AS x ({typed}) WHERE k.county_id = $1"
        )
        self.update = (
            f"UPDATE {name} t SET {', '.join(f'{n} = x.{n}' for n in names if n != 'id')}"
            f" FROM json_to_recordset($2::json) AS x ({typed}) WHERE t.county_id = $1 AND t.id = x.id"
        )
        # other records that look like the same thing; run after the insert, so doubles within one batch are found too
        alike = (
            f"SELECT x.id AS of, d.id FROM {name} x CROSS JOIN LATERAL (SELECT t.id FROM {name} t WHERE t.county_id = $1 AND t.id <> x.id"
            f" AND NOT t.voided AND {in_scope} AND {{}} LIMIT 10) d"
            f" WHERE x.county_id = $1 AND x.id = ANY ($2::uuid[]) AND {in_scope.replace('t.', 'x.')}"
        )
        likeness = [*(f"t.{m} {same[m]} x.{m}" for m in doubles), *(["t.created_by IS NOT NULL"] if of_people else [])]
        self.doubles = alike.format(" AND ".join(likeness)) if doubles else None
        self.same_value = alike.format(f"t.{blind} = x.{blind}") if blind else None  # of what is sealed
        # the same of what is not stored yet
        self.alike = (
            f"SELECT x.n, d.id FROM json_to_recordset($2::json) AS x (n int, {', '.join(f'{m} {columns[m]}' for m in doubles)})"
            f" CROSS JOIN LATERAL (SELECT t.id FROM {name} t WHERE t.county_id = $1 AND NOT t.voided AND {in_scope}"
            f" AND {' AND '.join(f't.{m} {same[m]} x.{m}' for m in doubles)} LIMIT 1) d"
            if doubles
            else None
        )
        self.seen = f"SELECT t.id FROM {name} t WHERE t.county_id = $1 AND t.id = ANY ($2::uuid[]) AND {in_scope}"
        # what can be named from below as well
        above = f"({in_scope} OR t.place_id = ANY ($5::int[]))"
        self.named = f"SELECT t.* FROM {name} t WHERE t.county_id = $1 AND t.id = ANY ($2::uuid[]) AND {above}" if public_below else None
        # what hangs on these parents: all of it, or what is not voided; and the parents of these records. None: a kind that hangs on a
        # place, or on nothing
        below = f"SELECT t.{parent_member} AS parent, t.id FROM {name} t WHERE t.county_id = $1 AND {in_scope} AND"
        named = parent_member is not None and parent_member != "place_id"
        self.below = (
            f"SELECT t.* FROM {name} t WHERE t.county_id = $1 AND t.{parent_member} = ANY ($2::uuid[]) AND {in_scope}"
            " ORDER BY t.id FOR NO KEY UPDATE"
            if named
            else None
        )
        self.joined = (  # what was joined into these records
            f"SELECT t.joined_into_id AS parent, t.id FROM {name} t WHERE t.county_id = $1 AND {in_scope}"
            " AND t.joined_into_id = ANY ($2::uuid[])"
            if "joined_into_id" in columns
            else None
        )
        self.occupied = f"{below} t.{parent_member} = ANY ($2::uuid[]) AND NOT t.voided" if named else None
        self.parents = f"{below} t.id = ANY ($2::uuid[])" if named else None


REVISE = """
INSERT INTO revision (county_id, kind, id, rev, by_user_id, device_id, made_at, received_at, mark, changes, void_reason)
SELECT k.county_id, x.kind, x.id, x.rev, x.by_user_id, x.device_id, x.made_at, x.received_at, x.mark, x.changes, x.void_reason
FROM clock k, json_to_recordset($2::json) AS x (kind text, id uuid, rev int, by_user_id uuid, device_id uuid, made_at timestamptz,
    received_at timestamptz, mark bytea, changes jsonb, void_reason text)
WHERE k.county_id = $1"""
TICK = "UPDATE clock SET tick = tick + 1 WHERE county_id = $1 RETURNING tick"
CHANGE = """
INSERT INTO change (county_id, kind, id, place_id, township_id, tick, op, reason, successor_id, rev)
SELECT k.county_id, x.kind, x.id, x.place_id, x.township_id, k.tick,
    CASE WHEN x.voided OR x.moved THEN 'remove' ELSE 'upsert' END, CASE WHEN x.moved THEN 'moved' WHEN x.voided THEN 'voided' END,
    x.successor_id, x.rev
FROM clock k, json_to_recordset($2::json) AS x (kind text, id uuid, place_id int, township_id int, rev int, voided bool, moved bool,
    successor_id uuid)
WHERE k.county_id = $1
ON CONFLICT ON CONSTRAINT change_pkey DO UPDATE
SET tick = excluded.tick, op = excluded.op, reason = excluded.reason, successor_id = excluded.successor_id, rev = excluded.rev,
    township_id = excluded.township_id"""
FORGET_KEYS = """
DELETE FROM search_key t USING json_to_recordset($2::json) AS x (kind text, id uuid, key text, place_id int)
WHERE t.county_id = $1 AND t.place_id = x.place_id AND t.kind = x.kind AND t.key = x.key AND t.id = x.id"""
KEYS = """
INSERT INTO search_key (county_id, place_id, township_id, kind, key, id)
SELECT k.county_id, x.place_id, x.township_id, x.kind, x.key, x.id
FROM clock k, json_to_recordset($2::json) AS x (kind text, id uuid, key text, place_id int, township_id int) WHERE k.county_id = $1"""
TRAIL = """
SELECT r.id, r.rev, r.device_id, r.made_at, r.mark, r.changes FROM revision r
WHERE r.county_id = $1 AND r.kind = $2::text AND r.id = ANY ($3::uuid[]) ORDER BY r.id, r.rev"""
CODES = (
    "SELECT e.code FROM catalogue_entry e WHERE e.county_id = $1 AND e.catalogue = $2::text AND e.code = ANY ($3::text[]) AND NOT e.voided"
)
# a colleague holds a place of the caller's, or one above it
_COLLEAGUES = """
SELECT DISTINCT m.user_id FROM membership m JOIN place p ON p.county_id = $1 AND p.place_id = m.place_id
WHERE m.county_id = $1 AND m.user_id = ANY ($2::uuid[]) AND {}
  AND (m.place_id = ANY ($3::int[]) OR p.township_id = ANY ($4::int[]) OR m.place_id = ANY ($5::int[]))"""
COLLEAGUES, COLLEAGUES_ONCE = _COLLEAGUES.format("m.revoked_tick IS NULL"), _COLLEAGUES.format("m.revoked_tick IS NOT NULL")
SERVED = _COLLEAGUES.format("true")  # they are, or were


def as_json(rows: Collection[Row]) -> str:
    return orjson.dumps(list(rows), default=_plain).decode()


def _plain(value: object) -> str:
    """What orjson does not know: bytes, and asyncpg's own UUID."""
    return "\\x" + value.hex() if isinstance(value, bytes) else str(value)


async def put(tx: Tx, statement: str, county_id: int, rows: Collection[Row]) -> None:
    """Runs one of the statements above over all rows; none at all where there are no rows."""
    if rows:
        await tx.execute(statement, county_id, as_json(rows))


async def rows(tx: Tx, statement: str | None, caller: Caller, keys: Collection[UUID] | Collection[int]) -> list[Row]:
    """Those of the rows named that lie in the caller's places."""
    if not keys or statement is None:
        return []
    found = await tx.fetch(statement, caller.county_id, list(keys), caller.places, caller.townships)
    return [dict(row) for row in found]


async def records(tx: Tx, store: Store, statement: str | None, caller: Caller, keys: Collection[UUID]) -> list[Row]:
    """The same of whole records, with what they hold as JSON; `store.named` finds those of places above as well."""
    if not keys or statement is None:
        return []
    above = (caller.above,) if statement is store.named else ()
    return decoded(store, await tx.fetch(statement, caller.county_id, list(keys), caller.places, caller.townships, *above))


def decoded(store: Store, found: Iterable[asyncpg.Record]) -> list[Row]:
    """Whole records with what they hold as JSON."""
    return [{**row, **{name: orjson.loads(row[name]) for name in store.json if row[name] is not None}} for row in found]


async def tick(tx: Tx, county_id: int) -> int:
    """Takes the county's next tick. Only change rows, or grants and losses of places, and what is asked of them, may follow."""
    taken: int = await tx.fetchval(TICK, county_id)
    return taken
