from typing import Annotated, Literal

from pydantic import Field

from api.language import both
from api.schemas.base import (
    MAY_BE_ABSENT,
    SERVER,
    Birthday,
    Distinct,
    EndOf,
    Id,
    Name,
    NoBoolean,
    Phone,
    PlaceOrBelow,
    Query,
    Record,
    Seen,
    Sought,
    says,
)

Status = Literal["present", "away", "moved", "died"]


class Person(Record):
    """人：登记在一户。A person, registered with one household."""

    household_id: Annotated[
        Id, says("所在的户；改它就是转到另一户", "The household of registration. Changing it lets the person join another one")
    ]
    name: Annotated[Name, says("姓名，间隔号用 ·", "Name; the separator in it is U+00B7", "王秀英")]
    sex: Annotated[
        Literal[0, 1, 2, 9],
        NoBoolean,
        says("性别（GB/T 2261.1）：0 未知 · 1 男 · 2 女 · 9 未说明", "GB/T 2261.1: 0 unknown, 1 male, 2 female, 9 not stated", 2),
    ] = 0
    born_on: Annotated[Birthday | None, Seen(group="none"), says("出生日期", "Day of birth", "1958-03-04")] = None
    relation: Annotated[
        Literal["head", "spouse", "child", "parent", "other"],
        says(
            "与户主的关系：head 户主 · spouse 配偶 · child 子女 · parent 父母 · other 其他",
            "Relation to the head of the household",
            "head",
        ),
    ] = "other"
    phones: Annotated[
        list[Phone], Field(max_length=5), Distinct, Seen(group="none"), says("联系电话", "Phone numbers", ["13800138000"])
    ] = []
    status: Annotated[
        Status, says("present 在家 · away 外出 · moved 迁走 · died 去世", "Whether the person is at home here", "present")
    ] = "present"
    joined_into_id: Annotated[
        Id | None, SERVER, says("与哪一条是同一个人（合并后）", "The record of the same person that this one was joined into")
    ] = None

    identity_last4: Annotated[
        str | None,
        SERVER,
        EndOf("identity_number", "identity_blind"),
        Field(json_schema_extra=MAY_BE_ABSENT),
        says(
            "身份证号码末四位；只在单独取这一条时给出，中心户长看不到",
            "The last four of the identity number; only where this one record is asked for, and never for a lead household",
            "002X",
        ),
    ] = None


class PersonQuery(Query):
    q: Sought | None = Field(
        None,
        description=both(
            "姓名或其中一部分、拼音或首字母、电话后四位",
            "A name or a part of it, in characters, pinyin or initials, or the last four digits of a phone number",
        ),
        examples=["wxy"],
    )
    household_id: Id | None = Field(None, description=both("只看这一户", "Only this household"))
    place_id: PlaceOrBelow = None
    status: Status | None = Field(None, description=both("状态", "Status"))
