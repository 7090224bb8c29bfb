"""What the random walk over push (test_push_convergence.py) and its reading found, each in its smallest form."""

import asyncio
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from api.access import Access
from tests.conftest import Phone, SignIn
from tests.county import push
from tests.pushing import op

GROUP, OTHER_VILLAGE = 29, 6
REFUSED = "怀孕"


@pytest.fixture
async def one(sign_in: SignIn) -> Phone:
    return await sign_in("worker-1", new=True)


@pytest.fixture
async def two(sign_in: SignIn) -> Phone:
    return await sign_in("worker-2", new=True)


async def house(phone: Phone, **doc: Any) -> str:
    made = op("household", doc={"place_id": GROUP, "number": uuid4().hex[:8], **doc})
    [result] = await push(phone, made)
    assert result["outcome"] == "applied"
    return str(made["id"])


async def stored(phone: Phone, house_id: str) -> dict[str, Any]:
    return dict((await phone.get(f"/v1/households/{house_id}")).json())


async def move_away(sign_in: SignIn, house_id: str) -> None:
    officer = await sign_in("township-1")
    rev = (await stored(officer, house_id))["rev"]
    match = {"If-Match": f'"{rev}"'}
    assert (await officer.patch(f"/v1/households/{house_id}", json={"place_id": OTHER_VILLAGE}, headers=match)).status_code == 200


async def test_doubles_are_named(one: Phone) -> None:
    first = op("household", doc={"place_id": GROUP, "number": "double"})
    second = op("household", doc={"place_id": GROUP, "number": "double"})
    await push(one, first)
    assert (await push(one, second))[0]["doubles"] == [first["id"]]


async def test_a_conflict_is_named_again(one: Phone, two: Phone) -> None:
    h = await house(one)
    await push(two, op("household", h, {"address": "东"}, 1))
    late = op("household", h, {"address": "西"}, 1, 1)
    [first], [again] = await push(one, late), await push(one, late)
    assert first["conflicts"] == again["conflicts"]


async def test_a_conflict_with_an_empty_member_is_named_again(one: Phone, two: Phone) -> None:
    h = await house(one, address="南")
    await push(two, op("household", h, {"address": None}, 1))
    late = op("household", h, {"address": "西"}, 1, 1)
    [first], [again] = await push(one, late), await push(one, late)
    assert first["conflicts"] == again["conflicts"]
    assert again["conflicts"][0]["theirs"] is None


async def test_an_edit_of_what_this_phone_created_may_say_the_change_alone(one: Phone) -> None:
    h = await house(one)
    visit = op("visit", doc={"household_id": h, "visited_on": "2026-01-01", "outcome": "met"})
    await push(one, visit)
    [result] = await push(one, op("visit", visit["id"], {"notes": "好"}, None, 1))
    assert result["outcome"] == "applied"


async def test_a_second_edit_of_a_set_takes_out_nothing_that_this_phone_never_saw(one: Phone, two: Phone) -> None:
    h = await house(one, phones=["13800000001"])
    await push(two, op("household", h, {"phones": ["13800000001", "13800000002"]}, 1))
    await push(
        one,
        op("household", h, {"phones": ["13800000001", "13800000003"]}, 1, 1),
        op("household", h, {"phones": ["13800000001", "13800000003", "13800000004"]}, 1, 2),
    )
    assert set((await stored(one, h))["phones"]) == {"13800000001", "13800000002", "13800000003", "13800000004"}


async def test_a_repeat_of_what_was_merged_brings_the_record(one: Phone, two: Phone) -> None:
    """Else a phone that lost the first reply takes its copy for the record at this rev, and later sends others' changes back."""
    h = await house(one)
    await push(two, op("household", h, {"address": "东"}, 1))
    mine = op("household", h, {"status": "away"}, 1, 1)
    await push(one, mine)
    [again] = await push(one, mine)
    assert (again["outcome"], again["doc"]["address"]) == ("unchanged", "东")


async def test_a_repeat_says_again_what_was_refused(one: Phone) -> None:
    h = await house(one)
    edit = op("household", h, {"address": REFUSED, "status": "away"}, 1, 1)
    for _ in range(2):
        [result] = await push(one, edit)
        assert (result["outcome"], result["problem"]["type"], result["doc"]["address"]) == ("merged", "/problems/refused-word", None)


@pytest.mark.parametrize("theirs", [{"address": "东"}, {"number": "7"}], ids=["another member", "the same member"])
async def test_a_refused_text_is_not_kept_in_a_conflict(one: Phone, two: Phone, access: Access, theirs: Any, urls: Any) -> None:
    h = await house(one)
    await push(two, op("household", h, theirs, 1))
    [result] = await push(one, op("household", h, {"number": REFUSED, "status": "away"}, 1, 1))
    owner = await asyncpg.connect(urls.owner)
    for table in ("kept_op", "conflict"):
        assert await owner.fetchval(f"SELECT count(*) FROM {table} t WHERE row_to_json(t)::text LIKE '%{REFUSED}%'") == 0
    await owner.close()
    # unchanged in an edit, and the rest is stored
    assert (result["outcome"], result["problem"]["type"], result["doc"]["status"]) == ("merged", "/problems/refused-word", "away")


async def test_what_breaks_a_rule_by_itself_is_rejected_whatever_others_did(one: Phone, two: Phone) -> None:
    h = await house(one)
    visit = op("visit", doc={"household_id": h, "visited_on": "2026-01-01", "outcome": "met"})
    await push(one, visit)
    await push(two, op("visit", visit["id"], {"notes": "好"}, 1))
    [result] = await push(one, op("visit", visit["id"], {"visited_on": "2027-05-05"}, 1, 1))
    assert (result["outcome"], result["problem"]["type"]) == ("rejected", "/problems/day-to-come")


async def test_a_move_to_a_township_is_rejected_whatever_others_did(one: Phone, two: Phone, sign_in: SignIn) -> None:
    h = await house(one)
    await push(two, op("household", h, {"address": "东"}, 1))
    [result] = await push(await sign_in("township-1", new=True), op("household", h, {"place_id": 2}, 1, 1))
    assert (result["outcome"], result["problem"]["type"]) == ("rejected", "/problems/wrong-place")


# Repeats of what changed nothing


async def test_taking_an_edit_back_stands_though_it_arrives_first(one: Phone) -> None:
    h = await house(one, address="东")
    there, back = op("household", h, {"address": "西"}, 1, 1), op("household", h, {"address": "东"}, 1, 2)
    await push(one, back)
    await push(one, there)
    assert (await stored(one, h))["address"] == "东"


async def test_an_edit_before_its_creation_stands(one: Phone) -> None:
    h = str(uuid4())
    await push(one, op("household", h, {"place_id": GROUP, "number": "8", "address": "新"}, None, 2))
    await push(one, op("household", h, {"place_id": GROUP, "number": "8", "address": "旧"}, None, 1))
    assert (await stored(one, h))["address"] == "新"


@pytest.mark.parametrize("what", ["no change", "void of a voided", "conflict"])
async def test_a_repeat_after_the_record_went_away_is_no_new_entry(one: Phone, two: Phone, sign_in: SignIn, urls: Any, what: str) -> None:
    h = await house(one, address="东")
    if what == "void of a voided":
        visit = op("visit", doc={"household_id": h, "visited_on": "2026-01-01", "outcome": "met"})
        mine = op("visit", visit["id"], seconds=2, void="再次")
        await push(one, visit, op("visit", visit["id"], seconds=1, void="写错"), mine)
    elif what == "conflict":
        await push(two, op("household", h, {"address": "西"}, 1))
        mine = op("household", h, {"address": "南"}, 1, 1)
        assert (await push(one, mine))[0]["outcome"] == "conflict"
    else:
        mine = op("household", h, {"address": "东"}, 1, 1)
        assert (await push(one, mine))[0]["outcome"] == "unchanged"
    await move_away(sign_in, h)
    owner = await asyncpg.connect(urls.owner)
    before = await owner.fetchval("SELECT count(*) FROM kept_op")
    [result] = await push(one, mine)
    assert await owner.fetchval("SELECT count(*) FROM kept_op") == before
    assert result["outcome"] == ("inbox" if what == "conflict" else "unchanged")
    await owner.close()


@pytest.mark.parametrize("at", ["2026-11-23T09:00:00z", "2026-11-23 09:00:00Z", "20261123T090000Z", "1763860320"])
async def test_a_time_in_any_spelling_that_is_taken_can_be_read_again(one: Phone, at: str) -> None:
    """What changed nothing is asked for its time when another edit comes."""
    h = await house(one, address="东")
    await push(one, {**op("household", h, {"address": "东"}, 1), "at": at})
    [result] = await push(one, op("household", h, {"address": "西"}, 1, 9))
    assert result["outcome"] in ("applied", "unchanged")


async def test_what_follows_a_creation_in_the_inbox_goes_there_too(one: Phone, sign_in: SignIn) -> None:
    h = await house(one)
    await move_away(sign_in, h)
    visit = op("visit", doc={"household_id": h, "visited_on": "2026-01-01", "outcome": "met"})
    results = await push(one, visit, op("visit", visit["id"], {"notes": "好"}, None, 1), op("visit", visit["id"], seconds=2, void="写错"))
    assert [result["outcome"] for result in results] == ["inbox"] * 3
    officer = await sign_in("township-1")
    for item in (await officer.get("/v1/inbox")).json()["items"]:
        if item["record_id"] == visit["id"] and not item["void"]:
            assert (await officer.post(f"/v1/inbox/{item['id']}/accept")).status_code == 200
    assert (await officer.get(f"/v1/visits/{visit['id']}")).json()["notes"] == "好"


async def test_a_visit_to_a_household_that_somebody_voided_meanwhile_is_for_the_officer(one: Phone, two: Phone) -> None:
    h = await house(one)
    await push(two, op("household", h, seconds=1, void="重复登记"))
    [result] = await push(one, op("visit", doc={"household_id": h, "visited_on": "2026-01-01", "outcome": "met"}))
    assert result["outcome"] == "inbox"


async def test_each_refused_text_is_named(one: Phone) -> None:
    h = await house(one)
    seen = {"household_id": h, "visited_on": "2026-01-01", "outcome": "met", "notes": REFUSED, "agreed": REFUSED}
    [result] = await push(one, op("visit", doc=seen))
    assert sorted(fault["pointer"] for fault in result["problem"]["errors"]) == ["/agreed", "/notes"]


async def test_what_is_kept_in_the_batch_that_moves_the_record_goes_along(sign_in: SignIn, urls: Any) -> None:
    officer = await sign_in("township-1", new=True)
    h = await house(officer)
    await push(officer, op("household", h, {"status": "gone"}, 1), op("household", h, {"place_id": OTHER_VILLAGE}, 1, 1))
    owner = await asyncpg.connect(urls.owner)
    assert await owner.fetchval("SELECT place_id FROM kept_op WHERE record_id = $1", h) == OTHER_VILLAGE
    await owner.close()


async def test_two_who_choose_at_once_choose_once(one: Phone, two: Phone, sign_in: SignIn) -> None:
    h = await house(one)
    await push(two, op("household", h, {"address": "东"}, 1))
    [result] = await push(one, op("household", h, {"address": "西"}, 1, 1))
    path = f"/v1/conflicts/{result['conflicts'][0]['conflict_id']}/resolve"
    officer = await sign_in("township-1")
    replies = await asyncio.gather(*(who.post(path, json={"choose": "mine"}) for who in (one, officer, one, officer)))
    assert sorted(reply.status_code for reply in replies) == [200, 409, 409, 409]
    assert (await stored(one, h))["rev"] == 3


# What nobody may learn


async def others_visit(one: Phone, notes: str) -> str:
    visit = op("visit", doc={"household_id": await house(one), "visited_on": "2026-01-01", "outcome": "met", "notes": notes})
    await push(one, visit)
    return str(visit["id"])


@pytest.mark.parametrize("guess", ["说了什么", "别的", None])
async def test_a_lead_household_learns_nothing_by_guessing(one: Phone, sign_in: SignIn, guess: str | None) -> None:
    lead, visit = await sign_in("lead-1", new=True), await others_visit(one, "说了什么")
    [result] = await push(lead, op("visit", visit, {"notes": guess}, 1, 1))
    assert (result["outcome"], result["problem"]["type"], result["doc"]["notes"]) == ("rejected", "/problems/not-allowed", None)


async def test_a_lead_household_changes_nothing_of_others_by_way_of_the_inbox(one: Phone, sign_in: SignIn) -> None:
    lead, lost, visit = await sign_in("lead-1", new=True), await sign_in("lead-1", new=True), await others_visit(one, "说了什么")
    await lead.post(f"/v1/devices/{lost.tokens['device_id']}/report-lost")
    for base_rev in (None, 1):
        [result] = await push(lost, op("visit", visit, {"notes": "x"}, base_rev, base_rev or 0))
        assert (result["outcome"], result["problem"]["type"]) == ("rejected", "/problems/not-allowed")


async def test_who_lost_the_place_is_not_told_what_was_written_since(one: Phone, two: Phone, sign_in: SignIn) -> None:
    visit = await others_visit(one, "说了什么")
    await push(two, op("visit", visit, {"notes": "二"}, 1))
    [result] = await push(one, op("visit", visit, {"notes": "三"}, 1, 1))
    [conflict] = result["conflicts"]
    h = (await one.get(f"/v1/visits/{visit}")).json()["household_id"]
    await move_away(sign_in, h)
    [item] = [i for i in (await one.get("/v1/conflicts?limit=200")).json()["items"] if i["id"] == conflict["conflict_id"]]
    assert (item["yours"], item["theirs"]) == ("三", None)
    officer = await sign_in("township-1")
    [item] = [i for i in (await officer.get("/v1/conflicts?limit=200")).json()["items"] if i["id"] == conflict["conflict_id"]]
    assert (item["yours"], item["theirs"]) == ("三", "二")


@pytest.mark.parametrize("username", ["worker-3", "worker-4", "head-1"])
async def test_a_creation_says_the_same_of_an_id_elsewhere_and_nowhere(one: Phone, sign_in: SignIn, username: str) -> None:
    there, stranger = await house(one), await sign_in(username, new=True)
    for kind, doc in (("household", {"place_id": 7, "number": "9"}), ("household", {"address": "q"}), ("visit", {"notes": "q"})):
        if username != "head-1" and "number" in doc:
            continue  # it could be stored, so it can't be hidden
        said = []
        for i in (there, str(uuid4())):
            [result] = await push(stranger, op(kind, i, doc))
            said.append({name: value for name, value in result.items() if name != "id"})
        assert said[0] == said[1]


async def test_a_refused_word_is_not_kept_as_a_code(one: Phone, urls: Any) -> None:
    h = await house(one)
    seen = {"household_id": h, "visited_on": "2026-01-01", "outcome": "met", "purposes": ["pregnancy_check", "elder_care"]}
    [result] = await push(one, op("visit", doc=seen))
    assert (result["outcome"], result["problem"]["type"], result["doc"]["purposes"]) == ("merged", "/problems/refused-word", ["elder_care"])


async def test_a_choice_of_a_value_has_a_value(one: Phone, two: Phone) -> None:
    visit = await others_visit(one, "说了什么")
    await push(two, op("visit", visit, {"notes": "二"}, 1))
    [result] = await push(one, op("visit", visit, {"notes": "三"}, 1, 1))
    path = f"/v1/conflicts/{result['conflicts'][0]['conflict_id']}/resolve"
    assert (await one.post(path, json={"choose": "value"})).status_code == 422
    assert (await one.post(path, json={"choose": "value", "value": None})).status_code == 200


async def test_what_is_to_be_created_below_a_household_goes_along_to_the_officer_of_the_new_place(one: Phone, sign_in: SignIn) -> None:
    h = await house(one)
    await move_away(sign_in, h)
    visit = op("visit", doc={"household_id": h, "visited_on": "2026-01-01", "outcome": "met"})
    assert [result["outcome"] for result in await push(one, visit)] == ["inbox"]
    officer = await sign_in("township-1")
    back = {"If-Match": f'"{(await stored(officer, h))["rev"]}"'}
    assert (await officer.patch(f"/v1/households/{h}", json={"place_id": GROUP}, headers=back)).status_code == 200
    [item] = [i for i in (await officer.get("/v1/inbox?limit=200")).json()["items"] if i["record_id"] == visit["id"]]
    assert item["place_id"] == GROUP


async def test_what_waits_behind_a_creation_that_is_refused_does_not_wait_on(one: Phone) -> None:
    h, nobody = str(uuid4()), str(uuid4())
    visit = op("visit", doc={"household_id": h, "visited_on": "2026-01-01", "outcome": "met", "with_worker_ids": [nobody]})
    edit = op("visit", visit["id"], {"notes": "好"}, None, 1)
    assert [result["outcome"] for result in await push(one, visit, edit)] == ["held", "held"]
    await push(one, op("household", h, {"place_id": GROUP, "number": uuid4().hex[:8]}, None, 2))
    assert [result["outcome"] for result in await push(one, visit, edit)] == ["rejected", "rejected"]
