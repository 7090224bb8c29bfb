from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from api.language import both
from api.schemas.base import Body, Id, Instant, says

Purpose = Literal["verify_identity", "help_with_application", "subsidy_payment", "correct_record"]
PURPOSES = both(
    "用途：verify_identity 核对身份 · help_with_application 代办申请 · subsidy_payment 发放补助 · correct_record 更正登记",
    "What for: to verify who it is · to help with an application · to pay a subsidy · to correct the record",
)


class IdentityNumber(Body):
    """身份证号码。The identity number of a person."""

    number: Annotated[
        str,
        StringConstraints(max_length=100),
        says(
            "身份证号码，18 位；港澳台居民居住证和外国人永久居留身份证也可以",
            "18 characters; residence permits of Hong Kong, Macau and Taiwan and cards of foreign permanent residents too",
            "11010519491231002X",
        ),
    ]


class IdentityStored(BaseModel):
    """已存的身份证号码。What was stored of an identity number."""

    identity_last4: str = says("末四位", "Its last four", "002X")
    differs_in: list[Literal["born_on", "sex"]] = says(
        "登记中与号码不一致的项；号码照存，登记不改，请核对",
        "Members of the record from which the number differs. It is stored and the record stays as it is: look which is right",
        ["born_on"],
    )


class IdentityRead(BaseModel):
    """读出的身份证号码。An identity number, opened."""

    number: str | None = says("身份证号码；没有登记时为空", "The number; null: there is none", "11010519491231002X")


class IdentityQuery(BaseModel):
    purpose: Purpose = Field(description=PURPOSES)


class AccessEntry(BaseModel):
    """一次查看的记录。One reading of what is sealed."""

    at: Instant = says("何时（UTC）", "When (UTC)")
    by_user_id: Id = says("谁", "Who")
    by_device_id: Id = says("用哪台设备", "On which device")
    what: Literal["identity_number"] = says("看了什么", "What was read", "identity_number")
    purpose: Purpose = says(PURPOSES.split("\x1f")[0], PURPOSES.split("\x1f")[1], "help_with_application")
