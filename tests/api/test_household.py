"""Households over HTTP: where visits hang."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest

from api.kinds import HOUSEHOLD
from tests.conftest import Phone, SignIn
from tests.county import refused


async def group_of(phone: Phone) -> int:
    """The first group within the phone's reach."""
    number: int = (await phone.get("/v1/places", params={"level": "group", "limit": 1})).json()["items"][0]["place_id"]
    return number


async def enter(phone: Phone, **members: Any) -> httpx.Response:
    place = members.pop("place_id", None) or await group_of(phone)
    return await phone.post("/v1/households", json={"place_id": place, "number": f"户-{uuid4().hex[:12]}", **members})


async def entered(phone: Phone, **members: Any) -> dict[str, Any]:
    reply = await enter(phone, **members)
    assert reply.status_code == 201, reply.text
    household: dict[str, Any] = reply.json()
    return household


async def change(phone: Phone, household: dict[str, Any], etag: str | None = None, **members: Any) -> httpx.Response:
    etag = etag or f'"{household["rev"]}"'
    return await phone.patch(f"/v1/households/{household['id']}", json=members, headers={"If-Match": etag})


async def void(phone: Phone, kind: str, record_id: str) -> httpx.Response:
    return await phone.post(f"/v1/{kind}/{record_id}/void", json={"reason": "重复登记"})


async def log(phone: Phone, household: dict[str, Any], day: str, outcome: str = "met") -> dict[str, Any]:
    body = {"household_id": household["id"], "visited_on": day, "outcome": outcome}
    reply = await phone.post("/v1/visits?confirm=true", json=body)
    assert reply.status_code == 201, reply.text
    visit: dict[str, Any] = reply.json()
    return visit


async def test_a_household_carries_all_its_members(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    place, number = await group_of(worker), f"户-{uuid4().hex[:8]}"
    phones = ["+86 138 0013 8000", "0543-7321456", "13800138000"]  # one number in two spellings
    reply = await enter(worker, place_id=place, number=f" {number} ", address="村东头", phones=phones)
    assert (reply.status_code, reply.headers["etag"]) == (201, '"1"')
    household = reply.json()
    assert reply.headers["location"] == f"/v1/households/{household['id']}"
    read = await worker.get(f"/v1/households/{household['id']}")
    assert (read.headers["etag"], read.json()) == ('"1"', dict(household))
    for name in ("id", "created_at", "updated_at"):
        household.pop(name)
    assert household == {
        "rev": 1,
        "place_id": place,
        "voided": False,
        "created_by": (await worker.get("/v1/me")).json()["id"],
        "number": number,
        "address": "村东头",
        "head_id": None,
        "phones": ["13800138000", "0543-7321456"],
        "status": "living_here",
        "joined_into_id": None,
        "last_visited_on": None,
    }


async def test_a_household_hangs_on_a_group_or_a_village_and_nothing_higher(sign_in: SignIn) -> None:
    township = await sign_in("township-1")
    places = (await township.get("/v1/places", params={"limit": 200})).json()["items"]
    first = {level: next(place["place_id"] for place in places if place["level"] == level) for level in ("group", "village", "township")}
    assert (await enter(township, place_id=first["group"])).status_code == 201
    assert (await enter(township, place_id=first["village"])).status_code == 201
    refused(await enter(township, place_id=first["township"]), 422, "wrong-place", "/place_id")
    refused(await enter(township, place_id=1), 404, "not-found")  # the county is above, and only its catalogues are read


async def test_a_change_names_the_revision_that_was_edited(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    household = await entered(worker, address="村东头", phones=["13800138000"])
    path = f"/v1/households/{household['id']}"
    refused(await worker.patch(path, json={"address": "村西头"}), 428, "if-match-required")
    refused(await change(worker, household, "*", address="村西头"), 428, "if-match-required")
    for etag in ('"2"', 'W/"1"', "1", '"1", "2"'):
        refused(await change(worker, household, etag, address="村西头"), 412, "stale")
    changed = await change(worker, household, '"1"', address="村西头")
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    assert changed.json() == {**household, "rev": 2, "address": "村西头", "updated_at": changed.json()["updated_at"]}
    refused(await change(worker, household, '"1"', address="村南头"), 412, "stale")


async def test_absent_members_stay_and_null_empties_what_may_be_empty(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    household = await entered(worker, address="村东头", phones=["13800138000"])
    emptied = (await change(worker, household, address=None, phones=[])).json()
    assert emptied == {**household, "rev": 2, "address": None, "phones": [], "updated_at": emptied["updated_at"]}
    for member in ("number", "phones", "status", "place_id"):
        refused(await change(worker, emptied, **{member: None}), 422, "invalid", f"/{member}")


async def test_a_change_that_changes_nothing_keeps_the_revision(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    household = await entered(worker, address="村东头")
    for same in ({}, {"address": "村东头 "}, {name: household[name] for name in ("number", "address", "phones", "status", "place_id")}):
        reply = await change(worker, household, **same)
        assert (reply.status_code, reply.headers["etag"], reply.json()) == (200, '"1"', household)


async def test_the_service_sets_the_last_visit(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    household = await entered(worker)
    refused(await change(worker, household, last_visited_on="2026-11-01"), 422, "invalid", "")
    refused(await enter(worker, last_visited_on="2026-11-01"), 422, "invalid", "")


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("number", ""),
        ("number", "  "),
        ("number", "长" * 31),
        ("number", 7),
        ("address", ""),
        ("address", "一\x00二"),
        ("phones", ["12345"]),
        ("phones", "13800138000"),
        ("phones", ["13800138000"] * 11),
        ("status", "gone"),
        ("place_id", "29"),
        ("place_id", 0),
        ("place_id", 2**31),
        ("place_id", 29.0),
    ],
)
async def test_every_fault_is_named_by_its_place(sign_in: SignIn, member: str, value: Any) -> None:
    worker = await sign_in("worker-1")
    body = {"place_id": await group_of(worker), "number": f"户-{uuid4().hex[:8]}", member: value}
    reply = await worker.post("/v1/households", json=body)
    assert (reply.status_code, reply.json()["type"]) == (422, "/problems/invalid")
    assert {fault["pointer"].split("/")[1] for fault in reply.json()["errors"]} == {member}


async def test_the_history_says_who_changed_what(sign_in: SignIn) -> None:
    worker, officer = await sign_in("worker-1"), await sign_in("township-1")
    household = await entered(worker)
    await change(officer, household, status="away", phones=["13800138000"])
    await void(worker, "households", household["id"])
    trail = (await worker.get(f"/v1/households/{household['id']}/revisions")).json()["items"]
    by = [(await phone.get("/v1/me")).json()["id"] for phone in (worker, officer, worker)]
    assert [entry["by_user_id"] for entry in trail] == by
    assert [(entry["rev"], entry["changes"], entry["void_reason"]) for entry in trail] == [
        (1, None, None),
        (2, {"status": ["living_here", "away"], "phones": [[], ["13800138000"]]}, None),
        (3, {"voided": [False, True]}, "重复登记"),
    ]


async def test_the_same_post_again_gives_the_stored_household(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    body = {"id": str(uuid4()), "place_id": await group_of(worker), "number": f"户-{uuid4().hex[:8]}", "phones": ["0543-7321456"]}
    first, again = [await worker.post("/v1/households", json=body) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 200)
    assert (again.json(), again.headers["etag"]) == (first.json(), '"1"')
    refused(await worker.post("/v1/households", json={**body, "address": "村西头"}), 409, "id-taken")


async def test_a_number_that_its_place_has_already_is_asked_about(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    first = await entered(worker)
    told = await enter(worker, number=first["number"])
    refused(told, 409, "looks-double")
    assert told.json()["doubles"] == [first["id"]]
    body = {"place_id": first["place_id"], "number": first["number"]}
    assert (await worker.post("/v1/households?confirm=true", json=body)).status_code == 201
    other = (await worker.get("/v1/places", params={"level": "group"})).json()["items"][1]["place_id"]
    assert (await enter(worker, place_id=other, number=first["number"])).status_code == 201


# Withdrawing one


async def test_a_household_is_voided_once_with_a_reason(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    household = await entered(worker)
    path = f"/v1/households/{household['id']}/void"
    for body in ({}, {"reason": " "}, {"reason": None}):
        refused(await worker.post(path, json=body), 422, "invalid", "/reason")
    refused(await worker.post(path, json={"reason": "查孕情的名册"}), 422, "refused-word", "/reason")
    assert (await worker.get(f"/v1/households/{household['id']}")).json() == household
    voided = await void(worker, "households", household["id"])
    assert (voided.status_code, voided.headers["etag"], voided.json()["voided"]) == (200, '"2"', True)
    again = await void(worker, "households", household["id"])
    assert (again.status_code, again.json()) == (200, voided.json())
    refused(await change(worker, voided.json(), address="村西头"), 409, "voided")
    asked = {"number": household["number"]}
    assert (await worker.get("/v1/households", params=asked)).json()["items"] == []
    assert (await worker.get("/v1/households", params={**asked, "voided": True})).json()["items"] == [voided.json()]


async def test_a_household_with_visits_is_not_voided(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    household = await entered(worker)
    visit = await log(worker, household, "2026-11-20", "absent")
    refused(await void(worker, "households", household["id"]), 409, "has-records")
    await void(worker, "visits", visit["id"])
    assert (await void(worker, "households", household["id"])).status_code == 200


async def test_a_visit_and_a_voiding_at_once_never_leave_a_visit_in_a_voided_household(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    for _ in range(10):
        household = await entered(worker)
        body = {"household_id": household["id"], "visited_on": "2026-11-20", "outcome": "met"}
        logged, voided = await asyncio.gather(worker.post("/v1/visits", json=body), void(worker, "households", household["id"]))
        assert (logged.status_code, voided.status_code) in ((201, 409), (409, 200))


# The day of the last visit


async def test_the_last_visit_follows_from_the_visits_and_is_no_edit(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    household = await entered(worker)
    path = f"/v1/households/{household['id']}"

    async def last() -> str | None:
        reply = await worker.get(path)
        assert (reply.headers["etag"], reply.json()["rev"]) == ('"1"', 1)
        day: str | None = reply.json()["last_visited_on"]
        return day

    await log(worker, household, "2026-11-19", "absent")
    assert await last() is None  # only a visit at which somebody was met
    earlier = await log(worker, household, "2026-11-10")
    assert await last() == "2026-11-10"
    await log(worker, household, "2025-01-01")
    assert await last() == "2026-11-10"
    later = await log(worker, household, "2026-11-18")
    assert await last() == "2026-11-18"

    async def edit(visit: dict[str, Any], **members: Any) -> None:
        reply = await worker.patch(f"/v1/visits/{visit['id']}", json=members, headers={"If-Match": f'"{visit["rev"]}"'})
        assert reply.status_code == 200
        visit |= reply.json()

    await edit(later, visited_on="2026-11-05")
    assert await last() == "2026-11-10"
    await edit(later, visited_on="2026-11-20")
    assert await last() == "2026-11-20"
    await edit(later, outcome="declined")
    assert await last() == "2026-11-10"
    await edit(later, outcome="met")
    assert await last() == "2026-11-20"
    await void(worker, "visits", later["id"])
    assert await last() == "2026-11-10"
    await void(worker, "visits", earlier["id"])
    assert await last() == "2025-01-01"
    assert len((await worker.get(path + "/revisions")).json()["items"]) == 1


async def test_an_edit_of_a_household_keeps_the_day_of_its_last_visit(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    household = await entered(worker)
    await log(worker, household, "2026-11-18")
    changed = await change(worker, household, address="村西头")
    assert (changed.status_code, changed.json()["last_visited_on"]) == (200, "2026-11-18")


async def test_many_visits_at_once_leave_the_latest_day(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    household = await entered(worker)
    await asyncio.gather(*(log(worker, household, f"2026-10-{day:02}") for day in range(1, 31)))
    assert (await worker.get(f"/v1/households/{household['id']}")).json()["last_visited_on"] == "2026-10-30"


# Lists


async def pages(phone: Phone, **params: Any) -> list[dict[str, Any]]:
    """Every item, page after page; each page but the last is full."""
    items: list[dict[str, Any]] = []
    following: dict[str, Any] = {}
    while True:
        page = (await phone.get("/v1/households", params={**params, **following})).json()
        items += page["items"]
        if page["next"] is None:
            return items
        assert len(page["items"]) == params.get("limit", 50)
        assert following.get("cursor") != page["next"]  # it goes on
        following = {"cursor": page["next"]}


@pytest.mark.parametrize(
    ("username", "limits"), [("lead-1", (1, 200)), ("worker-1", (1, 9, 200)), ("township-1", (50, 199)), ("county-admin", (77, 200))]
)
async def test_paging_gives_everything_once_in_order_of_numbers(sign_in: SignIn, username: str, limits: tuple[int, ...]) -> None:
    phone = await sign_in(username)
    gone_through = [await pages(phone, limit=limit) for limit in limits]
    assert all(items == gone_through[0] for items in gone_through)
    assert len({item["id"] for item in gone_through[0]}) == len(gone_through[0]) > 10
    seeded = [item["number"] for item in gone_through[0] if item["number"].isascii()]
    assert seeded == sorted(seeded)


async def test_doubles_of_one_number_are_paged_too(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    first = await entered(worker)
    body = {"place_id": first["place_id"], "number": first["number"]}
    made = [(await worker.post("/v1/households?confirm=true", json=body)).json()["id"] for _ in range(4)]
    assert [item["id"] for item in await pages(worker, limit=1, number=first["number"])] == sorted([first["id"], *made])


async def test_each_filter_gives_those_that_fit(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    await log(worker, await entered(worker), "2026-11-24")
    everything = await pages(worker, limit=200)
    some = next(item for item in everything if item["status"] == "away")
    day = some["last_visited_on"] or "2026-09-01"
    filters: list[tuple[dict[str, Any], Callable[[dict[str, Any]], bool]]] = [
        ({"place_id": some["place_id"]}, lambda h: h["place_id"] == some["place_id"]),
        ({"q": some["number"]}, lambda h: h["number"] == some["number"]),
        ({"number": some["number"]}, lambda h: h["number"] == some["number"]),
        ({"number": f" {some['number']} "}, lambda h: h["number"] == some["number"]),
        ({"status": "away"}, lambda h: h["status"] == "away"),
        ({"not_visited_since": day}, lambda h: h["last_visited_on"] is None or h["last_visited_on"] < day),
        (
            {"status": "living_here", "place_id": some["place_id"]},
            lambda h: (h["status"], h["place_id"]) == ("living_here", some["place_id"]),
        ),
    ]
    assert {name for params, _ in filters for name in params} == set(HOUSEHOLD.documents.filters)
    for params, fits in filters:
        found = await pages(worker, limit=11, **params)
        assert found == [household for household in everything if fits(household)], params
        assert found


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "?limit"),
        ("limit=201", "?limit"),
        ("address=x", "?address"),
        ("name=x", "?name"),
        ("13800138000=x", "?"),
        ("status=gone", "?status"),
        ("not_visited_since=yesterday", "?not_visited_since"),
        ("place_id=-1", "?place_id"),
        ("place_id=99999999999", "?place_id"),
        ("number=%00", "?number"),
        ("number=" + "1" * 31, "?number"),
    ],
)
async def test_unknown_and_odd_query_parameters_are_refused(sign_in: SignIn, query: str, pointer: str) -> None:
    refused(await (await sign_in("worker-1")).get(f"/v1/households?{query}"), 422, "invalid", pointer)


async def test_a_cursor_goes_with_its_own_list_and_filters(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    given = (await worker.get("/v1/households", params={"limit": 2})).json()["next"]
    visits = (await worker.get("/v1/visits", params={"limit": 2})).json()["next"]
    for cursor in (visits, given[1:], given + "A", given.swapcase()):
        refused(await worker.get("/v1/households", params={"cursor": cursor}), 422, "bad-cursor")
    refused(await worker.get("/v1/households", params={"cursor": given, "status": "away"}), 422, "bad-cursor")


async def test_a_number_that_becomes_the_neighbours_looks_double_too(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    one, other = await entered(worker), await entered(worker)
    reply = await worker.patch(f"/v1/households/{one['id']}", json={"number": other["number"]}, headers={"If-Match": '"1"'})
    assert (reply.status_code, reply.json()["doubles"]) == (409, [other["id"]])
    reply = await worker.patch(f"/v1/households/{one['id']}?confirm=true", json={"number": other["number"]}, headers={"If-Match": '"1"'})
    assert (reply.status_code, reply.json()["rev"]) == (200, 2)


@pytest.mark.parametrize("member", ["number", "address"])
async def test_the_old_registers_do_not_come_back_as_a_number_or_an_address(sign_in: SignIn, member: str) -> None:
    refused(await enter(await sign_in("worker-1"), **{member: "超生户-01"}), 422, "refused-word", f"/{member}")
