from typing import Annotated, Literal

from pydantic import Field

from api.language import both
from api.schemas.base import GUARDED, SERVER, Fen, Id, Instant, PlaceNumber, Query, Record, Short, says

Manner = Literal["paid_back", "correction"]
Purse = Literal["cash", "till", "fiscal"]
Status = Literal["proposed", "approved", "declined"]


class Refund(Record):
    """退款或更正：撤销一笔缴款的全部或一部分；一人提出，另一人批准。Undoes a payment, all of it or a part; one asks, another approves."""

    household_id: Annotated[Id, says("哪一户", "The household")]
    payment_id: Annotated[Id, says("哪笔缴款", "The payment")]
    amount_fen: Annotated[Fen, says("金额（分）", "Amount in fen", 6000)]
    manner: Annotated[
        Manner,
        says(
            "paid_back 退还给缴款人 · correction 记错了，钱没有收到",
            "paid_back: to the payer; correction: it was recorded wrongly",
            "paid_back",
        ),
    ] = "paid_back"
    paid_from: Annotated[
        Purse,
        says(
            "cash 收款人手中 · till 乡镇 · fiscal 财政专户",
            "From the collector's cash, the township's till, or the special account",
            "cash",
        ),
    ] = "cash"
    because: Annotated[Short, GUARDED, says("理由", "Why", "重复缴费")]
    status: Annotated[Status, SERVER, says("proposed 待批 · approved 已批 · declined 未批", "proposed, approved or declined", "proposed")]
    collected_by: Annotated[Id | None, SERVER, says("这笔缴款是谁收的", "Who had received the payment")]
    decided_by: Annotated[Id | None, SERVER, says("谁决定的；不能是提出的人", "Who decided: never who asked")]
    decided_at: Annotated[Instant | None, SERVER, says("何时决定", "When")]


class RefundQuery(Query):
    household_id: Id | None = Field(None, description=both("只看这一户", "Only of this household"))
    payment_id: Id | None = Field(None, description=both("只看这笔缴款的", "Only of this payment"))
    place_id: PlaceNumber | None = Field(
        None, description=both("只看这个地方及其下级（编号）", "Only this place and what lies below it (its number)")
    )
    status: Status | None = Field(None, description=both("状态", "Status"))
