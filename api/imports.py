"""Imports of registers: a file is checked whole, then its records go in by the road, piece by piece, and can be taken back for a day.

What is to be done stands in the database. Each step is a transaction of its own that holds the import's row: so several processes may be at
it, a step happens once or not at all, and whoever comes next goes on where it ended (decision 0014).
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import orjson
from asyncpg import Record

from api import decide, road
from api.access import Access
from api.db import imports as db
from api.db import store
from api.db.session import Tx
from api.decide import Batch, Op
from api.files.sheet import Unreadable, lines
from api.kinds import HOUSEHOLD, KINDS, Kind
from api.places import at_server
from api.problems import COULD_NOT_STORE, HAS_RECORDS, NOT_FOUND, NOT_NOW, Problem
from api.rules import register_file
from api.rules.caller import Caller, as_officer, command_line
from api.rules.register_file import NAMES, SHEET, Fault, Places, Reader, again, fault, identity
from api.schemas.base import creation as body_of
from api.schemas.imports import RegisterKind

MAX_ROWS = 100_000
PIECE = 200  # with 500 the import is maybe a seventh faster, and the slowest pushes of phones meanwhile take twice as long
LISTED = 500  # of the faults of a file
TRIES = 3  # to read a file: a restart of the server is one, too
DAY = timedelta(days=1)
MAY = ("county", "township")
OPEN = ("reading", "running", "undoing")
REASON = "撤销导入"
ENTERED_BY = {"confirm": ("ready",), "undo": ("running", "done")}  # wish -> states that it is for
BEYOND = {"confirm": ("running", "done"), "undo": ("undoing", "undone")}  # where it has been granted already
ENDS = {"reading": "undone", "running": "done", "undoing": "done"}  # where it can't go on
ENTERS = {"confirm": "running", "undo": "undoing"}


async def take(tx: Tx, caller: Caller, *, import_id: UUID, kind: RegisterKind, file_name: str, data: bytes, now: datetime) -> store.Row:
    """Notes a file that is to be read. Returns the import."""
    townships = sorted(caller.townships)
    said = (caller.county_id, import_id, kind, file_name, townships, caller.user_id, caller.device_id, data, now)
    await tx.execute(db.NEW, *said)
    return await known(tx, caller.county_id, import_id)


async def known(tx: Tx, county_id: int, import_id: UUID) -> store.Row:
    return dict(await tx.fetchrow(db.BY_ID, county_id, import_id) or {})


async def enter(tx: Tx, caller: Caller, import_id: UUID, wish: Literal["confirm", "undo"], now: datetime) -> store.Row:
    """Confirms an import, or has it taken back; once more changes nothing. Returns it. Raises `not-found`, `not-now`."""
    row = await known(tx, caller.county_id, import_id)
    if row.get("state") != "reading":  # whoever reads holds its row, and nobody confirms what can't be seen yet
        row = dict(await tx.fetchrow(db.LOCKED, caller.county_id, import_id, list(caller.townships)) or {})
    if not row or not set(row["townships"]) <= set(caller.townships):
        raise NOT_FOUND()
    if row["state"] in BEYOND[wish]:
        return row
    late = wish == "undo" and row["state"] == "done" and now - row["ended_at"] > DAY
    if late or row["state"] not in ENTERED_BY[wish]:
        raise NOT_NOW(state=row["state"])
    await tx.execute(db.ENTER, caller.county_id, import_id, ENTERS[wish], caller.user_id, caller.device_id)
    return await known(tx, caller.county_id, import_id)


async def to_do(access: Access, county_id: int) -> list[Record]:
    """What is to be read, run or undone."""
    return await access.database.write(command_line(county_id), lambda tx: tx.fetch(db.OPEN, county_id))


async def step(access: Access, county_id: int, wanted: Record) -> bool:
    """Takes an import on by one piece. False: its state is another, or somebody else has it in hand."""
    caller = await _author(access, county_id, wanted["user_id"], wanted["device_id"])
    begun = 0

    async def turn(tx: Tx) -> store.Row:
        row = dict(await tx.fetchrow(db.TURN, county_id, wanted["id"]) or {})
        return {} if any(row.get(name) != wanted[name] for name in ("state", "user_id", "device_id")) else row

    async def begin(tx: Tx) -> int:
        row = await turn(tx)
        if row:
            await tx.execute(db.TRY, county_id, row["id"])
        return int(row.get("tries", -1)) + 1

    async def work(tx: Tx) -> bool:
        row = await turn(tx)
        if not row or (begun and row["tries"] != begun):
            return False
        if caller is None:  # nobody in whose name it could be done
            await tx.execute(db.END, county_id, row["id"], ENDS[row["state"]], access.now())
        else:
            await {"reading": _read, "running": _run, "undoing": _undo}[row["state"]](tx, access, caller, row)
        return True

    if wanted["state"] == "reading":  # noted before it begins, since a file that ends the process would do so at each start
        begun = await access.database.write(command_line(county_id), begin)
    return await access.database.write(caller or command_line(county_id), work)


async def give_up(access: Access, county_id: int, wanted: Record) -> None:
    """What the database will not take, though the rules let it pass, ends the import where it is: it would be the same for ever."""

    async def work(tx: Tx) -> None:
        row = await tx.fetchrow(db.TURN, county_id, wanted["id"])
        if row and row["state"] == wanted["state"]:
            told = Fault(0, "", "", COULD_NOT_STORE.slug, COULD_NOT_STORE.title).document()
            notes = orjson.dumps([told, *orjson.loads(row["notes"])][:LISTED]).decode()
            await tx.execute(db.WENT_ON, county_id, row["id"], row["at_row"], 0, 0, 0, 0, 0, 1, notes)
            await tx.execute(db.END, county_id, row["id"], ENDS[row["state"]], access.now())

    await access.database.write(command_line(county_id), work)


async def _author(access: Access, county_id: int, user_id: UUID | None, device_id: UUID | None) -> Caller | None:
    """Whoever asked for it, with the rights of now. The county's desk registers for its townships, as one who holds them all."""
    found = await (access.caller_of(county_id, user_id, device_id) if user_id else at_server(access, county_id))
    return as_officer(found) if found and found.role in MAY else None


async def until_settled(access: Access, desk: Caller, import_id: UUID, show: Callable[[store.Row], None]) -> store.Row:
    """Takes one import on until there is nothing to do for it, and returns it; a server that runs may be faster."""
    while True:
        row = await access.database.write(desk, lambda tx: known(tx, desk.county_id, import_id))
        show(row)
        if row["state"] not in OPEN:
            return row
        mine = [wanted for wanted in await to_do(access, desk.county_id) if wanted["id"] == import_id]
        if not (mine and await step(access, desk.county_id, mine[0])):
            await asyncio.sleep(0.2)


# Reading


@dataclass(slots=True)
class _Told:
    """What is said of a file, the first of it to be kept."""

    count: int = 0
    first: list[dict[str, Any]] = field(default_factory=list)

    def add(self, faults: Iterable[Fault]) -> None:
        for each in faults:
            self.count += 1
            if len(self.first) < LISTED:
                self.first.append(each.document())

    def json(self) -> str:
        return orjson.dumps(self.first).decode()


async def _read(tx: Tx, access: Access, caller: Caller, row: Mapping[str, Any]) -> None:
    """The whole file, in one transaction that locks nothing but the import: it is read to the end, or again from the start."""
    kind, county, now = KINDS[NAMES[row["kind"]]], caller.county_id, access.now()
    if row["tries"] > TRIES:
        broke_off = orjson.dumps([fault(0, "", "", "broke-off").document()]).decode()
        await tx.execute(db.READ, county, row["id"], "faulty", 0, 0, 1, broke_off, 0, "[]", now)
        return
    places = [dict(place) for place in await tx.fetch(db.PLACES, county, list(caller.townships))]
    purposes = {each["name"]: each["code"] for each in await tx.fetch(db.PURPOSES, county)}
    reader = Reader(row["kind"], Places(places), purposes, kind.rule, access.today())
    problems, notes, first = _Told(), _Told(), dict[UUID, int]()
    ids = {place["place_id"]: place["id"] for place in places}
    unchanged = 0
    pieces = _pieces(row["file"], reader)
    while piece := await asyncio.to_thread(next, pieces, None):  # the parsing takes as long as all the rest
        rows = [each for each in piece if isinstance(each, register_file.Row)]
        faults = [each for found in piece if not isinstance(found, register_file.Row) for each in found]
        wanted = await _find(tx, caller, reader, rows, ids, first, faults)
        problems.add(sorted(faults, key=lambda each: each.row))
        for_rows = await _compare(tx, caller, kind, reader, wanted, notes)
        unchanged += sum(each["outcome"] is not None for each in for_rows)
        await store.put(tx, db.ROWS, county, [{"import_id": row["id"], **each} for each in for_rows])
    notes.add(reader.notes)
    if problems.count:
        await tx.execute(db.ERASE_ONE, county, row["id"])
    state = "faulty" if problems.count else "ready"
    told = (problems.count, problems.json(), notes.count, notes.json())
    await tx.execute(db.READ, county, row["id"], state, reader.rows, 0 if problems.count else unchanged, *told, now)


def _pieces(data: bytes, reader: Reader) -> Iterator[list[register_file.Row | list[Fault]]]:
    piece: list[register_file.Row | list[Fault]] = []
    begun = False
    try:
        for number, line in lines(data, SHEET[reader.kind], MAX_ROWS + 100):
            if not begun:
                if any(cell not in ("", None) for cell in line):
                    begun = True
                    if faults := reader.headings(number, line):
                        piece.append(faults)
                        break
                continue
            found = reader.row(number, line)
            if found is None:
                continue
            if reader.rows > MAX_ROWS:
                raise Unreadable("too-many-rows")
            piece.append(found)
            if len(piece) >= PIECE:
                yield piece
                piece = []
        else:
            if not reader.rows:
                piece.append([fault(0, "", "", "empty")])
    except Unreadable as problem:
        piece.append([fault(0, "", "", problem.args[0], limit=MAX_ROWS)])
    if piece:
        yield piece


_Wanted = tuple[register_file.Row, UUID, dict[str, Any]]  # a row, the id of its record, and what it says


async def _find(
    tx: Tx,
    caller: Caller,
    reader: Reader,
    rows: Sequence[register_file.Row],
    ids: Mapping[int, UUID],
    first: dict[UUID, int],
    faults: list[Fault],
) -> list[_Wanted]:
    """What the rows hang on. `first`: where each record stands in the file."""
    households: dict[tuple[int, str], list[Record]] = {}
    if reader.kind != "households":
        pairs = [{"place_id": place, "number": row.number} for row in rows for place in row.place_ids]
        asked = (caller.county_id, orjson.dumps(pairs).decode(), list(caller.townships))
        for found in await tx.fetch(db.HOUSEHOLDS, *asked):
            households.setdefault((found["place_id"], found["number"]), []).append(found)
    wanted: list[_Wanted] = []
    for row in rows:
        if reader.kind == "households":
            [place] = row.place_ids
            above, doc = ids[place], {"place_id": place, **row.said}
        else:
            named = [i for place in row.place_ids for i in households.get((place, row.number), ())]
            if len(named) > 1:  # one that was merged into another is not meant where a number names both
                named = [home for home in named if not home["joined"]] or named
            if len(named) != 1:
                code = "household-twice" if named else "unknown-household"
                faults.append(fault(*reader.where(row.row, "number"), code))
                continue
            above = named[0]["id"]
            doc = {"household_id": str(above), **row.said}
        record_id = identity(reader.kind, above, row.said)
        if first.setdefault(record_id, row.row) != row.row:
            faults.append(fault(*reader.where(row.row, "number"), "same-row", first=first[record_id]))
        else:
            wanted.append((row, record_id, doc))
    return wanted


async def _compare(tx: Tx, caller: Caller, kind: Kind, reader: Reader, wanted: Sequence[_Wanted], notes: _Told) -> list[store.Row]:
    """The rows to keep. Those whose record is there already have their outcome; likely doubles are noted."""
    ops = [_op(kind, record_id, orjson.dumps(doc)) for _, record_id, doc in wanted]
    ops, there = await _there(tx, caller.county_id, ops)
    double = await road.doubles(tx, caller, kind, [op for op in ops if op.id not in there])
    rows = []
    for n, (row, _, doc) in enumerate(wanted):
        op = ops[n]
        if op.id in there and there[op.id] != op.mark:
            notes.add([fault(*reader.where(row.row, "number"), "there-otherwise", about=op.id)])
        if op.id in double:
            notes.add([fault(*reader.where(row.row, "number"), "looks-double", about=double[op.id])])
        rows.append({"row": row.row, "id": op.id, "doc": doc, "outcome": "unchanged" if op.id in there else None})
    return rows


async def _there(tx: Tx, county_id: int, ops: Sequence[Op]) -> tuple[list[Op], dict[UUID, bytes]]:
    """The ops with the ids that they will have, and the marks of records that have these ids, wherever they are. In place of what was
    voided comes another record."""
    done, there = list(ops), dict[UUID, bytes]()
    asking = set(range(len(done)))
    while asking:
        ids = [done[n].id for n in asking]
        found = {row["id"]: row for row in await tx.fetch(db.THERE, county_id, done[0].kind.name, ids)}
        there |= {i: row["mark"] for i, row in found.items() if not row["voided"]}
        asking = {n for n in asking if done[n].id in found and found[done[n].id]["voided"]}
        for n in asking:
            done[n] = Op(done[n].kind, again(done[n].id), done[n].doc)
    return done, there


def _op(kind: Kind, record_id: UUID, doc: str | bytes) -> Op:
    sent = body_of(kind.schema).model_validate_json(doc)
    return Op(kind, record_id, {name: getattr(sent, name) for name in sorted(sent.model_fields_set)})


# Running and undoing: the steps of the road, with the outcome of each row noted before the tick


async def _run(tx: Tx, access: Access, caller: Caller, row: Mapping[str, Any]) -> None:
    kind, county, now = KINDS[NAMES[row["kind"]]], caller.county_id, access.now()
    rows = await tx.fetch(db.TO_CREATE, county, row["id"], row["at_row"], PIECE)
    if not rows:
        await tx.execute(db.END, county, row["id"], "done", now)
        return
    ops, there = await _there(tx, county, [_op(kind, each["id"], each["doc"]) for each in rows])
    batch = Batch(caller, access.today(), now)
    new = [op for op in ops if op.id not in there]
    await road.read(tx, batch, [*new, *(_heads(op) for op in new if op.doc.get("relation") == "head")])
    noted = {note["row"] for note in orjson.loads(row["notes"]) if note["code"] == "looks-double"}
    # somebody may have made one since the file was read; where the list is full already, nobody would see it
    double = await road.doubles(tx, caller, kind, new) if row["note_count"] < LISTED else {}
    went = _Went()
    for each, op in zip(rows, ops, strict=True):
        if op.id in there:
            went.on(each["row"], op.id, "unchanged")
            continue
        after = decide.creation(batch, op)
        if isinstance(after, Problem):
            went.on(each["row"], op.id, "refused", after)
        else:
            decide.accept(batch, op, None, after)
            if after.get("relation") == "head":
                _head(batch, _heads(op), instead_of=None)
            went.on(each["row"], op.id, "created")
            if op.id in double and each["row"] not in noted:
                went.notes.add([fault(each["row"], "", "", "looks-double", about=double[op.id])])
    await _store(tx, batch, row, went)


async def _undo(tx: Tx, access: Access, caller: Caller, row: Mapping[str, Any]) -> None:
    """Backwards. What says something else than it was made with, or has something hanging on it, stays, and the notes say why."""
    kind, county, now = KINDS[NAMES[row["kind"]]], caller.county_id, access.now()
    rows = await tx.fetch(db.TO_UNDO, county, row["id"], PIECE)
    if not rows:
        await tx.execute(db.END, county, row["id"], "undone", now)
        return
    made = [_op(kind, each["id"], each["doc"]) for each in rows]
    batch = Batch(caller, access.today(), now)
    heads = [_heads(op) for op in made if op.doc.get("relation") == "head"]
    await road.read(tx, batch, [*(Op(kind, op.id, void=REASON) for op in made), *heads])
    named = set[UUID]()
    if kind.name == "person":
        people = [{"id": op.id, "household_id": op.doc["household_id"], "relation": op.doc.get("relation")} for op in made]
        asked = (county, orjson.dumps(people, default=str).decode(), list(caller.townships))
        named = {found["id"] for found in await tx.fetch(db.NAMED, *asked)}
    went = _Went()
    for each, creation in zip(rows, made, strict=True):
        before = batch.rows[kind.name].get(creation.id)
        as_made = before and all(before[member] == value for member, value in {**kind.defaults, **creation.doc}.items())
        op = Op(kind, creation.id, base_rev=before["rev"] if before and as_made else 1, void=REASON)
        after = decide.change(batch, op, before)
        if after is not before and op.id in named and not isinstance(after, Problem):
            after = HAS_RECORDS()
        if isinstance(after, Problem):
            went.on(each["row"], op.id, "stayed", after)
            continue
        if after is not before:
            decide.accept(batch, op, before, after)
        if creation.doc.get("relation") == "head":
            _head(batch, replace(_heads(creation), doc={"head_id": None}), instead_of=op.id)
        went.on(each["row"], op.id, "undone")
    await _store(tx, batch, row, went)


def _heads(person: Op) -> Op:
    """That the person heads the household."""
    return Op(HOUSEHOLD, person.doc["household_id"], {"head_id": person.id}, base_rev=1)


def _head(batch: Batch, op: Op, *, instead_of: UUID | None) -> None:
    """Changes who heads a household, if that is who heads it now."""
    household = batch.rows[HOUSEHOLD.name].get(op.id)
    if household and household["head_id"] == instead_of:
        after = decide.change(batch, replace(op, base_rev=household["rev"]), household)
        if not isinstance(after, Problem) and after is not household:
            decide.accept(batch, op, household, after)


@dataclass(slots=True)
class _Went:
    """What became of the rows of a piece."""

    rows: list[store.Row] = field(default_factory=list)
    notes: _Told = field(default_factory=_Told)

    def on(self, row: int, record_id: UUID, outcome: str, problem: Problem | None = None) -> None:
        self.rows.append({"row": row, "id": record_id, "outcome": outcome})
        if problem:
            self.notes.add([Fault(row, "", "", problem.kind.slug, problem.kind.title, record_id)])

    def count(self, outcome: str) -> int:
        return sum(row["outcome"] == outcome for row in self.rows)


async def _store(tx: Tx, batch: Batch, row: Mapping[str, Any], went: _Went) -> None:
    county = batch.caller.county_id
    changes = await road.put(tx, batch)
    await store.put(tx, db.OUTCOMES, county, [{"import_id": row["id"], **each} for each in went.rows])
    created, unchanged, refused, undone = (went.count(outcome) for outcome in ("created", "unchanged", "refused", "undone"))
    notes = [*orjson.loads(row["notes"]), *went.notes.first][:LISTED]
    at = (went.rows[-1]["row"], created + unchanged + refused, created, unchanged, refused, undone)
    await tx.execute(db.WENT_ON, county, row["id"], *at, went.notes.count, orjson.dumps(notes).decode())
    if changes:
        await road.tick(tx, batch, changes)


# By the hour


async def sweep(tx: Tx, county_id: int, now: datetime) -> None:
    """Erases what files said a day after their import has ended."""
    await tx.execute(db.WITHDRAW, county_id, now - DAY)
    await tx.execute(db.ERASE, county_id, now - DAY)
