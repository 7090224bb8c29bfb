from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from api import money
from api.access import access_of
from api.kinds import PAYMENT
from api.language import both
from api.problems import DAY_TO_COME, NOT_ALLOWED, NOT_FOUND
from api.routers import wire
from api.routers.records import ETAG, Records
from api.schemas.payment import FiscalReceipt, Payment, PaymentQuery

router = APIRouter(tags=[both("收费", "Fees")])

calls = Records(router, PAYMENT, ("缴款", "payment"))
calls.lists(PaymentQuery)
calls.gets()
calls.creates(DAY_TO_COME)
calls.stays()


@router.put(
    "/v1/payments/{id}/fiscal-receipt",
    **wire.documented(
        "put_fiscal_receipt",
        ("登记财政电子票据", "Store the numbers of the fiscal e-receipt"),
        ("财政部门开出后，把代码、号码、校验码记在缴款旁边。", "Once the finance bureau has issued it: code, number and check code."),
        money.DECIDERS,
        wire.reply(Payment, both("这笔缴款", "The payment"), headers=ETAG),
        NOT_ALLOWED,
        NOT_FOUND,
        **wire.request_body(FiscalReceipt),
    ),
)
async def put_fiscal_receipt(request: Request, id: UUID) -> Response:  # noqa: A002 - the name in the path
    caller, sent = await wire.asked(request, FiscalReceipt)
    result = await money.fiscal_receipt(access_of(request), caller, id, sent.code, sent.number, sent.check_code)
    return wire.document(result.doc or "", result.rev or 0)
