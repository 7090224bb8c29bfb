"""A migration under a running service: the version that still serves while the schema goes on to the next."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.conftest import Databases
from tests.county import County, a_county, push
from tests.pushing import SEEN, a_house, op, short, stored


@pytest.fixture
async def county(databases: Databases, tmp_path: Any) -> AsyncIterator[County]:
    async with a_county(databases, tmp_path) as made:
        yield made


async def test_a_column_that_comes_breaks_no_write(county: County) -> None:
    """PostgreSQL refuses a statement that was prepared before, where its columns are others now; no op is to blame for that."""
    phone = await county.sign_in("worker-1")
    house = await a_house(phone)
    for table in ("household", "visit"):
        visit = op("visit", doc={"household_id": house, **SEEN})
        await push(phone, visit, op("visit", visit["id"], {"manner": "phone"}, 1))
        await county.owner.execute(f"ALTER TABLE {table} ADD COLUMN next_version text")
        [edited] = await push(phone, op("visit", visit["id"], {"notes": "好"}, 2))
        assert short(edited) == ("applied", 3), table
        await county.owner.execute(f"ALTER TABLE {table} DROP COLUMN next_version")
        body = {"household_id": house, **SEEN, "notes": "也好"}
        assert (await phone.post("/v1/visits?confirm=true", json=body)).status_code == 201
        assert (await stored(phone, "visit", visit["id"]))["notes"] == "好"
