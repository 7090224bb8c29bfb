"""What is allowed for a person besides its shape, and what makes two records look like one person."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from api.problems import DAY_TO_COME, Problem
from api.rules.pinyin import pinyin
from api.rules.search import of_name, of_phones


def check(after: Mapping[str, Any], parent: Mapping[str, Any], today: date) -> Problem | None:
    if after["born_on"] and after["born_on"] > today + timedelta(days=1):
        return DAY_TO_COME.at("/born_on", today=today.isoformat())
    return None


def keys(person: Mapping[str, Any]) -> set[str]:
    return {*of_name(person["name"]), *of_phones(person["phones"])}


def derived(person: Mapping[str, Any]) -> dict[str, Any]:
    """`alike`: the name as it sounds and the year of birth; where that is not known, the household instead."""
    since = person["born_on"].year if person["born_on"] else person["household_id"]
    return {"alike": f"{''.join(pinyin(person['name']))} {since}"}
