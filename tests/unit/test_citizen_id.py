"""Identity numbers: every digit counts, and so does the day."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.rules.citizen_id import born_on, check_digit, differs_in, holds_one, normal, sex

TODAY = date(2026, 11, 24)
KNOWN = "11010519491231002X"  # GB 11643's own example

days = st.dates(date(1850, 1, 1), TODAY)
regions = st.integers(100000, 999999)
serials = st.integers(0, 999).map("{:03d}".format)


def made(region: int, day: date, serial: str) -> str:
    first = f"{region}{day:%Y%m%d}{serial}"
    return first + check_digit(first)


numbers = st.builds(made, regions, days, serials)


def test_the_example_of_the_standard() -> None:
    assert normal(KNOWN, TODAY) == KNOWN
    assert (born_on(KNOWN), sex(KNOWN)) == (date(1949, 12, 31), 2)


@given(numbers)
def test_the_digits_with_their_weights_and_the_check_digit_come_to_one(number: str) -> None:
    """ISO 7064, MOD 11-2, as the standard has it: said in another way than by its tables."""
    total = 0
    for digit in number:
        total = (2 * total + "0123456789X".index(digit)) % 11
    assert total == 1
    assert normal(number, TODAY) == number


@given(numbers, st.integers(0, 17), st.integers(1, 9))
def test_one_wrong_digit_is_always_seen(number: str, at: int, by: int) -> None:
    digit = "0123456789X".index(number[at])
    wrong = "0123456789"[(digit + by) % 10] if at < 17 else "0123456789X"[(digit + by) % 11]
    assert normal(number[:at] + wrong + number[at + 1 :], TODAY) is None


@given(numbers, st.integers(0, 16))
def test_so_are_two_neighbours_that_changed_places(number: str, at: int) -> None:
    swapped = number[:at] + number[at + 1] + number[at] + number[at + 2 :]
    assert normal(swapped, TODAY) == (number if swapped == number else None)


@pytest.mark.parametrize(
    "typed",
    [
        "11010519491231002x",
        " 110105 19491231 002X ",
        "１１０１０５１９４９１２３１００２Ｘ",
        "１１０１０５１９４９１２３１００２ｘ",
        "110105\u300019491231\t002X",
    ],
)
def test_it_is_read_as_people_type_it(typed: str) -> None:
    assert normal(typed, TODAY) == KNOWN


@pytest.mark.parametrize("number", ["", "1", KNOWN[:17], KNOWN + "1", "X" * 18, "1101051949123100２十", "110105-19491231-002X", "٠" * 18])
def test_what_is_no_number(number: str) -> None:
    assert normal(number, TODAY) is None


@pytest.mark.parametrize("day", ["20250229", "19490431", "19491301", "19490000", "00001231"])
def test_a_birthday_is_a_day_of_the_calendar(day: str) -> None:
    assert normal(f"110105{day}002" + check_digit(f"110105{day}002"), TODAY) is None


def test_and_not_to_come() -> None:
    born_today = made(110105, TODAY, "002")
    assert normal(born_today, TODAY) == born_today
    assert normal(born_today, date(2026, 11, 23)) is None


@pytest.mark.parametrize("region", [810000, 820000, 830000, 931156, 110222, 512301])
def test_permits_cards_of_foreigners_and_retired_codes_pass(region: int) -> None:
    number = made(region, date(1990, 1, 1), "001")
    assert normal(number, TODAY) == number


def test_no_region_begins_with_zero() -> None:
    first = "01010519491231002"
    assert normal(first + check_digit(first), TODAY) is None


@pytest.mark.parametrize(
    ("born", "stated_sex", "members"),
    [
        ("1949-12-31", 2, []),
        (date(1949, 12, 31), 2, []),
        ("1949-12-30", 2, ["born_on"]),
        ("1949-12-31", 1, ["sex"]),
        (date(1950, 12, 31), 1, ["born_on", "sex"]),
        (None, 0, []),
        (None, 9, []),
    ],
)
def test_it_differs_from_what_the_record_says_alone(born: str | date | None, stated_sex: int, members: list[str]) -> None:
    assert differs_in(KNOWN, born, stated_sex) == members


@given(
    numbers,
    st.sampled_from(["x{}", "号码 {}。", "{}\u200b", "电话13800138000 {}", "1{}", "{}1", "身份证{}号"]),
    st.sampled_from(["", " ", "·", "-"]),
)
def test_one_is_found_within_a_text(number: str, text: str, between: str) -> None:
    apart = between.join((number[:6], number[6:14], number[14:]))
    assert holds_one(text.format(apart))
    assert holds_one(text.format(apart.lower()))
    assert holds_one(text.format("".join(chr(ord(c) + 0xFEE0) if c.isalnum() else c for c in apart)))


@pytest.mark.parametrize(
    "value",
    [
        "",
        "13800138000、13900139000",
        "0543-3245678 990101100201",
        "110105194912310021",
        "2026-11-20 13800138000",
        13800138000,
        None,
        1.5,
        True,
    ],
)
def test_what_holds_none(value: object) -> None:
    assert not holds_one(value)


def test_a_number_that_was_sent_as_a_number() -> None:
    number = next(n for serial in ("001", "002", "003") if (n := made(110105, date(1949, 12, 31), serial)).isdigit())
    assert holds_one(int(number))
    assert not holds_one(int(number) + 1)
