"""What phones say of one person's attendance gives the same in any order of arrival; and the table of steps is whole."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, get_args
from uuid import UUID, uuid4

from hypothesis import example, given, settings
from hypothesis import strategies as st

from api.problems import DECLINED_THIS_ROUND, MAKE_UP_ONCE
from api.rules.attendance import RANK, STEPS, becomes, diagram, forbidden, highest, merges, read
from api.rules.caller import Turn
from api.rules.merge import Step, plain
from api.schemas.attendance import State

BEGIN = datetime(2026, 12, 1, tzinfo=UTC)
PROGRAMME, PERSON, SESSION = (uuid4() for _ in range(3))
STATES: tuple[State, ...] = get_args(State)
EMPTY = {
    "programme_id": PROGRAMME, "round": 1, "person_id": PERSON, "session_id": None, "attended_at": None, "walk_in": False,
    "undone_at": None, "waiting_since": None, "make_up_used": False, "said": [], "seat_at": None, "informed_at": None,
}  # fmt: skip


class Edit(NamedTuple):
    phone: int
    state: State
    base_rev: int | None
    at: datetime
    undone: bool


class Service:
    """The record and its trail, written as offline.py does it."""

    def __init__(self) -> None:
        self.row: dict[str, Any] = {}
        self.trail: list[tuple[UUID, Step]] = []

    def take(self, edit: Edit, phones: list[UUID]) -> Any:
        by = phones[edit.phone]
        doc: dict[str, Any] = {"state": edit.state} | ({"undone_at": edit.at} if edit.undone else {})
        if edit.base_rev is None:
            doc |= {"programme_id": PROGRAMME, "round": 1, "person_id": PERSON}
        turn = Turn(by, edit.at, edit.at, {}, edit.at.date(), online=False)
        if not self.row:
            after = becomes({}, {**EMPTY, **doc, "rev": 1}, turn)
            assert isinstance(after, dict)
            self.row = after
            self.trail.append((by, Step(1, True, edit.at, None, b"")))
            return None
        trail = [step._replace(own=device == by) for device, step in self.trail]
        edits, why = merges(doc, self.row, edit.base_rev, trail, turn)
        edits = {name: value for name, value in edits.items() if value != self.row[name]}
        if edits:
            after = becomes(self.row, {**self.row, **edits, "rev": self.row["rev"] + 1}, turn)
            assert isinstance(after, dict)
            changes = {
                name: [plain(self.row[name]), plain(after[name])]
                for name in ("state", "undone_at", "session_id")
                if self.row[name] != after[name]
            }
            self.row = after
            self.trail.append((by, Step(after["rev"], True, edit.at, changes, b"")))
        assert highest(read(self.row["said"])) == self.row["state"]
        return why


def phones_say(draw: Any, base: State | None) -> list[list[Edit]]:
    """What each of some phones says, one step after the other from the same copy, as the table has it."""
    said = []
    for phone in range(draw(st.integers(2, 4))):
        known: State = base or "none"
        edits: list[Edit] = []
        for n in range(draw(st.integers(1, 4))):
            steps = [(to, how) for (one, to), how in STEPS.items() if one == known and how != "make_up"]
            if not steps:
                break
            to, how = draw(st.sampled_from(steps))
            at = BEGIN + timedelta(hours=1 + n, minutes=phone)
            edits.append(Edit(phone, to, 1 if base else None, at, how == "undo"))
            known = to
        said.append(edits)
    return said


def interleaved(draw: Any, said: list[list[Edit]]) -> list[Edit]:
    """In the order of each phone, and otherwise in any; each phone may send again what it sent before."""
    rest, order, sent = [list(edits) for edits in said], [], list[Edit]()
    while any(rest):
        phone = draw(st.sampled_from([n for n, edits in enumerate(rest) if edits]))
        sent.append(rest[phone].pop(0))
        order.append(sent[-1])
        if draw(st.integers(0, 4)) == 0:
            order.append(draw(st.sampled_from(sent)))
    return order


@st.composite
def two_orders(draw: Any) -> tuple[State | None, list[Edit], list[Edit]]:
    base = draw(st.sampled_from([None, *STATES]))
    said = phones_say(draw, base)
    return base, interleaved(draw, said), interleaved(draw, said)


def outcome(base: State | None, order: list[Edit]) -> State:
    service, phones, done = Service(), [UUID(int=n + 1) for n in range(5)], set[Edit]()
    if base:
        service.row = {**EMPTY, "state": base, "rev": 1, "said": [f"2026-11-01|1|{phones[4]}|{base}"]}
        service.trail = [(phones[4], Step(1, False, BEGIN, None, b""))]
    for edit in order:
        if edit not in done:  # a repeat is known by its mark (offline.py)
            service.take(edit, phones)
            done.add(edit)
    state: State = service.row["state"]
    return state


def edit(phone: int, state: State, minute: int, base_rev: int | None = 1, *, undone: bool = False) -> Edit:
    return Edit(phone, state, base_rev, BEGIN + timedelta(minutes=minute), undone)


DECLINES, INVITES = edit(0, "declined", 1, None), edit(1, "invited", 2, None)


@settings(max_examples=1500, deadline=None)
@example((None, [DECLINES, INVITES], [INVITES, DECLINES]))
@example(("invited", [edit(0, "missed", 1), edit(1, "confirmed", 2)], [edit(1, "confirmed", 2), edit(0, "missed", 1)]))
@given(two_orders())
def test_the_state_does_not_depend_on_the_order_of_arrival(case: tuple[State | None, list[Edit], list[Edit]]) -> None:
    base, one, other = case
    assert outcome(base, one) == outcome(base, other)


def test_a_decline_and_an_invitation_end_declined_in_either_order() -> None:
    assert outcome(None, [DECLINES, INVITES]) == outcome(None, [INVITES, DECLINES]) == "declined"


def test_an_undo_takes_back_what_its_phone_knew_and_nothing_else() -> None:
    wrong, undone = edit(0, "attended", 1), edit(0, "invited", 2, undone=True)
    assert outcome("invited", [wrong, undone]) == "invited"
    here = edit(1, "attended", 3)
    assert outcome("invited", [wrong, undone, here]) == outcome("invited", [here, wrong, undone]) == "attended"
    no = edit(1, "declined", 3)
    assert outcome("invited", [wrong, undone, no]) == outcome("invited", [no, wrong, undone]) == "declined"


def test_every_step_from_what_another_phone_said_goes_where_it_says() -> None:
    for (one, to), how in STEPS.items():
        if how != "make_up":
            assert outcome(one, [edit(0, to, 1, undone=how == "undo")]) == to, (one, to)


def test_who_knew_of_the_decline_cannot_invite() -> None:
    service, phones = Service(), [UUID(int=1), UUID(int=2)]
    service.take(DECLINES, phones)
    assert service.take(edit(1, "invited", 5), phones).kind is DECLINED_THIS_ROUND
    assert service.row["state"] == "declined"


def test_the_higher_one_stands_for_every_pair() -> None:
    for one in STATES:
        for other in STATES:
            if ("none", one) in STEPS and ("none", other) in STEPS:
                said = [edit(0, one, 1, None), edit(1, other, 2, None)]
                assert outcome(None, said) == outcome(None, said[::-1]) == max(one, other, key=lambda state: RANK[state])


def test_every_pair_of_states_is_a_step_or_is_none() -> None:
    for one in STATES:
        for other in STATES:
            how = STEPS.get((one, other))
            allowed = {
                (undone, make_up)
                for undone in (False, True)
                for make_up in (False, True)
                if forbidden(one, other, undone=undone, make_up=make_up) is None
            }
            wanted = {
                "step": {(False, False), (False, True), (True, False), (True, True)},
                "undo": {(True, False), (True, True)},
                "make_up": {(False, True), (True, True)},
                None: set(),
            }
            assert allowed == (wanted["step"] if one == other else wanted[how]), (one, other)


def test_who_missed_it_is_asked_again_from_there_alone() -> None:
    for one in STATES:
        for other in ("invited", "confirmed"):
            problem = forbidden(one, other, undone=True, make_up=True, missed=True)
            assert (problem is not None and problem.kind is MAKE_UP_ONCE) is (one in ("none", "elsewhere", "declined", "attended")), (
                one,
                other,
            )


def test_what_takes_back_what_came_after_missed_leads_there_in_any_order() -> None:
    missed, came, back = edit(0, "missed", 1), edit(1, "attended", 2), edit(1, "none", 3, undone=True)
    for order in ([missed, came, back], [came, missed, back], [came, back, missed]):
        assert outcome("invited", order) == "missed"
    alone = [edit(0, "missed", 1), edit(0, "elsewhere", 2), edit(0, "none", 3, undone=True)]
    assert outcome("invited", alone) == "missed"


def test_ranks_are_in_the_order_of_the_contract() -> None:
    assert sorted(RANK, key=lambda state: -RANK[state]) == [
        "attended", "declined", "elsewhere", "confirmed", "invited", "missed", "none",
    ]  # fmt: skip


def test_the_diagram_in_the_documentation_is_current() -> None:
    page = (Path(__file__).parents[2] / "docs" / "checkup-day.md").read_text("utf-8")
    assert f"```mermaid\n{diagram()}```" in page
