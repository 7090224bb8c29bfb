"""examples/phone.py against a real server, on a line that loses what it is told to lose. At the end of each test every phone holds what
the server has: ids, revisions, documents, digest."""

import asyncio
import re
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest

from api import demo
from api.embedded import Urls
from api.kinds import KINDS
from examples.phone import Phone, Refused
from prove.service import free_port, wait_until_ready
from tests.conftest import Databases
from tests.serving import start

ROOT = Path(__file__).parents[2]


class Line(httpx.BaseTransport):
    """Loses the request or the reply of calls by their number, the next one being 1."""

    def __init__(self) -> None:
        self.real, self.calls, self.lose = httpx.HTTPTransport(), 0, dict[int, str]()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.calls += 1
        what = self.lose.pop(self.calls, None)
        if what == "request":
            raise httpx.ConnectError("lost", request=request)
        reply = self.real.handle_request(request)
        if what == "reply":
            reply.read()
            raise httpx.ReadError("lost", request=request)
        return reply

    def loses(self, number: int, what: str) -> None:
        self.calls, self.lose = 0, {number: what}


@dataclass
class Town:
    """The server, and phones that are signed in to it."""

    urls: Urls
    var: Path
    port: int
    process: Any = None
    phones: dict[str, Phone] = field(default_factory=dict)
    lines: dict[str, Line] = field(default_factory=dict)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.process = start(self.var, self.port, JIAFANG_DATABASE_URL=self.urls.app, JIAFANG_OWNER_DATABASE_URL=self.urls.owner)
        wait_until_ready(self.process, self.port)
        threading.Thread(target=self.keep, args=(self.process.stdout,), daemon=True).start()  # a full pipe would stop it

    def keep(self, said: Any) -> None:
        with (self.var / "server.txt").open("a", encoding="utf-8") as log:
            log.writelines(said)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)

    def phone(self, user: str, name: str = "") -> Phone:
        """The same phone for the same name, signed in once and level."""
        name = name or user
        if name not in self.phones:
            self.lines[name] = Line()
            self.phones[name] = self.opened(name)
            self.phones[name].sign_in(user, demo.PASSWORD)
            self.phones[name].sync()
        return self.phones[name]

    def officer(self, user: str) -> httpx.Client:
        form = {"grant_type": "password", "username": user, "password": demo.PASSWORD}
        token = httpx.post(f"{self.base}/v1/auth/token", data=form).raise_for_status().json()["access_token"]
        return httpx.Client(base_url=self.base, headers={"Authorization": f"Bearer {token}"})

    def opened(self, name: str) -> Phone:
        phone = Phone(self.base, str(self.var / f"{name}.db"), self.lines[name])
        phone.most_ops, phone.page = 2, 60
        phone.db.execute("PRAGMA synchronous = OFF")  # nobody pulls the plug here
        return phone

    def killed(self, name: str) -> Phone:
        """The app was ended by the system and is opened again: only its store is left."""
        self.phones[name].db.close()
        self.phones[name] = self.opened(name)
        return self.phones[name]

    def agree(self, *users: str) -> None:
        """Nothing is unsent, and another phone that reads everything anew holds the same."""
        for user in users:
            self.phone(user).sync()
        for user in users:
            phone, other = self.phone(user), self.phone(user, f"another of {user}")
            assert phone.unsent() == 0
            with other.db:
                other.db.execute("DELETE FROM record")
                other.set("cursor", "")
            other.pull()
            phone.pull()
            assert held(phone) == held(other)
            theirs = phone._call("GET", "/v1/sync/digest")
            assert theirs["kinds"] == {kind: phone.digest(kind) for kind in KINDS}
            assert str(theirs["tick"]) == phone.get("tick")


def held(phone: Phone) -> list[Any]:
    return phone.db.execute("SELECT kind, id, rev, doc FROM record ORDER BY kind, id").fetchall()


def outbox(phone: Phone) -> list[str]:
    return [state for (state,) in phone.db.execute("SELECT state FROM outbox ORDER BY seq")]


def forget_what_was_told(phone: Phone) -> None:
    with phone.db:
        phone.db.execute("DELETE FROM outbox WHERE state = 'told'")


@pytest.fixture(scope="module")
async def town(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    town = Town(await databases.new(), tmp_path_factory.mktemp("var"), free_port())
    try:
        await asyncio.to_thread(town.start)
        yield town
    finally:
        town.stop()


Owner = Callable[..., Awaitable[list[Any]]]


@pytest.fixture
def owner(town: Town) -> Owner:
    async def ask(sql: str, *args: Any) -> list[Any]:
        connection = await asyncpg.connect(town.urls.admin)
        try:
            return list(await connection.fetch(sql, *args))
        finally:
            await connection.close()

    return ask


def house(phone: Phone, n: int = 0) -> str:
    return sorted(phone.shown("household"))[n]


def a_visit(phone: Phone, notes: str, **more: Any) -> str:
    members = {"household_id": house(phone), "visited_on": "2020-02-02", "outcome": "met", "notes": notes}
    return phone.create("visit", **{**members, **more})


def work_of_a_day(phone: Phone, n: str) -> tuple[str, str, str]:
    """Nine edits: a household and a visit there, a visit that is changed twice, one that is withdrawn, a rejected one between them."""
    place_id = phone.shown("household")[house(phone)]["place_id"]
    new = phone.create("household", place_id=place_id, number=f"新{n}", phones=["13800138000"])
    there = a_visit(phone, "新来的", household_id=new)
    twice = a_visit(phone, "一")
    phone.edit("visit", twice, notes="二")
    a_visit(phone, "很久以后", visited_on="2999-01-01")
    phone.edit("household", new, address="村东头", phones=["13800138000", "13900139000"])
    phone.edit("visit", twice, notes="三", manner="phone")
    gone = a_visit(phone, "写错")
    phone.void("visit", gone, "写错")
    return new, there, twice


def test_it_runs_as_its_first_lines_say(town: Town) -> None:
    said = (ROOT / "examples" / "phone.py").read_text("utf-8")
    command = re.findall(r"^    \.venv/bin/python (examples/phone\.py --base .*)$", said, re.MULTILINE)[0]
    words = [*command.replace("http://127.0.0.1:8000", town.base).split(), "--store", str(town.var / "run.db")]
    for _ in range(2):  # from nothing, and again
        shown = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        assert shown.stderr == ""
        first, offline, synced, last = shown.stdout.splitlines()
        counts = [[int(n) for n in re.findall(r"\d+", line)] for line in (first, offline, synced)]
        households, visits, _ = counts[0]
        assert min(households, visits) > 50
        assert counts == [[households, visits, 0], [households, visits + 1, 2], [households, visits + 1, 0]]
        assert last == "the server has revision 2; it agrees: True; to show: []"


@pytest.mark.parametrize("what", ["request", "reply"])
def test_each_call_of_a_sync_is_lost_once(town: Town, what: str) -> None:
    phone, line, n = town.phone("worker-1"), town.lines["worker-1"], 0
    lost = True
    while lost:
        n += 1
        new, there, twice = work_of_a_day(phone, f"{what}{n}")
        line.loses(n, what)
        try:
            phone.sync()
            lost = False
        except httpx.TransportError:
            assert phone.shown("visit")[twice]["notes"] == "三"  # the user sees what she did
            phone = town.killed("worker-1")
            phone.sync()
        visit, household = phone.shown("visit")[twice], phone.shown("household")[new]
        assert (visit["notes"], visit["manner"], visit["rev"]) == ("三", "phone", 3)
        assert (household["address"], household["phones"], household["rev"]) == ("村东头", ["13800138000", "13900139000"], 2)
        assert phone.shown("visit")[there]["place_id"] == household["place_id"]
        [(_, op, result)] = phone.to_show()
        assert (op["doc"]["notes"], result["problem"]["type"]) == ("很久以后", "/problems/day-to-come")
        assert outbox(phone) == ["told"]
        forget_what_was_told(phone)
    line.lose.clear()
    assert n > 7  # five batches, a page, the digest: each was lost once
    numbers = [household["number"] for household in phone.shown("household").values()]
    assert [numbers.count(f"新{what}{i}") for i in range(1, n + 1)] == [1] * n
    town.agree("worker-1")


@pytest.mark.parametrize("what", ["request", "reply"])
def test_each_page_of_the_first_read_is_lost_once(town: Town, what: str) -> None:
    phone, line = town.phone("worker-2"), town.lines["worker-2"]
    for n in range(1, 5):
        with phone.db:
            phone.db.execute("DELETE FROM record")
            phone.set("cursor", "")
        line.loses(n, what)
        with pytest.raises(httpx.TransportError):
            phone.pull()
        assert phone.shown("visit") == {}  # nothing yet, rather than a part
        phone = town.killed("worker-2")
        line.calls = 0
        phone.pull()
        assert len(phone.shown("visit")) > 50
    assert line.calls < -(-len(held(phone)) // phone.page)  # it went on where it was
    town.agree("worker-2")


def test_two_phones_change_one_record(town: Town) -> None:
    one, two = town.phone("worker-1"), town.phone("worker-2")
    visit = a_visit(one, "一", purposes=["subsidy"])
    one.sync()
    two.sync()
    one.edit("visit", visit, notes="一的", purposes=["subsidy", "elder_care"])
    two.edit("visit", visit, notes="二的", manner="phone", purposes=["child_care"])
    two.sync()
    one.pull()  # while the edit waits
    assert one.shown("visit")[visit]["notes"] == "一的"
    one.edit("visit", visit, notes="一的，再改")  # without having seen what two wrote
    one.edit("visit", visit, visited_on="2020-02-03")
    one.sync()
    now = one.shown("visit")[visit]
    assert (now["notes"], now["manner"], now["visited_on"]) == ("二的", "phone", "2020-02-03")
    assert sorted(now["purposes"]) == ["child_care", "elder_care"]
    clashes = [clash for _, _, result in one.to_show() for clash in result["conflicts"]]
    assert [(clash["field"], clash["yours"], clash["theirs"]) for clash in clashes] == [
        ("notes", "一的", "二的"),
        ("notes", "一的，再改", "二的"),
    ]
    forget_what_was_told(one)
    one.edit("visit", visit, notes="两人的")  # having seen it
    one.sync()
    two.sync()
    assert two.shown("visit")[visit]["notes"] == "两人的"
    assert (outbox(one), outbox(two)) == ([], [])
    town.agree("worker-1", "worker-2")


class Clock(datetime):
    """Shows what it is set to."""

    off = timedelta()

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "Clock":
        return cls.fromtimestamp((datetime.now(tz) + cls.off).timestamp(), tz)


def test_a_clock_that_is_set_back_loses_no_edit(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    phone = town.phone("worker-1")
    visit = a_visit(phone, "一")
    phone.sync()
    monkeypatch.setattr("examples.phone.datetime", Clock)
    monkeypatch.setattr(Clock, "off", timedelta(hours=3))
    phone.edit("visit", visit, notes="二")
    phone.sync()
    assert 3 * 3600 - 60 < int(phone.get("clock_skew_seconds")) < 3 * 3600 + 60
    phone.edit("visit", visit, notes="三")
    monkeypatch.setattr(Clock, "off", timedelta())
    phone.edit("visit", visit, notes="四")  # on the same copy, and by the clock it was before
    phone.sync()
    assert phone.shown("visit")[visit]["notes"] == "四"
    assert abs(int(phone.get("clock_skew_seconds"))) < 60  # by sent_at: `at` still says three hours
    with phone.db:
        phone.db.execute("DELETE FROM state WHERE name = 'last_at'")
    town.agree("worker-1")


def test_what_is_refused_holds_up_nothing_and_is_shown(town: Town) -> None:
    phone = town.phone("worker-1")
    visit = a_visit(phone, "好")
    phone.sync()
    phone.edit("visit", visit, outcome="absent")  # with a note: it can't be
    later, odd = a_visit(phone, "明天以后", visited_on="2999-01-01"), a_visit(phone, "她怀孕了", visited_on="2020-02-04")
    phone.edit("visit", later, visited_on="2020-02-05")  # of a record that was never stored
    good = a_visit(phone, "也好")
    with phone.db:
        phone._add("spaceship", "x", None, doc={})  # an app of another time
    phone.sync()
    told = [(result["outcome"], result["problem"]["type"].rpartition("/")[2], result.get("kept")) for _, _, result in phone.to_show()]
    assert told == [
        ("rejected", "nobody-met", True),
        ("rejected", "day-to-come", True),
        ("merged", "refused-word", None),
        ("rejected", "invalid", True),
        ("rejected", "invalid", False),
    ]
    assert phone.to_show()[2][1]["doc"]["notes"] == "她怀孕了"  # her own words are still here, to be mended
    visits = phone.shown("visit")
    assert (visits[visit]["outcome"], visits[visit]["notes"], visits[odd]["notes"]) == ("met", "好", None)
    assert good in visits
    assert later not in visits
    forget_what_was_told(phone)
    town.agree("worker-1")


def test_a_child_waits_for_its_parent(town: Town) -> None:
    one, two = town.phone("worker-1"), town.phone("worker-2")
    place_id = one.shown("household")[house(one)]["place_id"]
    new = one.create("household", place_id=place_id, number="晚到的")
    visit = a_visit(two, "先到", household_id=new)
    two.edit("visit", visit, notes="先到的")
    two.sync()
    assert outbox(two) == ["held", "held"]
    assert two.shown("visit")[visit]["notes"] == "先到的"
    two.sync()
    assert outbox(two) == ["held", "held"]
    one.sync()
    two.sync()
    assert outbox(two) == []
    assert (two.shown("visit")[visit]["notes"], two.shown("visit")[visit]["rev"]) == ("先到的", 2)
    town.agree("worker-1", "worker-2")


async def test_a_place_is_taken_away_with_an_edit_unsent(town: Town, owner: Owner) -> None:
    phone, officer = town.phone("worker-2"), town.officer("township-1")
    me = phone._call("GET", "/v1/me")
    [place] = me["places"]
    visit = a_visit(phone, "以前的")
    phone.sync()
    phone.edit("visit", visit, notes="还没有送到")
    new = a_visit(phone, "也没有", visited_on="2020-03-03")
    officer.post(f"/v1/users/{me['id']}/places/{place['place_id']}/revoke").raise_for_status()
    phone.pull()
    assert list(phone.shown("visit")) == [new]  # the copies are gone, the edits are here
    assert phone.unsent() == 2
    phone.sync()
    assert (phone.shown("household"), phone.shown("visit"), phone.shown("place"), outbox(phone)) == ({}, {}, {}, [])
    kept = await owner("SELECT state, reason, op->'doc'->>'notes' FROM kept_op WHERE record_id IN ($1, $2) ORDER BY seq", visit, new)
    assert [tuple(row) for row in kept] == [("inbox", "place_lost", "还没有送到"), ("inbox", "place_lost", "也没有")]
    town.agree("worker-2")
    given = {"place_id": place["place_id"], "reach": place["reach"]}
    officer.post(f"/v1/users/{me['id']}/places", json=given).raise_for_status()
    phone.sync()
    assert phone.shown("visit")[visit]["notes"] == "以前的"
    town.agree("worker-1", "worker-2")


def test_a_phone_forgets_its_cursor(town: Town) -> None:
    one, two = town.phone("worker-1"), town.phone("worker-2")
    stays, goes = a_visit(one, "留"), a_visit(one, "去")
    one.sync()
    two.sync()
    one.void("visit", goes, "写错")
    new = a_visit(one, "新")
    one.sync()
    two.edit("visit", stays, notes="留着")
    with two.db:
        two.db.execute("DELETE FROM state WHERE name IN ('cursor', 'tick')")
    two.pull()
    assert (two.shown("visit")[stays]["notes"], goes in two.shown("visit"), new in two.shown("visit")) == ("留着", False, True)
    with two.db:
        two.set("cursor", "no cursor")
    two.sync()
    assert two.shown("visit")[stays]["notes"] == "留着"
    town.agree("worker-1", "worker-2")


def test_the_digest_finds_what_went_wrong(town: Town) -> None:
    phone = town.phone("worker-1")
    visit = next(iter(phone.shown("visit").values()))
    with phone.db:
        phone.db.execute("DELETE FROM record WHERE kind = 'household' AND id = ?", [house(phone)])
        believed = {**visit, "id": "00000000-0000-4000-8000-000000000001", "rev": 1, "visited_on": "2019-01-01"}
        phone._put("visit", believed)  # the phone thought it was sent
    assert not phone.agrees()
    phone.sync()
    assert phone.shown("visit")[believed["id"]]["visited_on"] == "2019-01-01"
    town.agree("worker-1")


async def test_the_server_is_restarted_and_comes_back_from_a_backup(town: Town, owner: Owner) -> None:
    one, two = town.phone("worker-1"), town.phone("worker-2")
    old = a_visit(one, "备份以前")
    one.sync()
    two.sync()
    name = urlsplit(town.urls.app).path[1:]
    admin = await asyncpg.connect(urlsplit(town.urls.admin)._replace(path="/postgres").geturl())
    await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
    await admin.execute(f"CREATE DATABASE backup TEMPLATE {name} OWNER jiafang_owner")
    new = a_visit(one, "备份以后")
    one.edit("visit", old, notes="备份以后改的")
    one.sync()
    two.sync()
    two.edit("visit", new, manner="phone")
    two.sync()
    one.sync()
    one.edit("visit", new, notes="还没有送到")  # unsent when the record itself is lost
    town.stop()
    with pytest.raises(httpx.TransportError):
        one.sync()
    await admin.execute(f"DROP DATABASE {name}")
    await admin.execute(f"ALTER DATABASE backup RENAME TO {name}")
    await admin.close()
    await asyncio.to_thread(town.start)
    one.sync()
    two.sync()
    town.agree("worker-1", "worker-2")
    assert one.shown("visit")[old]["notes"] == "备份以后改的"
    assert (one.shown("visit")[new]["manner"], one.shown("visit")[new]["notes"]) == ("phone", "备份以后")
    assert [(op["doc"], result["outcome"]) for _, op, result in one.to_show()] == [({"notes": "还没有送到"}, "rejected")]


def test_a_phone_that_was_lost_gives_up_its_copies_and_what_it_has_not_sent(town: Town) -> None:
    phone, officer = town.phone("worker-4"), town.officer("township-2")
    with pytest.raises(Refused, match="409"):
        phone.sign_in("worker-1", demo.PASSWORD)  # the device is worker-4's
    visit = a_visit(phone, "丢失以前")
    officer.post(f"/v1/devices/{phone.get('device_id')}/report-lost").raise_for_status()
    with pytest.raises(Refused, match="403"):
        phone.pull()
    assert (held(phone), phone.unsent()) == ([], 1)
    phone.push()
    phone.sign_in("worker-4", demo.PASSWORD)  # found again
    with phone.db:
        phone._add("visit", visit, None, doc={"notes": "找到以后"})
    phone.push()
    entries = officer.get("/v1/inbox?limit=200").json()["items"]
    brought = [(entry["reason"], entry["doc"]["notes"]) for entry in entries if entry["record_id"] == visit]
    assert brought == [("device_lost", "丢失以前"), ("device_lost", "找到以后")]
    assert outbox(phone) == []
