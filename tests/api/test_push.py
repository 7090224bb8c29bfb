"""Push: the outcomes of what goes in (docs/sync.md), read like the manual: applied, unchanged, merged, conflict."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import Phone
from tests.county import USERS, County, fold, level, push
from tests.pushing import (
    GROUP,
    REFUSED,
    SEEN,
    a_house,
    a_number,
    a_visit,
    clashes,
    holding,
    kept,
    op,
    records_agree,
    revisions,
    short,
    stored,
    why,
)

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


# What all of it leaves behind


async def test_every_record_agrees_with_its_trail_and_its_change_row(county: County) -> None:
    await records_agree(county)


async def test_nothing_refused_stands_anywhere(county: County) -> None:
    assert await holding(county, "怀孕") == []
