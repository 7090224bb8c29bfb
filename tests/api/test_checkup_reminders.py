"""What the service raises when a session is moved names people who were asked: it is for the office. The fixed day is 2026-11-24."""

from typing import Any
from uuid import uuid4

import pytest

from tests.checkups import Round, change
from tests.conftest import Phone
from tests.county import County, digest_of, fold, level, op, push, should_hold


@pytest.fixture
async def lead(county: County) -> Phone:
    return await county.sign_in("lead-1")


@pytest.fixture
async def reminder(checkup: Round, lead: Phone) -> dict[str, Any]:
    """That a session was moved, for somebody in the group of a lead household."""
    [group] = [place["place_id"] for place in (await lead.get("/v1/me")).json()["places"]]
    made = await checkup.worker.post("/v1/households", json={"place_id": group, "number": f"组-{uuid4().hex[:8]}"})
    asked = await checkup.put(await checkup.person(household=made.json()))
    await change(checkup.officer, await checkup.session_now(), "checkup-sessions", held_on="2026-12-03")
    [told] = await checkup.reminders(asked["person_id"])
    return {**told, "attendance": await checkup.get(asked["id"])}


async def test_a_lead_household_reads_no_reminder_that_the_service_raised(
    checkup: Round, county: County, lead: Phone, reminder: dict[str, Any]
) -> None:
    mine = {"household_id": reminder["household_id"], "person_id": reminder["person_id"], "reason": "checkup_reminder"}
    noted = await lead.post("/v1/follow-ups", json={**mine, "due_on": reminder["due_on"]})
    assert noted.status_code == 201, noted.text  # and nobody says that it looks like another
    changes, cursor = await level(lead)
    copy = fold(changes)

    async def read() -> None:
        path = f"/v1/follow-ups/{reminder['id']}"
        for one, other in ((path, f"/v1/follow-ups/{uuid4()}"), (f"{path}/revisions", f"/v1/follow-ups/{uuid4()}/revisions")):
            there, nothing = await lead.get(one), await lead.get(other)
            assert (there.status_code, there.content) == (404, nothing.content)
        found = (await lead.get("/v1/follow-ups", params={"person_id": reminder["person_id"]})).json()["items"]
        assert [item["id"] for item in found] == [noted.json()["id"]]
        assert {key: doc["rev"] for key, doc in copy.items()} == await should_hold(county.owner, "lead-1")
        assert ("follow_up", noted.json()["id"]) in copy
        assert ("follow_up", reminder["id"]) not in copy
        assert (await lead.get("/v1/sync/digest")).json()["kinds"] == digest_of(copy)

    await read()
    assert (await change(checkup.worker, reminder["attendance"], state="declined")).status_code == 200
    assert [item["status"] for item in await checkup.reminders(reminder["person_id"]) if item["id"] == reminder["id"]] == ["dropped"]
    changes, _ = await level(lead, cursor)
    assert changes == []
    await read()


async def test_how_many_changes_are_to_come_counts_none(lead: Phone, reminder: dict[str, Any]) -> None:
    page = (await lead.get("/v1/sync/pull", params={"kinds": "follow_up", "limit": 1})).json()
    changes, _ = await level(lead, kinds="follow_up")
    assert page["of"] == len(changes) > 1


async def test_whoever_knows_its_id_is_told_nothing_by_writing_to_it(checkup: Round, lead: Phone, reminder: dict[str, Any]) -> None:
    there, nothing = [await change(lead, {"id": i, "rev": 1}, "follow-ups", priority="high") for i in (reminder["id"], uuid4())]
    assert (there.status_code, there.content) == (404, nothing.content)
    known, unknown = await push(lead, *(op("follow_up", i, {"priority": "high"}, 1) for i in (reminder["id"], uuid4())))
    for result in (known, unknown):
        assert (result.pop("outcome"), result.pop("id") is not None) == ("rejected", True)
    assert known == unknown
    assert (await checkup.officer.get(f"/v1/follow-ups/{reminder['id']}")).json()["rev"] == 1


async def test_a_lead_household_that_loses_its_group_hears_nothing_of_it(county: County, lead: Phone, reminder: dict[str, Any]) -> None:
    [group] = [place["place_id"] for place in (await lead.get("/v1/me")).json()["places"]]
    user_id, name = await county.user("household_head", group)
    _, cursor = await level(other := await county.sign_in(name))
    admin = await county.sign_in("county-admin")
    assert (await admin.post(f"/v1/users/{user_id}/places/{group}/revoke")).status_code == 200
    given = await admin.post(f"/v1/users/{user_id}/places", json={"place_id": group, "reach": "self"})
    assert given.status_code == 200, given.text
    changes, _ = await level(other, cursor)
    assert {change["kind"] for change in changes} > {"person"}
    assert reminder["id"] not in {change["id"] for change in changes}


async def test_a_worker_who_leads_a_household_from_now_on_gives_them_up(county: County, lead: Phone, reminder: dict[str, Any]) -> None:
    [group] = [place["place_id"] for place in (await lead.get("/v1/me")).json()["places"]]
    user_id, name = await county.user("village", group)
    changes, cursor = await level(await county.sign_in(name))
    copy = fold(changes)
    assert ("follow_up", reminder["id"]) in copy
    admin = await county.sign_in("county-admin")
    assert (await admin.patch(f"/v1/users/{user_id}", json={"role": "household_head"}, headers={"If-Match": '"1"'})).status_code == 200
    given = await admin.post(f"/v1/users/{user_id}/places", json={"place_id": group, "reach": "self"})
    assert given.status_code == 200, given.text
    device = await county.owner.fetchval("SELECT id::text FROM device WHERE user_id = $1::uuid", user_id)
    phone = await county.sign_in(name, device)
    changes, _ = await level(phone, cursor)
    copy = fold(changes, copy)
    assert {key: doc["rev"] for key, doc in copy.items()} == await should_hold(county.owner, name)
    assert (await phone.get("/v1/sync/digest")).json()["kinds"] == digest_of(copy)


@pytest.mark.parametrize("offline", [False, True])
async def test_a_decline_that_names_no_session_ends_the_reminder_as_well(checkup: Round, reminder: dict[str, Any], offline: bool) -> None:
    said = {**checkup.body(reminder["person_id"], state="declined"), "session_id": None}
    if offline:
        await push(await checkup.county.sign_in("worker-2"), op("attendance", reminder["attendance"]["id"], said))
    else:
        assert (await checkup.worker.post("/v1/attendances", json=said)).status_code == 200
    assert [each["status"] for each in await checkup.reminders(reminder["person_id"])] == ["dropped"]


async def test_who_is_asked_to_another_session_is_reminded_of_the_first_no_more(checkup: Round, reminder: dict[str, Any]) -> None:
    other = await checkup.another()
    assert (await change(checkup.worker, reminder["attendance"], session_id=other["id"])).status_code == 200
    assert [each["status"] for each in await checkup.reminders(reminder["person_id"])] == ["dropped"]


async def test_in_a_household_that_is_merged_it_is_raised_again_by_the_service(
    checkup: Round, lead: Phone, reminder: dict[str, Any]
) -> None:
    """Raised again by whoever merges, it would be there for the lead household, and no decline would end it."""
    made = await checkup.worker.post("/v1/households", json={"place_id": reminder["place_id"], "number": f"组-{uuid4().hex[:8]}"})
    into = {"into_id": made.json()["id"]}
    merged = await checkup.worker.post(f"/v1/households/{reminder['household_id']}/merge", json=into)
    assert merged.status_code == 200, merged.text
    first, second = await checkup.reminders(reminder["person_id"])
    assert (first["id"], first["status"]) == (reminder["id"], "dropped")
    assert (second["status"], second["created_by"], second["household_id"]) == ("open", None, into["into_id"])
    assert second["words"] == reminder["words"]
    assert (await lead.get("/v1/follow-ups", params={"person_id": reminder["person_id"]})).json()["items"] == []
    assert (await change(checkup.worker, await checkup.get(reminder["attendance"]["id"]), state="declined")).status_code == 200
    assert {each["status"] for each in await checkup.reminders(reminder["person_id"])} == {"dropped"}


@pytest.fixture
def said(reminder: dict[str, Any]) -> dict[str, Any]:
    """A reminder of the same person, as a worker writes it by hand."""
    return {name: reminder[name] for name in ("household_id", "person_id", "reason")} | {"due_on": "2026-12-09"}


async def test_whom_a_worker_reminds_is_not_for_the_lead_household(checkup: Round, lead: Phone, said: dict[str, Any]) -> None:
    """Whoever is reminded was asked; the worker who writes it by hand names them."""
    noted = (await checkup.worker.post("/v1/follow-ups?confirm=true", json=said)).json()
    path = f"/v1/follow-ups/{noted['id']}"
    assert (await lead.get(path)).json()["person_id"] is None
    await change(checkup.worker, noted, "follow-ups", person_id=None)
    assert "person_id" not in (await lead.get(f"{path}/revisions")).json()["items"][1]["changes"]
    again = (await checkup.worker.post("/v1/follow-ups?confirm=true", json=said)).json()
    listed = (await lead.get("/v1/follow-ups", params={"person_id": said["person_id"]})).json()["items"]
    assert again["id"] not in {item["id"] for item in listed}
    assert {fold((await level(lead))[0])["follow_up", again["id"]]["person_id"]} == {None}


async def test_nor_does_the_lead_household_learn_it_by_guessing(checkup: Round, lead: Phone, said: dict[str, Any]) -> None:
    """The same content under the same id is answered with what is stored, to whoever may read it; and what looks alike is so whomever
    it names."""
    noted = (await checkup.worker.post("/v1/follow-ups?confirm=true", json=said)).json()
    for guess in (said, {**said, "person_id": None}):
        assert (await lead.post("/v1/follow-ups", json={**guess, "id": noted["id"]})).status_code == 409
    assert (await checkup.worker.post("/v1/follow-ups", json={**said, "id": noted["id"]})).status_code == 200
    alike, other = [await lead.post("/v1/follow-ups", json={**said, "person_id": whom}) for whom in (said["person_id"], None)]
    assert alike.json() == other.json()
