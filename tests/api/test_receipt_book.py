"""Receipt books: blocks of numbers that no two books share; every number issued, spoiled, returned or lost, and accounted for."""

import asyncio
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from tests.conftest import Phone, SignIn
from tests.county import OTHER, VILLAGE, County, op, push, refused
from tests.fees import a_home, listed, made, paid

WEIGHTS = ["unexplained", "number-twice", "spoiled-and-issued", "not-in-the-book", "another-device", "no-receipt"]


def block(first: int, last: int, **members: Any) -> dict[str, Any]:
    return {"place_id": VILLAGE, "device_id": str(uuid4()), "first_number": first, "last_number": last, **members}


async def states(phone: Phone, book: dict[str, Any]) -> dict[int, str]:
    found = (await phone.get(f"/v1/receipt-books/{book['id']}/numbers")).json()["items"]
    return {item["number"]: item["state"] for item in found}


async def test_no_two_books_of_a_series_share_a_number(sign_in: SignIn) -> None:
    officer, other = await sign_in("township-1"), await sign_in("county-admin")
    await made(officer, "receipt-books", block(1, 50, series="合"))
    for first, last in ((50, 60), (1, 1), (20, 30), (1, 50)):
        refused(await other.post("/v1/receipt-books", json=block(first, last, series="合")), 409, "range-taken")
    await made(officer, "receipt-books", block(51, 60, series="合"))
    await made(officer, "receipt-books", block(1, 50, series="乙"))
    for first, last in ((9, 8), (100, 1100)):
        refused(await officer.post("/v1/receipt-books", json=block(first, last, series="丙")), 422, "bad-range", "/last_number")


async def test_books_that_are_allotted_at_the_same_time_share_none_either(county: County) -> None:
    officer, desk = await county.sign_in("township-1"), await county.sign_in("county-admin")
    replies = await asyncio.gather(
        *(phone.post("/v1/receipt-books", json=block(1 + n, 20 + n, series="同")) for n in range(6) for phone in (officer, desk))
    )
    assert sorted({reply.status_code for reply in replies}) == [201, 409]
    numbers = await county.owner.fetch("SELECT number, count(*) AS n FROM receipt_number WHERE series = '同' GROUP BY number")
    assert {row["n"] for row in numbers} == {1}
    assert len(numbers) == 20 * sum(reply.status_code == 201 for reply in replies)
    with pytest.raises(asyncpg.UniqueViolationError):
        await county.owner.execute("INSERT INTO receipt_number SELECT county_id, series, number, $1 FROM receipt_number LIMIT 1", uuid4())


async def test_every_number_is_accounted_for(county: County) -> None:
    officer, worker = await county.sign_in("township-1"), await county.sign_in("worker-1")
    book = await made(officer, "receipt-books", block(1, 5, series="账"))
    home = await a_home(worker)
    await paid(worker, home, receipt_book_id=book["id"], receipt_number=1)
    spoil = f"/v1/receipt-books/{book['id']}/numbers"
    for _ in range(2):
        assert (await worker.post(f"{spoil}/2/spoil")).json()["spoiled"] == [2]
    refused(await worker.post(f"{spoil}/1/spoil"), 409, "number-not-blank")
    refused(await worker.post(f"{spoil}/6/spoil"), 409, "number-not-blank")
    assert await states(worker, book) == {1: "issued", 2: "spoiled", 3: "blank", 4: "blank", 5: "blank"}
    running_out = (await officer.get("/v1/receipt-books", params={"running_out": True, "series": "账"})).json()["items"]
    assert [item["id"] for item in running_out] == [book["id"]]
    changed = await officer.patch(f"/v1/receipt-books/{book['id']}", json={"status": "returned"}, headers={"If-Match": '"2"'})
    assert changed.status_code == 200
    await paid(worker, home, receipt_book_id=book["id"], receipt_number=4)  # it was on a phone when the book came back
    assert await states(worker, book) == {1: "issued", 2: "spoiled", 3: "returned", 4: "issued", 5: "returned"}


async def test_what_does_not_agree_is_taken_and_listed(county: County) -> None:
    officer, worker = await county.sign_in("township-1"), await county.sign_in("worker-1")
    device = worker.tokens["device_id"]
    book = await made(officer, "receipt-books", block(1, 5, series="查", device_id=device))
    theirs = await made(officer, "receipt-books", block(11, 15, series="查"))
    await worker.post(f"/v1/receipt-books/{book['id']}/numbers/3/spoil")
    home = await a_home(worker)
    wanted: dict[str, list[tuple[Any, Any]]] = {
        "number-twice": [(book, 1), (book, 1)],
        "not-in-the-book": [(book, 9)],
        "spoiled-and-issued": [(book, 3)],
        "another-device": [(theirs, 11)],
        "no-receipt": [(None, None)],
    }
    ids: dict[str, set[str]] = {}
    for problem, receipts in wanted.items():
        for of, number in receipts:
            key, members = uuid4(), {"receipt_book_id": of["id"], "receipt_number": number} if of else {}
            [result] = await push(worker, op("payment", key, {"household_id": home, "amount_fen": 100, "paid_on": "2026-11-21", **members}))
            assert result["outcome"] == "applied"
            ids.setdefault(problem, set()).add(str(key))
    place = (await worker.get(f"/v1/households/{home}")).json()["place_id"]
    found = (await officer.get("/v1/ledger/discrepancies", params={"place_id": place})).json()["items"]
    for problem, keys in ids.items():
        assert any(item["problem"] == problem and set(item["ids"]) == keys for item in found), problem
    assert next(item for item in found if item["problem"] == "number-twice")["number"] == "查 1"


async def test_the_list_comes_in_pages_and_what_weighs_most_first(county: County) -> None:
    officer, worker = await county.sign_in("township-1"), await county.sign_in("worker-1")
    home, book = await a_home(worker), await made(officer, "receipt-books", block(1, 5, series="页"))
    for _ in range(3):
        await paid(worker, home, 100)
    for number in (1, 1, 9):
        await paid(worker, home, 100, receipt_book_id=book["id"], receipt_number=number)
    everything = (await officer.get("/v1/ledger/discrepancies", params={"limit": 200})).json()["items"]
    assert len(everything) > 6
    weights = [WEIGHTS.index(item["problem"]) for item in everything]
    assert weights == sorted(weights)
    assert await listed(officer, "discrepancies") == everything  # three by three


async def test_a_household_that_moved_takes_no_book_along_and_no_wrong_number_appears(county: County) -> None:
    """The book stays in its village, out of reach of who looks at the payment where the household lives now."""
    officer, worker, there = [await county.sign_in(name) for name in ("township-1", "worker-1", "worker-3")]
    home = await a_home(worker)
    book = await made(officer, "receipt-books", block(1, 5, series="移", device_id=worker.tokens["device_id"]))
    good = await paid(worker, home, 100, receipt_book_id=book["id"], receipt_number=1)
    bad = await paid(worker, home, 100, receipt_book_id=book["id"], receipt_number=9)
    twice = [await paid(worker, h, 100, receipt_book_id=book["id"], receipt_number=2) for h in (home, home)]
    moved = await officer.patch(f"/v1/households/{home}", json={"place_id": OTHER}, headers={"If-Match": '"1"'})
    assert moved.status_code == 200, moved.text
    for phone in (officer, there):
        found = await listed(phone, "discrepancies", place_id=OTHER)
        told = {item["problem"]: set(item["ids"]) for item in found if good["id"] in item["ids"] or item["number"] in ("移 2", "9")}
        assert told == {"number-twice": {each["id"] for each in twice}, "not-in-the-book": {bad["id"]}}


async def test_a_village_worker_allots_none_and_a_lead_household_sees_none(sign_in: SignIn) -> None:
    worker, lead = await sign_in("worker-1"), await sign_in("lead-1")
    refused(await worker.post("/v1/receipt-books", json=block(1, 5, series="村")), 403, "not-allowed")
    book = await made(await sign_in("township-1"), "receipt-books", block(1, 5, series="户"))
    refused(await lead.get(f"/v1/receipt-books/{book['id']}/numbers"), 404, "not-found")
    refused(await lead.post(f"/v1/receipt-books/{book['id']}/numbers/1/spoil"), 403, "not-allowed")
