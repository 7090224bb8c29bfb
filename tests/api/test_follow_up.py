"""Follow-ups: what is due at a household, whose it is, and how it ends. The fixed day is 2026-11-24."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from api.jobs import hourly
from api.kinds import FOLLOW_UP
from api.problems import NOT_ALLOWED, NOT_ENDED_SO, NOT_FOUND, REFUSED_WORD, UNKNOWN_CODE, WRONG_PLACE
from tests.api.test_household import entered
from tests.conftest import Phone, SignIn
from tests.county import ABOVE, OTHER, USERS, VILLAGE, County, op, push, refused

TODAY = "2026-11-24"
HER = str(USERS["worker-2"]["id"])
GROUPS = sorted(number for number, above in ABOVE.items() if above == VILLAGE)


@pytest.fixture
async def worker(sign_in: SignIn) -> Phone:
    return await sign_in("worker-1")


async def raise_one(phone: Phone, household: dict[str, Any], **members: Any) -> httpx.Response:
    body = {"household_id": household["id"], "reason": "elder_care", "due_on": TODAY, **members}
    return await phone.post("/v1/follow-ups?confirm=true", json=body)


async def raised(phone: Phone, household: dict[str, Any], **members: Any) -> dict[str, Any]:
    reply = await raise_one(phone, household, **members)
    assert reply.status_code == 201, reply.text
    follow_up: dict[str, Any] = reply.json()
    return follow_up


async def change(phone: Phone, record: dict[str, Any], kind: str = "follow-ups", **members: Any) -> httpx.Response:
    return await phone.patch(f"/v1/{kind}/{record['id']}", json=members, headers={"If-Match": f'"{record["rev"]}"'})


async def listed(phone: Phone, **query: Any) -> list[str]:
    reply = await phone.get("/v1/follow-ups", params={"limit": 200, **query})
    assert reply.status_code == 200, reply.text
    return [item["id"] for item in reply.json()["items"]]


async def visited(phone: Phone, household: dict[str, Any]) -> str:
    body = {"household_id": household["id"], "visited_on": TODAY, "outcome": "met"}
    return str((await phone.post("/v1/visits?confirm=true", json=body)).json()["id"])


async def test_a_follow_up_carries_all_its_members(worker: Phone) -> None:
    household = await entered(worker)
    visit = await visited(worker, household)
    follow_up = await raised(worker, household, words="带申请表", priority="high", raised_by_visit_id=visit)
    assert (await worker.get(f"/v1/follow-ups/{follow_up['id']}")).json() == follow_up
    for name in ("id", "created_at", "updated_at"):
        follow_up.pop(name)
    assert follow_up == {
        "rev": 1,
        "place_id": household["place_id"],
        "voided": False,
        "created_by": str(USERS["worker-1"]["id"]),
        "household_id": household["id"],
        "person_id": None,
        "reason": "elder_care",
        "words": "带申请表",
        "due_on": TODAY,
        "priority": "high",
        "assignee_id": None,
        "assignee_place_id": None,
        "status": "open",
        "raised_by_visit_id": visit,
        "done_by_visit_id": None,
        "dropped_because": None,
    }


async def test_what_it_holds_is_checked(worker: Phone) -> None:
    household = await entered(worker)
    refused(await raise_one(worker, household, reason="policy_information"), 422, UNKNOWN_CODE.slug, "/reason")
    refused(await raise_one(worker, household, words="催促结扎"), 422, REFUSED_WORD.slug, "/words")
    for unknown in ({"person_id": str(uuid4())}, {"raised_by_visit_id": str(uuid4())}, {"assignee_id": str(USERS["worker-4"]["id"])}):
        refused(await raise_one(worker, household, **unknown), 404, NOT_FOUND.slug)
    refused(await raise_one(worker, household, assignee_place_id=OTHER), 404, NOT_FOUND.slug)
    assert (await raised(worker, household, due_on="2020-01-01"))["due_on"] == "2020-01-01"


# How it ends


async def test_a_visit_ends_it(worker: Phone) -> None:
    household = await entered(worker)
    follow_up = await raised(worker, household)
    refused(await change(worker, follow_up, status="done"), 422, NOT_ENDED_SO.slug, "/done_by_visit_id")
    visit = await visited(worker, household)
    refused(await change(worker, follow_up, done_by_visit_id=visit), 422, NOT_ENDED_SO.slug, "/done_by_visit_id")
    done = (await change(worker, follow_up, status="done", done_by_visit_id=visit)).json()
    assert (done["status"], done["done_by_visit_id"]) == ("done", visit)
    opened = (await change(worker, done, status="open", done_by_visit_id=None)).json()
    assert opened["status"] == "open"


async def test_or_it_is_dropped_with_a_reason(worker: Phone) -> None:
    follow_up = await raised(worker, await entered(worker))
    refused(await change(worker, follow_up, status="dropped"), 422, NOT_ENDED_SO.slug, "/dropped_because")
    dropped = (await change(worker, follow_up, status="dropped", dropped_because="已由家人办好")).json()
    visit = await visited(worker, {"id": follow_up["household_id"]})
    refused(await change(worker, dropped, done_by_visit_id=visit), 422, NOT_ENDED_SO.slug, "/done_by_visit_id")


async def test_two_phones_that_end_it_otherwise_leave_it_to_people(county: County) -> None:
    one, two = await county.sign_in("worker-1"), await county.sign_in("worker-2")
    household = (await one.get("/v1/households", params={"limit": 1})).json()["items"][0]
    follow_up = await raised(one, household)
    visit = await visited(one, household)
    done = {"status": "done", "done_by_visit_id": visit}
    assert [r["outcome"] for r in await push(one, op("follow_up", follow_up["id"], done, 1))] == ["applied"]
    dropped = {"status": "dropped", "dropped_because": "不用了"}
    [result] = await push(two, op("follow_up", follow_up["id"], dropped, 1))
    assert (result["outcome"], {c["field"] for c in result["conflicts"]}) == ("conflict", {"status", "dropped_because"})
    assert result["doc"]["status"] == "done"


async def test_a_visit_and_what_it_ends_come_in_one_batch(county: County) -> None:
    phone = await county.sign_in("worker-1")
    household = (await phone.get("/v1/households", params={"limit": 1})).json()["items"][0]
    visit, follow_up = uuid4(), uuid4()
    results = await push(
        phone,
        op("follow_up", follow_up, {"household_id": household["id"], "reason": "elder_care", "due_on": TODAY}),
        op("follow_up", follow_up, {"status": "done", "done_by_visit_id": str(visit)}, 1),
        op("visit", visit, {"household_id": household["id"], "visited_on": TODAY, "outcome": "met"}),
    )
    assert [result["outcome"] for result in results] == ["applied"] * 3


# The morning


@pytest.mark.parametrize(
    ("day", "due"),
    [
        ("2026-11-23", {"overdue"}),
        ("2026-11-24", {"today", "week"}),
        ("2026-11-25", {"week"}),
        ("2026-11-30", {"week"}),
        ("2026-12-01", set()),
        ("2020-01-01", {"overdue"}),
    ],
)
async def test_what_is_due(worker: Phone, day: str, due: set[str]) -> None:
    household = await entered(worker)
    follow_up = await raised(worker, household, due_on=day)
    found = {
        which for which in ("today", "overdue", "week") if follow_up["id"] in await listed(worker, due=which, household_id=household["id"])
    }
    assert found == due


async def test_what_has_ended_is_not_due(worker: Phone) -> None:
    household = await entered(worker)
    await change(worker, await raised(worker, household), status="dropped", dropped_because="办好了")
    assert await listed(worker, due="today", household_id=household["id"]) == []


@pytest.mark.parametrize("status", ["away", "moved", "dissolved"])
async def test_a_household_that_is_not_there_silences_its_follow_ups(worker: Phone, status: str) -> None:
    household = await entered(worker)
    follow_up = await raised(worker, household)
    there = {"household_id": household["id"]}
    gone = (await change(worker, household, "households", status=status)).json()
    assert (await listed(worker, due="today", **there), await listed(worker, silenced=True, **there)) == ([], [follow_up["id"]])
    assert (await change(worker, gone, "households", status="living_here")).status_code == 200
    assert (await listed(worker, due="today", **there), await listed(worker, silenced=True, **there)) == ([follow_up["id"]], [])


async def test_each_filter_gives_those_that_fit(worker: Phone) -> None:
    everything = []
    for status in ("open", "done", "dropped"):
        everything += (await worker.get("/v1/follow-ups", params={"limit": 200, "status": status})).json()["items"]
    me, some = str(USERS["worker-1"]["id"]), next(item for item in everything if item["person_id"] and item["status"] == "open")
    tests: dict[str, Any] = {
        "household_id": (some["household_id"], lambda f: f["household_id"] == some["household_id"]),
        "person_id": (some["person_id"], lambda f: f["person_id"] == some["person_id"]),
        "place_id": (some["place_id"], lambda f: f["place_id"] == some["place_id"]),
        "status": ("dropped", lambda f: f["status"] == "dropped"),
        "priority": ("high", lambda f: f["priority"] == "high"),
        "reason": ("subsidy", lambda f: f["reason"] == "subsidy"),
        "due_from": ("2026-11-20", lambda f: f["due_on"] >= "2026-11-20"),
        "due_to": ("2026-11-20", lambda f: f["due_on"] <= "2026-11-20"),
        "mine": ("true", lambda f: f["assignee_id"] in (None, me)),
    }
    assert tests.keys() | {"q", "silenced"} == FOLLOW_UP.documents.filters.keys()
    for name, (value, fits) in tests.items():
        found = await listed(worker, **{name: value})
        assert set(found) == {item["id"] for item in everything if fits(item)}, name
        assert found


async def test_it_is_found_by_the_household_and_by_who_lives_there(worker: Phone) -> None:
    number = f"催-{uuid4().hex[:8]}"
    household = await entered(worker, number=number)
    await worker.post("/v1/people", json={"household_id": household["id"], "name": "逄大力", "phones": ["15400005555"]})
    follow_up = await raised(worker, household)
    for q in (number, number[2:], "逄大力", "daliang"[:4], "pdl"):
        assert await listed(worker, q=q, household_id=household["id"]) == [follow_up["id"]], q
    assert await listed(worker, q="5555", household_id=household["id"]) == []


async def test_the_list_is_in_the_order_of_days(worker: Phone) -> None:
    days: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await worker.get("/v1/follow-ups", params={"limit": 7, **({"cursor": cursor} if cursor else {})})).json()
        days += [item["due_on"] for item in page["items"]]
        cursor = page["next"]
    assert days == sorted(days)
    assert len(days) > 14


# Whose it is


async def test_the_lead_household_raises_its_own_and_leaves_those_of_others(worker: Phone, sign_in: SignIn) -> None:
    lead = await sign_in("lead-1")
    [group] = [place["place_id"] for place in (await lead.get("/v1/me")).json()["places"]]
    household = await entered(worker, place_id=group)
    own, other = await raised(lead, household, words="看看老人"), await raised(worker, household)
    assert (await change(lead, own, priority="low")).status_code == 200
    refused(await change(lead, other, priority="low"), 403, NOT_ALLOWED.slug)


async def test_what_is_nobodys_is_the_places_and_what_is_the_townships_is_not_the_villages(worker: Phone, sign_in: SignIn) -> None:
    officer, household = await sign_in("township-1"), await entered(worker)
    [township] = [place["place_id"] for place in (await officer.get("/v1/me")).json()["places"]]
    nobodys, townships = await raised(worker, household), await raised(worker, household, assignee_place_id=township)
    colleagues = await raised(worker, household, assignee_id=str(USERS["worker-2"]["id"]))
    there = {"household_id": household["id"], "mine": True}
    assert await listed(worker, **there) == [nobodys["id"]]
    assert await listed(officer, **there) == [townships["id"]]
    assert set(await listed(await sign_in("worker-2"), **there)) == {nobodys["id"], colleagues["id"]}


@pytest.mark.parametrize("how", ["take", "close", "role"])
@pytest.mark.parametrize("who", ["township-1", "county-admin"])
async def test_what_a_leaving_worker_had_to_do_stays_on_somebodys_list(county: County, who: str, how: str) -> None:
    officer, colleague = await county.sign_in(who), await county.sign_in("worker-2")
    user_id, name = await county.user("village", VILLAGE, OTHER)
    leaving = await county.sign_in(name)
    household = (await leaving.get("/v1/households", params={"limit": 1, "place_id": VILLAGE, "status": "living_here"})).json()["items"][0]
    elsewhere = (await leaving.get("/v1/households", params={"limit": 1, "place_id": OTHER, "status": "living_here"})).json()["items"][0]
    mine, ended, there = [await raised(leaving, home, assignee_id=user_id) for home in (household, household, elsewhere)]
    await change(leaving, ended, status="dropped", dropped_because="办好了")
    assert mine["id"] not in await listed(colleague, mine=True)

    if how == "take":
        reply = await officer.post(f"/v1/users/{user_id}/places/{VILLAGE}/revoke")
    elif how == "close":
        reply = await officer.post(f"/v1/users/{user_id}/close")
    else:
        admin = await county.sign_in("county-admin")
        reply = await admin.patch(f"/v1/users/{user_id}", json={"role": "household_head"})
    assert reply.status_code == 200, reply.text
    assert mine["id"] in await listed(colleague, mine=True, due="today")
    assignees = {f["id"]: (await officer.get(f"/v1/follow-ups/{f['id']}")).json()["assignee_id"] for f in (mine, ended, there)}
    assert assignees == {mine["id"]: None, ended["id"]: user_id, there["id"]: user_id if how == "take" else None}
    [_, trail] = (await officer.get(f"/v1/follow-ups/{mine['id']}/revisions")).json()["items"]
    assert trail["changes"] == {"assignee_id": [user_id, None]}


@pytest.mark.parametrize("less", [{"place_id": GROUPS[1]}, {"place_id": VILLAGE, "reach": "self"}])
async def test_so_it_does_when_a_worker_is_given_less(county: County, less: dict[str, Any]) -> None:
    officer, colleague = await county.sign_in("township-1"), await county.sign_in("worker-2")
    user_id, name = await county.user("village", VILLAGE)
    worker = await county.sign_in(name)
    household, kept = await entered(worker), await entered(worker, place_id=less["place_id"])
    lost, mine = [await raised(worker, home, assignee_id=user_id) for home in (household, kept)]
    assert (await officer.post(f"/v1/users/{user_id}/places", json=less)).status_code == 200
    assert lost["id"] in await listed(colleague, mine=True)
    assert mine["id"] in await listed(worker, mine=True)
    assignees = [(await officer.get(f"/v1/follow-ups/{f['id']}")).json()["assignee_id"] for f in (lost, mine)]
    assert assignees == [None, user_id]


async def test_what_is_given_to_somebody_who_was_just_leaving_is_the_places(county: County) -> None:
    """Reopened, or raised while the account was being closed: on the list at once, and within the hour without the name."""
    officer, colleague = await county.sign_in("township-1"), await county.sign_in("worker-2")
    user_id, _ = await county.user("village", VILLAGE)
    household = await entered(colleague)
    ended, stays = await raised(colleague, household, assignee_id=user_id), await raised(colleague, household, assignee_id=HER)
    ended = (await change(colleague, ended, status="dropped", dropped_because="办好了")).json()
    assert (await officer.post(f"/v1/users/{user_id}/close")).status_code == 200
    assert (await change(colleague, ended, status="open", dropped_because=None)).json()["assignee_id"] == user_id
    assert ended["id"] in await listed(colleague, mine=True)
    assert ended["id"] in await listed(await county.sign_in("worker-1"), mine=True)
    assert ended["id"] not in await listed(officer, mine=True)
    await hourly.hand_over(county.access, 1)
    assignees = [(await officer.get(f"/v1/follow-ups/{f['id']}")).json()["assignee_id"] for f in (ended, stays)]
    assert assignees == [None, HER]


async def test_a_phone_that_gives_it_to_a_colleague_who_has_left_is_told(county: County) -> None:
    phone = await county.sign_in("worker-1")
    user_id, _ = await county.user("village", VILLAGE)
    household = await entered(phone)
    known = await raised(phone, household, assignee_id=user_id)
    known = (await change(phone, known, status="dropped", dropped_because="办好了")).json()
    assert (await (await county.sign_in("county-admin")).post(f"/v1/users/{user_id}/close")).status_code == 200
    doc = {"household_id": household["id"], "reason": "elder_care", "due_on": "2026-11-30", "status": "open", "assignee_id": user_id}
    visit = {"household_id": household["id"], "visited_on": "2026-11-20", "outcome": "absent", "with_worker_ids": [HER, user_id]}
    ops = [
        op("follow_up", str(uuid4()), doc),
        op("visit", str(uuid4()), visit),
        op("follow_up", known["id"], {**known, "words": "带表"}, 2),
    ]
    for outcome in ("applied", "unchanged"):
        results = await push(phone, *ops)
        assert [result["outcome"] for result in results] == [outcome] * 3
        assert (results[0]["doc"]["assignee_id"], results[1]["doc"]["with_worker_ids"]) == (None, [HER])
    assert (await phone.get(f"/v1/follow-ups/{known['id']}")).json()["assignee_id"] == user_id


async def test_the_countys_desk_is_given_none(worker: Phone) -> None:
    household = await entered(worker)
    body = {"household_id": household["id"], "reason": "elder_care", "due_on": "2026-11-30", "status": "open", "assignee_place_id": 1}
    refused(await worker.post("/v1/follow-ups", json=body), 422, WRONG_PLACE.slug, "/assignee_place_id")


async def test_a_household_that_moves_hands_its_follow_ups_to_the_new_place(county: County) -> None:
    officer = await county.sign_in("township-1")
    household = (await officer.get("/v1/households", params={"limit": 1, "place_id": VILLAGE})).json()["items"][0]
    follow_up = await raised(officer, household, assignee_id=str(USERS["worker-1"]["id"]))
    assert (await change(officer, household, "households", place_id=OTHER)).status_code == 200
    assert follow_up["id"] in await listed(await county.sign_in("worker-3"), mine=True)
    assert follow_up["id"] not in await listed(await county.sign_in("worker-1"))
