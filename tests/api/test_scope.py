"""Nobody reaches past the own places: every caller against a record in every place, for every kind that has places.

Generated from KINDS: a later kind is covered once it has a line in SAMPLES. Who reaches what is said again here, in `reaches`, on purpose.
"""

import re
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import uuid4

import asyncpg
import httpx
import pytest

from api import demo, demo_money
from api.embedded import Urls
from api.kinds import ATTENDANCE, CONSENT, FOLLOW_UP, KINDS, Kind
from api.routers import openapi
from api.rules.standard_catalogues import standard
from api.schemas.base import Seen, mark_of
from tests.conftest import Phone, SignIn
from tests.county import ABOVE, HELD, LEVEL, PLACES, USERS, plain

Connection = asyncpg.Connection
NOWHERE = 2_000_000  # no place has this number


@dataclass(frozen=True)
class Spot:
    """Where records lie: a place with a household in it, the places above, and an officer who can write there."""

    place_id: int
    village_id: int
    township_id: int
    household_id: str
    officer: str


class Sample(NamedTuple):
    """`make`: the body of a new record at a spot, another one each time. `change`: a harmless change of it. `hidden`: what a lead household
    sees only in its own records, or never (`Seen`), said again here, on purpose; with two values that stand nowhere else."""

    make: Callable[[Spot], dict[str, Any]]
    change: dict[str, Any]
    hidden: Mapping[str, tuple[str, Any, Any]] = {}


MET = {"visited_on": "2026-11-10", "outcome": "met", "notes": "老人精神好", "agreed": "月底再来"}
NOTED = {"agreed": ("own", "悄悄说好的", "悄悄改了的"), "notes": ("own", "悄悄记下的", "悄悄改过的")}
BORN = {"name": "试", "born_on": "1958-03-04", "phones": ["15400001234"]}
PRIVATE = {"born_on": ("none", "1911-11-11", "1912-12-12"), "phones": ("none", ["15412340001"], ["15412340002"])}
DUE = {"reason": "elder_care", "due_on": "2026-11-27", "words": "看看扶手", "status": "dropped", "dropped_because": "已办"}
TOLD = {"words": ("own", "悄悄说的事", "悄悄改的事"), "dropped_because": ("own", "悄悄的缘故", "另外的缘故")}
HEAD = {str(household["id"]): str(household["head_id"]) for household in demo.households()}
PROGRAMME = {
    "id": str(uuid4()),
    "name": "很多轮的体检",
    "basis": "试",
    "rounds": [{"number": n, "from_on": "2026-11-01", "to_on": "2026-12-31"} for n in range(1, 101)],
}
_ROUNDS: dict[str, Iterator[int]] = defaultdict(lambda: iter(range(1, 101)))


def asked(spot: Spot) -> dict[str, Any]:
    """One person and round have one attendance: each time it is another round."""
    person = HEAD.get(spot.household_id, str(uuid4()))
    return {"programme_id": PROGRAMME["id"], "round": next(_ROUNDS[person]), "person_id": person}


WASTE = {"fee_item_id": str(demo_money.FEE_ITEM), "amount_fen": demo_money.FEE_FEN, "due_on": "2026-12-31"}


def _book(spot: Spot) -> dict[str, Any]:
    first = uuid4().int % 10**8 * 10 + 1
    return {"place_id": spot.place_id, "device_id": str(uuid4()), "series": "试", "first_number": first, "last_number": first + 9}


def _refund(spot: Spot) -> dict[str, Any]:
    paid = PAID.get(spot.household_id, uuid4())
    return {"household_id": spot.household_id, "payment_id": str(paid), "amount_fen": 1, "because": "多收了"}


def _counting(spot: Spot) -> dict[str, Any]:
    worker = str(USERS[spot.officer]["id"]) if spot.officer else str(uuid4())
    return {"place_id": spot.place_id, "worker_id": worker, "amount_fen": 1, "counted_on": "2026-11-21"}


PAID = {str(row["doc"]["household_id"]): row["id"] for row in demo_money.payments()}


def _residence(spot: Spot) -> dict[str, Any]:
    return {
        "residence_id": str(uuid4()),
        "side": "registration",
        "person_id": HEAD.get(spot.household_id, str(uuid4())),
        "since_on": "2026-03-01",
        "declined_because": "试",
    }


SAID = {"purpose": "share_contact", "act": "given", "acted_at": "2026-11-20T02:00:00.000Z", "text_version": "2026-1", "through": "guardian"}
SAMPLES = {
    "consent": Sample(lambda spot: {"person_id": HEAD.get(spot.household_id, str(uuid4())), **SAID}, {"act": "withdrawn"}),
    "residence": Sample(_residence, {"comes_home_on": "2027-02-03"}),
    "attendance": Sample(asked, {"state": "confirmed"}),
    "household": Sample(lambda spot: {"place_id": spot.place_id, "number": f"试-{uuid4().hex[:12]}"}, {"address": "村西头"}),
    "person": Sample(lambda spot: {"household_id": spot.household_id, **BORN}, {"status": "away"}, PRIVATE),
    "follow_up": Sample(lambda spot: {"household_id": spot.household_id, **DUE}, {"priority": "high"}, TOLD),
    "visit": Sample(lambda spot: {"household_id": spot.household_id, **MET}, {"manner": "phone"}, NOTED),
    "receipt_book": Sample(_book, {"status": "lost"}),
    "charge": Sample(lambda spot: {"household_id": spot.household_id, **WASTE}, {"due_on": "2027-01-31"}),
    "payment": Sample(lambda spot: {"household_id": spot.household_id, "amount_fen": 1, "paid_on": "2026-11-21"}, {"amount_fen": 2}),
    "refund": Sample(_refund, {"amount_fen": 2}),
    "counting": Sample(_counting, {"amount_fen": 2}),
    "deposit": Sample(
        lambda spot: {"place_id": spot.place_id, "amount_fen": 1, "deposited_on": "2026-11-21", "bank_reference": "1"}, {"amount_fen": 2}
    ),
}
# of which there is one in each place of the demonstration county
EVERYWHERE_THERE = ("household", "person", "visit", "follow_up", "consent", "residence", "charge", "payment")

OF_ONE_PERSON = (ATTENDANCE, CONSENT)  # listed of one person at a time

CALLERS = (*tuple(USERS)[:10], "township-3", "worker-5")


def _spot(household: demo.Household) -> Spot:
    place = PLACES[household["place"]]
    village = ABOVE[place] if LEVEL[place] == "group" else place
    officer = next(n for n, user in USERS.items() if user["role"] == "township" and ABOVE[village] in HELD[n])
    return Spot(place, village, ABOVE[village], str(household["id"]), officer)


# One household of every place that has any; and some of these for what takes many calls
EVERYWHERE = {spot.place_id: spot for spot in map(_spot, reversed(demo.households()))}


def _first(fits: Callable[[Spot], bool]) -> Spot:
    return next(spot for _, spot in sorted(EVERYWHERE.items()) if fits(spot))


LEADS = _first(lambda s: {s.place_id} == HELD["lead-1"])
SPOTS = {
    "own group": LEADS,
    "next group": _first(lambda s: s.village_id == LEADS.village_id and s is not LEADS),
    "next village": _first(lambda s: {s.village_id} == HELD["worker-3"]),
    "village without groups": _first(lambda s: s.township_id == LEADS.township_id and s.place_id == s.village_id),
    "township 2": _first(lambda s: {s.village_id} == HELD["worker-4"]),
    "township 3": _first(lambda s: {s.township_id} == HELD["township-3"]),
}
# Nobody creates these: a proposal is made by what another place says, a card by the press of the township; each has a test_….py
NOT_CREATED = ("residence_proposal", "activation_card")
PLACED = [kind for kind in KINDS.values() if not kind.public_below and kind.name not in NOT_CREATED]

every_kind = pytest.mark.parametrize("kind", PLACED, ids=lambda kind: kind.name)
every_caller = pytest.mark.parametrize("username", CALLERS)
every_spot = pytest.mark.parametrize("spot", SPOTS.values(), ids=SPOTS)


def reaches(username: str, spot: Spot) -> bool:
    held = HELD[username]
    match USERS[username]["role"]:
        case "county":
            return True
        case "township":
            return spot.township_id in held
        case "village":
            return spot.place_id in held or spot.village_id in held
        case "household_head":
            return spot.place_id in held


def finds(username: str, spot: Spot, kind: Kind) -> bool:
    """Reaches the place, and reads the kind at all."""
    return reaches(username, spot) and USERS[username]["role"] in kind.readers


def right(username: str, kind: Kind) -> str | None:
    """all, own or None."""
    return kind.writers.get(USERS[username]["role"])


async def create(phone: Phone, kind: Kind, body: dict[str, Any]) -> httpx.Response:
    return await phone.post(f"/v1/{kind.plural}", params={"confirm": True}, json=body)


async def calls(phone: Phone, kind: Kind, record_id: Any) -> dict[str, httpx.Response]:
    """Each call that names a record, the harmless ones first."""
    path = f"/v1/{kind.plural}/{record_id}"
    return {
        "get": await phone.get(path),
        "revisions": await phone.get(path + "/revisions"),
        "patch": await phone.patch(path, params={"confirm": True}, json=SAMPLES[kind.name].change, headers={"If-Match": '"1"'}),
        **({"void": await phone.post(path + "/void", json={"reason": "重复登记"})} if kind.voids else {}),
    }


def own(username: str, kind: Kind, body: dict[str, Any]) -> dict[str, Any]:
    """As somebody who writes only the own says it."""
    return {**body, kind.own: str(USERS[username]["id"])} if right(username, kind) == "own" and kind.own in kind.sent else body


def same(one: httpx.Response, other: httpx.Response) -> bool:
    """To the byte, so that nothing tells a record out of reach from one that does not exist: all but the number of the request."""
    told = [{name: value for name, value in reply.headers.items() if name != "x-request-id"} for reply in (one, other)]
    return (one.status_code, one.content, told[0]) == (other.status_code, other.content, told[1])


async def listed(phone: Phone, kind: Kind, **filters: Any) -> list[dict[str, Any]]:
    """Every item, page after page. Some can be listed only of a person: of all then whose households records are made in."""
    if kind in OF_ONE_PERSON and "person_id" not in filters:
        households = [filters["household_id"]] if "household_id" in filters else [spot.household_id for spot in SPOTS.values()]
        voided = {name: value for name, value in filters.items() if name == "voided"}
        return [item for home in households for item in await listed(phone, kind, **voided, person_id=HEAD[home])]
    items: list[dict[str, Any]] = []
    following: dict[str, Any] = {}
    while True:
        page = (await phone.get(f"/v1/{kind.plural}", params={"limit": 200, **filters, **following})).json()
        items += page["items"]
        if page["next"] is None:
            return items
        assert following.get("cursor") != page["next"]  # it goes on
        following = {"cursor": page["next"]}


def ids(items: list[dict[str, Any]]) -> list[str]:
    return sorted(item["id"] for item in items)


@pytest.fixture(scope="module", autouse=True)
async def many_rounds(sign_in: SignIn) -> None:
    """What the samples of attendances are asked to."""
    made = await (await sign_in("county-admin")).post("/v1/checkup-programmes", json=PROGRAMME)
    assert made.status_code == 201, made.text


@pytest.fixture(scope="session")
async def truth(urls: Urls, access: Any) -> AsyncIterator[Connection]:
    """The database as no caller sees it, past every scope."""
    connection = await asyncpg.connect(urls.admin)
    yield connection
    await connection.close()


def test_every_kind_with_places_has_a_sample_here() -> None:
    """For kinds without one: `SAMPLES` in this file."""
    assert {kind.name for kind in PLACED} == set(SAMPLES)


@every_kind
@every_caller
@every_spot
async def test_a_record_is_within_reach_or_as_good_as_not_there(sign_in: SignIn, kind: Kind, username: str, spot: Spot) -> None:
    officer, caller = await sign_in(spot.officer), await sign_in(username)
    made = (await create(officer, kind, SAMPLES[kind.name].make(spot))).json()
    narrowed = {"place_id": spot.place_id} | ({"household_id": spot.household_id} if "household_id" in kind.documents.filters else {})
    if "person_id" in kind.documents.filters and "household_id" not in kind.documents.filters:
        narrowed = {"person_id": HEAD[spot.household_id]}
    in_list = made["id"] in ids(await listed(caller, kind, **narrowed))
    replies, nothing = await calls(caller, kind, made["id"]), await calls(caller, kind, uuid4())
    stored = (await officer.get(f"/v1/{kind.plural}/{made['id']}")).json()

    mine, writes = finds(username, spot, kind), right(username, kind)
    theirs = kind.name == "charge" and USERS[username]["role"] == "village"  # what an officer charged no worker voids (decision 0020)
    refused = 405 if kind.append_only else 404 if writes else 403
    void = {"void": refused} if kind.voids else {}
    assert {n: r.status_code for n, r in nothing.items()} == {"get": 404, "revisions": 404, "patch": refused} | void
    assert in_list is mine
    if not mine:
        assert all(same(reply, nothing[name]) for name, reply in replies.items())
    else:
        wanted = 405 if kind.append_only else 200 if writes == "all" else 403
        void = {"void": 403 if theirs else wanted} if kind.voids else {}
        assert {n: r.status_code for n, r in replies.items()} == {"get": 200, "revisions": 200, "patch": wanted} | void
        if writes is None:
            assert all(same(replies[name], nothing[name]) for name in ("patch", *void))
    changed = mine and writes == "all" and not kind.append_only
    voids = kind.voids and not theirs
    assert (stored["rev"], stored["voided"]) == ((2 + voids, voids) if changed else (1, False))


@every_kind
@every_caller
async def test_in_each_place_of_the_county_a_record_is_found_or_not(sign_in: SignIn, truth: Connection, kind: Kind, username: str) -> None:
    phone = await sign_in(username)
    found = await truth.fetch(f"SELECT DISTINCT ON (place_id) place_id, id FROM {kind.documents.table} ORDER BY place_id, id")
    assert kind.name not in EVERYWHERE_THERE or set(EVERYWHERE) <= {row["place_id"] for row in found}
    nothing = await phone.get(f"/v1/{kind.plural}/{uuid4()}")
    for row in (row for row in found if row["place_id"] in EVERYWHERE):
        reply = await phone.get(f"/v1/{kind.plural}/{row['id']}")
        if finds(username, EVERYWHERE[row["place_id"]], kind):
            assert (reply.status_code, reply.json()["place_id"]) == (200, row["place_id"])
        else:
            assert same(reply, nothing)


@every_kind
@every_caller
async def test_a_list_holds_all_within_reach_once_and_nothing_else(sign_in: SignIn, truth: Connection, kind: Kind, username: str) -> None:
    phone = await sign_in(username)
    mine = [place for place, spot in EVERYWHERE.items() if finds(username, spot, kind)]
    if USERS[username]["role"] in ("county", "township"):  # what is deposited lies in the township
        mine += {spot.township_id for spot in EVERYWHERE.values() if reaches(username, spot)}
    if USERS[username]["role"] != "household_head":  # their villages whole, with the groups that were added meanwhile
        villages = {spot.village_id for spot in EVERYWHERE.values() if reaches(username, spot)}
        groups = await truth.fetch("SELECT place_id FROM place WHERE parent_id = ANY ($1)", list(villages))
        mine += [*villages, *(row["place_id"] for row in groups)]
    asked = f" AND person_id = ANY ('{{{','.join(HEAD[spot.household_id] for spot in SPOTS.values())}}}')" if kind in OF_ONE_PERSON else ""
    for voided in (False, True):
        sql = f"SELECT id::text FROM {kind.documents.table} WHERE voided = $1 AND place_id = ANY ($2){asked}"
        assert ids(await listed(phone, kind, voided=voided)) == sorted(row["id"] for row in await truth.fetch(sql, voided, mine))


@every_kind
@every_caller
async def test_no_filter_opens_a_place_out_of_reach(sign_in: SignIn, kind: Kind, username: str) -> None:
    phone = await sign_in(username)
    for spot in SPOTS.values():
        await create(await sign_in(spot.officer), kind, SAMPLES[kind.name].make(spot))
        for name, value in (("place_id", spot.place_id), ("household_id", spot.household_id)):
            if name in kind.documents.filters:
                assert bool(await listed(phone, kind, **{name: value})) is finds(username, spot, kind), name
        if kind in OF_ONE_PERSON:
            assert bool(await listed(phone, kind, person_id=HEAD[spot.household_id])) is finds(username, spot, kind)


@every_kind
@every_caller
@every_spot
async def test_nothing_is_created_out_of_reach(sign_in: SignIn, kind: Kind, username: str, spot: Spot) -> None:
    phone = await sign_in(username)
    assert kind.parent is not None
    there = own(username, kind, SAMPLES[kind.name].make(spot))
    elsewhere = {kind.parent.member: NOWHERE if kind.parent.kind == "place" else str(uuid4())}
    nowhere = own(username, kind, SAMPLES[kind.name].make(spot)) | elsewhere
    made, nothing = await create(phone, kind, there), await create(phone, kind, nowhere)
    assert nothing.status_code == (404 if right(username, kind) else 403)
    if right(username, kind) and finds(username, spot, kind):
        assert (made.status_code, made.json()["place_id"]) == (201, spot.place_id)
    else:
        assert same(made, nothing)


@every_kind
@every_caller
async def test_a_foreign_record_is_not_overwritten_by_its_id(sign_in: SignIn, kind: Kind, username: str) -> None:
    """Only that the id is taken shows: ids are unique in the county, whoever asks."""
    near = [spot for spot in SPOTS.values() if reaches(username, spot)]
    far = [spot for spot in SPOTS.values() if not reaches(username, spot)]
    if not (near and far and right(username, kind)) or kind.id_of:  # where the id follows from the record it can be no other's
        return
    officer, phone = await sign_in(far[0].officer), await sign_in(username)
    sample = SAMPLES[kind.name]
    theirs = (await create(officer, kind, sample.make(far[0]))).json()
    body = own(username, kind, sample.make(near[0]))
    mine = (await create(phone, kind, body)).json()
    taken, again = [await create(phone, kind, {**body, **sample.change, "id": record["id"]}) for record in (theirs, mine)]
    assert (taken.status_code, taken.json()["type"]) == (409, "/problems/id-taken")
    assert same(taken, again)
    assert plain(kind, (await officer.get(f"/v1/{kind.plural}/{theirs['id']}")).json()) == theirs


@every_kind
async def test_who_may_not_write_a_kind_learns_nothing_by_trying(sign_in: SignIn, kind: Kind) -> None:
    nowhere = Spot(NOWHERE, NOWHERE, NOWHERE, str(uuid4()), "")
    for username in (name for name in CALLERS if right(name, kind) is None):
        phone = await sign_in(username)
        replies = []
        for spot in (*SPOTS.values(), nowhere):
            body = SAMPLES[kind.name].make(spot)
            replies += [await create(phone, kind, body), await create(phone, kind, {**body, "id": spot.household_id})]
        for record_id in (LEADS.household_id, uuid4()):
            replies += [
                reply for name, reply in (await calls(phone, kind, record_id)).items() if name in ("patch", "void") and not kind.append_only
            ]
        assert (replies[0].status_code, replies[0].json()["type"]) == (403, "/problems/not-allowed")
        assert all(same(reply, replies[0]) for reply in replies)


# Ids inside bodies


def line(place: int) -> set[int]:
    """The place and those above it."""
    return {place} | (line(ABOVE[place]) if place in ABOVE else set())


def serves_with(username: str, other: str) -> bool:
    """A colleague holds a place of the caller's, or one above it. A lead household holds its group and nothing below."""
    below = {place for place in LEVEL if line(place) & HELD[username]}
    above = set().union(*(line(place) for place in HELD[username]))
    return bool(HELD[other] & (below | above))


@pytest.mark.parametrize(("kind", "member"), [(k, m) for k in PLACED for m in k.colleagues], ids=lambda v: getattr(v, "name", v))
@every_caller
async def test_colleagues_are_those_who_serve_here(sign_in: SignIn, kind: Kind, member: str, username: str) -> None:
    near = [spot for spot in SPOTS.values() if reaches(username, spot)]
    if not (near and right(username, kind)) or (right(username, kind), kind.own) == ("own", member):  # who can name only themselves
        return
    phone, body, several = await sign_in(username), SAMPLES[kind.name].make(near[0]), member in kind.sets

    def naming(*ids: Any) -> dict[str, Any]:
        return {member: [str(i) for i in ids] if several else str(ids[-1])}

    nobody = await create(phone, kind, {**body, **naming(uuid4())})
    assert nobody.status_code == 404
    mine = (await create(phone, kind, body)).json()
    rev = 1
    for other, user in USERS.items():
        said = naming(user["id"])
        made = await create(phone, kind, {**body, **said})
        changed = await phone.patch(f"/v1/{kind.plural}/{mine['id']}", json=said, headers={"If-Match": f'"{rev}"'})
        if serves_with(username, other):
            assert (made.status_code, changed.status_code) == (201, 405 if kind.append_only else 200), other
            rev = changed.json().get("rev")
        else:
            assert same(made, nobody), other
            assert kind.append_only or same(changed, nobody), other
    assert same(await create(phone, kind, {**body, **naming(USERS[username]["id"], uuid4())}), nobody)


# The lead household of a group


@every_kind
def test_what_a_lead_household_sees_only_in_its_own_records_or_never(kind: Kind) -> None:
    seen = {name: (mark_of(field, Seen) or Seen()).group for name, field in kind.schema.model_fields.items()}
    if kind is FOLLOW_UP:  # whom it names: tests/api/test_checkup_reminders.py
        assert seen.pop("person_id") == "own"
    hidden = {name: group for name, (group, *_) in SAMPLES[kind.name].hidden.items()}
    assert {name: group for name, group in seen.items() if group != "all"} == hidden


@pytest.mark.parametrize(
    "kind", [kind for kind in PLACED if kind.name in SAMPLES and SAMPLES[kind.name].hidden], ids=lambda kind: kind.name
)
async def test_a_lead_household_reads_no_notes_that_others_wrote(sign_in: SignIn, kind: Kind) -> None:
    lead, worker, sample = await sign_in("lead-1"), await sign_in("worker-1"), SAMPLES[kind.name]
    secrets = {name: first for name, (_, first, _) in sample.hidden.items()}
    altered = {name: second for name, (_, _, second) in sample.hidden.items()}
    made = (await create(worker, kind, {**sample.make(LEADS), **secrets})).json()
    assert made | secrets == made
    path = f"/v1/{kind.plural}/{made['id']}"
    changed = await worker.patch(path, json={**sample.change, **altered}, headers={"If-Match": '"1"'})
    assert changed.status_code == 200

    seen, trail, items = await lead.get(path), await lead.get(path + "/revisions"), await listed(lead, kind)
    assert (seen.status_code, trail.status_code) == (200, 200)
    assert made["id"] in ids(items)
    for said in (seen.text, trail.text, str(items)):
        assert not any(secret in said for secret in re.findall(r"[^\[\]', ]+", str([*secrets.values(), *altered.values()])))
    assert all(seen.json()[name] is None for name, (group, *_) in sample.hidden.items() if group == "own")
    edits = {name: [made[name], value] for name, value in sample.change.items()}
    assert trail.json()["items"][1]["changes"] == edits
    assert plain(kind, (await worker.get(path)).json()) | altered == changed.json()
    told = {name: [secrets[name], altered[name]] for name in secrets}
    assert (await worker.get(path + "/revisions")).json()["items"][1]["changes"] == edits | told


async def test_a_lead_household_reads_its_own_notes_and_so_does_the_office(sign_in: SignIn) -> None:
    lead, worker = await sign_in("lead-1"), await sign_in("worker-2")
    made = await create(lead, KINDS["visit"], SAMPLES["visit"].make(LEADS))
    assert (made.status_code, made.json()["notes"], made.json()["agreed"]) == (201, "老人精神好", "月底再来")
    path = f"/v1/visits/{made.json()['id']}"
    changed = await lead.patch(path, json={"notes": "约了周三"}, headers={"If-Match": '"1"'})
    assert changed.json()["notes"] == "约了周三"
    assert (await lead.get(path + "/revisions")).json()["items"][1]["changes"] == {"notes": ["老人精神好", "约了周三"]}
    own = await listed(lead, KINDS["visit"], worker_id=made.json()["worker_id"])
    assert next(item for item in own if item["id"] == made.json()["id"])["notes"] == "约了周三"
    assert (await worker.get(path)).json() == changed.json()
    # what a worker changes in it stays the lead household's own visit
    again = await worker.patch(path, json={"notes": "改为周四"}, headers={"If-Match": '"2"'})
    assert again.json() == (await lead.get(path)).json()


async def test_a_lead_household_changes_and_voids_only_its_own_visits(sign_in: SignIn) -> None:
    lead, worker, visit = await sign_in("lead-1"), await sign_in("worker-1"), KINDS["visit"]
    others = (await create(worker, visit, SAMPLES["visit"].make(LEADS))).json()
    refused = await calls(lead, visit, others["id"])
    assert {name: reply.status_code for name, reply in refused.items()} == {"get": 200, "revisions": 200, "patch": 403, "void": 403}
    assert (await worker.get(f"/v1/visits/{others['id']}")).json() == others
    own = (await create(lead, visit, SAMPLES["visit"].make(LEADS))).json()
    assert {name: reply.status_code for name, reply in (await calls(lead, visit, own["id"])).items()} == dict.fromkeys(refused, 200)


async def test_nobody_says_whose_visit_it_is(sign_in: SignIn) -> None:
    lead = await sign_in("lead-1")
    told = await create(lead, KINDS["visit"], {**SAMPLES["visit"].make(LEADS), "worker_id": str(USERS["worker-1"]["id"])})
    assert told.status_code == 422
    own = await create(lead, KINDS["visit"], SAMPLES["visit"].make(LEADS))
    assert own.json()["worker_id"] == own.json()["created_by"] == str(USERS["lead-1"]["id"])


@pytest.mark.parametrize("username", ["head-1", "head-2"])
async def test_a_household_head_without_a_group_sees_nothing_here_even_of_the_own_household(sign_in: SignIn, username: str) -> None:
    head = await sign_in(username)
    household = str(USERS[username]["household_id"])
    assert (await head.get(f"/v1/households/{household}")).status_code == 404
    assert (await head.get("/v1/visits", params={"household_id": household})).json()["items"] == []
    for kind in PLACED:
        of = {"person_id": HEAD[household]} if kind in OF_ONE_PERSON else {}
        for voided in (False, True):
            assert (await head.get(f"/v1/{kind.plural}", params={"voided": voided, **of})).json() == {"items": [], "next": None}


# What is public below: catalogues and the places above


@every_caller
async def test_everybody_reads_the_countys_catalogues(sign_in: SignIn, username: str) -> None:
    phone, county = await sign_in(username), await sign_in("county-admin")
    entries = await listed(phone, KINDS["catalogue_entry"])
    assert entries == await listed(county, KINDS["catalogue_entry"])
    assert len(entries) >= len(standard())
    for entry in entries:
        assert (await phone.get(f"/v1/catalogue-entries/{entry['id']}")).json() == entry
    assert (await phone.get(f"/v1/catalogue-entries/{entries[0]['id']}/revisions")).status_code == 200


def in_sight(username: str, place: int) -> bool:
    """A place held, one below it, or one above it; the county is above everybody."""
    held, role = HELD[username], USERS[username]["role"]
    own = place in held if role == "household_head" else bool(line(place) & held)
    return own or place == 1 or any(place in line(n) for n in held)


@every_caller
async def test_places_in_sight_are_the_own_and_those_above_not_the_neighbours(sign_in: SignIn, username: str) -> None:
    phone = await sign_in(username)
    in_list = ids(await listed(phone, KINDS["place"]))
    nothing = await phone.get(f"/v1/places/{uuid4()}")
    for place_id, number in PLACES.items():
        seen = in_sight(username, number)
        assert (str(place_id) in in_list) is seen, number
        for path in (f"/v1/places/{place_id}", f"/v1/places/{place_id}/revisions"):
            reply = await phone.get(path)
            assert reply.status_code == 200 if seen else same(reply, nothing), number


@every_caller
async def test_only_the_county_keeps_catalogues(sign_in: SignIn, username: str) -> None:
    phone, administers = await sign_in(username), username == "county-admin"
    entry = (await phone.get("/v1/catalogue-entries")).json()["items"][0]
    etag = {"If-Match": f'"{entry["rev"]}"'}
    known, unknown = [await phone.patch(f"/v1/catalogue-entries/{i}", json={"active": True}, headers=etag) for i in (entry["id"], uuid4())]
    assert (known.status_code, unknown.status_code) == ((200, 404) if administers else (403, 403))
    assert administers or same(known, unknown)
    body = {"catalogue": "visit_purpose", "code": "elder_care", "name": "养老", "name_en": "Elders"}
    assert (await phone.post("/v1/catalogue-entries", json=body)).status_code == (409 if administers else 403)


@every_caller
async def test_groups_are_made_by_officers_in_their_own_villages(sign_in: SignIn, username: str) -> None:
    phone = await sign_in(username)
    for spot in SPOTS.values():
        there, nowhere = [
            await phone.post("/v1/places", json={"parent_id": n, "group_number": 99, "name": "试建"}) for n in (spot.village_id, NOWHERE)
        ]
        if right(username, KINDS["place"]) is None:
            assert there.status_code == 403
            assert same(there, nowhere)
        elif reaches(username, spot):
            assert there.status_code in (201, 409)
        else:
            assert there.status_code == 404
            assert same(there, nowhere)


# Whoever is not signed in

FOR_EVERYBODY = {"sign_in", "activate", "get_about", "get_keys", "get_live", "get_ready"}


async def test_nobody_gets_past_the_door_without_a_token(app: Any, anybody: Phone) -> None:
    """Every call of the documentation but those that are for everybody, before it looks at a body or for a record; the form of a query
    alone is looked at first."""
    answers = {}
    for path, calls in openapi.document(app, "en")["paths"].items():
        for method, call in calls.items():
            shown = call.get("parameters", [])
            query = {p["name"]: p["example"] for p in shown if p["in"] == "query" and p["required"]}
            filled = path.format_map({p["name"]: p["example"] for p in shown if p["in"] == "path"})
            headers = {"Content-Type": next(iter(call.get("requestBody", {}).get("content", {"": {}}))), "If-Match": '"1"'}
            reply = await anybody.request(method, filled, params=query, headers=headers, content=b"{")
            of_query = reply.status_code == 422 and all(error["pointer"].startswith("?") for error in reply.json()["errors"])
            answers[call["operationId"]] = 401 if of_query else reply.status_code
    assert {name for name, status in answers.items() if status != 401} == FOR_EVERYBODY
    assert len(answers) > 100
