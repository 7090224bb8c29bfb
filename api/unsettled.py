"""The lists for people: what phones sent and what did not become a revision as it was, and how people settle it. Nothing leaves a list by
itself but what was held (way_in.py)."""

from dataclasses import replace
from typing import Any, Literal
from uuid import UUID

import asyncpg
import orjson
from pydantic import ValidationError

from api import offline, way_in
from api.access import Access
from api.db import kept, store
from api.db.session import Tx
from api.db.store import Row
from api.decide import Batch, Op, Result
from api.kinds import KINDS
from api.problems import NOT_ALLOWED, NOT_FOUND, SETTLED, VOIDED
from api.road import read, write_one
from api.rules.caller import Caller
from api.schemas.base import change
from api.schemas.faults import invalid

Choice = Literal["mine", "theirs", "value"]
Dismissable = Literal["inbox", "rejected"]


async def accept(access: Access, caller: Caller, entry_id: UUID) -> Result:
    """Stores an edit from the inbox, in the name of who made it, by the right of the officer. Raises why it can't: then it stays."""

    async def work(tx: Tx) -> way_in.Stored:
        row = await _kept(tx, caller, entry_id, "inbox")
        author = replace(caller, user_id=row["user_id"], device_id=row["device_id"])
        [result], opened = await offline.push(
            tx, author, [way_in.taken(row)], today=access.today(), now=access.now(), again_by=caller.user_id
        )
        if result.outcome == "rejected" and result.problem:
            raise result.problem
        if result.outcome in ("inbox", "held"):
            raise VOIDED() if row["reason"] == "voided" or result.rev else NOT_FOUND()
        return [result], opened

    [result], opened = await access.database.write(caller, work)
    await way_in.after_several(access, caller, [result], opened)
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
    await way_in.after_one(access, caller, op, result)
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
