"""People: who belongs to a household. And records that name people: who heads a household, whom a visit met."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from api.problems import DAY_TO_COME, NOBODY_MET, NOT_ALLOWED, NOT_FOUND, STALE
from tests.api.test_household import enter, entered, group_of
from tests.conftest import Phone, SignIn
from tests.county import County, op, push, refused


@pytest.fixture
async def worker(sign_in: SignIn) -> Phone:
    return await sign_in("worker-1")


@pytest.fixture
async def stranger(sign_in: SignIn) -> Phone:
    """Works in another township."""
    return await sign_in("worker-4")


async def add(phone: Phone, household_id: str, **members: Any) -> httpx.Response:
    body = {"household_id": household_id, "name": f"试{uuid4().hex[:10]}", **members}
    return await phone.post("/v1/people", json=body)


async def added(phone: Phone, household_id: str, **members: Any) -> dict[str, Any]:
    reply = await add(phone, household_id, **members)
    assert reply.status_code == 201, reply.text
    person: dict[str, Any] = reply.json()
    return person


async def change(phone: Phone, record: dict[str, Any], kind: str = "people", **members: Any) -> httpx.Response:
    return await phone.patch(f"/v1/{kind}/{record['id']}", json=members, headers={"If-Match": f'"{record["rev"]}"'})


async def test_a_person_carries_all_its_members(worker: Phone) -> None:
    household = await entered(worker)
    said = {"name": " 阿依古丽•买买提 ", "sex": 2, "born_on": "1958-03-04", "relation": "head", "phones": ["+86 154 0000 1234"]}
    reply = await add(worker, household["id"], **said)
    person = reply.json()
    assert reply.headers["location"] == f"/v1/people/{person['id']}"
    assert (await worker.get(f"/v1/people/{person['id']}")).json() == {**person, "identity_last4": None}
    for name in ("id", "created_at", "updated_at"):
        person.pop(name)
    assert person == {
        "rev": 1,
        "place_id": household["place_id"],
        "voided": False,
        "created_by": (await worker.get("/v1/me")).json()["id"],
        "household_id": household["id"],
        "name": "阿依古丽·买买提",
        "sex": 2,
        "born_on": "1958-03-04",
        "relation": "head",
        "phones": ["15400001234"],
        "status": "present",
        "joined_into_id": None,
    }


@pytest.mark.parametrize("name", ["𡐓明", "王\ue000", "Jean d'Arc", "王" * 50])
async def test_a_name_is_kept_as_it_is_written(worker: Phone, name: str) -> None:
    assert (await added(worker, (await entered(worker))["id"], name=name))["name"] == name


@pytest.mark.parametrize("name", ["", " ", "王" * 51, "王\n芳", "王\x00芳"])
async def test_what_is_no_name_is_refused(worker: Phone, name: str) -> None:
    reply = await add(worker, (await entered(worker))["id"], name=name)
    assert (reply.status_code, reply.json()["errors"][0]["pointer"], reply.json()["errors"][0]["code"]) == (422, "/name", "name")


async def test_a_birthday_is_a_day_that_can_have_been(worker: Phone) -> None:
    household = await entered(worker)
    refused(await add(worker, household["id"], born_on="2026-11-26"), 422, DAY_TO_COME.slug, "/born_on")
    refused(await add(worker, household["id"], born_on="1849-12-31"), 422, "invalid", "/born_on")
    born = await added(worker, household["id"], born_on="2026-11-25")
    assert born["born_on"] == "2026-11-25"


@pytest.mark.parametrize("wrong", [{"sex": 3}, {"sex": "1"}, {"sex": True}, {"relation": "eldest_son"}, {"marital_status": "married"}])
async def test_what_is_no_member_or_no_code_of_the_standard_is_refused(worker: Phone, wrong: dict[str, Any]) -> None:
    assert (await add(worker, (await entered(worker))["id"], **wrong)).status_code == 422


async def test_a_person_leaves_one_household_and_joins_another(worker: Phone, sign_in: SignIn) -> None:
    groups = [p for p in (await worker.get("/v1/places", params={"level": "group"})).json()["items"] if p["level"] == "group"]
    first, second = [await entered(worker, place_id=group["place_id"]) for group in groups[:2]]
    person = await added(worker, first["id"])
    moved = (await change(worker, person, household_id=second["id"], relation="spouse")).json()
    assert (moved["rev"], moved["household_id"], moved["place_id"]) == (2, second["id"], second["place_id"])
    trail = (await worker.get(f"/v1/people/{person['id']}/revisions")).json()["items"]
    assert set(trail[1]["changes"]) == {"household_id", "place_id", "relation"}
    elsewhere = await entered(await sign_in("worker-4"))
    refused(await change(worker, moved, household_id=elsewhere["id"]), 404, NOT_FOUND.slug)
    refused(await change(worker, person, status="away"), 412, STALE.slug)


async def test_the_people_of_a_household_that_moves_come_along(worker: Phone) -> None:
    groups = [p["place_id"] for p in (await worker.get("/v1/places", params={"level": "group"})).json()["items"]]
    household = await entered(worker, place_id=groups[0])
    person = await added(worker, household["id"])
    assert (await change(worker, household, "households", place_id=groups[1])).status_code == 200
    found = (await worker.get("/v1/people", params={"household_id": household["id"]})).json()["items"]
    assert [(row["id"], row["place_id"], row["rev"]) for row in found] == [(person["id"], groups[1], 2)]


async def test_who_sounds_alike_and_was_born_in_the_same_year_may_be_one_person(worker: Phone) -> None:
    here, there = await entered(worker), await entered(worker)
    known = await added(worker, here["id"], name="曾丽娟", born_on="1903-01-02")
    reply = await add(worker, there["id"], name="增莉娟", born_on="1903-12-30")
    assert (reply.status_code, reply.json()["doubles"]) == (409, [known["id"]])
    for other in ({"name": "增莉娟", "born_on": "1904-01-01"}, {"name": "增莉", "born_on": "1903-01-02"}, {"name": "增莉娟"}):
        assert (await add(worker, there["id"], **other)).status_code == 201
    body = {"household_id": there["id"], "name": "增莉娟", "born_on": "1903-12-30"}
    assert (await worker.post("/v1/people?confirm=true", json=body)).status_code == 201


async def test_without_a_birthday_only_the_same_household_makes_a_double(worker: Phone) -> None:
    here, there = await entered(worker), await entered(worker)
    await added(worker, here["id"], name="缪小凤")
    assert (await add(worker, there["id"], name="缪小凤")).status_code == 201
    assert (await add(worker, here["id"], name="缪小凤")).status_code == 409


async def test_the_lead_household_sees_names_and_neither_birthdays_nor_phone_numbers(sign_in: SignIn, worker: Phone) -> None:
    lead = await sign_in("lead-1")
    [group] = [place["place_id"] for place in (await lead.get("/v1/me")).json()["places"]]
    person = await added(worker, (await entered(worker, place_id=group))["id"], born_on="1958-03-04", phones=["15400001234"])
    seen = (await lead.get(f"/v1/people/{person['id']}")).json()
    assert set(person) - set(seen) == {"born_on", "phones"}
    refused(await change(lead, person, status="away"), 403, NOT_ALLOWED.slug)
    refused(await add(lead, person["household_id"]), 403, NOT_ALLOWED.slug)


# Records that name people


async def test_a_household_names_its_head_and_a_visit_whom_it_met(worker: Phone, stranger: Phone) -> None:
    household = await entered(worker)
    person = await added(worker, household["id"], relation="head")
    household = (await change(worker, household, "households", head_id=person["id"])).json()
    assert household["head_id"] == person["id"]
    met = {"household_id": household["id"], "visited_on": "2026-11-20", "outcome": "met", "met_ids": [person["id"], person["id"]]}
    visit = (await worker.post("/v1/visits", json=met)).json()
    assert visit["met_ids"] == [person["id"]]
    refused(await change(worker, visit, "visits", outcome="absent"), 422, NOBODY_MET.slug, "/met_ids")
    cleared = await change(worker, household, "households", head_id=None)
    assert cleared.json()["head_id"] is None


async def test_only_people_within_reach_are_named(worker: Phone, stranger: Phone) -> None:
    theirs = await added(stranger, (await entered(stranger))["id"])
    household = await entered(worker)
    mine = await added(worker, household["id"])
    for unknown in (theirs["id"], str(uuid4())):
        refused(await change(worker, household, "households", head_id=unknown), 404, NOT_FOUND.slug)
        refused(await enter(worker, head_id=unknown), 404, NOT_FOUND.slug)
        met = {"household_id": household["id"], "visited_on": "2026-11-20", "outcome": "met", "met_ids": [mine["id"], unknown]}
        refused(await worker.post("/v1/visits", json=met), 404, NOT_FOUND.slug)


# Offline


async def outcomes(phone: Phone, *ops: Any) -> list[str]:
    return [result["outcome"] for result in await push(phone, *ops)]


async def test_a_household_its_head_and_the_first_visit_come_in_one_batch(phone: Phone) -> None:
    """Each names another that is yet to come."""
    household, head, visit = uuid4(), uuid4(), uuid4()
    ops = [
        op("household", household, {"place_id": await group_of(phone), "number": f"新-{household.hex[:8]}", "head_id": str(head)}),
        op("visit", visit, {"household_id": str(household), "visited_on": "2026-11-20", "outcome": "met", "met_ids": [str(head)]}),
        op("person", head, {"household_id": str(household), "name": "新来"}),
    ]
    assert await outcomes(phone, *ops) == ["applied"] * 3
    assert await outcomes(phone, *ops) == ["unchanged"] * 3


async def test_who_is_named_may_come_later(phone: Phone) -> None:
    household, head = uuid4(), uuid4()
    place = await group_of(phone)
    assert await outcomes(
        phone, op("household", household, {"place_id": place, "number": f"新-{household.hex[:8]}", "head_id": str(head)})
    ) == ["applied"]
    assert await outcomes(phone, op("person", head, {"household_id": str(household), "name": "后来"})) == ["applied"]


async def test_who_was_never_within_reach_is_not_named_offline_either(county: County, phone: Phone) -> None:
    stranger = await county.sign_in("worker-4")
    theirs = (await stranger.get("/v1/people", params={"limit": 1})).json()["items"][0]["id"]
    household = (await phone.get("/v1/households", params={"limit": 1})).json()["items"][0]
    [edit] = await push(phone, op("household", household["id"], {"head_id": theirs}, household["rev"]))
    assert (edit["outcome"], edit["problem"]["type"]) == ("rejected", "/problems/not-found")
    visit = {"household_id": household["id"], "visited_on": "2026-11-20", "outcome": "met", "met_ids": [theirs]}
    # … nor by claiming the id for a person of one's own
    claim = op("person", theirs, {"household_id": household["id"], "name": "冒名"})
    assert await outcomes(phone, claim, op("visit", uuid4(), visit)) == ["rejected", "rejected"]


async def test_who_moved_away_meanwhile_may_go_on_being_named(county: County, phone: Phone) -> None:
    """The visit took place before; nothing that was logged at the door is lost."""
    officer = await county.sign_in("township-1")
    person = (await phone.get("/v1/people", params={"limit": 1})).json()["items"][0]
    household = (await phone.get("/v1/households", params={"limit": 1, "status": "living_here"})).json()["items"][0]
    away = (await (await county.sign_in("worker-3")).get("/v1/households", params={"limit": 1})).json()["items"][0]
    assert (await change(officer, person, household_id=away["id"])).status_code == 200
    visit = {"household_id": household["id"], "visited_on": "2026-11-20", "outcome": "met", "met_ids": [person["id"]]}
    assert await outcomes(phone, op("visit", uuid4(), visit)) == ["applied"]


# Search


async def found(phone: Phone, q: str, kind: str = "people", **filters: Any) -> list[str]:
    reply = await phone.get(f"/v1/{kind}", params={"q": q, "limit": 200, **filters})
    assert reply.status_code == 200, reply.text
    return [item["id"] for item in reply.json()["items"]]


@pytest.mark.parametrize(
    "q", ["仇", "仇吕小妮", "小妮", "妮", "qiu", "qiulvxiaoni", "QIU LÜ", "lvx", "xiaoni", "qlxn", "ｑＬｘｎ", "xn", "0179", "０１７９"]
)
async def test_a_person_is_found_as_workers_search(worker: Phone, q: str) -> None:
    household = await entered(worker)
    person = await added(worker, household["id"], name="仇吕小妮", phones=["15400000179"])
    assert person["id"] in await found(worker, q, household_id=household["id"])


@pytest.mark.parametrize("q", ["chou", "吕妮", "qn", "1540", "179", "iu", "%", "_"])
async def test_what_is_no_beginning_of_a_part_finds_nobody(worker: Phone, q: str) -> None:
    household = await entered(worker)
    await added(worker, household["id"], name="仇吕小妮", phones=["15400000179"])
    assert await found(worker, q, household_id=household["id"]) == []


@pytest.mark.parametrize("q", ["", " ", "·", "x" * 51])
async def test_an_empty_search_is_refused(worker: Phone, q: str) -> None:
    reply = await worker.get("/v1/people", params={"q": q})
    assert (reply.status_code, reply.json()["errors"][0]["pointer"]) == (422, "?q")


async def test_a_search_follows_what_changes(worker: Phone, sign_in: SignIn) -> None:
    groups = [p["place_id"] for p in (await worker.get("/v1/places", params={"level": "group"})).json()["items"]]
    household = await entered(worker, place_id=groups[0])
    person = await added(worker, household["id"], name="逄某甲", phones=["15400004321"])
    renamed = (await change(worker, person, name="逄某乙", phones=[])).json()
    assert await found(worker, "pangmouyi") == [person["id"]]
    assert [await found(worker, q, household_id=household["id"]) for q in ("pangmoujia", "4321")] == [[], []]
    assert (await change(worker, household, "households", place_id=groups[1])).status_code == 200
    assert await found(worker, "pangmouyi", place_id=groups[1]) == [person["id"]]
    assert await found(worker, "pangmouyi", place_id=groups[0]) == []
    for officer in ("township-1", "county-admin"):
        assert await found(await sign_in(officer), "pangmouyi") == [person["id"]]
    assert await found(await sign_in("worker-4"), "pangmouyi") == []
    assert (await worker.post(f"/v1/people/{person['id']}/void", json={"reason": "重复登记"})).json()["rev"] == renamed["rev"] + 2
    assert await found(worker, "pangmouyi") == []
    assert await found(worker, "pangmouyi", voided="true") == [person["id"]]


async def test_a_lead_household_finds_neighbours_by_name_and_not_by_number(worker: Phone, sign_in: SignIn) -> None:
    lead = await sign_in("lead-1")
    [group] = [place["place_id"] for place in (await lead.get("/v1/me")).json()["places"]]
    household = await entered(worker, place_id=group)
    person = await added(worker, household["id"], name="逄小四", phones=["15400008765"])
    assert await found(lead, "pxs", household_id=household["id"]) == [person["id"]]
    assert await found(lead, "8765") == []


async def test_a_village_is_searched_with_its_groups(worker: Phone, sign_in: SignIn) -> None:
    [village] = [place["place_id"] for place in (await worker.get("/v1/me")).json()["places"]]
    person = await added(worker, (await entered(worker))["id"], name="逄在村里")
    county, other = await sign_in("county-admin"), (await (await sign_in("worker-4")).get("/v1/me")).json()["places"][0]["place_id"]
    for phone in (worker, county):
        assert await found(phone, "pangzai", place_id=village) == [person["id"]]
    assert await found(county, "pangzai", place_id=1) == [person["id"]]
    assert await found(county, "pangzai", place_id=other) == []


async def test_a_household_is_found_by_its_number_and_its_phones(worker: Phone) -> None:
    number = f"07-{uuid4().hex[:6]}-9"
    household = await entered(worker, number=number, phones=["0543-7321987"])
    for q in (number, number.upper(), number.partition("-")[2], "1987"):
        assert household["id"] in await found(worker, q, "households")
    assert await found(worker, number[3:] + "x", "households") == []
