"""The `jiafang` command."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar
from uuid import uuid4

import typer
import uvicorn
from alembic.util import CommandError
from asyncpg import PostgresError
from pydantic import ValidationError
from rich.console import Console
from rich.progress import Progress

from api import accounts, backup, demo, heads, imports, logs, places
from api.access import Access
from api.db.migrations import migrate as migrate_to_newest
from api.db.migrations import newest
from api.db.session import Database, Tx, UnfitRole, schema_version
from api.embedded import CannotStart, Postgres
from api.jobs import demo_county
from api.key_file import BadKeys
from api.language import both, pick
from api.problems import BUSY, Problem
from api.rules.caller import COUNTY_PLACE, command_line
from api.rules.division_file import Changes, Register
from api.schemas.imports import RegisterKind
from api.schemas.user import NewUser
from api.sealed import Seals
from api.settings import Settings
from api.sign_in import LOGIN, Passwords
from api.tokens import Keys

T = TypeVar("T")
app = typer.Typer(no_args_is_help=True, add_completion=False, help="家访 Jiafang: home-visit records for a county and its families.")
importing = typer.Typer(no_args_is_help=True, help="Read files into the database.")
users = typer.Typer(no_args_is_help=True, help="The first administrator, and forgotten passwords.")
keys = typer.Typer(no_args_is_help=True, help="The keys that tokens are signed with.")
seals = typer.Typer(no_args_is_help=True, help="The keys that identity numbers are sealed with.")
app.add_typer(importing, name="import")
app.add_typer(users, name="users")
app.add_typer(keys, name="keys")
app.add_typer(seals, name="seals")
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
NO_COUNTY = CannotStart("没有这个县，请先导入区划。", "No such county here: import its divisions first.")
COUNTED = {"rows": "rows", "problem_count": "problems", "created": "created", "unchanged": "unchanged", "refused": "refused"}
out, err = Console(soft_wrap=True), Console(stderr=True, soft_wrap=True)  # a sentence stays one line, for grep too


def main() -> None:
    """Every expected failure is one clear sentence and exit status 1."""
    try:
        app()
    except (CannotStart, UnfitRole, BadKeys) as problem:
        err.print(str(problem), style="red", highlight=False)
        sys.exit(1)
    except ValidationError as problem:
        for fault in problem.errors(include_input=False):
            name = f"JIAFANG_{fault['loc'][0]}".upper()
            err.print(f"{name} 的值不对：{fault['msg']} / {name} is wrong: {fault['msg']}", style="red", highlight=False)
        sys.exit(1)
    except CommandError as problem:
        err.print(f"数据库结构无法更新：{problem} / The schema cannot be brought up to date: {problem}", style="red", highlight=False)
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
def database_url(settings: Settings) -> Iterator[tuple[str, Callable[[], bool]]]:
    """Of a given PostgreSQL, or of the embedded one, started meanwhile and at the newest schema; and whether that is still alive."""
    if settings.database_url:
        yield settings.database_url, lambda: True
        return
    settings.var.mkdir(parents=True, exist_ok=True)
    postgres = Postgres(settings.var / "postgres")
    with postgres as urls:
        migrate_to_newest(urls.owner)
        yield urls.app, postgres.alive


@asynccontextmanager
async def connected(settings: Settings, url: str) -> AsyncIterator[Access]:
    """A database fit to serve: the right role, and the schema that this code needs."""
    database = Database(url, 2)
    try:
        await database.check_role()
        if await schema_version(database) != newest():
            raise CannotStart(
                "数据库结构不是这一版的：请以所有者运行 jiafang migrate（JIAFANG_OWNER_DATABASE_URL）。",
                "The database is at another schema: run jiafang migrate as its owner (JIAFANG_OWNER_DATABASE_URL).",
            )
        yield Access(database, Keys.load_or_create(settings.keys_file), settings.today)
    finally:
        await database.close()


def in_database(work: Callable[[Access], Awaitable[T]]) -> T:
    """Runs `work` with a database at hand, as every command does that is not the server."""
    settings = Settings()

    async def run(url: str) -> T:
        async with connected(settings, url) as access:
            return await work(access)

    with database_url(settings) as (url, _):
        return asyncio.run(run(url))


class Server(uvicorn.Server):
    """Says where it is once it can be reached there, and ends when its embedded PostgreSQL has died: the next start recovers."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None], alive: Callable[[], bool]) -> None:
        super().__init__(config)
        self._ready, self.alive = ready, alive

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()
            self._watching = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while self.alive():  # noqa: ASYNC110 - a process that dies sets no event
            await asyncio.sleep(1)
        self.should_exit = True


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


def serve_until_stopped(
    url: str, listener: socket.socket, ready: Callable[[], None], alive: Callable[[], bool], *, log_requests: bool
) -> None:
    os.environ["JIAFANG_DATABASE_URL"] = url
    config = uvicorn.Config(
        "api.main:build", factory=True, log_level="warning", log_config=logs.config(requests=log_requests), access_log=False,
        http=heads.Bounded, forwarded_allow_ips=Settings().trusted_proxies, timeout_keep_alive=75, server_header=False, date_header=True,
    )  # fmt: skip
    server = Server(config, ready, alive)
    server.run(sockets=[listener])
    if not server.alive():
        raise CannotStart(
            "内置数据库意外停止，请重新启动；已保存的没有丢失。", "The embedded PostgreSQL has died: start again, nothing stored is lost."
        )


@app.command()
def run() -> None:
    """Set everything up and serve the demonstration county: what `make run` does."""
    settings = Settings()
    with listen(settings) as listener:
        if settings.database_url and settings.owner_database_url:
            migrate_to_newest(settings.owner_database_url)
        with database_url(settings) as (url, alive):
            described = asyncio.run(_demonstration(settings, url))
            if described:
                _write(settings.var / "demo.json", json.dumps(described, ensure_ascii=False, indent=2))
            serve_until_stopped(url, listener, lambda: _announce(settings.address, described), alive, log_requests=False)


@app.command()
def serve() -> None:
    """Serve a database that is set up already (in production)."""
    settings = Settings()

    async def check(url: str) -> None:
        async with connected(settings, url) as access:
            await Seals.to_serve(settings.seals_file, access.database)

    with listen(settings) as listener, database_url(settings) as (url, alive):
        asyncio.run(check(url))
        serve_until_stopped(url, listener, lambda: out.print(f"{settings.address}/docs"), alive, log_requests=True)


async def _demonstration(settings: Settings, url: str) -> dict[str, Any] | None:
    """Seeds the demonstration county into a database that has no other, and says how to use it."""
    async with connected(settings, url) as access:
        await Seals.to_serve(settings.seals_file, access.database)
        codes = [row["code"] for row in await access.database.fetch(places.COUNTIES)]
        if codes not in ([], [demo.COUNTY_CODE]):
            return None
        if not await demo_county.complete(access):
            with Progress(console=out, transient=True) as bar:
                task = bar.add_task("演示县 / demonstration county", total=None)
                await demo_county.seed(access, Passwords(), lambda done, of: bar.update(task, completed=done, total=of))
        return await demo_county.described(access, settings.address)


def _announce(base_url: str, described: dict[str, Any] | None) -> None:
    out.print(f"\n文档页 / docs page   [bold]{base_url}/docs[/]   ({base_url}/docs?lang=en)\n", highlight=False)
    if described:
        for user in described["users"]:
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
    owner_url = Settings().owner_database_url
    if owner_url is None:
        raise CannotStart("请设置 JIAFANG_OWNER_DATABASE_URL。", "Set JIAFANG_OWNER_DATABASE_URL.")
    migrate_to_newest(owner_url)


@importing.command("places")
def import_places(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A register of divisions, or a table of changes (CSV)")],
) -> None:
    """Import divisions. A county that is not here yet is created from its register; changes go to every county here that they concern."""
    with Progress(console=err) as bar:
        task = bar.add_task("读取 / reading", total=None)
        read = places.read_file(file.read_bytes(), None)

        async def work(access: Access) -> None:
            bar.update(task, description="核对 / checking")
            wanted = []  # all of them before anything is written: of a file with a fault nothing is imported
            for county_id, code in await access.database.plain(lambda tx: _counties_of(tx, read)):
                former = [row["code"] for row in await access.database.fetch(places.FORMER, county_id)]
                wanted.append((county_id, code, places.meant_for(code, read, former)))
            bar.update(task, description="写入 / writing", total=sum(places.size(told) for _, _, told in wanted))
            for county_id, code, told in wanted:
                report = await _import_one(access, county_id, code, told)
                for warning in report.warnings:
                    err.print(f"  line {warning.line}, {warning.column}: {warning.zh} / {warning.en}", highlight=False)
                out.print(f"{code}: {report.created} created, {report.changed} changed, {report.left_out} rows left out", highlight=False)
                bar.advance(task, places.size(told))

        in_database(work)


async def _counties_of(tx: Tx, read: places.File) -> list[tuple[int, str]]:
    if isinstance(read, Register):
        return [(await places.county_named(tx, read.county) or await places.new_county(tx, read.county), read.county)]
    return [(row["county_id"], row["code"]) for row in await tx.fetch(places.COUNTIES)]


async def _import_one(access: Access, county_id: int, code: str, told: Register | Changes) -> places.Report:
    today, now, desk = access.today(), access.now(), await places.at_server(access, county_id)
    report = await access.database.write(desk, lambda tx: places.import_places(tx, desk, code, told, today=today, now=now))
    await access.database.write(desk, lambda tx: places.standard_catalogues(tx, desk, today=today, now=now))
    return report


@app.command("import-register")
def import_register(
    kind: Annotated[RegisterKind, typer.Argument(help="What the file is a register of")],
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="XLSX, or CSV in UTF-8 or GB18030")],
    county: Annotated[str, typer.Option(help="The county's 12-digit code")],
    confirm: Annotated[bool, typer.Option("--confirm", help="Import it, if there is no problem in it")] = False,
) -> None:
    """Check a register of households, people or visits, and import it if --confirm is given. Exit status 1 if there is a problem in it."""
    with Progress(console=err, disable=not err.is_terminal) as bar:
        task = bar.add_task("读取 / reading", total=None)

        async def work(access: Access) -> dict[str, Any]:
            county_id = await access.database.plain(lambda tx: places.county_named(tx, county))
            if county_id is None:
                raise NO_COUNTY
            desk, import_id = await places.at_server(access, county_id), uuid4()
            said: dict[str, Any] = {"import_id": import_id, "kind": kind, "file_name": file.name, "data": file.read_bytes()}
            await access.database.write(desk, lambda tx: imports.take(tx, desk, **said, now=access.now()))
            row = await imports.until_settled(access, desk, import_id, lambda row: None)
            if confirm and row["state"] == "ready":
                await access.database.write(desk, lambda tx: imports.enter(tx, desk, import_id, "confirm", access.now()))
                shown = partial(bar.update, task, description="写入 / writing")
                row = await imports.until_settled(access, desk, import_id, lambda row: shown(total=row["rows"], completed=row["done"]))
            return row

        row = in_database(work)
    for each in [*json.loads(row["problems"]), *json.loads(row["notes"])]:
        where = " ".join(filter(None, (each["cell"] or (f"row {each['row']}" if each["row"] else ""), each["column"])))
        err.print(f"  {where}: {pick(each['detail'], 'zh')} / {pick(each['detail'], 'en')}", highlight=False)
    counted = ", ".join(f"{row[name]} {words}" for name, words in COUNTED.items())
    out.print(f"{row['id']} {row['state']}: {counted}", highlight=False)
    if row["problem_count"] or row["refused"]:
        raise typer.Exit(1)


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
            raise NO_COUNTY
        desk = command_line(county_id, [0])

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
        desk, user_id = command_line(found[0]["county_id"], []), found[0]["user_id"]
        password_hash = await Passwords().hash(password)
        await access.database.plain(lambda tx: accounts.reset_password(tx, desk, user_id, password_hash, access.now()))

    in_database(work)
    out.print(f"{username}  {password}", highlight=False)


@keys.command("rotate")
def rotate() -> None:
    """Add a signing key and list all, the newest last. Restart every server at once: others refuse its tokens until they read it."""
    _list(Keys.load(Settings().keys_file).add_signing_key().ids)


@keys.command("remove")
def remove(kid: str) -> None:
    """Remove a signing key and list the others. Tokens that it signed are refused from the next start on."""
    _list(Keys.load(Settings().keys_file).remove_signing_key(kid).ids)


@seals.command("create")
def create_seals() -> None:
    """Make new keys where the file of them is lost for good: what was sealed with those never opens again. One that is there stays."""
    _list(Seals.load_or_create(Settings().seals_file).ids)


@seals.command("rotate")
def rotate_seals() -> None:
    """Add a sealing key and list all, the newest last; none is removed. Restart every server at once: others can't open what it seals."""
    _list(Seals.load(Settings().seals_file).add_key().ids)


def _list(ids: Iterable[str]) -> None:
    for each in ids:
        out.print(each, highlight=False)


if __name__ == "__main__":
    main()
