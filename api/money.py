"""Decisions about money that take a second person, or the office: each is one op of the road on a record that no client changes."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date, datetime
from uuid import UUID, uuid5

from api import road
from api.access import RIGHTS, Access
from api.db import ledger, reckoning, store
from api.db.session import Overtaken, Tx
from api.db.store import Row
from api.db.tables.fee_item import CHARGED
from api.db.tables.receipt_book import ISSUED
from api.db.tables.refund import REFUNDED
from api.decide import Op, Result
from api.kinds import CHARGE, COUNTING, HOUSEHOLD, PAYMENT, RECEIPT_BOOK, REFUND, Kind
from api.problems import LOOKS_DOUBLE, MONTH_NOT_OVER, NOT_ALLOWED, NOT_FOUND, REFUSED_WORD, STALE, Problem
from api.rules import charge as charge_rule
from api.rules import counting as counting_rule
from api.rules import receipt_book as receipt_book_rule
from api.rules import refund as refund_rule
from api.rules.caller import Caller, Role
from api.rules.ledger import next_month
from api.rules.refused import refused_word
from api.schemas.charge import ChargeList

Changes = Callable[[Tx, Row], Awaitable[Row]]  # members to set in a record, or the problem raised
DECIDERS: tuple[Role, ...] = ("county", "township")


async def settle(access: Access, caller: Caller, kind: Kind, record_id: UUID, changes: Changes) -> Result:
    """Sets what `changes` says in the record as it is: members of the service, by the right of a call that has asked who may. All of it
    again where the record has changed meanwhile."""
    if caller.role not in kind.readers:
        raise NOT_ALLOWED()
    by_the_call = replace(caller, role="township")

    async def work(tx: Tx) -> Result:
        found = await store.rows(tx, kind.store.found, caller, [record_id])
        if not found:
            raise NOT_FOUND()
        op = Op(kind, record_id, await changes(tx, found[0]), found[0]["rev"])
        try:
            [result] = await road.write_all(tx, by_the_call, [op], today=access.today(), now=access.now())
        except Problem as problem:
            if problem.kind is STALE:
                raise Overtaken from None
            raise
        return result

    return await access.database.write(caller, work)


def _officer(caller: Caller) -> None:
    if caller.role not in DECIDERS:
        raise NOT_ALLOWED()


def _unless(problem: Problem | None) -> None:
    if problem:
        raise problem


async def ask_waiver(access: Access, caller: Caller, charge_id: UUID, because: str) -> Result:
    if refused_word(because):
        raise REFUSED_WORD.at("/because")

    async def changes(tx: Tx, charge: Row) -> Row:
        _unless(charge_rule.may_ask(charge))
        return {"waived_because": because, "waiver_by": caller.user_id}

    return await settle(access, caller, CHARGE, charge_id, changes)


async def decide_waiver(access: Access, caller: Caller, charge_id: UUID, *, approves: bool) -> Result:
    """Approved by an officer who is not who asked; declined by an officer, or taken back by who asked."""

    async def changes(tx: Tx, charge: Row) -> Row:
        if approves or charge["waiver_by"] != caller.user_id:
            _officer(caller)
        _unless(charge_rule.may_decide(charge, caller.user_id, approves=approves))
        return {"waiver_approved_by": caller.user_id} if approves else {"waived_because": None, "waiver_by": None}

    return await settle(access, caller, CHARGE, charge_id, changes)


async def decide_refund(access: Access, caller: Caller, refund_id: UUID, *, approves: bool) -> Result:
    async def changes(tx: Tx, refund: Row) -> Row:
        if approves or refund["created_by"] != caller.user_id:
            _officer(caller)
        # first the household, which all that moves its money holds: of two refunds approved at once the second sees the first
        await store.rows(tx, HOUSEHOLD.store.lock, caller, [refund["household_id"]])
        found = await tx.fetch(REFUNDED, caller.county_id, [refund["payment_id"]], caller.places, caller.townships, access.today())
        if not found:  # it has moved to another place meanwhile
            raise NOT_FOUND()
        _unless(refund_rule.may_decide(refund, dict(found[0]), caller.user_id, approves=approves))
        return {"status": "approved" if approves else "declined", "decided_by": caller.user_id, "decided_at": access.now()}

    return await settle(access, caller, REFUND, refund_id, changes)


async def decide_counting(access: Access, caller: Caller, counting_id: UUID, *, confirms: bool) -> Result:
    async def changes(tx: Tx, counting: Row) -> Row:
        found = await tx.fetch(RIGHTS, caller.county_id, counting["worker_id"])  # nothing: the account is closed
        reaches = [row for row in found if counting["place_id"] in row["places"] or counting["township_id"] in row["townships"]]
        can = any(row["role"] in COUNTING.readers for row in reaches)
        _unless(counting_rule.may_decide(counting, caller, worker_can=can))
        return {"status": "confirmed" if confirms else "disputed", "confirmed_by": caller.user_id, "confirmed_at": access.now()}

    return await settle(access, caller, COUNTING, counting_id, changes)


async def fiscal_receipt(access: Access, caller: Caller, payment_id: UUID, code: str, number: str, check_code: str) -> Result:
    async def changes(tx: Tx, payment: Row) -> Row:
        _officer(caller)
        return {"fiscal_code": code, "fiscal_number": number, "fiscal_check_code": check_code}

    return await settle(access, caller, PAYMENT, payment_id, changes)


async def spoil(access: Access, caller: Caller, book_id: UUID, number: int) -> Result:
    """Whoever holds the place may say so, worker or officer; again changes nothing."""

    async def changes(tx: Tx, book: Row) -> Row:
        issued = {row["number"] for row in await tx.fetch(ISSUED, caller.county_id, book_id)}
        _unless(receipt_book_rule.may_spoil(book, number, number in issued))
        return {"spoiled": sorted({*book["spoiled"], number})}

    return await settle(access, caller, RECEIPT_BOOK, book_id, changes)


async def charge_all(tx: Tx, caller: Caller, wanted: ChargeList, *, today: date, now: datetime, preview: bool, confirmed: bool) -> Row:
    """A charge for each household, all or none; the ids follow from that of the list, so the same list again changes nothing. Raises
    `looks-double` where some are charged the same already, unless `confirmed`."""
    amount = wanted.amount_fen
    if amount is None:
        items = await tx.fetch(CHARGED, caller.county_id, [wanted.fee_item_id], caller.places, caller.townships, today)
        amount = items[0]["amount_fen"] if items else None
        amount = 0 if amount is None else amount
    homes = list(dict.fromkeys(wanted.household_ids))
    ops = [
        Op(
            CHARGE,
            uuid5(wanted.id, str(home)),
            {
                "fee_item_id": wanted.fee_item_id,
                "household_id": home,
                "amount_fen": amount,
                "due_on": wanted.due_on,
                "person_id": None,
                "proof_number": None,
            },
        )
        for home in homes
    ]
    await store.rows(tx, HOUSEHOLD.store.lock, caller, homes)  # of two lists at once the second sees the first
    doubles = sorted({*(await road.doubles(tx, caller, CHARGE, ops)).values()} - {op.id for op in ops})
    records, _ = await road.touch(tx, caller, ops, today=today, now=now, preview=preview)
    if doubles and records and not (preview or confirmed):
        raise LOOKS_DOUBLE(doubles=[str(i) for i in doubles])
    return {
        "id": wanted.id,
        "households": len(homes),
        "amount_fen": amount,
        "total_fen": amount * len(homes),
        "charge_ids": [op.id for op in ops],
        "doubles": doubles,
    }


async def close_month(tx: Tx, caller: Caller, month: date, *, today: date, now: datetime) -> date:
    """Closes the month and all before it: what comes later of their days is booked on the first day that is open. Again changes nothing.
    Whoever posts asks once more while holding the clock (ledger.still_open), and this holds it."""
    if today < next_month(month):
        raise MONTH_NOT_OVER()
    await store.tick(tx, caller.county_id)
    closed: date | None = await tx.fetchval(ledger.CLOSED, caller.county_id)
    if closed is None or closed < month:
        await tx.execute(reckoning.CLOSE, caller.county_id, month, now, caller.user_id)
        return month
    return closed
