"""A CSV file is read as it leaves Excel or an editor, or refused with every fault at the line an editor shows."""

import pytest

from api.files.text_table import Table, read_csv

COLUMNS = ("code12", "name")
GOOD = "code12,name\n990100100201,柳湾村\n990100100202,北山村\n"


def table(data: bytes | str) -> Table:
    result = read_csv(data.encode() if isinstance(data, str) else data, COLUMNS)
    assert isinstance(result, Table), result
    return result


def faults(data: bytes | str, **limits: int) -> list[tuple[int, str, str]]:
    result = read_csv(data.encode() if isinstance(data, str) else data, COLUMNS, **limits)
    assert isinstance(result, list), result
    assert all(f.zh != f.en and "{" not in f.zh + f.en for f in result)
    return [(f.line, f.column, f.code) for f in result]


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (GOOD.encode(), "utf-8"),
        (b"\xef\xbb\xbf" + GOOD.encode(), "utf-8"),
        (GOOD.encode("gb18030"), "gb18030"),
        (GOOD.replace("\n", "\r\n").encode(), "utf-8"),
        (GOOD.replace("\n", "\r").encode(), "utf-8"),
        (GOOD.rstrip().encode(), "utf-8"),
        ((GOOD + "\n\n,\n  ,  \n").encode(), "utf-8"),
    ],
    ids=["utf-8", "byte order mark", "gb18030", "crlf", "cr", "no last line end", "blank lines at the end"],
)
def test_the_same_table_however_it_was_saved(data: bytes, encoding: str) -> None:
    result = table(data)
    assert result.encoding == encoding
    assert result.columns == COLUMNS
    assert result.rows == (
        (2, {"code12": "990100100201", "name": "柳湾村"}),
        (3, {"code12": "990100100202", "name": "北山村"}),
    )


def test_a_rare_character_survives_in_both_encodings() -> None:
    data = "code12,name\n1,𡐓村\n"
    assert table(data).rows == table(data.encode("gb18030")).rows == ((2, {"code12": "1", "name": "𡐓村"}),)


def test_quoted_cells_and_the_line_where_a_row_starts() -> None:
    rows = table('code12,name\n1,"柳,湾\n""村"""\n\n2,北山村\n').rows
    assert rows == ((2, {"code12": "1", "name": '柳,湾\n"村"'}), (5, {"code12": "2", "name": "北山村"}))


def test_columns_in_another_order_and_more_of_them() -> None:
    assert table(" name ,note,code12,\n柳湾村,x,1,\n").rows == ((2, {"name": "柳湾村", "note": "x", "code12": "1", "": ""}),)


def test_cells_are_not_trimmed() -> None:
    assert table("code12,name\n1, 柳湾村 \n").rows[0][1]["name"] == " 柳湾村 "


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", [(1, "", "empty")]),
        (b"\n \n,,\n", [(1, "", "empty")]),
        ("code12,name\n1,柳湾\n2,北山村".encode()[:-1], [(3, "", "encoding")]),
        (b"\xef\xbb\xbfcode12,name\n1,\xc1\xf8\n", [(2, "", "encoding")]),
        (b"code12,name\n1,ok\n2,\xff\n", [(3, "", "encoding")]),
        (GOOD.encode("utf-16"), [(1, "", "encoding")]),
        (b"code12,name\n1,a\0b\n2,c\n3,\0\n", [(2, "", "nul"), (4, "", "nul")]),
        (b"code,x\n1,2\n", [(1, "code12", "missing-column"), (1, "name", "missing-column")]),
        (b"\ncode12,name,name\n1,2,3\n", [(2, "name", "duplicate-column")]),
        (b"code12,name\n1\n1,2,3\n1,2\n", [(2, "", "ragged"), (3, "", "ragged")]),
        (
            b"code12,name\n1,a\x07\n2,b\n\x1b3,\xc2\x85\n",
            [(2, "name", "control-character"), (4, "code12", "control-character"), (4, "name", "control-character")],
        ),
        (b'code12,name\n1\n1,"a\nb\nc\n', [(2, "", "ragged"), (3, "", "quoting")]),
        (b'code12,name\n1,"a"b\n', [(2, "", "quoting")]),
        (b'code12,name\n1,"' + b"a" * 200_000 + b'"\n', [(2, "", "quoting")]),
    ],
)
def test_every_fault_is_told_with_its_line(data: bytes, expected: list[tuple[int, str, str]]) -> None:
    assert faults(data) == expected


def test_a_file_of_utf_16_without_a_mark_is_named_as_such() -> None:
    result = read_csv("code12,name\n".encode("utf-16-le"), COLUMNS)
    assert isinstance(result, list)
    assert [f.code for f in result] == ["nul", "nul"]
    assert "UTF-16" in result[0].en


def test_limits() -> None:
    assert faults(GOOD, max_bytes=10) == [(1, "", "too-large")]
    assert faults(GOOD, max_rows=1) == [(3, "", "too-long")]
    assert isinstance(read_csv(GOOD.encode(), COLUMNS, max_bytes=len(GOOD.encode()), max_rows=2), Table)


def test_messages_never_repeat_a_cell() -> None:
    result = read_csv("code12,name\n张三,李四,王五\n张三\x01,李四\n".encode(), COLUMNS)
    assert isinstance(result, list)
    assert len(result) == 2
    assert not any(name in f.zh + f.en for f in result for name in ("张三", "李四", "王五"))
