"""What becomes of one person's attendance in one round: the steps from state to state, and who of several phones is right. Pure.

It is voluntary (README, what this service never does): a decline ends it for the round, and only whoever says so in words takes it back.
Why phones never have a conflict here: decision 0016.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Literal, get_args
from uuid import UUID, uuid5

from api.problems import (
    BEFORE_THE_ROUND,
    DAY_TO_COME,
    DECLINED_THIS_ROUND,
    MAKE_UP_ONCE,
    NO_SUCH_ROUND,
    NOT_OFFERED,
    NOT_THIS_STEP,
    OTHER_ROUND,
    SESSION_OVER,
    Problem,
)
from api.rules.caller import Turn
from api.rules.merge import Step
from api.schemas.attendance import State

Row = dict[str, Any]
How = Literal["step", "make_up", "undo"]
Answer = Literal["confirm", "decline", "undo"]  # of the family

NAMESPACE = UUID("6d1f0c52-8a5e-5b0f-9c3e-0f6a51d7a9b4")
# What phones say at the same time: the higher one stands
RANK: dict[State, int] = {state: rank for rank, state in enumerate(get_args(State))}
CHINA = timezone(timedelta(hours=8))
EARLY = timedelta(days=31)  # who is checked before the round begins, and was written down for it
ONLINE = "online"  # stands for a device in what was said
HOLDS_A_SEAT = ("invited", "confirmed", "attended")
CALLED = ("invited", "confirmed")  # who hears of it when a session is moved
# step: by itself · make_up: once, to a make-up session · undo: taken back in words (`undone_at`). What stands in no row can't be
STEPS: dict[tuple[State, State], How] = {
    **{("none", to): "step" for to in ("invited", "confirmed", "attended", "elsewhere", "declined")},
    **{("invited", to): "step" for to in ("confirmed", "attended", "missed", "elsewhere", "declined")},
    **{("confirmed", to): "step" for to in ("attended", "missed", "elsewhere", "declined")},
    **{("missed", to): "step" for to in ("attended", "elsewhere", "declined")},
    **{("elsewhere", to): "step" for to in ("attended", "declined")},
    ("declined", "attended"): "step",  # came after all
    ("missed", "invited"): "make_up",
    ("invited", "none"): "undo",
    **{("confirmed", to): "undo" for to in ("none", "invited")},
    **{("elsewhere", to): "undo" for to in ("none", "invited", "confirmed")},
    **{("declined", to): "undo" for to in ("none", "invited", "confirmed")},
    **{("attended", to): "undo" for to in ("none", "invited", "confirmed", "missed", "elsewhere", "declined")},
}


def id_of(row: Mapping[str, Any]) -> UUID:
    return uuid5(NAMESPACE, f"{row['programme_id']}:{row['round']}:{row['person_id']}")


# What each device said


@dataclass(frozen=True, slots=True)
class Said:
    """The last that one device said: when, by its clock, and what the record's revision became. `gone`: it was taken back, or a phone that
    knew of it marked the person as missed."""

    at: str
    rev: int
    by: str
    state: State
    gone: bool = False


def read(entries: Sequence[str]) -> dict[str, Said]:
    """As the row holds it: `time|revision|device|state`, with `-` before a state that is gone."""
    found = {}
    for entry in entries:
        at, rev, by, state = entry.split("|")
        found[by] = Said(at, int(rev), by, state.removeprefix("-"), state.startswith("-"))  # type: ignore[arg-type]  # the row's own
    return found


def written(said: Mapping[str, Said]) -> list[str]:
    return [f"{each.at}|{each.rev}|{each.by}|{'-' if each.gone else ''}{each.state}" for _, each in sorted(said.items())]


def highest(said: Mapping[str, Said]) -> State:
    return max((each.state for each in said.values() if not each.gone), key=lambda state: RANK[state], default="none")


def say(said: dict[str, Said], new: Said, known: State, known_rev: int) -> dict[str, Said]:
    """With what a device says that knew `known`, and of the others what they had said by revision `known_rev`. What takes something back,
    takes back what its device knew, and nothing else. A decline is taken back by who takes back the decline, and by nobody who takes back
    a check-in; that somebody missed it is never taken back, and ends with the make-up invitation. Both stand under a name of their own,
    since the same device may have said what came after."""
    after, mine = dict(said), said.get(new.by)
    if mine and not mine.gone and (mine.state == "missed" or (mine.state, new.state) == ("declined", "attended")):
        aside = f"{new.by}/{mine.state}"
        after[aside] = replace(mine, by=aside)
    for by, each in after.items():
        lower = RANK[new.state] < RANK[known] and RANK[each.state] > RANK[new.state] and by != new.by and each.rev <= known_rev
        stays = each.state in ("declined", "missed") and known != each.state
        made_up = (known, new.state, each.state) == ("missed", "invited", "missed") and _knows(new.by, known_rev, each)
        if (lower and not stays) or made_up:
            after[by] = replace(each, gone=True)
    after[new.by] = new
    return after


def _knows(by: str, known_rev: int, each: Said) -> bool:
    return each.rev <= known_rev or each.by.split("/")[0] == by


def has_missed(said: Mapping[str, Said], by: str, known_rev: int) -> bool:
    """Whether somebody said that the person missed it, as far as the device knew, and no make-up invitation followed."""
    return any(each.state == "missed" and not each.gone and _knows(by, known_rev, each) for each in said.values())


def moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


def forbidden(known: State, wanted: State, *, undone: bool, make_up: bool, missed: bool = False) -> Problem | None:
    """`missed`: they missed it, whatever came then: the one more invitation is that of a make-up session, by the step from `missed`."""
    if missed and known not in (*CALLED, "missed") and wanted in CALLED:
        return MAKE_UP_ONCE.at("/state")
    how = STEPS.get((known, wanted))
    if known == wanted or how == "step" or (how == "undo" and undone) or (how == "make_up" and make_up):
        return None
    if known == "declined":
        return DECLINED_THIS_ROUND()
    return (MAKE_UP_ONCE if how == "make_up" else NOT_THIS_STEP).at("/state")


def joined(one: Mapping[str, Any], other: Mapping[str, Any], now: datetime) -> Row:
    """What in the record `other` of a person is new when `one`, of the same person, is joined into it; {}: there is no other yet. The
    higher state stands, as between two phones; a decline stays below it, and who missed it under either is asked once more at most."""
    known: State = other.get("state", "none")
    rev, before = other.get("rev", 0) + 1, read(other.get("said", []))
    said, state = before, max(known, one["state"], key=lambda each: RANK[each])
    stands = {each.state for each in read(one["said"]).values() if not each.gone}
    either = "missed" in stands or has_missed(before, ONLINE, rev)
    asked = [each.get("state") in (*CALLED, "missed") for each in (one, other)]
    used = one["make_up_used"] or other.get("make_up_used", False) or (either and all(asked))
    after: Row = {}
    if state != known:
        said = say(said, Said(moment(now), rev, ONLINE, state), known, rev)
        after = {name: one[name] for name in ("session_id", "attended_at", "walk_in")} | {"state": state}
    made_up = {"missed"} if used and state in CALLED else set()
    lower: tuple[State, ...] = ("missed", "declined")
    for each in lower:  # where what is above it is taken back
        if each in stands - {state} - made_up:
            said = {**said, (aside := f"{ONLINE}/{each}"): Said(moment(now), rev, aside, each)}
    return after | ({"said": written(said)} if said != before else {}) | ({"make_up_used": True} if used else {})


def answered(answer: Answer, state: State, was: State, now: datetime) -> Row | Problem:
    """What the record says after the family's answer. `was`: what it said before its present state. Only what the family said can be taken
    back by it; where there is nothing to take back, nothing changes."""
    if answer != "undo":
        return {"state": "confirmed" if answer == "confirm" else "declined"}
    if state in ("none", "invited"):
        return {}
    if state not in ("confirmed", "declined"):
        return NOT_THIS_STEP()
    back: State = "none" if was == "missed" else "invited"  # who missed it is asked once more by a make-up session alone
    return {"state": was if STEPS.get((state, was)) == "undo" else back, "undone_at": now}


# The two ways in: somebody who knows the record as it is, and a phone that knew it as it was


def becomes(before: Mapping[str, Any], after: Row, turn: Turn) -> Row | Problem:
    """The record as it is to be stored: what follows from the step that it takes."""
    known: State = before.get("state", "none")
    session, programme = turn.named.get("session_id"), turn.named.get("programme_id")
    if not before and programme and after["round"] not in [each["number"] for each in programme["rounds"]]:
        return NO_SUCH_ROUND.at("/round")
    if before and after["session_id"] is None:  # who was asked to one is asked to another, or takes it back
        after["session_id"] = before["session_id"]
    moved = after["session_id"] != before.get("session_id")
    if moved and session and (session["programme_id"], session["round"]) != (after["programme_id"], after["round"]):
        return OTHER_ROUND.at("/session_id")
    make_up = _make_up(before, after, session)
    stepped = after["said"] == before.get("said", [])  # else it was merged already
    if stepped:
        was, by, said = before.get("undone_at"), str(turn.by or ONLINE), read(before.get("said", []))
        undone = after["undone_at"] is not None and (was is None or moment(after["undone_at"]) != moment(was))
        missed = has_missed(said, by, after["rev"])
        if problem := forbidden(known, after["state"], undone=undone, make_up=make_up, missed=missed):
            return problem
        if known == after["state"] == "declined" and moved:
            return DECLINED_THIS_ROUND()
        asked = moved or (known != after["state"] and STEPS.get((known, after["state"])) != "undo")
        if turn.online and asked and after["state"] in CALLED and (problem := _over(after["round"], turn)):
            return problem
        if known != after["state"] or not before:
            said = say(said, Said(moment(turn.made_at), after["rev"], by, after["state"]), known, after["rev"])
            after |= {"said": written(said), "state": highest(said)}
    after["undone_at"] = after["undone_at"] or before.get("undone_at")
    if known == "missed" and after["state"] == "invited" and make_up:
        after["make_up_used"] = True
    after = _followed(before, after, turn, moved=moved, stepped=stepped)
    at = after["attended_at"]
    joins = turn.online and not stepped  # what came of another record was looked at there
    by_a_clock = at in (None, before.get("attended_at"), turn.made_at, turn.now)
    return (None if joins or by_a_clock else _out_of_bounds(at, after["round"], turn)) or after


def _over(number: int, turn: Turn) -> Problem | None:
    """Why nobody is asked to it any more. A phone can't know, and what it said was said."""
    programme, session = turn.named.get("programme_id"), turn.named.get("session_id")
    _, last = _days(number, turn)
    if (programme and (programme["voided"] or not programme["active"])) or last < turn.today.isoformat():
        return NOT_OFFERED.at("/programme_id")
    if session and (session["voided"] or session["status"] in ("closed", "called_off") or session["held_on"] < turn.today):
        return SESSION_OVER.at("/session_id")
    return None


def _days(number: int, turn: Turn) -> tuple[str, str]:
    """The first and the last day of the round; all days, where it is not known."""
    programme = turn.named.get("programme_id") or {"rounds": []}
    return next(((str(each["from_on"]), str(each["to_on"])) for each in programme["rounds"] if each["number"] == number), ("", "9999"))


def _out_of_bounds(at: datetime, number: int, turn: Turn) -> Problem | None:
    if at.astimezone(CHINA).date() > turn.today + timedelta(days=1):
        return DAY_TO_COME.at("/attended_at", today=turn.today.isoformat())
    return BEFORE_THE_ROUND.at("/attended_at") if _too_early(at, number, turn) else None


def _too_early(at: datetime, number: int, turn: Turn) -> bool:
    first, _ = _days(number, turn)
    return (at.astimezone(CHINA).date() + EARLY).isoformat() < first


def _came(said: datetime | None, number: int, turn: Turn) -> datetime:
    """As it was said; else by the clock of the phone, unless that is far off: nobody who came is turned away for it."""
    if said is not None and said != turn.made_at:
        return said
    far_off = turn.made_at > turn.now + timedelta(days=1) or _too_early(turn.made_at, number, turn)
    return turn.now if far_off else turn.made_at


def _make_up(before: Mapping[str, Any], after: Mapping[str, Any], session: Mapping[str, Any] | None) -> bool:
    is_one = session is not None and session["make_up_for_id"] is not None
    return is_one and not before.get("make_up_used") and after["session_id"] != before.get("session_id")


def _followed(before: Mapping[str, Any], after: Row, turn: Turn, *, moved: bool, stepped: bool) -> Row:
    state, was = after["state"], before.get("state", "none")
    if state != "attended":
        after |= {"attended_at": None, "walk_in": False}
    elif was != "attended":
        after["attended_at"] = _came(after["attended_at"], after["round"], turn)
        after["walk_in"] = after["walk_in"] or (stepped and was == "none")
    if state in HOLDS_A_SEAT and (moved or was not in HOLDS_A_SEAT):
        after |= {"seat_at": turn.now, "waiting_since": None}
    if state in CALLED and (moved or was not in CALLED):
        after["informed_at"] = min(turn.made_at, turn.now)
    if state not in CALLED:
        after["waiting_since"] = None
    return after


def merges(
    doc: Mapping[str, Any], present: Mapping[str, Any], base_rev: int | None, trail: Sequence[Step], turn: Turn
) -> tuple[Row, Problem | None]:
    """What an edit that was made offline changes in the record as it is now. The problem: why nothing. Never a conflict."""
    known_rev, by, at = base_rev or 0, str(turn.by or ONLINE), moment(turn.made_at)
    said = read(present["said"])
    mine = said.get(by)
    if mine and mine.at > at and mine.rev > known_rev:  # of one device the later edit stands; what it knew of came before, by any clock
        return {}, None
    known: State = mine.state if mine and mine.rev > known_rev else _at(trail, present, "state", known_rev) or "none"
    wanted: State = doc.get("state", known)
    undone_at = doc.get("undone_at")
    undone = undone_at is not None and moment(undone_at) not in _knew(trail, present, "undone_at", known_rev)
    to_another = doc.get("session_id") is not None and str(doc["session_id"]) not in _knew(trail, present, "session_id", known_rev)
    after = {**present, "session_id": doc["session_id"] if to_another else present["session_id"]}
    session = turn.named.get("session_id")
    make_up = to_another and session is not None and session["make_up_for_id"] is not None
    used = present["make_up_used"] and present["session_id"] != after["session_id"]
    missed = has_missed(said, by, known_rev)
    if problem := forbidden(known, wanted, undone=undone, make_up=make_up and not used, missed=missed):
        return {}, problem
    if known == wanted == "declined" and to_another:
        return {}, DECLINED_THIS_ROUND()
    edits: Row = {name: doc[name] for name in ("programme_id", "round", "person_id") if name in doc and doc[name] != present[name]}
    state: State = present["state"]
    if wanted != known:
        said = say(said, Said(at, present["rev"] + 1, by, wanted), known, known_rev)
        state = highest(said)
        edits |= {"said": written(said), "state": state}
    if state != wanted:
        return edits, None
    last = max(step.made_at for step in trail if step.changes is None or "session_id" in step.changes)
    comes = wanted == "attended" != present["state"] or (known, wanted) == ("missed", "invited")
    if to_another and (present["session_id"] is None or turn.made_at >= last or comes):
        edits["session_id"] = doc["session_id"]
        if (known, wanted) == ("missed", "invited"):
            edits["make_up_used"] = True
    if undone and (present["undone_at"] is None or undone_at > present["undone_at"]):
        edits["undone_at"] = undone_at
    if state == "attended" and wanted != known:
        came = [each for each in (present["attended_at"], doc.get("attended_at") or turn.made_at) if each]
        edits |= {"attended_at": min(came), "walk_in": bool(present["walk_in"] or doc.get("walk_in") or known == "none")}
    return edits, None


def _at(trail: Sequence[Step], present: Mapping[str, Any], member: str, rev: int) -> Any:
    """What the member was at a revision."""
    value = present[member]
    for step in reversed(trail):
        if step.rev > rev:
            value = None if step.changes is None else step.changes[member][0] if member in step.changes else value
    return value


def _knew(trail: Sequence[Step], present: Mapping[str, Any], member: str, rev: int) -> set[Any]:
    """What the device knew of it: by that revision, and by its own edits since."""
    own = [step.changes[member][1] for step in trail if step.own and step.rev > rev and step.changes and member in step.changes]
    found = [value for value in (_at(trail, present, member, rev), *own) if value is not None]
    if member == "session_id":
        return {str(value) for value in found}
    return {moment(value if isinstance(value, datetime) else datetime.fromisoformat(value)) for value in found}


def settles(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> set[UUID]:
    """Sessions in which a seat was taken or came free, or somebody is to be told less or more."""
    members = ("session_id", "state", "voided", "seat_at", "informed_at")
    if before is not None and all(before[name] == after[name] for name in members):
        return set()
    return {row["session_id"] for row in (before, after) if row and row["session_id"]}


def diagram() -> str:
    """The table as a state diagram (mermaid)."""
    lines = ["stateDiagram-v2", "    [*] --> none"]
    lines += [f"    {one} --> {other}" + ("" if how == "step" else f": {how}") for (one, other), how in STEPS.items()]
    return "\n".join(lines) + "\n"
