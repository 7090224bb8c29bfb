from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from api import money
from api.access import access_of
from api.db.session import Tx
from api.db.store import Row
from api.kinds import CHARGE
from api.language import both
from api.problems import (
    ID_TAKEN,
    ITEM_CLOSED,
    LOOKS_DOUBLE,
    NOT_ALLOWED,
    NOT_FOUND,
    NOT_THE_AMOUNT,
    REFUSED_WORD,
    SAME_PERSON,
    VOIDED,
    WAIVER_NOT_NOW,
)
from api.routers import wire
from api.routers.records import ETAG, Confirm, Preview, Records
from api.schemas.charge import Charge, ChargeList, ChargeListed, ChargeQuery, Waiving

router = APIRouter(tags=[both("收费", "Fees")])

calls = Records(router, CHARGE, ("应收", "charge"))
calls.lists(ChargeQuery)
calls.gets()
calls.creates(ITEM_CLOSED, NOT_THE_AMOUNT)
calls.changes()
calls.voids(SAME_PERSON)
STORED = wire.reply(Charge, both("这笔应收", "The charge"), headers=ETAG)


@router.post(
    "/v1/charge-lists",
    **wire.documented(
        "create_charge_list",
        ("批量应收", "Charge a list of households"),
        (
            "同一项目，每户一笔，要么全部要么一笔也不。preview=true 时只算合计，并列出看起来相同的已有应收。同样的再发一次没有变化。",
            "One charge of an item for each household, all or none. With preview=true only the totals, and which charges look the same. The"
            " same again changes nothing.",
        ),
        tuple(CHARGE.writers),
        wire.reply(ChargeListed, both("合计", "The totals")),
        NOT_ALLOWED,
        NOT_FOUND,
        ID_TAKEN,
        VOIDED,
        ITEM_CLOSED,
        NOT_THE_AMOUNT,
        LOOKS_DOUBLE,
        **wire.request_body(ChargeList),
    ),
)
async def charge_list(request: Request, preview: Preview = False, confirm: Confirm = False) -> Response:
    access = access_of(request)
    caller, sent = await wire.asked(request, ChargeList)
    if caller.role not in CHARGE.writers:
        raise NOT_ALLOWED()
    today, now = access.today(), access.now()

    async def work(tx: Tx) -> Row:
        return await money.charge_all(tx, caller, sent, today=today, now=now, preview=preview, confirmed=confirm)

    return wire.json(await access.database.write(caller, work))


@router.post(
    "/v1/charges/{id}/waive",
    **wire.documented(
        "ask_waiver",
        ("提出减免", "Ask for a waiver"),
        ("写明理由，由另一个人批准。", "With the reason; another person approves it."),
        tuple(CHARGE.writers),
        STORED,
        NOT_ALLOWED,
        NOT_FOUND,
        WAIVER_NOT_NOW,
        REFUSED_WORD,
        **wire.request_body(Waiving),
    ),
)
async def waive(request: Request, id: UUID) -> Response:  # noqa: A002 - the name in the path
    caller, sent = await wire.asked(request, Waiving)
    if caller.role not in CHARGE.writers:
        raise NOT_ALLOWED()
    result = await money.ask_waiver(access_of(request), caller, id, sent.because)
    return wire.document(result.doc or "", result.rev or 0)


def _decides(name: str, path: str, named: tuple[str, str], says: tuple[str, str], *, approves: bool) -> None:
    async def decide(request: Request, id: UUID) -> Response:  # noqa: A002
        access = access_of(request)
        result = await money.decide_waiver(access, await access.caller(request), id, approves=approves)
        return wire.document(result.doc or "", result.rev or 0)

    roles = money.DECIDERS if approves else (*money.DECIDERS, "village")
    said = wire.documented(name, named, says, roles, STORED, NOT_ALLOWED, NOT_FOUND, WAIVER_NOT_NOW, SAME_PERSON)
    router.add_api_route(f"/v1/charges/{{id}}/{path}", decide, methods=["POST"], **said)


_decides(
    "approve_waiver",
    "approve-waiver",
    ("批准减免", "Approve a waiver"),
    ("不能是提出的人。已缴的部分成为户的余额。", "Never by who asked. What was paid of it becomes credit of the household."),
    approves=True,
)
_decides(
    "decline_waiver",
    "decline-waiver",
    ("不批准减免", "Decline a waiver"),
    ("提出的人也可以这样撤回。", "Who asked may take it back so."),
    approves=False,
)
