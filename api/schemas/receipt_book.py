from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from api.language import both
from api.schemas.base import ONCE, SERVER, Body, Id, PlaceNumber, Query, Record, Short, says

Number = Annotated[int, Field(ge=1, le=10**9)]
Series = Annotated[Short, StringConstraints(pattern=r"^[0-9A-Za-z一-鿿-]{1,20}$")]
Status = Literal["in_use", "returned", "lost"]
State = Literal["issued", "spoiled", "blank", "returned", "lost"]


class ReceiptBook(Record):
    """票据本：分给一台设备的一段号码。A block of receipt numbers that is allotted to one device; in a series no two share a number."""

    place_id: Annotated[PlaceNumber, ONCE, says("用在哪个地方（编号）", "Number of the place where it is used", 5)]
    device_id: Annotated[Id, ONCE, says("分给哪台设备", "The device that it is allotted to")]
    series: Annotated[Series, ONCE, says("字轨", "The series", "青A")]
    first_number: Annotated[Number, ONCE, says("起号", "The first number", 1)]
    last_number: Annotated[Number, ONCE, says("止号", "The last number", 50)]
    status: Annotated[Status, says("in_use 在用 · returned 已交回 · lost 已遗失", "in_use, returned or lost", "in_use")] = "in_use"
    spoiled: Annotated[list[Number], SERVER, says("写坏的号码", "Numbers that were spoiled")]


class Spoiling(Body):
    """写坏的原因。Why a number was spoiled."""

    reason: Annotated[Short, says("原因", "Why", "写错金额")]


class NumberSaid(Body):
    """一个号码的去向。What became of a number."""

    number: int = says("号码", "The number", 1)
    state: State = says(
        "issued 已开出 · spoiled 写坏 · blank 空白 · returned 已交回 · lost 已遗失", "issued, spoiled, blank, returned or lost", "issued"
    )
    payment_ids: list[Id] = says("哪些缴款用了它；多于一个就要查", "The payments that carry it; more than one is to be looked into")


class Numbers(Body):
    """一本票据的各号码。The numbers of a receipt book."""

    left: int = says("还剩几张空白", "How many are blank", 49)
    items: list[NumberSaid] = says("各号码", "Each number")


class ReceiptBookQuery(Query):
    device_id: Id | None = Field(None, description=both("只看这台设备的", "Only of this device"))
    place_id: PlaceNumber | None = Field(
        None, description=both("只看这个地方及其下级（编号）", "Only this place and what lies below it (its number)")
    )
    series: Series | None = Field(None, description=both("字轨", "The series"))
    status: Status | None = Field(None, description=both("状态", "Status"))
    running_out: bool | None = Field(
        None, description=both("在用、空白不多于 10 张的：该分下一本了", "In use with at most 10 blank numbers: time for the next book")
    )
