"""`JIAFANG_DATABASE_URL`: the same service on a PostgreSQL that somebody else runs."""

import asyncio
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import httpx
import pytest

from api.embedded import Urls
from prove.service import free_port
from tests.conftest import Databases
from tests.serving import serving, start


async def test_run_fills_an_empty_database(databases: Databases, tmp_path: Path) -> None:
    urls, port = await databases.new(), free_port()
    with serving(tmp_path, port, JIAFANG_DATABASE_URL=urls.app, JIAFANG_OWNER_DATABASE_URL=urls.owner):
        async with httpx.AsyncClient() as http:
            ready = (await http.get(f"http://127.0.0.1:{port}/health/ready")).json()
        assert ready == {"status": "ok", "checks": dict.fromkeys(("database", "role", "schema", "disk"), "ok")}
    assert not (tmp_path / "postgres").exists()


@pytest.mark.parametrize(("trusted", "network"), [("127.0.0.0/8", "203.0.113.0/24"), ("203.0.113.9", "127.0.0.0/24")])
async def test_a_proxy_that_is_trusted_says_where_a_request_is_from(
    databases: Databases, tmp_path: Path, trusted: str, network: str
) -> None:
    """By its network a caller is throttled. What somebody else puts into X-Forwarded-For counts for nothing."""
    urls, port = await databases.new(), free_port()
    with serving(tmp_path, port, JIAFANG_DATABASE_URL=urls.app, JIAFANG_TRUSTED_PROXIES=trusted):
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
            form = {"grant_type": "password", "username": "nobody", "password": "wrong"}
            assert (await http.post("/v1/auth/token", data=form, headers={"X-Forwarded-For": "203.0.113.77"})).status_code == 400
        connection = await asyncpg.connect(urls.owner)
        subjects = {row["subject"] for row in await connection.fetch("SELECT subject FROM sign_in_attempts")}
        await connection.close()
    assert subjects == {sha256(f"{kind}:{name}".encode()).digest() for kind, name in (("network", network), ("account", "nobody"))}


async def test_a_message_with_two_ends_is_refused(databases: Databases, tmp_path: Path) -> None:
    """A proxy and the service that disagree where a request ends would let one hide in another."""
    urls, port = await databases.new(), free_port()
    hidden = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
    odd = {
        b"Content-Length: 6\r\nTransfer-Encoding: chunked": b"0\r\n\r\n" + hidden,
        b"Content-Length: 3\r\nContent-Length: 4": b"abc" + hidden,
        b"Transfer-Encoding: xchunked": b"0\r\n\r\n" + hidden,
    }
    with serving(tmp_path, port, JIAFANG_DATABASE_URL=urls.app):
        for headers, body in odd.items():
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"POST /v1/auth/token HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n\r\n" + body)
            said = await asyncio.wait_for(reader.read(), 20)
            writer.close()
            assert said.startswith(b"HTTP/1.1 400 "), headers
            assert said.count(b"HTTP/1.1") == 1, headers


async def test_it_refuses_to_serve_as_the_owner_or_a_superuser(databases: Databases, tmp_path: Path) -> None:
    urls = await databases.new()
    for url in (urls.owner, urls.admin):
        process = start(tmp_path, free_port(), JIAFANG_DATABASE_URL=url)
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 1
        assert "jiafang_app" in said
        assert "Traceback" not in said


def test_without_the_owner_nothing_can_be_migrated_and_it_says_so(postgres: Urls, tmp_path: Path) -> None:

    environment = {**os.environ, "JIAFANG_VAR": str(tmp_path), "JIAFANG_DATABASE_URL": postgres.app}
    environment.pop("JIAFANG_OWNER_DATABASE_URL", None)
    said = subprocess.run([sys.executable, "-m", "api.cli", "migrate"], env=environment, capture_output=True, text=True, check=False)
    assert said.returncode == 1
    assert "JIAFANG_OWNER_DATABASE_URL" in said.stderr


async def test_the_owner_brings_an_empty_database_to_the_schema_as_the_readme_says(postgres: Urls, tmp_path: Path) -> None:
    name = f"empty_{uuid4().hex[:8]}"
    admin = await asyncpg.connect(postgres.admin)
    await admin.execute(f"CREATE DATABASE {name} OWNER jiafang_owner ENCODING 'UTF8' TEMPLATE template0")
    await admin.close()
    owner, app = (urlsplit(url)._replace(path=f"/{name}").geturl() for url in (postgres.owner, postgres.app))
    process = start(tmp_path, free_port(), JIAFANG_DATABASE_URL=app)
    said, _ = process.communicate(timeout=60)
    assert (process.returncode, "jiafang migrate" in said, "Traceback" in said) == (1, True, False)
    environment = {**os.environ, "JIAFANG_VAR": str(tmp_path), "JIAFANG_OWNER_DATABASE_URL": owner}
    await asyncio.to_thread(subprocess.run, [sys.executable, "-m", "api.cli", "migrate"], env=environment, check=True)
    assert not (tmp_path / "postgres").exists()
    connection = await asyncpg.connect(app)
    assert await connection.fetchval("SELECT count(*) FROM county") == 0
    await connection.close()
