"""The receipt of a payment, as PDF and as the page that its QR code opens."""

import base64
import io
import re
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from httpx import Response
from pypdf import PdfReader

from api import demo
from api.routers.receipt import code_of
from tests.conftest import Databases, Phone, SignIn, client, running
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
    for known in (first.headers["etag"], f"W/{first.headers['etag']}", f'"1", {first.headers["etag"]}'):
        unchanged = await receipt(worker, payment, **{"If-None-Match": known})
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


# The public page


def page_of(reply: Response) -> str:
    """Where the QR code of a receipt leads; a tap does too."""
    [link] = [note.get_object()["/A"]["/URI"] for page in PdfReader(io.BytesIO(reply.content)).pages for note in page.get("/Annots", [])]
    address = str(link)
    assert address.startswith("http://127.0.0.1:8000/receipts/")
    return address.removeprefix("http://127.0.0.1:8000")


def shown(page: Response) -> str:
    """What a person reads on it."""
    body = page.text.partition("<main>")[2]
    return " ".join(re.sub("<[^>]+>", " ", body).split())


async def test_whoever_has_the_code_sees_whether_the_receipt_holds(sign_in: SignIn, anybody: Phone) -> None:
    """And nothing else: no name, no household, no place below the county."""
    worker, officer = await sign_in("worker-1"), await sign_in("township-1")
    book = await booked(worker, officer)
    series = (await officer.get(f"/v1/receipt-books/{book}")).json()["series"]
    payment = await paid(worker, await a_home(worker), receipt_book_id=book, receipt_number=9, payer_name="王小雨")
    address = page_of(await receipt(worker, payment))
    page = await anybody.get(address)
    assert page.status_code == 200
    number = f"核对收款凭证 有效 号码 {series} 9 金额 ¥60.00 人民币陆拾元整 缴款日期 2026年11月21日 县 青禾县"
    assert shown(page) == f"{number} 收款凭证不是财政电子票据。"
    english = await anybody.get(address, headers=ENGLISH)
    assert shown(english).startswith(
        f"Check a receipt Valid Number {series} 9 Amount ¥60.00 人民币陆拾元整 Paid on 2026-11-21 County 青禾县"
    )
    assert (page.headers["content-language"], english.headers["content-language"]) == ("zh-CN", "en")
    await undone(worker, officer, payment, 2500)
    assert "部分有效 已退还 ¥25.00 仍然有效 ¥35.00 号码" in shown(await anybody.get(address))
    await undone(worker, officer, payment, FEE - 2500)
    assert "已退款 已退还 ¥60.00 号码" in shown(await anybody.get(address))


async def test_a_payment_that_never_came_is_void(sign_in: SignIn, anybody: Phone) -> None:
    worker, officer = await sign_in("worker-1"), await sign_in("township-1")
    payment = await paid(worker, await a_home(worker))
    address = page_of(await receipt(worker, payment))
    assert "有效 号码 没有编号" in shown(await anybody.get(address))
    await undone(worker, officer, payment, FEE, manner="correction")
    assert "作废 更正：没有收到 ¥60.00" in shown(await anybody.get(address))
    assert "Void Corrected, as it was never received ¥60.00" in shown(await anybody.get(address, headers=ENGLISH))


async def test_the_page_keeps_to_itself(sign_in: SignIn, anybody: Phone) -> None:
    """Nothing is loaded, kept, indexed or told to others; one good page is like another."""
    worker = await sign_in("worker-1")
    address = page_of(await receipt(worker, await paid(worker, await a_home(worker))))
    for path in (address, address[:-1]):
        page = await anybody.get(path)
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["x-robots-tag"] == "noindex, nofollow"
        assert page.headers["referrer-policy"] == "no-referrer"
        policy = page.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "unsafe" not in policy
        assert not re.search("src=|href=|url\\(|<script|<form", page.text)
    for method in ("HEAD", "POST", "DELETE"):
        reply = await anybody.request(method, address)
        assert (reply.status_code, reply.headers["allow"]) == (405, "GET")


async def test_a_code_that_is_not_ours_opens_nothing(app: Any, sign_in: SignIn, anybody: Phone) -> None:
    """Neither the number of a receipt nor the id of a payment is enough; what is forged and what is not known look the same."""
    worker = await sign_in("worker-1")
    home = await a_home(worker)
    payment, other = await paid(worker, home), await paid(worker, home, paid_on="2026-11-20")
    code = page_of(await receipt(worker, payment)).removeprefix("/receipts/")
    keys = app.state.access.keys
    assert code == code_of(keys, 1, UUID(payment["id"]))
    named, mac = base64.urlsafe_b64decode(code)[:20], base64.urlsafe_b64decode(code)[20:]
    never_stored, no_such_county = code_of(keys, 1, uuid4()), code_of(keys, 2, UUID(payment["id"]))
    other_payment = base64.urlsafe_b64encode(named[:4] + UUID(other["id"]).bytes + mac).decode()
    other_county = base64.urlsafe_b64encode(b"\0\0\0\2" + named[4:] + mac).decode()
    altered = [code[:at] + ("A" if code[at] != "A" else "B") + code[at + 1 :] for at in range(48)]
    wrong = [
        never_stored,
        no_such_county,
        other_payment,
        other_county,
        *altered,
        code[:-1],
        f"{code}A",
        f"{code}=",
        "1",
        "凭证",
        "%00" * 16,
    ]
    pages = [await anybody.get(f"/receipts/{each}") for each in wrong]
    assert {(page.status_code, page.text) for page in pages} == {(404, pages[0].text)}
    assert "查不到这张收款凭证" in shown(pages[0])
    english = await anybody.get("/receipts/1", headers=ENGLISH)
    assert "No such receipt" in shown(english)
    assert not re.search("[一-龥]", shown(english))


async def test_the_code_leads_where_the_families_reach_the_service(databases: Databases, tmp_path: Path) -> None:
    """Not to the address that it listens on, if there is another."""
    async with running(await databases.seeded(tmp_path), tmp_path, PUBLIC_URL="https://jiafang.example.gov.cn/jf/") as behind_a_proxy:
        phone = client(behind_a_proxy)
        form = {"grant_type": "password", "username": "worker-1", "password": demo.PASSWORD}
        phone.headers["Authorization"] = f"Bearer {(await phone.post('/v1/auth/token', data=form)).json()['access_token']}"
        [payment] = (await phone.get("/v1/payments", params={"limit": 1})).json()["items"]
        reply = await receipt(phone, payment)
        assert b"(https://jiafang.example.gov.cn/jf/receipts/" in reply.content
        await phone.aclose()
