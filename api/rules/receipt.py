"""What a receipt says: its amount as figures and in capital figures (大写金额), its number, and whether it still holds."""

from dataclasses import dataclass
from typing import Literal

DIGITS = "零壹贰叁肆伍陆柒捌玖"
Standing = Literal["valid", "partly_valid", "refunded", "void"]


@dataclass(frozen=True, slots=True)
class Undone:
    """Of a payment, in fen: what was given back, and what was found never to have been received."""

    paid_back: int
    corrected: int

    @property
    def fen(self) -> int:
        return self.paid_back + self.corrected


def standing(amount_fen: int, undone: Undone) -> Standing:
    """`void`: none of the money was ever received. `refunded`: nothing of it is left, and some was given back."""
    if undone.fen == 0:
        return "valid"
    if undone.fen < amount_fen:
        return "partly_valid"
    return "refunded" if undone.paid_back else "void"


def numbered(series: str | None, number: int | None) -> str:
    """As it stands on the receipt: 青A 12; without its series where no book has it; empty for none."""
    return "" if number is None else f"{series} {number}" if series else str(number)


def in_figures(fen: int) -> str:
    """123450 -> ¥1,234.50"""
    return f"¥{fen // 100:,}.{fen % 100:02d}"


def in_capitals(fen: int) -> str:
    """123450 -> 人民币壹仟贰佰叁拾肆元伍角整: in the digits that can't be altered, as banks and treasuries ask for
    (《支付结算办法》附一《正确填写票据和结算凭证的基本规定》). Where that leaves open whether a 零 is written (after a zero of the yuan,
    before 角), none is; 整 ends what has no 分. Up to 999,999,999,999.99 yuan."""
    yuan, jiao, rest = fen // 100, fen // 10 % 10, fen % 10
    said = f"{_whole(yuan)}元" if yuan or not fen else ""
    if jiao:
        said += f"{DIGITS[jiao]}角"
    elif rest and yuan:
        said += DIGITS[0]
    return f"人民币{said}" + (f"{DIGITS[rest]}分" if rest else "整")


def _whole(number: int) -> str:
    """In groups of four digits (亿, 万). One 零 stands for the zeros between two other digits, however many; those that end a group say
    nothing."""
    said = ""
    for unit, group in (("亿", number // 10**8), ("万", number // 10**4 % 10**4), ("", number % 10**4)):
        if group:
            said += (DIGITS[0] if said and group < 1000 else "") + _group(group) + unit
    return said or DIGITS[0]


def _group(number: int) -> str:
    said, skipped = "", False
    for unit, digit in zip(("仟", "佰", "拾", ""), f"{number:04d}", strict=True):
        if digit != "0":
            said += (DIGITS[0] if skipped and said else "") + DIGITS[int(digit)] + unit
        skipped = digit == "0"
    return said
