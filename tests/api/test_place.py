"""Places over HTTP: reading them, villagers' groups, and files of divisions."""

import gzip
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest

from api import accounts, demo, places
from api.db.session import Tx
from api.kinds import PLACE
from api.rules.caller import command_line
from api.rules.division_file import Register
from tests.conftest import Databases, Phone, SignIn, client, running
from tests.county import refused


async def pages(phone: Phone, **params: Any) -> list[dict[str, Any]]:
    """Every item, page after page."""
    items: list[dict[str, Any]] = []
    following: dict[str, Any] = {}
    while True:
        page = (await phone.get("/v1/places", params={**params, **following})).json()
        items += page["items"]
        if page["next"] is None:
            return items
        assert following.get("cursor") != page["next"]  # it goes on
        following = {"cursor": page["next"]}


async def a_village(phone: Phone, name: str = "柳湾村") -> dict[str, Any]:
    return next(place for place in await pages(phone, level="village", limit=200) if place["name"] == name)


# Reading


async def test_a_village_carries_all_its_members(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    village = await a_village(worker)
    read = await worker.get(f"/v1/places/{village['id']}")
    assert (read.headers["etag"], read.json()) == ('"1"', village)
    [township] = await pages(worker, level="township")
    wanted = {
        "rev": 1,
        "voided": False,
        "created_by": None,
        "code": "990101100201",
        "name": "柳湾村",
        "level": "village",
        "group_number": None,
        "parent_id": township["place_id"],
        "successor_ids": [],
        "valid_from": None,
        "valid_to": None,
        "valid_to_provisional": False,
        "former_names": [],
    }
    assert village.items() >= wanted.items()
    assert set(village) == set(wanted) | {"id", "place_id", "created_at", "updated_at"}


async def test_the_county_is_place_1_and_has_nothing_above(sign_in: SignIn) -> None:
    [county] = await pages(await sign_in("worker-1"), level="county")
    assert (county["place_id"], county["parent_id"], county["code"]) == (1, None, demo.COUNTY_CODE)


@pytest.mark.parametrize("username", ["county-admin", "township-1", "worker-1", "lead-1"])
async def test_paging_gives_everything_once_in_order_of_numbers(sign_in: SignIn, username: str) -> None:
    phone = await sign_in(username)
    singly, by_seven, at_once = [await pages(phone, limit=limit) for limit in (1, 7, 200)]
    assert singly == by_seven == at_once
    numbers = [place["place_id"] for place in at_once]
    assert numbers == sorted(set(numbers))


async def test_each_filter_gives_those_that_fit(sign_in: SignIn) -> None:
    county = await sign_in("county-admin")
    everything = await pages(county, limit=200)
    village = await a_village(county)
    filters: list[tuple[dict[str, Any], Callable[[dict[str, Any]], bool]]] = [
        *(({"level": level}, lambda p, level=level: p["level"] == level) for level in ("county", "township", "village", "group")),
        ({"parent_id": village["place_id"]}, lambda p: p["parent_id"] == village["place_id"]),
        ({"code": village["code"]}, lambda p: p["code"] == village["code"]),
        ({"level": "village", "parent_id": village["parent_id"]}, lambda p: p["parent_id"] == village["parent_id"]),
    ]
    assert {name for params, _ in filters for name in params} == set(PLACE.documents.filters)
    for params, fits in filters:
        found = await pages(county, limit=5, **params)
        assert found == [place for place in everything if fits(place)], params
        assert found
    assert await pages(county, code="110101001001") == []


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "?limit"),
        ("limit=201", "?limit"),
        ("name=x", "?name"),
        ("level=province", "?level"),
        ("code=9901", "?code"),
        ("code=99010110020x", "?code"),
        ("parent_id=0", "?parent_id"),
        ("parent_id=99999999999", "?parent_id"),
    ],
)
async def test_unknown_and_odd_query_parameters_are_refused(sign_in: SignIn, query: str, pointer: str) -> None:
    refused(await (await sign_in("worker-1")).get(f"/v1/places?{query}"), 422, "invalid", pointer)


async def test_a_cursor_goes_with_its_own_list_and_filters(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    given = (await worker.get("/v1/places", params={"limit": 2})).json()["next"]
    refused(await worker.get("/v1/places", params={"cursor": given, "level": "group"}), 422, "bad-cursor")
    refused(await worker.get("/v1/households", params={"cursor": given}), 422, "bad-cursor")


# Villagers' groups


@pytest.mark.parametrize("username", ["county-admin", "township-1"])
async def test_an_officer_makes_a_group_and_the_villages_workers_hold_it_at_once(sign_in: SignIn, username: str) -> None:
    officer, worker = await sign_in(username), await sign_in("worker-1")
    village = await a_village(officer)
    number = {"county-admin": 97, "township-1": 98}[username]
    reply = await officer.post("/v1/places", json={"parent_id": village["place_id"], "group_number": number})
    group = reply.json()
    assert (reply.status_code, reply.headers["etag"]) == (201, '"1"')
    assert reply.headers["location"] == f"/v1/places/{group['id']}"
    said = {"level": "group", "code": None, "group_number": number, "parent_id": village["place_id"], "name": f"第{number}村民小组"}
    assert group.items() >= {**said, "valid_to": None, "created_by": (await officer.get("/v1/me")).json()["id"]}.items()
    assert (await worker.get(f"/v1/places/{group['id']}")).json() == group
    [first] = (await worker.get(f"/v1/places/{group['id']}/revisions")).json()["items"]
    assert (first["rev"], first["by_user_id"], first["changes"]) == (1, group["created_by"], None)
    household = {"place_id": group["place_id"], "number": uuid4().hex[:8]}
    assert (await worker.post("/v1/households", json=household)).status_code == 201
    again = await officer.post("/v1/places", json={"parent_id": village["place_id"], "group_number": number})
    refused(again, 409, "number-taken", "/group_number")
    repeat = await officer.post("/v1/places", json={"id": group["id"], "parent_id": village["place_id"], "group_number": number})
    assert (repeat.status_code, repeat.json()) == (200, group)


async def test_a_group_may_have_a_name_of_its_own(sign_in: SignIn) -> None:
    officer = await sign_in("township-1")
    village = await a_village(officer, "杏花村")
    reply = await officer.post("/v1/places", json={"parent_id": village["place_id"], "group_number": 96, "name": " 坡上组 "})
    assert (reply.status_code, reply.json()["name"]) == (201, "坡上组")
    reply = await officer.post("/v1/places", json={"parent_id": village["place_id"], "group_number": 95, "name": "超生户组"})
    refused(reply, 422, "refused-word", "/name")


async def test_a_group_lies_below_a_village_and_nothing_else(sign_in: SignIn) -> None:
    officer = await sign_in("township-1")
    [township] = await pages(officer, level="township")
    [group] = (await officer.get("/v1/places", params={"level": "group", "limit": 1})).json()["items"]
    for place in (township, group):
        reply = await officer.post("/v1/places", json={"parent_id": place["place_id"], "group_number": 5})
        refused(reply, 422, "not-a-village", "/parent_id")


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("group_number", 0),
        ("group_number", 100),
        ("group_number", "7"),
        ("name", " "),
        ("name", "长" * 51),
        ("parent_id", 0),
        ("code", "1"),
    ],
)
async def test_every_fault_of_a_group_is_named_by_its_place(sign_in: SignIn, member: str, value: Any) -> None:
    officer = await sign_in("township-1")
    body = {"parent_id": (await a_village(officer))["place_id"], "group_number": 95, member: value}
    refused(await officer.post("/v1/places", json=body), 422, "invalid", "" if member == "code" else f"/{member}")


# Files of divisions: in a county of its own, which has nothing yet but itself and its administrator

REGISTER = "code12,name,level,urban_rural_class,parent"
CHANGES = "level,old_code12,old_name,new_code12,new_name,between_snapshots,kind,evidence"
COUNTY = "990101000000,青禾县,county,,"
TOWNSHIP = "990101100000,青禾镇,township,,990101000000"
VILLAGES = (
    "990101100201,柳湾村,village,220,990101100000",
    "990101100202,杏花村,village,220,990101100000",
    "990101100203,石磨村,village,220,990101100000",
)


def csv(*lines: str) -> bytes:
    return "".join(line + "\n" for line in lines).encode()


@pytest.fixture
async def desk(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Phone]:
    """The administrator of a county that has been set up with the command line."""
    async with running(await databases.new(), tmp_path_factory.mktemp("var")) as app:
        access, password = app.state.access, "lianxi-daoru-2026"
        county_id = await access.database.plain(lambda tx: places.new_county(tx, demo.COUNTY_CODE))
        server = command_line(county_id, (0,))
        file = places.read_file(csv(REGISTER, COUNTY), demo.COUNTY_CODE)
        assert isinstance(file, Register)
        password_hash = await app.state.passwords.hash(password)

        async def set_up(tx: Tx) -> None:
            today, now = access.today(), access.now()
            await places.import_places(tx, server, demo.COUNTY_CODE, file, today=today, now=now)
            await accounts.create(
                tx, server, user_id=uuid4(), username="desk", name="管理员", role="county", home=1, place_ids=[1],
                password_hash=password_hash, temporary=False, now=now,
            )  # fmt: skip

        await access.database.write(server, set_up)
        async with client(app) as phone:
            form = {"grant_type": "password", "username": "desk", "password": password}
            tokens = (await phone.post("/v1/auth/token", data=form)).json()
            phone.headers["Authorization"] = f"Bearer {tokens['access_token']}"
            yield phone


async def send(phone: Phone, data: bytes, **headers: str) -> httpx.Response:
    return await phone.post("/v1/places/import", content=data, headers={"Content-Type": "text/csv", **headers})


async def by_code(phone: Phone) -> dict[str, dict[str, Any]]:
    return {place["code"]: place for place in await pages(phone, limit=200)}


async def test_a_register_brings_the_places_and_again_changes_nothing(desk: Phone) -> None:
    data = csv(REGISTER, "990000000000,某省,province,,", COUNTY, TOWNSHIP, *VILLAGES)
    first = await send(desk, data)
    assert (first.status_code, first.json()) == (200, {"created": 4, "changed": 0, "left_out": 1, "warnings": []})
    stored = await by_code(desk)
    assert {code: place["name"] for code, place in stored.items()} == {
        "990101000000": "青禾县",
        "990101100000": "青禾镇",
        "990101100201": "柳湾村",
        "990101100202": "杏花村",
        "990101100203": "石磨村",
    }
    assert stored["990101100201"]["parent_id"] == stored["990101100000"]["place_id"]
    assert stored["990101100000"]["parent_id"] == stored["990101000000"]["place_id"] == 1
    for same in (data, csv(REGISTER, COUNTY, *reversed(VILLAGES), TOWNSHIP), data.decode().encode("gb18030"), b"\xef\xbb\xbf" + data):
        again = await send(desk, same)
        assert (again.status_code, again.json()["created"], again.json()["changed"]) == (200, 0, 0)
    assert (await send(desk, gzip.compress(data), **{"Content-Encoding": "gzip"})).json()["changed"] == 0
    assert await by_code(desk) == stored


async def test_a_register_brings_a_new_name_and_keeps_the_old_one(desk: Phone) -> None:
    await send(desk, csv(REGISTER, COUNTY, TOWNSHIP, *VILLAGES))
    renamed = (VILLAGES[0].replace("柳湾村", "柳湾新村"), *VILLAGES[1:])
    reply = await send(desk, csv(REGISTER, COUNTY, TOWNSHIP, *renamed))
    assert (reply.json()["created"], reply.json()["changed"]) == (0, 1)
    village = (await by_code(desk))["990101100201"]
    assert (village["name"], village["former_names"], village["rev"]) == ("柳湾新村", ["柳湾村"], 2)
    trail = (await desk.get(f"/v1/places/{village['id']}/revisions")).json()["items"]
    assert trail[1]["changes"] == {"name": ["柳湾村", "柳湾新村"], "former_names": [[], ["柳湾村"]]}
    assert trail[1]["by_user_id"] == (await desk.get("/v1/me")).json()["id"]


async def test_a_register_cut_short_closes_nothing(desk: Phone) -> None:
    await send(desk, csv(REGISTER, COUNTY, TOWNSHIP, *VILLAGES))
    reply = await send(desk, csv(REGISTER, COUNTY, TOWNSHIP, VILLAGES[0]), **{"Accept-Language": "en"})
    assert (reply.json()["created"], reply.json()["changed"]) == (0, 0)
    assert [warning["code"] for warning in reply.json()["warnings"]] == ["vanished", "vanished"]
    assert all("not closed" in warning["detail"] for warning in reply.json()["warnings"])
    assert all(place["valid_to"] is None for place in (await by_code(desk)).values())


async def test_a_table_of_changes_renames_and_merges_and_leaves_out_other_counties(desk: Phone) -> None:
    await send(desk, csv(REGISTER, COUNTY, TOWNSHIP, *VILLAGES))
    data = csv(
        CHANGES,
        "village,990101100201,柳湾村,990101100201,柳湾新村,2024..2025,renamed,公告",
        "village,990101100202,杏花村,990101100203,石磨村,2024..2025,merged,公告",
        "village,371603205598,海防渔业社虚拟生活区,371603400598,海防渔业社虚拟生活区,2018..2019,recoded,对照",
    )
    reply = await send(desk, data)
    assert (reply.status_code, reply.json()) == (200, {"created": 0, "changed": 2, "left_out": 1, "warnings": []})
    stored = await by_code(desk)
    assert (stored["990101100201"]["name"], stored["990101100201"]["former_names"]) == ("柳湾新村", ["柳湾村"])
    merged = stored["990101100202"]
    assert (merged["valid_to"], merged["valid_to_provisional"]) == ("2025-12-31", True)
    assert merged["successor_ids"] == [stored["990101100203"]["place_id"]]
    again = await send(desk, data)
    assert (again.json()["created"], again.json()["changed"]) == (0, 0)
    assert await by_code(desk) == stored


async def test_of_a_bad_file_every_fault_is_told_and_nothing_imported(desk: Phone) -> None:
    before = await by_code(desk)
    data = csv(
        REGISTER,
        COUNTY,
        TOWNSHIP,
        VILLAGES[0],
        "99010110020,记号村,village,,990101100000",
        "990101100203,,village,,990101100000",
        VILLAGES[0],
        "990101100204,记号村,hamlet,,990101100000",
        "990101200205,记号村,village,,990101100000",
        "990200100201,记号村,village,,990200100000",
    )
    for language, words in (("zh", "应为 12 位数字的区划代码"), ("en", "must be a division code of 12 digits")):
        reply = await send(desk, data, **{"Accept-Language": language})
        problem = reply.json()
        assert (reply.status_code, problem["type"], problem["count"]) == (422, "/problems/bad-file", len(problem["errors"]))
        told = [(fault["line"], fault["column"], fault["code"]) for fault in problem["errors"]]
        assert told == sorted(told, key=lambda fault: fault[0])
        assert {(5, "code12", "bad-code"), (6, "name", "name-missing"), (7, "code12", "duplicate-code"), (8, "level", "bad-level")} <= set(
            told
        )
        assert {(9, "parent", "bad-parent"), (10, "code12", "other-county")} <= set(told)
        assert words in [fault["detail"] for fault in problem["errors"]]
        assert "记号村" not in reply.text
    assert await by_code(desk) == before


async def test_of_bad_changes_nothing_is_imported(desk: Phone) -> None:
    await send(desk, csv(REGISTER, COUNTY, TOWNSHIP, *VILLAGES))
    before = await by_code(desk)
    data = csv(
        CHANGES,
        "village,990101100201,柳湾村,990101100201,柳湾新村,2024..2025,renamed,公告",
        "village,990101100202,杏花村,990101100203,石磨村,2025..2024,merged,公告",
        "village,990101100203,石磨村,990101100203,记号村,2024..2025,vanished,公告",
    )
    reply = await send(desk, data)
    assert (reply.status_code, reply.json()["type"]) == (422, "/problems/bad-file")
    told = [(fault["line"], fault["column"], fault["code"]) for fault in reply.json()["errors"]]
    assert told == [(3, "between_snapshots", "bad-snapshots"), (4, "kind", "unknown-kind")]
    assert "记号村" not in reply.text
    assert await by_code(desk) == before


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"name\nx\n", "missing-column"),
        (csv(REGISTER, COUNTY)[:-9] + b"\xff\xff\xff", "encoding"),
        ("code12,name\n".encode("utf-16-le"), "nul"),
        (csv(REGISTER, "1,2"), "ragged"),
        (csv(REGISTER, '"1,2'), "quoting"),
        (csv(REGISTER, TOWNSHIP), "no-county"),
        (csv(REGISTER, "990201000000,另一县,county,,"), "other-county"),
    ],
)
async def test_what_is_no_file_of_this_county_is_refused(sign_in: SignIn, data: bytes, code: str) -> None:
    county = await sign_in("county-admin")
    before = await pages(county, limit=200)
    reply = await send(county, data)
    assert (reply.status_code, reply.json()["type"]) == (422, "/problems/bad-file")
    assert code in {fault["code"] for fault in reply.json()["errors"]}
    assert await pages(county, limit=200) == before


async def test_a_file_comes_as_csv(sign_in: SignIn) -> None:
    county = await sign_in("county-admin")
    refused(await send(county, csv(REGISTER, COUNTY), **{"Content-Type": "application/json"}), 415, "wrong-media-type")
    refused(await send(county, csv(REGISTER, COUNTY), **{"Content-Encoding": "br"}), 400, "bad-encoding")


@pytest.mark.parametrize("username", ["township-1", "worker-1", "lead-1", "head-1"])
async def test_only_the_county_imports(sign_in: SignIn, username: str) -> None:
    refused(await send(await sign_in(username), csv(REGISTER, COUNTY, TOWNSHIP)), 403, "not-allowed")
