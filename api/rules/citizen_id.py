"""The identity number of a person (GB 11643): what is one, and where it differs from the record.

The first six digits are no place to look up: they may be a code that was retired long ago. Residence permits (81 Hong Kong, 82 Macau,
83 Taiwan) and the cards of foreign permanent residents (9…) are made in the same way.
"""

import re
import unicodedata
from datetime import date
from typing import Any

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECK = "10X98765432"
NOBODY_YET = date(2099, 12, 31)
_NUMBER = re.compile("[1-9][0-9]{16}[0-9X]")
_WITHIN = re.compile("(?=([1-9][0-9]{16}[0-9Xx]))")  # they may overlap
NOT_STATED = (0, 9)  # sexes of a record that say nothing

_TYPED = str.maketrans("０１２３４５６７８９Ｘｘx", "0123456789XXX")


def normal(text: str, today: date) -> str | None:
    """The one spelling of a number, or None for what is none."""
    number = "".join(text.translate(_TYPED).split())
    if not _NUMBER.fullmatch(number) or number[-1] != check_digit(number):
        return None
    try:
        return number if born_on(number) <= today else None
    except ValueError:
        return None


def check_digit(number: str) -> str:
    """Of its first 17 digits."""
    return CHECK[sum(weight * int(digit) for weight, digit in zip(WEIGHTS, number, strict=False)) % 11]


def born_on(number: str) -> date:
    """ValueError for no day of the calendar."""
    return date(int(number[6:10]), int(number[10:12]), int(number[12:14]))


def sex(number: str) -> int:
    return 1 if int(number[16]) % 2 else 2


def differs_in(number: str, born: str | date | None, stated_sex: int) -> list[str]:
    """Members of the record that say something else. What the record does not say is no difference, and is never filled in from here."""
    differs = {"born_on": born is not None and str(born) != str(born_on(number)), "sex": stated_sex not in (*NOT_STATED, sex(number))}
    return [member for member, differ in differs.items() if differ]


def holds_one(value: Any) -> bool:
    """Whether a text or a number has an identity number in it, whatever signs stand between its digits, and whatever digits around it. Days
    from 1850 on count, so that a telephone number beside another is none."""
    if not isinstance(value, str | int):
        return False
    said = "".join(c for c in unicodedata.normalize("NFKC", str(value)) if c.isalnum())
    found = (normal(each, NOBODY_YET) for each in _WITHIN.findall(said))
    return any(number and born_on(number).year >= 1850 for number in found)
