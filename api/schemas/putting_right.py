from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from api.language import both
from api.schemas.base import Body, Id, Paging, PlaceOrBelow, says

Kind = Literal["household", "person"]
Inconsistency = Literal["head-elsewhere", "head-gone", "no-household", "nobody-is-head", "odd-characters"]


class Repair(BaseModel):
    """一步处理的办法。The one call that mends it."""

    method: Literal["POST", "PATCH"] = says("方法", "Method", "POST")
    path: str = says("地址", "Path", "/v1/people/0193a1f2-5b7c-7cc3-98c4-dc0c0c07398f/join")
    if_match: str | None = says("If-Match 的值；不需要时为空", "Value of If-Match; null where none is needed")
    body: dict[str, Any] = says("内容；值为空的由人来定", "The body; a value that is null is for somebody to choose")


class Double(BaseModel):
    """看起来是同一个的两条。Two records that look like one."""

    kind: Kind = says("种类", "Kind of record", "person")
    id: Id = says("一条", "One")
    other_id: Id = says("另一条", "The other")
    place_id: int = says("所在地方", "Place of the one", 5)
    one: dict[str, Any] = says("一条的内容", "The one")
    other: dict[str, Any] = says("另一条的内容", "The other")
    repair: Repair = says("确是同一个时", "If they are one")


class DoublesQuery(Paging):
    kind: Kind = Field("person", description=both("人或户", "People or households"))
    place_id: PlaceOrBelow = None


class Told(Body):
    """确认是两个，不是一个。Two records that are two."""

    kind: Annotated[Kind, says("种类", "Kind of record", "person")]
    id: Annotated[Id, says("一条", "One")]
    other_id: Annotated[Id, says("另一条", "The other")]


class Wrong(BaseModel):
    """对不上的一条记录。A record that does not agree with others."""

    problem: Inconsistency = says("什么对不上", "What is wrong", "nobody-is-head")
    words: str = says("说明", "In words", "户里有人，但没有户主")
    kind: Kind = says("种类", "Kind of record", "household")
    id: Id = says("记录编号", "Id of the record")
    place_id: int = says("所在地方", "Its place", 5)
    doc: dict[str, Any] = says("这条记录", "The record")
    repair: Repair = says("一步处理的办法", "What mends it")


class ToPutRightQuery(Paging):
    problem: Inconsistency | None = Field(None, description=both("只看这一类", "Only this one"))
    place_id: PlaceOrBelow = None
