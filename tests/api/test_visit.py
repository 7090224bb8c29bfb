"""Visits over HTTP: the main job."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import orjson
import pytest

from api import demo
from api.embedded import Urls
from api.kinds import VISIT
from tests.conftest import TODAY, Phone, SignIn
from tests.county import refused


async def a_household(phone: Phone) -> str:
    return str((await phone.get("/v1/households", params={"limit": 1})).json()["items"][0]["id"])


async def test_a_worker_logs_a_visit_and_township_and_county_see_it(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    body = {"household_id": await a_household(worker), "visited_on": "2026-11-21", "outcome": "met", "purposes": ["elder_care"]}
    reply = await worker.post("/v1/visits", json=body)
    assert reply.status_code == 201
    visit = reply.json()
    assert visit["rev"] == 1
    assert reply.headers["etag"] == '"1"'
    for username in ("worker-2", "township-1", "county-admin"):
        seen = await (await sign_in(username)).get(f"/v1/visits/{visit['id']}")
        assert (seen.status_code, seen.json()) == (200, visit)
    for username in ("worker-3", "township-2", "head-1"):
        assert (await (await sign_in(username)).get(f"/v1/visits/{visit['id']}")).status_code == 404


async def test_the_same_post_again_gives_the_stored_record(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    body = {"id": str(uuid4()), "household_id": await a_household(worker), "visited_on": "2026-11-19", "outcome": "absent"}
    first, again = [await worker.post("/v1/visits?confirm=true", json=body) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    other = await worker.post("/v1/visits?confirm=true", json={**body, "outcome": "declined"})
    assert (other.status_code, other.json()["type"]) == (409, "/problems/id-taken")


# Reading and changing one


async def new_household(phone: Phone, **members: Any) -> dict[str, Any]:
    """A household of the test's own, in the phone's first group."""
    groups = (await phone.get("/v1/places", params={"level": "group"})).json()["items"]
    reply = await phone.post("/v1/households", json={"place_id": groups[0]["place_id"], "number": f"访-{uuid4().hex[:12]}", **members})
    assert reply.status_code == 201, reply.text
    household: dict[str, Any] = reply.json()
    return household


async def log(phone: Phone, household_id: str, **members: Any) -> httpx.Response:
    body = {"household_id": household_id, "visited_on": "2026-11-20", "outcome": "met", **members}
    return await phone.post("/v1/visits", json=body)


async def logged(phone: Phone, **members: Any) -> dict[str, Any]:
    """A stored visit, in a household of its own."""
    reply = await log(phone, (await new_household(phone))["id"], **members)
    assert reply.status_code == 201, reply.text
    visit: dict[str, Any] = reply.json()
    return visit


async def change(phone: Phone, visit: dict[str, Any], etag: str | None = None, **members: Any) -> httpx.Response:
    return await phone.patch(f"/v1/visits/{visit['id']}", json=members, headers={"If-Match": etag or f'"{visit["rev"]}"'})


async def test_a_visit_carries_all_its_members(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    household = await new_household(worker)
    me = (await worker.get("/v1/me")).json()
    reply = await log(worker, household["id"], purposes=["subsidy", "elder_care", "subsidy"], notes=" 行动方便。\r\n", agreed="月底再来")
    visit = reply.json()
    assert reply.headers["location"] == f"/v1/visits/{visit['id']}"
    made = {name: visit.pop(name) for name in ("id", "created_at", "updated_at")}
    assert made["created_at"] == made["updated_at"]
    assert made["created_at"].endswith("Z")
    assert visit == {
        "rev": 1,
        "place_id": household["place_id"],
        "voided": False,
        "created_by": me["id"],
        "household_id": household["id"],
        "visited_on": "2026-11-20",
        "manner": "home",
        "outcome": "met",
        "met_ids": [],
        "purposes": ["subsidy", "elder_care"],
        "agreed": "月底再来",
        "notes": "行动方便。",
        "worker_id": me["id"],
        "with_worker_ids": [],
    }


async def test_the_etag_of_a_read_is_what_a_change_names(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    visit = await logged(worker)
    read = await worker.get(f"/v1/visits/{visit['id']}")
    assert read.headers["etag"] == '"1"'
    changed = await change(worker, visit, read.headers["etag"], notes="老人精神好")
    assert (changed.status_code, changed.headers["etag"], changed.json()["rev"]) == (200, '"2"', 2)
    assert changed.json()["updated_at"] >= visit["updated_at"]
    assert (await worker.get(f"/v1/visits/{visit['id']}")).json() == changed.json()


async def test_a_change_without_if_match_is_asked_for_one(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    visit = await logged(worker)
    refused(await worker.patch(f"/v1/visits/{visit['id']}", json={"notes": "好"}), 428, "if-match-required")
    refused(await change(worker, visit, "*", notes="好"), 428, "if-match-required")


@pytest.mark.parametrize("etag", ['"7"', 'W/"1"', "1", '"1", "2"', '""', '"-1"', '"1', '"99999999999999999999"', "'1'", '"1"x'])
async def test_an_if_match_that_is_not_the_present_revision_is_stale(sign_in: SignIn, etag: str) -> None:
    worker = await sign_in("worker-1")
    visit = await logged(worker)
    reply = await change(worker, visit, etag, notes="好")
    refused(reply, 412, "stale")
    assert reply.json()["rev"] == 1
    assert (await worker.get(f"/v1/visits/{visit['id']}")).json() == visit


async def test_of_two_who_edit_the_same_revision_the_second_is_told(sign_in: SignIn) -> None:
    one, two = await sign_in("worker-1"), await sign_in("worker-2")
    visit = await logged(one)
    replies = await asyncio.gather(*(change(phone, visit, agreed=words) for phone, words in ((one, "周一"), (two, "周二"))))
    assert sorted(reply.status_code for reply in replies) == [200, 412]


async def test_in_a_merge_patch_an_absent_member_stays_and_null_empties(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    visit = await logged(worker, notes="老人精神好", agreed="月底再来", purposes=["elder_care"])
    path, headers = f"/v1/visits/{visit['id']}", {"If-Match": '"1"', "Content-Type": "application/merge-patch+json"}
    changed = (await worker.patch(path, content=b'{"agreed": null, "purposes": []}', headers=headers)).json()
    assert changed == {**visit, "rev": 2, "agreed": None, "purposes": [], "updated_at": changed["updated_at"]}


@pytest.mark.parametrize("member", ["visited_on", "outcome", "manner", "purposes", "with_worker_ids", "household_id"])
async def test_null_is_no_value_for_what_a_visit_must_have(sign_in: SignIn, member: str) -> None:
    worker = await sign_in("worker-1")
    visit = await logged(worker)
    refused(await change(worker, visit, **{member: None}), 422, "invalid", f"/{member}")


async def test_a_change_that_changes_nothing_keeps_the_revision(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    visit = await logged(worker, notes="老人精神好", purposes=["elder_care"])
    same = {name: visit[name] for name in ("household_id", "visited_on", "purposes", "notes", "agreed", "with_worker_ids")}
    for said in ({}, same, {"notes": "老人精神好 "}):
        reply = await change(worker, visit, **said)
        assert (reply.status_code, reply.headers["etag"], reply.json()) == (200, '"1"', visit)
    assert len((await worker.get(f"/v1/visits/{visit['id']}/revisions")).json()["items"]) == 1


async def test_a_visit_stays_with_its_household_and_its_worker(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    visit, other = await logged(worker), await new_household(worker)
    refused(await change(worker, visit, household_id=other["id"]), 422, "fixed", "/household_id")
    for member, value in {"worker_id": other["id"], "place_id": 1, "rev": 9, "voided": True, "id": other["id"]}.items():
        refused(await change(worker, visit, **{member: value}), 422, "invalid", "")


async def test_the_history_says_who_changed_what_from_what_to_what(sign_in: SignIn) -> None:
    one, two = await sign_in("worker-1"), await sign_in("worker-2")
    visit = await logged(one, purposes=["elder_care"])
    changed = (await change(two, visit, notes="改期", purposes=["subsidy"], visited_on="2026-11-18")).json()
    await one.post(f"/v1/visits/{visit['id']}/void", json={"reason": "重复登记"})
    trail = (await one.get(f"/v1/visits/{visit['id']}/revisions")).json()["items"]
    by = [((await phone.get("/v1/me")).json()["id"], phone.tokens["device_id"]) for phone in (one, two, one)]
    assert [(entry["by_user_id"], entry["device_id"]) for entry in trail] == by
    assert [(entry["rev"], entry["changes"], entry["void_reason"]) for entry in trail] == [
        (1, None, None),
        (
            2,
            {"notes": [None, "改期"], "purposes": [["elder_care"], ["subsidy"]], "visited_on": ["2026-11-20", "2026-11-18"]},
            None,
        ),
        (3, {"voided": [False, True]}, "重复登记"),
    ]
    assert [entry["received_at"] for entry in trail][:2] == [visit["updated_at"], changed["updated_at"]]


# Withdrawing one


async def test_a_visit_is_voided_with_a_reason_and_then_takes_no_change(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    visit = await logged(worker, notes="老人精神好")
    voided = await worker.post(f"/v1/visits/{visit['id']}/void", json={"reason": "重复登记"})
    assert (voided.status_code, voided.headers["etag"]) == (200, '"2"')
    assert voided.json() == {**visit, "rev": 2, "voided": True, "updated_at": voided.json()["updated_at"]}
    again = await worker.post(f"/v1/visits/{visit['id']}/void", json={"reason": "别的原因"})
    assert (again.status_code, again.json()) == (200, voided.json())
    refused(await change(worker, voided.json(), notes="改"), 409, "voided")
    assert (await worker.get(f"/v1/visits/{visit['id']}")).json() == voided.json()
    trail = (await worker.get(f"/v1/visits/{visit['id']}/revisions")).json()["items"]
    assert [entry["void_reason"] for entry in trail] == [None, "重复登记"]


async def test_a_voided_visit_is_listed_only_when_asked_for(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    kept = await logged(worker)
    gone = (
        await worker.post(
            "/v1/visits?confirm=true", json={"household_id": kept["household_id"], "visited_on": "2026-11-20", "outcome": "absent"}
        )
    ).json()
    await worker.post(f"/v1/visits/{gone['id']}/void", json={"reason": "记错"})
    for voided, wanted in ((None, kept), (False, kept), (True, gone)):
        asked = {"household_id": kept["household_id"]} | ({} if voided is None else {"voided": voided})
        assert [item["id"] for item in (await worker.get("/v1/visits", params=asked)).json()["items"]] == [wanted["id"]]


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "  "}, {"reason": None}, {"reason": 1}, {"reason": "长" * 201}])
async def test_voiding_needs_a_reason(sign_in: SignIn, body: dict[str, Any]) -> None:
    worker = await sign_in("worker-1")
    visit = await logged(worker)
    refused(await worker.post(f"/v1/visits/{visit['id']}/void", json=body), 422, "invalid", "/reason")
    assert (await worker.get(f"/v1/visits/{visit['id']}")).json() == visit


# Sending again, and doubles


async def test_a_post_sent_again_after_changes_gives_the_record_as_it_is_now(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    household = await new_household(worker)
    body = {"id": str(uuid4()), "household_id": household["id"], "visited_on": "2026-11-19", "outcome": "met", "notes": "好"}
    first = await worker.post("/v1/visits", json=body)
    changed = await change(worker, first.json(), notes="更好")
    again = await worker.post("/v1/visits", json={**body, "manner": "home", "notes": " 好 "})  # the same, said in other words
    assert (again.status_code, again.headers["etag"], again.json()) == (200, '"2"', changed.json())
    assert again.headers["location"] == first.headers["location"]
    await worker.post(f"/v1/visits/{body['id']}/void", json={"reason": "记错"})
    again = await worker.post("/v1/visits", json=body)
    assert (again.status_code, again.json()["voided"], again.json()["rev"]) == (200, True, 3)
    refused(await worker.post("/v1/visits", json={**body, "notes": "更好"}), 409, "id-taken")


async def test_an_id_that_a_visit_to_another_household_has_is_taken(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    visit, elsewhere = await logged(worker), await new_household(worker)
    body = {"id": visit["id"], "household_id": elsewhere["id"], "visited_on": "2026-11-19", "outcome": "met"}
    refused(await worker.post("/v1/visits", json=body), 409, "id-taken")


async def test_two_at_once_with_one_id_store_one_visit(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    body = {"id": str(uuid4()), "household_id": (await new_household(worker))["id"], "visited_on": "2026-11-19", "outcome": "met"}
    replies = await asyncio.gather(*(worker.post("/v1/visits?confirm=true", json=body) for _ in range(6)))
    assert sorted({reply.status_code for reply in replies}) in ([200, 201], [201])
    assert {reply.json()["id"] for reply in replies} == {body["id"]}
    assert len((await worker.get("/v1/visits", params={"household_id": body["household_id"]})).json()["items"]) == 1


async def test_a_second_visit_on_one_day_is_asked_about(sign_in: SignIn) -> None:
    one, two = await sign_in("worker-1"), await sign_in("worker-2")
    first = await logged(one)
    told = await log(two, first["household_id"])
    refused(told, 409, "looks-double")
    assert told.json()["doubles"] == [first["id"]]
    assert len((await one.get("/v1/visits", params={"household_id": first["household_id"]})).json()["items"]) == 1
    body = {"household_id": first["household_id"], "visited_on": "2026-11-20", "outcome": "met"}
    confirmed = await two.post("/v1/visits?confirm=true", json=body)
    assert confirmed.status_code == 201
    assert (await log(one, first["household_id"], visited_on="2026-11-19")).status_code == 201
    third = await log(two, first["household_id"])
    assert sorted(third.json()["doubles"]) == sorted([first["id"], confirmed.json()["id"]])


async def test_a_voided_visit_is_nobodys_double(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    first = await logged(worker)
    await worker.post(f"/v1/visits/{first['id']}/void", json={"reason": "记错"})
    assert (await log(worker, first["household_id"])).status_code == 201


# What is allowed


@pytest.mark.parametrize("day", ["1949-10-01", "2020-02-29", "2026-11-23", "2026-11-24", "2026-11-25"])
async def test_any_past_day_today_and_tomorrow_can_be_recorded(sign_in: SignIn, day: str) -> None:
    worker = await sign_in("worker-1")
    visit = await logged(worker, visited_on=day)
    assert visit["visited_on"] == day
    assert (await change(worker, visit, visited_on="2026-11-25")).status_code == 200


@pytest.mark.parametrize("day", ["2026-11-26", "2027-02-06", "9999-12-31"])
async def test_the_day_after_tomorrow_is_refused(sign_in: SignIn, day: str) -> None:
    worker = await sign_in("worker-1")
    household = await new_household(worker)
    reply = await log(worker, household["id"], visited_on=day)
    refused(reply, 422, "day-to-come", "/visited_on")
    assert reply.json()["today"] == TODAY
    visit = (await log(worker, household["id"])).json()
    refused(await change(worker, visit, visited_on=day), 422, "day-to-come", "/visited_on")


@pytest.mark.parametrize("day", ["2026-02-29", "2026-11-20T00:00:00Z", "20261120", "11/20/2026", "", 20261120, 1_763_600_000])
async def test_a_day_is_written_in_one_way(sign_in: SignIn, day: Any) -> None:
    worker = await sign_in("worker-1")
    refused(await log(worker, (await new_household(worker))["id"], visited_on=day), 422, "invalid", "/visited_on")


@pytest.mark.parametrize("day", ["0", "1763600000", "20261119", "2026-11-19T00:00:00"])
async def test_a_day_of_a_filter_is_written_in_that_way_too(sign_in: SignIn, day: str) -> None:
    refused(await (await sign_in("worker-1")).get("/v1/visits", params={"visited_from": day}), 422, "invalid", "?visited_from")


@pytest.mark.parametrize("outcome", ["absent", "declined"])
@pytest.mark.parametrize(("member", "value"), [("purposes", ["elder_care"]), ("notes", "门锁着"), ("agreed", "再来")])
async def test_where_nobody_was_met_there_is_nothing_to_note(sign_in: SignIn, outcome: str, member: str, value: Any) -> None:
    worker = await sign_in("worker-1")
    household = await new_household(worker)
    refused(await log(worker, household["id"], outcome=outcome, **{member: value}), 422, "nobody-met", f"/{member}")
    empty = await log(worker, household["id"], outcome=outcome)
    assert empty.status_code == 201
    refused(await change(worker, empty.json(), **{member: value}), 422, "nobody-met", f"/{member}")
    met = (await log(worker, household["id"], visited_on="2026-11-18", **{member: value})).json()
    refused(await change(worker, met, outcome=outcome), 422, "nobody-met", f"/{member}")
    nothing: dict[str, Any] = {member: [] if member == "purposes" else None}
    emptied = await change(worker, met, outcome=outcome, **nothing)
    assert (emptied.status_code, emptied.json()["outcome"]) == (200, outcome)


async def test_purposes_are_codes_of_the_catalogue(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    household = await new_household(worker)
    refused(await log(worker, household["id"], purposes=["elder_care", "no_such_code"]), 422, "unknown-code", "/purposes")
    visit = (await log(worker, household["id"], purposes=["elder_care"])).json()
    refused(await change(worker, visit, purposes=["no_such_code"]), 422, "unknown-code", "/purposes")


async def test_a_code_of_another_catalogue_is_unknown(sign_in: SignIn) -> None:
    county, worker = await sign_in("county-admin"), await sign_in("worker-1")
    code = f"reason_{uuid4().hex[:8]}"
    entry = {"catalogue": "follow_up_reason", "code": code, "name": "换电池", "name_en": "New battery"}
    assert (await county.post("/v1/catalogue-entries", json=entry)).status_code == 201
    household = await new_household(worker)
    refused(await log(worker, household["id"], purposes=[code]), 422, "unknown-code", "/purposes")
    assert (await county.post("/v1/catalogue-entries", json={**entry, "catalogue": "visit_purpose"})).status_code == 201
    assert (await log(worker, household["id"], purposes=[code])).status_code == 201


@pytest.mark.parametrize("text", ["孕情检查", "上 环 情况", "查\u200b环", "社会抚养费催缴", "Pregnancy check", "超生"])
@pytest.mark.parametrize("member", ["notes", "agreed"])
async def test_words_of_the_old_registers_are_refused_and_not_kept(sign_in: SignIn, admin: Any, text: str, member: str) -> None:
    worker = await sign_in("worker-1")
    household = await new_household(worker)
    said = f"去看了，{text}，记号七三五一"
    visit = (await log(worker, household["id"])).json()
    for reply in (
        await log(worker, household["id"], visited_on="2026-11-18", **{member: said}),
        await change(worker, visit, **{member: said}),
    ):
        refused(reply, 422, "refused-word", f"/{member}")
        assert text not in reply.text
        assert "记号七三五一" not in reply.text
    assert (await worker.get(f"/v1/visits/{visit['id']}")).json() == visit
    assert len((await worker.get("/v1/visits", params={"household_id": household["id"]})).json()["items"]) == 1
    assert await holding(admin, "记号七三五一") == []


async def test_a_refused_word_in_a_reason_voids_nothing(sign_in: SignIn, admin: Any) -> None:
    worker = await sign_in("worker-1")
    visit = await logged(worker)
    reply = await worker.post(f"/v1/visits/{visit['id']}/void", json={"reason": "孕检时已记，记号七三五二"})
    refused(reply, 422, "refused-word", "/reason")
    assert "记号七三五二" not in reply.text
    assert (await worker.get(f"/v1/visits/{visit['id']}")).json() == visit
    assert await holding(admin, "记号七三五二") == []


@pytest.mark.parametrize("text", ["问了三孩政策", "上环路修好了", "计划生育奖励扶助金已到账", "社会抚养费已取消，不用再交", "总结扎实"])
async def test_honest_notes_pass(sign_in: SignIn, text: str) -> None:
    assert (await logged(await sign_in("worker-1"), notes=text))["notes"] == text


@pytest.mark.parametrize("status", ["living_here", "away", "moved", "dissolved"])
async def test_the_status_of_a_household_never_refuses_a_visit(sign_in: SignIn, status: str) -> None:
    worker = await sign_in("worker-1")
    household = await new_household(worker, status=status)
    assert (await log(worker, household["id"])).status_code == 201


async def test_nothing_is_added_to_a_voided_household(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    household = await new_household(worker)
    await worker.post(f"/v1/households/{household['id']}/void", json={"reason": "重复登记"})
    refused(await log(worker, household["id"]), 409, "voided", "/household_id")


async def test_a_colleague_came_along(sign_in: SignIn) -> None:
    worker, colleague = await sign_in("worker-1"), await sign_in("worker-2")
    me = (await colleague.get("/v1/me")).json()["id"]
    assert (await logged(worker, with_worker_ids=[me, me]))["with_worker_ids"] == [me]


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("outcome", "seen"),
        ("manner", None),
        ("purposes", "elder_care"),
        ("purposes", ["elder_care"] * 21),
        ("notes", "长" * 2001),
        ("notes", 5),
        ("household_id", "no-uuid"),
        ("with_worker_ids", ["no-uuid"]),
        ("visited_on", None),
    ],
)
async def test_every_fault_is_named_by_its_place(sign_in: SignIn, member: str, value: Any) -> None:
    worker = await sign_in("worker-1")
    body = {"household_id": (await new_household(worker))["id"], "visited_on": "2026-11-20", "outcome": "met", member: value}
    reply = await worker.post("/v1/visits", json=body)
    assert reply.status_code == 422
    assert {fault["pointer"].split("/")[1] for fault in reply.json()["errors"]} == {member}


@pytest.mark.parametrize(
    ("member", "value", "said"),
    [("notes", "长" * 2001, ("string_too_long", "太长")), ("purposes", ["elder_care"] * 21, ("too_long", "个数太多"))],
)
async def test_a_long_text_and_a_long_list_are_called_what_they_are(
    sign_in: SignIn, member: str, value: Any, said: tuple[str, str]
) -> None:
    worker = await sign_in("worker-1")
    [fault] = (await log(worker, (await new_household(worker))["id"], **{member: value})).json()["errors"]
    assert (fault["code"], fault["detail"]) == said


# Lists


async def pages(phone: Phone, path: str, **params: Any) -> list[dict[str, Any]]:
    """Every item, page after page; each page but the last is full."""
    items: list[dict[str, Any]] = []
    following: dict[str, Any] = {}
    while True:
        page = (await phone.get(path, params={**params, **following})).json()
        items += page["items"]
        if page["next"] is None:
            return items
        assert len(page["items"]) == params.get("limit", 50)
        assert following.get("cursor") != page["next"]  # it goes on
        following = {"cursor": page["next"]}


@pytest.mark.parametrize(
    ("username", "limits"), [("lead-1", (1, 2, 50, 200)), ("worker-1", (7, 200)), ("township-1", (83, 200)), ("county-admin", (199, 200))]
)
async def test_paging_gives_everything_once_the_latest_first(sign_in: SignIn, username: str, limits: tuple[int, ...]) -> None:
    phone = await sign_in(username)
    gone_through = [await pages(phone, "/v1/visits", limit=limit) for limit in limits]
    assert all(items == gone_through[0] for items in gone_through)
    order = [(item["visited_on"], item["id"]) for item in gone_through[0]]
    assert order == sorted(order, reverse=True)
    assert len(set(order)) == len(order) > 30


@pytest.mark.parametrize("username", ["lead-1", "worker-1", "township-1", "county-admin"])
async def test_a_page_may_hold_one_item_at_each_level(sign_in: SignIn, username: str) -> None:
    phone = await sign_in(username)
    household = str(next(user["household_id"] for user in demo.users() if user["username"] == "lead-1"))
    singly, at_once = [await pages(phone, "/v1/visits", household_id=household, limit=limit) for limit in (1, 200)]
    assert singly == at_once
    assert len(singly) >= 3


async def test_each_filter_gives_those_that_fit(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    everything = await pages(worker, "/v1/visits", limit=200)
    some = everything[len(everything) // 2]
    day = some["visited_on"]
    filters: list[tuple[dict[str, Any], Callable[[dict[str, Any]], bool]]] = [
        ({"household_id": some["household_id"]}, lambda v: v["household_id"] == some["household_id"]),
        ({"place_id": some["place_id"]}, lambda v: v["place_id"] == some["place_id"]),
        ({"worker_id": some["worker_id"]}, lambda v: v["worker_id"] == some["worker_id"]),
        ({"visited_from": day}, lambda v: v["visited_on"] >= day),
        ({"visited_to": day}, lambda v: v["visited_on"] <= day),
        ({"visited_from": day, "visited_to": day}, lambda v: v["visited_on"] == day),
        ({"visited_from": day, "place_id": some["place_id"]}, lambda v: v["visited_on"] >= day and v["place_id"] == some["place_id"]),
    ]
    assert {name for params, _ in filters for name in params} == set(VISIT.documents.filters)
    for params, fits in filters:
        found = await pages(worker, "/v1/visits", limit=37, **params)
        assert found == [visit for visit in everything if fits(visit)], params
        assert found


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "?limit"),
        ("limit=201", "?limit"),
        ("limit=x", "?limit"),
        ("sort=notes", "?sort"),
        ("notes=x", "?notes"),
        ("Limit=5", "?Limit"),
        ("outcome=declined", "?outcome"),
        ("limit=5&limit=5", "?limit"),
        ("voided=maybe", "?voided"),
        ("visited_from=2026-02-30", "?visited_from"),
        ("household_id=7", "?household_id"),
        ("place_id=0", "?place_id"),
    ],
)
async def test_unknown_and_odd_query_parameters_are_refused(sign_in: SignIn, query: str, pointer: str) -> None:
    refused(await (await sign_in("worker-1")).get(f"/v1/visits?{query}"), 422, "invalid", pointer)


async def test_a_change_that_was_meant_for_a_look_is_not_stored(sign_in: SignIn) -> None:
    """`preview` is offered only where a change takes other records along."""
    worker = await sign_in("worker-1")
    visit = await logged(worker)
    reply = await worker.patch(f"/v1/visits/{visit['id']}?preview=true", json={"notes": "再想想"}, headers={"If-Match": '"1"'})
    refused(reply, 422, "invalid", "?preview")
    assert (await worker.get(f"/v1/visits/{visit['id']}")).json() == visit


async def test_a_cursor_goes_with_its_own_list_and_filters(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    given = (await worker.get("/v1/visits", params={"limit": 2})).json()["next"]
    filtered = (await worker.get("/v1/visits", params={"limit": 2, "visited_to": "2026-01-01"})).json()["next"]
    households = (await worker.get("/v1/households", params={"limit": 2})).json()["next"]
    forged = given[:-2] + ("AA" if given[-2:] != "AA" else "BB")
    for cursor in (filtered, households, forged, given[1:], given + "A", given[: len(given) // 2], "x", "===", "家访"):
        refused(await worker.get("/v1/visits", params={"limit": 2, "cursor": cursor}), 422, "bad-cursor")
    for other in ({"voided": True}, {"visited_to": "2026-01-01"}, {"visited_from": "2026-01-01"}):
        refused(await worker.get("/v1/visits", params={"limit": 2, "cursor": given, **other}), 422, "bad-cursor")
    assert (await worker.get("/v1/visits", params={"limit": 200, "cursor": given})).status_code == 200  # another limit is fine


async def test_a_cursor_of_somebody_else_opens_nothing(sign_in: SignIn) -> None:
    county, worker = await sign_in("county-admin"), await sign_in("worker-3")
    given = (await county.get("/v1/visits", params={"limit": 1})).json()["next"]
    mine = {item["id"] for item in await pages(worker, "/v1/visits", limit=200)}
    seen = (await worker.get("/v1/visits", params={"limit": 200, "cursor": given})).json()["items"]
    assert {item["id"] for item in seen} <= mine


# The database itself


@pytest.fixture(scope="session")
async def admin(urls: Urls, access: Any) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(urls.admin)
    yield connection
    await connection.close()


async def holding(admin: Any, text: str) -> list[str]:
    """The tables in which some row holds the text."""
    tables = [row["relname"] for row in await admin.fetch("SELECT relname FROM pg_stat_user_tables")]
    return [t for t in tables if await admin.fetchval(f"SELECT count(*) FROM {t} t WHERE t::text LIKE '%' || $1 || '%'", text)]


async def test_what_was_stored_is_found_in_the_database(sign_in: SignIn, admin: Any) -> None:
    """The check above looks in the right place."""
    await logged(await sign_in("worker-1"), notes="记号七三五三")
    assert await holding(admin, "记号七三五三") == ["visit"]


async def test_who_loses_the_place_while_a_body_arrives_writes_nothing(sign_in: SignIn) -> None:
    """The caller is read after the body, which may take its time."""
    officer, username = await sign_in("township-1"), f"slow-{uuid4().hex[:8]}"
    village = (await (await sign_in("worker-1")).get("/v1/me")).json()["places"][0]["place_id"]
    made = (await officer.post("/v1/users", json={"username": username, "name": "慢慢", "role": "village", "place_ids": [village]})).json()
    slow = await sign_in(username, new=True, password=made["password"])
    body = {"household_id": await a_household(slow), "visited_on": "2026-11-20", "outcome": "absent"}

    async def halves() -> AsyncIterator[bytes]:
        yield orjson.dumps(body)[:10]
        assert (await officer.post(f"/v1/users/{made['id']}/close")).status_code == 200
        yield orjson.dumps(body)[10:]

    reply = await slow.post("/v1/visits?confirm=true", content=halves(), headers={"Content-Type": "application/json"})
    assert (reply.status_code, reply.json()["type"]) == (403, "/problems/account-closed")
