from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from api.language import both
from api.schemas.base import SERVER, Body, Day, Id, PlaceNumber, Query, Record, Short, says

Level = Literal["county", "township", "village", "group"]


class Place(Record):
    """地方：县、乡镇、村，或村下的村民小组。A division of any level, or a villagers' group below a village."""

    code: Annotated[str | None, SERVER, says("12 位区划代码；小组没有", "12-digit division code; a group has none", "990101100201")]
    name: Annotated[str, SERVER, says("名称", "Name", "柳湾村")]
    level: Annotated[Level, SERVER, says("级别", "Level", "village")]
    group_number: Annotated[int | None, SERVER, says("小组号 1–99", "Number of the group in its village, 1–99")]
    parent_id: Annotated[PlaceNumber | None, SERVER, says("上级的编号；县没有", "Number of the place above; the county has none", 2)]
    successor_ids: Annotated[list[PlaceNumber], SERVER, says("撤并后由哪些地方承接", "Places that took over from a closed one")]
    valid_from: Annotated[Day | None, SERVER, says("启用日期，不详为空", "In force from; null: not known")]
    valid_to: Annotated[Day | None, SERVER, says("撤销日期", "In force to; null: in force")]
    valid_to_provisional: Annotated[bool, SERVER, says("撤销日期是否为推定", "Whether valid_to is only known to the year")]
    former_names: Annotated[list[str], SERVER, says("曾用名", "Former names")]


class PlaceQuery(Query):
    level: Level | None = Field(None, description=both("级别", "Level"))
    parent_id: PlaceNumber | None = Field(None, description=both("上级的编号", "Number of the place above"))
    code: str | None = Field(None, pattern=r"^\d{12}$", description=both("区划代码", "Division code"))


class NewGroup(Body):
    """村民小组。A villagers' group."""

    id: Annotated[Id | None, says("编号，可由客户端生成，断线可重发", "Id; the client may make it, and repeat after a lost reply")] = None
    parent_id: Annotated[PlaceNumber, says("所在村的编号", "Number of its village", 5)]
    group_number: Annotated[int, Field(ge=1, le=99), says("小组号 1–99", "Number in the village, 1–99", 7)]
    name: Annotated[
        Short | None,
        StringConstraints(max_length=50),
        says("名称；不写则按小组号取名", "Name; made from the number unless told", "第7村民小组"),
    ] = None


class ImportReport(BaseModel):
    """导入结果。What an import did."""

    created: int = says("新建的地方", "Places created", 454)
    changed: int = says("修改的地方", "Places changed", 0)
    left_out: int = says("未用的行：省、市，或其他县", "Rows not used: provinces and cities, or other counties", 2)
    warnings: list[dict[str, int | str]] = says(
        "存疑之处：行、列、代码、说明；没有因此拒绝", "What is doubtful: line, column, code, detail; nothing was refused for it"
    )
