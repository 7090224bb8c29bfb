from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from api.language import both
from api.schemas.base import ONCE, Id, Instant, Query, Record, says

Purpose = Literal[
    "contact", "share_contact", "share_attendance", "share_services",
    "head_sees_attendance", "head_sees_identity", "head_sees_bank_account",
]  # fmt: skip
Act = Literal["given", "withdrawn"]


class Consent(Record):
    """同意：一个人就一件事说同意，或收回。What a person agreed to, or took back: one purpose, one moment."""

    person_id: Annotated[Id, ONCE, says("谁", "Who: a person")]
    purpose: Annotated[
        Purpose,
        ONCE,
        says(
            "contact 同意联系 · share_contact 电话给对方一侧 · share_attendance 到检 · share_services 服务 · head_sees_… 户主可看",
            "contact: may be contacted. share_…: the other side of a residence may know phone numbers, check-ups attended, services."
            " head_sees_…: so may the head of the household",
            "share_contact",
        ),
    ]
    act: Annotated[Act, ONCE, says("given 同意 · withdrawn 不同意或收回", "given; withdrawn: refused, or taken back", "given")]
    acted_at: Annotated[Instant, ONCE, says("本人说的时刻", "When the person said so", "2026-11-20T09:30:00Z")]
    text_version: Annotated[
        str,
        StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,39}$"),
        ONCE,
        says("读给本人听的文本版本", "Version of the text read out", "2026-1"),
    ]
    through: Annotated[Literal["self", "guardian"], ONCE, says("self 本人 · guardian 监护人", "The person, or their guardian", "self")] = (
        "self"
    )


class ConsentQuery(Query):
    """One person's: who of a place refused something is no list that anybody may have."""

    person_id: Id = Field(description=both("这个人的", "Of this person"))
    purpose: Purpose | None = Field(None, description=both("哪件事", "The purpose"))
