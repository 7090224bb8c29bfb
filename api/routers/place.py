import asyncio
from uuid import uuid4

from fastapi import APIRouter, Request
from starlette.responses import Response

from api import places
from api.access import access_of
from api.db.session import Tx
from api.decide import Result
from api.kinds import PLACE
from api.language import both, preferred, translated
from api.problems import (
    BAD_FILE,
    ID_TAKEN,
    NOT_A_VILLAGE,
    NOT_ALLOWED,
    NOT_FOUND,
    NUMBER_TAKEN,
    REFUSED_WORD,
)
from api.routers import wire
from api.routers.records import Records
from api.rules.caller import Caller
from api.schemas.place import ImportReport, NewGroup, Place, PlaceQuery

router = APIRouter(tags=[both("地方", "Places")])

CSV = ("text/csv",)
ETAG = {"ETag": both("版本号", "The revision")}
MOST = 20_000_000

calls = Records(router, PLACE, ("地方", "place"))
calls.lists(PlaceQuery)
calls.gets()


@router.post(
    "/v1/places",
    **wire.documented(
        "create_group",
        ("新建村民小组", "Create a villagers' group"),
        (
            "县、乡镇、村从区划文件导入；小组在这里建。",
            "Counties, townships and villages come from files of divisions; groups are made here.",
        ),
        ("county", "township"),
        {
            **wire.reply(Place, both("小组", "The group"), 201, {"Location": both("新记录的地址", "Path of the new record"), **ETAG}),
            **wire.reply(Place, both("同一 id 建过的小组", "The group that the same id made before"), 200, ETAG),
        },
        ID_TAKEN,
        REFUSED_WORD,
        NOT_ALLOWED,
        NOT_FOUND,
        NOT_A_VILLAGE,
        NUMBER_TAKEN,
        **wire.request_body(NewGroup),
    ),
)
async def create_group(request: Request) -> Response:
    access = access_of(request)
    caller, sent = await wire.asked(request, NewGroup)
    if caller.role not in PLACE.writers:
        raise NOT_ALLOWED()
    group_id = sent.id or uuid4()

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

    result = await access.database.write(caller, work)
    return wire.document(result.doc or "", result.rev or 0, 201 if result.outcome == "applied" else 200, Location=f"/v1/places/{group_id}")


@router.post(
    "/v1/places/import",
    **wire.documented(
        "import_places",
        ("导入区划文件", "Import a file of divisions"),
        (
            "名册或变更表（CSV，UTF-8 或 GB18030）。文件有误时列出全部问题，不导入任何内容；重复导入没有变化。只接受本县的文件。",
            "A register or a table of changes (CSV, UTF-8 or GB18030). Of a file with faults all are listed and nothing is imported; "
            "the same file again changes nothing. Only the caller's own county.",
        ),
        ("county",),
        wire.reply(ImportReport, both("结果", "What was done")),
        NOT_ALLOWED,
        BAD_FILE,
        **wire.file_body(*CSV),
    ),
)
async def import_places(request: Request) -> Response:
    access = access_of(request)
    await _county(request)  # nobody else sends 20 MB
    data = await wire.raw(request, CSV, MOST)
    caller = await _county(request)  # once more: it may have taken its time
    [county] = await access.database.fetch("SELECT c.code FROM county c WHERE c.county_id = $1", caller.county_id)
    file = await asyncio.to_thread(places.read_file, data, county["code"])  # a large file takes seconds
    former = [row["code"] for row in await access.database.fetch(places.FORMER, caller.county_id)]
    wanted = await asyncio.to_thread(places.meant_for, county["code"], file, former)

    async def work(tx: Tx) -> places.Report:
        return await places.import_places(tx, caller, county["code"], wanted, today=access.today(), now=access.now())

    report = await access.database.write(caller, work)
    return wire.json(translated(report.document(), preferred(request.headers.get("accept-language"))))


async def _county(request: Request) -> Caller:
    caller = await access_of(request).caller(request)
    if caller.role != "county":
        raise NOT_ALLOWED()
    return caller
