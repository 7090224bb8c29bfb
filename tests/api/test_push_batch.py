"""Push as a call: order and repeats, many at once, what the database refuses, the envelope, the clock."""

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

from api.jobs import hourly
from tests.conftest import Phone, client
from tests.county import VILLAGE, County, push
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
    states,
    stored,
    why,
)

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
    await hourly.sweep(county.access)
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
    await records_agree(county)


async def test_nothing_refused_stands_anywhere(county: County) -> None:
    assert await holding(county, "怀孕") == []
