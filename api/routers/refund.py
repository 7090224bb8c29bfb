from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from api import money
from api.access import access_of
from api.kinds import REFUND
from api.language import both
from api.problems import DECIDED, MORE_THAN_PAID, NOT_ALLOWED, NOT_ENOUGH, NOT_FOUND, NOT_FROM_THERE, REFUSED_WORD, SAME_PERSON
from api.routers import wire
from api.routers.records import ETAG, Records
from api.schemas.refund import Refund, RefundQuery

router = APIRouter(tags=[both("收费", "Fees")])

calls = Records(router, REFUND, ("退款或更正", "refund or correction"), "refunds and corrections")
calls.lists(RefundQuery)
calls.gets()
calls.creates(MORE_THAN_PAID, NOT_FROM_THERE, REFUSED_WORD)
calls.stays()


def _decides(word: str, named: tuple[str, str], says: tuple[str, str], *, approves: bool) -> None:
    async def decide(request: Request, id: UUID) -> Response:  # noqa: A002 - the name in the path
        access = access_of(request)
        result = await money.decide_refund(access, await access.caller(request), id, approves=approves)
        return wire.document(result.doc or "", result.rev or 0)

    roles = money.DECIDERS if approves else (*money.DECIDERS, "village")
    refusals = (SAME_PERSON, MORE_THAN_PAID, NOT_FROM_THERE, NOT_ENOUGH) if approves else ()
    answer = wire.reply(Refund, both("这笔退款", "The refund"), headers=ETAG)
    said = wire.documented(f"{word}_refund", named, says, roles, answer, NOT_ALLOWED, NOT_FOUND, DECIDED, *refusals)
    router.add_api_route(f"/v1/refunds/{{id}}/{word}", decide, methods=["POST"], **said)


_decides(
    "approve",
    ("批准退款或更正", "Approve a refund or correction"),
    (
        "不能是提出的人，也不能是收款的人。缴款已用于应收的，先从最晚到期的应收中退出。",
        "Never by who asked, nor by who collected it. What charges had used of the payment comes back first, from the one due last.",
    ),
    approves=True,
)
_decides(
    "decline",
    ("不批准退款或更正", "Decline a refund or correction"),
    ("提出的人也可以这样撤回。", "Who asked may take it back so."),
    approves=False,
)
