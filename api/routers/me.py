"""The caller's own account, and devices: the own ones and those of people below."""

from collections.abc import Callable
from typing import Annotated
from uuid import UUID

import orjson
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api import accounts
from api.access import access_of
from api.db.session import Tx
from api.language import both
from api.problems import BAD_CURSOR, NOT_FOUND
from api.routers import wire
from api.routers.pages import page_model, page_of, read_cursor
from api.routers.records import READERS
from api.schemas.user import DeviceQuery, DeviceReply, Me
from api.sign_in import End

router = APIRouter(tags=[both("账号与设备", "Account and devices")])

DevicePage = page_model("Device", DeviceReply, "设备", "devices")


@router.get(
    "/v1/me",
    **wire.documented(
        "get_me",
        ("我是谁", "Who am I"),
        ("角色、负责的地方和这台设备。", "Role, places held, and this device."),
        READERS,
        wire.reply(Me, both("您的账号", "Your account")),
    ),
)
async def me(request: Request) -> Response:
    [row] = await access_of(request).read(request, lambda role: accounts.ME)
    return Response(row["doc"], media_type="application/json")


@router.get(
    "/v1/devices",
    **wire.documented(
        "list_devices",
        ("列出设备", "List devices"),
        ("自己的设备，以及所管人员的设备，按编号逐页。", "The own devices, and those of people below, page by page, by id."),
        READERS,
        wire.reply(DevicePage, both("设备", "Devices")),
        BAD_CURSOR,
    ),
)
async def devices(request: Request, query: Annotated[DeviceQuery, Query()]) -> Response:
    access, sealed_with = access_of(request), orjson.dumps(["device", query.user_id])
    _, after = read_cursor(access, query.cursor, sealed_with, "text") if query.cursor else ("", UUID(int=0))
    rows = await access.read(request, lambda _: accounts.DEVICES, query.user_id, after, query.limit + 1)
    return page_of(access, rows, query.limit, sealed_with)


def _ends(state: End) -> Callable[..., object]:
    async def end_device(request: Request, id: UUID) -> Response:  # noqa: A002 - the name in the path
        access = access_of(request)
        caller = await access.caller(request)

        async def work(tx: Tx) -> None:
            await accounts.end_device(tx, caller, id, state, access.now())

        await access.database.plain(work)
        return Response(status_code=204)

    return end_device


ENDINGS: tuple[tuple[str, End, str, tuple[str, str], tuple[str, str]], ...] = (
    (
        "revoke",
        "revoked",
        "revoke_device",
        ("停用设备", "Revoke a device"),
        ("这台设备不能再登录；里面的副本应清除。", "The device signs in no more, and its copies are to be erased."),
    ),
    (
        "report-lost",
        "lost",
        "report_device_lost",
        ("报失设备", "Report a device lost"),
        ("丢失的设备立即停用。", "A lost device is shut out at once."),
    ),
)
for path, state, name, named, says in ENDINGS:
    router.add_api_route(
        f"/v1/devices/{{id}}/{path}", _ends(state), methods=["POST"], **wire.documented(name, named, says, READERS, {}, NOT_FOUND)
    )
