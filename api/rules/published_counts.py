"""What the published table of a round says of each place, so that adding and subtracting tells no more of a village than its own row.

The field calls it statistical disclosure control: counts are told as classes (grouping), those below ten not at all (suppression), and
the classes of totals are chosen so that neither can be undone. Why it is so, and what it does not do: decision 0017.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

from api.rules.caller import COUNTY_PLACE

WIDTH = 10  # people; fewer than that are not told
PHONES_COME_LATE = timedelta(days=7)


class Counts(NamedTuple):
    """Of one village, people. Whoever attended was offered it: attended <= offered."""

    offered: int
    attended: int


class Told(NamedTuple):
    """A count is one of `low` to `high`. `enough`: where it is at least this, what is told of attended bars nothing of what is told of
    offered in the villages below."""

    low: int
    high: int
    enough: int


class Cell(NamedTuple):
    offered: Told
    attended: Told


def due_on(last_on: date) -> date:
    """From which day there is a table of a round whose last day, or session, is on `last_on`: a phone may be offline that long."""
    return last_on + PHONES_COME_LATE


def table(places: Iterable[Mapping[str, Any]], people: Mapping[int, Counts]) -> list[dict[str, Any]]:
    """The rows to be stored: of every place that is open, and of closed ones that households are still registered in, the county first
    (it has the lowest number). A village where no household is registered holds nobody, and everybody knows that."""
    rows = {row["place_id"]: row for row in places}
    below: dict[int, list[int]] = {}
    for row in rows.values():
        if row["level"] != "county":  # a closed township may lie under a former county
            below.setdefault(COUNTY_PLACE if row["level"] == "township" else row["parent_id"], []).append(row["place_id"])
    villages = {n: people.get(n, Counts(0, 0)) for n, row in rows.items() if row["level"] == "village" and row["settled"]}
    return [
        {name: row[name] for name in ("place_id", "township_id", "places")}
        | _columns("offered", cell.offered)
        | _columns("attended", cell.attended)
        for place, cell in sorted(published(below, villages, COUNTY_PLACE).items())
        if (row := rows[place])["open"] or place in villages or villages.keys() & below.get(place, ())
    ]


def _columns(measure: str, told: Told) -> dict[str, int | None]:
    first, last = shown(told) or (None, None)
    return {f"{measure}_from": first, f"{measure}_to": last}


def published(below: Mapping[int, Sequence[int]], villages: Mapping[int, Counts], top: int) -> dict[int, Cell]:
    """For `top` and every place beneath it. `below`: places right below each place that is no village; one with none holds nobody."""
    found: dict[int, Cell] = {}

    def tell(place: int) -> Counts:
        if place in villages:
            found[place] = _village(villages[place])
            return villages[place]
        places = below.get(place, ())
        counts = [tell(each) for each in places]
        offered, attended = sum(count.offered for count in counts), sum(count.attended for count in counts)
        found[place] = Cell(
            _total(offered, [found[each].offered for each in places]), _total(attended, [found[each].attended for each in places])
        )
        return Counts(offered, attended)

    tell(top)
    return found


def shown(told: Told) -> tuple[int, int] | None:
    """First and last of the class; None for what is suppressed, which is also what a class from fewer than ten on becomes."""
    return (told.low, told.high) if told.low >= WIDTH else None


def _village(counts: Counts) -> Cell:
    offered, attended = (count // WIDTH * WIDTH for count in counts)
    last = WIDTH - 1
    return Cell(
        # in the same class, the one bounds the other
        Told(offered, offered + last, offered + last if offered == attended else offered),
        Told(attended, attended + last, attended),
    )


def _total(count: int, parts: Sequence[Told]) -> Told:
    """The class that `count` lies in. Where classes begin follows from what is told of the parts, never from a count: otherwise the choice
    itself would tell something. They begin at multiples of ten, none so low that one part could not be at its highest with the others
    where they have to be, none so high that one could not be at its lowest."""
    slack = max((part.high - part.low for part in parts), default=0)
    low, high, enough = (sum(column) for column in zip(*parts, strict=True)) if parts else (0, 0, 0)
    first, last = -(-(enough + slack + 1) // WIDTH) * WIDTH, (high - slack) // WIDTH * WIDTH
    begin = min(count // WIDTH * WIDTH, last)
    if first > last:
        begin, end = low, high
    elif begin < first:
        begin, end = low, first - 1
    else:
        end = high if begin == last else begin + WIDTH - 1
    return Told(begin, end, max(begin, enough))
