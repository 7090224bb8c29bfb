"""The one road of every write: lock, read, decide, write, tick, change rows.

Whatever wants to change a record makes `Op`s of it and calls `write` inside `Database.write`. So every rule, the trail and the feed hold
for every way in. Statements are set-wise: a batch costs a handful of them, not one per record. The order of the steps is decision 0002.
What was edited offline takes the same steps; offline.py decides where its author can't be asked.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import orjson

from api import residences
from api.db import kept, ledger, store
from api.db.ledger import Posting
from api.db.session import Overtaken, Tx
from api.db.store import Row
from api.kinds import ATTENDANCE, CHILDREN, CONSENT, KINDS, PERSON, RESIDENCE, RESIDENCE_PROPOSAL, Follows, Kind
from api.problems import (
    ALREADY_RECORDED,
    FIXED,
    HAS_RECORDS,
    ID_TAKEN,
    LOOKS_DOUBLE,
    NOT_ALLOWED,
    NOT_FOUND,
    REFUSED_WORD,
    STALE,
    UNKNOWN_CODE,
    VOIDED,
    WRONG_ID,
    Problem,
)
from api.rules.caller import COUNTY_PLACE, Caller, Turn
from api.rules.merge import Step, plain
from api.rules.refused import refused_word


@dataclass(slots=True)
class Op:
    """One wish: create (`base_rev` None), change (`doc` holds the members to change) or void (`void` holds the reason) the record `id`.
    A record is voided with a `joined_into_id` where it is one with another, and is whole again without (joining.py).
    `made_at`: when, by the clock of the device; None: now. `mark`: what the wish says, in 16 bytes: the same again is a repeat.
    `sealed`: columns of a sealed value, to be set or, all None, to be removed; the mark is then given, made of the blind index."""

    kind: Kind
    id: UUID
    doc: Row = field(default_factory=dict)
    base_rev: int | None = None
    void: str | None = None
    made_at: datetime | None = None
    mark: bytes = b""
    sealed: Row = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.mark = self.mark or marked(self.kind.name, self.id, self.base_rev, self.void, self.doc)

    @property
    def creates(self) -> bool:
        return self.base_rev is None and self.void is None


def marked(*said: Any) -> bytes:
    return hashlib.sha256(orjson.dumps(said, default=str, option=orjson.OPT_SORT_KEYS)).digest()[:16]


@dataclass(slots=True)
class Result:
    """What became of an op. `doc`: the record's JSON as the caller may see it. `doubles`: ids of records that look like the same thing.
    Only what was made offline is merged, held, kept in the inbox or has conflicts (docs/sync.md says what each means)."""

    outcome: Literal["applied", "unchanged", "merged", "conflict", "held", "inbox", "rejected"]
    rev: int | None = None
    doc: str | None = None
    doubles: list[UUID] = field(default_factory=list)
    problem: Problem | None = None
    conflicts: list[Row] = field(default_factory=list)
    with_doc: bool = True  # whether `doc` is wanted
    created: bool = False
    settles: set[UUID] = field(default_factory=set)  # sessions whose seats are to be settled after the commit


@dataclass(slots=True)
class Batch:
    """What was read for the ops, and what is to be written for them."""

    caller: Caller
    today: date
    now: datetime
    rows: dict[str, dict[Any, Row]] = field(default_factory=lambda: defaultdict(dict))  # by kind: id, or number of a place -> row
    trail: dict[tuple[str, UUID], list[Step]] = field(default_factory=lambda: defaultdict(list))  # revisions, where they are asked for
    codes: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    colleagues: dict[tuple[str, str], set[UUID]] = field(default_factory=lambda: defaultdict(set))  # by kind and member
    reached: dict[str, set[UUID]] = field(default_factory=lambda: defaultdict(set))  # by kind: what the ops name, if the caller may
    named: dict[str, dict[UUID, Row]] = field(default_factory=lambda: defaultdict(dict))  # by kind: what they name that is public below
    passes: bool = False  # the other side of a residence may hear something else
    pairs: set[UUID] = field(default_factory=set)  # the residences that what was read belongs to
    # by kind: parent -> those of its children that are not voided
    occupied: dict[str, dict[UUID, set[UUID]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(set)))
    created: dict[str, dict[UUID, Row]] = field(default_factory=lambda: defaultdict(dict))
    changed: dict[str, dict[UUID, Row]] = field(default_factory=lambda: defaultdict(dict))
    before: dict[str, dict[UUID, Row]] = field(default_factory=lambda: defaultdict(dict))  # what is changed, as it is stored
    alike: dict[str, set[UUID]] = field(default_factory=lambda: defaultdict(set))  # what may have become a double
    valued: dict[str, set[UUID]] = field(default_factory=lambda: defaultdict(set))  # what got a sealed value, which others may have
    stirred: dict[str, set[UUID]] = field(default_factory=lambda: defaultdict(set))  # parents in which something may follow, by child kind
    left: dict[tuple[str, UUID], set[tuple[int, int]]] = field(default_factory=lambda: defaultdict(set))  # (place, township) moved from
    looked_at: dict[str, dict[UUID, Row]] = field(default_factory=lambda: defaultdict(dict))  # by kind: what its new records look at
    revisions: list[Row] = field(default_factory=list)
    posted: bool = False  # something in the ledger
    closed: date | None = None  # the last month that was closed then


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
    return batch, [_decide(batch, op) for op in ops]


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
            ids |= {i for op in ops for i in _names(batch, op, member)} - batch.rows[named].keys()
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


# Deciding: no I/O from here to the next heading


def _decide(batch: Batch, op: Op) -> Result:
    before = batch.rows[op.kind.name].get(op.id)
    after: Row | Problem
    if op.creates and batch.caller.role not in op.kind.writers:
        after = NOT_ALLOWED()
    elif op.creates and before is not None:  # the same again, after a lost reply, is answered with what is stored
        reads = op.kind.id_of or batch.caller.view == "office" or before["created_by"] == batch.caller.user_id  # others might guess
        again = reads and batch.trail[op.kind.name, op.id][-1 if op.kind.id_of else 0].mark == op.mark
        after = before if again else _once_more(batch, op, before) if op.kind.id_of else ID_TAKEN()
    else:
        after = creation(batch, op) if op.creates else change(batch, op, before)
    if isinstance(after, Problem):
        return Result("rejected", problem=after)
    if after is before:
        return Result("unchanged", rev=after["rev"])
    return Result("applied", rev=after["rev"], created=before is None, settles=accept(batch, op, before, after))


def _once_more(batch: Batch, op: Op, before: Row) -> Row | Problem:
    """Creating what is there already, where the id follows from what it says: that changes it."""
    if op.kind.id_of and op.kind.id_of(op.doc) != op.id:
        return WRONG_ID.at("/id")
    said = {member: value for member, value in op.doc.items() if value is not None}
    return change(batch, replace(op, doc=said, base_rev=before["rev"]), before)


def creation(batch: Batch, op: Op) -> Row | Problem:
    """The record as it would be, or why not. Its required members are there."""
    kind, caller, doc = op.kind, batch.caller, op.doc
    parent: Row = {"place_id": COUNTY_PLACE, "township_id": 0, "voided": False}
    if kind.parent:
        found = batch.rows[kind.parent.kind].get(doc[kind.parent.member])
        if found is None:
            return NOT_FOUND()
        if found["voided"]:
            return VOIDED.at(f"/{kind.parent.member}")
        parent = found
    after = {
        "place_id": parent["place_id"],
        "township_id": parent["township_id"],
        **kind.born(caller),
        **kind.defaults,
        **doc,
        "id": op.id,
        "rev": 1,
        "voided": False,
        "created_at": batch.now,
        "updated_at": batch.now,
        "created_by": caller.user_id,
    }
    after |= kind.derived(after)
    if not may_write(caller, kind, after):
        return NOT_ALLOWED()
    if kind.id_of and kind.id_of(after) != op.id:
        return WRONG_ID.at("/id")
    return _looked(batch, op, _allowed(batch, op, doc, {}, after, parent))


def _looked(batch: Batch, op: Op, after: Row | Problem) -> Row | Problem:
    """With what follows from the record that it names, where its kind looks at that."""
    looks = op.kind.looks
    if isinstance(after, Problem) or not looks or after[looks.member] is None:
        return after
    named = batch.looked_at[op.kind.name].get(after[looks.member])
    if named is None:
        return NOT_FOUND()
    return looks.rule(after, named, batch.today) or {**after, **looks.gives(after, named)}


def may_write(caller: Caller, kind: Kind, row: Row) -> bool:
    """All of the kind, or the record for its own."""
    right = kind.writers.get(caller.role)
    return right == "all" or (right == "own" and kind.own is not None and row[kind.own] == caller.user_id)


def change(batch: Batch, op: Op, before: Row | None) -> Row | Problem:
    """The record as it would be, `before` itself where nothing would change, or why not."""
    kind = op.kind
    if before is None:
        return NOT_FOUND() if batch.caller.role in kind.writers else NOT_ALLOWED()
    if not may_write(batch.caller, kind, before):
        return NOT_ALLOWED()
    if kind.append_only and (op.void is not None or op.doc.keys() & kind.sent):  # calls of the service set what is the service's
        return ALREADY_RECORDED()
    if op.void is not None and before["voided"]:
        return before
    if op.sealed and batch.trail[kind.name, op.id][-1].mark == op.mark:  # the same again, after a lost reply
        return before
    if op.base_rev is not None and op.base_rev != before["rev"]:
        return STALE(rev=before["rev"])
    parted = before["voided"] and op.doc == {"joined_into_id": None} and before.get("joined_into_id") is not None
    unsealed = op.sealed and not any(op.sealed.values())  # what is sealed can always be taken away
    if before["voided"] and not (parted or unsealed):
        return VOIDED()
    if op.void is not None:
        if not (kind.voids or op.doc.get("joined_into_id")):
            return NOT_ALLOWED()
        joined = op.doc.get("joined_into_id") is not None
        successor = batch.occupied[kind.name][op.id] and not joined  # what it stands for would be in no list
        stays = [child for child in CHILDREN[kind.name] if not (joined and child.append_only)]  # what was said stays said
        if successor or any(batch.occupied[child.name][op.id] for child in stays):
            return HAS_RECORDS()
        if refused_word(op.void):
            return REFUSED_WORD.at("/reason")
        if problem := kind.may_void(before, batch.caller, batch.now):
            return problem
        after = {**before, **op.doc, "voided": True, "rev": before["rev"] + 1}
        return after | kind.derived(after)
    edits = {member: value for member, value in op.doc.items() if value != before[member]}
    if kind.end and op.sealed and op.sealed[kind.end.blind] != before[kind.end.blind]:
        edits |= op.sealed
    for member in edits:
        if member in kind.once:
            return FIXED.at(f"/{member}")
    if not edits:
        return before
    after = {**before, **edits, "voided": before["voided"] and not parted, "rev": before["rev"] + 1}
    parent = batch.rows[kind.parent.kind].get(after[kind.parent.member], {}) if kind.parent else {}
    if kind.parent and kind.parent.member in edits:  # a move: who holds both places finds both parents
        if not parent:
            return NOT_FOUND()
        if parent["voided"]:
            return VOIDED.at(f"/{kind.parent.member}")
        after |= {"place_id": parent["place_id"], "township_id": parent["township_id"]}
    after |= kind.derived(after)
    allowed = _allowed(batch, op, edits, before, after, parent)
    # offline nobody can be asked, and what it names may have come in the same push
    looks = kind.looks and kind.looks.member in edits and not op.made_at
    return _looked(batch, op, allowed) if looks else allowed


def turn(batch: Batch, op: Op) -> Turn:
    named = {}
    for member, kind in op.kind.names.items():
        for record_id in _names(batch, op, member):
            if found := batch.rows[kind].get(record_id) or batch.named[kind].get(record_id):
                named[member] = found
    by, made_at = batch.caller.device_id if op.made_at else None, op.made_at or batch.now
    # of one batch the earlier comes first: it arrived before
    return Turn(by, made_at, batch.now + timedelta(microseconds=len(batch.revisions)), named, batch.today, op.made_at is None)


def _names(batch: Batch, op: Op, member: str) -> set[Any]:
    """What the record names when the op is done."""
    return each(op.doc.get(member) or (batch.rows[op.kind.name].get(op.id) or {}).get(member))


def _allowed(batch: Batch, op: Op, said: Row, before: Row, after: Row, parent: Row) -> Row | Problem:
    """The checks that every write has in common, on what it says anew; then what the kind itself makes of it, and its rule on the record as
    it would be."""
    kind = op.kind
    for member in kind.guarded:
        if said.get(member) and refused_word(said[member]):
            return REFUSED_WORD.at(f"/{member}")
    for member, catalogue in kind.coded.items():  # what the record holds already was looked up when it came
        if not batch.codes[catalogue] >= each(said.get(member)) - each(before.get(member)):
            return UNKNOWN_CODE.at(f"/{member}")
    for member in kind.colleagues:
        if not batch.colleagues[kind.name, member] >= each(said.get(member)) - each(before.get(member)):
            return NOT_FOUND()
    for member in kind.places:
        if said.get(member) and said[member] not in (*batch.caller.places, *batch.caller.townships, *batch.caller.above):
            return NOT_FOUND()
    for member, named in kind.names.items():
        if not all(within(batch, named, i) for i in each(said.get(member)) - each(before.get(member))):
            return NOT_FOUND()
    if kind.becomes:
        became = kind.becomes(before, after, turn(batch, op))
        if isinstance(became, Problem):
            return became
        after = became
    return (kind.rule(after, parent, batch.today) if kind.rule else None) or after


def each(value: Any) -> set[Any]:
    """A code or an id, or several."""
    return {value} if isinstance(value, str | UUID) else set(value or ())


def within(batch: Batch, kind: str, record_id: UUID) -> bool:
    """Whether a record that an op names is within the caller's reach."""
    return record_id in batch.rows[kind] or record_id in batch.reached[kind]


def accept(batch: Batch, op: Op, before: Row | None, after: Row) -> set[UUID]:
    """Notes a decided op for writing; later ops of the batch see its result. What lies below a record that moves comes along. Returns the
    sessions to settle."""
    kind, made_at = op.kind, op.made_at or batch.now
    after["updated_at"] = batch.now
    batch.rows[kind.name][op.id] = after
    settles = kind.settles(before, after)
    batch.passes |= kind.passes
    if before is None or any(before[member] != after[member] for member in kind.doubles):
        batch.alike[kind.name].add(op.id)
    if kind.parent:
        children = batch.occupied[kind.name]
        children[(before or after)[kind.parent.member]].discard(op.id)
        if not after["voided"]:
            children[after[kind.parent.member]].add(op.id)
    if kind.parent and kind.parent.follows:
        parent_id = after[kind.parent.member]
        if kind.parent.follows.when(before, after, batch.rows[kind.parent.kind][parent_id]):
            batch.stirred[kind.name].add(parent_id)
    if before is None or op.id in batch.created[kind.name]:
        batch.created[kind.name][op.id] = after
    else:
        batch.before[kind.name].setdefault(op.id, before)
        batch.changed[kind.name][op.id] = after
    changes: Row | None = None
    if before is not None:
        changes = {m: [plain(before[m]), plain(after[m])] for m in kind.trailed if before[m] != after[m]}
        if kind.end and before[kind.end.blind] != after[kind.end.blind]:
            changes[kind.end.value] = [before[kind.end.blind] is not None, after[kind.end.blind] is not None]  # that it is there, not what
            batch.valued[kind.name].add(op.id)
    batch.trail[kind.name, op.id].append(Step(after["rev"], True, made_at, changes, op.mark))
    batch.revisions.append(
        {
            "kind": kind.name,
            "id": op.id,
            "rev": after["rev"],
            "by_user_id": batch.caller.user_id,
            "device_id": batch.caller.device_id,
            "made_at": made_at,
            "received_at": batch.now,
            "mark": op.mark,
            "changes": changes,
            "void_reason": op.void,
        }
    )
    if before is not None and before["place_id"] != after["place_id"]:
        batch.left[kind.name, op.id].add((before["place_id"], before["township_id"]))
        there = {"place_id": after["place_id"], "township_id": after["township_id"]}
        for child in CHILDREN[kind.name]:
            for row in [row for row in batch.rows[child.name].values() if child.parent and row[child.parent.member] == op.id]:
                below = Op(child, row["id"], made_at=made_at, mark=op.mark)
                settles |= accept(batch, below, row, {**row, **there, **child.moved, "rev": row["rev"] + 1})
    return settles


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
