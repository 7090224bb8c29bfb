"""The embedded PostgreSQL when processes are killed, started twice, or run by users and in folders that make it hard."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from api import embedded
from api.embedded import CannotStart, Postgres

REPOSITORY = Path(__file__).parents[2]
SMALL = {"shared_buffers": "16MB"}  # fsync stays on: what is tested is that nothing gets lost
# Starts PostgreSQL in argv[1], prints the addresses as one line of JSON, and ends when its input does.
STARTER = """
import dataclasses, json, sys
from pathlib import Path
from api.embedded import CannotStart, Postgres
try:
    with Postgres(Path(sys.argv[1]), options={"shared_buffers": "16MB"}) as urls:
        print(json.dumps(dataclasses.asdict(urls)), flush=True)
        sys.stdin.read()
except CannotStart as error:
    print(json.dumps(str(error)), flush=True)
"""
root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start as other users")


@pytest.fixture
def outer() -> Iterator[Path]:
    # Not pytest's own folder: its path is closed to others, and under root the server is somebody else.
    outer = Path(tempfile.mkdtemp(dir="/tmp"))
    outer.chmod(0o755)
    yield outer
    shutil.rmtree(outer)


@pytest.fixture
def folder(outer: Path) -> Path:
    return outer / "postgres"


def starter(folder: Path, python: str = sys.executable, **how: Any) -> subprocess.Popen[str]:
    command = [python, "-B", "-c", STARTER, str(folder)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY, **how)


def starter_as(uid: int, folder: Path) -> subprocess.Popen[str]:
    """The same by another user, who may not reach this interpreter (pyenv under /root): then the system's of the same version."""

    def open_to_all(path: Path) -> bool:
        return all(part.stat().st_mode & 0o001 for part in (path.resolve(), *path.resolve().parents))

    candidates = (Path(sys.executable), Path(f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"))
    python = next((path for path in candidates if path.exists() and open_to_all(path)), None)
    if python is None or not open_to_all(embedded.programs() / "postgres") or not open_to_all(REPOSITORY):
        pytest.skip("this checkout or this Python is closed to other users")
    env = {"PATH": os.defpath, "PYTHONPATH": f"{REPOSITORY}:{Path(asyncpg.__file__).parents[1]}"}
    return starter(folder, str(python), user=uid, group=uid, extra_groups=[], env=env)


def said(process: subprocess.Popen[str]) -> Any:
    """The addresses, or the sentence why not."""
    assert process.stdout
    return json.loads(process.stdout.readline())


def finish(process: subprocess.Popen[str]) -> None:
    process.communicate(timeout=60)
    assert process.returncode == 0


async def write_until_it_breaks(url: str, known: list[int]) -> None:
    """Commits numbers one by one and notes those that PostgreSQL confirmed."""
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE IF NOT EXISTS written (n int)")
    begin = await connection.fetchval("SELECT coalesce(max(n), 0) FROM written")
    try:
        for n in range(begin + 1, begin + 1_000_000):
            await connection.execute("INSERT INTO written VALUES ($1)", n)
            known.append(n)
    except (*embedded._ASYNCPG, OSError):
        connection.terminate()


async def ask(url: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval("SELECT 1")
    finally:
        await connection.close()


async def written(url: str) -> set[int]:
    connection = await asyncpg.connect(url)
    try:
        return {row["n"] for row in await connection.fetch("SELECT n FROM written")}
    finally:
        await connection.close()


def head(folder: Path) -> int:
    return int((folder / "data" / "postmaster.pid").read_text().split("\n")[0])


@pytest.mark.parametrize("victim", ["starter", "postgres", "both"])
def test_kill_9_loses_nothing(folder: Path, victim: str) -> None:
    known: list[int] = []
    for _ in range(3):
        process = starter(folder)
        urls = said(process)

        async def write_and_kill(url: str, process: subprocess.Popen[str]) -> None:
            writer = asyncio.create_task(write_until_it_breaks(url, known))
            await asyncio.sleep(0.3)
            for target in {"starter": [process.pid], "postgres": [head(folder)], "both": [head(folder), process.pid]}[victim]:
                os.kill(target, signal.SIGKILL)
            await asyncio.wait_for(writer, 60)

        asyncio.run(write_and_kill(urls["owner"], process))
        process.communicate(timeout=60)
    with Postgres(folder, options=SMALL) as again:
        assert len(known) > 10
        assert set(known) <= asyncio.run(written(again.owner))


def wait_until_none_is_left(folder: Path) -> None:
    end = time.monotonic() + 30
    while embedded._servers(folder / "data") and time.monotonic() < end:
        time.sleep(0.05)
    assert embedded._servers(folder / "data") == []


def test_postgres_ends_after_its_killed_starter(folder: Path) -> None:
    process = starter(folder)
    said(process)
    assert len(embedded._servers(folder / "data")) > 3
    process.kill()
    process.communicate()
    wait_until_none_is_left(folder)


def test_the_next_start_ends_an_orphan_that_nobody_told(folder: Path) -> None:
    """A server that did not hear of its starter's death: here it is held still while that happens, and is told nothing more afterwards."""
    process = starter(folder)
    said(process)
    orphan = head(folder)
    os.kill(orphan, signal.SIGSTOP)
    process.kill()
    process.communicate()
    assert orphan in embedded._servers(folder / "data")
    os.kill(orphan, signal.SIGCONT)
    with Postgres(folder, options=SMALL):
        assert orphan not in embedded._servers(folder / "data")


def test_a_pid_file_with_somebody_elses_number(folder: Path) -> None:
    with Postgres(folder, options=SMALL):
        pid_file = (folder / "data" / "postmaster.pid").read_text()
    stale = folder / "data" / "postmaster.pid"
    stale.write_text(pid_file.replace(pid_file.split("\n")[0], str(os.getpid()), 1))
    owner = (folder / "data").stat()
    os.chown(stale, owner.st_uid, owner.st_gid)
    with Postgres(folder, options=SMALL):
        assert head(folder) != os.getpid()


@pytest.mark.parametrize("after", [0.05, 0.3, 0.5, 0.7, 0.9, 1.1])
def test_kill_9_during_the_first_start(folder: Path, after: float) -> None:
    process = starter(folder)
    time.sleep(after)
    process.kill()
    process.communicate()
    with Postgres(folder, options=SMALL) as urls:
        assert asyncio.run(ask(urls.app)) == 1
    assert list(folder.glob("new-*")) == []


def test_two_starts_at_once(folder: Path) -> None:
    pair = [starter(folder), starter(folder)]
    answers = [said(process) for process in pair]
    winner = next(process for process, answer in zip(pair, answers, strict=True) if isinstance(answer, dict))
    refusals = [answer for answer in answers if isinstance(answer, str)]
    assert len(refusals) == 1
    assert f"already running here, process {winner.pid}." in refusals[0]
    for process in pair:
        finish(process)


@pytest.mark.parametrize("name", ["long" * 25, "家访 a,b=c:d%20e"])
def test_a_path_that_no_socket_takes(outer: Path, name: str) -> None:
    for _ in range(2):
        with Postgres(outer / name / "postgres", options=SMALL) as urls:
            assert "@127.0.0.1:" in urls.app
            assert asyncio.run(ask(urls.app)) == 1


def test_a_taken_port_is_no_end(outer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free, calls = embedded._free_port, 0
    with Postgres(outer / ("long" * 25), options=SMALL) as first:
        taken = int(first.app.rsplit(":", 1)[1].split("/")[0])

        def first_the_taken_one() -> int:
            nonlocal calls
            calls += 1
            return taken if calls == 1 else free()

        monkeypatch.setattr(embedded, "_free_port", first_the_taken_one)
        with Postgres(outer / ("else" * 25), options=SMALL):
            assert calls == 2


@root
@pytest.mark.parametrize("uid", [65534, 12345])
def test_as_an_ordinary_user(outer: Path, uid: int) -> None:
    """65534 is nobody; 12345 has no line in /etc/passwd: it works where user namespaces are allowed, or it is said clearly."""
    answer: Any = None
    os.chown(outer, uid, uid)
    for _ in range(2):
        process = starter_as(uid, outer / "postgres")
        answer = said(process)
        finish(process)
        if uid == 12345 and isinstance(answer, str):
            assert "no line in /etc/passwd" in answer
        else:
            assert isinstance(answer, dict), answer
            assert (outer / "postgres" / "data").stat().st_uid == uid
    if isinstance(answer, dict):  # root takes it up as the same user, so that it stays that user's
        with Postgres(outer / "postgres", options=SMALL):
            assert (outer / "postgres" / "data" / "postmaster.pid").stat().st_uid == uid


@root
def test_as_root_under_a_closed_folder(outer: Path) -> None:
    """/root is such a folder. It works where user namespaces are allowed, or it is said clearly."""
    outer.chmod(0o700)
    for _ in range(2):
        process = starter(outer / "postgres")
        answer = said(process)
        if isinstance(answer, dict):
            process.kill()  # the death signal crosses the namespace
            process.communicate()
        else:
            assert "does not run as root" in answer
    wait_until_none_is_left(outer / "postgres")


@root
def test_without_user_namespaces(outer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outer.chmod(0o700)
    monkeypatch.setattr(embedded, "_CLONE_NEWUSER", -1)
    with pytest.raises(CannotStart, match=r"does not run as root.*move the project"), Postgres(outer / "postgres"):
        pass


@root
def test_data_of_another_user(outer: Path) -> None:
    (outer / "postgres" / "data").mkdir(parents=True)
    process = starter_as(65534, outer / "postgres")
    assert "belongs to another user (0)" in said(process)
    finish(process)
