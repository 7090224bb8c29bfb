"""What the columns of a register mean. Pure: cells in; out comes what a row says, or every fault in it.

A fault names its cell and never says back what stood in it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any
from uuid import UUID, uuid5

import orjson
from pydantic import ValidationError

from api.language import both, pick
from api.problems import REFUSED_WORD, Problem
from api.rules import cells
from api.rules.cells import Cell
from api.rules.division_code import is_code
from api.rules.refused import refused_word
from api.schemas.base import GUARDED, Body, Record, creation, marked, sent
from api.schemas.faults import OTHERWISE, WORDS, code_of
from api.schemas.household import Household
from api.schemas.imports import RegisterKind
from api.schemas.person import Person
from api.schemas.visit import Visit

Rule = Callable[[Mapping[str, Any], Mapping[str, Any], date], Problem | None]

MESSAGES = {
    # of the file
    "old-excel": both(
        "这是旧的 .xls 格式，或设有密码：请另存为不带密码的 .xlsx",
        "This is an old .xls, or it has a password: save it as .xlsx without one",
    ),
    "not-a-table": both("既不是 XLSX 也不是 CSV", "This is neither XLSX nor CSV"),
    "encoding": both("既不是 UTF-8 也不是 GB18030：请另存为 XLSX", "This is neither UTF-8 nor GB18030: save it as XLSX"),
    "quoting": both("引号不成对或单元格过长，此后未读", "A quotation mark is not closed or a cell is too long; nothing after it was read"),
    "too-big": both("解压后过大，或表格范围过大", "Too large when unpacked, or cells far outside of the table"),
    "too-many-rows": both("超过 {limit} 行：请分成几个文件", "There are more than {limit} rows: make several files of it"),
    "broke-off": both("几次都没有读完：请另存为 CSV 再试", "Reading it broke off several times: save it as CSV and try again"),
    "empty": both("没有数据行", "There are no rows"),
    "wrong-sheet": both(
        "这张表没有模板的标题：数据应在第一张表，或在名为“{sheet}”的表",
        "This sheet has none of the headings of the template: rows belong on the first sheet, or on one named {sheet}",
    ),
    # of a heading
    "missing-heading": both(
        "缺少这一列：标题可能被改名，或与别的格合并了", "This column is missing: its heading was renamed, or merged with another"
    ),
    "heading-twice": both("这个标题出现两次", "This heading stands twice"),
    "no-heading": both("这一列有内容而没有标题：标题可能被合并了", "This column has content and no heading: it may have been merged"),
    "unknown-heading": both("模板没有这一列，不读", "The template has no such column; it is not read"),
    # of a cell
    "missing": both("必填", "This is required"),
    "no-value": both("这一格是错误值，或是没有算出结果的公式", "This cell holds an error, or a formula without a result"),
    "bad-day": both("应为日期，如 2026-01-05", "This must be a day, as in 2026-01-05"),
    "bad-choice": both("只能填：{choices}", "This may only be one of: {choices}"),
    "bad-code": both("应为 12 位区划代码：请把该列设为文本格式", "This must be a 12-digit code: format the column as text"),
    "unknown-place": both("您的范围内没有这个村", "There is no such village within your reach"),
    "place-twice": both("有几个同名的村：请填区划代码", "Several villages bear this name: give the code"),
    "village-disagrees": both("村名与区划代码不符", "The name is not that of the village with this code"),
    "unknown-group": both("这个村没有这个组", "The village has no such group"),
    "unknown-household": both("这个村没有这个户号的户", "The village has no household of this number"),
    "household-twice": both(
        "这个村有几户是这个户号：请填组，或先改正户号", "Several households bear this number: give the group, or mend it first"
    ),
    "same-row": both("与第 {first} 行是同一个", "Row {first} names the same"),
    # what is only to be looked at
    "looks-double": both("已有看起来相同的记录；仍会导入", "There is a record that looks the same; this one is imported all the same"),
    "there-otherwise": both("已有这条记录，内容不同；不改动它", "The record is there already, with other content; it stays as it is"),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong in a file, or only to be looked at. `row` 0 and `cell` "": the file as a whole. `id`: the record that it is about."""

    row: int
    column: str
    cell: str
    code: str
    words: str
    id: UUID | None = None

    def document(self) -> dict[str, Any]:
        said = {"row": self.row, "column": self.column, "cell": self.cell, "code": self.code, "detail": self.words}
        return {**said, "id": None if self.id is None else str(self.id)}


def fault(row: int, column: str, cell: str, code: str, *, about: UUID | None = None, **facts: object) -> Fault:
    return Fault(row, column, cell, code, MESSAGES[code].format(**facts), about)


@dataclass(frozen=True, slots=True)
class Column:
    """`member` of the record, or what it hangs on: code, village, group, number. `reads` makes a cell into what JSON would say.
    `choices`: words that may stand in it, and their codes, which may stand there too; `also`: other words for the same."""

    heading: str
    member: str
    example: str
    words: str
    reads: Callable[[Cell], Any] = cells.words
    required: bool = False
    choices: Mapping[str, Any] = field(default_factory=dict)
    also: Mapping[str, Any] = field(default_factory=dict)
    several: bool = False
    known: Mapping[str, Any] = field(init=False)  # all that may stand in it, made once and not for each cell

    def __post_init__(self) -> None:
        object.__setattr__(self, "known", {**self.choices, **{str(code): code for code in self.choices.values()}, **self.also})


HOUSEHOLD_STATUS = {"在家": "living_here", "外出": "away", "迁走": "moved", "销户": "dissolved"}
PERSON_STATUS = {"在家": "present", "外出": "away", "迁走": "moved", "去世": "died"}
SEX = {"男": 1, "女": 2, "未知": 0, "未说明": 9}
RELATION = {"户主": "head", "配偶": "spouse", "子女": "child", "父母": "parent", "其他": "other"}
# as registers print it; whether first or second child is not kept
KIN = {**dict.fromkeys(("本人",), "head"), **dict.fromkeys(("夫", "妻", "丈夫", "妻子"), "spouse")}
KIN |= dict.fromkeys(("父", "母", "父亲", "母亲"), "parent")
KIN |= {order + child: "child" for order in ("", "长", "次", "三", "四", "五", "六", "独生") for child in "子女"}
KIN |= dict.fromkeys(("儿子", "女儿"), "child")
MANNER = {"入户": "home", "电话": "phone", "办公室": "office"}
OUTCOME = {"见到": "met", "未遇": "absent", "谢绝": "declined"}


def _column(heading: str, member: str, example: str, zh: str, en: str, reads: Callable[[Cell], Any] = cells.words, **more: Any) -> Column:
    return Column(heading, member, example, both(zh, en), reads, **more)


_PLACE = (
    _column("区划代码", "code", "", "村的 12 位区划代码；填了村名可以不填", "The village's 12-digit code; or its name", cells.narrow),
    _column("村", "village", "示例村", "村名；几个村同名时填区划代码", "Its name; the code where names are shared", cells.village),
    _column("组", "group", "3", "村民小组号；没有小组的空着", "Number of the villagers' group; empty where there is none", cells.group),
)
_NUMBER = _column(
    "户号", "number", "0103-07", "村里自编的户号", "The number that the village gave the household", cells.narrow, required=True
)
_PHONES = _column("联系电话", "phones", "13800138000、0543-7321456", "几个号码用、隔开", "Several are divided by 、", cells.phones)
COLUMNS: dict[RegisterKind, tuple[Column, ...]] = {
    "households": (
        *_PLACE,
        _NUMBER,
        _column("住址", "address", "村东头", "到门牌为止", "Address"),
        _PHONES,
        _column("状态", "status", "在家", "不填为在家", "Empty: 在家", choices=HOUSEHOLD_STATUS),
    ),
    "people": (
        *_PLACE,
        _NUMBER,
        _column("姓名", "name", "王秀英", "间隔号用 ·", "The separator is ·", cells.name, required=True),
        _column("性别", "sex", "女", "不填为未知", "Empty: 未知", choices=SEX),
        _column("出生日期", "born_on", "1958-03-04", "年月日", "Year, month, day", cells.day),
        _column("与户主关系", "relation", "户主", "不填为其他", "Empty: 其他", choices=RELATION, also=KIN),
        _PHONES,
        _column("状态", "status", "在家", "不填为在家", "Empty: 在家", choices=PERSON_STATUS, also={"死亡": "died"}),
    ),
    "visits": (
        *_PLACE,
        _NUMBER,
        _column("家访日期", "visited_on", "2026-11-20", "年月日，最晚明天", "Tomorrow at the latest", cells.day, required=True),
        _column("方式", "manner", "入户", "不填为入户", "Empty: 入户", choices=MANNER),
        _column(
            "结果", "outcome", "见到", "没见到人的，下面三项空着", "Nobody met: the next three stay empty", required=True, choices=OUTCOME
        ),
        _column("事项", "purposes", "养老服务", "几项用、隔开", "Several are divided by 、", several=True),
        _column("约定", "agreed", "下周带材料来办理", "约定了什么", "What was agreed"),
        _column("备注", "notes", "老人精神好", "这一户自己能看到", "The family reads it"),
    ),
}
SCHEMAS: dict[RegisterKind, type[Record]] = {"households": Household, "people": Person, "visits": Visit}
SHEET: dict[RegisterKind, str] = {"households": "户", "people": "人", "visits": "家访"}
NAMES: dict[RegisterKind, str] = {"households": "household", "people": "person", "visits": "visit"}


def columns(kind: RegisterKind, purposes: Mapping[str, str]) -> tuple[Column, ...]:
    """`purposes`: name -> code, of the county's catalogue."""
    return tuple(replace(column, choices=purposes) if column.several else column for column in COLUMNS[kind])


def template(kind: RegisterKind, purposes: Mapping[str, str]) -> dict[str, list[list[str]]]:
    """The sheets of the workbook to fill in: the columns with an example that no village bears the name of, and what they mean."""
    known = columns(kind, purposes)
    explained = [["列", "必填", "说明", "Meaning", "可以填 / one of"]]
    for column in known:
        one_of = "\n".join(word if word == str(code) else f"{word}（{code}）" for word, code in column.choices.items())
        explained.append([column.heading, "是" if column.required else "", pick(column.words, "zh"), pick(column.words, "en"), one_of])
    explained.append(["", "", "示例行请删去；标题不要改动", "Delete the example row; leave the headings as they are", ""])
    return {SHEET[kind]: [[column.heading for column in known], [column.example for column in known]], "说明": explained}


@dataclass(frozen=True, slots=True)
class Row:
    """A row without a fault of its own: what it hangs on (`place_ids`, and the `number` of a household in them), and what it says."""

    row: int
    place_ids: tuple[int, ...]
    number: str
    said: dict[str, Any]


class Places:
    """The villages and groups within reach, as a file names them."""

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self._by_code: dict[str, Mapping[str, Any]] = {}
        self._by_name: dict[str, list[Mapping[str, Any]]] = {}
        self._groups: dict[int, list[Mapping[str, Any]]] = {}
        for row in rows:
            if row["level"] == "village":
                self._by_code[row["code"]] = row
                if row["valid_to"] is None:
                    self._by_name.setdefault(cells.village(row["name"]), []).append(row)
            elif row["level"] == "group":
                self._groups.setdefault(row["parent_id"], []).append(row)

    def village(self, code: str, name: str) -> tuple[Mapping[str, Any] | None, str, str]:
        """The village, or None with the member and the code of the fault."""
        if code:
            found = self._by_code.get(code)
            if found is None:
                return None, "code", "unknown-place" if is_code(code) else "bad-code"
            return (None, "village", "village-disagrees") if name and name != cells.village(found["name"]) else (found, "", "")
        named = self._by_name.get(name, [])
        if not name:
            return None, "village", "missing"
        return (named[0], "", "") if len(named) == 1 else (None, "village", "place-twice" if named else "unknown-place")

    def groups(self, village: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        return self._groups.get(village["place_id"], [])

    def group(self, village: Mapping[str, Any], said: str) -> Mapping[str, Any] | None:
        return next((g for g in self.groups(village) if said in (str(g["group_number"]), g["name"])), None)


class Reader:
    """Reads the rows of one file, headings first. `rows`: how many there were; `notes`: what in the headings is to be looked at."""

    def __init__(self, kind: RegisterKind, places: Places, purposes: Mapping[str, str], rule: Rule | None, today: date) -> None:
        self.kind, self._places, self._rule, self._today = kind, places, rule, today
        self._columns = {c.heading: c for c in columns(kind, purposes)}
        self._model: type[Body] = creation(SCHEMAS[kind])
        self._fields = dict(sent(SCHEMAS[kind]))
        self.rows, self.notes = 0, list[Fault]()
        self._at: dict[str, int] = {}  # member -> its column in the file
        self._nameless: set[int] = set()
        self._heading = {c.member: c.heading for c in self._columns.values()}

    def where(self, row: int, member: str) -> tuple[int, str, str]:
        """Row, heading and name of the cell that says this member."""
        at = self._at.get(member)
        return row, self._heading.get(member, ""), "" if at is None else f"{letters(at)}{row}"

    def headings(self, row: int, line: Sequence[Cell]) -> list[Fault]:
        faults = []
        for at, cell in enumerate(line):
            heading = cells.narrow(cell).strip("*")
            column, cell_name = self._columns.get(heading), f"{letters(at)}{row}"
            if column is None:
                if heading:
                    self.notes.append(fault(row, "", cell_name, "unknown-heading"))
                else:
                    self._nameless.add(at)
            elif column.member in self._at:
                faults.append(fault(row, heading, cell_name, "heading-twice"))
            else:
                self._at[column.member] = at
        self._nameless |= set(range(len(line), len(line) + 100))
        if not self._at:
            return [fault(row, "", f"A{row}", "wrong-sheet", sheet=SHEET[self.kind])]
        wanted = [c for c in self._columns.values() if c.required and c.member not in self._at]
        if not {"code", "village"} & self._at.keys():
            wanted.insert(0, self._columns["村"])
        return faults + [fault(row, c.heading, "", "missing-heading") for c in wanted]

    def row(self, row: int, line: Sequence[Cell]) -> Row | list[Fault] | None:
        """None: an empty row."""
        if not any(cells.words(cell) for cell in line):
            return None
        self.rows += 1
        faults: list[Fault] = []
        for at in sorted(self._nameless & {n for n, cell in enumerate(line) if cells.words(cell)}):
            self._nameless.discard(at)  # once for all rows
            faults.append(fault(row, "", f"{letters(at)}{row}", "no-heading"))
        said: dict[str, Any] = {}
        wrong_members: set[str] = set()
        for column in self._columns.values():
            at = self._at.get(column.member, len(line))
            cell = line[at] if at < len(line) else None
            if not cells.words(cell):
                if column.required:
                    wrong_members.add(column.member)
                    faults.append(fault(*self.where(row, column.member), "missing"))
                continue
            value, code, facts = (None, "no-value", {}) if cell is cells.BROKEN else _value(column, cell)
            if code:
                wrong_members.add(column.member)
                faults.append(fault(*self.where(row, column.member), code, **facts))
            else:
                said[column.member] = value
        named = {member: said.pop(member, "") for member in ("code", "village", "group")}
        place_ids, wrong = self._place(**named)
        faults += [fault(*self.where(row, member), code) for member, code in wrong]
        number = said.get("number", "") if self.kind == "households" else said.pop("number", "")
        if any(c < " " for c in number):  # no number has it, and the database can't look for it
            wrong_members.add("number")
            faults.append(Fault(*self.where(row, "number"), "control_character", WORDS["control_character"]))
        faults += self._of_shape(row, said, wrong_members)
        if faults:
            return sorted(faults, key=lambda f: (len(f.cell), f.cell))
        return Row(row, place_ids, number, said)

    def _place(self, code: str, village: str, group: str) -> tuple[tuple[int, ...], list[tuple[str, str]]]:
        """Where the row belongs: a household to the group or, with none, the village; what hangs on a household is looked for in both."""
        found, member, wrong = self._places.village(code, village)
        if found is None:
            return (), [(member, wrong)]
        if group:
            named = self._places.group(found, group)
            return ((named["place_id"],), []) if named else ((), [("group", "unknown-group")])
        below = () if self.kind == "households" else tuple(g["place_id"] for g in self._places.groups(found))
        return (found["place_id"], *below), []

    def _of_shape(self, row: int, said: Mapping[str, Any], wrong: set[str]) -> Iterator[Fault]:
        """By the model of a creation, the word guard, and the kind's own rule; of a cell that is wrong already nothing more is said."""
        for member, member_field in self._fields.items():
            if marked(member_field, GUARDED) and isinstance(said.get(member), str) and refused_word(said[member]):
                wrong.add(member)
                yield Fault(*self.where(row, member), REFUSED_WORD.slug, REFUSED_WORD.title)
        doc, faults = self._made(said)
        for member, code in faults:
            if member not in wrong:
                wrong.add(member)
                yield Fault(*self.where(row, member), code, WORDS.get(code, OTHERWISE))
        if wrong:  # by what is as it should be
            doc, _ = self._made({member: value for member, value in said.items() if member not in wrong})
        while doc and self._rule and (problem := self._rule(doc, {}, self._today)):
            [at] = problem.faults
            member = at.pointer.strip("/")
            yield Fault(*self.where(row, member), at.code, at.words)
            # the rule looks on as if this one were right; a required one is a day
            doc[member] = self._today if self._fields[member].is_required() else self._fields[member].default

    def _made(self, said: Mapping[str, Any]) -> tuple[dict[str, Any] | None, list[tuple[str, str]]]:
        """The record that these members make, or which of them are wrong."""
        hangs_on: dict[str, Any] = {"place_id": 1} if self.kind == "households" else {"household_id": UUID(int=0)}
        try:
            return self._model.model_validate_json(orjson.dumps({**hangs_on, **said})).model_dump(), []
        except ValidationError as error:
            errors = error.errors(include_url=False, include_input=False)
            return None, [(str(each["loc"][0]), code_of(each)) for each in errors]


def _value(column: Column, cell: Cell) -> tuple[Any, str, dict[str, Any]]:
    """What the cell says, or the code of its fault and the facts in its words."""
    if column.choices or column.several:
        found = (cells.choices if column.several else cells.choice)(cell, column.known)
        if found is None:
            return None, "bad-choice", {"choices": "、".join(column.choices)}
        return found, "", {}
    value = column.reads(cell)
    return value, "bad-day" if value is None else "", {}


def letters(column: int) -> str:
    """A for 0, AA for 26."""
    return (letters(column // 26 - 1) if column >= 26 else "") + chr(ord("A") + column % 26)


def identity(kind: RegisterKind, above: UUID, said: Mapping[str, Any]) -> UUID:
    """The id of a record that a row names, below the id of its place or household: the same row again is the same record."""
    names = {"households": ("number",), "people": ("name", "born_on"), "visits": ("visited_on",)}[kind]
    return uuid5(above, ":".join([NAMES[kind], *(str(said.get(name) or "") for name in names)]))


def again(record_id: UUID) -> UUID:
    """The id of the next record in place of one that was voided."""
    return uuid5(record_id, "again")
