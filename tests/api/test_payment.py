"""Payments: never refused because of money. The cash is on the table."""

from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import SignIn
from tests.county import County, fold, level, op, push, refused
from tests.fees import FEE, OFFICER, PAID_ON, WORKER, a_home, balance, charged, holds, paid, seen


def said(home: str, amount_fen: int = FEE, **members: Any) -> dict[str, Any]:
    return {"household_id": home, "amount_fen": amount_fen, "paid_on": PAID_ON, **members}


async def test_it_goes_to_what_it_names_and_then_to_what_is_due_first(county: County) -> None:
    phone = await county.sign_in("worker-1")
    home = await a_home(phone)
    late, early = [await charged(phone, home, due_on=day) for day in ("2027-06-30", "2026-06-30")]
    await paid(phone, home, FEE // 2)
    assert [(await seen(phone, "charges", due))["paid_fen"] for due in (early, late)] == [FEE // 2, 0]
    money = await paid(phone, home, FEE + 1000, for_charge_ids=[late["id"]])
    assert [(await seen(phone, "charges", due))["paid_fen"] for due in (early, late)] == [FEE // 2 + 1000, FEE]
    assert (money["left_fen"], money["received_by"]) == (0, WORKER)
    await holds(county.owner)


@pytest.mark.parametrize(
    "how", ["unknown charge", "waived charge", "voided charge", "another household's charge", "paid already", "no book"]
)
async def test_a_phone_is_never_refused_because_of_money(county: County, how: str) -> None:
    """Each is taken; what no charge can use is the household's credit."""
    phone, officer = await county.sign_in("worker-1"), await county.sign_in("township-1")
    home = await a_home(phone)
    due = await charged(phone, await a_home(phone) if how.startswith("another") else home)
    if how == "waived charge":
        await officer.post(f"/v1/charges/{due['id']}/waive", json={"because": "困难"})
        await (await county.sign_in("county-admin")).post(f"/v1/charges/{due['id']}/approve-waiver")
    elif how == "voided charge":
        await phone.post(f"/v1/charges/{due['id']}/void", json={"reason": "重复登记"})
    elif how == "paid already":
        await paid(phone, home)
    named = str(uuid4()) if how == "unknown charge" else due["id"]
    doc = said(home, for_charge_ids=[named], receipt_book_id=str(uuid4()), receipt_number=7)
    key = uuid4()
    [result] = await push(phone, op("payment", key, doc))
    assert result["outcome"] == "applied", result
    stored = (await phone.get(f"/v1/payments/{key}")).json()
    assert stored["left_fen"] == (0 if how in ("no book", "unknown charge") else FEE)
    assert stored["for_charge_ids"] == [named]
    await holds(county.owner)


async def test_two_collectors_who_take_the_same_money_are_both_believed(county: County) -> None:
    """Offline, neither knows of the other. What was paid twice is the household's credit, for everybody to see."""
    one, two = await county.sign_in("worker-1"), await county.sign_in("worker-2")
    home = await a_home(one)
    due = await charged(one, home)
    [first] = await push(one, op("payment", uuid4(), said(home)))
    [second] = await push(two, op("payment", uuid4(), said(home)))
    assert (first["outcome"], second["outcome"], second["doubles"]) == ("applied", "applied", [first["id"]])
    assert (await seen(one, "charges", due))["status"] == "settled"
    assert await balance(county.owner, "credit", home) == -FEE
    held = fold((await level(one))[0])
    assert [held["payment", result["id"]]["left_fen"] for result in (first, second)] == [0, FEE]
    credit = (await one.get("/v1/payments", params={"household_id": home, "has_credit": True})).json()["items"]
    assert [item["id"] for item in credit] == [second["id"]]
    await holds(county.owner)


async def test_it_comes_before_its_charge_and_before_its_household(county: County) -> None:
    phone = await county.sign_in("worker-1")
    home, place = str(uuid4()), (await phone.get("/v1/households", params={"limit": 1})).json()["items"][0]["place_id"]
    key, charge = uuid4(), uuid4()
    [waits] = await push(phone, op("payment", key, said(home, for_charge_ids=[str(charge)])))
    assert waits["outcome"] == "held"
    await push(phone, op("household", home, {"place_id": place, "number": f"迟-{uuid4().hex[:8]}"}))
    assert (await phone.get(f"/v1/payments/{key}")).json()["left_fen"] == FEE
    await charged(phone, home, id=str(charge))
    assert (await phone.get(f"/v1/payments/{key}")).json()["left_fen"] == 0
    await holds(county.owner)


async def test_the_same_again_changes_nothing_and_other_content_is_not_taken(county: County) -> None:
    phone = await county.sign_in("worker-1")
    home, key = await a_home(phone), uuid4()
    await charged(phone, home)
    first = op("payment", key, said(home))
    assert [result["outcome"] for result in await push(phone, first, first)] == ["applied", "unchanged"]
    [again] = await push(phone, first)
    [reworded] = await push(phone, {**first, "at": "2026-11-22T09:00:00+08:00"})
    assert (again["outcome"], reworded["outcome"]) == ("unchanged", "unchanged")
    other = {**first, "doc": said(home, FEE + 1)}
    [result] = await push(phone, other)
    assert (result["outcome"], result["problem"]["type"], result["doc"]["amount_fen"]) == ("rejected", "/problems/already-recorded", FEE)
    [void] = await push(phone, op("payment", key, void="记错", base_rev=1))
    assert (void["outcome"], void["problem"]["type"]) == ("rejected", "/problems/already-recorded")
    body = {**said(home), "id": str(key)}
    assert (await phone.post("/v1/payments", json=body)).status_code in (200, 409)  # another mark than the phone's
    refused(await phone.patch(f"/v1/payments/{key}", json={"amount_fen": 1}, headers={"If-Match": '"1"'}), 405, "only-added")
    refused(await phone.post(f"/v1/payments/{key}/void", json={"reason": "记错"}), 405, "only-added")
    assert await balance(county.owner, "credit", home) == 0
    await holds(county.owner)


async def test_over_rest_a_repeat_gives_the_stored_payment(sign_in: SignIn) -> None:
    phone = await sign_in("worker-1")
    body = {**said(await a_home(phone)), "id": str(uuid4())}
    first, again = [await phone.post("/v1/payments", json=body) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()


async def test_a_transfer_goes_straight_to_the_special_account(county: County) -> None:
    phone = await county.sign_in("worker-1")
    before = [await balance(county.owner, *account) for account in (("fiscal", "county"), ("cash", WORKER))]
    await paid(phone, await a_home(phone), means="transfer")
    after = [await balance(county.owner, *account) for account in (("fiscal", "county"), ("cash", WORKER))]
    assert after == [before[0] + FEE, before[1]]


async def test_a_day_to_come_is_no_payment_yet(sign_in: SignIn) -> None:
    phone = await sign_in("worker-1")
    refused(await phone.post("/v1/payments", json=said(await a_home(phone), paid_on="2026-11-26")), 422, "day-to-come", "/paid_on")


@pytest.mark.parametrize("amount", [0, -1, 1.5, "100", 10**11])
async def test_money_is_whole_fen_and_more_than_none(sign_in: SignIn, amount: Any) -> None:
    phone = await sign_in("worker-1")
    refused(await phone.post("/v1/payments", json=said(await a_home(phone), amount)), 422, "invalid", "/amount_fen")


async def test_a_household_that_moves_takes_its_money_records_along(county: County) -> None:
    phone, officer = await county.sign_in("worker-1"), await county.sign_in("township-1")
    home = await a_home(phone)
    due, money = await charged(phone, home), await paid(phone, home)
    worker_3 = await county.sign_in("worker-3")
    there = (await worker_3.get("/v1/households", params={"limit": 1})).json()["items"][0]["place_id"]
    moved = await officer.patch(f"/v1/households/{home}", json={"place_id": there}, headers={"If-Match": '"1"'})
    assert moved.status_code == 200, moved.text
    assert (await phone.get(f"/v1/payments/{money['id']}")).status_code == 404
    assert (await seen(worker_3, "payments", money))["place_id"] == there
    voided = await officer.post(f"/v1/charges/{due['id']}/void", json={"reason": "重复登记"})
    assert voided.status_code == 200, voided.text
    assert (await seen(worker_3, "payments", money))["left_fen"] == FEE
    await holds(county.owner)


async def test_the_office_stores_the_numbers_of_the_fiscal_receipt(sign_in: SignIn) -> None:
    worker, officer = await sign_in("worker-1"), await sign_in("township-1")
    money = await paid(worker, await a_home(worker))
    body = {"code": "37060126", "number": "0000012345", "check_code": "a1b2c3"}
    refused(await worker.put(f"/v1/payments/{money['id']}/fiscal-receipt", json=body), 403, "not-allowed")
    stored = await officer.put(f"/v1/payments/{money['id']}/fiscal-receipt", json=body)
    assert (stored.json()["fiscal_number"], stored.json()["rev"]) == ("0000012345", 2)
    trail = (await worker.get(f"/v1/payments/{money['id']}/revisions")).json()["items"]
    assert (trail[1]["by_user_id"], trail[1]["changes"]["fiscal_code"]) == (OFFICER, [None, "37060126"])
