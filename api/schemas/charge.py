from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from api.language import both
from api.schemas.base import GUARDED, ONCE, SERVER, Body, Day, Fen, Id, Names, PlaceNumber, Query, Reason, Record, Short, says

Status = Literal["open", "settled", "waived", "cancelled"]
Amount = Annotated[int, Field(ge=0, le=10**10)]


class Charge(Record):
    """应收：一户应缴的一笔；与家访、体检、同意、申诉无关。What a household owes; visits, attendance, complaints never change it."""

    fee_item_id: Annotated[Id, ONCE, says("收费项目", "The fee item")]
    household_id: Annotated[Id, ONCE, says("哪一户", "The household")]
    person_id: Annotated[Id | None, ONCE, Names("person"), says("为户里的谁", "For whom in it")] = None
    amount_fen: Annotated[Amount, ONCE, says("金额（分）；只作记录的项目为 0", "Amount in fen; 0 for an item that is recorded only", 6000)]
    due_on: Annotated[Day, says("应在哪一天前缴", "The day by which it is due; late is a state, never a lock", "2026-12-31")]
    proof_number: Annotated[
        Short | None,
        StringConstraints(max_length=60),
        ONCE,
        says("别的部门的缴费凭证号，只作记录的项目用", "The number of the others' proof, for an item that is recorded only"),
    ] = None
    status: Annotated[
        Status,
        SERVER,
        says(
            "open 未缴清 · settled 已缴清 · waived 已减免 · cancelled 已作废", "open, settled, waived or cancelled; follows from the ledger"
        ),
    ]
    paid_fen: Annotated[Amount, SERVER, says("已缴（分）", "What payments have settled of it, in fen", 0)]
    waived_because: Annotated[Short | None, SERVER, says("减免的理由；有人提出时写下", "Why it is to be waived, or was")] = None
    waiver_by: Annotated[Id | None, SERVER, says("谁提出减免", "Who asked for the waiver")] = None
    waiver_approved_by: Annotated[Id | None, SERVER, says("谁批准减免；不能是提出的人", "Who approved it: never who asked")] = None


class Waiving(Body):
    """减免的理由。Why a charge is waived."""

    because: Annotated[Reason, GUARDED, says("理由", "Why", "五保户")]


class ChargeList(Body):
    """一批应收：同一项目，许多户。One charge for each of many households."""

    id: Annotated[Id, says("这一批的编号，重发时相同", "Id of the list, the same in each repeat")]
    fee_item_id: Annotated[Id, says("收费项目", "The fee item")]
    amount_fen: Annotated[
        Fen | None, says("每户金额（分）；项目有固定金额时可不写", "For each, in fen; may be left out where the item has one")
    ] = None
    due_on: Annotated[Day, says("应在哪一天前缴", "The day by which it is due", "2026-12-31")]
    household_ids: Annotated[list[Id], Field(min_length=1, max_length=500), says("哪些户，最多 500", "The households, 500 at most")]


class ChargeListed(Body):
    """一批应收的合计。The totals of a list of charges."""

    id: Id = says("这一批的编号", "Id of the list")
    households: int = says("几户", "How many households", 2)
    amount_fen: int = says("每户（分）", "For each, in fen", 6000)
    total_fen: int = says("合计（分）", "In all, in fen", 12000)
    charge_ids: list[Id] = says("各笔的编号，与 household_ids 同序", "Ids of the charges, in the order of `household_ids`")
    doubles: list[Id] = says("看起来相同的已有应收", "Charges that are there already and look the same")


class ChargeQuery(Query):
    household_id: Id | None = Field(None, description=both("只看这一户", "Only of this household"))
    person_id: Id | None = Field(None, description=both("只看这个人的", "Only for this person"))
    fee_item_id: Id | None = Field(None, description=both("只看这个项目", "Only of this fee item"))
    place_id: PlaceNumber | None = Field(
        None, description=both("只看这个地方及其下级（编号）", "Only this place and what lies below it (its number)")
    )
    status: Status | None = Field(None, description=both("状态", "Status"))
    due_to: Day | None = Field(None, description=both("到这一天为止应缴的", "Due on this day or earlier"))
    waiver_asked: bool | None = Field(
        None, description=both("有人提出减免、还没有决定的", "Those of which a waiver is asked and not decided")
    )
