"""The two kinds of file that tell of divisions. A *register* lists what stands today; a *changes* file tells what happened between two
snapshots. Neither carries an exact day. Pure: rows in; out comes what the file says, or every fault in it.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from api.rules.division_code import LEVELS, Level, division_level, in_usual_range, is_code, parent_code

Rows = Iterable[tuple[int, Mapping[str, str]]]  # (line as an editor counts it, cell by column name): what files/text_table.py gives
REGISTER_COLUMNS = ("code12", "name", "level", "urban_rural_class", "parent")
CHANGES_COLUMNS = ("level", "old_code12", "old_name", "new_code12", "new_name", "between_snapshots", "kind", "evidence")
NAME_MAX = 50  # code points
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


def fault(line: int, column: str, code: str, **facts: object) -> Fault:
    zh, en = _MESSAGES[code]
    return Fault(line, column, code, zh.format(**facts), en.format(**facts))


def _check_name(line: int, column: str, text: str, faults: list[Fault], warnings: list[Fault]) -> str:
    """The trimmed name. Nothing else is normalised: a rare character is part of the name."""
    name = text.strip()
    if not name:
        faults.append(fault(line, column, "name-missing"))
    elif len(name) > NAME_MAX:
        faults.append(fault(line, column, "name-too-long"))
    elif any(unicodedata.category(c) == "Cc" for c in name):
        faults.append(fault(line, column, "control-character"))
    elif any(unicodedata.category(c) == "Co" for c in name):
        warnings.append(fault(line, column, "private-use"))
    return name


def _check_level(line: int, text: str, codes: Iterable[str], faults: list[Fault]) -> Level | None:
    """The level that the row names; None (and one fault) where it is unknown or a code says otherwise."""
    for level in LEVELS:
        if level == text.strip() and all(division_level(code) == level for code in codes if is_code(code)):
            return level
    faults.append(fault(line, "level", "bad-level"))
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
        if not is_code(code):
            faults.append(fault(line, "code12", "bad-code"))
            continue
        if lines.setdefault(code, line) != line:
            faults.append(fault(line, "code12", "duplicate-code", first=lines[code]))
            continue
        if level is None:
            continue
        place = Listed(line, code, name, level)
        listed.append((place, cells["parent"].strip()))
        if level == "county" and county is not None:
            faults.append(fault(line, "level", "second-county", first=county.line))
        elif level == "county":
            county = place
    if county is None:
        faults.append(fault(1, "level", "no-county"))
    elif only is not None and county.code != only:
        faults.append(fault(county.line, "code12", "other-county", county=only))
    for place, parent in listed:
        if place.level == "county":
            if parent not in ("", place.code[:4] + "00000000", place.code[:2] + "0000000000"):
                faults.append(fault(place.line, "parent", "bad-parent", parent=place.code[:4] + "00000000"))
            continue
        if county is not None and place.code[:6] != county.code[:6]:
            faults.append(fault(place.line, "code12", "other-county", county=county.code))
            continue
        expected = parent_code(place.code)
        if parent != expected:
            faults.append(fault(place.line, "parent", "bad-parent", parent=expected))
        elif expected not in lines and (place.level == "village" or county is not None):
            faults.append(fault(place.line, "parent", "parent-missing", parent=expected))
        if not in_usual_range(place.code):
            warnings.append(fault(place.line, "code12", "soft-range"))
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
            faults.append(fault(change.line, "old_code12", "county-recoded"))
        if not new_own and not (old_own and (new is None or change.belonged_to(county))):
            continue
        if old is not None and not old_own:
            warnings.append(fault(change.line, "old_code12", "came-from-elsewhere"))
        if new is not None and not new_own:
            warnings.append(fault(change.line, "new_code12", "moved-away"))
        kept.append(replace(change, old_code=old if old_own else None, new_code=new if new_own else None))
        if old is not None and old_own and not in_usual_range(old):
            warnings.append(fault(change.line, "old_code12", "soft-range"))
        if new is not None and new_own and new != old and not in_usual_range(new):
            warnings.append(fault(change.line, "new_code12", "soft-range"))
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
        if code and not is_code(code):
            faults.append(fault(line, f"{side}_code12", "bad-code"))
        if code:
            _check_name(line, f"{side}_name", name, faults, warnings)
        elif name:
            faults.append(fault(line, f"{side}_code12", "code-missing"))
        ends.append((code or None, name))
    (old_code, old_name), (new_code, new_name) = ends
    kind = cells["kind"].strip()
    if not (old_code or old_name or new_code or new_name):
        faults.append(fault(line, "old_code12", "empty-change"))
    elif kind in KINDS:
        shape = "new" if not old_code else "gone" if not new_code else "same" if old_code == new_code else "other"
        if shape != KINDS[kind] and len(faults) == before:  # a broken code explains a kind that does not fit
            faults.append(fault(line, "kind", "kind-disagrees"))
    if kind not in KINDS:
        faults.append(fault(line, "kind", "unknown-kind"))
    years = re.fullmatch(r"([0-9]{4})\.\.([0-9]{4})", cells["between_snapshots"].strip())
    first, last = (int(years[1]), int(years[2])) if years else (0, 0)
    if not 1949 <= first < last:
        faults.append(fault(line, "between_snapshots", "bad-snapshots"))
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
    return [fault(line, "old_code12", "contradicts", first=stands[key]) for key, line in ends.items() if key in stands]
