"""A real PostgreSQL for every test process, the demonstration county in it, and clients that call the app without a socket."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import httpx
import pytest
from pwdlib.hashers.argon2 import Argon2Hasher

from api import demo
from api.access import Access
from api.db.migrations import migrate
from api.embedded import Postgres, Urls
from api.jobs import demo_county
from api.main import build
from api.sign_in import Passwords

TODAY = "2026-11-24"
QUICK = Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1)  # hashes that cost next to nothing


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Urls]:
    with Postgres(tmp_path_factory.mktemp("postgres"), options={"fsync": "off", "shared_buffers": "64MB"}) as urls:
        yield urls


@dataclass(frozen=True)
class Databases:
    """Copies of the migrated database, made in a moment: `await databases.new()` gives the URLs of an empty one of your own, and
    `await databases.seeded()` of one with the demonstration county in it."""

    urls: Urls
    var: Path

    async def seeded(self, var: Path) -> Urls:
        """Seeded once, by the same road as everything else; `var` gets the keys that this was done with. What a county of its own has for
        passwords is nobody's secret, so they cost little."""
        if not self._seeded:
            urls = await self.new()
            async with running(urls, self.var) as app:
                app.state.passwords = Passwords(QUICK)
                await demo_county.seed(app.state.access, app.state.passwords, lambda done, of: None)
            self._seeded.append(urlsplit(urls.owner).path.removeprefix("/"))
        shutil.copy(self.var / "keys.json", var)
        return await self.new(self._seeded[0])

    _seeded: list[str] = field(default_factory=list)

    async def new(self, template: str = "jiafang_empty") -> Urls:
        name = f"test_{uuid4().hex[:12]}"
        connection = await asyncpg.connect(self.urls.admin)
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} OWNER jiafang_owner")
        await connection.close()
        return Urls(*(urlsplit(url)._replace(path=f"/{name}").geturl() for url in (self.urls.owner, self.urls.app, self.urls.admin)))


@pytest.fixture(scope="session")
def databases(postgres: Urls, tmp_path_factory: pytest.TempPathFactory) -> Databases:
    migrate(postgres.owner)

    async def copy() -> None:
        connection = await asyncpg.connect(postgres.admin)
        await connection.execute("CREATE DATABASE jiafang_empty TEMPLATE jiafang OWNER jiafang_owner")
        await connection.close()

    asyncio.run(copy())
    return Databases(postgres, tmp_path_factory.mktemp("seeding"))


@pytest.fixture(scope="session")
def shared_var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("var")


@pytest.fixture(scope="session")
async def urls(databases: Databases, shared_var: Path) -> Urls:
    """The database that most tests share: the demonstration county."""
    return await databases.seeded(shared_var)


@asynccontextmanager
async def running(urls: Urls, var: Path, **settings: str) -> AsyncIterator[Any]:
    """The app on a database, started and stopped as the server does it."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"DATABASE_URL": urls.app, "VAR": str(var), "TODAY": TODAY, **settings}.items():
            patch.setenv(f"JIAFANG_{name}", value)
        app = build()
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture(scope="session")
async def app(urls: Urls, shared_var: Path) -> AsyncIterator[Any]:
    async with running(urls, shared_var) as app:
        yield app


@pytest.fixture(scope="session")
def access(app: Any) -> Access:
    """What the app has in its state."""
    found: Access = app.state.access
    return found


class Phone(httpx.AsyncClient):
    """A signed-in client. Its calls carry the token; `phone.tokens` is what signing in gave."""

    tokens: dict[str, Any]


SignIn = Callable[..., Awaitable[Phone]]


def client(app: Any, **options: Any) -> Phone:
    transport = httpx.ASGITransport(app=app, client=("127.0.0.1", 12345))
    return Phone(transport=transport, base_url="http://test", **options)


@pytest.fixture(scope="session")
async def anybody(app: Any) -> AsyncIterator[Phone]:
    """A client that is not signed in."""
    async with client(app) as http:
        yield http


@pytest.fixture(scope="session")
async def sign_in(app: Any) -> AsyncIterator[SignIn]:
    """`await sign_in("worker-1")`: the same phone for the same user, or a new one with `new=True`."""
    phones: dict[str, Phone] = {}
    opened: list[Phone] = []

    async def signed_in(username: str, *, new: bool = False, password: str = demo.PASSWORD) -> Phone:
        if username in phones and not new:
            return phones[username]
        phone = client(app)
        reply = await phone.post("/v1/auth/token", data={"grant_type": "password", "username": username, "password": password})
        assert reply.status_code == 200, reply.text
        phone.tokens = reply.json()
        phone.headers["Authorization"] = f"Bearer {phone.tokens['access_token']}"
        opened.append(phone)
        if not new:
            phones[username] = phone
        return phone

    yield signed_in
    for phone in opened:
        await phone.aclose()
