from uuid import UUID, uuid4

from fastapi import APIRouter, Request
from starlette.responses import Response

from api import joining, way_in
from api.access import access_of
from api.decide import Op
from api.kinds import HOUSEHOLD
from api.language import both
from api.problems import HAS_RECORDS, ID_TAKEN, JOINED_ALREADY, NOT_ALLOWED, NOT_FOUND, VOIDED, WRONG_PLACE
from api.routers import wire
from api.routers.records import TOUCHED, Preview, Records, touched
from api.schemas.household import HouseholdQuery
from api.schemas.joining import Into, Split

router = APIRouter(tags=[both("户", "Households")])

calls = Records(router, HOUSEHOLD, ("户", "household"))
calls.lists(HouseholdQuery)
calls.gets()
calls.creates(WRONG_PLACE)
calls.changes()
calls.voids(HAS_RECORDS)


@router.post(
    "/v1/households/{id}/merge",
    **wire.documented(
        "merge_household",
        ("并入另一户", "Merge into another household"),
        (
            "人和待办的随访转到另一户，此户销户；家访留在原户，仍可查。与新户主的关系要另填。",
            "Its people and what is open to be done go to the other household, and this one is dissolved; its visits stay readable where"
            " they are. What people are to the other head is to be said anew.",
        ),
        tuple(HOUSEHOLD.writers),
        TOUCHED,
        NOT_ALLOWED,
        NOT_FOUND,
        JOINED_ALREADY,
        VOIDED,
        **wire.request_body(Into),
    ),
)
async def merge(request: Request, id: UUID, preview: Preview = False) -> Response:  # noqa: A002 - the name in the path
    caller, sent = await wire.asked(request, Into)
    return await touched(access_of(request), caller, id, lambda tx: joining.merge(tx, caller, id, sent.into_id), preview=preview)


@router.post(
    "/v1/households/{id}/split",
    **wire.documented(
        "split_household",
        ("分户", "Split a household"),
        ("其中几个人另立一户。", "Some of its people found a household of their own."),
        tuple(HOUSEHOLD.writers),
        TOUCHED,
        NOT_ALLOWED,
        NOT_FOUND,
        ID_TAKEN,
        WRONG_PLACE,
        VOIDED,
        **wire.request_body(Split),
    ),
)
async def split(request: Request, id: UUID, preview: Preview = False) -> Response:  # noqa: A002
    caller, sent = await wire.asked(request, Split)
    doc = sent.model_dump(exclude={"id", "person_ids"})
    new = Op(HOUSEHOLD, sent.id or uuid4(), doc)
    access = access_of(request)
    reply = await touched(access, caller, new.id, lambda tx: joining.split(tx, caller, id, new, sent.person_ids), preview=preview)
    if not preview:
        await way_in.release(access, caller, [new.id])
    return reply
