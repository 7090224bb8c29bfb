"""What is allowed for a household besides its shape."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from api.problems import WRONG_PLACE, Problem
from api.rules.search import of_number, of_phones


def check(after: Mapping[str, Any], parent: Mapping[str, Any], today: date) -> Problem | None:
    """`parent` is the place, empty in a change that does not name it. A household hangs on its group, or on its village where it has none
    (decision 0006)."""
    return None if not parent or parent["level"] in ("village", "group") else WRONG_PLACE.at("/place_id")


def derived(household: Mapping[str, Any]) -> dict[str, Any]:
    """A household that people live in again was not merged."""
    return {} if household["status"] == "dissolved" else {"joined_into_id": None}


def keys(household: Mapping[str, Any]) -> set[str]:
    return {*of_number(household["number"]), *of_phones(household["phones"])} - {""}
