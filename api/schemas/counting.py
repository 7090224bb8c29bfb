from typing import Annotated, Literal

from pydantic import Field

from api.language import both
from api.schemas.base import SERVED, SERVER, Day, Fen, Id, Instant, PlaceNumber, Query, Record, says

Status = Literal["proposed", "confirmed", "disputed"]


class Counting(Record):
    """点交：收款人把现金交到乡镇，双方点清。Cash that a worker hands to the township; both confirm the amount, then it counts."""

    place_id: Annotated[PlaceNumber, says("在哪个地方（编号）", "Number of the place", 5)]
    worker_id: Annotated[Id, SERVED, says("谁交的", "Whose cash it is")]
    amount_fen: Annotated[Fen, says("点清的金额（分）", "What was counted, in fen", 6000)]
    counted_on: Annotated[Day, says("点交日期", "When it was counted", "2026-11-22")]
    status: Annotated[
        Status, SERVER, says("proposed 待对方确认 · confirmed 已确认 · disputed 有异议", "proposed, confirmed or disputed", "proposed")
    ]
    confirmed_by: Annotated[Id | None, SERVER, says("另一方是谁", "Who confirmed, or disputed it: the other side")]
    confirmed_at: Annotated[Instant | None, SERVER, says("何时", "When")]


class CountingQuery(Query):
    worker_id: Id | None = Field(None, description=both("谁交的", "Whose cash it is"))
    place_id: PlaceNumber | None = Field(
        None, description=both("只看这个地方及其下级（编号）", "Only this place and what lies below it (its number)")
    )
    status: Status | None = Field(None, description=both("状态", "Status"))
