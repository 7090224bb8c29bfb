"""The published counts of a round can't be undone by subtraction: an attacker who has the whole table knows of a village what its own row
says, and no more. The attacker adds up what is possible and never looks at the rule."""

from collections.abc import Iterator, Sequence
from datetime import date
from functools import reduce
from itertools import product
from typing import Any, TypeAlias

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from api.rules import published_counts
from api.rules.published_counts import Cell, Counts, Told, due_on, published, shown

COUNTY = 0
Township: TypeAlias = list[tuple[int, int]]  # offered and attended, village by village


def numbered(county: Sequence[Township]) -> tuple[dict[int, list[int]], dict[int, Counts]]:
    """The tree as the rule takes it. Township 300 has the villages 301, 302 …; 1, 2 … lie right below the county."""
    villages = {100 * t + v: Counts(*counts) for t, township in enumerate(county) for v, counts in enumerate(township, 1)}
    below = {100 * t: [place for place in villages if place // 100 == t] for t in range(1, len(county))}
    return below | {COUNTY: [*below, *(place for place in villages if place < 100)]}, villages


def table(county: Sequence[Township]) -> dict[int, Cell]:
    return published(*numbered(county), COUNTY)


class Attacker:
    """Sets of (offered, attended) as bits of one integer: every sum that is possible. Knows each class, also of what is not shown."""

    def __init__(self, told: dict[int, Cell], county: Sequence[Township]) -> None:
        self.below, villages = numbered(county)
        self.told, self.size = told, 10 * (len(villages) + 1) + sum(told[village].offered.low for village in villages)
        self.villages = {village: self._set(p for p in self._class(village) if p[1] <= p[0]) for village in villages}
        self.possible = {COUNTY: self._sum(self._inside(place) for place in self.below[COUNTY]) & self._rectangle(COUNTY)}
        for place, around in self._each(self.below[COUNTY]):
            inside = self._inside(place)
            self.possible[place] = self._set(p for p in self._pairs(inside) if self._moved(around, p) & self.possible[COUNTY])
            for village, others in self._each(self.below.get(place, [])):
                pairs = self._pairs(self.villages[village])
                self.possible[village] = self._set(p for p in pairs if self._moved(others, p) & self.possible[place])

    def pairs(self, place: int) -> set[tuple[int, int]]:
        return set(self._pairs(self.possible[place]))

    def _inside(self, place: int) -> int:
        """What a township can be by its villages and its own row; or a village by its row."""
        if place in self.villages:
            return self.villages[place]
        return self._sum(self.villages[village] for village in self.below[place]) & self._rectangle(place)

    def _each(self, places: Sequence[int]) -> Iterator[tuple[int, int]]:
        """Each, and what all the others can be together."""
        return ((place, self._sum(self._inside(other) for other in places if other != place)) for place in places)

    def _class(self, place: int) -> Iterator[tuple[int, int]]:
        offered, attended = (range(told.low, told.high + 1) for told in self.told[place])
        return product(offered, attended)

    def _rectangle(self, place: int) -> int:
        offered, attended = self.told[place]
        row = ((1 << (attended.high - attended.low + 1)) - 1) << attended.low
        return sum(row << (n * self.size) for n in range(offered.low, offered.high + 1))

    def _set(self, pairs: Iterator[tuple[int, int]]) -> int:
        return reduce(lambda found, pair: found | 1 << (pair[0] * self.size + pair[1]), pairs, 0)

    def _pairs(self, possible: int) -> Iterator[tuple[int, int]]:
        while possible:
            lowest = possible & -possible
            yield divmod(lowest.bit_length() - 1, self.size)
            possible ^= lowest

    def _moved(self, possible: int, by: tuple[int, int]) -> int:
        return possible << (by[0] * self.size + by[1])

    def _sum(self, parts: Iterator[int]) -> int:
        together = 1  # (0, 0)
        for part in parts:
            together = reduce(lambda found, pair: found | self._moved(together, pair), self._pairs(part), 0)
        return together


def given_away(told: dict[int, Cell], county: Sequence[Township]) -> list[str]:
    """What the attacker knows beyond each row. Of a village every pair of its two classes must be left with attended <= offered. Of a total
    of attended its whole class; of one of offered the class but for what is less than attended, and never fewer than ten."""
    attacker, found = Attacker(told, county), []
    for place, (offered, attended) in told.items():
        pairs = attacker.pairs(place)
        if place in attacker.villages:
            kept = pairs == {(o, a) for o, a in product(*(range(each.low, each.high + 1) for each in (offered, attended))) if a <= o}
        else:
            of_offered, of_attended = ({pair[measure] for pair in pairs} for measure in (0, 1))
            kept = of_attended == set(range(attended.low, attended.high + 1))
            kept &= max(of_offered) == offered.high
            kept &= len(of_offered) >= (10 if attacker.below[place] and attacker.villages else 1)
        if not kept:
            found.append(f"{place}: {len(pairs)} left of {offered} and {attended}")
    return found


@st.composite
def village(draw: st.DrawFn) -> tuple[int, int]:
    """Often with everybody or nobody attending: it is there that one measure tells about the other."""
    attended = draw(st.integers(0, 32))
    return attended + draw(st.one_of(st.integers(0, 12), st.integers(0, 32))), attended


COUNTIES = st.lists(st.lists(village(), max_size=4), min_size=1, max_size=4)
# where rules that are broken in one point give something away: those below, and one with a slack of nine at every level
SUBTRACTION = [[], [(19, 19), (19, 19), (19, 19)]]
TWO_MEASURES = [[], [(20, 19), (10, 10), (12, 12)]]
TWO_LEVELS = [[(1, 1)], [(2, 2), (3, 3)]]


@settings(max_examples=400, deadline=None)
@given(COUNTIES)
@example(SUBTRACTION)
@example(TWO_MEASURES)
@example(TWO_LEVELS)
def test_the_whole_table_tells_of_a_village_what_its_own_row_says(county: list[Township]) -> None:
    assert given_away(table(county), county) == []


def told_by_the_choice(county: Sequence[Township], other: Sequence[Township]) -> list[int]:
    """Totals whose classes overlap without being the same, while the rows below say the same: which of the two was chosen depended on the
    count, so whoever knows the rule learns something from the choice. With none, the attacker above knows all that the rule could tell."""
    below, villages = numbered(county)
    one, two = table(county), table(other)
    totals = [place for place in one if place not in villages and all(one[part] == two[part] for part in below[place])]
    classes = [(place, told, also) for place in totals for told, also in zip(one[place], two[place], strict=True)]
    return [place for place, told, also in classes if told != also and told.low <= also.high and also.low <= told.high]


@settings(max_examples=400, deadline=None)
@given(st.data(), COUNTIES)
def test_which_classes_are_chosen_tells_nothing(data: st.DataObject, county: list[Township]) -> None:
    def in_the_same_classes(counts: tuple[int, int]) -> tuple[int, int]:
        offered, attended = (data.draw(st.integers(count // 10 * 10, count // 10 * 10 + 9)) for count in counts)
        return max(offered, attended), attended

    other = [[in_the_same_classes(counts) for counts in township] for township in county]
    assert told_by_the_choice(county, other) == []


# The attacker at work: what each simpler rule would give away

VILLAGE = published_counts._village


def exact(count: int, parts: Sequence[Told]) -> Told:
    return Told(count, count, count)


def always_tens(count: int, parts: Sequence[Told]) -> Told:
    return Told(count // 10 * 10, count // 10 * 10 + 9, count // 10 * 10)


def smallest_base_that_protects(count: int, parts: Sequence[Told]) -> Told:
    low, high = sum(part.low for part in parts), sum(part.high for part in parts)
    slack = max((part.high - part.low for part in parts), default=0)
    for base in (10, 20, 50, 100, 200, 500):
        begin, end = max(low, count // base * base), min(high, count // base * base + base - 1)
        if begin <= high - slack and end >= low + slack:
            return Told(begin, end, begin)
    return Told(low, high, low)


def test_subtraction_undoes_exact_totals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published_counts, "_total", exact)
    assert len(given_away(table(SUBTRACTION), SUBTRACTION)) == 5  # three villages, the township and the county


def test_subtraction_undoes_totals_in_tens(monkeypatch: pytest.MonkeyPatch) -> None:
    """57 of three villages that have 10 to 19 each: 50 to 59 says that none has fewer than 12."""
    monkeypatch.setattr(published_counts, "_total", always_tens)
    assert len(given_away(table(SUBTRACTION), SUBTRACTION)) == 5


def test_attended_undoes_offered_where_they_do_not_know_of_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """41 attended and 42 were offered it: with 40 to 49 offered, the first village can't have had few attending."""
    monkeypatch.setattr(published_counts, "_village", lambda counts: Cell(*(each._replace(enough=each.low) for each in VILLAGE(counts))))
    assert given_away(table(TWO_MEASURES), TWO_MEASURES)


def test_the_smallest_base_that_protects_tells_by_being_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two villages with fewer than ten: 9 together is told in tens, 10 only in twenties. So twenties say that there are ten at least."""
    nine, ten = [[], [(4, 4), (5, 5)]], [[], [(5, 5), (5, 5)]]
    assert told_by_the_choice(nine, ten) == []
    monkeypatch.setattr(published_counts, "_total", smallest_base_that_protects)
    assert told_by_the_choice(nine, ten) == [100, 100]


# What a reader sees


def said(county: Sequence[Township]) -> dict[int, tuple[tuple[int, int] | None, ...]]:
    return {place: tuple(shown(told) for told in cell) for place, cell in table(county).items()}


def test_a_village_is_told_by_tens_and_not_below_ten() -> None:
    told = said([[(0, 0), (9, 0), (10, 9), (19, 10), (20, 19), (437, 430)]])
    assert [told[village] for village in range(1, 7)] == [
        (None, None),
        (None, None),
        ((10, 19), None),
        ((10, 19), (10, 19)),
        ((20, 29), (10, 19)),
        ((430, 439), (430, 439)),
    ]


def test_totals_of_many_villages_are_told_by_tens_too() -> None:
    township = [(40 + n, 13 + n) for n in range(20)]
    assert said([[], township])[100] == ((990, 999), (450, 459))


def test_a_total_of_one_village_says_what_its_row_says() -> None:
    assert said([[], [(23, 12)]]) == dict.fromkeys((0, 100, 101), ((20, 29), (10, 19)))


def test_two_villages_have_one_class_together() -> None:
    """A narrower one would tell how far apart they are from their limits."""
    assert said([[], [(19, 19), (11, 10)]])[100] == ((20, 38), (20, 38))


def test_a_class_that_begins_below_ten_is_not_told() -> None:
    assert table([[], [(9, 9), (9, 9)]])[100].attended == Told(0, 18, 0)
    assert said([[], [(9, 9), (9, 9)]])[100] == (None, None)


def test_a_township_without_villages_holds_nobody() -> None:
    """It must not lend its unknown to the others: everybody knows that it is none."""
    told = table([[(15, 15)], []])
    assert told[100] == Cell(Told(0, 0, 0), Told(0, 0, 0))
    assert shown(told[0].offered) == (10, 19)


# Which places have a row


def place(place_id: int, parent_id: int | None, level: str, *, open: bool = True, settled: bool = False) -> dict[str, Any]:  # noqa: A002 - the name of the column
    township_id = {"county": 0, "township": place_id}.get(level, parent_id)
    same = {"place_id": place_id, "parent_id": parent_id, "township_id": township_id, "level": level, "places": 5}
    return {**same, "open": open, "settled": settled}


def told_of(*places: dict[str, Any], **people: tuple[int, int]) -> dict[int, tuple[int | None, int | None]]:
    rows = published_counts.table(places, {int(number[1:]): Counts(*counts) for number, counts in people.items()})
    return {row["place_id"]: (row["offered_from"], row["offered_to"]) for row in rows}


def test_the_countys_row_comes_first() -> None:
    """By it two that publish at once know whose table it is."""
    assert list(told_of(place(3, 2, "village", settled=True), place(2, 1, "township"), place(1, None, "county"))) == [1, 2, 3]


def test_a_village_where_nobody_is_registered_lends_its_unknown_to_no_other() -> None:
    """With it the township's class would be as for two villages, and somebody who knows that nobody lives there could undo it."""
    places = [place(1, None, "county"), place(2, 1, "township"), *(place(n, 2, "village", settled=n < 5) for n in range(3, 9))]
    assert told_of(*places, _3=(19, 0), _4=(19, 0)) == {
        1: (20, 38),
        2: (20, 38),
        3: (10, 19),
        4: (10, 19),
        **dict.fromkeys(range(5, 9), (None, None)),
    }


def test_a_closed_village_with_households_counts_in_its_old_township() -> None:
    """That may itself be closed, and lie under the county of before."""
    places = [place(1, None, "county"), place(3, 2, "township", open=False), place(4, 3, "village", open=False, settled=True)]
    assert told_of(*places, _4=(23, 0)) == {1: (20, 29), 3: (20, 29), 4: (20, 29)}


def test_what_is_closed_and_empty_has_no_row() -> None:
    assert told_of(place(1, None, "county"), place(3, 1, "township", open=False), place(4, 3, "village", open=False)) == {1: (None, None)}


def test_a_table_is_due_seven_days_after_the_last_day() -> None:
    assert due_on(date(2026, 12, 25)) == date(2027, 1, 1)
