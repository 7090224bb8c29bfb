"""Cash that a worker hands to the township: it counts once both sides have confirmed the amount."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from api.problems import DAY_TO_COME, DECIDED, NOT_ALLOWED, SAME_PERSON, Problem
from api.rules.caller import Caller

NEW = {"status": "proposed", "confirmed_by": None, "confirmed_at": None}


def check(after: Mapping[str, Any], parent: Mapping[str, Any], today: date) -> Problem | None:
    return DAY_TO_COME.at("/counted_on", today=today.isoformat()) if after["counted_on"] > today + timedelta(days=1) else None


def may_decide(counting: Mapping[str, Any], caller: Caller, *, worker_can: bool) -> Problem | None:
    """Whose cash it is, where the office wrote the amount down; an officer who is somebody else, where the worker did, or can't confirm
    any more (an account that was closed, a place that was lost)."""
    if counting["status"] != "proposed":
        return DECIDED()
    if caller.user_id == counting["created_by"]:
        return SAME_PERSON()
    if counting["created_by"] == counting["worker_id"] or not worker_can:
        return None if caller.role in ("county", "township") else NOT_ALLOWED()
    return None if caller.user_id == counting["worker_id"] else NOT_ALLOWED()
