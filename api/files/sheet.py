"""The rows of an XLSX or CSV file as a county's desk sends it, one by one; and the workbook to fill in.

Nothing of a file is believed: what it would be when unpacked is counted before a library looks at it. Text is strict UTF-8, with or without
a byte order mark, then GB18030, which Excel writes on a Chinese Windows.
"""

import csv
import io
import re
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from xml.parsers import expat

import xlsxwriter  # type: ignore[import-untyped]  # it ships no types
from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum

from api.rules.cells import BROKEN, Cell

MAX_UNPACKED = 150_000_000
MAX_COLUMNS = 100
CHUNK = 1 << 20
BOOK = "xl/workbook.xml"
LINKS, TEXTS = "xl/_rels/workbook.xml.rels", "xl/sharedstrings.xml"
OTHER_SORTS = {"content.xml", "xl/workbook.bin"}
_CELL = re.compile("([A-Z]{1,3})([0-9]{1,7})", re.IGNORECASE)


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
        for number, row in enumerate(csv.reader(io.StringIO(text, newline=""), strict=True), 1):
            if any(row[MAX_COLUMNS:]):
                raise Unreadable("too-big")
            yield number, row[:MAX_COLUMNS]
    except csv.Error:
        raise Unreadable("quoting") from None


def _of_workbook(data: bytes, sheet: str, most: int) -> Iterator[tuple[int, Sequence[Cell]]]:
    try:
        broken_in = _look_inside(data, most)
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(data))
        names = [known.name for known in workbook.sheets_metadata if known.typ is SheetTypeEnum.WorkSheet]
        if not names:
            raise Unreadable("empty")
        name = sheet if sheet in names else names[0]
        found, broken = workbook.get_sheet_by_name(name), broken_in.get(name, {})
    except (CalamineError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, expat.ExpatError, ValueError):
        raise Unreadable("not-a-table") from None
    # rows are given from the first on, but only from the first column with something in it
    left: list[Cell] = [""] * (found.start[1] if found.start else 0)
    number = 0
    for number, row in enumerate(found.iter_rows() if found.start else (), 1):
        yield number, _with_broken([*left, *row], broken.get(number, 0))
    for below in sorted(n for n in broken if n > number):
        yield below, _with_broken([], broken[below])


def _with_broken(row: list[Cell], broken: int) -> list[Cell]:
    """The library gives as empty what shows an error or has no result. `broken`: a bit for each column."""
    if broken:
        row += [""] * (broken.bit_length() - len(row))
        for at in range(broken.bit_length()):
            if broken >> at & 1:
                row[at] = BROKEN
    return row


def _look_inside(data: bytes, most: int) -> dict[str, dict[int, int]]:
    """A reader that trusts a workbook takes as much memory as it asks for: by what it unpacks to, by one cell far down on the right, or by
    one long text that many cells refer to. Returns, by sheet and row, which cells are broken: a bit for each column."""
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        infos = packed.infolist()
    parts = {part.filename.casefold(): part for part in infos}
    if BOOK not in parts or parts.keys() & OTHER_SORTS or len(parts) < len(infos):  # another sort, or two parts of one name
        raise Unreadable("not-a-table")
    unpacked, texts, sheets, links = 0, list[int](), dict[str, str](), dict[str, str]()
    broken = defaultdict[str, dict[int, int]](dict)
    for name in sorted(parts, key=lambda name: (name != LINKS, name != TEXTS)):  # first what tells sheets and what cells refer to
        parser = None
        if name == LINKS:
            parser = _links(links)
        elif name == BOOK:
            parser = _sheets(sheets)
        elif name == TEXTS:
            parser = _texts(texts)
        elif (file := name.rpartition("/")[2]) in links.values():
            parser = _cells(texts, most, broken[file])
        for chunk in _unpacked(data, parts[name]):
            unpacked += len(chunk)
            if unpacked > MAX_UNPACKED:
                raise Unreadable("too-big")
            if parser:
                parser.Parse(chunk)
        if parser:
            parser.Parse(b"", True)
    return {name: broken[links[link]] for name, link in sheets.items() if link in links}


def _parser() -> expat.XMLParserType:
    def doctype(*_: object) -> None:
        raise Unreadable("not-a-table")  # there may be entities in it, and Excel writes none

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = doctype
    return parser


def _sheets(sheets: dict[str, str]) -> expat.XMLParserType:
    """Notes the names of the sheets, and the ids of their links."""

    def start(element: str, attributes: Mapping[str, str]) -> None:
        if element.rpartition(":")[2] == "sheet":
            sheets[attributes.get("name", "")] = next((said for name, said in attributes.items() if name.endswith(":id")), "")

    parser = _parser()
    parser.StartElementHandler = start
    return parser


def _links(files: dict[str, str]) -> expat.XMLParserType:
    """Notes the file names of parts that the workbook has for sheets: they may lie anywhere."""

    def start(_: str, attributes: Mapping[str, str]) -> None:
        if "sheet" in attributes.get("Type", ""):
            files[attributes.get("Id", "")] = attributes.get("Target", "").rpartition("/")[2].casefold()

    parser = _parser()
    parser.StartElementHandler = start
    return parser


def _texts(lengths: list[int]) -> expat.XMLParserType:
    """Notes how long the shared texts are."""

    def start(name: str, _: Mapping[str, str]) -> None:
        if name.rpartition(":")[2] == "si":
            lengths.append(0)

    def text(said: str) -> None:
        if lengths:
            lengths[-1] += len(said)

    parser = _parser()
    parser.StartElementHandler, parser.CharacterDataHandler = start, text
    return parser


def _cells(lengths: Sequence[int], most: int, broken: dict[int, int]) -> expat.XMLParserType:
    """Refuses cells outside of the table, and those that would be more text than a file may hold; notes the `broken` ones. They are placed
    as the library places them: one without `r` comes after the one before it, and one that holds nothing is nowhere."""
    row = column = across = down = total = 0  # `down`, `across`: of this cell
    formula = inside = False
    sort = said = ""

    def start(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal row, column, across, down, formula, inside, sort, said
        if ":" in name:
            name = name.rpartition(":")[2]
        if name == "c":
            across, down = column, row
            if at := attributes.get("r"):
                if not (found := _CELL.fullmatch(at)):
                    raise Unreadable("not-a-table")
                across, down = _number(found[1].upper()) - 1, int(found[2]) - 1
            column, formula, sort, said = across + 1, False, attributes.get("t", ""), ""
        elif name == "row":
            if number := attributes.get("r"):
                row = int(number) - 1
        elif name in ("v", "is", "f"):
            if across >= MAX_COLUMNS:
                raise Unreadable("too-big")
            if down >= most:
                raise Unreadable("too-many-rows")
            formula = formula or name == "f"
            inside, said = name == "v" and (sort == "s" or formula), ""
            if sort == "e":
                broken[down + 1] = broken.get(down + 1, 0) | 1 << across

    def text(more: str) -> None:
        nonlocal said
        if inside:
            said += more

    def end(name: str) -> None:
        nonlocal row, column, inside, total
        if inside:
            inside = False
            if sort == "s":
                which = int(said)
                total += lengths[which] if which < len(lengths) else 0
                if total > MAX_UNPACKED:
                    raise Unreadable("too-big")
        elif name == "row" or name.endswith(":row"):
            row, column = row + 1, 0
        elif formula and not said and sort != "str" and (name == "c" or name.endswith(":c")):
            broken[down + 1] = broken.get(down + 1, 0) | 1 << across

    parser = _parser()
    parser.StartElementHandler, parser.CharacterDataHandler, parser.EndElementHandler = start, text, end
    return parser


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


def _number(column: str) -> int:
    number = 0
    for letter in column:
        number = number * 26 + ord(letter) - ord("A") + 1
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
