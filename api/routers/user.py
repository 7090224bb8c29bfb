"""Users are made and kept by whoever is above them, never with more than the own right."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID, uuid4

import asyncpg
import orjson
from fastapi import APIRouter, Query, Request
from pydantic import Field, create_model
from starlette.responses import Response

from api import accounts
from api.access import access_of
from api.db.session import Tx
from api.language import both
from api.problems import BAD_CURSOR, INVALID, LAST_ADMINISTRATOR, NOT_ALLOWED, NOT_FOUND, USERNAME_TAKEN, VOIDED, WRONG_REACH
from api.problems import Kind as ProblemKind
from api.routers import wire
from api.routers.me import ME, page_of
from api.routers.records import BAD_BODY, read_cursor
from api.rules.caller import Caller
from api.schemas.base import PlaceNumber
from api.schemas.user import NewUser, PlaceGrant, UserChanges, UserQuery, UserReply, UserWithPassword

router = APIRouter(tags=[both("用户", "Users")])
OFFICERS = ("county", "township")
USER = {
    "id": ME["id"],
    "username": "worker-1",
    "name": "王芳",
    "role": "village",
    "places": ME["places"],
    "created_at": "2026-11-01T01:00:00.000Z",
    "closed_at": None,
}
UserPage = create_model(
    "UserPage",
    items=(list[UserReply], Field(description=both("用户", "Users"))),
    next=(str | None, Field(description=both("下一页的 cursor", "cursor of the next page"))),
)


def _documented(summary: tuple[str, str], says: tuple[str, str], *refusals: ProblemKind, body: Any = None, **answer: Any) -> dict[str, Any]:
    status, model, example = answer.get("status", 200), answer.get("model", UserReply), answer.get("example", USER)
    return {
        "summary": both(*summary),
        "description": wire.described(*says, OFFICERS),
        "responses": {**wire.reply(model, both("用户", "The user"), example, status), **wire.refusals(NOT_ALLOWED, *refusals)},
        "response_model": None,
        "openapi_extra": {**wire.SIGNED_IN, **(wire.request_body(*body) if body else {})},
    }


@router.get(
    "/v1/users",
    operation_id="list_users",
    **_documented(
        ("列出用户", "List users"),
        ("所管的用户，按用户名升序。", "The users below the caller, by user name, ascending."),
        INVALID,
        BAD_CURSOR,
        model=UserPage,
        example={"items": [USER], "next": None},
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
    operation_id="create_user",
    status_code=201,
    **_documented(
        ("新建用户", "Create a user"),
        ("初始密码只在回复中出现一次。", "The first password is in the reply, once."),
        NOT_FOUND,
        USERNAME_TAKEN,
        WRONG_REACH,
        *BAD_BODY,
        body=(NewUser, {"username": "worker-9", "name": "李明", "role": "village", "place_ids": [5]}),
        status=201,
        model=UserWithPassword,
        example={**USER, "username": "worker-9", "password": "k7wm-3pqx-9tzd-h4rf"},
    ),
)
async def create_user(request: Request) -> Response:
    access, caller = access_of(request), await _officer(request)
    sent = await wire.read(request, NewUser)
    user_id, password = uuid4(), accounts.first_password()
    password_hash = await request.app.state.passwords.hash(password)

    async def work(tx: Tx) -> str:
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
        return str(await tx.fetchval(accounts.DOCUMENT, caller.county_id, user_id))

    stored = orjson.loads(await access.database.plain(work))
    return _unstored({**stored, "password": password}, 201)


@router.patch(
    "/v1/users/{id}",
    operation_id="change_user",
    **_documented(
        ("修改用户", "Change a user"),
        ("改角色时，原有的地方全部收回。", "With a new role, all places held are taken away."),
        NOT_FOUND,
        VOIDED,
        LAST_ADMINISTRATOR,
        *BAD_BODY,
        body=(UserChanges, {"name": "王芳"}, wire.MERGE_PATCH),
    ),
)
async def change_user(request: Request, id: UUID) -> Response:  # noqa: A002 - the name in the path
    sent = await wire.read(request, UserChanges, wire.MERGE_PATCH)
    changes = {name: getattr(sent, name) for name in sent.model_fields_set}

    async def work(tx: Tx, caller: Caller, user: asyncpg.Record) -> None:
        await accounts.change(tx, caller, user, changes, access_of(request).now())

    return await _on_user(request, id, work)


@router.post(
    "/v1/users/{id}/places",
    operation_id="give_place",
    **_documented(
        ("授予地方", "Give a user a place"),
        ("与已有地方有上下级关系时，取而代之。", "A place held above or below it gives way."),
        NOT_FOUND,
        VOIDED,
        WRONG_REACH,
        *BAD_BODY,
        body=(PlaceGrant, {"place_id": 5, "reach": "below"}),
    ),
)
async def give_place(request: Request, id: UUID) -> Response:  # noqa: A002
    sent = await wire.read(request, PlaceGrant)

    async def work(tx: Tx, caller: Caller, user: asyncpg.Record) -> None:
        now = access_of(request).now()
        await accounts.grant(tx, caller, user_id=id, role=user["role"], place_ids=[sent.place_id], reach=sent.reach, now=now)

    return await _on_user(request, id, work)


@router.post(
    "/v1/users/{id}/places/{place_id}/revoke",
    operation_id="take_place",
    **_documented(
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
    operation_id="close_user",
    **_documented(
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
    operation_id="reset_password",
    **_documented(
        ("重置密码", "Reset a password"),
        ("新密码只在回复中出现一次，其设备随即退出。", "The new password is in the reply, once; the user's devices are signed out."),
        NOT_FOUND,
        VOIDED,
        model=UserWithPassword,
        example={**USER, "password": "k7wm-3pqx-9tzd-h4rf"},
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

    async def on_user(tx: Tx) -> str:
        await work(tx, caller, await accounts.find(tx, caller, user_id, even_closed=even_closed))
        return str(await tx.fetchval(accounts.DOCUMENT, caller.county_id, user_id))

    stored = orjson.loads(await access.database.plain(on_user))
    return _unstored(stored | more) if more else wire.json(stored)


def _unstored(content: Any, status: int = 200) -> Response:
    """A reply with a password in it."""
    reply = wire.json(content, status)
    reply.headers["Cache-Control"] = "no-store"
    return reply
