"""Receipts as PDF, set by Typst: what stands on one (`said`), and how it becomes a file (`Printer`). The same data give the same bytes."""

import asyncio
import io
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, cast
from unicodedata import category

import orjson
import segno
from pylopdf_fonts_zh_cn import serif_path
from typst import Compiler, Fonts, TypstError

from api.language import both, pick, translated
from api.problems import busy
from api.rules.receipt import Standing, Undone, in_capitals, in_figures, numbered, standing

TEMPLATE = Path(__file__).with_suffix(".typ").read_bytes()
WAITING = 50  # a receipt takes some 10 ms
WORDS = {
    "title": both("收款凭证", "Receipt"),
    "number": both("号码", "No."),
    "paid_on": both("缴款日期", "Paid on"),
    "payer": both("缴款人", "Payer"),
    "household": both("户号", "Household"),
    "amount": both("金额（小写）", "Amount"),
    "capitals": both("金额（大写）", "Capital figures"),
    "means": both("缴款方式", "Means"),
    "collector": both("收款人", "Received by"),
    "basis": both("依据", "Legal basis"),
    "due_on": both("到期日", "Due on"),
    "used": both("金额", "Amount"),
    "stamp_here": both("收款单位（盖章）", "Stamp of the office"),
    "signature": both("收款人（签字）", "Signature"),
    "scan": both("扫码核对：号码、金额、日期，是否仍然有效", "Scan to check number, amount and date, and whether it still holds"),
    "not_fiscal": both("这是收款凭证，不是财政电子票据。", "This is a receipt for a payment (收款凭证), and not the fiscal e-receipt."),
}
MEANS = {"cash": both("现金", "Cash"), "transfer": both("转入财政专户", "Transfer to the fiscal special account")}
STANDING: dict[Standing, str] = {
    "valid": both("有效", "Valid"),
    "partly_valid": both("部分有效", "Partly valid"),
    "refunded": both("已退款", "Refunded"),
    "void": both("作废", "Void"),
}
NO_NUMBER = both("没有编号", "Without a number")


def day(of: date, language: str) -> str:
    return of.isoformat() if language == "en" else f"{of.year}年{of.month}月{of.day}日"


def undone_of(row: Mapping[str, Any]) -> Undone:
    return Undone(row["paid_back_fen"], row["corrected_fen"])


def what_is_left(amount_fen: int, undone: Undone) -> list[str]:
    """In both languages, nothing where all of it holds."""
    lines = (
        (both("已退还", "Paid back"), undone.paid_back),
        (both("更正：没有收到", "Corrected, as it was never received"), undone.corrected),
        (both("仍然有效", "Still valid"), amount_fen - undone.fen),
    )
    said = [both(*(f"{pick(words, language)} {in_figures(fen)}" for language in ("zh", "en"))) for words, fen in lines if fen]
    return said if undone.fen else []


def said(row: Mapping[str, Any], language: str, *, operator: str, today: date, address: str) -> dict[str, Any]:
    """What stands on the receipt of a payment (db/receipts.py): what receipt.typ names. `address`: where the QR code leads."""
    undone = undone_of(row)
    still = standing(row["amount_fen"], undone)
    uses = [
        {
            "name": both(use["name"], use["name_en"]),
            "basis": use["basis"] or "",
            "due_on": use["due_on"],
            "amount": in_figures(use["fen"]),
        }
        for use in orjson.loads(row["uses"] or "[]")
    ]
    rest = [[both("还没有用于应收，是该户的余额", "Not used for any charge: credit of the household"), in_figures(row["left_fen"])]]
    fiscal = both(
        f"财政电子票据：票据代码 {row['fiscal_code']}　票据号码 {row['fiscal_number']}　校验码 {row['fiscal_check_code']}",
        f"Fiscal e-receipt: code {row['fiscal_code']}, number {row['fiscal_number']}, check code {row['fiscal_check_code']}",
    )
    found = {
        "words": WORDS,
        "stamp": "" if still == "valid" else STANDING[still],
        "operator": operator or row["places"][0],
        "places": " ".join(row["places"]),
        "number": numbered(row["series"], row["receipt_number"]) or NO_NUMBER,
        "paid_on": both(*(day(row["paid_on"], each) for each in ("zh", "en"))),
        "payer": row["payer_name"] or "—",
        "household": row["household"],
        "amount": in_figures(row["amount_fen"]),
        "capitals": in_capitals(row["amount_fen"]),
        "means": MEANS[row["means"]],
        "collector": row["received_by"] or "—",
        "used_for": both(f"用于（截至 {today}）", f"Used for (as of {today})"),
        "uses": uses,
        "rest": rest if row["left_fen"] else [],
        "undone": what_is_left(row["amount_fen"], undone),
        "fiscal": [fiscal] if row["fiscal_number"] else [],
    }
    shown: Any = translated(found, language)
    return {**shown, "language": language, "as_of": [today.year, today.month, today.day], "address": address}


class Printer:
    """Setting a page is work for the processor, and the compiler is one that two can't use at once: one after the other in a thread of its
    own, fifty waiting, then 503."""

    def __init__(self) -> None:
        self._one, self._inside = ThreadPoolExecutor(1), 0
        self._shown: dict[str, bool] = {}

    async def receipt(self, said: dict[str, Any]) -> bytes:
        """`said`: what receipt.typ names, `address` for the QR code among it."""
        return await self._in_turn(self.printed, said)

    async def sheet(self, template: bytes, said: dict[str, Any]) -> bytes:
        """Of our own words and digits, and names of places."""
        return await self._in_turn(self._legibly, template, said)

    async def _in_turn(self, work: Callable[..., bytes], *args: Any) -> bytes:
        if self._inside > WAITING:
            raise busy()
        self._inside += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._one, work, *args)
        finally:
            self._inside -= 1

    def printed(self, said: dict[str, Any]) -> bytes:
        return self._legibly(TEMPLATE, {**said, "qr": _qr(said["address"])})

    def _legibly(self, template: bytes, said: dict[str, Any]) -> bytes:
        """A character that no font has would be a box, and PDF/A, which allows none, an error: its number stands in its place. Should even
        that not do, so does that of every letter but the plainest."""
        for shows in (self._shows, str.isascii):
            try:
                return self._set(template, said)
            except TypstError:
                said = _spelled(said, shows)
        return self._set(template, said)

    @cached_property
    def _compiler(self) -> Compiler:
        # no fonts but these, wherever it runs; and below the null device there is no file that a template could read
        fonts = Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[serif_path().parent])
        return Compiler(root=os.devnull, font_paths=fonts)

    def _set(self, template: bytes, said: Any) -> bytes:
        """What people wrote is data for the template, and never part of it."""
        data = {"said": orjson.dumps(said).decode()}
        made = self._compiler.compile(template, format="pdf", pdf_standards=["a-2b"], timestamp=0, sys_inputs=data)
        return cast(bytes, made)  # one file, and not written to the disk

    def _shows(self, character: str) -> bool:
        if character not in self._shown:
            try:
                self._set(b'#set text(font: "Noto Serif SC")\n#json(bytes(sys.inputs.said))', character)
                # what is not seen by itself, such as a line separator, may spoil what stands beside it
                self._shown[character] = character.isprintable() or category(character) == "Zs"
            except TypstError:
                self._shown[character] = False
        return self._shown[character]


def _spelled(said: Any, shows: Callable[[str], bool]) -> Any:
    """The same in other letters where they are not shown."""
    if isinstance(said, dict):
        return {key: _spelled(value, shows) for key, value in said.items()}
    if isinstance(said, list):
        return [_spelled(value, shows) for value in said]
    return "".join(c if c == "\n" or shows(c) else f"[U+{ord(c):04X}]" for c in said) if isinstance(said, str) else said


def _qr(address: str) -> str:
    picture = io.BytesIO()
    segno.make_qr(address, error="m").save(picture, kind="svg", xmldecl=False, border=2)
    return picture.getvalue().decode()
