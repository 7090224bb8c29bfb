"""What stands in a register's columns is what the schema knows; the API tests say how rows are read."""

from typing import Any, get_args
from uuid import UUID

import pytest

from api.language import pick
from api.rules import register_file
from api.rules.refused import refused_word
from api.rules.register_file import COLUMNS, MESSAGES, SCHEMAS, columns, identity, letters, template
from api.schemas.base import Coded, mark_of, sent
from api.schemas.imports import RegisterKind

KINDS: tuple[RegisterKind, ...] = get_args(RegisterKind)
ABOVE = {"code", "village", "group", "number"}


def coded(kind: RegisterKind) -> dict[str, Any]:
    """Members with a closed set of values."""
    fields = dict(sent(SCHEMAS[kind]))
    return {name: values for name, field in fields.items() if not mark_of(field, Coded) and (values := get_args(field.annotation))}


@pytest.mark.parametrize("kind", KINDS)
def test_words_stand_for_every_value_and_for_no_other(kind: RegisterKind) -> None:
    for column in COLUMNS[kind]:
        if column.choices:
            assert set(column.choices.values()) == set(coded(kind)[column.member])
            assert set(column.also.values()) <= set(column.choices.values())
            assert not column.choices.keys() & column.also.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_every_column_is_a_member_or_says_where_the_row_belongs(kind: RegisterKind) -> None:
    members = dict(sent(SCHEMAS[kind]))
    assert {column.member for column in COLUMNS[kind]} <= members.keys() | ABOVE
    needed = {name for name, field in members.items() if field.is_required()} - {"household_id", "place_id"}
    assert needed <= {column.member for column in COLUMNS[kind] if column.required}
    headings = [column.heading for column in COLUMNS[kind]]
    assert len(set(headings)) == len(headings)


@pytest.mark.parametrize("kind", KINDS)
def test_the_template_explains_every_column_and_its_words(kind: RegisterKind) -> None:
    sheets = template(kind, {"养老服务": "elder_care"})
    (headings, example), explained = sheets[register_file.SHEET[kind]], sheets["说明"]
    assert [row[0] for row in explained[1:-1]] == headings
    for column, row, typed in zip(columns(kind, {"养老服务": "elder_care"}), explained[1:-1], example, strict=True):
        assert all(f"{word}（{code}）" in row[4] for word, code in column.choices.items())
        assert refused_word(typed) is None
        if column.choices:
            assert typed in column.choices


def test_what_is_said_is_said_in_both_languages() -> None:
    for words in MESSAGES.values():
        assert pick(words, "zh") != pick(words, "en")


def test_cells_are_named_as_excel_names_them() -> None:
    assert [letters(n) for n in (0, 25, 26, 51, 52, 701, 702)] == ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]


def test_ids_follow_from_what_a_row_names_and_from_nothing_else() -> None:
    above = UUID(int=1)
    one = identity("people", above, {"name": "王芳", "born_on": "1958-03-04", "sex": 2})
    assert identity("people", above, {"name": "王芳", "born_on": "1958-03-04", "phones": ["13800138000"]}) == one
    others = [{"name": "王芳"}, {"name": "王芳", "born_on": "1958-03-05"}, {"name": "王方", "born_on": "1958-03-04"}]
    assert len({one, *(identity("people", above, other) for other in others)}) == 4


def test_what_may_stand_in_a_column_is_put_together_once() -> None:
    """And not for each of 100,000 cells."""
    for column in columns("visits", {"养老服务": "elder_care"}):
        assert column.known is column.known
        assert column.known.keys() >= {"养老服务", "elder_care"} or not column.several
