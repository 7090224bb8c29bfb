from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from api import money
from api.access import access_of
from api.kinds import COUNTING
from api.language import both
from api.problems import DAY_TO_COME, DECIDED, NOT_ALLOWED, NOT_FOUND, SAME_PERSON
from api.routers import wire
from api.routers.records import ETAG, Records
from api.rules.caller import OFFICES
from api.schemas.counting import Counting, CountingQuery

router = APIRouter(tags=[both("收费", "Fees")])

calls = Records(router, COUNTING, ("点交", "counting"))
calls.lists(CountingQuery)
calls.gets()
calls.creates(DAY_TO_COME)
calls.stays()


def _decides(word: str, named: tuple[str, str], says: tuple[str, str], *, confirms: bool) -> None:
    async def decide(request: Request, id: UUID) -> Response:  # noqa: A002 - the name in the path
        access = access_of(request)
        result = await money.decide_counting(access, await access.caller(request), id, confirms=confirms)
        return wire.document(result.doc or "", result.rev or 0)

    answer = wire.reply(Counting, both("这次点交", "The counting"), headers=ETAG)
    said = wire.documented(f"{word}_counting", named, says, OFFICES, answer, NOT_ALLOWED, NOT_FOUND, DECIDED, SAME_PERSON)
    router.add_api_route(f"/v1/countings/{{id}}/{word}", decide, methods=["POST"], **said)


_decides(
    "confirm",
    ("确认点交", "Confirm a counting"),
    (
        "由另一方确认后入账；凭证还没有同步到的部分记为“待说明”，到了自动抵销。",
        "By the other side; then it counts. What receipts do not cover yet stands as unexplained, and clears itself when they come.",
    ),
    confirms=True,
)
_decides(
    "dispute",
    ("对点交有异议", "Dispute a counting"),
    ("金额不对：不入账，另记一次。", "The amount is wrong: it does not count; make another."),
    confirms=False,
)
