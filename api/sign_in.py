"""How one gets tokens: by password, by refresh token; and how a device gives them back.

Refresh tokens rotate. A child is derived from its parent under a server key, so that a phone that repeats a refresh on a bad line gets
the same child again; a parent that comes after its child was used is a theft, and ends all tokens of the device (RFC 9700, 4.14).
"""

import asyncio
import base64
import hashlib
import ipaddress
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, TypeVar
from uuid import UUID, uuid4

import orjson
from asyncpg import Record
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from api import logs
from api.access import Access
from api.db.session import Tx
from api.problems import (
    ACCOUNT_CLOSED,
    DEVICE_OF_ANOTHER,
    DEVICE_REVOKED,
    FIRST_PASSWORD_OVER,
    TOO_MANY_ATTEMPTS,
    WEAK_PASSWORD,
    WRONG_SIGN_IN,
    Problem,
    busy,
)
from api.rules.caller import Caller
from api.tokens import LIFETIME, issue

T = TypeVar("T")
End = Literal["signed_out", "revoked", "lost"]

REFRESH_DAYS = 90  # a phone may lie in a drawer for a season
SESSION_DAYS = 365  # from typing the password to typing it again, however often tokens were exchanged meanwhile
WINDOW = timedelta(minutes=15)
FIRST_DAYS = 30  # somebody else knows a first password: so long it opens anything, and so long a sign-in with it lasts
# Tries within a window. A known device counts for itself alone, so nobody can lock it out by failing elsewhere.
MOST = {"account": 10, "device": 20, "network": 300}
JUDGED = 32  # signs of a new password. Of twice as many, with figures for letters, zxcvbn takes 20 times as long: 5 seconds
# What guessers of this service try first (docs/security.md)
OURS = ("jiafang", "家访", "入户", "随访", "户主", "户长", "乡镇", "worker", "village", "township", "county", "household", "admin")
# From which states a device comes to its end. Only a new sign-in leads back, and only from signed_out to active.
ENDS: Mapping[End, list[str]] = {
    "signed_out": ["active"],
    "revoked": ["active", "signed_out"],
    "lost": ["active", "signed_out", "revoked"],
}


class Passwords:
    """Argon2id is slow and takes 64 MiB, and long passwords take long to judge: two at a time, twenty waiting, then 503."""

    def __init__(self, hasher: Argon2Hasher | None = None) -> None:
        self._hash = PasswordHash((hasher or Argon2Hasher(),))
        self._two, self._inside = ThreadPoolExecutor(2), 0
        self._nobodys = self._hash.hash(secrets.token_urlsafe())

    async def hash(self, password: str) -> str:
        return await self._in_turn(self._hash.hash, password)

    async def strong(self, password: str, username: str) -> bool:
        return await self._in_turn(strong, password, username)

    async def right(self, password: str, known: str | None) -> bool:
        """Takes as long for an account that does not exist."""
        return await self._in_turn(self._hash.verify, password, known or self._nobodys) and known is not None

    async def _in_turn(self, work: Callable[..., T], *args: str) -> T:
        if self._inside >= 22:
            raise busy(5)
        self._inside += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._two, work, *args)
        finally:
            self._inside -= 1


def strong(password: str, username: str) -> bool:
    """At least ten characters, without the user name, for which a guesser needs some hundred million tries, who knows what passwords have
    leaked, words, names, days, rows of keys and our own words (NIST SP 800-63B, 3.1.1.2: length and a list, no rules of composition)."""
    from zxcvbn import zxcvbn  # type: ignore[import-untyped]  # noqa: PLC0415 - its lists take a tenth of a second, at each command

    if len(password) < 10 or username.casefold() in password.casefold():
        return False
    return bool(zxcvbn(password[:JUDGED], [username, *OURS])["score"] >= 3)


@dataclass(frozen=True, slots=True)
class Tokens:
    access_token: str
    refresh_token: str
    expires_in: int
    device_id: UUID
    password_temporary: bool


LOGIN = "SELECT l.county_id, l.user_id FROM login l WHERE l.username = $1"
USER = """
SELECT u.county_id, u.id, u.username, u.password_hash, d.user_id = u.id AS own_device, d.state
FROM app_user u LEFT JOIN device d ON d.county_id = $1 AND d.id = $3::uuid
WHERE u.county_id = $1 AND u.id = $2"""
HOLD_USER = """
SELECT u.role, u.password_hash, u.password_temporary, u.closed_at FROM app_user u WHERE u.county_id = $1 AND u.id = $2
FOR NO KEY UPDATE"""
FIRST_GIVEN = """
SELECT max(e.at) FROM account_event e WHERE e.county_id = $1 AND e.user_id = $2 AND e.act IN ('created', 'password reset')"""
TRY = """
INSERT INTO sign_in_attempts (subject, tries, until) VALUES ($1, 1, $2::timestamptz + $3::interval)
ON CONFLICT ON CONSTRAINT sign_in_attempts_pkey DO UPDATE
SET tries = CASE WHEN sign_in_attempts.until < $2 THEN 1 ELSE sign_in_attempts.tries + 1 END,
    until = CASE WHEN sign_in_attempts.until < $2 THEN excluded.until ELSE sign_in_attempts.until END
RETURNING tries, until"""
TAKE_BACK = "UPDATE sign_in_attempts SET tries = tries - 1 WHERE subject = $1 AND tries > 0"
DEVICE = """
INSERT INTO device (county_id, id, user_id, name, registered_at, signed_in_at, state, state_at)
VALUES ($1, $2, $3, $4, $5, $5, 'active', $5)
ON CONFLICT ON CONSTRAINT device_pkey DO UPDATE SET signed_in_at = excluded.signed_in_at,
    name = CASE WHEN excluded.name = '' THEN device.name ELSE excluded.name END,
    state = 'active', state_at = CASE WHEN device.state = 'active' THEN device.state_at ELSE excluded.state_at END
WHERE device.user_id = excluded.user_id AND device.state IN ('active', 'signed_out')"""
REMEMBER = """
INSERT INTO refresh_token (county_id, hash, device_id, expires_at) VALUES ($1, $2, $3, $4)
ON CONFLICT ON CONSTRAINT refresh_token_pkey DO NOTHING"""
# Whatever happens to a device's tokens happens under the lock of the device: two refreshes with different tokens cannot block each other
DEVICE_OFFERED = "SELECT r.device_id FROM refresh_token r WHERE r.county_id = $1 AND r.hash = $2"
HOLD_DEVICE = "SELECT d.id FROM device d WHERE d.county_id = $1 AND d.id = $2 FOR NO KEY UPDATE"
OFFERED = """
SELECT r.device_id, r.expires_at, r.revoked_at, d.state, d.signed_in_at, u.id AS user_id, u.role, u.closed_at, u.password_temporary
FROM refresh_token r
JOIN device d ON d.county_id = $1 AND d.id = r.device_id
JOIN app_user u ON u.county_id = $1 AND u.id = d.user_id
WHERE r.county_id = $1 AND r.hash = $2"""
CHILD_USED = "SELECT c.used_at IS NOT NULL FROM refresh_token c WHERE c.county_id = $1 AND c.hash = $2"
USE = "UPDATE refresh_token SET used_at = coalesce(used_at, $3) WHERE county_id = $1 AND hash = $2"
FORGET = "DELETE FROM sign_in_attempts WHERE until < $1"
OUTDATED = "DELETE FROM refresh_token WHERE county_id = $1 AND device_id = $2 AND (expires_at < $3 OR revoked_at IS NOT NULL)"
END_DEVICES = """
UPDATE device SET state = $3, state_at = $4 WHERE county_id = $1 AND id = ANY ($2::uuid[]) AND state = ANY ($5::text[])
RETURNING id"""
END_TOKENS = "UPDATE refresh_token SET revoked_at = $3 WHERE county_id = $1 AND device_id = ANY ($2::uuid[]) AND revoked_at IS NULL"
DEVICES_OF = "SELECT d.id FROM device d WHERE d.county_id = $1 AND d.user_id = $2 AND d.id IS DISTINCT FROM $3::uuid"
SET_OWN_PASSWORD = "UPDATE app_user SET password_hash = $3, password_temporary = false WHERE county_id = $1 AND id = $2"
EVENT = """
INSERT INTO account_event (county_id, user_id, act, by_user_id, by_device_id, at, facts) VALUES ($1, $2, $3, $4, $5, $6, $7::text::jsonb)"""


async def by_password(
    access: Access, passwords: Passwords, *, username: str, password: str, device_id: UUID | None, device_name: str, network: str
) -> Tokens:
    """Raises `wrong-sign-in` for any wrong name or password alike, `too-many-attempts`, `account-closed`, `first-password-over`,
    `device-revoked`, `device-of-another`."""
    now, username = access.now(), username.casefold()
    user: Record | None = None
    if login := await access.database.fetch(LOGIN, username):
        found = await access.database.fetch(USER, login[0]["county_id"], login[0]["user_id"], device_id)
        user = next(iter(found), None)  # the number of a card that nobody has used yet is nobody's name
    # The network first: past its limit it makes no more rows for accounts, nor does it lock any
    subjects = [("network", network_of(network)), ("account", username)]
    if user and user["own_device"] and user["state"] in ("active", "signed_out"):
        subjects = [("device", str(device_id))]
    try:
        await _check(access, passwords, subjects, password, user["password_hash"] if user else None)
    except Problem as problem:
        if user:
            logs.security("sign-in refused", problem=problem.kind.slug, **logs.who(user["county_id"], user["id"], device_id))
        raise
    if user is None:
        raise wrong()
    county_id, user_id, device = user["county_id"], user["id"], device_id or uuid4()

    async def register(tx: Tx) -> Tokens:
        standing = await tx.fetchrow(HOLD_USER, county_id, user_id)
        if standing is None or standing["password_hash"] != user["password_hash"]:  # it was reset while we were hashing
            raise wrong()
        if standing["closed_at"]:
            raise ACCOUNT_CLOSED(wipe=True)
        if standing["password_temporary"]:
            given = await tx.fetchval(FIRST_GIVEN, county_id, user_id)
            if given and given + timedelta(days=FIRST_DAYS) < now:
                raise FIRST_PASSWORD_OVER()
        if not await _registered(tx, county_id, device, user_id, device_name, now):
            if not user["own_device"]:
                raise DEVICE_OF_ANOTHER()
            if user["state"] != "lost":  # one that was found again may bring what it has not sent, and nothing else (offline.py)
                raise DEVICE_REVOKED(wipe=True)
        return await _first_tokens(tx, access, county_id, user_id, standing, device, now)

    return await access.database.plain(register)


async def enter(tx: Tx, access: Access, county_id: int, user_id: UUID, device: UUID, device_name: str, now: datetime) -> Tokens | None:
    """Signs in whoever has just shown, in this transaction, that the account is theirs; None for a device that is not, or was ended."""
    standing = await tx.fetchrow(HOLD_USER, county_id, user_id)
    if standing is None or not await _registered(tx, county_id, device, user_id, device_name, now):
        return None
    return await _first_tokens(tx, access, county_id, user_id, standing, device, now)


async def _registered(tx: Tx, county_id: int, device: UUID, user_id: UUID, device_name: str, now: datetime) -> bool:
    return await tx.execute(DEVICE, county_id, device, user_id, device_name, now) != "INSERT 0 0"


async def _first_tokens(tx: Tx, access: Access, county_id: int, user_id: UUID, standing: Record, device: UUID, now: datetime) -> Tokens:
    await tx.execute(END_TOKENS, county_id, [device], now)  # those of whoever signed in on it before
    await tx.execute(OUTDATED, county_id, device, now)
    secret = secrets.token_bytes(32)
    await tx.execute(REMEMBER, county_id, _hash(secret), device, _until(standing, now, now))
    logs.security("signed in", **logs.who(county_id, user_id, device))
    return _tokens(access, county_id, user_id, standing, device, secret, now)


def _until(user: Record, signed_in_at: datetime, now: datetime) -> datetime:
    """How long a refresh token of today is good."""
    session = timedelta(days=FIRST_DAYS if user["password_temporary"] else SESSION_DAYS)
    return min(now + timedelta(days=REFRESH_DAYS), signed_in_at + session)


async def by_refresh_token(access: Access, token: str) -> Tokens:
    """The same parent gives the same child until the child is used. Raises `wrong-sign-in`, `account-closed`, `device-revoked`."""
    county_id, secret = _parse(token)
    now = access.now()

    async def rotate(tx: Tx) -> Tokens | Problem:
        device_id = await tx.fetchval(DEVICE_OFFERED, county_id, _hash(secret))
        await tx.execute(HOLD_DEVICE, county_id, device_id)
        offered = await tx.fetchrow(OFFERED, county_id, _hash(secret))
        if offered is None:
            return wrong()
        if offered["closed_at"]:
            return ACCOUNT_CLOSED(wipe=True)
        if offered["state"] in ("revoked", "lost"):
            return DEVICE_REVOKED(wipe=True)
        if offered["state"] == "signed_out" or offered["revoked_at"] or offered["expires_at"] < now:
            return wrong()
        child = access.keys.mac("refresh", secret)
        if await tx.fetchval(CHILD_USED, county_id, _hash(child)):
            await end(tx, county_id, [device_id], "signed_out", now)
            await tx.execute(EVENT, county_id, offered["user_id"], "refresh token used twice", None, device_id, now, "{}")
            return wrong()
        await tx.execute(OUTDATED, county_id, device_id, now)
        await tx.execute(REMEMBER, county_id, _hash(child), device_id, _until(offered, offered["signed_in_at"], now))
        await tx.execute(USE, county_id, _hash(secret), now)
        logs.security("tokens exchanged", **logs.who(county_id, offered["user_id"], device_id))
        return _tokens(access, county_id, offered["user_id"], offered, device_id, child, now)

    answer = await access.database.plain(rotate)  # a problem is returned, not raised: the end of a family must be committed
    if isinstance(answer, Problem):
        raise answer
    return answer


async def change_password(access: Access, passwords: Passwords, caller: Caller, old: str, new: str) -> None:
    """Other devices are signed out. Raises `wrong-sign-in`, `weak-password`, `too-many-attempts`."""
    now = access.now()
    [user] = await access.database.fetch(USER, caller.county_id, caller.user_id, caller.device_id)
    await _check(access, passwords, [("device", str(caller.device_id))], old, user["password_hash"])
    if not await passwords.strong(new, user["username"]):
        raise WEAK_PASSWORD.at("/new_password")
    password_hash = await passwords.hash(new)

    async def work(tx: Tx) -> None:
        standing = await tx.fetchrow(HOLD_USER, caller.county_id, caller.user_id)
        if standing is None or standing["password_hash"] != user["password_hash"]:
            raise wrong()
        await tx.execute(SET_OWN_PASSWORD, caller.county_id, caller.user_id, password_hash)
        await end_all(tx, caller.county_id, user["id"], "signed_out", now, but=caller.device_id)
        await event(tx, caller, user["id"], "password changed", now)

    await access.database.plain(work)


async def end(tx: Tx, county_id: int, device_ids: Collection[UUID], state: End, now: datetime) -> bool:
    """Ends devices and their tokens: signed out, revoked or lost. Says whether that changed anything."""
    ended = await tx.fetch(END_DEVICES, county_id, device_ids, state, now, ENDS[state])
    await tx.execute(END_TOKENS, county_id, device_ids, now)
    return bool(ended)


async def end_all(tx: Tx, county_id: int, user_id: UUID, state: End, now: datetime, but: UUID | None = None) -> None:
    """Ends all devices of a user, but one maybe."""
    await end(tx, county_id, [row["id"] for row in await tx.fetch(DEVICES_OF, county_id, user_id, but)], state, now)


async def event(tx: Tx, caller: Caller, user_id: UUID, act: str, now: datetime, **facts: Any) -> None:
    """Who did what to whose account, for the record. Never a password or a token."""
    await tx.execute(EVENT, caller.county_id, user_id, act, caller.user_id, caller.device_id, now, orjson.dumps(facts).decode())


def wrong() -> Problem:
    return WRONG_SIGN_IN(error="invalid_grant")


def _tokens(access: Access, county_id: int, user_id: UUID, user: Record, device_id: UUID, secret: bytes, now: datetime) -> Tokens:
    seconds = int(now.timestamp())
    token = issue(access.keys, county_id=county_id, user_id=user_id, device_id=device_id, role=user["role"], now=seconds)
    text = f"{county_id}.{base64.urlsafe_b64encode(secret).decode().rstrip('=')}"
    return Tokens(token, text, LIFETIME, device_id, user["password_temporary"])


def _parse(token: str) -> tuple[int, bytes]:
    """A refresh token is the county's number, a dot and 32 bytes in base64url."""
    county, _, text = token.partition(".")
    try:
        secret = base64.b64decode(text + "=", altchars=b"-_", validate=True)
        county_id = int(county) if len(county) < 10 else 0
    except ValueError:
        secret, county_id = b"", 0
    if len(secret) != 32 or county_id < 1:
        raise wrong()
    return county_id, secret


async def count(access: Access, subjects: list[tuple[str, str]]) -> list[bytes]:
    """Counts a try before anybody looks at what was tried, so that many at once are counted too. Raises `too-many-attempts`."""
    now, counted = access.now(), [_subject(kind, name) for kind, name in subjects]
    for (kind, _), subject in zip(subjects, counted, strict=True):
        [tried] = await access.database.fetch(TRY, subject, now, WINDOW)
        if tried["tries"] > MOST[kind]:  # nobody looks, so nothing more is counted
            await uncount(access, counted[: counted.index(subject) + 1])
            seconds = max(1, int((tried["until"] - now).total_seconds()))
            raise TOO_MANY_ATTEMPTS(headers={"Retry-After": str(seconds)}, retry_after=seconds)
    return counted


async def uncount(access: Access, counted: Iterable[bytes]) -> None:
    for subject in counted:
        await access.database.fetch(TAKE_BACK, subject)


async def _check(access: Access, passwords: Passwords, subjects: list[tuple[str, str]], password: str, known: str | None) -> None:
    """Only a wrong password stays counted."""
    counted = await count(access, subjects)
    right = True
    try:
        right = await passwords.right(password, known)
    finally:  # also where nobody had the time to look
        await uncount(access, counted if right else ())
    if not right:
        raise wrong()
    await access.database.fetch(FORGET, access.now())


def _subject(kind: str, name: str) -> bytes:
    return hashlib.sha256(f"{kind}:{name}".encode()).digest()


def _hash(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()


def network_of(address: str) -> str:
    """Who shares a line is counted together: /24 of IPv4, /56 of IPv6."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if ip.version == 6 and ip.ipv4_mapped:  # what IPv4 looks like to a socket that listens on ::
        ip = ip.ipv4_mapped
    return str(ipaddress.ip_network((ip, 24 if ip.version == 4 else 56), strict=False))
