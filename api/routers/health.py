"""Whether the service is well: for whoever starts it again, for the proxy before it, and for Prometheus."""

import asyncio
import hmac
import shutil
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal

import asyncpg
from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from api import watched
from api.access import access_of, not_signed_in
from api.db import standing
from api.db.session import Database, Tx, UnfitRole, schema_version
from api.language import both
from api.problems import NO_SUCH_PATH, Problem
from api.routers import wire
from api.rules.caller import command_line
from api.schemas.base import says
from api.settings import Settings

router = APIRouter(tags=[both("关于本服务", "About the service")])
OK = "ok"
NEEDED = ("database", "role", "schema")  # without which nothing can be served; the others are for people to look at


class Health(BaseModel):
    """是否正常。Whether the service is well."""

    status: Literal["ok", "warning", "failing"] = says(
        "ok 正常 · warning 能服务，但有事要处理 · failing 不能服务",
        "ok · warning: it serves, and somebody has to act · failing: it can't serve",
        OK,
    )
    checks: dict[str, str] = says("各项检查：ok，或哪里不对", "Each check: ok, or what is wrong", dict.fromkeys((*NEEDED, "disk"), OK))


def _open(operation_id: str, named: tuple[str, str], words: tuple[str, str]) -> dict[str, Any]:
    return wire.documented(operation_id, named, words, None, wire.reply(Health, both(*named)))


@router.get(
    "/health/live", **_open("get_live", ("进程在运行", "The process runs"), ("只说明进程能应答。", "Says only that the process answers."))
)
async def live() -> Response:
    return wire.json({"status": OK, "checks": {}})


@router.get(
    "/health/ready",
    **_open(
        "get_ready",
        ("可以服务", "Ready to serve"),
        (
            "逐项检查：数据库、角色、结构、磁盘、备份（设置了的话），以及缺少的密钥。不能服务时为 503；"
            "磁盘将满、备份过旧、缺少密钥只是 warning，仍为 200。",
            "Named checks: database, role, schema, disk, backup where one is set, and seals where keys are missing. 503 when it can't "
            "serve; a disk that fills up, a backup that is too old and keys that are missing are a `warning` with 200.",
        ),
    ),
)
async def ready(request: Request) -> Response:
    checks = await _checks(request)
    able = all(checks.get(name, OK) == OK for name in NEEDED)
    status = "failing" if not able else OK if all(said == OK for said in checks.values()) else "warning"
    return wire.json({"status": status, "checks": checks}, 200 if able else 503)


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request) -> Response:
    """For Prometheus, with the token of JIAFANG_METRICS_TOKEN as bearer; without that setting there is no such path."""
    wanted: Settings = request.app.state.settings
    if wanted.metrics_token is None:
        raise NO_SUCH_PATH()
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(token.strip().encode(), wanted.metrics_token.get_secret_value().encode()):
        raise not_signed_in()
    database = access_of(request).database
    watched.CONNECTIONS.labels("in_use").set(database.in_use)
    watched.CONNECTIONS.labels("most").set(database.size)
    checks = await _checks(request)
    for name, said in checks.items():
        watched.CHECK.labels(name).set(said == OK)
    if checks["database"] == OK:
        await _waiting(database)
    return Response(
        await asyncio.to_thread(watched.exposition), headers={"Cache-Control": "no-store"}, media_type="text/plain; version=0.0.4"
    )


async def _checks(request: Request) -> dict[str, str]:
    database, settings, needed = access_of(request).database, request.app.state.settings, request.app.state.schema_version
    checks = {"database": OK}
    try:
        found = await schema_version(database)
        await database.check_role()
        checks |= {"role": OK, "schema": OK if found == needed else f"at {found}, needs {needed}"}
    except UnfitRole:
        checks |= {"role": "superuser or owner of the tables"}
    except Problem:
        checks = {"database": "no connection to be had"}
    if missing := request.app.state.seals_missing:  # an old copy, or another county's: looked for at start
        checks |= {"seals": f"seals.json lacks the keys {', '.join(sorted(missing))}"}
    return checks | dict(await asyncio.to_thread(lambda: list(_of_files(settings))))


def _of_files(settings: Settings) -> Iterator[tuple[str, str]]:
    """Blocking: a disk may take its time."""
    try:
        free = shutil.disk_usage(settings.var).free >> 20
        yield "disk", OK if free >= settings.least_free_mb else f"less than {settings.least_free_mb} MB are free"
        if settings.backups is not None:
            yield "backup", OK if _hours_since(settings.backups) <= settings.backup_hours else f"none within {settings.backup_hours} hours"
    except OSError as error:
        yield "files", error.strerror or type(error).__name__


def _hours_since(folder: Path) -> float:
    """Of the newest backup. One that is being made has another name."""
    newest = max((file.stat().st_mtime for file in folder.glob("*.backup")), default=0.0)
    return (time.time() - newest) / 3600


async def _waiting(database: Database) -> None:
    async def count(county_id: int, tx: Tx) -> list[asyncpg.Record]:
        return await tx.fetch(standing.WAITING, county_id)

    for county in await database.fetch(standing.COUNTIES):
        number = county["county_id"]
        [row] = await database.write(command_line(number), partial(count, number))
        for what, many in row.items():
            watched.WAITING.labels(county["code"], what).set(many)
