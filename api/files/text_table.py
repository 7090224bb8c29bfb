"""A CSV file as it leaves a county's desks: read whole, refused whole, with every fault at the line an editor shows.

Only two encodings are tried, strictly: UTF-8 (with or without a byte order mark), then GB18030, which Excel writes on a Chinese Windows.
Guessing further would turn a damaged file into wrong names. Cells are given as they stand: trimming and meaning are the rules' business.
Messages never repeat a cell.
"""

import csv
import io
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from api.rules.division_file import Fault

MAX_BYTES = 20_000_000
MAX_ROWS = 200_000

_MESSAGES = {
    "too-large": ("文件超过 {limit} 字节", "the file is larger than {limit} bytes"),
    "too-long": ("超过 {limit} 行", "there are more than {limit} rows"),
    "encoding": ("既不是 UTF-8 也不是 GB18030，请另存为 UTF-8 的 CSV", "is neither UTF-8 nor GB18030; save it as CSV in UTF-8"),
    "nul": ("有空字符 NUL，可能是 UTF-16，请另存为 UTF-8 的 CSV", "holds a NUL, perhaps it is UTF-16; save it as CSV in UTF-8"),
    "empty": ("文件为空", "the file is empty"),
    "missing-column": ("缺少此列", "this column is missing"),
    "duplicate-column": ("列名重复", "this column stands twice"),
    "ragged": ("应有 {expected} 格，实有 {found} 格", "must have {expected} cells and has {found}"),
    "control-character": ("有控制字符", "holds a control character"),
    "quoting": ("引号不成对或单元格过长，此后未读", "a quotation mark is not closed or a cell is too long; nothing after it was read"),
}


@dataclass(frozen=True, slots=True)
class Table:
    """encoding: "utf-8" or "gb18030". columns: the whole header. rows: (line where the row starts, cells by column name)."""

    encoding: str
    columns: tuple[str, ...]
    rows: tuple[tuple[int, Mapping[str, str]], ...]


def _fault(line: int, column: str, code: str, **facts: object) -> Fault:
    zh, en = _MESSAGES[code]
    return Fault(line, column, code, zh.format(**facts), en.format(**facts))


def _decode(data: bytes) -> tuple[str, str] | Fault:
    try:
        return data.decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        if data.startswith(b"\xef\xbb\xbf") or error.reason == "unexpected end of data":  # it is UTF-8, and damaged
            return _fault(line, "", "encoding")
    try:
        return data.decode("gb18030"), "gb18030"
    except UnicodeDecodeError as error:  # whichever reading came further is likelier to show where the damage is
        return _fault(max(line, error.object[: error.start].count(b"\n") + 1), "", "encoding")


def read_csv(data: bytes, columns: Sequence[str], max_bytes: int = MAX_BYTES, max_rows: int = MAX_ROWS) -> Table | list[Fault]:
    """The table that holds at least these columns, in any order, or every fault, by line.

    Fine: a byte order mark, CRLF, quoted cells (also with line breaks in them), blank lines, rows of empty cells, further columns.
    Faults: too-large, too-long, encoding, nul, empty, missing-column, duplicate-column, ragged, control-character, quoting. Reading ends
    at the fault where nothing after it can be trusted or the limit is reached; ragged rows and control characters are all collected.
    """
    if len(data) > max_bytes:
        return [_fault(1, "", "too-large", limit=max_bytes)]
    decoded = _decode(data)
    if isinstance(decoded, Fault):
        return [decoded]
    text, encoding = decoded
    if "\0" in text:
        return [_fault(line, "", "nul") for line, row in enumerate(io.StringIO(text, newline=""), 1) if "\0" in row]
    faults: list[Fault] = []
    header: tuple[str, ...] = ()
    rows: list[tuple[int, Mapping[str, str]]] = []
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for cells in reader:
            start, line = line, reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if not header:
                header = tuple(cell.strip() for cell in cells)
                faults = _header_faults(start, header, columns)
                if faults:
                    return faults
                continue
            if len(rows) == max_rows:
                faults.append(_fault(start, "", "too-long", limit=max_rows))
                break
            if len(cells) != len(header):
                faults.append(_fault(start, "", "ragged", expected=len(header), found=len(cells)))
            named = [name if name in columns else "" for name in header]  # a header of the sender's own is not said back
            faults += [_fault(start, name, "control-character") for name, cell in zip(named, cells, strict=False) if _has_control(cell)]
            rows.append((start, dict(zip(header, cells, strict=False))))
    except csv.Error:
        faults.append(_fault(line, "", "quoting"))
    if not header and not faults:
        return [_fault(1, "", "empty")]
    return faults or Table(encoding, header, tuple(rows))


def _header_faults(line: int, header: Sequence[str], columns: Sequence[str]) -> list[Fault]:
    missing = [_fault(line, name, "missing-column") for name in columns if name not in header]
    twice = [
        _fault(line, name if name in columns else "", "duplicate-column")
        for name in dict.fromkeys(header)
        if name and header.count(name) > 1
    ]
    return missing + twice


def _has_control(cell: str) -> bool:
    """Tabs and line breaks may stand in a quoted cell; whether they may in a name, the rules say."""
    return not cell.isprintable() and any(unicodedata.category(c) == "Cc" and c not in "\t\r\n" for c in cell)
