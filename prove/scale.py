"""The same village in a small county and in one of a million visits: what its people ask for costs the same in both, what the county asks
for grows no faster than the townships that it holds, and no statement reads a large table from end to end."""

import asyncio
import json
import math
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import asyncpg

from bench.load import Line
from prove.auditor import audit
from prove.phones import DAY
from prove.service import serving, token
from prove.table import Row

COPIES = 25  # of the demonstration county's townships, beside them: 100,000 people
VISITS = 8  # each visit of a copy so often, in other months: a million
HASTY = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "8GB"}  # what is made here is thrown away
ROUNDS, CALLS = 8, 5
DEARER = 1.6  # than in the small county, or than a record there: 1.2 is wanted, and what is above 1.6 is no noise of a busy machine
READERS = {"village": "worker-4", "township": "township-2", "county": "county-admin"}
KINDS = ("place", "household", "person", "visit", "follow_up")
OF_KINDS = ("change", "revision", "search_key")
TABLES = [*KINDS, *OF_KINDS]
COLUMNS = """SELECT attname FROM pg_attribute
WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''"""
INDEXES = """SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS definition FROM pg_index i
WHERE i.indrelid = ANY ($1::text[]::regclass[]) AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)"""


def _other(column: str, nth: str = "1") -> str:
    """Another id, that of copy `k`, which follows from this one. Visits have several in each."""
    return f"md5(concat_ws('/', {column}, k, {nth}))::uuid"


NUMBERED = ("place_id", "township_id", "parent_id", "assignee_place_id")
NAMED = ("household_id", "person_id", "head_id", "joined_into_id", "successor_id", "raised_by_visit_id", "done_by_visit_id")
# What becomes of a column in the copy: all that is not named stays as it is
COPIED = {
    "id": _other("t.id", "j"),
    **{name: f"CASE WHEN t.{name} IS NOT NULL THEN {_other(f't.{name}')} END" for name in NAMED},
    "met_ids": f"ARRAY(SELECT {_other('m')} FROM unnest(t.met_ids) m)",
    **{name: f"CASE WHEN t.{name} > 1 THEN t.{name} + k * 1000 ELSE t.{name} END" for name in NUMBERED},
    "code": "'98' || to_char(k, 'FM09') || substr(t.code, 5)",
    "tick": "t.tick + k * 100000",
    "visited_on": "t.visited_on - (j - 1) * 400",
    # so that what worker-4 did is rare in the county
    "worker_id": "CASE WHEN t.worker_id IS NOT NULL THEN (SELECT u.id FROM app_user u WHERE u.username = 'worker-5') END",
    # as many of one name, but not all of one age
    "born_on": "t.born_on - k * interval '1 year'",
    "alike": f"""split_part(t.alike, ' ', 1) || ' ' || CASE WHEN t.born_on IS NULL THEN {_other("t.household_id")}::text
        ELSE (extract(year FROM t.born_on) - k)::int::text END""",
    **dict.fromkeys(("identity_sealed", "identity_blind", "identity_last4"), "NULL"),
}


async def _copy(tx: Any, table: str) -> None:
    rows = await tx.fetch(COLUMNS, table)
    names = [row["attname"] for row in rows]
    values = ", ".join(COPIED.get(name, f"t.{name}") for name in names)
    kind = "t.kind" if table in OF_KINDS else f"'{table}'"
    copies = f"generate_series(1, {COPIES}) k CROSS JOIN LATERAL generate_series(1, CASE {kind} WHEN 'visit' THEN {VISITS} ELSE 1 END) j"
    await tx.execute(
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM {table} t CROSS JOIN {copies}"
        f" WHERE {kind} IN {KINDS} AND t.id <> (SELECT id FROM place WHERE place_id = 1)"
    )


async def _grow(admin: str, url: str) -> dict[str, int]:
    """Copies the demonstration county, and in the copy its townships: set-wise, past the road. The auditor looks at it afterwards."""
    tx = await asyncpg.connect(admin)
    await tx.execute("CREATE DATABASE large TEMPLATE jiafang")
    await tx.close()
    tx = await asyncpg.connect(url)
    await tx.execute("SET session_replication_role = replica")  # keys are not looked at row by row
    await tx.execute("SET maintenance_work_mem = '512MB'")
    indexes = await tx.fetch(INDEXES, TABLES)
    for index in indexes:  # made anew at the end in a tenth of the time
        await tx.execute(f"DROP INDEX {index['name']}")
    for table in TABLES:
        await _copy(tx, table)
    for index in indexes:
        await tx.execute(index["definition"])
    await tx.execute("UPDATE clock SET tick = (SELECT max(tick) FROM change)")
    await tx.execute("VACUUM ANALYZE")
    counted = {f"{table}s": await tx.fetchval(f"SELECT count(*) FROM {table}") for table in ("visit", "household", "change")}
    counted["people"] = await tx.fetchval("SELECT count(*) FROM person")
    await tx.close()
    return counted


Call = tuple[str, str, Callable[[], bytes]]  # method, path below /v1/, a body that is another each time
# What is asked for; "{…}" is of the village in which worker-4 works
GETS = {
    "a visit": "visits/{visit}",
    "its revisions": "visits/{visit}/revisions",
    "visits": "visits",
    "visits of a month": "visits?visited_from=2026-10-01&visited_to=2026-10-31",
    "visits of a village": "visits?place_id={village}",
    "visits of a worker": "visits?worker_id={worker}",
    "visits to a household": "visits?household_id={household}",
    "households": "households",
    "households of a number": "households?number={number}",
    "households not visited": "households?not_visited_since=2026-06-01",
    "people": "people",
    "people of a name": "people?q=王",
    "people by pinyin": "people?q=wangx",
    "people by phone": "people?q={phone}",
    "nobody": "people?q=欧阳无此人",
    "follow-ups overdue": "follow-ups?due=overdue",
    "follow-ups of one's own": "follow-ups?mine=true",
    "possible doubles": "possible-doubles?kind=person",
    "to put right": "to-put-right",
    "residences": "residences",
    "charges not paid": "charges?status=open",
    "payments": "payments",
    "nothing new": "sync/pull?cursor={level}",
    "a first page": "sync/pull?limit=500",
    "a digest": "sync/digest?place_id={own}",
}


class Side:
    """One of the two counties: its server, and its people, by role."""

    def __init__(self, port: int) -> None:
        self.port, self.base = port, f"http://127.0.0.1:{port}"

    async def open(self) -> None:
        """Signs everybody in, and looks what there is to ask for."""
        self.tokens = {role: token(self.base, username) for role, username in READERS.items()}
        visit = (await self.get("village", "visits?limit=1"))["items"][0]
        home = await self.get("village", f"households/{visit['household_id']}")
        people = (await self.get("village", "people?limit=200"))["items"]
        phone = next(number[-4:] for person in people for number in person["phones"])
        places = {role: (await self.get(role, "me"))["places"][0]["place_id"] for role in ("village", "township")}
        places["county"] = places["township"]
        known = {"visit": visit["id"], "worker": visit["worker_id"], "household": home["id"], "number": home["number"], "phone": phone}
        self.calls: dict[tuple[str, str], Call] = {}
        for role in READERS:
            level = "" if role == "county" else await self.level(role)
            for name, path in GETS.items():
                if level or "level" not in path:
                    self.calls[name, role] = "GET", path.format(**known, own=places[role], village=places["village"], level=level), bytes
        self.calls["one visit more", "village"] = "POST", "visits?confirm=true", lambda: json.dumps(next(docs)).encode()
        self.calls["100 visits pushed", "village"] = "POST", "sync/push", lambda: json.dumps({"ops": [op() for _ in range(100)]}).encode()
        docs = ({"household_id": home["id"], "visited_on": f"{DAY - timedelta(days=n)}", "outcome": "absent"} for n in count())

        def op() -> dict[str, Any]:
            return {"kind": "visit", "id": str(uuid4()), "base_rev": None, "at": datetime.now(UTC).isoformat(), "doc": next(docs)}

    async def get(self, role: str, path: str) -> Any:
        line = await Line.open(self.port)
        reply = await line.body("GET", _target(path), self.tokens[role])
        line.close()
        return json.loads(reply)

    async def level(self, role: str) -> str:
        """The cursor of a phone that has read everything."""
        page: dict[str, Any] = {"cursor": "", "more": True}
        while page["more"]:
            page = await self.get(role, f"sync/pull?limit=1000&cursor={page['cursor']}")
        return str(page["cursor"])

    async def seconds(self, name: str, role: str) -> float:
        """Of the quickest of some calls."""
        method, path, body = self.calls[name, role]
        line, quickest = await Line.open(self.port), math.inf
        for _ in range(CALLS):
            sent, begun = body(), time.perf_counter()
            status = await line.call(method, _target(path), self.tokens[role], sent)
            quickest = min(quickest, time.perf_counter() - begun)
            if status >= 400:
                raise RuntimeError(f"{method} {path} of {role} answered {status}")
        line.close()
        return quickest


def _target(path: str) -> str:
    return quote(f"/v1/{path}", safe="/?&=")


async def _quickest(sides: Sequence[Side]) -> dict[tuple[str, str], list[float]]:
    """Of each call, by name and role, the seconds on each side: the least of some rounds, in which the sides take turns."""
    for side in sides:
        await side.open()
    seconds = {call: [math.inf for _ in sides] for call in sides[0].calls}
    for _ in range(ROUNDS):
        for call, least in seconds.items():
            for n, side in enumerate(sides):
                least[n] = min(least[n], await side.seconds(*call))
    return seconds


async def _scans(url: str) -> dict[str, int]:
    """Rows that statements read of each large table from end to end."""
    tx = await asyncpg.connect(url)
    rows = await tx.fetch("SELECT relname, seq_tup_read FROM pg_stat_user_tables WHERE n_live_tup > 50000")
    await tx.close()
    return {row["relname"]: row["seq_tup_read"] for row in rows}


def proofs(folder: Path, seed: int) -> list[Row]:
    begun = time.monotonic()
    with serving(folder / "scale", options=HASTY) as service:
        large = service.urls.admin.replace("/postgres?", "/large?"), service.urls.app.replace("/jiafang?", "/large?")
        counted = asyncio.run(_grow(service.urls.admin, large[0]))
        broken = [f"{finding.invariant}: {what}" for finding in asyncio.run(audit(large[0])) for what in finding.broken]
        rows = [Row("a county of a million", "townships copied set-wise, then audited", counted, broken, time.monotonic() - begun)]
        rows[0].show()
        times = counted["changes"] / service.sql("SELECT count(*) FROM change")[0][0]
        may = {"village": DEARER, "township": DEARER, "county": DEARER * times}  # which alone has more of everything
        ports = service.start_server(), service.start_server(DATABASE_URL=large[1])
        begun, before = time.monotonic(), asyncio.run(_scans(large[0]))
        calls = asyncio.run(_quickest([Side(port) for port in ports]))
        time.sleep(2)  # the statistics come after a second
        after = asyncio.run(_scans(large[0]))
        each = (time.monotonic() - begun) / len(calls)
        for name in dict.fromkeys(name for name, _ in calls):
            of = {role: seconds for (call, role), seconds in calls.items() if call == name}
            percent = {f"% for the {role} ({1000 * there:.1f} ms)": round(100 * there / here) for role, (here, there) in of.items()}
            dear = [f"{there / here:.2f} times as dear for the {role}" for role, (here, there) in of.items() if there > may[role] * here]
            rows.append(Row(name, "of the small county's time", percent, dear, each * len(of)))
            rows[-1].show()
        whole = [f"{after[table] - before[table]} rows of {table}" for table in after if after[table] > before[table]]
        rows.append(Row("nothing is read from end to end", "tables of 50,000 rows and more", {"tables": len(after)}, whole, 0))
        rows[-1].show()
    return rows
