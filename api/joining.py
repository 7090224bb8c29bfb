"""Two records that are one person, and households that become one or two. Each is a handful of ops, all of them or none (road.py)."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID, uuid5

import orjson

from api import road
from api.db import store
from api.db.checkups import OF_PEOPLE
from api.db.session import Overtaken, Tx
from api.db.store import Row
from api.db.tables.follow_up import OPEN
from api.db.tables.person import PEOPLE
from api.decide import Op
from api.kinds import ATTENDANCE, CHECKUP_SESSION, FOLLOW_UP, HOUSEHOLD, KINDS, PERSON, RESIDENCE, Kind
from api.problems import JOINED_ALREADY, NOT_FOUND, STALE, VOIDED, Problem
from api.rules.attendance import CALLED, id_of, joined
from api.rules.caller import Caller

SAME = "与另一条记录是同一个人"
MERGED = "户已合并，转到并入的户"


async def carry_out(
    tx: Tx, caller: Caller, ops: Sequence[Op], *, today: date, now: datetime, preview: bool
) -> tuple[dict[str, int], set[UUID]]:
    """How many records of each kind it changes, and the sessions to settle. Raises the first refusal. What was read for the ops is not
    locked (the road locks in its own order): all of it again, if it has changed meanwhile."""
    try:
        return await road.touch(tx, caller, ops, today=today, now=now, preview=preview)
    except Problem as problem:
        if problem.kind is STALE:
            raise Overtaken from None
        raise


async def join(tx: Tx, caller: Caller, person_id: UUID, into_id: UUID, now: datetime) -> list[Op]:
    """The first record is voided and names the second, its successor; both stay readable. Where it headed a household, the second does."""
    one, into = await _two(tx, caller, PERSON, person_id, into_id)
    ops = await _attendances(tx, caller, person_id, into_id, now)
    ops += [Op(RESIDENCE, row["id"], {"person_id": into_id}, row["rev"]) for row in await _residences(tx, caller, person_id)]
    # to void again is no refusal: so the one, too, has to be as it was read, unless it is joined already
    ops += [_as_it_is(PERSON, row) for row in (one, into) if not row["voided"]]
    ops += [Op(PERSON, person_id, {"joined_into_id": into_id}, one["rev"], void=SAME)]
    homes = await store.rows(tx, HOUSEHOLD.store.found, caller, [one["household_id"]])
    return ops + [Op(HOUSEHOLD, home["id"], {"head_id": into_id}, home["rev"]) for home in homes if home["head_id"] == person_id]


async def part(tx: Tx, caller: Caller, person_id: UUID) -> list[Op]:
    """Two people after all: the record is what it was before it was joined, and the residences that it brought are its own again."""
    found = await store.rows(tx, PERSON.store.found, caller, [person_id])
    if not found:
        raise NOT_FOUND()
    into_id = found[0]["joined_into_id"]
    rows = await _residences(tx, caller, into_id) if into_id else []
    whose: dict[UUID, list[str] | None] = {}  # from whom to whom it went last
    for step in await tx.fetch(store.TRAIL, caller.county_id, RESIDENCE.name, [row["id"] for row in rows]):
        whose[step["id"]] = orjson.loads(step["changes"] or "{}").get("person_id", whose.get(step["id"]))
    brought = [row for row in rows if whose[row["id"]] == [str(person_id), str(into_id)]]
    into = await store.rows(tx, PERSON.store.found, caller, [into_id]) if into_id else []
    asked = [row for row in await store.rows(tx, OF_PEOPLE, caller, [person_id]) if row["joined_into_id"]]
    whole = [Op(ATTENDANCE, row["id"], {"joined_into_id": None}, row["rev"]) for row in asked]
    whole += [Op(RESIDENCE, row["id"], {"person_id": person_id}, row["rev"]) for row in brought]
    whole += [_as_it_is(PERSON, row) for row in into if not row["voided"]]  # whose consents are fewer now
    return [Op(PERSON, person_id, {"joined_into_id": None}, found[0]["rev"]), *whole]


async def _residences(tx: Tx, caller: Caller, person_id: UUID) -> list[Row]:
    ids = [row["id"] for row in await store.rows(tx, RESIDENCE.store.occupied, caller, [person_id])]
    return await store.rows(tx, RESIDENCE.store.found, caller, ids)


async def _attendances(tx: Tx, caller: Caller, person_id: UUID, into_id: UUID, now: datetime) -> list[Op]:
    """What the one declined, missed or came to, the other did. A session out of reach, of where somebody lived before, is left out."""
    rows = await store.rows(tx, OF_PEOPLE, caller, [person_id, into_id])
    sessions = {row["session_id"] for row in rows if row["session_id"]}
    known = {row["id"] for row in await store.records(tx, CHECKUP_SESSION.store, CHECKUP_SESSION.store.named, caller, sessions)}
    ops, there = [], {row["id"]: row for row in rows}
    for row in rows:
        if row["person_id"] != person_id or row["voided"]:
            continue
        person = {"programme_id": row["programme_id"], "round": row["round"], "person_id": into_id}
        successor = id_of(person)
        ops.append(Op(ATTENDANCE, row["id"], {"joined_into_id": successor}, row["rev"], void=SAME))
        other = there.get(successor, {})
        said = joined({**row, "session_id": row["session_id"] if row["session_id"] in known else None}, other, now)
        if said:
            ops.append(Op(ATTENDANCE, successor, said | ({} if other else person), other.get("rev")))
    return ops


async def merge(tx: Tx, caller: Caller, household_id: UUID, into_id: UUID) -> list[Op]:
    """The people go to the other household, and what is open to be done for them too; the visits stay with the household that they were
    made to, which is dissolved. What people are to the other head is for the worker to say. What the service raised, it raises again."""
    one, into = await _two(tx, caller, HOUSEHOLD, household_id, into_id)
    people, rows = await store.rows(tx, PEOPLE, caller, [household_id]), await store.rows(tx, OPEN, caller, [household_id])
    reminded = {row["person_id"] for row in rows if row["created_by"] is None}
    ops = [
        Op(ATTENDANCE, row["id"], {"informed_at": None}, row["rev"])
        for row in await store.rows(tx, OF_PEOPLE, caller, list(reminded))
        if row["state"] in CALLED and row["reminders"] and not row["voided"]
    ]
    ops += _moves(people, into_id, None)
    there = {"household_id": into_id} | (FOLLOW_UP.moved if into["place_id"] != one["place_id"] else {})
    for row, said in zip(rows, await _within_reach(tx, caller, rows), strict=True):
        ops.append(Op(FOLLOW_UP, row["id"], {"status": "dropped", "dropped_because": MERGED}, row["rev"]))
        if row["created_by"]:
            ops.append(Op(FOLLOW_UP, uuid5(row["id"], f"{into_id}:{row['rev']}"), said | there))  # another each time that it is dropped so
    ops.append(Op(HOUSEHOLD, household_id, {"status": "dissolved", "head_id": None, "joined_into_id": into_id}, one["rev"]))
    return [*ops, _as_it_is(HOUSEHOLD, into)]


async def _within_reach(tx: Tx, caller: Caller, follow_ups: Sequence[Row]) -> list[Row]:
    """What they say, without whom and what they name that is out of reach by now: somebody who moved away, a colleague who left."""
    people = {row["assignee_id"] for row in follow_ups if row["assignee_id"]}
    scope = (caller.places, caller.townships, caller.above)
    known = {row["user_id"] for row in await tx.fetch(store.COLLEAGUES, caller.county_id, list(people), *scope)} if people else set()
    known |= {place for numbers in scope for place in numbers}
    for member, kind in FOLLOW_UP.names.items():
        named = [row[member] for row in follow_ups if row[member]]
        known |= {row["id"] for row in await store.rows(tx, KINDS[kind].store.seen, caller, named)}
    named_in = ("assignee_id", "assignee_place_id", *FOLLOW_UP.names)
    return [{m: None if m in named_in and row[m] not in known else row[m] for m in FOLLOW_UP.sent} for row in follow_ups]


async def split(tx: Tx, caller: Caller, household_id: UUID, new: Op, person_ids: Sequence[UUID]) -> list[Op]:
    """Some of the people found the household `new`. Raises `not-found` where somebody is not of this household. The same again finds them
    there."""
    if set(person_ids) <= {row["id"] for row in await store.rows(tx, PEOPLE, caller, [new.id])}:
        return [new]
    found = await store.rows(tx, HOUSEHOLD.store.found, caller, [household_id])
    people = [row for row in await store.rows(tx, PEOPLE, caller, [household_id]) if row["id"] in person_ids]
    if not found or len(people) != len(set(person_ids)):
        raise NOT_FOUND()
    ops = [new, *_moves(people, new.id, new.doc.get("head_id"))]
    if found[0]["head_id"] in person_ids:
        ops.append(Op(HOUSEHOLD, household_id, {"head_id": None}, found[0]["rev"]))
    return ops


async def _two(tx: Tx, caller: Caller, kind: Kind, record_id: UUID, into_id: UUID) -> tuple[Row, Row]:
    """Both records. Raises `not-found`, also where they are one, and `joined-already` or `voided` for what can't be joined."""
    rows = {row["id"]: row for row in await store.rows(tx, kind.store.found, caller, [record_id, into_id])}
    if len(rows) < 2:
        raise NOT_FOUND()
    one, into = rows[record_id], rows[into_id]
    for row in (one, into):
        if row["joined_into_id"] and row["joined_into_id"] != into_id:
            raise JOINED_ALREADY(joined_into_id=str(row["joined_into_id"]))
        if row["voided"] and not row["joined_into_id"]:
            raise VOIDED()
    return one, into


def _as_it_is(kind: Kind, row: Row) -> Op:
    """Nothing new of it, but that it has not changed meanwhile: of two that are joined into each other at once, the second is refused."""
    return Op(kind, row["id"], {}, row["rev"])


def _moves(people: Sequence[Row], into_id: UUID, head_id: UUID | None) -> list[Op]:
    """Relations are to the head of a household; those to another one are not known."""
    return [
        Op(PERSON, row["id"], {"household_id": into_id, "relation": "head" if row["id"] == head_id else "other"}, row["rev"])
        for row in people
    ]
