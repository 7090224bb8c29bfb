"""The rows of an XLSX or CSV file as a county's desk sends it, one by one; and the workbook to fill in.

Nothing of a file is believed: what it would be when unpacked is counted before a library looks at it. Text is strict UTF-8, with or without
a byte order mark, then GB18030, which Excel writes on a Chinese Windows.
"""

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence

import xlsxwriter  # type: ignore[import-untyped]  # it ships no types
from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum

from api.rules.cells import Cell

MAX_UNPACKED = 150_000_000
MAX_COLUMNS = 100
CHUNK = 1 << 20
_FILLED = re.compile(rb"""<(?:\w+:)?c\b[^>]*?\br=["']([A-Z]+)(\d+)["'][^>]*(?<!/)>""")


class Unreadable(Exception):
    """The file as a whole can't be read; `args[0]` is the code that rules/register_file.py has words for."""


def lines(data: bytes, sheet: str, most: int) -> Iterator[tuple[int, Sequence[Cell]]]:
    """Rows with their numbers as Excel counts them, from the sheet of that name, or else the first; `most`: no row may stand below."""
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise Unreadable("old-excel")
    return _of_workbook(data, sheet, most) if data.startswith(b"PK") else _of_text(data)


def _of_text(data: bytes) -> Iterator[tuple[int, Sequence[Cell]]]:
    if b"\0" in data or data.lstrip().startswith(b"<"):
        raise Unreadable("not-a-table")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = data.decode("gb18030")
        except UnicodeDecodeError:
            raise Unreadable("encoding") from None
    try:
        yield from enumerate(csv.reader(io.StringIO(text, newline=""), strict=True), 1)
    except csv.Error:
        raise Unreadable("quoting") from None


def _of_workbook(data: bytes, sheet: str, most: int) -> Iterator[tuple[int, Sequence[Cell]]]:
    try:
        _look_inside(data, most)
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(data))
        names = [known.name for known in workbook.sheets_metadata if known.typ is SheetTypeEnum.WorkSheet]
        if not names:
            raise Unreadable("empty")
        found = workbook.get_sheet_by_name(sheet if sheet in names else names[0])
    except (CalamineError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError):
        raise Unreadable("not-a-table") from None
    if found.start is not None:
        left: list[Cell] = [""] * found.start[1]  # rows are given from the first on, but only from the first column with something in it
        for number, row in enumerate(found.iter_rows(), 1):
            yield number, [*left, *row]


def _look_inside(data: bytes, most: int) -> None:
    """A reader that trusts a workbook takes as much memory as it asks for: by what it unpacks to, or by one cell far down on the right."""
    unpacked = 0
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        if "xl/workbook.xml" not in packed.namelist():  # another sort of workbook
            raise Unreadable("not-a-table")
        for part in packed.infolist():
            rest = b""
            for chunk in _unpacked(data, part):
                unpacked += len(chunk)
                if unpacked > MAX_UNPACKED:
                    raise Unreadable("too-big")
                text = rest + chunk
                rest = text[max(text.rfind(b"<"), len(text) - 1000) :]
                for column, row in _FILLED.findall(text):
                    if len(column) > 2 or _number(column) > MAX_COLUMNS:
                        raise Unreadable("too-big")
                    if len(row) > 7 or int(row) > most:
                        raise Unreadable("too-many-rows")


def _unpacked(data: bytes, part: zipfile.ZipInfo) -> Iterator[bytes]:
    """Its true content, whatever size it claims."""
    header = data[part.header_offset : part.header_offset + 30]
    start = part.header_offset + 30 + int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    packed = data[start : start + part.compress_size]
    if part.compress_type == zipfile.ZIP_STORED:
        yield packed
        return
    if part.compress_type != zipfile.ZIP_DEFLATED:
        raise zipfile.BadZipFile
    inflate = zlib.decompressobj(-15)
    while packed and not inflate.eof:
        yield inflate.decompress(packed, CHUNK)
        packed = inflate.unconsumed_tail
    if not inflate.eof:
        raise zipfile.BadZipFile


def _number(column: bytes) -> int:
    number = 0
    for letter in column:
        number = number * 26 + letter - ord("A") + 1
    return number


def workbook(sheets: Mapping[str, Sequence[Sequence[str]]], widths: Sequence[int]) -> bytes:
    """The first row of each sheet stands out and stays in sight. All cells are text, so that codes stay what they are."""
    written = io.BytesIO()
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(written, options) as made:
        text, heading = made.add_format({"num_format": "@"}), made.add_format({"bold": True, "bg_color": "#DDEBF7", "num_format": "@"})
        wrapped = made.add_format({"text_wrap": True, "valign": "top"})
        for n, (name, rows) in enumerate(sheets.items()):
            sheet = made.add_worksheet(name)
            sheet.freeze_panes(1, 0)
            for column in range(max(len(row) for row in rows)):
                sheet.set_column(column, column, widths[n], text if n == 0 else wrapped)
            for row, said in enumerate(rows):
                for column, cell in enumerate(said):
                    sheet.write_string(row, column, cell, heading if row == 0 else text if n == 0 else wrapped)
    return written.getvalue()
