"""The SELECTs that build JSON: one list of columns per kind and view, used by GET, lists, replies and the trail.

They all read `FROM s`, one row that says who is calling: `user_id`, `places`, `townships`, `above`. A read puts it in front as a CTE
that finds the caller (access.py), a write as one made of what it knows already (`KNOWN`). PostgreSQL writes the JSON; Python passes it on.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any, Literal, get_args

from sqlalchemy import TIMESTAMP
from sqlmodel import SQLModel

from api.rules.caller import ROLES, Role
from api.schemas.base import EndOf, Record, Seen, View, in_family, mark_of

Reads = Literal["place", "township"]
DIRECTION = {"asc": ">", "desc": "<"}
# Beyond the first row of any list, by type and direction: the cursor of a first page
START: dict[tuple[str, str], Any] = {("date", "asc"): date.min, ("date", "desc"): date.max, ("text", "asc"): "", ("int", "asc"): 0}
MOMENT = """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"""
FIRST = 6  # of the parameters that a read has for itself: those before are the caller's (access.py)
KNOWN = "WITH s AS (SELECT $2::uuid AS user_id, $3::int[] AS places, $4::int[] AS townships, $5::int[] AS above) "


class Documents:
    """`own`: the member that names whose record it is. `order`: {column: (type, direction)}, the first is the usual one.
    `filters`: {query parameter: SQL with {} for its value, {reads} for place or township}. `readers`: the roles for whom there is anything.
    `public_below`: rows of places above the caller's are readable. `listed`: SQL of what a list may name. `of_people`: a lead household
    finds what people made, and nothing that the service raised by itself."""

    def __init__(
        self,
        kind: str,
        schema: type[Record],
        table: type[SQLModel],
        *,
        own: str | None = None,
        order: Mapping[str, tuple[str, str]],
        filters: Mapping[str, str],
        readers: tuple[Role, ...] = ROLES,
        public_below: bool = False,
        listed: str = "",
        of_people: bool = False,
    ) -> None:
        self.kind, self.schema, self.filters, self.public_below = kind, schema, filters, public_below
        self.listed, self.of_people = listed, of_people
        self.own = f"t.{own} = s.user_id" if own else "false"
        self.hidden_from = tuple(role for role in ROLES if role not in readers)
        # the road asks for no document of a kind that the caller does not read, so `stored` need not ask
        self.readable = f" AND s.role = ANY ('{{{','.join(readers)}}}')" if self.hidden_from else ""
        self.table, self.columns = str(table.__tablename__), table.__table__.columns  # type: ignore[attr-defined]  # SQLModel does not declare it
        self.sort, (self.sort_type, self.direction) = next(iter(order.items()))
        self.get = {view: self._get(view, first=FIRST, ends=view == "office") for view in get_args(View)}
        self.revisions = {view: self._revisions(view) for view in get_args(View)}
        self.stored = {view: KNOWN + self._get(view, first=6, many=True) for view in get_args(View)}
        self.list = cache(self._list)

    def _columns(self, view: View, *, ends: bool = False) -> str:
        """`ends`: with those of sealed values."""
        columns = []
        for name, field in self.schema.model_fields.items():
            if mark_of(field, EndOf) and not ends:
                continue
            seen, value = mark_of(field, Seen) or Seen(), self._value(name)
            if view == "group" and seen.group == "own":
                value = f"CASE WHEN {self.own} THEN {value} END"
            if view == "office" or seen.group != "none":
                columns.append(f"{value} AS {name}")
        return ", ".join(columns)

    def _value(self, name: str) -> str:
        return MOMENT.format(f"t.{name}") if isinstance(self.columns[name].type, TIMESTAMP) else f"t.{name}"

    def of_family(self) -> str:
        """The columns that a family sees of its own records."""
        return ", ".join(f"{self._value(name)} AS {name}" for name in in_family(self.schema))

    def _doc(self, view: View, *, ends: bool = False) -> str:
        return f"(SELECT row_to_json(d)::text FROM (SELECT {self._columns(view, ends=ends)}) d) AS doc"

    def one(self, view: View, record_id: str) -> str:
        """SQL of one record's document where a list of ids says which; null where it is out of reach."""
        doc = f"SELECT row_to_json(d)::text FROM (SELECT {self._columns(view)} FROM {self.table} t"
        return f"({doc} WHERE t.county_id = $1 AND t.id = {record_id} AND {self.in_scope()}{self._made(view)}) d)"

    def _made(self, view: View) -> str:
        return " AND t.created_by IS NOT NULL" if self.of_people and view == "group" else ""

    def in_scope(self) -> str:
        above = " OR t.place_id = ANY (s.above)" if self.public_below else ""
        return f"(t.place_id = ANY (s.places) OR t.township_id = ANY (s.townships){above})"

    def _get(self, view: View, *, first: int, many: bool = False, ends: bool = False) -> str:
        ids = f"ANY (${first}::uuid[])" if many else f"${first}::uuid"
        return (
            f"SELECT x.id, x.rev, x.doc FROM s LEFT JOIN LATERAL (SELECT t.id, t.rev, {self._doc(view, ends=ends)} FROM {self.table} t"
            f" WHERE t.county_id = $1 AND t.id = {ids} AND {self.in_scope()}{self._made(view)}{'' if many else self.readable}) x ON true"
        )

    def _revisions(self, view: View) -> str:
        members = self.schema.model_fields.items() if view == "group" else ()
        hidden = [n for n, f in members if (mark_of(f, Seen) or Seen()).group != "all"]
        hidden += [end.value for _, f in members if (end := mark_of(f, EndOf))]
        changes = f"CASE WHEN {self.own} THEN r.changes ELSE r.changes - '{{{','.join(hidden)}}}'::text[] END" if hidden else "r.changes"
        reason = "r.void_reason" if view == "office" else "CASE WHEN r.by_user_id = s.user_id THEN r.void_reason END AS void_reason"
        return (
            "SELECT x.items FROM s LEFT JOIN LATERAL (SELECT (SELECT string_agg(row_to_json(d)::text, ',' ORDER BY d.rev) FROM ("
            f"SELECT r.rev, r.by_user_id, r.device_id, {MOMENT.format('r.made_at')} AS made_at,"
            f" {MOMENT.format('r.received_at')} AS received_at,"
            f" {changes} AS changes, {reason}"
            f" FROM revision r WHERE r.county_id = $1 AND r.kind = '{self.kind}' AND r.id = t.id) d) AS items FROM {self.table} t"
            f" WHERE t.county_id = $1 AND t.id = ${FIRST}::uuid AND {self.in_scope()}{self._made(view)}{self.readable}) x ON true"
        )

    def _list(self, reads: Reads, view: View, filters: Sequence[str]) -> str:
        """Parameters: limit, voided, the cursor's sort column and id, then the filters in their order. Each place, or township, is read by
        its own index and gives a page at the most; so the cost grows with what is held, not with the county."""
        held = f"s.{reads}s"
        if self.public_below:
            held = "s.places || s.above" if reads == "place" else "s.townships || 0"
        readable = self.readable.replace(" AND", " WHERE", 1)
        wanted = " AND ".join(
            [
                f"t.county_id = $1 AND t.{reads}_id = h.held AND t.voided = ${FIRST + 1}::bool{self._made(view)}",
                f"(t.{self.sort}, t.id) {DIRECTION[self.direction]} (${FIRST + 2}::{self.sort_type}, ${FIRST + 3}::uuid)",
                *([self.listed] if self.listed else []),
                *(self._filter(name, view).format(f"${number}", reads=reads) for number, name in enumerate(filters, FIRST + 4)),
            ]
        )
        order = f"ORDER BY t.{self.sort} {self.direction}, t.id {self.direction} LIMIT ${FIRST}::int"
        return (
            f"SELECT x.sort, x.id, x.doc FROM s LEFT JOIN LATERAL (SELECT t.{self.sort} AS sort, t.id, {self._doc(view)} FROM ("
            f"SELECT t.* FROM (SELECT DISTINCT unnest({held}) AS held{readable}) h CROSS JOIN LATERAL ("
            f"SELECT t.* FROM {self.table} t WHERE {wanted} {order}) t {order}) t) x ON true"
            f" ORDER BY x.sort {self.direction}, x.id {self.direction}"
        )

    def _filter(self, name: str, view: View) -> str:
        """Nobody finds out by filtering what the documents of the others don't show."""
        field = self.schema.model_fields.get(name)
        hidden = view == "group" and field and (mark_of(field, Seen) or Seen()).group == "own"
        return f"{self.filters[name]} AND {self.own}" if hidden else self.filters[name]

    def start(self) -> tuple[Any, str]:
        last_id = "ffffffff-ffff-ffff-ffff-ffffffffffff" if self.direction == "desc" else "00000000-0000-0000-0000-000000000000"
        return START[self.sort_type, self.direction], last_id
