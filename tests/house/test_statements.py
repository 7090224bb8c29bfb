"""Every statement that the service can run: PostgreSQL takes it from the app's role, and its text keeps the rules of decision 0002."""

import re
from collections.abc import AsyncIterator

import asyncpg
import pytest

from api.access import CALLER
from api.embedded import Urls
from tests.conftest import Databases
from tests.house.statements import faults, statements


@pytest.fixture(scope="module")
async def as_app(databases: Databases) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    urls: Urls = await databases.new()
    connection = await asyncpg.connect(urls.app, statement_cache_size=0)
    yield connection
    await connection.close()


async def explained(connection: "asyncpg.Connection[asyncpg.Record]", statement: str) -> str:
    prepared = await connection.prepare(statement)
    nothing = [None] * len(prepared.get_parameters())
    return "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN (GENERIC_PLAN) {statement}", *nothing))


def test_the_list_is_whole() -> None:
    """It is found by walking through the modules: one of each sort is there."""
    assert {
        "api.access.WHO",
        "api.accounts.USERS",
        "api.db.store.TICK",
        "api.places.HOLD",
        "api/db/session.py:schema_version",
        "feed.digest.township.group",
        "feed.pull.place.group",
        "household.list.place.office(number)",
        "household.revisions.office",
        "household.store.lock",
        "api.db.tables.visit.LAST_VISIT",
        "visit.get.group",
        "visit.list.township.office(household_id, place_id, worker_id, visited_from, visited_to)",
        "visit.stored.office",
    } <= statements().keys()


@pytest.mark.parametrize("name", statements())
async def test_postgresql_takes_it_from_the_apps_role(as_app: "asyncpg.Connection[asyncpg.Record]", name: str) -> None:
    """EXPLAIN looks at names, types and rights. Row security must never become a condition of an index: then the first caller's plan
    would be kept for all."""
    plan = await explained(as_app, statements()[name])
    assert not re.search(r"Index Cond: .*current_setting", plan)


@pytest.mark.parametrize("name", statements())
def test_its_text_keeps_the_rules(name: str) -> None:
    assert faults(statements()[name]) == []


async def test_what_the_app_may_not_do_is_refused_here(as_app: "asyncpg.Connection[asyncpg.Record]") -> None:
    for statement in ("DELETE FROM visit WHERE county_id = $1", "UPDATE revision SET changes = NULL WHERE county_id = $1"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await explained(as_app, statement)


GOOD = (
    "SELECT t.id FROM visit t JOIN household h ON h.county_id = $1 AND h.id = t.household_id WHERE t.county_id = $1",
    "UPDATE clock SET tick = tick + 1 WHERE county_id = $1 RETURNING tick",
    "SELECT t.id FROM visit t WHERE t.county_id = $1 AND (t.place_id = $2 OR t.township_id = $3) ORDER BY t.id FOR NO KEY UPDATE",
    "SELECT t.id FROM visit t WHERE t.county_id = $1 AND t.id = $2 FOR NO KEY UPDATE",
    "SELECT t.id FROM visit t WHERE t.county_id = $1 AND t.notes IS DISTINCT FROM $2",
    "SELECT l.user_id FROM login l WHERE l.username = $1",
    CALLER + "SELECT x.id FROM s, LATERAL (SELECT t.id FROM visit t WHERE t.county_id = $1 AND t.worker_id = s.user_id) x",
    "DELETE FROM refresh_token WHERE county_id = $1 AND hash = $2",
    "INSERT INTO refresh_token (county_id, hash) VALUES ($1, $2) ON CONFLICT ON CONSTRAINT refresh_token_pkey DO NOTHING",
)
BAD = {
    "SELECT t.id FROM visit t WHERE t.id = $1": "visit t is not held",
    "SELECT t.id FROM visit t WHERE t.county_id = $2": "visit t is not held",
    "SELECT t.id FROM visit t WHERE t.county_id = $10": "visit t is not held",
    "SELECT t.county_id = $1 FROM visit t WHERE t.id = $2": "visit t is not held",
    "SELECT t.id FROM visit t WHERE t.county_id = $1 OR t.voided": "visit t is not held",
    "SELECT t.id FROM visit t WHERE (t.county_id = $1 OR t.voided)": "visit t is not held",
    "SELECT t.id FROM visit t JOIN household h ON h.county_id = t.county_id WHERE t.county_id = $1": "household h is not held",
    "SELECT t.id FROM visit t, household h WHERE t.county_id = $1": "household h is not held",
    "SELECT t.id FROM visit t WHERE t.county_id = $1 AND EXISTS (SELECT 1 FROM household WHERE id = $2)": "household household is not held",
    "SELECT 1 FROM clock k WHERE k.county_id = $1 UNION ALL SELECT 1 FROM visit k": "visit k is not held",
    "WITH s AS (SELECT $1::int AS county_id) SELECT t.id FROM s, visit t WHERE t.county_id = s.county_id": "visit t is not held",
    "WITH visit AS (SELECT 1) SELECT * FROM visit": "visit is a table, and no name for a CTE",
    "SELECT t.id FROM (visit t JOIN clock k ON k.county_id = $1) WHERE t.county_id = $1": "joins stand without parentheses",
    "UPDATE visit SET county_id = $1": "visit visit is not held",
    "UPDATE visit t SET rev = 2 FROM clock k WHERE k.county_id = $1": "visit t is not held",
    "DELETE FROM visit WHERE id = $1": "visit visit is not held",
    "SELECT v.id FROM visits v": "visits is no table",
    "WITH n AS (INSERT INTO clock (county_id) VALUES ($1) RETURNING tick) SELECT tick FROM n": "INSERT must be the outermost command",
    "WITH n AS (SELECT 1) INSERT INTO clock (county_id) VALUES ($1)": "INSERT must be the outermost command",
    "INSERT INTO clock (county_id) VALUES ($2)": "county_id must be inserted from $1",
    "INSERT INTO clock (tick, county_id) VALUES (1, $1)": "county_id must be the first column",
    "INSERT INTO clock (county_id, tick) SELECT x.n, 1 FROM unnest($1::int[]) AS x (n)": "county_id must be inserted from $1",
    "INSERT INTO clock (county_id) VALUES ($1) ON CONFLICT DO NOTHING": "ON CONFLICT must name its constraint",
    "INSERT INTO clock (county_id) VALUES ($1) ON CONFLICT (county_id) DO UPDATE SET tick = 1": "ON CONFLICT must name its constraint",
    "MERGE INTO clock k USING place p ON true WHEN MATCHED THEN DELETE": "no MERGE",
    "COPY visit FROM STDIN": "no COPY",
    "SELECT pg_advisory_xact_lock($1)": "no advisory locks",
    "SELECT pg_try_advisory_lock($1)": "no advisory locks",
    "SELECT t.id FROM visit t WHERE t.county_id = $1 FOR NO KEY UPDATE": "the lock of visit has no ORDER BY",
    "SELECT t.id FROM visit t WHERE t.county_id = $1 ORDER BY t.id FOR UPDATE": "FOR NO KEY UPDATE is the lock to take",
    "SELECT set_config('app.county', $1, true)": "set_config must stand in a CTE",
    "WITH s AS (SELECT set_config('app.county', $1, false)) SELECT 1 FROM s": "set_config must be transaction-local",
}


@pytest.mark.parametrize("statement", GOOD)
def test_good_texts_pass(statement: str) -> None:
    assert faults(statement) == []


@pytest.mark.parametrize("statement", BAD)
def test_bad_texts_are_seen(statement: str) -> None:
    assert any(fault.startswith(BAD[statement]) for fault in faults(statement)), faults(statement)
