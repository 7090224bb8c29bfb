"""Whose role is changed while a request is under way."""

from typing import Any, cast
from uuid import uuid4

import pytest

from api.access import STANDING, Access
from api.db.session import Database
from api.problems import BUSY, NOT_SIGNED_IN, Problem
from api.tokens import Claims, Keys


class Standing:
    """A database in which the caller is found in no role, and has these, one at each look."""

    def __init__(self, *roles: str) -> None:
        self.roles = list(roles)

    async def fetch(self, sql: str, *args: Any) -> list[dict[str, Any]]:
        return [{"closed": False, "state": "active", "role": self.roles.pop(0)}] if sql == STANDING else []


@pytest.mark.parametrize(
    ("roles", "problem"),
    [
        (("village",), NOT_SIGNED_IN),  # found in that role or not at all: the token is from before the device signed in anew
        (("township", "township"), NOT_SIGNED_IN),
        (("township", "village", "township"), BUSY),  # who asks again is found; nobody is signed out for it
    ],
)
async def test_nobody_is_signed_out_by_a_change_of_role(roles: tuple[str, ...], problem: Any) -> None:
    access = Access(cast(Database, Standing(*roles)), cast(Keys, None))
    claims = Claims(1, uuid4(), uuid4(), "village", 0, 1, "")
    with pytest.raises(Problem) as raised:
        await access._ask(claims, lambda role: "SELECT")
    assert raised.value.kind is problem
