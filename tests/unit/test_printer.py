"""Receipts become files: the same data the same bytes, with our fonts alone, and nothing that people write is a part of the template."""

import asyncio
import io
import threading
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader
from typst import TypstError

from api.files.receipt import WAITING, Printer, said
from api.problems import BUSY, Problem

ROW = {
    "amount_fen": 6000,
    "means": "cash",
    "paid_on": date(2026, 11, 22),
    "receipt_number": 12,
    "series": "青A",
    "payer_name": "王小雨",
    "left_fen": 0,
    "household": "1101-03",
    "received_by": "郑磊",
    "fiscal_code": "37060126",
    "fiscal_number": "0000012345",
    "fiscal_check_code": "a1b2c3",
    "paid_back_fen": 1000,
    "corrected_fen": 1000,
    "places": ["青禾县", "青禾镇", "柳湾村"],
    "uses": '[{"name": "生活垃圾处理费", "name_en": "Household waste fee", "basis": null, "due_on": "2026-12-31", "fen": 4000}]',
}


def of(language: str = "zh", **members: Any) -> dict[str, Any]:
    return said({**ROW, **members}, language, operator="", today=date(2026, 11, 24), address="https://jiafang.example.gov.cn/receipts/1")


def text(pdf: bytes) -> str:
    return "".join("".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages).split())


@pytest.fixture(scope="module")
def printer() -> Printer:
    return Printer()


def test_the_same_data_give_the_same_bytes(printer: Printer) -> None:
    """In another process, and after others."""
    first = printer.printed(of())
    assert printer.printed(of(payer_name="李四")) != first
    assert printer.printed(of()) == first
    assert Printer().printed(of()) == first


@pytest.mark.parametrize("language", ["zh", "en"])
def test_our_own_words_need_no_spelling(printer: Printer, language: str) -> None:
    pdf = printer.printed(of(language, means="transfer", left_fen=1, series=None, receipt_number=None, payer_name=None))
    assert "U+" not in text(pdf)
    root: Any = PdfReader(io.BytesIO(pdf)).trailer["/Root"]
    assert root["/Lang"] == language


def test_no_font_comes_from_the_machine(printer: Printer) -> None:
    pages: Any = PdfReader(io.BytesIO(printer.printed(of()))).pages
    fonts = {font.get_object()["/BaseFont"].partition("+")[2] for page in pages for font in page["/Resources"]["/Font"].values()}
    assert fonts == {"NotoSerifSC-Regular-Identity-H"}


@pytest.mark.parametrize("name", ["/etc/passwd", "receipt.typ", "../receipt.py"])
def test_a_template_reads_no_file(printer: Printer, name: str) -> None:
    with pytest.raises(TypstError):
        printer._set(f'#read("{name}")'.encode(), {})


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("𡐓䶮㛃", "𡐓䶮㛃"),
        ("𠮷田", "[U+20BB7]田"),
        ("王\ue000·a", "王[U+E000]·a"),
        ("😀", "[U+1F600]"),
        ("\U0010ffff", "[U+10FFFF]"),
        ("葛\U000e0100", "葛\U000e0100"),
        ("x" * 50, "x" * 50),
        ("王\u2028\u200d李", "王[U+2028][U+200D]李"),
    ],
)
def test_what_no_font_shows_is_spelled(printer: Printer, name: str, printed: str) -> None:
    assert f"缴款人{printed}户号" in text(printer.printed(of(payer_name=name)))


def test_what_seemed_to_be_shown_and_was_not_is_spelled_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    printer = Printer()
    monkeypatch.setattr(printer, "_shows", lambda character: True)
    assert "[U+738B]a[U+20BB7]" in text(printer.printed(of(payer_name="王a𠮷")))


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8))
def test_whatever_the_name_there_is_a_receipt(printer: Printer, name: str) -> None:
    assert printer.printed(of(payer_name=name)).startswith(b"%PDF")


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    opened = threading.Event()
    yield opened
    opened.set()


async def test_who_comes_when_too_many_wait_is_told_when_to_come_back(monkeypatch: pytest.MonkeyPatch, gate: threading.Event) -> None:
    printer = Printer()
    monkeypatch.setattr(printer, "printed", lambda said: b"%PDF" if gate.wait(10) else b"")
    waiting = [asyncio.create_task(printer.receipt({})) for _ in range(WAITING + 1)]
    await asyncio.sleep(0)
    with pytest.raises(Problem) as refused:
        await printer.receipt({})
    assert refused.value.kind is BUSY
    gate.set()
    assert set(await asyncio.gather(*waiting)) == {b"%PDF"}
    assert await printer.receipt({}) == b"%PDF"
