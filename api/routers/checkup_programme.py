from typing import Annotated
from uuid import UUID

import orjson
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.access import access_of
from api.db.checkups import eligible
from api.kinds import CHECKUP_PROGRAMME, PERSON
from api.language import both
from api.problems import BAD_CURSOR, NO_SUCH_ROUND, NOT_ALLOWED, NOT_FOUND, NOT_IN_ORDER, REFUSED_WORD, ROUND_ENDS, ROUND_KEPT
from api.routers import wire
from api.routers.pages import page_model, page_of, read_cursor
from api.routers.records import Records
from api.rules.caller import OFFICES, Role
from api.rules.checkup_programme import round_of
from api.schemas.attendance import EligibleQuery
from api.schemas.checkup_programme import CheckupProgrammeQuery

router = APIRouter(tags=[both("体检", "Check-ups")])

calls = Records(router, CHECKUP_PROGRAMME, ("体检项目", "check-up programme"))
calls.lists(CheckupProgrammeQuery)
calls.gets()
calls.creates(REFUSED_WORD, NOT_IN_ORDER, ROUND_ENDS)
calls.changes(REFUSED_WORD, NOT_IN_ORDER, ROUND_ENDS, ROUND_KEPT)
calls.voids()

ELIGIBLE = eligible(CHECKUP_PROGRAMME.documents, PERSON.documents)


def _for_offices(role: Role) -> str:
    if role not in OFFICES:
        raise NOT_ALLOWED()
    return ELIGIBLE


@router.get(
    "/v1/checkup-programmes/{id}/eligible",
    **wire.documented(
        "list_eligible_people",
        ("列出可以邀请的人", "List who may be invited"),
        (
            "住在这里、符合对象、本轮还没有人邀请的人，现算不存；流动人口在住的地方算。谢绝、没来的都不在内；这一轮过后是空的。",
            "People who live here, whom the programme is for, and whom nobody has invited in this round; computed, never stored. Migrants"
            " count where they live. Nobody who declined or missed it; empty once the round is over.",
        ),
        OFFICES,
        wire.reply(page_model("EligiblePeople", PERSON.schema, "可以邀请的人", "people who may be invited"), both("一页", "One page")),
        BAD_CURSOR,
        NOT_ALLOWED,
        NOT_FOUND,
        NO_SUCH_ROUND,
    ),
)
async def list_eligible(request: Request, id: UUID, query: Annotated[EligibleQuery, Query()]) -> Response:  # noqa: A002 - in the path
    access = access_of(request)
    sealed_with = orjson.dumps(["eligible", id, query.place_id, query.round])
    after = read_cursor(access, query.cursor, sealed_with, "text") if query.cursor else PERSON.documents.start()
    asked = (id, query.limit + 1, *after, query.place_id, query.round, access.today())
    rows = await access.read(request, _for_offices, *asked)
    if rows[0]["rounds"] is None:
        raise NOT_FOUND()
    if round_of({"rounds": orjson.loads(rows[0]["rounds"])}, query.round) is None:
        raise NO_SUCH_ROUND.at("?round")
    return page_of(access, rows, query.limit, sealed_with)
