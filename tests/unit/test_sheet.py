"""Files as they come from a desk, and those that only look like one."""

import datetime
import io
import zipfile
from typing import Any

import pytest
import xlsxwriter  # type: ignore[import-untyped]  # it ships no types

from api.files import sheet
from api.files.sheet import Unreadable, lines, workbook
from api.rules.cells import BROKEN


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


def typed(rows: str, shared: str = "", name: str = "xl/worksheets/sheet1.xml", before: str = "") -> bytes:
    """A workbook with these rows, letter by letter."""
    of = "http://schemas.openxmlformats.org/"
    kept, relation = f"{of}spreadsheetml/2006/main", f"{of}officeDocument/2006/relationships"

    def links(**targets: str) -> str:
        each = [f'<Relationship Id="{k}" Type="{relation}/{k}" Target="/{target}"/>' for k, target in targets.items()]
        return f'<Relationships xmlns="{of}package/2006/relationships">{"".join(each)}</Relationships>'

    sheets = '<sheets><sheet name="S" sheetId="1" r:id="worksheet"/></sheets>'
    parts = {
        "_rels/.rels": links(officeDocument="xl/workbook.xml"),
        "xl/workbook.xml": f'<workbook xmlns="{kept}" xmlns:r="{relation}">{sheets}</workbook>',
        "xl/_rels/workbook.xml.rels": links(worksheet=name, sharedStrings="xl/sharedStrings.xml"),
        name: f'{before}<worksheet xmlns:x="{kept}" xmlns="{kept}"><sheetData>{rows}</sheetData></worksheet>',
        "xl/sharedStrings.xml": f'<sst xmlns="{kept}">{shared}</sst>',
    }
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as packed:
        for part, text in parts.items():
            packed.writestr(part, text)
    return data.getvalue()


CONTENT = 't="inlineStr"><is><t>x</t></is></c>'


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        (f'<row><c r="xfd1048576" {CONTENT}</row>', "too-big"),
        (f'<row><c r = "A900000" {CONTENT}</row>', "too-many-rows"),
        (f'<row><c s="&gt;>" r="A900000" {CONTENT}</row>', "too-many-rows"),
        (f'<row r="900000"><c {CONTENT}</row>', "too-many-rows"),
        ("<row/>" * 100 + f"<row><c {CONTENT}</row>", "too-many-rows"),
        (f'<row r="1">{"<c/>" * 100}<c {CONTENT}</row>', "too-big"),
        (f'<x:row r="900000"><x:c {CONTENT.replace("/c", "/x:c")}</x:row>', "too-many-rows"),
        (f'<row><c r="ABCD1" {CONTENT}</row>', "not-a-table"),
        (f'<row r="x"><c {CONTENT}</row>', "not-a-table"),
        ("<row><c>", "not-a-table"),
    ],
)
def test_cells_are_found_however_they_are_written(rows: str, code: str) -> None:
    assert refusal(typed(rows)) == code
    assert refusal(typed(rows, name="xl/media/Data.PNG")) == code


def test_cells_without_a_name_and_without_content() -> None:
    rows = f'<row r="2"><c/><c {CONTENT}<c r="D2" {CONTENT}<c {CONTENT}</row><row><c {CONTENT}<c r="XFD9"/></row><row r="9000"/>'
    assert list(lines(typed(rows), "S", 100)) == [(1, [""] * 5), (2, ["", "x", "", "x", "x"]), (3, ["x", "", "", "", ""])]


def test_a_text_counts_in_each_cell_that_refers_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet, "MAX_UNPACKED", 1_000_000)
    shared = f"<si><t>短</t></si><si><r><t>{'长' * 20_000}</t></r><r><t>{'长' * 4_999}</t></r></si>"
    assert len(list(lines(typed('<row><c t="s"><v>1</v></c><c t="s"><v>0</v></c></row>' * 40, shared), "S", 100))) == 40
    assert refusal(typed('<row><c t="s"><v>1</v></c></row>' * 41, shared)) == "too-big"


def test_cells_that_show_an_error_or_have_no_result() -> None:
    """The library gives them as empty. A formula whose result is an empty text is empty."""
    rows = '<row r="2"><c r="B2" t="e"><v>#N/A</v></c><c><v>5</v></c><c><f>A1</f></c><c><f>A1</f><v/></c><c t="str"><f>A1</f><v></v></c>'
    rows += '<c><f>1+1</f><v>2</v></c></row><row r="5"><c r="C5"><f>A1</f></c></row>'
    read = dict(lines(typed(rows), "S", 100))
    assert read[2] == ["", BROKEN, 5.0, BROKEN, BROKEN, "", 2.0]
    assert read[5] == ["", "", BROKEN]
    assert dict(lines(typed('<row r="5"><c r="C5"><f>A1</f></c></row>'), "S", 100)) == {5: ["", "", BROKEN]}


def test_a_line_of_text_with_columns_without_end() -> None:
    assert list(lines(b"a" + b"," * 200, "S", 100)) == [(1, ["a", *[""] * 99])]
    assert refusal(b"a" + b",b" * 100) == "too-big"


def test_entities_are_not_looked_at() -> None:
    """A part with a DOCTYPE is none that Excel writes."""
    assert refusal(typed("<row><c><v>&e;</v></c></row>", before='<!DOCTYPE x [<!ENTITY e "1">]>')) == "not-a-table"


@pytest.mark.parametrize("name", ["content.xml", "xl/workbook.bin", "XL/workbook.xml"])
def test_what_two_readers_would_see_as_two_workbooks(name: str) -> None:
    data = io.BytesIO(typed(""))
    with zipfile.ZipFile(data, "a") as packed:
        packed.writestr(name, "x")
    assert refusal(data.getvalue()) == "not-a-table"


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
