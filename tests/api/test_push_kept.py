"""Push: the outcomes of what does not go in (docs/sync.md): held, inbox, rejected; and who may push what."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from api import way_in
from api.jobs import hourly
from api.problems import busy
from tests.conftest import Phone
from tests.county import OTHER, USERS, VILLAGE, County, fold, level, push
from tests.pushing import (
    FAR,
    GROUP,
    REFUSED,
    SEEN,
    a_house,
    a_number,
    a_visit,
    clashes,
    gives,
    holding,
    kept,
    op,
    records_agree,
    revisions,
    short,
    states,
    stored,
    takes,
    why,
)

# Held


async def test_a_child_may_come_before_its_parent_in_a_batch(county: County, phone: Phone) -> None:
    house, visit = str(uuid4()), op("visit", doc={"household_id": str(uuid4()), **SEEN})
    visit["doc"]["household_id"] = house
    [child, parent] = await push(phone, visit, op("household", house, {"place_id": GROUP, "number": a_number()}))
    assert child == {"id": visit["id"], "kind": "visit", "outcome": "held"}
    assert short(parent) == ("applied", 1)
    assert (await stored(phone, "visit", visit["id"]))["rev"] == 1
    assert await states(county, visit["id"]) == [("held", "applied")]


async def test_a_child_may_come_a_batch_before_its_parent(county: County, phone: Phone) -> None:
    house = str(uuid4())
    visit = op("visit", doc={"household_id": house, **SEEN, "notes": "好"})
    assert [(await push(phone, visit))[0]["outcome"] for _ in range(2)] == ["held", "held"]
    assert (await phone.get(f"/v1/visits/{visit['id']}")).status_code == 404
    _, cursor = await level(phone)
    await push(phone, op("household", house, {"place_id": GROUP, "number": a_number()}))
    read = await stored(phone, "visit", visit["id"])
    assert (read["notes"], read["rev"], read["place_id"]) == ("好", 1, GROUP)
    assert ("visit", visit["id"]) in fold((await level(phone, cursor))[0])
    [again] = await push(phone, visit)
    assert (short(again), await revisions(county, visit["id"])) == (("unchanged", 1), 1)
    assert len(await kept(county, visit["id"])) == 1


@pytest.mark.parametrize("again", ["parent", "child"])
async def test_what_waits_is_looked_for_again_by_a_repeat(
    county: County, phone: Phone, monkeypatch: pytest.MonkeyPatch, again: str
) -> None:
    """PostgreSQL went away between the commit and the look for what had waited: the phone, told 503, sends the same again."""

    async def gone(*_: object) -> None:
        raise busy()

    house = str(uuid4())
    visit, parent = op("visit", doc={"household_id": house, **SEEN}), op("household", house, {"place_id": GROUP, "number": a_number()})
    assert (await push(phone, visit))[0]["outcome"] == "held"
    with monkeypatch.context() as died:
        died.setattr(way_in, "release", gone)
        assert (await phone.post("/v1/sync/push", json={"ops": [parent]})).status_code == 503
    await push(phone, {"parent": parent, "child": visit}[again])
    assert (await stored(phone, "visit", visit["id"]))["rev"] == 1


async def test_what_another_user_waits_for_may_come_from_anybody(county: County, phone: Phone, other: Phone) -> None:
    house = str(uuid4())
    visits = [op("visit", doc={"household_id": house, **SEEN, "visited_on": f"2026-11-1{n}"}) for n in range(3)]
    assert (await push(other, visits[0]))[0]["outcome"] == "held"
    assert [result["outcome"] for result in await push(phone, *visits[1:])] == ["held", "held"]
    officer = await county.sign_in("township-1")
    await push(officer, op("household", house, {"place_id": GROUP, "number": a_number()}))
    authors = [(await stored(phone, "visit", visit["id"]))["worker_id"] for visit in visits]
    assert authors == [str(USERS[name]["id"]) for name in ("worker-2", "worker-1", "worker-1")]
    row = await county.owner.fetchrow("SELECT device_id, made_at FROM revision WHERE id = $1", visits[0]["id"])
    assert (str(row["device_id"]), row["made_at"]) == (other.tokens["device_id"], datetime(2026, 11, 23, 9, tzinfo=UTC))


async def test_what_is_waited_for_may_also_be_made_in_the_network_or_arrive_by_a_grant(county: County, phone: Phone) -> None:
    """Then it is stored by the hour at the latest."""
    user_id, name = await county.user("village", OTHER)
    hers, house = await county.sign_in(name), await a_house(phone)
    visit = op("visit", doc={"household_id": house, **SEEN})
    assert (await push(hers, visit))[0]["outcome"] == "held"
    await gives(county, user_id, VILLAGE)
    await hourly.sweep(county.access)
    assert (await stored(phone, "visit", visit["id"]))["worker_id"] == user_id
    assert short((await push(hers, visit))[0]) == ("unchanged", 1)


async def test_edits_of_a_held_record_wait_behind_it(county: County, phone: Phone) -> None:
    house, visit = str(uuid4()), str(uuid4())
    ops = [
        op("visit", visit, {"household_id": house, **SEEN, "notes": "一"}),
        op("visit", visit, {"notes": "二"}, None, 1),
        op("visit", visit, {"manner": "phone"}, None, 2),
    ]
    assert [result["outcome"] for result in await push(phone, *ops[:2])] == ["held", "held"]
    assert [result["outcome"] for result in await push(phone, ops[2])] == ["held"]
    await push(phone, op("household", house, {"place_id": GROUP, "number": a_number()}))
    read = await stored(phone, "visit", visit)
    assert (read["notes"], read["manner"], read["rev"]) == ("二", "phone", 3)
    assert [short(result) for result in await push(phone, *ops)] == [("unchanged", 3)] * 3
    assert await states(county, visit) == [("held", "applied")] * 3


@pytest.mark.parametrize("reason", ["写错", REFUSED])
async def test_a_held_record_may_be_voided(county: County, phone: Phone, reason: str) -> None:
    house, visit = str(uuid4()), str(uuid4())
    void = op("visit", visit, None, None, 1, void=reason)
    results = await push(phone, op("visit", visit, {"household_id": house, **SEEN}), void)
    assert [result["outcome"] for result in results] == ["held", "held"]
    await push(phone, op("household", house, {"place_id": GROUP, "number": a_number()}))
    assert (await stored(phone, "visit", visit))["voided"] is True
    assert short((await push(phone, void))[0])[1] == 2


async def test_a_held_edit_of_another_device_does_not_wait(county: County, phone: Phone, other: Phone) -> None:
    """Nobody else can have that record yet."""
    visit = str(uuid4())
    await push(phone, op("visit", visit, {"household_id": str(uuid4()), **SEEN}))
    assert why((await push(other, op("visit", visit, {"notes": "好"}, 1, 1)))[0]) == ("rejected", "not-found")


async def test_what_waits_is_stored_once_however_many_look(county: County, phone: Phone, other: Phone) -> None:
    house = str(uuid4())
    visits = [op("visit", doc={"household_id": house, **SEEN, "visited_on": f"2026-10-{n + 10}"}) for n in range(12)]
    await push(other, *visits)
    parent = op("household", house, {"place_id": GROUP, "number": a_number()})
    sweeps = [hourly.sweep(county.access) for _ in range(3)]
    await asyncio.gather(push(phone, parent), push(phone, parent), push(other, *visits), *sweeps)
    await hourly.sweep(county.access)
    assert [await revisions(county, visit["id"]) for visit in visits] == [1] * 12
    assert [await states(county, visit["id"]) for visit in visits] == [[("held", "applied")]] * 12


async def test_parent_and_child_that_arrive_together_miss_each_other_never(county: County, phone: Phone, other: Phone) -> None:
    for _ in range(12):
        house, visit = str(uuid4()), op("visit", doc={"household_id": None, **SEEN})
        visit["doc"]["household_id"] = house
        await asyncio.gather(push(phone, op("household", house, {"place_id": GROUP, "number": a_number()})), push(other, visit))
        assert await revisions(county, visit["id"]) == 1, await states(county, visit["id"])


async def test_what_waits_is_stored_by_the_rights_of_that_moment(county: County, phone: Phone) -> None:
    user_id, name = await county.user("village", VILLAGE)
    hers, house = await county.sign_in(name), str(uuid4())
    visit = op("visit", doc={"household_id": house, **SEEN})
    await push(hers, visit)
    await takes(county, user_id, VILLAGE)
    await push(phone, op("household", house, {"place_id": GROUP, "number": a_number()}))
    assert await revisions(county, visit["id"]) == 0
    assert (await push(hers, visit))[0]["outcome"] == "held"


async def test_what_breaks_a_rule_when_its_turn_comes_is_rejected_then(county: County, phone: Phone, other: Phone) -> None:
    house = str(uuid4())
    visit = op("visit", doc={"household_id": house, **SEEN, "visited_on": "2027-02-02"})
    assert (await push(phone, visit))[0]["outcome"] == "held"
    await push(other, op("household", house, {"place_id": GROUP, "number": a_number()}))
    assert await states(county, visit["id"]) == [("rejected", None)]
    assert why((await push(phone, visit))[0]) == ("rejected", "day-to-come/visited_on")


async def test_what_has_waited_for_30_days_is_in_the_inbox(county: County, phone: Phone) -> None:
    long_ago, lately = [op("visit", doc={"household_id": str(uuid4()), **SEEN}) for _ in range(2)]
    await push(phone, long_ago, lately)
    for visit, hours in ((long_ago, 1), (lately, -1)):
        age = hourly.PATIENCE + timedelta(hours=hours)
        await county.owner.execute("UPDATE kept_op SET received_at = now() - $2::interval WHERE record_id = $1", visit["id"], age)
    await hourly.sweep(county.access)
    assert [result["outcome"] for result in await push(phone, long_ago, lately)] == ["inbox", "held"]


# Inbox


async def test_an_edit_from_a_place_that_was_lost_is_in_the_inbox(county: County, phone: Phone) -> None:
    user_id, name = await county.user("village", VILLAGE)
    hers, house = await county.sign_in(name), await a_house(phone)
    visit = await a_visit(phone, house)
    await takes(county, user_id, VILLAGE)
    ops = [
        op("visit", visit, {"notes": "好"}, 1, 1),
        op("visit", visit, None, 1, 2, void="写错"),
        op("household", house, {"address": "村西头"}, 1, 3),
        op("visit", None, {"household_id": house, **SEEN}, None, 4),
        op("household", None, {"place_id": GROUP, "number": a_number()}, None, 5),
    ]
    for _ in range(2):
        assert await push(hers, *ops) == [{"id": sent["id"], "kind": sent["kind"], "outcome": "inbox"} for sent in ops]
    for sent in ops:
        [row] = await kept(county, sent["id"]) if sent["id"] != visit else [(await kept(county, visit))[int("void" in sent)]]
        assert (row["state"], row["reason"], row["place_id"], str(row["user_id"])) == ("inbox", "place_lost", GROUP, user_id)
        assert row["op"] == {"base_rev": sent["base_rev"], "at": sent["at"], "doc": sent.get("doc"), "void": sent.get("void")}
    assert (await stored(phone, "visit", visit))["rev"] == 1


async def test_an_edit_of_a_record_that_moved_away_is_in_the_inbox_of_its_new_place(county: County, phone: Phone) -> None:
    officer, house = await county.sign_in("township-1"), await a_house(phone)
    visit = await a_visit(phone, house)
    assert short((await push(officer, op("household", house, {"place_id": OTHER}, 1, 1)))[0]) == ("applied", 2)
    results = await push(phone, op("household", house, {"status": "away"}, 1, 2), op("visit", visit, {"notes": "好"}, 1, 2))
    assert [result["outcome"] for result in results] == ["inbox", "inbox"]
    assert [row["place_id"] for record in (house, visit) for row in await kept(county, record)] == [OTHER, OTHER]


async def test_an_edit_of_a_voided_record_is_in_the_inbox(county: County, phone: Phone, other: Phone) -> None:
    visit = await a_visit(phone)
    await push(other, op("visit", visit, None, 1, 1, void="写错"))
    mine = op("visit", visit, {"notes": "好"}, 1, 2)
    for _ in range(2):
        assert await push(phone, mine) == [{"id": visit, "kind": "visit", "outcome": "inbox"}]
    [row] = await kept(county, visit)
    assert (row["state"], row["reason"], row["place_id"]) == ("inbox", "voided", GROUP)


async def test_a_place_that_came_back_takes_edits_again(county: County, phone: Phone) -> None:
    user_id, name = await county.user("village", VILLAGE)
    hers, visit = await county.sign_in(name), await a_visit(phone)
    await takes(county, user_id, VILLAGE)
    lost = op("visit", visit, {"notes": "好"}, 1, 1)
    assert (await push(hers, lost))[0]["outcome"] == "inbox"
    await gives(county, user_id, VILLAGE)
    assert short((await push(hers, op("visit", visit, {"manner": "phone"}, 1, 2)))[0]) == ("applied", 2)
    assert (await push(hers, lost))[0]["outcome"] == "inbox"  # what became of it


# Rejected


REJECTED: list[tuple[dict[str, Any], str]] = [
    ({"visited_on": "2026-11-26"}, "day-to-come/visited_on"),
    ({"outcome": "absent", "notes": "门锁着"}, "nobody-met/notes"),
    ({"purposes": ["no_such_code"]}, "unknown-code/purposes"),
    ({"with_worker_ids": [str(USERS["worker-4"]["id"])]}, "not-found"),
]


@pytest.mark.parametrize(("doc", "said"), REJECTED, ids=lambda value: value if isinstance(value, str) else "")
async def test_what_breaks_a_rule_is_rejected_and_kept(county: County, phone: Phone, doc: dict[str, Any], said: str) -> None:
    house = await a_house(phone)
    made = op("visit", doc={"household_id": house, **SEEN, **doc})
    visit = await a_visit(phone, house, visited_on="2026-11-18")
    changed = op("visit", visit, doc, 1, 1)
    [creation, change] = await push(phone, made, changed)
    assert (why(creation), creation["rev"], creation["doc"], creation["kept"]) == (("rejected", said), None, None, True)
    assert (why(change), change["rev"], change["doc"]) == (("rejected", said), 1, await stored(phone, "visit", visit))
    assert await push(phone, changed, made) == [change, creation]
    for sent in (made, changed):
        [row] = await kept(county, sent["id"])
        assert (row["state"], str(row["user_id"]), row["place_id"]) == ("rejected", str(USERS["worker-1"]["id"]), GROUP)
        assert row["op"] == {"base_rev": sent["base_rev"], "at": sent["at"], "doc": sent["doc"], "void": None}


async def test_a_rule_that_an_edit_breaks_by_itself_is_no_conflict(county: County, phone: Phone, other: Phone) -> None:
    """Though others changed the record too: they can't have made this wrong."""
    visit = await a_visit(phone)
    await push(other, op("visit", visit, {"manner": "phone"}, 1, 1))
    for doc, said in (
        ({"purposes": ["no_such_code"]}, "unknown-code/purposes"),
        ({"household_id": await a_house(phone)}, "fixed/household_id"),
    ):
        assert why((await push(phone, op("visit", visit, doc, 1, 2)))[0]) == ("rejected", said)
    assert await clashes(county, visit) == []


async def test_days_after_tomorrow_are_refused_by_the_clock_of_the_service(phone: Phone) -> None:
    house = await a_house(phone)
    days = ("2026-11-24", "2026-11-25", "2026-11-26", "9999-12-31")
    results = await push(phone, *(op("visit", doc={"household_id": house, **SEEN, "visited_on": day}) for day in days))
    assert [result["outcome"] for result in results] == ["applied", "applied", "rejected", "rejected"]
    assert results[2]["problem"]["today"] == "2026-11-24"


async def test_a_household_with_visits_is_not_voided(phone: Phone) -> None:
    house = await a_house(phone)
    visit = await a_visit(phone, house)
    void = op("household", house, None, 1, 1, void="重复登记")
    [result] = await push(phone, void)
    assert (why(result), result["rev"]) == (("rejected", "has-records"), 1)
    results = await push(phone, op("visit", visit, None, 1, 2, void="写错"), op("household", house, None, 1, 3, void="重复登记"))
    assert [result["outcome"] for result in results] == ["applied", "applied"]
    assert why((await push(phone, void))[0]) == ("rejected", "has-records")  # what became of it


async def test_a_creation_says_what_it_lacks(phone: Phone) -> None:
    [result] = await push(phone, op("visit", doc={"household_id": await a_house(phone)}))
    assert why(result) == ("rejected", "invalid/visited_on/outcome")
    assert [fault["code"] for fault in result["problem"]["errors"]] == ["missing", "missing"]
    [result] = await push(phone, op("household", doc={"number": a_number()}))
    assert why(result) == ("rejected", "invalid/place_id")


@pytest.mark.parametrize(
    ("changes", "pointers"),
    [
        ({"doc": {"weather": "好"}}, ["/doc"]),
        ({"weather": "好"}, [""]),
        ({"doc": {"notes": 5}}, ["/doc/notes"]),
        ({"doc": {"notes": "长" * 2001}}, ["/doc/notes"]),
        ({"doc": {"notes": "好\x00"}}, ["/doc/notes"]),
        ({"doc": {"notes": "好\x07"}}, ["/doc/notes"]),
        ({"doc": {"purposes": None}}, ["/doc/purposes"]),
        ({"doc": {"purposes": "elder_care"}}, ["/doc/purposes"]),
        ({"doc": {"household_id": 2**63}}, ["/doc/household_id"]),
        ({"doc": {"visited_on": "2026-02-30"}}, ["/doc/visited_on"]),
        ({"doc": {"visited_on": 1_763_600_000}}, ["/doc/visited_on"]),
        ({"doc": {}, "void": "写错"}, ["/doc"]),
        ({"doc": None}, ["/doc"]),
        ({"doc": None, "void": ""}, ["/void"]),
        ({"doc": None, "void": "长" * 201}, ["/void"]),
        ({"doc": None, "void": ["写错"]}, ["/void"]),
        ({"doc": []}, ["/doc"]),
        ({"doc": "好"}, ["/doc"]),
        ({"base_rev": -1}, ["/base_rev"]),
        ({"base_rev": "1"}, ["/base_rev"]),
        ({"base_rev": 1.5}, ["/base_rev"]),
        ({"base_rev": True}, ["/base_rev"]),
        ({"base_rev": 2**31}, ["/base_rev"]),
        ({"base_rev": 2**63}, ["/base_rev"]),
        ({"base_rev": 2**64}, ["/base_rev"]),
        ({"at": None}, ["/at"]),
        ({"at": "2026-11-23T09:00:00"}, ["/at"]),
        ({"at": "昨天"}, ["/at"]),
        ({"at": 1_763_600_000}, ["/at"]),
    ],
    ids=lambda value: repr(value)[:40],
)
async def test_what_is_not_as_it_should_be_is_named_and_kept(
    county: County, phone: Phone, changes: dict[str, Any], pointers: list[str]
) -> None:
    visit = await a_visit(phone)
    wrong, good = {**op("visit", visit, {"notes": "好"}, 1, 1), **changes}, op("visit", visit, {"manner": "phone"}, 1, 1)
    [result, fine] = await push(phone, wrong, good)
    assert [fault["pointer"] for fault in result["problem"]["errors"]] == pointers
    assert (why(result)[0], result["kept"], result["rev"]) == ("rejected", True, 2)  # as it stands after the batch
    assert short(fine) == ("applied", 2)
    [again] = await push(phone, wrong)
    assert again["problem"] == result["problem"]
    [row] = await kept(county, visit)
    assert row["state"] == "rejected"


@pytest.mark.parametrize(
    "sent",
    [
        {},
        5,
        "visit",
        None,
        [],
        {"kind": "visit"},
        {"kind": "visit", "id": "x"},
        {"kind": "visit", "id": 5},
        {"kind": ["visit"], "id": "0193a1f2-5b7c-7cc3-98c4-dc0c0c07398f"},
        {"kind": "ghost", "id": "0193a1f2-5b7c-7cc3-98c4-dc0c0c07398f", "at": "2026-11-23T09:00:00Z", "doc": {}},
    ],
    ids=repr,
)
async def test_what_is_no_record_at_all_is_not_kept(phone: Phone, sent: Any) -> None:
    house = await a_house(phone)
    [before, result, after] = await push(
        phone, op("visit", doc={"household_id": house, **SEEN}), sent, op("household", house, {"status": "away"}, 1)
    )
    assert (result["outcome"], result["kept"], result["id"], result["kind"]) == ("rejected", False, None, None)
    assert (before["outcome"], after["outcome"]) == ("applied", "applied")


@pytest.mark.parametrize("kind", ["place", "catalogue_entry"])
async def test_what_belongs_to_the_county_is_edited_in_the_network(county: County, phone: Phone, kind: str) -> None:
    record_id = await county.owner.fetchval(f"SELECT id::text FROM {kind} WHERE place_id = ANY ($1) LIMIT 1", [1, VILLAGE])
    for sender in (phone, await county.sign_in("county-admin")):
        [result] = await push(sender, op(kind, record_id, {"name": "新名"}, 1))
        assert why(result) == ("rejected", "not-allowed")


async def test_a_household_goes_only_where_its_sender_has_a_place(county: County, phone: Phone) -> None:
    house = await a_house(phone)
    [moved] = await push(phone, op("household", house, {"place_id": FAR}, 1, 1))
    assert (why(moved), moved["rev"]) == (("rejected", "not-found"), 1)
    [made, nowhere] = await push(phone, *(op("household", doc={"place_id": place, "number": a_number()}) for place in (FAR, 99_999)))
    assert (why(made), made["problem"]) == (("rejected", "not-found"), nowhere["problem"])
    [moved] = await push(phone, op("household", house, {"place_id": VILLAGE}, 1, 2))
    assert short(moved) == ("applied", 2)
    [township] = await push(await county.sign_in("township-1"), op("household", doc={"place_id": 2, "number": a_number()}))
    assert why(township) == ("rejected", "wrong-place/place_id")


# What is not there, and what is elsewhere


async def elsewhere(county: County, kind: str) -> str:
    """A record of another township."""
    found = await county.owner.fetchval(
        f"SELECT t.id::text FROM {kind} t JOIN place p ON p.place_id = t.place_id"
        " WHERE $1 IN (p.place_id, p.parent_id) AND NOT t.voided LIMIT 1",
        FAR,
    )
    return str(found)


@pytest.mark.parametrize("kind", ["household", "visit"])
async def test_what_was_never_held_is_not_found_in_the_same_words_wherever_it_is(county: County, phone: Phone, kind: str) -> None:
    there, nowhere = await elsewhere(county, kind), str(uuid4())
    doc = {"address": "村西头"} if kind == "household" else {"notes": "好"}
    for sent in ({"doc": doc}, {"void": "写错"}):
        results = await push(phone, *({**op(kind, record_id, None, 1), **sent} for record_id in (there, nowhere)))
        assert why(results[0]) == ("rejected", "not-found")
        assert {**results[0], "id": None} == {**results[1], "id": None}
        assert (results[0]["rev"], results[0]["doc"], results[0]["kept"]) == (None, None, True)
    places = {row["place_id"] for record_id in (there, nowhere) for row in await kept(county, record_id)}
    assert places == {VILLAGE}  # on the list of those where the sender belongs: nothing tells it to the others' officer


async def test_a_void_of_nothing_may_leave_the_base_empty(phone: Phone) -> None:
    assert why((await push(phone, op("visit", void="写错")))[0]) == ("rejected", "not-found")


async def test_a_reference_to_what_was_never_held_is_held_wherever_it_is(county: County, phone: Phone) -> None:
    houses = [await elsewhere(county, "household"), str(uuid4())]
    visits = [op("visit", doc={"household_id": house, **SEEN}) for house in houses]
    assert [result["outcome"] for result in await push(phone, *visits)] == ["held", "held"]
    await hourly.sweep(county.access)
    assert [result["outcome"] for result in await push(phone, *visits)] == ["held", "held"]


async def test_what_came_to_be_after_a_place_was_lost_was_never_held(county: County, phone: Phone) -> None:
    user_id, name = await county.user("village", VILLAGE)
    hers = await county.sign_in(name)
    await takes(county, user_id, VILLAGE)
    house = await a_house(phone)
    visit = op("visit", doc={"household_id": house, **SEEN})
    [edit, child] = await push(hers, op("household", house, {"address": "村西头"}, 1, 1), visit)
    assert (why(edit), child["outcome"]) == (("rejected", "not-found"), "held")


async def test_an_id_that_another_record_has_is_taken(county: County, phone: Phone) -> None:
    house = await a_house(phone)
    results = await push(
        phone,
        op("visit", await elsewhere(county, "visit"), {"household_id": house, **SEEN}),
        op("household", await elsewhere(county, "household"), {"place_id": GROUP, "number": a_number()}),
        op("visit", doc={"household_id": house, **SEEN}),
    )
    assert [why(result) for result in results[:2]] == [("rejected", "id-taken")] * 2
    assert [(result["rev"], result["doc"]) for result in results[:2]] == [(None, None)] * 2
    assert short(results[2]) == ("applied", 1)


# Who may


async def test_a_lead_household_writes_its_own_visits_and_no_others(county: County, phone: Phone) -> None:
    lead, house = await county.sign_in("lead-1"), await a_house(phone)
    theirs = await a_visit(phone, house)
    mine = await a_visit(lead, house, visited_on="2026-11-19", notes="好")
    assert short((await push(lead, op("visit", mine, {"notes": "更好"}, 1, 1)))[0]) == ("applied", 2)
    assert short((await push(lead, op("visit", mine, None, 2, 2, void="写错")))[0]) == ("applied", 3)
    refusals = await push(
        lead,
        op("visit", theirs, {"manner": "phone"}, 1, 1),
        op("visit", theirs, None, 1, 2, void="写错"),
        op("household", house, {"address": "村西头"}, 1, 3),
        op("household", doc={"place_id": GROUP, "number": a_number()}),
    )
    assert [why(result) for result in refusals] == [("rejected", "not-allowed")] * 4
    assert "notes" not in (refusals[0]["doc"] or {}) or refusals[0]["doc"]["notes"] is None
    assert (await stored(phone, "visit", theirs))["rev"] == 1


async def test_a_lead_household_does_not_see_what_others_noted(county: County, phone: Phone) -> None:
    """Neither in a document nor in a conflict."""
    lead, house = await county.sign_in("lead-1"), await a_house(phone)
    visit = await a_visit(phone, house, notes="记号七三五九")
    await push(phone, op("visit", visit, {"notes": "记号七三五九，再记"}, 1, 1))
    reply = await lead.post("/v1/sync/push", json={"ops": [op("visit", visit, {"notes": "好"}, 1, 2), op("visit", visit, {}, 1, 3)]})
    assert [result["outcome"] for result in reply.json()["results"]] == ["rejected", "rejected"]  # else it could guess
    assert "记号七三五九" not in reply.text
    assert await clashes(county, visit) == []


async def test_a_township_officer_edits_what_lies_in_the_township(county: County, phone: Phone) -> None:
    officer, visit = await county.sign_in("township-1"), await a_visit(phone)
    assert short((await push(officer, op("visit", visit, {"notes": "好"}, 1, 1)))[0]) == ("applied", 2)
    stranger = await county.sign_in("township-2")
    assert why((await push(stranger, op("visit", visit, {"notes": "好"}, 1, 1)))[0]) == ("rejected", "not-found")


async def test_the_county_reads_and_does_not_write_visits(county: County, phone: Phone) -> None:
    desk, house = await county.sign_in("county-admin"), await a_house(phone)
    visit = await a_visit(phone, house)
    results = await push(
        desk,
        op("visit", visit, {"notes": "好"}, 1, 1),
        op("visit", visit, None, 1, 2, void="写错"),
        op("visit", doc={"household_id": house, **SEEN}),
        op("household", doc={"place_id": GROUP, "number": a_number()}),
    )
    assert [why(result) for result in results] == [("rejected", "not-allowed")] * 4
    assert results[0]["doc"] == await stored(phone, "visit", visit)


async def test_members_that_the_service_sets_are_ignored_whatever_they_say(phone: Phone) -> None:
    house = await a_house(phone)
    nested: Any = "好"
    for _ in range(150):
        nested = [nested]
    visit = str(uuid4())
    for value in (None, "好", 2**63, 2**70, -5, {"a": [1]}, str(uuid4()), True, nested, f"{REFUSED}\x00", 1e300):
        server = dict.fromkeys(("id", "rev", "voided", "created_at", "updated_at", "created_by", "place_id", "worker_id"), value)
        [made] = await push(phone, op("visit", None, {**server, "household_id": house, **SEEN}))
        assert short(made) == ("applied", 1)
        assert "doc" not in made
        visit = made["id"]
        [result] = await push(
            phone, op("household", house, {**server, "place_id": GROUP, "last_visited_on": value} | {"worker_id": 1}, 1, 1)
        )
        assert why(result) == ("rejected", "invalid/doc")  # a household has no worker
        del server["worker_id"]
        [result] = await push(phone, op("household", house, {**server, "place_id": GROUP, "last_visited_on": value}, 1, 1))
        assert short(result) == ("unchanged", 1)
    read = await stored(phone, "visit", visit)
    assert (read["rev"], read["voided"], read["place_id"], read["worker_id"]) == (1, False, GROUP, str(USERS["worker-1"]["id"]))


# What all of it leaves behind


async def test_every_record_agrees_with_its_trail_and_its_change_row(county: County) -> None:
    await records_agree(county)


async def test_nothing_refused_stands_anywhere(county: County) -> None:
    assert await holding(county, "怀孕") == []
