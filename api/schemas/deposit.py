from typing import Annotated

from pydantic import Field, StringConstraints

from api.language import both
from api.schemas.base import GUARDED, Day, Fen, PlaceNumber, Query, Record, Short, says


class Deposit(Record):
    """缴存：乡镇把点收的现金存入财政专户。Counted cash that the township takes to the bank, into the fiscal special account."""

    place_id: Annotated[PlaceNumber, says("哪个乡镇（编号）", "Number of the township", 2)]
    amount_fen: Annotated[Fen, says("金额（分）", "Amount in fen", 6000)]
    deposited_on: Annotated[Day, says("缴存日期", "When it was deposited", "2026-11-23")]
    bank_reference: Annotated[
        Short, StringConstraints(max_length=60), GUARDED, says("银行回单号", "Reference of the bank's slip", "20261123-0007")
    ]


class DepositQuery(Query):
    place_id: PlaceNumber | None = Field(
        None, description=both("只看这个地方及其下级（编号）", "Only this place and what lies below it (its number)")
    )
    deposited_from: Day | None = Field(None, description=both("从这一天起", "On this day or later"))
