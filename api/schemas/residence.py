from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from api.language import both
from api.schemas.base import (
    GUARDED,
    ONCE,
    SERVER,
    Body,
    Day,
    Distinct,
    Id,
    Note,
    Phone,
    PlaceOrBelow,
    Query,
    Record,
    Short,
    says,
)

Side = Literal["registration", "residence"]
Cause = Literal["work", "study", "family", "other"]
State = Literal["proposed", "provisional", "accepted", "declined", "ended"]
Shared = Literal["share_contact", "share_attendance", "share_services"]
# What an office does for people who live away from home; a closed list, so that nothing else can be written
ServiceCode = Literal[
    "policy_information",
    "help_with_application",
    "subsidy",
    "elder_care",
    "child_care",
    "disability",
    "migrant_service",
    "answer_to_request",
]
DivisionCode = Annotated[str, StringConstraints(pattern=r"^[0-9]{12}$")]


class Service(Body):
    """为其提供的一次服务。One service given, on a day."""

    on: Annotated[Day, says("哪一天", "The day", "2026-11-20")]
    code: Annotated[ServiceCode, says("哪一项", "Which one", "help_with_application")]


class OtherSide(Body):
    """对方一侧所说的，且本人同意给这边看的。What the other side says, as far as the person lets it pass."""

    since_on: Annotated[Day | None, says("对方说从哪天起", "Since when, it says")] = None
    until_on: Annotated[Day | None, says("对方说到哪天止", "Until when, it says")] = None
    cause: Annotated[Cause | None, says("对方说的缘由", "Why, it says")] = None
    declined_because: Annotated[Short | None, says("对方为什么不认", "Why it declined")] = None
    comes_home_on: Annotated[Day | None, says("本人对那边说哪天回家", "When the person said they come home")] = None
    wishes: Annotated[Note | None, says("户籍地想请现居住地帮办的", "What the registration side asks to be helped with")] = None
    asks: Annotated[list[Shared], says("户籍地想请本人同意的", "What the registration side asks the person to agree to")] = []
    services: Annotated[list[Service], says("现居住地的服务；本人同意才有", "Services given there; with consent alone")] = []
    phones: Annotated[list[Phone], says("联系电话；本人同意才有", "Phone numbers; with consent alone")] = []
    attended_on: Annotated[list[Day], says("哪几天到检；本人同意才有", "Days of check-ups attended; with consent alone")] = []


class Residence(Record):
    """居住登记（双地）：户籍地和现居住地各一条，各管各的。A migrant's two places: each side keeps its own row, joined by residence_id."""

    id: Annotated[
        Id,
        SERVER,
        says(
            "记录编号：UUIDv5，命名空间 6d1f0c52-8a5e-5b0f-9c3e-0f6a51d7a9b4，名称“residence_id:side”（小写）；不写则由服务器算出",
            "UUIDv5 of `residence_id:side` (lower case) in the namespace 6d1f0c52-8a5e-5b0f-9c3e-0f6a51d7a9b4; without it the service"
            " computes it",
        ),
    ]
    residence_id: Annotated[
        Id,
        ONCE,
        says("两侧共用的编号；回应对方提出的登记时照抄", "Shared by both sides: a new one proposes, that of a proposal answers it"),
    ]
    side: Annotated[Side, ONCE, says("这一侧：registration 户籍地 · residence 现居住地", "Which side this row is", "residence")]
    person_id: Annotated[Id, says("本侧的人员编号；认错了人可改", "The person, in this side's own register; may be put right")]
    registered_in: Annotated[
        DivisionCode | None,
        says("户籍地区划代码；户籍一侧由服务器填", "Where registered: a division code. On its own side the service fills it in"),
    ] = None
    living_in: Annotated[
        DivisionCode | None,
        says(
            "现居住地区划代码；居住一侧由服务器填，给户籍地只到乡镇",
            "Where living: a division code. On its own side the service fills it in; the registration side hears the township",
        ),
    ] = None
    since_on: Annotated[Day, says("从哪天起", "Since when", "2026-03-01")]
    until_on: Annotated[Day | None, says("到哪天止", "Until when; null: still")] = None
    cause: Annotated[Cause, says("work 务工 · study 上学 · family 家庭 · other 其他", "Why", "work")] = "work"
    services: Annotated[
        list[Service], Field(max_length=200), says("提供的服务；只由居住一侧写", "Services given; the residence side's")
    ] = []
    wishes: Annotated[
        Note | None, says("想请对方帮办的；只由户籍一侧写", "What the other side is asked to help with; the registration side's")
    ] = None
    asks: Annotated[
        list[Shared],
        Field(max_length=3),
        Distinct,
        says("想请本人同意给这边看的；谢绝后一年内不再问", "What the person is asked to let pass; who refused is not asked for a year"),
    ] = []
    declined_because: Annotated[Short | None, GUARDED, says("不认这条登记的原因", "Why this side declines")] = None
    comes_home_on: Annotated[
        Day | None,
        says("本人说哪天回家，自愿；过后一个月清空", "When the person said they come home, of their own will; gone a month later"),
    ] = None
    state: Annotated[
        State,
        SERVER,
        says(
            "proposed 已提出 · provisional 两侧说法不一，服务照常 · accepted 两侧一致 · declined 一侧不认 · ended 已结束",
            "proposed; provisional: the sides disagree, services go on; accepted; declined; ended",
            "proposed",
        ),
    ]
    other: Annotated[OtherSide | None, SERVER, says("对方一侧", "The other side; null: it has not answered")] = None
    claimed_elsewhere: Annotated[
        bool, SERVER, says("另有地方也说此人住在那里", "Another place says, too, that the person lives there", False)
    ] = False
    waiting_since: Annotated[Day | None, SERVER, says("从哪天起等对方答复", "Since when it waits for an answer, or for both to agree")] = (
        None
    )
    reminded_on: Annotated[Day | None, SERVER, says("等了三十天，哪天提醒的", "When both were reminded, after thirty days")] = None


class OfHousehold(Body):
    """一户人一起：每人一条居住登记。A whole household, or some of it: a residence of each, with the same days and places."""

    id: Annotated[Id, says("这次登记的编号，由建立者生成；每人的 residence_id 由它得出", "Of this call; each residence_id follows from it")]
    side: Annotated[Side, says("这一侧", "Which side this is", "registration")]
    person_ids: Annotated[list[Id], Field(min_length=1, max_length=50), Distinct, says("户里的哪几个人", "Who of the household")]
    registered_in: Annotated[DivisionCode | None, says("户籍地；居住一侧写", "Where registered; of the residence side")] = None
    living_in: Annotated[DivisionCode | None, says("现居住地；户籍一侧写", "Where living; of the registration side")] = None
    since_on: Annotated[Day, says("从哪天起", "Since when", "2026-03-01")]
    cause: Annotated[Cause, says("缘由", "Why", "family")] = "family"


class ResidenceQuery(Query):
    person_id: Id | None = Field(None, description=both("只看这个人的", "Only of this person"))
    residence_id: Id | None = Field(None, description=both("只看这一登记", "Only of this residence"))
    place_id: PlaceOrBelow = None
    side: Side | None = Field(None, description=both("哪一侧", "Which side"))
    state: State | None = Field(None, description=both("状态", "State"))
    comes_home: bool | None = Field(
        None, description=both("本人说了要回家的（返乡名单）", "Those who said that they come home: the festival list")
    )
    claimed_elsewhere: bool | None = Field(None, description=both("另有地方也说住在那里的", "Claimed by another place, too"))
