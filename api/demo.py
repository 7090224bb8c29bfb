"""The demonstration county: an invented county with invented families, as pure data, the same on each run.

No clock, no I/O: days count back from DEMO_DAY, ids are UUIDv5 of what they name, and each function draws from a generator seeded with a
text. The county's code starts with 99, which no province has; nobody here is anybody.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from typing import Any, Literal, TypedDict
from uuid import UUID, uuid5

from api.demo_words import (
    AGREED,
    FOLLOW_UPS,
    GIVEN,
    LANDMARKS,
    NOTES,
    NUMERALS,
    OPENINGS,
    PHONE_PREFIXES,
    SLOTS,
    SURNAMES,
    TOWNSHIPS,
    WITHOUT_GROUPS,
)
from api.rules.attendance import id_of
from api.rules.standard_catalogues import STANDARD

DEMO_DAY = date(2026, 11, 20)
PASSWORD = "jiafang-demo-2026"  # meant to be known: it stands in var/demo.json and opens nothing but invented data
CARD_CODE = "20261120"
COUNTY_CODE = "990101000000"
DAYS_BACK = 425  # the visits of some fourteen months

_NAMESPACE = UUID("5f0c6a0e-3d43-5b5e-9a35-99010100000a")


class Place(TypedDict):
    """code is None for a group, group_number for all else, parent_id for the county."""

    id: UUID
    code: str | None
    name: str
    level: Literal["county", "township", "village", "group"]
    parent_id: UUID | None
    group_number: int | None


class Household(TypedDict):
    """place is the group, or the village where that has no groups. number: township, village, two digits of the group, own number."""

    id: UUID
    place: UUID
    number: str
    address: str
    head_id: UUID | None
    phones: list[str]
    status: Literal["living_here", "away", "moved", "dissolved"]


class Person(TypedDict):
    id: UUID
    household_id: UUID
    name: str
    sex: int
    born_on: date
    relation: Literal["head", "spouse", "child", "parent", "other"]
    phones: list[str]
    status: Literal["present", "away", "moved", "died"]


class Visit(TypedDict):
    """author is the id of a user. Absent and declined visits carry no purposes, agreement or notes."""

    id: UUID
    household_id: UUID
    visited_on: date
    manner: Literal["home", "phone", "office"]
    outcome: Literal["met", "absent", "declined"]
    met_ids: list[UUID]
    purposes: list[str]
    agreed: str | None
    notes: str | None
    author: UUID


class FollowUp(TypedDict):
    """author is the id of a user, and so is assignee_id."""

    id: UUID
    household_id: UUID
    person_id: UUID | None
    reason: str
    words: str | None
    due_on: date
    priority: Literal["high", "normal", "low"]
    assignee_id: UUID | None
    status: Literal["open", "done", "dropped"]
    done_by_visit_id: UUID | None
    dropped_because: str | None
    author: UUID


class User(TypedDict):
    """places are memberships. household_id: the own household of a household head, whose seat in it is no membership."""

    id: UUID
    username: str
    name: str
    role: Literal["county", "township", "village", "household_head"]
    places: list[UUID]
    reach: Literal["self", "below"]
    household_id: UUID | None


# At the door only, not over the phone or at the office.
_AT_HOME = ("elder_care", "child_care", "disability")

# The households of the users lead-1, head-1 and head-2.
_LEAD, _HEADS = "1101-01", ("1101-02", "1102-01")
_TWICE = "1101-03"  # a household that was entered a second time by mistake: nobody lives in it


def named(what: str) -> UUID:
    return uuid5(_NAMESPACE, what)


IMPORT_ID = named("import")


def register() -> str:
    """A register of households that the first township has sent and nobody has confirmed yet (CSV)."""
    digits, code, name = next(_villages())
    group = f"第{NUMERALS[_groups(code, name)[0] - 1]}组"
    rows = [(name, group, f"{digits}01-{n}", "村东头", "15400001234", "在家") for n in (91, 92)]
    return "\n".join(",".join(row) for row in [("村", "组", "户号", "住址", "联系电话", "状态"), *rows]) + "\n"


def _random(what: str) -> Random:
    """Seeded with a text, which Random hashes by itself: the same in each process, whatever PYTHONHASHSEED is."""
    return Random(what)  # noqa: S311  # nothing secret is drawn


def _place(code: str | None, name: str, level: Literal["county", "township", "village"], parent: str | None) -> Place:
    above = None if parent is None else named(f"place:{parent}")
    return {"id": named(f"place:{code}"), "code": code, "name": name, "level": level, "parent_id": above, "group_number": None}


def _villages() -> Iterator[tuple[str, str, str]]:
    """(the two digits that begin household numbers, code, name) of each village."""
    for t, (_, digits, names) in enumerate(TOWNSHIPS, 1):
        for v, name in enumerate(names, 1):
            yield f"{t}{v}", f"990101{digits}{1 if name.endswith('社区') else 200 + v:03d}", name


def _groups(village: str, name: str) -> list[int]:
    """The numbers of a village's groups, two to six, or none."""
    return [] if name in WITHOUT_GROUPS else list(range(1, _random(f"groups:{village}").randint(2, 6) + 1))


def _surname(rng: Random) -> str:
    return rng.choices(list(SURNAMES), list(SURNAMES.values()))[0]


def surname(number: str) -> str:
    """The surname of the family with this household number: households carry no name, but the notes and the head's user do."""
    return _surname(_random(f"surname:{number}"))


def places() -> list[Place]:
    """The county, its townships, villages and groups, parents first."""
    found = [_place(COUNTY_CODE, "青禾县", "county", None)]
    found += [_place(f"990101{digits}000", name, "township", COUNTY_CODE) for name, digits, _ in TOWNSHIPS]
    found += [_place(code, name, "village", f"{code[:9]}000") for _, code, name in _villages()]
    for _, village, name in _villages():
        for n in _groups(village, name):
            title = f"第{NUMERALS[n - 1]}村民小组"
            above = named(f"place:{village}")
            found.append(
                {"id": named(f"place:{village}:{n}"), "code": None, "name": title, "level": "group", "parent_id": above, "group_number": n}
            )
    return found


def households() -> list[Household]:
    """Some 1,500 households, by village, group and number."""
    found: list[Household] = []
    rng = _random("households")
    for prefix, village, name in _villages():
        for group in _groups(village, name) or [0]:
            place = named(f"place:{village}:{group}" if group else f"place:{village}")
            for n in range(1, rng.randint(11, 22) + (0 if group else 20)):
                number = f"{prefix}{group:02d}-{n:02d}"
                door = f"第{group}组{n}号" if group else f"{n}号"
                how_many = rng.choices((0, 1, 2), (12, 70, 18))[0]
                status: Literal["living_here", "away", "moved", "dissolved"]
                status = rng.choices(("living_here", "away", "moved", "dissolved"), (82, 15, 2, 1))[0]
                found.append(
                    {
                        "id": named(f"household:{number}"),
                        "place": place,
                        "number": number,
                        "address": door if rng.random() < 0.88 else rng.choice(LANDMARKS),
                        "head_id": None if number == _TWICE else named(f"person:{number}:1"),
                        "phones": [f"{rng.choice(PHONE_PREFIXES)}0000{rng.randrange(10_000):04d}" for _ in range(how_many)],
                        "status": "living_here" if number in (_LEAD, *_HEADS) else status,
                    }
                )
    return found


# relation, years younger than the head, how many of a hundred households have one
_FAMILY: tuple[tuple[Literal["head", "spouse", "child", "parent"], int, int], ...] = (
    ("head", 0, 100),
    ("spouse", 1, 72),
    ("child", 26, 55),
    ("child", 29, 18),
    ("parent", -25, 12),
)


def people() -> list[Person]:
    """Some 3,900 people, each household's one after the other, its head first."""
    found: list[Person] = []
    rng = _random("people")
    for household in households():
        number, age = household["number"], rng.randint(28, 84)
        if number == _TWICE:
            continue
        head = rng.choice((1, 2))
        for n, (relation, younger, percent) in enumerate(_FAMILY, 1):
            if rng.randrange(100) >= percent:
                continue
            family = surname(number) if relation in ("head", "child") else _surname(rng)
            phone = f"{rng.choice(PHONE_PREFIXES)}0000{rng.randrange(10_000):04d}"
            away = household["status"] == "away" or (relation == "child" and rng.random() < 0.4)
            born_on = DEMO_DAY - timedelta(days=365 * max(1, age - younger) + rng.randrange(365))
            found.append(
                {
                    "id": named(f"person:{number}:{n}"),
                    "household_id": household["id"],
                    "name": family + rng.choice(GIVEN),
                    "sex": head if relation == "head" else 3 - head if relation == "spouse" else rng.choice((1, 2)),
                    "born_on": born_on,
                    "relation": relation,
                    "phones": [phone] if rng.random() < 0.4 else [],
                    "status": "moved" if household["status"] == "moved" else "away" if away else "present",
                }
            )
    return found


def users() -> list[User]:
    """First those that programs which try the service rely on, then those that the other places need.

    worker-1 and worker-2 serve one village, worker-3 another of the same township, worker-4 one of another township. lead-1 is the lead
    household of the first group of worker-1's village; head-1 and head-2 are households of its first and its second group.
    """
    first, second, *others = (village for _, village, _ in _villages())
    fourth = next(village for village in others if village[:9] != first[:9])
    townships = [f"990101{digits}000" for _, digits, _ in TOWNSHIPS]
    rng = _random("users")

    def user(username: str, role: Literal["county", "township", "village", "household_head"], place: str | None, house: str = "") -> User:
        family = surname(house) if house else _surname(rng)
        return {
            "id": named(f"user:{username}"),
            "username": username,
            "name": family + rng.choice(GIVEN),
            "role": role,
            "places": [named(f"place:{place}")] if place else [],
            "reach": "self" if house else "below",
            "household_id": named(f"household:{house}") if house else None,
        }

    found = [
        user("county-admin", "county", COUNTY_CODE),
        user("township-1", "township", townships[0]),
        user("township-2", "township", townships[1]),
        user("worker-1", "village", first),
        user("worker-2", "village", first),
        user("worker-3", "village", second),
        user("worker-4", "village", fourth),
        user("lead-1", "household_head", f"{first}:1", _LEAD),
        user("head-1", "household_head", None, _HEADS[0]),
        user("head-2", "household_head", None, _HEADS[1]),
    ]
    found += [user(f"township-{n}", "township", township) for n, township in enumerate(townships[2:], 3)]
    found += [user(f"worker-{n}", "village", village) for n, village in enumerate((v for v in others if v != fourth), 5)]
    return found


def _authors() -> dict[UUID, list[UUID]]:
    """Who writes in a place: who holds it, then who holds the village that it lies in."""
    holders: dict[UUID, list[UUID]] = {}
    for user in users():
        for held in user["places"]:
            holders.setdefault(held, []).append(user["id"])
    above = {place["id"]: place["parent_id"] for place in places() if place["level"] == "group"}
    return {p["id"]: holders.get(p["id"], []) + holders.get(above.get(p["id"]) or p["id"], []) for p in places()}


def visits() -> list[Visit]:
    """Some 5,000 visits, oldest first, one a household and day at most, each by a worker of the village or the group's lead household."""
    authors = _authors()
    at_home: dict[UUID, list[UUID]] = {}
    for person in people():
        at_home.setdefault(person["household_id"], []).append(person["id"])
    found: list[Visit] = []
    rng = _random("visits")
    for household in households():
        place, number = household["place"], household["number"]
        who_may = authors[place]
        family = surname(number)
        at_least = 3 if number in (_LEAD, *_HEADS) else 0
        how_many = max(at_least, rng.choices(range(9), (5, 12, 19, 20, 17, 12, 8, 5, 2))[0])
        if number == _TWICE:
            continue
        for ago in rng.sample(range(DAYS_BACK), how_many):
            manner, outcome = _how(rng, household["status"] == "away")
            chosen = [code for code in STANDARD if manner == "home" or code not in _AT_HOME]
            purposes = rng.sample(chosen, rng.choices((1, 2), (78, 22))[0]) if outcome == "met" else []
            words = {slot: rng.choice(choices) for slot, choices in SLOTS.items()}
            words["who"] = family + words["title"]
            notes = rng.choice(OPENINGS[manner]) + "".join(rng.choice(NOTES[purpose]) for purpose in purposes)
            agreed = rng.choice(AGREED)
            found.append(
                {
                    "id": named(f"visit:{number}:{ago}"),
                    "household_id": household["id"],
                    "visited_on": DEMO_DAY - timedelta(days=ago),
                    "manner": manner,
                    "outcome": outcome,
                    "met_ids": at_home[household["id"]][: 1 + ago % 2] if outcome == "met" else [],
                    "purposes": purposes,
                    "agreed": agreed.format_map(words) if outcome == "met" and rng.random() < 0.45 else None,
                    "notes": notes.format_map(words) if outcome == "met" and rng.random() < 0.9 else None,
                    "author": rng.choice(who_may),
                }
            )
    return sorted(found, key=lambda visit: (visit["visited_on"], visit["id"]))


def follow_ups() -> list[FollowUp]:
    """Some 750: of half the households one, mostly open, around DEMO_DAY; the head's, by somebody who serves the place."""
    authors, last = _authors(), {visit["household_id"]: visit for visit in visits() if visit["outcome"] == "met"}
    found: list[FollowUp] = []
    rng = _random("follow-ups")
    for household in households():
        number, visit = household["number"], last.get(household["id"])
        reason, author, due = rng.choice(list(FOLLOW_UPS)), rng.choice(authors[household["place"]]), rng.randrange(-20, 21)
        status = rng.choices(("open", "done", "dropped"), (70, 22, 8))[0]
        if number == _TWICE or rng.random() < 0.5:
            continue
        done = visit is not None and status == "done"
        found.append(
            {
                "id": named(f"follow-up:{number}"),
                "household_id": household["id"],
                "person_id": household["head_id"],
                "reason": reason,
                "words": rng.choice(FOLLOW_UPS[reason]) if rng.random() < 0.8 else None,
                "due_on": DEMO_DAY + timedelta(days=due),
                "priority": rng.choices(("high", "normal", "low"), (15, 70, 15))[0],
                "assignee_id": author if rng.random() < 0.6 else None,
                "status": "done" if done else "dropped" if status == "dropped" else "open",
                "done_by_visit_id": visit["id"] if visit and done else None,
                "dropped_because": "已由家人办好" if status == "dropped" else None,
                "author": author,
            }
        )
    return found


class Programme(TypedDict):
    id: UUID
    name: str
    basis: str
    who: dict[str, Any]
    rounds: list[dict[str, Any]]


class Session(TypedDict):
    """place is a township. author is the id of its officer."""

    id: UUID
    place: UUID
    programme_id: UUID
    round: int
    held_on: date
    from_time: str
    to_time: str
    venue: str
    author: UUID


class Attendance(TypedDict):
    """author is the id of a worker of the village."""

    id: UUID
    programme_id: UUID
    round: int
    person_id: UUID
    session_id: UUID
    state: Literal["invited", "confirmed"]
    author: UUID


def programmes() -> list[Programme]:
    days = {"from_on": DEMO_DAY.replace(day=1).isoformat(), "to_on": DEMO_DAY.replace(month=12, day=31).isoformat()}
    return [
        {
            "id": named("programme"),
            "name": "老年人健康体检",
            "basis": "国家基本公共卫生服务规范",
            "who": {"born_from": None, "born_to": "1961-12-31", "sex": None},
            "rounds": [{"number": 1, **days}],
        },
        {
            "id": named("programme 2"),
            "name": "视力听力检查",
            "basis": "县卫生健康局年度安排",
            "who": {"born_from": None, "born_to": None, "sex": None},
            "rounds": [{"number": 1, **days}],
        },
    ]


def sessions() -> list[Session]:
    """One of each programme in each township."""
    officers = {user["places"][0]: user["id"] for user in users() if user["role"] == "township"}
    return [
        {
            "id": named(f"session:{place['code']}:{n}"),
            "place": place["id"],
            "programme_id": programme["id"],
            "round": 1,
            "held_on": DEMO_DAY + timedelta(days=18 + 3 * n),
            "from_time": "08:00",
            "to_time": "11:30",
            "venue": f"{place['name']}卫生院",
            "author": officers[place["id"]],
        }
        for place in places()
        for n, programme in enumerate(programmes())
        if place["level"] == "township"
    ]


def attendances() -> list[Attendance]:
    """In each place that has households the head of one was invited, mostly one of those whom it is for; to the second programme all who
    live in the households that read their own record."""
    above = {place["id"]: place["parent_id"] for place in places()}
    workers = {held: user["id"] for user in reversed(users()) if user["role"] == "village" for held in user["places"]}
    session_in = {session["place"]: session for session in reversed(sessions())}  # of the first programme
    heads = {person["id"]: person for person in people() if person["relation"] == "head"}
    by_place: dict[UUID, list[UUID]] = {}
    for household in households():
        if household["head_id"]:
            by_place.setdefault(household["place"], []).append(household["head_id"])
    found: list[Attendance] = []
    for n, (place, here) in enumerate(by_place.items()):
        fits = [i for i in here[3:-5] if heads[i]["born_on"] <= date(1961, 12, 31)]
        person_id = (fits or here[3:])[0]
        village = place if place in workers else above[place] or place
        session = session_in[above[village] or village]  # a village lies in a township
        found.append(
            {
                "id": id_of({"programme_id": session["programme_id"], "round": 1, "person_id": person_id}),
                "programme_id": session["programme_id"],
                "round": 1,
                "person_id": person_id,
                "session_id": session["id"],
                "state": "confirmed" if n % 3 == 0 else "invited",
                "author": workers[village],
            }
        )
    families = {named(f"household:{number}") for number in (_LEAD, *_HEADS)}
    *_, second = programmes()
    session = next(session for session in sessions() if session["programme_id"] == second["id"])
    for person in people():
        if person["household_id"] in families:
            asked = {"programme_id": second["id"], "round": 1, "person_id": person["id"]}
            found.append(
                {
                    "id": id_of(asked),
                    "programme_id": second["id"],
                    "round": 1,
                    "person_id": person["id"],
                    "session_id": session["id"],
                    "state": "invited",
                    "author": next(user["id"] for user in users() if user["username"] == "worker-1"),
                }
            )
    return found


class Card(TypedDict):
    """An activation card of the first village; `person_id`: whom worker-1 has handed it to. The code is known, like the password."""

    id: UUID
    number: str
    code: str
    person_id: UUID | None


def cards() -> list[Card]:
    """Two that lie in the drawer, two that were handed over; the last is there to be tried."""
    head_of = {household["number"]: household["head_id"] for household in households()}
    numbers = {"9901010010": None, "9901010044": None, "9901010028": head_of["1101-06"], "9901010036": head_of["1101-05"]}
    return [{"id": named(f"card:{n}"), "number": n, "code": CARD_CODE, "person_id": person_id} for n, person_id in numbers.items()]


class Unsettled(TypedDict):
    """An edit that a phone brought and that did not go in as it was: `op` as it is pushed."""

    username: str
    phone: UUID
    lost: bool
    op: dict[str, Any]


def unsettled() -> list[Unsettled]:
    """Entries of worker-1's for the lists for people: a conflict (worker-2 edits first), a refused edit, one that waits for its household,
    and two from a phone that was reported lost."""
    [village] = next(user for user in users() if user["username"] == "worker-1")["places"]
    below = {place["id"] for place in places() if place["parent_id"] == village}
    in_village = {household["id"] for household in households() if household["place"] in below}
    edited, other = [visit for visit in visits() if visit["household_id"] in in_village and visit["notes"]][:2]
    household = {"household_id": str(other["household_id"])}
    new = {"visited_on": DEMO_DAY.isoformat(), "outcome": "met", "notes": "问了冬天取暖"}
    ops: list[tuple[str, str, str, str, int | None, dict[str, Any]]] = [
        ("worker-2", "phone", "09:00", str(edited["id"]), 1, {"notes": "补记：材料已带齐"}),
        ("worker-1", "phone", "10:00", str(edited["id"]), 1, {"notes": "补记：还缺一份证明"}),
        ("worker-1", "phone", "10:05", str(named("visit to come")), None, {**new, "visited_on": "2062-11-20"} | household),
        ("worker-1", "phone", "10:10", str(named("visit that waits")), None, {**new, "household_id": str(named("household to come"))}),
        ("worker-1", "lost phone", "10:15", str(other["id"]), 1, {"agreed": "月底送材料"}),
        ("worker-1", "lost phone", "10:20", str(other["id"]), 1, {"manner": "phone"}),
    ]
    return [
        {
            "username": username,
            "phone": named(f"{phone} of {username}"),
            "lost": phone == "lost phone",
            "op": {"kind": "visit", "id": record_id, "base_rev": base_rev, "at": f"{DEMO_DAY}T{at}:00+08:00", "doc": doc},
        }
        for username, phone, at, record_id, base_rev, doc in ops
    ]


def _how(rng: Random, away: bool) -> tuple[Literal["home", "phone", "office"], Literal["met", "absent", "declined"]]:
    manner: Literal["home", "phone", "office"] = rng.choices(("home", "phone", "office"), (40, 55, 5) if away else (76, 16, 8))[0]
    if manner == "office":  # who comes to the office is there
        return manner, "met"
    return manner, rng.choices(("met", "absent", "declined"), (80, 15, 5))[0]
