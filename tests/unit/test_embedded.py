"""The embedded PostgreSQL: what it offers, and the one sentence where it cannot."""

import fcntl
import os
import shutil
import stat
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from api import embedded
from api.embedded import CannotStart, Postgres, Urls

QUICK = {"fsync": "off", "shared_buffers": "16MB"}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    # Not pytest's own folder: its path is closed to others, and under root the server is somebody else.
    outer = Path(tempfile.mkdtemp(dir="/tmp"))
    outer.chmod(0o755)
    yield outer / "postgres"
    shutil.rmtree(outer)


@pytest.fixture(scope="module")
def urls(folder: Path) -> Iterator[Urls]:
    with Postgres(folder, options=QUICK) as urls:
        yield urls


async def ask(url: str, question: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


async def test_each_role_comes_to_its_database(urls: Urls) -> None:
    for url, expected in ((urls.owner, "jiafang_owner jiafang"), (urls.app, "jiafang_app jiafang"), (urls.admin, "postgres postgres")):
        assert await ask(url, "SELECT current_user || ' ' || current_database()") == expected


async def test_sqlalchemy_takes_the_same_address(urls: Urls) -> None:
    engine = create_async_engine(urls.app.replace("postgresql://", "postgresql+asyncpg://"))
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT current_user"))).scalar() == "jiafang_app"
    await engine.dispose()


async def test_the_app_is_nobody_special(urls: Urls) -> None:
    roles = "SELECT bool_or(rolsuper OR rolbypassrls OR rolcreatedb OR rolcreaterole) FROM pg_roles WHERE rolname LIKE 'jiafang%'"
    assert await ask(urls.admin, roles) is False
    assert await ask(urls.admin, "SELECT datdba::regrole::text FROM pg_database WHERE datname = 'jiafang'") == "jiafang_owner"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await ask(urls.app, "CREATE TABLE public.mine (id int)")


async def test_passwords_are_asked_for(urls: Urls) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(urls.app, password="another")


async def test_settings_of_the_database(urls: Urls) -> None:
    for name, value in (
        ("server_encoding", "UTF8"),
        ("data_checksums", "on"),
        ("jit", "off"),
        ("synchronous_commit", "on"),
        ("TimeZone", "UTC"),
    ):
        assert await ask(urls.app, f"SHOW {name}") == value
    assert await ask(urls.app, "SHOW fsync") == "off"  # options win
    provider = "SELECT datlocprovider::text || datlocale FROM pg_database WHERE datname = 'jiafang'"
    assert await ask(urls.app, provider) == "bC.UTF-8"


async def test_trigrams_of_chinese_names(urls: Urls) -> None:
    await ask(urls.owner, "CREATE EXTENSION IF NOT EXISTS pg_trgm")
    assert await ask(urls.app, "SELECT show_trgm('张三') <> show_trgm('李四')") is True
    assert await ask(urls.app, "SELECT lower('ÄÖ')") == "äö"


def test_files_are_private(urls: Urls, folder: Path) -> None:
    for name, mode in (("passwords.json", 0o600), ("lock", 0o600), ("log", 0o600), ("data", 0o700), ("socket", 0o700)):
        assert stat.S_IMODE((folder / name).stat().st_mode) == mode, name


def test_a_second_start_names_the_first(urls: Urls, folder: Path) -> None:
    with pytest.raises(CannotStart, match=rf"already running here, process {os.getpid()}\."), Postgres(folder):
        pass


def test_only_from_the_main_thread(tmp_path: Path) -> None:
    seen: list[BaseException] = []

    def start() -> None:
        try:
            with Postgres(tmp_path):
                pass
        except RuntimeError as error:
            seen.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert "main thread" in str(seen[0])


def test_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(CannotStart, match="make run"), Postgres(tmp_path / "postgres"):
        pass


def test_data_without_passwords(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"passwords\.json is missing"):
        embedded._passwords(tmp_path / "passwords.json", may_create=False)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotStart, match="cannot start"), Postgres(tmp_path / "file" / "postgres"):
        pass


def test_a_wrong_setting_is_named_and_nothing_is_left_running(folder: Path) -> None:
    other = folder.with_name("other")
    with pytest.raises(CannotStart, match="no_such_setting"), Postgres(other, options=QUICK | {"no_such_setting": "1"}):
        pass
    assert embedded._servers(other / "data") == []
    with Postgres(other, options=QUICK):  # and the lock is free again
        pass


def test_the_reason_is_the_line_that_says_why() -> None:
    assert embedded._reason("LOG: starting\nFATAL:  no room\nLOG:  shut down\n") == "FATAL:  no room"
    assert embedded._reason("initdb: error: no\n") == "initdb: error: no"
    assert embedded._reason("one\ntwo\n") == "two"
    assert embedded._reason("") == "no message"


def test_who_is_second_hears_who_was_first_however_close_they_are(tmp_path: Path) -> None:
    """The first has the lock a moment before it has said who it is."""
    path = tmp_path / "lock"
    path.touch()
    with path.open("r+") as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        said = threading.Timer(0.1, path.write_text, ["4711"])
        said.start()
        with pytest.raises(CannotStart, match="process 4711"), ExitStack() as undo:
            embedded._lock(path, undo)
        said.join()
