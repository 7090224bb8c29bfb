"""One person, two places: what each side of a residence says, what state that makes, and what passes from side to side. Pure.

Each side writes its own part and no other, so two parts never conflict; the state follows from both (decision 0023). A *part* is what one
side says, as the other side gets it: the agreed days and cause, its own end, and what the person lets pass.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Literal, NamedTuple, get_args
from uuid import UUID, uuid5

from api.problems import DECIDED, DECLINED_THIS_ROUND, FIXED, NOT_ALLOWED, NOT_IN_ORDER, OTHER_SIDE, Problem
from api.rules.attendance import NAMESPACE
from api.rules.caller import Turn
from api.schemas.residence import Shared, Side, State

Row = dict[str, Any]
Part = Mapping[str, Any]
Act = Literal["propose", "accept", "correct", "decline", "withdraw", "end"]
Actor = Literal["registration", "residence", "proposer", "asked", "either"]

SIDES: tuple[Side, ...] = get_args(Side)
OTHER: dict[Side, Side] = {"registration": "residence", "residence": "registration"}
NEAR: dict[Side, str] = {"registration": "registered_in", "residence": "living_in"}  # the end that a side knows of itself
AGREED = ("since_on", "until_on", "cause")
ONLY: dict[str, Side] = {"services": "residence", "wishes": "registration", "asks": "registration"}
OPEN: tuple[State, ...] = ("proposed", "provisional", "accepted")
WAITING: tuple[State, ...] = ("proposed", "provisional")
TOGETHER: tuple[State, ...] = ("provisional", "accepted")  # both places keep the person; before and after, nothing passes by consent
PATIENCE = timedelta(days=30)  # then both are reminded, and nothing is decided
ROUND = timedelta(days=365)  # who refused something is not asked for it again
AFTER_COMING_HOME = timedelta(days=30)  # then the day is forgotten


class Step(NamedTuple):
    state: State | Literal["none"]
    actor: Actor
    act: Act
    to: State


# Who may bring it from where to where. Who lives in a place is for that place to say: its word ends it, the other's asks it to
STEPS = (
    Step("none", "either", "propose", "proposed"),
    Step("proposed", "proposer", "correct", "proposed"),
    Step("proposed", "proposer", "withdraw", "declined"),
    Step("proposed", "asked", "accept", "accepted"),
    Step("proposed", "asked", "correct", "provisional"),
    Step("proposed", "asked", "decline", "declined"),
    Step("proposed", "residence", "end", "ended"),
    Step("provisional", "either", "accept", "accepted"),
    Step("provisional", "either", "correct", "provisional"),
    Step("provisional", "either", "decline", "declined"),
    Step("provisional", "either", "withdraw", "declined"),
    Step("provisional", "residence", "end", "ended"),
    Step("provisional", "registration", "end", "provisional"),
    Step("accepted", "either", "correct", "provisional"),
    Step("accepted", "either", "decline", "declined"),
    Step("accepted", "either", "withdraw", "declined"),
    Step("accepted", "residence", "end", "ended"),
    Step("accepted", "registration", "end", "provisional"),
    Step("declined", "asked", "accept", "accepted"),  # who declined may think again
)


def id_of(row: Mapping[str, Any]) -> UUID:
    return uuid5(NAMESPACE, f"{row['residence_id']}:{row['side']}")


def state(side: Side, mine: Part | None, theirs: Part | None) -> State:
    """What both parts make it, seen from either side alike. None: no answer yet."""
    said = {side: mine, OTHER[side]: theirs}
    if any(part and (part.get("declined_because") or part.get("withdrawn")) for part in said.values()):
        return "declined"
    there = said["residence"]
    if there and there["until_on"]:
        return "ended"
    if mine is None or theirs is None:
        return "proposed"
    return "accepted" if all(mine[name] == theirs[name] for name in AGREED) else "provisional"


# What a change of one row makes of it


def becomes(before: Mapping[str, Any], after: Row, turn: Turn) -> Row | Problem:
    side: Side = after["side"]
    for member, whose in ONLY.items():
        if side != whose and after[member]:
            return OTHER_SIDE.at(f"/{member}")
    near, far = NEAR[side], NEAR[OTHER[side]]
    after[near] = before.get(near)  # follows from where the person's household is
    if before.get(far) and after[far] != before[far]:  # somebody was told already
        if turn.by is None:
            return FIXED.at(f"/{far}")
        after[far] = before[far]  # the other side may have said it anew, which a phone that sends whole records does not know yet
    if after["until_on"] and after["until_on"] < after["since_on"]:
        return NOT_IN_ORDER.at("/until_on")
    asked = set(after["asks"]) - set(before.get("asks", ()))
    if asked & refused(before.get("consented", {}), turn.now):
        return DECLINED_THIS_ROUND.at("/asks")
    return after


NEW: Row = {
    "state": "proposed", "other": None, "claimed_elsewhere": False, "waiting_since": None, "reminded_on": None, "theirs": None,
    "consented": {},
}  # fmt: skip


def answers(before: Mapping[str, Any], after: Row, turn: Turn) -> Row | Problem:
    """Of a proposal people say only whose it is and why not; the service makes it."""
    if not before:
        return NOT_ALLOWED()
    return DECIDED() if after["declined_because"] != before["declined_because"] and before["status"] == "answered" else after


# Consent: {purpose: [act, when it took effect]}, of either side


def refused(consents: Mapping[str, Any], now: datetime) -> set[str]:
    """What the person was asked for and did not want, within a year."""
    return {purpose for purpose, (act, at) in consents.items() if act == "withdrawn" and now - datetime.fromisoformat(at) < ROUND}


def effective(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Of what was said on both sides the last holds; of two at the same moment the refusal."""
    return {
        purpose: max((said[purpose] for said in (one, other) if purpose in said), key=lambda each: (each[1], each[0] == "withdrawn"))
        for purpose in {*one, *other}
    }


def opened(consents: Mapping[str, Any]) -> set[str]:
    return {purpose for purpose, (act, _) in consents.items() if act == "given"}


# What passes

# Needed to know whom it is about; gone once the other side has answered
WHO = ("name", "sex", "born_on")
# By consent alone
SHUT: dict[str, Shared] = {"phones": "share_contact", "attended_on": "share_attendance", "services": "share_services"}
OF_SIDE: dict[str, Side] = {"attended_on": "residence", "services": "residence"}
SHOWN = (*AGREED, "declined_because", "comes_home_on", "wishes", "asks", "services", "phones", "attended_on")
LISTS = ("asks", "services", "phones", "attended_on")


def core(row: Mapping[str, Any]) -> Row:
    """What of a residence makes the state, and what its side heard of consent."""
    if row["voided"]:
        return {"withdrawn": True}
    return {name: plain(row[name]) for name in (*AGREED, "declined_because")} | {"consents": row["consents"]}


def spoken(part: Part | None) -> Part | None:
    """Whoever takes back a decline has said nothing."""
    return part if part and (part.get("withdrawn") or part.get("declined_because") or "since_on" in part) else None


def part(row: Mapping[str, Any], heard: Part | None, now: datetime) -> Row:
    """What the side of `row` says to the other. `row`: a residence with what is known of its person: name, sex, born_on, phones,
    attended_on, consents, elsewhere (whether there are other open ones). `heard`: the core of the other side; None: no answer yet."""
    side: Side = row["side"]
    says = core(row)
    if row["voided"]:
        return says
    now_it_is = state(side, says, heard)
    says[NEAR[side]] = of_township(row["code"]) if side == "residence" else row["code"]
    if now_it_is == "declined":  # perhaps of somebody else
        return says
    given = effective(row["consents"], (heard or {}).get("consents", {}))
    open_now = opened(given) if now_it_is in TOGETHER else set()
    says["comes_home_on"] = plain(row["comes_home_on"])
    if side == "registration":
        says |= {"wishes": row["wishes"], "asks": sorted(set(row["asks"]) - refused(given, now)), "elsewhere": row["elsewhere"]}
    says |= {name: row[name] for name, purpose in SHUT.items() if purpose in open_now and OF_SIDE.get(name, side) == side}
    if heard is None:
        says |= {name: plain(row[name]) for name in WHO} | {NEAR[OTHER[side]]: row[NEAR[OTHER[side]]]}
    return says


def let_in(row: Mapping[str, Any], theirs: Part) -> Row:
    """What the other side says, without what the person does not let pass, whichever side heard it."""
    given = set() if row["voided"] else opened(effective(row["consents"], theirs.get("consents", {})))
    return {name: value for name, value in theirs.items() if name not in SHUT or SHUT[name] in given}


def follows(row: Mapping[str, Any], theirs: Part | None, today: date) -> Row:
    """The members of a residence in the state `now` that follow from what the other side says."""
    side: Side = row["side"]
    far, same, waits = NEAR[OTHER[side]], row["now"] == row["state"], row["now"] in WAITING
    kept = None if theirs is None else let_in(row, theirs)
    said = spoken(kept) or {}
    shown = {name: value for name, value in said.items() if name not in SHUT or row["now"] in TOGETHER}
    return {
        "state": row["now"],
        "theirs": kept,
        "consented": effective(row["consents"], said.get("consents", {})),
        "other": {name: shown.get(name, [] if name in LISTS else None) for name in SHOWN} if said else None,
        NEAR[side]: row["code"],
        far: said.get(far) or row[far],
        "claimed_elsewhere": row["elsewhere"] if side == "registration" else said.get("elsewhere", False),
        "waiting_since": ((row["waiting_since"] if same else None) or today) if waits else None,
        "reminded_on": row["reminded_on"] if same else None,
    }


def proposed(says: Part, *, answered: bool, declined_because: str | None) -> Row:
    """The members of a proposal that follow from what its proposer says. Who it is about is not kept longer than it is needed."""
    gone = says.get("withdrawn") or (says.get("declined_because") and not answered)
    status = "withdrawn" if gone else "answered" if answered else "declined" if declined_because else "waiting"
    members = {name: None if answered or gone else says.get(name) for name in (*WHO, *NEAR.values(), *AGREED)}
    return {name: date.fromisoformat(v) if v and name.endswith("_on") else v for name, v in members.items()} | {"status": status}


def of_township(code: str | None) -> str | None:
    return code and code[:9] + "000"


def plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def diagram(steps: Iterable[Step] = STEPS) -> str:
    """The table as a state diagram (mermaid)."""
    lines = ["stateDiagram-v2"]
    lines += [f"    {'[*]' if step.state == 'none' else step.state} --> {step.to}: {step.actor} {step.act}" for step in steps]
    return "\n".join(lines) + "\n"
