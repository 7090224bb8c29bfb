"""What an edit that was made offline changes: the field that another device changed clashes, the device's own edits never do."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.rules.merge import Merged, Step, merge, plain

SETS = {"phones": 4}
HOUSE: dict[str, Any] = {"address": "A", "status": "away", "phones": ["1"]}
MINE, THEIRS = True, False


def at(seconds: int) -> datetime:
    return datetime(2026, 11, 23, 9, tzinfo=UTC) + timedelta(seconds=seconds)


def made(own: bool = THEIRS) -> Step:
    return Step(1, own, at(0), None, b"")


def edit(rev: int, own: bool, seconds: int = 0, **changes: list[Any]) -> Step:
    return Step(rev, own, at(seconds), changes, b"")


class Case(NamedTuple):
    """`sent` at second 5 on a copy of revision `base_rev`, where the record is `present` after `trail`; then `edits` and the rest."""

    says: str
    sent: Mapping[str, Any]
    edits: Mapping[str, Any] = {}
    clashes: Sequence[str] = ()
    met_others: bool = False
    present: Mapping[str, Any] = {}
    trail: Sequence[Step] = (made(),)
    base_rev: int | None = 1


CASES = [
    # Nobody else was there
    Case("a change is an edit", {"address": "B"}, {"address": "B"}),
    Case("what is as the device knew it is no edit", {"address": "A", "status": "away", "phones": ["1"]}),
    Case("a whole record changes only what was changed", {**HOUSE, "status": "moved"}, {"status": "moved"}),
    Case("null empties", {"address": None}, {"address": None}),
    Case("nothing said changes nothing", {}),
    # The device's own edits
    Case(
        "an own earlier edit is known, so a later one does not clash",
        {"address": "C"}, {"address": "C"},
        present={"address": "B"}, trail=(made(), edit(2, MINE, 3, address=["A", "B"])),
    ),
    Case(
        "an own edit sent once more, in the whole record, changes nothing",
        {**HOUSE, "address": "B"},
        present={"address": "B"}, trail=(made(), edit(2, MINE, 3, address=["A", "B"])),
    ),
    Case(
        "an own edit that was made later stands, though it came first",
        {"address": "C"},
        present={"address": "B"}, trail=(made(), edit(2, MINE, 9, address=["A", "B"])),
    ),
    Case(
        "a later edit of another member does not hold this one up",
        {"address": "C"}, {"address": "C"},
        present={"status": "moved"}, trail=(made(), edit(2, MINE, 9, status=["away", "moved"])),
    ),
    Case(
        "back to what it was is an edit after an own one",
        {"address": "A"}, {"address": "A"},
        present={"address": "B"}, trail=(made(), edit(2, MINE, 3, address=["A", "B"])),
    ),
    Case(
        "there and back on the device, and there again",
        {"address": "B"}, {"address": "B"},
        trail=(made(), edit(2, MINE, 3, address=["A", "B"]), edit(3, MINE, 4, address=["B", "A"])),
    ),
    Case(
        "at the same moment the one that comes later stands",
        {"address": "C"}, {"address": "C"},
        present={"address": "B"}, trail=(made(), edit(2, MINE, 5, address=["A", "B"])),
    ),
    Case(
        "a later own edit that the base has already is no hindrance",
        {"address": "C"}, {"address": "C"},
        present={"address": "B"}, trail=(made(), edit(2, MINE, 9, address=["A", "B"])), base_rev=2,
    ),
    # Others
    Case(
        "another device changed it to another value: it clashes",
        {"address": "C"}, clashes=["address"], met_others=True,
        present={"address": "B"}, trail=(made(), edit(2, THEIRS, 9, address=["A", "B"])),
    ),
    Case(
        "their time is no matter",
        {"address": "C"}, clashes=["address"], met_others=True,
        present={"address": "B"}, trail=(made(), edit(2, THEIRS, 1, address=["A", "B"])),
    ),
    Case(
        "another device changed it to the same value: it agrees",
        {"address": "B"}, met_others=True,
        present={"address": "B"}, trail=(made(), edit(2, THEIRS, 9, address=["A", "B"])),
    ),
    Case(
        "what others changed and the device did not stays theirs",
        {**HOUSE, "status": "moved"}, {"status": "moved"}, met_others=True,
        present={"address": "B"}, trail=(made(), edit(2, THEIRS, 9, address=["A", "B"])),
    ),
    Case(
        "one member clashes, the others are stored",
        {"address": "C", "status": "moved"}, {"status": "moved"}, ["address"], met_others=True,
        present={"address": "B"}, trail=(made(), edit(2, THEIRS, 9, address=["A", "B"])),
    ),
    Case(
        "what others did up to the base is known",
        {"address": "C"}, {"address": "C"},
        present={"address": "B"}, trail=(made(), edit(2, THEIRS, 9, address=["A", "B"])), base_rev=2,
    ),
    Case(
        "emptied by another, changed here: it clashes",
        {"address": "C"}, clashes=["address"], met_others=True,
        present={"address": None}, trail=(made(), edit(2, THEIRS, address=["A", None])),
    ),
    Case(
        "others went there and back, the device did nothing",
        dict(HOUSE), met_others=True,
        trail=(made(), edit(2, THEIRS, address=["A", "B"]), edit(3, THEIRS, address=["B", "A"])),
    ),
    Case(
        "back to the base after another took over an own edit: it clashes",
        {"address": "A"}, clashes=["address"], met_others=True,
        present={"address": "C"}, trail=(made(), edit(2, MINE, 3, address=["A", "B"]), edit(3, THEIRS, address=["B", "C"])),
    ),
    Case(
        "an own edit sent again after another changed it further leaves theirs",
        {"address": "B"}, met_others=True,
        present={"address": "C"}, trail=(made(), edit(2, MINE, 3, address=["A", "B"]), edit(3, THEIRS, address=["B", "C"])),
    ),
    Case(
        "the device itself overwrote theirs: it knows its own",
        {"address": "D"}, {"address": "D"}, met_others=True,
        present={"address": "C"}, trail=(made(), edit(2, THEIRS, address=["A", "B"]), edit(3, MINE, 3, address=["B", "C"])),
    ),
    # Sets
    Case("what was added to a set", {"phones": ["1", "2"]}, {"phones": ["1", "2"]}),
    Case("what was removed from a set", {"phones": []}, {"phones": []}),
    Case("order means nothing in a set", {"phones": ["2", "1"]}, present={"phones": ["1", "2"]}),
    Case(
        "both added",
        {"phones": ["1", "3"]}, {"phones": ["1", "2", "3"]}, met_others=True,
        present={"phones": ["1", "2"]}, trail=(made(), edit(2, THEIRS, phones=[["1"], ["1", "2"]])),
    ),
    Case(
        "both added the same",
        {"phones": ["1", "2"]}, met_others=True,
        present={"phones": ["1", "2"]}, trail=(made(), edit(2, THEIRS, phones=[["1"], ["1", "2"]])),
    ),
    Case(
        "one added, the other removed",
        {"phones": []}, {"phones": ["2"]}, met_others=True,
        present={"phones": ["1", "2"]}, trail=(made(), edit(2, THEIRS, phones=[["1"], ["1", "2"]])),
    ),
    Case(
        "both removed the same",
        {"phones": []}, met_others=True,
        present={"phones": []}, trail=(made(), edit(2, THEIRS, phones=[["1"], []])),
    ),
    Case(
        "what others removed does not come back with a whole record",
        {"phones": ["1", "3"]}, {"phones": ["3"]}, met_others=True,
        present={"phones": []}, trail=(made(), edit(2, THEIRS, phones=[["1"], []])),
    ),
    Case(
        "more than a set holds clashes",
        {"phones": ["1", "5"]}, clashes=["phones"], met_others=True,
        present={"phones": ["1", "2", "3", "4"]}, trail=(made(), edit(2, THEIRS, phones=[["1"], ["1", "2", "3", "4"]])),
    ),
    Case(
        "as many as a set holds do not",
        {"phones": ["1", "4"]}, {"phones": ["1", "2", "3", "4"]}, met_others=True,
        present={"phones": ["1", "2", "3"]}, trail=(made(), edit(2, THEIRS, phones=[["1"], ["1", "2", "3"]])),
    ),
    Case(
        "a second edit on the same base leaves what others added between",
        {"phones": ["1", "3", "4"]}, {"phones": ["1", "2", "3", "4"]}, met_others=True,
        present={"phones": ["1", "2", "3"]},
        trail=(made(), edit(2, THEIRS, phones=[["1"], ["1", "2"]]), edit(3, MINE, 3, phones=[["1", "2"], ["1", "2", "3"]])),
    ),
    Case(
        "a second edit takes back what the first one added",
        {"phones": ["1"]}, {"phones": ["1", "2"]}, met_others=True,
        present={"phones": ["1", "2", "3"]},
        trail=(made(), edit(2, THEIRS, phones=[["1"], ["1", "2"]]), edit(3, MINE, 3, phones=[["1", "2"], ["1", "2", "3"]])),
    ),
    # Made here or there, and revisions that are unknown
    Case("made on the device, sent once more with another time", dict(HOUSE), trail=(made(MINE),), base_rev=None),
    Case("made on the device and changed before the reply came", {"address": "B"}, {"address": "B"}, trail=(made(MINE),), base_rev=None),
    Case(
        "made on the device, changed by another meanwhile",
        {"address": "C"}, clashes=["address"], met_others=True,
        present={"address": "B"}, trail=(made(MINE), edit(2, THEIRS, address=["A", "B"])), base_rev=None,
    ),
    Case("made by another device with the same id: what is equal agrees", dict(HOUSE), met_others=True, base_rev=None),
    Case(
        "made by another device with the same id: what differs clashes, sets are joined",
        {"address": "B", "status": "away", "phones": ["2"]}, {"phones": ["1", "2"]}, ["address"], met_others=True,
        base_rev=None,
    ),
    Case(
        "a base above the present revision is of a history that a restore undid: it is held against the present one",
        {**HOUSE, "address": "C"}, {"address": "C"},
        present={"address": "B", "status": "away"}, trail=(made(), edit(2, THEIRS, address=["A", "B"])), base_rev=7,
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.says)
def test_merged(case: Case) -> None:
    found = merge(case.sent, {**HOUSE, **case.present}, case.base_rev, at(5), case.trail, SETS)
    assert found == Merged(dict(case.edits), list(case.clashes), case.met_others)


def test_days_and_ids_are_held_against_the_json_of_the_trail() -> None:
    """Revisions are stored as JSON, records are not."""
    one, two = UUID(int=1), UUID(int=2)
    present = {"visited_on": date(2026, 11, 2), "people": [one, two]}
    days, people = ["2026-11-01", "2026-11-02"], [[str(one)], [str(one), str(two)]]
    trail = (made(), edit(2, THEIRS, visited_on=days), edit(3, THEIRS, people=people))
    same = merge({"visited_on": date(2026, 11, 1), "people": [one]}, present, 1, at(5), trail, {"people": 9})
    assert same == Merged(met_others=True)
    other = merge({"visited_on": date(2026, 11, 3), "people": []}, present, 1, at(5), trail, {"people": 9})
    assert other == Merged({"people": [two]}, ["visited_on"], met_others=True)


@pytest.mark.parametrize(
    ("value", "json"),
    [
        (date(2026, 11, 1), "2026-11-01"),
        (at(0), "2026-11-23T09:00:00+00:00"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ([UUID(int=1), "x", None], ["00000000-0000-0000-0000-000000000001", "x", None]),
        (3, 3),
        (None, None),
    ],
)
def test_plain_is_as_json_has_it(value: Any, json: Any) -> None:
    assert plain(value) == json


# Whatever the devices do


class Record:
    """A record that devices edit, as the road keeps it: its state, and who changed what."""

    def __init__(self, state: Mapping[str, Any]) -> None:
        self.state, self.trail = dict(state), [(made(), "nobody")]

    def take(self, device: str, base_rev: int, sent: Mapping[str, Any], seconds: int = 0) -> Merged:
        trail = [step._replace(own=who == device) for step, who in self.trail]
        merged = merge(sent, self.state, base_rev, at(seconds), trail, SETS)
        if merged.edits:
            changes = {member: [self.state[member], value] for member, value in merged.edits.items()}
            self.trail.append((Step(len(self.trail) + 1, False, at(seconds), changes, b""), device))
            self.state |= merged.edits
        return merged


VALUES = st.sampled_from("ABC")
PHONES = st.lists(st.sampled_from("1234"), max_size=4, unique=True)
STATES = st.fixed_dictionaries({"address": VALUES, "status": VALUES, "phones": PHONES})
EDITS = st.fixed_dictionaries({}, optional={"address": VALUES, "status": VALUES, "phones": PHONES})
HISTORIES = st.lists(st.tuples(st.sampled_from(["me", "you", "they"]), EDITS), max_size=6)


def after(start: Mapping[str, Any], history: Sequence[tuple[str, Mapping[str, Any]]]) -> Record:
    """Each edit is made on the newest state."""
    record = Record(start)
    for second, (device, sent) in enumerate(history, 1):
        record.take(device, len(record.trail), sent, second)
    return record


@given(start=STATES, before=HISTORIES, meanwhile=HISTORIES)
@settings(max_examples=200, deadline=None)
def test_what_the_device_knew_changes_nothing(start: dict[str, Any], before: Any, meanwhile: Any) -> None:
    """The whole record of any revision, sent back while others went on."""
    record = after(start, before)
    base_rev, knew = len(record.trail), dict(record.state)
    for second, (_, sent) in enumerate(meanwhile, 10):
        record.take("you", len(record.trail), sent, second)
    left = dict(record.state)
    merged = record.take("me", base_rev, knew, 99)
    assert not merged.edits
    assert not merged.clashes
    assert record.state == left


@given(start=STATES, mine=EDITS, yours=EDITS)
@settings(max_examples=200, deadline=None)
def test_edits_of_different_members_commute(start: dict[str, Any], mine: dict[str, Any], yours: dict[str, Any]) -> None:
    yours = {member: value for member, value in yours.items() if member not in mine}
    states = []
    for order in (("me", mine), ("you", yours)), (("you", yours), ("me", mine)):
        record = Record(start)
        for device, sent in order:
            merged = record.take(device, 1, sent)
            assert not merged.clashes
        states.append({**record.state, "phones": sorted(record.state["phones"])})
    assert states[0] == states[1]


@given(start=STATES, yours=PHONES, mine=st.lists(PHONES, min_size=1, max_size=3))
@settings(max_examples=300, deadline=None)
def test_a_set_keeps_what_a_device_never_heard_of(start: dict[str, Any], yours: list[str], mine: list[list[str]]) -> None:
    """However many edits a device makes on one base: others' additions stay, unless the set is full."""
    known, record = set(start["phones"]), Record(start)
    record.take("you", 1, {"phones": yours})
    clashes = [record.take("me", 1, {"phones": phones}, second).clashes for second, phones in enumerate(mine)]
    if not any(clashes):
        unheard = set(yours) - known - {phone for phones in mine for phone in phones}
        assert unheard <= set(record.state["phones"])
        assert set(record.state["phones"]) - set(yours) <= set(mine[-1])


@given(start=STATES, history=HISTORIES, sent=EDITS)
@settings(max_examples=200, deadline=None)
def test_the_same_again_changes_nothing(start: dict[str, Any], history: Any, sent: dict[str, Any]) -> None:
    record = after(start, history)
    for base_rev in range(1, len(record.trail) + 1):
        record.take("me", base_rev, sent, 50)
        left = dict(record.state)
        assert not record.take("me", base_rev, sent, 50).edits
        assert record.state == left
