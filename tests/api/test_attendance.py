"""Who was asked to a check-up and who came. The fixed day is 2026-11-24."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, get_args
from uuid import UUID, uuid4, uuid5

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api import checkups
from api.problems import DECLINED_THIS_ROUND, INVALID, MAKE_UP_ONCE, NO_SUCH_ROUND, NOT_FOUND, NOT_THIS_STEP, OTHER_ROUND, WRONG_ID
from api.rules.attendance import NAMESPACE, STEPS
from api.schemas.attendance import State
from tests.conftest import Databases, Phone
from tests.county import ABOVE, OTHER, VILLAGE, County, a_county, digest_of, fold, level, op, push, refused, should_hold
from tests.county import listed as kept

TOWNSHIP = ABOVE[VILLAGE]
STATES: tuple[State, ...] = get_args(State)
NOW = "2026-11-24T02:00:00.000Z"


class Round(NamedTuple):
    """A programme with its session in the township, who keep them, and a household."""

    county: County
    admin: Phone
    officer: Phone
    worker: Phone
    programme: str
    session: str
    household: dict[str, Any]

    async def person(self, phone: Phone | None = None, household: dict[str, Any] | None = None, **members: Any) -> str:
        body = {"household_id": (household or self.household)["id"], "name": "试", "born_on": "1950-01-01", "status": "present", **members}
        reply = await (phone or self.worker).post("/v1/people?confirm=true", json=body)
        assert reply.status_code == 201, reply.text
        return str(reply.json()["id"])

    def body(self, person: str, **members: Any) -> dict[str, Any]:
        return {"programme_id": self.programme, "round": 1, "person_id": person, "session_id": self.session, **members}

    async def post(self, phone: Phone, person: str, **members: Any) -> httpx.Response:
        return await phone.post("/v1/attendances", json=self.body(person, **members))

    async def put(self, person: str, **members: Any) -> dict[str, Any]:
        reply = await self.post(self.worker, person, **members)
        assert reply.status_code == 201, reply.text
        return dict(reply.json())

    async def get(self, attendance_id: Any) -> dict[str, Any]:
        reply = await self.officer.get(f"/v1/attendances/{attendance_id}")
        assert reply.status_code == 200, reply.text
        return dict(reply.json())

    async def at(self, state: str) -> dict[str, Any]:
        """A new person's attendance in this state."""
        first = {"missed": "invited", "none": "attended"}.get(state, state)
        made = await self.put(await self.person(), state=first)
        if state == "missed":
            made = (await change(self.worker, made, state="missed")).json()
        if state == "none":
            made = (await change(self.worker, made, state="none", undone_at=NOW)).json()
        assert made["state"] == state
        return made

    async def another(self, **members: Any) -> dict[str, Any]:
        body = {"place_id": TOWNSHIP, "programme_id": self.programme, "round": 1, "held_on": "2026-12-08", "venue": "卫生院", **members}
        reply = await self.officer.post("/v1/checkup-sessions", json=body)
        assert reply.status_code == 201, reply.text
        return dict(reply.json())

    async def session_now(self) -> dict[str, Any]:
        return dict((await self.officer.get(f"/v1/checkup-sessions/{self.session}")).json())

    async def reminders(self, person: str) -> list[dict[str, Any]]:
        found = (await self.officer.get("/v1/follow-ups", params={"person_id": person})).json()["items"]
        return sorted(found, key=lambda item: str(item["created_at"]))


async def change(phone: Phone, record: dict[str, Any], kind: str = "attendances", **members: Any) -> httpx.Response:
    return await phone.patch(f"/v1/{kind}/{record['id']}", json=members, headers={"If-Match": f'"{record["rev"]}"'})


async def listed(phone: Phone, **query: Any) -> list[str]:
    reply = await phone.get("/v1/attendances", params={"limit": 200, **query})
    assert reply.status_code == 200, reply.text
    return [item["id"] for item in reply.json()["items"]]


def id_of(programme: str, person: str, number: int = 1) -> str:
    return str(uuid5(NAMESPACE, f"{programme}:{number}:{person}"))


@pytest.fixture(scope="module")
async def county(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[County]:
    async with a_county(databases, tmp_path_factory.mktemp("county")) as made:
        yield made


@pytest.fixture
async def checkup(county: County) -> Round:
    admin, officer, worker = [await county.sign_in(name) for name in ("county-admin", "township-1", "worker-1")]
    rounds = [{"number": n, "from_on": "2026-11-01", "to_on": "2026-12-31"} for n in (1, 2)]
    programme = {"name": f"体检 {uuid4().hex[:6]}", "basis": "国家基本公共卫生服务规范", "who": {"born_to": "1961-12-31"}, "rounds": rounds}
    made = await admin.post("/v1/checkup-programmes", json=programme)
    assert made.status_code == 201, made.text
    programme_id = made.json()["id"]
    session = {"place_id": TOWNSHIP, "programme_id": programme_id, "round": 1, "held_on": "2026-12-01", "venue": "卫生院", "capacity": 50}
    held = await officer.post("/v1/checkup-sessions", json=session)
    assert held.status_code == 201, held.text
    [home] = (await worker.get("/v1/households", params={"limit": 1, "status": "living_here"})).json()["items"]
    return Round(county, admin, officer, worker, programme_id, held.json()["id"], home)


async def test_it_carries_all_its_members_and_its_id_follows_from_them(checkup: Round) -> None:
    person = await checkup.person()
    made = await checkup.put(person)
    assert made["id"] == id_of(checkup.programme, person)
    assert await checkup.get(made["id"]) == made
    for name in ("created_at", "updated_at", "created_by"):
        made.pop(name)
    assert made == {
        "id": made["id"],
        "rev": 1,
        "place_id": checkup.household["place_id"],
        "voided": False,
        **checkup.body(person),
        "state": "invited",
        "attended_at": None,
        "walk_in": False,
        "undone_at": None,
        "waiting_since": None,
        "make_up_used": False,
        "joined_into_id": None,
    }
    refused(await checkup.post(checkup.worker, await checkup.person(), id=str(uuid4())), 422, WRONG_ID.slug, "/id")
    [result] = await push(checkup.worker, op("attendance", uuid4(), checkup.body(await checkup.person())))
    assert (result["outcome"], result["problem"]["type"]) == ("rejected", "/problems/wrong-id")


async def test_what_it_names_is_checked(checkup: Round) -> None:
    person = await checkup.person()
    refused(await checkup.post(checkup.worker, person, round=3, session_id=None), 422, NO_SUCH_ROUND.slug, "/round")
    refused(await checkup.post(checkup.worker, person, round=2), 422, OTHER_ROUND.slug, "/session_id")
    for unknown in ({"programme_id": str(uuid4())}, {"session_id": str(uuid4())}):
        refused(await checkup.post(checkup.worker, person, **unknown), 404, NOT_FOUND.slug)
    refused(await checkup.post(checkup.worker, person, reason="太忙"), 422, INVALID.slug, "")
    made = await checkup.put(person)
    assert (await checkup.worker.post(f"/v1/attendances/{made['id']}/void", json={"reason": "重复登记"})).status_code == 404
    [result] = await push(checkup.worker, op("attendance", made["id"], base_rev=1, void="重复登记"))
    assert result["outcome"] == "rejected"


# The states


def wanted(one: State, other: State, *, undone: bool) -> str | None:
    """The problem; None where it goes."""
    how = STEPS.get((one, other))
    if one == other or how == "step" or (how == "undo" and undone):
        return None
    return DECLINED_THIS_ROUND.slug if one == "declined" else MAKE_UP_ONCE.slug if how == "make_up" else NOT_THIS_STEP.slug


@pytest.mark.parametrize("one", STATES)
async def test_every_pair_of_states_over_rest_and_by_push(checkup: Round, one: State) -> None:
    for other in STATES:
        for undone in (False, True):
            said = {"state": other} | ({"undone_at": "2026-11-24T03:00:00Z"} if undone else {})
            problem = wanted(one, other, undone=undone)
            made = await checkup.at(one)
            reply = await change(checkup.worker, made, **said)
            if problem:
                assert (reply.status_code, reply.json()["type"]) == (409, f"/problems/{problem}"), (one, other, undone)
            else:
                assert (reply.status_code, reply.json()["state"]) == (200, other), (one, other, undone)
            made = await checkup.at(one)
            [result] = await push(checkup.officer, op("attendance", made["id"], said, made["rev"]))
            state = (await checkup.get(made["id"]))["state"]
            assert state == (one if problem else other), (one, other, undone, result)
            if problem:
                assert (result["outcome"], result["problem"]["type"]) == ("merged", f"/problems/{problem}")
            else:
                assert result["outcome"] in ("applied", "unchanged", "merged"), result


@pytest.mark.parametrize("state", [state for state in STATES if ("none", state) in STEPS])
@pytest.mark.parametrize("username", ["county-admin", "township-1", "worker-1", "lead-1", "head-1", "worker-3", "township-2"])
async def test_every_role_and_every_first_state(checkup: Round, username: str, state: str) -> None:
    phone, person = await checkup.county.sign_in(username), await checkup.person()
    reply = await checkup.post(phone, person, state=state)
    if username in ("township-1", "worker-1"):
        assert (reply.status_code, reply.json()["state"], reply.json()["walk_in"]) == (201, state, state == "attended")
        assert (reply.json()["attended_at"] is not None) is (state == "attended")
    else:
        assert reply.status_code == (404 if username in ("worker-3", "township-2") else 403)


async def test_it_is_not_there_for_a_lead_household(checkup: Round) -> None:
    [group] = [place["place_id"] for place in (await (await checkup.county.sign_in("lead-1")).get("/v1/me")).json()["places"]]
    lead = await checkup.county.sign_in("lead-1")
    [home] = (await checkup.worker.get("/v1/households", params={"limit": 1, "place_id": group})).json()["items"]
    made = await checkup.put(await checkup.person(household=home))
    there, nothing = [await lead.get(f"/v1/attendances/{i}") for i in (made["id"], uuid4())]
    assert (there.status_code, there.content) == (404, nothing.content)
    assert (await lead.get(f"/v1/attendances/{made['id']}/revisions")).status_code == 404
    assert await listed(lead, person_id=made["person_id"]) == []
    changes, _ = await level(lead)
    assert {change["kind"] for change in changes} >= {"checkup_programme", "checkup_session", "person"}
    assert "attendance" not in {change["kind"] for change in changes}
    assert (await level(lead, kinds="attendance"))[0] == []
    digest = (await lead.get("/v1/sync/digest", params={"kinds": "attendance"})).json()["kinds"]
    assert digest == {"attendance": {"count": 0, "sum": 0}}
    known, unknown = await push(lead, *(op("attendance", i, {"state": "attended"}, 1) for i in (made["id"], uuid4())))
    for result in (known, unknown):
        assert (result.pop("outcome"), result.pop("id") is not None) == ("rejected", True)
    assert known == unknown
    session = (await lead.get(f"/v1/checkup-sessions/{checkup.session}")).json()
    assert "over_by" not in session
    refused(await lead.get(f"/v1/checkup-programmes/{checkup.programme}/eligible?place_id={group}&round=1"), 403, "not-allowed")


async def test_a_lead_household_that_loses_its_group_hears_nothing_of_attendances(checkup: Round, county: County) -> None:
    [group] = [place["place_id"] for place in (await (await county.sign_in("lead-1")).get("/v1/me")).json()["places"]]
    user_id, name = await county.user("household_head", group)
    _, cursor = await level(lead := await county.sign_in(name))
    admin = await county.sign_in("county-admin")
    _, other = await county.user("household_head", group)
    assert other
    assert (await admin.post(f"/v1/users/{user_id}/places", json={"place_id": OTHER_GROUP, "reach": "self"})).status_code == 200
    assert (await admin.post(f"/v1/users/{user_id}/places/{group}/revoke")).status_code == 200
    changes, _ = await level(lead, cursor)
    gone = {change["kind"] for change in changes if change["op"] == "remove"}
    assert "person" in gone
    assert "attendance" not in gone


OTHER_GROUP = next(n for n, above in ABOVE.items() if above == OTHER)


async def test_who_held_the_village_hears_that_its_attendances_go(checkup: Round, county: County) -> None:
    user_id, name = await county.user("village", VILLAGE, OTHER)
    phone = await county.sign_in(name)
    changes, cursor = await level(phone)
    copy = fold(changes)
    mine = {key for key in copy if key[0] == "attendance"}
    assert mine
    admin = await county.sign_in("county-admin")
    assert (await admin.post(f"/v1/users/{user_id}/places/{VILLAGE}/revoke")).status_code == 200
    changes, _ = await level(phone, cursor)
    copy = fold(changes, copy)
    assert {key: doc["rev"] for key, doc in copy.items()} == await should_hold(county.owner, name)
    assert (await phone.get("/v1/sync/digest")).json()["kinds"] == digest_of(copy)
    assert {key for key in copy if key[0] == "attendance"} < mine


async def test_a_list_says_of_what_and_names_nobody_who_declined_or_missed_it(checkup: Round) -> None:
    refused(await checkup.worker.get("/v1/attendances"), 422, INVALID.slug, "?")
    assert (await checkup.worker.get("/v1/attendances", params={"session_id": checkup.session, "state": "declined"})).status_code == 422
    made = {state: await checkup.at(state) for state in STATES}
    shown = {made[state]["id"] for state in ("invited", "confirmed", "attended", "elsewhere")}
    assert set(await listed(checkup.worker, session_id=checkup.session)) == shown
    for record in made.values():
        assert await listed(checkup.worker, person_id=record["person_id"]) == ([record["id"]] if record["id"] in shown else [])
        assert (await checkup.get(record["id"]))["state"] == record["state"]


async def test_no_list_of_what_phones_sent_names_the_state(checkup: Round) -> None:
    """A lost phone's decline waits for the officer, who decides without reading it in a list."""
    device, person = str(uuid4()), await checkup.person()
    lost = await checkup.county.sign_in("worker-1", device)
    assert (await checkup.officer.post(f"/v1/devices/{device}/report-lost")).is_success
    lost = await checkup.county.sign_in("worker-1", device)
    record = id_of(checkup.programme, person)
    [result] = await push(lost, op("attendance", record, checkup.body(person, state="declined")))
    assert result["outcome"] == "inbox"
    entry, own = [await kept(phone, "inbox", record) for phone in (checkup.officer, checkup.worker)]
    assert entry is not None
    assert own == entry
    assert "state" not in entry["doc"]
    accepted = await checkup.officer.post(f"/v1/inbox/{entry['id']}/accept")
    assert accepted.is_success, accepted.text
    assert (await checkup.get(record))["state"] == "declined"


# At the door


async def test_two_phones_that_check_in_the_same_person_make_one_attendance(checkup: Round) -> None:
    one, two = await checkup.county.sign_in("worker-1"), await checkup.county.sign_in("worker-2")
    person = await checkup.person()
    record = id_of(checkup.programme, person)
    first, second = [op("attendance", record, checkup.body(person, state="attended")) for _ in range(2)]
    [result] = await push(one, first)
    assert result["outcome"] == "applied"
    [result] = await push(two, second)
    assert (result["outcome"], result["doc"]["state"]) in [("merged", "attended"), ("unchanged", "attended")]
    for phone, said in ((one, first), (two, second)):
        [again] = await push(phone, said)
        assert (again["outcome"], again["doc"]["state"]) == ("unchanged", "attended")
    assert await listed(one, person_id=person) == [record]
    assert (await checkup.get(record))["walk_in"] is True


@pytest.mark.parametrize("first", ["declined", "invited"])
async def test_a_decline_and_an_invitation_end_declined_in_either_order(checkup: Round, first: str) -> None:
    phones = {"declined": await checkup.county.sign_in("worker-1"), "invited": await checkup.county.sign_in("worker-2")}
    person = await checkup.person()
    record = id_of(checkup.programme, person)
    for state in (first, "invited" if first == "declined" else "declined"):
        [result] = await push(phones[state], op("attendance", record, checkup.body(person, state=state)))
        assert result["outcome"] in ("applied", "merged")
    assert (await checkup.get(record))["state"] == "declined"
    for _ in range(2):
        refused(await checkup.post(checkup.worker, person), 409, DECLINED_THIS_ROUND.slug)
    # whoever knows of it can't either, and it stands on no list
    [result] = await push(phones["invited"], op("attendance", record, {"state": "invited"}, (await checkup.get(record))["rev"]))
    assert (result["outcome"], result["doc"]["state"], result["problem"]["status"]) == ("merged", "declined", 409)
    rejected = (await checkup.officer.get("/v1/rejected-ops", params={"limit": 200})).json()["items"]
    assert record not in {item["record_id"] for item in rejected}
    undone = await change(checkup.worker, await checkup.get(record), state="invited", undone_at=NOW)
    assert undone.json()["state"] == "invited"


async def test_the_same_invitation_again_after_a_decline_is_no_repeat(checkup: Round) -> None:
    person = await checkup.person()
    made = await checkup.put(person)
    await change(checkup.worker, made, state="declined")
    refused(await checkup.post(checkup.worker, person), 409, DECLINED_THIS_ROUND.slug)


async def test_a_phone_whose_clock_is_behind_is_heard_after_an_edit_online(checkup: Round) -> None:
    made = await checkup.put(await checkup.person())
    slow = (datetime.now(UTC) - timedelta(hours=3)).isoformat()
    [result] = await push(checkup.worker, op("attendance", made["id"], {"state": "attended"}, 1, at=slow))
    assert (result["outcome"], (await checkup.get(made["id"]))["state"]) == ("applied", "attended")


async def test_posting_again_changes_what_is_there(checkup: Round) -> None:
    person = await checkup.person()
    made = await checkup.put(person)
    same = await checkup.post(checkup.worker, person)
    assert (same.status_code, same.json()) == (200, made)
    came = await checkup.post(checkup.worker, person, state="attended")
    assert (came.status_code, came.json()["rev"], came.json()["state"], came.json()["walk_in"]) == (200, 2, "attended", False)


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("invited confirmed attended, attended -none declined, declined -invited missed", "attended"),
        ("invited confirmed missed, declined -invited confirmed, attended -none elsewhere", "elsewhere"),
        ("invited confirmed missed, attended -none invited, declined -confirmed missed", "invited"),
        ("declined -none confirmed, declined -invited confirmed, invited declined -none", "confirmed"),
        ("attended -none declined, attended -confirmed missed, confirmed elsewhere -none", "declined"),
    ],
)
async def test_phones_in_any_order_with_repeats(checkup: Round, said: str, state: str) -> None:
    """The same edits of three phones (`-`: taken back), in several orders, on as many people."""
    names = ["worker-1", "worker-2", "township-1"]
    phones = [await checkup.county.sign_in(name) for name in names]
    plans = [[(each.removeprefix("-"), each.startswith("-")) for each in plan.split()] for plan in said.split(", ")]

    @settings(max_examples=12, deadline=None, database=None, suppress_health_check=list(HealthCheck), derandomize=False)
    @given(st.permutations([0, 0, 0, 1, 1, 1, 2, 2, 2]), st.lists(st.integers(0, 8), max_size=3))
    def orders(turns: list[int], repeats: list[int]) -> None:
        found.append((turns, repeats))

    found: list[tuple[list[int], list[int]]] = []
    orders()
    states = set()
    begin = datetime(2026, 11, 24, tzinfo=UTC)
    for turns, repeats in found:
        person = await checkup.person()
        record = id_of(checkup.programme, person)
        at = [0, 0, 0]
        sent: list[tuple[int, dict[str, Any]]] = []
        for n, phone in enumerate(turns):
            told, undone = plans[phone][at[phone]]
            when = (begin + timedelta(hours=at[phone], minutes=phone)).isoformat()
            body = checkup.body(person, state=told) if at[phone] == 0 else {"state": told}
            sent.append((phone, op("attendance", record, body | ({"undone_at": when} if undone else {}), at=when)))
            at[phone] += 1
            for which, edit in [sent[-1], *(sent[i] for i in repeats if n % 3 == 0 and i < len(sent))]:
                [result] = await push(phones[which], edit)
                assert result["outcome"] in ("applied", "merged", "unchanged"), result
                assert "problem" not in result
        states.add((await checkup.get(record))["state"])
    assert states == {state}


async def test_a_later_arrangement_of_two_sessions_stands(checkup: Round) -> None:
    person, other, third = await checkup.person(), await checkup.another(), await checkup.another(venue="村部")
    made = await checkup.put(person)
    one, two = await checkup.county.sign_in("worker-1"), await checkup.county.sign_in("worker-2")
    early, late = [(datetime.now(UTC) + timedelta(minutes=n)).isoformat() for n in (1, 2)]
    await push(two, op("attendance", made["id"], {"session_id": third["id"]}, 1, at=late))
    [result] = await push(one, op("attendance", made["id"], {"session_id": other["id"]}, 1, at=early))
    assert result["outcome"] in ("merged", "unchanged")
    assert (await checkup.get(made["id"]))["session_id"] == third["id"]


# Make-up


async def test_one_make_up_invitation(checkup: Round) -> None:
    missed, other = await checkup.at("missed"), await checkup.another()
    first, second = [await checkup.another(make_up_for_id=checkup.session) for _ in range(2)]
    refused(await change(checkup.worker, missed, state="invited", session_id=other["id"]), 409, MAKE_UP_ONCE.slug, "/state")
    asked = (await change(checkup.worker, missed, state="invited", session_id=first["id"])).json()
    assert (asked["state"], asked["make_up_used"], asked["session_id"]) == ("invited", True, first["id"])
    again = (await change(checkup.worker, asked, state="missed")).json()
    refused(await change(checkup.worker, again, state="invited", session_id=second["id"]), 409, MAKE_UP_ONCE.slug, "/state")
    [result] = await push(checkup.worker, op("attendance", again["id"], {"state": "invited", "session_id": second["id"]}, again["rev"]))
    assert (result["outcome"], result["doc"]["state"]) == ("merged", "missed")
    assert (await change(checkup.worker, again, state="attended", session_id=second["id"])).json()["state"] == "attended"


async def test_a_make_up_invitation_made_offline(checkup: Round) -> None:
    missed, session = await checkup.at("missed"), await checkup.another(make_up_for_id=checkup.session)
    said = {"state": "invited", "session_id": session["id"]}
    [result] = await push(checkup.worker, op("attendance", missed["id"], said, missed["rev"]))
    assert result["outcome"] == "applied", result
    now = await checkup.get(missed["id"])
    assert (now["state"], now["make_up_used"], now["session_id"]) == ("invited", True, session["id"])


async def test_a_clock_that_was_ahead_does_not_lose_a_decline(checkup: Round) -> None:
    """The phone knew its own invitation: what it says of that comes after it, whatever its clock said at the time."""
    phone, person = await checkup.county.sign_in("worker-1"), await checkup.person()
    record = id_of(checkup.programme, person)
    ahead = {**op("attendance", record, checkup.body(person)), "at": "2031-01-01T00:00:00.000+08:00"}
    assert (await push(phone, ahead))[0]["outcome"] == "applied"
    [result] = await push(phone, op("attendance", record, {"state": "declined"}, 1))
    assert (result["outcome"], (await checkup.get(record))["state"]) == ("applied", "declined")


async def test_a_wrong_check_in_that_is_taken_back_leaves_the_decline(checkup: Round) -> None:
    declined = await checkup.at("declined")
    for phone, moment in ((checkup.worker, NOW), (await checkup.county.sign_in("worker-2"), "2026-11-24T04:30:00Z")):
        came = (await change(phone, await checkup.get(declined["id"]), state="attended")).json()
        back = (await change(phone, came, state="none", undone_at=moment)).json()
        assert (back["state"], back["attended_at"]) == ("declined", None)
    again = {"state": "none", "undone_at": "2026-11-24T05:00:00Z"}
    assert (await change(checkup.worker, await checkup.get(declined["id"]), **again)).json()["state"] == "none"
    phone, person = await checkup.county.sign_in("worker-1"), await checkup.person()
    record = id_of(checkup.programme, person)
    await push(phone, op("attendance", record, checkup.body(person, state="declined")))
    await push(phone, op("attendance", record, {"state": "attended"}, 1))
    await push(phone, op("attendance", record, {"state": "none", "undone_at": NOW}, 2))
    assert (await checkup.get(record))["state"] == "declined"


@pytest.mark.parametrize("member", ["undone_at", "attended_at"])
@pytest.mark.parametrize("instant", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
async def test_an_instant_that_no_clock_shows_is_refused(checkup: Round, member: str, instant: str) -> None:
    person = await checkup.person()
    refused(await checkup.post(checkup.worker, person, state="attended", **{member: instant}), 422, INVALID.slug, f"/{member}")
    [result] = await push(checkup.worker, op("attendance", id_of(checkup.programme, person), checkup.body(person, **{member: instant})))
    assert result["outcome"] == "rejected"


async def test_what_is_no_record_is_on_the_list_of_what_was_rejected(checkup: Round) -> None:
    phone, record = await checkup.county.sign_in("worker-1"), id_of(checkup.programme, await checkup.person())
    [result] = await push(phone, {**op("attendance", record), "doc": ["x"]})
    assert result["outcome"] == "rejected"
    for reader in (phone, checkup.officer):
        reply = await reader.get("/v1/rejected-ops", params={"limit": 200})
        assert [item["doc"] for item in reply.json()["items"] if item["record_id"] == record] == [None]


async def test_the_lead_household_is_told_no_and_its_other_edits_go_in(checkup: Round) -> None:
    lead = await checkup.county.sign_in("lead-1")
    [group] = [place["place_id"] for place in (await lead.get("/v1/me")).json()["places"]]
    reply = await checkup.worker.post("/v1/households", json={"place_id": group, "number": f"组-{uuid4().hex[:8]}"})
    person = await checkup.person(checkup.worker, reply.json())
    visit = op("visit", str(uuid4()), {"household_id": reply.json()["id"], "visited_on": "2026-11-20", "outcome": "absent"})
    results = await push(lead, op("attendance", id_of(checkup.programme, person), checkup.body(person)), visit)
    assert [result["outcome"] for result in results] == ["rejected", "applied"]


# Seats


async def test_a_session_that_comes_after_its_people_is_settled_as_well(checkup: Round) -> None:
    phone, officer = await checkup.county.sign_in("worker-1"), await checkup.county.sign_in("township-1")
    session = str(uuid4())
    people = [await checkup.person() for _ in range(3)]
    records = [id_of(checkup.programme, person) for person in people]
    await push(phone, *(op("attendance", i, checkup.body(p, session_id=session)) for i, p in zip(records, people, strict=True)))
    doc = {"place_id": TOWNSHIP, "programme_id": checkup.programme, "round": 1, "held_on": "2026-12-09", "venue": "卫生院", "capacity": 1}
    assert (await push(officer, op("checkup_session", session, doc)))[0]["outcome"] == "applied"
    assert (await officer.get(f"/v1/checkup-sessions/{session}")).json()["full"] is True
    waits = [(await checkup.get(i))["waiting_since"] is not None for i in records]
    assert sorted(waits) == [False, True, True]
    own = {**doc, "id": str(uuid4())}
    refused(await officer.post("/v1/checkup-sessions", json={**own, "make_up_for_id": own["id"]}), 422, OTHER_ROUND.slug, "/make_up_for_id")


async def test_first_come_first_seated_and_who_comes_is_welcome(checkup: Round) -> None:
    session = await checkup.session_now()
    small = (await change(checkup.officer, session, "checkup-sessions", capacity=2)).json()
    assert (small["full"], small["over_by"]) == (False, 0)
    one, two, three, four = [await checkup.put(await checkup.person()) for _ in range(4)]
    assert [one["waiting_since"], two["waiting_since"]] == [None, None]
    assert three["waiting_since"] is not None
    assert four["waiting_since"] is not None
    assert (await checkup.session_now())["full"] is True
    walked_in = await checkup.put(await checkup.person(), state="attended")
    assert (walked_in["waiting_since"], (await checkup.session_now())["over_by"]) == (None, 10)
    await change(checkup.worker, one, state="declined")
    assert (await checkup.get(three["id"]))["waiting_since"] is None
    assert (await checkup.get(four["id"]))["waiting_since"] is not None
    await change(checkup.officer, await checkup.session_now(), "checkup-sessions", capacity=9)
    assert (await checkup.get(four["id"]))["waiting_since"] is None
    now = await checkup.session_now()
    assert (now["full"], now["over_by"]) == (False, 0)


async def test_villages_that_do_not_see_each_other_share_the_seats(checkup: Round) -> None:
    await change(checkup.officer, await checkup.session_now(), "checkup-sessions", capacity=1)
    other = await checkup.county.sign_in("worker-3")
    [home] = (await other.get("/v1/households", params={"limit": 1})).json()["items"]
    mine, theirs = await checkup.person(), await checkup.person(other, home)
    ids = [id_of(checkup.programme, person) for person in (mine, theirs)]
    await push(other, op("attendance", ids[1], checkup.body(theirs)))
    [result] = await push(checkup.worker, op("attendance", ids[0], checkup.body(mine)))
    assert result["outcome"] == "applied"
    assert (await checkup.get(ids[0]))["waiting_since"] is not None
    assert (await checkup.worker.get(f"/v1/attendances/{ids[1]}")).status_code == 404
    assert (await change(other, await checkup.get(ids[1]), state="elsewhere")).status_code == 200
    assert (await checkup.get(ids[0]))["waiting_since"] is None


async def test_settling_again_changes_nothing_and_makes_up_for_a_crash(checkup: Round, monkeypatch: pytest.MonkeyPatch) -> None:
    await change(checkup.officer, await checkup.session_now(), "checkup-sessions", capacity=1)

    async def dies(*_: Any) -> None: ...

    with monkeypatch.context() as patched:
        patched.setattr(checkups, "settle", dies)
        one, two = [await checkup.put(await checkup.person()) for _ in range(2)]
    assert two["waiting_since"] is None
    access = checkup.county.access
    assert UUID(checkup.session) in await checkups.to_come(access, 1)
    for _ in range(3):
        await checkups.settle(access, 1, [UUID(checkup.session)])
        now = [await checkup.get(each["id"]) for each in (one, two)]
        assert [(each["rev"], each["waiting_since"] is None) for each in now] == [(1, True), (2, False)]


# Moved or called off


@pytest.mark.parametrize("offline", [False, True])
async def test_who_was_asked_is_told_when_it_is_moved_and_nobody_else(checkup: Round, offline: bool) -> None:
    made = {state: await checkup.at(state) for state in STATES}
    session = await checkup.session_now()
    moved = {"held_on": "2026-12-03", "venue": "村部"}
    if offline:
        [result] = await push(checkup.officer, op("checkup_session", session["id"], moved, session["rev"]))
        assert result["outcome"] == "applied"
    else:
        assert (await change(checkup.officer, session, "checkup-sessions", **moved)).status_code == 200
    for state, record in made.items():
        found = await checkup.reminders(record["person_id"])
        assert len(found) == (state in ("invited", "confirmed")), state
    [told] = await checkup.reminders(made["invited"]["person_id"])
    assert (told["reason"], told["due_on"], told["status"], told["created_by"]) == ("checkup_reminder", "2026-12-02", "open", None)
    assert "2026-12-03" in told["words"]
    assert told["household_id"] == checkup.household["id"]
    for _ in range(2):
        await checkups.settle(checkup.county.access, 1, [UUID(checkup.session)])
    assert len(await checkup.reminders(made["invited"]["person_id"])) == 1
    # once more, and then called off: what was to be told before is out of date
    await change(checkup.officer, await checkup.session_now(), "checkup-sessions", held_on="2026-12-01", venue="卫生院")
    await change(checkup.officer, await checkup.session_now(), "checkup-sessions", status="called_off")
    told_of = await checkup.reminders(made["invited"]["person_id"])
    assert sorted(each["status"] for each in told_of) == ["dropped", "dropped", "open"]
    [open_] = [each for each in told_of if each["status"] == "open"]
    assert "取消" in open_["words"]
    # to another one
    another = await checkup.another()
    again = await change(checkup.worker, await checkup.get(made["invited"]["id"]), session_id=another["id"])
    assert (again.status_code, again.json()["session_id"]) == (200, another["id"])


async def test_a_session_that_was_voided_is_as_good_as_called_off(checkup: Round) -> None:
    invited, declined = await checkup.at("invited"), await checkup.at("declined")
    for _ in range(2):
        assert (await checkup.officer.post(f"/v1/checkup-sessions/{checkup.session}/void", json={"reason": "重复登记"})).is_success
        await checkups.settle(checkup.county.access, 1, [UUID(checkup.session)])
    [told] = await checkup.reminders(invited["person_id"])
    assert "取消" in told["words"]
    assert await checkup.reminders(declined["person_id"]) == []


async def test_who_comes_to_another_session_was_there(checkup: Round) -> None:
    """Also where the phone that checked in has the earlier clock."""
    made, other = await checkup.put(await checkup.person()), await checkup.another()
    earlier = (datetime.now(UTC) - timedelta(hours=2)).isoformat()
    said = {"state": "attended", "session_id": other["id"]}
    await push(checkup.worker, op("attendance", made["id"], said, 1, at=earlier))
    now = await checkup.get(made["id"])
    assert (now["state"], now["session_id"]) == ("attended", other["id"])


async def test_a_decline_ends_what_the_checkup_reminds_of_and_nothing_that_people_noted(checkup: Round) -> None:
    """A lead household may note something for anybody in the group; it would learn from it who declined."""
    invited = await checkup.at("invited")
    household = checkup.household["id"]
    noted = {"household_id": household, "person_id": invited["person_id"], "reason": "checkup_reminder", "due_on": "2026-11-30"}
    other = {**noted, "reason": "elder_care"}
    for body in (noted, other):
        assert (await checkup.worker.post("/v1/follow-ups?confirm=true", json=body)).status_code == 201
    await change(checkup.officer, await checkup.session_now(), "checkup-sessions", held_on="2026-12-03")
    assert {each["status"] for each in await checkup.reminders(invited["person_id"])} == {"open"}
    now = await checkup.get(invited["id"])
    assert (await change(checkup.worker, now, state="declined")).status_code == 200
    found = await checkup.reminders(invited["person_id"])
    assert sorted((each["reason"], each["status"]) for each in found) == [
        ("checkup_reminder", "dropped"), ("checkup_reminder", "open"), ("elder_care", "open"),
    ]  # fmt: skip
    assert {each["dropped_because"] for each in found if each["status"] == "dropped"} == {"不用再提醒"}


async def test_a_phone_that_did_not_know_of_the_move_asks_for_the_old_day(checkup: Round) -> None:
    person = await checkup.person()
    earlier = (datetime.now(UTC) - timedelta(hours=2)).isoformat()
    await change(checkup.officer, await checkup.session_now(), "checkup-sessions", held_on="2026-12-03")
    await push(checkup.worker, op("attendance", id_of(checkup.programme, person), checkup.body(person), at=earlier))
    assert len(await checkup.reminders(person)) == 1


# Who may be asked


async def eligible(checkup: Round, phone: Phone | None = None, **query: Any) -> set[str]:
    asked, found = {"place_id": checkup.household["place_id"], "round": 1, "limit": 200, **query}, list[str]()
    while asked.get("cursor", "") is not None:
        params = asked
        reply = await (phone or checkup.worker).get(f"/v1/checkup-programmes/{checkup.programme}/eligible", params=params)
        assert reply.status_code == 200, reply.text
        found += [item["id"] for item in reply.json()["items"]]
        asked["cursor"] = reply.json()["next"]
    assert len(found) == len(set(found))
    return set(found)


async def test_who_may_be_asked_is_computed(checkup: Round) -> None:
    old, away = await checkup.person(), await checkup.person(status="away")
    not_these = [
        await checkup.person(**members)
        for members in ({"born_on": "1990-01-01"}, {"born_on": None}, {"status": "moved"}, {"status": "died"})
    ]
    found = await eligible(checkup)
    assert {old, away} <= found
    assert not found & set(not_these)
    for state in STATES:
        record = await checkup.at(state)
        assert (record["person_id"] in await eligible(checkup)) is (state == "none"), state
    assert old in await eligible(checkup, round=2)
    assert old not in await eligible(checkup, place_id=OTHER)
    assert await eligible(checkup, await checkup.county.sign_in("worker-3")) == set()
    assert old in await eligible(checkup, checkup.officer, place_id=TOWNSHIP)


async def test_migrants_who_live_here_are_asked_here(checkup: Round) -> None:
    """Living here is a person here; where somebody is registered is not asked."""
    body = {"place_id": checkup.household["place_id"], "number": f"流-{uuid4().hex[:6]}", "address": "租住村东头"}
    home = (await checkup.worker.post("/v1/households", json=body)).json()
    assert await checkup.person(household=home, status="present", relation="other") in await eligible(checkup)


async def test_sex_counts_where_the_programme_says_so_and_a_round_that_is_over_has_nobody(checkup: Round) -> None:
    man, woman = await checkup.person(sex=1), await checkup.person(sex=2)
    programme = (await checkup.admin.get(f"/v1/checkup-programmes/{checkup.programme}")).json()
    programme = (await change(checkup.admin, programme, "checkup-programmes", who={"sex": 2})).json()
    assert programme["who"] == {"born_from": None, "born_to": "1961-12-31", "sex": 2}
    found = await eligible(checkup)
    assert woman in found
    assert man not in found
    over = [{**each, "to_on": "2026-11-23"} for each in programme["rounds"]]
    assert (await change(checkup.admin, programme, "checkup-programmes", rounds=over)).status_code == 200
    assert await eligible(checkup) == set()


async def test_who_may_be_asked_comes_in_pages(checkup: Round) -> None:
    for _ in range(3):
        await checkup.person()
    assert await eligible(checkup, limit=2) == await eligible(checkup)
    path = f"/v1/checkup-programmes/{checkup.programme}/eligible"
    refused(await checkup.worker.get(path, params={"place_id": VILLAGE, "round": 9}), 422, NO_SUCH_ROUND.slug, "?round")
    nowhere = await checkup.worker.get(f"/v1/checkup-programmes/{uuid4()}/eligible", params={"place_id": VILLAGE, "round": 1})
    refused(nowhere, 404, NOT_FOUND.slug)


# Moving and joining


async def test_it_moves_along_with_the_person(checkup: Round) -> None:
    body = {"place_id": checkup.household["place_id"], "number": f"迁-{uuid4().hex[:6]}"}
    home = (await checkup.worker.post("/v1/households", json=body)).json()
    made = await checkup.put(await checkup.person(household=home))
    assert (await change(checkup.officer, home, "households", place_id=OTHER)).status_code == 200
    assert (await checkup.get(made["id"]))["place_id"] == OTHER
    assert (await checkup.worker.get(f"/v1/attendances/{made['id']}")).status_code == 404


async def test_two_records_of_one_person_have_one_attendance(checkup: Round) -> None:
    one, other = await checkup.person(), await checkup.person()
    declined, invited = await checkup.put(one, state="declined"), await checkup.put(other)
    third, fourth = await checkup.person(), await checkup.person()
    alone = await checkup.put(third, state="declined")
    for person, into in ((one, other), (third, fourth)):
        reply = await checkup.worker.post(f"/v1/people/{person}/join", json={"into_id": into})
        assert reply.status_code == 200, reply.text
    assert (await checkup.get(invited["id"]))["state"] == "declined"
    gone = await checkup.get(declined["id"])
    assert (gone["voided"], gone["joined_into_id"]) == (True, invited["id"])
    assert (await checkup.get(id_of(checkup.programme, fourth)))["state"] == "declined"
    assert fourth not in await eligible(checkup)
    assert (await checkup.worker.post(f"/v1/people/{third}/part")).status_code == 200
    back = await checkup.get(alone["id"])
    assert (back["voided"], back["state"], back["joined_into_id"]) == (False, "declined", None)
