"""How one gets tokens: by password, by refresh token; and how a device gives them back.

Refresh tokens rotate. A child is derived from its parent under a server key, so that a phone that repeats a refresh on a bad line gets
the same child again; a parent that comes after its child was used is a theft, and ends all tokens of the device (RFC 9700, 4.14).
"""

import asyncio
import base64
import hashlib
import ipaddress
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID, uuid4

from asyncpg import Record
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from api.access import Access
from api.db.session import Tx
from api.problems import ACCOUNT_CLOSED, DEVICE_OF_ANOTHER, DEVICE_REVOKED, TOO_MANY_ATTEMPTS, WEAK_PASSWORD, WRONG_SIGN_IN, Problem, busy
from api.rules.caller import Caller
from api.tokens import LIFETIME, issue

T = TypeVar("T")

REFRESH_DAYS = 90  # a phone may lie in a drawer for a season
WINDOW = timedelta(minutes=15)
# Tries within a window. A known device counts for itself alone, so nobody can lock it out by failing elsewhere.
MOST = {"account": 10, "device": 20, "network": 300}


class Passwords:
    """Argon2id takes a third of a second and 64 MiB: two at a time, twenty waiting, then 503."""

    def __init__(self) -> None:
        self._hash = PasswordHash((Argon2Hasher(),))
        self._two, self._inside = asyncio.Semaphore(2), 0
        self._nobodys = self._hash.hash(secrets.token_urlsafe())

    async def hash(self, password: str) -> str:
        return await self._in_turn(self._hash.hash, password)

    async def right(self, password: str, known: str | None) -> bool:
        """Takes as long for an account that does not exist."""
        return await self._in_turn(self._hash.verify, password, known or self._nobodys) and known is not None

    async def _in_turn(self, work: Callable[..., T], *args: str) -> T:
        if self._inside >= 22:
            raise busy(5)
        self._inside += 1
        try:
            async with self._two:
                return await asyncio.to_thread(work, *args)
        finally:
            self._inside -= 1


def strong(password: str, username: str) -> Problem | None:
    """At least ten characters, neither common nor the user name (NIST SP 800-63B, 3.1.1.2: length and a list, no rules of composition)."""
    plain = password.casefold()
    common = ("1234567890", "0123456789", "qwertyuiop", "password12", "jiafang123", "aaaaaaaaaa")
    weak = len(password) < 10 or username.casefold() in plain or plain.startswith(common) or len(set(plain)) < 4
    return WEAK_PASSWORD.at("/password") if weak else None


@dataclass(frozen=True, slots=True)
class Tokens:
    access_token: str
    refresh_token: str
    expires_in: int
    device_id: UUID
    password_temporary: bool


USER = """
SELECT u.county_id, u.id, u.role, u.password_hash, u.password_temporary, u.closed_at, d.user_id AS device_user, d.state
FROM app_user u LEFT JOIN device d ON d.county_id = $1 AND d.id = $3::uuid
WHERE u.county_id = $1 AND u.id = $2"""
TRY = """
INSERT INTO sign_in_attempts (subject, tries, until) VALUES ($1, 1, $2::timestamptz + $3::interval)
ON CONFLICT ON CONSTRAINT sign_in_attempts_pkey DO UPDATE
SET tries = CASE WHEN sign_in_attempts.until < $2 THEN 1 ELSE sign_in_attempts.tries + 1 END,
    until = CASE WHEN sign_in_attempts.until < $2 THEN excluded.until ELSE sign_in_attempts.until END
RETURNING tries, until"""
SUCCESS = "UPDATE sign_in_attempts SET tries = tries - 1 WHERE subject = ANY ($1::bytea[])"
DEVICE = """
INSERT INTO device (county_id, id, user_id, name, started_tick, registered_at, signed_in_at, state, state_at)
SELECT k.county_id, $2, $3, $4, k.tick, $5, $5, 'active', $5 FROM clock k WHERE k.county_id = $1
ON CONFLICT ON CONSTRAINT device_pkey DO UPDATE SET name = excluded.name, signed_in_at = excluded.signed_in_at,
    state = 'active', state_at = CASE WHEN device.state = 'active' THEN device.state_at ELSE excluded.state_at END
WHERE device.user_id = excluded.user_id AND device.state IN ('active', 'signed_out')"""
REMEMBER = """
INSERT INTO refresh_token (county_id, hash, device_id, expires_at) VALUES ($1, $2, $3, $4)
ON CONFLICT ON CONSTRAINT refresh_token_pkey DO NOTHING"""
OFFERED = """
SELECT r.device_id, r.expires_at, r.revoked_at, d.state, u.id AS user_id, u.role, u.closed_at, u.password_temporary
FROM refresh_token r
JOIN device d ON d.county_id = $1 AND d.id = r.device_id
JOIN app_user u ON u.county_id = $1 AND u.id = d.user_id
WHERE r.county_id = $1 AND r.hash = $2 FOR UPDATE OF r"""
CHILD_USED = "SELECT c.used_at IS NOT NULL FROM refresh_token c WHERE c.county_id = $1 AND c.hash = $2"
USE = "UPDATE refresh_token SET used_at = coalesce(used_at, $3) WHERE county_id = $1 AND hash = $2"
END_FAMILY = "UPDATE refresh_token SET revoked_at = $3 WHERE county_id = $1 AND device_id = $2 AND revoked_at IS NULL"
END_DEVICE = "UPDATE device SET state = $3, state_at = $4 WHERE county_id = $1 AND id = $2 AND state = 'active'"
OWN_PASSWORD = "SELECT u.username, u.password_hash FROM app_user u WHERE u.county_id = $1 AND u.id = $2"
SET_OWN_PASSWORD = "UPDATE app_user SET password_hash = $3, password_temporary = false WHERE county_id = $1 AND id = $2"
OTHER_DEVICES = "SELECT d.id FROM device d WHERE d.county_id = $1 AND d.user_id = $2 AND d.id <> $3 AND d.state = 'active'"
OUTDATED = "DELETE FROM refresh_token WHERE county_id = $1 AND device_id = $2 AND (expires_at < $3 OR revoked_at IS NOT NULL)"


async def by_password(
    access: Access, passwords: Passwords, *, username: str, password: str, device_id: UUID | None, device_name: str, network: str
) -> Tokens:
    """Raises `wrong-sign-in` for any wrong name or password alike, `too-many-attempts`, `account-closed`,
    `device-revoked`, `device-of-another`."""
    now, username = access.now(), username.strip().casefold()
    login = await access.database.fetch("SELECT l.county_id, l.user_id FROM login l WHERE l.username = $1", username)
    user: Record | None = None
    if login:
        user = (await access.database.fetch(USER, login[0]["county_id"], login[0]["user_id"], device_id))[0]
    known_device = user is not None and user["device_user"] == user["id"] and user["state"] in ("active", "signed_out")
    subjects = [("device", _subject("device", str(device_id)))]
    if not known_device:
        subjects = [("account", _subject("account", username)), ("network", _subject("network", _network(network)))]
    await _count(access, subjects, now)
    if not await passwords.right(password, user["password_hash"] if user else None) or user is None:
        raise WRONG_SIGN_IN(error="invalid_grant")
    await access.database.fetch(SUCCESS, [subject for _, subject in subjects])
    if user["closed_at"]:
        raise ACCOUNT_CLOSED(wipe=True)
    device = device_id or uuid4()

    async def register(tx: Tx) -> Tokens:
        registered = await tx.execute(DEVICE, user["county_id"], device, user["id"], device_name, now)
        if registered == "INSERT 0 0":
            raise DEVICE_REVOKED(wipe=True) if user["device_user"] == user["id"] else DEVICE_OF_ANOTHER()
        await tx.execute(OUTDATED, user["county_id"], device, now)
        secret = secrets.token_bytes(32)
        await tx.execute(REMEMBER, user["county_id"], _hash(secret), device, now + timedelta(days=REFRESH_DAYS))
        return _tokens(access, user["county_id"], user["id"], user, device, secret, now)

    return await access.database.plain(register)


async def by_refresh_token(access: Access, token: str) -> Tokens:
    """The same parent gives the same child until the child is used. Raises `wrong-sign-in`, `account-closed`, `device-revoked`."""
    county_id, secret = _parse(token)
    now = access.now()

    async def rotate(tx: Tx) -> Tokens | Problem:
        offered = await tx.fetchrow(OFFERED, county_id, _hash(secret))
        if offered is None or offered["revoked_at"] or offered["expires_at"] < now or offered["state"] == "signed_out":
            return WRONG_SIGN_IN(error="invalid_grant")
        if offered["closed_at"]:
            return ACCOUNT_CLOSED(wipe=True)
        if offered["state"] != "active":
            return DEVICE_REVOKED(wipe=True)
        child = access.keys.mac("refresh", secret)
        if await tx.fetchval(CHILD_USED, county_id, _hash(child)):
            await tx.execute(END_FAMILY, county_id, offered["device_id"], now)
            return WRONG_SIGN_IN(error="invalid_grant")
        await tx.execute(REMEMBER, county_id, _hash(child), offered["device_id"], now + timedelta(days=REFRESH_DAYS))
        await tx.execute(USE, county_id, _hash(secret), now)
        return _tokens(access, county_id, offered["user_id"], offered, offered["device_id"], child, now)

    answer = await access.database.plain(rotate)  # a problem is returned, not raised: the end of a family must be committed
    if isinstance(answer, Problem):
        raise answer
    return answer


async def change_password(access: Access, passwords: Passwords, caller: Caller, old: str, new: str) -> None:
    """Other devices are signed out. Raises `wrong-sign-in`, `weak-password`, `too-many-attempts`."""
    now = access.now()
    [user] = await access.database.fetch(OWN_PASSWORD, caller.county_id, caller.user_id)
    subjects = [_subject("device", str(caller.device_id))]
    await _count(access, [("device", subjects[0])], now)
    if not await passwords.right(old, user["password_hash"]):
        raise WRONG_SIGN_IN(error="invalid_grant")
    await access.database.fetch(SUCCESS, subjects)
    if weak := strong(new, user["username"]):
        raise weak
    password_hash = await passwords.hash(new)

    async def work(tx: Tx) -> None:
        await tx.execute(SET_OWN_PASSWORD, caller.county_id, caller.user_id, password_hash)
        for row in await tx.fetch(OTHER_DEVICES, caller.county_id, caller.user_id, caller.device_id):
            await end(tx, caller.county_id, row["id"], "signed_out", now)

    await access.database.plain(work)


async def end(tx: Tx, county_id: int, device_id: UUID, state: str, now: datetime) -> None:
    """Ends a device's tokens: signed out, revoked or lost."""
    await tx.execute(END_DEVICE, county_id, device_id, state, now)
    await tx.execute(END_FAMILY, county_id, device_id, now)


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
        raise WRONG_SIGN_IN(error="invalid_grant")
    return county_id, secret


async def _count(access: Access, subjects: list[tuple[str, bytes]], now: datetime) -> None:
    """Counts a try before the password is looked at, so that many at once are counted too; a success takes it back."""
    for kind, subject in subjects:
        [count] = await access.database.fetch(TRY, subject, now, WINDOW)
        if count["tries"] > MOST[kind]:
            seconds = max(1, int((count["until"] - now).total_seconds()))
            raise TOO_MANY_ATTEMPTS(headers={"Retry-After": str(seconds)}, retry_after=seconds)


def _subject(kind: str, name: str) -> bytes:
    return hashlib.sha256(f"{kind}:{name}".encode()).digest()


def _hash(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()


def _network(address: str) -> str:
    """Who shares a line is counted together: /24 of IPv4, /56 of IPv6."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    return str(ipaddress.ip_network((ip, 24 if ip.version == 4 else 56), strict=False))
