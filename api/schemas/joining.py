from typing import Annotated

from pydantic import BaseModel, Field

from api.schemas.base import Body, Distinct, Id, creation, says
from api.schemas.household import Household


class Into(Body):
    """并入哪一条。The record that it is joined into."""

    into_id: Annotated[Id, says("并入的那一条的编号", "Id of the record that stays")]


class Split(creation(Household)):  # type: ignore[misc]  # made at run time
    """分户：新户的内容，和分出去的人。The new household, and who founds it."""

    person_ids: Annotated[list[Id], Field(min_length=1, max_length=30), Distinct, says("分出去的人", "Who goes to the new household")]


class Touched(BaseModel):
    """改动了多少。How many records it changes."""

    id: Id = says("记录编号；分户时是新户的", "Id of the record; of the new household where one was split")
    records: dict[str, int] = says("各种类的条数", "Records by kind", {"household": 1, "person": 4, "visit": 12})
