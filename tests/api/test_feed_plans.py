"""How PostgreSQL reads the feed of a big county: by index, from where the phone has got to, and no more than a page of each place."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from api.access import CALLER
from api.db.feed import NEWS, Position, level_at
from api.embedded import Urls
from api.kinds import FEED, KINDS
from api.routers.records import reads_by
from api.rules.caller import Role, view_of
from tests.conftest import Databases

# 12 townships of 12 villages of 3 groups: the county is 1, then townships, villages, groups. Ticks of records: 1 to 100,000, at random
COUNTY = """
INSERT INTO county VALUES (1, '990101000000');
INSERT INTO clock VALUES (1, 100000, 0);
INSERT INTO place (county_id, id, place_id, township_id, rev, voided, created_at, updated_at, name, level, parent_id, successor_ids,
  valid_to_provisional, former_names)
SELECT 1, gen_random_uuid(), n, CASE WHEN n = 1 THEN 0 WHEN n <= 13 THEN n WHEN n <= 157 THEN 2 + (n - 14) / 12 ELSE 2 + (n - 158) / 36 END,
  1, false, now(), now(), 'x', CASE WHEN n = 1 THEN 'county' WHEN n <= 13 THEN 'township' WHEN n <= 157 THEN 'village' ELSE 'group' END,
  CASE WHEN n = 1 THEN NULL WHEN n <= 13 THEN 1 WHEN n <= 157 THEN 2 + (n - 14) / 12 ELSE 14 + (n - 158) / 3 END, '{}', false, '{}'
FROM generate_series(1, 589) n;
INSERT INTO household (county_id, id, place_id, township_id, rev, voided, created_at, updated_at, number, phones, status)
SELECT 1, gen_random_uuid(), p.place_id, p.township_id, 1, n % 10 = 0, now(), now(), n::text, '{}', 'living_here'
FROM generate_series(1, 20000) n JOIN place p ON p.place_id = 158 + n % 432;
INSERT INTO visit (county_id, id, place_id, township_id, rev, voided, created_at, updated_at, household_id, visited_on, manner, outcome,
  met_ids, purposes, with_worker_ids)
SELECT 1, gen_random_uuid(), h.place_id, h.township_id, 1, n = 9, now(), now(), h.id, date '2026-01-01' + n, 'home', 'met', '{}', '{}', '{}'
FROM household h, generate_series(1, 9) n;
INSERT INTO follow_up (county_id, id, place_id, township_id, rev, voided, created_at, updated_at, created_by, household_id, reason, due_on,
  priority, status)
SELECT 1, gen_random_uuid(), h.place_id, h.township_id, 1, false, now(), now(), CASE WHEN random() < 0.9 THEN h.id END, h.id, 'x',
  '2026-12-01', 'normal', 'open' FROM household h;
INSERT INTO revision (county_id, kind, id, rev, by_user_id, made_at, received_at, mark)
SELECT 1, 'follow_up', f.id, 1, f.created_by, now(), now(), '\\x00' FROM follow_up f;
INSERT INTO catalogue_entry (county_id, id, place_id, township_id, rev, voided, created_at, updated_at, catalogue, code, name,
  name_en, active)
SELECT 1, gen_random_uuid(), 1, 0, 1, false, now(), now(), 'visit_purpose', 'c' || n, 'x', 'x', true FROM generate_series(1, 50) n;
INSERT INTO change (county_id, kind, id, place_id, township_id, tick, op, reason, rev)
SELECT 1, r.kind, r.id, r.place_id, r.township_id, 1 + (random() * 99998)::int, CASE WHEN r.voided THEN 'remove' ELSE 'upsert' END,
  CASE WHEN r.voided THEN 'voided' END, 1
FROM (SELECT 'place' AS kind, id, place_id, township_id, voided FROM place
  UNION ALL SELECT 'catalogue_entry', id, place_id, township_id, voided FROM catalogue_entry
  UNION ALL SELECT 'follow_up', id, place_id, township_id, voided FROM follow_up
  UNION ALL SELECT 'household', id, place_id, township_id, voided FROM household
  UNION ALL SELECT 'visit', id, place_id, township_id, voided FROM visit) r"""
USER = """INSERT INTO app_user VALUES (1, $1, $2, 'x', $3, 1, 0, 'zh', 'x', false, now(), NULL)"""
DEVICE = "INSERT INTO device VALUES (1, $1, $1, '', now(), now() - interval '1 day', 'active', now() - interval '1 day')"
MEMBER = """INSERT INTO membership (county_id, user_id, place_id, granted_tick, revoked_tick, reach, role, granted_at)
SELECT 1, $1, n, $3, $4, 'below', $5, now() FROM unnest($2::int[]) n"""
# role, places held since tick 30,000, places lost at tick 60,000 and in which role
CALLERS: dict[str, tuple[Role, list[int], list[int], str]] = {
    "one village": ("village", [14], [], "village"),
    "twenty villages and one lost": ("village", list(range(14, 34)), [100], "village"),
    "a village after a township": ("village", [14], [5], "township"),
    "a group": ("household_head", [200], [], "household_head"),
    "a township": ("township", [2], [], "township"),
    "the county": ("county", [1], [], "county"),
}
CURSORS = {
    "from the start": (None, Position()),
    "in the middle of a grant": (0, Position(30_000, 15_000, "visit", UUID(int=2**127))),
    "behind by half": (50_000, level_at(50_000)),
    "nearly level": (99_990, level_at(99_990)),
}


@dataclass(frozen=True)
class Big:
    connection: Any
    users: dict[str, UUID]

    def args(self, caller: str) -> list[Any]:
        return [1, self.users[caller], self.users[caller], CALLERS[caller][0], 2_000_000_000]

    async def plan(self, sql: str, *args: Any) -> dict[str, Any]:
        """As it was run, with a plan for any arguments: what a connection ends up with."""
        await self.connection.execute("SET plan_cache_mode = force_generic_plan")
        said = await self.connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", *args)
        return dict(json.loads(said)[0]["Plan"])


@asynccontextmanager
async def a_big_county(databases: Databases, more: str = "") -> AsyncIterator[Big]:
    """`more`: SQL of what is in it besides."""
    urls: Urls = await databases.new()
    owner = await asyncpg.connect(urls.owner)
    await owner.execute(f"{COUNTY};{more}")
    users = {}
    for caller, (role, held, lost, lost_as) in CALLERS.items():
        users[caller] = user_id = uuid4()
        await owner.execute(USER, user_id, caller, role)
        await owner.execute(DEVICE, user_id)
        await owner.execute(MEMBER, user_id, held, 30_000, None, role)
        await owner.execute(MEMBER, user_id, lost, 10_000, 60_000, lost_as)
    await owner.execute("VACUUM ANALYZE")
    assert await owner.fetchval("SELECT count(*) FROM change") > 200_000
    await owner.close()
    app = await asyncpg.connect(urls.app, server_settings={"jit": "off"})
    yield Big(app, users)
    await app.close()


@pytest.fixture(scope="module")
async def big(databases: Databases) -> AsyncIterator[Big]:
    async with a_big_county(databases) as county:
        yield county


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def pulled(caller: str, cursor: str, limit: int) -> tuple[str, list[Any]]:
    role = CALLERS[caller][0]
    since, position = CURSORS[cursor]
    public = [name for name, kind in KINDS.items() if kind.public_below]
    return CALLER + FEED.pull[reads_by(role), view_of(role)], [list(KINDS), public, limit, since, *position, since]


@pytest.mark.parametrize("cursor", CURSORS)
@pytest.mark.parametrize("caller", CALLERS)
async def test_a_page_is_read_by_index_from_where_the_phone_is(big: Big, caller: str, cursor: str) -> None:
    sql, args = pulled(caller, cursor, 100)
    plan = await big.plan(sql, *big.args(caller), *args)
    print(f"\n{caller}, {cursor}: {plan['Actual Total Time']:.1f} ms")  # noqa: T201 - a figure to read, never asserted
    seen = 0
    for node in nodes(plan):
        large = node.get("Relation Name") in ("change", "household", "visit", "revision")
        assert node["Node Type"] not in ("Seq Scan", "Bitmap Heap Scan") or not large, node
        if node["Node Type"] in ("Sort", "Incremental Sort"):  # the rows of each place come in order: only pages are sorted
            places = len(CALLERS[caller][1]) * 4 + 20
            assert node["Actual Rows"] * node["Actual Loops"] <= 101 * places * 2
        if node.get("Index Name", "").endswith("_tick_idx") and "ROW(" in node.get("Index Cond", ""):
            seen += 1
            assert re.search(r"ROW\((c(_\d+)?\.)?tick, (c(_\d+)?\.)?kind, (c(_\d+)?\.)?id\) > ROW\(", node["Index Cond"])
            assert node["Actual Rows"] <= 101
    assert seen >= 4


@pytest.mark.parametrize("tick", [0, 50_000, 100_000])
@pytest.mark.parametrize("caller", CALLERS)
async def test_whether_there_is_news_is_one_probe_for_each_place(big: Big, caller: str, tick: int) -> None:
    plan = await big.plan(CALLER + NEWS, *big.args(caller), tick)
    print(f"\n{caller}, level at {tick}: {plan['Actual Total Time']:.1f} ms")  # noqa: T201 - a figure to read, never asserted
    of_change = [node for node in nodes(plan) if node.get("Relation Name") == "change"]
    assert {node["Node Type"] for node in of_change} == {"Index Only Scan"}
    assert {node["Index Name"] for node in of_change} == {"change_place_tick_idx", "change_township_tick_idx"}
    for node in of_change:
        assert re.search(r"_id = \w+\.id\) AND \(tick > ", node["Index Cond"])
        assert node["Actual Rows"] <= 1
        assert node["Actual Loops"] <= len(CALLERS[caller][1]) * 4 + 50


@pytest.mark.parametrize("caller", CALLERS)
async def test_the_digest_reads_no_rows(big: Big, caller: str) -> None:
    role = CALLERS[caller][0]
    place = 2 if role == "county" else None
    public = [name for name, kind in KINDS.items() if kind.public_below]
    plan = await big.plan(CALLER + FEED.digest[reads_by(role), view_of(role)], *big.args(caller), list(KINDS), public, place)
    print(f"\n{caller}: {plan['Actual Total Time']:.1f} ms")  # noqa: T201 - a figure to read, never asserted
    of_change = [node for node in nodes(plan) if node.get("Relation Name") == "change"]
    by = {(node["Node Type"], node["Index Name"], node.get("Heap Fetches")) for node in of_change}
    if role == "household_head":  # a lead household reads its few by id: not all follow-ups are there for it
        assert {node for node, *_ in by} == {"Index Scan"}
        assert sum(node["Actual Rows"] * node["Actual Loops"] for node in of_change) < 1000
    else:
        assert by == {("Index Only Scan", "change_digest_idx", 0)}
    assert all(node["Node Type"] != "Seq Scan" or node["Relation Name"] != "place" for node in nodes(plan))
