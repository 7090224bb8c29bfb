"""Files as they come from a desk, and those that only look like one."""

import datetime
import io
import zipfile
from typing import Any

import pytest
import xlsxwriter  # type: ignore[import-untyped]  # it ships no types

from api.files import sheet
from api.files.sheet import Unreadable, lines, workbook


def book(cells: dict[tuple[int, int], Any], *names: str) -> bytes:
    """A workbook whose last sheet holds these cells."""
    written = io.BytesIO()
    with xlsxwriter.Workbook(written, {"default_date_format": "yyyy-mm-dd"}) as made:
        *_, last = [made.add_worksheet(name) for name in names or ("户",)]
        for (row, column), value in cells.items():
            last.write(row, column, value)
    return written.getvalue()


def refusal(data: bytes, most: int = 100) -> str:
    with pytest.raises(Unreadable) as problem:
        list(lines(data, "户", most))
    return str(problem.value.args[0])


def test_rows_and_columns_are_counted_as_excel_counts_them() -> None:
    read = dict(lines(book({(2, 1): "村", (4, 1): 7, (4, 2): datetime.date(2026, 1, 5)}), "户", 100))
    assert [n for n, row in read.items() if any(row)] == [3, 5]
    assert list(read[5]) == ["", 7.0, datetime.date(2026, 1, 5)]
    assert dict(lines("\n村\n\n".encode(), "户", 100)) == {1: [], 2: ["村"], 3: []}


def test_the_sheet_of_that_name_or_the_first() -> None:
    assert dict(lines(book({(0, 0): "它"}, "别的", "户"), "户", 100)) == {1: ["它"]}
    assert dict(lines(book({(0, 0): "它"}, "别的", "另一"), "户", 100)) == {}


def test_a_workbook_of_ours_is_text_whatever_it_looks_like() -> None:
    cells = ["=1+1", "https://example.org", "0103", "20260105"]
    assert [list(row) for _, row in lines(workbook({"户": [["a", "b", "c", "d"], cells]}, (9, 9, 9, 9)), "户", 100)][1] == cells


def test_zeros_without_end_are_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever size the archive claims."""
    monkeypatch.setattr(sheet, "MAX_UNPACKED", 1_000_000)
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/workbook.xml", "<workbook/>")
        packed.writestr("xl/worksheets/sheet1.xml", bytes(3_000_000))
    data = written.getvalue()
    assert refusal(data) == "too-big"
    small = (1000).to_bytes(4, "little")
    assert refusal(data.replace((3_000_000).to_bytes(4, "little"), small)) == "too-big"


def test_a_cell_in_a_far_corner_is_not_reached() -> None:
    assert refusal(book({(3, 16_000): 1})) == "too-big"
    assert refusal(book({(101, 0): 1})) == "too-many-rows"
    assert list(lines(book({(99, 0): 1}), "户", 100))[-1] == (100, [1.0])


@pytest.mark.parametrize("name", ["content.xml", "xl/workbook.bin"])
def test_other_sorts_of_workbook(name: str) -> None:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as packed:
        packed.writestr(name, "x")
    assert refusal(written.getvalue()) == "not-a-table"


def test_a_workbook_cut_short() -> None:
    data = book({(0, 0): "村"})
    assert refusal(data[: len(data) // 2]) == "not-a-table"
    broken = bytearray(data)
    broken[60:90] = bytes(30)
    assert refusal(bytes(broken)) == "not-a-table"
