"""Who is calling and what they may touch: token -> caller -> scoped statement.

The token proves an identity; everything else is read from the database at each request, in the same statement and snapshot as what is
asked for. So a closed account, a revoked device and a place taken away bite on the next request.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, TypeVar, cast
from uuid import UUID

from asyncpg import Record
from fastapi import Request

from api.db.session import Database
from api.problems import ACCOUNT_CLOSED, DEVICE_REVOKED, NO_FAMILY_SEAT, NOT_SIGNED_IN, Problem, busy
from api.rules.caller import COUNTY_PLACE, Caller, Role
from api.tokens import BadToken, Claims, Keys, Remembered

T = TypeVar("T")

# Today is the day in Asia/Shanghai. A fixed offset does: summer time there ended in 1991.
SHANGHAI = timezone(timedelta(hours=8))

# Field workers hold places (a village brings its groups), officers whole townships; the county holds all, and 0 for what lies above them.
_HELD = f"""CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(DISTINCT p.place_id) FILTER (WHERE u.role IN ('village', 'household_head')), '{{}}') AS places,
      coalesce(array_agg(DISTINCT p.township_id) FILTER (WHERE u.role IN ('county', 'township')), '{{}}') AS townships,
      coalesce(array_agg(DISTINCT p.parent_id) FILTER (WHERE p.parent_id IS NOT NULL)
        || array_agg(DISTINCT p.township_id) || {COUNTY_PLACE}, '{{}}') AS above
    FROM membership m JOIN place p ON p.county_id = $1
      AND (p.place_id = m.place_id OR (m.reach = 'below' AND u.role <> 'township' AND p.parent_id = m.place_id))
    WHERE m.county_id = $1 AND m.user_id = u.id AND m.revoked_tick IS NULL) h"""
# One row for a caller in good standing, none for anybody else, nor for a token from before the device signed out and in again.
# What it sets is what row level security reads later in the same statement: `s` is materialized, and whatever reads records is correlated
# with it, so it cannot start before (decision 0003).
CALLER = f"""
WITH s AS MATERIALIZED (
  SELECT u.id AS user_id, u.role, h.places, h.townships, h.above,
    set_config('app.county', $1::int::text, true), set_config('app.wide', CASE u.role WHEN 'county' THEN '*' ELSE '' END, true),
    set_config('app.places', h.places::text, true), set_config('app.townships', h.townships::text, true),
    set_config('app.above', h.above::text, true)
  FROM app_user u
  JOIN device d ON d.county_id = $1 AND d.id = $3::uuid AND d.user_id = u.id AND d.state = 'active'
    AND d.state_at < to_timestamp($5::int + 1)
  {_HELD}
  WHERE u.county_id = $1 AND u.id = $2::uuid AND u.closed_at IS NULL AND u.role = $4::text) """

# Nobody in particular: for a page that anybody may open who was handed its address. The net lets the whole county through, so what is read
# names one record, and shows what everybody may know of it.
ANYBODY = """
WITH s AS MATERIALIZED (SELECT set_config('app.county', $1::int::text, true), set_config('app.wide', '*', true) AS wide) """

# Adults of the household who let its head read something. They agreed to this head, in this household: who came to it since agrees anew,
# and so do all where another heads it, but not where two records of the head were joined, or nobody headed it before.
_GRANTED = """ARRAY(SELECT p.id FROM person p WHERE p.county_id = $1 AND p.household_id = e.household_id AND NOT p.voided AND (
      SELECT c.act = 'given' AND j.household_id = e.household_id
        AND NOT EXISTS (SELECT FROM revision q WHERE q.county_id = $1 AND q.kind = 'person' AND q.id = j.id
          AND q.changes ? 'household_id' AND least(q.made_at, q.received_at) > w.at)
        AND NOT EXISTS (SELECT FROM revision q WHERE q.county_id = $1 AND q.kind = 'household' AND q.id = e.household_id
          AND (SELECT r.joined_into_id IS DISTINCT FROM e.person_id AND r.id <> e.person_id FROM person r
            WHERE r.county_id = $1 AND r.id = (q.changes #>> '{{head_id,0}}')::uuid)
          AND least(q.made_at, q.received_at) > w.at)
      FROM consent c JOIN person j ON j.county_id = $1 AND j.id = c.person_id AND (j.id = p.id OR j.joined_into_id = p.id)
      CROSS JOIN LATERAL (SELECT CASE c.act WHEN 'given' THEN least(c.acted_at, c.created_at) ELSE c.created_at END AS at) w
      WHERE c.county_id = $1 AND c.purpose = '{}' AND NOT c.voided
      ORDER BY w.at DESC, c.act DESC, c.id LIMIT 1))"""
# The family's seat: a caller in good standing, and, where they head it still, the household and whose it is to be seen. `household_id`:
# null without a seat. `mine`: the head and the household's minors; `attendance`, `identity`: the adults who let the head see theirs. A
# consent counts as it does for the other place (db/residences.py), and whichever record of the person heard it: so this is read with the
# net wide open, each step by the key of the one before; what follows is held to the household's place. $6: today.
FAMILY = f"""
WITH k AS MATERIALIZED (
  SELECT u.id AS user_id, u.role, set_config('app.county', $1::int::text, true), set_config('app.wide', '*', true)
  FROM app_user u
  JOIN device d ON d.county_id = $1 AND d.id = $3::uuid AND d.user_id = u.id AND d.state = 'active'
    AND d.state_at < to_timestamp($5::int + 1)
  WHERE u.county_id = $1 AND u.id = $2::uuid AND u.closed_at IS NULL AND u.role = $4::text),
f AS MATERIALIZED (SELECT k.user_id, e.* FROM k LEFT JOIN LATERAL (
  SELECT e.*, ARRAY(SELECT p.id FROM person p WHERE p.county_id = $1 AND p.household_id = e.household_id AND NOT p.voided
      AND p.status IN ('present', 'away') AND (p.id = e.person_id OR p.born_on + interval '18 years' > $6::date)) AS mine,
    {_GRANTED.format("head_sees_attendance")} AS attendance, {_GRANTED.format("head_sees_identity")} AS identity
  FROM (
    SELECT h.id AS household_id, p.id AS person_id, h.place_id, h.township_id, ARRAY[q.parent_id, h.township_id, {COUNTY_PLACE}] AS above
    FROM seat t
    JOIN person r ON r.county_id = $1 AND r.id = t.person_id
    JOIN person p ON p.county_id = $1 AND p.id = coalesce(r.joined_into_id, r.id)
    JOIN household h ON h.county_id = $1 AND h.id = t.household_id
    JOIN place q ON q.county_id = $1 AND q.place_id = h.place_id
    WHERE t.county_id = $1 AND t.user_id = k.user_id AND k.role = 'household_head' AND t.revoked_tick IS NULL
      AND NOT h.voided AND h.head_id = p.id AND p.household_id = h.id AND NOT p.voided
      AND p.status IN ('present', 'away') LIMIT 1) e) e ON true),
s AS MATERIALIZED (SELECT f.*, set_config('app.wide', '', true), set_config('app.townships', '', true),
    set_config('app.places', coalesce('{{' || f.place_id || '}}', ''), true), set_config('app.above', coalesce(f.above::text, ''), true)
  FROM f) """

WHO = CALLER + "SELECT s.places, s.townships, s.above FROM s"
RIGHTS = f"""
SELECT u.role, h.places, h.townships, h.above FROM app_user u
{_HELD}
WHERE u.county_id = $1 AND u.id = $2::uuid AND u.closed_at IS NULL"""

STANDING = """
SELECT u.role, u.closed_at IS NOT NULL AS closed, d.state FROM app_user u
LEFT JOIN device d ON d.county_id = $1 AND d.id = $3::uuid AND d.user_id = u.id
WHERE u.county_id = $1 AND u.id = $2::uuid"""


class Access:
    """What every request needs of the running process: the database, the keys, and the day."""

    def __init__(self, database: Database, keys: Keys, fixed_today: date | None = None) -> None:
        self.database, self.keys, self._fixed_today = database, keys, fixed_today
        self._remembered = Remembered(keys)

    def now(self) -> datetime:
        return datetime.now(UTC)

    def today(self) -> date:
        return self._fixed_today or datetime.now(SHANGHAI).date()

    def claims(self, request: Request) -> Claims:
        """What the bearer token proves; 401 without a good one."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        try:
            if scheme.lower() == "bearer":
                return self._remembered.claims(token.strip(), int(self.now().timestamp()))
        except BadToken:
            pass
        raise not_signed_in()

    async def read(self, request: Request, statement: Callable[[Role], str], *args: Any) -> list[Record]:
        """Runs `statement(role)`, a SELECT from `s`, for whoever calls; at least one row."""
        return (await self._ask(self.claims(request), lambda role: CALLER + statement(role), *args))[1]

    async def family(self, request: Request, statement: str, *args: Any) -> Record:
        """The one row of a SELECT from `s` for whoever calls from a family's seat, `household_id` in it. Raises `no-family-seat`."""
        [row] = (await self._ask(self.claims(request), lambda role: FAMILY + statement, self.today(), *args))[1]
        if row["household_id"] is None:
            raise NO_FAMILY_SEAT()
        return row

    async def read_in_public(self, county_id: int, statement: str, *args: Any) -> Record:
        """The one row of a statement that anybody may have run, `FROM s` as well."""
        return (await self.database.fetch(ANYBODY + statement, county_id, *args))[0]

    async def caller(self, request: Request) -> Caller:
        claims = self.claims(request)
        role, [held] = await self._ask(claims, lambda role: WHO)
        return Caller(claims.county_id, claims.user_id, claims.device_id, role, *(tuple(held[n]) for n in ("places", "townships", "above")))

    async def sender(self, request: Request) -> Caller:
        """The same for a push: a device that was reported lost may bring what it has not sent (offline.py looks at its state again)."""
        try:
            return await self.caller(request)
        except Problem as problem:
            if problem.kind is not DEVICE_REVOKED:
                raise
            claims = self.claims(request)
            caller = await self.caller_of(claims.county_id, claims.user_id, claims.device_id)
            if caller is None:
                raise
            return caller

    async def caller_of(self, county_id: int, user_id: UUID, device_id: UUID | None) -> Caller | None:
        """The rights that a user has now, to do what was asked for earlier. None for an account that is closed."""
        found = await self.database.fetch(RIGHTS, county_id, user_id)
        held = [(row["role"], *(tuple(row[n]) for n in ("places", "townships", "above"))) for row in found]
        return Caller(county_id, user_id, device_id, *held[0]) if held else None

    async def _ask(self, claims: Claims, statement: Callable[[Role], str], *args: Any) -> tuple[Role, list[Record]]:
        identity = (claims.county_id, claims.user_id, claims.device_id)
        role = cast(Role, claims.role)
        for _ in range(3):
            rows = await self.database.fetch(statement(role), *identity, role, claims.issued_at, *args)
            if rows:
                return role, rows
            now = self._in_good_standing(await self.database.fetch(STANDING, *identity))
            if now == role:  # so the token is from before the device signed in anew
                raise not_signed_in()
            role = now  # newer than that in the token, or changed meanwhile
        raise busy()

    @staticmethod
    def _in_good_standing(found: list[Record]) -> Role:
        """The caller's role as it is now, or the problem that says why there is none. `wipe`: whether the phone erases its copies."""
        if found and found[0]["closed"]:
            raise ACCOUNT_CLOSED(wipe=True)
        if not found or found[0]["state"] in (None, "signed_out"):
            raise not_signed_in()
        if found[0]["state"] != "active":
            raise DEVICE_REVOKED(wipe=True)
        return cast(Role, found[0]["role"])


def not_signed_in() -> Problem:
    return NOT_SIGNED_IN(headers={"WWW-Authenticate": "Bearer"}, wipe=False)


def access_of(request: Request) -> Access:
    return cast(Access, request.app.state.access)
