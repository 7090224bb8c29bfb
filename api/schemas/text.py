"""Text as people type it, made uniform before it is checked. Pure functions, from which schemas/base.py makes types."""

import re
import unicodedata

NAME_MAX = 50  # code points

_DOTS = str.maketrans("\u2022\u30fb\uff65", "\u00b7\u00b7\u00b7")  # the dots that keyboards give instead of the separator of GB names

# Full-width forms of what a phone number is made of, and the dashes that keyboards put for a hyphen.
_PLAIN_PHONE = str.maketrans("０１２３４５６７８９＋－（）‐‑‒–—―−", "0123456789+-()-------")
_MOBILE = re.compile("(?:(?:[+]|00)?86)?(1[3-9][0-9]{9})")
# Area codes: 010, 02x, and four digits from 03 on. Abroad they are dialled without the 0.
_LANDLINE = re.compile(r"(?:[+]86-?\(?0?|\(?0)(10|2[0-9]|[3-9][0-9]{2})\)?-?([0-9]{7,8})(?:(?:-|转|轉|分机|分機|ext[.]?|x|#)([0-9]{1,6}))?")


def person_name(text: str) -> str:
    """A name of 1 to 50 code points with U+00B7 as separator; ValueError for others.

    No NFKC: it would turn a compatibility ideograph on somebody's identity card into another character.
    """
    name = text.strip().translate(_DOTS)
    if not 1 <= len(name) <= NAME_MAX:
        raise ValueError(f"a name has 1 to {NAME_MAX} characters")
    if any(unicodedata.category(character) == "Cc" for character in name):
        raise ValueError("a name holds no control characters")
    return name


def phone(text: str) -> str | None:
    """The one spelling of a number, or None for what is none.

    Mobile `13800138000`; landline `0543-3245678`, with an extension `0543-3245678-801`.
    """
    typed = "".join(text.translate(_PLAIN_PHONE).split()).lower()
    if mobile := _MOBILE.fullmatch(typed.replace("-", "")):
        return mobile[1]
    if landline := _LANDLINE.fullmatch(typed):
        area, number, extension = landline.groups()
        return f"0{area}-{number}" + (f"-{extension}" if extension else "")
    return None


# Full-width letters, digits and signs, as a Chinese keyboard gives them
_NARROW = {0xFF01 + n: 0x21 + n for n in range(94)}
_TYPED = str.maketrans("ü", "v", " \u3000\u00b7'-")


def sought(text: str) -> str:
    """A name, a number or a part of one as it is searched for: small and narrow letters, `v` for ü, no spaces, hyphens and separators."""
    return text.translate(_DOTS).translate(_NARROW).casefold().translate(_TYPED)


def plain(text: str) -> str:
    """Free text without outer whitespace and with LF line ends."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()
