"""Charges: what a household owes, for one or for many; waivers by two people."""

from typing import Any
from uuid import uuid4

import pytest

from api.rules.fee_item import standard
from api.schemas.charge import Charge
from tests.conftest import SignIn
from tests.county import County, op, push, refused
from tests.fees import DUE_ON, FEE, ITEM, OFFICER, WORKER, a_home, balance, charged, holds, paid, seen

_, INSURANCE = (str(item["id"]) for item in standard())


async def test_a_charge_is_owed_until_it_is_paid(county: County) -> None:
    phone = await county.sign_in("worker-1")
    home = await a_home(phone)
    due = await charged(phone, home)
    assert (due["status"], due["paid_fen"]) == ("open", 0)
    assert await balance(county.owner, "owed", home) == FEE
    await paid(phone, home, FEE - 1000)
    half = await seen(phone, "charges", due)
    assert (half["status"], half["paid_fen"], half["rev"]) == ("open", FEE - 1000, 1)
    await paid(phone, home, 1000)
    assert (await seen(phone, "charges", due))["status"] == "settled"
    assert await balance(county.owner, "owed", home) == 0
    await holds(county.owner)


async def test_only_the_day_by_which_it_is_due_changes(sign_in: SignIn) -> None:
    phone = await sign_in("worker-1")
    due = await charged(phone, await a_home(phone))
    path, head = f"/v1/charges/{due['id']}", {"If-Match": '"1"'}
    refused(await phone.patch(path, json={"amount_fen": 1}, headers=head), 422, "fixed", "/amount_fen")
    assert (await phone.patch(path, json={"due_on": "2027-01-31"}, headers=head)).json()["due_on"] == "2027-01-31"


async def test_what_was_paid_of_a_voided_charge_is_credit_and_goes_to_the_next(county: County) -> None:
    phone, officer = await county.sign_in("worker-1"), await county.sign_in("township-1")
    home = await a_home(phone)
    due = await charged(phone, home)
    money = await paid(phone, home)
    voided = await officer.post(f"/v1/charges/{due['id']}/void", json=VOID)
    assert (voided.json()["status"], voided.json()["paid_fen"]) == ("cancelled", 0)
    assert (await seen(phone, "payments", money))["left_fen"] == FEE
    assert [await balance(county.owner, kind, home) for kind in ("owed", "credit")] == [0, -FEE]
    again = await charged(phone, home, due_on="2027-12-31")
    assert (await seen(phone, "charges", again))["status"] == "settled"
    assert (await seen(phone, "payments", money))["left_fen"] == 0
    await holds(county.owner)


VOID = {"reason": "重复登记"}


async def test_who_made_a_charge_takes_a_mistake_back_within_a_day_and_while_nothing_is_paid(county: County) -> None:
    """Or voiding would be the way around a waiver, which takes two people."""
    worker, officer = await county.sign_in("worker-1"), await county.sign_in("township-1")
    for maker, other in ((worker, officer), (officer, worker)):
        home = await a_home(worker)
        fresh, late, half = [await charged(maker, home, due_on=f"2027-0{n}-01") for n in range(1, 4)]
        await county.owner.execute("UPDATE charge SET created_at = created_at - interval '25 hours' WHERE id = $1", late["id"])
        await paid(worker, home, 100, for_charge_ids=[half["id"]])
        assert (await maker.post(f"/v1/charges/{fresh['id']}/void", json=VOID)).json()["status"] == "cancelled"
        for charge in (late, half):
            refused(await maker.post(f"/v1/charges/{charge['id']}/void", json=VOID), 409, "same-person")
            [result] = await push(maker, op("charge", charge["id"], base_rev=1, void="重复登记"))
            assert (result["outcome"], result["problem"]["type"]) == ("rejected", "/problems/same-person")
            by_other = await other.post(f"/v1/charges/{charge['id']}/void", json=VOID)
            if other is officer:
                assert by_other.json()["status"] == "cancelled"
            else:
                refused(by_other, 403, "not-allowed")  # what the office charged, the office takes back, or two people waive it
    await holds(county.owner)


async def test_no_colleague_voids_a_charge(county: County) -> None:
    worker, colleague = await county.sign_in("worker-1"), await county.sign_in("worker-2")
    due = await charged(worker, await a_home(worker))
    refused(await colleague.post(f"/v1/charges/{due['id']}/void", json=VOID), 403, "not-allowed")


async def test_what_was_entered_and_voided_offline_is_owed_by_nobody(county: County) -> None:
    phone = await county.sign_in("worker-1")
    home, charge = await a_home(phone), str(uuid4())
    doc = {"fee_item_id": ITEM, "household_id": home, "amount_fen": FEE, "due_on": DUE_ON}
    void = {**op("charge", charge), "void": "记错了"}
    void.pop("doc", None)
    results = await push(phone, op("charge", charge, doc), void)
    assert [result["outcome"] for result in results] == ["applied", "applied"]
    assert await balance(county.owner, "owed", home) == 0
    await holds(county.owner)


async def test_a_waiver_takes_two_people(county: County) -> None:
    worker, officer = await county.sign_in("worker-1"), await county.sign_in("township-1")
    home = await a_home(worker)
    due = await charged(officer, home)
    money = await paid(worker, home, 1000)
    path = f"/v1/charges/{due['id']}"
    refused(await officer.post(path + "/approve-waiver"), 409, "waiver-not-now")
    refused(await officer.post(path + "/waive", json={"because": "超生户"}), 422, "refused-word", "/because")
    asked = await officer.post(path + "/waive", json={"because": "五保户"})
    assert (asked.json()["status"], asked.json()["waiver_by"], asked.json()["waived_because"]) == ("open", OFFICER, "五保户")
    refused(await officer.post(path + "/approve-waiver"), 409, "same-person")
    refused(await worker.post(path + "/approve-waiver"), 403, "not-allowed")
    refused(await worker.post(path + "/decline-waiver"), 403, "not-allowed")
    county_desk = await county.sign_in("county-admin")
    approved = await county_desk.post(path + "/approve-waiver")
    assert (approved.json()["status"], approved.json()["paid_fen"]) == ("waived", 0)
    assert (await seen(worker, "payments", money))["left_fen"] == 1000
    refused(await county_desk.post(path + "/approve-waiver"), 409, "waiver-not-now")
    with pytest.raises(Exception, match="charge_waiver_check"):
        await county.owner.execute("UPDATE charge SET waiver_by = waiver_approved_by WHERE id = $1", due["id"])
    await holds(county.owner)


async def test_who_asked_may_take_a_waiver_back(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    due = await charged(worker, await a_home(worker))
    path = f"/v1/charges/{due['id']}"
    assert (await worker.post(path + "/waive", json={"because": "困难"})).json()["waiver_by"] == WORKER
    assert (await worker.post(path + "/decline-waiver")).json()["waiver_by"] is None


async def test_its_status_says_what_became_of_it_last(county: County) -> None:
    worker, officer, desk = [await county.sign_in(name) for name in ("worker-1", "township-1", "county-admin")]
    home = await a_home(worker)
    waived = await charged(worker, home)
    assert (await officer.post(f"/v1/charges/{waived['id']}/waive", json={"because": "五保户"})).is_success
    assert (await desk.post(f"/v1/charges/{waived['id']}/approve-waiver")).json()["status"] == "waived"
    elsewhere = await charged(worker, home, fee_item_id=INSURANCE, amount_fen=0, proof_number="税票 1")
    assert elsewhere["status"] == "settled"
    for charge in (waived, elsewhere):
        voided = await officer.post(f"/v1/charges/{charge['id']}/void", json={"reason": "重复登记"})
        assert voided.json()["status"] == "cancelled"
    await holds(county.owner)


async def test_a_list_of_charges_shows_its_totals_first_and_can_be_sent_again(county: County) -> None:
    phone = await county.sign_in("worker-1")
    homes = [await a_home(phone) for _ in range(3)]
    body = {"id": str(uuid4()), "fee_item_id": ITEM, "due_on": DUE_ON, "household_ids": homes}
    shown = await phone.post("/v1/charge-lists", params={"preview": True}, json=body)
    assert (shown.json()["households"], shown.json()["total_fen"]) == (3, 3 * FEE)
    assert [await balance(county.owner, "owed", home) for home in homes] == [0, 0, 0]
    made = await phone.post("/v1/charge-lists", json=body)
    assert made.json() == shown.json()
    assert (await phone.post("/v1/charge-lists", json=body)).json() == made.json()
    assert [await balance(county.owner, "owed", home) for home in homes] == [FEE] * 3
    missing = {**body, "id": str(uuid4()), "household_ids": [*homes, str(uuid4())]}
    refused(await phone.post("/v1/charge-lists", json=missing), 404, "not-found")
    assert [await balance(county.owner, "owed", home) for home in homes] == [FEE] * 3
    other = {**body, "id": str(uuid4()), "amount_fen": 1}
    refused(await phone.post("/v1/charge-lists", json=other), 422, "not-the-amount", "/amount_fen")


async def test_a_list_says_who_is_charged_so_already(county: County) -> None:
    phone = await county.sign_in("worker-1")
    homes = [await a_home(phone) for _ in range(3)]
    first = await charged(phone, homes[1])
    body = {"id": str(uuid4()), "fee_item_id": ITEM, "due_on": DUE_ON, "household_ids": homes}
    shown = await phone.post("/v1/charge-lists", params={"preview": True}, json=body)
    assert shown.json()["doubles"] == [first["id"]]
    reply = await phone.post("/v1/charge-lists", json=body)
    refused(reply, 409, "looks-double")
    assert reply.json()["doubles"] == [first["id"]]
    assert [await balance(county.owner, "owed", home) for home in homes] == [0, FEE, 0]
    for confirm in (True, False):  # and again, after a lost reply
        assert (await phone.post("/v1/charge-lists", params={"confirm": confirm}, json=body)).status_code == 200
    assert [await balance(county.owner, "owed", home) for home in homes] == [FEE, 2 * FEE, FEE]
    later = {**body, "id": str(uuid4())}
    assert len((await phone.post("/v1/charge-lists", json=later)).json()["doubles"]) == 3


async def test_a_charge_made_offline_on_a_closed_item_is_rejected_with_the_reason(county: County) -> None:
    phone = await county.sign_in("worker-1")
    doc = {"fee_item_id": str(standard()[0]["id"]), "household_id": await a_home(phone), "amount_fen": 1, "due_on": DUE_ON}
    [result] = await push(phone, op("charge", uuid4(), doc))
    assert (result["outcome"], result["problem"]["type"]) == ("rejected", "/problems/item-closed")
    assert "已取消" in result["problem"]["detail"]


def test_nothing_else_stands_in_a_charge() -> None:
    """It never depends on visits, attendance, consent or complaints: there is no member that could name one."""
    own: dict[str, Any] = {name: field for name, field in Charge.model_fields.items() if name not in ("id", "rev", "place_id", "voided")}
    assert set(own) - {"created_at", "updated_at", "created_by"} == {
        "fee_item_id", "household_id", "person_id", "amount_fen", "due_on", "proof_number", "status", "paid_fen", "waived_because",
        "waiver_by", "waiver_approved_by",
    }  # fmt: skip
