"""What the parts of a kind have to hold for kinds that are still to come."""

from datetime import date
from typing import Any

import pytest

from api.db.documents import START
from api.db.store import Store
from api.db.tables.household import Household
from api.road import _each


@pytest.mark.parametrize(("value", "codes"), [("elder_care", {"elder_care"}), (["a", "b"], {"a", "b"}), (None, set()), ([], set())])
def test_a_code_is_one_and_not_its_letters(value: Any, codes: set[str]) -> None:
    assert _each(value) == codes


def test_an_empty_member_looks_double_as_well() -> None:
    """`address` may be empty, `number` not."""
    doubles = Store(Household, ("number", "address"), "place_id").doubles or ""
    assert "t.number = x.number AND t.address IS NOT DISTINCT FROM x.address" in doubles


def test_a_list_by_day_begins_before_any_day_or_after_all() -> None:
    assert (START["date", "asc"], START["date", "desc"]) == (date.min, date.max)
