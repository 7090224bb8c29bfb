"""Catalogues over HTTP: the county's codes for what visits are about."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from api.embedded import Urls
from api.kinds import CATALOGUE_ENTRY
from api.rules.standard_catalogues import standard
from tests.conftest import Phone, SignIn
from tests.county import refused


def an_entry(**members: Any) -> dict[str, Any]:
    return {"catalogue": "visit_purpose", "code": f"tried_{uuid4().hex[:8]}", "name": "法律咨询", "name_en": "Legal advice", **members}


async def added(county: Phone, **members: Any) -> dict[str, Any]:
    reply = await county.post("/v1/catalogue-entries", json=an_entry(**members))
    assert reply.status_code == 201, reply.text
    entry: dict[str, Any] = reply.json()
    return entry


async def change(county: Phone, entry: dict[str, Any], etag: str | None = None, **members: Any) -> httpx.Response:
    etag = etag or f'"{entry["rev"]}"'
    return await county.patch(f"/v1/catalogue-entries/{entry['id']}", json=members, headers={"If-Match": etag})


async def test_the_seeded_codes_are_there(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    items = (await worker.get("/v1/catalogue-entries", params={"limit": 200})).json()["items"]
    listed = {(item["catalogue"], item["code"], item["name"], item["name_en"]) for item in items if item["active"]}
    assert {(entry["catalogue"], entry["code"], entry["name"], entry["name_en"]) for entry in standard()} <= listed


async def test_the_county_adds_a_code_and_a_worker_uses_it(sign_in: SignIn) -> None:
    county, worker = await sign_in("county-admin"), await sign_in("worker-1")
    body = an_entry()
    reply = await county.post("/v1/catalogue-entries", json=body)
    entry = reply.json()
    assert (reply.status_code, reply.headers["etag"]) == (201, '"1"')
    assert reply.headers["location"] == f"/v1/catalogue-entries/{entry['id']}"
    assert entry.items() >= {**body, "active": True, "rev": 1, "voided": False, "place_id": 1}.items()
    assert (await worker.get(f"/v1/catalogue-entries/{entry['id']}")).json() == entry
    household = (await worker.get("/v1/households", params={"limit": 1})).json()["items"][0]["id"]
    visit = {"household_id": household, "visited_on": "2019-05-06", "outcome": "met", "purposes": [body["code"]]}
    assert (await worker.post("/v1/visits", json=visit)).status_code == 201


async def test_a_code_is_never_used_for_something_else(sign_in: SignIn) -> None:
    county = await sign_in("county-admin")
    entry = await added(county)
    reply = await county.post("/v1/catalogue-entries", json=an_entry(code=entry["code"]))
    assert (reply.status_code, reply.json()["type"]) == (409, "/problems/code-taken")
    assert (await county.post("/v1/catalogue-entries", json=an_entry(code=entry["code"], catalogue="follow_up_reason"))).status_code == 201
    refused(await change(county, entry, code="something_else"), 422, "fixed", "/code")
    refused(await change(county, entry, catalogue="follow_up_reason"), 422, "fixed", "/catalogue")


async def test_the_same_post_again_gives_the_stored_entry(sign_in: SignIn) -> None:
    county = await sign_in("county-admin")
    body = an_entry(id=str(uuid4()))
    first, again = [await county.post("/v1/catalogue-entries", json=body) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    refused(await county.post("/v1/catalogue-entries", json={**body, "name": "别的"}), 409, "id-taken")


async def test_a_change_names_the_revision_that_was_edited(sign_in: SignIn) -> None:
    county = await sign_in("county-admin")
    entry = await added(county)
    refused(await county.patch(f"/v1/catalogue-entries/{entry['id']}", json={"active": False}), 428, "if-match-required")
    for etag in ('"2"', 'W/"1"', "1"):
        refused(await change(county, entry, etag, active=False), 412, "stale")
    changed = await change(county, entry, active=False)
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    assert changed.json() == {**entry, "rev": 2, "active": False, "updated_at": changed.json()["updated_at"]}
    assert (await change(county, changed.json(), active=False)).json() == changed.json()
    for member in ("name", "name_en", "active", "code", "catalogue"):
        refused(await change(county, changed.json(), **{member: None}), 422, "invalid", f"/{member}")
    trail = (await county.get(f"/v1/catalogue-entries/{entry['id']}/revisions")).json()["items"]
    assert [(t["rev"], t["changes"]) for t in trail] == [(1, None), (2, {"active": [True, False]})]
    assert trail[1]["by_user_id"] == (await county.get("/v1/me")).json()["id"]


async def test_what_no_longer_may_be_chosen_stays_in_the_visits_that_have_it(sign_in: SignIn) -> None:
    county, worker = await sign_in("county-admin"), await sign_in("worker-1")
    entry = await added(county)
    household = (await worker.get("/v1/households", params={"limit": 1})).json()["items"][0]["id"]
    body = {"household_id": household, "visited_on": "2019-05-07", "outcome": "met", "purposes": [entry["code"]]}
    visit = (await worker.post("/v1/visits", json=body)).json()
    await change(county, entry, active=False)
    changed = await worker.patch(f"/v1/visits/{visit['id']}", json={"notes": "补记"}, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.json()["purposes"]) == (200, [entry["code"]])


@pytest.mark.parametrize(
    ("member", "word"),
    [("name", "孕情记号"), ("name", "计划外生育记号"), ("name_en", "Birth permit MARK"), ("code", "pregnancy_mark"), ("code", "iud_mark")],
)
async def test_words_of_the_old_registers_name_no_catalogue_entry(sign_in: SignIn, urls: Urls, member: str, word: str) -> None:
    county = await sign_in("county-admin")
    replies = [await county.post("/v1/catalogue-entries", json=an_entry(**{member: word}))]
    if member != "code":
        entry = await added(county)
        replies.append(await change(county, entry, **{member: word}))
        assert (await county.get(f"/v1/catalogue-entries/{entry['id']}")).json() == entry
    for reply in replies:
        refused(reply, 422, "refused-word", f"/{member}")
        assert word not in reply.text
    connection = await asyncpg.connect(urls.admin)
    for table in ("catalogue_entry", "revision", "change"):
        assert await connection.fetchval(f"SELECT count(*) FROM {table} t WHERE t::text LIKE '%' || $1 || '%'", word) == 0
    await connection.close()


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("code", "Upper"),
        ("code", "1digit"),
        ("code", "with space"),
        ("code", "a" * 51),
        ("code", ""),
        ("name", " "),
        ("name", "长" * 51),
        ("name_en", "x" * 81),
        ("catalogue", "births"),
        ("active", "yes"),
        ("active", None),
    ],
)
async def test_every_fault_is_named_by_its_place(sign_in: SignIn, member: str, value: Any) -> None:
    reply = await (await sign_in("county-admin")).post("/v1/catalogue-entries", json=an_entry(**{member: value}))
    refused(reply, 422, "invalid", f"/{member}")


# Lists


async def pages(phone: Phone, **params: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    following: dict[str, Any] = {}
    while True:
        page = (await phone.get("/v1/catalogue-entries", params={**params, **following})).json()
        items += page["items"]
        if page["next"] is None:
            return items
        assert following.get("cursor") != page["next"]  # it goes on
        following = {"cursor": page["next"]}


@pytest.mark.parametrize("username", ["county-admin", "township-1", "worker-4", "lead-1", "head-1"])
async def test_paging_gives_everything_once_in_order_of_codes(sign_in: SignIn, username: str) -> None:
    phone = await sign_in(username)
    singly, by_seven, at_once = [await pages(phone, limit=limit) for limit in (1, 7, 200)]
    assert singly == by_seven == at_once
    assert len({item["id"] for item in at_once}) == len(at_once) >= len(standard())
    seeded = {str(entry["id"]) for entry in standard()}
    codes = [item["code"].replace("_", "") for item in at_once if item["id"] in seeded]
    assert codes == sorted(codes)


async def test_each_filter_gives_those_that_fit(sign_in: SignIn) -> None:
    county = await sign_in("county-admin")
    await change(county, await added(county), active=False)
    everything = await pages(county, limit=200)
    filters: list[tuple[dict[str, Any], Callable[[dict[str, Any]], bool]]] = [
        ({"catalogue": "follow_up_reason"}, lambda e: e["catalogue"] == "follow_up_reason"),
        ({"active": False}, lambda e: e["active"] is False),
        ({"catalogue": "visit_purpose", "active": True}, lambda e: (e["catalogue"], e["active"]) == ("visit_purpose", True)),
    ]
    assert {name for params, _ in filters for name in params} == set(CATALOGUE_ENTRY.documents.filters)
    for params, fits in filters:
        found = await pages(county, limit=3, **params)
        assert found == [entry for entry in everything if fits(entry)], params
        assert found


@pytest.mark.parametrize(
    ("query", "pointer"), [("limit=201", "?limit"), ("code=a", "?code"), ("active=7", "?active"), ("catalogue=x", "?catalogue")]
)
async def test_unknown_and_odd_query_parameters_are_refused(sign_in: SignIn, query: str, pointer: str) -> None:
    refused(await (await sign_in("worker-1")).get(f"/v1/catalogue-entries?{query}"), 422, "invalid", pointer)


async def test_a_cursor_goes_with_its_own_list_and_filters(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    given = (await worker.get("/v1/catalogue-entries", params={"limit": 2})).json()["next"]
    refused(await worker.get("/v1/catalogue-entries", params={"cursor": given, "active": True}), 422, "bad-cursor")
    refused(await worker.get("/v1/catalogue-entries", params={"cursor": given[:-1]}), 422, "bad-cursor")
    refused(await worker.get("/v1/places", params={"cursor": given}), 422, "bad-cursor")
