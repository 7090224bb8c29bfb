"""Division codes: the statistical codes of the National Bureau of Statistics, 12 digits: 1-6 county, 7-9 township, 10-12 village.

There is no check digit: a code is valid when its digits, its prefix and its parent agree.
"""

import re
from typing import Literal

Level = Literal["county", "township", "village"]
LEVELS: tuple[Level, ...] = ("county", "township", "village")  # parents first
CITIES_WITHOUT_COUNTIES = frozenset({"441900", "442000", "460400"})  # Dongguan, Zhongshan, Danzhou: townships stand directly below the city


def is_code(text: str) -> bool:
    return re.fullmatch(r"[0-9]{12}", text) is not None


def division_level(code: str) -> Level | None:
    """The level that the digits say; None for a province, a city, a village outside any township, and what is not 12 digits."""
    if not is_code(code):
        return None
    if code[9:] != "000":
        return "village" if code[6:9] != "000" else None
    if code[6:9] != "000":
        return "township"
    return "county" if code[4:6] != "00" or code[:6] in CITIES_WITHOUT_COUNTIES else None


def parent_code(code: str) -> str | None:
    """The code one level up; None for a county (nothing above it is kept here) and for what is no code."""
    level = division_level(code)
    if level == "village":
        return code[:9] + "000"
    return code[:6] + "000000" if level == "township" else None


def in_usual_range(code: str) -> bool:
    """False where the township's or village's own three digits are outside the ranges in use: a reason to warn, never to refuse."""
    level = division_level(code)
    if level == "village":
        return 1 <= int(code[9:]) <= 399 or code[9:] in ("498", "598")
    return level != "township" or 1 <= int(code[6:9]) <= 599
