"""Who may agree for whom. Taking back is always allowed, at any age."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from api.problems import DAY_TO_COME, GUARDIAN_NEEDED, Problem

OF_AGE = 14  # Personal Information Protection Law, article 31


def check(after: Mapping[str, Any], parent: Mapping[str, Any], today: date) -> Problem | None:
    if after["acted_at"].date() > today + timedelta(days=1):  # phones' clocks
        return DAY_TO_COME.at("/acted_at", today=today.isoformat())
    born = parent["born_on"]
    child = born is not None and (today.year - born.year - ((today.month, today.day) < (born.month, born.day))) < OF_AGE
    return GUARDIAN_NEEDED.at("/through") if child and (after["act"], after["through"]) == ("given", "self") else None
