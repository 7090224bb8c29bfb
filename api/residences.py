"""Brings the two sides of residences together, in the transaction that changed one of them (decision 0023).

The side that wrote reaches neither the other's people nor its places, so from here on the service itself writes, within the county. What
another county is to hear goes to the outbox in the same transaction. Again changes nothing.

Whoever made the first row of a residence is its proposer; the other side is asked. What the asked side hears lies in the proposal, which
stays when it is answered; what the proposer hears lies in the row itself (`theirs` of both).
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple
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

    def says(self, now: datetime) -> Row:
        """What the proposer says: here, or in a letter."""
        if self.proposer:
            return rule.part(self.proposer, self.heard(self.proposer), now)
        letter: Row = self.proposal["theirs"] or {} if self.proposal else {}
        return rule.let_in(self.asked, letter) if self.asked else letter

    def answers(self, now: datetime) -> Row | None:
        """What the asked side says; None: nothing yet. A decline that is taken back is told, too."""
        if self.asked:
            return rule.part(self.asked, self.heard(self.asked), now)
        if self.proposal and (self.proposal["declined_because"] or self.proposal["status"] == "declined"):
            return {"declined_because": self.proposal["declined_because"]}
        return None

    def heard(self, row: Row) -> Mapping[str, Any] | None:
        """What the other side of `row` says, as far as the state needs it."""
        if row is self.asked:
            return rule.core(self.proposer) if self.proposer else self.proposal and self.proposal["theirs"]
        if self.asked:
            return rule.core(self.asked)
        return rule.spoken({"declined_because": self.proposal["declined_because"]} if self.proposal else row["theirs"])

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


async def receive(tx: Tx, county_id: int, letter: Letter, sender: int, *, today: date, now: datetime) -> Outcome:
    """What another county says, as a transaction of the service itself. The same, or an older one, again changes nothing. Raises BadLetter
    for one that comes from another county, or of another side, than those before, or than was asked."""
    theirs = {**letter.part, "version": letter.version, "from": letter.from_code}
    proposals, rows = await _lock(tx, county_id, [letter.residence_id])
    kind, boxes = RESIDENCE_PROPOSAL, [row for row in proposals if row["id"] == letter.residence_id]
    if not boxes:
        kind, boxes = RESIDENCE, [row for row in rows if row["residence_id"] == letter.residence_id]
    changed: dict[Key, Row] = {}
    for box in boxes[:1]:
        known, far = box["theirs"], box[NEAR[letter.side]]
        if box["side"] == letter.side or (known or {}).get("from", letter.from_code) != letter.from_code:
            raise BadLetter
        if known is None:
            codes = [letter.from_code, *(row["code"] for row in await tx.fetch(statements.COUNTY_CODES, sender))]
            if kind is RESIDENCE_PROPOSAL or (far and far[:6] not in {code[:6] for code in codes}):  # somebody of this county proposed it
                raise BadLetter
        elif letter.version <= known["version"]:
            return "known"
        await store.put(tx, kind.store.update, county_id, [{**box, "theirs": theirs}])
    if not boxes:  # also where it was taken back meanwhile: an older letter may still come
        asks = {letter.residence_id: _Asks(OTHER[letter.side], letter.to_code, theirs)}
        changed = {(RESIDENCE_PROPOSAL.name, row["id"]): row for row in await _propose(tx, county_id, asks, today, now)}
    changed |= await bring_together(tx, county_id, [letter.residence_id], today=today, now=now)
    if changed:
        await store.tick(tx, county_id)
        await store.put(tx, store.CHANGE, county_id, [{**row, "moved": False, "successor_id": None} for row in changed.values()])
    return "applied"


async def bring_together(tx: Tx, county_id: int, residence_ids: Collection[UUID], *, today: date, now: datetime) -> dict[Key, Row]:
    """The same in a transaction of the service itself."""
    proposals, rows = await _lock(tx, county_id, residence_ids)
    own = {row["code"][:6] for row in await tx.fetch(statements.COUNTY_CODES, county_id)}
    known = {row["id"] for row in proposals}
    here = {row["residence_id"]: row for row in rows if (_far(row) or "-")[:6] in own and row["residence_id"] not in known}
    asks = {residence_id: _Asks(OTHER[row["side"]], _far(row), None) for residence_id, row in here.items()}
    made = await _propose(tx, county_id, asks, today, now)
    pairs = await _pairs(tx, county_id, [*proposals, *made], rows)
    rows = [row for pair in pairs for row in pair.rows]
    for pair in pairs:
        for row in pair.rows:
            row["now"] = rule.state(row["side"], rule.core(row), pair.heard(row))
    claims = defaultdict[UUID, set[UUID]](set)  # person -> residences
    for row in rows:
        if row["now"] in rule.OPEN:
            claims[row["person_id"]].add(row["residence_id"])
    for row in rows:
        row["elsewhere"] = row["side"] == "registration" and row["now"] in rule.OPEN and len(claims[row["person_id"]]) > 1
    changed: dict[Key, Row] = {(RESIDENCE_PROPOSAL.name, row["id"]): row for row in made}
    letters: list[Row] = []
    for pair in pairs:
        says, answer = pair.says(now), pair.answers(now)
        if pair.proposer:
            heard = rule.spoken(answer) if pair.proposal else pair.proposer["theirs"]
            follows = _note(changed, RESIDENCE.name, pair.proposer, rule.follows(pair.proposer, heard, today))
            if not pair.proposal:
                letters += _letter(pair, pair.proposer["side"], _far(follows), says, heard)
        elif pair.proposal and not says.get("withdrawn"):  # nothing to whoever took it back
            letters += _letter(pair, pair.proposal["side"], says.get(NEAR[OTHER[pair.proposal["side"]]]), answer, says)
        if pair.asked:
            _note(changed, RESIDENCE.name, pair.asked, rule.follows(pair.asked, says, today))
        if pair.proposal:
            members = rule.proposed(says, answered=pair.asked is not None, declined_because=pair.proposal["declined_because"])
            _note(changed, RESIDENCE_PROPOSAL.name, pair.proposal, members | {"theirs": None if pair.proposer else says})
    for kind in (RESIDENCE_PROPOSAL, RESIDENCE):
        await store.put(tx, kind.store.update, county_id, [row for (name, _), row in changed.items() if name == kind.name])
    if letters:
        await tx.execute(statements.SEND, county_id, store.as_json(letters), now)
    return changed


def _far(row: Mapping[str, Any]) -> Any:
    """Where the other side is, as far as is known."""
    return row[NEAR[OTHER[row["side"]]]]


def _letter(pair: Pair, side: Side, to_code: str | None, part: Row | None, heard: Mapping[str, Any] | None) -> list[Row]:
    """With the consents that were heard: a side that has shut something, and erased it, gets it once more when that is open again."""
    said = part and part | {"heard": (heard or {}).get("consents", {})}
    return [{"residence_id": pair.residence_id, "side": side, "to_code": to_code, "part": said}] if to_code and said else []


class _Asks(NamedTuple):
    """Which side is asked, by which code, and what the letter said, if one came."""

    side: Side
    code: str
    theirs: Row | None


async def _propose(tx: Tx, county_id: int, asks: Mapping[UUID, _Asks], today: date, now: datetime) -> list[Row]:
    """New proposals, at the places that the codes mean; what else they say follows."""
    places = [dict(row) for row in await tx.fetch(statements.PLACES, county_id)] if asks else []
    blank = dict.fromkeys(RESIDENCE_PROPOSAL.schema.model_fields) | {"rev": 1, "voided": False, "created_at": now, "updated_at": now}
    blank |= {"status": "waiting", "proposed_on": today, "kind": RESIDENCE_PROPOSAL.name}
    made = []
    for residence_id, (side, code, theirs) in asks.items():
        place = addressed(code, places)
        at = {"place_id": place["place_id"], "township_id": place["township_id"]}
        made.append(blank | at | {"id": residence_id, "side": side, "theirs": theirs})
    await store.put(tx, RESIDENCE_PROPOSAL.store.insert, county_id, made)
    first = {"kind": RESIDENCE_PROPOSAL.name, "rev": 1, "made_at": now, "received_at": now, "mark": bytes(16)}
    await store.put(tx, store.REVISE, county_id, [first | {"id": row["id"]} for row in made])
    return made


def _note(changed: dict[Key, Row], kind: str, row: Row, follows: Row) -> Row:
    after = {**row, **follows, "kind": kind}
    if any(row[member] != value for member, value in follows.items()):
        changed[kind, row["id"]] = after
    return after


async def _lock(tx: Tx, county_id: int, residence_ids: Collection[UUID]) -> tuple[list[Row], list[Row]]:
    """Proposals and residences, with what belongs together with them."""
    together = [row["residence_id"] for row in await tx.fetch(statements.TOGETHER, county_id, list(residence_ids))]
    proposals = await tx.fetch(statements.PROPOSALS, county_id, together)
    rows = await tx.fetch(statements.OF, county_id, together)
    return store.decoded(RESIDENCE_PROPOSAL.store, proposals), store.decoded(RESIDENCE.store, rows)


async def _pairs(tx: Tx, county_id: int, proposals: Sequence[Row], rows: Sequence[Row]) -> list[Pair]:
    """The other side answers where it is asked: a person of the place that the proposal lies in, or below it."""
    found = await tx.fetch(statements.PEOPLE, county_id, list({row["person_id"] for row in rows}))
    about = {row["id"]: {**row, "consents": orjson.loads(row["consents"] or "{}")} for row in found}
    sides: dict[UUID, dict[str, Row]] = defaultdict(dict)
    for row in rows:
        sides[row["residence_id"]][row["side"]] = row | {name: value for name, value in about[row["person_id"]].items() if name != "id"}
    asked = {row["id"]: row for row in proposals}
    pairs = []
    for residence_id in sorted({*sides, *asked}):
        proposal, two = asked.get(residence_id), sides[residence_id]
        answer = two.pop(proposal["side"], None) if proposal else None
        if answer and proposal and answer["theirs"] is None and proposal["place_id"] not in answer["within"]:
            answer = None  # of a place that is not asked, or not yet
        pairs.append(Pair(residence_id, next(iter(two.values()), None), answer, proposal))
    return pairs
