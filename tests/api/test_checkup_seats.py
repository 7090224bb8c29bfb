"""Who has a seat in a session of a check-up, who hears that it was moved, who may be asked, and who is asked once more. The fixed day is
2026-11-24."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from api import checkups
from api.problems import MAKE_UP_ONCE, NO_SUCH_ROUND, NOT_FOUND, NOT_OFFERED, OTHER_ROUND, SESSION_OVER
from tests.checkups import NOW, STATES, TOWNSHIP, Round, change, id_of
from tests.conftest import Phone
from tests.county import OTHER, VILLAGE, op, push, refused
from tests.county import listed as kept

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


@pytest.mark.parametrize("after", ["elsewhere", "attended", "declined"])
@pytest.mark.parametrize("other", [False, True], ids=["one phone", "two phones"])
async def test_whatever_comes_after_missed_the_make_up_invitation_is_the_only_one(checkup: Round, after: str, other: bool) -> None:
    missed, make_up = await checkup.at("missed"), await checkup.another(make_up_for_id=checkup.session)
    then = (await change(checkup.worker, missed, state=after)).json()
    back = "2026-11-24T04:00:00Z"
    for state in ("invited", "confirmed"):
        refused(await change(checkup.officer, then, state=state, undone_at=back), 409, MAKE_UP_ONCE.slug, "/state")
        phone = await checkup.county.sign_in("worker-2" if other else "worker-1")
        said = {"state": state, "undone_at": back}
        [result] = await push(phone, op("attendance", then["id"], said, then["rev"]))
        assert (result["outcome"], result["doc"]["state"], result["problem"]["status"]) == ("merged", after, 409)
    none = (await change(checkup.officer, then, state="none", undone_at=back)).json()
    assert (none["state"], none["make_up_used"]) == ("missed", False)
    refused(await change(checkup.worker, none, state="invited"), 409, MAKE_UP_ONCE.slug, "/state")
    asked = (await change(checkup.worker, none, state="invited", session_id=make_up["id"])).json()
    assert (asked["state"], asked["make_up_used"]) == ("invited", True)
    # what is taken back after that leads to the one that was made
    then = (await change(checkup.worker, asked, state="elsewhere")).json()
    again = (await change(checkup.worker, then, state="invited", undone_at="2026-11-24T05:00:00Z")).json()
    assert (again["state"], again["make_up_used"], again["session_id"]) == ("invited", True, make_up["id"])
    again = (await change(checkup.worker, again, state="missed")).json()
    refused(await change(checkup.worker, again, state="invited", session_id=checkup.session), 409, MAKE_UP_ONCE.slug, "/state")


async def test_a_phone_that_takes_back_what_came_after_missed_asks_nobody_again(checkup: Round) -> None:
    missed, phone = await checkup.at("missed"), await checkup.county.sign_in("worker-2")
    steps = [("elsewhere", None), ("none", "2026-11-24T04:00:00Z"), ("invited", None), ("confirmed", None)]
    for state, undone_at in steps:
        said = {"state": state} | ({"undone_at": undone_at} if undone_at else {})
        await push(phone, op("attendance", missed["id"], said, missed["rev"]))
    assert (await checkup.get(missed["id"]))["state"] == "missed"


# Nobody is asked to what is over


CLOSED: dict[str, dict[str, Any]] = {
    "called off": {"status": "called_off"}, "closed": {"status": "closed"}, "past": {"held_on": "2026-11-23"},
}  # fmt: skip


@pytest.mark.parametrize("how", [*CLOSED, "voided"])
async def test_nobody_is_asked_to_a_session_that_is_over_and_who_comes_is_welcome(checkup: Round, how: str) -> None:
    made = {state: await checkup.at(state) for state in STATES}
    session, open_ = await checkup.session_now(), await checkup.another()
    if how == "voided":
        assert (await checkup.officer.post(f"/v1/checkup-sessions/{checkup.session}/void", json={"reason": "重复登记"})).is_success
    else:
        assert (await change(checkup.officer, session, "checkup-sessions", **CLOSED[how])).is_success
    made = {state: await checkup.get(record["id"]) for state, record in made.items()}
    for state in ("invited", "confirmed"):
        refused(await checkup.post(checkup.worker, await checkup.person(), state=state), 409, SESSION_OVER.slug, "/session_id")
        refused(await change(checkup.worker, made["none"], state=state), 409, SESSION_OVER.slug, "/session_id")
    refused(await change(checkup.worker, made["invited"], state="confirmed"), 409, SESSION_OVER.slug, "/session_id")
    there = await checkup.put(await checkup.person(), session_id=open_["id"])
    refused(await change(checkup.worker, there, session_id=checkup.session), 409, SESSION_OVER.slug, "/session_id")
    # to another one; at the door; and what was wrong is taken back
    assert (await change(checkup.worker, made["invited"], session_id=open_["id"])).status_code == 200
    for state, record in made.items():
        if state not in ("invited", "attended"):
            assert (await change(checkup.worker, record, state="attended")).status_code == 200, state
    assert (await checkup.post(checkup.worker, await checkup.person(), state="attended")).status_code == 201
    assert (await change(checkup.worker, made["attended"], state="confirmed", undone_at=NOW)).json()["state"] == "confirmed"
    # a phone could not know
    person = await checkup.person()
    [result] = await push(checkup.worker, op("attendance", id_of(checkup.programme, person), checkup.body(person)))
    assert result["outcome"] == "applied"


@pytest.mark.parametrize("how", ["not active", "over", "voided"])
async def test_nobody_is_asked_in_a_round_that_is_not_offered(checkup: Round, how: str) -> None:
    made = {state: await checkup.at(state) for state in STATES}
    programme = (await checkup.admin.get(f"/v1/checkup-programmes/{checkup.programme}")).json()
    if how == "voided":
        await checkup.admin.post(f"/v1/checkup-programmes/{checkup.programme}/void", json={"reason": "重复登记"})
    elif how == "not active":
        await change(checkup.admin, programme, "checkup-programmes", active=False)
    else:
        await checkup.is_over()
    for session_id in (checkup.session, None):
        reply = await checkup.post(checkup.worker, await checkup.person(), session_id=session_id)
        refused(reply, 409, NOT_OFFERED.slug, "/programme_id")
    refused(await change(checkup.worker, made["invited"], state="confirmed"), 409, NOT_OFFERED.slug, "/programme_id")
    assert (await change(checkup.worker, made["invited"], state="attended")).status_code == 200
    assert (await checkup.post(checkup.worker, await checkup.person(), state="attended")).status_code == 201
    person = await checkup.person()
    [result] = await push(checkup.worker, op("attendance", id_of(checkup.programme, person), checkup.body(person)))
    assert result["outcome"] == "applied"


# Seats


async def test_in_one_batch_they_are_seated_as_they_were_sent(checkup: Round) -> None:
    await change(checkup.officer, await checkup.session_now(), "checkup-sessions", capacity=2)
    people = sorted([await checkup.person() for _ in range(5)], key=lambda person: id_of(checkup.programme, person), reverse=True)
    records = [id_of(checkup.programme, person) for person in people]
    await push(checkup.worker, *(op("attendance", i, checkup.body(person)) for i, person in zip(records, people, strict=True)))
    assert [(await checkup.get(i))["waiting_since"] is None for i in records] == [True, True, False, False, False]


async def test_people_asked_to_a_session_that_has_not_come_yet_wait_for_it(checkup: Round) -> None:
    phone, officer = await checkup.county.sign_in("worker-1"), await checkup.county.sign_in("township-1")
    session = str(uuid4())
    people = [await checkup.person() for _ in range(3)]
    records = [id_of(checkup.programme, person) for person in people]
    asked = [op("attendance", i, checkup.body(p, session_id=session)) for i, p in zip(records, people, strict=True)]
    there = await checkup.put(await checkup.person())
    sent = [*asked, op("attendance", there["id"], {"session_id": session}, 1)]
    for _ in range(2):
        assert [result["outcome"] for result in await push(phone, *sent)] == ["held"] * 4
    entry = await kept(phone, "held-ops", records[0])
    assert entry is not None
    assert entry["waits_for"] == session
    said = {"state": "confirmed"}
    assert [result["outcome"] for result in await push(phone, op("attendance", records[0], said, 1))] == ["held"]
    doc = {"place_id": TOWNSHIP, "programme_id": checkup.programme, "round": 1, "held_on": "2026-12-09", "venue": "卫生院", "capacity": 1}
    assert (await push(officer, op("checkup_session", session, doc)))[0]["outcome"] == "applied"
    assert (await officer.get(f"/v1/checkup-sessions/{session}")).json()["full"] is True
    now = [await checkup.get(i) for i in records]
    assert [record["waiting_since"] is None for record in now] == [True, False, False]
    assert [record["state"] for record in now] == ["confirmed", "invited", "invited"]
    assert (await checkup.get(there["id"]))["session_id"] == session


async def test_they_wait_as_well_for_one_that_is_made_online_or_out_of_reach(checkup: Round) -> None:
    """Whether a session is elsewhere or nowhere, nobody is told; one of the same push may come behind its people."""
    phone = await checkup.county.sign_in("worker-1")
    elsewhere, online, pushed = (await checkup.another(place_id=OTHER))["id"], str(uuid4()), str(uuid4())
    people = [await checkup.person() for _ in range(3)]
    records = [id_of(checkup.programme, person) for person in people]
    doc = {"place_id": VILLAGE, "programme_id": checkup.programme, "round": 1, "held_on": "2026-12-09", "venue": "村部"}
    sent = [
        op("attendance", i, checkup.body(person, session_id=session))
        for i, person, session in zip(records, people, (elsewhere, online, pushed), strict=True)
    ]
    results = await push(phone, *sent, op("checkup_session", pushed, doc))
    assert [result["outcome"] for result in results] == ["held", "held", "held", "applied"]
    assert (await checkup.worker.post("/v1/checkup-sessions", json={**doc, "id": online})).status_code == 201
    assert (await checkup.officer.get(f"/v1/attendances/{records[0]}")).status_code == 404
    assert [(await checkup.get(i))["session_id"] for i in records[1:]] == [online, pushed]


async def test_a_session_makes_up_for_one_that_is_there_and_not_for_itself(checkup: Round) -> None:
    doc = {"place_id": TOWNSHIP, "programme_id": checkup.programme, "round": 1, "held_on": "2026-12-09", "venue": "卫生院"}
    own, first, second = (str(uuid4()) for _ in range(3))
    body = {**doc, "id": own, "make_up_for_id": own}
    refused(await checkup.officer.post("/v1/checkup-sessions", json=body), 422, OTHER_ROUND.slug, "/make_up_for_id")
    [result] = await push(checkup.officer, op("checkup_session", own, {**doc, "make_up_for_id": own}))
    assert (result["outcome"], result["problem"]["type"]) == ("rejected", "/problems/other-round")
    [result] = await push(checkup.officer, op("checkup_session", second, {**doc, "make_up_for_id": first}))
    assert result["outcome"] == "held"
    await push(checkup.officer, op("checkup_session", first, doc))
    assert (await checkup.officer.get(f"/v1/checkup-sessions/{second}")).json()["make_up_for_id"] == first


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
    await checkup.is_over()
    assert await eligible(checkup) == set()


async def test_who_may_be_asked_comes_in_pages(checkup: Round) -> None:
    for _ in range(3):
        await checkup.person()
    assert await eligible(checkup, limit=2) == await eligible(checkup)
    path = f"/v1/checkup-programmes/{checkup.programme}/eligible"
    refused(await checkup.worker.get(path, params={"place_id": VILLAGE, "round": 9}), 422, NO_SUCH_ROUND.slug, "?round")
    nowhere = await checkup.worker.get(f"/v1/checkup-programmes/{uuid4()}/eligible", params={"place_id": VILLAGE, "round": 1})
    refused(nowhere, 404, NOT_FOUND.slug)


async def test_who_has_to_wait_by_what_is_chosen_in_a_conflict_does(checkup: Round) -> None:
    """To choose is to edit: what a session holds is settled then too."""
    first, second = [await checkup.put(await checkup.person(), state="confirmed") for _ in range(2)]
    session, phone = await checkup.session_now(), await checkup.county.sign_in("township-1")
    assert (await change(checkup.officer, session, "checkup-sessions", capacity=60)).is_success
    [result] = await push(phone, op("checkup_session", session["id"], {"capacity": 1}, session["rev"]))
    [conflict] = result["conflicts"]
    chosen = await checkup.officer.post(f"/v1/conflicts/{conflict['conflict_id']}/resolve", json={"choose": "mine"})
    assert (chosen.status_code, chosen.json()["settled"]) == (200, "mine")
    waiting = [(await checkup.get(attendance["id"]))["waiting_since"] is not None for attendance in (first, second)]
    assert ((await checkup.session_now())["capacity"], (await checkup.session_now())["full"], waiting) == (1, True, [False, True])
