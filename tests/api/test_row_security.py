"""The WHERE of each statement is the rope, row security is the net: with and without the net every caller gets the same rows,
and where a WHERE is missing the net holds (decision 0003)."""

import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import asyncpg
import pytest

from api import demo
from api.access import ANYBODY, CALLER, FAMILY, WHO, Access
from api.db import access_log, kept, published_counts, receipts, store
from api.db.feed import NEWS, Position, level_at
from api.db.session import Database, UnfitRole, scope
from api.db.tables.every import METADATA
from api.embedded import Urls
from api.jobs.demo_county import USERS_OF_API
from api.kinds import FEED, KINDS, Kind
from api.routers.checkup_programme import ELIGIBLE
from api.routers.family import DOCUMENT, FOLLOW_UP, INVITATION
from api.routers.records import reads_by
from api.rules.caller import Caller, view_of
from api.schemas.text import sought
from api.tokens import verify
from tests.conftest import SignIn, running
from tests.house.statements import filter_choices

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Asked: TypeAlias = tuple[str, tuple[Any, ...]]
USERNAMES = [user["username"] for user in demo.users()[:USERS_OF_API]]
# read by access.py, accounts.py and the import alone, each time with an explicit WHERE
NOT_HELD = {"place", "app_user", "membership"}
RECORDS = [name for name in KINDS if name not in NOT_HELD]
LEDGER = ("account", "transfer", "closed_month", "receipt_number")
# the tables under the net
HELD = (
    *RECORDS,
    "revision",
    "change",
    "kept_op",
    "conflict",
    "search_key",
    "not_double",
    "access_log",
    "import",
    "import_row",
    "published_count",
    "outbox",
    *LEDGER,
)


# A round of which every place has a row
PROGRAMME = uuid4()
COUNTED = """
INSERT INTO published_count (county_id, programme_id, round, place_id, township_id, places, published_on)
SELECT county_id, $1, 1, place_id, township_id, 0, $2 FROM place WHERE level <> 'group'"""


@dataclass(frozen=True)
class Net:
    """The same statement as the app's role, whom row security holds, and as the owner of the tables, whom it does not."""

    app: Connection
    owner: Connection

    async def same(self, sql: str, *args: Any, caller: Caller | None = None) -> list[asyncpg.Record]:
        held, free = [await run(connection, sql, *args, caller=caller) for connection in (self.app, self.owner)]
        assert sorted(map(repr, held)) == sorted(map(repr, free)), sql
        return held


async def run(connection: Connection, sql: str, *args: Any, caller: Caller | None = None) -> list[asyncpg.Record]:
    """Runs a statement of a read, or, with a caller, one of a write in a transaction of this scope; nothing stays."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        if caller:
            await connection.execute(scope(caller))
        return await connection.fetch(sql, *args)
    finally:
        await transaction.rollback()


@pytest.fixture(scope="module")
async def net(urls: Urls, access: Access, sign_in: SignIn) -> AsyncIterator[Net]:
    """With a voided visit and a changed one in the county, an identity number that was read, and two people who were told apart."""
    worker = await sign_in("worker-1")
    mine = (await worker.get("/v1/visits", params={"limit": 2})).json()["items"]
    await worker.post(f"/v1/visits/{mine[0]['id']}/void", json={"reason": "重复登记"})
    headers = {"If-Match": f'"{mine[1]["rev"]}"', "Content-Type": "application/merge-patch+json"}
    await worker.patch(f"/v1/visits/{mine[1]['id']}", json={"notes": "下周再来"}, headers=headers)
    person, another = (await worker.get("/v1/people", params={"limit": 2})).json()["items"]
    two = {"kind": "person", "id": person["id"], "other_id": another["id"]}
    assert (await worker.post("/v1/possible-doubles/dismiss", json=two)).is_success
    number, match = f"/v1/people/{person['id']}/identity-number", {"If-Match": f'"{person["rev"]}"'}
    assert (await worker.put(number, params={"confirm": True}, json={"number": "11010519491231002X"}, headers=match)).is_success
    assert (await worker.get(number, params={"purpose": "correct_record"})).is_success
    app, owner = await asyncpg.connect(urls.app), await asyncpg.connect(urls.owner)
    await owner.execute(COUNTED, PROGRAMME, date(2026, 11, 24))
    yield Net(app, owner)
    await app.close()
    await owner.close()


@dataclass(frozen=True)
class Somebody:
    caller: Caller
    identity: tuple[Any, ...]  # $1 to $5 of every read

    def read(self, statement: str, *args: Any) -> Asked:
        return CALLER + statement, (*self.identity, *args)


@pytest.fixture(params=USERNAMES)
async def somebody(request: pytest.FixtureRequest, access: Access, sign_in: SignIn, net: Net) -> Somebody:
    return await known(request.param, access, sign_in, net)


async def known(username: str, access: Access, sign_in: SignIn, net: Net) -> Somebody:
    phone = await sign_in(username)
    claims = verify(access.keys, phone.tokens["access_token"], int(access.now().timestamp()))
    identity = (claims.county_id, claims.user_id, claims.device_id, claims.role, claims.issued_at)
    [held] = await net.same(WHO, *identity)
    places = (tuple(held[name]) for name in ("places", "townships", "above"))
    return Somebody(Caller(claims.county_id, claims.user_id, claims.device_id, claims.role, *places), identity)  # type: ignore[arg-type]  # text is a Role here


async def records(net: Net, kind: Kind, caller: Caller, *, inside: bool, most: int = 8) -> list[dict[str, Any]]:
    """Some records inside, or outside, of what the caller holds, as the owner of the tables sees them."""
    above = caller.above if kind.public_below else ()
    found = await net.owner.fetch(
        f"SELECT t.* FROM {kind.documents.table} t WHERE t.county_id = $1"
        " AND (t.place_id = ANY ($2::int[]) OR t.township_id = ANY ($3::int[]) OR t.place_id = ANY ($4::int[])) = $5"
        f" ORDER BY t.voided DESC, t.rev DESC, md5(t.id::text) LIMIT {most}",
        caller.county_id, caller.places, caller.townships, above, inside,
    )  # fmt: skip
    return [dict(row) for row in found]


def reads(kind: Kind, who: Somebody, ids: list[UUID], example: Mapping[str, Any]) -> Iterator[Asked]:
    documents, role = kind.documents, who.caller.role
    for record_id in ids:
        yield who.read(documents.get[view_of(role)], record_id)
        yield who.read(documents.revisions[view_of(role)], record_id)
    for filters in filter_choices(documents):
        for values in choices(kind, filters, example):
            for voided in (False, True):
                yield who.read(documents.list(reads_by(role), view_of(role), filters), 201, voided, *documents.start(), *values)


def choices(kind: Kind, filters: Sequence[str], example: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Values for filters of a list: those of an example; of what is no member, all that there are, or such as let every record pass."""
    given: dict[str, tuple[Any, ...]] = {}
    for name in filters:
        sql = kind.filters[name]
        if name in example:
            given[name] = (example[name],)
        elif name == "q":
            given[name] = (sought(example.get("name") or example.get("number") or ""),)
        elif name == "in_force_on":
            given[name] = (date(2026, 11, 24),)
        elif "::bool" in sql:
            given[name] = (True, False)
        elif "::date" in sql:
            given[name] = (date(1900, 1, 1) if ">" in sql else date(2100, 1, 1),)
        else:
            given[name] = (None,)
    return product(*given.values())


def reads_of_a_write(kind: Kind, caller: Caller, inside: list[dict[str, Any]], outside: list[dict[str, Any]]) -> Iterator[Asked]:
    """What the road asks for, its locks included."""
    ids = [row["id"] for row in (*inside, *outside)]
    yield kind.store.lock, (caller.county_id, ids, caller.places, caller.townships)
    numbers = [row["place_id"] for row in (*inside, *outside)]
    yield kind.store.by_place, (caller.county_id, numbers, caller.places, caller.townships)
    stored = kind.documents.stored[caller.view]
    yield stored, (caller.county_id, caller.user_id, caller.places, caller.townships, caller.above, ids)
    if kind.store.doubles:
        yield kind.store.doubles, (caller.county_id, ids, caller.places, caller.townships)
    if kind.store.same_value:
        yield kind.store.same_value, (caller.county_id, ids, caller.places, caller.townships)
    yield kind.store.seen, (caller.county_id, ids, caller.places, caller.townships)
    yield store.TRAIL, (caller.county_id, kind.name, ids)
    yield kept.ELSEWHERE, (caller.county_id, kind.name, ids, caller.user_id, caller.device_id)
    yield kept.PLACES_ONCE, (caller.county_id, numbers, caller.user_id)
    yield kept.KEPT, (caller.county_id, ids)
    yield kept.CONFLICTS, (caller.county_id, ids, caller.device_id)
    if kind.parent:
        parents = list({row[kind.parent.member] for row in (*inside, *outside)})
        for statement, keys in ((kind.store.parents, ids), (kind.store.occupied, parents), (kind.store.below, parents)):
            if statement:
                yield statement, (caller.county_id, keys, caller.places, caller.townships)
        if kind.parent.follows:  # asked about parents that the lock gave
            yield kind.parent.follows.select, (caller.county_id, list({row[kind.parent.member] for row in inside}))


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
async def test_everybody_gets_the_same_with_and_without_the_net(somebody: Somebody, net: Net, kind: Kind) -> None:
    caller = somebody.caller
    inside, outside = [await records(net, kind, caller, inside=inside) for inside in (True, False)]
    example = next(
        (row for row in inside if all(row.get(name) is not None for name in (*kind.filters, "basis") if name in row) and not row["voided"]),
        {},
    )
    reads_it = caller.role in kind.readers
    for sql, args in reads(kind, somebody, [row["id"] for row in (*inside, *outside)], example):
        await net.same(sql, *args)
    for sql, args in reads_of_a_write(kind, caller, inside, outside):
        await net.same(sql, *args, caller=caller)
    for row in (*inside, *outside):
        sql, args = somebody.read(kind.documents.get[caller.view], row["id"])
        assert [found["id"] for found in await net.same(sql, *args)] == [row["id"] if row in inside and reads_it else None]
    if example and reads_it:
        role, found = caller.role, []
        for values in choices(kind, tuple(kind.filters), example):  # all filters at once, what is not voided
            listed = kind.documents.list(reads_by(role), view_of(role), tuple(kind.filters))
            sql, args = somebody.read(listed, 201, False, *kind.documents.start(), *values)
            found += [row for row in await net.same(sql, *args) if row["id"]]
        assert found, sql


async def test_who_may_be_invited_is_the_same_with_and_without_the_net(somebody: Somebody, net: Net) -> None:
    people, found = KINDS["person"].documents, []
    for programme in demo.programmes():
        for place in (1, *somebody.caller.places, *somebody.caller.townships):
            asked = (programme["id"], 201, *people.start(), place, 1, demo.DEMO_DAY)
            sql, args = somebody.read(ELIGIBLE, *asked)
            found += [row["id"] for row in await net.same(sql, *args) if row["id"]]
    assert bool(found) is bool(somebody.caller.places or somebody.caller.townships)


async def test_what_is_published_is_the_same_with_and_without_the_net(somebody: Somebody, net: Net) -> None:
    caller = somebody.caller
    sql, args = somebody.read(published_counts.TABLE, PROGRAMME, 1, None)
    found = {row["place_id"] for row in await net.same(sql, *args)} - {None}
    rows = await net.owner.fetch("SELECT place_id, township_id FROM published_count WHERE programme_id = $1", PROGRAMME)
    assert found == {row["place_id"] for row in rows if row["place_id"] in caller.places or row["township_id"] in caller.townships}
    forgot = f"SELECT t.place_id FROM published_count t WHERE t.programme_id = '{PROGRAMME}'"
    assert {row["place_id"] for row in await run(net.app, forgot, caller=caller)} == found


async def test_who_read_a_number_is_the_same_with_and_without_the_net(somebody: Somebody, net: Net) -> None:
    caller, kind = somebody.caller, KINDS["person"]
    inside, outside = [await records(net, kind, caller, inside=inside) for inside in (True, False)]
    read = {row["person_id"] for row in await net.owner.fetch("SELECT person_id FROM access_log")}
    for row in (*inside, *outside):
        sql, args = somebody.read(access_log.LOGGED, row["id"], 2**62, 200)
        logged = [bool(found["doc"]) for found in await net.same(sql, *args)]
        assert any(logged) is (row in inside and row["id"] in read)
        held = (caller.county_id, row["id"], caller.places, caller.townships)
        assert len(await net.same(access_log.SEALED, *held, caller=caller)) == (row in inside)


async def test_a_receipt_is_the_same_with_and_without_the_net(somebody: Somebody, net: Net) -> None:
    """For whoever reads the payment; what anybody may see of it is there for all, from its own county alone."""
    caller, kind = somebody.caller, KINDS["payment"]
    inside, outside = [await records(net, kind, caller, inside=inside) for inside in (True, False)]
    for row in (*inside, *outside):
        sql, args = somebody.read(receipts.RECEIPT, row["id"])
        printed = row in inside and caller.role in kind.readers
        assert [found["id"] for found in await net.same(sql, *args)] == [row["id"] if printed else None]
        for county_id, amount in ((1, row["amount_fen"]), (2, None)):
            assert [found["amount_fen"] for found in await net.same(ANYBODY + receipts.IN_PUBLIC, county_id, row["id"])] == [amount]


HEADS = [user["username"] for user in demo.users() if user["household_id"]]


@pytest.mark.parametrize("username", HEADS)
async def test_what_a_family_reads_is_the_same_with_and_without_the_net(username: str, access: Access, sign_in: SignIn, net: Net) -> None:
    identity = ((await known(username, access, sign_in, net)).identity, demo.DEMO_DAY)
    [row] = await net.same(FAMILY + DOCUMENT, *identity[0], identity[1])
    assert row["doc"]
    ids = {name: await net.owner.fetch(f"SELECT id FROM {name} LIMIT 200") for name in ("attendance", "follow_up", "payment")}
    for name, sql in (("attendance", INVITATION), ("follow_up", FOLLOW_UP), ("payment", receipts.RECEIPT_OF_FAMILY)):
        for one in ids[name]:
            await net.same(FAMILY + sql, *identity[0], identity[1], one["id"])


@pytest.mark.parametrize("name", RECORDS)
async def test_a_family_statement_that_forgot_its_where_stays_in_the_households_place(
    name: str, access: Access, sign_in: SignIn, net: Net
) -> None:
    """Whose seat it is, is found with the net open; it is shut again before anything else is read."""
    who = await known("head-1", access, sign_in, net)
    forgot = f"SELECT x.id, s.place_id, s.above FROM s LEFT JOIN LATERAL (SELECT t.id FROM {name} t WHERE s.user_id IS NOT NULL) x ON true"
    found = await run(net.app, FAMILY + forgot, *who.identity, demo.DEMO_DAY)
    here = replace(who.caller, places=(found[0]["place_id"],), above=tuple(found[0]["above"]))
    inside = {row["id"] for row in await records(net, KINDS[name], here, inside=True, most=1_000_000)}
    assert {row["id"] for row in found} - {None} == inside


PUBLIC = [name for name, kind in KINDS.items() if kind.public_below]


async def test_the_feed_is_the_same_with_and_without_the_net(somebody: Somebody, net: Net) -> None:
    """From the start, in the middle, and level; and the digest of all, of one place and of one township."""
    role, found = somebody.caller.role, 0
    tick = await net.owner.fetchval("SELECT tick FROM clock")
    pull, digest = FEED.pull[reads_by(role), view_of(role)], FEED.digest[reads_by(role), view_of(role)]
    for since in (None, 0, 1, tick // 2, tick - 1, tick):
        position = Position() if since is None else level_at(since)
        for limit in (3, 100_000):
            sql, args = somebody.read(pull, list(KINDS), PUBLIC, limit, since, *position, since)
            found += (await net.same(sql, *args))[0]["found"]
        if since is not None:
            sql, args = somebody.read(NEWS, since)
            await net.same(sql, *args)
    for place in (None, 1, *somebody.caller.places, *somebody.caller.townships):
        sql, args = somebody.read(digest, list(KINDS), PUBLIC, place)
        await net.same(sql, *args)
    assert bool(found) is bool(somebody.caller.places or somebody.caller.townships)


async def test_the_comparison_is_about_something(access: Access, sign_in: SignIn, net: Net) -> None:
    """Who finds visits inside and outside of the own places."""
    found = {}
    for username in ("county-admin", "township-1", "worker-1", "lead-1", "head-1"):
        who = await known(username, access, sign_in, net)
        found[username] = tuple([bool(await records(net, KINDS["visit"], who.caller, inside=inside)) for inside in (True, False)])
    expected = {"county-admin": (True, False), "township-1": (True, True), "worker-1": (True, True), "head-1": (False, True)}
    assert found == {**expected, "lead-1": (True, True)}


# What happens where a statement forgets


@pytest.mark.parametrize("table", HELD)
async def test_without_settings_there_are_no_rows(net: Net, table: str) -> None:
    """A read sets them for its own statement alone: nothing is left on the connection for the next caller."""
    assert await net.owner.fetchval(f"SELECT count(*) FROM {table}") > 0
    assert await net.app.fetchval(f"SELECT count(*) FROM {table}") == 0


@pytest.mark.parametrize("table", RECORDS)
async def test_the_county_alone_opens_no_record(net: Net, table: str) -> None:
    nothing_held = Caller(1, None, None, "village", (), (), ())
    assert await run(net.app, f"SELECT t.id FROM {table} t", caller=nothing_held) == []


@pytest.mark.parametrize("table", HELD)
async def test_another_county_sees_nothing_of_this_one(net: Net, table: str) -> None:
    neighbour = Caller(2, None, None, "county", (1, 2, 3), (0, 2, 3), (1,))
    assert await run(net.app, f"SELECT t.county_id FROM {table} t", caller=neighbour) == []


@pytest.mark.parametrize("name", RECORDS)
async def test_a_statement_that_forgot_its_where_gives_what_is_in_scope(somebody: Somebody, net: Net, name: str) -> None:
    kind, caller = KINDS[name], somebody.caller
    inside = {row["id"] for row in await records(net, kind, caller, inside=True, most=1_000_000)}
    assert {row["id"] for row in await run(net.app, f"SELECT t.id FROM {name} t", caller=caller)} == inside
    forgot = f"SELECT x.id FROM s LEFT JOIN LATERAL (SELECT t.id FROM {name} t WHERE s.user_id IS NOT NULL) x ON true"
    sql, args = somebody.read(forgot)
    assert {row["id"] for row in await run(net.app, sql, *args)} - {None} == inside


@pytest.mark.parametrize("name", RECORDS)
async def test_a_get_that_forgot_its_places_finds_nothing_outside(somebody: Somebody, net: Net, name: str) -> None:
    kind = KINDS[name]
    statement = kind.documents.get[somebody.caller.view]
    forgot = re.sub(r" AND \(t\.place_id = ANY \(s\.places\) OR [^)]*\)(?: OR [^)]*\))?\)", "", statement)
    assert forgot != statement or somebody.caller.role not in kind.readers
    assert "s.places" not in forgot
    for row in await records(net, kind, somebody.caller, inside=False):
        sql, args = somebody.read(forgot, row["id"])
        assert [found["id"] for found in await run(net.app, sql, *args)] == [None]


async def put(net: Net, statement: str, caller: Caller, row: Mapping[str, Any]) -> int:
    """Runs an insert or update of the store as the app's role; how many rows it wrote."""
    said = store.as_json([dict(row)])
    return len(await run(net.app, statement + " RETURNING 1", caller.county_id, said, caller=caller))


def another(row: Mapping[str, Any]) -> dict[str, Any]:
    """The same with an id of its own, and a code of its own where it has one."""
    return {**row, "id": uuid4()} | ({"code": "new"} if "code" in row else {})


@pytest.mark.parametrize("name", RECORDS)
async def test_nobody_writes_outside(somebody: Somebody, net: Net, name: str) -> None:
    kind, caller = KINDS[name], somebody.caller
    home = replace(caller, above=())
    mine = await records(net, kind, home, inside=True, most=1)
    reached = [
        row
        for row in await records(net, kind, caller, inside=True)
        if row["place_id"] not in home.places and row["township_id"] not in home.townships  # read from below
    ]
    for row in mine:
        assert await put(net, kind.store.insert, caller, another(row)) == 1
        assert await put(net, kind.store.update, caller, row) == 1
    for row in (*reached[:1], *await records(net, kind, home, inside=False, most=1)):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await put(net, kind.store.insert, caller, another(row))
        if row not in reached:
            assert await put(net, kind.store.update, caller, row) == 0
        for own in mine:
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
                await put(net, kind.store.update, caller, {**own, "place_id": row["place_id"], "township_id": row["township_id"]})


@pytest.mark.parametrize("table", ["revision", "change"])
async def test_nobody_writes_for_another_county(net: Net, table: str) -> None:
    neighbour = Caller(2, None, None, "county", (), (0,), ())
    row = dict(await net.owner.fetchrow(f"SELECT * FROM {table} LIMIT 1") or {})
    row |= {"id": uuid4(), "county_id": 1}
    columns = [column for column in row if column != "mark" or table == "revision"]
    statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(f'${n}' for n in range(1, len(columns) + 1))})"
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        await run(net.app, statement, *(row[column] for column in columns), caller=neighbour)


# What the app's role may do at all


@pytest.mark.parametrize("table", sorted(METADATA.tables))
async def test_the_app_erases_nothing(net: Net, table: str) -> None:
    """But refresh tokens and counts of sign-ins that have ended, search keys, which follow from the records, and rows of imported files."""
    erases = [
        right for right in ("DELETE", "TRUNCATE", "TRIGGER") if await net.app.fetchval("SELECT has_table_privilege($1, $2)", table, right)
    ]
    assert erases == (["DELETE"] if table in ("import_row", "refresh_token", "search_key", "sign_in_attempts") else [])


@pytest.mark.parametrize("table", ["revision", "account_event", "transfer", "closed_month", "receipt_number"])
async def test_the_trail_is_append_only(net: Net, table: str) -> None:
    for statement in (f"UPDATE {table} SET county_id = county_id", f"DELETE FROM {table}", f"TRUNCATE {table}"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await net.app.execute(statement)


async def test_the_app_makes_no_tables_and_lifts_no_net(net: Net) -> None:
    for statement in (
        "CREATE TABLE more (n int)",
        "ALTER TABLE visit DISABLE ROW LEVEL SECURITY",
        "DROP POLICY visit_scope ON visit",
        "SET ROLE jiafang_owner",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await net.app.execute(statement)


async def test_whatever_has_a_place_is_under_the_net(net: Net) -> None:
    """Enabled, not forced: the owner moves counties, and is never the app."""
    rows = await net.owner.fetch("SELECT relname, relforcerowsecurity AS forced FROM pg_class WHERE relrowsecurity AND relkind = 'r'")
    assert {row["relname"] for row in rows} == set(HELD)
    assert not any(row["forced"] for row in rows)
    placed = {name for name, table in METADATA.tables.items() if "place_id" in table.columns}
    assert placed - NOT_HELD <= set(HELD)


# Whom the server refuses to be


@pytest.fixture
async def role(urls: Urls) -> AsyncIterator[tuple[Connection, str]]:
    """A connection of the superuser, and the address of a role `unfit` that may do nothing yet."""
    admin = await asyncpg.connect(urlsplit(urls.admin)._replace(path=urlsplit(urls.app).path).geturl())
    await admin.execute("CREATE ROLE unfit LOGIN PASSWORD 'unfit'")
    address = urlsplit(urls.app)
    yield admin, address._replace(netloc=f"unfit:unfit@{address.netloc.rpartition('@')[2]}").geturl()
    await admin.execute("DROP ROLE unfit")
    await admin.close()


async def check(url: str) -> None:
    database = Database(url, 1)
    try:
        await database.check_role()
    finally:
        await database.close()


async def test_the_apps_role_is_fit(urls: Urls) -> None:
    await check(urls.app)


async def test_a_superuser_and_the_owner_are_unfit(urls: Urls, tmp_path: Path) -> None:
    for url in (urls.admin, urls.owner):
        with pytest.raises(UnfitRole, match="jiafang_app"):
            await check(url)
        with pytest.raises(UnfitRole):
            async with running(replace(urls, app=url), tmp_path):
                pytest.fail("the server started")


@pytest.mark.parametrize("gift", ["ALTER ROLE unfit BYPASSRLS", "GRANT jiafang_owner TO unfit"])
async def test_whoever_can_pass_the_net_is_unfit(role: tuple[Connection, str], gift: str) -> None:
    admin, url = role
    await check(url)
    await admin.execute(gift)
    with pytest.raises(UnfitRole):
        await check(url)
