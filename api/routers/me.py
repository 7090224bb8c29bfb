"""The caller's own account, and devices: the own ones and those of people below."""

from collections.abc import Callable, Sequence
from typing import Annotated
from uuid import UUID

import orjson
from asyncpg import Record
from fastapi import APIRouter, Query, Request
from pydantic import Field, create_model
from starlette.responses import Response

from api import accounts
from api.access import Access, access_of
from api.db.session import Tx
from api.language import both
from api.problems import BAD_CURSOR, INVALID, NOT_FOUND
from api.routers import wire
from api.routers.records import READERS, cursor, read_cursor
from api.schemas.user import DeviceQuery, DeviceReply, Me
from api.sign_in import End

router = APIRouter(tags=[both("账号与设备", "Account and devices")])

DEVICE = {
    "id": "b1f9e6f0-2f7a-4b0e-9a6d-0c9f3f6a7e10",
    "user_id": "5d0f6d3c-9c0e-5c6b-8a55-2f4f0f4d7a11",
    "name": "王芳的手机",
    "registered_at": "2026-11-01T01:00:00.000Z",
    "signed_in_at": "2026-11-20T01:00:00.000Z",
    "state": "active",
}
ME = {
    "id": DEVICE["user_id"],
    "name": "王芳",
    "role": "village",
    "places": [{"place_id": 5, "code": "990101100201", "name": "柳湾村", "level": "village", "reach": "below"}],
    "device": DEVICE,
    "language": "zh",
    "password_temporary": False,
}
DevicePage = create_model(
    "DevicePage",
    items=(list[DeviceReply], Field(description=both("设备", "Devices"))),
    next=(str | None, Field(description=both("下一页的 cursor", "cursor of the next page"))),
)


@router.get(
    "/v1/me",
    operation_id="get_me",
    summary=both("我是谁", "Who am I"),
    description=wire.described("角色、负责的地方和这台设备。", "Role, places held, and this device.", READERS),
    responses={**wire.reply(Me, both("您的账号", "Your account"), ME), **wire.refusals()},
    response_model=None,
    openapi_extra=wire.SIGNED_IN,
)
async def me(request: Request) -> Response:
    [row] = await access_of(request).read(request, lambda role: accounts.ME)
    return Response(row["doc"], media_type="application/json")


@router.get(
    "/v1/devices",
    operation_id="list_devices",
    summary=both("列出设备", "List devices"),
    description=wire.described(
        "自己的设备，以及所管人员的设备，按编号逐页。", "The own devices, and those of people below, page by page, by id.", READERS
    ),
    responses={**wire.reply(DevicePage, both("设备", "Devices"), {"items": [DEVICE], "next": None}), **wire.refusals(INVALID, BAD_CURSOR)},
    response_model=None,
    openapi_extra=wire.SIGNED_IN,
)
async def devices(request: Request, query: Annotated[DeviceQuery, Query()]) -> Response:
    access, sealed_with = access_of(request), orjson.dumps(["device", query.user_id])
    _, after = read_cursor(access, query.cursor, sealed_with, "text") if query.cursor else ("", UUID(int=0))
    rows = await access.read(request, lambda _: accounts.DEVICES, query.user_id, after, query.limit + 1)
    return page_of(access, rows, query.limit, sealed_with)


def page_of(access: Access, rows: Sequence[Record], limit: int, sealed_with: bytes) -> Response:
    """`rows` hold one more than the page where there is a next one, and a row without a document where there is nothing at all."""
    found = [row for row in rows if row["doc"]]
    page, more = found[:limit], len(found) > limit
    following = f'"{cursor(access, page[-1]["sort"], page[-1]["id"], sealed_with)}"' if more else "null"
    return Response(f'{{"items":[{",".join(row["doc"] for row in page)}],"next":{following}}}', media_type="application/json")


def _ends(state: End) -> Callable[..., object]:
    async def end_device(request: Request, id: UUID) -> Response:  # noqa: A002 - the name in the path
        access = access_of(request)
        caller = await access.caller(request)

        async def work(tx: Tx) -> None:
            await accounts.end_device(tx, caller, id, state, access.now())

        await access.database.plain(work)
        return Response(status_code=204)

    return end_device


ENDINGS: tuple[tuple[str, End, str, str, tuple[str, str]], ...] = (
    (
        "revoke",
        "revoked",
        "revoke_device",
        both("停用设备", "Revoke a device"),
        ("这台设备不能再登录；里面的副本应清除。", "The device signs in no more, and its copies are to be erased."),
    ),
    (
        "report-lost",
        "lost",
        "report_device_lost",
        both("报失设备", "Report a device lost"),
        ("丢失的设备立即停用。", "A lost device is shut out at once."),
    ),
)
for path, state, name, summary, says in ENDINGS:
    router.add_api_route(
        f"/v1/devices/{{id}}/{path}",
        _ends(state),
        methods=["POST"],
        operation_id=name,
        summary=summary,
        description=wire.described(*says, READERS),
        status_code=204,
        responses=wire.refusals(NOT_FOUND),
        response_model=None,
        openapi_extra=wire.SIGNED_IN,
    )
