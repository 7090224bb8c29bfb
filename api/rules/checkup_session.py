"""What is allowed for a session, who has a seat in it, and who has to hear that it was moved."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from api.problems import NO_SUCH_ROUND, NOT_IN_ORDER, OTHER_ROUND, WRONG_LEVEL, Problem
from api.rules.attendance import CALLED, HOLDS_A_SEAT, Row
from api.rules.caller import Turn

ARRANGED = ("held_on", "from_time", "to_time", "venue")
LEVELS = ("township", "village", "group")


def check(after: Mapping[str, Any], parent: Mapping[str, Any], today: date) -> Problem | None:
    if parent and parent["level"] not in LEVELS:
        return WRONG_LEVEL.at("/place_id")
    if after["from_time"] and after["to_time"] and after["from_time"] >= after["to_time"]:
        return NOT_IN_ORDER.at("/to_time")
    return None


def becomes(before: Mapping[str, Any], after: Row, turn: Turn) -> Row | Problem:
    programme, first = turn.named.get("programme_id"), turn.named.get("make_up_for_id")
    if not before and programme and after["round"] not in [each["number"] for each in programme["rounds"]]:
        return NO_SUCH_ROUND.at("/round")
    if after["make_up_for_id"] == after["id"]:
        return OTHER_ROUND.at("/make_up_for_id")
    if first and (first["programme_id"], first["round"]) != (after["programme_id"], after["round"]):
        return OTHER_ROUND.at("/make_up_for_id")
    if before and _arrangement(before) != _arrangement(after):
        after["arranged_at"] = turn.now
    return after


def _arrangement(session: Mapping[str, Any]) -> tuple[Any, ...]:
    return (session["status"] == "called_off", *(session[member] for member in ARRANGED))


def settles(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> set[UUID]:
    members = ("capacity", "arranged_at", "voided")
    return {after["id"]} if before is None or any(before[name] != after[name] for name in members) else set()


def seats(session: Mapping[str, Any], attendances: Sequence[Mapping[str, Any]]) -> tuple[list[UUID], bool, int]:
    """Who has to wait, whether it is full, and by how many it is over, in tens: whoever knows the own people would count the others'. First
    come, first seated; who came has come. `attendances`: by the time at which they arrived at the service."""
    holding = [each for each in attendances if each["state"] in HOLDS_A_SEAT]
    capacity = session["capacity"] or len(holding) + 1
    waiting = [each["id"] for each in holding[capacity:] if each["state"] != "attended"]
    seated = len(holding) - len(waiting)
    over = max(0, seated - capacity)
    return waiting, seated >= capacity, -(-over // 10) * 10


def to_be_told(session: Mapping[str, Any], attendances: Sequence[Row], today: date) -> Iterator[Row]:
    """Who was asked before it was moved, called off or voided."""
    changed = arranged_at(session)
    if changed is None or session["held_on"] < today:
        return
    for each in attendances:
        told = each["informed_at"] and each["informed_at"] >= changed
        if each["state"] in CALLED and not each["person_gone"] and not told:
            yield each


def arranged_at(session: Mapping[str, Any]) -> datetime | None:
    changed: datetime | None = session["updated_at"] if session["voided"] else session["arranged_at"]
    return changed


def notice(session: Mapping[str, Any], today: date) -> Row:
    """What is to be told, and by when: the day before, today at the latest."""
    if session["voided"] or session["status"] == "called_off":
        words = f"{session['held_on']:%Y-%m-%d}的体检取消了，不用来；另有安排再告知"
    else:
        hours = "–".join(filter(None, (session["from_time"], session["to_time"])))
        words = f"体检时间地点有变：{session['held_on']:%Y-%m-%d} {hours} {session['venue']}，自愿参加"
    return {"reason": "checkup_reminder", "words": words, "due_on": max(today, session["held_on"] - timedelta(days=1))}


def informed(session: Mapping[str, Any], now: datetime) -> datetime:
    return max(now, arranged_at(session) or now)
