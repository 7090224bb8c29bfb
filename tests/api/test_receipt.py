"""The receipt of a payment, as PDF and as the page that its QR code opens."""

import io
import re
from typing import Any
from uuid import uuid4

from httpx import Response
from pypdf import PdfReader

from api import demo
from tests.conftest import Phone, SignIn
from tests.county import refused
from tests.fees import FEE, a_home, charged, made, paid

FISCAL = {"code": "37060126", "number": "0000012345", "check_code": "a1b2c3"}
ENGLISH = {"Accept-Language": "en"}


def text(pdf: bytes) -> str:
    """What is written on all pages, without spaces and line ends."""
    return "".join("".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages).split())


async def receipt(phone: Phone, payment: dict[str, Any], **headers: str) -> Response:
    return await phone.get(f"/v1/payments/{payment['id']}/receipt", headers=headers)


async def written(phone: Phone, payment: dict[str, Any], **headers: str) -> str:
    reply = await receipt(phone, payment, **headers)
    assert (reply.status_code, reply.headers["content-type"]) == (200, "application/pdf"), reply.text
    return text(reply.content)


async def booked(phone: Phone, officer: Phone) -> str:
    """A receipt book of a series of its own."""
    place = (await phone.get("/v1/me")).json()["places"][0]["place_id"]
    book = {"place_id": place, "device_id": str(uuid4()), "series": f"试{uuid4().hex[:6]}", "first_number": 1, "last_number": 20}
    return str((await made(officer, "receipt-books", book))["id"])


async def undone(worker: Phone, officer: Phone, payment: dict[str, Any], amount_fen: int, **members: Any) -> None:
    body = {
        "household_id": payment["household_id"],
        "payment_id": payment["id"],
        "amount_fen": amount_fen,
        "because": "重复缴费",
        **members,
    }
    refund = await made(worker, "refunds", body)
    assert (await officer.post(f"/v1/refunds/{refund['id']}/approve")).status_code == 200


async def test_it_says_who_paid_what_for_what_to_whom(sign_in: SignIn) -> None:
    worker, officer = await sign_in("worker-1"), await sign_in("township-1")
    home, book = await a_home(worker), await booked(worker, officer)
    series = (await officer.get(f"/v1/receipt-books/{book}")).json()["series"]
    household = (await worker.get(f"/v1/households/{home}")).json()
    await charged(worker, home)
    payment = await paid(worker, home, 123450, receipt_book_id=book, receipt_number=7, payer_name="王小雨")
    said = await written(worker, payment)
    for part in (
        *("收款凭证", f"{series}7", "2026年11月21日", "王小雨", household["number"].replace(" ", ""), "¥1,234.50", "现金"),
        *("人民币壹仟贰佰叁拾肆元伍角整", "生活垃圾处理费", "《中华人民共和国固体废物污染环境防治法》第五十八条", "¥60.00", "2026-12-31"),
        *("还没有用于应收，是该户的余额¥1,174.50", "不是财政电子票据", "截至2026-11-24"),
        *(place.replace(" ", "") for place in (demo.places()[0]["name"], (await worker.get("/v1/me")).json()["name"])),
    ):
        assert part in said, (part, said)
    assert "票据代码" not in said
    english = await written(worker, payment, **ENGLISH)
    for part in ("Receipt", "Paidon2026-11-21", "Householdwastefee", "¥1,234.50", "人民币壹仟贰佰叁拾肆元伍角整", "notthefiscale-receipt"):
        assert part in english, (part, english)
    assert "缴款人" not in english


async def test_the_numbers_of_the_fiscal_receipt_stand_on_it_once_they_are_stored(sign_in: SignIn) -> None:
    worker, officer = await sign_in("worker-1"), await sign_in("township-1")
    payment = await paid(worker, await a_home(worker))
    assert (await officer.put(f"/v1/payments/{payment['id']}/fiscal-receipt", json=FISCAL)).status_code == 200
    assert "票据代码37060126票据号码0000012345校验码a1b2c3" in await written(worker, payment)


async def test_what_was_refunded_is_said_plainly(sign_in: SignIn) -> None:
    """A refund that is only asked for changes nothing yet."""
    worker, officer = await sign_in("worker-1"), await sign_in("township-1")
    payment, wrong = [await paid(worker, await a_home(worker)) for _ in range(2)]
    await made(
        worker,
        "refunds",
        {"household_id": payment["household_id"], "payment_id": payment["id"], "amount_fen": 1, "because": "多收"},
    )
    assert not re.search("退|有效¥|更正", (await written(worker, payment)).replace("是否仍然有效", ""))
    await undone(worker, officer, payment, 2000)
    said = await written(worker, payment)
    assert "部分有效" in said
    assert "已退还¥20.00仍然有效¥40.00" in said
    await undone(worker, officer, payment, FEE - 2000)
    said = await written(worker, payment)
    assert "已退款" in said
    assert "已退还¥60.00" in said
    await undone(worker, officer, wrong, FEE, manner="correction")
    said = await written(worker, wrong)
    assert "作废" in said
    assert "更正：没有收到¥60.00" in said
    assert "Void" in await written(worker, wrong, **ENGLISH)


async def test_it_is_there_for_whoever_reads_the_payment(sign_in: SignIn) -> None:
    """Out of reach, unknown, and a lead household that sees no money: the same 404."""
    worker = await sign_in("worker-1")
    payment = await paid(worker, await a_home(worker))
    for username in ("worker-2", "township-1", "county-admin"):
        assert (await receipt(await sign_in(username), payment)).status_code == 200
    none = await receipt(worker, {"id": str(uuid4())})
    refused(none, 404, "not-found")
    for username in ("worker-3", "township-2", "lead-1", "head-1"):
        assert (await receipt(await sign_in(username), payment)).content == none.content
    lead = await sign_in("lead-1")
    [neighbour] = (await lead.get("/v1/households", params={"limit": 1})).json()["items"]
    refused(await receipt(lead, await paid(worker, neighbour["id"], paid_on="2026-09-01")), 404, "not-found")
    refused(await receipt(worker, {"id": "1"}), 404, "not-found")


async def test_nobody_gets_one_without_signing_in(anybody: Phone) -> None:
    refused(await receipt(anybody, {"id": str(uuid4())}), 401, "not-signed-in")


async def test_the_same_receipt_is_the_same_file(sign_in: SignIn) -> None:
    worker, officer = await sign_in("worker-1"), await sign_in("township-1")
    payment = await paid(worker, await a_home(worker))
    first, again = [await receipt(worker, payment) for _ in range(2)]
    assert (first.content, first.headers["etag"]) == (again.content, again.headers["etag"])
    unchanged = await receipt(worker, payment, **{"If-None-Match": first.headers["etag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert (await receipt(worker, payment, **ENGLISH)).headers["etag"] != first.headers["etag"]
    await undone(worker, officer, payment, 1)  # which is no new revision of the payment
    changed = await receipt(worker, payment, **{"If-None-Match": first.headers["etag"]})
    assert (changed.status_code, changed.headers["etag"] != first.headers["etag"]) == (200, True)


async def test_what_people_write_is_never_read_as_anything_else(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    home = await a_home(worker)
    for name in ('#read("/etc/passwd")', "*x* _y_ $z$ #pagebreak()", "\\u{41} @a <b> // c", "</svg>{{}}"):
        payment = await paid(worker, home, payer_name=name, paid_on=f"2026-10-{len(name):02d}")
        assert name.replace(" ", "") in await written(worker, payment)


async def test_rare_characters_are_shown_and_those_that_no_font_has_are_spelled(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    home = await a_home(worker)
    said = await written(worker, await paid(worker, home, payer_name="𡐓䶮㛃"))
    assert "𡐓䶮㛃" in said
    said = await written(worker, await paid(worker, home, payer_name="𠮷\ue000محمد·王", paid_on="2026-11-20"))
    assert "[U+20BB7][U+E000][U+0645]" in said
    assert "·王" in said


async def test_a_payment_that_moved_away_keeps_the_number_of_its_old_book(sign_in: SignIn) -> None:
    """The book lies in a village that the household's new worker does not hold."""
    worker, officer, there = await sign_in("worker-1"), await sign_in("township-1"), await sign_in("worker-3")
    home, book = await a_home(worker), await booked(worker, officer)
    await charged(worker, home)
    payment = await paid(worker, home, receipt_book_id=book, receipt_number=3)
    series = (await officer.get(f"/v1/receipt-books/{book}")).json()["series"]
    place = (await there.get("/v1/households", params={"limit": 1})).json()["items"][0]["place_id"]
    moved = await officer.patch(f"/v1/households/{home}", json={"place_id": place}, headers={"If-Match": '"1"'})
    assert moved.status_code == 200, moved.text
    assert (await there.get(f"/v1/receipt-books/{book}")).status_code == 404
    said = await written(there, payment)
    assert f"{series}3" in said
    assert "生活垃圾处理费" in said
    refused(await receipt(worker, payment), 404, "not-found")


async def test_without_a_number_it_says_so(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    assert "没有编号" in await written(worker, await paid(worker, await a_home(worker)))


async def test_one_that_pays_many_charges_has_more_pages(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    home = await a_home(worker)
    for day in range(1, 29):
        await charged(worker, home, due_on=f"2026-12-{day:02d}")
    reply = await receipt(worker, await paid(worker, home, 28 * FEE))
    pages = PdfReader(io.BytesIO(reply.content)).pages
    assert len(pages) == 2
    for number, page in enumerate(pages, 1):
        said = "".join(page.extract_text().split())
        assert "不是财政电子票据" in said
        assert f"{number}/2" in said
    assert all(f"2026-12-{day:02d}" in text(reply.content) for day in range(1, 29))
