from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from api.language import both
from api.schemas.base import ONCE, SERVER, Id, Instant, Names, Paging, PlaceNumber, Query, Record, says
from api.schemas.checkup_session import RoundNumber

# In the order of their rank (rules/attendance.py)
State = Literal["none", "missed", "invited", "confirmed", "elsewhere", "declined", "attended"]


class Attendance(Record):
    """到检：一人一轮一条，只记来没来。One person in one round of a programme: asked, and whether they came. Nothing else."""

    id: Annotated[
        Id,
        SERVER,
        says(
            "记录编号：UUIDv5，命名空间 6d1f0c52-8a5e-5b0f-9c3e-0f6a51d7a9b4，名称“programme_id:round:person_id”（小写）；"
            "不写则由服务器算出，两部手机因此得到同一条",
            "UUIDv5 of `programme_id:round:person_id` (lower case) in the namespace 6d1f0c52-8a5e-5b0f-9c3e-0f6a51d7a9b4, so two phones"
            " make one record; without it the service computes it",
        ),
    ]
    programme_id: Annotated[Id, ONCE, Names("checkup_programme"), says("哪个项目", "The programme")]
    round: Annotated[RoundNumber, ONCE, says("第几轮", "The number of the round", 1)]
    person_id: Annotated[Id, ONCE, says("谁", "Who: a person")]
    session_id: Annotated[Id | None, Names("checkup_session"), says("哪一场", "The session")] = None
    state: Annotated[
        State,
        says(
            "invited 已邀 · confirmed 说来 · attended 来了 · missed 没来 · declined 谢绝 · elsewhere 在别处做了 · none 收回",
            "invited, confirmed, attended, missed, declined, elsewhere (had it elsewhere); none: all of it was taken back",
            "invited",
        ),
    ] = "invited"
    attended_at: Annotated[Instant | None, says("何时来的；仅 attended", "When they came; with attended alone")] = None
    walk_in: Annotated[bool, says("没有邀请自己来的", "Came without having been asked", False)] = False
    undone_at: Annotated[
        Instant | None,
        says(
            "何时明说收回（谢绝、误记）；收回时写新的时刻，不问原因", "When it was taken back in words; a new instant takes back, no reason"
        ),
    ] = None
    waiting_since: Annotated[Instant | None, SERVER, says("何时起候补；有名额时为空", "Waits since; null: has a seat")] = None
    make_up_used: Annotated[bool, SERVER, says("补查邀请是否已用", "Whether the one make-up invitation was used", False)] = False
    joined_into_id: Annotated[
        Id | None, SERVER, says("两条人员记录合并时，并入了哪一条", "What it was joined into, where two records were one person")
    ] = None


class AttendanceQuery(Query):
    session_id: Id | None = Field(None, description=both("这一场的（或写 person_id）", "Of this session (or say `person_id`)"))
    person_id: Id | None = Field(None, description=both("这个人的（或写 session_id）", "Of this person (or say `session_id`)"))

    @model_validator(mode="after")
    def of_somebody(self) -> Self:
        if self.session_id is None and self.person_id is None:
            raise PydanticCustomError("session_or_person", "of which session, or of whom")
        return self


class EligibleQuery(Paging):
    place_id: PlaceNumber = Field(description=both("哪里的人（地方及其下级）", "People of this place and what lies below it"))
    round: RoundNumber = Field(description=both("第几轮", "The number of the round"))
