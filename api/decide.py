"""What becomes of an op, by what was read for it: pure, so all that it asks for is in its `Batch`. Reading and writing: road.py. Where the
author can't be asked: offline.py.
"""

import hashlib
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import orjson

from api.db.store import Row
from api.kinds import CHILDREN, Kind
from api.problems import (
    ALREADY_RECORDED,
    FIXED,
    HAS_RECORDS,
    ID_TAKEN,
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


def decide(batch: Batch, op: Op) -> Result:
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
        for record_id in names(batch, op, member):
            if found := batch.rows[kind].get(record_id) or batch.named[kind].get(record_id):
                named[member] = found
    by, made_at = batch.caller.device_id if op.made_at else None, op.made_at or batch.now
    # of one batch the earlier comes first: it arrived before
    return Turn(by, made_at, batch.now + timedelta(microseconds=len(batch.revisions)), named, batch.today, op.made_at is None)


def names(batch: Batch, op: Op, member: str) -> set[Any]:
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
