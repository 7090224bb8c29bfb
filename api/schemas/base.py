"""What goes over the wire is made of these: types that carry meaning, and marks that say how a member behaves.

One class per kind declares every member once, with its type, its words and its marks. From it follow the body of a creation
(`creation`), of a change (`change`), the document that goes out (the class itself), who sees a member (`Seen`) and what is
looked up before writing (`Coded`). Bodies are strict: unknown members and near-miss types are refused.
"""

import re
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, get_args
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    create_model,
)
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, PydanticCustomError

from api.language import both
from api.schemas import text

View = Literal["office", "group"]
M = TypeVar("M")
MAY_BE_ABSENT: dict[str, Any] = {"absent": True}  # of a member of a reply: all others are always there


# Marks: what a member is besides its type
@dataclass(frozen=True, slots=True)
class Seen:
    """Who sees a member. `group`: the lead household of a group sees it always, only in records of its own, or never. `family`: whether
    the family does, in its own household."""

    group: Literal["all", "own", "none"] = "all"
    family: bool = True

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), **(MAY_BE_ABSENT if self.group == "none" else {})}


@dataclass(frozen=True, slots=True)
class Coded:
    """The member holds a code, or codes, of this catalogue."""

    catalogue: str


@dataclass(frozen=True, slots=True)
class Names:
    """The member holds the id, or ids, of records of this kind, within the writer's reach."""

    kind: str


@dataclass(frozen=True, slots=True)
class EndOf:
    """The member is the end of a sealed value, which has calls of its own. A GET by id shows it in the office view, and nothing else does.
    `value`: what the value is called in the trail, which says of it only whether there is one. `blind`: the column that is equal where the
    value is."""

    value: str
    blind: str


@dataclass(frozen=True, slots=True)
class Mark:
    name: str


ONCE = Mark("once")  # set by whoever creates the record, never changed
SERVER = Mark("server")  # set by the service; no client sends it
GUARDED = Mark("guarded")  # free text that the word guard reads (rules/refused.py)
PLACES = Mark("places")  # number of a place that the writer holds, or of one above it
COLLEAGUES = Mark("colleagues")  # ids of users who serve the same place
SERVED = Mark("served")  # ids of users who serve it, or once did


# Types
def _no_nul(value: str) -> str:
    # PostgreSQL stores no NUL; the other control characters are never typed by a person
    if any(c < " " and c not in "\n\t" for c in value):
        raise PydanticCustomError("control_character", "control character")
    return value


def _one_line(value: str) -> str:
    if any(c < " " or c == "\x7f" for c in value):
        raise PydanticCustomError("control_character", "control character")
    return value


def _phone(value: str) -> str:
    known = text.phone(value)
    if known is None:
        raise PydanticCustomError("phone", "not a phone number")
    return known


def _name(value: str) -> str:
    try:
        return text.person_name(value)
    except ValueError:
        raise PydanticCustomError("name", "not a name") from None


def _sought(value: str) -> str:
    if not (wanted := text.sought(value)):
        raise PydanticCustomError("string_too_short", "nothing to search for")
    return _no_nul(wanted)


def _storable(at: datetime) -> datetime:
    # in UTC it might be in no year that the driver knows; PostgreSQL takes less than 16 hours
    if not 1 < at.year < 9999 or abs(at.utcoffset() or timedelta()) >= timedelta(hours=16):
        raise PydanticCustomError("time", "no time of a clock")
    return at


def _no_twice(value: list[Any]) -> list[Any]:
    return list(dict.fromkeys(value))


def _no_boolean(value: object) -> object:
    if isinstance(value, bool):  # which Python takes for 0 and 1
        raise PydanticCustomError("literal_error", "no boolean")
    return value


def _day(value: object) -> object:
    if not isinstance(value, str):
        return value
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):  # in a query pydantic takes 0 for 1970
        raise PydanticCustomError("date_parsing", "no day")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise PydanticCustomError("date_parsing", "no day") from None


Id = UUID
WRITTEN_AS_A_DAY = BeforeValidator(_day)  # outermost: a limit outside it would stand in the document as what JSON Schema does not know
Day = Annotated[date, WRITTEN_AS_A_DAY]
NoBoolean = BeforeValidator(_no_boolean)
Instant = Annotated[AwareDatetime, AfterValidator(_storable)]
PlaceNumber = Annotated[int, Field(ge=1, le=2**31 - 1)]
PlaceOrBelow = Annotated[  # what the filter `place_id` of a list says
    PlaceNumber | None, Field(description=both("只看这个地方及其下级（编号）", "Only this place and what lies below it (its number)"))
]
Revision = Annotated[int, Field(ge=1, le=2**31 - 1)]
Words = Annotated[str, AfterValidator(text.plain), AfterValidator(_no_nul)]
Line = Annotated[str, AfterValidator(_one_line)]
Short = Annotated[Words, StringConstraints(min_length=1, max_length=200)]
Reason = Short
Name = Annotated[str, AfterValidator(_name)]
Birthday = Annotated[date, Field(ge=date(1850, 1, 1)), WRITTEN_AS_A_DAY]
Note = Annotated[Words, StringConstraints(max_length=2000), GUARDED]
Sought = Annotated[str, StringConstraints(max_length=50), AfterValidator(_sought)]
Fen = Annotated[int, Field(ge=1, le=10**10)]  # money, in fen (分): 100 are a yuan
Code = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,49}$")]
Phone = Annotated[str, StringConstraints(max_length=40), AfterValidator(_phone)]
Distinct = AfterValidator(_no_twice)


def says(zh: str, en: str, example: Any = None) -> Any:
    """The description of a member in both languages, and maybe an example."""
    return Field(description=both(zh, en), examples=None if example is None else [example])


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


def said(body: BaseModel, member: str) -> Any:
    """What a body says of a member; of one that has members itself those that were sent, in plain values."""
    value = getattr(body, member)
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_unset=True)
    if isinstance(value, list):
        return [each.model_dump(mode="json") if isinstance(each, BaseModel) else each for each in value]
    return value


class Paging(BaseModel):
    """Query parameters arrive as text, so not strict; unknown ones are refused all the same (wire.known_query)."""

    limit: int = Field(50, ge=1, le=200, description=both("每页条数", "Items a page"))
    cursor: str | None = Field(None, max_length=400, description=both("上一页返回的 next", "`next` of the page before"))


class Query(Paging):
    """The parameters of every list of records."""

    voided: bool = Field(False, description=both("只列出已作废的", "List only what was voided"))


class Record(Body):
    """What every record carries. All of it is set by the service."""

    id: Annotated[Id, SERVER, says("记录编号（UUID，建立者生成，建议 UUIDv7）", "Id, made by whoever creates the record; UUIDv7 advised")]
    rev: Annotated[Revision, SERVER, says("版本号，每次修改加 1", "Revision: 1 when created, one more with each change", 1)]
    place_id: Annotated[PlaceNumber, SERVER, says("所属地方的编号（见 places）", "Number of the place it belongs to (see places)", 5)]
    voided: Annotated[bool, SERVER, says("是否已作废", "Whether it was withdrawn", False)]
    created_at: Annotated[Instant, SERVER, says("建立时间（UTC）", "When the service first stored it (UTC)")]
    updated_at: Annotated[Instant, SERVER, says("最近修改时间（UTC）", "When the service last stored a change (UTC)")]
    created_by: Annotated[
        Id | None, SERVER, says("建立者；由服务器命令行建立时为空", "Who created it; null: the command line of the server")
    ]


def marks(field: FieldInfo) -> Iterator[Any]:
    """What stands beside the type, also inside `Note | None`."""
    yield from field.metadata
    for part in get_args(field.annotation):
        yield from getattr(part, "__metadata__", ())


def marked(field: FieldInfo, mark: object) -> bool:
    return mark in marks(field)


def mark_of(field: FieldInfo, kind: type[M]) -> M | None:
    return next((m for m in marks(field) if isinstance(m, kind)), None)


def at_most(field: FieldInfo) -> int:
    """How many entries a list may have."""
    limit: int = next(m.max_length for m in field.metadata if hasattr(m, "max_length"))
    return limit


def sent(schema: type[Record]) -> Iterator[tuple[str, FieldInfo]]:
    """The members that a client may send."""
    return ((name, field) for name, field in schema.model_fields.items() if not marked(field, SERVER))


def _body(schema: type[Record], name: str, extra: dict[str, Any], *, optional: bool) -> type[Body]:
    members: dict[str, Any] = {}
    for member, field in sent(schema):
        if optional:
            field = copy(field)  # noqa: PLW2901 - the same member, but it may be absent
            field.default = None  # never looked at: only what was sent counts. An empty list would be copied each time
        members[member] = (field.annotation, field)
    return create_model(name, __base__=Body, __doc__=schema.__doc__, **members, **extra)


def synced(schema: type[Record]) -> list[str]:
    """The members that a list, a pull or a reply shows: all but the ends of sealed values."""
    return [name for name, field in schema.model_fields.items() if not mark_of(field, EndOf)]


def in_family(schema: type[Record]) -> list[str]:
    """The members that the family sees of its own records."""
    return [name for name in synced(schema) if (mark_of(schema.model_fields[name], Seen) or Seen()).family]


@cache
def creation(schema: type[Record]) -> type[Body]:
    """The body of `POST`: what may be sent, as required as the schema has it, and maybe the `id`."""
    identity = (Id | None, Field(None, description=schema.model_fields["id"].description))
    return _body(schema, f"New{schema.__name__}", {"id": identity}, optional=False)


@cache
def change(schema: type[Record]) -> type[Body]:
    """The body of `PATCH` (RFC 7396): any of the members that may be sent; an absent one stays, null empties where null is allowed."""
    return _body(schema, f"{schema.__name__}Changes", {}, optional=True)


@cache
def pushed(schema: type[Record]) -> type[Body]:
    """The `doc` of an edit that was made offline: any of the members that may be sent. Phones send whole records, so members that the
    service sets are let pass, whatever they say, if a phone can have them at all; the others mean nothing here."""
    words = both("由服务器设定；写了也不看", "Set by the service; whatever it says is let pass")
    ignored = {
        name: (Any, Field(None, description=words))
        for name, f in schema.model_fields.items()
        if marked(f, SERVER) and name in synced(schema)
    }
    return _body(schema, f"{schema.__name__}Doc", ignored, optional=True)


class Voiding(Body):
    """作废的原因。Why a record is withdrawn."""

    reason: Annotated[Reason, GUARDED, says("作废原因", "Why it is withdrawn", "重复登记")]


class Change(BaseModel):
    """修改历史的一条。One entry of a record's history."""

    rev: int = says("版本号", "Revision", 2)
    by_user_id: Id | None = says("谁", "Who; null: the command line of the server")
    device_id: Id | None = says("用哪台设备", "On which device")
    made_at: datetime = says("修改时间（设备时钟）", "When it was made, by the clock of the device")
    received_at: datetime = says("到达时间（服务器时钟）", "When it arrived, by the clock of the service")
    changes: dict[str, Any] | None = says(
        "各项的 [原值, 新值]；第 1 版为空", "`[from, to]` of each member; null in revision 1, which is the record itself"
    )
    void_reason: str | None = says("作废原因", "Why it was withdrawn")
