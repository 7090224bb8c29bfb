from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from api import joining
from api.access import access_of
from api.kinds import PERSON
from api.language import both
from api.problems import DAY_TO_COME, HAS_RECORDS, JOINED_ALREADY, NOT_ALLOWED, NOT_FOUND, VOIDED
from api.routers import wire
from api.routers.records import TOUCHED, Preview, Records, touched
from api.schemas.joining import Into
from api.schemas.person import PersonQuery

router = APIRouter(tags=[both("人", "People")])

calls = Records(router, PERSON, ("人", "person"), "people")
calls.lists(PersonQuery)
calls.gets()
calls.creates(DAY_TO_COME)
calls.changes(DAY_TO_COME)
calls.voids(HAS_RECORDS)


@router.post(
    "/v1/people/{id}/join",
    **wire.documented(
        "join_person",
        ("两条是同一个人", "Two records are one person"),
        (
            "此条作废并指向另一条；两条都还能读到，原来是户主的改为另一条。弄错了可以再分开。",
            "This one is voided and names the other as its successor. Both stay readable; the other heads the household that this one"
            " headed. A mistake can be undone (part).",
        ),
        tuple(PERSON.writers),
        TOUCHED,
        NOT_ALLOWED,
        NOT_FOUND,
        JOINED_ALREADY,
        VOIDED,
        **wire.request_body(Into),
    ),
)
async def join(request: Request, id: UUID, preview: Preview = False) -> Response:  # noqa: A002 - the name in the path
    caller, sent = await wire.asked(request, Into)
    access = access_of(request)
    return await touched(access, caller, id, lambda tx: joining.join(tx, caller, id, sent.into_id, access.now()), preview=preview)


@router.post(
    "/v1/people/{id}/part",
    **wire.documented(
        "part_person",
        ("分开：不是同一个人", "Two people after all"),
        ("此条恢复为合并以前的样子。没有合并过则没有变化。", "The record is what it was before. Nothing changes where it was not joined."),
        tuple(PERSON.writers),
        TOUCHED,
        NOT_ALLOWED,
        NOT_FOUND,
        VOIDED,
    ),
)
async def part(request: Request, id: UUID) -> Response:  # noqa: A002
    access = access_of(request)
    caller = await access.caller(request)
    return await touched(access, caller, id, lambda tx: joining.part(tx, caller, id), preview=False)
