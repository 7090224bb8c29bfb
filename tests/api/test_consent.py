"""What a person lets pass to the other of two places, and takes back. The fixed day is 2026-11-24."""

from uuid import uuid4

import pytest

from api.problems import DECLINED_THIS_ROUND, GUARDIAN_NEEDED
from tests.checkups import a_round
from tests.county import County, fold, level, refused
from tests.two_places import NOW, a_migrant, a_place, accepted, change, changed, listed


async def test_what_the_person_lets_pass(county: County) -> None:
    migrant = await accepted(county)
    _, there = await migrant.both()
    await changed(migrant.there.worker, there, services=[{"on": "2026-11-20", "code": "help_with_application"}])
    home, _ = await migrant.both()
    assert (home["other"]["phones"], home["other"]["services"], home["other"]["attended_on"]) == ([], [], [])
    await migrant.there.consents("share_contact")
    await migrant.there.consents("share_services")
    home, there = await migrant.both()
    assert (home["other"]["phones"], home["other"]["services"]) == (
        ["13800138000"],
        [{"on": "2026-11-20", "code": "help_with_application"}],
    )
    assert there["other"]["phones"] == ["13800138000"]  # a person's word holds for both sides
    await migrant.home.consents("share_contact", "withdrawn")  # said at home, over the holidays
    home, there = await migrant.both()
    assert (home["other"]["phones"], there["other"]["phones"], home["other"]["services"] != []) == ([], [], True)


async def test_nothing_passes_before_both_places_keep_the_person(county: County) -> None:
    migrant = await a_migrant(county)
    await migrant.there.consents("share_contact")
    await migrant.there.says("residence", migrant.residence_id, registered_in=migrant.home.code)
    kept = await county.owner.fetchval("SELECT row_to_json(p)::text FROM residence_proposal p WHERE id = $1", migrant.residence_id)
    assert "刘远" in kept
    assert "13800138000" not in kept
    assert (await migrant.home.says("registration", migrant.residence_id)).json()["other"]["phones"] == ["13800138000"]


@pytest.mark.parametrize("how", ["void", "decline", "end"])
async def test_nothing_passes_once_one_place_does_not(county: County, how: str) -> None:
    migrant = await accepted(county)
    await migrant.there.consents("share_contact")
    home, there = await migrant.both()
    assert home["other"]["phones"] == ["13800138000"]
    if how == "void":
        await migrant.home.worker.post(f"/v1/residences/{home['id']}/void", json={"reason": "登记错了"})
    elif how == "decline":
        await changed(migrant.home.worker, home, declined_because="不是本村人")
    else:
        await changed(migrant.there.worker, there, until_on="2026-11-20")
    [home] = await listed(migrant.home.worker, residence_id=migrant.residence_id, voided=how == "void")
    assert home["other"]["phones"] == []
    rows = await county.owner.fetch("SELECT row_to_json(r)::text AS doc FROM residence r WHERE residence_id = $1", migrant.residence_id)
    assert [row["doc"] for row in rows if "13800138000" in row["doc"]] == []


async def test_withdrawal_empties_the_other_sides_phone(county: County) -> None:
    migrant = await accepted(county)
    await migrant.there.consents("share_contact")
    phone = await county.sign_in("worker-1", str(uuid4()))
    changes, cursor = await level(phone)
    held = fold(changes)
    home, _ = await migrant.both()
    assert held["residence", home["id"]]["other"]["phones"] == ["13800138000"]
    await migrant.there.consents("share_contact", "withdrawn", "2026-11-24T03:00:00.000Z")
    held = fold((await level(phone, cursor))[0], held)
    assert held["residence", home["id"]]["other"]["phones"] == []
    kept = await county.owner.fetchval("SELECT theirs::text FROM residence WHERE id = $1", home["id"])
    assert "13800138000" not in kept


async def test_a_refusal_stands_whatever_the_clocks_of_phones_say(county: County) -> None:
    migrant = await accepted(county)
    await migrant.there.consents("share_contact", "given", "2026-11-24T23:00:00.000Z")  # a clock that is ahead
    await migrant.there.consents("share_contact", "withdrawn", "2026-11-23T01:00:00.000Z")  # one that is behind
    home, _ = await migrant.both()
    assert home["other"]["phones"] == []
    await migrant.there.consents("share_contact", "given", "2026-11-23T02:00:00.000Z")  # older than the refusal that came
    assert (await migrant.both())[0]["other"]["phones"] == []


async def test_attendance_passes_as_days_and_by_consent_alone(county: County) -> None:
    migrant = await accepted(county)
    checkup = await a_round(county)
    await migrant.there.consents("share_attendance")
    body = {"programme_id": checkup.programme, "round": 1, "person_id": migrant.there.person, "state": "attended"}
    made = await migrant.there.worker.post("/v1/attendances", json={**body, "attended_at": "2026-11-23T18:30:00.000Z"})
    assert made.status_code == 201, made.text
    home, _ = await migrant.both()
    assert home["other"]["attended_on"] == ["2026-11-24"]  # in Shanghai
    await migrant.there.consents("share_attendance", "withdrawn", "2026-11-24T03:00:00.000Z")
    assert (await migrant.both())[0]["other"]["attended_on"] == []


async def test_who_refused_is_not_asked_again(county: County) -> None:
    migrant = await accepted(county)
    home, _ = await migrant.both()
    home = await changed(migrant.home.worker, home, asks=["share_contact"])
    assert (await migrant.both())[1]["other"]["asks"] == ["share_contact"]
    await migrant.there.consents("share_contact", "withdrawn")
    home, there = await migrant.both()
    assert there["other"]["asks"] == []
    home = await changed(migrant.home.worker, home, asks=[])
    refused(await change(migrant.home.worker, home, asks=["share_contact"]), 409, DECLINED_THIS_ROUND.slug, "/asks")
    await changed(migrant.home.worker, home, asks=["share_services"])


async def test_consents_are_listed_of_one_person(county: County) -> None:
    """Who of a village refused something is nobody's list."""
    migrant = await accepted(county)
    await migrant.there.consents("share_contact", "withdrawn")
    refused(await migrant.there.worker.get("/v1/consents", params={"purpose": "share_contact"}), 422, "invalid", "?person_id")
    assert len(await listed(migrant.there.worker, "consents", person_id=migrant.there.person)) == 1


async def test_for_a_child_a_guardian_agrees(county: County) -> None:
    place = await a_place(county, "worker-1", "刘小", born_on="2016-01-01")
    body = {"person_id": place.person, "purpose": "share_contact", "act": "given", "acted_at": NOW, "text_version": "2026-1"}
    refused(await place.worker.post("/v1/consents", json=body), 422, GUARDIAN_NEEDED.slug, "/through")
    assert (await place.worker.post("/v1/consents", json={**body, "through": "guardian"})).status_code == 201
    assert (await place.worker.post("/v1/consents", json={**body, "act": "withdrawn"})).status_code == 201
    made = (await listed(place.worker, "consents", person_id=place.person))[0]
    for call in (place.worker.patch(f"/v1/consents/{made['id']}", json={}), place.worker.post(f"/v1/consents/{made['id']}/void")):
        assert (await call).status_code == 405


async def test_nobody_agrees_on_a_day_to_come(county: County) -> None:
    place = await a_place(county, "worker-1", "刘远")
    said = {"purpose": "share_contact", "act": "given", "acted_at": "2062-11-20T02:00:00.000Z", "text_version": "2026-1"}
    refused(await place.worker.post("/v1/consents", json={"person_id": place.person, **said}), 422, "day-to-come", "/acted_at")
