"""The way in of what phones sent: its transactions, and what follows their commits.

What was held is tried again when what it refers to arrives, with its sender's rights at that moment.
"""

import logging
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial
from uuid import UUID

import asyncpg
import orjson

from api import checkups, offline, pushed
from api.access import Access
from api.db import kept
from api.db.session import Tx
from api.decide import Op, Result
from api.kinds import WAITED_FOR
from api.problems import COULD_NOT_STORE, ID_TAKEN, NOT_ENOUGH, RANGE_TAKEN, Problem
from api.pushed import NEVER, Sent
from api.rules.caller import Caller

log = logging.getLogger("jiafang")
Stored = tuple[list[Result], list[UUID]]


async def store(access: Access, caller: Caller, sent: Sequence[Sent]) -> list[Result]:
    """Stores what a phone sent, and then what had waited for it. One result per op."""
    results, opened = await _in_parts(access, caller, sent)
    await after_several(access, caller, results, opened)
    return results


async def after_one(access: Access, caller: Caller, op: Op, result: Result) -> None:
    """What follows the commit of one edit: what had waited for its record is tried, and seats are settled, as the result then shows."""
    came = op.creates or (op.kind.parent and op.kind.parent.member in op.doc)
    if came and result.outcome == "applied" and op.kind.name in WAITED_FOR:
        await release(access, caller, [op.id])
    await checkups.settled(access, caller, op, result)


async def after_several(access: Access, caller: Caller, results: Sequence[Result], opened: Collection[UUID]) -> None:
    """The same for several. `opened`: the records that others may have waited for."""
    await release(access, caller, opened)
    await _settle(access, caller, results)


async def _settle(access: Access, caller: Caller, results: Sequence[Result]) -> None:
    await checkups.settle(access, caller.county_id, {session for result in results for session in result.settles})


async def _in_parts(access: Access, caller: Caller, sent: Sequence[Sent]) -> Stored:
    """An op that the database will not have, though the rules let it pass, is found by halving and put on the rejected list; so it holds up
    no other. Each part is a transaction of its own (decision 0010)."""

    async def work(tx: Tx) -> Stored:
        return await offline.push(tx, caller, sent, today=access.today(), now=access.now())

    for last in (False, True):  # it may have been a race
        try:
            return await access.database.write(caller, work)
        except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError):
            raise  # not migrated yet: no op's fault
        except (asyncpg.PostgresError, Problem) as error:
            if isinstance(error, Problem) and error.kind not in (ID_TAKEN, RANGE_TAKEN, NOT_ENOUGH):
                raise
            if last and len(sent) == 1:
                if sent[0].op is None or sent[0].wrong:
                    raise  # not even to be kept
                log.error("op %s could not be stored: %s", UUID(bytes=sent[0].op.mark), type(error).__name__)
    if sent[1:]:
        parts = [await _in_parts(access, caller, part) for part in (sent[: len(sent) // 2], sent[len(sent) // 2 :])]
        return [result for part in parts for result in part[0]], [i for part in parts for i in part[1]]
    return await _in_parts(access, caller, [_poison(each, each.op) for each in sent if each.op])


def _poison(sent: Sent, op: Op) -> Sent:
    return replace(sent, op=Op(op.kind, op.id, made_at=NEVER, mark=op.mark), wrong=COULD_NOT_STORE())


async def release(access: Access, caller: Caller, opened: Collection[UUID]) -> None:
    """Tries what was held for these records, and then what was held for those. Whatever fails stays held, and is tried by the hour."""
    while opened:
        waited_for, opened = list(opened), []
        for row in await access.database.write(caller, partial(_senders, caller.county_id, waited_for)):
            try:
                opened += await _try_again(access, caller.county_id, row["user_id"], row["device_id"], waited_for)
            except (asyncpg.PostgresError, Problem) as error:
                log.error("what was held could not be tried: %s", type(error).__name__)


async def _senders(county_id: int, waited_for: list[UUID], tx: Tx) -> list[asyncpg.Record]:
    return await tx.fetch(kept.WAITING, county_id, waited_for)


async def _try_again(access: Access, county_id: int, user_id: UUID, device_id: UUID, waited_for: list[UUID]) -> list[UUID]:
    sender = await access.caller_of(county_id, user_id, device_id)
    if sender is None:  # the account is closed: in the inbox after 30 days
        return []

    async def work(tx: Tx) -> Stored:
        await tx.fetchrow(kept.TURN, county_id, device_id)
        rows = await tx.fetch(kept.HELD, county_id, device_id, waited_for)
        sent = [taken(row) for row in rows]
        return await offline.push(tx, sender, sent, today=access.today(), now=access.now(), again_by=user_id)

    results, opened = await access.database.write(sender, work)
    await _settle(access, sender, results)
    return opened


def taken(row: asyncpg.Record) -> Sent:
    op = {"kind": row["kind"], "id": str(row["record_id"]), **orjson.loads(row["op"])}
    return pushed.take(op, row["device_id"], mark=row["id"].bytes)
