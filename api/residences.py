"""Brings the two sides of residences together, in the transaction that changed one of them (decision 0023).

The side that wrote reaches neither the other's people nor its places, so from here on the service itself writes, within the county. What
another county is to hear goes to the outbox in the same transaction. Again changes nothing.

Whoever made the first row of a residence is its proposer; the other side is asked. What the asked side hears lies in the proposal, which
stays when it is answered; what the proposer hears lies in the row itself (`theirs` of both).
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import orjson

from api.db import residences as statements
from api.db import store
from api.db.session import Tx, act_as
from api.db.store import Row
from api.exchange.letter import BadLetter, Letter, Outcome
from api.kinds import RESIDENCE, RESIDENCE_PROPOSAL
from api.rules import residence as rule
from api.rules.address import addressed
from api.rules.caller import Caller, command_line
from api.rules.residence import NEAR, OTHER
from api.schemas.residence import Side

Key = tuple[str, UUID]


@dataclass(slots=True)
class Pair:
    """The rows of one residence that this county has, and the proposal, if this county is asked."""

    residence_id: UUID
    proposer: Row | None
    asked: Row | None
    proposal: Row | None

    def heard(self, row: Row) -> Row | None:
        """What the other side of `row` says, as far as the state needs it."""
        if row is self.asked:
            return rule.core(self.proposer) if self.proposer else self.letter
        if self.asked:
            return rule.core(self.asked)
        return self.declined if self.proposal else row["theirs"]

    @property
    def letter(self) -> Row:
        """What a proposer in another county wrote."""
        return self.proposal["theirs"] if self.proposal else {}

    @property
    def declined(self) -> Row | None:
        because = self.proposal and self.proposal["declined_because"]
        return {"declined_because": because} if because else None

    @property
    def rows(self) -> list[Row]:
        return [row for row in (self.proposer, self.asked) if row]


async def hold(tx: Tx, caller: Caller, touched: Collection[UUID]) -> set[UUID]:
    """The residences that these people, residences or proposals belong to. Both sides are locked here, in one order, before the road
    locks either: else two sides that write at once wait for each other."""
    found = {row["residence_id"] for row in await tx.fetch(statements.TOUCHED, caller.county_id, list(touched))} if touched else set()
    if found:
        await act_as(tx, command_line(caller.county_id))
        await _lock(tx, caller.county_id, found)
        await act_as(tx, caller)
    return found


async def settle(tx: Tx, caller: Caller, residence_ids: Collection[UUID], *, today: date, now: datetime) -> dict[Key, Row]:
    """What of the residences and proposals follows from what was written, for their change rows."""
    await act_as(tx, command_line(caller.county_id))
    changed = await bring_together(tx, caller.county_id, residence_ids, today=today, now=now)
    await act_as(tx, caller)
    return changed


async def receive(tx: Tx, county_id: int, letter: Letter, *, today: date, now: datetime) -> Outcome:
    """What another county says, as a transaction of the service itself. The same, or an older one, again changes nothing. Raises BadLetter
    for one that comes from another place, or of another side, than those before."""
    theirs = {**letter.part, "version": letter.version, "from": letter.from_code}
    found = {pair.residence_id: pair for pair in await _pairs(tx, county_id, [letter.residence_id])}
    pair = found.get(letter.residence_id) or Pair(letter.residence_id, None, None, None)
    kind, box = (RESIDENCE_PROPOSAL, pair.proposal) if pair.proposal else (RESIDENCE, pair.proposer)
    changed: dict[Key, Row] = {}
    if box:
        known = box["theirs"] or {"from": letter.from_code, "version": 0}
        if box["side"] == letter.side or known.get("from") != letter.from_code:
            raise BadLetter
        if letter.version <= known["version"]:
            return "known"
        await store.put(tx, kind.store.update, county_id, [{**box, "theirs": theirs}])
    elif letter.part.get("withdrawn") or letter.part.get("declined_because"):
        return "known"
    else:
        new = await _new_proposal(tx, county_id, letter.residence_id, OTHER[letter.side], letter.to_code, today, now, theirs)
        changed[RESIDENCE_PROPOSAL.name, new["id"]] = new | {"kind": RESIDENCE_PROPOSAL.name}
    changed |= await bring_together(tx, county_id, [letter.residence_id], today=today, now=now)
    if changed:
        await store.tick(tx, county_id)
        await store.put(tx, store.CHANGE, county_id, [{**row, "moved": False, "successor_id": None} for row in changed.values()])
    return "applied"


async def bring_together(tx: Tx, county_id: int, residence_ids: Collection[UUID], *, today: date, now: datetime) -> dict[Key, Row]:
    """The same in a transaction of the service itself."""
    pairs = await _pairs(tx, county_id, residence_ids)
    for pair in pairs:
        for row in pair.rows:
            row["now"] = rule.state(row["side"], rule.core(row), pair.heard(row))
    rows = [row for pair in pairs for row in pair.rows]
    for row in rows:
        claims = [each for each in rows if each["person_id"] == row["person_id"] and each["now"] in rule.OPEN and each is not row]
        row["others"] = len(claims) if row["side"] == "registration" and row["now"] in rule.OPEN else 0
    changed: dict[Key, Row] = {}
    letters: list[Row] = []
    own = {row["code"][:6] for row in await tx.fetch(statements.COUNTY_CODES, county_id)}
    for pair in pairs:
        says = rule.part(pair.proposer, pair.heard(pair.proposer), now) if pair.proposer else pair.letter
        answer = rule.part(pair.asked, pair.heard(pair.asked), now) if pair.asked else pair.declined
        if pair.proposer:
            side, far = pair.proposer["side"], pair.proposer[NEAR[OTHER[pair.proposer["side"]]]]
            if pair.proposal is None and far and far[:6] in own:
                pair.proposal = await _new_proposal(tx, county_id, pair.residence_id, OTHER[side], far, today, now, None)
            elif pair.proposal is None and far:
                letters.append({"residence_id": pair.residence_id, "side": side, "to_code": far, "part": says})
            heard = answer if pair.proposal else pair.proposer["theirs"]
            _note(changed, RESIDENCE.name, pair.proposer, _seen(pair.proposer, heard, today))
        elif pair.proposal and answer and (far := says.get(NEAR[OTHER[pair.proposal["side"]]])):  # nothing to whoever took it back
            letters.append({"residence_id": pair.residence_id, "side": pair.proposal["side"], "to_code": far, "part": answer})
        if pair.asked:
            _note(changed, RESIDENCE.name, pair.asked, _seen(pair.asked, says, today))
        if pair.proposal:
            follows = rule.proposed(says, answered=pair.asked is not None, declined_because=pair.proposal["declined_because"])
            _note(changed, RESIDENCE_PROPOSAL.name, pair.proposal, follows)
    for kind in (RESIDENCE_PROPOSAL, RESIDENCE):
        await store.put(tx, kind.store.update, county_id, [row for (name, _), row in changed.items() if name == kind.name])
    if letters:
        await tx.execute(statements.SEND, county_id, store.as_json(letters), now)
    return changed


async def _new_proposal(
    tx: Tx, county_id: int, residence_id: UUID, side: Side, code: str, today: date, now: datetime, theirs: Row | None
) -> Row:
    """At the place that the code means; what else it says follows."""
    place = addressed(code, [dict(row) for row in await tx.fetch(statements.PLACES, county_id)])
    new = dict.fromkeys(RESIDENCE_PROPOSAL.schema.model_fields) | {
        "id": residence_id,
        "place_id": place["place_id"],
        "township_id": place["township_id"],
        "rev": 1,
        "voided": False,
        "created_at": now,
        "updated_at": now,
        "side": side,
        "status": "waiting",
        "proposed_on": today,
        "theirs": theirs,
    }
    await store.put(tx, RESIDENCE_PROPOSAL.store.insert, county_id, [new])
    made = {"kind": RESIDENCE_PROPOSAL.name, "id": new["id"], "rev": 1, "made_at": now, "received_at": now, "mark": bytes(16)}
    await store.put(tx, store.REVISE, county_id, [made])
    return new | {"new": True}


def _seen(row: Row, heard: Mapping[str, Any] | None, today: date) -> Row:
    return rule.follows(row, None if heard is None else rule.let_in(heard, row["consents"]), today)


def _note(changed: dict[Key, Row], kind: str, row: Row, follows: Row) -> None:
    if any(row[member] != value for member, value in follows.items()) or row.get("new"):
        changed[kind, row["id"]] = {**row, **follows, "kind": kind}


async def _lock(tx: Tx, county_id: int, residence_ids: Collection[UUID]) -> tuple[list[Row], list[Row]]:
    """Proposals and residences, with what belongs together with them."""
    together = [row["residence_id"] for row in await tx.fetch(statements.TOGETHER, county_id, list(residence_ids))]
    proposals = await tx.fetch(statements.PROPOSALS, county_id, together)
    rows = await tx.fetch(statements.OF, county_id, together)
    return store.decoded(RESIDENCE_PROPOSAL.store, proposals), store.decoded(RESIDENCE.store, rows)


async def _pairs(tx: Tx, county_id: int, residence_ids: Collection[UUID]) -> list[Pair]:
    """The other side answers where it is asked: a person of the place that the proposal lies in, or below it."""
    proposals, rows = await _lock(tx, county_id, residence_ids)
    people = {row["person_id"] for row in rows}
    found = await tx.fetch(statements.PEOPLE, county_id, list(people))
    about = {row["id"]: {**row, "consents": orjson.loads(row["consents"] or "{}")} for row in found}
    sides: dict[UUID, dict[str, Row]] = defaultdict(dict)
    for row in rows:
        row |= {name: value for name, value in about[row["person_id"]].items() if name != "id"}
        sides[row["residence_id"]][row["side"]] = row
    asked = {row["id"]: row for row in proposals}
    pairs = []
    for residence_id in sorted({*sides, *asked}):
        proposal, two = asked.get(residence_id), sides[residence_id]
        answer = two.pop(proposal["side"], None) if proposal else None
        if answer and proposal and answer["theirs"] is None and proposal["place_id"] not in answer["within"]:
            answer = None  # of a place that is not asked, or not yet
        pairs.append(Pair(residence_id, next(iter(two.values()), None), answer, proposal))
    return pairs
