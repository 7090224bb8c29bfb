"""Posts what money records cause: transfers, balances, and what charges and payments say of themselves. The rules: rules/ledger.py.

It is a part of the road's step "write" (decision 0018). The household of a charge, payment or refund is locked by then, so nobody else
brings its charges and payments together meanwhile; guarded accounts are locked here, after all records and before the clock.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from api.db import store
from api.db.session import Overtaken, Tx
from api.db.store import Row
from api.problems import NOT_ENOUGH
from api.rules.caller import Caller
from api.rules.ledger import TYPES, Account, Entry, Owing, Paid, Settled, Short, book, booked_on, guarded, is_owed, settle, status_of


class Posting(NamedTuple):
    """An entry, and the record of `kind` that causes it. `on_day`: when it happened."""

    entry: Entry
    kind: str
    record: Row
    on_day: date


ACCOUNTS = """
SELECT a.type, a.owner FROM json_to_recordset($2::json) AS x (type text, owner text)
JOIN account a ON a.county_id = $1 AND a.type = x.type AND a.owner = x.owner"""
OPEN_ACCOUNTS = """
INSERT INTO account (county_id, type, owner, balance_fen)
SELECT k.county_id, x.type, x.owner, x.balance_fen
FROM clock k, json_to_recordset($2::json) AS x (type text, owner text, balance_fen bigint)
WHERE k.county_id = $1 ORDER BY x.type, x.owner
ON CONFLICT ON CONSTRAINT account_pkey DO NOTHING"""
BALANCES = """
SELECT a.type, a.owner, a.balance_fen FROM account a, json_to_recordset($2::json) AS x (type text, owner text)
WHERE a.county_id = $1 AND a.type = x.type AND a.owner = x.owner
ORDER BY a.type, a.owner FOR NO KEY UPDATE OF a"""
BALANCE = """
UPDATE account t SET balance_fen = x.balance_fen FROM json_to_recordset($2::json) AS x (type text, owner text, balance_fen bigint)
WHERE t.county_id = $1 AND t.type = x.type AND t.owner = x.owner"""
POST = """
INSERT INTO transfer (county_id, event, from_type, from_owner, to_type, to_owner, amount_fen, kind, record_id, payment_id, charge_id,
    place_id, township_id, on_day, booked_on, by_user_id, posted_at)
SELECT k.county_id, x.event, x.from_type, x.from_owner, x.to_type, x.to_owner, x.amount_fen, x.kind, x.record_id, x.payment_id,
    x.charge_id, x.place_id, x.township_id, x.on_day, x.booked_on, x.by_user_id, x.posted_at
FROM clock k, json_to_recordset($2::json) AS x (n int, event text, from_type text, from_owner text, to_type text, to_owner text,
    amount_fen bigint, kind text, record_id uuid, payment_id uuid, charge_id uuid, place_id int, township_id int, on_day date,
    booked_on date, by_user_id uuid, posted_at timestamptz)
WHERE k.county_id = $1 ORDER BY x.n"""
CLOSED = "SELECT max(m.month) FROM closed_month m WHERE m.county_id = $1"

_CHARGE = """SELECT t.id, t.household_id, t.place_id, t.township_id, t.rev, t.voided, t.due_on, t.created_at, t.amount_fen, t.paid_fen,
  t.status, t.waiver_approved_by FROM charge t WHERE t.county_id = $1"""
CHARGES = f"""
{_CHARGE} AND t.household_id = ANY ($2::uuid[]) AND t.status = 'open'
UNION {_CHARGE} AND t.id = ANY ($3::uuid[])"""
_PAYMENT = """SELECT t.id, t.household_id, t.place_id, t.township_id, t.rev, t.voided, t.paid_on, t.created_at, t.left_fen,
  t.for_charge_ids FROM payment t WHERE t.county_id = $1"""
PAYMENTS = f"{_PAYMENT} AND t.id = ANY ($2::uuid[])"
# Of each of these households the oldest of which something is left
LEFT = f"""
SELECT p.* FROM unnest($2::uuid[]) h (id) CROSS JOIN LATERAL ({_PAYMENT} AND t.household_id = h.id AND t.left_fen > 0
  ORDER BY t.paid_on, t.created_at, t.id LIMIT $3::int) p"""
_ALLOCATED = """
SELECT t.payment_id, t.charge_id, sum(CASE t.event WHEN 'allocation' THEN t.amount_fen ELSE -t.amount_fen END)::bigint AS fen
FROM transfer t WHERE t.county_id = $1 AND t.event = ANY ('{allocation,release}'::text[])"""
ALLOCATED = f"""
{_ALLOCATED} AND t.charge_id = ANY ($2::uuid[]) GROUP BY t.payment_id, t.charge_id
UNION {_ALLOCATED} AND t.payment_id = ANY ($3::uuid[]) GROUP BY t.payment_id, t.charge_id"""
# The ids twice: by `= ANY` they are found by the key; by the join alone the planner would read the table
FOLLOW_CHARGE = """
UPDATE charge t SET paid_fen = x.paid_fen, status = x.status FROM unnest($2::uuid[], $3::bigint[], $4::text[]) AS x (id, paid_fen, status)
WHERE t.county_id = $1 AND t.id = ANY ($2::uuid[]) AND t.id = x.id"""
FOLLOW_PAYMENT = """
UPDATE payment t SET left_fen = x.left_fen FROM unnest($2::uuid[], $3::bigint[]) AS x (id, left_fen)
WHERE t.county_id = $1 AND t.id = ANY ($2::uuid[]) AND t.id = x.id"""


async def post(tx: Tx, caller: Caller, postings: Sequence[Posting], now: datetime) -> tuple[date | None, list[Row]]:
    """Writes what the postings say and what follows from them. Returns the last month that is closed, and the charges and payments that
    say something else now, as they are stored. Raises `not-enough` where an account has less than is to be paid from it."""
    county = caller.county_id
    settled, followed = await _settle(tx, county, postings)
    early = [posting for posting in postings if posting.entry.event in ("charge", "payment")]
    late = [posting for posting in postings if posting.entry.event not in ("charge", "payment")]
    # one from whose household something comes back, or is allocated, stands for what causes it
    cause = {str(posting.record.get("household_id")): posting for posting in postings}
    wanted = [
        *early,
        *(cause[house]._replace(entry=entry) for house, done in settled.items() for entry in done.releases),
        *late,
        *(cause[house]._replace(entry=entry) for house, done in settled.items() for entry in done.allocations),
    ]
    entries = [posting.entry for posting in wanted]
    balances = await _locked(tx, county, entries)
    known = dict(balances)
    posted = book(entries, balances)
    if isinstance(posted, Short):
        raise NOT_ENOUGH()
    closed: date | None = await tx.fetchval(CLOSED, county)
    rows = [_transfer(n, entry, wanted[of], caller, closed, now) for n, (of, entry) in enumerate(posted)]
    await store.put(tx, POST, county, rows)
    changed = [(account, fen) for account, fen in balances.items() if known[account] != fen]
    await store.put(tx, BALANCE, county, [{"type": a.type, "owner": a.owner, "balance_fen": fen} for a, fen in changed])
    for kind, statement, members in (
        ("charge", FOLLOW_CHARGE, ("id", "paid_fen", "status")),
        ("payment", FOLLOW_PAYMENT, ("id", "left_fen")),
    ):
        if changed_rows := [row for row in followed if row["kind"] == kind]:
            await tx.execute(statement, county, *([row[member] for row in changed_rows] for member in members))
    return closed, followed


async def still_open(tx: Tx, county_id: int, closed: date | None) -> None:
    """To be asked while the clock is held: who closes a month holds it too, so what was booked by `closed` is in a month that is open."""
    if await tx.fetchval(CLOSED, county_id) != closed:
        raise Overtaken


def _transfer(n: int, entry: Entry, of: Posting, caller: Caller, closed: date | None, now: datetime) -> Row:
    return {
        "n": n,
        "event": entry.event,
        "from_type": entry.source.type,
        "from_owner": entry.source.owner,
        "to_type": entry.target.type,
        "to_owner": entry.target.owner,
        "amount_fen": entry.amount_fen,
        "kind": of.kind,
        "record_id": of.record["id"],
        "payment_id": entry.payment_id,
        "charge_id": entry.charge_id,
        "place_id": of.record["place_id"],
        "township_id": of.record["township_id"],
        "on_day": of.on_day,
        "booked_on": booked_on(of.on_day, closed),
        "by_user_id": caller.user_id,
        "posted_at": now,
    }


async def _locked(tx: Tx, county: int, entries: Sequence[Entry]) -> dict[Account, int]:
    """The balances of the guarded accounts, locked in the order of type and owner. All accounts that are named are there afterwards: new
    ones come before the first lock is taken, in the same order."""
    named = {account for entry in entries for account in (entry.source, entry.target)}
    guards = guarded(entries)
    wanted = _rows(named | guards)
    there = {Account(row["type"], row["owner"]) for row in await tx.fetch(ACCOUNTS, county, store.as_json(wanted))}
    missing = [{**row, "balance_fen": 0 if TYPES[row["type"]] else None} for row in _rows((named | guards) - there)]
    await store.put(tx, OPEN_ACCOUNTS, county, missing)
    if not guards:
        return {}
    rows = await tx.fetch(BALANCES, county, store.as_json(_rows(guards)))
    return {Account(row["type"], row["owner"]): row["balance_fen"] for row in rows}


def _rows(accounts: Collection[Account]) -> list[Row]:
    return [account._asdict() for account in sorted(accounts)]


async def _settle(tx: Tx, county: int, postings: Sequence[Posting]) -> tuple[dict[str, Settled], list[Row]]:
    """What comes back and what is allocated, by household; and the charges and payments that say something else now."""
    houses = {posting.record["household_id"] for posting in postings if "household_id" in posting.record}
    if not houses:
        return {}, []
    delta, charge_ids = defaultdict[UUID, int](int), set[UUID]()
    for entry in (posting.entry for posting in postings):
        if entry.payment_id:
            delta[entry.payment_id] += entry.amount_fen if entry.event == "payment" else -entry.amount_fen
        if entry.charge_id:
            charge_ids.add(entry.charge_id)
    ended = [posting.entry.charge_id for posting in postings if posting.entry.event in ("charge_cancelled", "waiver")]
    refunded = [i for i, fen in delta.items() if fen < 0]
    allocated: dict[tuple[UUID, UUID], int] = {}
    if ended or refunded:
        for pair in await tx.fetch(ALLOCATED, county, ended, refunded):
            allocated[pair["payment_id"], pair["charge_id"]] = pair["fen"]
    charge_ids |= {charge for _, charge in allocated}
    charges = {row["id"]: dict(row) for row in await tx.fetch(CHARGES, county, list(houses), list(charge_ids))}
    need = defaultdict[UUID, int](int)  # by household: what credit could pay, with what comes back from refunds
    for row in charges.values():
        need[row["household_id"]] += row["amount_fen"] - row["paid_fen"] if is_owed(row) else 0
    for (_, charge_id), fen in allocated.items():
        need[charges[charge_id]["household_id"]] += fen
    payment_ids = {*delta, *(payment for payment, _ in allocated)}
    payments = {row["id"]: dict(row) for row in await tx.fetch(PAYMENTS, county, list(payment_ids))}
    payments = {**await _credit(tx, county, {house: fen for house, fen in need.items() if fen > 0}), **payments}
    by_house: dict[Any, tuple[list[Owing], list[Paid]]] = {house: ([], []) for house in houses}
    for row in charges.values():
        owed_fen = row["amount_fen"] if is_owed(row) else 0
        by_house[row["household_id"]][0].append(Owing(row["id"], row["due_on"], row["created_at"], owed_fen, row["paid_fen"]))
    for row in payments.values():
        left = row["left_fen"] + delta.get(row["id"], 0)
        by_house[row["household_id"]][1].append(Paid(row["id"], (row["paid_on"], row["created_at"]), left, row["for_charge_ids"]))
    settled = {str(house): settle(str(house), *of, allocated) for house, of in by_house.items()}
    followed: list[Row] = []
    for owings, paids in by_house.values():
        for charge in owings:
            row = charges[charge.id]
            now_is = {"paid_fen": charge.paid_fen, "status": status_of(row, charge.paid_fen)}
            if any(row[name] != value for name, value in now_is.items()):
                followed.append({"kind": "charge", **row, **now_is})
        for payment in paids:
            row = payments[payment.id]
            if row["left_fen"] != payment.left_fen:
                followed.append({"kind": "payment", **row, "left_fen": payment.left_fen})
    return settled, followed


async def _credit(tx: Tx, county: int, need: dict[UUID, int]) -> dict[UUID, Row]:
    """Payments of which something is left, by household the oldest, as many as are needed: there may be any number of them."""
    found: dict[UUID, Row] = {}
    most = 16
    while need:
        rows = [dict(row) for row in await tx.fetch(LEFT, county, list(need), most)]
        found |= {row["id"]: row for row in rows}
        there = defaultdict[UUID, list[int]](list)
        for row in rows:
            there[row["household_id"]].append(row["left_fen"])
        need = {house: fen for house, fen in need.items() if len(there[house]) == most and sum(there[house]) < fen}
        most *= 8
    return found
