"""Countings: cash goes from a worker to the township, and both confirm. What receipts do not cover yet clears itself."""

from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import Phone
from tests.county import HELD, PLACES, USERS, VILLAGE, County, op, push, refused
from tests.fees import FEE, a_home, balance, holds, made, paid

TOWNSHIP = str(PLACES[USERS["township-1"]["places"][0]])


async def a_worker(county: County) -> tuple[str, Phone]:
    user_id, name = await county.user("village", VILLAGE)
    return user_id, await county.sign_in(name)


def counted(worker_id: str, amount_fen: int) -> dict[str, Any]:
    return {"place_id": VILLAGE, "worker_id": worker_id, "amount_fen": amount_fen, "counted_on": "2026-11-22"}


async def test_it_counts_once_both_sides_have_confirmed(county: County) -> None:
    officer = await county.sign_in("township-1")
    user_id, worker = await a_worker(county)
    await paid(worker, await a_home(worker))
    till = await balance(county.owner, "till", TOWNSHIP)
    counting: dict[str, Any] = {}
    for maker, other in ((worker, officer), (officer, worker)):
        counting = await made(maker, "countings", counted(user_id, 1000))
        refused(await maker.post(f"/v1/countings/{counting['id']}/confirm"), 409, "same-person")
        colleague = await county.sign_in("worker-2")
        refused(await colleague.post(f"/v1/countings/{counting['id']}/confirm"), 403, "not-allowed")
        assert (await other.post(f"/v1/countings/{counting['id']}/confirm")).json()["status"] == "confirmed"
        refused(await other.post(f"/v1/countings/{counting['id']}/dispute"), 409, "decided")
    assert await balance(county.owner, "cash", user_id) == FEE - 2000
    assert await balance(county.owner, "till", TOWNSHIP) == till + 2000
    with pytest.raises(Exception, match="counting_both_check"):
        await county.owner.execute("UPDATE counting SET confirmed_by = created_by WHERE id = $1", counting["id"])
    await holds(county.owner)


async def test_no_worker_counts_in_the_cash_of_another(county: County) -> None:
    """Or two of a village could confirm each other's, and no office had counted anything."""
    user_id, _ = await a_worker(county)
    colleague = await county.sign_in("worker-2")
    refused(await colleague.post("/v1/countings", json=counted(user_id, 1000)), 403, "not-allowed")
    [result] = await push(colleague, op("counting", str(uuid4()), counted(user_id, 1000)))
    assert (result["outcome"], result["problem"]["type"]) == ("rejected", "/problems/not-allowed")


@pytest.mark.parametrize("gone", ["closed", "elsewhere", "lead"])
async def test_the_cash_of_somebody_who_has_left_is_counted_in_by_two_of_the_office(county: County, gone: str) -> None:
    """Who can't confirm any more: somebody else of the office does, never who wrote it down, nor another worker."""
    officer, desk = await county.sign_in("township-1"), await county.sign_in("county-admin")
    user_id, worker = await a_worker(county)
    await paid(worker, await a_home(worker))
    here = await made(officer, "countings", counted(user_id, 1000))
    refused(await desk.post(f"/v1/countings/{here['id']}/confirm"), 403, "not-allowed")  # as long as the worker can
    if gone == "closed":
        assert (await officer.post(f"/v1/users/{user_id}/close")).status_code == 200
    if gone == "elsewhere":
        [far] = HELD["worker-4"]
        assert (await desk.post(f"/v1/users/{user_id}/places", json={"place_id": far})).is_success
        assert (await desk.post(f"/v1/users/{user_id}/places/{VILLAGE}/revoke")).is_success
    if gone == "lead":
        await county.owner.execute("UPDATE app_user SET role = 'household_head' WHERE id = $1", user_id)
    [result] = await push(officer, op("counting", str(uuid4()), counted(user_id, 1000)))
    assert result["outcome"] == "applied"
    colleague = await county.sign_in("worker-2")
    refused(await officer.post(f"/v1/countings/{here['id']}/confirm"), 409, "same-person")
    refused(await colleague.post(f"/v1/countings/{here['id']}/confirm"), 403, "not-allowed")
    assert (await desk.post(f"/v1/countings/{here['id']}/confirm")).json()["status"] == "confirmed"
    assert await balance(county.owner, "cash", user_id) == FEE - 1000
    await holds(county.owner)


async def test_nobody_counts_in_the_cash_of_somebody_who_never_served_here(county: County) -> None:
    officer = await county.sign_in("township-1")
    for stranger in (str(USERS["worker-4"]["id"]), str(uuid4())):
        refused(await officer.post("/v1/countings", json=counted(stranger, 1000)), 404, "not-found")


async def test_a_disputed_one_does_not_count(county: County) -> None:
    officer = await county.sign_in("township-1")
    user_id, worker = await a_worker(county)
    counting = await made(officer, "countings", counted(user_id, 1000))
    assert (await worker.post(f"/v1/countings/{counting['id']}/dispute")).json()["status"] == "disputed"
    assert await balance(county.owner, "unexplained", user_id) == 0


async def test_what_receipts_do_not_cover_yet_is_unexplained_until_they_come(county: County) -> None:
    officer = await county.sign_in("township-1")
    user_id, worker = await a_worker(county)
    home = await a_home(worker)
    counting = await made(worker, "countings", counted(user_id, FEE))
    assert (await officer.post(f"/v1/countings/{counting['id']}/confirm")).status_code == 200
    assert await balance(county.owner, "unexplained", user_id) == -FEE
    held = (await officer.get("/v1/ledger/discrepancies", params={"place_id": VILLAGE})).json()["items"]
    assert any(item["problem"] == "unexplained" and item["amount_fen"] == FEE for item in held)
    await push(worker, op("payment", uuid4(), {"household_id": home, "amount_fen": FEE + 500, "paid_on": "2026-11-21"}))
    assert await balance(county.owner, "unexplained", user_id) == 0
    assert await balance(county.owner, "cash", user_id) == 500
    await holds(county.owner)


async def test_who_holds_cash_for_long_is_told_before_the_office(county: County) -> None:
    officer = await county.sign_in("township-1")
    user_id, worker = await a_worker(county)
    home = await a_home(worker)
    await paid(worker, home, 100, paid_on="2026-11-01")
    await paid(worker, home, 300, paid_on="2026-11-16")

    async def held(phone: Phone) -> dict[str, Any]:
        return next(item for item in (await phone.get("/v1/ledger/custody")).json()["items"] if item["user_id"] == user_id)

    assert await held(worker) == {"user_id": user_id, "balance_fen": 400, "since": "2026-11-01", "late": True}
    assert (await held(officer))["late"] is True
    colleague = await county.sign_in("worker-2")
    assert user_id not in [item["user_id"] for item in (await colleague.get("/v1/ledger/custody")).json()["items"]]
    counting = await made(worker, "countings", counted(user_id, 150))
    await officer.post(f"/v1/countings/{counting['id']}/confirm")
    assert [await held(phone) for phone in (worker, officer)] == [
        {"user_id": user_id, "balance_fen": 250, "since": "2026-11-16", "late": late} for late in (True, False)
    ]


async def test_a_lead_household_sees_no_books(county: County) -> None:
    lead = await county.sign_in("lead-1")
    for path in ("accounts", "custody", "discrepancies", "trial-balance?month=2026-11", "day-book?from_on=2026-11-01&to_on=2026-11-30"):
        refused(await lead.get(f"/v1/ledger/{path}"), 403, "not-allowed")
