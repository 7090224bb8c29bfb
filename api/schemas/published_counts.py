from typing import Literal

from pydantic import BaseModel, Field

from api.language import both
from api.schemas.base import Day, Id, PlaceNumber, says


class CountsQuery(BaseModel):
    round: int = Field(ge=1, le=2**31 - 1, description=both("第几轮", "Number of the round"))
    place_id: PlaceNumber | None = Field(
        None, description=both("只看这个地方及其下级（编号）", "Only this place and what lies below it (its number)")
    )


class CountClass(BaseModel):
    """人数所在的组。The class that a count lies in."""

    from_: int = Field(alias="from", description=both("不少于", "At least"), examples=[60])
    to: int = says("不多于", "At most", 69)


class PlaceCounts(BaseModel):
    """一个地方的公布数。What is published of one place."""

    place_id: int = says("地方编号", "Number of the place", 5)
    code: str = says("区划代码", "Its division code", "990101100201")
    name: str = says("名称", "Its name", "新园村")
    level: Literal["county", "township", "village"] = says("级别", "Its level", "village")
    places: int | None = says("场次名额之和；有一场不限名额的，为空", "Places in its sessions; null where one has no limit", 80)
    offered: CountClass | None = says(
        "发出邀请的人数所在的组；不足十人、或说出来会让人推算出某个村的，为空；公布之前也为空",
        "People who were invited; null where they are fewer than ten, or where it would tell of a village; and before it is published",
    )
    attended: CountClass | None = says("到检的人数所在的组；为空的情形同上", "People who attended; null in the same cases")


class RoundCounts(BaseModel):
    """一轮体检的公布数：公布一次，不再改动。What is published of a round, once and for all."""

    programme_id: Id = says("体检项目", "The programme")
    round: int = says("第几轮", "The round", 1)
    due_on: Day = says(
        "从这一天起公布：这一轮及其最后一场结束七天之后",
        "It is published from this day on, seven days after the end of the round and of its last session",
        "2026-11-12",
    )
    published_on: Day | None = says("公布的日子；还没有公布时为空", "When it was published; null: not yet", "2026-11-12")
    rows: list[PlaceCounts] = says("范围内的地方，按区划代码排列", "The places within reach, by division code")
