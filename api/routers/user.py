"""Users are made and kept by whoever is above them, never with more than the own right."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID, uuid4

import asyncpg
import orjson
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from api import accounts
from api.access import Access, access_of
from api.db.session import Tx
from api.language import both
from api.problems import BAD_CURSOR, LAST_ADMINISTRATOR, NOT_ALLOWED, NOT_FOUND, USERNAME_TAKEN, VOIDED, WRONG_REACH, ProblemKind
from api.routers import wire
from api.routers.pages import page_model, page_of, read_cursor
from api.rules.caller import Caller
from api.schemas.base import PlaceNumber
from api.schemas.user import NewUser, PlaceGrant, UserChanges, UserQuery, UserReply, UserWithPassword

router = APIRouter(tags=[both("用户", "Users")])
OFFICERS = ("county", "township")
UserPage = page_model("User", UserReply, "用户", "users")


def _documented(
    name: str, named: tuple[str, str], says: tuple[str, str], *kinds: ProblemKind, model: type[BaseModel] = UserReply, status: int = 200,
    **extra: Any,
) -> dict[str, Any]:  # fmt: skip
    return wire.documented(name, named, says, OFFICERS, wire.reply(model, both("用户", "The user"), status), NOT_ALLOWED, *kinds, **extra)


@router.get(
    "/v1/users",
    **_documented(
        "list_users",
        ("列出用户", "List users"),
        ("所管的用户，按用户名升序。", "The users below the caller, by user name, ascending."),
        BAD_CURSOR,
        model=UserPage,
    ),
)
async def list_users(request: Request, query: Annotated[UserQuery, Query()]) -> Response:
    access = access_of(request)
    sealed_with = orjson.dumps(["user", query.voided, query.role])
    after: tuple[str, UUID] = read_cursor(access, query.cursor, sealed_with, "text") if query.cursor else ("", UUID(int=0))
    rows = await access.read(request, lambda _: accounts.USERS, query.role, query.voided, *after, query.limit + 1)
    if rows[0]["role"] not in OFFICERS:
        raise NOT_ALLOWED()
    return page_of(access, rows, query.limit, sealed_with)


@router.post(
    "/v1/users",
    **_documented(
        "create_user",
        ("新建用户", "Create a user"),
        ("初始密码只在回复中出现一次。", "The first password is in the reply, once."),
        NOT_FOUND,
        USERNAME_TAKEN,
        WRONG_REACH,
        status=201,
        model=UserWithPassword,
        **wire.request_body(NewUser),
    ),
)
async def create_user(request: Request) -> Response:
    access, user_id, password = access_of(request), uuid4(), accounts.first_password()
    await _officer(request)  # before the hash, which costs a third of a second
    sent = await wire.read(request, NewUser)
    password_hash = await request.app.state.passwords.hash(password)
    caller = await _officer(request)

    async def work(tx: Tx) -> None:
        await accounts.create(
            tx,
            caller,
            user_id=user_id,
            username=sent.username,
            name=sent.name,
            role=sent.role,
            home=sent.place_ids[0],
            place_ids=sent.place_ids,
            password_hash=password_hash,
            temporary=True,
            now=access.now(),
        )

    await access.database.plain(work)
    return _unstored({**await _stored(access, caller, user_id), "password": password}, 201)


@router.patch(
    "/v1/users/{id}",
    **_documented(
        "change_user",
        ("修改用户", "Change a user"),
        ("改角色时，原有的地方全部收回。", "With a new role, all places held are taken away."),
        NOT_FOUND,
        VOIDED,
        LAST_ADMINISTRATOR,
        **wire.request_body(UserChanges, wire.MERGE_PATCH),
    ),
)
async def change_user(request: Request, id: UUID) -> Response:  # noqa: A002 - the name in the path
    access_of(request).claims(request)
    sent = await wire.read(request, UserChanges, wire.MERGE_PATCH)
    changes = {name: getattr(sent, name) for name in sent.model_fields_set}

    async def work(tx: Tx, caller: Caller, user: asyncpg.Record) -> None:
        await accounts.change(tx, caller, user, changes, access_of(request).now())

    return await _on_user(request, id, work)


@router.post(
    "/v1/users/{id}/places",
    **_documented(
        "give_place",
        ("授予地方", "Give a user a place"),
        ("与已有地方有上下级关系时，取而代之。", "A place held above or below it gives way."),
        NOT_FOUND,
        VOIDED,
        WRONG_REACH,
        **wire.request_body(PlaceGrant),
    ),
)
async def give_place(request: Request, id: UUID) -> Response:  # noqa: A002
    access_of(request).claims(request)
    sent = await wire.read(request, PlaceGrant)

    async def work(tx: Tx, caller: Caller, user: asyncpg.Record) -> None:
        now = access_of(request).now()
        await accounts.grant(tx, caller, user_id=id, role=user["role"], place_ids=[sent.place_id], reach=sent.reach, now=now)

    return await _on_user(request, id, work)


@router.post(
    "/v1/users/{id}/places/{place_id}/revoke",
    **_documented(
        "take_place",
        ("收回地方", "Take a place away"),
        ("下一次请求就看不到；没有这个地方则没有变化。", "It bites on the next request; nothing changes where it is not held."),
        NOT_FOUND,
        VOIDED,
        LAST_ADMINISTRATOR,
    ),
)
async def take_place(request: Request, id: UUID, place_id: PlaceNumber) -> Response:  # noqa: A002
    async def work(tx: Tx, caller: Caller, user: asyncpg.Record) -> None:
        await accounts.revoke(tx, caller, id, access_of(request).now(), place_id)

    return await _on_user(request, id, work)


@router.post(
    "/v1/users/{id}/close",
    **_documented(
        "close_user",
        ("停用账号", "Close an account"),
        (
            "不能再登录，地方全部收回；写过的记录仍有其名。再次停用没有变化。",
            "It signs in no more and holds nothing; what it wrote keeps its name. Again changes nothing.",
        ),
        NOT_FOUND,
        LAST_ADMINISTRATOR,
    ),
)
async def close_user(request: Request, id: UUID) -> Response:  # noqa: A002
    async def work(tx: Tx, caller: Caller, user: asyncpg.Record) -> None:
        await accounts.close(tx, caller, user, access_of(request).now())

    return await _on_user(request, id, work, even_closed=True)


@router.post(
    "/v1/users/{id}/reset-password",
    **_documented(
        "reset_password",
        ("重置密码", "Reset a password"),
        ("新密码只在回复中出现一次，其设备随即退出。", "The new password is in the reply, once; the user's devices are signed out."),
        NOT_FOUND,
        VOIDED,
        model=UserWithPassword,
    ),
)
async def reset_password(request: Request, id: UUID) -> Response:  # noqa: A002
    await _officer(request)  # before the hash, which costs a third of a second
    password = accounts.first_password()
    password_hash = await request.app.state.passwords.hash(password)

    async def work(tx: Tx, caller: Caller, user: asyncpg.Record) -> None:
        await accounts.reset_password(tx, caller, id, password_hash, access_of(request).now())

    return await _on_user(request, id, work, password=password)


async def _officer(request: Request) -> Caller:
    caller = await access_of(request).caller(request)
    if caller.role not in OFFICERS:
        raise NOT_ALLOWED()
    return caller


async def _on_user(
    request: Request,
    user_id: UUID,
    work: Callable[[Tx, Caller, asyncpg.Record], Awaitable[None]],
    *,
    even_closed: bool = False,
    **more: str,
) -> Response:
    """Does `work` on a user that the caller looks after, and answers with the user as it is then, and `more`."""
    access, caller = access_of(request), await _officer(request)

    async def on_user(tx: Tx) -> None:
        await work(tx, caller, await accounts.find(tx, caller, user_id, even_closed=even_closed))

    await access.database.write(caller, on_user)
    stored = await _stored(access, caller, user_id)
    return _unstored(stored | more) if more else wire.json(stored)


async def _stored(access: Access, caller: Caller, user_id: UUID) -> dict[str, Any]:
    """Read after the commit: between tick and commit everybody else in the county waits (decision 0002)."""
    [row] = await access.database.fetch(accounts.DOCUMENT, caller.county_id, user_id)
    return dict(orjson.loads(row["doc"]))


def _unstored(content: Any, status: int = 200) -> Response:
    """A reply with a password in it."""
    reply = wire.json(content, status)
    reply.headers["Cache-Control"] = "no-store"
    return reply
