"""Lists of what people have to look at: records that may be one, and records that don't agree."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from api.problems import NOT_ALLOWED, NOT_FOUND
from tests.api.test_household import entered
from tests.api.test_identity_number import number_of, put
from tests.api.test_person import added, change
from tests.conftest import Phone, SignIn
from tests.county import HELD, OTHER, VILLAGE, County, op, push, refused


@pytest.fixture
async def worker(sign_in: SignIn) -> Phone:
    return await sign_in("worker-1")


async def listed(phone: Phone, path: str, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await phone.get(f"/v1/{path}", params={"limit": 7, **query, **({"cursor": cursor} if cursor else {})})
        assert page.status_code == 200, page.text
        found += page.json()["items"]
        cursor = page.json()["next"]
    return found


async def repair(phone: Phone, entry: dict[str, Any], **chosen: Any) -> httpx.Response:
    """The call that the entry names."""
    said = entry["repair"]
    headers = {"If-Match": said["if_match"]} if said["if_match"] else {}
    return await phone.request(said["method"], said["path"], json=said["body"] | chosen, headers=headers)


def of(found: list[dict[str, Any]], record: dict[str, Any]) -> list[str]:
    return [entry["problem"] for entry in found if entry["id"] == record["id"]]


async def home(phone: Phone, *relations: str, headed: bool = True) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A household with such people, the first of whom heads it."""
    household = await entered(phone)
    people = [await added(phone, household["id"], relation=relation, status="present") for relation in relations]
    if headed:
        household = (await change(phone, household, "households", head_id=people[0]["id"])).json()
    return household, people


# Possible doubles


async def doubles(phone: Phone, record: dict[str, Any], kind: str = "person") -> list[dict[str, Any]]:
    return [e for e in await listed(phone, "possible-doubles", kind=kind) if record["id"] in (e["id"], e["other_id"])]


async def test_people_who_look_alike_are_listed_once_and_joined_in_one_step(worker: Phone) -> None:
    household = await entered(worker)
    one = await added(worker, household["id"], name="逄重来", born_on="1961-02-03")
    body = {"household_id": household["id"], "name": "庞重来", "born_on": "1961-05-06"}
    two = (await worker.post("/v1/people?confirm=true", json=body)).json()
    [entry] = await doubles(worker, one)
    assert {entry["id"], entry["other_id"]} == {one["id"], two["id"]}
    assert {entry["one"]["name"], entry["other"]["name"]} == {"逄重来", "庞重来"}
    assert (await repair(worker, entry)).json()["records"] == {"person": 1}
    assert await doubles(worker, one) == []


async def test_two_with_one_identity_number_are_listed_whatever_they_are_called(worker: Phone) -> None:
    household = await entered(worker)
    people = [await added(worker, household["id"], name=name) for name in ("逄同号", "甄别人", "佘别号")]
    number = number_of()
    for person, stored in zip(people, (number, number, number_of()), strict=True):
        assert (await put(worker, person["id"], 1, stored, confirm=True)).status_code == 200
    [entry] = await doubles(worker, people[0])
    assert {entry["id"], entry["other_id"]} == {people[0]["id"], people[1]["id"]}
    assert number not in str(entry)
    assert await doubles(worker, people[2]) == []


async def test_two_who_are_two_are_listed_no_more(worker: Phone, sign_in: SignIn) -> None:
    household = await entered(worker)
    one, two = [
        (await worker.post("/v1/people?confirm=true", json={"household_id": household["id"], "name": "逄孪生"})).json() for _ in range(2)
    ]
    assert len(await doubles(worker, one)) == 1
    stranger, lead = await sign_in("worker-4"), await sign_in("lead-1")
    told = {"kind": "person", "id": two["id"], "other_id": one["id"]}
    refused(await stranger.post("/v1/possible-doubles/dismiss", json=told), 404, NOT_FOUND.slug)
    refused(await lead.post("/v1/possible-doubles/dismiss", json=told), 403, NOT_ALLOWED.slug)
    refused(await worker.post("/v1/possible-doubles/dismiss", json={**told, "id": one["id"]}), 404, NOT_FOUND.slug)
    for _ in range(2):
        assert (await worker.post("/v1/possible-doubles/dismiss", json=told)).status_code == 204
    assert await doubles(worker, one) == []


async def test_doubles_that_phones_made_are_listed_for_the_officer(county: County) -> None:
    phones = [await county.sign_in(name) for name in ("worker-1", "worker-2")]
    officer, number = await county.sign_in("township-1"), f"两-{uuid4().hex[:8]}"
    [group] = (await phones[0].get("/v1/places", params={"level": "group", "limit": 1})).json()["items"]
    made = [str(uuid4()), str(uuid4())]
    for phone, record_id in zip(phones, made, strict=True):
        [result] = await push(phone, op("household", record_id, {"place_id": group["place_id"], "number": number}))
        assert result["outcome"] == "applied"
    for place_id, expected in ((VILLAGE, 1), (group["place_id"], 1), (None, 1)):
        query = {"place_id": place_id} if place_id else {}
        found = await listed(officer, "possible-doubles", kind="household", **query)
        assert len([e for e in found if {e["id"], e["other_id"]} == set(made)]) == expected
    assert made[0] not in str(await listed(await county.sign_in("worker-4"), "possible-doubles", kind="household"))
    [entry] = [e for e in await listed(officer, "possible-doubles", kind="household") if e["id"] in made]
    assert (await repair(officer, entry)).status_code == 200
    assert [e for e in await listed(officer, "possible-doubles", kind="household") if e["id"] in made] == []


# What does not agree


@pytest.mark.parametrize("status", ["died", "moved"])
async def test_a_head_who_is_gone_is_followed_by_somebody_who_is_there(worker: Phone, status: str) -> None:
    household, [head, _, spouse] = await home(worker, "head", "child", "spouse")
    assert of(await listed(worker, "to-put-right"), household) == []
    assert (await change(worker, head, status=status)).status_code == 200
    [entry] = [e for e in await listed(worker, "to-put-right", problem="head-gone") if e["id"] == household["id"]]
    assert entry["repair"]["body"] == {"head_id": spouse["id"]}
    assert entry["doc"]["number"] == household["number"]
    assert (await repair(worker, entry)).json()["head_id"] == spouse["id"]
    assert of(await listed(worker, "to-put-right"), household) == []


async def test_people_without_a_head_are_listed_and_an_empty_household_is_not(worker: Phone) -> None:
    household, [child] = await home(worker, "child", headed=False)
    empty = await entered(worker)
    found = await listed(worker, "to-put-right", problem="nobody-is-head")
    assert (of(found, household), of(found, empty)) == (["nobody-is-head"], [])
    [entry] = [e for e in found if e["id"] == household["id"]]
    assert (await repair(worker, entry)).json()["head_id"] == child["id"]


async def test_a_head_of_another_household_is_told(worker: Phone) -> None:
    household, [head] = await home(worker, "head")
    other = await entered(worker)
    await change(worker, head, household_id=other["id"])
    found = await listed(worker, "to-put-right")
    assert of(found, household) == ["head-elsewhere"]
    [entry] = [e for e in found if e["id"] == household["id"]]
    assert (await repair(worker, entry)).json()["head_id"] is None


async def test_a_head_whom_nobody_brought_is_told(county: County) -> None:
    phone, household = await county.sign_in("worker-1"), str(uuid4())
    [group] = (await phone.get("/v1/places", params={"level": "group", "limit": 1})).json()["items"]
    doc = {"place_id": group["place_id"], "number": f"缺-{household[:8]}", "head_id": str(uuid4())}
    await push(phone, op("household", household, doc))
    assert of(await listed(phone, "to-put-right"), {"id": household}) == ["head-elsewhere"]


@pytest.mark.parametrize("status", ["moved", "dissolved"])
async def test_somebody_in_a_household_that_is_gone_is_told(worker: Phone, status: str) -> None:
    household, [head, child] = await home(worker, "head", "child")
    await change(worker, household, "households", status=status)
    await change(worker, child, status="died")
    found = await listed(worker, "to-put-right")
    assert (of(found, head), of(found, child), of(found, household)) == (["no-household"], [], [])
    [entry] = [e for e in found if e["id"] == head["id"]]
    assert (await repair(worker, entry)).json()["status"] == "moved"


async def test_who_came_too_late_for_a_merge_is_sent_after_the_others(county: County) -> None:
    phone = await county.sign_in("worker-1")
    one, into = await entered(phone), await entered(phone)
    assert (await phone.post(f"/v1/households/{one['id']}/merge", json={"into_id": into["id"]})).status_code == 200
    late = str(uuid4())
    [result] = await push(phone, op("person", late, {"household_id": one["id"], "name": "晚到"}))
    assert result["outcome"] == "applied"
    [entry] = [e for e in await listed(phone, "to-put-right", problem="no-household") if e["id"] == late]
    assert (await repair(phone, entry)).json()["household_id"] == into["id"]


async def test_the_repair_goes_to_where_the_caller_reaches(county: County) -> None:
    """Through merges that followed each other; and no further."""
    phone, officer = await county.sign_in("worker-1"), await county.sign_in("township-1")
    one, two, three = await entered(phone), await entered(phone), await entered(phone)
    for household, into in ((one, two), (two, three)):
        assert (await phone.post(f"/v1/households/{household['id']}/merge", json={"into_id": into["id"]})).status_code == 200
    away, elsewhere = await entered(phone), await entered(officer, place_id=OTHER)
    assert (await officer.post(f"/v1/households/{away['id']}/merge", json={"into_id": elsewhere["id"]})).status_code == 200
    late = {home["id"]: str(uuid4()) for home in (one, away)}
    await push(phone, *(op("person", person_id, {"household_id": home, "name": "晚到"}) for home, person_id in late.items()))
    bodies = {e["id"]: e["repair"]["body"] for e in await listed(phone, "to-put-right", problem="no-household")}
    assert bodies[late[one["id"]]] == {"household_id": three["id"]}
    assert bodies[late[away["id"]]] == {"status": "moved"}
    [entry] = [e for e in await listed(officer, "to-put-right", problem="no-household") if e["id"] == late[away["id"]]]
    assert entry["repair"]["body"] == {"household_id": elsewhere["id"]}
    assert (await repair(officer, entry)).status_code == 200


async def test_characters_that_other_machines_do_not_show_are_told(worker: Phone) -> None:
    _, [person] = await home(worker, "head")
    odd = (await change(worker, person, name="王\ue863")).json()
    [entry] = [e for e in await listed(worker, "to-put-right", problem="odd-characters") if e["id"] == odd["id"]]
    assert entry["repair"]["body"] == {"name": None}
    assert (await repair(worker, entry, name="王𡐓")).json()["name"] == "王𡐓"


async def test_everybody_sees_what_lies_within_reach(worker: Phone, sign_in: SignIn) -> None:
    household, _ = await home(worker, "child", headed=False)
    seen = {}
    for username in ("county-admin", "township-1", "township-2", "worker-2", "worker-3"):
        seen[username] = bool(of(await listed(await sign_in(username), "to-put-right", problem="nobody-is-head"), household))
    assert seen == {"county-admin": True, "township-1": True, "township-2": False, "worker-2": True, "worker-3": False}
    for path in ("to-put-right", "possible-doubles"):
        refused(await (await sign_in("lead-1")).get(f"/v1/{path}"), 403, NOT_ALLOWED.slug)


async def test_words_follow_the_language(worker: Phone) -> None:
    await home(worker, "child", headed=False)
    told = [
        (await worker.get("/v1/to-put-right?problem=nobody-is-head&limit=1", headers={"Accept-Language": language})).json()["items"][0][
            "words"
        ]
        for language in ("zh-CN", "en")
    ]
    assert told == ["户里有人，但没有户主", "People live there, and nobody is the head"]


async def test_who_was_promoted_reads_at_once(county: County) -> None:
    """The token still says what somebody was; the database is asked."""
    admin, (user_id, name) = await county.sign_in("county-admin"), await county.user("household_head", *HELD["lead-1"])
    phone = await county.sign_in(name)
    refused(await phone.get("/v1/to-put-right"), 403, NOT_ALLOWED.slug)
    assert (await admin.patch(f"/v1/users/{user_id}", json={"role": "village"})).status_code == 200
    place = {"place_id": VILLAGE, "reach": "below"}
    assert (await admin.post(f"/v1/users/{user_id}/places", json=place)).status_code == 200
    for path in ("to-put-right", "possible-doubles"):
        assert (await phone.get(f"/v1/{path}")).status_code == 200
