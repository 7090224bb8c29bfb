"""What is allowed for a visit besides its shape. The household's status never refuses one: late is a state, never a lock."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from api.problems import DAY_TO_COME, NOBODY_MET, Problem


def check(after: Mapping[str, Any], parent: Mapping[str, Any], today: date) -> Problem | None:
    if after["visited_on"] > today + timedelta(days=1):
        return DAY_TO_COME.at("/visited_on", today=today.isoformat())
    if after["outcome"] != "met":
        for member in ("purposes", "agreed", "notes"):
            if after[member]:
                return NOBODY_MET.at(f"/{member}")
    return None
