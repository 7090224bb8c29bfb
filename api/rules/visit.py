"""What is allowed for a visit besides its shape. The household's status never refuses one: late is a state, never a lock."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from api.problems import DAY_TO_COME, NOBODY_MET, Problem


def check(after: Mapping[str, Any], parent: Mapping[str, Any], today: date) -> Problem | None:
    if after["visited_on"] > today + timedelta(days=1):
        return DAY_TO_COME.at("/visited_on", today=today.isoformat())
    if after["outcome"] != "met":
        for member in ("met_ids", "purposes", "agreed", "notes"):
            if after[member]:
                return NOBODY_MET.at(f"/{member}")
    return None


def moves_last_visit(before: Mapping[str, Any] | None, after: Mapping[str, Any], household: Mapping[str, Any]) -> bool:
    """Whether `last_visited_on` of the household may be another day after this write: the last day at which somebody was met."""
    if before is None:
        last = household["last_visited_on"]
        return bool(after["outcome"] == "met" and (last is None or after["visited_on"] > last))
    return any(before[member] != after[member] for member in ("visited_on", "outcome", "voided"))
