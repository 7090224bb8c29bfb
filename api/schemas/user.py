"""Signing in, users, devices: what comes in and what goes out."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from api.language import both
from api.schemas import text
from api.schemas.base import Body, Id, Paging, PlaceNumber, Query, says
from api.schemas.place import Level

Role = Literal["county", "township", "village", "household_head"]
Reach = Literal["self", "below"]
Username = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{2,39}$")]
PersonName = Annotated[str, AfterValidator(text.person_name), StringConstraints(max_length=50)]


class TokenReply(Body):
    """凭证。The tokens, and the device that they are bound to (RFC 6749, 5.1)."""

    access_token: str = says("访问凭证，15 分钟有效", "Access token, good for 15 minutes")
    token_type: Literal["bearer"] = says("类型", "Type", "bearer")
    expires_in: int = says("有效秒数", "Seconds until it expires", 900)
    refresh_token: str = says(
        "刷新凭证，只能用一次；断线重试会得到同一个新凭证", "Refresh token, used once; a repeat on a bad line gets the same new one"
    )
    device_id: Id = says("设备编号", "The device these tokens are bound to")
    password_temporary: bool = says("密码是否由管理员代设，应尽快修改", "Whether somebody else knows the password, so it should be changed")


class NewPassword(Body):
    """现在的密码和新密码。The present password and the new one."""

    password: Annotated[str, Field(max_length=200), says("现在的密码", "The present password")]
    new_password: Annotated[str, Field(max_length=200), says("新密码，至少 10 个字符", "The new one, at least 10 characters")]


class HeldPlace(Body):
    """负责的地方。A place that somebody holds."""

    place_id: PlaceNumber = says("地方编号", "Number of the place", 5)
    code: str | None = says("区划代码；小组没有", "Division code; a group has none", "990101100201")
    name: str = says("名称", "Name", "柳湾村")
    level: Level = says("级别", "Level", "village")
    reach: Reach = says("self 只此一级 · below 连同下级", "Whether it holds what lies below too", "below")


class DeviceReply(Body):
    """设备。A device."""

    id: Id = says("设备编号", "Id, made by the app when it was installed")
    user_id: Id = says("用户", "Whose it is")
    name: str = says("名称", "Name", "张三的手机")
    registered_at: datetime = says("首次登录", "First sign-in")
    signed_in_at: datetime = says("最近登录", "Last sign-in")
    state: Literal["active", "signed_out", "revoked", "lost"] = says("状态", "State", "active")


class Me(Body):
    """自己的账号。The own account."""

    id: Id = says("用户编号", "Id of the user")
    name: str = says("姓名", "Name", "张三")
    role: Role = says("角色", "Role", "village")
    places: list[HeldPlace] = says("负责的地方", "Places held")
    device: DeviceReply = says("此设备", "This device")
    language: Literal["zh", "en"] = says("语言", "Language", "zh")
    password_temporary: bool = says("密码是否由管理员代设", "Whether somebody else knows the password", False)


class UserReply(Body):
    """用户。A user."""

    id: Id = says("用户编号", "Id")
    username: str = says("用户名", "User name", "worker-1")
    name: str = says("姓名", "Name", "张三")
    role: Role = says("角色", "Role", "village")
    places: list[HeldPlace] = says("负责的地方", "Places held")
    created_at: datetime = says("建立时间", "Created at")
    closed_at: datetime | None = says("停用时间", "Closed at")


class UserWithPassword(UserReply):
    """用户和初始密码。A user and the first password."""

    password: str = says("初始密码，只显示这一次", "First password, shown this once")


class NewUser(Body):
    """新用户。A user to be made."""

    username: Annotated[Username, says("用户名：小写字母、数字、. _ -", "User name: a–z, 0–9, . _ -", "worker-9")]
    name: Annotated[PersonName, says("姓名", "Name", "李明")]
    role: Annotated[Role, says("角色", "Role", "village")]
    place_ids: Annotated[list[PlaceNumber], Field(min_length=1, max_length=50), says("负责的地方", "Places to hold", [5])]


class UserChanges(Body):
    """对用户的修改。Changes of a user."""

    name: Annotated[PersonName, says("姓名", "Name", "李明")] = None  # type: ignore[assignment]  # absent means unchanged, null is refused
    role: Annotated[
        Role, says("新角色；原有的地方全部收回，另行授予", "New role; all places held are taken away and given anew", "village")
    ] = None  # type: ignore[assignment]


class PlaceGrant(Body):
    """授予的地方。A place to be held."""

    place_id: Annotated[PlaceNumber, says("地方编号", "Number of the place", 5)]
    reach: Annotated[Reach, says("self 只此一级 · below 连同下级", "Whether it holds what lies below too", "below")] = "below"


class UserQuery(Query):
    role: Role | None = Field(None, description=both("角色", "Role"))


class DeviceQuery(Paging):
    user_id: Id | None = Field(None, description=both("某一用户的", "Those of one user"))
