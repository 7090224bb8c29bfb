from datetime import date
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from api.language import both
from api.schemas.base import GUARDED, WRITTEN_AS_A_DAY, Birthday, Body, NoBoolean, Query, Record, Short, Words, says

DayOfRound = Annotated[date, Field(le=date(2199, 12, 31)), WRITTEN_AS_A_DAY]  # beyond: a slip of the pen


class Who(Body):
    """对象：谁可以来。Who may come; null: anybody."""

    born_from: Annotated[Birthday | None, says("这一天或以后出生", "Born on this day or later", "1940-01-01")] = None
    born_to: Annotated[Birthday | None, says("这一天或以前出生", "Born on this day or earlier", "1961-12-31")] = None
    sex: Annotated[
        Literal[1, 2] | None,
        NoBoolean,
        says("性别，医学上需要时：1 男 · 2 女", "Sex, where medicine needs it: 1 male, 2 female"),
    ] = None


class Round(Body):
    """轮次：项目的一期，从一天到一天。One round of a programme, from a day to a day."""

    number: Annotated[int, Field(ge=1, le=9999), says("轮次号，用过就不变", "Its number, which stays", 1)]
    from_on: Annotated[DayOfRound, says("从哪天起", "First day", "2026-11-01")]
    to_on: Annotated[DayOfRound, says("到哪天止", "Last day", "2026-12-31")]


class CheckupProgramme(Record):
    """体检项目：免费、自愿的健康检查，不含生育内容。A free and voluntary health check-up; none is about reproduction."""

    name: Annotated[Short, StringConstraints(max_length=60), GUARDED, says("名称", "Name", "老年人健康体检")]
    basis: Annotated[
        Words, StringConstraints(min_length=1, max_length=200), GUARDED, says("依据", "What it is based on", "国家基本公共卫生服务规范")
    ]
    who: Annotated[Who, says("对象；不写则谁都可以来", "Who may come; without it anybody")] = Who()
    rounds: Annotated[list[Round], Field(max_length=100), says("各轮", "Its rounds")] = []
    active: Annotated[bool, says("是否在提供", "Whether it is offered now", True)] = True


class CheckupProgrammeQuery(Query):
    active: bool | None = Field(None, description=both("是否在提供", "Whether it is offered now"))
