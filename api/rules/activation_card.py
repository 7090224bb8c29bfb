"""An activation card: from the press of the township to the head of a household, who opens the family's seat with it, once."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from api.problems import CARD_SPENT, NOT_A_HEAD, NOT_A_VILLAGE, NOT_ALLOWED, Problem
from api.rules.caller import Turn

OPEN = ("printed", "bound")
GOOD_FOR = timedelta(days=30)  # from the day on which it was bound
TRIES = 5  # of the code
CODE_DIGITS = 8


def numbered(nine: str) -> str:
    """The number of a card: nine digits and a check digit (ISO 7064, MOD 11,10), so that an app sees a slip of the finger."""
    rest = 10
    for digit in nine:
        rest = ((rest + int(digit)) % 10 or 10) * 2 % 11
    return nine + str((11 - rest) % 10)


def spelled(text: str) -> str:
    """What was typed, without the spaces and hyphens of the print."""
    return "".join(character for character in text if character not in " -\u3000")


def check(after: Mapping[str, Any], parent: Mapping[str, Any], today: date) -> Problem | None:
    """Its place is asked of a new one: it never changes."""
    return NOT_A_VILLAGE.at("/place_id") if parent and parent["level"] != "village" else None


def becomes(before: Mapping[str, Any], after: dict[str, Any], turn: Turn) -> dict[str, Any] | Problem:
    """Printing makes it; who says who it is for binds it, or binds it anew, until it is used or has expired."""
    if not before:
        return after if after["number"] else NOT_ALLOWED()
    if after["person_id"] == before["person_id"]:
        return after
    if before["status"] not in OPEN:
        return CARD_SPENT.at("/person_id")
    bound = after["person_id"] is not None
    return {**after, "status": "bound" if bound else "printed", "bound_on": turn.today if bound else None}


def of_person(after: Mapping[str, Any], person: Mapping[str, Any], today: date) -> Problem | None:
    return None if person["heads"] else NOT_A_HEAD.at("/person_id")


def over(bound_on: date | None, today: date) -> bool:
    return bound_on is not None and bound_on + GOOD_FOR < today
