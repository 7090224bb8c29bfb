"""What follows from attendances and sessions, after the commit and in transactions of its own: who has a seat and who waits, and whom
somebody has to tell that a session was moved.

Workers of several villages ask people to one session, and none sees the others' people. So the service itself does it, by the road.
Again changes nothing; by the hour and at start it is done for all sessions to come (jobs/hourly.py), so a process
that dies before loses nothing. Decision 0016.
"""

import logging
from collections.abc import Collection, Sequence
from functools import partial
from uuid import UUID, uuid5

import asyncpg

from api import road
from api.access import Access
from api.db import checkups as statements
from api.db import store
from api.db.session import Overtaken, Tx
from api.db.store import Row
from api.decide import Op, Result
from api.kinds import ATTENDANCE, CHECKUP_SESSION, FOLLOW_UP
from api.problems import STALE, Problem
from api.rules import checkup_session as rule
from api.rules.attendance import CALLED
from api.rules.caller import Caller, as_officer, command_line

log = logging.getLogger("jiafang")
NO_LONGER = "不用再提醒"
OTHERWISE = "又有新的安排"


async def settle(access: Access, county_id: int, session_ids: Collection[UUID]) -> None:
    """Whatever fails is done by the hour."""
    if not session_ids:
        return
    townships = await access.database.fetch(statements.TOWNSHIPS, county_id)
    keeper = as_officer(command_line(county_id, sorted(row["township_id"] for row in townships)))
    for session_id in sorted(session_ids):
        try:
            for step in (_seat, _tell):
                await access.database.write(keeper, partial(step, access=access, keeper=keeper, session_id=session_id))
        except (asyncpg.PostgresError, Problem) as error:
            log.error("session %s could not be settled: %s", session_id, type(error).__name__)


async def to_come(access: Access, county_id: int) -> list[UUID]:
    keeper = command_line(county_id)

    async def look(tx: Tx) -> list[UUID]:
        return [row["id"] for row in await tx.fetch(statements.TO_COME, county_id, access.today())]

    return await access.database.write(keeper, look)


async def _seat(tx: Tx, *, access: Access, keeper: Caller, session_id: UUID) -> None:
    """Under the session's lock, or a seat that comes free meanwhile would stay empty."""
    found = await store.rows(tx, CHECKUP_SESSION.store.lock, keeper, [session_id])
    if not found or found[0]["voided"]:
        return
    [session] = found
    attendances = await _attendances(tx, keeper, session_id)
    waiting, full, over_by = rule.seats(session, attendances)
    ops = [
        Op(ATTENDANCE, each["id"], {"waiting_since": access.now() if each["id"] in waiting else None}, each["rev"])
        for each in attendances
        if (each["id"] in waiting) != (each["waiting_since"] is not None)
    ]
    if (session["full"], session["over_by"]) != (full, over_by):
        ops.append(Op(CHECKUP_SESSION, session_id, {"full": full, "over_by": over_by}, session["rev"]))
    await _write(tx, access, keeper, ops)


async def _tell(tx: Tx, *, access: Access, keeper: Caller, session_id: UUID) -> None:
    """A transaction of its own: follow-ups hang on households, which are locked before sessions. What was read is held by its revision."""
    found = await store.rows(tx, CHECKUP_SESSION.store.found, keeper, [session_id])
    if not found:
        return
    [session], today = found, access.today()
    attendances = await _attendances(tx, keeper, session_id)
    told = list(rule.to_be_told(session, attendances, today))
    ops = await _to_drop(tx, keeper, attendances, told)
    for each in told:
        n = each["reminders"] + 1
        due = {"household_id": each["household_id"], "person_id": each["person_id"], **rule.notice(session, today)}
        ops.append(Op(FOLLOW_UP, _reminder(each["id"], n), due))
        ops.append(Op(ATTENDANCE, each["id"], {"informed_at": rule.informed(session, access.now()), "reminders": n}, each["rev"]))
    await _write(tx, access, keeper, ops)


async def _attendances(tx: Tx, keeper: Caller, session_id: UUID) -> list[Row]:
    return [dict(row) for row in await tx.fetch(statements.ATTENDANCES, keeper.county_id, session_id)]


async def _write(tx: Tx, access: Access, keeper: Caller, ops: Sequence[Op]) -> None:
    results = await road.write(tx, keeper, ops, today=access.today(), now=access.now()) if ops else []
    for problem in filter(None, (result.problem for result in results)):
        if problem.kind is STALE:
            raise Overtaken
        log.error("a session could not be settled whole: %s", problem.kind.slug)


def _reminder(attendance_id: UUID, n: int) -> UUID:
    return uuid5(attendance_id, str(n))


async def _to_drop(tx: Tx, keeper: Caller, attendances: Collection[Row], told: Collection[Row]) -> list[Op]:
    """What reminds people who are not expected any more, and what was to be told before a session was moved once more. Only what the
    check-up raised itself: a lead household, who may note something for anybody in the group, would learn from it who declined."""
    raised = {_reminder(each["id"], n): each for each in attendances for n in range(1, each["reminders"] + 1)}
    again, ops = {each["id"] for each in told}, list[Op]()
    for row in await tx.fetch(statements.REMINDING, keeper.county_id, list(raised)):
        of = raised[row["id"]]
        asked_since = row["created_at"] < of["seat_at"]  # to another session
        if of["state"] not in CALLED or of["id"] in again or asked_since:
            because = NO_LONGER if of["state"] not in CALLED else OTHERWISE
            ops.append(Op(FOLLOW_UP, row["id"], {"status": "dropped", "dropped_because": because}, row["rev"]))
    return ops


async def settled(access: Access, caller: Caller, op: Op, result: Result) -> None:
    """Settles what an edit touched; the reply shows what became of it."""
    if not result.settles:
        return
    await settle(access, caller.county_id, result.settles)
    view = op.kind.documents.stored[caller.view]

    async def look(tx: Tx) -> list[asyncpg.Record]:
        return await tx.fetch(view, caller.county_id, caller.user_id, caller.places, caller.townships, caller.above, [op.id])

    for row in await access.database.write(caller, look):
        if row["doc"]:
            result.doc, result.rev = row["doc"], row["rev"]
