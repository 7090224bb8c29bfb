"""Callers of every level, many at once, over two connections: what one request sets on a connection never shows in another's answer."""

import asyncio
import random
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from itertools import count
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from api import demo
from api.embedded import Urls
from tests.conftest import Phone, client, running
from tests.county import ABOVE

REQUESTS = 5_000
AT_ONCE = 48
CALLERS = ("county-admin", "township-1", "township-2", "worker-1", "worker-3", "worker-4", "lead-1", "head-1")
KINDS = {"households": "household", "visits": "visit"}


@dataclass
class Caller:
    """A signed-in phone, and the ids of everything that it may see: by plural, with the place of each."""

    username: str
    role: str
    phone: Phone
    mine: dict[str, dict[str, int]]
    writes: list[str]  # ids of visits that nobody else changes meanwhile

    @property
    def near(self) -> dict[str, list[str]]:
        return {plural: list(ids) for plural, ids in self.mine.items()}


@pytest.fixture(scope="module")
async def callers(urls: Urls, access: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, Caller]]:
    """The truth is read beforehand, past every scope."""
    connection = await asyncpg.connect(urls.admin)
    worker = {"household": "NULL::uuid", "visit": "worker_id"}
    rows = {
        plural: await connection.fetch(
            f"SELECT id::text, rev, place_id, township_id, {worker[kind]} AS worker FROM {kind} WHERE NOT voided"
        )
        for plural, kind in KINDS.items()
    }
    numbers = {row["id"]: row["place_id"] for row in await connection.fetch("SELECT id, place_id FROM place")}
    above = {row["place_id"]: row["parent_id"] for row in await connection.fetch("SELECT place_id, parent_id FROM place")}
    await connection.close()
    users = {user["username"]: user for user in demo.users()}
    found = {}
    async with running(urls, tmp_path_factory.mktemp("var"), POOL_SIZE="2") as app:
        for username in CALLERS:
            user, phone = users[username], client(app, timeout=60)
            form = {"grant_type": "password", "username": username, "password": demo.PASSWORD}
            tokens = (await phone.post("/v1/auth/token", data=form)).json()
            phone.headers["Authorization"] = f"Bearer {tokens['access_token']}"
            held = {numbers[place] for place in user["places"]}

            def sees(row: asyncpg.Record, held: set[int] = held, role: str = user["role"]) -> bool:
                place = row["place_id"]
                below = role != "household_head" and above[place] in held
                return role == "county" or row["township_id"] in held or place in held or below

            mine = {plural: {row["id"]: row["place_id"] for row in rows[plural] if sees(row)} for plural in KINDS}
            own = [row["id"] for row in rows["visits"] if row["worker"] == user["id"] and row["rev"] == 1]
            found[username] = Caller(username, user["role"], phone, mine, own)
        yield found
        for caller in found.values():
            await caller.phone.aclose()


async def get_one(caller: Caller, everything: dict[str, list[str]], rng: random.Random) -> None:
    plural = rng.choice(list(KINDS))
    record_id = rng.choice(caller.near[plural] or everything[plural]) if rng.random() < 0.5 else rng.choice(everything[plural])
    ending = rng.choice(("", "", "/revisions"))
    reply = await caller.phone.get(f"/v1/{plural}/{record_id}{ending}")
    if record_id not in caller.mine[plural]:
        assert (reply.status_code, reply.json()["type"]) == (404, "/problems/not-found")
    else:
        assert reply.status_code == 200, reply.text
        assert ending or (reply.json()["id"], reply.json()["place_id"]) == (record_id, caller.mine[plural][record_id])


async def list_some(caller: Caller, everything: dict[str, list[str]], rng: random.Random) -> None:
    plural, limit = rng.choice(list(KINDS)), rng.choice((1, 10, 50, 200))
    mine = caller.mine[plural]
    place = rng.choice(list(mine.values())) if mine and rng.random() < 0.4 else None
    wanted = {record_id for record_id, lies in mine.items() if place in (None, lies, ABOVE.get(lies))}
    items: list[str] = []
    following: dict[str, Any] = {} if place is None else {"place_id": place}
    for _ in range(2):  # a first page, and the one after it
        page = (await caller.phone.get(f"/v1/{plural}", params={"limit": limit, **following})).json()
        items += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        following["cursor"] = page["next"]
    assert set(items) <= wanted
    assert len(items) == len(set(items)) == min(2 * limit, len(wanted))


async def change_one(caller: Caller, everything: dict[str, list[str]], rng: random.Random) -> None:
    """An own visit can be changed; one out of reach is not found, or not for this role to change."""
    own = caller.writes.pop() if caller.writes else None
    foreign = rng.choice(
        [record_id for record_id in rng.sample(everything["visits"], 40) if record_id not in caller.mine["visits"]] or [str(uuid4())]
    )
    for record_id, status in ((own, 200), (foreign, 403 if caller.role == "county" else 404)):
        if record_id:
            said, etag = {"manner": rng.choice(("home", "phone"))}, {"If-Match": '"1"'}
            reply = await caller.phone.patch(f"/v1/visits/{record_id}", json=said, headers=etag)
            assert reply.status_code == status, reply.text


async def test_five_thousand_requests_over_two_connections_keep_callers_apart(callers: dict[str, Caller]) -> None:
    everything = {plural: list(ids) for plural, ids in callers["county-admin"].mine.items()}
    assert {len(caller.mine["visits"]) for caller in callers.values()} >= {0, len(everything["visits"])}
    asked, numbers = Counter[str](), count()
    for caller in callers.values():
        caller.phone.event_hooks = {"request": [counting(asked, caller.username)]}

    async def take_turns() -> None:
        while asked.total() < REQUESTS:
            dice = random.Random(next(numbers))
            await dice.choices((get_one, list_some, change_one), (60, 35, 5))[0](callers[dice.choice(CALLERS)], everything, dice)

    await asyncio.gather(*(take_turns() for _ in range(AT_ONCE)))
    for caller in callers.values():
        caller.phone.event_hooks = {}
    assert min(asked[username] for username in CALLERS) > REQUESTS // 2 // len(CALLERS)


def counting(asked: Counter[str], username: str) -> Callable[[httpx.Request], Awaitable[None]]:
    async def hook(request: httpx.Request) -> None:
        asked[username] += 1

    return hook


async def test_no_level_pays_for_the_plans_of_another(callers: dict[str, Caller]) -> None:
    """After all of that the connections have every level's plans. Times are printed; only their ratio is looked at, and generously."""
    took: dict[str, list[float]] = {username: [] for username in CALLERS if username != "head-1"}
    for turn in range(60):
        for username, times in took.items():
            caller = callers[username]
            visit = caller.near["visits"][turn % len(caller.near["visits"])]
            begun = time.perf_counter()
            assert (await caller.phone.get(f"/v1/visits/{visit}")).status_code == 200
            assert (await caller.phone.get("/v1/visits", params={"limit": 10})).status_code == 200
            times.append(time.perf_counter() - begun)
    medians = {username: statistics.median(times) for username, times in took.items()}
    print("\n" + "  ".join(f"{username} {1000 * median:.1f} ms" for username, median in medians.items()))  # noqa: T201 - a figure to read, never asserted
    assert max(medians.values()) < 20 * min(medians.values())
