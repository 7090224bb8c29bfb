"""Who of the demonstration county lives in another of its villages, as pure data. See demo.py."""

from datetime import UTC, date, datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from api import demo
from api.demo_money import Row
from api.rules.residence import id_of

SINCE = date(2026, 3, 1)
FAR, FAR_CODE = demo.named("residence: far"), "990909001000"


class Migrant(NamedTuple):
    """Somebody of one household in each place, of a `village`. `lives_in`: another one; `there`: the person as it knows them, where it
    has answered."""

    residence_id: UUID
    person: demo.Person
    village: demo.Place
    worker: UUID
    lives_in: demo.Place
    there: demo.Person | None
    worker_there: UUID


@cache
def migrants() -> list[Migrant]:
    """In each village somebody is proposed; one in three has been answered."""
    above = {place["id"]: place["parent_id"] for place in demo.places() if place["level"] == "group"}
    villages = [place for place in demo.places() if place["level"] == "village"]
    named = {place["id"]: place for place in villages}
    workers = {place: user["id"] for user in reversed(demo.users()) if user["role"] == "village" for place in user["places"]}
    people: dict[UUID, list[demo.Person]] = {}
    for person in demo.people():
        people.setdefault(person["household_id"], []).append(person)
    homes: dict[UUID, list[demo.Household]] = {}
    for household in demo.households():
        if household["head_id"]:
            homes.setdefault(household["place"], []).append(household)
    of_village: dict[UUID, list[demo.Household]] = {}
    for place, here in homes.items():
        of_village.setdefault(above.get(place) or place, []).append(here[6])
    found: list[Migrant] = []
    for n, (place, here) in enumerate(homes.items()):
        village = above.get(place) or place
        lives_in = next(v for v in [villages[(n + 1) % len(villages)], villages[(n + 2) % len(villages)]] if v["id"] != village)
        free = of_village[lives_in["id"]]
        there = _grown_up(people[free.pop(0)["id"]]) if n % 3 == 0 and free else None
        about = _grown_up(people[here[5]["id"]])
        found.append(
            Migrant(demo.named(f"residence:{place}"), about, named[village], workers[village], lives_in, there, workers[lives_in["id"]])
        )
    return found


def _grown_up(people: list[demo.Person]) -> demo.Person:
    return next(person for person in reversed(people) if person["born_on"].year < 2008 or person["relation"] == "head")


def _row(migrant: Migrant, side: str, person: demo.Person, author: UUID, **more: Any) -> Row:
    doc = {"residence_id": migrant.residence_id, "side": side, "person_id": person["id"], "since_on": SINCE, **more}
    return {"id": id_of(doc), "doc": doc, "author": author}


def residences() -> list[Row]:
    """Those who said goodbye at home, then the answers of where they came to."""
    left = [_row(one, "registration", one.person, one.worker, living_in=one.lives_in["code"]) for one in migrants()]
    answers = [_row(one, "residence", one.there, one.worker_there) for one in migrants() if one.there]
    first = migrants()[0]
    far = {"residence_id": FAR, "side": "registration", "person_id": _far()["id"], "since_on": SINCE, "living_in": FAR_CODE}
    return [*left, *answers, {"id": id_of(far), "doc": far, "author": first.worker}]


def _far() -> demo.Person:
    """A neighbour of the first, who lives in a county that is not here: that letter does not arrive."""
    number = {household["id"]: n for n, household in enumerate(demo.households())}
    after = number[migrants()[0].person["household_id"]] + 1
    return next(person for person in demo.people() if number[person["household_id"]] == after)


def consents() -> list[Row]:
    said = {"purpose": "share_services", "act": "given", "acted_at": datetime(2026, 11, 20, 2, tzinfo=UTC), "text_version": "2026-1"}
    return [
        {"id": demo.named(f"consent:{one.residence_id}"), "doc": {**said, "person_id": one.person["id"]}, "author": one.worker}
        for one in migrants()
    ]
