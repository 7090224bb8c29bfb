"""The road itself: what a batch leaves behind, and that it holds when many write at once."""

import asyncio
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from api import demo
from api.access import Access
from api.db.session import Tx
from api.db.tables.feed import MARK
from api.decide import Op, Result
from api.kinds import CATALOGUE_ENTRY, HOUSEHOLD, KINDS, VISIT, Kind
from api.road import write
from api.rules.caller import Caller, command_line
from tests.county import County

TODAY = date(2026, 11, 24)
HOUSE: dict[str, Any] = {"number": "9999-01", "address": None, "phones": [], "status": "living_here"}
SEEN: dict[str, Any] = {
    "visited_on": TODAY,
    "manner": "home",
    "outcome": "met",
    "purposes": [],
    "agreed": None,
    "notes": None,
    "with_worker_ids": [],
}


@pytest.fixture
def own(county: County) -> tuple[Access, Any]:
    """The service, and the owner of its tables, who sees behind it."""
    return county.access, county.owner


async def worker(access: Access) -> Caller:
    """worker-1 with the places of her village, as a request would find them."""
    users = {user["username"]: user["id"] for user in demo.users()}
    rows = await access.database.fetch(
        "SELECT p.place_id FROM place p WHERE p.county_id = 1 AND (p.code = $1 OR p.parent_id = 5)", "990101100201"
    )
    return Caller(1, users["worker-1"], None, "village", tuple(row["place_id"] for row in rows), (), (1,))


async def put(access: Access, caller: Caller, *ops: Op) -> list[Result]:
    async def work(tx: Tx) -> list[Result]:
        return await write(tx, caller, ops, today=TODAY, now=datetime.now(UTC))

    return await access.database.write(caller, work)


async def audit(owner: Any) -> None:
    """Every invariant that a write must leave behind it, over all records there are."""
    for kind in KINDS.values():
        wrong = await owner.fetch(
            f"""SELECT t.id FROM {kind.name} t
            LEFT JOIN (SELECT id, count(*) AS n, max(rev) AS last FROM revision WHERE kind = '{kind.name}' GROUP BY id) r ON r.id = t.id
            LEFT JOIN change c ON c.kind = '{kind.name}' AND c.id = t.id AND c.place_id = t.place_id
            LEFT JOIN clock k ON k.county_id = t.county_id
            WHERE r.n IS DISTINCT FROM t.rev OR r.last IS DISTINCT FROM t.rev OR c.rev IS DISTINCT FROM t.rev
              OR c.op IS DISTINCT FROM CASE WHEN t.voided THEN 'remove' ELSE 'upsert' END OR c.township_id IS DISTINCT FROM t.township_id
              OR c.tick > k.tick OR c.mark IS DISTINCT FROM {MARK.replace("id::text", "t.id::text").replace("rev::text", "t.rev::text")}"""
        )
        assert wrong == [], kind.name
    assert await owner.fetchval("SELECT count(*) FROM change") == sum(
        [await owner.fetchval(f"SELECT count(*) FROM {kind.name}") for kind in KINDS.values()]
    )
    last = """SELECT max(v.visited_on) FROM visit v WHERE v.household_id = h.id AND v.outcome = 'met' AND NOT v.voided"""
    assert await owner.fetch(f"SELECT h.id FROM household h WHERE h.last_visited_on IS DISTINCT FROM ({last})") == []


async def test_the_demonstration_county_is_whole(own: Any) -> None:
    await audit(own[1])


async def test_a_batch_may_bring_a_household_and_its_visit(own: Any) -> None:
    access, owner = own
    caller = await worker(access)
    house, visit = uuid4(), uuid4()
    house_op = Op(HOUSEHOLD, house, {**HOUSE, "place_id": caller.places[0]})
    results = await put(access, caller, house_op, Op(VISIT, visit, {**SEEN, "household_id": house}))
    assert [(result.outcome, result.rev) for result in results] == [("applied", 1), ("applied", 1)]
    assert await owner.fetchval("SELECT last_visited_on FROM household WHERE id = $1", house) == TODAY
    await audit(owner)


async def test_one_refused_op_does_not_hold_up_the_others(own: Any) -> None:
    access, owner = own
    caller = await worker(access)
    [house] = [
        row["id"]
        for row in await owner.fetch("SELECT id FROM household WHERE place_id = ANY ($1) AND NOT voided LIMIT 1", list(caller.places))
    ]
    [elsewhere] = [
        row["id"]
        for row in await owner.fetch("SELECT id FROM household WHERE NOT place_id = ANY ($1) AND NOT voided LIMIT 1", list(caller.places))
    ]
    results = await put(
        access,
        caller,
        Op(VISIT, uuid4(), {**SEEN, "household_id": elsewhere}),
        Op(VISIT, uuid4(), {**SEEN, "household_id": house, "visited_on": date(2027, 1, 1)}),
        Op(VISIT, uuid4(), {**SEEN, "household_id": house, "purposes": ["no_such_code"]}),
        Op(VISIT, uuid4(), {**SEEN, "household_id": house, "outcome": "absent", "notes": "门锁着"}),
        Op(VISIT, uuid4(), {**SEEN, "household_id": house}),
    )
    assert [result.problem and result.problem.kind.slug for result in results] == [
        "not-found",
        "day-to-come",
        "unknown-code",
        "nobody-met",
        None,
    ]
    await audit(owner)


async def test_later_ops_of_a_batch_see_the_result_of_earlier_ones(own: Any) -> None:
    access, owner = own
    caller, house = await worker(access), uuid4()
    results = await put(
        access,
        caller,
        Op(HOUSEHOLD, house, {**HOUSE, "place_id": caller.places[0]}),
        Op(HOUSEHOLD, house, {"address": "村东头"}, base_rev=1),
        Op(HOUSEHOLD, house, {"address": "村东头"}, base_rev=2),
        Op(HOUSEHOLD, house, {"address": "村西头"}, base_rev=1),
        Op(HOUSEHOLD, house, void="录错了"),
        Op(HOUSEHOLD, house, void="录错了"),
        Op(HOUSEHOLD, house, {"address": "村南头"}, base_rev=3),
    )
    assert [(result.outcome, result.rev) for result in results] == [
        ("applied", 1), ("applied", 2), ("unchanged", 2), ("rejected", None), ("applied", 3), ("unchanged", 3), ("rejected", None),
    ]  # fmt: skip
    trail = await owner.fetch("SELECT rev, changes, void_reason FROM revision WHERE id = $1 ORDER BY rev", house)
    assert [row["void_reason"] for row in trail] == [None, None, "录错了"]
    assert trail[0]["changes"] is None
    await audit(owner)


async def test_a_batch_sees_its_own_children_and_its_own_creations(own: Any) -> None:
    access, owner = own
    caller, house, visit = await worker(access), uuid4(), uuid4()
    house_op, visit_op = Op(HOUSEHOLD, house, {**HOUSE, "place_id": caller.places[0]}), Op(VISIT, visit, {**SEEN, "household_id": house})
    void = Op(HOUSEHOLD, house, void="录错了")
    results = await put(access, caller, house_op, house_op, visit_op, void, Op(VISIT, visit, void="录错了"), void)
    assert [result.problem.kind.slug if result.problem else result.outcome for result in results] == [
        "applied", "unchanged", "applied", "has-records", "applied", "applied",
    ]  # fmt: skip
    await audit(owner)


@pytest.mark.parametrize("kind", [HOUSEHOLD, VISIT, CATALOGUE_ENTRY], ids=lambda kind: kind.name)
async def test_repeats_that_overlap_are_one_creation(own: Any, kind: Kind) -> None:
    access, owner = own
    caller = await worker(access)
    [house] = [
        row["id"]
        for row in await owner.fetch("SELECT id FROM household WHERE place_id = ANY ($1) AND NOT voided LIMIT 1", list(caller.places))
    ]
    entry = {"catalogue": "visit_purpose", "code": "overlapping", "name": "重叠", "name_en": "Overlapping", "active": True}
    doc = {"household": {**HOUSE, "place_id": caller.places[0]}, "visit": {**SEEN, "household_id": house}, "catalogue_entry": entry}[
        kind.name
    ]
    who, op = command_line(1, [0]) if kind is CATALOGUE_ENTRY else caller, Op(kind, uuid4(), doc)
    results = await asyncio.gather(*(put(access, who, op) for _ in range(6)))
    assert sorted(result.outcome for [result] in results) == ["applied", *["unchanged"] * 5]
    await audit(owner)


@pytest.mark.parametrize("kind", [HOUSEHOLD, VISIT], ids=lambda kind: kind.name)
async def test_an_id_that_exists_elsewhere_is_taken_and_nothing_else_is_said(own: Any, kind: Kind) -> None:
    access, owner = own
    caller = await worker(access)
    [house] = [
        row["id"]
        for row in await owner.fetch("SELECT id FROM household WHERE place_id = ANY ($1) AND NOT voided LIMIT 1", list(caller.places))
    ]
    [taken] = [
        row["id"]
        for row in await owner.fetch(
            f"SELECT id FROM {kind.name} WHERE NOT place_id = ANY ($1) AND NOT voided LIMIT 1", list(caller.places)
        )
    ]
    doc = {**HOUSE, "place_id": caller.places[0]} if kind is HOUSEHOLD else {**SEEN, "household_id": house}
    with pytest.raises(Exception, match="id-taken"):
        await put(access, caller, Op(kind, taken, doc))


async def test_writers_that_meet_neither_deadlock_nor_lose_a_change(own: Any) -> None:
    access, owner = own
    caller = await worker(access)
    houses = [
        row["id"]
        for row in await owner.fetch("SELECT id FROM household WHERE place_id = ANY ($1) AND NOT voided LIMIT 12", list(caller.places))
    ]
    before = await owner.fetchval("SELECT count(*) FROM visit")

    async def writer(n: int) -> int:
        """Logs visits and edits households in an order of its own; an edit that came too late is read again."""
        done = 0
        for turn in range(10):
            order = houses[n % 12 :] + houses[: n % 12]
            ops = [
                Op(VISIT, uuid4(), {**SEEN, "household_id": house, "visited_on": date(2020, 1 + n % 12, 1 + turn)}) for house in order[:5]
            ]
            revs = {row["id"]: row["rev"] for row in await owner_fetch(access, caller, order[:3])}
            ops += [Op(HOUSEHOLD, house, {"address": f"第{n}{turn}户"}, base_rev=revs[house]) for house in order[:3]]
            results = await put(access, caller, *ops)
            assert all(result.problem is None for result in results[:5])
            done += 5
        return done

    done = sum(await asyncio.gather(*(writer(n) for n in range(8))))
    assert await owner.fetchval("SELECT count(*) FROM visit") == before + done
    await audit(owner)


async def owner_fetch(access: Access, caller: Caller, ids: list[UUID]) -> Any:
    async def work(tx: Tx) -> Any:
        return await tx.fetch("SELECT t.id, t.rev FROM household t WHERE t.county_id = 1 AND t.id = ANY ($1::uuid[])", ids)

    return await access.database.write(caller, work)


async def test_ticks_become_visible_in_their_own_order(own: Any) -> None:
    """Writers that dawdle between their writes and the commit; a reader that never sees a change at or below a tick it has passed."""
    access, owner = own
    caller = await worker(access)
    seen: dict[UUID, int] = {}
    passed, late, stop = 0, [], asyncio.Event()

    async def reader() -> None:
        nonlocal passed
        while not stop.is_set():
            rows = await owner.fetch(
                "SELECT c.id, c.tick, k.tick AS now FROM clock k LEFT JOIN change c ON c.kind = 'household' AND c.tick > $1 - 50", passed
            )
            for row in rows:
                if row["tick"] is not None and row["tick"] <= passed and seen.get(row["id"], 0) < row["tick"]:
                    late.append(row["tick"])
                if row["tick"] is not None:
                    seen[row["id"]] = max(row["tick"], seen.get(row["id"], 0))
            passed = max(passed, rows[0]["now"])
            await asyncio.sleep(0)

    async def writer(n: int) -> None:
        for turn in range(15):

            async def work(tx: Tx, turn: int = turn) -> None:
                await write(
                    tx,
                    caller,
                    [Op(HOUSEHOLD, uuid4(), {**HOUSE, "number": f"W{n}-{turn}", "place_id": caller.places[0]})],
                    today=TODAY,
                    now=datetime.now(UTC),
                )
                await asyncio.sleep(0.001 * (n % 4))

            await access.database.write(caller, work)

    passed = await owner.fetchval("SELECT tick FROM clock")
    seen.update({row["id"]: row["tick"] for row in await owner.fetch("SELECT id, tick FROM change WHERE kind = 'household'")})
    reading = asyncio.create_task(reader())
    await asyncio.gather(*(writer(n) for n in range(6)))
    stop.set()
    await reading
    assert late == []


async def test_a_statement_that_takes_too_long_is_a_busy_service(own: Any) -> None:
    access, _ = own

    async def work(tx: Tx) -> None:
        await tx.execute("SET LOCAL statement_timeout = '20ms'; SELECT pg_sleep(5)")

    with pytest.raises(Exception, match="busy"):
        await access.database.write(await worker(access), work)


def test_a_repeat_is_told_by_what_it_says() -> None:
    one = UUID(int=1)
    doc = {"a": 1, "b": [1, 2]}
    assert Op(VISIT, one, doc).mark == Op(VISIT, one, {"b": [1, 2], "a": 1}).mark
    assert (
        len(
            {Op(VISIT, one, doc).mark, Op(VISIT, one, {**doc, "a": 2}).mark, Op(HOUSEHOLD, one, doc).mark, Op(VISIT, UUID(int=2), doc).mark}
        )
        == 4
    )
