"""The rules of the ledger: who may pay whom, what guarded accounts never do, and how charges and payments come together."""

from collections import defaultdict
from datetime import date, timedelta
from random import Random
from uuid import UUID, uuid5

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.rules import ledger
from api.rules.ledger import COLLECTED, POSTING, TYPES, Account, Entry, Owing, Paid, Short, book, booked_on, guarded, is_late, settle

NAMES = UUID(int=9)
FEN = st.integers(1, 500)


def test_what_is_collected_goes_to_the_special_account_or_back_to_the_payer_and_nowhere_else() -> None:
    """收支两条线. Every rule that takes money out of a worker's hands or the township's till, listed here again, on purpose."""
    out = {(event, source, target) for event, source, target in POSTING if source in COLLECTED}
    assert {(event, target) for event, source, target in out if source == "cash"} == {
        ("counting", "till"), ("refund", "credit"), ("correction", "credit"), ("explained", "unexplained"),
    }  # fmt: skip
    assert {(event, target) for event, source, target in out if source == "till"} == {
        ("deposit", "fiscal"), ("refund", "credit"), ("correction", "credit"), ("explained", "unexplained"),
    }  # fmt: skip
    assert {target for _, source, target in POSTING if source == "fiscal"} == {"credit"}


def test_every_rule_is_between_known_accounts_and_none_pays_itself() -> None:
    assert all(source in TYPES and target in TYPES and source != target for _, source, target in POSTING)


# Charges and payments

charges = st.lists(st.tuples(FEN, st.integers(0, 30)), max_size=6)
payments = st.lists(st.tuples(FEN, st.sets(st.integers(0, 6), max_size=3)), max_size=6)


def _owing(n: int, fen: int, day: int) -> Owing:
    return Owing(uuid5(NAMES, f"c{n}"), date(2026, 1, 1) + timedelta(days=day), n, fen, 0)


def _paid(n: int, fen: int, wishes: set[int]) -> Paid:
    return Paid(uuid5(NAMES, f"p{n}"), n, fen, [uuid5(NAMES, f"c{w}") for w in wishes])


@given(charges, payments)
def test_either_nothing_is_owed_or_nothing_is_left(owed: list[tuple[int, int]], paid: list[tuple[int, set[int]]]) -> None:
    owing = [_owing(n, *each) for n, each in enumerate(owed)]
    payers = [_paid(n, *each) for n, each in enumerate(paid)]
    done = settle("h", owing, payers, {})
    assert all(0 <= charge.paid_fen <= charge.amount_fen for charge in owing)
    assert all(payment.left_fen >= 0 for payment in payers)
    assert sum(c.amount_fen - c.paid_fen for c in owing) == 0 or sum(p.left_fen for p in payers) == 0
    assert sum(e.amount_fen for e in done.allocations) == sum(c.paid_fen for c in owing)
    assert done.releases == []


@given(charges, payments, st.randoms(use_true_random=False))
def test_again_and_after_every_end_of_a_charge_or_payment_it_still_adds_up(
    owed: list[tuple[int, int]], paid: list[tuple[int, set[int]]], rng: Random
) -> None:
    """Charges end and payments are refunded one after the other, in any order, until nothing is there."""
    owing, payers = [_owing(n, *each) for n, each in enumerate(owed)], [_paid(n, *each) for n, each in enumerate(paid)]
    amount = {payment.id: payment.left_fen for payment in payers}
    held: dict[tuple[UUID, UUID], int] = defaultdict(int)
    ends: list[Owing | Paid] = [*owing, *payers]
    rng.shuffle(ends)
    for ending in (None, *ends):
        if isinstance(ending, Owing):
            ending.amount_fen = 0
        elif isinstance(ending, Paid):
            amount[ending.id] = 0
            ending.left_fen = -sum(fen for (payment, _), fen in held.items() if payment == ending.id)
        done = settle("h", owing, payers, held)
        for entry in (*done.releases, *done.allocations):
            assert entry.payment_id
            assert entry.charge_id
            held[entry.payment_id, entry.charge_id] += entry.amount_fen if entry.event == "allocation" else -entry.amount_fen
        assert all(fen >= 0 for fen in held.values())
        for charge in owing:
            assert charge.paid_fen == sum(fen for (_, c), fen in held.items() if c == charge.id) <= charge.amount_fen
        for payment in payers:
            assert payment.left_fen == amount[payment.id] - sum(fen for (p, _), fen in held.items() if p == payment.id) >= 0
        assert sum(c.amount_fen - c.paid_fen for c in owing) == 0 or sum(p.left_fen for p in payers) == 0
        again = settle("h", owing, payers, held)
        assert (again.releases, again.allocations) == ([], [])


def test_oldest_due_first_unless_the_payment_names_one() -> None:
    old, new = _owing(0, 100, 1), _owing(1, 100, 20)
    settle("h", [new, old], [_paid(0, 60, set())], {})
    assert (old.paid_fen, new.paid_fen) == (60, 0)
    settle("h", [new, old], [_paid(1, 120, {1})], {})
    assert (old.paid_fen, new.paid_fen) == (80, 100)


# Balances


def _entries(draw: st.DrawFn) -> list[Entry]:
    rules = draw(st.lists(st.tuples(st.sampled_from(POSTING), FEN), max_size=40))
    return [Entry(event, Account(source, "1"), Account(target, "1"), fen) for (event, source, target), fen in rules]


@settings(max_examples=300)
@given(st.composite(_entries)())
def test_all_sums_to_zero_at_any_time_and_guarded_accounts_stay_on_their_side(entries: list[Entry]) -> None:
    """Any events in any order: what an account has not got is refused, but for counting and deposit, which are there already."""
    balances: dict[Account, int] = {}
    totals: dict[Account, int] = defaultdict(int)
    for entry in entries:
        before = dict(balances)
        posted = book([entry], balances)
        if isinstance(posted, Short):
            assert entry.event not in ledger.BEYOND_THE_BOOKS
            assert entry.event != "payment"
            balances = before
            continue
        for _, part in posted:
            totals[part.source] -= part.amount_fen
            totals[part.target] += part.amount_fen
            assert sum(totals.values()) == 0
            assert (part.event, part.source.type, part.target.type) in POSTING
            assert part.amount_fen > 0
        assert all(balances[account] * TYPES[account.type] >= 0 for account in balances)
        assert {account: totals[account] for account in balances} == balances
        unexplained = balances.get(Account("unexplained", "1"), 0)
        if entry.target.type in COLLECTED:
            assert unexplained == 0 or balances.get(entry.target, 0) == 0
        assert {account for account in balances if balances[account] != before.get(account, 0)} <= guarded([entry])


def test_what_receipts_do_not_cover_yet_clears_itself_when_they_come() -> None:
    worker, till, gap = Account("cash", "w"), Account("till", "2"), Account("unexplained", "w")
    balances = {worker: 100}
    counted = book([Entry("counting", worker, till, 150)], balances)
    assert not isinstance(counted, Short)
    [(_, covered), (_, beyond)] = counted
    assert (covered.amount_fen, beyond.source, beyond.amount_fen) == (100, gap, 50)
    assert balances == {worker: 0, till: 150, gap: -50}
    posted = book([Entry("payment", Account("credit", "h"), worker, 70)], balances)
    assert not isinstance(posted, Short)
    assert [(entry.event, entry.amount_fen) for _, entry in posted] == [("payment", 70), ("explained", 50)]
    assert balances == {worker: 20, till: 150, gap: 0, Account("credit", "h"): -70}


@pytest.mark.parametrize(
    ("day", "closed", "booked"),
    [
        (date(2026, 11, 30), None, date(2026, 11, 30)),
        (date(2026, 11, 30), date(2026, 10, 1), date(2026, 11, 30)),
        (date(2026, 11, 30), date(2026, 11, 1), date(2026, 12, 1)),
        (date(2025, 12, 31), date(2026, 12, 1), date(2027, 1, 1)),
    ],
)
def test_what_comes_after_a_month_was_closed_is_booked_in_the_next(day: date, closed: date | None, booked: date) -> None:
    assert booked_on(day, closed) == booked


def test_who_holds_cash_for_too_long_is_told_before_the_office() -> None:
    since = date(2026, 11, 1)
    told = {
        days: (is_late(since, since + timedelta(days=days), own=True), is_late(since, since + timedelta(days=days), own=False))
        for days in (7, 8, 9, 10)
    }
    assert told == {7: (False, False), 8: (True, False), 9: (True, False), 10: (True, True)}
