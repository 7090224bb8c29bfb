"""A household that moves takes all that lies below it along, in one transaction: on the record, the trail, the feed and the lists."""

from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import Phone
from tests.county import County, listed, op, push, slug

MET = {"outcome": "met", "notes": "老人精神好"}


@pytest.fixture
async def family(county: County) -> "Family":
    """A household of worker-1's village with three visits, one of them voided; and a place of worker-3's village."""
    worker, officer, other = [await county.sign_in(name) for name in ("worker-1", "township-1", "worker-3")]
    place_id = (await worker.get("/v1/households")).json()["items"][0]["place_id"]
    there = (await other.get("/v1/households")).json()["items"][0]["place_id"]
    household = (await worker.post("/v1/households", json={"place_id": place_id, "number": f"迁-{uuid4().hex[:8]}"})).json()
    visits = []
    for day in ("2026-01-01", "2026-02-01", "2026-03-01"):
        said = {"household_id": household["id"], "visited_on": day, **MET}
        visits.append((await worker.post("/v1/visits", json=said)).json())
    await worker.post(f"/v1/visits/{visits[2]['id']}/void", json={"reason": "重复登记"})
    return Family(county, worker, officer, other, household["id"], [visit["id"] for visit in visits], place_id, there)


class Family:
    def __init__(
        self, county: County, worker: Phone, officer: Phone, other: Phone, household: str, visits: list[str], *places: int
    ) -> None:
        self.county, self.worker, self.officer, self.other = county, worker, officer, other
        self.household, self.visits, (self.here, self.there) = household, visits, places

    async def move(self, place_id: int, rev: int = 1, by: Phone | None = None) -> Any:
        headers = {"If-Match": f'"{rev}"'}
        return await (by or self.officer).patch(f"/v1/households/{self.household}", json={"place_id": place_id}, headers=headers)


async def pulled(phone: Phone) -> dict[str, Any]:
    found: dict[str, Any] = {}
    cursor, more = "", True
    while more:
        page = (await phone.get("/v1/sync/pull", params={"cursor": cursor, "kinds": "household,visit", "limit": 1000})).json()
        for change in page["changes"]:
            found[change["id"]] = change
        cursor, more = page["cursor"], page["more"]
    found["cursor"] = cursor
    return found


async def since(phone: Phone, cursor: str) -> dict[str, tuple[str, Any]]:
    page = (await phone.get("/v1/sync/pull", params={"cursor": cursor, "kinds": "household,visit", "limit": 1000})).json()
    return {change["id"]: (change["op"], change.get("reason")) for change in page["changes"]}


@pytest.mark.parametrize("way", ["patch", "push"])
async def test_everything_below_comes_along(family: Family, way: str) -> None:
    before = {
        name: await pulled(phone) for name, phone in (("worker", family.worker), ("other", family.other), ("officer", family.officer))
    }
    if way == "patch":
        reply = await family.move(family.there)
        assert (reply.status_code, reply.json()["place_id"], reply.json()["rev"]) == (200, family.there, 2)
    else:
        [result] = await push(family.officer, op("household", family.household, {"place_id": family.there}, 1))
        assert (result["outcome"], result["rev"]) == ("applied", 2)
    for n, visit in enumerate(family.visits):
        told = (await family.other.get(f"/v1/visits/{visit}")).json()
        assert (told["place_id"], told["rev"], told["voided"]) == (family.there, 3 if n == 2 else 2, n == 2)
        trail = (await family.other.get(f"/v1/visits/{visit}/revisions")).json()["items"]
        assert trail[-1]["changes"] == {"place_id": [family.here, family.there]}
        assert slug(await family.worker.get(f"/v1/visits/{visit}")) == (404, "not-found")
    ids = [family.household, *family.visits]
    left = await since(family.worker, before["worker"]["cursor"])
    assert {i: left.get(i) for i in ids[:3]} == dict.fromkeys(ids[:3], ("remove", "moved"))
    came = await since(family.other, before["other"]["cursor"])
    assert {i: came.get(i) for i in ids[:3]} == dict.fromkeys(ids[:3], ("upsert", None))
    stayed = await since(family.officer, before["officer"]["cursor"])
    assert {i: stayed.get(i) for i in ids[:3]} == dict.fromkeys(ids[:3], ("upsert", None))


async def test_there_and_back_again(family: Family) -> None:
    cursor = (await pulled(family.worker))["cursor"]
    await family.move(family.there)
    away = (await pulled(family.other))["cursor"]
    assert (await family.move(family.here, 2)).json()["rev"] == 3
    back = await since(family.worker, cursor)
    assert {back[i][0] for i in (family.household, *family.visits[:2])} == {"upsert"}
    gone = await since(family.other, away)
    assert {gone[i] for i in (family.household, *family.visits[:2])} == {("remove", "moved")}


async def test_who_holds_one_of_the_two_places_moves_nothing(family: Family) -> None:
    assert slug(await family.move(family.there, by=family.worker)) == (404, "not-found")
    assert slug(await family.move(family.here, by=family.other)) == (404, "not-found")
    [result] = await push(family.worker, op("household", family.household, {"place_id": family.there}, 1))
    assert (result["outcome"], result["problem"]["type"]) == ("rejected", "/problems/not-found")
    [nowhere] = await push(family.worker, op("household", family.household, {"place_id": 2_000_000}, 1))
    assert {n: nowhere[n] for n in ("outcome", "problem")} == {n: result[n] for n in ("outcome", "problem")}
    assert (await family.worker.get(f"/v1/households/{family.household}")).json()["rev"] == 1


async def test_a_household_moves_to_a_group_or_a_village_and_nowhere_else(family: Family) -> None:
    township = next(p for p in (await family.officer.get("/v1/places?level=township")).json()["items"])
    assert slug(await family.move(township["place_id"])) == (422, "wrong-place")


async def test_a_move_and_what_is_edited_below_in_one_batch(family: Family) -> None:
    new = str(uuid4())
    results = await push(
        family.officer,
        op("visit", family.visits[0], {"manner": "phone"}, 1),
        op("household", family.household, {"place_id": family.there}, 1),
        op("visit", family.visits[1], {"manner": "office"}, 1),
        op("visit", new, {"household_id": family.household, "visited_on": "2026-04-01", **MET}),
    )
    assert [result["outcome"] for result in results] == ["applied"] * 4
    told = {i: (await family.other.get(f"/v1/visits/{i}")).json() for i in (*family.visits, new)}
    assert {visit["place_id"] for visit in told.values()} == {family.there}
    assert [told[i]["rev"] for i in (*family.visits, new)] == [3, 3, 3, 1]


async def test_an_edit_from_the_old_village_goes_to_the_officer_of_the_new_one(family: Family) -> None:
    await family.move(family.there)
    [edit, new] = await push(
        family.worker,
        op("visit", family.visits[0], {"manner": "phone"}, 1),
        op("visit", uuid4(), {"household_id": family.household, "visited_on": "2026-04-01", **MET}),
    )
    assert (edit["outcome"], new["outcome"]) == ("inbox", "inbox")
    item = await listed(family.officer, "inbox", family.visits[0])
    assert item
    assert (item["reason"], item["place_id"]) == ("place_lost", family.there)
    assert (await family.officer.post(f"/v1/inbox/{item['id']}/accept")).json() == {"outcome": "merged", "rev": 3}


async def test_the_lists_go_along(family: Family) -> None:
    await push(family.worker, op("visit", family.visits[0], {"visited_on": "2062-01-01"}, 1))
    await family.move(family.there)
    item = await listed(family.worker, "rejected-ops", family.visits[0])
    assert item
    assert item["place_id"] == family.there


async def test_a_whole_copy_from_before_the_move_does_not_move_it_back(family: Family) -> None:
    """Of somebody who holds both places."""
    copy = (await family.officer.get(f"/v1/households/{family.household}")).json()
    await family.move(family.there, by=await family.county.sign_in("township-1"))
    [result] = await push(family.officer, op("household", family.household, {**copy, "address": "村东头"}, 1))
    assert (result["outcome"], result["doc"]["place_id"], result["doc"]["address"]) == ("merged", family.there, "村东头")
    assert (await family.other.get(f"/v1/visits/{family.visits[0]}")).json()["rev"] == 2


async def test_two_moves_at_once_are_one_and_a_conflict(family: Family) -> None:
    elsewhere = await family.county.sign_in("township-1")
    village = next(
        p for p in (await elsewhere.get("/v1/places?level=village")).json()["items"] if p["place_id"] not in (family.here, family.there)
    )
    await family.move(family.there)
    [result] = await push(elsewhere, op("household", family.household, {"place_id": village["place_id"]}, 1))
    assert result["outcome"] == "conflict"
    assert result["conflicts"][0]["theirs"] == family.there
    path = f"/v1/conflicts/{result['conflicts'][0]['conflict_id']}/resolve"
    assert (await elsewhere.post(path, json={"choose": "mine"})).status_code == 200
    assert (await elsewhere.get(f"/v1/visits/{family.visits[0]}")).json()["place_id"] == village["place_id"]
