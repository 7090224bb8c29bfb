"""Migrations: forward, back and forward again with data in the tables; and what they make is what api/db/tables says."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Table
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from api.db.migrations import _config, migrate, newest, roll_back
from api.db.tables.every import METADATA
from api.embedded import Urls
from api.kinds import KINDS
from tests.conftest import Databases

TABLES = METADATA.sorted_tables
VERSIONS = list(ScriptDirectory.from_config(_config()).walk_revisions())
# Keys that hold over all counties, and so do not start with one
OVER_ALL = {"login_pkey", "county_code_key", "sign_in_attempts_pkey", "alembic_version_pkc"}
# The reference tables that say which accounts may pay which, and the keys to them
OVER_ALL |= {"account_type_pkey", "account_type_fkey", "posting_rule_pkey", "posting_rule_from_fkey", "posting_rule_to_fkey"}
OVER_ALL |= {"transfer_rule_fkey"}

# The schema as PostgreSQL knows it: columns, keys and checks, indexes, row security, rights
SCHEMA = """
SELECT c.relname, 'column ' || a.attname, concat_ws(' ', format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'NOT NULL' END,
  a.attgenerated, a.attidentity, pg_get_expr(d.adbin, d.adrelid))
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> 'alembic_version'
UNION ALL SELECT n.conrelid::regclass::text, n.conname, pg_get_constraintdef(n.oid)
FROM pg_constraint n WHERE n.connamespace = 'public'::regnamespace AND n.contype <> 'n' AND n.conrelid::regclass::text <> 'alembic_version'
UNION ALL SELECT i.tablename, i.indexname, i.indexdef FROM pg_indexes i
WHERE i.schemaname = 'public' AND i.tablename <> 'alembic_version'"""
SECURITY = """
SELECT p.tablename, p.policyname, concat_ws(' | ', p.cmd, p.qual, p.with_check) FROM pg_policies p
UNION ALL SELECT g.table_name, g.grantee, string_agg(g.privilege_type, ' ' ORDER BY g.privilege_type)
FROM information_schema.role_table_grants g WHERE g.grantee = 'jiafang_app' GROUP BY 1, 2"""


async def rows(url: str, sql: str) -> set[tuple[Any, ...]]:
    connection = await asyncpg.connect(url)
    try:
        return {tuple(row) for row in await connection.fetch(sql)}
    finally:
        await connection.close()


async def execute(url: str, sql: str, *args: Any) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(sql, *args)
    finally:
        await connection.close()


async def nothing(databases: Databases) -> Urls:
    """A database without tables."""
    return await databases.new("template1")


def one_row(table: Table) -> dict[str, Any]:
    """A row of any table, the same number, id and word everywhere, so that keys find what they name."""
    by_type: dict[type, Any] = {
        int: 1, str: "word", bool: False, UUID: UUID(int=1), bytes: b"bytes", list: [],
        date: date(2026, 11, 24), datetime: datetime(2026, 11, 24, tzinfo=UTC),
    }  # fmt: skip
    return {c.name: by_type.get(c.type.python_type, "{}") for c in table.columns if not (c.computed or c.identity)}


async def fill(url: str) -> None:
    for table in TABLES:
        row = one_row(table)
        numbered = ", ".join(f"${n}" for n in range(1, len(row) + 1))
        named = ", ".join(f'"{name}"' for name in row)
        await execute(url, f"INSERT INTO {table.name} ({named}) VALUES ({numbered})", *row.values())


async def test_forward_back_and_forward_again_with_data(databases: Databases) -> None:
    urls = await nothing(databases)
    await asyncio.to_thread(migrate, urls.owner)
    first = [await rows(urls.owner, sql) for sql in (SCHEMA, SECURITY)]
    assert await rows(urls.owner, "SELECT version_num FROM alembic_version") == {(newest(),)}
    await fill(urls.owner)
    await asyncio.to_thread(roll_back, urls.owner, "base")
    assert await rows(urls.owner, SCHEMA) == set()
    assert await rows(urls.owner, "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace") == set()
    assert await rows(urls.owner, "SELECT typname FROM pg_type WHERE typnamespace = 'public'::regnamespace") <= {
        ("alembic_version",),
        ("_alembic_version",),
    }
    await asyncio.to_thread(migrate, urls.owner)
    assert [await rows(urls.owner, sql) for sql in (SCHEMA, SECURITY)] == first


async def test_each_step_back_and_forward_keeps_the_database_usable(databases: Databases) -> None:
    """With data in it, from the newest version down, one version at a time."""
    urls = await databases.new()
    await fill(urls.owner)
    for version in VERSIONS:
        await asyncio.to_thread(roll_back, urls.owner, "-1")
        await asyncio.to_thread(migrate, urls.owner, version.revision)
        await asyncio.to_thread(roll_back, urls.owner, "-1")
    await asyncio.to_thread(migrate, urls.owner)
    assert await rows(urls.owner, "SELECT version_num FROM alembic_version") == {(newest(),)}


async def test_migrating_again_changes_nothing(databases: Databases) -> None:
    urls = await databases.new()
    before = await rows(urls.owner, SCHEMA)
    await asyncio.to_thread(migrate, urls.owner)
    assert await rows(urls.owner, SCHEMA) == before


@asynccontextmanager
async def engine_of(url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1))
    yield engine
    await engine.dispose()


async def test_alembic_finds_no_drift(databases: Databases) -> None:
    def drift(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return [change for change in compare_metadata(context, METADATA) if "alembic_version" not in str(change)]

    async with engine_of((await databases.new()).owner) as engine, engine.connect() as connection:
        assert await connection.run_sync(drift) == []


async def test_tables_and_migrations_make_the_same_schema(databases: Databases) -> None:
    """What alembic does not compare too: generated columns, identities, deferred keys, conditions of indexes, names."""
    urls = await nothing(databases)
    async with engine_of(urls.owner) as engine, engine.begin() as connection:
        await connection.run_sync(METADATA.create_all)
    made, migrated = await rows(urls.owner, SCHEMA), await rows((await databases.new()).owner, SCHEMA)
    assert (made - migrated, migrated - made) == (set(), set())
    assert len(made) > 100


NOTE = """
CREATE TABLE noted (limits text);
CREATE FUNCTION note() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN INSERT INTO public.noted VALUES (current_setting('lock_timeout') || ' ' || current_setting('statement_timeout')); END $$;
CREATE EVENT TRIGGER each_step ON ddl_command_start EXECUTE FUNCTION note()"""


async def test_no_step_waits_for_ever(databases: Databases) -> None:
    """A migration that cannot get its lock gives up, so that the service does not queue behind it. Seen by a trigger before each step."""
    urls = await nothing(databases)
    as_admin = urlsplit(urls.admin)._replace(path=urlsplit(urls.owner).path).geturl()
    await execute(as_admin, NOTE)
    for steps in (lambda: migrate(urls.owner), lambda: roll_back(urls.owner, "base")):
        await execute(as_admin, "TRUNCATE noted")
        await asyncio.to_thread(steps)
        assert await rows(as_admin, "SELECT limits FROM noted") == {("5s 10min",)}


async def test_a_migration_that_fails_leaves_nothing(databases: Databases) -> None:
    urls = await nothing(databases)
    await execute(urls.owner, "CREATE TABLE change (in_the_way int)")
    before = await rows(urls.owner, SCHEMA)
    with pytest.raises(ProgrammingError, match="already exists"):
        await asyncio.to_thread(migrate, urls.owner)
    assert await rows(urls.owner, SCHEMA) == before


# Names and keys (decision 0002)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: str(table.name))
def test_every_constraint_has_a_name(table: Table) -> None:
    names = [*(constraint.name for constraint in table.constraints), *(index.name for index in table.indexes)]
    assert [name for name in names if not isinstance(name, str)] == []


async def test_names_leave_room_for_the_suffix_of_a_shard(databases: Databases) -> None:
    named = await rows((await databases.new()).owner, SCHEMA)
    names = {name for _, name, _ in named if not name.startswith("column ")} | {table for table, _, _ in named}
    assert [name for name in names if len(name) > 50 or not re.fullmatch(r"[a-z][a-z0-9_]*[a-z]", name)] == []


async def test_every_key_starts_with_the_county(databases: Databases) -> None:
    """So a county can be lifted out whole. Foreign keys on both sides."""
    named = {
        (name, text.partition(" WHERE ")[0])
        for _, name, text in await rows((await databases.new()).owner, SCHEMA)
        if re.search(r"PRIMARY KEY|FOREIGN KEY|UNIQUE", text)
    }
    assert [name for name, text in named if name not in OVER_ALL and set(re.findall(r"\((\w+)", text)) != {"county_id"}] == []
    assert {table.name for table in TABLES} == {name.removesuffix("_pkey") for name, text in named if "PRIMARY KEY" in text}


async def test_nothing_happens_behind_the_statements(databases: Databases) -> None:
    """No triggers, no cascades, and deferred keys only to a parent that may move: a household takes its visits with it."""
    urls = await databases.new()
    assert await rows(urls.owner, "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal") == set()
    assert (
        await rows(urls.owner, "SELECT conname FROM pg_constraint WHERE contype = 'f' AND (confupdtype <> 'a' OR confdeltype <> 'a')")
        == set()
    )
    moves, deferred = set(), set()
    for kind in KINDS.values():  # parents first: what hangs on something that moves comes along, whatever its own members say
        if kind.parent and kind.parent.kind in moves:
            deferred.add((f"{kind.name}_{kind.parent.kind}_fkey",))
        if kind.parent and (kind.parent.kind in moves or kind.parent.member not in kind.once):
            moves.add(kind.name)
    assert await rows(urls.owner, "SELECT conname FROM pg_constraint WHERE condeferrable") == deferred
    assert deferred


async def test_a_change_row_costs_four_indexes(databases: Databases) -> None:
    found = await rows((await databases.new()).owner, "SELECT indexname FROM pg_indexes WHERE tablename = 'change'")
    assert {name for (name,) in found} == {"change_pkey", "change_place_tick_idx", "change_township_tick_idx", "change_digest_idx"}
