from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from api.language import both
from api.schemas.base import GUARDED, SERVER, Birthday, Day, Id, Name, PlaceNumber, PlaceOrBelow, Query, Record, Short, says
from api.schemas.residence import Cause, DivisionCode, Side

Status = Literal["waiting", "answered", "declined", "withdrawn"]


class ResidenceProposal(Record):
    """居住登记来函：别处说这里的一个人住在那里，或那里的人住到了这里。What another place says of somebody; a residence answers it."""

    id: Annotated[Id, SERVER, says("即 residence_id", "The residence_id: a residence that carries it answers this")]
    place_id: Annotated[
        PlaceNumber,
        says("归哪个地方回应；写错了可转给别的村或乡镇", "The place that is to answer; changing it hands the proposal on", 5),
    ]
    side: Annotated[Side, SERVER, says("这里是哪一侧", "Which side is here")]
    name: Annotated[Name | None, SERVER, says("姓名；回应以后清空", "Name; gone once it is answered")] = None
    sex: Annotated[Literal[0, 1, 2, 9] | None, SERVER, says("性别", "Sex")] = None
    born_on: Annotated[Birthday | None, SERVER, says("出生日期", "Born on")] = None
    registered_in: Annotated[DivisionCode | None, SERVER, says("户籍地", "Where registered")] = None
    living_in: Annotated[DivisionCode | None, SERVER, says("现居住地，到乡镇为止", "Where living, down to the township")] = None
    since_on: Annotated[Day | None, SERVER, says("从哪天起", "Since when")] = None
    until_on: Annotated[Day | None, SERVER, says("到哪天止", "Until when")] = None
    cause: Annotated[Cause | None, SERVER, says("缘由", "Why")] = None
    declined_because: Annotated[Short | None, GUARDED, says("不认的原因；写了即为不认", "Why it is declined: saying it declines")] = None
    status: Annotated[
        Status,
        SERVER,
        says(
            "waiting 待回应 · answered 已回应 · declined 不认 · withdrawn 对方撤回", "waiting, answered, declined or withdrawn", "waiting"
        ),
    ]
    proposed_on: Annotated[date, SERVER, says("哪天收到", "When it came")]
    reminded_on: Annotated[Day | None, SERVER, says("等了三十天，哪天提醒的", "When both were reminded, after thirty days")] = None


class ResidenceProposalQuery(Query):
    place_id: PlaceOrBelow = None
    status: Status | None = Field(None, description=both("状态", "Status"))
