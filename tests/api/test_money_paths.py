"""Whatever people do with money, in any order and however often they say it: the ledger holds, and the same again changes nothing."""

import random
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from tests.conftest import Phone
from tests.county import PLACES, USERS, VILLAGE, County, op, push, refused
from tests.fees import FEE, ITEM, WORKER, a_home, charged, holds, paid

STEPS = 120
COLLEAGUE, TOWNSHIP = str(USERS["worker-2"]["id"]), PLACES[USERS["township-1"]["places"][0]]
Call = tuple[str, str, str, Any]  # (who, method, path, body)


class Somebody:
    """Makes up calls, about what was made before."""

    def __init__(self, rng: random.Random, homes: list[str]) -> None:
        self.rng, self.homes = rng, homes
        self.made: dict[str, list[dict[str, Any]]] = {"charges": [], "payments": [], "refunds": [], "countings": []}

    def call(self) -> Call:
        rng = self.rng
        worker = rng.choice(("worker-1", "worker-2"))
        office = rng.choice(("township-1", "county-admin"))
        body: dict[str, Any] = {"id": str(uuid4())}
        of = {kind: rng.choice(made) if made else {"id": str(uuid4()), "household_id": self.homes[0]} for kind, made in self.made.items()}
        day = f"2026-{rng.randint(9, 11):02d}-{rng.randint(1, 24):02d}"
        what = rng.randrange(100)
        if what < 20:
            body |= {
                "household_id": rng.choice(self.homes),
                "fee_item_id": ITEM,
                "amount_fen": FEE,
                "due_on": f"2027-0{rng.randint(1, 9)}-01",
            }
            return worker, "POST", "charges", body
        if what < 46:
            wish = [self.rng.choice(self.made["charges"])["id"]] if self.made["charges"] and rng.random() < 0.4 else []
            doc = {"household_id": rng.choice(self.homes), "amount_fen": rng.randint(1, 2 * FEE), "paid_on": day, "for_charge_ids": wish}
            doc |= {"means": rng.choice(("cash", "cash", "transfer"))}
            if rng.random() < 0.5:
                return worker, "POST", "payments", body | doc
            return worker, "POST", "sync/push", {"ops": [op("payment", body["id"], doc)]}
        if what < 53:
            return rng.choice((worker, "township-1")), "POST", f"charges/{of['charges']['id']}/void", {"reason": "重复登记"}
        if what < 60:
            return rng.choice((worker, office)), "POST", f"charges/{of['charges']['id']}/waive", {"because": "困难"}
        if what < 66:
            return office, "POST", f"charges/{of['charges']['id']}/{rng.choice(('approve', 'decline'))}-waiver", None
        if what < 75:
            of_payment = {"household_id": of["payments"]["household_id"], "payment_id": of["payments"]["id"]}
            body |= {
                **of_payment,
                "amount_fen": rng.randint(1, FEE),
                "because": "重复缴费",
                "paid_from": rng.choice(("cash", "till", "fiscal")),
            }
            return worker, "POST", "refunds", body | {"manner": rng.choice(("paid_back", "correction"))}
        if what < 84:
            return office, "POST", f"refunds/{of['refunds']['id']}/{rng.choice(('approve', 'approve', 'decline'))}", None
        if what < 88:
            body |= {
                "place_id": VILLAGE,
                "worker_id": rng.choice((WORKER, COLLEAGUE)),
                "amount_fen": rng.randint(1, 3 * FEE),
                "counted_on": day,
            }
            return rng.choice((worker, "township-1")), "POST", "countings", body
        if what < 93:
            by = rng.choice((worker, "township-1", "county-admin"))
            return by, "POST", f"countings/{of['countings']['id']}/{rng.choice(('confirm', 'confirm', 'dispute'))}", None
        if what < 98:
            body |= {"place_id": TOWNSHIP, "amount_fen": rng.randint(1, 2 * FEE), "deposited_on": day, "bank_reference": "回单"}
            return "township-1", "POST", "deposits", body
        return "county-admin", "POST", f"ledger/months/2026-{rng.choice(('09', '10'))}/close", None


async def send(phones: dict[str, Phone], call: Call) -> httpx.Response:
    who, method, path, body = call
    creates = "/" not in path
    reply = await phones[who].request(method, f"/v1/{path}", params={"confirm": True} if creates else {}, json=body)
    assert reply.status_code < 500, (call, reply.text)
    return reply


async def books(owner: Any) -> Any:
    total = "SELECT sum(v.fen)::bigint FROM transfer t CROSS JOIN LATERAL (VALUES (-t.amount_fen), (t.amount_fen)) v (fen)"
    assert await owner.fetchval(total) == 0
    return [tuple(row) for row in await owner.fetch("SELECT seq, event, amount_fen, booked_on FROM transfer ORDER BY seq")]


@pytest.mark.parametrize("seed", range(3))
async def test_any_calls_in_any_order_any_number_of_times(county: County, seed: int) -> None:
    phones = {name: await county.sign_in(name) for name in ("worker-1", "worker-2", "township-1", "county-admin")}
    homes = [await a_home(phones["worker-1"]) for _ in range(3)]
    rng = random.Random(seed)
    somebody, calls = Somebody(rng, homes), list[Call]()
    outcomes: set[tuple[str, int]] = set()
    for _ in range(STEPS):
        call = somebody.call()
        reply = await send(phones, call)
        kind = call[2].split("/")[0]
        outcomes.add((kind, reply.status_code))
        if reply.status_code == 201 and kind in somebody.made:
            somebody.made[kind].append(reply.json())
        if kind == "sync":
            [pushed] = call[3]["ops"]
            assert reply.json()["results"][0]["outcome"] == "applied"
            somebody.made["payments"].append({"id": pushed["id"], **pushed["doc"]})
        calls.append(call)
        if rng.random() < 0.3:  # a reply was lost
            await send(phones, rng.choice(calls[-5:]))
        await holds(county.owner)
        await books(county.owner)
    assert {kind for kind, status in outcomes if status in (200, 201)} >= {
        "charges",
        "payments",
        "sync",
        "refunds",
        "countings",
        "deposits",
    }
    before = await books(county.owner)
    told = [call for call in calls if call[3] is not None and not call[2].endswith(("/waive", "/void"))]
    for again in range(2):
        rng.shuffle(told)
        for call in told:  # all that was ever created, once more and in another order
            reply = await send(phones, call)
            assert reply.status_code != 201 or again == 0, call
    created = [row for row in await books(county.owner) if row not in before]
    assert created == [], created
    await holds(county.owner)


async def test_one_household_whose_books_are_wrong_holds_up_no_other(county: County) -> None:
    """Nothing that the service does brings that about; it is not to block a phone for good all the same."""
    phone = await county.sign_in("worker-1")
    broken, sound = await a_home(phone), await a_home(phone)
    await paid(phone, broken)
    await county.owner.execute("UPDATE account SET balance_fen = 0 WHERE type = 'credit' AND owner = $1", broken)
    due = {"fee_item_id": ITEM, "amount_fen": FEE, "due_on": "2027-01-01"}
    results = await push(phone, *(op("charge", uuid4(), {**due, "household_id": home}) for home in (sound, broken, sound)))
    assert [result["outcome"] for result in results] == ["applied", "rejected", "applied"]
    assert results[1]["problem"]["type"] == "/problems/could-not-store"
    refused(await phone.post("/v1/charges", json={**due, "household_id": broken}), 409, "not-enough")
    await county.owner.execute("UPDATE account SET balance_fen = -$2::bigint WHERE type = 'credit' AND owner = $1", broken, FEE)
    await holds(county.owner)


async def test_no_charge_is_paid_beyond_its_amount_and_no_payment_gives_more_than_it_brought(county: County) -> None:
    """The database says so too, and then it is a refusal and no error."""
    worker, officer = await county.sign_in("worker-1"), await county.sign_in("township-1")
    home = await a_home(worker)
    due, money = await charged(worker, home), await paid(worker, home)
    for statement in ("UPDATE charge SET paid_fen = {}", "UPDATE payment SET left_fen = {}"):
        for fen in (-1, "amount_fen + 1"):
            with pytest.raises(asyncpg.CheckViolationError, match=r"charge_paid_check|payment_left_check"):
                await county.owner.execute(f"{statement.format(fen)} WHERE household_id = $1", home)
    await county.owner.execute("UPDATE payment SET left_fen = amount_fen WHERE id = $1", money["id"])  # as if no charge had used it
    refused(await officer.post(f"/v1/charges/{due['id']}/void", json={"reason": "重复登记"}), 409, "not-enough")
    await county.owner.execute("UPDATE payment SET left_fen = 0 WHERE id = $1", money["id"])
    await holds(county.owner)


async def test_the_apps_role_changes_nothing_that_was_posted(county: County) -> None:
    """It adds transfers and keeps balances: no column of either else, and it allots no rights to pay."""
    app = await asyncpg.connect(county.app.state.access.database._url)
    for statement in (
        "UPDATE transfer SET amount_fen = 1",
        "DELETE FROM transfer",
        "TRUNCATE transfer",
        "UPDATE account SET owner = 'x'",
        "UPDATE account SET type = 'x'",
        "DELETE FROM account",
        "INSERT INTO posting_rule VALUES ('salary', 'till', 'cash')",
        "UPDATE posting_rule SET to_type = 'cash'",
        "INSERT INTO account_type VALUES ('purse', 0)",
        "DELETE FROM closed_month",
        "UPDATE receipt_number SET book_id = NULL",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.execute(statement)
    await app.close()
