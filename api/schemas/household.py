from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from api.language import both
from api.schemas.base import (
    GUARDED,
    SERVER,
    Day,
    Distinct,
    Id,
    Names,
    Phone,
    PlaceNumber,
    PlaceOrBelow,
    Query,
    Record,
    Short,
    Sought,
    Words,
    says,
)

Status = Literal["living_here", "away", "moved", "dissolved"]


class Household(Record):
    """户：属于一个村，有村民小组的属于小组。A household belongs to its group, or to its village where it has none."""

    place_id: Annotated[
        PlaceNumber,
        says(
            "所在小组的编号，没有小组的用村的编号；迁到别处时改它，家访等记录随户走",
            "Number of its group, or of its village where it has none. Changing it moves the household, and all that lies below it",
            6,
        ),
    ]
    number: Annotated[
        Short, StringConstraints(max_length=30), GUARDED, says("户号，村里自编", "The number that the village gave it", "0103-07")
    ]
    address: Annotated[Short | None, GUARDED, says("住址，到门牌为止", "Address", "村东头")] = None
    head_id: Annotated[Id | None, Names("person"), says("户主（人员编号）", "The head of the household: a person")] = None
    phones: Annotated[list[Phone], Field(max_length=10), Distinct, says("联系电话", "Phone numbers", ["13800138000"])] = []
    status: Annotated[
        Status,
        says("living_here 在家 · away 外出 · moved 迁走 · dissolved 销户", "Whether the household lives here", "living_here"),
    ] = "living_here"
    joined_into_id: Annotated[Id | None, SERVER, says("并入了哪一户", "The household that its people went to, where two became one")] = None
    last_visited_on: Annotated[
        Day | None,
        SERVER,
        says("最近一次见到人的家访日期（由家访得出）", "Day of the last visit at which somebody was met; follows from the visits"),
    ] = None


class HouseholdQuery(Query):
    q: Sought | None = Field(
        None,
        description=both(
            "户号（可从中间一段起）或电话后四位", "Its number, from any of its parts on, or the last four digits of a phone number"
        ),
        examples=["07"],
    )
    place_id: PlaceOrBelow = None
    number: Words | None = Field(None, max_length=30, description=both("户号", "Household number"))
    status: Status | None = Field(None, description=both("状态", "Status"))
    not_visited_since: Day | None = Field(
        None, description=both("此日（含）以来没有见到过的户", "Households where nobody was met on this day or later")
    )
