from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from api.language import both
from api.schemas.base import GUARDED, SERVER, Body, Day, Distinct, Fen, Id, Name, PlaceNumber, Query, Record, Short, Words, says
from api.schemas.receipt_book import Number

Means = Literal["cash", "transfer"]


class Payment(Record):
    """缴款：收到的一笔钱，开出有号的收款凭证；只增不改。Money received, with a numbered receipt; recorded once, undone by a refund."""

    household_id: Annotated[Id, says("哪一户", "The household")]
    amount_fen: Annotated[Fen, says("金额（分）", "Amount in fen", 6000)]
    means: Annotated[Means, says("cash 现金 · transfer 转入财政专户", "cash, or transfer to the special account", "cash")] = "cash"
    paid_on: Annotated[Day, says("缴款日期", "When it was paid", "2026-11-22")]
    receipt_book_id: Annotated[
        Id | None, says("票据本；不是本机的也照收，列入待查", "The receipt book; another's is taken too, and listed")
    ] = None
    receipt_number: Annotated[
        Number | None, says("收款凭证号；重号也照收，列入待查", "Number of the receipt; one used twice is taken too, and listed", 1)
    ] = None
    payer_name: Annotated[Name | None, says("缴款人", "Who paid", "王小雨")] = None
    for_charge_ids: Annotated[
        list[Id],
        Field(max_length=50),
        Distinct,
        says("愿意先缴哪些应收；其余按到期先后", "Charges that it is meant for; the rest goes to what is due first"),
    ] = []
    received_by: Annotated[Id | None, SERVER, says("谁收的", "Who received it")]
    left_fen: Annotated[int, SERVER, says("还没有用于应收的（分）：户的余额", "What no charge has used, in fen: the household's credit", 0)]
    fiscal_code: Annotated[str | None, SERVER, says("财政电子票据代码", "Code of the fiscal e-receipt")] = None
    fiscal_number: Annotated[str | None, SERVER, says("财政电子票据号码", "Number of the fiscal e-receipt")] = None
    fiscal_check_code: Annotated[str | None, SERVER, says("财政电子票据校验码", "Check code of the fiscal e-receipt")] = None


class FiscalReceipt(Body):
    """财政电子票据。The fiscal e-receipt that the finance bureau issued."""

    code: Annotated[Words, StringConstraints(pattern=r"^\d{8}$"), says("票据代码", "Code", "37060126")]
    number: Annotated[Words, StringConstraints(pattern=r"^\d{10}$"), says("票据号码", "Number", "0000012345")]
    check_code: Annotated[Short, StringConstraints(max_length=20), GUARDED, says("校验码", "Check code", "a1b2c3")]


class PaymentQuery(Query):
    household_id: Id | None = Field(None, description=both("只看这一户", "Only of this household"))
    place_id: PlaceNumber | None = Field(
        None, description=both("只看这个地方及其下级（编号）", "Only this place and what lies below it (its number)")
    )
    received_by: Id | None = Field(None, description=both("谁收的", "Who received it"))
    means: Means | None = Field(None, description=both("方式", "Means"))
    receipt_book_id: Id | None = Field(None, description=both("哪本票据", "The receipt book"))
    receipt_number: int | None = Field(None, ge=1, le=10**9, description=both("收款凭证号", "Number of the receipt"))
    paid_from: Day | None = Field(None, description=both("从这一天起", "Paid on this day or later"))
    paid_to: Day | None = Field(None, description=both("到这一天为止", "Paid on this day or earlier"))
    has_credit: bool | None = Field(None, description=both("还有余额的", "Of which something is left"))
