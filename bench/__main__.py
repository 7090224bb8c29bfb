"""`make bench`: what a request costs, against the limit of the same machine in the same run, interleaved; prints ratios.

PostgreSQL with fsync and a server process of its own, both ended at the end. Exit status 1 when a ratio is below its floor in budgets.toml.
On a shared machine differences below 0.1 mean nothing.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx

from api import demo, offline
from api.db.ledger import POST
from api.db.session import Database, Tx
from api.db.store import as_json
from api.decide import Op
from api.embedded import Postgres, Urls
from api.kinds import KINDS, PAYMENT, VISIT, Kind
from api.pushed import read as read_ops
from api.road import write
from api.rules.caller import Caller
from api.schemas.base import synced
from api.tokens import Keys, verify
from bench.load import Line
from prove.service import free_port, seed, wait_until_ready

ROUNDS, SECONDS, LINES, BATCH, PAGE, PHONES = 7, 0.5, 4, 500, 500, 16
PORT, SECOND = free_port(), free_port()
CROWD = 100  # phones that read all from the start at the same time
Work = Callable[[], Awaitable[None]]
FLOORS = tomllib.loads((Path(__file__).parent / "budgets.toml").read_text())


@dataclass(frozen=True)
class Pair:
    """What we do, the limit it is held against, and how many do it at once (`limit_at_once`: 0 for as many)."""

    name: str
    ours: Work
    limit_name: str
    limit: Work
    at_once: int
    limit_at_once: int = 0


async def rate(work: Work, at_once: int) -> float:
    """How often a second."""
    started, done = time.perf_counter(), 0

    async def again() -> None:
        nonlocal done
        while time.perf_counter() < started + SECONDS:
            await work()
            done += 1

    await asyncio.gather(*(again() for _ in range(at_once)))
    return done / (time.perf_counter() - started)


async def pairs(urls: Urls, keys: Keys) -> list[Pair]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{PORT}", timeout=30) as http:
        form = {"grant_type": "password", "username": "worker-1", "password": demo.PASSWORD}
        tokens = [(await http.post("/v1/auth/token", data=form)).json()["access_token"] for _ in range(PHONES)]
        token = tokens[0]
        visit = (await http.get("/v1/visits?limit=1", headers={"Authorization": f"Bearer {token}"})).json()["items"][0]
    idle = [await Line.open(PORT) for _ in range(PHONES)]
    owner = await asyncpg.create_pool(urls.owner, min_size=LINES, max_size=PHONES)
    village = [row["place_id"] for row in await owner.fetch(VILLAGE, visit["place_id"])]
    households = [row["id"] for row in await owner.fetch("SELECT id FROM household WHERE place_id = ANY ($1)", village)]
    caller = Caller(1, visit["worker_id"], None, "village", tuple(village), (), (1,))
    database = Database(urls.app, 1)
    new: dict[str, Any] = {"manner": "home", "outcome": "absent", "purposes": [], "agreed": None, "notes": None, "with_worker_ids": []}

    def call(method: str, path: str, body: Callable[[], bytes] = bytes, expected: int = 200, token: str = token) -> Work:
        async def once() -> None:
            line = idle.pop()
            status = await line.call(method, path, token, body())
            idle.append(line)
            if status != expected:
                raise RuntimeError(f"{path} answered {status}")

        return once

    free = ((household, date(2024, 1, 1) - timedelta(days=days)) for days in range(10_000) for household in households)  # no doubles

    def a_visit() -> bytes:
        household, day = next(free)
        return json.dumps({"household_id": str(household), "visited_on": day.isoformat(), "outcome": "absent"}).encode()

    async def list_statement() -> None:
        await owner.fetch(
            KNOWN + VISIT.documents.list("place", "office", ()), 1, caller.user_id, theirs, "", 0, 51, False, *VISIT.documents.start()
        )

    def raw_insert(count: int) -> Work:
        async def once() -> None:
            rows = [{**visit, "township_id": 2, "id": str(uuid4())} for _ in range(count)]
            await owner.execute(VISIT.store.insert, 1, json.dumps(rows))

        return once

    async def road() -> None:
        ops = [Op(VISIT, uuid4(), {**new, "household_id": household, "visited_on": day}) for household, day in islice(free, BATCH)]

        async def work(tx: Tx) -> None:
            if any(result.problem for result in await write(tx, caller, ops, today=date(2026, 11, 24), now=datetime.now(UTC))):
                raise RuntimeError("refused")

        await database.write(caller, work)

    def a_payment(household: UUID, n: int) -> Op:
        receipt: dict[str, Any] = {"receipt_book_id": None, "receipt_number": n, "payer_name": None, "for_charge_ids": []}
        return Op(
            PAYMENT, uuid4(), {"household_id": household, "amount_fen": 100, "means": "cash", "paid_on": date(2026, 11, 24), **receipt}
        )

    async def payments() -> None:
        ops = [a_payment(households[n % len(households)], n) for n in range(BATCH)]

        async def work(tx: Tx) -> None:
            if any(result.problem for result in await write(tx, caller, ops, today=date(2026, 11, 24), now=datetime.now(UTC))):
                raise RuntimeError("refused")

        await database.write(caller, work)

    [paid] = await owner.fetch("SELECT * FROM payment LIMIT 1")
    [posted] = await owner.fetch("SELECT * FROM transfer WHERE event = 'payment' LIMIT 1")

    async def raw_payments() -> None:
        ids = [uuid4() for _ in range(BATCH)]
        async with owner.acquire() as tx, tx.transaction():
            await tx.execute(PAYMENT.store.insert, 1, as_json([{**paid, "id": i} for i in ids]))
            await tx.execute(POST, 1, as_json([{**posted, "n": n, "record_id": i} for n, i in enumerate(ids)]))

    def edits(count: int) -> list[dict[str, object]]:
        at = datetime.now(UTC).isoformat()
        docs = (
            {"household_id": str(household), "visited_on": day.isoformat(), "outcome": "absent"} for household, day in islice(free, count)
        )
        return [{"kind": "visit", "id": str(uuid4()), "base_rev": None, "at": at, "doc": doc} for doc in docs]

    spare = list(tokens)  # each phone sends one batch at a time

    def pushed(count: int) -> Work:
        async def once() -> None:
            phone = spare.pop()
            await call("POST", "/v1/sync/push", lambda: json.dumps({"ops": edits(count)}).encode(), token=phone)()
            spare.append(phone)

        return once

    claims = verify(keys, token, int(time.time()))
    phone = replace(caller, device_id=claims.device_id)

    async def push_without_http() -> None:
        sent, _ = read_ops(json.dumps({"ops": edits(BATCH)}).encode(), claims.device_id)
        await database.write(phone, lambda tx: offline.push(tx, phone, sent, today=date(2026, 11, 24), now=datetime.now(UTC)))

    async def first_sync() -> None:
        await read_all(idle, reader)

    bare = call("GET", "/bare")
    # what is read is somebody's of another township, in whose places nothing is written meanwhile
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{PORT}", timeout=30) as http:
        reader = (await http.post("/v1/auth/token", data={**form, "username": "worker-4"})).json()["access_token"]
        http.headers["Authorization"] = f"Bearer {reader}"
        read = (await http.get("/v1/visits?limit=1")).json()["items"][0]
        page = (await http.get("/v1/sync/pull", params={"limit": PAGE})).json()
        cursor, more = "", True
        while more:
            last = (await http.get("/v1/sync/pull", params={"cursor": cursor})).json()
            cursor, more = last["cursor"], last["more"]
    theirs = [row["place_id"] for row in await owner.fetch(VILLAGE, read["place_id"])]
    reach = [*theirs, *await owner.fetchval(ABOVE, read["place_id"])]
    if page["changes"] != json.loads(f"[{await owner.fetchval(PAGE_OF_RECORDS, reach, PAGE)}]"):
        raise RuntimeError("the bare query gives another page")
    nothing_new = call("GET", f"/v1/sync/pull?cursor={cursor}", token=reader)
    pulled = call("GET", f"/v1/sync/pull?limit={PAGE}", token=reader)

    async def page_statement() -> None:
        await owner.fetch(PAGE_OF_RECORDS, reach, PAGE)

    async def all_statement() -> None:
        await owner.fetch(PAGE_OF_RECORDS, reach, 100_000)

    return [
        Pair("GET by id", call("GET", f"/v1/visits/{read['id']}", token=reader), "bare route", bare, LINES),
        Pair("empty pull", nothing_new, "bare route", bare, LINES),
        *(Pair(f"pull page of {PAGE} × {n}", pulled, "a query of the same", page_statement, n) for n in (1, LINES, PHONES)),
        Pair("first sync", first_sync, "a query of the same", all_statement, 1),
        Pair("list page of 50", call("GET", "/v1/visits", token=reader), "its statement", list_statement, LINES),
        Pair("POST of a visit", call("POST", "/v1/visits?confirm=true", a_visit, 201), "raw insert and commit", raw_insert(1), LINES),
        Pair(f"road, {BATCH} visits", road, "raw insert of as many", raw_insert(BATCH), 1),
        Pair(f"road, {BATCH} payments", payments, "raw insert of the rows", raw_payments, 1),
        *(Pair(f"push of {BATCH} × {n}", pushed(BATCH), "raw insert of as many", raw_insert(BATCH), n) for n in (1, LINES, PHONES)),
        Pair(f"push of {BATCH}", pushed(BATCH), "the same without HTTP", push_without_http, 1),
        Pair(f"push of 1 × {PHONES}", pushed(1), "one phone", pushed(1), PHONES, 1),
    ]


VILLAGE = """SELECT p.place_id FROM place p JOIN place g ON g.place_id = $1
WHERE p.place_id = coalesce(g.parent_id, g.place_id) OR p.parent_id = coalesce(g.parent_id, g.place_id)"""
ABOVE = """SELECT array_agg(DISTINCT x.id) FROM place p CROSS JOIN LATERAL (VALUES (p.township_id), (1)) x (id) WHERE p.place_id = $1"""


def document(kind: Kind) -> str:
    """As the GET of an office gives it, found by its id alone."""
    moment = """to_char(t.{0}, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS {0}"""
    columns = ", ".join((moment if name.endswith("_at") else "t.{0}").format(name) for name in synced(kind.schema))
    select = f"SELECT {columns} FROM {kind.name} t WHERE t.county_id = 1 AND t.id = x.id"
    return f"WHEN '{kind.name}' THEN (SELECT row_to_json(d)::text FROM ({select}) d)"


# The first records of some places in the order of their ticks, as JSON: who calls, what was granted when, and what was lost is no matter
PAGE_OF_RECORDS = f"""SELECT string_agg('{{"op":"upsert","kind":"' || x.kind || '","id":"' || x.id || '","rev":' || x.rev || ',"doc":'
  || (CASE x.kind {" ".join(document(kind) for kind in KINDS.values())} END) || '}}', ',')
FROM (SELECT c.* FROM unnest($1::int[]) h (id) CROSS JOIN LATERAL (SELECT c.tick, c.kind, c.id, c.rev FROM change c
    WHERE c.county_id = 1 AND c.place_id = h.id AND c.op = 'upsert' ORDER BY c.tick, c.kind, c.id LIMIT $2) c
  ORDER BY c.tick, c.kind, c.id LIMIT $2) x"""
KNOWN = """WITH s AS (SELECT $2::uuid AS user_id, $3::int[] AS places, '{}'::int[] AS townships, '{1}'::int[] AS above,
    $4::text AS role, $5::int AS issued) """


async def read_all(lines: list[Line], token: str) -> float:
    """One phone reads from the start until it is level; the seconds that it took."""
    line, cursor, more, started = lines.pop(), "", True, time.perf_counter()
    while more:
        page = json.loads(await line.body("GET", f"/v1/sync/pull?limit=1000&cursor={cursor}", token))
        cursor, more = page["cursor"], page["more"]
    lines.append(line)
    return time.perf_counter() - started


async def crowd() -> bool:
    """So many phones at once, as on the first day: the last one should not wait for much longer than the others."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{PORT}", timeout=30) as http:
        form = {"grant_type": "password", "username": "worker-4", "password": demo.PASSWORD}
        token = (await http.post("/v1/auth/token", data=form)).json()["access_token"]
    lines = [await Line.open(PORT) for _ in range(CROWD)]
    seconds = sorted(await asyncio.gather(*(read_all(lines, token) for _ in range(CROWD))))
    median, slowest, floor = statistics.median(seconds), seconds[-1], FLOORS[f"{CROWD} phones at once"]
    print(f"{CROWD} first syncs at once: median {median:.1f} s, slowest {slowest:.1f} s, ratio {median / slowest:.2f}, floor {floor:.2f}")
    return bool(median / slowest >= floor)


async def measure(urls: Urls, keys: Keys) -> bool:
    table = [(pair, [], []) for pair in await pairs(urls, keys)]  # type: list[tuple[Pair, list[float], list[float]]]
    for turn in range(ROUNDS + 1):
        for pair, ours, limits in table:
            a, b = await rate(pair.ours, pair.at_once), await rate(pair.limit, pair.limit_at_once or pair.at_once)
            if turn:  # the first round warms up
                ours.append(a)
                limits.append(b)
    fine = True
    print(f"{'':20} {'a second':>9}   {'against':22} {'a second':>9}   ratio  floor")
    for pair, ours, limits in table:
        ratio, floor = statistics.median(a / b for a, b in zip(ours, limits, strict=True)), FLOORS[pair.name]
        fine &= ratio >= floor
        a, b = statistics.median(ours), statistics.median(limits)
        verdict = "" if ratio >= floor else "   below its floor"
        print(f"{pair.name:20} {a:9.0f}   {pair.limit_name:22} {b:9.0f}   {ratio:5.2f}  {floor:5.2f}{verdict}")
    return await crowd() and fine


async def processes(first: int, second: int) -> None:
    """What a process takes, and what a second one gives where phones turn to both."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{PORT}", timeout=30) as http:
        form = {"grant_type": "password", "username": "worker-4", "password": demo.PASSWORD}
        token = (await http.post("/v1/auth/token", data=form)).json()["access_token"]
    lines = {ports: [await Line.open(port) for port in ports * (PHONES // len(ports))] for ports in ((PORT,), (PORT, SECOND))}

    def pulls(idle: list[Line]) -> Work:
        async def once() -> None:
            line = idle.pop(0)
            await line.call("GET", f"/v1/sync/pull?limit={PAGE}", token)
            idle.append(line)

        return once

    rates = [[await rate(pulls(idle), PHONES) for _ in range(ROUNDS)] for idle in lines.values()]
    one, two = (statistics.median(each) for each in rates)
    print(f"a process: {resident(first)} MB; one just started: {resident(second)} MB")
    print(f"pull page of {PAGE} × {PHONES} from two processes, against one: {two / one:.2f}")


def resident(pid: int) -> int:
    """Memory of a process, in MB."""
    [kilobytes] = [line.split()[1] for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(kilobytes) // 1024


@contextmanager
def server(environment: dict[str, str], port: int = PORT) -> Iterator[int]:
    """The id of a process that is ready."""
    started = time.perf_counter()
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "--factory",
        "bench.server:build",
        "--port",
        str(port),
        "--log-level",
        "warning",
        "--timeout-keep-alive",
        "75",
    ]
    process = subprocess.Popen(command, env=os.environ | environment)
    try:
        wait_until_ready(process, port)
        print(f"ready after {time.perf_counter() - started:.1f} s")
        yield process.pid
    finally:
        process.terminate()
        process.wait(10)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        var = Path(folder)
        with Postgres(var / "postgres") as urls:
            seed(urls, var)
            environment = {"JIAFANG_DATABASE_URL": urls.app, "JIAFANG_VAR": folder}
            with server(environment) as first:
                fine = asyncio.run(measure(urls, Keys.load_or_create(var / "keys.json")))
                with server(environment, SECOND) as second:
                    asyncio.run(processes(first, second))
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
