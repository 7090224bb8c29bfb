"""Double entry: which accounts there are, which may pay which, and what the events of the money kinds post. Pure.

An entry moves an amount from one account to another: the first goes down by it, the second up. So all accounts sum to zero at any time.
`POSTING` is the whole list of who may pay whom; the database holds it too, as a reference table to which every transfer has a foreign key.
What is collected (cash, till) goes to the fiscal special account or back to the payer, and nowhere else (收支两条线): no rule pays anything
else from there.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, NamedTuple
from uuid import UUID

# An account type, and on which side of zero its balance has to stay: 1 at least zero, -1 at most zero, 0 either
TYPES = {
    "income": 0,  # what was charged, by fee item: goes down as charges are made
    "owed": 0,  # what a household owes
    "credit": -1,  # what a household has paid and no charge has used: the office owes it
    "cash": 1,  # what a worker holds
    "till": 1,  # what a township has counted in
    "unexplained": -1,  # what was counted in, or deposited, beyond what receipts cover so far: of a worker, or of a township's till
    "fiscal": 0,  # the fiscal special account (财政专户) of the county
}
POSTING = (
    ("charge", "income", "owed"),
    ("charge_cancelled", "owed", "income"),
    ("waiver", "owed", "income"),
    ("payment", "credit", "cash"),
    ("payment", "credit", "fiscal"),
    ("allocation", "owed", "credit"),
    ("release", "credit", "owed"),
    ("refund", "cash", "credit"),
    ("refund", "till", "credit"),
    ("refund", "fiscal", "credit"),
    ("correction", "cash", "credit"),
    ("correction", "till", "credit"),
    ("correction", "fiscal", "credit"),
    ("counting", "cash", "till"),
    ("counting", "unexplained", "till"),
    ("deposit", "till", "fiscal"),
    ("deposit", "unexplained", "fiscal"),
    ("explained", "cash", "unexplained"),
    ("explained", "till", "unexplained"),
)
# Money that is there is never refused: what the source lacks by the books comes from `unexplained`, until receipts explain it
BEYOND_THE_BOOKS = ("counting", "deposit")
COLLECTED = ("cash", "till")
SPECIAL_ACCOUNT = "county"  # the owner of the county's one


class Account(NamedTuple):
    """`owner`: the id of a household, a user or a fee item; the number of a township; `county`."""

    type: str
    owner: str


class Entry(NamedTuple):
    event: str
    source: Account
    target: Account
    amount_fen: int
    payment_id: UUID | None = None
    charge_id: UUID | None = None


class Short(NamedTuple):
    """An account that has not enough for an entry."""

    account: Account
    entry: Entry


@dataclass(slots=True)
class Owing:
    """A charge. `amount_fen`: 0 where it was cancelled or waived. `paid_fen`: what is allocated to it."""

    id: UUID
    due_on: date
    order: Any  # among those due on one day
    amount_fen: int
    paid_fen: int


@dataclass(slots=True)
class Paid:
    """A payment. `left_fen`: what no charge has used; below zero where more was refunded than that."""

    id: UUID
    order: Any
    left_fen: int
    wishes: Sequence[UUID] = ()


@dataclass(slots=True)
class Settled:
    releases: list[Entry] = field(default_factory=list)
    allocations: list[Entry] = field(default_factory=list)


def settle(household: str, charges: Iterable[Owing], payments: Iterable[Paid], allocated: Mapping[tuple[UUID, UUID], int]) -> Settled:
    """Brings a household's charges and payments together, and changes `paid_fen` and `left_fen` so. First what has to come back: from
    charges that are no longer owed, the latest payment first, and from payments that were refunded, the charge due last first. Then what
    is left goes to the charges that a payment names, and then to those due first. `allocated`: (payment, charge) -> fen, of those that
    something has to come back from."""
    due = sorted(charges, key=lambda charge: (charge.due_on, charge.order, charge.id))
    paid = sorted(payments, key=lambda payment: (payment.order, payment.id))
    by_id, settled, held = {payment.id: payment for payment in paid}, Settled(), dict(allocated)
    owed, credit = Account("owed", household), Account("credit", household)

    def move(payment: Paid, charge: Owing, fen: int) -> None:
        """`fen` below zero: back."""
        payment.left_fen -= fen
        charge.paid_fen += fen
        if fen > 0:
            settled.allocations.append(Entry("allocation", owed, credit, fen, payment.id, charge.id))
        elif fen < 0:
            settled.releases.append(Entry("release", credit, owed, -fen, payment.id, charge.id))
            held[payment.id, charge.id] += fen

    for charge in due:
        for payment in reversed(paid):
            back = min(charge.paid_fen - charge.amount_fen, held.get((payment.id, charge.id), 0))
            if back > 0:
                move(payment, charge, -back)
    for payment in by_id.values():
        for charge in reversed(due):
            back = min(-payment.left_fen, held.get((payment.id, charge.id), 0))
            if back > 0:
                move(payment, charge, -back)
    for payment in paid:
        wished = [charge for charge in due if charge.id in payment.wishes]
        for charge in (*wished, *due):
            fen = min(payment.left_fen, charge.amount_fen - charge.paid_fen)
            if fen > 0:
                move(payment, charge, fen)
    return settled


def book(entries: Iterable[Entry], balances: dict[Account, int]) -> list[tuple[int, Entry]] | Short:
    """The entries as they are posted, each with the number of the one that it is a part of, or follows from. `balances` of guarded accounts
    are kept on their side of zero, and brought up to date."""
    posted: list[tuple[int, Entry]] = []

    def post(of: int, entry: Entry) -> Short | None:
        for account, fen in ((entry.source, -entry.amount_fen), (entry.target, entry.amount_fen)):
            side = TYPES[account.type]
            if side:
                balances[account] = balances.get(account, 0) + fen
                if balances[account] * side < 0:
                    return Short(account, entry)
        posted.append((of, entry))
        return None

    for of, entry in enumerate(entries):
        parts = _parts(entry, balances) if entry.event in BEYOND_THE_BOOKS else [entry]
        for part in parts:
            if short := post(of, part):
                return short
        if entry.target.type in COLLECTED:
            unexplained = Account("unexplained", entry.target.owner)
            clears = min(-balances.get(unexplained, 0), balances.get(entry.target, 0))
            if clears > 0:
                post(of, Entry("explained", entry.target, unexplained, clears))
    return posted


def _parts(entry: Entry, balances: Mapping[Account, int]) -> list[Entry]:
    covered = min(entry.amount_fen, max(0, balances.get(entry.source, 0)))
    beyond = entry._replace(source=Account("unexplained", entry.source.owner), amount_fen=entry.amount_fen - covered)
    return [part for part in (entry._replace(amount_fen=covered), beyond) if part.amount_fen]


def guarded(entries: Iterable[Entry]) -> set[Account]:
    """The accounts whose balance is locked for these entries, with those of what they may explain."""
    named = {account for entry in entries for account in (entry.source, entry.target) if TYPES[account.type]}
    return named | {Account("unexplained", account.owner) for account in named if account.type in COLLECTED}


def booked_on(day: date, closed: date | None) -> date:
    """The day in the books: its own, or the first of the month after the last one that is closed (`closed`: a day of that month)."""
    if closed is None or (day.year, day.month) > (closed.year, closed.month):
        return day
    return next_month(closed)


def next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


LATE_AFTER = timedelta(days=7)  # cash in somebody's hands; decision 0019
OFFICE_IS_TOLD_AFTER = timedelta(days=9)  # who holds it is told first


def is_late(since: date, today: date, *, own: bool) -> bool:
    return today - since > (LATE_AFTER if own else OFFICE_IS_TOLD_AFTER)


# What the records of each kind post when they come to be, or change. Before: None for a new one

Records = Mapping[str, Any]


def of_charge(before: Records | None, after: Records) -> list[Entry]:
    income, owed = Account("income", str(after["fee_item_id"])), Account("owed", str(after["household_id"]))
    if not after["amount_fen"]:  # of an item whose money others collect
        return []
    entries = [] if before else [Entry("charge", income, owed, after["amount_fen"], charge_id=after["id"])]
    if (before is None or is_owed(before)) and not is_owed(after):  # entered and voided before the phone had a line: both
        event = "charge_cancelled" if after["voided"] else "waiver"
        entries.append(Entry(event, owed, income, after["amount_fen"], charge_id=after["id"]))
    return entries


def status_of(charge: Records, paid_fen: int) -> str:
    """Of an item that others collect nothing is owed, so it is settled as it comes."""
    if charge["voided"]:
        return "cancelled"
    if charge["waiver_approved_by"] is not None:
        return "waived"
    return "settled" if paid_fen == charge["amount_fen"] else "open"


def is_owed(charge: Records) -> bool:
    return not charge["voided"] and charge["waiver_approved_by"] is None


def of_payment(before: Records | None, after: Records) -> list[Entry]:
    if before is not None:
        return []
    credit = Account("credit", str(after["household_id"]))
    into = Account("cash", str(after["received_by"])) if after["means"] == "cash" else Account("fiscal", SPECIAL_ACCOUNT)
    return [Entry("payment", credit, into, after["amount_fen"], payment_id=after["id"])]


def of_refund(before: Records | None, after: Records) -> list[Entry]:
    if after["status"] != "approved" or (before and before["status"] == "approved"):
        return []
    purses = {"cash": str(after["collected_by"]), "till": str(after["township_id"]), "fiscal": SPECIAL_ACCOUNT}
    event = "refund" if after["manner"] == "paid_back" else "correction"
    purse = Account(after["paid_from"], purses[after["paid_from"]])
    return [Entry(event, purse, Account("credit", str(after["household_id"])), after["amount_fen"], payment_id=after["payment_id"])]


def of_counting(before: Records | None, after: Records) -> list[Entry]:
    if after["status"] != "confirmed" or (before and before["status"] == "confirmed"):
        return []
    return [Entry("counting", Account("cash", str(after["worker_id"])), Account("till", str(after["township_id"])), after["amount_fen"])]


def of_deposit(before: Records | None, after: Records) -> list[Entry]:
    if before is not None:
        return []
    return [Entry("deposit", Account("till", str(after["township_id"])), Account("fiscal", SPECIAL_ACCOUNT), after["amount_fen"])]
