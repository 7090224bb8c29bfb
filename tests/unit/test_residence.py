"""What two parts of a residence make, whatever order they come in; where an old code leads; the diagram of the documentation."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.rules.address import addressed
from api.rules.residence import SHUT, SIDES, STEPS, diagram, effective, let_in, opened, part, refused, state
from api.schemas.residence import Shared, State

NOW = datetime(2026, 11, 24, 2, tzinfo=UTC)
HEARD = {"since_on": "2026-03-01", "until_on": None, "cause": "work"}
days = st.sampled_from(["2026-03-01", "2026-05-05"])
acts = st.tuples(st.sampled_from(["given", "withdrawn"]), st.sampled_from(["2026-11-01T00:00:00+00", "2026-11-02T00:00:00+00"]))
consents = st.dictionaries(st.sampled_from(get_args(Shared)), acts.map(list))
said = st.one_of(
    st.none(),
    st.just({"withdrawn": True}),
    st.just({"declined_because": "不是本村人"}),
    st.fixed_dictionaries(
        {
            "since_on": days,
            "until_on": st.none() | days,
            "cause": st.sampled_from(["work", "study"]),
            "declined_because": st.none() | st.just("弄错了"),
        }
    ),
)


@given(said, said)
def test_both_sides_see_the_same_state(one: Any, other: Any) -> None:
    assert state("registration", one, other) == state("residence", other, one)


@given(said, said)
def test_what_the_state_means(one: Any, other: Any) -> None:
    """`one` is the registration side's."""
    now = state("registration", one, other)
    answered = one is not None and other is not None
    assert now != "accepted" or (answered and all(one[name] == other[name] for name in ("since_on", "until_on", "cause")))
    assert now != "proposed" or not answered
    assert now != "ended" or other["until_on"]  # the place where somebody lives has said so
    if any(each and (each.get("withdrawn") or each.get("declined_because")) for each in (one, other)):
        assert now == "declined"


@given(consents, consents)
def test_the_last_word_holds_whichever_side_heard_it_and_of_two_the_refusal(one: Any, other: Any) -> None:
    both = effective(one, other)
    assert both == effective(other, one)
    for purpose, (act, at) in both.items():
        heard = [each[purpose] for each in (one, other) if purpose in each]
        assert at == max(when for _, when in heard)
        assert act == ("withdrawn" if ["withdrawn", at] in heard else "given")


def a_row(**members: Any) -> dict[str, Any]:
    row = {
        "side": "residence",
        "voided": False,
        "since_on": date(2026, 3, 1),
        "until_on": None,
        "cause": "work",
        "declined_because": None,
        "comes_home_on": None,
        "registered_in": "990101100201",
        "living_in": None,
        "code": "990101101201",
        "services": [{"on": "2026-11-20", "code": "subsidy"}],
        "wishes": None,
        "asks": [],
        "phones": ["13800138000"],
        "attended_on": ["2026-11-24"],
        "consents": {},
        "elsewhere": False,
        "name": "王远",
        "sex": 1,
        "born_on": date(1990, 5, 1),
    }
    return row | members


@given(st.sampled_from(SIDES), consents, consents)
def test_nothing_passes_that_is_not_open(side: Any, own: Any, theirs: Any) -> None:
    heard = HEARD | {"consents": theirs}
    says = part(a_row(side=side, consents=own), heard, NOW)
    open_now = opened(effective(own, theirs))
    for member, purpose in SHUT.items():
        has_it = member == "phones" or side == "residence"
        assert (member in says) == (has_it and purpose in open_now)
    assert not {"name", "born_on", "sex", "household_id", "address"} & says.keys()
    assert says.get("living_in", "990101101000") == "990101101000"  # of a township
    shut = {purpose: ["withdrawn", "2026-11-03T00:00:00+00"] for purpose in get_args(Shared)}
    assert let_in(a_row(consents=shut), says).keys().isdisjoint(SHUT)


def test_what_passes_is_listed_here_so_that_a_new_member_is_thought_about() -> None:
    everything = {purpose: ["given", "2026-11-01T00:00:00+00"] for purpose in get_args(Shared)}
    agreed = {"since_on", "until_on", "cause", "declined_because", "consents", "comes_home_on"}
    there = part(a_row(consents=everything), HEARD | {"consents": {}}, NOW)
    assert there.keys() == agreed | {"living_in", "services", "attended_on", "phones"}
    home = part(a_row(side="registration", consents=everything), HEARD | {"consents": {}}, NOW)
    assert home.keys() == agreed | {"registered_in", "wishes", "asks", "elsewhere", "phones"}
    first = part(a_row(), None, NOW)
    assert first.keys() == agreed | {"living_in", "registered_in", "name", "sex", "born_on"}


def test_who_refused_is_left_in_peace_for_a_year() -> None:
    for at, asked in (("2025-11-25T00:00:00+00", False), ("2025-11-23T00:00:00+00", True)):
        assert ("share_contact" not in refused({"share_contact": ["withdrawn", at]}, NOW)) is asked
    assert refused({"share_contact": ["given", "2026-11-01T00:00:00+00"]}, NOW) == set()


def test_the_table_has_every_state_and_its_diagram_is_in_the_documentation() -> None:
    assert {step.to for step in STEPS} == set(get_args(State))
    page = (Path(__file__).parents[2] / "docs" / "two-places.md").read_text("utf-8")
    assert f"```mermaid\n{diagram()}```" in page


# Where a code leads


def place(number: int, code: str, township: int, *successors: int) -> dict[str, Any]:
    return {"place_id": number, "code": code, "township_id": township, "successor_ids": list(successors)}


PLACES = [
    place(1, "990101000000", 0),
    place(2, "990101100000", 2),
    place(3, "990101101000", 3),
    place(4, "990101100201", 2),
    place(5, "990101100202", 2, 4),  # became 4
    place(6, "990101100203", 2, 5),  # became 5, and so 4
    place(7, "990101100204", 2, 4, 8),  # split within its township
    place(8, "990101100205", 2),
    place(9, "990101100206", 2, 4, 10),  # split over two
    place(10, "990101101201", 3),
    place(11, "990101100207", 2, 12),  # in a circle, by mistake
    place(12, "990101100208", 2, 11),
]


@pytest.mark.parametrize(
    ("code", "number"),
    [
        ("990101100201", 4),
        ("990101100202", 4),
        ("990101100203", 4),
        ("990101100204", 2),
        ("990101100206", 1),
        ("990101100299", 2),  # a village that nobody here knows
        ("990101999201", 1),  # in a township that nobody here knows
        ("990101000000", 1),
        ("371624000000", 1),  # the county's own old code
    ],
)
def test_a_code_leads_to_the_place_that_it_means_today(code: str, number: int) -> None:
    assert addressed(code, PLACES)["place_id"] == number


def test_a_circle_of_successors_ends() -> None:
    assert addressed("990101100207", PLACES)["place_id"] in (11, 12)
