"""The lists for people: who sees an entry, and what settling it does. What puts an edit on a list: test_push_kept.py."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it ships no types

from api import way_in
from api.access import Access
from api.jobs import hourly
from api.routers import openapi
from tests.conftest import Phone
from tests.county import USERS, County, listed, op, push, slug

MET = {"visited_on": "2026-11-10", "outcome": "met", "notes": "老人精神好"}


async def a_visit(phone: Phone, **members: Any) -> dict[str, Any]:
    household = (await phone.get("/v1/households")).json()["items"][0]
    reply = await phone.post("/v1/visits?confirm=true", json={"household_id": household["id"], **MET, **members})
    visit: dict[str, Any] = reply.json()
    return visit


async def entry(phone: Phone, path: str, entry_id: Any, **query: Any) -> dict[str, Any]:
    """One that is on the list."""
    found = await listed(phone, path, entry_id, **query)
    assert found
    return found


async def clash(county: County) -> tuple[Phone, dict[str, Any], dict[str, Any]]:
    """worker-1's phone and worker-2's have changed the notes of a visit; the conflict as worker-1's result tells it."""
    mine, theirs = await county.sign_in("worker-1"), await county.sign_in("worker-2")
    visit = await a_visit(mine)
    await push(theirs, op("visit", visit["id"], {"notes": "他们的"}, 1))
    [result] = await push(mine, op("visit", visit["id"], {"notes": "我的"}, 1))
    assert result["outcome"] == "conflict"
    return mine, visit, result["conflicts"][0]


async def test_a_conflict_is_on_the_lists_of_the_worker_and_of_the_officer(county: County) -> None:
    mine, visit, conflict = await clash(county)
    for phone in (mine, await county.sign_in("township-1"), await county.sign_in("county-admin")):
        item = await entry(phone, "conflicts", conflict["conflict_id"])
        assert (item["record_id"], item["field"], item["yours"], item["theirs"]) == (visit["id"], "notes", "我的", "他们的")
        assert (item["settled"], item["by_user_id"]) == (None, str(USERS["worker-1"]["id"]))
    for stranger in ("worker-2", "worker-3", "township-2", "lead-1"):
        phone = await county.sign_in(stranger)
        assert await listed(phone, "conflicts", conflict["conflict_id"]) is None
        reply = await phone.post(f"/v1/conflicts/{conflict['conflict_id']}/resolve", json={"choose": "mine"})
        assert slug(reply) == (404, "not-found")


@pytest.mark.parametrize(
    ("chosen", "stands", "rev"),
    [({"choose": "mine"}, "我的", 3), ({"choose": "theirs"}, "他们的", 2), ({"choose": "value", "value": "两人的"}, "两人的", 3)],
)
@pytest.mark.parametrize("username", ["worker-1", "township-1"])
async def test_choosing_is_an_edit_like_any_other(county: County, username: str, chosen: dict[str, Any], stands: str, rev: int) -> None:
    mine, visit, conflict = await clash(county)
    phone = await county.sign_in(username)
    reply = await phone.post(f"/v1/conflicts/{conflict['conflict_id']}/resolve", json=chosen)
    assert (reply.status_code, reply.json()["settled"]) == (200, chosen["choose"])
    stored = (await mine.get(f"/v1/visits/{visit['id']}")).json()
    assert (stored["notes"], stored["rev"]) == (stands, rev)
    by = (await mine.get(f"/v1/visits/{visit['id']}/revisions")).json()["items"][-1]["by_user_id"]
    assert rev == 2 or by == str(USERS[username]["id"])
    assert await listed(mine, "conflicts", conflict["conflict_id"]) is None
    settled = await entry(mine, "conflicts", conflict["conflict_id"], settled=True)
    assert settled["settled_by"] == str(USERS[username]["id"])
    again = await phone.post(f"/v1/conflicts/{conflict['conflict_id']}/resolve", json=chosen)
    assert slug(again) == (409, "settled")


async def test_theirs_is_the_value_of_that_time_even_if_the_record_went_on(county: County) -> None:
    mine, visit, conflict = await clash(county)
    await push(await county.sign_in("worker-2"), op("visit", visit["id"], {"notes": "又改了"}, 2))
    await mine.post(f"/v1/conflicts/{conflict['conflict_id']}/resolve", json={"choose": "theirs"})
    assert (await mine.get(f"/v1/visits/{visit['id']}")).json()["notes"] == "他们的"


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({"choose": "value", "value": 5}, (422, "invalid")),
        ({"choose": "value", "value": "怀孕三个月"}, (422, "refused-word")),
        ({"choose": "both"}, (422, "invalid")),
        ({}, (422, "invalid")),
    ],
)
async def test_a_value_that_the_record_would_not_take_settles_nothing(county: County, body: Any, answer: Any) -> None:
    mine, visit, conflict = await clash(county)
    assert slug(await mine.post(f"/v1/conflicts/{conflict['conflict_id']}/resolve", json=body)) == answer
    assert await listed(mine, "conflicts", conflict["conflict_id"])
    assert (await mine.get(f"/v1/visits/{visit['id']}")).json()["rev"] == 2


async def test_setting_the_member_again_on_the_phone_settles_the_conflict(county: County) -> None:
    mine, visit, conflict = await clash(county)
    [result] = await push(mine, op("visit", visit["id"], {"notes": "我的"}, 2))
    assert result["outcome"] == "applied"
    settled = await entry(mine, "conflicts", conflict["conflict_id"], settled=True)
    assert settled["settled"] == "mine"


async def test_a_conflict_of_a_voided_record_stays_until_someone_says_so(county: County) -> None:
    mine, visit, conflict = await clash(county)
    await mine.post(f"/v1/visits/{visit['id']}/void", json={"reason": "重复登记"})
    path = f"/v1/conflicts/{conflict['conflict_id']}/resolve"
    assert slug(await mine.post(path, json={"choose": "mine"})) == (409, "voided")


async def refused(county: County) -> tuple[Phone, dict[str, Any]]:
    mine = await county.sign_in("worker-1")
    visit = await a_visit(mine)
    edit = op("visit", visit["id"], {"visited_on": "2062-01-01"}, 1)
    [result] = await push(mine, edit)
    assert (result["outcome"], result["kept"]) == ("rejected", True)
    return mine, edit


async def test_a_refused_edit_is_kept_as_it_was_sent_until_somebody_settles_it(county: County) -> None:
    mine, edit = await refused(county)
    for phone in (mine, await county.sign_in("township-1")):
        item = await entry(phone, "rejected-ops", edit["id"])
        assert {name: item[name] for name in ("kind", "base_rev", "at", "doc", "void")} == {
            **{name: edit[name] for name in ("kind", "base_rev", "at", "doc")},
            "void": None,
        }
        assert item["problem"]["type"] == "/problems/day-to-come"
    english = (await mine.get("/v1/rejected-ops", headers={"Accept-Language": "en"})).json()["items"][0]
    assert english["problem"]["title"] == "A day after tomorrow"
    item = await entry(mine, "rejected-ops", edit["id"])
    stranger = await county.sign_in("worker-2")
    assert await listed(stranger, "rejected-ops", edit["id"]) is None
    assert slug(await stranger.post(f"/v1/rejected-ops/{item['id']}/dismiss")) == (404, "not-found")
    assert (await mine.post(f"/v1/rejected-ops/{item['id']}/dismiss")).status_code == 204
    assert await listed(mine, "rejected-ops", edit["id"]) is None
    settled = await entry(mine, "rejected-ops", edit["id"], settled=True)
    assert settled["settled"] == "dismissed"
    assert slug(await mine.post(f"/v1/rejected-ops/{item['id']}/dismiss")) == (409, "settled")
    [again] = await push(mine, edit)
    assert again["outcome"] == "rejected"


async def test_the_document_knows_a_kept_edit_whatever_its_phone_sent(county: County) -> None:
    mine = await county.sign_in("worker-1")
    edit = {**op("visit", (await a_visit(mine))["id"]), "base_rev": "x", "at": 5, "doc": [None], "void": {}}
    await push(mine, edit)
    item = await entry(mine, "rejected-ops", edit["id"])
    assert {name: item[name] for name in ("base_rev", "at", "doc", "void")} == {
        name: edit[name] for name in ("base_rev", "at", "doc", "void")
    }
    components = openapi.document(county.app, "en")["components"]
    Draft202012Validator({**components["schemas"]["KeptOp"], "components": components}).validate(item)


async def inboxed(county: County, **members: Any) -> tuple[Phone, dict[str, Any], dict[str, Any]]:
    """worker-1 edits a visit on a phone that was reported lost meanwhile."""
    mine = await county.sign_in("worker-1")
    visit = await a_visit(mine)
    lost = await county.sign_in("worker-1", str(uuid4()))
    assert (await mine.post(f"/v1/devices/{lost.tokens['device_id']}/report-lost")).status_code == 204
    edit = op("visit", visit["id"], members or {"agreed": "月底再来"}, 1)
    [result] = await push(lost, edit)
    assert result["outcome"] == "inbox"
    return lost, visit, edit


async def test_what_a_lost_phone_brings_is_for_the_officer(county: County) -> None:
    lost, visit, edit = await inboxed(county)
    assert slug(await lost.get("/v1/sync/pull")) == (403, "device-revoked")
    assert slug(await lost.get("/v1/inbox")) == (403, "device-revoked")
    assert [result["outcome"] for result in await push(lost, edit)] == ["inbox"]
    mine, officer = await county.sign_in("worker-1"), await county.sign_in("township-1")
    assert (await mine.get(f"/v1/visits/{visit['id']}")).json()["rev"] == 1
    for phone in (mine, officer):
        item = await entry(phone, "inbox", visit["id"])
        assert (item["reason"], item["doc"]) == ("device_lost", {"agreed": "月底再来"})
    item = await entry(officer, "inbox", visit["id"])
    assert await listed(await county.sign_in("township-2"), "inbox", visit["id"]) is None
    for act in ("accept", "dismiss"):
        assert slug(await mine.post(f"/v1/inbox/{item['id']}/{act}")) == (403, "not-allowed")
        assert slug(await (await county.sign_in("township-2")).post(f"/v1/inbox/{item['id']}/{act}")) == (404, "not-found")


async def test_accepting_stores_the_edit_in_the_name_of_who_made_it(county: County) -> None:
    lost, visit, edit = await inboxed(county)
    officer = await county.sign_in("township-1")
    item = await entry(officer, "inbox", visit["id"])
    reply = await officer.post(f"/v1/inbox/{item['id']}/accept")
    assert (reply.status_code, reply.json()) == (200, {"outcome": "applied", "rev": 2})
    stored = (await officer.get(f"/v1/visits/{visit['id']}")).json()
    assert stored["agreed"] == "月底再来"
    last = (await officer.get(f"/v1/visits/{visit['id']}/revisions")).json()["items"][-1]
    assert (last["by_user_id"], last["device_id"]) == (str(USERS["worker-1"]["id"]), lost.tokens["device_id"])
    assert await listed(officer, "inbox", visit["id"]) is None
    settled = await entry(officer, "inbox", visit["id"], settled=True)
    assert (settled["settled"], settled["settled_by"]) == ("applied", str(USERS["township-1"]["id"]))
    assert slug(await officer.post(f"/v1/inbox/{item['id']}/accept")) == (409, "settled")
    assert [result["outcome"] for result in await push(lost, edit)] == ["unchanged"]


async def test_a_creation_from_the_inbox_is_its_makers(county: County) -> None:
    mine = await county.sign_in("worker-1")
    household = (await mine.get("/v1/households")).json()["items"][0]
    lost = await county.sign_in("worker-1", str(uuid4()))
    await mine.post(f"/v1/devices/{lost.tokens['device_id']}/report-lost")
    visit_id = str(uuid4())
    await push(lost, op("visit", visit_id, {"household_id": household["id"], **MET}))
    officer = await county.sign_in("township-1")
    item = await entry(officer, "inbox", visit_id)
    assert (await officer.post(f"/v1/inbox/{item['id']}/accept")).json()["outcome"] == "applied"
    stored = (await officer.get(f"/v1/visits/{visit_id}")).json()
    assert stored["worker_id"] == stored["created_by"] == str(USERS["worker-1"]["id"])


async def test_an_entry_that_the_record_would_not_take_stays(county: County) -> None:
    _, visit, _ = await inboxed(county, visited_on="2062-01-01")
    officer = await county.sign_in("township-1")
    item = await entry(officer, "inbox", visit["id"])
    assert slug(await officer.post(f"/v1/inbox/{item['id']}/accept")) == (422, "day-to-come")
    assert await listed(officer, "inbox", visit["id"])
    assert (await officer.post(f"/v1/inbox/{item['id']}/dismiss")).status_code == 204
    assert await listed(officer, "inbox", visit["id"]) is None
    assert await listed(officer, "inbox", visit["id"], settled=True)


async def test_an_edit_of_a_voided_record_can_only_be_dismissed(county: County) -> None:
    mine = await county.sign_in("worker-1")
    visit = await a_visit(mine)
    await mine.post(f"/v1/visits/{visit['id']}/void", json={"reason": "重复登记"})
    await push(mine, op("visit", visit["id"], {"agreed": "月底再来"}, 1))
    officer = await county.sign_in("township-1")
    item = await entry(officer, "inbox", visit["id"])
    assert item["reason"] == "voided"
    assert slug(await officer.post(f"/v1/inbox/{item['id']}/accept")) == (409, "voided")


async def test_what_has_waited_for_thirty_days_goes_to_the_inbox(county: County, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, officer, visit_id = await county.sign_in("worker-1"), await county.sign_in("township-1"), str(uuid4())
    [result] = await push(mine, op("visit", visit_id, {"household_id": str(uuid4()), **MET}))
    assert result["outcome"] == "held"
    access: Access = county.access
    for days, list_now, reason in ((29, "held-ops", None), (31, "inbox", "waited")):
        monkeypatch.setattr(access, "now", lambda days=days: datetime.now(UTC) + timedelta(days=days))
        await hourly.sweep(access)
        monkeypatch.undo()
        assert (await entry(officer, list_now, visit_id))["reason"] == reason
    item = await entry(officer, "inbox", visit_id)
    assert slug(await officer.post(f"/v1/inbox/{item['id']}/accept")) == (404, "not-found")


async def nothing(*_: Any) -> None: ...


async def test_what_is_held_goes_in_when_somebody_makes_the_record_online(county: County) -> None:
    mine, visit_id, household_id = await county.sign_in("worker-1"), str(uuid4()), str(uuid4())
    place_id = (await mine.get("/v1/households")).json()["items"][0]["place_id"]
    await push(mine, op("visit", visit_id, {"household_id": household_id, **MET}))
    await (await county.sign_in("township-1")).post("/v1/households", json={"id": household_id, "place_id": place_id, "number": "9901-02"})
    assert (await mine.get(f"/v1/visits/{visit_id}")).json()["worker_id"] == str(USERS["worker-1"]["id"])


async def test_what_is_held_for_a_record_that_is_there_after_all_is_found_by_the_hour(
    county: County, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that died between the record and what waited for it."""
    mine, visit_id, household_id = await county.sign_in("worker-1"), str(uuid4()), str(uuid4())
    place_id = (await mine.get("/v1/households")).json()["items"][0]["place_id"]
    await push(mine, op("visit", visit_id, {"household_id": household_id, **MET}))
    with monkeypatch.context() as died:
        died.setattr(way_in, "release", nothing)
        await mine.post("/v1/households", json={"id": household_id, "place_id": place_id, "number": "9901-01"})
    assert (await mine.get(f"/v1/visits/{visit_id}")).status_code == 404
    await hourly.sweep(county.access)
    assert (await mine.get(f"/v1/visits/{visit_id}")).status_code == 200
    assert await listed(mine, "held-ops", visit_id) is None


async def test_a_page_of_a_list_follows_the_last(county: County) -> None:
    mine = await county.sign_in("worker-1")
    await push(mine, *(op("visit", uuid4(), {"household_id": str(uuid4()), **MET}) for _ in range(5)))
    first = (await mine.get("/v1/held-ops?limit=2")).json()
    second = (await mine.get("/v1/held-ops", params={"limit": 2, "cursor": first["next"]})).json()
    assert len({item["id"] for item in first["items"] + second["items"]}) == 4
    assert slug(await mine.get("/v1/held-ops", params={"cursor": first["next"], "settled": True})) == (422, "bad-cursor")
    assert slug(await mine.get("/v1/inbox", params={"cursor": first["next"]})) == (422, "bad-cursor")
