"""The auditor: looks at a database in one read-only snapshot, past the service, and says of each invariant how much it looked at and what
breaks it.

    python -m prove.auditor postgresql://… [acknowledged.jsonl]

The address is the owner's, whom row level security does not hold. The file is what phones were told (prove/phones.py).
"""

import asyncio
import hashlib
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg

from api.db import store
from api.db.tables.every import METADATA
from api.kinds import KINDS
from api.rules.ledger import TYPES

Line = dict[str, Any]
SHOWN = 5  # of what breaks an invariant
# Members that the other side of a residence says, and that follow it without a revision
FOLLOW = {"residence": {"registered_in", "living_in"}}


class Finding(NamedTuple):
    """`looked_at`: how many there are to look at. `broken`: what breaks it, as text."""

    invariant: str
    looked_at: int
    broken: list[str]


# The records of all kinds under each other
_EACH = " UNION ALL ".join(f"SELECT county_id, '{kind}' AS kind, id, place_id, township_id, rev, voided FROM {kind}" for kind in KINDS)
_RECORDS = f"record AS MATERIALIZED ({_EACH})"
_SIDES = (
    "CROSS JOIN LATERAL (VALUES (t.from_type, t.from_owner, -t.amount_fen), (t.to_type, t.to_owner, t.amount_fen)) v (type, owner, fen)"
)
_SUMS = f"SELECT t.county_id, v.type, v.owner, sum(v.fen) AS fen FROM transfer t {_SIDES} GROUP BY 1, 2, 3"
_ALLOCATED = """SELECT t.county_id, {0}, sum(CASE t.event WHEN 'allocation' THEN t.amount_fen ELSE -t.amount_fen END) AS fen
  FROM transfer t WHERE t.event IN ('allocation', 'release') GROUP BY 1, 2"""
_GUARDED = ", ".join(f"'{name}'" for name, guarded in TYPES.items() if guarded)

# Each: what has to hold, how many there are to look at, and what breaks it
LEDGER = {
    "accounts add up to zero, kept balances taken as kept": (
        "SELECT count(*) FROM account",
        f"""SELECT county_id, sum(fen) FROM (SELECT county_id, balance_fen AS fen FROM account WHERE type IN ({_GUARDED})
          UNION ALL SELECT county_id, fen FROM ({_SUMS}) x WHERE type NOT IN ({_GUARDED})) x GROUP BY county_id HAVING sum(fen) <> 0""",
    ),
    "a kept balance is the sum of its transfers": (
        f"SELECT count(*) FROM account WHERE type IN ({_GUARDED})",
        f"""SELECT a.type, a.owner FROM account a LEFT JOIN ({_SUMS}) x USING (county_id, type, owner)
          WHERE a.balance_fen <> coalesce(x.fen, 0) OR (a.type IN ({_GUARDED})) <> (a.balance_fen IS NOT NULL)""",
    ),
    "a charge says what is allocated to it": (
        "SELECT count(*) FROM charge",
        f"""SELECT c.id FROM charge c LEFT JOIN ({_ALLOCATED.format("t.charge_id")}) x ON (x.county_id, x.charge_id) = (c.county_id, c.id)
          WHERE c.paid_fen <> coalesce(x.fen, 0) OR c.paid_fen > c.amount_fen
          OR ((c.voided OR c.waiver_approved_by IS NOT NULL) AND c.paid_fen <> 0)""",
    ),
    "a charge's status follows from it": (
        "SELECT count(*) FROM charge",
        """SELECT id, status FROM charge WHERE status <> CASE WHEN voided THEN 'cancelled' WHEN waiver_approved_by IS NOT NULL THEN 'waived'
          WHEN paid_fen = amount_fen THEN 'settled' ELSE 'open' END""",
    ),
    "a payment says what is left of it": (
        "SELECT count(*) FROM payment",
        f"""SELECT p.id FROM payment p
          LEFT JOIN ({_ALLOCATED.format("t.payment_id")}) x ON (x.county_id, x.payment_id) = (p.county_id, p.id)
          LEFT JOIN (SELECT county_id, payment_id, sum(amount_fen) AS fen FROM refund WHERE status = 'approved' GROUP BY 1, 2) r
            ON (r.county_id, r.payment_id) = (p.county_id, p.id)
          WHERE p.left_fen < 0 OR p.left_fen <> p.amount_fen - coalesce(x.fen, 0) - coalesce(r.fen, 0)""",
    ),
    "no household owes and has credit": (
        "SELECT count(DISTINCT household_id) FROM charge",
        """SELECT county_id, household_id FROM charge WHERE status = 'open'
          INTERSECT SELECT county_id, household_id FROM payment WHERE left_fen > 0""",
    ),
    "a household owes in the ledger what its charges say": (
        "SELECT count(DISTINCT household_id) FROM charge",
        f"""SELECT x.owner FROM ({_SUMS}) x LEFT JOIN (SELECT county_id, household_id::text AS owner, sum(amount_fen - paid_fen) AS fen
            FROM charge WHERE NOT voided AND waiver_approved_by IS NULL AND amount_fen > 0 GROUP BY 1, 2) c USING (county_id, owner)
          WHERE x.type = 'owed' AND x.fen <> coalesce(c.fen, 0)""",
    ),
    "a payment is in the ledger once": (
        "SELECT count(*) FROM payment",
        """SELECT p.id FROM payment p LEFT JOIN (SELECT county_id, record_id, count(*) AS n, sum(amount_fen) AS fen FROM transfer
          WHERE event = 'payment' GROUP BY 1, 2) t ON (t.county_id, t.record_id) = (p.county_id, p.id)
          WHERE (t.n, t.fen) IS DISTINCT FROM (1::bigint, p.amount_fen::numeric)""",
    ),
    "what was collected goes to the special account or back": (
        "SELECT count(*) FROM transfer",
        """SELECT t.seq FROM transfer t WHERE (t.from_type = 'cash' AND t.to_type NOT IN ('till', 'credit', 'unexplained'))
          OR (t.from_type = 'till' AND t.to_type NOT IN ('fiscal', 'credit', 'unexplained'))
          OR (t.from_type = 'fiscal' AND t.to_type <> 'credit')""",
    ),
    "a receipt book has its numbers, each once": (
        "SELECT count(*) FROM receipt_number",
        """SELECT b.id FROM receipt_book b LEFT JOIN (SELECT county_id, book_id, count(*) AS n, min(number) AS first, max(number) AS last
            FROM receipt_number GROUP BY 1, 2) n ON (n.county_id, n.book_id) = (b.county_id, b.id)
          WHERE (n.n, n.first, n.last) IS DISTINCT FROM (b.last_number - b.first_number + 1::bigint, b.first_number, b.last_number)""",
    ),
}
FEED = {
    "revisions run from 1 to the record's own": (
        "SELECT count(*) FROM revision",
        f"""WITH {_RECORDS} SELECT kind, id, d.rev, v.n, v.last FROM record d FULL JOIN
          (SELECT county_id, kind, id, count(*) AS n, min(rev) AS first, max(rev) AS last FROM revision GROUP BY 1, 2, 3) v
          USING (county_id, kind, id) WHERE (v.n, v.first, v.last) IS DISTINCT FROM (d.rev::bigint, 1, d.rev)""",
    ),
    "a record's change row says what the record is": (
        f"WITH {_RECORDS} SELECT count(*) FROM record",
        f"""WITH {_RECORDS} SELECT kind, d.id FROM record d LEFT JOIN change c USING (county_id, kind, id, place_id)
          WHERE (c.rev, c.op, c.township_id) IS DISTINCT FROM (d.rev, CASE WHEN d.voided THEN 'remove' ELSE 'upsert' END, d.township_id)""",
    ),
    "no other change row says that the record is there": (
        "SELECT count(*) FROM change",
        f"""WITH {_RECORDS} SELECT kind, id, c.place_id FROM change c LEFT JOIN record d USING (county_id, kind, id)
          WHERE d.id IS NULL OR (c.place_id <> d.place_id AND c.op <> 'remove')""",
    ),
    "ticks run up to the county's clock": (
        "SELECT count(*) FROM change",
        """SELECT county_id, what, max(x.tick), k.tick FROM (SELECT county_id, 'change' AS what, tick FROM change
            UNION ALL SELECT county_id, 'membership', greatest(granted_tick, revoked_tick) FROM membership
            UNION ALL SELECT county_id, 'gap', new_tick FROM tick_gap) x LEFT JOIN clock k USING (county_id)
          WHERE x.tick > k.tick OR x.tick < 1 OR k.tick IS NULL GROUP BY county_id, what, k.tick""",
    ),
    "a record is later where it came than where it left": (
        "SELECT count(*) FROM change WHERE op = 'remove'",
        """SELECT g.kind, g.id FROM change g JOIN change c USING (county_id, kind, id)
          WHERE g.op = 'remove' AND c.op = 'upsert' AND g.tick > c.tick""",
    ),
    "a household's last visit is the last day somebody was met": (
        "SELECT count(*) FROM household",
        """SELECT h.id FROM household h WHERE h.last_visited_on IS DISTINCT FROM (SELECT max(v.visited_on) FROM visit v
          WHERE v.county_id = h.county_id AND v.household_id = h.id AND v.outcome = 'met' AND NOT v.voided)""",
    ),
    "both sides of a residence are in one state": (
        "SELECT count(DISTINCT residence_id) FROM residence",
        """SELECT residence_id FROM residence WHERE NOT voided GROUP BY county_id, residence_id
          HAVING count(DISTINCT side) <> count(*) OR (count(*) = 2 AND count(DISTINCT state) > 1 AND bool_and(other IS NOT NULL))""",
    ),
    "what was refused is kept with its state": (
        "SELECT count(*) FROM kept_op",
        """SELECT id FROM kept_op WHERE (state = 'unchanged' AND settled IS NOT NULL) OR (state = 'rejected' AND problem IS NULL)
          OR (settled IS NULL) <> (settled_at IS NULL)""",
    ),
}


def _references() -> Iterator[str]:
    """What one table names in another, whether the database holds a key for it or not: SELECTs of what names nothing."""
    for table in METADATA.sorted_tables:
        for key in table.foreign_key_constraints:
            pairs = [(column.parent.name, column.column.name) for column in key.elements]
            named = " AND ".join(f"t.{ours} IS NOT NULL" for ours, _ in pairs)
            same = " AND ".join(f"o.{theirs} = t.{ours}" for ours, theirs in pairs)
            other, row = key.referred_table.name, ", ".join(f"t.{ours}" for ours, _ in pairs)
            yield f"SELECT '{key.name}', {row} FROM {table.name} t WHERE {named} AND NOT EXISTS (SELECT FROM {other} o WHERE {same})"
    members = [(kind.name, kind.parent.member, kind.parent.kind) for kind in KINDS.values() if kind.parent and kind.parent.kind != "place"]
    # offline, what is not public may be named before it comes, and may never come
    members += [(kind.name, m, named) for kind in KINDS.values() for m, named in kind.names.items() if KINDS[named].public_below]
    members += [("charge", "fee_item_id", "fee_item"), ("refund", "payment_id", "payment"), ("receipt_number", "book_id", "receipt_book")]
    members += [("transfer", "payment_id", "payment"), ("transfer", "charge_id", "charge"), ("transfer", "by_user_id", "app_user")]
    members += [("revision", "by_user_id", "app_user"), ("kept_op", "user_id", "app_user")]
    for table_name, member, other in members:
        yield f"""SELECT '{table_name}.{member}', t.{member} FROM {table_name} t WHERE t.{member} IS NOT NULL
          AND NOT EXISTS (SELECT FROM {other} o WHERE o.county_id = t.county_id AND o.id = t.{member})"""
    yield f"""WITH {_RECORDS} SELECT 'transfer.record_id', t.record_id FROM transfer t
      LEFT JOIN record d ON (d.county_id, d.kind, d.id) = (t.county_id, t.kind, t.record_id) WHERE d.id IS NULL"""


REFERENCES = list(_references())


async def audit(url: str, told: Sequence[Line] = ()) -> list[Finding]:
    """`told`: what was acknowledged (`read`)."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return [*await statements(connection), *await records(connection), *await acknowledgements(connection, told)]
    finally:
        await connection.close()


def read(acknowledged: Path) -> list[Line]:
    """The file that phones write (prove/phones.py): {kind, id, outcome, rev, doc, device} of each write that was acknowledged, and {tick}
    of what a phone has read."""
    return [json.loads(line) for line in acknowledged.read_text("utf-8").splitlines()]


async def statements(tx: Any) -> list[Finding]:
    found = []
    for invariant, (count, broken) in {**LEDGER, **FEED}.items():
        found.append(Finding(invariant, await tx.fetchval(count), [_text(row) for row in await tx.fetch(broken)]))
    lost = [_text(row) for sql in REFERENCES for row in await tx.fetch(sql)]
    return [*found, Finding("what is named is there", len(REFERENCES), lost)]


def _text(row: Any) -> str:
    return " ".join(str(value) for value in row)


async def records(tx: Any) -> list[Finding]:
    """What follows from each record by itself: digests, search keys and derived members, made afresh."""
    digests: dict[tuple[int, int, str], tuple[int, int]] = {}
    derived, keys, looked_at = [], set[tuple[Any, ...]](), 0
    for kind in KINDS.values():
        for row in store.decoded(kind.store, await tx.fetch(f"SELECT * FROM {kind.name}")):
            looked_at += 1
            if not row["voided"]:
                place = row["county_id"], row["place_id"], kind.name
                n, total = digests.get(place, (0, 0))
                mark = int(hashlib.sha256(f"{row['id']}:{row['rev']}".encode()).hexdigest()[:12], 16)
                digests[place] = n + 1, (total + mark) % 2**48
            derived += [f"{kind.name} {row['id']} {name}" for name, value in kind.derived(row).items() if row[name] != value]
            keys |= {(row["county_id"], row["place_id"], row["township_id"], kind.name, key, row["id"]) for key in kind.keys(row)}
    said = {
        (row["county_id"], row["place_id"], row["kind"]): (row["n"], int(row["total"]))
        for row in await tx.fetch(
            "SELECT county_id, place_id, kind, count(*) AS n, mod(sum(mark), 2 ^ 48::numeric) AS total FROM change WHERE op = 'upsert'"
            " GROUP BY 1, 2, 3"
        )
    }
    wrong = sorted({place for place, _ in said.items() ^ digests.items()})
    stored = {tuple(row) for row in await tx.fetch("SELECT county_id, place_id, township_id, kind, key, id FROM search_key")}
    return [
        Finding("a digest made from the records is the service's", len(digests), [_text(place) for place in wrong]),
        Finding("what follows from a record stands in it", looked_at, derived),
        Finding("a record is found by its search keys alone", len(stored), [_text(key) for key in stored ^ keys]),
    ]


async def acknowledgements(tx: Any, told: Sequence[Line]) -> list[Finding]:
    """Nothing of it is missing, and what it said stands there, or has become something else since by a revision that says so."""
    ticks = [line["tick"] for line in told if "tick" in line]
    clock = await tx.fetchval("SELECT max(tick) FROM clock")
    by_kind = defaultdict[str, list[Line]](list)
    for line in told:
        if "outcome" in line:
            by_kind[line["kind"]].append(line)
    ids = [line["id"] for lines in by_kind.values() for line in lines]
    kept = {
        (str(row["record_id"]), str(row["device_id"]))
        for row in await tx.fetch("SELECT record_id, device_id FROM kept_op WHERE record_id = ANY ($1::uuid[])", ids)
    }
    missing, changed = [], []
    for kind, lines in by_kind.items():
        wanted = [line["id"] for line in lines]
        rows = await tx.fetch(f"SELECT t.id, t.rev, row_to_json(t)::text AS doc FROM {kind} t WHERE t.id = ANY ($1::uuid[])", wanted)
        stored = {str(row["id"]): (row["rev"], json.loads(row["doc"])) for row in rows}
        later = defaultdict[str, list[tuple[int, set[str]]]](list)  # which members each revision names
        trail = "SELECT id, rev, changes::text FROM revision WHERE kind = $1 AND id = ANY ($2::uuid[])"
        for row in await tx.fetch(trail, kind, wanted):
            later[str(row["id"])].append((row["rev"], set(json.loads(row["changes"] or "{}"))))
        for line in lines:
            rev, doc = stored.get(line["id"], (0, {}))
            if line["outcome"] in ("held", "inbox", "rejected"):
                if not rev and (line["id"], line["device"]) not in kept:
                    missing.append(f"{kind} {line['id']} {line['outcome']}")
            elif rev < (line["rev"] or 1):
                missing.append(f"{kind} {line['id']} revision {line['rev']}, is {rev}")
            elif line["outcome"] == "applied":
                since = {member for n, members in later[line["id"]] if n > line["rev"] for member in members} | FOLLOW.get(kind, set())
                lost = [m for m, value in line["doc"].items() if m in doc and m not in since and not _same(m, doc[m], value)]
                changed += [f"{kind} {line['id']} {member}" for member in lost]
    return [
        Finding("nothing that was acknowledged is missing", len(ids), missing),
        Finding("it says what was acknowledged, or a revision says what it became", len(ids), changed),
        Finding("no phone has read a tick that is to come", len(ticks), [str(tick) for tick in ticks if tick > clock]),
    ]


def _same(member: str, stored: Any, said: Any) -> bool:
    """Sets come back in another order, and instants in another spelling."""
    if member.endswith("_at"):
        return (stored is None) == (said is None)
    if isinstance(stored, list) and isinstance(said, list):
        return sorted(map(str, stored)) == sorted(map(str, said))
    return bool(stored == said)


def main() -> int:
    findings = asyncio.run(audit(sys.argv[1], read(Path(sys.argv[2])) if sys.argv[2:] else ()))
    for invariant, looked_at, broken in findings:
        print(f"{looked_at:9}  {invariant}" + "".join(f"\n           BROKEN: {what}" for what in broken[:SHOWN]))
    return int(any(finding.broken for finding in findings))


if __name__ == "__main__":
    sys.exit(main())
