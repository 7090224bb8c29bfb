"""What becomes of attendances when people move, and when two records turn out to be one person. The fixed day is 2026-11-24."""

from uuid import uuid4

import pytest

from api.problems import MAKE_UP_ONCE
from tests.checkups import Round, change, id_of
from tests.county import OTHER, County, refused


async def join(checkup: Round, person: str, into: str) -> None:
    reply = await checkup.worker.post(f"/v1/people/{person}/join", json={"into_id": into})
    assert reply.status_code == 200, reply.text


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
    path = f"/v1/checkup-programmes/{checkup.programme}/eligible"
    found = (await checkup.worker.get(path, params={"place_id": checkup.household["place_id"], "round": 1, "limit": 200})).json()
    assert found["next"] is None
    assert fourth not in {person["id"] for person in found["items"]}
    assert (await checkup.worker.post(f"/v1/people/{third}/part")).status_code == 200
    back = await checkup.get(alone["id"])
    assert (back["voided"], back["state"], back["joined_into_id"]) == (False, "declined", None)


async def test_who_missed_it_under_one_record_missed_it_under_both(checkup: Round) -> None:
    missed, make_up = await checkup.at("missed"), await checkup.another(make_up_for_id=checkup.session)
    into = await checkup.person()
    await join(checkup, missed["person_id"], into)
    joined = await checkup.get(id_of(checkup.programme, into))
    assert (joined["state"], joined["make_up_used"], joined["session_id"]) == ("missed", False, checkup.session)
    refused(await change(checkup.worker, joined, state="invited"), 409, MAKE_UP_ONCE.slug, "/state")
    assert (await change(checkup.worker, joined, state="invited", session_id=make_up["id"])).json()["make_up_used"] is True


@pytest.mark.parametrize("missed_first", [True, False])
async def test_who_missed_it_and_was_asked_under_another_record_was_asked_twice(checkup: Round, missed_first: bool) -> None:
    pair = [await checkup.at("missed"), await checkup.at("invited")]
    one, into = pair if missed_first else pair[::-1]
    await join(checkup, one["person_id"], into["person_id"])
    joined = await checkup.get(into["id"])
    assert (joined["state"], joined["make_up_used"]) == ("invited", True)
    make_up = await checkup.another(make_up_for_id=checkup.session)
    missed = (await change(checkup.worker, joined, state="missed")).json()
    refused(await change(checkup.worker, missed, state="invited", session_id=make_up["id"]), 409, MAKE_UP_ONCE.slug, "/state")


@pytest.mark.parametrize("state", ["none", "invited", "missed", "attended", "declined"])
async def test_a_make_up_invitation_that_was_used_stays_used(checkup: Round, state: str) -> None:
    make_up = await checkup.another(make_up_for_id=checkup.session)
    used = (await change(checkup.worker, await checkup.at("missed"), state="invited", session_id=make_up["id"])).json()
    into = await checkup.at(state)
    await join(checkup, used["person_id"], into["person_id"])
    assert (await checkup.get(into["id"]))["make_up_used"] is True


@pytest.mark.parametrize("state", ["missed", "declined"])
async def test_a_check_in_that_is_taken_back_leads_to_what_was_said_under_the_other_record(checkup: Round, state: str) -> None:
    one, attended = await checkup.at(state), await checkup.at("attended")
    await join(checkup, one["person_id"], attended["person_id"])
    joined = await checkup.get(attended["id"])
    assert joined["state"] == "attended"
    back = (await change(checkup.worker, joined, state="none", undone_at="2026-11-24T04:00:00Z")).json()
    assert back["state"] == state


async def test_who_was_asked_and_came_is_no_walk_in_under_the_other_record(checkup: Round) -> None:
    came = (await change(checkup.worker, await checkup.at("invited"), state="attended")).json()
    into = await checkup.person()
    await join(checkup, came["person_id"], into)
    joined = await checkup.get(id_of(checkup.programme, into))
    assert (joined["state"], joined["walk_in"], joined["attended_at"]) == ("attended", False, came["attended_at"])


async def test_who_was_asked_to_a_session_that_is_over_can_be_joined(checkup: Round) -> None:
    invited, into = await checkup.at("invited"), await checkup.person()
    await change(checkup.officer, await checkup.session_now(), "checkup-sessions", status="called_off")
    await join(checkup, invited["person_id"], into)
    assert (await checkup.get(id_of(checkup.programme, into)))["state"] == "invited"


async def test_whoever_moved_in_with_a_session_elsewhere_can_be_joined(checkup: Round, county: County) -> None:
    """The worker sees no session of the other village; that they came is carried over, not where."""
    other = await county.sign_in("worker-3")
    there = await checkup.another(place_id=OTHER)
    [home] = (await other.get("/v1/households", params={"limit": 1, "status": "living_here"})).json()["items"]
    body = {"place_id": home["place_id"], "number": f"迁-{uuid4().hex[:6]}"}
    household = (await other.post("/v1/households", json=body)).json()
    person = await checkup.person(other, household)
    reply = await checkup.post(other, person, session_id=there["id"], state="attended")
    assert reply.status_code == 201, reply.text
    assert (await change(checkup.officer, household, "households", place_id=checkup.household["place_id"])).status_code == 200
    into = await checkup.person()
    await join(checkup, person, into)
    joined = await checkup.get(id_of(checkup.programme, into))
    assert (joined["state"], joined["session_id"]) == ("attended", None)
