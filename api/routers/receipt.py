"""The receipt of a payment as PDF, and the public page that its QR code opens."""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from html import escape
from typing import Any
from urllib.parse import quote
from uuid import UUID

import orjson
from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from api.access import access_of
from api.db import receipts
from api.files.receipt import NO_NUMBER, STANDING, TEMPLATE, day, said, undone_of, what_is_left
from api.language import both, pick, preferred
from api.problems import NOT_FOUND
from api.routers import wire
from api.rules.caller import OFFICES
from api.rules.receipt import in_capitals, in_figures, numbered, standing
from api.tokens import Keys

router = APIRouter(tags=[both("收费", "Fees")])

PDF = "application/pdf"
CODE = re.compile("[A-Za-z0-9_-]{48}")
HEADERS = {
    "ETag": {
        "description": both(
            "内容的指纹；作为 If-None-Match 再问时，没有变就是 304", "Print of the content; sent as If-None-Match: 304 if unchanged"
        ),
        "schema": {"type": "string"},
        "example": '"0f343b0931126a20f133d67c2b018a3b"',
    },
    "Content-Disposition": {
        "description": both("文件名", "The name of the file"),
        "schema": {"type": "string"},
        "example": "inline; filename*=UTF-8''receipt-1.pdf",
    },
}

ANSWER: dict[int | str, Any] = {
    200: {
        "description": both("收款凭证", "The receipt"),
        "headers": HEADERS,
        "content": {PDF: wire.file(PDF)},
    },
    304: {"description": both("没有变", "It is as it was"), "headers": {"ETag": HEADERS["ETag"]}},
}


@router.get(
    "/v1/payments/{id}/receipt",
    response_class=Response,
    **wire.documented(
        "get_receipt",
        ("收款凭证（PDF）", "The receipt, as PDF"),
        (
            "A5，打印后交给缴款人：号码、缴款人、户号、金额（小写、大写）、现在用于哪些应收及其依据、财政电子票据的号码（登记后）；"
            "退款或更正的写明。二维码打开一个公开的页面，只说号码、金额、日期和是否仍然有效。语言随 Accept-Language。",
            "A5, to print and hand over: number, payer, household, amount in figures and in capital figures, which charges it pays now "
            "and on which legal basis, the numbers of the fiscal e-receipt once stored, and what was refunded or corrected. Its QR code "
            "opens a public page that says number, amount, date and whether it still holds. Accept-Language chooses the language.",
        ),
        OFFICES,
        ANSWER,
        NOT_FOUND,
        parameters=[wire.if_none_match()],
    ),
)
async def get_receipt(request: Request, id: UUID) -> Response:  # noqa: A002 - the name in the path
    [row] = await access_of(request).read(request, lambda _: receipts.RECEIPT, id)
    return await printed(request, dict(row))


async def printed(request: Request, row: Mapping[str, Any]) -> Response:
    """The receipt of a payment as it was read; `not-found` where it is out of reach."""
    if row["id"] is None:
        raise NOT_FOUND()
    access, settings = access_of(request), request.app.state.settings
    claims = access.claims(request)
    language = preferred(request.headers.get("accept-language"))
    here = (settings.public_url or settings.address).rstrip("/")
    address = f"{here}/receipts/{code_of(access.keys, claims.county_id, row['id'])}"
    what = said(row, language, operator=settings.operator, today=access.today(), address=address)
    tag = f'"{hashlib.sha256(TEMPLATE + orjson.dumps(what)).hexdigest()[:32]}"'
    name = quote(f"{what['words']['title']}-{what['number']}.pdf".replace(" ", "-"))
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Accept-Language"}
    if tag in request.headers.get("if-none-match", ""):  # one of several, or made weak by a proxy
        return Response(status_code=304, headers=headers)
    headers |= {"Content-Disposition": f"inline; filename*=UTF-8''{name}", "Content-Language": "en" if language == "en" else "zh-CN"}
    return Response(await request.app.state.printer.receipt(what), headers=headers, media_type=PDF)


# What the QR code names: county and payment, and a MAC under the server's secret. Numbers of receipts follow each other, and ids are in the
# records of many phones: knowing either, nobody can write the address of another receipt.


def code_of(keys: Keys, county_id: int, payment_id: UUID) -> str:
    named = county_id.to_bytes(4, "big") + payment_id.bytes
    return base64.urlsafe_b64encode(named + keys.mac("receipt page", named)[:16]).decode()


def named_by(keys: Keys, code: str) -> tuple[int, UUID] | None:
    """County and payment, if the code is one of ours."""
    if not CODE.fullmatch(code):
        return None
    named = base64.urlsafe_b64decode(code)
    county_id, payment_id = int.from_bytes(named[:4], "big"), UUID(bytes=named[4:20])
    return (county_id, payment_id) if hmac.compare_digest(code, code_of(keys, county_id, payment_id)) else None


STYLE = """
body { margin: 0; font: 17px/1.6 system-ui, sans-serif; background: #f4f4f2; color: #1d1d1b }
main { max-width: 26rem; margin: 0 auto; padding: 1.5rem 1.25rem; background: #fff; min-height: 100vh; box-sizing: border-box }
h1 { font-size: 1.1rem; font-weight: normal; margin: 0 0 1rem; color: #555 }
.standing { font-size: 1.8rem; margin: 0 0 1rem; padding: .6rem 1rem; border-left: .4rem solid #2e7d32; background: #edf6ee }
.undone { border-color: #b3261e; background: #fbeceb }
dt { color: #666; font-size: .9rem }
dd { margin: 0 0 .8rem; font-size: 1.2rem }
p { margin: .4rem 0 }
small { display: block; margin-top: 1.5rem; color: #666; font-size: .85rem }
"""
STYLE_PRINT = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
OPEN = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{STYLE_PRINT}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept-Language",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}
TITLE = both("核对收款凭证", "Check a receipt")
UNKNOWN = both("查不到这张收款凭证", "No such receipt")
WHY_UNKNOWN = both(
    "请看二维码是否完整。手机上刚开出、还没有联网上传的，要等上传以后才查得到；仍有疑问，请问开具的乡镇。",
    "Is the QR code whole? What a phone has not sent yet can't be found before it is. If in doubt, ask the township that issued it.",
)


@router.get("/receipts/{code}", include_in_schema=False)
async def receipt_page(request: Request, code: str) -> Response:
    """Whether a receipt holds, for whoever was handed its QR code: no names, no place below the county, no household."""
    access, language = access_of(request), preferred(request.headers.get("accept-language"))
    named = named_by(access.keys, code)
    row = await access.read_in_public(named[0], receipts.IN_PUBLIC, named[1]) if named else None
    if row is None or row["amount_fen"] is None:
        return _page(language, ['<p class="standing undone">', UNKNOWN, "</p><p>", WHY_UNKNOWN, "</p>"], 404)
    return _page(language, _holds(dict(row), language), 200)


def _holds(row: Mapping[str, Any], language: str) -> list[str]:
    undone, amount = undone_of(row), row["amount_fen"]
    still = standing(amount, undone)
    facts = (
        (both("号码", "Number"), escape(numbered(row["series"], row["receipt_number"])) or NO_NUMBER),
        (both("金额", "Amount"), f"{in_figures(amount)}<br>{in_capitals(amount)}"),
        (both("缴款日期", "Paid on"), day(row["paid_on"], language)),
        (both("县", "County"), escape(row["county"])),
    )
    said = [f'<p class="standing{"" if still == "valid" else " undone"}">', STANDING[still], "</p>"]
    said += [part for line in what_is_left(amount, undone) for part in ("<p>", line, "</p>")]
    said += ["<dl>", *(part for term, what in facts for part in ("<dt>", term, "</dt><dd>", what, "</dd>")), "</dl><small>"]
    return [*said, both("收款凭证不是财政电子票据。", "A receipt (收款凭证) is not the fiscal e-receipt."), "</small>"]


def _page(language: str, body: list[str], status: int) -> Response:
    lang = "en" if language == "en" else "zh-CN"
    parts = [
        f'<!doctype html>\n<html lang="{lang}"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        *("<title>", TITLE, f"</title><style>{STYLE}</style></head><body><main><h1>", TITLE, "</h1>", *body, "</main></body></html>\n"),
    ]
    return HTMLResponse("".join(pick(part, language) for part in parts), status, {**OPEN, "Content-Language": lang})
