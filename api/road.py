"""The one road of every write: lock, read, decide, write, tick, change rows.

Whatever wants to change a record makes `Op`s of it and calls `write` inside `Database.write`. So every rule, the trail and the feed hold
for every way in. Statements are set-wise: a batch costs a handful of them, not one per record. The order of the steps is decision 0002.
What is decided about each op: decide.py. What was edited offline takes the same steps; offline.py decides where its author can't be asked.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import orjson

from api import residences
from api.db import kept, ledger, store
from api.db.ledger import Posting
from api.db.session import Overtaken, Tx
from api.db.store import Row
from api.decide import Batch, Op, Result, decide, each, names
from api.kinds import ATTENDANCE, CHILDREN, CONSENT, KINDS, PERSON, RESIDENCE, RESIDENCE_PROPOSAL, Follows, Kind
from api.problems import (
    LOOKS_DOUBLE,
)
from api.rules.caller import Caller
from api.rules.merge import Step


async def write(tx: Tx, caller: Caller, ops: Sequence[Op], *, today: date, now: datetime) -> list[Result]:
    """Does what the ops ask for, and returns one result per op, in their order: one that is refused does not hold up the others. Only an id
    or a code that another record has ends the whole batch (`id-taken`, `code-taken`)."""
    batch, results = await _decided(tx, caller, ops, today, now)
    changes = await put(tx, batch)
    await reply(tx, batch, ops, results)
    if changes:
        await tick(tx, batch, changes)
    return results


async def tick(tx: Tx, batch: Batch, changes: Sequence[Row]) -> None:
    """The end of a write: the tick, and the change rows from which phones pull."""
    await store.tick(tx, batch.caller.county_id)
    await store.put(tx, store.CHANGE, batch.caller.county_id, changes)
    if batch.posted:
        await ledger.still_open(tx, batch.caller.county_id, batch.closed)


async def _decided(tx: Tx, caller: Caller, ops: Sequence[Op], today: date, now: datetime) -> tuple[Batch, list[Result]]:
    batch = Batch(caller, today, now)
    await read(tx, batch, ops)
    return batch, [decide(batch, op) for op in ops]


async def touch(
    tx: Tx, caller: Caller, ops: Sequence[Op], *, today: date, now: datetime, preview: bool
) -> tuple[dict[str, int], set[UUID]]:
    """All of them or none: the first refusal is raised. How many records of each kind they write, or, with `preview`, would write; and the
    sessions whose seats are to be settled."""
    batch, results = await _decided(tx, caller, ops, today, now)
    for result in results:
        if result.problem:
            raise result.problem
    if not preview and (changes := await put(tx, batch)):
        await tick(tx, batch, changes)
    records = {name: n for name in KINDS if (n := len(batch.created[name]) + len(batch.changed[name]))}
    return records, set() if preview else {session for result in results for session in result.settles}


async def write_all(tx: Tx, caller: Caller, ops: Sequence[Op], *, today: date, now: datetime) -> list[Result]:
    """All of them or none: the first refusal is raised."""
    results = await write(tx, caller, ops, today=today, now=now)
    for result in results:
        if result.problem:
            raise result.problem
    return results


async def write_one(tx: Tx, caller: Caller, op: Op, *, today: date, now: datetime, confirmed: bool) -> Result:
    """The same for somebody who can be asked: a refusal is raised, and so is a likely double unless `confirmed`."""
    [result] = await write_all(tx, caller, [op], today=today, now=now)
    if result.doubles and not confirmed:
        raise LOOKS_DOUBLE(doubles=[str(i) for i in result.doubles])
    return result


# Reading


async def doubles(tx: Tx, caller: Caller, kind: Kind, ops: Sequence[Op]) -> dict[UUID, UUID]:
    """Of creations that look like a record that is there already: that record."""
    if not ops or not kind.store.alike:
        return {}
    like = []
    for n, op in enumerate(ops):
        said = {**kind.defaults, **op.doc}
        like.append({"n": n, **{m: said[m] if m in said else kind.derived(said)[m] for m in kind.doubles}})
    found = await tx.fetch(kind.store.alike, caller.county_id, store.as_json(like), caller.places, caller.townships)
    return {ops[row["n"]].id: row["id"] for row in found}


async def read(tx: Tx, batch: Batch, ops: Sequence[Op]) -> None:
    """Locks what the ops touch and its parents, kind by kind in the order of KINDS, ids ascending; then reads what the rules ask for."""
    caller, wanted, moving = batch.caller, defaultdict[str, set[Any]](set), defaultdict[str, set[UUID]](set)
    looked_up = defaultdict[str, set[UUID]](set)
    unseen: list[tuple[str, UUID]] = []  # what is not there for a lead household
    ops = [op for op in ops if caller.role in op.kind.readers]  # to whoever does not read a kind, its records are not there
    for kind, mine in _by_kind(ops):
        wanted[kind.name] |= {op.id for op in mine}
        if kind.parent:
            wanted[kind.parent.kind] |= {op.doc[kind.parent.member] for op in mine if kind.parent.member in op.doc}
        if kind.parent and kind.store.parents and (kind.parent.follows or kind.posts):
            # the parent of a stored record never changes (ONCE), so it may be read before it is locked
            stored = [op.id for op in mine if not op.creates or op.made_at]  # a phone may not know yet that its record is stored
            if stored:
                wanted[kind.parent.kind] |= {row["parent"] for row in await store.rows(tx, kind.store.parents, caller, stored)}
                looked_up[kind.name] |= set(stored)
    for kind in KINDS.values():
        rows = batch.rows[kind.name]
        if kind is RESIDENCE_PROPOSAL:  # the first of those that two places have in common
            batch.pairs |= await residences.hold(tx, caller, _touched(batch, ops))
        if kind.name == "place":  # named by number; who creates in it waits for the other, so that doubles are seen
            found = await store.rows(tx, kind.store.by_place, caller, [n for n in wanted["place"] if isinstance(n, int)])
            rows |= {row["place_id"]: row for row in found}
        if kind.parent:  # what lies below a record that moves comes along; its parent is locked, so nobody else holds it
            below = {row["id"]: row for row in await store.records(tx, kind.store, kind.store.below, caller, moving[kind.parent.kind])}
            rows |= below
            moving[kind.name] |= below.keys()
        ids = [i for i in wanted[kind.name] if isinstance(i, UUID) and i not in rows]
        rows |= {row["id"]: row for row in await store.records(tx, kind.store, kind.store.lock, caller, ids)}
        for raised in [i for i, row in rows.items() if kind.of_people and caller.view == "group" and row["created_by"] is None]:
            del rows[raised]
            unseen.append((kind.name, raised))
        moving[kind.name] |= {op.id for op in ops if op.kind is kind and _moves(op, rows.get(op.id))}
        if kind.parent and kind.store.parents and (kind.parent.follows or kind.posts):
            parents = {rows[i][kind.parent.member] for i in looked_up[kind.name] if i in rows}
            if not parents <= batch.rows[kind.parent.kind].keys():
                raise Overtaken  # it came into reach after its parent was looked up
    for kind, mine in _by_kind(ops):
        batch.reached[kind.name] |= {op.id for op in mine if op.creates}  # a household and its head come together, each naming the other
        await _look_up(tx, batch, kind, mine)
    for key in unseen:
        batch.trail.pop(key, None)


def _touched(batch: Batch, ops: Sequence[Op]) -> set[UUID]:
    """Whose residences the ops may touch: people, residences and proposals. `read` has got as far as attendances."""
    docs = [*batch.rows[ATTENDANCE.name].values(), *(op.doc for op in ops if op.kind in (CONSENT, RESIDENCE))]
    named = {doc[member] for doc in docs for member in ("person_id", "residence_id") if doc.get(member)}
    return named | batch.rows[PERSON.name].keys() | {op.id for op in ops if op.kind in (RESIDENCE_PROPOSAL, RESIDENCE)}


def _moves(op: Op, row: Row | None) -> bool:
    """Whether the op may give the record another parent."""
    return row is not None and op.kind.parent is not None and op.doc.get(op.kind.parent.member) not in (None, row[op.kind.parent.member])


async def _look_up(tx: Tx, batch: Batch, kind: Kind, ops: Sequence[Op]) -> None:
    caller = batch.caller
    asked = [op.id for op in ops if op.made_at or op.sealed or (op.creates and op.id in batch.rows[kind.name])]
    if asked:
        for step in await tx.fetch(store.TRAIL, caller.county_id, kind.name, asked):
            changes = None if step["changes"] is None else orjson.loads(step["changes"])
            own = step["device_id"] == caller.device_id
            batch.trail[kind.name, step["id"]].append(Step(step["rev"], own, step["made_at"], changes, step["mark"]))
    for member, catalogue in kind.coded.items():
        codes = {code for op in ops for code in each(op.doc.get(member))}
        if codes:
            batch.codes[catalogue] |= {row["code"] for row in await tx.fetch(store.CODES, caller.county_id, catalogue, list(codes))}
    for member, ever in kind.colleagues.items():
        if people := {i for op in ops for i in each(op.doc.get(member))}:
            statement = store.SERVED if ever else store.COLLEAGUES
            found = await tx.fetch(statement, caller.county_id, list(people), caller.places, caller.townships, caller.above)
            batch.colleagues[kind.name, member] |= {row["user_id"] for row in found}
    for member, named in kind.names.items():
        public = KINDS[named].store
        ids = {i for op in ops for i in each(op.doc.get(member))} - batch.rows[named].keys()
        if public.named:
            ids |= {i for op in ops for i in names(batch, op, member)} - batch.rows[named].keys()
            batch.named[named] |= {row["id"]: row for row in await store.records(tx, public, public.named, caller, ids)}
            batch.reached[named] |= batch.named[named].keys()
            continue
        batch.reached[named] |= {row["id"] for row in await store.rows(tx, public.seen, caller, ids)}
    if kind.looks:
        ids = {op.doc[kind.looks.member] for op in ops if op.doc.get(kind.looks.member)}
        scope = (caller.places, caller.townships, batch.today)
        for found_row in await tx.fetch(kind.looks.select, caller.county_id, list(ids), *scope) if ids else ():
            batch.looked_at[kind.name][found_row["id"]] = dict(found_row)
    voids = [op.id for op in ops if op.void is not None]
    for row in await store.rows(tx, kind.store.joined, caller, voids):
        batch.occupied[kind.name][row["parent"]].add(row["id"])
    for child in CHILDREN[kind.name]:
        for row in await store.rows(tx, child.store.occupied, caller, voids):
            batch.occupied[child.name][row["parent"]].add(row["id"])


def _by_kind(ops: Sequence[Op]) -> Iterable[tuple[Kind, list[Op]]]:
    for kind in KINDS.values():
        if mine := [op for op in ops if op.kind is kind]:
            yield kind, mine


# Writing


async def put(tx: Tx, batch: Batch) -> list[Row]:
    """Writes records and revisions; returns the change rows: of the records written, of the places they left, and of the parents that
    follow from them."""
    county = batch.caller.county_id
    written: dict[tuple[str, UUID], Row] = {}
    for kind in KINDS.values():
        created, changed = batch.created[kind.name], batch.changed[kind.name]
        await store.put(tx, kind.store.insert, county, created.values())
        await store.put(tx, kind.store.update, county, changed.values())
        if kind.besides:
            await store.put(tx, kind.besides, county, created.values())
        was = batch.before[kind.name]
        gone = [key for i, row in was.items() for key in _found_by(kind, row, but=changed[i])]
        come = [key for i, row in {**created, **changed}.items() for key in _found_by(kind, row, but=was.get(i))]
        await store.put(tx, store.FORGET_KEYS, county, gone)
        await store.put(tx, store.KEYS, county, come)
        written |= {(kind.name, i): {"kind": kind.name, **row} for i, row in {**created, **changed}.items()}
        if kind.parent and kind.parent.follows and batch.stirred[kind.name]:
            written |= await _follow(tx, batch, KINDS[kind.parent.kind], kind.parent.follows, batch.stirred[kind.name])
    if postings := list(_postings(batch)):
        batch.posted = True
        batch.closed, followed = await ledger.post(tx, batch.caller, postings, batch.now)
        written |= {(row["kind"], row["id"]): row for row in followed}
    await store.put(tx, store.REVISE, county, batch.revisions)
    pairs = batch.pairs | {row["residence_id"] for row in batch.created[RESIDENCE.name].values()}
    if batch.passes and pairs:
        settled = await residences.settle(tx, batch.caller, pairs, today=batch.today, now=batch.now)
        written |= settled
        for (name, record_id), row in settled.items():
            batch.rows[name][record_id] = row
    members = ("kind", "id", "place_id", "township_id", "rev", "voided")
    changes = {
        key: {member: row[member] for member in members}
        | {"moved": False, "successor_id": (row["voided"] and row.get("joined_into_id")) or None}
        for key, row in written.items()
    }
    await store.put(tx, kept.MOVE_KEPT, county, [changes[key] for key in batch.left])
    await store.put(tx, kept.MOVE_CONFLICTS, county, [changes[key] for key in batch.left])
    below = [
        {**changes[name, i], "kind": child.name, "member": child.parent.member}
        for name, i in batch.left
        for child in CHILDREN[name]
        if child.parent
    ]
    await store.put(tx, kept.MOVE_KEPT_BELOW, county, below)
    left = [
        {**changes[key], "place_id": place_id, "township_id": township_id, "moved": True}
        for key, places in batch.left.items()
        for place_id, township_id in places
        if place_id != changes[key]["place_id"]
    ]
    return [*changes.values(), *left]


def _postings(batch: Batch) -> Iterator[Posting]:
    """What the records say that they post, in the order in which they were decided."""
    for kind in KINDS.values():
        for i, row in {**batch.created[kind.name], **batch.changed[kind.name]}.items() if kind.posts else ():
            before = None if i in batch.created[kind.name] else batch.before[kind.name][i]
            new_day = kind.posts and kind.posts.day
            for entry in kind.posts.entries(before, row) if kind.posts else ():
                yield Posting(entry, kind.name, row, row[new_day] if new_day else batch.today)


def _found_by(kind: Kind, row: Row, *, but: Row | None) -> Iterator[Row]:
    """The search keys of a record, where it is, without those that it has as `but` too."""
    here = {member: row[member] for member in ("id", "place_id", "township_id")}
    same = kind.keys(but) if but and but["place_id"] == row["place_id"] else set()
    return ({"kind": kind.name, "key": key, **here} for key in kind.keys(row) - same)


async def _follow(tx: Tx, batch: Batch, kind: Kind, follows: Follows, ids: set[UUID]) -> dict[tuple[str, UUID], Row]:
    """Brings parents up to date with what was written. No edit of them: their rev stays, and it leaves no revision (decision 0004)."""
    parents, followed = batch.rows[kind.name], {}
    for row in await tx.fetch(follows.select, batch.caller.county_id, list(ids)):
        parent = parents[row["id"]]
        if any(parent[member] != value for member, value in row.items()):
            followed[kind.name, row["id"]] = {**parent, **row, "kind": kind.name}
    await store.put(tx, kind.store.update, batch.caller.county_id, followed.values())
    return followed


async def reply(tx: Tx, batch: Batch, ops: Sequence[Op], results: Sequence[Result]) -> None:
    """Adds to the results the documents that are wanted, as they are stored now, and the likely doubles of what was created."""
    caller, scope = batch.caller, (batch.caller.places, batch.caller.townships)
    for kind in KINDS.values():
        mine = [(op, result) for op, result in zip(ops, results, strict=True) if op.kind is kind]
        docs, ids = dict[UUID, Any](), [op.id for op, result in mine if result.with_doc]
        if ids and caller.role in kind.readers:
            found = await tx.fetch(kind.documents.stored[caller.view], caller.county_id, caller.user_id, *scope, caller.above, ids)
            docs = {row["id"]: row for row in found}
        doubles = defaultdict[UUID, list[UUID]](list)
        for statement, of in ((kind.store.doubles, batch.alike[kind.name]), (kind.store.same_value, batch.valued[kind.name])):
            for row in await tx.fetch(statement, caller.county_id, list(of), *scope) if statement and of else ():
                doubles[row["of"]].append(row["id"])
        for op, result in mine:
            if result.with_doc and op.id in docs:
                result.doc = docs[op.id]["doc"]
                if op.made_at:  # later ops of the batch may have changed it again: revision and document are of one state
                    result.rev = docs[op.id]["rev"]
            if result.outcome not in ("rejected", "held", "inbox"):
                result.doubles = doubles[op.id]
