"""The `jiafang` command: administrators, keys and imports. Every expected failure is one clear sentence and exit status 1."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from api import cli
from api.access import Access
from api.db.session import Database
from api.embedded import Urls
from api.sealed import Seals
from api.sign_in import Passwords, by_password
from api.tokens import Keys
from tests.conftest import Databases

DIVISIONS = Path(__file__).parents[3] / "shared" / "data" / "divisions"
ZHANHUA, KAZUO, CHANGES = (
    DIVISIONS / name for name in ("371603_zhanhua_2023.csv", "211324_kazuo_2023.csv", "changes_2016_2023.csv")
)  # fmt: skip
WITH_THE_REGISTERS = pytest.mark.skipif(
    not DIVISIONS.is_dir(), reason="the real registers (../shared/data/divisions) are not beside this checkout"
)
SMALL = """code12,name,level,urban_rural_class,parent
990201000000,白水县,county,,
990201100000,白水镇,township,,990201000000
990201100201,上湾村,village,220,990201100000
"""


@dataclass
class Said:
    status: int
    out: str
    err: str


Jiafang = Callable[..., Said]


@pytest.fixture
def jiafang(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Jiafang:
    """`jiafang("users", "reset-password", "worker-1")`, in this process, with everything that is kept under tmp_path."""
    for name in ("JIAFANG_DATABASE_URL", "JIAFANG_OWNER_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JIAFANG_VAR", str(tmp_path / "var"))

    def run(*words: object) -> Said:
        monkeypatch.setattr("sys.argv", ["jiafang", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.main()
        return Said(int(end.value.code or 0), *capsys.readouterr())

    return run


@pytest.fixture
def urls(databases: Databases, jiafang: Jiafang, monkeypatch: pytest.MonkeyPatch) -> Urls:
    """A given database, empty, which the commands use from now on."""
    urls = asyncio.run(databases.new())
    monkeypatch.setenv("JIAFANG_DATABASE_URL", urls.app)
    monkeypatch.setenv("JIAFANG_OWNER_DATABASE_URL", urls.owner)
    return urls


@pytest.fixture
def small(urls: Urls, jiafang: Jiafang, tmp_path: Path) -> Urls:
    """The same with one county of one village in it."""
    (tmp_path / "small.csv").write_text(SMALL)
    assert jiafang("import", "places", tmp_path / "small.csv").status == 0
    return urls


def ask(urls: Urls, sql: str, *args: Any) -> list[Any]:
    async def fetch() -> list[Any]:
        connection = await asyncpg.connect(urls.owner)
        try:
            return [tuple(row) if len(row) > 1 else row[0] for row in await connection.fetch(sql, *args)]
        finally:
            await connection.close()

    return asyncio.run(fetch())


def password_of(said: Said, username: str) -> str:
    found = re.fullmatch(rf"{username}  ((?:[a-z2-9]{{4}}-){{3}}[a-z2-9]{{4}})\n", said.out)
    assert found, said
    assert (said.status, said.err) == (0, "")
    return found[1]


def signs_in(urls: Urls, tmp_path: Path, username: str, password: str) -> bool:
    async def sign_in() -> bool:
        database = Database(urls.app, 1)
        access = Access(database, Keys.load(tmp_path / "var" / "keys.json"))
        try:
            tokens = await by_password(
                access, Passwords(), username=username, password=password, device_id=None, device_name="", network=""
            )
        finally:
            await database.close()
        return tokens.password_temporary

    return asyncio.run(sign_in())


def sentence(said: Said, words: str) -> None:
    """One line in two languages, exit status 1, and nothing else."""
    assert (said.status, said.out) == (1, "")
    assert said.err.count("\n") == 1, said.err
    assert " / " in said.err
    assert words in said.err


# Registers


def test_a_register_is_checked_and_imported_when_it_is_confirmed(jiafang: Jiafang, small: Urls, tmp_path: Path) -> None:
    file = tmp_path / "户册.csv"
    file.write_text("村,户号,联系电话\n上湾村,01,13800138000\n上湾村,02,\n", "gb18030")
    looked = jiafang("import-register", "households", file, "--county", "990201000000")
    assert (looked.status, looked.err) == (0, "")
    assert re.fullmatch(r"[0-9a-f-]{36} ready: 2 rows, 0 problems, 0 created, 0 unchanged, 0 refused\n", looked.out)
    assert ask(small, "SELECT count(*) FROM household") == [0]
    done = jiafang("import-register", "households", file, "--county", "990201000000", "--confirm")
    assert (done.status, done.out.partition(" ")[2]) == (0, "done: 2 rows, 0 problems, 2 created, 0 unchanged, 0 refused\n")
    assert ask(small, "SELECT number, created_by FROM household ORDER BY number") == [("01", None), ("02", None)]


def test_a_register_with_a_problem_names_it_and_imports_nothing(jiafang: Jiafang, small: Urls, tmp_path: Path) -> None:
    file = tmp_path / "户册.csv"
    file.write_text("村,户号,联系电话\n上湾村,01,12345\n下湾村,,\n")
    said = jiafang("import-register", "households", file, "--county", "990201000000", "--confirm")
    assert (said.status, "faulty: 2 rows, 3 problems" in said.out) == (1, True)
    assert [line.split(": ")[0] for line in said.err.splitlines()] == ["  C2 联系电话", "  A3 村", "  B3 户号"]
    assert "12345" not in said.err
    assert ask(small, "SELECT count(*) FROM household") == [0]


def test_a_register_needs_its_county(jiafang: Jiafang, small: Urls, tmp_path: Path) -> None:
    (tmp_path / "户册.csv").write_text("村,户号\n")
    sentence(jiafang("import-register", "households", tmp_path / "户册.csv", "--county", "990301000000"), "没有这个县")


# Users


def test_the_first_administrator_signs_in(small: Urls, jiafang: Jiafang, tmp_path: Path) -> None:
    said = jiafang("users", "first-administrator", "990201000000", "Boss", " 王芳 ")
    password = password_of(said, "boss")
    assert signs_in(small, tmp_path, "boss", password) is True
    assert ask(small, "SELECT username, name, role, place_id FROM app_user") == [("boss", "王芳", "county", 1)]
    assert ask(small, "SELECT place_id, reach, granted_by FROM membership") == [(1, "below", None)]
    assert ask(small, "SELECT act FROM account_event ORDER BY event_id") == ["created", "places given"]
    sentence(jiafang("users", "first-administrator", "990201000000", "boss", "王芳"), "The user name is taken")
    password_of(jiafang("users", "first-administrator", "990201000000", "deputy", "李明"), "deputy")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("990299000000", "boss", "王芳"), "No such county here"),
        (("nonsense", "boss", "王芳"), "No such county here"),
        (("990201000000", "b", "王芳"), "A user name is 3 to 40"),
        (("990201000000", "the boss", "王芳"), "A user name is 3 to 40"),
        (("990201000000", "boss", " "), "a name is 1 to 50"),
    ],
)
def test_no_administrator_is_made(small: Urls, jiafang: Jiafang, words: tuple[str, ...], says: str) -> None:
    sentence(jiafang("users", "first-administrator", *words), says)
    assert ask(small, "SELECT username FROM app_user") == []


def test_a_forgotten_password(small: Urls, jiafang: Jiafang, tmp_path: Path) -> None:
    first = password_of(jiafang("users", "first-administrator", "990201000000", "boss", "王芳"), "boss")
    signs_in(small, tmp_path, "boss", first)
    second = password_of(jiafang("users", "reset-password", "BOSS"), "boss")
    assert second != first
    assert ask(small, "SELECT state FROM device") == ["signed_out"]
    assert signs_in(small, tmp_path, "boss", second) is True
    third = password_of(jiafang("users", "reset-password", "boss"), "boss")
    assert third != second
    assert ask(small, "SELECT count(*) FROM account_event WHERE act = 'password reset' AND by_user_id IS NULL") == [2]
    assert not any(word in row for word in (first, second, third) for row in ask(small, "SELECT e::text FROM account_event e"))
    sentence(jiafang("users", "reset-password", "nobody"), "No such user")
    ask(small, "UPDATE app_user SET closed_at = now()")
    sentence(jiafang("users", "reset-password", "boss"), "This account is closed")


@pytest.mark.parametrize("owner", [False, True])
def test_a_database_that_is_not_there(jiafang: Jiafang, monkeypatch: pytest.MonkeyPatch, owner: bool) -> None:
    for name in ("JIAFANG_DATABASE_URL", "JIAFANG_OWNER_DATABASE_URL")[: 1 + owner]:
        monkeypatch.setenv(name, "postgresql://nobody:word-77@127.0.0.1:1/nothing")
    said = jiafang("users", "reset-password", "boss")
    sentence(said, "cannot be")
    assert "word-77" not in said.err


def test_the_embedded_database(jiafang: Jiafang, tmp_path: Path) -> None:
    """The same without a given one: it is started, migrated and stopped by each command."""
    (tmp_path / "small.csv").write_text(SMALL)
    assert jiafang("import", "places", tmp_path / "small.csv").out == "990201000000: 3 created, 0 changed, 0 rows left out\n"
    password_of(jiafang("users", "first-administrator", "990201000000", "boss", "王芳"), "boss")


# Keys


def test_keys_are_added_and_removed(jiafang: Jiafang, tmp_path: Path) -> None:
    path = tmp_path / "var" / "keys.json"
    sentence_of_keys(jiafang("keys", "rotate"), "cannot be used")
    assert not path.exists()
    path.parent.mkdir()
    [old] = [key["kid"] for key in Keys.create(path).public_jwks()["keys"]]
    secret = Keys.load(path).mac("refresh", b"x")
    said = jiafang("keys", "rotate")
    assert (said.status, said.err) == (0, "")
    first, new = said.out.split()
    assert (first, Keys.load(path).signing[0]) == (old, new)
    sentence_of_keys(jiafang("keys", "remove", "nonsense"), "there is no signing key nonsense")
    assert jiafang("keys", "remove", old).out.split() == [new]
    sentence_of_keys(jiafang("keys", "remove", old), f"there is no signing key {old}")
    sentence_of_keys(jiafang("keys", "remove", new), "there is no signing key")  # the last one stays
    assert [key["kid"] for key in Keys.load(path).public_jwks()["keys"]] == [new]
    assert Keys.load(path).mac("refresh", b"x") == secret  # refresh tokens stay good


def test_a_sealing_key_is_added_and_none_is_removed(jiafang: Jiafang, tmp_path: Path) -> None:
    path = tmp_path / "var" / "seals.json"
    sentence_of_keys(jiafang("seals", "rotate"), "cannot be used")
    assert not path.exists()
    [old] = jiafang("seals", "create").out.split()
    assert jiafang("seals", "create").out.split() == [old]  # what is there stays
    first, new = jiafang("seals", "rotate").out.split()
    assert (first, [old, new]) == (old, Seals.load(path).ids)


def sentence_of_keys(said: Said, words: str) -> None:
    assert (said.status, said.out, said.err.count("\n")) == (1, "", 1), said
    assert words in said.err


# Imports


@WITH_THE_REGISTERS
def test_the_real_registers(urls: Urls, jiafang: Jiafang) -> None:
    levels = (
        "SELECT p.level, count(*) FROM place p JOIN county c USING (county_id) WHERE c.code = $1 AND valid_to IS NULL GROUP BY 1 ORDER BY 1"
    )
    for file, code, townships, villages in ((ZHANHUA, "371603000000", 12, 454), (KAZUO, "211324000000", 22, 204)):
        said = jiafang("import", "places", file)
        assert (said.status, said.out) == (0, f"{code}: {1 + townships + villages} created, 0 changed, 2 rows left out\n"), said
        assert ask(urls, levels, code) == [("county", 1), ("township", townships), ("village", villages)]
        ticks = ask(urls, "SELECT tick FROM clock ORDER BY county_id")
        assert jiafang("import", "places", file).out == f"{code}: 0 created, 0 changed, 2 rows left out\n"
        assert ask(urls, "SELECT tick FROM clock ORDER BY county_id") == ticks
    zhanhua, kazuo = jiafang("import", "places", CHANGES).out.splitlines()
    assert zhanhua.startswith("371603000000: ")
    assert kazuo.startswith("211324000000: ")
    assert " 0 changed" not in zhanhua + kazuo
    assert ask(urls, "SELECT valid_to::text FROM place WHERE code = '211324003200'") == ["2020-12-31"]
    assert ask(urls, levels, "371603000000") == [("county", 1), ("township", 12), ("village", 454)]
    again = jiafang("import", "places", CHANGES).out
    assert again.count(" 0 created, 0 changed") == 2


def test_a_bad_file_lists_every_fault_and_imports_nothing(urls: Urls, jiafang: Jiafang, tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text(
        SMALL
        + "99020110020,下湾村,village,220,990201100000\n990201100203,,village,220,990201100000\n990201100201,又一村,village,,990201100000\n"
    )
    said = jiafang("import", "places", bad)
    assert (said.status, said.out) == (1, "")
    for line, column in ((5, "code12"), (6, "name"), (7, "code12")):
        assert f"  line {line}, {column}: " in said.err
    assert ask(urls, "SELECT count(*) FROM county") == ask(urls, "SELECT count(*) FROM place") == [0]
    bad.write_bytes(b"\xff\xfe\x00")
    assert jiafang("import", "places", bad).status == 1
    bad.write_text("nonsense\n1\n")
    assert "code12" in jiafang("import", "places", bad).err
    assert jiafang("import", "places", tmp_path / "absent.csv").status == 2


def test_changes_that_are_wrong_for_one_county_are_imported_for_none(small: Urls, jiafang: Jiafang, tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text(SMALL.replace("990201", "990301"))
    assert jiafang("import", "places", tmp_path / "other.csv").status == 0
    rows = (
        "village,990201100201,上湾村,990201100201,上湾社区,2025..2026,renamed,",
        "county,990301000000,白水县,990302000000,白水区,2025..2026,county_to_district,",  # its own code would have to be changed first
    )
    header = "level,old_code12,old_name,new_code12,new_name,between_snapshots,kind,evidence"
    (tmp_path / "changes.csv").write_text("\n".join((header, *rows)) + "\n")
    said = jiafang("import", "places", tmp_path / "changes.csv")
    assert (said.status, said.out) == (1, "")
    assert "line 3" in said.err
    assert ask(small, "SELECT name FROM place WHERE code = '990201100201'") == ["上湾村"]


def test_what_the_help_says(jiafang: Jiafang) -> None:
    for words in (("--help",), ("users", "--help"), ("keys", "--help"), ("import", "places", "--help")):
        assert jiafang(*words).status == 0
