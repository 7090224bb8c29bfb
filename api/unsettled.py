"""The lists for people: what phones sent and what did not become a revision as it was, and how people settle it.

Nothing leaves a list by itself but what was held: when what it refers to arrives it is tried again, with its sender's rights at that
moment.
"""

import logging
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal
from uuid import UUID

import asyncpg
import orjson
from pydantic import ValidationError

from api import checkups, offline, pushed
from api.access import Access
from api.db import kept, store
from api.db.session import Tx
from api.db.store import Row
from api.kinds import KINDS, WAITED_FOR
from api.problems import COULD_NOT_STORE, ID_TAKEN, NOT_ALLOWED, NOT_ENOUGH, NOT_FOUND, RANGE_TAKEN, SETTLED, VOIDED, Problem
from api.pushed import NEVER, Sent
from api.road import Batch, Op, Result, read, write_one
from api.rules.caller import Caller
from api.schemas.base import change
from api.schemas.faults import invalid

log = logging.getLogger("jiafang")
Choice = Literal["mine", "theirs", "value"]
Dismissable = Literal["inbox", "rejected"]
Stored = tuple[list[Result], list[UUID]]


async def push(access: Access, caller: Caller, sent: Sequence[Sent]) -> list[Result]:
    """Stores what a phone sent, and then what had waited for it. One result per op."""
    results, opened = await _store(access, caller, sent)
    await release(access, caller, opened)
    await _settle(access, caller, results)
    return results


async def after_one(access: Access, caller: Caller, op: Op, result: Result) -> None:
    """What follows the commit of one edit: what had waited for its record is tried, and seats are settled, as the result then shows."""
    came = op.creates or (op.kind.parent and op.kind.parent.member in op.doc)
    if came and result.outcome == "applied" and op.kind.name in WAITED_FOR:
        await release(access, caller, [op.id])
    await checkups.settled(access, caller, op, result)


async def _settle(access: Access, caller: Caller, results: Sequence[Result]) -> None:
    await checkups.settle(access, caller.county_id, {session for result in results for session in result.settles})


async def _store(access: Access, caller: Caller, sent: Sequence[Sent]) -> Stored:
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
        parts = [await _store(access, caller, part) for part in (sent[: len(sent) // 2], sent[len(sent) // 2 :])]
        return [result for part in parts for result in part[0]], [i for part in parts for i in part[1]]
    return await _store(access, caller, [_poison(each, each.op) for each in sent if each.op])


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
        sent = [_taken(row) for row in rows]
        return await offline.push(tx, sender, sent, today=access.today(), now=access.now(), again_by=user_id)

    results, opened = await access.database.write(sender, work)
    await _settle(access, sender, results)
    return opened


def _taken(row: asyncpg.Record) -> Sent:
    op = {"kind": row["kind"], "id": str(row["record_id"]), **orjson.loads(row["op"])}
    return pushed.take(op, row["device_id"], mark=row["id"].bytes)


async def accept(access: Access, caller: Caller, entry_id: UUID) -> Result:
    """Stores an edit from the inbox, in the name of who made it, by the right of the officer. Raises why it can't: then it stays."""

    async def work(tx: Tx) -> Stored:
        row = await _kept(tx, caller, entry_id, "inbox")
        author = replace(caller, user_id=row["user_id"], device_id=row["device_id"])
        [result], opened = await offline.push(tx, author, [_taken(row)], today=access.today(), now=access.now(), again_by=caller.user_id)
        if result.outcome == "rejected" and result.problem:
            raise result.problem
        if result.outcome in ("inbox", "held"):
            raise VOIDED() if row["reason"] == "voided" or result.rev else NOT_FOUND()
        return [result], opened

    [result], opened = await access.database.write(caller, work)
    await release(access, caller, opened)
    await _settle(access, caller, [result])
    return result


async def dismiss(tx: Tx, access: Access, caller: Caller, entry_id: UUID, state: Dismissable) -> None:
    """Takes an entry off its list; it can be read among those that are settled."""
    row = await _kept(tx, caller, entry_id, state)
    await tx.execute(kept.SETTLE, caller.county_id, [row["id"]], "dismissed", access.now(), caller.user_id)


async def _kept(tx: Tx, caller: Caller, entry_id: UUID, state: str) -> asyncpg.Record:
    asked = (caller.county_id, entry_id, caller.user_id, caller.townships)
    row = await tx.fetchrow(kept.ONE_KEPT, *asked)
    if row:
        await tx.fetchrow(kept.TURN, caller.county_id, row["device_id"])
        row = await tx.fetchrow(kept.ONE_KEPT, *asked)  # as it is while its device has to wait
    if row is None or row["state"] != state:
        raise NOT_FOUND()
    if row["settled"]:
        raise SETTLED()
    if state == "inbox" and row["township_id"] not in caller.townships:  # its sender may read it
        raise NOT_ALLOWED()
    return row


async def resolve(access: Access, caller: Caller, conflict_id: UUID, choose: Choice, value: Any) -> Row:
    """Chooses the phone's value, the record's at that time, or another; that is an edit like any other. Returns the conflict."""

    async def work(tx: Tx) -> tuple[Row, Op, Result]:
        return await _chosen(tx, access, caller, conflict_id, choose, value)

    row, op, result = await access.database.write(caller, work)
    await after_one(access, caller, op, result)
    return row


async def _chosen(tx: Tx, access: Access, caller: Caller, conflict_id: UUID, choose: Choice, value: Any) -> tuple[Row, Op, Result]:
    asked = (caller.county_id, conflict_id, caller.user_id, caller.townships)
    row = await tx.fetchrow(kept.ONE_CONFLICT, *asked)
    if row is None:
        raise NOT_FOUND()
    kind, field, now = KINDS[row["kind"]], row["field"], access.now()
    batch = Batch(caller, access.today(), now)
    await read(tx, batch, [Op(kind, row["record_id"], base_rev=1)])  # takes the locks of a write
    present = batch.rows[kind.name].get(row["record_id"])
    [row] = await tx.fetch(kept.ONE_CONFLICT, *asked)  # as it is under the lock
    if row["settled"]:
        raise SETTLED()
    if present is None:
        raise NOT_FOUND()
    chosen = value if choose == "value" else orjson.loads(row["yours" if choose == "mine" else "theirs"])
    try:
        doc = change(kind.schema).model_validate_json(orjson.dumps({field: chosen}))
    except ValidationError as error:
        raise invalid(error) from None
    settled: Row = {"id": conflict_id, "settled": choose, "settled_at": now, "settled_by": caller.user_id}
    await store.put(tx, kept.SETTLE_CONFLICT, caller.county_id, [settled])
    op = Op(kind, row["record_id"], {field: getattr(doc, field)}, present["rev"])
    result = await write_one(tx, caller, op, today=access.today(), now=now, confirmed=True)
    [row] = await tx.fetch(kept.ONE_CONFLICT, *asked)
    return {**row, "role": caller.role, "within": True}, op, result
