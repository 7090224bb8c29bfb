"""Connections to PostgreSQL, and the only place that begins, commits and sets the scope.

A pool resets a connection when it comes back, in a round trip of its own; ours see nothing but transaction-local settings, so a
plain list of idle connections does, at three quarters of the cost of a small read (decision 0003).
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from time import monotonic
from typing import Any, TypeAlias, TypeVar

import asyncpg

from api.problems import CODE_TAKEN, ID_TAKEN, NOT_ENOUGH, RANGE_TAKEN, ProblemKind, busy
from api.rules.caller import Caller

Tx: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
T = TypeVar("T")

log = logging.getLogger("jiafang")
WAIT_SECONDS = 5
LONGEST = 1000  # characters of a statement in the log
GONE = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,  # shut down, cancelled after statement_timeout, not yet ready
    asyncpg.InsufficientResourcesError,  # disk full, out of memory, too many connections
    asyncpg.ReadOnlySQLTransactionError,  # a standby
    OSError,
)


# What a key that exists already means, by its name; else an id
TAKEN: dict[str, ProblemKind] = {"_code_key": CODE_TAKEN, "receipt_number_pkey": RANGE_TAKEN}
# Checks of money that the rules have looked at before: one that fails finds the books wrong, and nothing is written
SHORT = ("account_debit_check", "account_credit_check", "charge_paid_check", "payment_left_check")


class Overtaken(Exception):
    """What a transaction decided by has just been changed by another: it runs again."""


RACES = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, Overtaken)


class UnfitRole(Exception):
    """The database user may not serve requests; the text says why, in both languages."""


class Database:
    """`slow_ms`: a statement that takes longer is logged without its values; 0: none."""

    def __init__(self, url: str, size: int, slow_ms: int = 0) -> None:
        self._url, self._free, self._slow = url, asyncio.Semaphore(size), slow_ms / 1000
        self._idle: list[Tx] = []
        self.size, self.in_use = size, 0

    async def _connect(self) -> Tx:
        return await asyncpg.connect(
            self._url,
            timeout=WAIT_SECONDS,
            statement_cache_size=1000,
            max_cached_statement_lifetime=0,
            max_cacheable_statement_size=0,  # no limit: what is over asyncpg's 15 KB is parsed and planned anew each time, and the pull is
            server_settings={"application_name": "jiafang", "jit": "off", "timezone": "UTC", "statement_timeout": "60s"},
        )

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Tx]:
        """A connection outside of any transaction. 503 `busy` where there is none to be had, or it breaks."""
        await self._turn()
        connection = None
        self.in_use += 1
        try:
            connection = self._idle.pop() if self._idle else await self._connect()
            if connection.is_closed():  # PostgreSQL was restarted
                connection = await self._connect()
            yield connection
        except GONE:
            if connection is not None:
                connection.terminate()
            raise busy() from None
        except asyncio.CancelledError:
            # the protocol may be in the middle of an answer
            if connection is not None:
                connection.terminate()
            raise
        finally:
            self.in_use -= 1
            self._free.release()
            if connection is not None and not connection.is_closed():
                self._idle.append(connection)

    async def _turn(self) -> None:
        if not self._free.locked():  # no timer where there is nothing to wait for
            await self._free.acquire()
            return
        try:
            await asyncio.wait_for(self._free.acquire(), WAIT_SECONDS)
        except TimeoutError:
            raise busy() from None

    async def fetch(self, sql: str, *args: Any) -> list[asyncpg.Record]:
        async with self.connection() as connection:
            begun = monotonic()
            try:
                return await connection.fetch(sql, *args)
            finally:
                self._note(sql, monotonic() - begun)

    async def write(self, caller: Caller, work: Callable[[Tx], Awaitable[T]]) -> T:
        """Runs `work` in one transaction with the caller's scope set."""
        return await self._run(f"BEGIN; {scope(caller)}", work)

    async def plain(self, work: Callable[[Tx], Awaitable[T]]) -> T:
        """The same without a scope: sign-in and accounts, whose tables have no policy."""
        return await self._run("BEGIN", work)

    async def _run(self, begin: str, work: Callable[[Tx], Awaitable[T]]) -> T:
        """Again from the start after a deadlock or a migration, three times at most: `work` must have no effect outside of the
        transaction. A key that exists already is tried once more too: a repeat that overlapped its first try then finds the record. The
        key is told by the name in the message: on a cluster it carries a suffix, and constraint_name is missing."""
        for turn in range(3):
            try:
                async with self.connection() as tx:
                    with tx.query_logger(self._noted) if self._slow else nullcontext():
                        return await _transaction(tx, begin, work)
            except RACES:
                pass
            except asyncpg.InvalidCachedStatementError:  # a migration: what the others have prepared is of the schema before it, too
                while self._idle:
                    self._idle.pop().terminate()
            except asyncpg.CheckViolationError as error:
                if any(name in str(error) for name in SHORT):
                    raise NOT_ENOUGH() from None
                raise
            except asyncpg.UniqueViolationError as error:
                if turn:
                    raise next((kind for name, kind in TAKEN.items() if name in str(error)), ID_TAKEN)() from None
        raise busy()

    def _noted(self, said: Any) -> None:
        self._note(said.query, said.elapsed)

    def _note(self, sql: str, seconds: float) -> None:
        """Logs what was slow. All values are parameters, so there are none in the text."""
        if self._slow and seconds > self._slow:
            words = " ".join(sql.split())
            text = words if len(words) <= LONGEST else f"{words[: LONGEST // 2]} … {words[-LONGEST // 2 :]}"
            log.warning("slow statement", extra={"facts": {"ms": round(seconds * 1000), "statement": text}})

    async def check_role(self) -> None:
        """Refuses to serve as a role that row level security does not hold: superuser, BYPASSRLS, or owner of the tables."""
        async with self.connection() as connection:
            role = await connection.fetchrow(
                "SELECT rolsuper OR rolbypassrls AS above, EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                " WHERE c.relkind = 'r' AND n.nspname = 'public' AND pg_has_role(c.relowner, 'MEMBER')) AS owner, rolname"
                " FROM pg_roles WHERE rolname = current_user"
            )
        if role is None or role["above"] or role["owner"]:
            raise UnfitRole(
                "数据库用户是超级用户或表的所有者，行级安全对它无效：请用 jiafang_app 连接。"
                " / The database user is a superuser or owns the tables, so row level security would not hold it: connect as jiafang_app."
            )

    async def close(self) -> None:
        while self._idle:
            await self._idle.pop().close(timeout=WAIT_SECONDS)


async def _transaction(tx: Tx, begin: str, work: Callable[[Tx], Awaitable[T]]) -> T:
    await tx.execute(begin)
    try:
        result = await work(tx)
    except BaseException as error:
        # after a cancellation the protocol may be in the middle of an answer: `connection` ends it
        if not tx.is_closed() and not isinstance(error, asyncio.CancelledError):
            await tx.execute("ROLLBACK")
        raise
    await tx.execute("COMMIT")
    return result


def scope(caller: Caller) -> str:
    """`SET LOCAL`s that row level security reads. Integers and fixed words only, so the text is safe as it stands."""
    settings = {
        "county": str(caller.county_id),
        "wide": "*" if caller.role == "county" else "",
        "townships": _array(caller.townships),
        "places": _array(caller.places),
        "above": _array(caller.above),
    }
    return " ".join(f"SET LOCAL app.{name} = '{value}';" for name, value in settings.items())


async def act_as(tx: Tx, caller: Caller) -> None:
    """From here on in the transaction: what a write causes elsewhere has the scope of that consequence."""
    await tx.execute(scope(caller))


def _array(numbers: tuple[int, ...]) -> str:
    return "{" + ",".join(str(int(n)) for n in numbers) + "}"


async def schema_version(database: Database) -> str | None:
    """Where the migrations have brought the tables; None where there are none."""
    try:
        return str((await database.fetch("SELECT version_num FROM alembic_version"))[0]["version_num"])
    except (asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError, IndexError):
        return None
