"""The `jiafang` command."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TypeVar
from uuid import uuid4

import typer
import uvicorn
from asyncpg import PostgresError
from pydantic import ValidationError
from rich.console import Console
from rich.progress import Progress

from api import accounts, demo
from api.access import Access
from api.db.migrations import migrate as migrate_to_newest
from api.db.session import Database, Tx, UnfitRole
from api.embedded import CannotStart, Postgres
from api.jobs import demo_county, places
from api.language import both, pick
from api.problems import BUSY, Problem
from api.rules.caller import COUNTY_PLACE
from api.rules.division_file import Register
from api.schemas.user import NewUser
from api.settings import Settings
from api.sign_in import LOGIN, Passwords
from api.tokens import BadKeys, Keys

T = TypeVar("T")
app = typer.Typer(no_args_is_help=True, add_completion=False, help="家访 Jiafang: home-visit records for a county and its families.")
importing = typer.Typer(no_args_is_help=True, help="Read files into the database.")
users = typer.Typer(no_args_is_help=True, help="The first administrator, and forgotten passwords.")
keys = typer.Typer(no_args_is_help=True, help="The keys that tokens are signed with.")
app.add_typer(importing, name="import")
app.add_typer(users, name="users")
app.add_typer(keys, name="keys")
out, err = Console(soft_wrap=True), Console(stderr=True, soft_wrap=True)  # a sentence stays one line, for grep too


def main() -> None:
    """Every expected failure is one clear sentence and exit status 1."""
    try:
        app()
    except (CannotStart, UnfitRole, BadKeys) as problem:
        err.print(str(problem), style="red", highlight=False)
        sys.exit(1)
    except (OSError, PostgresError) as problem:
        err.print(f"数据库或文件无法使用：{problem} / The database or a file cannot be used: {problem}", style="red", highlight=False)
        sys.exit(1)
    except Problem as problem:
        title = both("数据库无法连接", "The database cannot be reached") if problem.kind is BUSY else problem.kind.title
        err.print(pick(title, "zh"), "/", pick(title, "en"), style="red", highlight=False)
        for error in problem.facts.get("errors", []):
            where = f"line {error['line']}, {error['column'] or 'row'}: " if "line" in error else ""
            err.print(f"  {where}{pick(error['detail'], 'zh')} / {pick(error['detail'], 'en')}", highlight=False)
        sys.exit(1)


@contextmanager
def database_urls(settings: Settings) -> Iterator[tuple[str, str | None]]:
    """The app's URL and, where it is known, the owner's: of a given PostgreSQL, or of the embedded one, started meanwhile."""
    if settings.database_url:
        yield settings.database_url, settings.owner_database_url
        return
    settings.var.mkdir(parents=True, exist_ok=True)
    with Postgres(settings.var / "postgres") as urls:
        yield urls.app, urls.owner


def in_database(work: Callable[[Access], Awaitable[T]]) -> T:
    """Runs `work` with a database at hand, as every command does that is not the server."""
    settings = Settings()

    async def run(url: str) -> T:
        database = Database(url, 2)
        try:
            return await work(Access(database, load_keys(settings), settings.today))
        finally:
            await database.close()

    with database_urls(settings) as (url, owner_url):
        if owner_url:
            migrate_to_newest(owner_url)
        return asyncio.run(run(url))


def load_keys(settings: Settings) -> Keys:
    settings.var.mkdir(parents=True, exist_ok=True)
    return Keys.load_or_create(settings.keys_file)


class Server(uvicorn.Server):
    """Says where it is once it can be reached there."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


def listen(settings: Settings) -> socket.socket:
    """The port is taken before anything else, so that a busy one is the first and only thing said."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(2048)
    except OSError as error:
        where = f"{settings.host}:{settings.port}"
        raise CannotStart(
            f"{where} 无法监听（{error.strerror}），请用 JIAFANG_PORT 另选端口。",
            f"Cannot listen on {where} ({error.strerror}): choose another port with JIAFANG_PORT.",
        ) from None
    return listener


def serve_until_stopped(url: str, listener: socket.socket, ready: Callable[[], None]) -> None:
    os.environ["JIAFANG_DATABASE_URL"] = url
    config = uvicorn.Config(
        "api.main:build", factory=True, log_level="warning", timeout_keep_alive=75, server_header=False, date_header=True
    )
    Server(config, ready).run(sockets=[listener])


async def _check(url: str) -> None:
    database = Database(url, 1)
    try:
        await database.check_role()
    finally:
        await database.close()


@app.command()
def run() -> None:
    """Set everything up and serve the demonstration county: what `make run` does."""
    settings = Settings()
    with listen(settings) as listener, database_urls(settings) as (url, owner_url):
        if owner_url:
            migrate_to_newest(owner_url)
        asyncio.run(_check(url))
        base_url = f"http://{settings.host}:{settings.port}"
        described = asyncio.run(_demonstration(settings, url, base_url))
        if described:
            _write(settings.var / "demo.json", json.dumps(described, ensure_ascii=False, indent=2))
        serve_until_stopped(url, listener, lambda: _announce(base_url, described))


@app.command()
def serve() -> None:
    """Serve a database that is set up already (in production)."""
    settings = Settings()
    with listen(settings) as listener, database_urls(settings) as (url, _):
        asyncio.run(_check(url))
        serve_until_stopped(url, listener, lambda: out.print(f"http://{settings.host}:{settings.port}/docs"))


async def _demonstration(settings: Settings, url: str, base_url: str) -> dict[str, object] | None:
    """Seeds the demonstration county into a database that has no other."""
    database = Database(url, 2)
    try:
        access = Access(database, load_keys(settings), settings.today)
        codes = [row["code"] for row in await database.fetch(places.COUNTIES)]
        if codes not in ([], [demo.COUNTY_CODE]):
            return None
        if not await demo_county.complete(access):
            with Progress(console=out, transient=True) as bar:
                task = bar.add_task("演示县 / demonstration county", total=None)
                await demo_county.seed(access, Passwords(), lambda done, of: bar.update(task, completed=done, total=of))
        return await demo_county.described(access, base_url)
    finally:
        await database.close()


def _announce(base_url: str, described: dict[str, object] | None) -> None:
    out.print(f"\n文档页 / docs page   [bold]{base_url}/docs[/]   ({base_url}/docs?lang=en)\n", highlight=False)
    if described:
        for user in described["users"]:  # type: ignore[attr-defined]
            where = "、".join(place["name"] for place in user["places"])
            out.print(f"  {user['role']:15} {user['username']:14} {user['password']}   {where}", highlight=False)
        out.print("\nvar/demo.json · Ctrl+C 停止 / stops\n", highlight=False)


def _write(path: Path, text: str) -> None:
    """The whole file or none of it."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(text, "utf-8")
    fresh.replace(path)


@app.command()
def migrate() -> None:
    """Bring the database to the newest schema (as its owner: JIAFANG_OWNER_DATABASE_URL)."""
    settings = Settings()
    with database_urls(settings) as (_, owner_url):
        if owner_url is None:
            raise CannotStart("请设置 JIAFANG_OWNER_DATABASE_URL。", "Set JIAFANG_OWNER_DATABASE_URL.")
        migrate_to_newest(owner_url)


@importing.command("places")
def import_places(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A register of divisions, or a table of changes (CSV)")],
) -> None:
    """Import divisions. A county that is not here yet is created from its register; changes go to every county here that they concern."""
    read = places.read_file(file.read_bytes(), None)
    with Progress(console=err) as bar:
        task = bar.add_task(file.name, total=None)

        async def work(access: Access) -> None:
            counties = await access.database.plain(lambda tx: _counties_of(tx, read))
            bar.update(task, total=len(counties))
            for county_id, code in counties:
                report = await _import_one(access, county_id, code, read)
                for warning in report.warnings:
                    err.print(f"  line {warning.line}, {warning.column}: {warning.zh} / {warning.en}", highlight=False)
                out.print(f"{code}: {report.created} created, {report.changed} changed, {report.left_out} rows left out", highlight=False)
                bar.advance(task)

        in_database(work)


async def _counties_of(tx: Tx, read: object) -> list[tuple[int, str]]:
    if isinstance(read, Register):
        return [(await places.county_named(tx, read.county) or await places.new_county(tx, read.county), read.county)]
    return [(row["county_id"], row["code"]) for row in await tx.fetch(places.COUNTIES)]


async def _import_one(access: Access, county_id: int, code: str, read: places.File) -> places.Report:
    rows = await access.database.fetch(places.TOWNSHIPS, county_id)
    desk = demo_county.desk_of(county_id, [row["township_id"] for row in rows])
    report = await access.write(desk, lambda tx: places.import_places(tx, desk, code, read, today=access.today(), now=access.now()))
    await access.write(desk, lambda tx: places.standard_catalogues(tx, desk, today=access.today(), now=access.now()))
    return report


@users.command("first-administrator")
def first_administrator(county: str, username: str, name: str) -> None:
    """Create an administrator of the county with this 12-digit code, and print the first password."""
    try:
        new = NewUser(username=username.casefold(), name=name, role="county", place_ids=[COUNTY_PLACE])
    except ValidationError:
        raise CannotStart(
            "用户名为 3 至 40 个小写字母、数字或 . _ -，姓名为 1 至 50 个字符。",
            "A user name is 3 to 40 of a–z, 0–9, . _ -, and a name is 1 to 50 characters.",
        ) from None
    password = accounts.first_password()

    async def work(access: Access) -> None:
        password_hash = await Passwords().hash(password)
        county_id = await access.database.plain(lambda tx: places.county_named(tx, county))
        if county_id is None:
            raise CannotStart("没有这个县，请先导入区划。", "No such county here: import its divisions first.")
        desk = demo_county.desk_of(county_id, [0])

        async def create(tx: Tx) -> None:
            await accounts.create(
                tx, desk, user_id=uuid4(), username=new.username, name=new.name, role=new.role, home=COUNTY_PLACE, place_ids=new.place_ids,
                password_hash=password_hash, temporary=True, now=access.now(),
            )  # fmt: skip

        await access.database.plain(create)

    in_database(work)
    out.print(f"{new.username}  {password}", highlight=False)


@users.command("reset-password")
def reset_password(username: str) -> None:
    """Give a user a new first password, print it, and sign out the user's devices."""
    username, password = username.casefold(), accounts.first_password()

    async def work(access: Access) -> None:
        found = await access.database.fetch(LOGIN, username)
        if not found:
            raise CannotStart("没有这个用户。", "No such user.")
        desk, user_id = demo_county.desk_of(found[0]["county_id"], []), found[0]["user_id"]
        password_hash = await Passwords().hash(password)
        await access.database.plain(lambda tx: accounts.reset_password(tx, desk, user_id, password_hash, access.now()))

    in_database(work)
    out.print(f"{username}  {password}", highlight=False)


@keys.command("rotate")
def rotate() -> None:
    """Add a signing key and list all, the newest last. Restart every server at once: others refuse its tokens until they read it."""
    _list(Keys.load(Settings().keys_file).add_signing_key())


@keys.command("remove")
def remove(kid: str) -> None:
    """Remove a signing key and list the others. Tokens that it signed are refused from the next start on."""
    _list(Keys.load(Settings().keys_file).remove_signing_key(kid))


def _list(left: Keys) -> None:
    for key in left.public_jwks()["keys"]:
        out.print(key["kid"], highlight=False)


if __name__ == "__main__":
    main()
