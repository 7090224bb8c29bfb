"""What another place says of somebody, and who answers it. The fixed day is 2026-11-24."""

from uuid import uuid4

import pytest

from api.problems import DECIDED
from tests.county import ABOVE, HELD, USERS, VILLAGE, County, op, push, refused
from tests.county import OTHER as OTHER_VILLAGE
from tests.two_places import a_migrant, a_place, accepted, change, changed, listed


async def test_only_the_place_that_is_asked_answers(county: County) -> None:
    migrant = await a_migrant(county)
    await migrant.there.says("residence", migrant.residence_id, registered_in=migrant.home.code)
    stranger = await a_place(county, "worker-3", "刘远")
    early = await stranger.says("registration", migrant.residence_id)
    assert (early.json()["state"], early.json()["other"]) == ("proposed", None)
    assert (await migrant.there.residence(migrant.residence_id))["state"] == "proposed"
    officer = await county.sign_in("township-1")
    proposal = (await officer.get(f"/v1/residence-proposals/{migrant.residence_id}")).json()
    handed = await changed(officer, proposal, "residence-proposals", place_id=OTHER_VILLAGE)
    assert handed["place_id"] == OTHER_VILLAGE
    assert (await stranger.residence(migrant.residence_id))["state"] == "accepted"
    assert (await migrant.there.residence(migrant.residence_id))["registered_in"] == stranger.code


async def test_nobody_makes_or_voids_one_by_hand(county: County) -> None:
    worker = await county.sign_in("worker-1")
    [made, *_] = await listed(worker, "residence-proposals", status="waiting")
    assert (await worker.post("/v1/residence-proposals", json={"place_id": made["place_id"]})).status_code == 405
    [result] = await push(worker, op("residence_proposal", uuid4(), {"place_id": made["place_id"]}))
    assert (result["outcome"], result["problem"]["type"]) == ("rejected", "/problems/not-allowed")
    [result] = await push(worker, op("residence_proposal", made["id"], base_rev=1, void="重复登记"))
    assert result["outcome"] == "rejected"


async def test_one_that_was_answered_is_declined_in_the_answer(county: County) -> None:
    migrant = await accepted(county)
    proposal = await migrant.home.proposal(migrant.residence_id)
    refused(await change(migrant.home.worker, proposal, "residence-proposals", declined_because="弄错了"), 409, DECIDED.slug)
    _, there = await migrant.both()
    assert (await migrant.there.worker.post(f"/v1/residences/{there['id']}/void", json={"reason": "登记错了"})).status_code == 200
    assert (await migrant.home.proposal(migrant.residence_id))["status"] == "withdrawn"


async def test_one_that_was_taken_back_says_nothing_of_anybody(county: County) -> None:
    migrant = await a_migrant(county)
    made = (await migrant.there.says("residence", migrant.residence_id, registered_in=migrant.home.code)).json()
    assert (await migrant.there.worker.post(f"/v1/residences/{made['id']}/void", json={"reason": "登记错了"})).status_code == 200
    proposal = await migrant.home.proposal(migrant.residence_id)
    assert (proposal["status"], proposal["name"], proposal["born_on"], proposal["living_in"]) == ("withdrawn", None, None, None)
    kept = await county.owner.fetchval("SELECT row_to_json(p)::text FROM residence_proposal p WHERE id = $1", migrant.residence_id)
    assert "刘远" not in kept


async def test_whoever_proposed_and_thinks_better_of_it_takes_it_back(county: County) -> None:
    migrant = await a_migrant(county)
    made = (await migrant.there.says("residence", migrant.residence_id, registered_in=migrant.home.code)).json()
    assert (await changed(migrant.there.worker, made, declined_because="弄错了"))["state"] == "declined"
    proposal = await migrant.home.proposal(migrant.residence_id)
    assert (proposal["status"], proposal["name"]) == ("withdrawn", None)


async def test_what_no_village_is_asked_the_county_hands_on(county: County) -> None:
    migrant = await a_migrant(county)
    await migrant.there.says("residence", migrant.residence_id, registered_in="990101999299")  # no such village, nor such a township
    admin = await county.sign_in("county-admin")
    proposal = (await admin.get(f"/v1/residence-proposals/{migrant.residence_id}")).json()
    assert proposal["place_id"] == 1
    await changed(admin, proposal, "residence-proposals", place_id=VILLAGE)
    assert (await migrant.home.proposal(migrant.residence_id))["name"] == "刘远"
    assert (await migrant.home.says("registration", migrant.residence_id)).json()["state"] == "accepted"


@pytest.mark.parametrize("username", [*list(USERS)[:10], "township-3", "worker-5"])
async def test_whoever_holds_the_place_that_is_asked_finds_it(county: County, username: str) -> None:
    migrant = await a_migrant(county)
    await migrant.there.says("residence", migrant.residence_id, registered_in=migrant.home.code)
    phone, role = await county.sign_in(username), USERS[username]["role"]
    reaches = role == "county" or {VILLAGE, ABOVE[VILLAGE]} & HELD[username] != set()
    path = f"/v1/residence-proposals/{migrant.residence_id}"
    replies = [await phone.get(path), await phone.get(f"{path}/revisions")]
    assert {reply.status_code for reply in replies} == {200 if reaches else 404}
    assert (migrant.residence_id in [item["id"] for item in await listed(phone, "residence-proposals", status="waiting")]) is reaches
    patched = await phone.patch(path, json={"declined_because": "查无此人"}, headers={"If-Match": '"1"'})
    assert patched.status_code == (403 if role == "household_head" else 200 if reaches else 404)
