"""Accounts are made and kept by whoever is above: the county for all, a township for the workers and lead households of its villages.

Granting and losing places take a tick, like every write, so that a phone's feed knows when its scope changed. The tables here have
no row security: each statement names the townships that the caller holds.
"""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from api.access import SHANGHAI
from api.db import store
from api.db.session import Tx
from api.db.tables.follow_up import HELD_BY
from api.decide import Op
from api.kinds import FOLLOW_UP
from api.problems import ACCOUNT_CLOSED, LAST_ADMINISTRATOR, NOT_ALLOWED, NOT_FOUND, USERNAME_TAKEN, VOIDED, WRONG_REACH
from api.road import write_all
from api.rules.caller import COUNTY_PLACE, Caller, Role, as_officer
from api.sign_in import End, end, end_all, event

# Which roles an officer may look after, and on which places a role is held
BELOW: Mapping[Role, frozenset[Role]] = {
    "county": frozenset({"county", "township", "village", "household_head"}),
    "township": frozenset({"village", "household_head"}),
    "village": frozenset(),
    "household_head": frozenset(),
}
LEVELS: Mapping[Role, frozenset[str]] = {
    "county": frozenset({"county"}),
    "township": frozenset({"township"}),
    "village": frozenset({"village", "group"}),
    "household_head": frozenset({"group"}),
}

_PAIRS = ", ".join(f"('{above}', '{role}')" for above, roles in BELOW.items() for role in sorted(roles))


def _below(role: str, townships: str) -> str:
    """SQL: the account `u` is one that a caller of this role and these townships looks after. All that it holds lies in them, or a new
    password for it would open more than the caller's own."""
    return f"""({role}, u.role) IN ({_PAIRS}) AND u.township_id = ANY ({townships}) AND NOT EXISTS (
      SELECT 1 FROM membership m JOIN place p ON p.county_id = $1 AND p.place_id = m.place_id
      WHERE m.county_id = $1 AND m.user_id = u.id AND m.revoked_tick IS NULL AND p.township_id <> ALL ({townships}))"""


_HELD = """coalesce((SELECT json_agg(json_build_object(
    'place_id', p.place_id, 'code', p.code, 'name', p.name, 'level', p.level, 'reach', m.reach)
    ORDER BY p.place_id) FROM membership m JOIN place p ON p.county_id = $1 AND p.place_id = m.place_id
  WHERE m.county_id = $1 AND m.user_id = u.id AND m.revoked_tick IS NULL), '[]') AS places"""
_AT = """to_char({0} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"""
_USER = f"u.id, u.username, u.name, u.role, {_HELD}, {_AT.format('u.created_at')} AS created_at, {_AT.format('u.closed_at')} AS closed_at"
_SIGNED_IN = f"{_AT.format('d.registered_at')} AS registered_at, {_AT.format('d.signed_in_at')} AS signed_in_at"
_DEVICE = f"SELECT d.id, d.user_id, d.name, {_SIGNED_IN}, d.state"
# Reads, in front of which access.py puts the caller
ME = f"""SELECT row_to_json(x)::text AS doc FROM s CROSS JOIN LATERAL (SELECT u.id, u.name, u.role, {_HELD},
    (SELECT row_to_json(y) FROM ({_DEVICE} FROM device d WHERE d.county_id = $1 AND d.id = $3) y) AS device,
    u.language, u.password_temporary
  FROM app_user u WHERE u.county_id = $1 AND u.id = s.user_id) x"""
DEVICES = f"""SELECT '' AS sort, x.id, x.doc FROM s LEFT JOIN LATERAL (SELECT y.id, row_to_json(y)::text AS doc FROM (
    {_DEVICE} FROM device d JOIN app_user u ON u.county_id = $1 AND u.id = d.user_id
    WHERE d.county_id = $1 AND (u.id = s.user_id OR ({_below("s.role", "s.townships")}))
      AND ($6::uuid IS NULL OR u.id = $6) AND d.id > $7::uuid
    ORDER BY d.id LIMIT $8::int) y) x ON true ORDER BY 2"""
USERS = f"""SELECT s.role, x.username AS sort, x.id, x.doc FROM s LEFT JOIN LATERAL (
  SELECT y.username, y.id, row_to_json(y)::text AS doc FROM (
    SELECT {_USER} FROM app_user u
    WHERE u.county_id = $1 AND {_below("s.role", "s.townships")} AND ($6::text IS NULL OR u.role = $6)
      AND (u.closed_at IS NOT NULL) = $7::bool AND (u.username, u.id) > ($8::text, $9::uuid)
    ORDER BY u.username, u.id LIMIT $10::int) y) x ON true ORDER BY 2, 3"""

# Writes
FIND = f"""
SELECT u.* FROM app_user u WHERE u.county_id = $1 AND u.id = $2 AND {_below("$4::text", "$3::int[]")}
FOR NO KEY UPDATE"""
DOCUMENT = f"SELECT row_to_json(x)::text AS doc FROM (SELECT {_USER} FROM app_user u WHERE u.county_id = $1 AND u.id = $2) x"
PLACES = "SELECT p.* FROM place p WHERE p.county_id = $1 AND p.place_id = ANY ($2::int[]) AND p.township_id = ANY ($3::int[])"
LOGIN = "INSERT INTO login (username, county_id, user_id) VALUES ($1, $2, $3)"
CREATE = """
INSERT INTO app_user (county_id, id, username, name, role, place_id, township_id, language, password_hash, password_temporary, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, 'zh', $8, $9, $10)"""
GRANT = """
INSERT INTO membership (county_id, user_id, place_id, granted_tick, reach, role, granted_by, granted_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"""
REVOKE = """
UPDATE membership SET revoked_tick = $4, revoked_by = $5, revoked_at = $6
WHERE county_id = $1 AND user_id = $2 AND place_id = ANY ($3::int[]) AND revoked_tick IS NULL"""
# what a caller holds never overlaps: a place above or below the new one gives way to it in the same tick
HELD_NEAR = """
SELECT m.place_id, m.reach FROM membership m JOIN place p ON p.county_id = $1 AND p.place_id = m.place_id
JOIN place g ON g.county_id = $1 AND g.place_id = ANY ($3::int[])
WHERE m.county_id = $1 AND m.user_id = $2 AND m.revoked_tick IS NULL
  AND (p.place_id = g.place_id OR p.parent_id = g.place_id OR p.place_id = g.parent_id)"""
HELD = "SELECT m.place_id, m.reach FROM membership m WHERE m.county_id = $1 AND m.user_id = $2 AND m.revoked_tick IS NULL"
ADMINISTERED = "SELECT 1 FROM membership m WHERE m.county_id = $1 AND m.place_id = $2 AND m.revoked_tick IS NULL LIMIT 1"
MOVE = "UPDATE app_user SET place_id = $3, township_id = $4 WHERE county_id = $1 AND id = $2"
SET_NAME = "UPDATE app_user SET name = $3 WHERE county_id = $1 AND id = $2"
SET_ROLE = "UPDATE app_user SET role = $3 WHERE county_id = $1 AND id = $2"
SET_PASSWORD = """
UPDATE app_user SET password_hash = $3, password_temporary = true WHERE county_id = $1 AND id = $2 AND closed_at IS NULL
RETURNING id"""
CLOSE = "UPDATE app_user SET closed_at = $3 WHERE county_id = $1 AND id = $2"
SEAT = """
INSERT INTO seat (county_id, user_id, household_id, person_id, granted_tick)
SELECT k.county_id, $2, $3, $4, k.tick FROM clock k WHERE k.county_id = $1"""
LEAVE_SEATS = """
UPDATE seat SET revoked_tick = $4 WHERE county_id = $1 AND (user_id = $2 OR person_id = ANY ($3::uuid[])) AND revoked_tick IS NULL"""
DEVICE_WITHIN = f"""
SELECT d.user_id FROM device d JOIN app_user u ON u.county_id = $1 AND u.id = d.user_id
WHERE d.county_id = $1 AND d.id = $2 AND (u.id = $5 OR ({_below("$4::text", "$3::int[]")}))"""


def first_password() -> str:
    """Sixteen letters and digits in groups, easy to read out over the telephone."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(4))


async def create(
    tx: Tx, caller: Caller, *, user_id: UUID, username: str, name: str, role: Role, home: int, place_ids: Sequence[int], password_hash: str,
    temporary: bool, now: datetime, reach: str = "below",
) -> None:  # fmt: skip
    """`home` says who looks after the account. Raises `not-allowed` for a role that is not below the caller's, `username-taken`, and what
    `grant` raises."""
    if role not in BELOW[caller.role]:
        raise NOT_ALLOWED()
    belongs = await tx.fetchrow(PLACES, caller.county_id, [home], caller.townships)
    if belongs is None:
        raise NOT_FOUND()
    try:
        await tx.execute(LOGIN, username, caller.county_id, user_id)
    except asyncpg.UniqueViolationError:
        raise USERNAME_TAKEN.at("/username") from None
    await tx.execute(CREATE, caller.county_id, user_id, username, name, role, home, belongs["township_id"], password_hash, temporary, now)
    await event(tx, caller, user_id, "created", now, role=role)
    if place_ids:
        await grant(tx, caller, user_id=user_id, role=role, place_ids=place_ids, reach=reach, now=now, member="/place_ids")


async def find(tx: Tx, caller: Caller, user_id: UUID, *, even_closed: bool = False) -> asyncpg.Record:
    """A user that the caller looks after, locked; `not-found` for any other, `voided` for a closed account."""
    found = await tx.fetchrow(FIND, caller.county_id, user_id, caller.townships, caller.role)
    if found is None:
        raise NOT_FOUND()
    if found["closed_at"] and not even_closed:
        raise VOIDED()
    return found


async def grant(
    tx: Tx, caller: Caller, *, user_id: UUID, role: Role, place_ids: Sequence[int], reach: str, now: datetime, member: str = "/place_id"
) -> None:
    """Gives places, in one tick; the account belongs there from now on. Raises `not-found` for one outside the caller's, `wrong-reach`
    where the role is not held at that level."""
    wanted = {row["place_id"]: row for row in await tx.fetch(PLACES, caller.county_id, place_ids, caller.townships)}
    if wanted.keys() != set(place_ids):
        raise NOT_FOUND()
    if not LEVELS[role].issuperset(place["level"] for place in wanted.values()):
        raise WRONG_REACH.at(member)
    if reach == "self" and role in ("county", "township"):  # officers hold all that lies below
        raise WRONG_REACH.at("/reach")
    given = [place_id for place_id, place in wanted.items() if place["parent_id"] not in wanted]  # a village brings its groups
    near = {row["place_id"]: row["reach"] for row in await tx.fetch(HELD_NEAR, caller.county_id, user_id, given)}
    if near == dict.fromkeys(given, reach):
        return
    held = {row["place_id"]: row["reach"] for row in await tx.fetch(HELD, caller.county_id, user_id)}
    await _hand_over(tx, caller, user_id, {p: r for p, r in held.items() if p not in near} | dict.fromkeys(given, reach), now)
    await tx.execute(MOVE, caller.county_id, user_id, given[0], wanted[given[0]]["township_id"])
    await event(tx, caller, user_id, "places given", now, place_ids=given, reach=reach)
    tick = await store.tick(tx, caller.county_id)
    await tx.execute(REVOKE, caller.county_id, user_id, list(near), tick, caller.user_id, now)
    for place_id in given:
        await tx.execute(GRANT, caller.county_id, user_id, place_id, tick, reach, role, caller.user_id, now)


async def seat(tx: Tx, county_id: int, *, user_id: UUID, household_id: UUID, person_id: UUID) -> None:
    """Gives the seat of a household that the person heads, in a tick of its own; another seat of the user, or of the person, ends."""
    tick = await store.tick(tx, county_id)
    await tx.execute(LEAVE_SEATS, county_id, user_id, [person_id], tick)
    await tx.execute(SEAT, county_id, user_id, household_id, person_id)


async def revoke(tx: Tx, caller: Caller, user_id: UUID, now: datetime, *place_ids: int) -> None:
    """Takes places away, all where none is named, in one tick. Raises `last-administrator`."""
    held = {row["place_id"]: row["reach"] for row in await tx.fetch(HELD, caller.county_id, user_id)}
    lost = sorted(held.keys() & place_ids if place_ids else held)
    if not lost:
        return
    await _hand_over(tx, caller, user_id, {p: r for p, r in held.items() if p not in lost}, now)
    await event(tx, caller, user_id, "places taken", now, place_ids=lost)
    tick = await store.tick(tx, caller.county_id)
    await tx.execute(REVOKE, caller.county_id, user_id, lost, tick, caller.user_id, now)
    # asked after the tick, which is held until the commit: of two administrators who close each other, the second is refused
    if COUNTY_PLACE in lost and not await tx.fetchval(ADMINISTERED, caller.county_id, COUNTY_PLACE):
        raise LAST_ADMINISTRATOR()


async def _hand_over(tx: Tx, caller: Caller, user_id: UUID, kept: Mapping[int, str], now: datetime) -> None:
    """What was the user's to do, outside the places that are kept, is the place's now: it stays on somebody's list."""
    rows = await tx.fetch(HELD_BY, caller.county_id, user_id, list(kept), list(kept.values()), caller.townships)
    await nobodys(tx, caller, rows, now)


async def nobodys(tx: Tx, caller: Caller, follow_ups: Sequence[asyncpg.Record], now: datetime) -> None:
    """Takes whoever was to do them off these follow-ups."""
    ops = [Op(FOLLOW_UP, row["id"], {"assignee_id": None}, row["rev"]) for row in follow_ups]
    await write_all(tx, as_officer(caller), ops, today=now.astimezone(SHANGHAI).date(), now=now)


async def change(tx: Tx, caller: Caller, user: asyncpg.Record, changes: Mapping[str, Any], now: datetime) -> None:
    name, role = changes.get("name", user["name"]), changes.get("role", user["role"])
    if name != user["name"]:
        await tx.execute(SET_NAME, caller.county_id, user["id"], name)
        await event(tx, caller, user["id"], "renamed", now)
    if role != user["role"]:
        if role not in BELOW[caller.role]:
            raise NOT_ALLOWED()
        await tx.execute(SET_ROLE, caller.county_id, user["id"], role)
        await event(tx, caller, user["id"], "role changed", now, role=role)
        await revoke(tx, caller, user["id"], now)


async def close(tx: Tx, caller: Caller, user: asyncpg.Record, now: datetime) -> None:
    """The account signs in no more, holds nothing more, and its devices are to be erased; what it wrote keeps its name."""
    if user["closed_at"]:
        return
    await tx.execute(CLOSE, caller.county_id, user["id"], now)
    await event(tx, caller, user["id"], "closed", now)
    await end_all(tx, caller.county_id, user["id"], "revoked", now)
    await revoke(tx, caller, user["id"], now)


async def reset_password(tx: Tx, caller: Caller, user_id: UUID, password_hash: str, now: datetime) -> None:
    """A first password again, told by whoever is above; the user's devices are signed out. Raises `account-closed`."""
    if not await tx.fetch(SET_PASSWORD, caller.county_id, user_id, password_hash):
        raise ACCOUNT_CLOSED()
    await end_all(tx, caller.county_id, user_id, "signed_out", now)
    await event(tx, caller, user_id, "password reset", now)


async def end_device(tx: Tx, caller: Caller, device_id: UUID, state: End, now: datetime) -> None:
    """Revokes, or reports lost, a device of the caller's own or of somebody below; `not-found` for any other."""
    owner = await tx.fetchval(DEVICE_WITHIN, caller.county_id, device_id, caller.townships, caller.role, caller.user_id)
    if owner is None:
        raise NOT_FOUND()
    if await end(tx, caller.county_id, [device_id], state, now):
        await event(tx, caller, owner, f"device {state}", now, device_id=str(device_id))
