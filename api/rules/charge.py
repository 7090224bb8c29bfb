"""What is allowed for a charge. It looks at the fee item alone: never at visits, attendance, consent or complaints."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from api.problems import NOT_ALLOWED, NOT_THE_AMOUNT, SAME_PERSON, WAIVER_NOT_NOW, Problem
from api.rules.caller import Caller
from api.rules.fee_item import closed

A_MISTAKE_IS_SEEN_WITHIN = timedelta(days=1)
NEW = {"paid_fen": 0, "waived_because": None, "waiver_by": None, "waiver_approved_by": None}


def of_item(after: Mapping[str, Any], item: Mapping[str, Any], today: date) -> Problem | None:
    if problem := closed(item, today):
        return problem
    if item["record_only"] != (after["amount_fen"] == 0) or item["amount_fen"] not in (None, after["amount_fen"]):
        return NOT_THE_AMOUNT.at("/amount_fen")
    if item["record_only"] != (after["proof_number"] is not None):
        return NOT_THE_AMOUNT.at("/proof_number")
    return None


def may_void(charge: Mapping[str, Any], caller: Caller, now: datetime) -> Problem | None:
    """Who made it takes a mistake back within a day, while nothing was paid of it. After that an officer does who is somebody else, or two
    people waive it; else voiding would be the way around a waiver."""
    if charge["created_by"] == caller.user_id:
        mistake = now - charge["created_at"] <= A_MISTAKE_IS_SEEN_WITHIN and charge["paid_fen"] == 0
        return None if mistake else SAME_PERSON()
    return NOT_ALLOWED() if caller.role == "village" else None


def may_ask(charge: Mapping[str, Any]) -> Problem | None:
    """Whether a waiver can be asked for."""
    open_still = charge["status"] == "open" and not charge["voided"] and charge["waiver_by"] is None
    return None if open_still else WAIVER_NOT_NOW()


def may_decide(charge: Mapping[str, Any], user_id: Any, *, approves: bool) -> Problem | None:
    """Maker and approver are two people. Who asked may take it back."""
    if charge["waiver_by"] is None or charge["waiver_approved_by"] is not None or charge["voided"]:
        return WAIVER_NOT_NOW()
    return SAME_PERSON() if approves and charge["waiver_by"] == user_id else None
