"""`jiafang backup` and `jiafang restore`: a county comes back from its backup, and phones bring what it lacks."""

import asyncio
import json
import random
import shutil
from collections import defaultdict
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from api import backup, cli, demo
from api.embedded import Urls
from examples.phone import Phone, Refused
from prove.service import free_port
from tests.conftest import Databases
from tests.contract.test_phone_example import Town, held
from tests.fault.test_run import signed_in
from tests.serving import serving

IDENTITY_NUMBER = "11010519491231002X"
PHONES = {"a phone": "worker-1", "the same worker's other one": "worker-1", "a colleague's": "worker-2", "the officer's": "township-1"}
DAY = {"visited_on": "2026-11-20", "outcome": "met"}


def jiafang(var: Path, urls: Urls | None, *words: object) -> tuple[int, str]:
    """Exit status and what it said; on the PostgreSQL under var/ where no other is given."""
    given = {"DATABASE_URL": urls.app, "OWNER_DATABASE_URL": urls.owner} if urls else {}
    said = StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said), redirect_stderr(said):
        for name, value in {"DATABASE_URL": "", "OWNER_DATABASE_URL": "", "VAR": str(var), **given}.items():
            patch.setenv(f"JIAFANG_{name}", value)
        patch.setattr("sys.argv", ["jiafang", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            cli.main()
    return int(end.value.code or 0), said.getvalue()


def a_town(urls: Urls, folder: Path) -> Town:
    (folder / "var").mkdir()
    town = Town(urls, folder / "var", free_port())
    town.start()
    return town


def asked(urls: Urls, sql: str) -> Any:
    """The first value, as the owner sees it."""

    async def ask() -> Any:
        connection = await asyncpg.connect(urls.owner)
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    return asyncio.run(ask())


def notes_of_visits(urls: Urls) -> dict[str, str]:
    return dict(json.loads(asked(urls, "SELECT json_object_agg(id, notes) FROM visit WHERE notes LIKE '备份后%'")))


@pytest.fixture
def urls(databases: Databases) -> Urls:
    return asyncio.run(databases.new())


def records(phone: Phone) -> set[tuple[str, str]]:
    return {(kind, record_id) for kind, record_id, _, _ in held(phone)}


def own(phone: Phone) -> dict[str, str]:
    """The notes of visits, as the phone shows them."""
    return {record_id: doc["notes"] for record_id, doc in phone.shown("visit").items() if (doc["notes"] or "").startswith("备份后")}


def sync(phone: Phone, user: str) -> None:
    """A sign-in that came after the backup is not known any more."""
    try:
        phone.sync()
    except Refused as refused:
        if refused.status != 401:
            raise
        phone.sign_in(user, demo.PASSWORD)
        phone.sync()


def test_phones_bring_back_what_came_after_the_backup(urls: Urls, tmp_path: Path) -> None:
    """A hundred pushes after the backup: new visits, edits of own and of others' records. Some phones have pulled since, some have not,
    and one had its last reply only."""
    town, chance = a_town(urls, tmp_path), random.Random(7)
    try:
        phones = {name: town.phone(user, name) for name, user in PHONES.items()}
        status, said = jiafang(town.var, urls, "backup", tmp_path / "county.backup")  # the service goes on meanwhile
        assert status == 0, said
        before = asked(urls, "SELECT tick FROM clock")
        for n in range(100):
            name = list(PHONES)[n % 4]
            phone, visits = phones[name], [*own(phones[name])]
            if visits and chance.random() < 0.3:
                phone.edit("visit", chance.choice(visits), notes=f"备份后改的{n}")
            else:
                household = chance.choice(sorted(phone.shown("household")))
                phone.create("visit", household_id=household, notes=f"备份后{n}", **DAY)
            phone.push()
            if chance.random() < 0.5 and name != "a colleague's":
                phone.pull()
        phones["a phone"].pull()
        given_out = asked(urls, "SELECT tick FROM clock")
        assert given_out > before + 50
        known = {key for phone in phones.values() for key in records(phone)}
        written = defaultdict[str, set[str]](set)  # what one or the other phone has of it
        for phone in phones.values():
            for visit, notes in own(phone).items():
                written[visit].add(notes)
        assert len(written) > 50
        town.stop()
        status, said = jiafang(town.var, urls, "restore", tmp_path / "county.backup", "--replace")
        assert status == 0, said
        assert asked(urls, "SELECT count(*) FROM visit WHERE notes LIKE '备份后%'") == 0
        assert asked(urls, "SELECT tick FROM clock") > given_out
        town.start()
        for _ in range(2):  # what one brings the others pull
            for name, user in PHONES.items():
                sync(phones[name], user)
        for name in PHONES:
            phone = phones[name]
            assert phone.unsent() == 0
            assert phone.agrees()
            assert [result for _, _, result in phone.to_show() if result["outcome"] == "rejected"] == []
        stored = notes_of_visits(urls)
        assert known <= {key for phone in phones.values() for key in records(phone)}
        assert stored.keys() == written.keys()
        assert all(stored[visit] in written[visit] for visit in written)
    finally:
        town.stop()


def test_what_was_acknowledged_and_pulled_by_nobody_is_sent_again(urls: Urls, tmp_path: Path) -> None:
    """Its cursor is from before the backup, and so as good as ever: that the visit does not come tells the phone."""
    town = a_town(urls, tmp_path)
    try:
        phone = town.phone("worker-2")
        assert jiafang(town.var, urls, "backup", tmp_path / "county.backup")[0] == 0
        household = min(phone.shown("household"))
        visit = phone.create("visit", household_id=household, notes="备份后", **DAY)
        phone.push()
        town.stop()
        assert jiafang(town.var, urls, "restore", tmp_path / "county.backup", "--replace")[0] == 0
        town.start()
        phone.sync()
        assert phone.shown("visit")[visit]["notes"] == "备份后"
        assert notes_of_visits(urls) == {visit: "备份后"}
        assert (phone.unsent(), phone.to_show(), phone.agrees()) == (0, [], True)
    finally:
        town.stop()


# Without phones


@pytest.fixture
def small(urls: Urls) -> Urls:
    """A database with one county, whose clock stands at 100."""
    asked(urls, "INSERT INTO county (county_id, code) VALUES (1, '990201000000')")
    asked(urls, "INSERT INTO clock (county_id, tick, floor_tick) VALUES (1, 100, 0)")
    return urls


@pytest.fixture
def kept(small: Urls, tmp_path: Path) -> Path:
    """Its backup. The clock has gone on since."""
    file = tmp_path / "county.backup"
    assert jiafang(tmp_path, small, "backup", file)[0] == 0
    asked(small, "UPDATE clock SET tick = 150")
    return file


def test_two_restores_of_one_backup_give_out_different_ticks(small: Urls, kept: Path, tmp_path: Path) -> None:
    """Also on two machines that know nothing of each other: a phone that was level in between is told."""
    ticks = []
    for _ in range(2):
        status, said = jiafang(tmp_path, small, "restore", kept, "--replace")
        assert status == 0, said
        ticks.append(asked(small, "SELECT tick FROM clock"))
        assert asked(small, "SELECT (restored_tick, new_tick)::text FROM tick_gap") == f"(100,{ticks[-1]})"
    assert 150 < ticks[0] < ticks[1]
    assert ticks[1] * 4096 < 2**53 / 4  # a cursor; there is room until 2088


def test_a_restored_database_is_backed_up_and_restored_like_any(small: Urls, kept: Path, tmp_path: Path) -> None:
    assert jiafang(tmp_path, small, "restore", kept, "--replace")[0] == 0
    assert jiafang(tmp_path, small, "backup", tmp_path / "second.backup")[0] == 0
    assert jiafang(tmp_path, small, "restore", tmp_path / "second.backup", "--replace")[0] == 0
    assert asked(small, "SELECT count(*) FROM tick_gap") == 2


def test_a_broken_file_changes_nothing(small: Urls, kept: Path, tmp_path: Path) -> None:
    whole = kept.read_bytes()
    kept.write_bytes(whole[: len(whole) * 4 // 5])
    status, said = jiafang(tmp_path, small, "restore", kept, "--replace")
    assert (status, "nothing has changed" in said) == (1, True), said
    assert asked(small, "SELECT tick FROM clock") == 150


def test_killed_half_way_changes_nothing(small: Urls, kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that psql has read by then is good SQL."""
    real, half = backup._program, tmp_path / "half"
    half.write_text(f"#!/bin/sh\n{real('pg_restore')} \"$@\" | sed '/^ALTER TABLE ONLY/q'\nkill -9 $$\n")
    half.chmod(0o755)
    monkeypatch.setattr(backup, "_version", lambda file: "0017")
    monkeypatch.setattr(backup, "_program", lambda name: str(half) if name == "pg_restore" else real(name))
    status, said = jiafang(tmp_path, small, "restore", kept, "--replace")
    assert (status, "nothing has changed" in said) == (1, True), said
    assert asked(small, "SELECT tick FROM clock") == 150


def test_a_clock_that_is_behind_changes_nothing(small: Urls, tmp_path: Path) -> None:
    """It would give out ticks a second time."""
    asked(small, "UPDATE clock SET tick = 1::bigint << 40")
    assert jiafang(tmp_path, small, "backup", tmp_path / "ahead.backup")[0] == 0
    status, said = jiafang(tmp_path, small, "restore", tmp_path / "ahead.backup", "--replace")
    assert (status, "the clock of this machine" in said) == (1, True), said
    assert asked(small, "SELECT count(*) FROM tick_gap") == 0


def test_a_backup_of_a_newer_version_is_refused(small: Urls, tmp_path: Path) -> None:
    asked(small, "UPDATE alembic_version SET version_num = '9999'")
    assert jiafang(tmp_path, small, "backup", tmp_path / "newer.backup")[0] == 0
    status, said = jiafang(tmp_path, small, "restore", tmp_path / "newer.backup", "--replace")
    assert (status, "9999" in said) == (1, True), said


def test_what_is_there_is_replaced_only_where_that_is_meant(small: Urls, kept: Path, tmp_path: Path) -> None:
    status, said = jiafang(tmp_path, small, "restore", kept)
    assert (status, "--replace" in said) == (1, True), said
    status, said = jiafang(tmp_path, small, "backup", kept)
    assert (status, "is there already" in said) == (1, True), said
    assert asked(small, "SELECT tick FROM clock") == 150


async def test_nothing_is_restored_under_a_running_service(databases: Databases, tmp_path: Path) -> None:
    urls = await databases.new()
    assert (await asyncio.to_thread(jiafang, tmp_path, urls, "backup", tmp_path / "b"))[0] == 0
    service = await asyncpg.connect(urls.app)
    status, said = await asyncio.to_thread(jiafang, tmp_path, urls, "restore", tmp_path / "b", "--replace")
    await service.close()
    assert (status, "stop the service first" in said) == (1, True), said


def test_what_is_no_backup_is_refused(small: Urls, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no backup")
    status, _ = jiafang(tmp_path, small, "restore", tmp_path / "text", "--replace")
    assert status == 1


def test_a_program_that_was_killed_is_named(small: Urls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By whoever was short of memory, say: it has no last words of its own."""
    (tmp_path / "killed").write_text("#!/bin/sh\nkill -KILL $$\n")
    (tmp_path / "killed").chmod(0o755)
    monkeypatch.setattr(backup, "_program", lambda name: str(tmp_path / "killed"))
    status, said = jiafang(tmp_path, small, "backup", tmp_path / "b")
    assert (status, "pg_dump" in said, "SIGKILL" in said) == (1, True, True), said
    assert [file.name for file in tmp_path.iterdir()] == ["killed"]


@pytest.mark.parametrize(
    "url", ["postgresql://owner:se%3Acret@h/d?sslmode=require", "postgresql://owner@h/d?password=se%3Acret&sslmode=require"]
)
def test_no_password_is_among_the_words_of_a_command(url: str) -> None:
    assert backup._without_password(url) == "postgresql://owner@h/d?sslmode=require"
    assert backup._environment(url)["PGPASSWORD"] == "se:cret"


def test_a_backup_needs_the_owner(small: Urls, tmp_path: Path) -> None:
    status, said = jiafang(tmp_path, Urls("", small.app, ""), "backup", tmp_path / "b")
    assert (status, "JIAFANG_OWNER_DATABASE_URL" in said) == (1, True), said
    assert not (tmp_path / "b").exists()


def test_on_a_new_machine_with_the_keys_from_their_own_place(tmp_path: Path) -> None:
    """With the PostgreSQL under var/: it is backed up while it serves; without seals.json the numbers don't open, and it says so."""
    var, new, port, file = tmp_path / "var", tmp_path / "new", free_port(), tmp_path / "county.backup"
    with serving(var, port), signed_in(port) as http:
        person = http.get("/v1/people?limit=1").json()["items"][0]
        number = f"/v1/people/{person['id']}/identity-number"
        made = http.put(number, json={"number": IDENTITY_NUMBER}, headers={"If-Match": f'"{person["rev"]}"'})
        assert made.is_success, made.text
        status, said = jiafang(var, None, "backup", file)
        assert status == 0, said
        assert str(var / "seals.json") in said
    assert IDENTITY_NUMBER.encode() not in file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600
    sealing = json.loads((var / "seals.json").read_text())["sealing"][0]
    assert sealing["id"] in said
    assert sealing["key"].encode() not in file.read_bytes()
    status, said = jiafang(new, None, "restore", file)
    assert (status, sealing["id"] in said) == (1, True), said
    for name in ("seals.json", "keys.json"):
        shutil.copy(var / name, new / name)
    with serving(new, port), signed_in(port) as http:
        read = http.get(number, params={"purpose": "help_with_application"})
        assert read.json()["number"] == IDENTITY_NUMBER, read.text


def test_there_must_be_something_to_back_up(tmp_path: Path) -> None:
    status, said = jiafang(tmp_path / "var", None, "backup", tmp_path / "b")
    assert (status, "no database" in said) == (1, True), said
    assert not (tmp_path / "var" / "postgres").exists()
