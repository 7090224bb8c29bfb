"""Deposits to the fiscal special account, and the books: accounts, day book, trial balance, closing a month."""

from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from tests.conftest import Phone
from tests.county import HELD, PLACES, USERS, VILLAGE, County, op, push, refused
from tests.fees import FEE, a_home, balance, charged, holds, listed, made, paid

TOWNSHIP = PLACES[USERS["township-1"]["places"][0]]


def slip(amount_fen: int, **members: Any) -> dict[str, Any]:
    return {"place_id": TOWNSHIP, "amount_fen": amount_fen, "deposited_on": "2026-11-23", "bank_reference": "回单 1", **members}


async def listed_whole(phone: Phone, path: str) -> list[dict[str, Any]]:
    reply = await phone.get(f"/v1/ledger/{path}")
    assert reply.status_code == 200, reply.text
    items: list[dict[str, Any]] = reply.json()["items"]
    return items


async def test_cash_in_the_bank_is_in_the_bank_even_before_it_was_counted_in(county: County) -> None:
    officer = await county.sign_in("township-1")
    user_id, name = await county.user("village", VILLAGE)
    worker = await county.sign_in(name)
    await paid(worker, await a_home(worker))
    fiscal, till = await balance(county.owner, "fiscal", "county"), await balance(county.owner, "till", str(TOWNSHIP))
    await made(officer, "deposits", slip(till + FEE))
    assert await balance(county.owner, "fiscal", "county") == fiscal + till + FEE
    assert await balance(county.owner, "unexplained", str(TOWNSHIP)) == -FEE
    body = {"place_id": VILLAGE, "worker_id": user_id, "amount_fen": FEE, "counted_on": "2026-11-22"}
    counting = await made(worker, "countings", body)
    await officer.post(f"/v1/countings/{counting['id']}/confirm")
    assert [await balance(county.owner, kind, str(TOWNSHIP)) for kind in ("till", "unexplained")] == [0, 0]
    await holds(county.owner)


async def test_one_slip_of_the_bank_is_one_deposit(county: County) -> None:
    """Two of a township with one reference look double: who is asked says so, what comes from a phone is stored with a hint."""
    officer, other = await county.sign_in("township-1"), await county.sign_in("township-2")
    first = await made(officer, "deposits", slip(100, bank_reference="回单 77"))
    again = slip(200, bank_reference="回单 77", deposited_on="2026-11-24")
    reply = await officer.post("/v1/deposits", json=again)
    refused(reply, 409, "looks-double")
    assert reply.json()["doubles"] == [first["id"]]
    fiscal = await balance(county.owner, "fiscal", "county")
    [result] = await push(officer, op("deposit", uuid4(), again))
    assert (result["outcome"], result["doubles"]) == ("applied", [first["id"]])
    assert await balance(county.owner, "fiscal", "county") == fiscal + 200  # it may well be two
    elsewhere = {**again, "place_id": PLACES[USERS["township-2"]["places"][0]]}
    assert (await other.post("/v1/deposits", json=elsewhere)).status_code == 201


async def test_the_books_sum_to_zero_in_whatever_part_somebody_reads(county: County) -> None:
    for username in ("county-admin", "township-1", "township-2"):
        phone = await county.sign_in(username)
        accounts = await listed(phone, "accounts")
        assert len({(account["type"], account["owner"]) for account in accounts}) == len(accounts) > 3
        assert sum(account["balance_fen"] for account in accounts) == 0
        balance = (await phone.get("/v1/ledger/trial-balance", params={"month": "2026-11"})).json()
        assert (balance["sum_fen"], balance["closed"]) == (0, False)
        for line in balance["items"]:
            assert line["opening_fen"] + line["up_fen"] - line["down_fen"] == line["closing_fen"]
        days = {"from_on": "2020-01-01", "to_on": "2030-12-31"}
        entries = await listed(phone, "day-book", **days)
        assert sum(line["up_fen"] for line in balance["items"]) <= sum(entry["amount_fen"] for entry in entries)
        [cash] = [account for account in accounts if account["type"] == "cash"][:1]
        statement = await listed(phone, f"accounts/cash/{cash['owner']}")
        assert sum(e["amount_fen"] * (1 if e["to_type"] == "cash" else -1) for e in statement) == cash["balance_fen"]


async def test_a_worker_sees_the_own_cash_and_nobody_elses(county: County) -> None:
    """Of the accounts those of households and fee items, and the own purse. The books as a whole are the office's."""
    one, other = await county.sign_in("worker-1"), await county.sign_in("worker-2")
    mine, theirs = str(USERS["worker-1"]["id"]), str(USERS["worker-2"]["id"])
    home = await a_home(one)
    for phone in (one, other):
        await paid(phone, home)
    accounts = await listed(one, "accounts")
    assert {account["type"] for account in accounts} <= {"owed", "credit", "income", "cash", "unexplained"}
    assert {account["owner"] for account in accounts if account["type"] in ("cash", "unexplained")} == {mine}
    assert await listed(one, f"accounts/cash/{mine}") != []
    for account in (f"cash/{theirs}", f"unexplained/{theirs}", f"till/{TOWNSHIP}", "fiscal/county"):
        assert await listed(one, f"accounts/{account}") == []
    assert len(await listed(one, f"accounts/credit/{home}")) == 2  # what the household paid, whoever received it
    assert [item["user_id"] for item in await listed_whole(one, "custody")] == [mine]
    for path in ("trial-balance?month=2026-11", "day-book?from_on=2026-11-01&to_on=2026-11-30"):
        refused(await one.get(f"/v1/ledger/{path}"), 403, "not-allowed")


async def test_an_office_sees_what_its_workers_hold_of_its_own(county: County) -> None:
    """What somebody collected in another township is that one's, the county sees all of it, and whose it is too."""
    user_id, name = await county.user("village", VILLAGE)
    worker, desk = await county.sign_in(name), await county.sign_in("county-admin")
    await paid(worker, await a_home(worker), 1000)
    [far] = HELD["worker-4"]
    assert (await desk.post(f"/v1/users/{user_id}/places", json={"place_id": far})).is_success
    assert (await desk.post(f"/v1/users/{user_id}/places/{VILLAGE}/revoke")).is_success
    worker = await county.sign_in(name)
    home = await made(worker, "households", {"place_id": far, "number": f"远-{name}"})
    await paid(worker, home["id"], 300)

    async def held(username: str) -> list[int]:
        phone = worker if username == name else await county.sign_in(username)
        return [item["balance_fen"] for item in await listed_whole(phone, "custody") if item["user_id"] == user_id]

    offices = ("township-1", "township-2", "township-3")
    assert {office: await held(office) for office in offices} == {"township-1": [1000], "township-2": [300], "township-3": []}
    assert [await held(who) for who in ("county-admin", name, "worker-1")] == [[1300], [1300], []]
    there = await county.sign_in("township-2")
    counting = await made(worker, "countings", {"place_id": far, "worker_id": user_id, "amount_fen": 1200, "counted_on": "2026-11-22"})
    assert (await there.post(f"/v1/countings/{counting['id']}/confirm")).is_success
    assert {office: await held(office) for office in offices} == {"township-1": [100], "township-2": [], "township-3": []}


async def test_who_reads_which_entries_is_by_place(county: County) -> None:
    one, other = await county.sign_in("worker-1"), await county.sign_in("worker-4")
    home = await a_home(one)
    await charged(one, home)
    assert len(await listed(one, f"accounts/owed/{home}")) == 1
    assert await listed(other, f"accounts/owed/{home}") == []


async def test_what_comes_after_a_month_is_closed_is_booked_in_the_next(county: County) -> None:
    worker, desk = await county.sign_in("worker-1"), await county.sign_in("county-admin")
    refused(await desk.post("/v1/ledger/months/2026-11/close"), 409, "month-not-over")
    refused(await worker.post("/v1/ledger/months/2026-10/close"), 403, "not-allowed")
    before = (await desk.get("/v1/ledger/trial-balance", params={"month": "2026-09"})).json()
    assert before["closed"] is False
    for _ in range(2):
        assert (await desk.post("/v1/ledger/months/2026-09/close")).json() == {"month": "2026-09"}
    money = await paid(worker, await a_home(worker), paid_on="2026-09-30")
    [entry] = [e for e in await listed(desk, "day-book", from_on="2026-10-01", to_on="2026-10-01") if e["record_id"] == money["id"]]
    assert (entry["on_day"], entry["booked_on"]) == ("2026-09-30", "2026-10-01")
    assert (await desk.get("/v1/ledger/trial-balance", params={"month": "2026-09"})).json() == {**before, "closed": True}
    assert (await desk.post("/v1/ledger/months/2026-08/close")).json() == {"month": "2026-09"}


WRONG = {
    "spend the till": ("deposit", "till", "income"),
    "spend a worker's cash": ("payment", "cash", "owed"),
    "spend the special account": ("refund", "fiscal", "till"),
    "an event of one's own": ("salary", "cash", "fiscal"),
}


@pytest.mark.parametrize("what", WRONG)
async def test_the_database_knows_no_other_way_for_money(county: County, what: str) -> None:
    """Not even for the owner of the tables, past every line of code."""
    event, source, target = WRONG[what]
    await county.owner.execute("INSERT INTO account VALUES (1, $1, 'x', 0), (1, $2, 'x', 0) ON CONFLICT DO NOTHING", source, target)
    with pytest.raises(asyncpg.ForeignKeyViolationError, match="transfer_rule_fkey"):
        await county.owner.execute(INSERT, event, source, target, 100)


INSERT = (
    "INSERT INTO transfer (county_id, event, from_type, from_owner, to_type, to_owner, amount_fen, kind, record_id, place_id, township_id,"
    " on_day, booked_on, posted_at) VALUES (1, $1, $2, 'x', $3, 'x', $4, 'x', gen_random_uuid(), 1, 0, '2026-11-24', '2026-11-24', now())"
)


async def test_amounts_are_above_zero_and_guarded_balances_keep_their_side(county: County) -> None:
    await county.owner.execute("INSERT INTO account VALUES (1, 'till', 'x', 0), (1, 'fiscal', 'x', NULL) ON CONFLICT DO NOTHING")
    for amount in (0, -1):
        with pytest.raises(asyncpg.CheckViolationError, match="transfer_amount_check"):
            await county.owner.execute(INSERT, "deposit", "till", "fiscal", amount)
    for kind, fen in (("cash", -1), ("till", -1), ("credit", 1), ("unexplained", 1)):
        with pytest.raises(asyncpg.CheckViolationError, match="account_"):
            await county.owner.execute("INSERT INTO account VALUES (1, $1, 'y', $2)", kind, fen)


@pytest.mark.parametrize("path", ["trial-balance?month=20２６-01", "trial-balance?month=2026-13", "accounts/cash/%00", "accounts/cash/A"])
async def test_what_is_no_month_and_no_owner_is_refused(county: County, path: str) -> None:
    reply = await (await county.sign_in("township-1")).get(f"/v1/ledger/{path}")
    assert reply.status_code in (404, 422), reply.text
