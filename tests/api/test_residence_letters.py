"""Two places in two counties: letters, in any order, twice or never; what can't be delivered; what a letter must be."""

import asyncio
import json
from collections.abc import AsyncIterator
from random import Random
from typing import Any
from uuid import uuid4

import pytest

from api import demo_migrants
from api.exchange.letter import BadLetter, Letter, read_letter, read_receipt
from api.jobs import outbox
from api.problems import NOT_FOUND
from api.rules.residence import SIDES, TOGETHER
from api.tokens import LETTER, Keys, signed
from tests.conftest import Databases
from tests.county import County, a_county, fold, level, refused
from tests.two_places import SECOND, Migrant, a_far_migrant, a_migrant, a_second_county, changed


@pytest.fixture(scope="module")
async def county(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[County]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outbox, "LOOK_AGAIN", 3600)  # what goes out goes when a test says so
        async with a_county(databases, tmp_path_factory.mktemp("county")) as made:
            await a_second_county(made)
            yield made


async def written(county: County) -> list[Any]:
    """All but the letter of the demonstration county that can't arrive."""
    waits = "SELECT * FROM outbox WHERE delivered_version < version AND NOT dead AND to_code <> $1"
    return list(await county.owner.fetch(waits, demo_migrants.FAR_CODE))


async def proposed(county: County) -> Migrant:
    migrant = await a_far_migrant(county)
    made = await migrant.there.says("residence", migrant.residence_id, registered_in=migrant.home.code)
    assert made.status_code == 201, made.text
    return migrant


async def accepted(county: County) -> Migrant:
    migrant = await proposed(county)
    await outbox.deliver(county.access)
    assert (await migrant.home.says("registration", migrant.residence_id)).status_code == 201
    await outbox.deliver(county.access)
    await outbox.deliver(county.access)
    return migrant


async def test_a_letter_goes_there_and_an_answer_back(county: County) -> None:
    migrant = await proposed(county)
    assert (await migrant.home.worker.get(f"/v1/residence-proposals/{migrant.residence_id}")).status_code == 404
    await outbox.deliver(county.access)
    asked = await migrant.home.proposal(migrant.residence_id)
    assert (asked["name"], asked["living_in"], asked["status"]) == ("赵远", f"{SECOND[:6]}001000", "waiting")
    answer = await migrant.home.says("registration", migrant.residence_id)
    assert (answer.status_code, answer.json()["state"]) == (201, "accepted"), answer.text
    assert (await migrant.there.residence(migrant.residence_id))["state"] == "proposed"
    await outbox.deliver(county.access)
    there = await migrant.there.residence(migrant.residence_id)
    assert (there["state"], there["registered_in"]) == ("accepted", migrant.home.code)
    await outbox.deliver(county.access)  # the name need not be known there any more
    assert await written(county) == []
    receipts = await county.owner.fetch("SELECT receipt FROM outbox WHERE residence_id = $1", migrant.residence_id)
    assert [read_receipt(county.access.keys, row["receipt"]).outcome for row in receipts] == ["applied", "applied"]
    kept = await county.owner.fetchval("SELECT theirs::text FROM residence_proposal WHERE id = $1", migrant.residence_id)
    assert "赵远" not in kept


async def test_a_decline_goes_back(county: County) -> None:
    migrant = await proposed(county)
    await outbox.deliver(county.access)
    asked = await migrant.home.proposal(migrant.residence_id)
    await changed(migrant.home.worker, asked, "residence-proposals", declined_because="查无此人")
    await outbox.deliver(county.access)
    there = await migrant.there.residence(migrant.residence_id)
    assert (there["state"], there["other"]["declined_because"]) == ("declined", "查无此人")


async def test_withdrawal_shuts_this_side_at_once_and_overtakes_what_was_not_delivered(county: County) -> None:
    migrant = await accepted(county)
    await migrant.there.consents("share_contact")  # not delivered yet
    waiting = [row for row in await written(county) if str(row["residence_id"]) == migrant.residence_id]
    assert ["13800138000" in row["part"] for row in waiting] == [True]
    await migrant.there.consents("share_contact", "withdrawn", "2026-11-24T03:00:00.000Z")
    waiting = [row for row in await written(county) if str(row["residence_id"]) == migrant.residence_id]
    assert ["13800138000" in row["part"] for row in waiting] == [False]
    phone = await county.sign_in("worker-1", str(uuid4()))
    changes, cursor = await level(phone)
    await outbox.deliver(county.access)
    home, _ = await migrant.both()
    assert home["other"]["phones"] == []
    await county.owner.execute("UPDATE consent SET created_at = acted_at")  # the day of the tests is past
    await migrant.there.consents("share_contact", "given", "2026-11-24T04:00:00.000Z")
    await outbox.deliver(county.access)
    held = fold((await level(phone, cursor))[0], fold(changes))
    assert held["residence", home["id"]]["other"]["phones"] == ["13800138000"]
    await migrant.home.consents("share_contact", "withdrawn")  # said at home: empty there at once, and asked of the other side
    assert (await migrant.home.residence(migrant.residence_id))["other"]["phones"] == []
    await outbox.deliver(county.access)
    await outbox.deliver(county.access)
    assert "13800138000" not in await county.owner.fetchval(
        "SELECT part::text FROM outbox WHERE residence_id = $1 AND side = 'residence'", migrant.residence_id
    )


async def test_letters_in_any_order_doubled_and_lost(county: County) -> None:
    """Both sides edit at random while letters are held back, sent twice, late, or lost; then what is still to be sent is sent. Both rows
    agree then, and would say the same if all had come in order."""
    random, passed = Random("letters"), set[tuple[str, str | None]]()
    for _ in range(16):
        migrant, letters, hour = await accepted(county), [], 0
        for _ in range(random.randint(3, 10)):
            place = random.choice([migrant.home, migrant.there])
            row = await place.residence(migrant.residence_id)
            if random.random() < 0.4:
                await county.owner.execute("UPDATE consent SET created_at = acted_at")  # the day of the tests is past
                hour += 1
                await place.consents("share_contact", random.choice(["given", "withdrawn"]), f"2026-11-23T{hour:02}:00:00.000Z")
            doc: dict[str, Any] = random.choice(
                [
                    {"since_on": f"2026-0{random.randint(1, 9)}-01"},
                    {"cause": random.choice(["work", "study", "family"])},
                    {"comes_home_on": f"2027-01-{random.randint(10, 28)}"},
                    {"until_on": random.choice([None, "2026-11-20"])},
                    {"declined_because": random.choice([None, "不是本村人"])},
                ]
            )
            await changed(place.worker, row, **doc)
            letters += [sign(county, row) for row in await written(county) if str(row["residence_id"]) == migrant.residence_id]
            for _ in range(random.randint(0, 3) if letters else 0):
                await outbox.take(county.access, random.choice(letters))
        await county.owner.execute("UPDATE consent SET created_at = acted_at")
        for _ in range(8):
            await outbox.deliver(county.access)
        assert await written(county) == []
        for letter in random.sample(letters, len(letters)):  # latecomers
            await outbox.take(county.access, letter)
        home, there = await migrant.both()
        assert home["state"] == there["state"]
        said = "SELECT act FROM consent WHERE person_id = ANY ($1::uuid[]) ORDER BY acted_at DESC, act DESC LIMIT 1"
        act = await county.owner.fetchval(said, [migrant.home.person, migrant.there.person])
        together = home["state"] in TOGETHER and act == "given"
        assert [row["other"]["phones"] for row in (home, there)] == [["13800138000"] if together else []] * 2
        passed.add((home["state"], act))
        for one, other in ((home, there), (there, home)):
            if home["state"] == "declined":
                continue
            assert {name: one["other"][name] for name in ("since_on", "until_on", "cause", "comes_home_on")} == {
                name: other[name] for name in ("since_on", "until_on", "cause", "comes_home_on")
            }
    assert {("provisional", "given"), ("provisional", "withdrawn")} <= passed


def sign(county: County, row: Any) -> str:
    names = ("residence_id", "side", "version", "to_code")
    from_code = SECOND if row["county_id"] == 2 else "990101000000"
    return Letter(from_code=from_code, part=json.loads(row["part"]), **{n: row[n] for n in names}).sign(county.access.keys)


async def delivered(county: County) -> None:
    """Letters, the answers to them, and what follows from those."""
    for _ in range(4):
        await outbox.deliver(county.access)


async def test_the_first_letter_comes_after_it_was_taken_back(county: County) -> None:
    migrant = await proposed(county)
    [first] = [sign(county, row) for row in await written(county) if str(row["residence_id"]) == migrant.residence_id]
    row = await migrant.there.residence(migrant.residence_id)
    assert (await migrant.there.worker.post(f"/v1/residences/{row['id']}/void", json={"reason": "登记错了"})).status_code == 200
    await delivered(county)
    await outbox.take(county.access, first)
    asked = await migrant.home.proposal(migrant.residence_id)
    assert (asked["status"], asked["name"]) == ("withdrawn", None)


async def test_a_decline_that_is_taken_back_is_told_too(county: County) -> None:
    migrant = await proposed(county)
    await delivered(county)
    for because, name, state in (("查无此人", None, "declined"), (None, "赵远", "proposed")):
        asked = await migrant.home.proposal(migrant.residence_id)
        await changed(migrant.home.worker, asked, "residence-proposals", declined_because=because)
        await delivered(county)
        assert (await migrant.there.residence(migrant.residence_id))["state"] == state
        assert (await migrant.home.proposal(migrant.residence_id))["name"] == name
    assert (await migrant.there.residence(migrant.residence_id))["other"] is None
    assert (await migrant.home.says("registration", migrant.residence_id)).json()["state"] == "accepted"
    await delivered(county)
    assert (await migrant.there.residence(migrant.residence_id))["state"] == "accepted"


@pytest.mark.parametrize("who", ["home", "there"])
async def test_who_takes_back_a_withdrawal_before_it_was_delivered_gets_what_was_erased(county: County, who: str) -> None:
    migrant = await accepted(county)
    await migrant.home.consents("share_contact")
    await delivered(county)
    assert [row["other"]["phones"] for row in await migrant.both()] == [["13800138000"], ["13800138000"]]
    heard: Any = getattr(migrant, who)
    await heard.consents("share_contact", "withdrawn", "2026-11-24T03:00:00.000Z")
    assert (await heard.residence(migrant.residence_id))["other"]["phones"] == []
    await county.owner.execute("UPDATE consent SET created_at = acted_at")  # the day of the tests is past
    await heard.consents("share_contact", "given", "2026-11-24T04:00:00.000Z")
    await delivered(county)
    assert [row["other"]["phones"] for row in await migrant.both()] == [["13800138000"], ["13800138000"]]


@pytest.mark.parametrize("who", ["home", "there"])
async def test_nothing_of_what_was_withdrawn_is_left_where_it_was_said(county: County, who: str) -> None:
    migrant = await accepted(county)
    await migrant.there.consents("share_contact")
    await delivered(county)
    heard: Any = getattr(migrant, who)
    await heard.consents("share_contact", "withdrawn", "2026-11-24T05:00:00.000Z")
    kept: list[str] = []
    for table in ("residence", "residence_proposal", "outbox"):
        rows = await county.owner.fetch(
            f"SELECT row_to_json(t)::text AS doc FROM {table} t WHERE county_id = $1", 1 if who == "home" else 2
        )
        kept += [row["doc"] for row in rows if migrant.residence_id in row["doc"]]
    assert kept
    assert [doc for doc in kept if "13800138000" in doc] == []


async def test_only_the_county_that_was_asked_answers_first(county: County) -> None:
    migrant = await proposed(county)
    await delivered(county)
    row = await migrant.there.residence(migrant.residence_id)
    assert row["state"] == "proposed"
    await county.owner.execute("UPDATE residence SET registered_in = '990303001201' WHERE id = $1", row["id"])  # another one was
    part: dict[str, Any] = {"since_on": "2026-03-01", "until_on": None, "cause": "work", "consents": {}, "registered_in": migrant.home.code}
    about: dict[str, Any] = {"residence_id": migrant.residence_id, "side": "registration", "version": 1}
    letter = Letter(**about, from_code="990101000000", to_code=SECOND, part=part)
    with pytest.raises(BadLetter):
        await outbox.take(county.access, letter.sign(county.access.keys))


async def test_a_residence_of_two_villages_here_is_for_no_other_county(county: County) -> None:
    migrant = await a_migrant(county)
    await migrant.there.says("residence", migrant.residence_id, registered_in=migrant.home.code)
    await migrant.home.says("registration", migrant.residence_id)
    part: dict[str, Any] = {"since_on": "2026-03-01", "until_on": "2026-03-02", "cause": "work", "consents": {}}
    for side in SIDES:
        about: dict[str, Any] = {"residence_id": migrant.residence_id, "side": side, "version": 9}
        letter = Letter(**about, from_code=SECOND, to_code="990101000000", part=part)
        with pytest.raises(BadLetter):
            await outbox.take(county.access, letter.sign(county.access.keys))
    assert [row["state"] for row in await migrant.both()] == ["accepted", "accepted"]


NONSENSE: list[dict[str, Any]] = [
    {"since_on": 5},
    {"since_on": "0000-00-00"},
    {"until_on": {}},
    {"cause": None},
    {"name": 2**63},
    {"name": "远" * 100_000},
    {"phones": [{}]},
    {"services": [{"on": "2026-01-01", "code": "fine"}]},
    {"consents": {"share_contact": ["given", "2026-99-99T00:00:00.000000+00"]}},
    {"consents": {"share_everything": ["given", "2026-11-24T00:00:00.000000+00"]}},
    {"address": "南街一号"},
]


@pytest.mark.parametrize("says", NONSENSE, ids="-".join)
async def test_a_letter_that_says_nonsense_holds_up_no_other(county: County, says: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "TRIES", 1)
    wrong, right = await proposed(county), await proposed(county)
    early = "UPDATE outbox SET part = part || $2::text::jsonb, try_at = '2020-01-01' WHERE residence_id = $1"
    await county.owner.execute(early, wrong.residence_id, json.dumps(says))
    await outbox.deliver(county.access)
    assert (await right.home.proposal(right.residence_id))["status"] == "waiting"
    dead = await county.owner.fetchrow("SELECT dead, problem FROM outbox WHERE residence_id = $1", wrong.residence_id)
    assert (dead["dead"], dead["problem"]) == (True, "ValidationError")
    assert (await wrong.home.worker.get(f"/v1/residence-proposals/{wrong.residence_id}")).status_code == 404


@pytest.mark.parametrize("name", ["\ud800", "\x00", 2**70])
def test_what_no_database_holds_is_no_letter(county: County, name: Any) -> None:
    about: dict[str, Any] = {"residence_id": uuid4(), "side": "residence", "version": 1, "from_code": SECOND, "to_code": "990101000000"}
    body = Letter(**about, part={}).model_dump(mode="json") | {"part": {"name": name}}
    with pytest.raises(BadLetter):
        read_letter(county.access.keys, signed(county.access.keys, LETTER, body))


async def test_a_county_is_found_by_a_code_that_it_had(county: County) -> None:
    migrant = await a_far_migrant(county)
    await county.owner.execute(
        "INSERT INTO place SELECT 1, gen_random_uuid(), 9001, 0, 1, false, created_at, updated_at, NULL, '990199000000', '旧县', level,"
        " NULL, NULL, '{1}', NULL, NULL, false, '{}' FROM place WHERE county_id = 1 AND place_id = 1"
    )
    await migrant.there.says("residence", migrant.residence_id, registered_in="990199000000")
    await delivered(county)
    admin = await county.sign_in("county-admin")
    assert (await admin.get(f"/v1/residence-proposals/{migrant.residence_id}")).json()["place_id"] == 1


async def test_a_county_that_is_not_set_up_yet_gets_no_letters(county: County) -> None:
    await county.owner.execute("INSERT INTO county (county_id, code) VALUES (4, '990404000000')")
    migrant = await a_far_migrant(county)
    await migrant.there.says("residence", migrant.residence_id, registered_in="990404001201")
    await outbox.deliver(county.access)
    row = await county.owner.fetchrow("SELECT problem FROM outbox WHERE residence_id = $1", migrant.residence_id)
    assert row["problem"] == "NoSuchCounty"


async def test_two_processes_deliver_at_once(county: County) -> None:
    migrant = await proposed(county)
    await asyncio.gather(*(outbox.deliver(county.access) for _ in range(4)))
    assert (await migrant.home.proposal(migrant.residence_id))["rev"] == 1
    assert migrant.residence_id not in [str(row["residence_id"]) for row in await written(county)]


async def test_a_county_that_is_not_here_is_a_dead_letter_until_somebody_has_it_tried_again(
    county: County, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrant = await a_far_migrant(county)
    assert (await migrant.there.says("residence", migrant.residence_id, registered_in="990303001201")).status_code == 201
    monkeypatch.setattr(outbox, "TRIES", 1)
    await outbox.deliver(county.access)
    row = await county.owner.fetchrow("SELECT * FROM outbox WHERE residence_id = $1", migrant.residence_id)
    assert (row["dead"], row["problem"], row["delivered_version"]) == (True, "NoSuchCounty", 0)
    path = f"/v1/outbox/{migrant.residence_id}/residence/replay"
    [admin, other] = [await county.sign_in(name) for name in ("far-admin", "county-admin")]
    for phone in (migrant.there.worker, await county.sign_in("lead-1")):
        assert [(await phone.get("/v1/outbox")).status_code, (await phone.post(path)).status_code] == [403, 403]
    assert migrant.residence_id not in (await other.get("/v1/outbox")).text  # each county its own
    refused(await other.post(path), 404, NOT_FOUND.slug)
    items = (await admin.get("/v1/outbox", params={"state": "dead"})).json()["items"]
    [dead] = [item for item in items if item["residence_id"] == migrant.residence_id]
    assert (dead["residence_id"], dead["problem"], dead["tries"], "part" in dead) == (migrant.residence_id, "NoSuchCounty", 1, False)
    older = (
        "INSERT INTO outbox SELECT county_id, gen_random_uuid(), side, to_code, part, version, '2020-01-01', 0, 1, try_at, true, NULL, NULL"
        " FROM outbox, generate_series(1, 500) WHERE residence_id = $1"
    )
    await county.owner.execute(older, migrant.residence_id)
    assert (await admin.post(path)).json()["state"] == "waiting"  # however many others there are
    await county.owner.execute("DELETE FROM outbox WHERE made_at = '2020-01-01'")
    await county.owner.execute("INSERT INTO county (county_id, code) VALUES (3, '990303000000')")  # it has come
    await county.owner.execute("INSERT INTO clock (county_id, tick, floor_tick) VALUES (3, 0, 0)")
    await county.owner.execute(
        "INSERT INTO place SELECT 3, gen_random_uuid(), 1, 0, 1, false, created_at, updated_at, NULL, '990303000000', '来县', 'county',"
        " NULL, NULL, '{}', NULL, NULL, false, '{}' FROM place WHERE county_id = 1 AND place_id = 1"
    )
    await outbox.deliver(county.access)
    assert migrant.residence_id not in (await admin.get("/v1/outbox")).text
    refused(await admin.post(path), 404, NOT_FOUND.slug)


async def test_what_is_no_letter_of_ours(county: County, tmp_path_factory: pytest.TempPathFactory) -> None:
    migrant = await accepted(county)
    row = await county.owner.fetchrow("SELECT * FROM outbox WHERE residence_id = $1 AND side = 'residence'", migrant.residence_id)
    good = read_letter(county.access.keys, sign(county, row))
    others = Keys.create(tmp_path_factory.mktemp("keys") / "keys.json")
    newer = good.model_copy(update={"version": good.version + 1})
    phone = await county.sign_in("worker-1")
    for text in (
        newer.sign(others),
        newer.sign(county.access.keys)[:-4] + "AAAA",
        phone.tokens["access_token"],
        newer.model_copy(update={"from_code": "990404000000"}).sign(county.access.keys),  # not whence the others came
        newer.model_copy(update={"side": "registration"}).sign(county.access.keys),
    ):
        with pytest.raises((BadLetter, outbox.NoSuchCounty)):
            await outbox.take(county.access, text)
    assert read_receipt(county.access.keys, await outbox.take(county.access, good.sign(county.access.keys))).outcome == "known"
    with pytest.raises(BadLetter):
        read_receipt(county.access.keys, good.sign(county.access.keys))
