"""Amounts as a receipt says them, and whether a receipt still holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.rules.receipt import Standing, Undone, in_capitals, in_figures, numbered, standing

DIGITS = {digit: value for value, digit in enumerate("零壹贰叁肆伍陆柒捌玖")}
UNITS = {"拾": 10, "佰": 100, "仟": 1000}
GROUPS = {"万": 10**4, "亿": 10**8}


def fen_of(said: str) -> int:
    """Capital figures, read as a cashier reads them."""
    whole, group, digit, small = 0, 0, 0, 0
    for character in said.removeprefix("人民币").removesuffix("整"):
        if character in DIGITS:
            digit = DIGITS[character]
        elif character in UNITS:
            group, digit = group + digit * UNITS[character], 0
        elif character in GROUPS:
            whole, group, digit = whole + (group + digit) * GROUPS[character], 0, 0
        elif character == "元":
            whole, group, digit = whole + group + digit, 0, 0
        else:
            small, digit = small + digit * {"角": 10, "分": 1}[character], 0
    return whole * 100 + small


@pytest.mark.parametrize(
    ("fen", "figures", "capitals"),
    [
        # the examples of the rule (《正确填写票据和结算凭证的基本规定》), where it leaves a choice the shorter one
        (140950, "¥1,409.50", "人民币壹仟肆佰零玖元伍角整"),
        (600714, "¥6,007.14", "人民币陆仟零柒元壹角肆分"),
        (168032, "¥1,680.32", "人民币壹仟陆佰捌拾元叁角贰分"),
        (10700053, "¥107,000.53", "人民币壹拾万柒仟元伍角叁分"),
        (1640902, "¥16,409.02", "人民币壹万陆仟肆佰零玖元零贰分"),
        (32504, "¥325.04", "人民币叁佰贰拾伍元零肆分"),
        # what a township collects
        (6000, "¥60.00", "人民币陆拾元整"),
        (40000, "¥400.00", "人民币肆佰元整"),
        (123450, "¥1,234.50", "人民币壹仟贰佰叁拾肆元伍角整"),
        (1000, "¥10.00", "人民币壹拾元整"),
        # less than a yuan
        (1, "¥0.01", "人民币壹分"),
        (10, "¥0.10", "人民币壹角整"),
        (11, "¥0.11", "人民币壹角壹分"),
        (0, "¥0.00", "人民币零元整"),
        # zeros within and between groups
        (10101, "¥101.01", "人民币壹佰零壹元零壹分"),
        (100010, "¥1,000.10", "人民币壹仟元壹角整"),
        (100100, "¥1,001.00", "人民币壹仟零壹元整"),
        (1000000, "¥10,000.00", "人民币壹万元整"),
        (1000500, "¥10,005.00", "人民币壹万零伍元整"),
        (1005000, "¥10,050.00", "人民币壹万零伍拾元整"),
        (10050000, "¥100,500.00", "人民币壹拾万零伍佰元整"),
        (100100000, "¥1,001,000.00", "人民币壹佰万壹仟元整"),
        (1001000000, "¥10,010,000.00", "人民币壹仟零壹万元整"),
        (10**10, "¥100,000,000.00", "人民币壹亿元整"),
        (10**10 + 500, "¥100,000,005.00", "人民币壹亿零伍元整"),
        (10**10 + 5 * 10**6, "¥100,050,000.00", "人民币壹亿零伍万元整"),
        (99999999999999, "¥999,999,999,999.99", "人民币玖仟玖佰玖拾玖亿玖仟玖佰玖拾玖万玖仟玖佰玖拾玖元玖角玖分"),
    ],
)
def test_an_amount_is_said_twice(fen: int, figures: str, capitals: str) -> None:
    assert (in_figures(fen), in_capitals(fen)) == (figures, capitals)
    assert fen_of(capitals) == fen


@given(
    st.integers(0, 10**14 - 1) | st.integers(0, 10**6) | st.builds(lambda n, zeros: n * 10**zeros, st.integers(1, 10**5), st.integers(0, 8))
)
def test_capital_figures_say_the_amount_and_nothing_else(fen: int) -> None:
    said = in_capitals(fen)
    assert fen_of(said) == fen
    assert said.startswith("人民币")
    assert said.endswith("分" if fen % 10 else "整")
    assert "零零" not in said
    assert not any(f"零{unit}" in said for unit in "拾佰仟万亿角分")
    assert ("零元" in said) is (fen == 0)


@pytest.mark.parametrize(
    ("paid_back", "corrected", "still"),
    [
        (0, 0, "valid"),
        (1, 0, "partly_valid"),
        (0, 5999, "partly_valid"),
        (6000, 0, "refunded"),
        (1000, 5000, "refunded"),
        (0, 6000, "void"),
    ],
)
def test_whether_it_still_holds(paid_back: int, corrected: int, still: Standing) -> None:
    """Refunded: the money went back. Void: it had never come."""
    assert standing(6000, Undone(paid_back, corrected)) == still


def test_a_number_goes_with_its_series() -> None:
    assert [numbered("青A", 12), numbered(None, 12), numbered("青A", None)] == ["青A 12", "12", ""]
