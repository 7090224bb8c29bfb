"""Fee items: what may be charged and on which legal basis. The fixed day is 2026-11-24."""

from typing import Any
from uuid import uuid4

import pytest

from api.jobs.hourly import sweep
from api.rules.fee_item import standard
from tests.conftest import SignIn
from tests.county import County, level, refused
from tests.fees import DUE_ON, FEE, ITEM, a_home, made

CLOSED, INSURANCE = (str(item["id"]) for item in standard())


def new(**members: Any) -> dict[str, Any]:
    code = f"fee_{uuid4().hex[:12]}"
    return {"code": code, "name": "试", "name_en": "Test", "basis": "试法第一条", "amount_fen": 100, "valid_from": "2026-01-01"} | members


async def charge(phone: Any, item: str, **members: Any) -> Any:
    body = {"fee_item_id": item, "household_id": await a_home(phone), "amount_fen": 100, "due_on": DUE_ON} | members
    return await phone.post("/v1/charges", json=body)


async def test_the_repealed_fee_is_in_the_catalogue_as_closed_and_the_refusal_says_why(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    item = (await worker.get(f"/v1/fee-items/{CLOSED}")).json()
    assert (item["name"], item["basis"]) == ("社会抚养费（2021年已取消）", None)
    reply = await charge(worker, CLOSED)
    refused(reply, 422, "item-closed", "/fee_item_id")
    assert "已取消社会抚养费" in reply.json()["detail"]
    english = await worker.post(
        "/v1/charges",
        json={"fee_item_id": CLOSED, "household_id": await a_home(worker), "amount_fen": 100, "due_on": DUE_ON},
        headers={"Accept-Language": "en"},
    )
    assert english.json()["detail"].startswith("The law as amended in 2021 has no such fee")


@pytest.mark.parametrize(
    "members",
    [
        {"basis": None},
        {"valid_from": "2026-11-25"},
        {"valid_to": "2026-11-23"},
        {"closed_because": "不收了", "closed_because_en": "no longer"},
    ],
)
async def test_an_item_without_a_basis_in_force_takes_no_charge(sign_in: SignIn, members: dict[str, Any]) -> None:
    item = await made(await sign_in("county-admin"), "fee-items", new(**members))
    refused(await charge(await sign_in("worker-1"), item["id"]), 422, "item-closed", "/fee_item_id")


async def test_a_later_version_takes_over_and_none_is_edited(sign_in: SignIn) -> None:
    county, worker = await sign_in("county-admin"), await sign_in("worker-1")
    first = await made(county, "fee-items", new())
    assert (await charge(worker, first["id"])).status_code == 201
    later = await made(county, "fee-items", new(code=first["code"], amount_fen=120, valid_from="2026-11-01"))
    refused(await charge(worker, first["id"]), 422, "item-closed", "/fee_item_id")
    refused(await charge(worker, later["id"]), 422, "not-the-amount", "/amount_fen")
    assert (await charge(worker, later["id"], amount_fen=120)).status_code == 201
    closing = new(code=first["code"], valid_from="2026-11-20", closed_because="停收", closed_because_en="stopped", amount_fen=None)
    await made(county, "fee-items", closing)
    reply = await charge(worker, later["id"], amount_fen=120)
    assert (reply.json()["type"], reply.json()["detail"]) == ("/problems/item-closed", "停收。")
    in_force = {"code": first["code"], "in_force_on": "2026-11-10"}
    assert [item["id"] for item in (await worker.get("/v1/fee-items", params=in_force)).json()["items"]] == [later["id"]]
    assert (await worker.get("/v1/fee-items", params={"code": first["code"], "in_force_on": "2026-11-24"})).json()["items"] == []


async def test_it_is_only_added_to_and_a_version_is_there_once(sign_in: SignIn) -> None:
    county = await sign_in("county-admin")
    item = await made(county, "fee-items", new())
    change = await county.patch(f"/v1/fee-items/{item['id']}", json={"amount_fen": 1}, headers={"If-Match": '"1"'})
    refused(change, 405, "only-added")
    refused(await county.post(f"/v1/fee-items/{item['id']}/void", json={"reason": "试"}), 405, "only-added")
    refused(await county.post("/v1/fee-items", json=new(code=item["code"])), 409, "code-taken")


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"rule": "每人一元"}, "/amount_fen"),
        ({"amount_fen": None}, "/amount_fen"),
        ({"record_only": True}, "/amount_fen"),
        ({"valid_to": "2025-12-31"}, "/valid_to"),
        ({"closed_because": "停收"}, "/closed_because_en"),
    ],
)
async def test_it_holds_together(sign_in: SignIn, members: dict[str, Any], pointer: str) -> None:
    refused(await (await sign_in("county-admin")).post("/v1/fee-items", json=new(**members)), 422, "item-incomplete", pointer)


async def test_no_item_brings_the_old_fees_back(sign_in: SignIn) -> None:
    for members in ({"name": "超生罚款"}, {"name": "社会抚养费"}, {"code": "social_maintenance_fee"}):
        reply = await (await sign_in("county-admin")).post("/v1/fee-items", json=new(**members))
        assert (reply.status_code, reply.json()["type"]) == (422, "/problems/refused-word")


@pytest.mark.parametrize(
    "members",
    [
        {"code": "repealed_2021"},
        {"name": "社会抚养费（2021年已取消）"},  # which the word guard lets pass, since the catalogue says so itself
        {"name": "社会　撫養　金"},
        {"name": "社扶费", "name_en": "Fee for births"},
        {"name": "社抚费"},
        {"name": "计划生育押金"},
        {"basis": "《人口与计划生育法》第四十一条"},
        {"name_en": "Social fostering fee"},
        {"rule": "按生育情形计算", "amount_fen": None},
    ],
)
async def test_what_was_repealed_is_charged_never_again_under_whatever_name(county: County, members: dict[str, Any]) -> None:
    """Not even with a basis and an amount. It is closed too where such an item has been stored."""
    desk, worker = await county.sign_in("county-admin"), await county.sign_in("worker-1")
    said = new(**members)
    refused(await desk.post("/v1/fee-items", json=said), 422, "item-closed", "/closed_because")
    item = await made(desk, "fee-items", new(amount_fen=100))
    stored = {"code": f"x_{uuid4().hex[:8]}"} | members
    names = ", ".join(f"{name} = ${n}" for n, name in enumerate(stored, 2))
    await county.owner.execute(f"UPDATE fee_item SET {names} WHERE id = $1", item["id"], *stored.values())
    refused(await charge(worker, item["id"]), 422, "item-closed", "/fee_item_id")


async def test_its_reason_may_be_said_again(sign_in: SignIn) -> None:
    again = new(code="repealed_2021", amount_fen=None, basis=None, closed_because="已取消", closed_because_en="repealed")
    await made(await sign_in("county-admin"), "fee-items", again)


async def test_a_county_from_before_there_were_fee_items_gets_the_standard_ones(county: County) -> None:
    """At the next start, once; phones pull them. Where the desk has given a code of theirs away, that stands, and nothing else waits."""
    worker = await county.sign_in("worker-1")

    async def forget() -> None:
        for table, member in (("fee_item", "id"), ("revision", "id"), ("change", "id")):
            await county.owner.execute(f"DELETE FROM {table} WHERE {member} = ANY ($1)", [item["id"] for item in standard()])

    async def tick() -> int:
        return int(await county.owner.fetchval("SELECT tick FROM clock"))

    await forget()
    before = await tick()
    for _ in range(2):
        await sweep(county.access)
        assert await tick() == before + 1
    refused(await charge(worker, CLOSED), 422, "item-closed", "/fee_item_id")
    changes, _ = await level(worker, kinds="fee_item")
    assert {CLOSED, INSURANCE} <= {change["id"] for change in changes}
    await forget()
    insurance = next(item for item in standard() if str(item["id"]) == INSURANCE)
    doc = {name: str(value) if name == "valid_from" else value for name, value in insurance.items()}
    await made(await county.sign_in("county-admin"), "fee-items", {**doc, "id": str(uuid4())})
    await sweep(county.access)
    assert (await worker.get(f"/v1/fee-items/{INSURANCE}")).status_code == 404


async def test_of_what_others_collect_the_proof_is_recorded_and_no_money(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    done = await charge(worker, INSURANCE, amount_fen=0, proof_number="税票 37001122")
    assert (done.status_code, done.json()["status"], done.json()["proof_number"]) == (201, "settled", "税票 37001122")
    refused(await charge(worker, INSURANCE, amount_fen=40000, proof_number="1"), 422, "not-the-amount", "/amount_fen")
    refused(await charge(worker, INSURANCE, amount_fen=0), 422, "not-the-amount", "/proof_number")
    refused(await charge(worker, ITEM, amount_fen=FEE, proof_number="1"), 422, "not-the-amount", "/proof_number")
