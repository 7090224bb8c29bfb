"""Cash in the bank is in the bank: a deposit is never refused because of money."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from api.problems import DAY_TO_COME, Problem


def check(after: Mapping[str, Any], parent: Mapping[str, Any], today: date) -> Problem | None:
    late = after["deposited_on"] > today + timedelta(days=1)
    return DAY_TO_COME.at("/deposited_on", today=today.isoformat()) if late else None
