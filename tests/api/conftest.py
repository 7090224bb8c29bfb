from collections.abc import AsyncIterator

import pytest

from tests.conftest import Databases
from tests.county import County, a_county


@pytest.fixture(scope="module")
async def county(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[County]:
    """Of the file's own: places are taken away in it, clocks set, triggers made."""
    async with a_county(databases, tmp_path_factory.mktemp("county")) as made:
        yield made
