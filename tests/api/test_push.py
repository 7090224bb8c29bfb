"""Push: every outcome of the contract (docs/sync.md), read like the manual."""

import asyncio
import gzip
import json
import re
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import orjson
import pytest

from api.jobs import held
from api.kinds import HOUSEHOLD, KINDS, VISIT
from tests.conftest import Phone, client
from tests.county import HELD, OTHER, USERS, VILLAGE, County, fold, level

[GROUP] = HELD["lead-1"]  # lies in VILLAGE, which worker-1 and worker-2 serve
[FAR] = HELD["worker-4"]  # of another township
SEEN = {"visited_on": "2026-11-20", "outcome": "met"}
REFUSED = "儿媳已怀孕"
Result = dict[str, Any]


@pytest.fixture
async def phone(county: County) -> Phone:
    """A new phone of worker-1."""
    return await county.sign_in("worker-1")


@pytest.fixture
async def other(county: County) -> Phone:
    """A new phone of worker-2, who serves the same village."""
    return await county.sign_in("worker-2")


def op(kind: str, record_id: Any = None, doc: Any = None, base_rev: int | None = None, seconds: int = 0, **more: Any) -> dict[str, Any]:
    at = datetime(2026, 11, 23, 9, tzinfo=UTC) + timedelta(seconds=seconds)
    said = {"kind": kind, "id": str(record_id or uuid4()), "base_rev": base_rev, "at": at.isoformat(timespec="milliseconds")}
    return {**said, **({} if doc is None else {"doc": doc}), **more}


async def push(phone: Phone, *ops: Any) -> list[Result]:
    reply = await phone.post("/v1/sync/push", json={"ops": ops})
    assert reply.status_code == 200, reply.text
    results: list[Result] = reply.json()["results"]
    assert len(results) == len(ops)
    for sent, result in zip(ops, results, strict=True):
        as_the_contract_has_it(sent, result)
    return results


def as_the_contract_has_it(sent: Any, result: Result) -> None:
    """What holds for every result, whatever was sent."""
    outcome = result["outcome"]
    if result["id"] is not None:
        assert (result["id"], result["kind"]) == (sent["id"].lower(), sent["kind"])
    assert ("rev" in result) is (outcome not in ("held", "inbox"))
    assert ("kept" in result) is (outcome == "rejected")
    assert ("conflicts" in result) is (outcome == "conflict")
    if outcome in ("rejected", "merged", "conflict"):
        assert "doc" in result
    if outcome in ("held", "inbox"):
        assert "doc" not in result
    if result.get("doc"):
        assert (result["doc"]["id"], result["doc"]["rev"]) == (result["id"], result["rev"])
    if outcome == "rejected":
        assert result["problem"]["type"].startswith("/problems/")
        assert result["kept"] is (result["id"] is not None)
        assert (result["rev"] is None) is (result["doc"] is None)
    assert result.keys() <= {"id", "kind", "outcome", "rev", "doc", "conflicts", "doubles", "problem", "kept"}


def short(result: Result) -> tuple[str, int | None]:
    return result["outcome"], result.get("rev")


def why(result: Result) -> tuple[str, str]:
    """The outcome, and slug and pointer of the problem."""
    problem = result["problem"]
    return result["outcome"], problem["type"].removeprefix("/problems/") + "".join(fault["pointer"] for fault in problem.get("errors", ()))


def a_number() -> str:
    """Of a household: no other has it."""
    return uuid4().hex[:12]


async def a_house(phone: Phone, **doc: Any) -> str:
    """A new household of the group, on the service as revision 1."""
    made = op("household", doc={"place_id": GROUP, "number": a_number(), "address": "村东头", **doc})
    [result] = await push(phone, made)
    assert short(result) == ("applied", 1), result
    return str(made["id"])


async def a_visit(phone: Phone, house: str | None = None, **doc: Any) -> str:
    made = op("visit", doc={"household_id": house or await a_house(phone), **SEEN, **doc})
    [result] = await push(phone, made)
    assert short(result) == ("applied", 1), result
    return str(made["id"])


async def stored(phone: Phone, kind: str, record_id: str) -> dict[str, Any]:
    reply = await phone.get(f"/v1/{KINDS[kind].plural}/{record_id}")
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


async def kept(county: County, record_id: str) -> list[dict[str, Any]]:
    """What the service keeps of what was sent on this record, oldest first."""
    rows = await county.owner.fetch("SELECT * FROM kept_op WHERE record_id = $1 ORDER BY seq", record_id)
    return [{**row, "op": orjson.loads(row["op"])} for row in rows]


async def states(county: County, record_id: str) -> list[tuple[str, str | None]]:
    return [(row["state"], row["settled"]) for row in await kept(county, record_id)]


async def clashes(county: County, record_id: str) -> list[dict[str, Any]]:
    rows = await county.owner.fetch("SELECT * FROM conflict WHERE record_id = $1 ORDER BY seq", record_id)
    return [{**row, "yours": orjson.loads(row["yours"]), "theirs": orjson.loads(row["theirs"])} for row in rows]


async def revisions(county: County, record_id: str) -> int:
    return int(await county.owner.fetchval("SELECT count(*) FROM revision WHERE id = $1", record_id))


async def holding(county: County, text: str) -> list[str]:
    """The tables in which some row holds the text."""
    tables = [row["relname"] for row in await county.owner.fetch("SELECT relname FROM pg_stat_user_tables")]
    escaped = json.dumps(text).strip('"')
    find = "SELECT count(*) FROM {0} t WHERE t::text LIKE '%' || $1 || '%' OR strpos(t::text, $2) > 0"
    return [table for table in tables if await county.owner.fetchval(find.format(table), text, escaped)]


async def takes(county: County, user_id: str, place: int) -> None:
    reply = await (await county.sign_in("county-admin")).post(f"/v1/users/{user_id}/places/{place}/revoke")
    assert reply.status_code == 200, reply.text


async def gives(county: County, user_id: str, place: int) -> None:
    reply = await (await county.sign_in("county-admin")).post(f"/v1/users/{user_id}/places", json={"place_id": place, "reach": "below"})
    assert reply.status_code == 200, reply.text


# Applied


async def test_what_was_made_offline_is_stored(county: County, phone: Phone) -> None:
    house, visit = str(uuid4()), str(uuid4())
    results = await push(
        phone,
        op("household", house, {"place_id": GROUP, "number": a_number()}),
        op("visit", visit, {"household_id": house, **SEEN, "purposes": ["elder_care"], "notes": "老人精神好"}),
    )
    assert results == [
        {"id": house, "kind": "household", "outcome": "applied", "rev": 1},
        {"id": visit, "kind": "visit", "outcome": "applied", "rev": 1},
    ]
    read = await stored(phone, "visit", visit)
    assert (read["notes"], read["purposes"], read["manner"], read["place_id"]) == ("老人精神好", ["elder_care"], "home", GROUP)
    assert (await stored(phone, "household", house))["last_visited_on"] == "2026-11-20"


async def test_the_service_keeps_both_times(county: County, phone: Phone) -> None:
    visit = await a_visit(phone)
    row = await county.owner.fetchrow("SELECT made_at, received_at, device_id, by_user_id FROM revision WHERE id = $1", visit)
    assert row["made_at"] == datetime(2026, 11, 23, 9, tzinfo=UTC)
    assert row["received_at"] > row["made_at"]
    assert str(row["device_id"]) == phone.tokens["device_id"]
    assert row["by_user_id"] == USERS["worker-1"]["id"]


async def test_an_edit_changes_what_it_says_and_null_empties(phone: Phone) -> None:
    visit = await a_visit(phone, notes="好", agreed="月底再来")
    [result] = await push(phone, op("visit", visit, {"notes": None, "manner": "phone"}, 1, 1))
    assert result == {"id": visit, "kind": "visit", "outcome": "applied", "rev": 2}
    read = await stored(phone, "visit", visit)
    assert (read["notes"], read["manner"], read["agreed"]) == (None, "phone", "月底再来")


@pytest.mark.parametrize("number", ["138 0013 8000", "+86-13800138000", "１３８００１３８０００"])
async def test_a_mended_spelling_comes_back(phone: Phone, number: str) -> None:
    made = op("household", doc={"place_id": GROUP, "number": a_number(), "phones": [number]})
    [result] = await push(phone, made)
    assert short(result) == ("applied", 1)
    assert result["doc"] == await stored(phone, "household", made["id"])
    assert result["doc"]["phones"] == ["13800138000"]
    [result] = await push(phone, op("household", made["id"], {"phones": ["0543 3245678"], "address": " 村西头\r\n"}, 1, 1))
    assert (short(result), result["doc"]["phones"], result["doc"]["address"]) == (("applied", 2), ["0543-3245678"], "村西头")


async def test_a_well_spelt_number_does_not(phone: Phone) -> None:
    [result] = await push(phone, op("household", doc={"place_id": GROUP, "number": a_number(), "phones": ["13800138000", "0543-3245678"]}))
    assert result.keys() == {"id", "kind", "outcome", "rev"}


async def test_own_changes_come_back_with_the_next_pull(county: County, phone: Phone) -> None:
    _, cursor = await level(phone)
    visit = await a_visit(phone)
    changes, _ = await level(phone, cursor)
    assert fold(changes)["visit", visit] == await stored(phone, "visit", visit)


async def test_doubles_are_a_hint_and_never_a_refusal(phone: Phone, other: Phone) -> None:
    house = await a_house(phone)
    first = await a_visit(phone, house)
    second = op("visit", doc={"household_id": house, **SEEN})
    third = op("visit", doc={"household_id": house, **SEEN})
    results = await push(other, second, third, op("visit", doc={"household_id": house, **SEEN, "visited_on": "2026-11-19"}))
    assert [short(result) for result in results] == [("applied", 1)] * 3
    assert set(results[0]["doubles"]) == {first, third["id"]}
    assert set(results[1]["doubles"]) == {first, second["id"]}
    assert "doubles" not in results[2]


async def test_an_id_may_be_written_in_capitals(phone: Phone) -> None:
    house = await a_house(phone)
    made = op("visit", str(uuid4()).upper(), {"household_id": house.upper(), **SEEN})
    [result] = await push(phone, made)
    assert short(result) == ("applied", 1)
    assert result["doc"]["household_id"] == house


# Unchanged


async def test_a_repeat_after_a_lost_reply_is_unchanged(county: County, phone: Phone) -> None:
    house = await a_house(phone)
    made = op("visit", doc={"household_id": house, **SEEN})
    assert short((await push(phone, made))[0]) == ("applied", 1)
    assert await push(phone, made) == [{"id": made["id"], "kind": "visit", "outcome": "unchanged", "rev": 1}]
    assert await revisions(county, made["id"]) == 1


async def test_a_repeat_brings_the_record_where_it_has_moved_on(phone: Phone, other: Phone) -> None:
    house = await a_house(phone)
    made = op("visit", doc={"household_id": house, **SEEN})
    await push(phone, made)
    await push(other, op("visit", made["id"], {"notes": "好"}, 1, 1))
    [result] = await push(phone, made)
    assert short(result) == ("unchanged", 2)
    assert result["doc"]["notes"] == "好"


async def test_a_repeat_of_what_was_merged_brings_the_result(phone: Phone, other: Phone) -> None:
    """Its first reply, with the result in it, may have been lost."""
    visit = await a_visit(phone)
    await push(other, op("visit", visit, {"notes": "好"}, 1, 1))
    mine = op("visit", visit, {"manner": "phone"}, 1, 2)
    [first] = await push(phone, mine)
    [again] = await push(phone, mine)
    assert (short(first), short(again)) == (("merged", 3), ("unchanged", 3))
    assert again["doc"] == first["doc"]


async def test_a_repeat_of_what_was_mended_brings_the_spelling(phone: Phone) -> None:
    made = op("household", doc={"place_id": GROUP, "number": a_number(), "phones": ["138 0013 8000"]})
    [first] = await push(phone, made)
    [again] = await push(phone, made)
    assert (short(again), again["doc"]) == (("unchanged", 1), first["doc"])


async def test_an_edit_that_changes_nothing_is_unchanged(county: County, phone: Phone) -> None:
    visit = await a_visit(phone, notes="好")
    for doc in ({"notes": "好"}, {}, await stored(phone, "visit", visit)):
        assert await push(phone, op("visit", visit, doc, 1, 1)) == [{"id": visit, "kind": "visit", "outcome": "unchanged", "rev": 1}]
    assert await revisions(county, visit) == 1


async def test_what_the_device_knew_changes_nothing_though_others_went_on(phone: Phone, other: Phone) -> None:
    visit = await a_visit(phone, notes="好")
    copy = await stored(phone, "visit", visit)
    await push(other, op("visit", visit, {"notes": "更好", "manner": "phone"}, 1, 1))
    [result] = await push(phone, op("visit", visit, copy, 1, 2))
    assert short(result) == ("unchanged", 2)
    assert (result["doc"]["notes"], result["doc"]["manner"]) == ("更好", "phone")


async def test_the_same_change_from_two_phones_is_one(county: County, phone: Phone, other: Phone) -> None:
    visit = await a_visit(phone)
    mine = op("visit", visit, {"notes": "好"}, 1, 2)
    await push(other, op("visit", visit, {"notes": "好"}, 1, 1))
    [result] = await push(phone, mine)
    assert (short(result), result["doc"]["notes"]) == (("unchanged", 2), "好")
    await push(other, op("visit", visit, {"notes": "更好"}, 2, 3))
    [again] = await push(phone, mine)
    assert (short(again), again["doc"]["notes"]) == (("unchanged", 3), "更好")  # the repeat is no edit of what came after
    assert await clashes(county, visit) == []
    assert await revisions(county, visit) == 3


async def test_a_void_of_a_voided_record_is_unchanged(county: County, phone: Phone, other: Phone) -> None:
    visit = await a_visit(phone)
    assert short((await push(phone, op("visit", visit, None, 1, 1, void="写错")))[0]) == ("applied", 2)
    assert short((await push(other, op("visit", visit, None, None, 2, void="写错")))[0]) == ("unchanged", 2)
    assert await revisions(county, visit) == 2


# Merged


async def test_edits_of_different_members_are_merged(county: County, phone: Phone, other: Phone) -> None:
    house = await a_house(phone)
    await push(other, op("household", house, {"address": "村西头"}, 1, 1))
    [result] = await push(phone, op("household", house, {"status": "away"}, 1, 2))
    assert short(result) == ("merged", 3)
    assert result["doc"] == await stored(phone, "household", house)
    assert (result["doc"]["address"], result["doc"]["status"]) == ("村西头", "away")
    assert await clashes(county, house) == []


async def test_a_client_that_sends_whole_records_changes_only_what_it_changed(phone: Phone, other: Phone) -> None:
    house = await a_house(phone)
    copy = await stored(phone, "household", house)
    await push(other, op("household", house, {"address": "村西头"}, 1, 1))
    [result] = await push(phone, op("household", house, {**copy, "status": "away"}, 1, 2))
    assert (short(result), result["doc"]["address"], result["doc"]["status"]) == (("merged", 3), "村西头", "away")


async def test_sets_are_merged_by_what_was_added_and_removed(phone: Phone, other: Phone) -> None:
    house = await a_house(phone, phones=["13800138000", "13800138001"])
    await push(other, op("household", house, {"phones": ["13800138000", "13800138001", "13800138002"]}, 1, 1))
    [result] = await push(phone, op("household", house, {"phones": ["13800138001", "13800138003"]}, 1, 2))
    assert short(result) == ("merged", 3)
    assert result["doc"]["phones"] == ["13800138001", "13800138002", "13800138003"]


async def test_purposes_that_two_phones_added_are_joined(phone: Phone, other: Phone) -> None:
    visit = await a_visit(phone)
    await push(other, op("visit", visit, {"purposes": ["subsidy"]}, 1, 1))
    [result] = await push(phone, op("visit", visit, {"purposes": ["elder_care"]}, 1, 2))
    assert (short(result), result["doc"]["purposes"]) == (("merged", 3), ["subsidy", "elder_care"])


async def test_colleagues_that_two_phones_added_are_joined(phone: Phone, other: Phone) -> None:
    mine, yours = str(USERS["worker-1"]["id"]), str(USERS["worker-2"]["id"])
    visit = await a_visit(phone)
    await push(other, op("visit", visit, {"with_worker_ids": [yours]}, 1, 1))
    [result] = await push(phone, op("visit", visit, {"with_worker_ids": [mine]}, 1, 2))
    assert (short(result), result["doc"]["with_worker_ids"]) == (("merged", 3), [yours, mine])


async def test_a_second_edit_on_the_same_base_leaves_what_others_added(phone: Phone, other: Phone) -> None:
    house = await a_house(phone, phones=["13800138000"])
    await push(other, op("household", house, {"phones": ["13800138000", "13800138001"]}, 1, 1))
    first = op("household", house, {"phones": ["13800138000", "13800138002"]}, 1, 2)
    second = op("household", house, {"phones": ["13800138000", "13800138002", "13800138003"]}, 1, 3)
    [_, result] = await push(phone, first, second)
    assert result["doc"]["phones"] == ["13800138000", "13800138001", "13800138002", "13800138003"]


# A text that is not recorded


@pytest.mark.parametrize("member", ["notes", "agreed"])
async def test_a_refused_text_is_empty_in_a_creation(county: County, phone: Phone, member: str) -> None:
    mark = uuid4().hex
    made = op("visit", doc={"household_id": await a_house(phone), **SEEN, "manner": "phone", member: f"{REFUSED} {mark}"})
    [result] = await push(phone, made)
    assert (short(result), why(result)) == (("merged", 1), ("merged", f"refused-word/{member}"))
    assert (result["doc"][member], result["doc"]["manner"]) == (None, "phone")
    assert await holding(county, mark) == []


async def test_a_refused_text_leaves_the_old_one_in_an_edit(county: County, phone: Phone) -> None:
    mark, visit = uuid4().hex, await a_visit(phone, notes="好")
    [result] = await push(phone, op("visit", visit, {"notes": f"{REFUSED} {mark}", "manner": "phone"}, 1, 1))
    assert (short(result), why(result)) == (("merged", 2), ("merged", "refused-word/notes"))
    assert (result["doc"]["notes"], result["doc"]["manner"]) == ("好", "phone")
    assert await holding(county, mark) == []


async def test_an_edit_of_nothing_but_a_refused_text_changes_nothing(county: County, phone: Phone) -> None:
    visit = await a_visit(phone, notes="好")
    [result] = await push(phone, op("visit", visit, {"notes": REFUSED}, 1, 1))
    assert (short(result), why(result), result["doc"]["notes"]) == (("merged", 1), ("merged", "refused-word/notes"), "好")
    assert await revisions(county, visit) == 1


async def test_a_repeat_says_again_that_a_text_was_refused(county: County, phone: Phone) -> None:
    """Its first reply may have been lost, and then the phone believes that its text is stored."""
    made = op("visit", doc={"household_id": await a_house(phone), **SEEN, "notes": REFUSED})
    [first] = await push(phone, made)
    assert await push(phone, made) == [first]
    assert await revisions(county, made["id"]) == 1


async def test_a_refused_reason_does_not_stop_a_void(county: County, phone: Phone) -> None:
    mark, visit = uuid4().hex, await a_visit(phone)
    [result] = await push(phone, op("visit", visit, None, 1, 1, void=f"{REFUSED} {mark}"))
    assert (short(result), why(result)) == (("merged", 2), ("merged", "refused-word/void"))
    assert result["doc"]["voided"] is True
    assert await holding(county, mark) == []


async def test_a_creation_that_needs_a_refused_text_is_rejected_and_an_edit_leaves_it_as_it_was(county: County, phone: Phone) -> None:
    mark = uuid4().hex[:8]
    made = op("household", doc={"place_id": GROUP, "number": f"怀孕-{mark}", "address": "村东头"})
    [result] = await push(phone, made)
    assert (why(result), result["rev"], result["kept"]) == (("rejected", "refused-word/number"), None, True)
    house = await a_house(phone)
    before = await stored(phone, "household", house)
    [result] = await push(phone, op("household", house, {"number": f"怀孕-{mark}", "status": "away"}, 1, 1))
    assert (result["outcome"], result["problem"]["type"], result["doc"]["status"]) == ("merged", "/problems/refused-word", "away")
    assert result["doc"]["number"] == before["number"]
    assert [row["op"]["doc"] for row in await kept(county, made["id"])] == [{"place_id": GROUP, "address": "村东头"}]
    assert await holding(county, mark) == []


async def test_a_text_that_a_record_needs_is_not_kept_as_a_conflict(county: County, phone: Phone, other: Phone) -> None:
    """Neither where others changed that text, nor where they changed something else."""
    for doc in ({"number": a_number()}, {"address": "村西头"}):
        mark, house = uuid4().hex[:8], await a_house(phone)
        await push(other, op("household", house, doc, 1, 1))
        [result] = await push(phone, op("household", house, {"number": f"怀孕-{mark}"}, 1, 2))
        assert (result["outcome"], result["problem"]["type"]) == ("merged", "/problems/refused-word")
        assert await clashes(county, house) == []
        assert await holding(county, mark) == []


@pytest.mark.parametrize("text", [REFUSED, "怀\n孕", "怀\t孕", '怀"孕', "怀\x00孕", "怀\\孕"], ids=repr)
@pytest.mark.parametrize("outcome", ["held", "inbox", "rejected", "not to be read"])
async def test_what_is_kept_never_holds_a_refused_text(county: County, phone: Phone, text: str, outcome: str) -> None:
    mark, house = uuid4().hex, await a_house(phone)
    doc: dict[str, Any] = {"household_id": house, **SEEN, "notes": f"{text} {mark}", "agreed": "月底再来"}
    said, record_id, base_rev = {**doc}, None, None
    match outcome:
        case "held":
            said["household_id"] = str(uuid4())
        case "inbox":
            record_id, base_rev = await a_visit(phone, house), 1
            await push(phone, op("visit", record_id, None, 1, 1, void="写错"))
        case "rejected":
            said["visited_on"] = "2027-01-01"
        case "not to be read":
            said["weather"] = {"today": ["好", f"{text} {mark}"]}
    sent = op("visit", record_id, said, base_rev, 2)
    [result] = await push(phone, sent)
    odd = "\x00" in text or outcome == "not to be read"
    assert result["outcome"] == ("rejected" if odd else outcome)
    [row] = await kept(county, sent["id"])
    assert row["op"]["doc"]["agreed"] == "月底再来"
    assert "notes" not in row["op"]["doc"]
    assert await holding(county, mark) == []


async def test_what_is_kept_is_looked_for_in_the_right_place(county: County, phone: Phone) -> None:
    mark = uuid4().hex
    [result] = await push(phone, op("visit", doc={"household_id": str(uuid4()), **SEEN, "notes": f"好 {mark}"}))
    assert result["outcome"] == "held"
    assert await holding(county, mark) == ["kept_op"]


# Conflict


async def test_fields_that_clash_keep_the_servers_value_and_the_others_are_stored(county: County, phone: Phone, other: Phone) -> None:
    house = await a_house(phone)
    await push(other, op("household", house, {"address": "村西头"}, 1, 1))
    [result] = await push(phone, op("household", house, {"address": "村南头", "status": "away"}, 1, 2))
    assert short(result) == ("conflict", 3)
    assert (result["doc"]["address"], result["doc"]["status"]) == ("村西头", "away")
    [row] = await clashes(county, house)
    said = {"field": "address", "yours": "村南头", "theirs": "村西头", "conflict_id": str(row["id"])}
    assert result["conflicts"] == [said]
    assert (row["field"], row["yours"], row["theirs"], row["settled"]) == ("address", "村南头", "村西头", None)
    assert (row["user_id"], str(row["device_id"]), row["place_id"]) == (USERS["worker-1"]["id"], phone.tokens["device_id"], GROUP)
    assert row["township_id"] == await county.owner.fetchval("SELECT township_id FROM place WHERE place_id = $1", GROUP)


async def test_a_repeat_of_a_conflict_is_the_same_conflict(county: County, phone: Phone, other: Phone) -> None:
    house = await a_house(phone)
    await push(other, op("household", house, {"address": "村西头"}, 1, 1))
    mine = op("household", house, {"address": "村南头", "status": "away"}, 1, 2)
    [first] = await push(phone, mine)
    assert await push(phone, mine) == [first]
    assert len(await clashes(county, house)) == 1
    assert await revisions(county, house) == 3


async def test_the_same_value_again_needs_no_second_conflict(county: County, phone: Phone, other: Phone) -> None:
    house = await a_house(phone)
    await push(other, op("household", house, {"address": "村西头"}, 1, 1))
    [first] = await push(phone, op("household", house, {"address": "村南头"}, 1, 2))
    [second] = await push(phone, op("household", house, {"address": "村南头", "status": "away"}, 1, 3))
    [third] = await push(phone, op("household", house, {"address": "村北头"}, 1, 4))
    assert first["conflicts"] == second["conflicts"] != third["conflicts"]
    assert (short(second), second["doc"]["status"]) == (("conflict", 3), "away")
    assert len(await clashes(county, house)) == 2


async def test_who_sets_it_again_after_hearing_of_the_conflict_has_chosen(county: County, phone: Phone, other: Phone) -> None:
    for chosen, settled in (("村南头", "mine"), ("村北头", "value")):
        house = await a_house(phone)
        await push(other, op("household", house, {"address": "村西头"}, 1, 1))
        mine = op("household", house, {"address": "村南头"}, 1, 2)
        await push(phone, mine)
        assert short((await push(phone, op("household", house, {"address": chosen}, 2, 3)))[0]) == ("applied", 3)
        [row] = await clashes(county, house)
        assert (row["settled"], row["settled_by"]) == (settled, USERS["worker-1"]["id"])
        [again] = await push(phone, mine)
        assert (short(again), again["doc"]["address"]) == (("unchanged", 3), chosen)


async def test_a_rule_that_is_broken_only_together_is_a_conflict(county: County, phone: Phone, other: Phone) -> None:
    """Each by itself was right: one was told that nobody was met, the other wrote down what was said."""
    visit = await a_visit(phone)
    await push(other, op("visit", visit, {"notes": "老人精神好"}, 1, 1))
    [result] = await push(phone, op("visit", visit, {"outcome": "absent"}, 1, 2))
    assert short(result) == ("conflict", 2)
    assert [(row["field"], row["yours"], row["theirs"]) for row in result["conflicts"]] == [("outcome", "absent", "met")]
    assert (result["doc"]["outcome"], result["doc"]["notes"]) == ("met", "老人精神好")


async def test_more_than_a_set_holds_is_a_conflict(phone: Phone, other: Phone) -> None:
    numbers = [f"1380013800{n}" for n in range(10)]
    house = await a_house(phone)
    await push(other, op("household", house, {"phones": numbers}, 1, 1))
    [result] = await push(phone, op("household", house, {"phones": ["13800138010"]}, 1, 2))
    assert short(result) == ("conflict", 2)
    [row] = result["conflicts"]
    assert (row["field"], row["yours"], row["theirs"]) == ("phones", ["13800138010"], numbers)


async def test_a_record_made_twice_under_one_id_is_a_conflict(phone: Phone, other: Phone) -> None:
    house, visit = await a_house(phone), str(uuid4())
    await push(phone, op("visit", visit, {"household_id": house, **SEEN, "notes": "好"}))
    [result] = await push(other, op("visit", visit, {"household_id": house, **SEEN, "notes": "更好"}, seconds=1))
    assert short(result) == ("conflict", 1)
    assert [(row["field"], row["yours"], row["theirs"]) for row in result["conflicts"]] == [("notes", "更好", "好")]


async def test_own_edits_do_not_conflict(phone: Phone) -> None:
    """Two edits may name the same base, and a phone may send whole records."""
    visit = await a_visit(phone)
    copy = await stored(phone, "visit", visit)
    results = await push(
        phone,
        op("visit", visit, {"notes": "一"}, 1, 1),
        op("visit", visit, {"notes": "二"}, 1, 2),
        op("visit", visit, {**copy, "notes": "二", "manner": "phone"}, 1, 3),
        op("visit", visit, {"notes": None}, 1, 4),
    )
    assert [short(result) for result in results] == [("applied", rev) for rev in (2, 3, 4, 5)]
    read = await stored(phone, "visit", visit)
    assert (read["notes"], read["manner"]) == (None, "phone")


async def test_an_edit_made_in_the_network_by_the_same_phone_is_its_own(phone: Phone) -> None:
    visit = await a_visit(phone)
    patched = await phone.patch(f"/v1/visits/{visit}", json={"notes": "一"}, headers={"If-Match": '"1"'})
    assert patched.status_code == 200
    assert (await push(phone, op("visit", visit, {"notes": "二"}, 1, 90_000_000)))[0]["outcome"] == "applied"


async def test_another_phone_of_the_same_user_is_another_device(county: County, phone: Phone) -> None:
    visit, second = await a_visit(phone), await county.sign_in("worker-1")
    await push(second, op("visit", visit, {"notes": "一"}, 1, 1))
    assert (await push(phone, op("visit", visit, {"notes": "二"}, 1, 2)))[0]["outcome"] == "conflict"


async def test_among_edits_of_one_device_to_one_field_the_later_stands(phone: Phone) -> None:
    visit = await a_visit(phone)
    late, early = op("visit", visit, {"notes": "晚"}, 1, 9), op("visit", visit, {"notes": "早", "manner": "phone"}, 1, 3)
    [first, second] = await push(phone, late, early)
    assert (short(first), short(second)) == (("applied", 2), ("merged", 3))
    assert (second["doc"]["notes"], second["doc"]["manner"]) == ("晚", "phone")


async def test_a_base_that_a_restore_undid_is_held_against_the_present(phone: Phone) -> None:
    visit = await a_visit(phone)
    [result] = await push(phone, op("visit", visit, {"notes": "好"}, 41, 1))
    assert short(result) == ("applied", 2)


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
    await held.sweep(county.access)
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
    sweeps = [held.sweep(county.access) for _ in range(3)]
    await asyncio.gather(push(phone, parent), push(phone, parent), push(other, *visits), *sweeps)
    await held.sweep(county.access)
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
        age = held.PATIENCE + timedelta(hours=hours)
        await county.owner.execute("UPDATE kept_op SET received_at = now() - $2::interval WHERE record_id = $1", visit["id"], age)
    await held.sweep(county.access)
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
    await held.sweep(county.access)
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


# Order and repeats


async def test_ops_are_taken_in_the_order_sent(phone: Phone) -> None:
    house, visit = str(uuid4()), str(uuid4())
    results = await push(
        phone,
        op("household", house, {"place_id": GROUP, "number": a_number()}),
        op("visit", visit, {"household_id": house, **SEEN}, None, 1),
        op("visit", visit, {"notes": "好"}, None, 2),
        op("household", house, None, None, 3, void="写错"),
        op("visit", visit, None, None, 4, void="写错"),
        op("visit", visit, {"notes": "更好"}, None, 5),
        op("household", house, None, None, 6, void="写错"),
    )
    assert [short(result) for result in results] == [
        ("applied", 1), ("applied", 1), ("applied", 2), ("rejected", 2), ("applied", 3), ("inbox", None), ("applied", 2),
    ]  # fmt: skip


async def test_repeats_in_another_order_and_batch_change_nothing_and_tell_the_truth(county: County, phone: Phone, other: Phone) -> None:
    house, visit, late = str(uuid4()), str(uuid4()), str(uuid4())
    theirs = await a_house(other)
    await push(other, op("household", theirs, {"address": "村西头", "phones": ["13800138000"]}, 1, 1))
    ops = [
        op("visit", visit, {"household_id": house, **SEEN}, None, 1),
        op("household", house, {"place_id": GROUP, "number": a_number()}),
        op("visit", visit, {"notes": "好"}, None, 2),
        op("visit", visit, {"notes": REFUSED}, None, 3),
        op("visit", visit, {"visited_on": "2027-01-01"}, None, 4),
        op("household", theirs, {"address": "村南头", "status": "away"}, 1, 5),
        op("household", theirs, {"phones": ["13800138001"]}, 1, 6),
        op("visit", late, {"household_id": str(uuid4()), **SEEN}, None, 7),
        op("household", theirs, {"status": "living_here"}, 1, 8),
    ]
    first = await push(phone, *ops)
    assert [result["outcome"] for result in first] == ["held", "applied", "held", "held", "held", "conflict", "merged", "held", "merged"]
    read = [await stored(phone, "visit", visit), await stored(phone, "household", house), await stored(phone, "household", theirs)]
    count = [await revisions(county, record) for record in (visit, house, theirs, late)]
    lists = [await states(county, record) for record in (visit, house, theirs, late)]
    expected = ["unchanged", "unchanged", "unchanged", None, "rejected", "conflict", "unchanged", "held", "unchanged"]
    for order in (range(9), range(8, -1, -1), (4, 0, 8, 2, 6, 1, 3, 5, 7)):
        for size in (9, 1):
            batches = [[ops[n] for n in order][start : start + size] for start in range(0, 9, size)]
            again = [result for batch in batches for result in await push(phone, *batch)]
            for n, result in zip(order, again, strict=True):
                assert expected[n] in (None, result["outcome"]), (n, result)
    assert [await stored(phone, "visit", visit), await stored(phone, "household", house), await stored(phone, "household", theirs)] == read
    assert [await revisions(county, record) for record in (visit, house, theirs, late)] == count
    assert [await states(county, record) for record in (visit, house, theirs, late)] == lists
    assert len(await clashes(county, theirs)) == 1


async def test_an_op_sent_twice_in_one_batch_is_one(county: County, phone: Phone) -> None:
    made = op("visit", doc={"household_id": await a_house(phone), **SEEN})
    held = op("visit", doc={"household_id": str(uuid4()), **SEEN})
    results = await push(phone, made, held, made, held)
    assert [short(result) for result in results] == [("applied", 1), ("held", None), ("unchanged", 1), ("held", None)]
    assert len(await kept(county, held["id"])) == 1


async def test_another_at_is_another_op(county: County, phone: Phone) -> None:
    visit = await a_visit(phone)
    there, back, there_again = [op("visit", visit, {"manner": manner}, 1, n) for n, manner in enumerate(("phone", "home", "phone"), 1)]
    assert [short(r) for r in await push(phone, there, back, there_again)] == [("applied", 2), ("applied", 3), ("applied", 4)]
    assert [short(r) for r in await push(phone, back, there)] == [("unchanged", 4)] * 2
    assert (await stored(phone, "visit", visit))["manner"] == "phone"


@pytest.mark.parametrize("change", [{"base_rev": 2}, {"doc": {"notes": "更好"}}, {"doc": None, "void": "写错"}], ids=repr)
async def test_what_is_not_the_same_in_all_is_another_op(phone: Phone, change: dict[str, Any]) -> None:
    visit = await a_visit(phone)
    first = op("visit", visit, {"notes": "好"}, 1, 1)
    await push(phone, first, op("visit", visit, {"notes": "不好"}, 2, 2))
    assert short((await push(phone, {**first, "at": op("visit", seconds=3)["at"], **change}))[0]) == ("applied", 4)


async def test_an_op_is_the_same_beside_one_that_is_wrong(county: County, phone: Phone) -> None:
    """Its identity does not depend on the batch it comes in, nor on the spelling of the JSON."""
    made = op("visit", doc={"household_id": await a_house(phone), **SEEN, "notes": "好 😀 é", "purposes": ["elder_care", "subsidy"]})
    assert short((await push(phone, made))[0]) == ("applied", 1)
    assert short((await push(phone, {"kind": "visit"}, made))[1]) == ("unchanged", 1)
    text = json.dumps({"ops": [dict(reversed(made.items()))]}, indent=3)
    reply = await phone.post("/v1/sync/push", content=text, headers={"Content-Type": "application/json"})
    assert short(reply.json()["results"][0]) == ("unchanged", 1)
    assert await revisions(county, made["id"]) == 1


async def test_the_same_words_of_another_device_are_another_op(county: County, phone: Phone) -> None:
    visit, second = await a_visit(phone), await county.sign_in("worker-1")
    held = op("visit", doc={"household_id": str(uuid4()), **SEEN})
    assert [(await push(sender, held))[0]["outcome"] for sender in (phone, second)] == ["held", "held"]
    assert len(await kept(county, held["id"])) == 2
    edit = op("visit", visit, {"notes": "好"}, 1, 1)
    assert [short((await push(sender, edit))[0]) for sender in (phone, second)] == [("applied", 2), ("unchanged", 2)]


# Many at once


async def test_batches_of_one_device_are_taken_one_after_the_other(county: County, phone: Phone) -> None:
    visit = await a_visit(phone)
    edits = [op("visit", visit, {"notes": f"第{n}"}, 1, n) for n in range(1, 9)]
    results = [result for [result] in await asyncio.gather(*(push(phone, edit) for edit in edits))]
    assert {result["outcome"] for result in results} <= {"applied", "unchanged"}
    assert (await stored(phone, "visit", visit))["notes"] == "第8"  # the later `at`, whichever came first


async def test_a_push_that_overlaps_its_own_repeat_is_stored_once(county: County, phone: Phone) -> None:
    house = str(uuid4())
    ops = [op("household", house, {"place_id": GROUP, "number": a_number()})]
    ops += [op("visit", doc={"household_id": house, **SEEN, "visited_on": f"2026-10-{n + 10}"}) for n in range(10)]
    held = op("visit", doc={"household_id": str(uuid4()), **SEEN})
    replies = await asyncio.gather(*(push(phone, *ops, held) for _ in range(5)))
    for results in zip(*replies, strict=True):
        assert sorted(result["outcome"] for result in results) in (["applied", *["unchanged"] * 4], ["held"] * 5)
    assert [await revisions(county, sent["id"]) for sent in ops] == [1] * 11
    assert len(await kept(county, held["id"])) == 1


async def test_a_repeat_that_overlaps_is_kept_once(county: County, phone: Phone) -> None:
    """Nothing but the device itself is there to be locked."""
    waiting, wrong = op("visit", doc={"household_id": str(uuid4()), **SEEN}), op("visit", doc={"weather": 1})
    await asyncio.gather(*(push(phone, waiting, wrong) for _ in range(8)))
    assert [await states(county, sent["id"]) for sent in (waiting, wrong)] == [[("held", None)], [("rejected", None)]]


async def test_two_phones_that_push_at_once_lose_nothing(county: County, phone: Phone, other: Phone) -> None:
    houses = [await a_house(phone, phones=[]) for _ in range(6)]
    mine = [op("household", house, {"phones": ["13800138001"], "address": "甲"}, 1, 1) for house in houses]
    yours = [op("household", house, {"phones": ["13800138002"], "address": "乙"}, 1, 1) for house in reversed(houses)]
    await asyncio.gather(push(phone, *mine), push(other, *yours))
    for house in houses:
        read, [clash] = await stored(phone, "household", house), await clashes(county, house)
        assert set(read["phones"]) == {"13800138001", "13800138002"}
        assert {clash["yours"], clash["theirs"]} == {"甲", "乙"}
        assert clash["theirs"] == read["address"]


async def test_two_phones_that_make_the_same_record_at_once(county: County, phone: Phone, other: Phone) -> None:
    for _ in range(4):
        made = op("household", doc={"place_id": GROUP, "number": a_number()})
        both = await asyncio.gather(push(phone, made), push(other, made))
        assert sorted(results[0]["outcome"] for results in both) == ["applied", "unchanged"]


# What the database will not have


@asynccontextmanager
async def poisoned(county: County, table: str, condition: str) -> AsyncIterator[None]:
    """The database refuses rows of the table, for no reason that a rule knows."""
    await county.owner.execute(
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS"
        f" $$ BEGIN IF {condition} THEN RAISE 'no'; END IF; RETURN NEW; END $$;"
        f"CREATE TRIGGER no BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION no()"
    )
    try:
        yield
    finally:
        await county.owner.execute("DROP FUNCTION no CASCADE")


async def test_an_op_that_the_database_refuses_holds_up_no_other(county: County, phone: Phone) -> None:
    house = await a_house(phone)
    visit = await a_visit(phone, house, visited_on="2026-09-01")
    ops = [op("visit", doc={"household_id": house, **SEEN, "visited_on": f"2026-10-{n + 10}"}) for n in range(11)]
    ops[3]["doc"]["notes"] = "毒"
    ops += [op("visit", visit, {"notes": "毒"}, 1, 1), op("visit", visit, {"manner": "phone"}, 1, 2)]
    async with poisoned(county, "visit", "NEW.notes = '毒'"):
        results = await push(phone, *ops)
        assert [n for n, result in enumerate(results) if result["outcome"] != "applied"] == [3, 11]
        assert [why(results[n]) for n in (3, 11)] == [("rejected", "could-not-store")] * 2
        assert [(results[n]["rev"], results[n]["kept"]) for n in (3, 11)] == [(None, True), (1, True)]
        assert short(results[12]) == ("applied", 2)
        [row] = await kept(county, ops[3]["id"])
        assert (row["state"], row["op"]["doc"]["notes"]) == ("rejected", "毒")
        assert why((await push(phone, ops[3]))[0]) == ("rejected", "could-not-store")
    assert why((await push(phone, ops[3]))[0]) == ("rejected", "could-not-store")  # what became of it
    assert [await revisions(county, sent["id"]) for sent in ops[:11]] == [1, 1, 1, 0, *[1] * 7]


async def test_what_the_database_refuses_is_tried_once_more(county: County, phone: Phone) -> None:
    """It may have been a race."""
    made = op("visit", doc={"household_id": await a_house(phone), **SEEN})
    await county.owner.execute("CREATE SEQUENCE tries")  # counts on through a rollback
    async with poisoned(county, "visit", "nextval('tries') = 1"):
        assert short((await push(phone, made))[0]) == ("applied", 1)
    assert await county.owner.fetchval("SELECT last_value FROM tries") == 2


async def test_a_held_op_that_the_database_refuses_does_not_hold_up_its_parent(county: County, phone: Phone) -> None:
    house = str(uuid4())
    bad, good = [op("visit", doc={"household_id": house, **SEEN, "notes": notes}) for notes in ("毒", "好")]
    await push(phone, bad)
    async with poisoned(county, "visit", "NEW.notes = '毒'"):
        [parent] = await push(phone, op("household", house, {"place_id": GROUP, "number": a_number()}))
        assert short(parent) == ("applied", 1)
        assert short((await push(phone, good))[0]) == ("applied", 1)
        assert (await push(phone, bad))[0]["outcome"] == "held"
    await held.sweep(county.access)
    assert short((await push(phone, bad))[0]) == ("unchanged", 1)


async def test_where_not_even_the_lists_can_be_written_nothing_is_acknowledged(county: County, phone: Phone) -> None:
    made = op("visit", doc={"household_id": str(uuid4()), **SEEN})
    async with poisoned(county, "kept_op", "true"):
        assert (await phone.post("/v1/sync/push", json={"ops": [made]})).status_code == 500
    assert (await push(phone, made))[0]["outcome"] == "held"


@pytest.mark.parametrize(
    "at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999-14:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]
)
async def test_a_clock_that_is_off_by_ages_locks_no_record(phone: Phone, at: str) -> None:
    visit = await a_visit(phone)
    edit = {**op("visit", visit, {"notes": "好"}, 1), "at": at}
    assert (await push(phone, edit))[0]["outcome"] in ("applied", "rejected")
    assert (await push(phone, edit))[0]["outcome"] in ("unchanged", "rejected")
    [result] = await push(phone, op("visit", visit, {"manner": "phone"}, 1, 1))
    assert result["outcome"] == "applied"
    assert (await phone.get(f"/v1/visits/{visit}/revisions")).status_code == 200


# The envelope


async def posted(phone: Phone, content: Any, **headers: str) -> tuple[int, str]:
    headers = {"Content-Type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    reply = await phone.post("/v1/sync/push", content=content, headers=headers)
    return reply.status_code, "" if reply.status_code == 200 else reply.json()["type"].removeprefix("/problems/")


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (b"", (400, "not-json")),
        (b"{", (400, "not-json")),
        (b'{"ops": [NaN]}', (400, "not-json")),
        (b'{"ops": [Infinity]}', (400, "not-json")),
        (b'{"ops": []} x', (400, "not-json")),
        (b'\xef\xbb\xbf{"ops": []}', (400, "not-json")),
        (b'{"ops": ["\xff"]}', (400, "not-json")),
        (b"[" * 5000, (400, "not-json")),
        (b'{"ops": [' + b"[" * 5000 + b"]" * 5000 + b"]}", (400, "not-json")),
        (b"null", (422, "invalid")),
        (b"[]", (422, "invalid")),
        (b"{}", (422, "invalid")),
        (b'{"ops": null}', (422, "invalid")),
        (b'{"ops": {}}', (422, "invalid")),
        (b'{"ops": []}', (422, "invalid")),
        (b'{"ops": [' + b"{}," * 500 + b"{}]}", (422, "invalid")),
        (b'{"ops": [' + b"{}," * 499 + b"{}]}", (200, "")),
        (b'{"ops": [{}], "ops": [{}, {}]}', (200, "")),
        (b'{"ops": [{}], "weather": 1}', (200, "")),
        (b'{"ops": [{}]' + b" " * (2**20 - 13) + b"}", (200, "")),
        (b'{"ops": [{}]' + b" " * (2**20 - 12) + b"}", (413, "too-large")),
    ],
    ids=lambda value: repr(value)[:40],
)
async def test_what_fails_whole(phone: Phone, body: bytes, answer: tuple[int, str]) -> None:
    assert await posted(phone, body) == answer


async def test_the_envelope_says_what_is_wrong_with_it(phone: Phone) -> None:
    problem = (await phone.post("/v1/sync/push", json={"ops": [{}] * 501})).json()
    assert [(fault["pointer"], fault["code"]) for fault in problem["errors"]] == [("/ops", "ops")]


async def test_a_body_may_be_compressed_and_is_bounded_after_that(phone: Phone) -> None:
    body = orjson.dumps({"ops": [op("visit", doc={"household_id": str(uuid4()), **SEEN})]})
    assert await posted(phone, gzip.compress(body), Content_Encoding="gzip") == (200, "")
    assert await posted(phone, gzip.compress(body)[:-1], Content_Encoding="gzip") == (400, "bad-encoding")
    assert await posted(phone, body, Content_Encoding="gzip") == (400, "bad-encoding")
    assert await posted(phone, zlib.compress(body), Content_Encoding="deflate") == (400, "bad-encoding")
    bomb = gzip.compress(b'{"ops": [' + b" " * 50_000_000 + b"]}")
    assert len(bomb) < 100_000
    assert await posted(phone, bomb, Content_Encoding="gzip") == (413, "too-large")


@pytest.mark.parametrize("media_type", ["text/plain", "", "application/x-www-form-urlencoded", "application/merge-patch+json"])
async def test_another_media_type_is_refused(phone: Phone, media_type: str) -> None:
    assert await posted(phone, b'{"ops": [{}]}', Content_Type=media_type) == (415, "wrong-media-type")


async def test_a_full_batch_is_stored(phone: Phone) -> None:
    house = await a_house(phone)
    ops = [op("household", house, {"address": f"{n}号"}, 1, n) for n in range(1, 501)]
    assert [short(result) for result in await push(phone, *ops)] == [("applied", n) for n in range(2, 502)]


@pytest.mark.parametrize("depth", [150, 240, 300, 900])
@pytest.mark.parametrize("member", ["weather", "rev", "notes"])
async def test_what_is_nested_deeply_harms_itself_alone(phone: Phone, depth: int, member: str) -> None:
    nested: Any = "好"
    for _ in range(depth):
        nested = [nested]
    house = await a_house(phone)
    deep, good = op("visit", doc={"household_id": house, **SEEN, member: nested}), op("household", house, {"address": "村西头"}, 1)
    [result, fine] = await push(phone, deep, good)
    assert result["outcome"] == "rejected" or member == "rev"
    assert short(fine) == ("applied", 2)
    assert (await push(phone, deep))[0]["outcome"] in (result["outcome"], "unchanged")


@pytest.mark.parametrize("text", [r"\ud83d", r"\ude00\ud83d", r"\udfff好"])
async def test_half_a_character_harms_its_op_alone(phone: Phone, text: str) -> None:
    """A phone that cuts a text to its length may cut an emoji in two, and JSON.stringify sends that."""
    house = await a_house(phone)
    sent = json.dumps(
        {"ops": [op("visit", doc={"household_id": house, **SEEN, "notes": "@"}), op("household", house, {"address": "村西头"}, 1)]}
    )
    reply = await phone.post("/v1/sync/push", content=sent.replace("@", text), headers={"Content-Type": "application/json"})
    assert reply.status_code == 200, reply.text
    assert [result["outcome"] for result in reply.json()["results"]] == ["rejected", "applied"]


async def test_the_last_of_members_with_one_name_counts(phone: Phone) -> None:
    house = await a_house(phone)
    said = orjson.dumps(op("visit", doc={"household_id": house, **SEEN})).decode()
    twice = said.replace('"outcome":"met"', '"outcome":"absent","outcome":"met","notes":"一","notes":"二"')
    body = f'{{"ops": [{twice}]}}'
    reply = await phone.post("/v1/sync/push", content=body, headers={"Content-Type": "application/json"})
    [result] = reply.json()["results"]
    assert short(result) == ("applied", 1)
    assert (await stored(phone, "visit", result["id"]))["notes"] == "二"
    beside = await phone.post("/v1/sync/push", content=f'{{"ops": [{{}}, {twice}]}}', headers={"Content-Type": "application/json"})
    assert short(beside.json()["results"][1]) == ("unchanged", 1)


@pytest.mark.parametrize("number", ["1e400", "-1e400", "1" + "0" * 400])
async def test_a_number_that_is_none_is_no_creation(phone: Phone, number: str) -> None:
    visit = await a_visit(phone)
    said = orjson.dumps(op("visit", visit, {"notes": "好"}, 77)).decode().replace("77", number)
    reply = await phone.post("/v1/sync/push", content=f'{{"ops": [{said}]}}', headers={"Content-Type": "application/json"})
    assert reply.status_code in (200, 400)
    if reply.status_code == 200:
        assert why(reply.json()["results"][0]) == ("rejected", "invalid/base_rev")


# The clock, the words, and who is calling


@pytest.mark.parametrize("ahead", [0, 3600, -3600, 86_400 * 400])
@pytest.mark.parametrize("beside", [[], [{"kind": "visit"}], [op("visit", doc={"weather": 1})]], ids=["", "no-record", "wrong"])
async def test_a_phone_is_told_how_far_its_clock_is_off(phone: Phone, ahead: int, beside: list[Any]) -> None:
    ops = [op("visit", doc={"household_id": str(uuid4()), **SEEN}), *beside]
    sent_at = (datetime.now(UTC) + timedelta(seconds=ahead)).isoformat()
    reply = (await phone.post("/v1/sync/push", json={"ops": ops, "sent_at": sent_at})).json()
    assert abs(reply["clock_skew_seconds"] - ahead) <= 5
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", reply["server_time"])


async def test_without_a_time_of_sending_an_edit_from_the_future_tells_at_the_least(phone: Phone) -> None:
    for ahead, told in ((-7200, 0), (7200, 7200)):
        ops = [op("visit", doc={"household_id": str(uuid4()), **SEEN}) for _ in range(2)]
        ops[0]["at"] = (datetime.now(UTC) + timedelta(seconds=ahead)).isoformat()
        reply = (await phone.post("/v1/sync/push", json={"ops": [*ops, {}]})).json()
        assert abs(reply["clock_skew_seconds"] - told) <= 5


@pytest.mark.parametrize("sent_at", ["昨天", 5, None, "2026-11-23T09:00:00"])
async def test_a_time_of_sending_that_is_none_is_left_aside(phone: Phone, sent_at: Any) -> None:
    reply = await phone.post("/v1/sync/push", json={"ops": [op("visit", doc={"household_id": str(uuid4()), **SEEN})], "sent_at": sent_at})
    assert (reply.status_code, reply.json()["clock_skew_seconds"]) == (200, 0)


@pytest.mark.parametrize("language", ["zh-CN", "en"])
async def test_a_problem_speaks_the_language_that_was_asked_for(phone: Phone, language: str) -> None:
    house = await a_house(phone)
    ops = [op("visit", doc={"household_id": house, **SEEN, "visited_on": "2027-01-01"}), {}, op("visit", doc={"weather": 1}),
           op("visit", doc={"household_id": house, **SEEN, "notes": REFUSED})]  # fmt: skip
    for headers in ({"Accept-Language": language}, {"Accept-Language": language}):  # the second time from what was kept
        reply = await phone.post("/v1/sync/push", json={"ops": ops}, headers=headers)
        assert "\\u001f" not in reply.text
        for result in reply.json()["results"]:
            if "problem" in result:
                chinese = re.search("[\u4e00-\u9fff]", json.dumps(result["problem"], ensure_ascii=False)) is not None
                assert chinese is (language != "en")
    [one] = (await phone.post("/v1/sync/push", json={"ops": ops[:1]}, headers={"Accept-Language": "en"})).json()["results"]
    assert one["problem"]["title"] == "A day after tomorrow"  # whatever it was said in before


async def test_only_who_is_signed_in_pushes(county: County) -> None:
    anybody = client(county.app)
    assert await posted(anybody, b"") == (401, "not-signed-in")
    assert await posted(anybody, b'{"ops": [{}]}', Authorization="Bearer x") == (401, "not-signed-in")


async def test_a_closed_account_pushes_nothing(county: County, phone: Phone) -> None:
    user_id, name = await county.user("village", VILLAGE)
    hers, admin = await county.sign_in(name), await county.sign_in("county-admin")
    visit = op("visit", doc={"household_id": await a_house(phone), **SEEN})
    assert (await admin.post(f"/v1/users/{user_id}/close")).status_code == 200
    reply = await hers.post("/v1/sync/push", json={"ops": [visit]})
    assert (reply.status_code, reply.json()["type"], reply.json()["wipe"]) == (403, "/problems/account-closed", True)
    assert await revisions(county, visit["id"]) == 0


async def test_a_revoked_device_pushes_nothing(county: County, phone: Phone) -> None:
    visit, admin = op("visit", doc={"household_id": await a_house(phone), **SEEN}), await county.sign_in("county-admin")
    assert (await admin.post(f"/v1/devices/{phone.tokens['device_id']}/revoke")).status_code == 204
    reply = await phone.post("/v1/sync/push", json={"ops": [visit]})
    assert (reply.status_code, reply.json()["type"], reply.json()["wipe"]) == (403, "/problems/device-revoked", True)
    assert (await revisions(county, visit["id"]), await kept(county, visit["id"])) == (0, [])


async def test_a_device_that_signed_out_signs_in_first(county: County, phone: Phone) -> None:
    await phone.post("/v1/auth/sign-out")
    assert await posted(phone, b'{"ops": [{}]}') == (401, "not-signed-in")


# What all of it leaves behind


async def test_every_record_agrees_with_its_trail_and_its_change_row(county: County) -> None:
    for kind in (HOUSEHOLD, VISIT):
        wrong = await county.owner.fetch(
            f"""SELECT t.id FROM {kind.name} t
            LEFT JOIN (SELECT id, count(*) AS n, max(rev) AS last FROM revision WHERE kind = '{kind.name}' GROUP BY id) r ON r.id = t.id
            LEFT JOIN change c ON c.kind = '{kind.name}' AND c.id = t.id AND c.place_id = t.place_id
            WHERE r.n IS DISTINCT FROM t.rev OR r.last IS DISTINCT FROM t.rev OR c.rev IS DISTINCT FROM t.rev
              OR c.op IS DISTINCT FROM CASE WHEN t.voided THEN 'remove' ELSE 'upsert' END OR c.township_id IS DISTINCT FROM t.township_id"""
        )
        assert wrong == [], kind.name
    last = "SELECT max(v.visited_on) FROM visit v WHERE v.household_id = h.id AND v.outcome = 'met' AND NOT v.voided"
    assert await county.owner.fetch(f"SELECT h.id FROM household h WHERE h.last_visited_on IS DISTINCT FROM ({last})") == []
    assert await county.owner.fetch("SELECT k.record_id FROM kept_op k WHERE k.state = 'unchanged' AND k.settled IS NOT NULL") == []


async def test_nothing_refused_stands_anywhere(county: County) -> None:
    assert await holding(county, "怀孕") == []
