"""A family's seat: the head of a household reads what is recorded of it, and answers."""

import hashlib
from collections.abc import Callable
from uuid import UUID, uuid4

from fastapi import APIRouter, Request
from starlette.responses import Response

from api import family
from api.access import access_of
from api.db import family as statements
from api.db.receipts import RECEIPT_OF_FAMILY
from api.kinds import KINDS
from api.language import both
from api.problems import (
    DECLINED_THIS_ROUND,
    ENOUGH_ASKED,
    ID_TAKEN,
    NO_FAMILY_SEAT,
    NOT_FOUND,
    NOT_OFFERED,
    NOT_THIS_STEP,
    REFUSED_WORD,
    SESSION_OVER,
)
from api.routers import receipt, wire
from api.rules.attendance import Answer
from api.schemas.family import FamilyFollowUp, FamilyRecord, Invitation, VisitRequest

router = APIRouter(tags=[both("自己这一户", "The own household")])
HEAD, CALLED = ("household_head",), both("户主", "the head of the household")
_OF = {name: kind.documents for name, kind in KINDS.items()}
DOCUMENT, INVITATION, FOLLOW_UP = statements.document(_OF), statements.invitation(_OF), statements.follow_up(_OF)
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
            304: {"description": both("没有变", "It is as it was"), "headers": receipt.ANSWER[304]["headers"]},
        },
        NO_FAMILY_SEAT,
        called=CALLED,
        parameters=[wire.if_none_match()],
    ),
)
async def own_household(request: Request) -> Response:
    row = await access_of(request).family(request, DOCUMENT)
    tag = f'"{hashlib.sha256(row["doc"].encode()).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if tag in request.headers.get("if-none-match", ""):  # one of several, or made weak by a proxy
        return Response(status_code=304, headers=headers)
    return Response(row["doc"], headers=headers, media_type="application/json")


@router.get(
    "/v1/me/receipts/{id}",
    response_class=Response,
    **wire.documented(
        "get_own_receipt",
        ("自己的收款凭证（PDF）", "An own receipt, as PDF"),
        ("自己这一户缴款的收款凭证，编号是缴款的。", "The receipt of a payment of the own household, by the payment's id."),
        HEAD,
        receipt.ANSWER,
        NO_FAMILY_SEAT,
        NOT_FOUND,
        called=CALLED,
        parameters=[wire.if_none_match()],
    ),
)
async def own_receipt(request: Request, id: UUID) -> Response:  # noqa: A002 - the name in the path
    return await receipt.printed(request, dict(await access_of(request).family(request, RECEIPT_OF_FAMILY, id)))


def _answers(said: Answer) -> Callable[..., object]:
    async def answer(request: Request, id: UUID) -> Response:  # noqa: A002 - the name in the path
        access = access_of(request)
        await family.answer(access, await family.seat(access, request), id, said)
        row = await access.family(request, INVITATION, id)
        return Response(row["doc"], media_type="application/json")

    return answer


ANSWERS: tuple[tuple[Answer, tuple[str, str], tuple[str, str]], ...] = (
    ("confirm", ("答复邀请：来", "Confirm an invitation"), ("户主本人的和未成年人的。", "The own, and those of the household's minors.")),
    (
        "decline",
        ("答复邀请：不来", "Decline an invitation"),
        ("自愿参加，不问原因；这一轮不再邀请。", "It is voluntary: no reason is asked, and nobody asks again in this round."),
    ),
    ("undo", ("收回答复", "Take the answer back"), ("收回“来”或“不来”，回到答复以前。", "As it was before the family said yes or no.")),
)
for said, named, words in ANSWERS:
    router.add_api_route(
        f"/v1/me/invitations/{{id}}/{said}",
        _answers(said),
        methods=["POST"],
        **wire.documented(
            f"{said}_invitation",
            named,
            words,
            HEAD,
            wire.reply(Invitation, both("这份邀请", "The invitation")),
            NO_FAMILY_SEAT,
            NOT_FOUND,
            NOT_THIS_STEP,
            DECLINED_THIS_ROUND,
            NOT_OFFERED,
            SESSION_OVER,
            called=CALLED,
        ),
    )


@router.post(
    "/v1/me/visit-requests",
    **wire.documented(
        "request_visit",
        ("请人上门", "Ask for a visit"),
        (
            "成为一项随访任务，工作人员最迟七天内答复。断线后以同样的 id 和内容重发，得到 200。",
            "It becomes a follow-up, to be answered within seven days. Sent again with the same id and content it gives 200.",
        ),
        HEAD,
        {
            **wire.reply(FamilyFollowUp, both("随访任务", "The follow-up"), 201),
            **wire.reply(FamilyFollowUp, both("以前已提交", "It had been sent before"), 200),
        },
        NO_FAMILY_SEAT,
        ENOUGH_ASKED,
        ID_TAKEN,
        REFUSED_WORD,
        called=CALLED,
        **wire.request_body(VisitRequest),
    ),
)
async def request_visit(request: Request) -> Response:
    access = access_of(request)
    access.claims(request)
    sent = await wire.read(request, VisitRequest)
    request_id = sent.id or uuid4()
    new = await family.ask(access, await family.seat(access, request), request_id, sent)
    row = await access.family(request, FOLLOW_UP, request_id)
    if row["doc"] is None:  # it was withdrawn meanwhile
        raise ID_TAKEN()
    return Response(row["doc"], 201 if new else 200, media_type="application/json")
