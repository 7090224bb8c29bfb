"""What is published of a round of check-ups: once, seven days after its end, by classes, to the office alone."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import orjson
import pytest

from api.problems import INVALID, NOT_ALLOWED, NOT_FOUND
from tests.conftest import TODAY, Databases
from tests.county import ABOVE, HELD, LEVEL, OTHER, VILLAGE, County, a_county, refused

TOWNSHIP = ABOVE[VILLAGE]
GROUP = next(place for place, above in ABOVE.items() if above == VILLAGE)
BELOW = [TOWNSHIP, *(place for place, above in ABOVE.items() if above == TOWNSHIP)]
ENDED = date.fromisoformat(TODAY) - timedelta(days=7)
NOW = datetime(2026, 11, 1, tzinfo=UTC)

# Members that no count looks at
OTHER_MEMBERS: dict[str, dict[str, Any]] = {
    "checkup_programme": {"name": "体检", "basis": "规范", "who": "{}", "active": True},
    "checkup_session": {"held_on": ENDED, "venue": "卫生院", "full": False, "over_by": 0},
    "attendance": {"walk_in": False, "make_up_used": False, "said": [], "reminders": 0},
}


@pytest.fixture(scope="module")
async def county(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[County]:
    async with a_county(databases, tmp_path_factory.mktemp("county")) as made:
        await made.owner.execute("ALTER TABLE attendance DROP CONSTRAINT attendance_person_fkey")  # these people are nobody
        yield made


async def record(county: County, table: str, place_id: int, **members: Any) -> Any:
    """A row as it is; nobody is asked."""
    township = await county.owner.fetchval("SELECT township_id FROM place WHERE place_id = $1", place_id)
    row = {"county_id": 1, "id": uuid4(), "place_id": place_id, "township_id": township, "rev": 1, "voided": False}
    row |= {"created_at": NOW, "updated_at": NOW, **OTHER_MEMBERS[table], **members}
    quoted, numbered = ", ".join(f'"{name}"' for name in row), ", ".join(f"${n}" for n in range(1, len(row) + 1))
    await county.owner.execute(f"INSERT INTO {table} ({quoted}) VALUES ({numbered})", *row.values())
    return row["id"]


class Round:
    """Round 1 of a programme of its own: how many were invited and attended, place by place, and places in sessions."""

    def __init__(self, county: County, programme_id: Any) -> None:
        self.county, self.programme_id, self.path = county, programme_id, f"/v1/checkup-programmes/{programme_id}/counts"

    async def add(self, place_id: int, offered: int, attended: int = 0, state: str = "invited", **members: Any) -> None:
        for n in range(offered):
            said = {"round": 1, "person_id": uuid4(), "state": "attended" if n < attended else state, **members}
            await record(self.county, "attendance", place_id, programme_id=self.programme_id, **said)

    async def session(self, place_id: int, capacity: int | None, **members: Any) -> None:
        said = {"round": 1, "status": "closed", "capacity": capacity, **members}
        await record(self.county, "checkup_session", place_id, programme_id=self.programme_id, **said)

    async def asked(self, username: str, **query: Any) -> dict[str, Any]:
        reply = await (await self.county.sign_in(username)).get(self.path, params={"round": 1, **query})
        assert reply.status_code == 200, reply.text
        found: dict[str, Any] = reply.json()
        return found

    async def rows(self, username: str, **query: Any) -> dict[int, dict[str, Any]]:
        return {row["place_id"]: row for row in (await self.asked(username, **query))["rows"]}


async def a_round(county: County, to_on: date = ENDED, counts: Mapping[int, tuple[int, int]] | None = None) -> Round:
    rounds = [{"number": 1, "from_on": "2026-09-01", "to_on": str(to_on)}, {"number": 2, "from_on": "2027-09-01", "to_on": "2027-10-01"}]
    made = Round(county, await record(county, "checkup_programme", 1, rounds=orjson.dumps(rounds).decode()))
    for place_id, (offered, attended) in (counts or {}).items():
        await made.add(place_id, offered, attended)
    return made


def of(row: Mapping[str, Any]) -> tuple[Any, Any]:
    """The classes: (first, last), or None."""
    offered, attended = (row[measure] and (row[measure]["from"], row[measure]["to"]) for measure in ("offered", "attended"))
    return offered, attended


# What is told


async def test_people_are_told_by_tens_and_places_exactly(county: County) -> None:
    made = await a_round(county, counts={VILLAGE: (25, 7), GROUP: (7, 6), OTHER: (12, 3)})
    await made.session(VILLAGE, 40)
    await made.session(TOWNSHIP, 25)
    rows = await made.rows("county-admin")
    assert (of(rows[VILLAGE]), rows[VILLAGE]["places"]) == (((30, 39), (10, 19)), 40)
    assert (of(rows[OTHER]), rows[OTHER]["places"]) == (((10, 19), None), 0)
    assert (rows[TOWNSHIP]["places"], rows[1]["places"]) == (65, 65)
    assert GROUP not in rows  # it counts in its village


async def test_a_session_without_a_limit_leaves_no_number_of_places(county: County) -> None:
    for day in (ENDED, ENDED + timedelta(days=1)):
        made = await a_round(county, day)
        await made.session(VILLAGE, 40)
        await made.session(VILLAGE, None)
        await made.session(OTHER, 30)
        rows = await made.rows("county-admin")
        assert [rows[place]["places"] for place in (1, TOWNSHIP, VILLAGE, OTHER)] == [None, None, None, 30]


async def test_a_row_has_no_percentage_and_rows_stand_by_their_code(county: County) -> None:
    found = await (await a_round(county)).asked("county-admin")
    assert found.keys() == {"programme_id", "round", "due_on", "published_on", "rows"}
    assert {frozenset(row) for row in found["rows"]} == {frozenset(("place_id", "code", "name", "level", "places", "offered", "attended"))}
    assert [row["code"] for row in found["rows"]] == sorted(row["code"] for row in found["rows"])
    assert {row["place_id"] for row in found["rows"]} == {place for place, level in LEVEL.items() if level != "group"}


async def test_a_village_where_nobody_was_invited_looks_like_one_with_nine(county: County) -> None:
    made = await a_round(county, counts={VILLAGE: (9, 9)})
    rows = await made.rows("county-admin")
    assert (
        [rows[VILLAGE][name] for name in ("offered", "attended")] == [rows[OTHER][name] for name in ("offered", "attended")] == [None, None]
    )


async def test_whoever_declined_was_offered_it(county: County) -> None:
    made = await a_round(county)
    for state in ("invited", "confirmed", "missed", "declined", "elsewhere"):
        await made.add(VILLAGE, 4, state=state)
    assert of((await made.rows("county-admin"))[VILLAGE]) == ((20, 29), None)


async def test_what_was_withdrawn_does_not_count_and_nobody_counts_twice(county: County) -> None:
    made = await a_round(county, counts={VILLAGE: (10, 10)})
    await made.add(VILLAGE, 10, voided=True)
    await made.add(VILLAGE, 10, state="none")
    await made.add(VILLAGE, 10, 10, round=2)
    await made.add(VILLAGE, 10, 10, person_id=uuid4())
    await made.session(VILLAGE, 30, voided=True)
    await made.session(VILLAGE, 30, status="called_off")
    await made.session(VILLAGE, 30, round=2)
    row = (await made.rows("county-admin"))[VILLAGE]
    assert (of(row), row["places"]) == (((10, 19), (10, 19)), 0)


async def test_a_closed_village_has_a_row_as_long_as_households_are_registered_there(county: County) -> None:
    columns = [r[0] for r in await county.owner.fetch("SELECT attname FROM pg_attribute WHERE attrelid = 'place'::regclass AND attnum > 0")]
    new = {"id": "gen_random_uuid()", "place_id": "max(place_id) OVER () + 1", "code": "'990101100399'", "valid_to": "NULL::date"}
    copied = ", ".join(new.get(name, name) for name in columns)
    copy = f"INSERT INTO place ({', '.join(columns)}) SELECT {copied} FROM place ORDER BY place_id <> $1 LIMIT 1 RETURNING place_id"
    empty = await county.owner.fetchval(copy, VILLAGE)  # nobody is registered in it yet
    counts = {VILLAGE: (30, 12)}
    try:
        assert of((await (await a_round(county, counts=counts)).rows("county-admin"))[empty]) == (None, None)
        await county.owner.execute("UPDATE place SET valid_to = $1 WHERE place_id IN ($2, $3)", date(2025, 12, 31), VILLAGE, empty)
        rows = await (await a_round(county, counts=counts)).rows("county-admin")
        assert of(rows[VILLAGE]) == ((30, 39), (10, 19))
        assert empty not in rows
    finally:
        await county.owner.execute("UPDATE place SET valid_to = NULL WHERE place_id = $1", VILLAGE)
        await county.owner.execute("DELETE FROM published_count WHERE place_id = $1", empty)
        await county.owner.execute("DELETE FROM place WHERE place_id = $1", empty)


# When


async def test_before_the_seventh_day_there_are_the_places_alone(county: County) -> None:
    made = await a_round(county, ENDED + timedelta(days=1), {VILLAGE: (30, 13)})
    await made.session(VILLAGE, 40)
    found = await made.asked("county-admin")
    assert (found["published_on"], found["due_on"]) == (None, "2026-11-25")
    rows = {row["place_id"]: row for row in found["rows"]}
    assert [rows[place]["places"] for place in (1, TOWNSHIP, VILLAGE, OTHER)] == [40, 40, 40, 0]
    assert {of(row) for row in rows.values()} == {(None, None)}
    assert await county.owner.fetchval("SELECT count(*) FROM published_count WHERE programme_id = $1", made.programme_id) == 0


async def test_there_is_none_while_a_session_of_the_round_is_to_come_or_just_over(county: County) -> None:
    """Whatever the round's last day says: it may have been moved for a moment."""
    made = await a_round(county, counts={VILLAGE: (30, 13)})
    for members in ({"voided": True}, {"status": "called_off"}, {"round": 2}):
        await made.session(VILLAGE, 40, held_on=ENDED + timedelta(days=9), **members)
    await made.session(VILLAGE, 40, held_on=ENDED - timedelta(days=20))
    last = await record(
        county,
        "checkup_session",
        VILLAGE,
        programme_id=made.programme_id,
        round=1,
        status="open",
        capacity=5,
        held_on=ENDED + timedelta(days=1),
    )
    found = await made.asked("county-admin")
    assert (found["published_on"], found["due_on"]) == (None, "2026-11-25")
    await county.owner.execute("UPDATE checkup_session SET held_on = $2 WHERE id = $1", last, ENDED)
    assert (await made.asked("county-admin"))["published_on"] == TODAY


async def test_it_is_published_once_and_never_changes(county: County) -> None:
    made = await a_round(county, counts={VILLAGE: (30, 13)})
    await made.session(VILLAGE, 40)
    first = await made.asked("county-admin")
    assert (first["published_on"], first["due_on"]) == (TODAY, TODAY)
    await made.add(VILLAGE, 30, 30)
    await made.session(VILLAGE, 40)
    later = '[{"number": 1, "from_on": "2026-09-01", "to_on": "2027-01-01"}]'
    await county.owner.execute("UPDATE checkup_programme SET rounds = $2 WHERE id = $1", made.programme_id, later)
    assert await made.asked("county-admin") == first | {"due_on": "2027-01-08"}


async def test_whoever_asks_first_the_table_is_the_whole_countys(county: County) -> None:
    made = await a_round(county, counts={VILLAGE: (30, 13), OTHER: (21, 10)})
    assert (await made.rows("worker-1")).keys() == {VILLAGE}
    assert of((await made.rows("county-admin"))[OTHER]) == ((20, 29), (10, 19))


async def test_of_two_at_once_one_makes_the_table(county: County) -> None:
    """The other waits for the county's row, and adds nothing of its own."""
    made = await a_round(county, counts={VILLAGE: (30, 13)})
    row = {
        "county_id": 1,
        "programme_id": made.programme_id,
        "round": 1,
        "place_id": 1,
        "township_id": 0,
        "places": 0,
        "published_on": ENDED,
    }
    numbered = ", ".join(f"${n}" for n in range(1, len(row) + 1))
    async with county.owner.transaction():
        await county.owner.execute(f"INSERT INTO published_count ({', '.join(row)}) VALUES ({numbered})", *row.values())
        other = asyncio.create_task(made.asked("county-admin"))
        await asyncio.sleep(0.5)
        assert not other.done()
    found = await other
    assert (found["published_on"], [row["place_id"] for row in found["rows"]]) == (str(ENDED), [1])


async def test_many_at_once_get_the_same(county: County) -> None:
    made = await a_round(county, counts={VILLAGE: (30, 13)})
    found = await asyncio.gather(*(made.asked("county-admin") for _ in range(8)))
    assert [each for each in found if each != found[0]] == []


async def test_the_service_can_neither_change_nor_erase_it(county: County) -> None:
    for statement in ("UPDATE published_count SET places = 1", "DELETE FROM published_count"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await county.access.database.plain(lambda tx, sql=statement: tx.execute(sql))


# Who


@pytest.mark.parametrize("day", [ENDED, ENDED + timedelta(days=1)], ids=["published", "before"])
async def test_each_sees_the_rows_of_the_own_places(county: County, day: date) -> None:
    made = await a_round(county, day)
    assert (await made.rows("worker-1")).keys() == {VILLAGE}
    assert (await made.rows("township-1")).keys() == set(BELOW)
    assert HELD["township-1"] == {TOWNSHIP}
    assert set(BELOW) < (await made.rows("county-admin")).keys()
    assert (await made.rows("county-admin", place_id=TOWNSHIP)).keys() == set(BELOW)
    assert (await made.rows("county-admin", place_id=OTHER)).keys() == {OTHER}
    assert (await made.rows("worker-1", place_id=OTHER)) == {}


@pytest.mark.parametrize("username", ["lead-1", "head-1"])
async def test_the_lead_household_sees_none(county: County, username: str) -> None:
    made = await a_round(county)
    refused(await (await county.sign_in(username)).get(made.path, params={"round": 1}), *told(NOT_ALLOWED))


async def test_what_is_not_there_is_not_found(county: County) -> None:
    made, admin = await a_round(county), await county.sign_in("county-admin")
    refused(await admin.get(made.path, params={"round": 3}), *told(NOT_FOUND))
    refused(await admin.get(f"/v1/checkup-programmes/{uuid4()}/counts", params={"round": 1}), *told(NOT_FOUND))
    refused(await admin.get(made.path), *told(INVALID), "?round")
    refused(await admin.get(made.path, params={"round": 2**31}), *told(INVALID), "?round")
    refused(await admin.get(made.path, params={"round": 1, "by": "village"}), *told(INVALID), "?by")


def told(kind: Any) -> tuple[int, str]:
    return kind.status, kind.slug
