"""Registers from files: upload, look at what was found, confirm, undo."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

import orjson
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api import imports
from api.access import access_of
from api.db import imports as db
from api.files.sheet import workbook
from api.language import both, preferred, translated
from api.problems import BAD_CURSOR, NOT_ALLOWED, NOT_FOUND, NOT_NOW
from api.routers import wire
from api.routers.pages import cursor, page_model, read_cursor
from api.rules.caller import Caller
from api.rules.register_file import template
from api.schemas.base import Paging
from api.schemas.imports import Import, ImportSummary, NewImport, RegisterKind

router = APIRouter(tags=[both("导入", "Imports")])

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FILES = ("text/csv", XLSX)
MOST = 20_000_000
FROM_THE_END = 2**62
WIDTHS = (16, 10, 40, 40, 24, 16, 14, 12, 16, 16, 24, 24)


def _document(row: Mapping[str, Any], model: type[ImportSummary], language: str) -> dict[str, Any]:
    said = {name: row[name] for name in model.model_fields}
    for name in ("created_at", "ended_at"):
        said[name] = said[name] and wire.moment(said[name])
    for name in ("problems", "notes"):
        if name in said:
            said[name] = translated(orjson.loads(said[name]), language)
    return said


def _answer(request: Request, row: Mapping[str, Any], status: int) -> Response:
    return wire.json(_document(row, Import, preferred(request.headers.get("accept-language"))), status)


async def _desk(request: Request) -> Caller:
    caller = await access_of(request).caller(request)
    if caller.role not in imports.MAY:
        raise NOT_ALLOWED()
    return caller


@router.get(
    "/v1/import-templates/{kind}",
    response_class=Response,
    **wire.documented(
        "get_import_template",
        ("下载导入模板", "Get the workbook to fill in"),
        (
            "XLSX：第一张表有标题和一行示例，第二张表逐列说明，并列出可以填的词和代码。",
            "XLSX: the first sheet has the headings and an example row, the second explains each column and lists what may stand in it.",
        ),
        imports.MAY,
        {
            200: {
                "description": both("模板", "The workbook"),
                "headers": {
                    "Content-Disposition": {
                        "description": both("文件名", "The name of the file"),
                        "schema": {"type": "string"},
                        "example": "attachment; filename=people.xlsx",
                    }
                },
                "content": {XLSX: wire.file(XLSX)},
            }
        },
        NOT_ALLOWED,
        NOT_FOUND,
    ),
)
async def get_template(request: Request, kind: RegisterKind) -> Response:
    caller = await _desk(request)
    rows = await access_of(request).database.write(caller, lambda tx: tx.fetch(db.PURPOSES, caller.county_id))
    made = workbook(template(kind, {row["name"]: row["code"] for row in rows}), WIDTHS)
    return Response(made, headers={"Content-Disposition": f"attachment; filename={kind}.xlsx"}, media_type=XLSX)


@router.post(
    "/v1/imports",
    **wire.documented(
        "create_import",
        ("上传登记簿", "Send a register"),
        (
            "XLSX，或 CSV（UTF-8 或 GB18030），最多 100,000 行。文件在后台读完，逐格列出全部问题；有一个问题就一行也不导入。"
            "没有问题的（ready）确认后才导入。",
            "XLSX, or CSV (UTF-8 or GB18030), 100,000 rows at most. It is read in the background, and every problem of every cell is "
            "listed; of a file with a problem nothing is imported. One without (ready) goes in when it is confirmed.",
        ),
        imports.MAY,
        wire.reply(Import, both("正在读", "It is being read"), 202, {"Location": both("这次导入的地址", "Path of the import")}),
        NOT_ALLOWED,
        **wire.file_body(*FILES),
    ),
)
async def create(request: Request, query: Annotated[NewImport, Query()]) -> Response:
    access = access_of(request)
    await _desk(request)  # nobody else sends 20 MB
    data = await wire.raw(request, FILES, MOST)
    caller = await _desk(request)  # once more: it may have taken its time
    said: dict[str, Any] = {"import_id": uuid4(), "kind": query.kind, "file_name": query.file_name, "data": data, "now": access.now()}
    row = await access.database.write(caller, lambda tx: imports.take(tx, caller, **said))
    request.app.state.imports_wake.set()
    answer = _answer(request, row, 202)
    answer.headers["Location"] = f"/v1/imports/{row['id']}"
    return answer


@router.get(
    "/v1/imports",
    **wire.documented(
        "list_imports",
        ("列出导入", "List imports"),
        ("您所负责乡镇的，最近的在前。", "Those of the townships that you hold, the latest first."),
        imports.MAY,
        wire.reply(page_model("Imports", ImportSummary, "导入", "imports"), both("一页", "One page")),
        NOT_ALLOWED,
        BAD_CURSOR,
    ),
)
async def listing(request: Request, query: Annotated[Paging, Query()]) -> Response:
    access, sealed_with = access_of(request), b"imports"
    after = read_cursor(access, query.cursor, sealed_with, "int")[0] if query.cursor else FROM_THE_END
    rows = await access.read(request, lambda _: db.LIST, after, query.limit + 1)
    if rows[0]["role"] not in imports.MAY:
        raise NOT_ALLOWED()
    found, language = [row for row in rows if row["id"]], preferred(request.headers.get("accept-language"))
    items, more = found[: query.limit], len(found) > query.limit
    following = cursor(access, items[-1]["seq"], items[-1]["id"], sealed_with) if more else None
    return wire.json({"items": [_document(dict(row), ImportSummary, language) for row in items], "next": following})


@router.get(
    "/v1/imports/{id}",
    **wire.documented(
        "get_import",
        ("取一次导入", "Get an import"),
        ("读到哪里、问题有哪些、导入了多少。", "How far it is, what is wrong with the file, how much has gone in."),
        imports.MAY,
        wire.reply(Import, both("这次导入", "The import")),
        NOT_ALLOWED,
        NOT_FOUND,
    ),
)
async def get(request: Request, id: UUID) -> Response:  # noqa: A002 - the name in the path
    [row] = await access_of(request).read(request, lambda _: db.ONE, id)
    if row["role"] not in imports.MAY:
        raise NOT_ALLOWED()
    if row["id"] is None:
        raise NOT_FOUND()
    return _answer(request, dict(row), 200)


def _enters(wish: Literal["confirm", "undo"], named: tuple[str, str], says: tuple[str, str]) -> None:
    async def enter(request: Request, id: UUID) -> Response:  # noqa: A002 - the name in the path
        access = access_of(request)
        caller = await _desk(request)
        row = await access.database.write(caller, lambda tx: imports.enter(tx, caller, id, wish, access.now()))
        request.app.state.imports_wake.set()
        return _answer(request, row, 202)

    answer = wire.reply(Import, both("这次导入", "The import"), 202)
    documented = wire.documented(f"{wish}_import", named, says, imports.MAY, answer, NOT_ALLOWED, NOT_FOUND, NOT_NOW)
    router.add_api_route(f"/v1/imports/{{id}}/{wish}", enter, methods=["POST"], **documented)


_enters(
    "confirm",
    ("确认导入", "Confirm an import"),
    (
        "在后台分批导入，手机同时照常同步；服务重启后自己接着做。再次确认没有变化。",
        "It goes in by pieces in the background while phones sync; after a restart it goes on by itself. Once more changes nothing.",
    ),
)
_enters(
    "undo",
    ("撤销导入", "Undo an import"),
    (
        "完成后一天之内：作废它新建的记录。别人已经改过、或名下已有新记录的留下，逐条列在提示里。",
        "Within a day of its end: voids what it created. What somebody has changed meanwhile, or added something to, stays and is listed "
        "in the notes.",
    ),
)
