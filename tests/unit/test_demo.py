"""The demonstration county: plausible, whole, harmless, and the same on each run."""

import hashlib
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from api import demo
from api.jobs import demo_county
from api.rules.refused import refused_word
from api.rules.standard_catalogues import standard
from api.schemas.text import person_name, phone, plain

PLACES, HOUSEHOLDS, VISITS, USERS, CATALOGUE = demo.places(), demo.households(), demo.visits(), demo.users(), standard()
PEOPLE, FOLLOW_UPS = demo.people(), demo.follow_ups()
# All that is written, by kind: a later kind is here by itself
ROWS: dict[str, Any] = {kind.name: rows for kind, rows in demo_county.written().items()}
ROWS |= {"place": PLACES, "catalogue_entry": CATALOGUE, "household": HOUSEHOLDS, "person": PEOPLE, "checkup_programme": demo.programmes()}
PLACE = {place["id"]: place for place in PLACES}
VILLAGES = [place for place in PLACES if place["level"] == "village"]


def village_of(place_id: UUID) -> UUID:
    place = PLACE[place_id]
    return place["parent_id"] if place["level"] == "group" and place["parent_id"] else place_id


def test_it_has_the_promised_size() -> None:
    levels = Counter(place["level"] for place in PLACES)
    assert (levels["county"], levels["township"], levels["village"]) == (1, 3, 24)
    assert 1_400 <= len(HOUSEHOLDS) <= 1_600
    assert 4_700 <= len(VISITS) <= 5_300
    assert len({visit["notes"] for visit in VISITS}) > 2_000


def test_it_is_the_same_again() -> None:
    assert (demo.places(), demo.households(), demo.people(), demo.users()) == (PLACES, HOUSEHOLDS, PEOPLE, USERS)
    assert all(rows == ROWS[kind.name] for kind, rows in demo_county.written().items())


@pytest.mark.parametrize("seed", ["0", "4711"])
def test_it_is_the_same_in_another_process(seed: str) -> None:
    everything = "(demo.places(), demo.households(), demo.people(), demo.users(), list(demo_county.written().values()))"
    imports = "import hashlib; from api import demo; from api.jobs import demo_county"
    program = f"{imports}; print(hashlib.sha256(repr({everything}).encode()).hexdigest())"
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    root = Path(demo.__file__).parents[1]
    run = subprocess.run([sys.executable, "-c", program], cwd=root, env=environment, capture_output=True, text=True, check=True)
    here = repr((PLACES, HOUSEHOLDS, PEOPLE, USERS, list(demo_county.written().values())))
    assert run.stdout.strip() == hashlib.sha256(here.encode()).hexdigest()


def test_ids_are_given_once() -> None:
    ids = [row["id"] for rows in (*ROWS.values(), USERS) for row in rows]
    assert len(set(ids)) == len(ids)
    assert len({household["number"] for household in HOUSEHOLDS}) == len(HOUSEHOLDS)
    assert len({user["username"] for user in USERS}) == len(USERS)
    assert len({(entry["catalogue"], entry["code"]) for entry in CATALOGUE}) == len(CATALOGUE)
    assert len({(visit["household_id"], visit["visited_on"]) for visit in VISITS}) == len(VISITS)


def test_places_stand_below_their_parents() -> None:
    ranges = {"township": range(1, 600), "village": range(1, 400)}
    seen: set[UUID] = set()
    for place in PLACES:
        code, parent = place["code"], PLACE[place["parent_id"]] if place["parent_id"] else None
        assert parent is None or parent["id"] in seen  # parents first
        seen.add(place["id"])
        if place["level"] == "group":
            assert code is None
            assert parent is not None
            assert parent["level"] == "village"
            assert place["group_number"] in range(1, 100)
            continue
        assert code is not None
        assert re.fullmatch("990101[0-9]{6}", code)
        assert place["group_number"] is None
        if place["level"] == "county":
            assert (code, parent) == (demo.COUNTY_CODE, None)
            continue
        assert parent is not None
        kept = 6 if place["level"] == "township" else 9
        assert parent["code"] == code[:kept].ljust(12, "0")
        assert int(code[kept : kept + 3]) in ranges[place["level"]]


def test_groups_and_villages_without() -> None:
    groups = Counter(place["parent_id"] for place in PLACES if place["level"] == "group")
    assert set(groups.values()) <= set(range(2, 7))
    assert 1 <= len(VILLAGES) - len(groups) <= 4
    in_place = Counter(household["place"] for household in HOUSEHOLDS)
    for place in PLACES:
        holds = place["level"] == "group" or (place["level"] == "village" and place["id"] not in groups)
        assert 10 <= in_place[place["id"]] <= 45 if holds else place["id"] not in in_place


def test_households_are_whole_and_nobodys() -> None:
    for household in HOUSEHOLDS:
        assert household["place"] in PLACE
        assert re.fullmatch("[0-9]{4}-[0-9]{2}", household["number"])
        for number in household["phones"]:
            assert phone(number) == number
            assert re.fullmatch("1[3-9][0-9]0000[0-9]{4}", number)
    status = Counter(household["status"] for household in HOUSEHOLDS)
    assert status["living_here"] > len(HOUSEHOLDS) * 0.7
    assert status["away"] > len(HOUSEHOLDS) * 0.1
    assert status.keys() == {"living_here", "away", "moved", "dissolved"}


def test_visits_refer_to_what_exists() -> None:
    purposes = {entry["code"] for entry in CATALOGUE if entry["catalogue"] == "visit_purpose"}
    households = {household["id"]: household for household in HOUSEHOLDS}
    users = {user["id"]: user for user in USERS}
    for visit in VISITS:
        place = households[visit["household_id"]]["place"]
        author = users[visit["author"]]
        assert set(author["places"]) & ({place, village_of(place)} if author["role"] == "village" else {place})
        assert set(visit["purposes"]) <= purposes
        assert demo.DEMO_DAY - timedelta(days=430) <= visit["visited_on"] <= demo.DEMO_DAY
    assert VISITS[0]["visited_on"] < demo.DEMO_DAY - timedelta(days=400)


def test_people_live_in_households_and_visits_met_those_who_do() -> None:
    lives = {person["id"]: person["household_id"] for person in PEOPLE}
    heads = {person["household_id"]: person["id"] for person in PEOPLE if person["relation"] == "head"}
    assert {household["id"]: household["head_id"] for household in HOUSEHOLDS if household["head_id"]} == heads
    for person in PEOPLE:
        assert person["name"] == person_name(person["name"])
        assert person["born_on"] < demo.DEMO_DAY
        assert all(re.fullmatch("1[3-9][0-9]0000[0-9]{4}", number) for number in person["phones"])
    for visit in VISITS:
        assert bool(visit["met_ids"]) == (visit["outcome"] == "met")
        assert {lives[i] for i in visit["met_ids"]} <= {visit["household_id"]}


def test_follow_ups_refer_to_what_exists() -> None:
    reasons = {entry["code"] for entry in CATALOGUE if entry["catalogue"] == "follow_up_reason"}
    visited: dict[UUID | None, UUID] = {visit["id"]: visit["household_id"] for visit in VISITS}
    for follow_up in FOLLOW_UPS:
        assert follow_up["reason"] in reasons
        assert visited.get(follow_up["done_by_visit_id"]) == (follow_up["household_id"] if follow_up["status"] == "done" else None)
    assert {follow_up["status"] for follow_up in FOLLOW_UPS} == {"open", "done", "dropped"}


def test_whoever_was_not_met_left_no_words() -> None:
    for visit in VISITS:
        if visit["outcome"] == "met":
            assert 1 <= len(visit["purposes"]) == len(set(visit["purposes"]))
        else:
            assert (visit["purposes"], visit["agreed"], visit["notes"]) == ([], None, None)
    assert {visit["outcome"] for visit in VISITS} == {"met", "absent", "declined"}
    assert {visit["manner"] for visit in VISITS} == {"home", "phone", "office"}


def texts(row: Any) -> Iterator[str]:
    if isinstance(row, str):
        yield row
    elif isinstance(row, dict | list):
        for part in row.values() if isinstance(row, dict) else row:
            yield from texts(part)


@pytest.mark.parametrize("kind", ROWS)
def test_the_words_are_harmless(kind: str) -> None:
    for text in {text for row in ROWS[kind] for text in texts(row)}:
        assert refused_word(text) is None
        assert text == plain(text)
        assert len(text) < 200
        assert not set("{}") & set(text)


def test_the_catalogue_has_the_seeded_codes() -> None:
    seeded = "policy_information help_with_application subsidy elder_care child_care disability migrant_service answer_to_request"
    seeded += " checkup_reminder"
    assert [entry["code"] for entry in CATALOGUE if entry["catalogue"] == "visit_purpose"] == seeded.split()
    assert {entry["code"] for entry in CATALOGUE if entry["catalogue"] == "follow_up_reason"} < set(seeded.split())


def test_the_users_that_programs_rely_on() -> None:
    named = {user["username"]: user for user in USERS}
    first = "county-admin township-1 township-2 worker-1 worker-2 worker-3 worker-4 lead-1 head-1 head-2"
    assert [user["username"] for user in USERS[:10]] == first.split()
    held = {name: PLACE[user["places"][0]] for name, user in named.items() if user["places"]}
    assert held["county-admin"]["level"] == "county"
    assert held["township-1"]["id"] != held["township-2"]["id"]
    assert held["worker-1"] == held["worker-2"] != held["worker-3"]
    assert held["worker-1"]["parent_id"] == held["worker-3"]["parent_id"] == held["township-1"]["id"]
    assert held["worker-4"]["parent_id"] == held["township-2"]["id"]
    assert held["lead-1"]["level"] == "group"
    assert named["lead-1"]["reach"] == "self"
    households = {household["id"]: household for household in HOUSEHOLDS}
    heads = [user for user in USERS if user["role"] == "household_head"]
    own = [households[user["household_id"]] for user in heads if user["household_id"]]
    assert len(own) == 3
    assert {village_of(household["place"]) for household in own} == {held["worker-1"]["id"]}
    assert own[0]["place"] == held["lead-1"]["id"]
    visited = Counter(visit["household_id"] for visit in VISITS)
    for household in own:
        assert household["status"] == "living_here"
        assert visited[household["id"]] >= 3
    assert named["head-1"]["places"] == named["head-2"]["places"] == []  # a family's seat is no membership


def test_each_village_has_a_worker_and_each_township_an_officer() -> None:
    served = {place for user in USERS for place in user["places"] if user["role"] in ("township", "village")}
    assert served == {place["id"] for place in PLACES if place["level"] in ("township", "village")}
    for user in USERS:
        assert user["name"] == person_name(user["name"])
        assert re.fullmatch("[a-z0-9][a-z0-9._-]{2,39}", user["username"])
        assert (user["household_id"] is not None) == (user["role"] == "household_head") == (user["reach"] == "self")
