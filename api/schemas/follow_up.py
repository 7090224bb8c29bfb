from typing import Annotated, Literal

from pydantic import Field

from api.language import both
from api.schemas.base import (
    COLLEAGUES,
    GUARDED,
    ONCE,
    PLACES,
    Code,
    Coded,
    Day,
    Id,
    Names,
    Note,
    PlaceNumber,
    PlaceOrBelow,
    Query,
    Record,
    Seen,
    Short,
    Sought,
    says,
)

Status = Literal["open", "done", "dropped"]
Priority = Literal["high", "normal", "low"]


class FollowUp(Record):
    """随访任务：到某一天要为一户办的事。Something due at a household by a day."""

    household_id: Annotated[Id, ONCE, says("哪一户", "The household")]
    person_id: Annotated[Id | None, Names("person"), Seen(group="own"), says("为谁（人员编号）", "For whom in it: a person")] = None
    reason: Annotated[Code, Coded("follow_up_reason"), says("原因代码", "A code of the catalogue follow_up_reason", "elder_care")]
    words: Annotated[
        Note | None, Seen(group="own"), says("说明；这一户自己能看到", "What is to be done; the family reads it", "带申请表")
    ] = None
    due_on: Annotated[Day, says("最迟哪一天办；过期照样可以办", "The day by which it is due; late is no lock", "2026-11-27")]
    priority: Annotated[Priority, says("high 急 · normal 一般 · low 不急", "How urgent it is", "normal")] = "normal"
    assignee_id: Annotated[
        Id | None, COLLEAGUES, says("由谁去办；为空则由这个地方的人办", "Who does it; null: whoever serves the place")
    ] = None
    assignee_place_id: Annotated[
        PlaceNumber | None,
        PLACES,
        says("或由哪个地方的人办，比如乡镇", "Or the place whose people do it, the township say; null: the household's own"),
    ] = None
    status: Annotated[Status, says("open 待办 · done 已办 · dropped 不办了", "open, done or dropped", "open")] = "open"
    raised_by_visit_id: Annotated[Id | None, Names("visit"), says("由哪次家访提出", "The visit that raised it")] = None
    done_by_visit_id: Annotated[Id | None, Names("visit"), says("由哪次家访办结；仅 done 时", "The visit that did it; with done alone")] = (
        None
    )
    dropped_because: Annotated[
        Short | None, GUARDED, Seen(group="own"), says("为什么不办了；仅 dropped 时", "Why it was dropped; with dropped alone")
    ] = None


class FollowUpQuery(Query):
    q: Sought | None = Field(
        None,
        description=both(
            "户号，或户里某人的姓名、拼音、首字母",
            "The household's number, or the name of somebody in it, in characters, pinyin or initials",
        ),
        examples=["wxy"],
    )
    due: Literal["today", "overdue", "week"] | None = Field(
        None,
        description=both(
            "today 今天到期 · overdue 已过期 · week 从今天起七天内；只列待办的，不含外出、迁走、销户的户",
            "Due today, before today, or within seven days from today: what is open, of households that live here",
        ),
    )
    mine: bool | None = Field(
        None, description=both("由我去办的，包括归我的地方办的", "What is the caller's to do, also by the places held")
    )
    silenced: bool | None = Field(
        None,
        description=both(
            "户不在家（外出、迁走、销户），暂不提醒的", "Those of households that are away, moved or dissolved: nobody is reminded of them"
        ),
    )
    household_id: Id | None = Field(None, description=both("只看这一户", "Only this household"))
    person_id: Id | None = Field(None, description=both("只看这个人的", "Only for this person"))
    place_id: PlaceOrBelow = None
    status: Status | None = Field(None, description=both("状态", "Status"))
    priority: Priority | None = Field(None, description=both("缓急", "Priority"))
    reason: Code | None = Field(None, description=both("原因代码", "Reason"))
    due_from: Day | None = Field(None, description=both("从这一天起到期", "Due on this day or later"))
    due_to: Day | None = Field(None, description=both("到这一天为止到期", "Due on this day or earlier"))
