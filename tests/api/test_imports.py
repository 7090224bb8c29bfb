"""Registers from files, read like docs/imports.md: what one sends, what is found in it, confirming, and taking back."""

import asyncio
import datetime
import io
import zipfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import asyncpg
import pytest
import xlsxwriter  # type: ignore[import-untyped]  # it ships no types
from python_calamine import CalamineWorkbook

from api import demo, imports, road
from api.embedded import Urls
from api.jobs import hourly
from api.rules.caller import command_line
from tests.conftest import Databases, Phone, running
from tests.county import ABOVE, LEVEL, PLACES, USERS, VILLAGE, County, a_county, fold, level, refused

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
HOUSEHOLDS = ["村", "组", "户号", "住址", "联系电话", "状态"]
PEOPLE = ["村", "组", "户号", "姓名", "性别", "出生日期", "与户主关系", "联系电话", "状态"]
VISITS = ["村", "组", "户号", "家访日期", "方式", "结果", "事项", "约定", "备注"]
Rows = Sequence[Sequence[Any]]


@pytest.fixture(scope="module")
async def seeded(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a database with the demonstration county, of which each test has a copy."""
    async with a_county(databases, tmp_path_factory.mktemp("seeded")) as county:
        return urlsplit(county.url).path[1:]


@pytest.fixture
async def urls(databases: Databases, seeded: str) -> Urls:
    return await databases.new(seeded)


@pytest.fixture
async def county(urls: Urls, tmp_path: Path) -> AsyncIterator[County]:
    async with running(urls, tmp_path) as app:
        owner = await asyncpg.connect(urls.owner)
        yield County(app, owner, urls.owner)
        await owner.close()


@pytest.fixture
async def officer(county: County) -> Phone:
    return await county.sign_in("township-1")


def csv(headings: Sequence[str], *rows: Sequence[Any], encoding: str = "utf-8") -> bytes:
    return "\n".join(",".join(map(str, row)) for row in (headings, *rows)).encode(encoding)


def xlsx(*rows: Sequence[Any], sheet: str = "户") -> bytes:
    written = io.BytesIO()
    with xlsxwriter.Workbook(written, {"default_date_format": "yyyy-mm-dd"}) as made:
        page = made.add_worksheet(sheet)
        for n, row in enumerate(rows):
            page.write_row(n, 0, row)
    return written.getvalue()


async def send(phone: Phone, kind: str, data: bytes) -> dict[str, Any]:
    """What the import is once it has been read."""
    media_type = XLSX if data.startswith(b"PK") else "text/csv"
    reply = await phone.post(
        "/v1/imports", params={"kind": kind, "file_name": f"{kind}.csv"}, content=data, headers={"Content-Type": media_type}
    )
    assert reply.status_code == 202, reply.text
    assert reply.headers["location"] == f"/v1/imports/{reply.json()['id']}"
    return await settled(phone, reply.json()["id"])


async def settled(phone: Phone, import_id: str) -> dict[str, Any]:
    async with asyncio.timeout(30):
        while True:
            reply = await phone.get(f"/v1/imports/{import_id}")
            assert reply.status_code == 200, reply.text
            if reply.json()["state"] not in ("reading", "running", "undoing"):
                return dict(reply.json())
            await asyncio.sleep(0.02)


async def do(phone: Phone, import_id: str, wish: str = "confirm") -> dict[str, Any]:
    reply = await phone.post(f"/v1/imports/{import_id}/{wish}")
    assert reply.status_code == 202, reply.text
    return await settled(phone, import_id)


async def brought(phone: Phone, kind: str, data: bytes) -> dict[str, Any]:
    """Sent, found good, confirmed."""
    found = await send(phone, kind, data)
    assert (found["state"], found["problems"]) == ("ready", [])
    return await do(phone, found["id"])


def counts(found: dict[str, Any]) -> dict[str, int]:
    return {name: found[name] for name in ("rows", "done", "created", "unchanged", "refused", "undone") if found[name]}


def told(found: dict[str, Any], of: str = "problems") -> list[tuple[str, str, str]]:
    return [(each["cell"], each["column"], each["code"]) for each in found[of]]


async def village_of(phone: Phone, place_id: int) -> tuple[str, str]:
    """Name and code."""
    items = (await phone.get("/v1/places", params={"level": "village", "limit": 200})).json()["items"]
    return next((item["name"], item["code"]) for item in items if item["place_id"] == place_id)


@pytest.fixture
async def village(county: County) -> str:
    return (await village_of(await county.sign_in("county-admin"), VILLAGE))[0]


async def test_a_register_goes_in(county: County, officer: Phone, village: str) -> None:
    """Households, then their people, then visits; a worker's phone pulls them like anything else."""
    worker = await county.sign_in("worker-1")
    _, cursor = await level(worker)
    done = await brought(officer, "households", csv(HOUSEHOLDS, [village, 1, "9001", "村东头", "13800138000、0543-7321456", "在家"]))
    assert (done["state"], counts(done)) == ("done", {"rows": 1, "done": 1, "created": 1})
    done = await brought(
        officer,
        "people",
        csv(
            PEOPLE,
            [village, 1, "9001", "王 芳", "女", "1958年3月4日", "户主", "13800138000", ""],
            [village, "", "9001", "王小雨", 2, "", "次女", "", "外出"],
        ),
    )
    assert counts(done) == {"rows": 2, "done": 2, "created": 2}
    done = await brought(officer, "visits", csv(VISITS, [village, 1, "9001", "2026.11.5", "入户", "见到", "养老服务", "", "老人精神好"]))
    assert counts(done) == {"rows": 1, "done": 1, "created": 1}

    held = fold((await level(worker, cursor))[0])
    [home] = [doc for (kind, _), doc in held.items() if kind == "household"]
    assert (home["number"], home["phones"], home["last_visited_on"]) == ("9001", ["13800138000", "0543-7321456"], "2026-11-05")
    people = {doc["name"]: doc for (kind, _), doc in held.items() if kind == "person"}
    assert {name: (doc["sex"], doc["born_on"], doc["relation"], doc["status"]) for name, doc in people.items()} == {
        "王芳": (2, "1958-03-04", "head", "present"),
        "王小雨": (2, None, "child", "away"),
    }
    [visit] = [doc for (kind, _), doc in held.items() if kind == "visit"]
    assert (visit["purposes"], visit["notes"], visit["outcome"]) == (["elder_care"], "老人精神好", "met")
    assert {doc["household_id"] for doc in (*people.values(), visit)} == {home["id"]}


# What is sent


async def test_an_xlsx_with_what_excel_makes_of_it(county: County, officer: Phone, village: str) -> None:
    """Numbers are floats, days are dates, an empty row is skipped, and further columns are named but not read."""
    day = datetime.date(2026, 11, 5)
    await brought(officer, "households", xlsx(HOUSEHOLDS, [village, 1, 9001, "", 13800138000], [], [village, 1, 9002]))
    found = await send(officer, "visits", xlsx([*VISITS, "序号"], [village, 1, 9001, day, "", "见到", "", "", "", 1], sheet="家访"))
    assert (found["state"], found["rows"], told(found, "notes")) == ("ready", 1, [("J1", "", "unknown-heading")])
    assert (await do(officer, found["id"]))["created"] == 1
    [home] = (await officer.get("/v1/households", params={"number": "9001"})).json()["items"]
    [visit] = (await officer.get("/v1/visits", params={"household_id": home["id"]})).json()["items"]
    assert (home["phones"], visit["visited_on"], visit["outcome"]) == (["13800138000"], "2026-11-05", "met")
    assert len((await officer.get("/v1/households", params={"number": "9002"})).json()["items"]) == 1


async def test_the_template_comes_back_as_it_went_out(county: County, officer: Phone) -> None:
    """Its example row names a village that nobody has, so it can't go in by mistake."""
    explained: list[Any] = []
    for kind, columns in (("households", 7), ("people", 10), ("visits", 10)):
        reply = await officer.get(f"/v1/import-templates/{kind}")
        assert reply.headers["content-type"] == XLSX
        book = CalamineWorkbook.from_filelike(io.BytesIO(reply.content))
        rows, explained = (book.get_sheet_by_index(n).to_python() for n in (0, 1))
        assert (len(rows), len(rows[0])) == (2, columns)
        assert [row[0] for row in explained[1 : columns + 1]] == rows[0]
        found = await send(officer, kind, reply.content)
        assert told(found) == [("B2", "村", "unknown-place")]
    assert any("养老服务（elder_care）" in str(row[4]) for row in explained)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
async def test_encodings(county: County, officer: Phone, village: str, encoding: str) -> None:
    await brought(officer, "households", csv(HOUSEHOLDS, [village, 1, "9001", "𠮷家庄村东头"], encoding=encoding))
    [home] = (await officer.get("/v1/households", params={"number": "9001"})).json()["items"]
    assert home["address"] == "𠮷家庄村东头"


async def test_places_by_code_and_by_name(county: County, officer: Phone) -> None:
    name, code = await village_of(officer, VILLAGE)
    rows: Rows = [
        ["", code, "", "9001"],
        [name.replace("村", " 村 "), "", "第一组", "9002"],
        [name, code, 1, "9003"],
        [f"{name}民委员会", "", 2, "9004"],
    ]
    await brought(officer, "households", csv(["村", "区划代码", "组", "户号"], *rows))
    at = {}
    for number in ("9001", "9002", "9003", "9004"):
        [home] = (await officer.get("/v1/households", params={"number": number})).json()["items"]
        at[number] = LEVEL[home["place_id"]], home["place_id"]
    assert at["9001"] == ("village", VILLAGE)
    assert at["9002"] == at["9003"] != at["9004"]
    assert at["9004"][0] == "group"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        ("村,组,户号\n".encode(), "empty"),
        (b"\xd0\xcf\x11\xe0 an old Excel", "old-excel"),
        (b"PK\x03\x04 no workbook", "not-a-table"),
        (b"<html><table>", "not-a-table"),
        ("村,户号".encode("utf-16"), "not-a-table"),
        ("村,户号\n".encode() + b"\x81\xff", "encoding"),
        ('村,户号\n柳湾村,"1'.encode(), "quoting"),
        ("登记表\n村,户号\n".encode(), "wrong-sheet"),
    ],
)
async def test_what_is_no_register(county: County, officer: Phone, data: bytes, code: str) -> None:
    found = await send(officer, "households", data)
    assert (found["state"], [each["code"] for each in found["problems"]]) == ("faulty", [code])
    refused(await officer.post(f"/v1/imports/{found['id']}/confirm"), 409, "not-now")


async def test_headings_that_were_renamed_or_merged(county: County, officer: Phone, village: str) -> None:
    found = await send(officer, "households", csv(["村", "村", "编号", "", "联系电话"], [village, village, "9001", "村东头"]))
    assert told(found) == [("B1", "村", "heading-twice"), ("", "户号", "missing-heading")]
    assert told(found, "notes") == [("C1", "", "unknown-heading")]
    found = await send(officer, "households", csv(["村", "户号", ""], [village, "9001", "村东头"]))
    assert told(found) == [("C2", "", "no-heading")]


async def test_a_workbook_that_would_fill_the_memory(county: County, officer: Phone) -> None:
    """Zeros without end, and one cell at the far corner: neither is opened."""
    book = io.BytesIO()
    with zipfile.ZipFile(book, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/workbook.xml", "<workbook/>")
        with packed.open("xl/worksheets/sheet1.xml", "w") as part:
            for _ in range(160):
                part.write(bytes(1_000_000))
    far = io.BytesIO()
    with xlsxwriter.Workbook(far) as made:
        made.add_worksheet("户").write(1_000_000, 16_000, 1)
    for data in (book.getvalue(), far.getvalue()):
        assert len(data) < 1_000_000
        found = await send(officer, "households", data)
        assert [each["code"] for each in found["problems"]] == ["too-big"]


async def test_too_many_rows(county: County, officer: Phone, village: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "MAX_ROWS", 3)
    rows = [[village, 1, f"90{n:02}"] for n in range(4)]
    for data in (csv(HOUSEHOLDS, *rows), xlsx(HOUSEHOLDS, *rows)):
        [problem] = (await send(officer, "households", data))["problems"]
        assert (problem["code"], "3" in problem["detail"]) == ("too-many-rows", True)
    assert (await send(officer, "households", csv(HOUSEHOLDS, *rows[:3])))["state"] == "ready"


# What is found in it


async def test_two_hundred_faults_are_found_and_nothing_goes_in(county: County, officer: Phone, village: str) -> None:
    """Each has its cell; none says back what stood there."""
    await brought(officer, "households", csv(HOUSEHOLDS, [village, 1, "9001"], [village, 2, "9003"], [village, 3, "9003"]))
    faults = [  # (column, what is typed there, the code of the fault)
        ("村", "没有这个村XYZ", "unknown-place"),
        ("村", "", "missing"),
        ("组", "77", "unknown-group"),
        ("户号", "", "missing"),
        ("户号", "XYZ-9", "unknown-household"),
        ("户号", "9003", "household-twice"),
        ("家访日期", "昨天XYZ", "bad-day"),
        ("家访日期", "2026-2-30", "bad-day"),
        ("家访日期", "2027-01-01", "day-to-come"),
        ("家访日期", "", "missing"),
        ("方式", "骑车XYZ", "bad-choice"),
        ("结果", "不详XYZ", "bad-choice"),
        ("结果", "", "missing"),
        ("事项", "养老服务、别的XYZ", "bad-choice"),
        ("约定", "避孕XYZ", "refused-word"),
        ("备注", "超生XYZ", "refused-word"),
        ("备注", "XYZ" * 700, "string_too_long"),
        ("备注", "XYZ\x07", "control_character"),
    ]
    rows, expected = [], []
    for n in range(200):
        column, typed, code = faults[n % len(faults)]
        row = {"村": village, "户号": "9001", "家访日期": f"2024-{1 + n // 28:02}-{1 + n % 28:02}", "结果": "见到"}
        row |= {"组": ""} if column == "户号" else {"组": "1"}
        row |= {column: typed}
        rows.append([row.get(heading, "") for heading in VISITS])
        expected.append((f"{'ABCDEFGHI'[VISITS.index(column)]}{n + 2}", column, code))
    before = await county.owner.fetchval("SELECT count(*) FROM visit")
    good = [village, 1, "9001", "2025-01-01", "", "见到"]
    found = await send(officer, "visits", csv(VISITS, *rows, good))
    assert (found["state"], found["problem_count"], found["rows"]) == ("faulty", 200, 201)
    assert told(found) == expected
    assert [problem["row"] for problem in found["problems"]] == list(range(2, 202))
    for language in ("zh", "en"):
        said = (await officer.get(f"/v1/imports/{found['id']}", headers={"Accept-Language": language})).text
        assert "XYZ" not in said
    assert await county.owner.fetchval("SELECT count(*) FROM import_row WHERE import_id = $1", UUID(found["id"])) == 0
    refused(await officer.post(f"/v1/imports/{found['id']}/confirm"), 409, "not-now")
    assert await county.owner.fetchval("SELECT count(*) FROM visit") == before


async def test_an_error_of_excel_is_a_fault_of_its_cell(county: County, officer: Phone, village: str) -> None:
    """Also where the column may be empty: nobody meant that."""
    await brought(officer, "households", csv(HOUSEHOLDS, [village, 1, "9001"]))
    written = io.BytesIO()
    with xlsxwriter.Workbook(written) as made:
        page = made.add_worksheet("人")
        page.write_row(0, 0, PEOPLE)
        page.write_row(1, 0, [village, 1, 9001, "王芳", "女"])
        page.write_formula(1, 5, "=NA()", None, "#N/A")
    assert told(await send(officer, "people", written.getvalue())) == [("F2", "出生日期", "no-value")]


async def test_every_fault_of_a_row_is_found_at_once(county: County, officer: Phone, village: str) -> None:
    row = ["哪里", 1, "", "2027-01-01", "骑车", "未遇", "养老服务", "下周带来", "避孕"]
    found = await send(officer, "visits", csv(VISITS, row))
    assert told(found) == [
        ("A2", "村", "unknown-place"), ("C2", "户号", "missing"), ("D2", "家访日期", "day-to-come"), ("E2", "方式", "bad-choice"),
        ("G2", "事项", "nobody-met"), ("H2", "约定", "nobody-met"), ("I2", "备注", "refused-word"),
    ]  # fmt: skip


async def test_the_same_row_twice(county: County, officer: Phone, village: str) -> None:
    found = await send(officer, "households", csv(HOUSEHOLDS, [village, 1, "9001"], [village, 2, "9001"], [village, "一组", "９００１"]))
    assert told(found) == [("C4", "户号", "same-row")]
    assert "2" in found["problems"][0]["detail"]


async def test_a_village_beyond_the_own_townships(county: County, officer: Phone) -> None:
    """It is not there; the county's desk, which has them all, brings it."""
    [far] = [number for number, user in ((PLACES[p], u) for u in demo.users() if u["username"] == "worker-4" for p in u["places"])]
    admin = await county.sign_in("county-admin")
    name, code = await village_of(admin, far)
    for row in ([name, "", 1, "9001"], ["", code, 1, "9001"]):
        found = await send(officer, "households", csv(["村", "区划代码", "组", "户号"], row))
        assert [problem["code"] for problem in found["problems"]] == ["unknown-place"]
    assert (await brought(admin, "households", csv(HOUSEHOLDS, [name, "", "9001"])))["created"] == 1
    [home] = (await admin.get("/v1/households", params={"number": "9001"})).json()["items"]
    assert (home["place_id"], home["created_by"]) == (far, str(USERS["county-admin"]["id"]))


async def test_likely_doubles_are_named_and_go_in(county: County, officer: Phone, village: str) -> None:
    await brought(officer, "households", csv(HOUSEHOLDS, [village, 1, "9001"]))
    [home] = (await officer.get("/v1/households", params={"number": "9001"})).json()["items"]
    known = {"household_id": home["id"], "name": "王芳", "born_on": "1958-03-04"}
    person = (await officer.post("/v1/people", json=known)).json()
    found = await send(officer, "people", csv(PEOPLE, [village, 1, "9001", "汪 芳", "女", "1958-12-01"]))
    assert (found["state"], told(found, "notes"), found["notes"][0]["id"]) == ("ready", [("C2", "户号", "looks-double")], person["id"])
    assert (await do(officer, found["id"]))["created"] == 1


# Running


async def test_the_same_file_again_brings_nothing_new(county: County, officer: Phone, village: str) -> None:
    """Not even after somebody has edited what it brought; and a row that says something else changes nothing, but is named."""
    rows = [[village, 1, "9001", "村东头"], [village, 1, "9002", "村西头"]]
    await brought(officer, "households", csv(HOUSEHOLDS, *rows))
    [home] = (await officer.get("/v1/households", params={"number": "9001"})).json()["items"]
    await officer.patch(f"/v1/households/{home['id']}", json={"address": "河边"}, headers={"If-Match": '"1"'})
    again = await brought(officer, "households", csv(HOUSEHOLDS, *rows, [village, 1, "9003"]))
    assert counts(again) == {"rows": 3, "done": 3, "created": 1, "unchanged": 2}
    assert again["notes"] == []
    other = await brought(officer, "households", csv(HOUSEHOLDS, [village, 1, "9002", "别处"]))
    assert (counts(other), told(other, "notes")) == ({"rows": 1, "done": 1, "unchanged": 1}, [("C2", "户号", "there-otherwise")])
    [stays] = (await officer.get("/v1/households", params={"number": "9001"})).json()["items"]
    assert stays["address"] == "河边"


async def test_killed_half_way_it_goes_on_by_itself(urls: Urls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process dies in its third piece, after it has written and before it commits. Each record is there once, the counts are right."""
    monkeypatch.setattr(imports, "PIECE", 10)
    put, died = road.put, asyncio.Event()
    pieces = 0

    async def dies(tx: Any, batch: Any) -> Any:
        nonlocal pieces
        pieces += bool(batch.created["household"])  # the hourly jobs, which begin at the start, write too
        changes = await put(tx, batch)
        if pieces == 3:
            died.set()
            raise asyncio.CancelledError  # nobody rolls back or says goodbye
        return changes

    owner = await asyncpg.connect(urls.owner)
    async with running(urls, tmp_path) as app:
        officer = await County(app, owner, urls.owner).sign_in("township-1")
        village, _ = await village_of(officer, VILLAGE)
        found = await send(officer, "households", csv(HOUSEHOLDS, *([village, 1, f"9{n:03}"] for n in range(45))))
        monkeypatch.setattr(road, "put", dies)
        await officer.post(f"/v1/imports/{found['id']}/confirm")
        async with asyncio.timeout(10):
            await died.wait()
        half = (await officer.get(f"/v1/imports/{found['id']}")).json()
        assert (half["state"], half["done"], half["created"]) == ("running", 20, 20)
        assert await owner.fetchval("SELECT count(*) FROM household WHERE number LIKE '9%'") == 20
    monkeypatch.setattr(road, "put", put)
    async with running(urls, tmp_path) as app:
        officer = await County(app, owner, urls.owner).sign_in("township-1")
        assert counts(await settled(officer, found["id"])) == {"rows": 45, "done": 45, "created": 45}
        numbers = "SELECT count(*), count(DISTINCT number) FROM household WHERE number LIKE '9%'"
        assert [tuple(row) for row in await owner.fetch(numbers)] == [(45, 45)]
    await owner.close()


async def test_several_processes_do_each_piece_once(county: County, officer: Phone, village: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "PIECE", 10)
    found = await send(officer, "households", csv(HOUSEHOLDS, *([village, 1, f"9{n:03}"] for n in range(60))))
    await officer.post(f"/v1/imports/{found['id']}/confirm")

    async def process() -> None:
        for wanted in await imports.to_do(county.access, 1):
            while await imports.step(county.access, 1, wanted):
                pass

    await asyncio.gather(*(process() for _ in range(4)))
    assert counts(await settled(officer, found["id"])) == {"rows": 60, "done": 60, "created": 60}


async def test_what_changed_after_it_was_read_is_refused_by_the_road(county: County, officer: Phone, village: str) -> None:
    await brought(officer, "households", csv(HOUSEHOLDS, [village, 1, "9001"], [village, 1, "9002"]))
    found = await send(officer, "people", csv(PEOPLE, [village, 1, "9001", "王芳"], [village, 1, "9002", "李强"]))
    [home] = (await officer.get("/v1/households", params={"number": "9001"})).json()["items"]
    await officer.post(f"/v1/households/{home['id']}/void", json={"reason": "登记错了"})
    done = await do(officer, found["id"])
    assert (counts(done), [note["code"] for note in done["notes"]]) == ({"rows": 2, "done": 2, "created": 1, "refused": 1}, ["voided"])


async def test_what_the_database_will_not_take_ends_the_import(
    county: County, officer: Phone, village: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said, and what comes after it goes in."""

    async def refuses(tx: Any, batch: Any) -> Any:
        await tx.fetchval("SELECT 'x'::text::int")

    found = await send(officer, "households", csv(HOUSEHOLDS, [village, 1, "9001"]))
    with monkeypatch.context() as patch:
        patch.setattr(road, "put", refuses)
        done = await do(officer, found["id"])
    assert (done["state"], counts(done), [note["code"] for note in done["notes"]]) == ("done", {"rows": 1}, ["could-not-store"])
    assert (await brought(officer, "households", csv(HOUSEHOLDS, [village, 1, "9001"])))["created"] == 1
    hidden = await send(officer, "people", csv(PEOPLE, [village, 1, "90\x0701", "王芳"]))
    assert told(hidden) == [("C2", "户号", "control_character")]


async def test_confirming_again_is_safe(county: County, officer: Phone, village: str) -> None:
    found = await brought(officer, "households", csv(HOUSEHOLDS, [village, 1, "9001"]))
    assert await do(officer, found["id"]) == found


async def test_whoever_lost_the_township_brings_nothing(county: County, village: str) -> None:
    """What was asked for is done with the rights of the moment."""
    user_id, name = await county.user("township", ABOVE[VILLAGE])
    officer = await county.sign_in(name)
    found = await send(officer, "households", csv(HOUSEHOLDS, [village, 1, "9001"]))
    row = await county.access.database.write(command_line(1), lambda tx: imports.known(tx, 1, UUID(found["id"])))
    await county.owner.execute("UPDATE import SET state = 'running' WHERE id = $1", row["id"])
    admin = await county.sign_in("county-admin")
    assert (await admin.post(f"/v1/users/{user_id}/close")).status_code < 300
    county.app.state.imports_wake.set()
    done = await settled(admin, found["id"])
    assert (done["state"], done["created"]) == ("done", 0)


async def test_a_file_that_ends_the_process_is_not_read_for_ever(
    county: County, officer: Phone, village: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reading dies before it commits, at each start; in the end the file is what is wrong."""
    died = asyncio.Event()

    def dies(*_: Any) -> Any:
        died.set()
        raise asyncio.CancelledError  # nobody rolls back or says goodbye

    said = {"kind": "households", "file_name": "户册.csv"}
    data = csv(HOUSEHOLDS, [village, 1, "9001"])
    monkeypatch.setattr(imports, "_pieces", dies)
    reply = await officer.post("/v1/imports", params=said, content=data, headers={"Content-Type": "text/csv"})
    async with asyncio.timeout(10):
        await died.wait()
    [wanted] = await imports.to_do(county.access, 1)
    for _ in range(2):
        with pytest.raises(asyncio.CancelledError):
            await imports.step(county.access, 1, wanted)
    assert await imports.step(county.access, 1, wanted)
    found = await settled(officer, reply.json()["id"])
    assert (found["state"], [each["code"] for each in found["problems"]]) == ("faulty", ["broke-off"])
    assert await imports.to_do(county.access, 1) == []


# Taking back


async def test_undo_voids_what_it_brought(county: County, officer: Phone, village: str) -> None:
    """And the same file may come again afterwards."""
    worker = await county.sign_in("worker-1")
    _, cursor = await level(worker)
    data = csv(HOUSEHOLDS, [village, 1, "9001"], [village, 1, "9002"])
    found = await brought(officer, "households", data)
    assert len(fold((await level(worker, cursor))[0])) == 2
    undone = await do(officer, found["id"], "undo")
    assert (undone["state"], counts(undone)) == ("undone", {"rows": 2, "done": 2, "created": 2, "undone": 2})
    assert fold((await level(worker, cursor))[0]) == {}
    assert await do(officer, found["id"], "undo") == undone
    refused(await officer.post(f"/v1/imports/{found['id']}/confirm"), 409, "not-now")
    again = await brought(officer, "households", data)
    assert counts(again) == {"rows": 2, "done": 2, "created": 2}
    assert len((await officer.get("/v1/households", params={"number": "9001"})).json()["items"]) == 1


async def test_undo_leaves_what_somebody_has_touched(county: County, officer: Phone, village: str) -> None:
    found = await brought(officer, "households", csv(HOUSEHOLDS, *([village, 1, f"900{n}"] for n in range(4))))
    homes = {n: (await officer.get("/v1/households", params={"number": f"900{n}"})).json()["items"][0] for n in range(4)}
    await officer.patch(f"/v1/households/{homes[1]['id']}", json={"address": "河边"}, headers={"If-Match": '"1"'})
    visit = {"household_id": homes[2]["id"], "visited_on": "2026-11-20", "outcome": "absent"}
    assert (await officer.post("/v1/visits", json=visit)).status_code == 201
    await officer.post(f"/v1/households/{homes[3]['id']}/void", json={"reason": "登记错了"})
    undone = await do(officer, found["id"], "undo")
    assert (undone["undone"], undone["note_count"]) == (2, 2)
    assert {(note["row"], note["code"], note["id"]) for note in undone["notes"]} == {
        (3, "stale", homes[1]["id"]),
        (4, "has-records", homes[2]["id"]),
    }
    for n, voided in ((0, True), (1, False), (2, False), (3, True)):
        assert (await officer.get(f"/v1/households/{homes[n]['id']}")).json()["voided"] is voided


async def test_who_is_said_to_be_the_head_heads_the_household_and_all_can_be_taken_back(
    county: County, officer: Phone, village: str
) -> None:
    homes = await brought(officer, "households", csv(HOUSEHOLDS, *([village, 1, f"900{n}"] for n in range(3))))
    [first, *_] = (await officer.get("/v1/households", params={"number": "9000"})).json()["items"]
    own = (await officer.post("/v1/people", json={"household_id": first["id"], "name": "早在这里"})).json()
    body = {"head_id": own["id"]}
    assert (await officer.patch(f"/v1/households/{first['id']}", json=body, headers={"If-Match": '"1"'})).status_code == 200
    rows = [("9000", "户主"), ("9001", "配偶"), ("9001", "户主"), ("9001", "户主"), ("9002", "户主")]
    data = csv(PEOPLE, *([village, 1, number, f"王{'甲乙丙丁戊'[n]}", "", "", relation] for n, (number, relation) in enumerate(rows)))
    people = await brought(officer, "people", data)
    assert await heads(officer) == ["早在这里", "王丙", "王戊"]
    assert counts(await brought(officer, "people", data)) == {"rows": 5, "done": 5, "unchanged": 5}
    await officer.patch(f"/v1/households/{first['id']}", json={"address": "桥头"}, headers={"If-Match": '"2"'})
    assert (await do(officer, people["id"], "undo"))["undone"] == 5
    assert await heads(officer) == ["早在这里", None, None]
    assert (await do(officer, homes["id"], "undo"))["undone"] == 2


async def heads(phone: Phone) -> list[str | None]:
    """Who heads the households 9000, 9001, 9002."""
    found = []
    for n in range(3):
        [home] = (await phone.get("/v1/households", params={"number": f"900{n}"})).json()["items"]
        found.append((await phone.get(f"/v1/people/{home['head_id']}")).json()["name"] if home["head_id"] else None)
    return found


async def test_undo_is_for_a_day_and_then_the_rows_are_gone(county: County, officer: Phone, village: str) -> None:
    found = await brought(officer, "households", csv(HOUSEHOLDS, [village, 1, "9001"]))
    waits = await send(officer, "households", csv(HOUSEHOLDS, [village, 1, "9002"]))
    rows = "SELECT count(*) FROM import_row WHERE import_id = ANY ($1)"
    ids = [UUID(found["id"]), UUID(waits["id"])]
    await hourly.sweep(county.access)
    assert await county.owner.fetchval(rows, ids) == 2
    await county.owner.execute("UPDATE import SET ended_at = ended_at - interval '25 hours' WHERE id = ANY ($1)", ids)
    # one that was confirmed at the last moment, and is at it still
    await county.owner.execute("UPDATE import SET state = 'running' WHERE id = $1", ids[1])
    await hourly.sweep(county.access)
    assert await county.owner.fetchval(rows, ids) == 1
    old = "UPDATE import SET state = 'ready', ended_at = now() - interval '25 hours' WHERE id = $1"
    await county.owner.execute(old, ids[1])
    refused(await officer.post(f"/v1/imports/{found['id']}/undo"), 409, "not-now")
    await hourly.sweep(county.access)
    assert await county.owner.fetchval(rows, ids) == 0
    assert (await settled(officer, waits["id"]))["state"] == "undone"
    assert (await officer.get("/v1/households", params={"number": "9001"})).json()["items"]


async def at(phone: Phone, number: str) -> list[dict[str, Any]]:
    """The households of this number."""
    return list((await phone.get("/v1/households", params={"number": number})).json()["items"])


async def made(phone: Phone, path: str, **body: Any) -> dict[str, Any]:
    creates = path.count("/") == 2
    reply = await phone.post(path, json=body, params={"confirm": "true"} if creates else {})
    assert reply.status_code in (200, 201), reply.text
    return dict(reply.json())


async def test_undo_leaves_people_whom_something_names(county: County, officer: Phone, village: str) -> None:
    """Met on a visit, followed up, made head by somebody; the last one is named by nothing."""
    await brought(officer, "households", csv(HOUSEHOLDS, [village, 1, "9001"]))
    [home] = await at(officer, "9001")
    people = await brought(officer, "people", csv(PEOPLE, *([village, 1, "9001", f"王{n}"] for n in "甲乙丙丁戊")))
    ids = {p["name"][1]: p["id"] for p in (await officer.get("/v1/people", params={"household_id": home["id"]})).json()["items"]}
    here = {"household_id": home["id"]}
    await made(officer, "/v1/visits", **here, visited_on="2026-11-20", outcome="met", met_ids=[ids["甲"]])
    await made(officer, "/v1/follow-ups", **here, reason="elder_care", due_on="2026-11-23", person_id=ids["乙"])
    gone = await made(officer, "/v1/follow-ups", **here, reason="elder_care", due_on="2026-11-24", person_id=ids["戊"])
    await made(officer, f"/v1/follow-ups/{gone['id']}/void", reason="登记错了")
    [home] = await at(officer, "9001")
    heads = {"If-Match": f'"{home["rev"]}"'}
    assert (await officer.patch(f"/v1/households/{home['id']}", json={"head_id": ids["丙"]}, headers=heads)).status_code == 200
    undone = await do(officer, people["id"], "undo")
    assert (undone["undone"], {note["id"] for note in undone["notes"]}) == (2, {ids["甲"], ids["乙"], ids["丙"]})
    assert {note["code"] for note in undone["notes"]} == {"has-records"}


async def test_the_same_file_after_a_join_and_a_part(county: County, officer: Phone, village: str) -> None:
    """Who is one with another person is there; so is who was parted again. Who was voided since is not."""
    await brought(officer, "households", csv(HOUSEHOLDS, [village, 1, "9001"]))
    [home] = await at(officer, "9001")
    data = csv(PEOPLE, [village, 1, "9001", "王甲"])
    await brought(officer, "people", data)
    [person] = (await officer.get("/v1/people", params={"household_id": home["id"]})).json()["items"]
    other = await made(officer, "/v1/people", household_id=home["id"], name="王乙")
    await made(officer, f"/v1/people/{person['id']}/join", into_id=other["id"])
    assert counts(await brought(officer, "people", data)) == {"rows": 1, "done": 1, "unchanged": 1}
    assert (await officer.post(f"/v1/people/{person['id']}/part")).status_code == 200
    assert counts(await brought(officer, "people", data)) == {"rows": 1, "done": 1, "unchanged": 1}
    assert (await officer.post(f"/v1/people/{person['id']}/void", json={"reason": "登记错了"})).status_code == 200
    assert counts(await brought(officer, "people", data)) == {"rows": 1, "done": 1, "created": 1}


async def test_a_number_that_a_merged_household_shares(county: County, officer: Phone, village: str) -> None:
    """It names the other one; where it is the only one, it is still meant, since ids of earlier imports hang below it."""
    await brought(officer, "households", csv(HOUSEHOLDS, [village, 1, "9001"], [village, 1, "9002"]))
    [one], [other] = await at(officer, "9001"), await at(officer, "9002")
    data = csv(PEOPLE, [village, 1, "9001", "王甲"])
    await brought(officer, "people", data)
    await made(officer, f"/v1/households/{one['id']}/merge", into_id=other["id"])
    assert (await brought(officer, "people", data))["unchanged"] == 1
    new = await made(officer, "/v1/households", place_id=one["place_id"], number="9001")
    await brought(officer, "people", csv(PEOPLE, [village, 1, "9001", "王乙"]))
    [person] = (await officer.get("/v1/people", params={"household_id": new["id"]})).json()["items"]
    assert person["name"] == "王乙"


async def test_a_double_that_was_made_meanwhile_is_noted(county: County, officer: Phone, village: str) -> None:
    """One that was noted before is not noted again."""
    await brought(officer, "households", csv(HOUSEHOLDS, [village, 1, "9001"]))
    [home] = await at(officer, "9001")
    await made(officer, "/v1/people", household_id=home["id"], name="王乙")
    found = await send(officer, "people", csv(PEOPLE, [village, 1, "9001", "王甲"], [village, 1, "9001", "王 乙", "", "1950-01-01"]))
    before = found["note_count"]
    double = await made(officer, "/v1/people", household_id=home["id"], name="王甲")
    done = await do(officer, found["id"])
    assert (done["created"], done["note_count"]) == (2, before + 1)
    assert [note["row"] for note in done["notes"] if note["id"] == double["id"]] == [2]


# Who may


async def test_who_imports(county: County, village: str) -> None:
    data, said = csv(HOUSEHOLDS, [village, 1, "9001"]), {"kind": "households", "file_name": "户册.csv"}
    officer, neighbour = await county.sign_in("township-1"), await county.sign_in("township-2")
    admin = await county.sign_in("county-admin")
    mine, of_county = await send(officer, "households", data), await send(admin, "households", data)
    for name in ("worker-1", "lead-1", "head-1"):
        phone = await county.sign_in(name)
        for reply in (
            await phone.post("/v1/imports", params=said, content=data, headers={"Content-Type": "text/csv"}),
            await phone.get("/v1/imports"),
            await phone.get(f"/v1/imports/{mine['id']}"),
            await phone.post(f"/v1/imports/{mine['id']}/confirm"),
            await phone.get("/v1/import-templates/people"),
        ):
            refused(reply, 403, "not-allowed")
    for phone, import_id in ((neighbour, mine["id"]), (neighbour, of_county["id"]), (officer, of_county["id"]), (officer, str(uuid4()))):
        refused(await phone.get(f"/v1/imports/{import_id}"), 404, "not-found")
        refused(await phone.post(f"/v1/imports/{import_id}/confirm"), 404, "not-found")
        refused(await phone.post(f"/v1/imports/{import_id}/undo"), 404, "not-found")
    seen = {}
    for name, phone in (("officer", officer), ("neighbour", neighbour), ("admin", admin)):
        page = (await phone.get("/v1/imports", params={"limit": 1})).json()
        rest = (await phone.get("/v1/imports", params={"cursor": page["next"]})).json()["items"] if page["next"] else []
        seen[name] = [item["id"] for item in (*page["items"], *rest)]
    demos = str(demo.IMPORT_ID)
    assert seen == {"officer": [mine["id"], demos], "neighbour": [], "admin": [of_county["id"], mine["id"], demos]}


async def test_what_is_not_taken(county: County, officer: Phone) -> None:
    said = {"kind": "households", "file_name": "户册.csv"}
    refused(await officer.post("/v1/imports", params=said, content=b"x", headers={"Content-Type": "text/html"}), 415, "wrong-media-type")
    large = await officer.post("/v1/imports", params=said, content=bytes(20_000_001), headers={"Content-Type": "text/csv"})
    refused(large, 413, "too-large")
    for params in (
        {"kind": "cats", "file_name": "x"},
        {"kind": "people"},
        {**said, "more": "1"},
        {**said, "file_name": "a\0b"},
        {**said, "file_name": "a\nb"},
    ):
        assert (await officer.post("/v1/imports", params=params, content=b"", headers={"Content-Type": "text/csv"})).status_code == 422
    refused(await officer.get("/v1/import-templates/cats"), 404, "not-found")
