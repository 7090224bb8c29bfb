"""Refunds and corrections: new entries that name the old, by two people."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.conftest import Phone
from tests.county import County, refused
from tests.fees import FEE, OFFICER, WORKER, a_home, balance, charged, holds, made, paid, seen


def asked(money: dict[str, Any], amount_fen: int = FEE, **members: Any) -> dict[str, Any]:
    return {"household_id": money["household_id"], "payment_id": money["id"], "amount_fen": amount_fen, "because": "重复缴费", **members}


async def approve(phone: Phone, refund: dict[str, Any]) -> httpx.Response:
    return await phone.post(f"/v1/refunds/{refund['id']}/approve")


async def test_a_refund_takes_two_people_and_opens_what_the_payment_had_settled(county: County) -> None:
    worker, officer = await county.sign_in("worker-1"), await county.sign_in("township-1")
    home = await a_home(worker)
    due, money = await charged(worker, home), await paid(worker, home)
    cash = await balance(county.owner, "cash", WORKER)
    refund = await made(officer, "refunds", asked(money))
    assert (refund["status"], refund["collected_by"]) == ("proposed", WORKER)
    assert (await seen(worker, "charges", due))["status"] == "settled"  # nothing moves until it is approved
    refused(await approve(officer, refund), 409, "same-person")
    refused(await approve(worker, refund), 403, "not-allowed")
    approved = await approve(await county.sign_in("county-admin"), refund)
    assert (approved.status_code, approved.json()["status"]) == (200, "approved")
    again = await seen(worker, "charges", due)
    assert (again["status"], again["paid_fen"]) == ("open", 0)
    assert (await seen(worker, "payments", money))["left_fen"] == 0
    assert await balance(county.owner, "cash", WORKER) == cash - FEE
    refused(await approve(await county.sign_in("county-admin"), refund), 409, "decided")
    with pytest.raises(Exception, match="refund_approver_check"):
        await county.owner.execute("UPDATE refund SET decided_by = created_by WHERE id = $1", refund["id"])
    await holds(county.owner)


async def test_refunds_of_a_payment_are_together_no_more_than_it(county: County) -> None:
    worker, officer = await county.sign_in("worker-1"), await county.sign_in("township-1")
    money = await paid(worker, await a_home(worker))
    refused(await worker.post("/v1/refunds", json=asked(money, FEE + 1)), 422, "more-than-paid", "/amount_fen")
    first, second = [await made(worker, "refunds", asked(money, FEE - 1000)) for _ in range(2)]
    assert (await approve(officer, first)).status_code == 200
    refused(await approve(officer, second), 422, "more-than-paid")
    declined = await worker.post(f"/v1/refunds/{second['id']}/decline")  # who asked takes it back
    assert declined.json()["status"] == "declined"
    last = await made(worker, "refunds", asked(money, 1000, manner="correction"))
    assert (await approve(officer, last)).json()["decided_by"] == OFFICER
    events = await county.owner.fetch("SELECT event, amount_fen FROM transfer WHERE payment_id = $1 ORDER BY seq", money["id"])
    assert [tuple(row) for row in events] == [("payment", FEE), ("refund", FEE - 1000), ("correction", 1000)]
    await holds(county.owner)


async def test_of_two_that_are_approved_at_once_one_is_paid_out(county: County) -> None:
    """Although the household has other credit, which is not this payment's."""
    worker, officer, desk = [await county.sign_in(name) for name in ("worker-1", "township-1", "county-admin")]
    for _ in range(6):
        home = await a_home(worker)
        money, other = await paid(worker, home), await paid(worker, home, FEE + 1)
        refunds = [await made(worker, "refunds", asked(money)) for _ in range(2)]
        replies = await asyncio.gather(approve(officer, refunds[0]), approve(desk, refunds[1]))
        assert sorted(reply.status_code for reply in replies) == [200, 422], [reply.text for reply in replies]
        assert [(await seen(worker, "payments", each))["left_fen"] for each in (money, other)] == [0, FEE + 1]
    await holds(county.owner)


@pytest.mark.parametrize("purse", ["till", "cash"])
async def test_what_is_not_there_is_not_paid_out(county: County, purse: str) -> None:
    """The money went to the special account, so neither the collector nor the township has it."""
    officer = await county.sign_in("township-3")
    place = (await officer.get("/v1/households", params={"limit": 1})).json()["items"][0]["place_id"]
    worker = await county.sign_in((await county.user("village", place))[1])
    home = await made(worker, "households", {"place_id": place, "number": f"无-{purse}"})
    money = await paid(worker, home["id"], means="transfer")
    refund = await made(worker, "refunds", asked(money, paid_from=purse))
    refused(await approve(officer, refund), 409, "not-enough")
    assert (await seen(officer, "refunds", refund))["status"] == "proposed"
    await holds(county.owner)


async def test_a_transfer_is_paid_back_from_the_special_account(county: County) -> None:
    worker, officer = await county.sign_in("worker-1"), await county.sign_in("township-1")
    fiscal = await balance(county.owner, "fiscal", "county")
    money = await paid(worker, await a_home(worker), means="transfer")
    refund = await made(worker, "refunds", asked(money, paid_from="fiscal"))
    assert (await approve(officer, refund)).status_code == 200
    assert await balance(county.owner, "fiscal", "county") == fiscal


async def test_a_payment_of_another_household_is_not_found(county: County) -> None:
    worker = await county.sign_in("worker-1")
    money = await paid(worker, await a_home(worker))
    refused(await worker.post("/v1/refunds", json=asked({**money, "household_id": await a_home(worker)})), 404, "not-found")


@pytest.mark.parametrize("purse", ["cash", "till"])
async def test_that_a_transfer_never_came_is_corrected_where_it_was_booked(county: County, purse: str) -> None:
    """Cash that others paid is not taken for it."""
    worker, officer = await county.sign_in("worker-1"), await county.sign_in("township-1")
    money = await paid(worker, await a_home(worker), means="transfer")
    wrong = asked(money, manner="correction", paid_from=purse)
    refused(await worker.post("/v1/refunds", json=wrong), 422, "not-from-there", "/paid_from")
    right = await made(worker, "refunds", asked(money, manner="correction", paid_from="fiscal"))
    await county.owner.execute("UPDATE refund SET paid_from = $2 WHERE id = $1", right["id"], purse)  # asked for before this was a rule
    refused(await approve(officer, right), 422, "not-from-there")
    await county.owner.execute("UPDATE refund SET paid_from = 'fiscal' WHERE id = $1", right["id"])
    assert (await approve(officer, right)).status_code == 200
    await holds(county.owner)


async def test_who_collected_the_money_does_not_approve_that_it_goes_back(county: County) -> None:
    worker, officer, desk = [await county.sign_in(name) for name in ("worker-1", "township-1", "county-admin")]
    money = await paid(officer, await a_home(worker))
    refund = await made(worker, "refunds", asked(money))
    assert refund["collected_by"] == OFFICER
    refused(await approve(officer, refund), 409, "same-person")
    assert (await approve(desk, refund)).status_code == 200
