"""What breaks while phones write: processes killed, lines cut, disks full, schemas changed. Afterwards the phones go on and come to rest,
each agrees with the service, and the auditor finds every invariant and everything that was acknowledged."""

import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import httpx

from api.db.migrations import migrate, newest, roll_back
from api.kinds import KINDS
from prove import phones
from prove.auditor import audit, read
from prove.phones import Crowd, Journal, at_rest
from prove.service import Service, free_port, serving
from prove.table import Row

PHONES = ("worker-1", "worker-2", "worker-3", "worker-4", "township-1", "lead-1")


class Town:
    """The service, the phones of its people, and chance."""

    def __init__(self, service: Service, seed: int) -> None:
        self.service, self.seed, self.chance = service, seed, random.Random(seed)
        self.journal = Journal(service.folder / "acknowledged.jsonl")
        self.port = free_port()
        self.turn = 0

    def base(self, port: int = 0) -> str:
        return f"http://127.0.0.1:{port or self.port}"

    def crowd(self, *ports: int, cuts: float = 0) -> Crowd:
        self.turn += 1
        bases = [self.base(port) for port in ports or (self.port,)]
        return Crowd(bases, self.service.folder / "phones", self.journal, self.seed + self.turn, PHONES, cuts)


@contextmanager
def shown(town: Town, proof: str, did: str, rows: list[Row]) -> Iterator[dict[str, int]]:
    """What the body does is one row: `counted` takes what it counted. Ends at rest, and with an audit."""
    journal, counted, begun = town.journal, dict[str, int](), time.monotonic()
    told, cut, busy, errors = journal.told, journal.cut, journal.statuses[503], len(town.service.errors())
    journal.faults.clear()
    wrong: list[str] = []
    try:
        yield counted
        told, cut, busy = journal.told - told, journal.cut - cut, journal.statuses[503] - busy
        wrong += at_rest(PHONES, town.base(), town.service.folder / "phones", journal)
    except (RuntimeError, httpx.HTTPError, asyncpg.PostgresError, OSError) as error:
        wrong.append(f"{type(error).__name__}: {error}")
    found = asyncio.run(audit(town.service.urls.owner, read(journal.path)))
    wrong += [f"{finding.invariant}: {len(finding.broken)}, {finding.broken[0]}" for finding in found if finding.broken]
    wrong += journal.faults + town.service.errors()[errors:]
    counted |= {"acknowledged": told, "without a reply": cut, "503": busy, "invariants": len(found)}
    rows.append(Row(proof, did, counted, wrong, time.monotonic() - begun))
    rows[-1].show()


def proofs(folder: Path, seed: int) -> list[Row]:
    rows: list[Row] = []
    with serving(folder / "faults", options={"max_wal_size": "64MB", "min_wal_size": "32MB"}) as service:
        town = Town(service, seed)
        _migration_upgrade(town, rows)
        _killed(town, rows)
        _cut(town, rows)
        _two_servers(town, rows)
        _pool(town, rows)
        _migration_meanwhile(town, rows)
        _disk_full(town, rows)
        never = [kind for kind in phones.KINDS if not town.journal.acknowledged[kind, "applied"]]
        wrote = {kind: town.journal.acknowledged[kind, "applied"] for kind in phones.KINDS}
        rows.append(Row("faults: every kind", "was written", wrote, [f"no {kind} was ever written" for kind in never], 0))
        rows[-1].show()
    return rows


def _disturbed(town: Town, crowd: Crowd, times: int, harm: Callable[[], None]) -> None:
    """At random moments; each time the phones have to get on again."""
    for _ in range(times):
        crowd.wait_for(town.chance.randrange(30, 150))
        time.sleep(town.chance.random() / 3)
        harm()
        crowd.wait_for(30)


def _killed(town: Town, rows: list[Row]) -> None:
    service = town.service

    def server() -> None:
        service.kill_server(town.port)
        service.start_server(town.port)

    def postgres(how: signal.Signals) -> Callable[[], None]:
        def harm() -> None:
            service.kill_postgres(how)
            time.sleep(town.chance.random())
            service.start_postgres()

        return harm

    def backend() -> None:
        """PostgreSQL takes all others down with one that is killed, and recovers."""
        pids = [row["pid"] for row in service.sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'jiafang'")]
        os.kill(town.chance.choice(pids), signal.SIGKILL)

    harms: tuple[tuple[str, str, int, Callable[[], None]], ...] = (
        ("server killed", "kill -9 of the server", 8, server),
        ("PostgreSQL killed", "kill -9 of the postmaster", 4, postgres(signal.SIGKILL)),
        ("a backend killed", "kill -9 of one connection's process", 5, backend),
        ("PostgreSQL restarted", "fast shutdown and start", 3, postgres(signal.SIGINT)),
        ("PostgreSQL stopped", "immediate shutdown and start", 3, postgres(signal.SIGQUIT)),
    )
    for name, did, times, harm in harms:
        with shown(town, f"faults: {name}", f"{did} while phones write", rows) as counted:
            counted["times"] = times
            with town.crowd() as crowd:
                _disturbed(town, crowd, times, harm)


def _cut(town: Town, rows: list[Row]) -> None:
    with shown(town, "faults: line cut", "torn off while a push is sent or answered, then sent again", rows) as counted:
        with town.crowd(cuts=0.7) as crowd:
            crowd.wait_for(1500, 120)
        counted["times"] = town.journal.cut


def _two_servers(town: Town, rows: list[Row]) -> None:
    """On one database; one or the other is killed, and the phones turn to whichever they like."""
    other = free_port()
    town.service.start_server(other)

    def one() -> None:
        port = town.chance.choice((town.port, other))
        town.service.kill_server(port)
        town.service.start_server(port)

    with shown(town, "faults: two servers", "on one database, kill -9 of one or the other", rows) as counted:
        counted["times"] = 4
        with town.crowd(town.port, other) as crowd:
            _disturbed(town, crowd, 4, one)
    town.service.stop_server(other)


def _pool(town: Town, rows: list[Row]) -> None:
    """With three connections, all of which wait for the county's clock, which somebody else holds."""
    town.service.stop_server(town.port)
    town.service.start_server(town.port, POOL_SIZE="3")

    async def hold() -> None:
        connection = await asyncpg.connect(town.service.urls.owner)
        async with connection.transaction():
            await connection.execute("UPDATE clock SET tick = tick")
            end, busy = time.monotonic() + 40, town.journal.statuses[503]
            while time.monotonic() < end and town.journal.statuses[503] < busy + 5:  # noqa: ASYNC110 - phones are threads
                await asyncio.sleep(0.1)
        await connection.close()

    def harm() -> None:
        busy = town.journal.statuses[503]
        asyncio.run(hold())
        if town.journal.statuses[503] < busy + 5:
            town.journal.fault("nobody was told that it is busy")
        if httpx.get(f"{town.base()}/health/live", timeout=10).status_code != 200:
            town.journal.fault("it does not say that it lives")

    with shown(town, "faults: pool exhausted", "all connections wait for a lock: 503 and Retry-After, then on", rows) as counted:
        counted["times"] = 3
        with town.crowd() as crowd:
            _disturbed(town, crowd, 3, harm)
    town.service.stop_server(town.port)
    town.service.start_server(town.port)


def _migration_upgrade(town: Town, rows: list[Row]) -> None:
    """A database at the former schema. What is new refuses to serve it; phones ask in vain, until it was brought up to date."""
    service, head = town.service, newest()
    roll_back(service.urls.owner, "-1")
    gone = [name for name in KINDS if not service.sql("SELECT to_regclass($1) AS there", name)[0]["there"]]
    for table in ("change", "revision", "search_key"):  # of kinds that the former schema does not have
        service.sql(f"DELETE FROM {table} WHERE kind = ANY ($1)", gone)
    with shown(town, "faults: an upgrade", "phones knock, the server waits for the newest schema, `migrate`, start", rows) as counted:
        with town.crowd() as crowd:
            early = service.begin_server(town.port)
            if early.wait(60) != 1:
                town.journal.fault("it serves a schema that it does not know")
            environment = os.environ | {"JIAFANG_OWNER_DATABASE_URL": service.urls.owner, "JIAFANG_VAR": str(service.folder)}
            subprocess.run([sys.executable, "-m", "api.cli", "migrate"], env=environment, check=True, timeout=120)
            service.start_server(town.port)
            crowd.wait_for(300, 120)
        counted["times"] = 1
        at = service.sql("SELECT version_num FROM alembic_version")[0]["version_num"]
        if at != head:
            town.journal.fault(f"the schema is at {at}, not at {head}")
    migrate(service.urls.owner)


LIMITS = "SET lock_timeout = '5s'; SET statement_timeout = '10min'"  # as every migration has them (alembic/env.py)


def _migration_meanwhile(town: Town, rows: list[Row]) -> None:
    """What migrations do, to each table that phones write, under a server that runs: the old version, before it is replaced."""

    async def change(statement: str) -> int:
        """How many tries it took to get the lock."""
        connection = await asyncpg.connect(town.service.urls.owner)
        try:
            await connection.execute(LIMITS)
            for turn in range(1, 20):
                try:
                    await connection.execute(statement)
                except asyncpg.LockNotAvailableError:
                    continue
                return turn
            raise RuntimeError(f"no lock for {statement}")
        finally:
            await connection.close()

    tables = ("household", "person", "visit", "follow_up", "payment", "charge", "revision", "change", "device", "app_user", "place")
    done = 0
    with shown(town, "faults: a migration", "columns and indexes come and go under the running server", rows) as counted:
        with town.crowd() as crowd:
            for table in tables:
                for statement in (
                    f"ALTER TABLE {table} ADD COLUMN proof text",
                    f"CREATE INDEX {table}_proof_idx ON {table} (county_id, proof)",
                    f"ALTER TABLE {table} DROP COLUMN proof",
                ):
                    asyncio.run(change(statement))
                    done += 1
                    crowd.wait_for(15)
        counted["times"] = done


def _disk_full(town: Town, rows: list[Row]) -> None:
    """The database moves to a small file system of its own (a tmpfs, so it needs the right to mount), which is then filled up."""
    service, small = town.service, town.service.folder / "small"
    small.mkdir()
    service.stop_server(town.port)
    service.stop_postgres()
    used = sum(path.stat().st_size for path in (service.folder / "postgres").rglob("*") if path.is_file())
    size = used // 2**20 + 250
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}m,mode=755", "tmpfs", str(small)], check=False).returncode:
        service.start_postgres()
        rows.append(Row("faults: disk full", "left out: it needs the right to mount a tmpfs", {}, [], 0))
        rows[-1].show()
        return
    subprocess.run(["cp", "-a", str(service.folder / "postgres"), str(small)], check=True)
    home = service.postgres_folder
    service.postgres_folder = small / "postgres"
    try:
        service.start_postgres()
        service.start_server(town.port)
        ballast = small / "ballast"

        def harm() -> None:
            busy = town.journal.statuses[503]
            full = threading.Event()
            with ballast.open("wb") as out:
                try:
                    while True:
                        out.write(bytes(2**16))
                        out.flush()
                except OSError:
                    full.set()
            end = time.monotonic() + 60
            while time.monotonic() < end and town.journal.statuses[503] < busy + 20:
                time.sleep(0.1)
            if town.journal.statuses[503] < busy + 20:
                town.journal.fault("nobody was told that it is busy")
            ballast.unlink(missing_ok=True)
            if not service.postgres_lives():  # without room for its log it ends, and says so
                counted["PostgreSQL ended"] = counted.get("PostgreSQL ended", 0) + 1
                service.stop_postgres()
                service.start_postgres()

        with shown(town, "faults: disk full", "no byte left for the database, then room again", rows) as counted:
            counted["times"] = 3
            with town.crowd() as crowd:
                _disturbed(town, crowd, 3, harm)
    finally:
        service.stop_server(town.port)
        service.stop_postgres()
        service.postgres_folder = home
        subprocess.run(["umount", str(small)], check=True)
        shutil.rmtree(small)
