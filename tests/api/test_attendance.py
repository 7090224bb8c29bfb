"""Who was asked to a check-up and who came: states, roles, phones. The fixed day is 2026-11-24."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.problems import (
    BEFORE_THE_ROUND,
    DAY_TO_COME,
    DECLINED_THIS_ROUND,
    INVALID,
    MAKE_UP_ONCE,
    NO_SUCH_ROUND,
    NOT_FOUND,
    NOT_THIS_STEP,
    OTHER_ROUND,
    WRONG_ID,
    ProblemKind,
)
from api.rules.attendance import STEPS
from api.schemas.attendance import State
from tests.checkups import NOW, STATES, Round, change, id_of, listed
from tests.county import ABOVE, OTHER, VILLAGE, County, digest_of, fold, level, op, push, refused, should_hold
from tests.county import listed as kept


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
    assert entry["doc"] == checkup.body(person)
    accepted = await checkup.officer.post(f"/v1/inbox/{entry['id']}/accept")
    assert accepted.is_success, accepted.text
    assert (await checkup.get(record))["state"] == "declined"


async def test_the_lists_say_whom_an_edit_is_about_to_whoever_reads_the_record(checkup: Round, county: County) -> None:
    user_id, name = await county.user("village", VILLAGE)
    phone, made = await county.sign_in(name), await checkup.at("invited")
    admin = await county.sign_in("county-admin")
    await admin.post(f"/v1/users/{user_id}/places", json={"place_id": OTHER, "reach": "below"})
    assert (await admin.post(f"/v1/users/{user_id}/places/{VILLAGE}/revoke")).status_code == 200
    [result] = await push(phone, op("attendance", made["id"], {"state": "declined"}, 1))
    assert result["outcome"] == "inbox"
    entry, own = [await kept(reader, "inbox", made["id"]) for reader in (checkup.officer, phone)]
    assert entry is not None
    assert own is not None
    assert entry["doc"] == {name: made[name] for name in ("programme_id", "round", "person_id")}
    assert own["doc"] == {}


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


@pytest.mark.parametrize(
    ("at", "problem"),
    [
        ("2026-11-26T00:00:00+08:00", DAY_TO_COME), ("2062-11-24T09:00:00+08:00", DAY_TO_COME),
        ("2026-09-30T09:00:00+08:00", BEFORE_THE_ROUND), ("1926-11-24T09:00:00+08:00", BEFORE_THE_ROUND),
    ],
)  # fmt: skip
async def test_nobody_came_the_day_after_tomorrow_or_long_before_the_round(checkup: Round, at: str, problem: ProblemKind) -> None:
    """The round begins on 2026-11-01."""
    made = await checkup.at("invited")
    for reply in (
        await checkup.post(checkup.worker, await checkup.person(), state="attended", attended_at=at),
        await change(checkup.worker, made, state="attended", attended_at=at),
    ):
        refused(reply, 422, problem.slug, "/attended_at")
    person = await checkup.person()
    new = op("attendance", id_of(checkup.programme, person), checkup.body(person, state="attended", attended_at=at))
    for sent in (new, op("attendance", made["id"], {"state": "attended", "attended_at": at}, 1)):
        [result] = await push(checkup.worker, sent)
        assert (result["outcome"], result["problem"]["type"]) == ("rejected", f"/problems/{problem.slug}")
    for day in ("2026-10-01", "2026-11-25"):
        reply = await checkup.post(checkup.worker, await checkup.person(), state="attended", attended_at=f"{day}T09:00:00+08:00")
        assert reply.status_code == 201, day


@pytest.mark.parametrize("year", ["1970", "2031"])
async def test_who_came_is_not_turned_away_for_a_clock_that_is_far_off(checkup: Round, year: str) -> None:
    """And the phone said no time itself: it is when the service heard of it."""
    person, invited = await checkup.person(), await checkup.at("invited")
    at = f"{year}-11-24T09:00:00.000+08:00"
    new = op("attendance", id_of(checkup.programme, person), checkup.body(person, state="attended"), at=at)
    results = await push(checkup.worker, new, op("attendance", invited["id"], {"state": "attended"}, 1, at=at))
    assert [result["outcome"] for result in results] == ["applied", "applied"]
    for record in (new["id"], invited["id"]):
        now = await checkup.get(record)
        assert abs(datetime.fromisoformat(now["attended_at"]) - datetime.fromisoformat(now["updated_at"])) < timedelta(seconds=1)


@pytest.mark.parametrize("member", ["undone_at", "attended_at"])
@pytest.mark.parametrize("instant", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-11-20T10:00:00+16:00"])
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
