"""What goes over the wire at a family's seat: its own records with the members that the family sees (`Seen`), and names beside the ids."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import StringConstraints, create_model

from api.schemas.attendance import Attendance
from api.schemas.base import Body, Code, Day, Id, Record, Words, in_family, says
from api.schemas.charge import Charge
from api.schemas.checkup_session import CheckupSession
from api.schemas.checkup_session import Status as SessionStatus
from api.schemas.follow_up import FollowUp
from api.schemas.household import Household
from api.schemas.payment import Payment
from api.schemas.person import Person
from api.schemas.refund import Refund
from api.schemas.residence import Residence
from api.schemas.visit import Visit


class Correction(Body):
    """更正的一条。One correction of a record: who changed what, and when."""

    rev: int = says("版本号", "Revision", 2)
    at: datetime = says("何时", "When")
    by_name: str | None = says("谁改的", "Who changed it; null: the service itself", "郑磊")
    changes: dict[str, Any] = says("各项的 [原值, 新值]", "`[from, to]` of each member")


class Withdrawn(Body):
    """作废的一条：只写何时、为什么。A record that was withdrawn: when and why, not what it said."""

    kind: Literal["visit", "follow_up"] = says("家访或随访任务", "A visit or a follow-up", "visit")
    id: Id = says("记录编号", "Its id")
    day: date = says("家访日期，或到期日", "Day of the visit, or the day it was due", "2026-11-20")
    because: str = says("为什么作废", "Why", "重复登记")
    at: datetime = says("何时作废", "When it was withdrawn")
    by_name: str | None = says("谁作废的", "Who withdrew it; null: the service itself", "郑磊")


class Reading(Body):
    """查看身份证号码的一次。One reading of an identity number."""

    person_id: Id = says("谁的", "Whose")
    at: datetime = says("何时", "When")
    by_name: str = says("谁看的", "Who read it", "郑磊")
    purpose: str = says("为了什么", "For which purpose", "verify_identity")


class NamedCode(Body):
    """目录里的一个代码。A code of a catalogue, and what it is called."""

    catalogue: Code = says("目录", "The catalogue", "visit_purpose")
    code: Code = says("代码", "The code", "elder_care")
    name: str = says("名称", "Name", "养老服务")
    name_en: str = says("英文名称", "Name in English", "Elder care")


def _seen(schema: type[Record], called: str, words: str, **more: Any) -> type[Body]:
    """A record as the family sees it, with `more` members."""
    members: dict[str, Any] = {name: (schema.model_fields[name].annotation, schema.model_fields[name]) for name in in_family(schema)}
    return create_model(called, __base__=Body, __doc__=words, **members, **more)


_SESSION: dict[str, Any] = {
    "programme_name": (str, says("项目名称", "Name of the programme", "老年人健康体检")),
    "held_on": (Day | None, says("哪一天", "The day of the session")),
    "from_time": (str | None, says("几点开始", "From when", "08:00")),
    "to_time": (str | None, says("几点结束", "Until when", "11:30")),
    "venue": (str | None, says("地点", "Where one goes", "镇卫生院")),
    "session_status": (SessionStatus | None, says("场次的状态", "State of the session", "planned")),
}
_CORRECTIONS = (list[Correction], says("更正的历史", "What was changed in it since", []))
_NAME = str | None
FamilyHousehold = _seen(
    Household,
    "FamilyHousehold",
    "自己这一户。The own household.",
    places=(list[str], says("所在的县、乡镇、村、小组", "County, township, village and group", ["青禾县"])),
)
FamilyMember = _seen(
    Person,
    "FamilyMember",
    "户里的一个人。Somebody of the household.",
    identity_last4=(
        _NAME,
        says(
            "身份证号码末四位：本人的，或本人同意给户主看的", "Last four of the identity number: the own, or where its adult agreed", "002X"
        ),
    ),
)
FamilyVisit = _seen(
    Visit,
    "FamilyVisit",
    "对这一户的一次家访，备注全文。A visit to this household, with every note.",
    worker_name=(_NAME, says("谁来的", "Who came", "郑磊")),
    corrections=_CORRECTIONS,
)
FamilyFollowUp = _seen(
    FollowUp,
    "FamilyFollowUp",
    "要为这一户办的事。Something due at this household.",
    created_by_name=(_NAME, says("谁提出的", "Who raised it", "郑磊")),
    assignee_name=(_NAME, says("谁去办", "Who does it", "郑磊")),
    corrections=_CORRECTIONS,
)
FamilySession = _seen(
    CheckupSession,
    "FamilySession",
    "近期的一场体检，自愿参加。A check-up session to come; voluntary.",
    programme_name=_SESSION["programme_name"],
)
Invitation = _seen(Attendance, "Invitation", "一份体检邀请，自愿参加。An invitation to a check-up; voluntary.", **_SESSION)
FamilyRefund = _seen(Refund, "FamilyRefund", "退款或更正。What was undone of a payment.")
FamilyCharge = _seen(
    Charge,
    "FamilyCharge",
    "应缴的一笔。What the household owes.",
    fee_item_name=(str, says("收费项目", "The fee item", "生活垃圾处理费")),
    fee_item_name_en=(str, says("英文名称", "Its name in English", "Household waste fee")),
    basis=(_NAME, says("依据", "Legal basis", "《中华人民共和国固体废物污染环境防治法》第五十八条")),
)
FamilyPayment = _seen(
    Payment,
    "FamilyPayment",
    "缴过的一笔。What the household paid.",
    received_by_name=(_NAME, says("谁收的", "Who received it", "郑磊")),
    series=(_NAME, says("收款凭证字轨", "Series of the receipt", "青A")),
    receipt=(str, says("收款凭证（PDF）的地址", "Path of the receipt, as PDF")),
    refunds=(list[FamilyRefund], says("退款或更正", "What was undone of it", [])),  # type: ignore[valid-type]  # made at run time
)
FamilyResidence = _seen(Residence, "FamilyResidence", "双地登记：户主本人的和未成年人的。Two places: of the head and of minors.")


class FamilyRecord(Body):
    """一户自己的全部记录。All that is recorded of a household, for its head."""

    household: FamilyHousehold = says("这一户", "The household")  # type: ignore[valid-type]  # made at run time, like those below
    members: list[FamilyMember] = says("户里的人，户主在前", "Who belongs to it, the head first")  # type: ignore[valid-type]
    visits: list[FamilyVisit] = says("家访，新的在前", "Visits, the newest first")  # type: ignore[valid-type]
    follow_ups: list[FamilyFollowUp] = says("随访任务，到期晚的在前", "Follow-ups, the latest due first")  # type: ignore[valid-type]
    sessions: list[FamilySession] = says("近期的体检场次", "Check-up sessions to come")  # type: ignore[valid-type]
    invitations: list[Invitation] = says(  # type: ignore[valid-type]
        "体检邀请：户主本人的、未成年人的，以及同意给户主看的成年人的",
        "Invitations to check-ups: of the head, of minors, and of adults who agreed that the head sees them",
    )
    charges: list[FamilyCharge] = says("应缴", "What it owes")  # type: ignore[valid-type]
    payments: list[FamilyPayment] = says("缴款和收款凭证", "Payments, and their receipts")  # type: ignore[valid-type]
    residences: list[FamilyResidence] = says("双地登记", "Two places")  # type: ignore[valid-type]
    withdrawn: list[Withdrawn] = says("作废的家访和随访任务，以及原因", "Visits and follow-ups that were withdrawn, and why")
    identity_number_readings: list[Reading] = says("谁看过身份证号码", "Who read an identity number")
    codes: list[NamedCode] = says("代码的名称", "What the codes are called")
    credit_fen: int = says("余额（分）", "Credit of the household, in fen", 0)


class VisitRequest(Body):
    """请工作人员上门。A request that somebody comes."""

    id: Annotated[Id | None, says("编号，自己生成；断线重发时相同", "Its id, made by the app and the same in each repeat")] = None
    words: Annotated[
        Annotated[Words, StringConstraints(max_length=500)] | None, says("想说的话", "What it is about", "想问问养老金怎么领")
    ] = None
    wished_on: Annotated[Day | None, says("希望哪一天", "The day that would suit", "2026-11-27")] = None
