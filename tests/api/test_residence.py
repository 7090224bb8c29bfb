"""One person, two places, in one county: what either side says, what it makes, and what passes. The fixed day is 2026-11-24."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from api.jobs.hourly import sweep
from api.problems import FIXED, NOT_FOUND, OTHER_SIDE
from api.rules.residence import AGREED, NEAR, OTHER, SIDES, STEPS, Step, id_of
from api.schemas.residence import Side
from tests.conftest import TODAY, Phone
from tests.county import OTHER as OTHER_VILLAGE
from tests.county import County, op, push, refused
from tests.two_places import Migrant, a_migrant, a_place, accepted, change, changed, listed


async def test_somebody_arrives_and_the_place_of_registration_agrees(county: County) -> None:
    migrant = await a_migrant(county)
    made = await migrant.there.says("residence", migrant.residence_id, registered_in=migrant.home.code)
    assert made.status_code == 201, made.text
    assert (made.json()["state"], made.json()["living_in"], made.json()["other"]) == ("proposed", migrant.there.code, None)
    asked = await migrant.home.proposal(migrant.residence_id)
    assert (asked["status"], asked["side"], asked["name"], asked["born_on"]) == ("waiting", "registration", "刘远", "1990-05-01")
    assert asked["living_in"] == migrant.there.code[:9] + "000"  # the township, not the village

    answer = await migrant.home.says("registration", migrant.residence_id)
    assert (answer.status_code, answer.json()["state"]) == (201, "accepted"), answer.text
    home, there = await migrant.both()
    assert (home["state"], there["state"]) == ("accepted", "accepted")
    assert (home["registered_in"], home["living_in"]) == (migrant.home.code, migrant.there.code[:9] + "000")
    assert (there["registered_in"], there["living_in"]) == (migrant.home.code, migrant.there.code)
    asked = await migrant.home.proposal(migrant.residence_id)
    assert (asked["status"], asked["name"], asked["sex"], asked["born_on"]) == ("answered", None, None, None)


# Every step of the table, by whom it is taken


CORRECTED: dict[Side, str] = {"registration": "2026-05-05", "residence": "2026-06-06"}


def sides_of(step: Step, proposer: Side) -> list[Side]:
    """Who takes the step, where this side has proposed."""
    named: dict[str, list[Side]] = {
        "proposer": [proposer],
        "asked": [OTHER[proposer]],
        "either": [proposer] if step.state == "none" else list(SIDES),
    }
    return named.get(step.actor, [step.actor])  # type: ignore[list-item]  # the others are sides


CASES = [(step, proposer, side) for step in STEPS for proposer in SIDES for side in sides_of(step, proposer)]


class Handshake:
    """A residence on its way: who proposed, and what either side does next."""

    def __init__(self, migrant: Migrant, proposer: Side) -> None:
        self.migrant, self.proposer = migrant, proposer
        self.places = {"registration": migrant.home, "residence": migrant.there}

    async def row(self, side: Side) -> dict[str, Any] | None:
        found = await listed(self.places[side].worker, residence_id=self.migrant.residence_id)
        return found[0] if found else None

    async def act(self, side: Side, act: str) -> None:
        place, rid = self.places[side], self.migrant.residence_id
        row, other = await self.row(side), await self.row(OTHER[side])
        if act == "propose":
            reply = await place.says(side, rid, **{NEAR[OTHER[side]]: self.places[OTHER[side]].code})
        elif act == "withdraw":
            assert row
            reply = await place.worker.post(f"/v1/residences/{row['id']}/void", json={"reason": "登记错了"})
        elif act == "decline" and row is None:
            proposal = await place.proposal(rid)
            reply = await change(place.worker, proposal, "residence-proposals", declined_because="不是本村人")
        else:
            acts: dict[str, dict[str, Any]] = {
                "accept": {name: (other or {}).get(name) for name in AGREED},
                "correct": {"since_on": CORRECTED[side]},
                "decline": {"declined_because": "不是本村人"},
                "end": {"until_on": "2026-11-01"},
            }
            says = acts[act]
            reply = await (change(place.worker, row, **says) if row else place.says(side, rid, **says))
        assert reply.status_code in (200, 201), reply.text

    async def bring_to(self, state: str) -> None:
        """The shortest way to a state."""
        asked = OTHER[self.proposer]
        ways: dict[str, list[tuple[Side, str]]] = {
            "none": [],
            "proposed": [(self.proposer, "propose")],
            "accepted": [(self.proposer, "propose"), (asked, "accept")],
            "provisional": [(self.proposer, "propose"), (asked, "correct")],
            "declined": [(self.proposer, "propose"), (asked, "decline")],
        }
        for side, act in ways[state]:
            await self.act(side, act)

    async def states(self) -> set[str]:
        """What either side, if it has a row, sees; also of what was taken back."""
        rows = [
            *await listed(self.migrant.home.worker, residence_id=self.migrant.residence_id),
            *await listed(self.migrant.home.worker, residence_id=self.migrant.residence_id, voided=True),
            *await listed(self.migrant.there.worker, residence_id=self.migrant.residence_id),
            *await listed(self.migrant.there.worker, residence_id=self.migrant.residence_id, voided=True),
        ]
        return {row["state"] for row in rows}


@pytest.mark.parametrize(("step", "proposer", "side"), CASES, ids=str)
async def test_each_step_goes_where_the_table_says(county: County, step: Step, proposer: Side, side: Side) -> None:
    way = Handshake(await a_migrant(county), proposer)
    await way.bring_to(step.state)
    await way.act(side, step.act)
    assert await way.states() == {step.to}


async def test_the_registration_side_asks_to_end_it_and_the_place_where_they_live_says_so(county: County) -> None:
    migrant = await accepted(county)
    home, _ = await migrant.both()
    home = await changed(migrant.home.worker, home, until_on="2026-11-20")
    assert home["state"] == "provisional"
    _, there = await migrant.both()
    assert (there["state"], there["other"]["until_on"], there["until_on"]) == ("provisional", "2026-11-20", None)
    there = await changed(migrant.there.worker, there, until_on="2026-11-20")
    assert (there["state"], (await migrant.both())[0]["state"]) == ("ended", "ended")


# Each side its own part


async def test_neither_side_writes_the_others_part(county: County) -> None:
    migrant = await accepted(county)
    home, there = await migrant.both()
    service = [{"on": "2026-11-20", "code": "elder_care"}]
    refused(await change(migrant.home.worker, home, services=service), 422, OTHER_SIDE.slug, "/services")
    refused(await change(migrant.there.worker, there, wishes="请帮忙"), 422, OTHER_SIDE.slug, "/wishes")
    refused(await change(migrant.there.worker, there, asks=["share_contact"]), 422, OTHER_SIDE.slug, "/asks")
    refused(await change(migrant.home.worker, home, living_in="990101001201"), 422, FIXED.slug, "/living_in")
    refused(await change(migrant.there.worker, there, registered_in="990101001201"), 422, FIXED.slug, "/registered_in")
    of_the_service: list[dict[str, Any]] = [{"state": "ended"}, {"other": {}}, {"claimed_elsewhere": True}, {"reminded_on": None}]
    for says in of_the_service:
        assert (await change(migrant.home.worker, home, **says)).status_code == 422
    for one, other in ((migrant.home, there), (migrant.there, home)):
        refused(await one.worker.get(f"/v1/residences/{other['id']}"), 404, NOT_FOUND.slug)
        refused(await change(one.worker, other, cause="study"), 404, NOT_FOUND.slug)
        [result] = await push(one.worker, op("residence", other["id"], {"cause": "study"}, base_rev=other["rev"]))
        assert result["outcome"] in ("inbox", "held", "rejected")
        assert {row["cause"] for row in await migrant.both()} == {"work"}


async def test_a_residence_is_not_for_the_lead_household_of_a_group(county: County) -> None:
    migrant = await accepted(county)
    lead = await county.sign_in("lead-1")
    home, _ = await migrant.both()
    assert (await lead.get(f"/v1/residences/{home['id']}")).status_code == 404
    for plural in ("residences", "residence-proposals"):
        assert await listed(lead, plural) == []
    await migrant.home.consents("share_contact")
    assert await listed(lead, "consents", person_id=migrant.home.person) == []
    body = {"residence_id": str(uuid4()), "side": "registration", "person_id": migrant.home.person, "since_on": "2026-03-01"}
    assert (await lead.post("/v1/residences", json=body)).status_code == 403


async def test_two_workers_answer_at_once(county: County) -> None:
    """Offline, from two phones: one row, and the second is told."""
    migrant = await a_migrant(county)
    await migrant.there.says("residence", migrant.residence_id, registered_in=migrant.home.code)
    body = {"residence_id": migrant.residence_id, "side": "registration", "person_id": migrant.home.person, "since_on": "2026-03-01"}
    phones = [await county.sign_in(name, str(uuid4())) for name in ("worker-1", "worker-2")]
    outcomes = [(await push(phone, op("residence", id_of(body), body)))[0]["outcome"] for phone in phones]
    assert outcomes == ["applied", "unchanged"]
    assert {row["state"] for row in await migrant.both()} == {"accepted"}


async def test_many_phones_on_both_sides_at_once(county: County) -> None:
    """Nobody is told to come back later, and both sides end with what the other says."""
    migrant = await accepted(county)
    rows = dict(zip(SIDES, await migrant.both(), strict=True))
    phones = [(side, await county.sign_in(name, str(uuid4()))) for side, name in zip(SIDES * 8, ("worker-1", "worker-4") * 8, strict=True)]

    async def types(n: int, side: Side, phone: Phone) -> None:
        for month in range(1, 7):
            await push(phone, op("residence", rows[side]["id"], {"since_on": f"2026-{month:02}-{n + 1:02}"}, base_rev=month))

    await asyncio.gather(*(types(n, *each) for n, each in enumerate(phones)))
    home, there = await migrant.both()
    assert (home["other"]["since_on"], there["other"]["since_on"]) == (there["since_on"], home["since_on"])
    assert (home["state"], there["state"]) == ("provisional", "provisional")


async def test_a_phone_that_sends_whole_records_does_not_undo_what_the_other_side_said(county: County) -> None:
    migrant = await a_migrant(county)
    made = (await migrant.home.says("registration", migrant.residence_id, living_in=migrant.there.code)).json()
    answer = await migrant.there.says("residence", migrant.residence_id, since_on="2026-03-01")
    assert answer.json()["state"] == "accepted"
    doc = {name: value for name, value in made.items() if name not in ("id", "rev")} | {"comes_home_on": "2027-02-03"}
    [result] = await push(migrant.home.worker, op("residence", made["id"], doc, base_rev=made["rev"]))
    assert result["outcome"] in ("applied", "merged"), result
    home, there = await migrant.both()
    assert home["living_in"] == migrant.there.code[:9] + "000"
    assert (home["comes_home_on"], there["other"]["comes_home_on"]) == ("2027-02-03", "2027-02-03")


# Moving on


async def test_a_phone_hears_at_once_where_the_other_side_knows_better(county: County) -> None:
    """It answers with a place of its own guess; the record has the one that the other side said, so the reply shows the record."""
    migrant = await a_migrant(county)
    assert (await migrant.there.says("residence", migrant.residence_id, registered_in=migrant.home.code)).status_code == 201
    doc = {"residence_id": migrant.residence_id, "side": "registration", "person_id": migrant.home.person, "since_on": "2026-03-01"}
    answer = op("residence", id_of(doc), doc | {"living_in": f"{migrant.home.code[:9]}000"})
    [said] = await push(migrant.home.worker, answer)
    assert (said["outcome"], said["rev"], said["doc"]["living_in"]) == ("applied", 1, f"{migrant.there.code[:9]}000")
    [again] = await push(migrant.home.worker, answer)
    assert (again["outcome"], again["doc"]) == ("unchanged", said["doc"])


async def test_two_places_that_claim_somebody_both_hear_of_it_and_the_clock_decides_nothing(county: County) -> None:
    migrant = await accepted(county)
    second = str(uuid4())
    elsewhere = await a_place(county, "worker-3", "刘远")
    assert (await elsewhere.says("residence", second, registered_in=migrant.home.code)).status_code == 201
    assert (await migrant.there.residence(migrant.residence_id))["claimed_elsewhere"] is False  # nobody at home has said so
    assert (await migrant.home.says("registration", second)).status_code == 201
    claims = [await migrant.there.residence(migrant.residence_id), await elsewhere.residence(second)]
    claims += await listed(migrant.home.worker, person_id=migrant.home.person)
    assert {(row["claimed_elsewhere"], row["state"]) for row in claims} == {(True, "accepted")}
    assert len(claims) == 4
    assert [row["id"] for row in await listed(migrant.there.worker, claimed_elsewhere=True, residence_id=migrant.residence_id)]
    moved = await migrant.there.residence(migrant.residence_id)
    await changed(migrant.there.worker, moved, until_on="2026-10-31")
    assert (await elsewhere.residence(second))["claimed_elsewhere"] is False


async def test_both_ends_of_one_residence_are_not_two_claims(county: County) -> None:
    place, residence_id = await a_place(county, "worker-1", "刘近"), str(uuid4())
    await place.says("residence", residence_id, registered_in=place.code)
    await place.says("registration", residence_id)
    rows = await listed(place.worker, residence_id=residence_id)
    assert [(row["state"], row["claimed_elsewhere"]) for row in rows] == [("accepted", False)] * 2


async def test_a_whole_household_leaves_together(county: County) -> None:
    migrant = await a_migrant(county)
    people = await listed(migrant.home.worker, "people", household_id=migrant.home.household["id"])
    body = {"id": str(uuid4()), "side": "registration", "person_ids": [each["id"] for each in people[:3]], "since_on": "2026-03-01"}
    body["living_in"] = migrant.there.code
    path = f"/v1/households/{migrant.home.household['id']}/residences"
    assert (await migrant.home.worker.post(f"{path}?preview=true", json=body)).json()["records"] == {"residence": 3}
    before = len(await listed(migrant.there.worker, "residence-proposals", status="waiting"))
    for records in ({"residence": 3}, {}):  # again changes nothing
        made = await migrant.home.worker.post(path, json=body)
        assert (made.status_code, made.json()["records"]) == (200, records), made.text
    assert len(await listed(migrant.there.worker, "residence-proposals", status="waiting")) == before + 3
    stranger = [*body["person_ids"][:2], migrant.there.person]
    refused(await migrant.home.worker.post(path, json={**body, "id": str(uuid4()), "person_ids": stranger}), 404, NOT_FOUND.slug)
    refused(await migrant.there.worker.post(path, json=body), 404, NOT_FOUND.slug)


async def test_both_sides_count_the_same_people(county: County) -> None:
    """By state and by the places of either end, down to the township."""
    for there in ("worker-4", "worker-3", "worker-4"):
        await accepted(county, there=there)
    counted = """SELECT r.state, left(r.registered_in, 9), left(r.living_in, 9), count(*) FROM residence r
        WHERE r.side = $1 AND r.other IS NOT NULL GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"""
    [home, there] = [await county.owner.fetch(counted, side) for side in SIDES]
    assert home == there != []


async def test_an_old_code_means_its_successor(county: County) -> None:
    migrant = await a_migrant(county)
    old = "990101001298"
    await county.owner.execute("UPDATE place SET former_names = former_names WHERE county_id = 1")
    village = await county.owner.fetchrow("SELECT * FROM place WHERE code = $1", migrant.home.code)
    number = await county.owner.fetchval("SELECT max(place_id) + 1 FROM place")
    await county.owner.execute(
        "INSERT INTO place SELECT county_id, $1, $2, township_id, 1, false, created_at, updated_at, NULL, $3, name, level, NULL, parent_id,"
        " ARRAY[$4::int], NULL, '2020-01-01', false, '{}' FROM place WHERE code = $5",
        *(uuid4(), number, old, village["place_id"], migrant.home.code),
    )
    await migrant.there.says("residence", migrant.residence_id, registered_in=old)
    assert (await migrant.home.proposal(migrant.residence_id))["place_id"] == village["place_id"]


async def test_a_household_that_moves_takes_its_residences_along(county: County) -> None:
    migrant = await accepted(county)
    officer = await county.sign_in("township-1")
    household = (await officer.get(f"/v1/households/{migrant.home.household['id']}")).json()
    moved = await changed(officer, household, "households", place_id=OTHER_VILLAGE)
    assert moved["place_id"] == OTHER_VILLAGE
    kept = await county.owner.fetch("SELECT DISTINCT jsonb_typeof(services) AS is FROM residence")
    assert [row["is"] for row in kept] == ["array"]
    there = await migrant.there.residence(migrant.residence_id)
    assert there["registered_in"] == (await (await county.sign_in("worker-3")).get("/v1/me")).json()["places"][0]["code"]
    await changed(officer, moved, "households", place_id=household["place_id"])
    assert (await migrant.there.residence(migrant.residence_id))["registered_in"] == migrant.home.code


# The days


async def test_both_are_reminded_after_thirty_days_and_nothing_is_decided(county: County) -> None:
    migrant = await a_migrant(county)
    await migrant.there.says("residence", migrant.residence_id, registered_in=migrant.home.code)
    await sweep(county.access)
    assert (await migrant.there.residence(migrant.residence_id))["reminded_on"] is None
    await county.owner.execute("UPDATE residence SET waiting_since = '2026-10-20'")
    await county.owner.execute("UPDATE residence_proposal SET proposed_on = '2026-10-20'")
    await sweep(county.access)
    row, asked = await migrant.there.residence(migrant.residence_id), await migrant.home.proposal(migrant.residence_id)
    assert (row["reminded_on"], row["state"], asked["reminded_on"], asked["status"]) == (TODAY, "proposed", TODAY, "waiting")


async def test_who_comes_home_is_on_a_list_until_a_month_after(county: County) -> None:
    migrant = await accepted(county)
    _, there = await migrant.both()
    await changed(migrant.there.worker, there, comes_home_on="2026-12-30")
    home, _ = await migrant.both()
    assert home["id"] in [row["id"] for row in await listed(migrant.home.worker, comes_home=True)]
    await county.owner.execute("UPDATE residence SET comes_home_on = '2026-10-20' WHERE id = $1", there["id"])
    await sweep(county.access)
    home, there = await migrant.both()
    assert (there["comes_home_on"], home["other"]["comes_home_on"]) == (None, None)
    assert home["id"] not in [row["id"] for row in await listed(migrant.home.worker, comes_home=True)]
