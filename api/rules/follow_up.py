"""What is allowed for a follow-up besides its shape, and what its short filters mean. Late is a state, never a lock."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Literal

from api.problems import NOT_ENDED_SO, WRONG_PLACE, Problem
from api.rules.caller import COUNTY_PLACE

# What a follow-up says, and only then, when it is in this state
ENDS = {"done": "done_by_visit_id", "dropped": "dropped_because"}


def check(after: Mapping[str, Any], parent: Mapping[str, Any], today: date) -> Problem | None:
    for status, member in ENDS.items():
        if bool(after[member]) != (after["status"] == status):
            return NOT_ENDED_SO.at(f"/{member}")
    # the county's desk writes no follow-ups, so it would do none
    return WRONG_PLACE.at("/assignee_place_id") if after["assignee_place_id"] == COUNTY_PLACE else None


def due(which: Literal["today", "overdue", "week"], today: date) -> dict[str, Any]:
    """The filters that it stands for."""
    days = {
        "today": {"due_from": today, "due_to": today},
        "overdue": {"due_to": today - timedelta(days=1)},
        "week": {"due_from": today, "due_to": today + timedelta(days=6)},
    }
    return {"status": "open", "silenced": False, **days[which]}
