"""Two records that are one person, households that become one or two, and what a change would touch."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from api.problems import HAS_RECORDS, ID_TAKEN, JOINED_ALREADY, LOOKS_DOUBLE, NOT_ALLOWED, NOT_FOUND, STALE, VOIDED
from tests.api.test_follow_up import raised, visited
from tests.api.test_household import entered
from tests.api.test_person import added, change, found
from tests.conftest import Phone, SignIn
from tests.county import OTHER, VILLAGE, County, fold, level, op, push, refused
from tests.two_places import a_place, accepted


@pytest.fixture
async def worker(sign_in: SignIn) -> Phone:
    return await sign_in("worker-1")


async def tell(phone: Phone, path: str, **body: Any) -> httpx.Response:
    preview = {"preview": body.pop("preview")} if "preview" in body else {}
    return await phone.post(f"/v1/{path}", json=body, params=preview)


async def records(phone: Phone, path: str, **body: Any) -> dict[str, int]:
    reply = await tell(phone, path, **body)
    assert reply.status_code == 200, reply.text
    counts: dict[str, int] = reply.json()["records"]
    return counts


async def get(phone: Phone, kind: str, record: dict[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = (await phone.get(f"/v1/{kind}/{record['id']}")).json()
    return document


# People


async def test_one_of_two_records_is_voided_and_names_the_other(worker: Phone) -> None:
    household = await entered(worker)
    one, into = await added(worker, household["id"], name="逄二次"), await added(worker, household["id"], name="逄二次甲")
    await change(worker, household, "households", head_id=one["id"])
    assert await records(worker, f"people/{one['id']}/join", into_id=into["id"], preview=True) == {"household": 1, "person": 1}
    assert (await get(worker, "people", one))["voided"] is False
    assert await records(worker, f"people/{one['id']}/join", into_id=into["id"]) == {"household": 1, "person": 1}
    joined = await get(worker, "people", one)
    assert (joined["voided"], joined["joined_into_id"], joined["name"]) == (True, into["id"], "逄二次")
    assert (await get(worker, "households", household))["head_id"] == into["id"]
    assert await found(worker, "逄二次", household_id=household["id"]) == [into["id"]]
    assert await records(worker, f"people/{one['id']}/join", into_id=into["id"]) == {}
    trail = (await worker.get(f"/v1/people/{one['id']}/revisions")).json()["items"]
    assert trail[-1]["changes"] == {"voided": [False, True], "joined_into_id": [None, into["id"]]}


async def test_they_can_be_parted_again(worker: Phone) -> None:
    household = await entered(worker)
    one, into = await added(worker, household["id"], name="逄三次"), await added(worker, household["id"])
    assert await records(worker, f"people/{one['id']}/part") == {}
    await tell(worker, f"people/{one['id']}/join", into_id=into["id"])
    assert await records(worker, f"people/{one['id']}/part") == {"person": 1}
    whole = await get(worker, "people", one)
    assert (whole["voided"], whole["joined_into_id"], whole["rev"]) == (False, None, 3)
    assert (await change(worker, whole, status="away")).status_code == 200
    assert await found(worker, "逄三次", household_id=household["id"]) == [one["id"]]


async def test_only_what_was_joined_is_parted(worker: Phone) -> None:
    person = await added(worker, (await entered(worker))["id"])
    await tell(worker, f"people/{person['id']}/void", reason="重复登记")
    refused(await tell(worker, f"people/{person['id']}/part"), 409, VOIDED.slug)


async def test_who_was_joined_takes_nobody_in_and_is_joined_once(worker: Phone) -> None:
    household = await entered(worker)
    one, two, three = [await added(worker, household["id"]) for _ in range(3)]
    await tell(worker, f"people/{one['id']}/join", into_id=two["id"])
    for body in ((one, three), (three, one)):
        reply = await tell(worker, f"people/{body[0]['id']}/join", into_id=body[1]["id"])
        refused(reply, 409, JOINED_ALREADY.slug)
        assert reply.json()["joined_into_id"] == two["id"]
    refused(await tell(worker, f"people/{two['id']}/join", into_id=two["id"]), 404, NOT_FOUND.slug)
    assert await records(worker, f"people/{two['id']}/join", into_id=three["id"]) == {"person": 1}  # a chain is fine


async def test_nobody_is_joined_with_somebody_out_of_reach(worker: Phone, sign_in: SignIn) -> None:
    stranger, lead = await sign_in("worker-4"), await sign_in("lead-1")
    theirs = await added(stranger, (await entered(stranger))["id"])
    [group] = [place["place_id"] for place in (await lead.get("/v1/me")).json()["places"]]
    household = await entered(worker, place_id=group)
    one, two = await added(worker, household["id"]), await added(worker, household["id"])
    for body in ((one, theirs["id"]), (theirs, one["id"]), (one, str(uuid4()))):
        refused(await tell(worker, f"people/{body[0]['id']}/join", into_id=body[1]), 404, NOT_FOUND.slug)
    refused(await tell(lead, f"people/{one['id']}/join", into_id=two["id"]), 403, NOT_ALLOWED.slug)


async def test_phones_learn_the_successor(county: County) -> None:
    officer, phone = await county.sign_in("township-1"), await county.sign_in("worker-1")
    copy, cursor = await level(phone)
    people = [key for key in fold(copy) if key[0] == "person"][:2]
    one, into = people[0][1], people[1][1]
    await tell(officer, f"people/{one}/join", into_id=into)
    changes, cursor = await level(phone, cursor)
    [gone] = [change for change in changes if change["id"] == one]
    assert (gone["op"], gone["reason"], gone["successor_id"]) == ("remove", "voided", into)
    [result] = await push(phone, op("person", one, {"status": "away"}, 1))
    assert result["outcome"] == "inbox"
    await tell(officer, f"people/{one}/part")
    changes, _ = await level(phone, cursor)
    [back] = [change for change in changes if change["id"] == one]
    assert (back["op"], back["doc"]["joined_into_id"]) == ("upsert", None)


# Households


async def test_residences_and_consents_are_of_the_one_who_is_left(county: County) -> None:
    """And of whoever they were, when the two are parted."""
    migrant = await accepted(county)
    twin = await a_place(county, "worker-4", "刘远")
    await migrant.there.consents("share_contact")
    await twin.consents("share_contact", "withdrawn")
    _, there = await migrant.both()
    at_home = [(await migrant.home.residence(migrant.residence_id))["other"]["phones"]]
    for action, body, person in (("join", {"into_id": twin.person}, twin.person), ("part", {}, migrant.there.person)):
        reply = await migrant.there.worker.post(f"/v1/people/{migrant.there.person}/{action}", json=body)
        assert reply.status_code == 200, reply.text
        home, there = await migrant.both()
        assert (there["person_id"], there["state"]) == (person, "accepted")
        at_home.append(home["other"]["phones"])
    assert at_home == [["13800138000"], [], ["13800138000"]]


async def test_a_refusal_holds_however_often_its_record_is_joined(county: County) -> None:
    migrant = await accepted(county)
    twins = [await a_place(county, "worker-4", "刘远") for _ in range(2)]
    await migrant.there.consents("share_contact")
    await twins[0].consents("share_contact", "withdrawn")
    assert (await migrant.home.residence(migrant.residence_id))["other"]["phones"] == ["13800138000"]
    for one, into in ((twins[0].person, twins[1].person), (twins[1].person, migrant.there.person)):
        reply = await migrant.there.worker.post(f"/v1/people/{one}/join", json={"into_id": into})
        assert reply.status_code == 200, reply.text
    assert (await migrant.home.residence(migrant.residence_id))["other"]["phones"] == []


async def test_a_household_goes_into_another_and_keeps_its_visits(worker: Phone) -> None:
    one, into = await entered(worker), await entered(worker)
    people = [await added(worker, one["id"], relation=relation) for relation in ("head", "child")]
    one = (await change(worker, one, "households", head_id=people[0]["id"])).json()
    await visited(worker, one)
    due = await raised(worker, one, words="看看扶手", priority="high")
    ended = (
        await change(worker, await raised(worker, one, due_on="2026-11-25"), "follow-ups", status="dropped", dropped_because="好了")
    ).json()

    would = await records(worker, f"households/{one['id']}/merge", into_id=into["id"], preview=True)
    assert would == {"household": 1, "person": 2, "follow_up": 2}
    assert await records(worker, f"households/{one['id']}/merge", into_id=into["id"]) == would
    gone = await get(worker, "households", one)
    assert (gone["status"], gone["head_id"], gone["joined_into_id"], gone["voided"]) == ("dissolved", None, into["id"], False)
    moved = (await worker.get("/v1/people", params={"household_id": into["id"]})).json()["items"]
    assert {(person["id"], person["relation"]) for person in moved} == {(person["id"], "other") for person in people}
    assert len((await worker.get("/v1/visits", params={"household_id": one["id"]})).json()["items"]) == 1
    dropped = await get(worker, "follow-ups", due)
    assert (dropped["status"], bool(dropped["dropped_because"])) == ("dropped", True)
    [again] = (await worker.get("/v1/follow-ups", params={"household_id": into["id"]})).json()["items"]
    assert (again["words"], again["priority"], again["status"]) == ("看看扶手", "high", "open")
    assert await get(worker, "follow-ups", ended) == ended
    refused(await tell(worker, f"households/{into['id']}/merge", into_id=one["id"]), 409, JOINED_ALREADY.slug)
    assert await records(worker, f"households/{one['id']}/merge", into_id=into["id"]) == {}


async def test_some_of_the_people_found_a_household_of_their_own(worker: Phone) -> None:
    one = await entered(worker)
    head, spouse, child = [await added(worker, one["id"], relation=relation) for relation in ("head", "spouse", "child")]
    one = (await change(worker, one, "households", head_id=head["id"])).json()
    new = {"id": str(uuid4()), "place_id": one["place_id"], "number": f"分-{uuid4().hex[:8]}", "head_id": child["id"]}
    who = {"person_ids": [child["id"], spouse["id"]]}
    assert await records(worker, f"households/{one['id']}/split", **new, **who, preview=True) == {"household": 1, "person": 2}
    assert (await worker.get(f"/v1/households/{new['id']}")).status_code == 404
    assert await records(worker, f"households/{one['id']}/split", **new, **who) == {"household": 1, "person": 2}
    there = (await worker.get("/v1/people", params={"household_id": new["id"]})).json()["items"]
    assert {(person["id"], person["relation"]) for person in there} == {(child["id"], "head"), (spouse["id"], "other")}
    assert (await get(worker, "households", one))["head_id"] == head["id"]
    refused(await tell(worker, f"households/{one['id']}/split", **new, person_ids=[str(uuid4())]), 404, NOT_FOUND.slug)


async def test_a_head_that_leaves_heads_the_old_household_no_more(worker: Phone) -> None:
    one = await entered(worker)
    head = await added(worker, one["id"], relation="head")
    await change(worker, one, "households", head_id=head["id"])
    new = {"place_id": one["place_id"], "number": f"分-{uuid4().hex[:8]}", "head_id": head["id"], "person_ids": [head["id"]]}
    assert await records(worker, f"households/{one['id']}/split", **new) == {"household": 2, "person": 1}
    assert (await get(worker, "households", one))["head_id"] is None


# What a change would touch


async def test_a_move_says_beforehand_what_it_takes_along(worker: Phone) -> None:
    groups = [p["place_id"] for p in (await worker.get("/v1/places", params={"level": "group"})).json()["items"]]
    household = await entered(worker, place_id=groups[0])
    for _ in range(2):
        await added(worker, household["id"])
    await visited(worker, household)
    await raised(worker, household)
    path, headers = f"/v1/households/{household['id']}?preview=true", {"If-Match": '"1"'}
    would = (await worker.patch(path, json={"place_id": groups[1]}, headers=headers)).json()
    assert would == {"id": household["id"], "records": {"household": 1, "person": 2, "visit": 1, "follow_up": 1}}
    assert (await get(worker, "households", household))["place_id"] == groups[0]
    refused(await worker.patch(path, json={"place_id": 2_000_000}, headers=headers), 404, NOT_FOUND.slug)
    refused(await worker.patch(path, json={"address": "村西头"}, headers={"If-Match": '"7"'}), 412, STALE.slug)
    assert (await worker.patch(path, json={"address": "村西头"}, headers=headers)).json()["records"] == {"household": 1}


async def test_parting_makes_likely_doubles_no_obstacle(worker: Phone) -> None:
    """They were told apart by somebody who knows."""
    household = await entered(worker)
    one = await added(worker, household["id"], name="逄四次", born_on="1950-01-01")
    body = {"household_id": household["id"], "name": "逄四次", "born_on": "1950-02-02"}
    refused(await worker.post("/v1/people", json=body), 409, LOOKS_DOUBLE.slug)
    two = (await worker.post("/v1/people?confirm=true", json=body)).json()
    await tell(worker, f"people/{two['id']}/join", into_id=one["id"])
    assert await records(worker, f"people/{two['id']}/part") == {"person": 1}


# Half-way, twice, and afterwards


@pytest.mark.parametrize("kind", ["people", "households"])
async def test_of_two_that_are_joined_into_each_other_at_once_one_stays(county: County, kind: str) -> None:
    worker, officer = await county.sign_in("worker-1"), await county.sign_in("township-1")
    call = "join" if kind == "people" else "merge"
    for _ in range(8):
        homes = [await entered(worker) for _ in range(2)]
        one, other = homes if kind == "households" else [await added(worker, home["id"]) for home in homes]
        replies = await asyncio.gather(
            tell(worker, f"{kind}/{one['id']}/{call}", into_id=other["id"]),
            tell(officer, f"{kind}/{other['id']}/{call}", into_id=one["id"]),
        )
        assert sorted(reply.status_code for reply in replies) == [200, 409], [reply.text for reply in replies]
        joined = [bool((await get(worker, kind, record))["joined_into_id"]) for record in (one, other)]
        assert sorted(joined) == [False, True]


@pytest.mark.parametrize("kind", ["people", "households"])
async def test_one_that_is_joined_into_two_at_once_goes_into_one(county: County, kind: str) -> None:
    """And who comes too late is told so."""
    worker, officer = await county.sign_in("worker-1"), await county.sign_in("township-1")
    call = "join" if kind == "people" else "merge"
    household = await entered(worker)
    for _ in range(8):
        one, *into = [await entered(worker) if kind == "households" else await added(worker, household["id"]) for _ in range(3)]
        replies = await asyncio.gather(
            *(
                tell(phone, f"{kind}/{one['id']}/{call}", into_id=record["id"])
                for phone, record in zip((worker, officer), into, strict=True)
            )
        )
        assert sorted(reply.status_code for reply in replies) == [200, 409], [reply.text for reply in replies]
        [late] = [reply for reply in replies if reply.status_code == 409]
        refused(late, 409, JOINED_ALREADY.slug)


async def test_what_others_were_joined_into_is_not_voided(county: County) -> None:
    """It stands for them: they would be in no list."""
    worker = await county.sign_in("worker-1")
    household, into = await entered(worker), await entered(worker)
    one, two = await added(worker, household["id"]), await added(worker, household["id"])
    await records(worker, f"people/{one['id']}/join", into_id=two["id"])
    refused(await tell(worker, f"people/{two['id']}/void", reason="登记错了"), 409, HAS_RECORDS.slug)
    [result] = await push(worker, {"kind": "person", "id": two["id"], "base_rev": 1, "at": "2026-11-24T09:00:00.000+08:00", "void": "错"})
    assert (result["outcome"], result["problem"]["type"]) == ("rejected", f"/problems/{HAS_RECORDS.slug}")
    await records(worker, f"people/{one['id']}/part")
    assert (await tell(worker, f"people/{two['id']}/void", reason="登记错了")).status_code == 200
    await change(worker, await get(worker, "people", one), household_id=into["id"])
    away = await entered(worker)
    await records(worker, f"households/{away['id']}/merge", into_id=household["id"])
    refused(await tell(worker, f"households/{household['id']}/void", reason="登记错了"), 409, HAS_RECORDS.slug)


@pytest.mark.parametrize("kind", ["people", "households"])
async def test_the_refusal_is_documented(anybody: Phone, kind: str) -> None:
    call = (await anybody.get("/openapi.json")).json()["paths"][f"/v1/{kind}/{{id}}/void"]["post"]
    assert HAS_RECORDS.slug in str(call["responses"]["409"])


async def test_what_is_open_survives_each_merge_whatever_it_names(county: County) -> None:
    worker, officer = await county.sign_in("worker-1"), await county.sign_in("township-1")
    gone_id, _ = await county.user("village", VILLAGE)
    one, into, elsewhere = await entered(worker), await entered(worker), await entered(officer, place_id=OTHER)
    person = await added(worker, one["id"])
    follow_up = await raised(worker, one, person_id=person["id"], assignee_id=gone_id, words="送药")
    await change(officer, person, household_id=elsewhere["id"])
    await county.owner.execute("UPDATE membership SET revoked_tick = granted_tick WHERE user_id = $1", UUID(gone_id))
    for _ in range(2):
        await records(worker, f"households/{one['id']}/merge", into_id=into["id"])
        there = (await worker.get("/v1/follow-ups", params={"household_id": into["id"], "status": "open"})).json()["items"]
        [again] = there
        assert (again["person_id"], again["assignee_id"], again["words"]) == (None, None, "送药")
        await change(worker, again, "follow-ups", status="dropped", dropped_because="不用了")
        one = (await change(worker, await get(worker, "households", one), "households", status="living_here")).json()
        assert one["joined_into_id"] is None
        await change(worker, await get(worker, "follow-ups", follow_up), "follow-ups", status="open", dropped_because=None)


async def test_nobody_moves_into_a_household_that_was_voided(county: County) -> None:
    worker = await county.sign_in("worker-1")
    household, voided = await entered(worker), await entered(worker)
    person = await added(worker, household["id"])
    assert (await tell(worker, f"households/{voided['id']}/void", reason="登记错了")).status_code == 200
    refused(await change(worker, person, household_id=voided["id"]), 409, VOIDED.slug, "/household_id")
    [result] = await push(worker, op("person", person["id"], {"household_id": voided["id"]}, 1))
    assert result["outcome"] == "inbox"
    assert (await get(worker, "people", person))["household_id"] == household["id"]


async def test_a_split_is_repeated_after_a_lost_reply(county: County) -> None:
    """And what a phone sent for the new household before it was there goes in at once."""
    worker = await county.sign_in("worker-1")
    household = await entered(worker)
    leaving, new, early = await added(worker, household["id"]), str(uuid4()), str(uuid4())
    [held] = await push(worker, op("person", early, {"household_id": new, "name": "早到"}))
    assert held["outcome"] == "held"
    body = {"id": new, "place_id": household["place_id"], "number": f"分-{new[:8]}", "person_ids": [leaving["id"]]}
    assert (await tell(worker, f"households/{household['id']}/split", **body)).json()["records"] == {"household": 1, "person": 1}
    assert (await get(worker, "people", {"id": early}))["household_id"] == new
    assert (await tell(worker, f"households/{household['id']}/split", **body)).json()["records"] == {}
    refused(await tell(worker, f"households/{household['id']}/split", **body | {"number": "别的"}), 409, ID_TAKEN.slug)
