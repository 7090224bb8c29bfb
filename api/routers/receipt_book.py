from collections import defaultdict
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from api import money
from api.access import access_of
from api.db import store
from api.db.session import Tx
from api.db.store import Row
from api.db.tables.receipt_book import ISSUED
from api.kinds import RECEIPT_BOOK
from api.language import both
from api.problems import BAD_RANGE, NOT_ALLOWED, NOT_FOUND, NUMBER_NOT_BLANK, RANGE_TAKEN
from api.routers import wire
from api.routers.records import ETAG, Records
from api.rules.caller import OFFICES
from api.rules.receipt_book import numbers
from api.schemas.receipt_book import Numbers, ReceiptBook, ReceiptBookQuery

router = APIRouter(tags=[both("收费", "Fees")])
SPOILERS = ("township", "village")  # who may have the book in hand

calls = Records(router, RECEIPT_BOOK, ("票据本", "receipt book"))
calls.lists(ReceiptBookQuery)
calls.gets()
calls.creates(BAD_RANGE, RANGE_TAKEN)
calls.changes(BAD_RANGE)
calls.voids()


@router.get(
    "/v1/receipt-books/{id}/numbers",
    **wire.documented(
        "list_receipt_numbers",
        ("各号码的去向", "What became of each number"),
        ("已开出、写坏、空白、交回还是遗失；一个号码用了两次也看得到。", "Issued, spoiled, blank, returned or lost; one used twice shows."),
        OFFICES,
        wire.reply(Numbers, both("各号码", "Each number")),
        NOT_FOUND,
    ),
)
async def list_numbers(request: Request, id: UUID) -> Response:  # noqa: A002 - the name in the path
    access = access_of(request)
    caller = await access.caller(request)

    async def work(tx: Tx) -> list[Row]:
        found = await store.rows(tx, RECEIPT_BOOK.store.found, caller, [id]) if caller.role in OFFICES else []
        if not found:
            raise NOT_FOUND()
        issued = defaultdict[int, list[UUID]](list)
        for row in await tx.fetch(ISSUED, caller.county_id, id):
            issued[row["number"]] += row["payment_ids"]
        return numbers(found[0], issued)

    items = await access.database.write(caller, work)
    return wire.json({"left": sum(item["state"] == "blank" for item in items), "items": items})


@router.post(
    "/v1/receipt-books/{id}/numbers/{number}/spoil",
    **wire.documented(
        "spoil_receipt_number",
        ("登记写坏的号码", "Say that a number was spoiled"),
        ("再次登记没有变化，离线时可以事后补发。", "Again changes nothing, so a phone may send it later."),
        SPOILERS,
        wire.reply(ReceiptBook, both("票据本", "The book"), headers=ETAG),
        NOT_ALLOWED,
        NOT_FOUND,
        NUMBER_NOT_BLANK,
    ),
)
async def spoil(request: Request, id: UUID, number: int) -> Response:  # noqa: A002
    access = access_of(request)
    caller = await access.caller(request)
    if caller.role not in SPOILERS:
        raise NOT_ALLOWED()
    result = await money.spoil(access, caller, id, number)
    return wire.document(result.doc or "", result.rev or 0)
