"""A family's seat: the head of a household reads what is recorded of it, and answers."""

import hashlib

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.access import access_of
from api.db import family
from api.kinds import KINDS
from api.language import both
from api.problems import NO_FAMILY_SEAT
from api.routers import wire
from api.schemas.family import FamilyRecord

router = APIRouter(tags=[both("自己这一户", "The own household")])
HEAD = ("household_head",)
DOCUMENT = family.document({name: kind.documents for name, kind in KINDS.items()})
ETAG = {
    "ETag": both("内容的指纹；作为 If-None-Match 再问时，没有变就是 304", "Print of the content; sent as If-None-Match: 304 if unchanged")
}


@router.get(
    "/v1/me/household",
    **wire.documented(
        "get_own_household",
        ("自己这一户", "The own household"),
        (
            "户主看自己这一户的全部记录：户、人、家访（每一条备注）、随访任务、体检邀请、应缴、缴款、收款凭证。"
            "成年家人的到检和身份证号码，本人同意了才有。",
            "Its head reads all that is recorded of a household: people, visits with every note, follow-ups, invitations, charges, "
            "payments, receipts. What is an adult's own, attendance and identity number, is there only where that adult agreed.",
        ),
        HEAD,
        {
            **wire.reply(FamilyRecord, both("这一户", "The household"), headers=ETAG),
            304: {"description": both("没有变", "It is as it was")},
        },
        NO_FAMILY_SEAT,
    ),
)
async def own_household(request: Request) -> Response:
    row = await access_of(request).family(request, DOCUMENT)
    tag = f'"{hashlib.sha256(row["doc"].encode()).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if tag in request.headers.get("if-none-match", ""):  # one of several, or made weak by a proxy
        return Response(status_code=304, headers=headers)
    return Response(row["doc"], headers=headers, media_type="application/json")
