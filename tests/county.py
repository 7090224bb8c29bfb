"""A demonstration county of a test's own, what its phones do, and what they should hold."""

import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx

from api import demo
from api.kinds import CHILDREN, KINDS, Kind
from api.routers.sync import CHECK
from api.schemas.base import synced
from api.sign_in import Passwords
from tests.conftest import QUICK, Databases, Phone, client, running

# Numbers of places follow from the order in which the demonstration county is written, the county first
PLACES = {place["id"]: number for number, place in enumerate(demo.places(), 1)}
USERS = {user["username"]: user for user in demo.users()}
HELD = {name: {PLACES[place] for place in user["places"]} for name, user in USERS.items()}
ABOVE = {PLACES[place["id"]]: PLACES[place["parent_id"]] for place in demo.places() if place["parent_id"]}
LEVEL = {PLACES[place["id"]]: place["level"] for place in demo.places()}
[VILLAGE], [OTHER] = HELD["worker-1"], HELD["worker-3"]  # of one township
Record = tuple[str, str]


class County:
    """A demonstration county of our own; `owner` sees behind the service."""

    def __init__(self, app: Any, owner: Any, url: str) -> None:
        self.app, self.owner, self.url, self.access = app, owner, url, app.state.access

    async def sign_in(self, username: str, device_id: str | None = None) -> Phone:
        phone = client(self.app, timeout=60)
        form = {"grant_type": "password", "username": username, "password": demo.PASSWORD}
        phone.tokens = (await phone.post("/v1/auth/token", data=form | ({"device_id": device_id} if device_id else {}))).json()
        phone.headers["Authorization"] = f"Bearer {phone.tokens['access_token']}"
        return phone

    async def user(self, role: str, *place_ids: int) -> tuple[str, str]:
        """A new user with places: id and name. The password is the demonstration's."""
        admin, name = await self.sign_in("county-admin"), f"u-{uuid4().hex[:10]}"
        body = {"username": name, "name": "试", "role": role, "place_ids": list(place_ids)}
        made = await admin.post("/v1/users", json=body)
        assert made.status_code == 201, made.text
        known = "SELECT password_hash FROM app_user WHERE username = 'worker-1'"
        await self.owner.execute(f"UPDATE app_user SET password_hash = ({known}), password_temporary = false WHERE username = $1", name)
        return made.json()["id"], name


@asynccontextmanager
async def a_county(databases: Databases, var: Path) -> AsyncIterator[County]:
    urls = await databases.seeded(var)
    async with running(urls, var, POOL_SIZE="16") as app:
        app.state.passwords = Passwords(QUICK)
        owner = await asyncpg.connect(urls.owner)
        yield County(app, owner, urls.owner)
        await owner.close()


# What a call was answered


def slug(reply: httpx.Response) -> tuple[int, str]:
    assert reply.headers["content-type"] == "application/problem+json", reply.text
    return reply.status_code, str(reply.json()["type"]).removeprefix("/problems/")


def refused(reply: httpx.Response, status: int, slug: str, pointer: str | None = None) -> None:
    problem = reply.json()
    pointers = [fault.get("pointer") for fault in problem.get("errors", [])]
    told = (reply.status_code, problem["type"], pointers)
    assert told == (status, f"/problems/{slug}", [] if pointer is None else [pointer]), reply.text


def plain(kind: Kind, doc: Mapping[str, Any]) -> dict[str, Any]:
    """What a GET by id gives, without what it alone shows."""
    return {name: value for name, value in doc.items() if name in synced(kind.schema)}


# Push


def op(kind: str, record_id: Any, doc: Any = None, base_rev: int | None = None, **more: Any) -> dict[str, Any]:
    said = {"kind": kind, "id": str(record_id), "base_rev": base_rev, "at": datetime.now(UTC).isoformat()}
    return {**said, **({} if doc is None else {"doc": doc}), **more}


async def push(phone: Phone, *ops: Any) -> list[dict[str, Any]]:
    reply = await phone.post("/v1/sync/push", json={"ops": ops})
    assert reply.status_code == 200, reply.text
    results: list[dict[str, Any]] = reply.json()["results"]
    assert len(results) == len(ops)
    for sent, result in zip(ops, results, strict=True):
        as_the_contract_has_it(sent, result)
    return results


def as_the_contract_has_it(sent: Any, result: dict[str, Any]) -> None:
    """What holds for every result, whatever was sent."""
    outcome = result["outcome"]
    if result["id"] is not None:
        assert (result["id"], result["kind"]) == (sent["id"].lower(), sent["kind"])
    assert ("rev" in result) is (outcome not in ("held", "inbox"))
    assert ("kept" in result) is (outcome == "rejected")
    assert ("conflicts" in result) is (outcome == "conflict")
    if outcome in ("rejected", "merged", "conflict"):
        assert "doc" in result
    if outcome in ("held", "inbox"):
        assert "doc" not in result
    if result.get("doc"):
        assert (result["doc"]["id"], result["doc"]["rev"]) == (result["id"], result["rev"])
    if outcome == "rejected":
        assert result["problem"]["type"].startswith("/problems/")
        assert result["kept"] is (result["id"] is not None)
        assert (result["rev"] is None) is (result["doc"] is None)
    assert result.keys() <= {"id", "kind", "outcome", "rev", "doc", "conflicts", "doubles", "problem", "kept"}


async def listed(phone: Phone, path: str, entry_id: Any, **query: Any) -> dict[str, Any] | None:
    found: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await phone.get(f"/v1/{path}", params={"limit": 7, **query, **({"cursor": cursor} if cursor else {})})).json()
        found += page["items"]
        cursor = page["next"]
    return next((item for item in found if str(entry_id) in (item["id"], item["record_id"])), None)


# Pull


async def pull(phone: Phone, cursor: str = "", **query: Any) -> dict[str, Any]:
    reply = await phone.get("/v1/sync/pull", params={"cursor": cursor, **query})
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


async def level(phone: Phone, cursor: str = "", **query: Any) -> tuple[list[dict[str, Any]], str]:
    """All changes up to now, and the cursor then. Each page is held to the contract."""
    changes: list[dict[str, Any]] = []
    limit, first = query.get("limit", 500), True
    while True:
        page = await pull(phone, cursor, **query)
        keys = [(change["kind"], change["id"]) for change in page["changes"]]
        assert len(keys) == len(set(keys))
        assert len(keys) == limit if page["more"] else len(keys) <= limit
        assert ("of" in page) is first
        changes, cursor, first = changes + page["changes"], page["cursor"], False
        if not page["more"]:
            assert cursor.isdecimal()
            assert int(cursor) // CHECK == page["tick"]
            return changes, cursor


def fold(changes: list[dict[str, Any]], copy: dict[Record, Any] | None = None) -> dict[Record, Any]:
    copy = {} if copy is None else copy
    for change in changes:
        if change["op"] == "upsert":
            copy[change["kind"], change["id"]] = change["doc"]
        else:
            copy.pop((change["kind"], change["id"]), None)
    return copy


def digest_of(copy: dict[Record, Any]) -> dict[str, dict[str, int]]:
    """As a phone makes it."""
    found = {kind: {"count": 0, "sum": 0} for kind in KINDS}
    for (kind, record_id), doc in copy.items():
        found[kind]["count"] += 1
        found[kind]["sum"] += int(hashlib.sha256(f"{record_id}:{doc['rev']}".encode()).hexdigest()[:12], 16)
        found[kind]["sum"] %= 2**48
    return found


async def should_hold(owner: Any, username: str) -> dict[Record, int]:
    """Past every scope: (kind, id) -> rev of what this user's phone should hold. Who reaches what is said again here, on purpose."""
    rows = await owner.fetch(
        "SELECT m.place_id, m.reach, u.role FROM app_user u LEFT JOIN membership m ON m.user_id = u.id AND m.revoked_tick IS NULL"
        " WHERE u.username = $1",
        username,
    )
    role = rows[0]["role"]
    places = {row["place_id"]: row for row in await owner.fetch("SELECT place_id, parent_id, township_id FROM place")}
    held = {row["place_id"] for row in rows if row["place_id"]}
    if role in ("village", "household_head"):
        below = {row["place_id"] for row in rows if row["reach"] == "below"}
        held |= {number for number, place in places.items() if place["parent_id"] in below}
    above = {1} if held else set()
    for number in held:
        above |= {places[number]["parent_id"], places[number]["township_id"]}
    found = {}
    for kind in KINDS.values():
        for row in await owner.fetch(f"SELECT id::text, rev, place_id, township_id, created_by FROM {kind.name} WHERE NOT voided"):
            mine = role == "county" or (row["township_id"] if role == "township" else row["place_id"]) in held
            if role not in kind.readers or (role == "household_head" and kind.name == "follow_up" and row["created_by"] is None):
                continue
            if mine or (kind.public_below and row["place_id"] in above):
                found[kind.name, row["id"]] = row["rev"]
    return found


async def move(owner: Any, household_id: Any, to: int) -> None:
    """What a move will write, in the order of the road: records, tick, change rows (a remove at the place left)."""
    async with owner.transaction():
        township = await owner.fetchval("SELECT township_id FROM place WHERE place_id = $1", to)
        await owner.execute("SELECT 1 FROM household WHERE id = $1 FOR NO KEY UPDATE", household_id)
        rows = []
        below = [(child.name, f"{child.parent.member} = $1") for child in CHILDREN["household"] if child.parent]
        theirs = "person_id IN (SELECT p.id FROM person p WHERE p.household_id = $1)"
        for kind, key in (("household", "id = $1"), *below, *((child.name, theirs) for child in CHILDREN["person"])):
            old = {row["id"]: row["place_id"] for row in await owner.fetch(f"SELECT id, place_id FROM {kind} WHERE {key}", household_id)}
            for row in await owner.fetch(
                f"UPDATE {kind} SET place_id = $2, township_id = $3, rev = rev + 1 WHERE {key} RETURNING id, rev, voided",
                household_id, to, township,
            ):  # fmt: skip
                rows += [(kind, row["id"], row["rev"], row["voided"], old[row["id"]])]
        tick = await owner.fetchval("UPDATE clock SET tick = tick + 1 RETURNING tick")
        for kind, record_id, rev, voided, old_place in rows:
            await owner.execute(
                "UPDATE change SET tick = $4, op = 'remove', reason = 'moved', rev = $5 WHERE kind = $1 AND id = $2 AND place_id = $3",
                kind, record_id, old_place, tick, rev,
            )  # fmt: skip
            await owner.execute(
                "INSERT INTO change (county_id, kind, id, place_id, township_id, tick, op, reason, rev)"
                " VALUES (1, $1, $2, $3, $4, $5, $6, $7, $8)"
                " ON CONFLICT ON CONSTRAINT change_pkey DO UPDATE"
                " SET tick = excluded.tick, op = excluded.op, reason = excluded.reason, rev = excluded.rev",
                kind, record_id, to, township, tick, "remove" if voided else "upsert", "voided" if voided else None, rev,
            )  # fmt: skip
