"""What the parts of a kind have to hold for kinds that are still to come."""

from datetime import date
from types import NoneType, SimpleNamespace
from typing import Any, get_args
from uuid import UUID

import pytest

from api.db.documents import START
from api.db.store import Store
from api.db.tables.household import Household
from api.decide import Op, each
from api.kinds import KINDS, Kind
from api.pushed import _recordable
from api.schemas.base import Seen, mark_of


@pytest.mark.parametrize(("value", "codes"), [("elder_care", {"elder_care"}), (["a", "b"], {"a", "b"}), (None, set()), ([], set())])
def test_a_code_is_one_and_not_its_letters(value: Any, codes: set[str]) -> None:
    assert each(value) == codes


@pytest.mark.parametrize(("reason", "kept"), [("elder_care", {"reason": "elder_care"}), ("pregnancy_check", {}), (None, {"reason": None})])
def test_a_single_code_that_is_not_recorded_is_left_out_of_what_a_phone_sent(reason: str | None, kept: dict[str, Any]) -> None:
    kind: Any = SimpleNamespace(name="errand", guarded=(), coded={"reason": "follow_up_reason"})
    sent = _recordable(Op(kind, UUID(int=1), {"reason": reason}), {"doc": {"reason": reason}}, mended=False)
    assert sent.op
    assert (sent.op.doc, sent.said["doc"], bool(sent.left_out)) == (kept, kept, not kept)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_what_a_lead_household_sees_of_its_own_only_may_be_null(kind: Kind) -> None:
    """It is null in records of others."""
    own = [field for field in kind.schema.model_fields.values() if (mark_of(field, Seen) or Seen()).group == "own"]
    assert all(NoneType in get_args(field.annotation) for field in own)


def test_an_empty_member_looks_double_as_well() -> None:
    """`address` may be empty, `number` not."""
    doubles = Store(Household, ("number", "address"), "place_id").doubles or ""
    assert "t.number = x.number AND t.address IS NOT DISTINCT FROM x.address" in doubles


def test_a_list_by_day_begins_before_any_day_or_after_all() -> None:
    assert (START["date", "asc"], START["date", "desc"]) == (date.min, date.max)
