"""Places: what a file of divisions changes here. Pure: stored places and a file in, a plan out.

A code is no identity for all time, so a place that got another code is kept, closed.
- A closed place ends on the last day of the later snapshot's year, `valid_to_provisional`. An exact day is never overwritten.
- A place that a changes file names and no register has listed is *glimpsed*: known for one day only, valid_from == valid_to, provisional. A
  register that lists it opens it. A place closed by a row of its own stays closed whatever an older register says. This difference is why
  either file may come first, and any of them again, with the same outcome.
- A place missing from a register is only reported: a file cut short must not close a village.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from api.rules.division_code import LEVELS, Level, parent_code
from api.rules.division_file import Changes, Fault, Register, fault


@dataclass(frozen=True, slots=True)
class Known:
    """A place as it is, or should be, stored. An open place has no valid_to. A name equal to the code: no file has told the name yet."""

    code: str
    name: str
    level: Level
    parent_code: str | None
    valid_from: date | None = None
    valid_to: date | None = None
    valid_to_provisional: bool = False
    former_names: tuple[str, ...] = ()
    successor_codes: tuple[str, ...] = ()

    @property
    def glimpsed(self) -> bool:
        return self.valid_to_provisional and self.valid_from is not None and self.valid_from == self.valid_to


@dataclass(frozen=True, slots=True)
class Edit:
    before: Known
    after: Known


@dataclass(frozen=True, slots=True)
class Plan:
    """What an import has to do: creations, parents first (successors can come later in the list), then edits."""

    creations: tuple[Known, ...]
    edits: tuple[Edit, ...]
    warnings: tuple[Fault, ...]


@dataclass(slots=True)
class _Story:
    """What the rows tell of one code, oldest first."""

    line: int
    level: Level
    names: list[str] = field(default_factory=list)
    seen_on: date = date.min  # the last snapshot that has the place
    closed_on: date | None = None
    successors: list[str] = field(default_factory=list)
    used_again: bool = False


def _stories(changes: Changes) -> dict[str, _Story]:
    stories: dict[str, _Story] = {}
    for c in changes.rows:
        if c.old_code is not None:
            story = stories.setdefault(c.old_code, _Story(c.line, c.level))
            story.names.append(c.old_name)
            if c.old_code != c.new_code:
                if story.closed_on != c.day:  # a split: several rows of one year, several successors
                    story.successors = []
                story.closed_on = c.day
                story.successors += [c.new_code] if c.new_code is not None and c.new_code not in story.successors else []
        if c.new_code is not None:
            story = stories.setdefault(c.new_code, _Story(c.line, c.level))
            if story.closed_on is not None:  # the names of the former use are none of the present one
                story.closed_on, story.successors, story.names, story.used_again = None, [], [], True
            story.names.append(c.new_name)
            story.seen_on = c.day
    return stories


def plan(existing: Mapping[str, Known], file: Register | Changes) -> Plan:
    """What has to be created and edited here so that the stored places of one county agree with the file. Carried out, the same file
    plans nothing.

    Every place gets the parent that its code says, closed places too: a closed village lies in the (closed) township of its old code, not
    in that of its successor, so that old records are found where they were made. Where neither the file nor the county has that township,
    it is made as well: glimpsed on its children's last day and named by its code, since inventing a name would be worse. A county has no
    parent, a closed former one neither: the county in service is the one without valid_to, and always open. Codes that townships and
    villages had under a former county are not derived, no file has them.
    Warnings: vanished, closed-but-listed, older-name (register); name-differs, code-used-again (changes).
    """
    warnings: list[Fault] = []
    wanted = _after_register(existing, file, warnings) if isinstance(file, Register) else _after_changes(existing, file, warnings)
    by_level = sorted(wanted.values(), key=lambda p: (LEVELS.index(p.level), p.code))
    creations = tuple(p for p in by_level if p.code not in existing)
    edits = tuple(Edit(existing[p.code], p) for p in by_level if p.code in existing and existing[p.code] != p)
    return Plan(creations, edits, tuple(warnings))


def _named(place: Known, name: str, former: Iterable[str]) -> Known:
    """The place under this name; former names oldest first, each once, without the present one and a code in the place of a name."""
    names = dict.fromkeys(n for n in (*place.former_names, *former) if n not in (name, place.code))
    return replace(place, name=name, former_names=tuple(names))


def _label(place: Known) -> str:
    return f"{place.code} {place.name}" if place.name != place.code else place.code


def _after_register(existing: Mapping[str, Known], register: Register, warnings: list[Fault]) -> dict[str, Known]:
    wanted: dict[str, Known] = {}
    for row in register.places:
        place = existing.get(row.code) or Known(row.code, row.name, row.level, parent_code(row.code))
        if place.glimpsed:
            place = replace(place, valid_from=None, valid_to=None, valid_to_provisional=False)
        if place.valid_to is not None:
            warnings.append(fault(row.line, "code12", "closed-but-listed", place=_label(place)))
        elif row.name in place.former_names:
            warnings.append(fault(row.line, "name", "older-name", place=_label(place)))
        elif row.name != place.name:
            place = _named(place, row.name, [place.name])
        wanted[row.code] = place
    for code, place in sorted(existing.items()):
        if code not in wanted and place.valid_to is None:
            warnings.append(fault(0, "code12", "vanished", place=_label(place)))
    return wanted


def _after_changes(existing: Mapping[str, Known], changes: Changes, warnings: list[Fault]) -> dict[str, Known]:
    wanted: dict[str, Known] = {}
    for code, story in _stories(changes).items():
        place = existing.get(code) or _glimpse(code, story.level, story.closed_on or story.seen_on, changes.county)
        other = _of_another_use(place, story)
        if other or story.used_again:
            warnings.append(fault(story.line, "new_code12", "code-used-again", place=_label(place)))
        if not other:
            place = _closed(place, story.closed_on, story.successors) if story.closed_on else _standing(place, story.seen_on)
            known = place.name in (code, *story.names)  # if not, a later register, or a hand, has named it since
            if not known and story.names[-1] not in place.former_names:
                warnings.append(fault(story.line, "new_name", "name-differs", place=_label(place)))
            place = _named(place, story.names[-1] if known else place.name, story.names)
        wanted[code] = place
    # Latest first, so that a parent that has to be made lasts as long as its children.
    for place in sorted(wanted.values(), key=lambda p: p.valid_to or date.min, reverse=True):
        child = place
        while child.code not in existing and child.parent_code is not None and child.parent_code not in wanted:
            code, level = child.parent_code, LEVELS[LEVELS.index(child.level) - 1]
            child = existing.get(code) or _glimpse(code, level, child.valid_to or date.min, changes.county)
            wanted[code] = child
    return wanted


def _glimpse(code: str, level: Level, day: date, county: str) -> Known:
    if code == county:
        return Known(code, code, level, None)
    return Known(code, code, level, parent_code(code), valid_from=day, valid_to=day, valid_to_provisional=True)


def _of_another_use(place: Known, story: _Story) -> bool:
    """Is this the story of another use of the code: one that ended before the place is known, or that stands after the place has ended?"""
    if story.closed_on:
        return place.valid_from is not None and story.closed_on < place.valid_from
    return place.valid_to is not None and place.valid_to < story.seen_on and not place.glimpsed


def _closed(place: Known, day: date, successors: Iterable[str]) -> Known:
    place = replace(place, successor_codes=tuple(dict.fromkeys((*place.successor_codes, *successors))))
    if place.valid_to is not None and not place.valid_to_provisional:
        return place
    if place.glimpsed:
        place = replace(place, valid_from=None, valid_to=None)
    return replace(place, valid_to=max(day, place.valid_to or day), valid_to_provisional=True)


def _standing(place: Known, day: date) -> Known:
    if place.glimpsed and place.valid_to is not None and place.valid_to < day:
        return replace(place, valid_from=day, valid_to=day)
    return place
