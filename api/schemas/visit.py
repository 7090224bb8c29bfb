from typing import Annotated, Literal

from pydantic import Field

from api.language import both
from api.schemas.base import COLLEAGUES, ONCE, SERVER, Code, Coded, Day, Distinct, Id, Names, Note, PlaceOrBelow, Query, Record, Seen, says

Outcome = Literal["met", "absent", "declined"]


class Visit(Record):
    """家访：工作人员与一户的一次接触。One dated contact of a worker with a household."""

    household_id: Annotated[Id, ONCE, says("所访的户", "The household visited")]
    visited_on: Annotated[
        Day, says("家访日期：过去任何一天都可以，最晚明天", "Day of the visit: any past day, tomorrow at the latest", "2026-11-20")
    ]
    manner: Annotated[
        Literal["home", "phone", "office"], says("home 入户 · phone 电话 · office 在办公室", "Where it took place", "home")
    ] = "home"
    outcome: Annotated[
        Outcome,
        says(
            "met 见到 · absent 未遇 · declined 谢绝；后两种没有见到的人、事项、约定和备注",
            "absent and declined carry nobody met, no purposes, agreement or notes",
            "met",
        ),
    ]
    met_ids: Annotated[
        list[Id], Field(max_length=30), Distinct, Names("person"), says("见到了谁（人员编号）", "Whom the worker met: people")
    ] = []
    purposes: Annotated[
        list[Code],
        Field(max_length=20),
        Distinct,
        Coded("visit_purpose"),
        says("事项代码", "Codes of the catalogue visit_purpose", ["elder_care"]),
    ] = []
    agreed: Annotated[Note | None, Seen(group="own"), says("约定了什么", "What was agreed", "下周带材料来办理")] = None
    notes: Annotated[Note | None, Seen(group="own"), says("备注；这一户自己能看到", "Notes; the family reads them", "老人精神好")] = None
    worker_id: Annotated[Id | None, SERVER, says("谁去的（记录的人）", "Who visited: whoever logged it")] = None
    with_worker_ids: Annotated[list[Id], Field(max_length=10), Distinct, COLLEAGUES, says("同去的同事", "Colleagues who came along")] = []


class VisitQuery(Query):
    """Not by what came of it: whoever did not open the door is on nobody's list."""

    household_id: Id | None = Field(None, description=both("只看这一户", "Only this household"))
    place_id: PlaceOrBelow = None
    worker_id: Id | None = Field(None, description=both("只看这位工作人员的", "Only this worker's"))
    visited_from: Day | None = Field(None, description=both("从这一天起", "From this day on"))
    visited_to: Day | None = Field(None, description=both("到这一天止", "Up to this day"))
