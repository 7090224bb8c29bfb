from typing import Annotated, Literal

from pydantic import Field

from api.language import both
from api.schemas.base import SERVER, Day, PlaceNumber, Query, Record, says

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
