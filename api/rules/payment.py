"""A payment is never refused because of money: the cash is on the table. What charge it is for, whether that is open, waived or unknown,
which receipt it carries: all of that is put right afterwards. Only a day to come is no payment yet."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from api.problems import DAY_TO_COME, Problem

NO_FISCAL_RECEIPT = {"fiscal_code": None, "fiscal_number": None, "fiscal_check_code": None}


def check(after: Mapping[str, Any], parent: Mapping[str, Any], today: date) -> Problem | None:
    return DAY_TO_COME.at("/paid_on", today=today.isoformat()) if after["paid_on"] > today + timedelta(days=1) else None
