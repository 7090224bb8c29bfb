"""Activation cards: printed by the township, bound by whoever hands one over, used by the head of a household."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from api import activation
from api.access import access_of
from api.db.activation import VILLAGE
from api.files.activation_card import SHEET, said
from api.kinds import ACTIVATION_CARD
from api.language import both
from api.problems import (
    CARD_SPENT,
    NOT_A_HEAD,
    NOT_A_VILLAGE,
    NOT_ALLOWED,
    NOT_FOUND,
)
from api.routers import wire
from api.routers.receipt import PDF
from api.routers.records import Records
from api.schemas.activation_card import ActivationCardQuery, Printing

router = APIRouter(tags=[both("激活卡", "Activation cards")])
PRINTERS = ("county", "township")

calls = Records(router, ACTIVATION_CARD, ("激活卡", "activation card"))
calls.lists(ActivationCardQuery)
calls.gets()
calls.changes(CARD_SPENT, NOT_A_HEAD)
calls.voids()


@router.post(
    "/v1/activation-cards/print",
    response_class=Response,
    **wire.documented(
        "print_activation_cards",
        ("印激活卡（PDF）", "Print activation cards, as PDF"),
        (
            "为一个村印若干张，A4，剪开后交给户主；密码只在这张纸上。没收到回复就再印一次，没交出去的卡没有用处。",
            "Some cards for a village, on A4, to be cut and handed over. The codes are on this paper alone: if the reply is lost, print "
            "others; a card that was handed to nobody opens nothing.",
        ),
        PRINTERS,
        {
            200: {
                "description": both("一张或几张纸的卡", "The sheets"),
                "content": {PDF: wire.file(PDF)},
            }
        },
        NOT_ALLOWED,
        NOT_FOUND,
        NOT_A_VILLAGE,
        **wire.request_body(Printing),
    ),
)
async def print_cards(request: Request) -> Response:
    access = access_of(request)
    caller, sent = await wire.asked(request, Printing)
    if caller.role not in PRINTERS:
        raise NOT_ALLOWED()
    cards = await activation.press(access, caller, sent.place_id, sent.count)
    [row] = await access.read(request, lambda _: VILLAGE, sent.place_id)
    pdf = await request.app.state.printer.sheet(SHEET, said(cards, row["name"], access.today()))
    return Response(pdf, headers={"Cache-Control": "no-store"}, media_type=PDF)
