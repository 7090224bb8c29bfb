"""Cells as people type them and as Excel gives them back."""

from datetime import date, datetime
from typing import Any

import pytest

from api.rules import cells


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("2026-1-5", "2026-01-05"),
        ("2026/01/05", "2026-01-05"),
        ("2026.1.5", "2026-01-05"),
        ("20260105", "2026-01-05"),
        ("2026年1月5日", "2026-01-05"),
        ("2026 年 1 月 5 日", "2026-01-05"),
        ("２０２６－１－５", "2026-01-05"),
        ("2026-01-05 00:00:00", "2026-01-05"),
        ("1958/3/4 0:00", "1958-03-04"),
        ("2026/1/10 0:00", "2026-01-10"),
        ("2026/1/1 00:00", "2026-01-01"),
        ("2026-01-05 00:00", "2026-01-05"),
        ("2026/1/5 8:30", None),
        ("21000", None),
        (1.0, "1900-01-01"),
        (59.0, "1900-02-28"),
        (60.0, None),
        (61.0, "1900-03-01"),
        (20260105.0, "2026-01-05"),
        (46027.0, "2026-01-05"),
        (46027.5, "2026-01-05"),
        (21613.0, "1959-03-04"),
        (date(2026, 1, 5), "2026-01-05"),
        (datetime(2026, 1, 5, 8, 30), "2026-01-05"),  # noqa: DTZ001 - Excel knows no zones
        ("2026-2-30", None),
        ("2026-13-1", None),
        ("26-1-5", None),
        ("5/1/2026", None),
        ("2026-1", None),
        ("昨天", None),
        (0.0, None),
        (3_000_000.0, None),
        (float("inf"), None),
        (float("nan"), None),
        (True, None),
    ],
)
def test_days(cell: Any, expected: str | None) -> None:
    assert cells.day(cell) == expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (None, ""),
        ("  柳湾村\u3000", "柳湾村"),
        (103.0, "103"),
        (1.5, "1.5"),
        (True, "True"),
        (date(2026, 1, 5), "2026-01-05"),
        ("𡐓", "𡐓"),
    ],
)
def test_words(cell: Any, expected: str) -> None:
    assert cells.words(cell) == expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [("０１０３－０７", "0103-07"), ("01 03", "0103"), (990101100201.0, "990101100201"), ("９９０１０１１００２０１", "990101100201")],
)
def test_numbers(cell: Any, expected: str) -> None:
    assert cells.narrow(cell) == expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("王 芳", "王芳"),
        ("王\u3000芳", "王芳"),
        ("王 小 芳", "王小芳"),
        (" 王芳 ", "王芳"),
        ("Anna  Maria", "Anna Maria"),
        ("Anna 王 芳", "Anna 王芳"),
        ("买买提·艾力", "买买提·艾力"),
        ("王 𡐓", "王𡐓"),
    ],
)
def test_names(cell: str, expected: str) -> None:
    assert cells.name(cell) == expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (13800138000.0, ["13800138000"]),
        ("13800138000、13900139000", ["13800138000", "13900139000"]),
        ("13800138000,13900139000;0543-3245678", ["13800138000", "13900139000", "0543-3245678"]),
        ("13800138000/13900139000", ["13800138000", "13900139000"]),
        ("13800138000 13900139000", ["13800138000", "13900139000"]),
        ("13800138000，\n13900139000", ["13800138000", "13900139000"]),
        ("138 0013 8000", ["138 0013 8000"]),
        ("0543 3245678", ["0543 3245678"]),
        ("１３８００１３８０００", ["１３８００１３８０００"]),
        ("无", ["无"]),
        ("", []),
        (None, []),
    ],
)
def test_phones(cell: Any, expected: list[str]) -> None:
    assert cells.phones(cell) == expected


SEX = {"男": 1, "女": 2, "1": 1, "2": 2}


@pytest.mark.parametrize(
    ("cell", "expected"), [("男", 1), (" 女 ", 2), ("1", 1), (2.0, 2), ("２", 2), ("nan", None), (3.0, None), (True, None)]
)
def test_choices_of_one(cell: Any, expected: int | None) -> None:
    assert cells.choice(cell, SEX) == expected


def test_choices_of_several() -> None:
    known = {"养老服务": "elder_care", "elder_care": "elder_care", "补贴": "subsidy"}
    assert cells.choices("养老服务、补贴", known) == ["elder_care", "subsidy"]
    assert cells.choices("ELDER_CARE 补贴", known) == ["elder_care", "subsidy"]
    assert cells.choices("养老服务、别的", known) is None
    assert cells.choices("", known) == []


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (3.0, "3"),
        ("03", "3"),
        ("3组", "3"),
        ("第3组", "3"),
        ("第３村民小组", "3"),
        ("东组", "东组"),
        (0.0, "0"),
        ("", ""),
        ("123", "123"),
        ("三组", "3"),
        ("十组", "10"),
        ("第十二村民小组", "12"),
        ("二十组", "20"),
        ("九十九", "99"),
        ("一二组", "一二组"),
        ("组", "组"),
    ],
)
def test_groups(cell: Any, expected: str) -> None:
    assert cells.group(cell) == expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("柳湾村", "柳湾村"),
        ("柳湾村民委员会", "柳湾村"),
        ("柳湾村委会", "柳湾村"),
        ("柳 湾 村", "柳湾村"),
        ("城南社区居民委员会", "城南社区"),
        ("城南社区居委会", "城南社区"),
        ("村委会", "村"),
    ],
)
def test_villages(cell: str, expected: str) -> None:
    assert cells.village(cell) == expected
