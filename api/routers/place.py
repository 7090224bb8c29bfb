from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field, StringConstraints
from starlette.responses import Response

from api.access import access_of
from api.db.session import Tx
from api.jobs import places
from api.kinds import PLACE
from api.language import both, preferred, translated
from api.problems import BAD_ENCODING, BAD_FILE, CODE_TAKEN, NOT_ALLOWED, NOT_FOUND, TOO_LARGE, WRONG_MEDIA_TYPE, WRONG_PLACE
from api.road import Result
from api.routers import wire
from api.routers.records import BAD_BODY, Records
from api.schemas.base import Body, PlaceNumber, Short, says
from api.schemas.place import Place, PlaceQuery

router = APIRouter(tags=[both("地方", "Places")])

STORED = {
    "id": "9b2d6f0a-7c1e-5a44-8f3b-0c9d8e7f6a5b",
    "rev": 1,
    "place_id": 5,
    "voided": False,
    "created_at": "2026-11-01T01:00:00.000Z",
    "updated_at": "2026-11-01T01:00:00.000Z",
    "created_by": None,
    "code": "990101100201",
    "name": "柳湾村",
    "level": "village",
    "group_number": None,
    "parent_id": 2,
    "successor_ids": [],
    "valid_from": None,
    "valid_to": None,
    "valid_to_provisional": False,
    "former_names": [],
}
CSV = ("text/csv",)
CSV_EXAMPLE = (
    "level,old_code12,old_name,new_code12,new_name,between_snapshots,kind,evidence\n"
    "village,,,990101100209,新园村,2025..2026,created,民政局通知\n"
)
MOST = 20_000_000

calls = Records(router, PLACE, ("地方", "place"), STORED)
calls.lists(PlaceQuery)
calls.gets()


class NewGroup(Body):
    """村民小组。A villagers' group."""

    parent_id: Annotated[PlaceNumber, says("所在村的编号", "Number of its village", 5)]
    group_number: Annotated[int, Field(ge=1, le=99), says("小组号 1–99", "Number in the village, 1–99", 7)]
    name: Annotated[
        Short | None,
        StringConstraints(max_length=50),
        says("名称；不写则按小组号取名", "Name; made from the number unless told", "第7村民小组"),
    ] = None


class ImportReport(BaseModel):
    """导入结果。What an import did."""

    created: int = says("新建的地方", "Places created", 454)
    changed: int = says("修改的地方", "Places changed", 0)
    left_out: int = says("未用的行：省、市，或其他县", "Rows not used: provinces and cities, or other counties", 2)
    warnings: list[dict[str, int | str]] = says(
        "存疑之处：行、列、代码、说明；没有因此拒绝", "What is doubtful: line, column, code, detail; nothing was refused for it"
    )


@router.post(
    "/v1/places",
    operation_id="create_group",
    summary=both("新建村民小组", "Create a villagers' group"),
    description=wire.described(
        "县、乡镇、村从区划文件导入；小组在这里建。",
        "Counties, townships and villages come from files of divisions; groups are made here.",
        ("county", "township"),
    ),
    status_code=201,
    responses={
        **wire.reply(
            Place,
            both("小组", "The group"),
            {**STORED, "level": "group", "code": None, "group_number": 7, "name": "第7村民小组", "parent_id": 5},
            201,
            {"Location": both("新记录的地址", "Path of the new record"), "ETag": both("版本号", "The revision")},
        ),
        **wire.refusals(NOT_ALLOWED, NOT_FOUND, WRONG_PLACE, CODE_TAKEN, *BAD_BODY),
    },
    response_model=None,
    openapi_extra={**wire.SIGNED_IN, **wire.request_body(NewGroup, {"parent_id": 5, "group_number": 7})},
)
async def create_group(request: Request) -> Response:
    access = access_of(request)
    caller = await access.caller(request)
    if caller.role not in PLACE.writers:
        raise NOT_ALLOWED()
    sent, group_id = await wire.read(request, NewGroup), uuid4()

    async def work(tx: Tx) -> Result:
        return await places.add_group(
            tx,
            caller,
            group_id=group_id,
            parent_id=sent.parent_id,
            group_number=sent.group_number,
            name=sent.name,
            today=access.today(),
            now=access.now(),
        )

    result = await access.write(caller, work)
    return wire.document(result.doc or "", 1, 201, Location=f"/v1/places/{group_id}")


@router.post(
    "/v1/places/import",
    operation_id="import_places",
    summary=both("导入区划文件", "Import a file of divisions"),
    description=wire.described(
        "名册或变更表（CSV，UTF-8 或 GB18030）。文件有误时列出全部问题，不导入任何内容；重复导入没有变化。只接受本县的文件。",
        "A register or a table of changes (CSV, UTF-8 or GB18030). Of a file with faults all are listed and nothing is imported; "
        "the same file again changes nothing. Only the caller's own county.",
        ("county",),
    ),
    responses={
        **wire.reply(ImportReport, both("结果", "What was done"), {"created": 1, "changed": 0, "left_out": 0, "warnings": []}),
        **wire.refusals(NOT_ALLOWED, BAD_FILE, BAD_ENCODING, TOO_LARGE, WRONG_MEDIA_TYPE),
    },
    response_model=None,
    openapi_extra={
        **wire.SIGNED_IN,
        "requestBody": {
            "required": True,
            "content": {
                "text/csv": {
                    "schema": {"type": "string"},
                    "example": CSV_EXAMPLE,
                }
            },
        },
    },
)
async def import_places(request: Request) -> Response:
    access = access_of(request)
    caller = await access.caller(request)
    if caller.role != "county":
        raise NOT_ALLOWED()
    data = await wire.raw(request, CSV, MOST)
    [county] = await access.database.fetch("SELECT c.code FROM county c WHERE c.county_id = $1", caller.county_id)
    file = places.read_file(data, county["code"])

    async def work(tx: Tx) -> places.Report:
        return await places.import_places(tx, caller, county["code"], file, today=access.today(), now=access.now())

    report = await access.write(caller, work)
    return wire.json(translated(report.document(), preferred(request.headers.get("accept-language"))))
