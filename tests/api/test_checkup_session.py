"""One dated session at a place: who keeps it, who reads it, and what is checked. Seats and moves: test_checkup_seats.py."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from api.kinds import CHECKUP_SESSION
from api.problems import FIXED, INVALID, NO_SUCH_ROUND, NOT_FOUND, NOT_IN_ORDER, OTHER_ROUND, REFUSED_WORD, WRONG_LEVEL
from tests.api.test_checkup_programme import FIRST, SECOND, offered
from tests.conftest import Phone, SignIn
from tests.county import ABOVE, HELD, OTHER, USERS, VILLAGE, op, push, refused

TOWNSHIP = ABOVE[VILLAGE]
[GROUP] = HELD["lead-1"]


@pytest.fixture
async def programme(sign_in: SignIn) -> str:
    return str((await offered(await sign_in("county-admin"), rounds=[FIRST, SECOND]))["id"])


async def hold(phone: Phone, programme: str, **members: Any) -> httpx.Response:
    body = {"place_id": VILLAGE, "programme_id": programme, "round": 1, "held_on": "2026-12-01", "venue": "村卫生室", **members}
    return await phone.post("/v1/checkup-sessions", json=body)


async def held(phone: Phone, programme: str, **members: Any) -> dict[str, Any]:
    reply = await hold(phone, programme, **members)
    assert reply.status_code == 201, reply.text
    return dict(reply.json())


async def change(phone: Phone, record: dict[str, Any], **members: Any) -> httpx.Response:
    return await phone.patch(f"/v1/checkup-sessions/{record['id']}", json=members, headers={"If-Match": f'"{record["rev"]}"'})


async def test_a_session_carries_all_its_members(sign_in: SignIn, programme: str) -> None:
    worker = await sign_in("worker-1")
    first = await held(worker, programme)
    made = await held(worker, programme, from_time="08:00", to_time="11:30", capacity=40, make_up_for_id=first["id"])
    assert (await worker.get(f"/v1/checkup-sessions/{made['id']}")).json() == made
    for name in ("id", "created_at", "updated_at"):
        made.pop(name)
    assert made == {
        "rev": 1,
        "place_id": VILLAGE,
        "voided": False,
        "created_by": str(USERS["worker-1"]["id"]),
        "programme_id": programme,
        "round": 1,
        "held_on": "2026-12-01",
        "from_time": "08:00",
        "to_time": "11:30",
        "venue": "村卫生室",
        "capacity": 40,
        "make_up_for_id": first["id"],
        "status": "planned",
        "full": False,
        "over_by": 0,
    }


async def test_what_it_holds_is_checked(sign_in: SignIn, programme: str) -> None:
    worker, officer = await sign_in("worker-1"), await sign_in("township-1")
    refused(await hold(worker, programme, round=3), 422, NO_SUCH_ROUND.slug, "/round")
    refused(await hold(worker, str(uuid4())), 404, NOT_FOUND.slug)
    refused(await hold(worker, programme, from_time="11:00", to_time="08:00"), 422, NOT_IN_ORDER.slug, "/to_time")
    refused(await hold(worker, programme, from_time="25:00"), 422, INVALID.slug, "/from_time")
    refused(await hold(worker, programme, capacity=0), 422, INVALID.slug, "/capacity")
    refused(await hold(worker, programme, venue="孕检室"), 422, REFUSED_WORD.slug, "/venue")
    made = await held(worker, programme)
    refused(await hold(worker, programme, round=2, make_up_for_id=made["id"]), 422, OTHER_ROUND.slug, "/make_up_for_id")
    refused(await change(worker, made, round=2), 422, FIXED.slug, "/round")
    refused(await change(officer, made, place_id=OTHER), 422, FIXED.slug, "/place_id")
    assert (await hold(officer, programme, place_id=TOWNSHIP)).status_code == 201
    refused(await hold(officer, programme, place_id=1), 404, NOT_FOUND.slug)
    assert WRONG_LEVEL.of_itself


@pytest.mark.parametrize(
    ("username", "place", "status"),
    [
        ("county-admin", VILLAGE, 403), ("township-1", TOWNSHIP, 201), ("township-1", VILLAGE, 201), ("township-2", VILLAGE, 404),
        ("worker-1", VILLAGE, 201), ("worker-1", GROUP, 201), ("worker-1", TOWNSHIP, 404), ("worker-3", VILLAGE, 404),
        ("lead-1", GROUP, 403), ("head-1", VILLAGE, 403),
    ],
)  # fmt: skip
async def test_township_and_village_hold_them_where_they_work(
    sign_in: SignIn, programme: str, username: str, place: int, status: int
) -> None:
    assert (await hold(await sign_in(username), programme, place_id=place)).status_code == status


@pytest.mark.parametrize("place", [TOWNSHIP, VILLAGE, GROUP])
async def test_it_is_read_where_it_is_held_and_below(sign_in: SignIn, programme: str, place: int) -> None:
    made = await held(await sign_in("township-1"), programme, place_id=place, capacity=3)
    readers = {
        "county-admin": True, "township-1": True, "worker-1": True, "lead-1": True,
        "worker-3": place == TOWNSHIP, "township-2": False, "worker-4": False, "head-1": False,
    }  # fmt: skip
    for username, reads in readers.items():
        phone = await sign_in(username)
        reply = await phone.get(f"/v1/checkup-sessions/{made['id']}")
        assert reply.status_code == (200 if reads else 404), username
        listed = (await phone.get("/v1/checkup-sessions", params={"programme_id": programme})).json()["items"]
        assert [item["id"] for item in listed] == ([made["id"]] if reads else []), username
        assert ("over_by" in reply.json()) is (reads and username != "lead-1"), username


async def test_it_is_made_offline_and_attendances_with_it(sign_in: SignIn, programme: str) -> None:
    worker, session = await sign_in("worker-1"), str(uuid4())
    body = {"place_id": VILLAGE, "programme_id": programme, "round": 1, "held_on": "2026-12-01", "venue": "村部"}
    [result] = await push(worker, op("checkup_session", session, body))
    assert result["outcome"] == "applied"
    wrong = {**body, "round": 9}
    [result] = await push(worker, op("checkup_session", uuid4(), wrong))
    assert (result["outcome"], result["problem"]["type"]) == ("rejected", "/problems/no-such-round")


async def test_each_filter_gives_those_that_fit(sign_in: SignIn, programme: str) -> None:
    officer = await sign_in("township-1")
    await held(officer, programme, place_id=TOWNSHIP, round=2, held_on="2027-01-05")
    await held(officer, programme, status="called_off")
    everything = (await officer.get("/v1/checkup-sessions", params={"limit": 200})).json()["items"]
    assert [item["held_on"] for item in everything] == sorted(item["held_on"] for item in everything)
    tests: dict[str, Any] = {
        "programme_id": (programme, lambda s: s["programme_id"] == programme),
        "round": (2, lambda s: s["round"] == 2),
        "place_id": (VILLAGE, lambda s: s["place_id"] == VILLAGE or ABOVE.get(s["place_id"]) == VILLAGE),
        "status": ("called_off", lambda s: s["status"] == "called_off"),
        "held_from": ("2027-01-01", lambda s: s["held_on"] >= "2027-01-01"),
        "held_to": ("2026-12-31", lambda s: s["held_on"] <= "2026-12-31"),
    }
    assert tests.keys() == CHECKUP_SESSION.documents.filters.keys()
    for name, (value, fits) in tests.items():
        found = (await officer.get("/v1/checkup-sessions", params={"limit": 200, name: value})).json()["items"]
        assert {item["id"] for item in found} == {item["id"] for item in everything if fits(item)}, name
        assert found
