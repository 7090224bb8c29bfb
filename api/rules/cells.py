"""Cells as people type them, and as Excel gives them back, made into what JSON would say. Pure; None: it is not what it should be.

Excel gives whole numbers as floats and days as dates; a desk types 2026.1.5, full-width digits, and a space inside 王 芳.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, TypeAlias

from api.schemas import text

Cell: TypeAlias = str | float | bool | date | time | timedelta | None  # what a sheet or a line of CSV holds; datetime is a date

BROKEN = "\0"  # stands for a cell that shows an error, or whose formula has no result yet
_WIDE = {0xFF01 + n: 0x21 + n for n in range(94)} | {0x3000: 0x20}  # full-width forms of ASCII
_DAY = re.compile(r"(\d{4})(?:(\d\d)(\d\d)|[-/.年](\d{1,2})[-/.月](\d{1,2})日?)")
_MIDNIGHT = re.compile(r"\s+0?0:00(?::00)?$")  # behind a day as Excel writes it into a CSV
_CHINESE = "[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
_INSIDE = re.compile(rf"(?<={_CHINESE})\s+(?={_CHINESE})")
_NUMERALS = "一二三四五六七八九"
_BETWEEN = re.compile(r"[、，,;；/|\n]+")
EXCEL_DAY_0 = date(1899, 12, 30)
EXCEL_NO_DAY = 60  # 1900-02-29 for Excel; all before it are one number lower
EXCEL_DAYS = (1, 73_415)  # 1900-01-01 to 2100-12-31


def words(cell: Cell) -> str:
    """The cell as text, without outer whitespace. What is empty is ""."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    return str(cell).strip()


def narrow(cell: Cell) -> str:
    """The same where digits, codes and numbers are meant: full-width forms become plain ones, and nothing is left of spaces."""
    return "".join(words(cell).translate(_WIDE).split())


def day(cell: Cell) -> str | None:
    """2026-1-5, 2026/01/05, 2026.1.5, 20260105, 2026年1月5日, Excel's dates and the numbers that it counts days with: `2026-01-05`."""
    if isinstance(cell, date):
        return words(cell)
    if isinstance(cell, float) and EXCEL_DAYS[0] <= cell <= EXCEL_DAYS[1]:
        days = int(cell)
        return None if days == EXCEL_NO_DAY else (EXCEL_DAY_0 + timedelta(days + (days < EXCEL_NO_DAY))).isoformat()
    found = _DAY.fullmatch(narrow(_MIDNIGHT.sub("", words(cell).translate(_WIDE))))
    if found is None:
        return None
    year, month, of_month = (int(part) for part in found.groups() if part)
    try:
        return date(year, month, of_month).isoformat()
    except ValueError:
        return None


def name(cell: Cell) -> str:
    """王 芳 is 王芳; Anna Maria stays."""
    return _INSIDE.sub("", " ".join(words(cell).split()))


def phones(cell: Cell) -> list[str]:
    """One number or several, as they are typed: a space divides two numbers, or stands in one. What is none is left as it is."""
    found: list[str] = []
    for part in _BETWEEN.split(words(cell)):
        if text.phone(part):
            found.append(part)
        else:
            found += part.split()
    return found


def choice(cell: Cell, known: Mapping[str, Any]) -> Any:
    """What one of the known words stands for."""
    return known.get(narrow(cell).casefold())


def choices(cell: Cell, known: Mapping[str, Any]) -> list[Any] | None:
    """The same for several in one cell."""
    found = [choice(part, known) for part in re.split(r"[、，,;；/|\s]+", words(cell)) if part]
    return None if None in found else found


def group(cell: Cell) -> str:
    """The number of a villagers' group: 3, 03, 3组, 三组, 第三村民小组. Whatever else it says is its name."""
    found = re.fullmatch(rf"第?(?:0*(\d{{1,2}})|([{_NUMERALS}]?)(十?)([{_NUMERALS}]?))(?:村民)?小?组?", narrow(cell))
    if found is None or not any(found.groups()) or (found[2] and found[4] and not found[3]):
        return words(cell)
    if found[1]:
        return found[1]
    tens = (_NUMERALS.find(found[2]) + 1 if found[2] else 1) if found[3] else 0
    ones = found[4] if found[3] else found[2] or found[4]
    return str(10 * tens + (_NUMERALS.find(ones) + 1 if ones else 0))


def village(cell: Cell) -> str:
    """柳湾村 for 柳湾村民委员会 and 柳湾村委会."""
    return re.sub(r"(?<=村)(?:民委员会|委会)$|(?<=社区)(?:居民委员会|居委会)$", "", "".join(words(cell).split()))
