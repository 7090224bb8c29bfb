"""Places: what a division code says, and what a file of divisions changes here. Pure: rows in, a plan out.

Source: the statistical division codes of the National Bureau of Statistics, 12 digits: 1-6 county, 7-9 township, 10-12 village. There is
no check digit: a code is valid when its digits, its prefix and its parent agree. A code is no identity for all time, so a place that got
another code is kept, closed.

Two kinds of file. A *register* lists what stands today; a *changes* file tells what happened between two snapshots. Neither carries an
exact day:
- A closed place ends on the last day of the later snapshot's year, `valid_to_provisional`. An exact day set by hand is never overwritten.
- A place that a changes file names and no register has listed is *glimpsed*: known for one day only, valid_from == valid_to, provisional. A
  register that lists it opens it. A place closed by a row of its own stays closed whatever an older register says. This difference is why
  either file may come first, and any of them again, with the same outcome.
- A place missing from a register is only reported: a file cut short must not close a village.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal

Level = Literal["county", "township", "village"]
Rows = Iterable[tuple[int, Mapping[str, str]]]  # (line as an editor counts it, cell by column name): what files/text_table.py gives

LEVELS: tuple[Level, ...] = ("county", "township", "village")  # parents first
REGISTER_COLUMNS = ("code12", "name", "level", "urban_rural_class", "parent")
CHANGES_COLUMNS = ("level", "old_code12", "old_name", "new_code12", "new_name", "between_snapshots", "kind", "evidence")
NAME_MAX = 50  # code points
CITIES_WITHOUT_COUNTIES = frozenset({"441900", "442000", "460400"})  # Dongguan, Zhongshan, Danzhou: townships stand directly below the city

# What each kind says about the two codes of its row. The codes decide what is done; the kind has to agree with them.
KINDS: dict[str, Literal["same", "other", "gone", "new"]] = {
    "renamed": "same",
    "style_rename": "same",
    "recoded": "other",
    "county_to_district": "other",
    "merged": "other",
    "split": "other",
    "abolished": "gone",
    "created": "new",
}

_MESSAGES = {
    "bad-code": ("应为 12 位数字的区划代码", "must be a division code of 12 digits"),
    "bad-level": ("级别与代码不符，或级别未知", "the level is unknown or disagrees with the code"),
    "name-missing": ("名称为空", "the name is missing"),
    "name-too-long": (f"名称超过 {NAME_MAX} 个字符", f"the name is longer than {NAME_MAX} characters"),
    "control-character": ("名称中有换行或控制字符", "the name holds a line break or control character"),
    "duplicate-code": ("代码重复，首次出现在第 {first} 行", "the code stands already on line {first}"),
    "no-county": ("没有县级行", "there is no county row"),
    "second-county": ("只能有一个县级行，首个在第 {first} 行", "only one county row is allowed, the first is on line {first}"),
    "other-county": ("不属于本县 {county}", "does not belong to the county {county}"),
    "bad-parent": ("上级代码与代码不符，应为 {parent}", "the parent disagrees with the code, {parent} is expected"),
    "parent-missing": ("文件中没有上级 {parent}", "the parent {parent} is not in the file"),
    "unknown-kind": ("变更类型未知", "the kind of change is unknown"),
    "kind-disagrees": ("变更类型与新旧代码不符", "the kind disagrees with the two codes"),
    "bad-snapshots": ("应为“早年份..晚年份”，如 2019..2020", "must be an earlier and a later year, as in 2019..2020"),
    "code-missing": ("有名称而没有代码", "there is a name but no code"),
    "empty-change": ("新旧代码都为空", "both codes are missing"),
    "contradicts": ("同一代码同年既撤销又存续，见第 {first} 行", "the code both ends and stands in the same year, see line {first}"),
    "county-recoded": ("本县代码已被替换或撤销，须先改本县代码", "the county's own code was replaced or ended: change it first"),
    # Warnings: nothing is refused for these.
    "soft-range": ("代码段不常见，请核对", "the code is outside the usual ranges, please check"),
    "private-use": ("名称含自造字，可能无法显示", "the name holds a private-use character that may not be shown"),
    "came-from-elsewhere": ("原属他县，此处不建旧地点", "came from another county: no former place is made here"),
    "moved-away": ("划归他县，此处关闭而无后继", "went to another county: closed here without a successor"),
    "vanished": ("{place} 不在新名册中，未关闭", "{place} is not in the register; it was not closed"),
    "closed-but-listed": ("{place} 已关闭，名册仍列出，保持关闭", "{place} is closed here, though the register lists it; it stays closed"),
    "older-name": ("{place} 的曾用名，名称不变", "a former name of {place}; its name stays"),
    "name-differs": ("{place} 现名与变更不符，名称不变", "{place} bears a name that the changes do not know; its name stays"),
    "code-used-again": ("{place} 先撤销后又出现，请核对", "{place} ended and is named again later, please check"),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong (or, as a warning, doubtful) in a file. line 0: something that is not in the file; column "": the whole row."""

    line: int
    column: str
    code: str
    zh: str
    en: str


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
class Listed:
    line: int
    code: str
    name: str
    level: Level


@dataclass(frozen=True, slots=True)
class Register:
    """One county's places as they stand today, parents first; skipped: rows of provinces and cities."""

    county: str
    places: tuple[Listed, ...]
    skipped: int
    warnings: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One row. A code that is empty in the file, or that belongs to another county, is None."""

    line: int
    level: Level
    old_code: str | None
    old_name: str
    new_code: str | None
    new_name: str
    first_year: int
    last_year: int
    kind: str

    @property
    def day(self) -> date:
        return date(self.last_year, 12, 31)

    def belonged_to(self, county: str) -> bool:
        return self.old_code is not None and self.old_code[:6] == county[:6]


@dataclass(frozen=True, slots=True)
class Changes:
    """The rows that concern one county, oldest first; len(rows) + left_out is the number of rows in the file."""

    county: str
    rows: tuple[Change, ...]
    left_out: int
    warnings: tuple[Fault, ...]


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

    @property
    def empty(self) -> bool:
        return not self.creations and not self.edits


def _fault(line: int, column: str, code: str, **facts: object) -> Fault:
    zh, en = _MESSAGES[code]
    return Fault(line, column, code, zh.format(**facts), en.format(**facts))


def _is_code(text: str) -> bool:
    return re.fullmatch(r"[0-9]{12}", text) is not None


def division_level(code: str) -> Level | None:
    """The level that the digits say; None for a province, a city, a village outside any township, and what is not 12 digits."""
    if not _is_code(code):
        return None
    if code[9:] != "000":
        return "village" if code[6:9] != "000" else None
    if code[6:9] != "000":
        return "township"
    return "county" if code[4:6] != "00" or code[:6] in CITIES_WITHOUT_COUNTIES else None


def parent_code(code: str) -> str | None:
    """The code one level up; None for a county (nothing above it is kept here) and for what is no code."""
    level = division_level(code)
    if level == "village":
        return code[:9] + "000"
    return code[:6] + "000000" if level == "township" else None


def in_usual_range(code: str) -> bool:
    """False where the township's or village's own three digits are outside the ranges in use: a reason to warn, never to refuse."""
    level = division_level(code)
    if level == "village":
        return 1 <= int(code[9:]) <= 399 or code[9:] in ("498", "598")
    return level != "township" or 1 <= int(code[6:9]) <= 599


def _check_name(line: int, column: str, text: str, faults: list[Fault], warnings: list[Fault]) -> str:
    """The trimmed name. Nothing else is normalised: a rare character is part of the name."""
    name = text.strip()
    if not name:
        faults.append(_fault(line, column, "name-missing"))
    elif len(name) > NAME_MAX:
        faults.append(_fault(line, column, "name-too-long"))
    elif any(unicodedata.category(c) == "Cc" for c in name):
        faults.append(_fault(line, column, "control-character"))
    elif any(unicodedata.category(c) == "Co" for c in name):
        warnings.append(_fault(line, column, "private-use"))
    return name


def _check_level(line: int, text: str, codes: Iterable[str], faults: list[Fault]) -> Level | None:
    """The level that the row names; None (and one fault) where it is unknown or a code says otherwise."""
    for level in LEVELS:
        if level == text.strip() and all(division_level(code) == level for code in codes if _is_code(code)):
            return level
    faults.append(_fault(line, "level", "bad-level"))
    return None


def read_register(rows: Rows, only: str | None = None) -> Register | list[Fault]:
    """A county's register, or every fault in it.

    Columns: REGISTER_COLUMNS; the urban-rural class is not used (it is years older than the codes). Rows of a province or city are skipped.
    `only`: the code of the one county that is taken (the caller's own).
    Faults: bad-code, bad-level, name-missing, name-too-long, control-character, duplicate-code, no-county, second-county, other-county,
    bad-parent, parent-missing. Warnings: soft-range, private-use.
    """
    faults: list[Fault] = []
    warnings: list[Fault] = []
    lines: dict[str, int] = {}
    listed: list[tuple[Listed, str]] = []
    county: Listed | None = None
    skipped = 0
    for line, cells in rows:
        if cells["level"].strip() in ("province", "city"):
            skipped += 1
            continue
        code = cells["code12"].strip()
        level = _check_level(line, cells["level"], [code], faults)
        name = _check_name(line, "name", cells["name"], faults, warnings)
        if not _is_code(code):
            faults.append(_fault(line, "code12", "bad-code"))
            continue
        if lines.setdefault(code, line) != line:
            faults.append(_fault(line, "code12", "duplicate-code", first=lines[code]))
            continue
        if level is None:
            continue
        place = Listed(line, code, name, level)
        listed.append((place, cells["parent"].strip()))
        if level == "county" and county is not None:
            faults.append(_fault(line, "level", "second-county", first=county.line))
        elif level == "county":
            county = place
    if county is None:
        faults.append(_fault(1, "level", "no-county"))
    elif only is not None and county.code != only:
        faults.append(_fault(county.line, "code12", "other-county", county=only))
    for place, parent in listed:
        if place.level == "county":
            if parent not in ("", place.code[:4] + "00000000", place.code[:2] + "0000000000"):
                faults.append(_fault(place.line, "parent", "bad-parent", parent=place.code[:4] + "00000000"))
            continue
        if county is not None and place.code[:6] != county.code[:6]:
            faults.append(_fault(place.line, "code12", "other-county", county=county.code))
            continue
        expected = parent_code(place.code)
        if parent != expected:
            faults.append(_fault(place.line, "parent", "bad-parent", parent=expected))
        elif expected not in lines and (place.level == "village" or county is not None):
            faults.append(_fault(place.line, "parent", "parent-missing", parent=expected))
        if not in_usual_range(place.code):
            warnings.append(_fault(place.line, "code12", "soft-range"))
    if faults or county is None:
        return sorted(faults, key=lambda f: f.line)
    places = sorted((place for place, _ in listed), key=lambda p: (LEVELS.index(p.level), p.code))
    return Register(county.code, tuple(places), skipped, tuple(sorted(warnings, key=lambda f: f.line)))


def read_changes(rows: Rows, county: str, former: Collection[str] = ()) -> Changes | list[Fault]:
    """The rows of a changes file that concern the county with the code `county`, or every fault in the file.

    Columns: CHANGES_COLUMNS. `former`: codes of the county's own closed counties as stored; those that the file itself names are found
    here. A row concerns the county if its new code belongs to it or to a former county of it, if its old code belongs to it, or if its
    old code belonged to a former county and has no new one. Across the border only our half is kept: what came has no former place here,
    what left no successor.
    Faults in any row: bad-code, bad-level, name-missing, name-too-long, control-character, code-missing, empty-change, unknown-kind,
    kind-disagrees, bad-snapshots. In a row that concerns us also: contradicts (one record per code cannot hold a code that ends and is
    given out again in the same year) and county-recoded (with its own code replaced, the county would lose every village to "elsewhere").
    Warnings: soft-range, private-use, came-from-elsewhere, moved-away.
    """
    faults: list[Fault] = []
    found: list[tuple[Change, list[Fault]]] = []
    total = 0
    for line, cells in rows:
        total += 1
        warnings: list[Fault] = []
        change = _read_change(line, cells, faults, warnings)
        if change is not None:
            found.append((change, warnings))
    ours = {county, *former}
    counties = [c for c, _ in found if c.level == "county"]
    for _ in counties:  # as often as the longest possible chain of former counties
        ours |= {c.old_code for c in counties if c.new_code in ours and c.old_code is not None}
    own = {code[:6] for code in ours}

    kept: list[Change] = []
    kept_warnings: list[Fault] = []
    for change, warnings in found:
        old, new = change.old_code, change.new_code
        old_own, new_own = old is not None and old[:6] in own, new is not None and new[:6] in own
        if old == county and new != county:
            faults.append(_fault(change.line, "old_code12", "county-recoded"))
        if not new_own and not (old_own and (new is None or change.belonged_to(county))):
            continue
        if old is not None and not old_own:
            warnings.append(_fault(change.line, "old_code12", "came-from-elsewhere"))
        if new is not None and not new_own:
            warnings.append(_fault(change.line, "new_code12", "moved-away"))
        kept.append(replace(change, old_code=old if old_own else None, new_code=new if new_own else None))
        if old is not None and old_own and not in_usual_range(old):
            warnings.append(_fault(change.line, "old_code12", "soft-range"))
        if new is not None and new_own and new != old and not in_usual_range(new):
            warnings.append(_fault(change.line, "new_code12", "soft-range"))
        kept_warnings += warnings
    kept.sort(key=lambda c: (c.last_year, c.first_year, c.line))
    faults += _contradictions(kept)
    if faults:
        return sorted(faults, key=lambda f: f.line)
    return Changes(county, tuple(kept), total - len(kept), tuple(kept_warnings))


def _read_change(line: int, cells: Mapping[str, str], faults: list[Fault], warnings: list[Fault]) -> Change | None:
    """The row as it stands, or None and at least one fault more."""
    before = len(faults)
    level = _check_level(line, cells["level"], [cells["old_code12"].strip(), cells["new_code12"].strip()], faults)
    ends: list[tuple[str | None, str]] = []
    for side in ("old", "new"):
        code, name = cells[f"{side}_code12"].strip(), cells[f"{side}_name"].strip()
        if code and not _is_code(code):
            faults.append(_fault(line, f"{side}_code12", "bad-code"))
        if code:
            _check_name(line, f"{side}_name", name, faults, warnings)
        elif name:
            faults.append(_fault(line, f"{side}_code12", "code-missing"))
        ends.append((code or None, name))
    (old_code, old_name), (new_code, new_name) = ends
    kind = cells["kind"].strip()
    if not (old_code or old_name or new_code or new_name):
        faults.append(_fault(line, "old_code12", "empty-change"))
    elif kind in KINDS:
        shape = "new" if not old_code else "gone" if not new_code else "same" if old_code == new_code else "other"
        if shape != KINDS[kind] and len(faults) == before:  # a broken code explains a kind that does not fit
            faults.append(_fault(line, "kind", "kind-disagrees"))
    if kind not in KINDS:
        faults.append(_fault(line, "kind", "unknown-kind"))
    years = re.fullmatch(r"([0-9]{4})\.\.([0-9]{4})", cells["between_snapshots"].strip())
    first, last = (int(years[1]), int(years[2])) if years else (0, 0)
    if not 1949 <= first < last:
        faults.append(_fault(line, "between_snapshots", "bad-snapshots"))
    if level is None or len(faults) > before:
        return None
    return Change(line, level, old_code, old_name, new_code, new_name, first, last, kind)


def _contradictions(rows: Iterable[Change]) -> list[Fault]:
    ends: dict[tuple[str, int], int] = {}
    stands: dict[tuple[str, int], int] = {}
    for c in rows:
        if c.new_code is not None:
            stands.setdefault((c.new_code, c.last_year), c.line)
        if c.old_code is not None and c.old_code != c.new_code:
            ends.setdefault((c.old_code, c.last_year), c.line)
    return [_fault(line, "old_code12", "contradicts", first=stands[key]) for key, line in ends.items() if key in stands]


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
            warnings.append(_fault(row.line, "code12", "closed-but-listed", place=_label(place)))
        elif row.name in place.former_names:
            warnings.append(_fault(row.line, "name", "older-name", place=_label(place)))
        elif row.name != place.name:
            place = _named(place, row.name, [place.name])
        wanted[row.code] = place
    for code, place in sorted(existing.items()):
        if code not in wanted and place.valid_to is None:
            warnings.append(_fault(0, "code12", "vanished", place=_label(place)))
    return wanted


def _after_changes(existing: Mapping[str, Known], changes: Changes, warnings: list[Fault]) -> dict[str, Known]:
    wanted: dict[str, Known] = {}
    for code, story in _stories(changes).items():
        place = existing.get(code) or _glimpse(code, story.level, story.closed_on or story.seen_on, changes.county)
        other = _of_another_use(place, story)
        if other or story.used_again:
            warnings.append(_fault(story.line, "new_code12", "code-used-again", place=_label(place)))
        if not other:
            place = _closed(place, story.closed_on, story.successors) if story.closed_on else _standing(place, story.seen_on)
            known = place.name in (code, *story.names)  # if not, a later register, or a hand, has named it since
            if not known and story.names[-1] not in place.former_names:
                warnings.append(_fault(story.line, "new_name", "name-differs", place=_label(place)))
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
