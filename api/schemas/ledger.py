from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from api.language import both
from api.schemas.base import Day, Id, Paging, PlaceNumber, says

AccountType = Literal["income", "owed", "credit", "cash", "till", "unexplained", "fiscal"]
Month = Annotated[str, Field(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$")]
PLACE = both("只看这个地方及其下级（编号）", "Only this place and what lies below it (its number)")
TYPES = both(
    "income 应收收入 · owed 户应缴 · credit 户余额 · cash 收款人手中 · till 乡镇 · unexplained 待说明 · fiscal 财政专户",
    "income: what was charged · owed: by a household · credit: of a household · cash: a worker holds · till: the township holds ·"
    " unexplained: beyond what receipts cover · fiscal: the special account",
)


class AccountSaid(BaseModel):
    """一个账户。An account: what came less what went, in the places of the caller."""

    type: AccountType = says("种类", "Type", "cash")
    owner: str = says(
        "谁的：户、人员、收费项目的编号，乡镇编号，或 county", "Whose: a household, user, fee item, number of a township, or county"
    )
    balance_fen: int = says("余额（分）；应付的为负", "Balance in fen; below zero where the office owes it", 6000)


class EntrySaid(BaseModel):
    """一笔分录：从一个账户到另一个账户。A transfer from one account to another."""

    seq: int = says("序号", "Its number in the order of writing", 17)
    event: str = says("事项", "What it is", "payment")
    on_day: date = says("发生日期", "The day on which it happened", "2026-11-22")
    booked_on: date = says("记账日期；该月已结账的记在下月", "The day in the books: later where its month was closed", "2026-11-22")
    from_type: AccountType = says("从哪种账户", "Type of the account that pays", "credit")
    from_owner: str = says("从谁", "Whose that is")
    to_type: AccountType = says("到哪种账户", "Type of the account that is paid", "cash")
    to_owner: str = says("到谁", "Whose that is")
    amount_fen: int = says("金额（分）", "Amount in fen", 6000)
    kind: str = says("由哪种记录引起", "Kind of the record that caused it", "payment")
    record_id: Id = says("那条记录", "That record")
    payment_id: Id | None = says("哪笔缴款", "The payment that it is about")
    charge_id: Id | None = says("哪笔应收", "The charge that it is about")
    place_id: int = says("在哪个地方", "Number of the place", 6)
    by_user_id: Id | None = says("由谁", "By whom")
    posted_at: str = says("写入时间（UTC）", "When it was written (UTC)")


class Line(BaseModel):
    """试算平衡表的一行。A line of the trial balance."""

    type: AccountType = says("账户种类", "Type of account", "cash")
    opening_fen: int = says("期初（分）", "At the beginning, in fen", 0)
    up_fen: int = says("本期增（分）", "What came, in fen", 6000)
    down_fen: int = says("本期减（分）", "What went, in fen", 0)
    closing_fen: int = says("期末（分）", "At the end, in fen", 6000)


class TrialBalance(BaseModel):
    """试算平衡表：合计总是零。The trial balance: it always sums to zero."""

    month: str = says("月份", "The month", "2026-11")
    closed: bool = says("是否已结账", "Whether the month is closed", False)
    items: list[Line] = says("各种账户", "Each type of account")
    sum_fen: int = says("期末合计（分），总是 0", "The sum at the end, in fen: always 0", 0)


class Holding(BaseModel):
    """一个人手中的现金。The cash that somebody holds."""

    user_id: Id = says("谁", "Who holds it")
    balance_fen: int = says("金额（分）", "How much, in fen", 6000)
    since: date = says("最早一笔的日期", "The day of the oldest of it", "2026-11-20")
    late: bool = says(
        "是否该交了；先提醒本人，过两天才提醒乡镇", "Whether it should be handed in: the worker is told two days before the office", False
    )


class Discrepancy(BaseModel):
    """一处不符。Something that does not agree."""

    problem: Literal["number-twice", "not-in-the-book", "no-receipt", "spoiled-and-issued", "another-device", "unexplained"] = says(
        "number-twice 重号 · not-in-the-book 不在票据本内 · no-receipt 没有凭证号 · spoiled-and-issued 写坏又开出"
        " · another-device 别的设备的票据本 · unexplained 待说明",
        "a number used twice, one of no book, a payment without one, one that was spoiled, a book of another device, cash that receipts"
        " do not cover",
    )
    number: str | None = says("字轨和号码", "Series and number")
    ids: list[Id] = says("哪些缴款或点交", "The payments or countings")
    amount_fen: int = says("金额（分）", "Amount in fen", 6000)


class MonthClosed(BaseModel):
    """结账。The month that was closed."""

    month: str = says("已结到哪个月", "The last month that is closed", "2026-10")


class AccountsQuery(Paging):
    type: AccountType | None = Field(None, description=TYPES)
    place_id: PlaceNumber | None = Field(None, description=PLACE)


class DiscrepanciesQuery(Paging):
    place_id: PlaceNumber | None = Field(None, description=PLACE)


class DayBookQuery(Paging):
    from_on: Day = Field(description=both("从哪一天（记账日期）", "From which day in the books"))
    to_on: Day = Field(description=both("到哪一天", "To which day"))
    place_id: PlaceNumber | None = Field(None, description=PLACE)


class TrialBalanceQuery(BaseModel):
    month: Month = Field(description=both("月份", "The month"))
    place_id: PlaceNumber | None = Field(None, description=PLACE)


class PlaceQuery(BaseModel):
    place_id: PlaceNumber | None = Field(None, description=PLACE)
