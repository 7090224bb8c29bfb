"""What is allowed for a receipt book, and what became of each of its numbers."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from api.problems import BAD_RANGE, NUMBER_NOT_BLANK, Problem

MOST = 1000  # numbers in a book


def check(after: Mapping[str, Any], parent: Mapping[str, Any], today: date) -> Problem | None:
    fits = after["first_number"] <= after["last_number"] < after["first_number"] + MOST
    return None if fits else BAD_RANGE.at("/last_number")


def numbers(book: Mapping[str, Any], issued: Mapping[int, Sequence[Any]]) -> list[dict[str, Any]]:
    """Each number accounted for. A payment that carries it says more than anything else: late ones come from phones."""
    rest = "returned" if book["voided"] else "blank" if book["status"] == "in_use" else book["status"]
    return [
        {
            "number": n,
            "state": "issued" if n in issued else "spoiled" if n in book["spoiled"] else rest,
            "payment_ids": list(issued.get(n, ())),
        }
        for n in range(book["first_number"], book["last_number"] + 1)
    ]


def may_spoil(book: Mapping[str, Any], number: int, issued: bool) -> Problem | None:
    within = book["first_number"] <= number <= book["last_number"]
    return None if within and not issued else NUMBER_NOT_BLANK()
