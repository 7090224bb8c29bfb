"""The sheet of activation cards: what stands on it (`said`). No names: who a card is for is said when it is handed over."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

SHEET = Path(__file__).with_suffix(".typ").read_bytes()
# Both languages on one card: nobody knows yet who will hold it
WORDS = {
    "title": "家访激活卡 Activation card",
    "number": "卡号 No.",
    "code": "密码 Code",
    "how": [
        "户主在手机上打开家访应用，选“用卡激活”，输入卡号和密码，自己定一个新密码。以后用卡号登录。",
        "In the app, the head of the household activates with this card: number and code, then a password of their own. "
        "From then on the number is the user name.",
        "交给您以后 30 天内有效，只能用一次，密码输错五次作废。不要给别人看。手机丢了，请向村里要一张新卡。",
        "Good for 30 days after it was handed to you, once, with five tries. Show it to nobody. Lost your phone? Ask for another card.",
    ],
}


def said(cards: Sequence[tuple[str, str]], place: str, today: date) -> dict[str, Any]:
    """Of numbers and codes, in groups that are easy to read."""
    shown = [{"number": grouped(number, 3, 3, 4), "code": grouped(code, 4, 4)} for number, code in cards]
    return {"words": WORDS, "cards": shown, "place": place, "as_of": [today.year, today.month, today.day]}


def grouped(digits: str, *sizes: int) -> str:
    parts, at = [], 0
    for size in sizes:
        parts.append(digits[at : at + size])
        at += size
    return " ".join(parts)
