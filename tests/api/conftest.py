from collections.abc import AsyncIterator

import asyncpg
import pytest

from api.jobs import demo_county
from tests.conftest import Databases, running
from tests.county import County


@pytest.fixture(scope="module")
async def county(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[County]:
    urls = await databases.new()
    async with running(urls, tmp_path_factory.mktemp("var")) as app:
        await demo_county.seed(app.state.access, app.state.passwords, lambda done, of: None)
        owner = await asyncpg.connect(urls.owner)
        yield County(app, owner)
        await owner.close()
