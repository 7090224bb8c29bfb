from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from api.language import both
from api.schemas.base import GUARDED, ONCE, SERVER, Day, Id, Names, PlaceNumber, Query, Record, Seen, Words, says

Status = Literal["planned", "open", "closed", "called_off"]
Time = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
RoundNumber = Annotated[int, Field(ge=1, le=9999)]


class CheckupSession(Record):
    """体检场次：某天在某地的一场体检。One dated session of a check-up programme at a place."""

    place_id: Annotated[PlaceNumber, ONCE, says("在哪里办：乡镇、村或小组的编号", "Where: number of a township, village or group", 6)]
    programme_id: Annotated[Id, ONCE, Names("checkup_programme"), says("哪个项目", "The programme")]
    round: Annotated[RoundNumber, ONCE, says("第几轮", "The number of its round", 1)]
    held_on: Annotated[Day, says("哪一天；改期时改它", "The day; a session is moved by changing it", "2026-12-01")]
    from_time: Annotated[Time | None, says("几点开始（北京时间）", "From when, by the time in China", "08:00")] = None
    to_time: Annotated[Time | None, says("几点结束", "Until when", "11:30")] = None
    venue: Annotated[Words, StringConstraints(min_length=1, max_length=100), GUARDED, says("地点", "Where one goes", "村卫生室")]
    capacity: Annotated[
        Annotated[int, Field(ge=1, le=100_000)] | None, says("名额；为空则不限", "How many can come; null: no limit", 40)
    ] = None
    make_up_for_id: Annotated[Id | None, ONCE, Names("checkup_session"), says("为哪一场补查", "The session that it makes up for")] = None
    status: Annotated[
        Status, says("planned 已定 · open 进行中 · closed 已结束 · called_off 取消", "planned, open, closed or called off", "planned")
    ] = "planned"
    full: Annotated[bool, SERVER, says("名额是否已满", "Whether all seats are taken", False)] = False
    over_by: Annotated[
        int,
        SERVER,
        Seen(group="none", family=False),
        says("超出名额约几人，按十进（现场来的照样接待）", "By how many it is over, rounded up to tens: whoever came was welcome", 0),
    ] = 0


class CheckupSessionQuery(Query):
    programme_id: Id | None = Field(None, description=both("只看这个项目", "Only this programme"))
    round: RoundNumber | None = Field(None, description=both("第几轮", "Round"))
    place_id: PlaceNumber | None = Field(
        None, description=both("只看这个地方及其下级（编号）", "Only this place and what lies below it (its number)")
    )
    status: Status | None = Field(None, description=both("状态", "Status"))
    held_from: Day | None = Field(None, description=both("从这一天起", "On this day or later"))
    held_to: Day | None = Field(None, description=both("到这一天为止", "On this day or earlier"))
