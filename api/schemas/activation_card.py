from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from api.language import both
from api.schemas.base import ONCE, SERVER, Body, Day, Id, Names, PlaceNumber, PlaceOrBelow, Query, Record, Words, says

Status = Literal["printed", "bound", "used", "expired"]
Typed = Annotated[Words, StringConstraints(max_length=40)]


class ActivationCard(Record):
    """激活卡：印好卡号和密码，由村里交给户主，户主用它开通。A printed card with which the head of a household opens the family's seat."""

    place_id: Annotated[PlaceNumber, ONCE, says("为哪个村印的（编号）", "Number of the village that it was printed for", 5)]
    number: Annotated[str, SERVER, says("卡号，10 位；激活后就是用户名", "Its number; once activated, the user name", "9901010036")]
    person_id: Annotated[
        Id | None, Names("person"), says("交给哪位户主；用掉之前可以改", "The head it was handed to; may be changed until it is used")
    ] = None
    status: Annotated[
        Status,
        SERVER,
        says(
            "printed 已印 · bound 已交给户主 · used 已用 · expired 已过期或作废", "printed, bound to a person, used, or expired", "printed"
        ),
    ]
    bound_on: Annotated[Day | None, SERVER, says("哪一天交的；30 天内有效", "When it was bound; good for 30 days")] = None


class ActivationCardQuery(Query):
    number: Typed | None = Field(None, description=both("卡号", "Its number"))
    person_id: Id | None = Field(None, description=both("交给这个人的", "Those of this person"))
    place_id: PlaceOrBelow = None
    status: Status | None = Field(None, description=both("状态", "Status"))


class Printing(Body):
    """印几张卡。How many cards to print, and for which village."""

    place_id: Annotated[PlaceNumber, says("哪个村（编号）", "Number of the village", 5)]
    count: Annotated[int, Field(ge=1, le=100), says("几张", "How many", 8)]


class Activation(Body):
    """用激活卡开通。The card, and the password that the head chooses."""

    card_number: Annotated[Typed, says("卡号", "The number on the card", "9901010036")]
    code: Annotated[Typed, says("卡上的密码", "The code on the card", "2026 1120")]
    password: Annotated[
        str, Field(max_length=200), says("自己定的密码，至少 10 个字符", "The password from now on, at least 10 characters")
    ]
    device_id: Annotated[Id | None, says("应用安装时生成的设备编号", "Made by the app when it was installed")] = None
    device_name: Annotated[Typed, says("设备名称", "Name of the device", "家里的手机")] = ""
