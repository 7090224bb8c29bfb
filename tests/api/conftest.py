from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from api.embedded import Urls
from api.sign_in import Passwords
from tests.checkups import Round, a_round
from tests.conftest import QUICK, Databases, Phone
from tests.county import County, a_county


@pytest.fixture(scope="module")
async def county(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[County]:
    """Of the file's own: places are taken away in it, clocks set, triggers made."""
    async with a_county(databases, tmp_path_factory.mktemp("county")) as made:
        yield made


@pytest.fixture
async def checkup(county: County) -> Round:
    return await a_round(county)


@pytest.fixture
async def phone(county: County) -> Phone:
    """A new phone of worker-1."""
    return await county.sign_in("worker-1")


@pytest.fixture
async def other(county: County) -> Phone:
    """A new phone of worker-2, who serves the same village."""
    return await county.sign_in("worker-2")


@pytest.fixture
async def database(urls: Urls) -> AsyncIterator[Any]:
    """The one that the tests share, as the owner of the tables."""
    connection = await asyncpg.connect(urls.owner)
    yield connection
    await connection.close()


@pytest.fixture
def quick(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.state._state, "passwords", Passwords(QUICK))
