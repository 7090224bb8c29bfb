"""What is different for somebody who could not be asked: edits that were made offline. The contract: docs/sync.md.

`push` takes the road (road.py): the same locks, checks, rules, trail and change rows. But where the road would refuse an edit because the
record moved on, it is merged; and what can't be stored as it is goes to a list for people. Nothing that a phone sent is dropped.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID, uuid5

import orjson

from api import decide, road
from api.db import kept, store
from api.db.session import Overtaken, Tx
from api.db.store import Row
from api.decide import Batch, Op, Result
from api.kinds import KINDS, RESIDENCE, WAITED_FOR
from api.problems import ALREADY_RECORDED, DEVICE_REVOKED, ID_TAKEN, INVALID, NOT_ALLOWED, NOT_FOUND, VOIDED, Fault, Problem, restored
from api.pushed import NEVER, Sent, instant
from api.rules.caller import Caller
from api.rules.merge import Merged, merge, plain
from api.schemas.faults import WORDS

Key = tuple[str, UUID]


class Spot(NamedTuple):
    place_id: int
    township_id: int


@dataclass(slots=True)
class _Memory:
    """What is known of the ops and their records besides what the road reads, and what is to be kept."""

    home: Spot  # where the user belongs
    lost: bool  # the device was reported lost: what comes from it now is for the officer to look at
    again: bool  # these ops were kept, and are tried once more
    kept: dict[Key, list[Row]] = field(default_factory=lambda: defaultdict(list))
    conflicts: dict[Key, list[Row]] = field(default_factory=lambda: defaultdict(list))
    elsewhere: dict[Key, Spot] = field(default_factory=dict)  # records that exist, out of the caller's reach
    once: set[Key] = field(default_factory=set)  # those of them that were within it
    made: set[Key] = field(default_factory=set)  # those that the user made
    places_once: dict[int, Spot] = field(default_factory=dict)
    to_keep: list[Row] = field(default_factory=list)
    to_move_on: list[Row] = field(default_factory=list)
    done: list[UUID] = field(default_factory=list)
    new_conflicts: list[Row] = field(default_factory=list)
    settled_conflicts: list[Row] = field(default_factory=list)


async def push(
    tx: Tx, caller: Caller, sent: Sequence[Sent], *, today: date, now: datetime, again_by: UUID | None = None
) -> tuple[list[Result], list[UUID]]:
    """One result per op, in their order; and the records that others may have waited for. Raises `device-revoked`.
    `again_by`: these ops were kept, and are tried once more by that user, in the name of the caller."""
    turn = await tx.fetchrow(kept.TURN, caller.county_id, caller.device_id)
    if turn is None or (turn["state"] not in ("active", "lost") and not again_by):
        raise DEVICE_REVOKED(wipe=True)
    memory = _Memory(Spot(turn["place_id"], turn["township_id"]), turn["state"] == "lost" and not again_by, bool(again_by))
    batch, ops = Batch(caller, today, now), [each.op for each in sent if each.op]
    await road.read(tx, batch, ops)
    sent = await _without_leavers(tx, batch, sent)
    await _recall(tx, batch, memory, ops)
    results = [_decide(batch, memory, each) for each in sent]
    changes = await road.put(tx, batch)
    county = caller.county_id
    for each, result in zip(sent, results, strict=True):  # where somebody is, the other side of a residence may know better
        if each.op and each.op.kind is RESIDENCE and result.outcome == "applied" and not each.op.void:
            result.with_doc = result.with_doc or not _says(batch.rows[RESIDENCE.name][each.op.id], each.op)
    for row in (*memory.to_keep, *memory.new_conflicts):  # what was kept before its record moved goes along
        if (row["kind"], row["record_id"]) in batch.left:
            now_at = batch.rows[row["kind"]][row["record_id"]]
            row |= {"place_id": now_at["place_id"], "township_id": now_at["township_id"]}
    await store.put(tx, kept.KEEP, county, memory.to_keep)
    await store.put(tx, kept.MOVE_ON, county, memory.to_move_on)
    if memory.done:
        await tx.execute(kept.SETTLE, county, memory.done, "applied", now, again_by)
    await store.put(tx, kept.KEEP_CONFLICT, county, memory.new_conflicts)
    await store.put(tx, kept.SETTLE_CONFLICT, county, memory.settled_conflicts)
    await road.reply(tx, batch, ops, [result for result, each in zip(results, sent, strict=True) if each.op])
    waits = [row for row in memory.to_keep if row["state"] == "held" and row["waits_for"] not in batch.rows[row["waits_for_kind"]]]
    if changes or waits:
        await road.tick(tx, batch, changes)
        await _not_overtaken(tx, caller, waits)
    opened = [i for name in KINDS if name in WAITED_FOR or again_by for i in batch.created[name]]
    opened += [i for _, i in batch.left]
    if again_by:  # what waited behind a creation that is refused after all
        opened += [op.id for op, result in zip(ops, results, strict=True) if result.outcome == "rejected"]
    else:
        opened += [i for each, result in zip(sent, results, strict=True) if each.op and (i := _once_more(batch, each.op, result))]
    return results, opened


def _once_more(batch: Batch, op: Op, result: Result) -> UUID | None:
    """The record that others may wait for, where a repeat shows that it is here: whoever stored it may have died before it looked."""
    if result.outcome == "unchanged" and op.creates and op.kind.name in WAITED_FOR:
        return op.id
    parent_id = _parent_id(op)
    if result.outcome != "held" or not op.kind.parent or not isinstance(parent_id, UUID):  # nobody waits for a place
        return None
    return parent_id if parent_id in batch.rows[op.kind.parent.kind] else None


async def _not_overtaken(tx: Tx, caller: Caller, waits: Sequence[Row]) -> None:
    """Whoever stores what is waited for looks for those who wait after the commit; whoever waits looks once more while holding the clock.
    So one of the two sees the other."""
    for kind in KINDS.values():
        ids = [row["waits_for"] for row in waits if row["waits_for_kind"] == kind.name]
        if await store.rows(tx, kind.store.seen, caller, ids) or await store.records(tx, kind.store, kind.store.named, caller, ids):
            raise Overtaken


# Reading


async def _recall(tx: Tx, batch: Batch, memory: _Memory, ops: Sequence[Op]) -> None:
    county, user, device = batch.caller.county_id, batch.caller.user_id, batch.caller.device_id
    for row in await tx.fetch(kept.KEPT, county, [op.id for op in ops]):
        problem = orjson.loads(row["problem"]) if row["problem"] else None
        memory.kept[row["kind"], row["record_id"]].append({**row, "op": orjson.loads(row["op"]), "problem": problem})
    ops = [op for op in ops if batch.caller.role in op.kind.readers]  # the others are refused without a look
    known = [op.id for op in ops if batch.trail[op.kind.name, op.id]]
    for row in await tx.fetch(kept.CONFLICTS, county, known, device) if known else ():
        values = {name: orjson.loads(row[name]) for name in ("yours", "theirs")}
        memory.conflicts[row["kind"], row["record_id"]].append({**row, **values})
    away: dict[str, set[UUID]] = defaultdict(set)
    places = set[int]()
    named = {key for op in ops for key in _named(batch, op)}
    for name, record_id in named:
        away[name].add(record_id)
    for op in ops:
        if op.id not in batch.rows[op.kind.name] and batch.trail[op.kind.name, op.id]:
            away[op.kind.name].add(op.id)
        parent_id = _parent_id(op)
        if parent_id and op.kind.parent and parent_id not in batch.rows[op.kind.parent.kind]:
            if isinstance(parent_id, UUID):
                away[op.kind.parent.kind].add(parent_id)
            else:
                places.add(parent_id)
    for name, ids in away.items():
        for row in await tx.fetch(kept.ELSEWHERE, county, name, list(ids), user, device):
            spot = memory.elsewhere[name, row["id"]] = Spot(row["place_id"], row["township_id"])
            if spot.place_id in batch.caller.places or spot.township_id in batch.caller.townships:
                raise Overtaken  # it came to be after the rows were read
            if row["once"]:
                memory.once.add((name, row["id"]))
            if row["made"]:
                memory.made.add((name, row["id"]))
    for name, record_id in named:  # one that nobody has brought yet may come; one that was within reach may go on being named
        batch.reached[name].add(record_id)
    for name, record_id in memory.elsewhere.keys() - memory.once:
        batch.reached[name].discard(record_id)
    if places:
        found = await tx.fetch(kept.PLACES_ONCE, county, list(places), user)
        memory.places_once = {row["place_id"]: Spot(row["place_id"], row["township_id"]) for row in found}


def _named(batch: Batch, op: Op) -> Iterator[Key]:
    """Records that the op names and that are not within reach."""
    for member, name in op.kind.names.items():
        for record_id in decide.each(op.doc.get(member)):
            if not decide.within(batch, name, record_id):
                yield name, record_id


async def _without_leavers(tx: Tx, batch: Batch, sent: Sequence[Sent]) -> Sequence[Sent]:
    """Colleagues who serve the place no more, which a phone can't know, are left out of what it says."""
    caller, members = batch.caller, [(each.op, member) for each in sent if each.op for member in each.op.kind.colleagues]
    strangers = {i for op, member in members for i in decide.each(op.doc.get(member)) - batch.colleagues[op.kind.name, member]}
    if not strangers:
        return sent
    asked = (caller.county_id, list(strangers), caller.places, caller.townships, caller.above)
    gone = {row["user_id"] for row in await tx.fetch(store.COLLEAGUES_ONCE, *asked)}
    return [replace(each, op=left, mended=True) if each.op and (left := _without(batch, each.op, gone)) else each for each in sent]


def _without(batch: Batch, op: Op, gone: set[UUID]) -> Op | None:
    """The op without these colleagues, but for those whom the record names; None if it names none of them."""
    before = batch.rows[op.kind.name].get(op.id) or {}
    doc = dict(op.doc)
    for member in op.kind.colleagues:
        out = gone & decide.each(doc.get(member)) - decide.each(before.get(member))
        if out and member not in op.kind.required:
            doc[member] = [i for i in doc[member] if i not in out] if member in op.kind.sets else None
    return replace(op, doc=doc) if doc != op.doc else None


def _parent_id(op: Op) -> Any:
    return op.doc.get(op.kind.parent.member) if op.kind.parent else None


# Deciding


def _decide(batch: Batch, memory: _Memory, sent: Sent) -> Result:
    op = sent.op
    if op is None:
        return Result("rejected", problem=sent.wrong, with_doc=False)
    before = batch.rows[op.kind.name].get(op.id)
    if (known := _known(batch, memory, sent, op)) is not None:
        result = known
    elif before is not None and not decide.may_write(batch.caller, op.kind, before):  # first, or the answer would tell what the record says
        result = _keep(batch, memory, sent, op, "rejected", problem=NOT_ALLOWED())
    elif sent.wrong:
        result = _keep(batch, memory, sent, op, "rejected", problem=sent.wrong)
    elif memory.lost:
        result = _keep(batch, memory, sent, op, "inbox", "device_lost")
    else:
        result = _unseen(batch, memory, sent, op) if before is None else _edit(batch, memory, sent, op, before)
    if sent.left_out and not result.problem:
        result.problem = sent.left_out
        if result.outcome in ("applied", "unchanged"):
            result.outcome, result.with_doc = "merged", True
    if memory.again and result.outcome in ("applied", "merged", "conflict", "unchanged"):
        memory.done.append(UUID(bytes=op.mark))
    return result


def _known(batch: Batch, memory: _Memory, sent: Sent, op: Op) -> Result | None:
    """What became of this op when it came before. The reply of that time may be lost, so what it told the phone is told again."""
    key, before = (op.kind.name, op.id), batch.rows[op.kind.name].get(op.id)
    trail, of_record = batch.trail.get(key), memory.kept.get(key)
    if not trail and not of_record:
        return None
    clashed = [row for row in memory.conflicts[key] if row["mark"] == op.mark and row["settled"] is None]
    if clashed and before and decide.may_write(batch.caller, op.kind, before):
        return Result("conflict", before["rev"], conflicts=clashed)
    for step in trail or ():
        if step.mark == op.mark:
            if before is None:
                return Result("unchanged", step.rev, with_doc=False)
            as_sent = before["rev"] == step.rev == (op.base_rev or 0) + 1 and not sent.mended and _says(before, op)
            return Result("unchanged", before["rev"], with_doc=not as_sent)
    if any(row["mark"] == op.mark for row in memory.conflicts[key]):  # its values were chosen from, or can be where the record is now
        return Result("unchanged", before["rev"]) if before else Result("inbox", with_doc=False)
    was = next((row for row in of_record or () if row["id"].bytes == op.mark), None)
    if was is None or memory.again:
        return None
    if was["settled"] == "applied" or was["state"] == "unchanged":
        return Result("unchanged", before["rev"] if before else None)
    problem = restored(was["problem"]) if was["problem"] else None
    return Result(was["state"], before["rev"] if before else None, problem=problem, with_doc=was["state"] == "rejected")


def _unseen(batch: Batch, memory: _Memory, sent: Sent, op: Op) -> Result:
    """An op on a record that is not within reach."""
    kind, key = op.kind, (op.kind.name, op.id)
    right = kind.writers.get(batch.caller.role)
    if right is None or (right == "own" and key in memory.once - memory.made):
        return _keep(batch, memory, sent, op, "rejected", problem=NOT_ALLOWED())
    if key in memory.once:
        return _keep(batch, memory, sent, op, "inbox", "place_lost", at=memory.elsewhere[key])
    if key in memory.elsewhere and not op.creates:
        return _keep(batch, memory, sent, op, "rejected", problem=NOT_FOUND())
    if behind := _behind(batch, memory, op):
        if behind["state"] == "held":
            return _keep(batch, memory, sent, op, "held", waits_for=key)
        return _keep(batch, memory, sent, op, "inbox", behind["reason"], at=Spot(behind["place_id"], behind["township_id"]))
    if not op.creates:
        return _keep(batch, memory, sent, op, "rejected", problem=NOT_FOUND())
    missing = [Fault(f"/{member}", "missing", WORDS["missing"]) for member in kind.required if member not in op.doc]
    if missing:
        return _keep(batch, memory, sent, op, "rejected", problem=sent.left_out or INVALID(*missing))
    parent_id = _parent_id(op)
    if kind.parent and parent_id not in batch.rows[kind.parent.kind]:
        parent = (kind.parent.kind, parent_id)
        if parent in memory.once or parent_id in memory.places_once:
            at = memory.places_once[parent_id] if parent_id in memory.places_once else memory.elsewhere[parent]
            return _keep(batch, memory, sent, op, "inbox", "place_lost", at=at)
        if isinstance(parent_id, UUID):
            return _keep(batch, memory, sent, op, "held", waits_for=parent)
        return _keep(batch, memory, sent, op, "rejected", problem=NOT_FOUND())
    if kind.parent and batch.rows[kind.parent.kind][parent_id]["voided"]:
        return _keep(batch, memory, sent, op, "inbox", "voided")
    if waits := _not_here_yet(batch, memory, op):
        return _keep(batch, memory, sent, op, "held", waits_for=waits)
    after = decide.creation(batch, op)
    if key in memory.elsewhere and not isinstance(after, Problem):  # said of what could be stored alone, where it can't be hidden
        after = ID_TAKEN()
    if isinstance(after, Problem):
        return _keep(batch, memory, sent, op, "rejected", problem=sent.left_out or after)
    return Result("applied", 1, with_doc=sent.mended, settles=decide.accept(batch, op, None, after))


def _not_here_yet(batch: Batch, memory: _Memory, op: Op) -> Key | None:
    """A record of a kind that is public below, which the op names and which nobody has brought, or not to where the caller reads: what is
    allowed follows from it, so the op waits, in the same words for elsewhere and nowhere. Others may be named before they come."""
    for member, name in op.kind.names.items():
        for record_id in decide.each(op.doc.get(member)) if KINDS[name].public_below else ():
            known = record_id in batch.rows[name] or record_id in batch.named[name] or record_id == op.id
            if not known and (name, record_id) not in memory.once:
                return name, record_id
    return None


def _behind(batch: Batch, memory: _Memory, op: Op) -> Row | None:
    """An earlier op of this device on the record that is held or in the inbox: this one goes behind it."""
    for row in memory.kept.get((op.kind.name, op.id), ()):
        if row["id"].bytes == op.mark:
            return None
        if row["state"] in ("held", "inbox") and row["settled"] is None and row["device_id"] == batch.caller.device_id:
            return row
    return None


def _edit(batch: Batch, memory: _Memory, sent: Sent, op: Op, before: Row) -> Result:
    kind, key = op.kind, (op.kind.name, op.id)
    if kind.append_only:
        if op.void is None and _says(before, op):  # sent again in other words
            _keep(batch, memory, sent, op, "unchanged")
            return Result("unchanged", before["rev"])
        return _keep(batch, memory, sent, op, "rejected", problem=ALREADY_RECORDED())
    if op.void is not None:
        voided = decide.change(batch, replace(op, base_rev=None), before)
        if isinstance(voided, Problem):
            return _keep(batch, memory, sent, op, "rejected", problem=voided)
        if voided is before:
            _keep(batch, memory, sent, op, "unchanged")
            return Result("unchanged", voided["rev"], with_doc=False)
        return Result("applied", voided["rev"], with_doc=False, settles=decide.accept(batch, op, before, voided))
    if before["voided"]:
        return _keep(batch, memory, sent, op, "inbox", "voided")
    if waits := _not_here_yet(batch, memory, op):
        return _keep(batch, memory, sent, op, "held", waits_for=waits)
    if kind.merges:
        edits, why = kind.merges(op.doc, before, op.base_rev, batch.trail[key], decide.turn(batch, op))
        if why:  # on no list: it would name who declined
            _keep(batch, memory, sent, op, "unchanged")
            return Result("merged", before["rev"], problem=why)
        merged = Merged(edits, met_others=any(not step.own and step.rev > (op.base_rev or 0) for step in batch.trail[key]))
    else:
        said = {member: value for member, value in op.doc.items() if not _said_later(batch, memory, op, member)}
        merged = merge(said, before, op.base_rev, op.made_at or batch.now, batch.trail[key], kind.sets)
    after: Row | Problem = before
    if merged.edits:
        after = decide.change(batch, replace(op, doc=merged.edits, base_rev=before["rev"]), before)
    if isinstance(after, Problem):
        if after.kind is VOIDED:  # that in which it would be
            return _keep(batch, memory, sent, op, "inbox", "voided")
        if not merged.met_others or after.kind.of_itself:
            return _keep(batch, memory, sent, op, "rejected", problem=sent.left_out or after)
        # good by itself, but not together with what others did: people choose
        merged.clashes += merged.edits
        after = before
    settles = set[UUID]()
    if after is not before:
        settles = decide.accept(batch, op, before, after)
        _knowingly(batch, memory, key, after, merged.edits)
    whole = kind.sent <= op.doc.keys()  # of which most is as it was
    if after is before or (len(merged.edits) < len(op.doc) and not whole):
        _keep(batch, memory, sent, op, "unchanged")  # what it said and did not change is in no revision
    if merged.clashes:
        conflicts = [_clash(batch, memory, op, after, member) for member in merged.clashes]
        return Result("conflict", after["rev"], conflicts=conflicts, settles=settles)
    if after is before:
        return Result("unchanged", after["rev"], with_doc=merged.met_others or op.base_rev != after["rev"])
    as_sent = not merged.met_others and _says(after, op)
    return Result("applied" if as_sent else "merged", after["rev"], with_doc=sent.mended or not as_sent, settles=settles)


def _says(record: Row, op: Op) -> bool:
    return all(plain(record[member]) == plain(value) for member, value in op.doc.items())


def _said_later(batch: Batch, memory: _Memory, op: Op, member: str) -> bool:
    """Whether an edit of this device that did not change the member, and arrived earlier, said later what it is."""
    return any(
        member in (row["op"]["doc"] or ())
        and (instant(row["op"]["at"]) or NEVER) > (op.made_at or batch.now)
        and (row["op"]["base_rev"] or 0) >= (op.base_rev or 0)
        for row in memory.kept[op.kind.name, op.id]
        if row["state"] == "unchanged" and row["device_id"] == batch.caller.device_id
    )


def _knowingly(batch: Batch, memory: _Memory, key: Key, after: Row, edits: Row) -> None:
    """Who sets a member again after hearing of the conflict has chosen."""
    for row in memory.conflicts[key]:
        if row["settled"] is None and row["field"] in edits:
            row["settled"] = "mine" if plain(after[row["field"]]) == row["yours"] else "value"
            settled = {"id": row["id"], "settled": row["settled"], "settled_at": batch.now, "settled_by": batch.caller.user_id}
            memory.settled_conflicts.append(settled)


# Keeping


def _keep(
    batch: Batch,
    memory: _Memory,
    sent: Sent,
    op: Op,
    state: Literal["held", "inbox", "rejected", "unchanged"],
    reason: str | None = None,
    *,
    at: Spot | None = None,
    problem: Problem | None = None,
    waits_for: Key | None = None,
) -> Result:
    """Puts the op on a list. Without a place of its own it is on the list of those where its user belongs."""
    place_id, township_id = at or _spot(batch, op) or memory.home
    row: Row = {
        "id": UUID(bytes=op.mark),
        "state": state,
        "settled": None,
        "reason": reason,
        "kind": op.kind.name,
        "record_id": op.id,
        "user_id": batch.caller.user_id,
        "device_id": batch.caller.device_id,
        "place_id": place_id,
        "township_id": township_id,
        "op": sent.said,
        "problem": problem.stored() if problem else None,
        "waits_for": waits_for[1] if waits_for else None,
        "waits_for_kind": waits_for[0] if waits_for else None,
        "received_at": batch.now,
    }
    if not memory.again:
        memory.to_keep.append(row)
        memory.kept[op.kind.name, op.id].append(row)
    elif state in ("inbox", "rejected"):
        memory.to_move_on.append(row)
    before = batch.rows[op.kind.name].get(op.id)
    return Result(state, before["rev"] if before else None, problem=problem, with_doc=state == "rejected")


def _spot(batch: Batch, op: Op) -> Spot | None:
    """Where the record is, or would be, as far as the caller can see."""
    row = batch.rows[op.kind.name].get(op.id)
    if row is None and op.kind.parent:
        row = batch.rows[op.kind.parent.kind].get(_parent_id(op))
    return Spot(row["place_id"], row["township_id"]) if row else None


def _clash(batch: Batch, memory: _Memory, op: Op, after: Row, member: str) -> Row:
    """A conflict for people to settle. The same value of the same device in a conflict that is open already needs no second one."""
    key, yours = (op.kind.name, op.id), plain(op.doc[member])
    for row in memory.conflicts[key]:
        if row["settled"] is None and row["field"] == member and row["yours"] == yours:
            return row
    row = {
        "id": uuid5(UUID(bytes=op.mark), member),
        "kind": op.kind.name,
        "record_id": op.id,
        "field": member,
        "yours": yours,
        "theirs": plain(after[member]),
        "mark": op.mark,
        "settled": None,
        "user_id": batch.caller.user_id,
        "device_id": batch.caller.device_id,
        "place_id": after["place_id"],
        "township_id": after["township_id"],
        "made_at": op.made_at,
        "received_at": batch.now,
    }
    memory.new_conflicts.append(row)
    memory.conflicts[key].append(row)
    return row
