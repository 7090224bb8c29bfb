"""The service under proof: a PostgreSQL and server processes of our own under one folder, as in production: two programs that can be killed
one without the other. Every process is ended by its own id."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from api import demo
from api.access import Access
from api.db.migrations import migrate
from api.db.session import Database
from api.embedded import Postgres, Urls
from api.jobs import demo_county
from api.sign_in import Passwords
from api.tokens import Keys

TODAY = "2026-11-24"  # the demonstration's


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_ready(process: "subprocess.Popen[Any]", port: int, seconds: int = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        with suppress(httpx.HTTPError):
            if httpx.get(f"http://127.0.0.1:{port}/health/ready", timeout=5).status_code == 200:
                return
        time.sleep(0.05)
    said = process.stdout.read() if process.stdout and process.poll() is not None else ""
    raise RuntimeError(f"the server on {port} did not become ready. {said}")


def seed(urls: Urls, var: Path) -> None:
    """The demonstration county; `var` gets the keys that this was done with."""
    migrate(urls.owner)

    async def run() -> None:
        database = Database(urls.app, 2)
        await demo_county.seed(Access(database, Keys.load_or_create(var / "keys.json")), Passwords(), lambda done, of: None)
        await database.close()
        owner = await asyncpg.connect(urls.owner)
        await owner.execute("ANALYZE")  # as PostgreSQL does by itself within a minute
        await owner.close()

    asyncio.run(run())


class Service:
    """`folder` holds all of it. Its PostgreSQL is started from the main thread (api/embedded.py says why)."""

    def __init__(self, folder: Path, settings: Mapping[str, str] = {}, options: Mapping[str, str] = {}) -> None:
        self.folder, self.settings, self.options = folder, dict(settings), dict(options)
        self.servers: dict[int, subprocess.Popen[bytes]] = {}  # by port
        self._postgres = ExitStack()
        self.urls = Urls("", "", "")
        self.postgres_folder = folder / "postgres"
        folder.mkdir(parents=True, exist_ok=True)

    # PostgreSQL

    def start_postgres(self) -> None:
        self._server = Postgres(self.postgres_folder, options=self.options)
        self.urls = self._postgres.enter_context(self._server)

    def postgres_lives(self) -> bool:
        return self._server.alive()

    def stop_postgres(self) -> None:
        self._postgres.close()
        self._postgres = ExitStack()

    @property
    def postmaster(self) -> int:
        return int((self.postgres_folder / "data" / "postmaster.pid").read_text().splitlines()[0])

    def kill_postgres(self, how: signal.Signals) -> None:
        """SIGKILL as a power cut, SIGQUIT as an immediate shutdown, SIGINT as a fast one."""
        os.kill(self.postmaster, how)
        self.stop_postgres()

    def sql(self, text: str, *args: Any) -> list[Any]:
        """As the owner of the tables, behind the service's back."""

        async def run() -> list[Any]:
            connection = await asyncpg.connect(self.urls.owner)
            try:
                return list(await connection.fetch(text, *args))
            finally:
                await connection.close()

        return asyncio.run(run())

    # Servers

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    def start_server(self, port: int = 0, **settings: str) -> int:
        """Starts one, and waits until it is ready. Returns its port."""
        port = port or free_port()
        self.begin_server(port, **settings)
        self.wait(port)
        return port

    def begin_server(self, port: int, **settings: str) -> subprocess.Popen[bytes]:
        given = {"DATABASE_URL": self.urls.app, "VAR": str(self.folder), "PORT": str(port), "TODAY": TODAY, **self.settings, **settings}
        environment = os.environ | {f"JIAFANG_{name}": value for name, value in given.items()}
        with self.log.open("ab") as log:
            self.servers[port] = subprocess.Popen(
                [sys.executable, "-m", "api.cli", "serve"], env=environment, stdout=subprocess.DEVNULL, stderr=log
            )
        return self.servers[port]

    def wait(self, port: int, seconds: int = 60) -> None:
        wait_until_ready(self.servers[port], port, seconds)

    def kill_server(self, port: int) -> None:
        self.servers[port].kill()
        self.servers.pop(port).wait(30)

    def stop_server(self, port: int) -> None:
        self.servers[port].terminate()
        self.servers.pop(port).wait(30)

    def errors(self) -> list[str]:
        """What the servers have logged as an error: each is one that nobody expected."""
        found = []
        for line in self.log.read_text("utf-8", "replace").splitlines() if self.log.exists() else ():
            with suppress(ValueError):
                said = json.loads(line)
                if "error" in said:
                    found.append(f"{said['message']} {said['error']} {' '.join(said['where'][-1:])}")
        return found

    def close(self) -> None:
        for port in list(self.servers):
            self.kill_server(port)
        self.stop_postgres()


@contextmanager
def serving(folder: Path, settings: Mapping[str, str] = {}, options: Mapping[str, str] = {}) -> Iterator[Service]:
    """A seeded one, without a server yet."""
    service = Service(folder, settings, options)
    try:
        service.start_postgres()
        seed(service.urls, folder)
        yield service
    finally:
        service.close()


def token(base: str, username: str) -> str:
    form = {"grant_type": "password", "username": username, "password": demo.PASSWORD}
    return str(httpx.post(f"{base}/v1/auth/token", data=form, timeout=30).raise_for_status().json()["access_token"])
