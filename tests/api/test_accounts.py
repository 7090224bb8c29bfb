"""Users are made and kept by whoever is above them, never with more than the own right; a right that goes bites on the next request."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from api import accounts, demo, places
from api.rules.caller import command_line
from api.rules.division_file import Register
from api.sign_in import Passwords
from tests.conftest import QUICK, Databases, Phone, SignIn, client, running
from tests.county import slug

pytestmark = pytest.mark.usefixtures("quick")
CODES = {
    name: demo.COUNTY_CODE[:6] + rest
    for name, rest in {
        "county": "000000", "town": "100000", "other town": "101000",
        "village": "100201", "other village": "100202", "far village": "101201",
    }.items()
}  # fmt: skip


@pytest.fixture
async def place(sign_in: SignIn) -> dict[str, int]:
    """The numbers of some places of the demonstration county, by what they are here."""
    county = await sign_in("county-admin")
    found = {p["code"]: p["place_id"] for p in (await county.get("/v1/places", params={"limit": 200})).json()["items"] if p["code"]}
    numbers = {name: found[code] for name, code in CODES.items()}
    groups = (await county.get("/v1/places", params={"parent_id": numbers["village"]})).json()["items"]
    return {**numbers, "group": groups[0]["place_id"], "other group": groups[1]["place_id"]}


async def make(phone: httpx.AsyncClient, role: str, *place_ids: int, **more: Any) -> httpx.Response:
    body = {"username": f"u-{uuid4().hex[:12]}", "name": "李明", "role": role, "place_ids": place_ids, **more}
    return await phone.post("/v1/users", json=body)


async def made(phone: httpx.AsyncClient, role: str, *place_ids: int) -> dict[str, Any]:
    reply = await make(phone, role, *place_ids)
    assert reply.status_code == 201, reply.text
    return dict(reply.json())


async def signed_in(app: Any, user: dict[str, Any]) -> Phone:
    phone = client(app)
    form = {"grant_type": "password", "username": user["username"], "password": user["password"]}
    reply = await phone.post("/v1/auth/token", data=form)
    assert reply.status_code == 200, reply.text
    phone.tokens = reply.json()
    phone.headers["Authorization"] = f"Bearer {phone.tokens['access_token']}"
    return phone


async def names(phone: httpx.AsyncClient, **params: Any) -> list[str]:
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await phone.get("/v1/users", params={**params, **({"cursor": cursor} if cursor else {})})).json()
        found += [user["username"] for user in page["items"]]
        cursor = page["next"]
    return found


# Making


async def test_a_new_user_has_a_first_password_that_is_shown_once(app: Any, sign_in: SignIn, place: dict[str, int]) -> None:
    township = await sign_in("township-1")
    reply = await make(township, "village", place["village"])
    assert reply.headers["cache-control"] == "no-store"
    user = reply.json()
    assert user.keys() == {"id", "username", "name", "role", "places", "created_at", "closed_at", "password"}
    assert [(p["place_id"], p["level"], p["reach"], p["code"]) for p in user["places"]] == [
        (place["village"], "village", "below", CODES["village"])
    ]
    phone = await signed_in(app, user)
    assert (await phone.get("/v1/me")).json()["password_temporary"] is True
    assert (await phone.get("/v1/households")).json()["items"]
    shown = (await township.get("/v1/users", params={"limit": 200})).text
    assert user["username"] in shown
    assert user["password"] not in shown
    assert "hash" not in shown


async def test_nobody_makes_more_than_the_own_right(sign_in: SignIn, place: dict[str, int]) -> None:
    county, township = await sign_in("county-admin"), await sign_in("township-1")
    assert slug(await make(township, "county", place["county"])) == (403, "not-allowed")
    assert slug(await make(township, "township", place["town"])) == (403, "not-allowed")
    for elsewhere in (place["far village"], place["county"], place["other town"], 999_999):
        assert slug(await make(township, "village", elsewhere)) == (404, "not-found")
        assert slug(await make(township, "village", place["village"], elsewhere)) == (404, "not-found")
    for username in ("worker-1", "lead-1", "head-1"):
        phone = await sign_in(username)
        assert slug(await make(phone, "village", place["village"])) == (403, "not-allowed")
        assert slug(await phone.get("/v1/users")) == (403, "not-allowed")
    for role, number in (("county", place["county"]), ("township", place["other town"]), ("household_head", place["group"])):
        assert (await make(county, role, number)).status_code == 201


@pytest.mark.parametrize(
    ("role", "where"),
    [("county", "town"), ("township", "county"), ("township", "village"), ("village", "town"), ("household_head", "village")],
)
async def test_a_role_goes_with_a_level(sign_in: SignIn, place: dict[str, int], role: str, where: str) -> None:
    reply = await make(await sign_in("county-admin"), role, place[where])
    assert slug(reply) == (422, "wrong-reach")
    assert reply.json()["errors"][0]["pointer"] == "/place_ids"


async def test_user_names(sign_in: SignIn, place: dict[str, int]) -> None:
    township = await sign_in("township-1")
    for bad in ("ab", "Worker", "a b c", "-abc", "x" * 41, "王芳王芳", "abc\n", ""):
        reply = await make(township, "village", place["village"], username=bad)
        assert (slug(reply), reply.json()["errors"][0]["pointer"]) == ((422, "invalid"), "/username"), bad
    reply = await make(township, "village", place["village"], username="county-admin")
    assert (slug(reply), reply.json()["errors"][0]["pointer"]) == ((409, "username-taken"), "/username")
    for bad in ("", " ", "x" * 51, "a\nb"):
        assert (await make(township, "village", place["village"], name=bad)).json()["errors"][0]["pointer"] == "/name"
    reply = await make(township, "village", place["village"], name=" 阿依古丽•买买提 ")
    assert reply.json()["name"] == "阿依古丽·买买提"


async def test_the_same_name_twice_at_once_is_made_once(sign_in: SignIn, place: dict[str, int]) -> None:
    township, name = await sign_in("township-1"), f"u-{uuid4().hex[:8]}"
    replies = await asyncio.gather(*(make(township, "village", place["village"], username=name) for _ in range(5)))
    assert sorted(reply.status_code for reply in replies) == [201, 409, 409, 409, 409]


# Whom one looks after


async def test_a_township_touches_nobody_of_another_nor_above(sign_in: SignIn, place: dict[str, int]) -> None:
    county, township = await sign_in("county-admin"), await sign_in("township-1")
    beyond = [
        await made(county, "village", place["far village"]),
        await made(county, "township", place["town"]),
        await made(county, "county", place["county"]),
        {"id": str(uuid4())},
        {"id": "no-uuid"},
    ]
    first: Any = None
    for user in beyond:
        path = f"/v1/users/{user['id']}"
        replies = [
            await township.patch(path, json={"name": "x"}),
            await township.post(f"{path}/places", json={"place_id": place["village"]}),
            await township.post(f"{path}/places/{place['village']}/revoke"),
            await township.post(f"{path}/close"),
            await township.post(f"{path}/reset-password"),
        ]
        for reply in replies:
            assert slug(reply) == (404, "not-found")
            first = first or reply
            assert reply.json() == first.json()
    for username in ("worker-1", "head-1"):
        assert slug(await (await sign_in(username)).post(f"/v1/users/{beyond[0]['id']}/close")) == (403, "not-allowed")


async def test_who_holds_a_place_elsewhere_too_is_the_countys(sign_in: SignIn, place: dict[str, int]) -> None:
    """Otherwise a township's officer could set that user's password, and look at the other township through it."""
    county, township, other = await sign_in("county-admin"), await sign_in("township-1"), await sign_in("township-2")
    user = await made(township, "village", place["village"])
    path = f"/v1/users/{user['id']}"
    assert (await county.post(f"{path}/places", json={"place_id": place["far village"]})).status_code == 200
    for officer in (township, other):
        assert slug(await officer.post(f"{path}/reset-password")) == (404, "not-found")
        assert user["username"] not in await names(officer, limit=200)
    assert (await county.post(f"{path}/places/{place['village']}/revoke")).status_code == 200
    assert slug(await township.post(f"{path}/reset-password")) == (404, "not-found")
    assert (await other.post(f"{path}/reset-password")).status_code == 200  # the account has moved with the place


async def test_the_list_pages_and_filters(sign_in: SignIn, place: dict[str, int]) -> None:
    county, township = await sign_in("county-admin"), await sign_in("township-1")
    user, closed = await made(township, "village", place["village"]), await made(township, "household_head", place["group"])
    assert (await township.post(f"/v1/users/{closed['id']}/close")).json()["closed_at"]
    whole = await names(county, limit=200)
    assert whole == sorted(whole) == await names(county, limit=3)
    assert {"county-admin", "township-2", "worker-4", "head-1", user["username"]} <= set(whole)
    assert closed["username"] not in whole
    mine = await names(township, limit=4)
    assert {"worker-1", "worker-3", "lead-1", "head-2", user["username"]} <= set(mine)
    assert not {"county-admin", "township-1", "township-2", "worker-4"} & set(mine)
    heads = await names(township, role="household_head", limit=2)
    assert {"lead-1", "head-1", "head-2"} <= set(heads)
    assert "worker-1" not in heads
    assert closed["username"] in await names(township, voided="true")
    assert user["username"] not in await names(township, voided="true")
    page = (await township.get("/v1/users", params={"limit": 2})).json()
    for params in ({"cursor": page["next"], "role": "village"}, {"cursor": "x"}, {"cursor": page["next"][:-2]}):
        assert slug(await township.get("/v1/users", params=params)) == (422, "bad-cursor")
    for params in ({"nonsense": "1"}, {"limit": "0"}, {"limit": "201"}, {"role": "king"}):
        assert slug(await township.get("/v1/users", params=params)) == (422, "invalid")


# Changing what a user may, with the same access token in the user's hand


async def test_a_place_taken_or_given_counts_on_the_next_request(app: Any, sign_in: SignIn, place: dict[str, int]) -> None:
    township = await sign_in("township-1")
    user = await made(township, "village", place["village"])
    phone, path = await signed_in(app, user), f"/v1/users/{user['id']}/places"
    assert (await phone.get("/v1/households")).json()["items"]
    assert (await township.post(f"{path}/{place['village']}/revoke")).json()["places"] == []
    assert (await phone.get("/v1/households")).json()["items"] == []
    assert (await phone.get("/v1/me")).json()["places"] == []
    assert (await township.post(path, json={"place_id": place["other village"]})).status_code == 200
    assert {p["place_id"] for p in (await phone.get("/v1/me")).json()["places"]} == {place["other village"]}
    assert (await phone.get("/v1/households")).json()["items"]
    for bad, problem in (
        ({"place_id": place["far village"]}, (404, "not-found")),
        ({"place_id": place["town"]}, (422, "wrong-reach")),
        ({"place_id": 2**31}, (422, "invalid")),
        ({"place_id": place["village"], "reach": "all"}, (422, "invalid")),
    ):
        assert slug(await township.post(path, json=bad)) == problem
    for number in ("0", "x", str(2**31), "9" * 30):
        assert slug(await township.post(f"{path}/{number}/revoke")) == (404, "not-found")


async def test_an_officer_holds_all_that_lies_below(sign_in: SignIn, place: dict[str, int]) -> None:
    county = await sign_in("county-admin")
    officer = await made(county, "township", place["town"])
    reply = await county.post(f"/v1/users/{officer['id']}/places", json={"place_id": place["other town"], "reach": "self"})
    assert (slug(reply), reply.json()["errors"][0]["pointer"]) == ((422, "wrong-reach"), "/reach")


async def test_a_new_role_counts_on_the_next_request(app: Any, sign_in: SignIn, place: dict[str, int]) -> None:
    county = await sign_in("county-admin")
    user = await made(county, "county", place["county"])
    phone, path = await signed_in(app, user), f"/v1/users/{user['id']}"
    assert await names(phone)
    reply = await county.patch(path, json={"role": "village"})  # county, demoted
    assert (reply.json()["role"], reply.json()["places"]) == ("village", [])
    assert slug(await phone.get("/v1/users")) == (403, "not-allowed")
    assert slug(await make(phone, "village", place["village"])) == (403, "not-allowed")
    assert (await phone.get("/v1/households")).json()["items"] == []
    await county.post(f"{path}/places", json={"place_id": place["village"]})
    assert (await phone.get("/v1/households")).json()["items"]
    await county.patch(path, json={"role": "township"})  # promoted, with a token that still says county
    assert (await county.post(f"{path}/places", json={"place_id": place["other town"]})).status_code == 200
    assert "worker-4" in await names(phone, limit=200)
    assert (await phone.get("/v1/me")).json()["role"] == "township"


async def test_a_promoted_worker_needs_no_new_token(app: Any, sign_in: SignIn, place: dict[str, int]) -> None:
    county = await sign_in("county-admin")
    user = await made(county, "village", place["village"])
    phone = await signed_in(app, user)
    await county.patch(f"/v1/users/{user['id']}", json={"role": "township"})
    await county.post(f"/v1/users/{user['id']}/places", json={"place_id": place["town"]})
    assert "worker-1" in await names(phone, limit=200)
    assert (await make(phone, "village", place["village"])).status_code == 201


async def test_what_a_change_may_hold(sign_in: SignIn, place: dict[str, int], database: Any) -> None:
    township = await sign_in("township-1")
    user = await made(township, "village", place["village"])
    path = f"/v1/users/{user['id']}"
    bodies: list[Any] = [{"name": None}, {"role": None}, {"username": "x-y-z"}, {"name": ""}, []]
    for body in bodies:
        assert slug(await township.patch(path, json=body)) == (422, "invalid"), body
    assert slug(await township.patch(path, json={"role": "township"})) == (403, "not-allowed")
    for same in ({}, {"name": "李明"}, {"role": "village"}):
        unchanged = await township.patch(path, json=same)
        assert unchanged.json() == {k: v for k, v in user.items() if k != "password"}
    assert (await township.patch(path, json={"name": "王芳"})).json()["name"] == "王芳"
    assert await acts(database, user) == ["created", "places given", "renamed"]


async def test_a_new_password_signs_out_every_device(app: Any, sign_in: SignIn, place: dict[str, int]) -> None:
    township = await sign_in("township-1")
    user = await made(township, "village", place["village"])
    phones = [await signed_in(app, user) for _ in range(2)]
    reply = await township.post(f"/v1/users/{user['id']}/reset-password")
    assert reply.headers["cache-control"] == "no-store"
    assert reply.json()["password"] != user["password"]
    for phone in phones:
        assert slug(await phone.get("/v1/me")) == (401, "not-signed-in")
        again = await phone.post("/v1/auth/token", data={"grant_type": "refresh_token", "refresh_token": phone.tokens["refresh_token"]})
        assert slug(again) == (400, "wrong-sign-in")
    assert (await (await signed_in(app, reply.json())).get("/v1/me")).json()["password_temporary"] is True


async def test_a_closed_account_stays_as_it_is(sign_in: SignIn, place: dict[str, int], database: Any) -> None:
    township = await sign_in("township-1")
    user = await made(township, "village", place["village"])
    path = f"/v1/users/{user['id']}"
    closed = (await township.post(f"{path}/close")).json()
    assert (closed["places"], (await township.post(f"{path}/close")).json()) == ([], closed)
    for reply in (
        await township.patch(path, json={"role": "household_head"}),
        await township.post(f"{path}/places", json={"place_id": place["village"]}),
        await township.post(f"{path}/places/{place['village']}/revoke"),
        await township.post(f"{path}/reset-password"),
    ):
        assert slug(reply) == (409, "voided")
    assert await acts(database, user) == ["created", "places given", "closed", "places taken"]
    assert slug(await make(township, "village", place["village"], username=user["username"])) == (409, "username-taken")


# Memberships are history, in ticks


async def acts(database: Any, user: dict[str, Any]) -> list[str]:
    return [r["act"] for r in await database.fetch("SELECT act FROM account_event WHERE user_id = $1 ORDER BY event_id", user["id"])]


async def history(database: Any, user: dict[str, Any]) -> list[tuple[int, int, int | None]]:
    rows = await database.fetch(
        "SELECT place_id, granted_tick, revoked_tick FROM membership WHERE user_id = $1 ORDER BY granted_tick, place_id", user["id"]
    )
    return [tuple(row) for row in rows]


async def test_each_gain_and_loss_takes_a_tick_and_none_overlap(sign_in: SignIn, place: dict[str, int], database: Any) -> None:
    township = await sign_in("township-1")
    village, group, other = place["village"], place["group"], place["other group"]
    user = await made(township, "village", group, other)
    path = f"/v1/users/{user['id']}/places"

    async def tick() -> int:
        return int(await database.fetchval("SELECT tick FROM clock"))

    a = await tick()
    assert await history(database, user) == [(group, a, None), (other, a, None)]  # one act, one tick
    await township.post(path, json={"place_id": village})  # above both: they give way in the same tick
    b = await tick()
    assert b == a + 1
    assert await history(database, user) == [(group, a, b), (other, a, b), (village, b, None)]
    await township.post(path, json={"place_id": village})  # again
    await township.post(f"{path}/{group}/revoke")  # not held
    assert await tick() == b
    await township.post(path, json={"place_id": group, "reach": "self"})  # below: the village gives way
    await township.post(path, json={"place_id": village, "reach": "self"})
    await township.post(path, json={"place_id": village, "reach": "below"})  # the same place, another reach
    assert await history(database, user) == [
        (group, a, b), (other, a, b), (village, b, b + 1), (group, b + 1, b + 2), (village, b + 2, b + 3), (village, b + 3, None),
    ]  # fmt: skip
    await township.post(path, json={"place_id": place["other village"]})  # beside it: both are held
    await township.post(f"/v1/users/{user['id']}/close")
    assert (await history(database, user))[-2:] == [(village, b + 3, b + 5), (place["other village"], b + 4, b + 5)]
    assert await tick() == b + 5
    who = await database.fetch(
        "SELECT DISTINCT u.username FROM membership m JOIN app_user u ON u.id = m.granted_by WHERE m.user_id = $1", user["id"]
    )
    assert [row[0] for row in who] == ["township-1"]


async def test_a_village_and_its_own_group_is_the_village(sign_in: SignIn, place: dict[str, int]) -> None:
    township = await sign_in("township-1")
    user = await made(township, "village", place["group"], place["village"], place["village"], place["other village"])
    assert [p["place_id"] for p in user["places"]] == sorted([place["village"], place["other village"]])


async def test_gains_at_once_do_not_overlap(sign_in: SignIn, place: dict[str, int], database: Any) -> None:
    township = await sign_in("township-1")
    user = await made(township, "village", place["other village"])
    numbers = [place["village"], place["group"], place["other group"]] * 3
    replies = await asyncio.gather(*(township.post(f"/v1/users/{user['id']}/places", json={"place_id": n}) for n in numbers))
    assert {reply.status_code for reply in replies} == {200}
    held = {p for p, _, revoked in await history(database, user) if revoked is None} - {place["other village"]}
    assert held in ({place["village"]}, {place["group"]}, {place["other group"]}, {place["group"], place["other group"]})


async def test_the_trail_names_who_and_on_which_device(sign_in: SignIn, place: dict[str, int], database: Any) -> None:
    township = await sign_in("township-1")
    user = await made(township, "village", place["village"])
    path = f"/v1/users/{user['id']}"
    await township.patch(path, json={"role": "household_head"})
    await township.post(f"{path}/reset-password")
    rows = await database.fetch("SELECT * FROM account_event WHERE user_id = $1 ORDER BY event_id", user["id"])
    assert [row["act"] for row in rows] == ["created", "places given", "role changed", "places taken", "password reset"]
    officer = (await township.get("/v1/me")).json()
    assert {(str(row["by_user_id"]), str(row["by_device_id"])) for row in rows} == {(officer["id"], officer["device"]["id"])}
    assert [json.loads(row["facts"]) for row in rows] == [
        {"role": "village"}, {"reach": "below", "place_ids": [place["village"]]}, {"role": "household_head"},
        {"place_ids": [place["village"]]}, {},
    ]  # fmt: skip


# The last administrator

REGISTER = """code12,name,level,urban_rural_class,parent
990201000000,白水县,county,,
990201100000,白水镇,township,,990201000000
990201100201,上湾村,village,220,990201100000
"""


@pytest.fixture
async def small(databases: Databases, tmp_path: Path) -> AsyncIterator[Phone]:
    """A small county of its own, called by its only administrator."""
    async with running(await databases.new(), tmp_path) as app:
        app.state.passwords = Passwords(QUICK)
        access, file = app.state.access, places.read_file(REGISTER.encode(), None)
        assert isinstance(file, Register)
        county = await access.database.plain(lambda tx: places.new_county(tx, "990201000000"))
        desk, password = command_line(county, [0]), await app.state.passwords.hash("bai-shui-2026")
        now, today = access.now(), access.today()
        await access.database.write(desk, lambda tx: places.import_places(tx, desk, "990201000000", file, today=today, now=now))
        for name in ("boss", "deputy"):

            async def create(tx: Any, name: str = name) -> None:
                await accounts.create(
                    tx, desk, user_id=uuid4(), username=name, name=name, role="county", home=1, place_ids=[1], password_hash=password,
                    temporary=False, now=now,
                )  # fmt: skip

            await access.database.plain(create)
        yield await signed_in(app, {"username": "boss", "password": "bai-shui-2026"})


async def test_the_last_administrator_cannot_go(small: Phone) -> None:
    users = {user["username"]: f"/v1/users/{user['id']}" for user in (await small.get("/v1/users")).json()["items"]}
    assert (await small.post(f"{users['deputy']}/close")).status_code == 200
    for reply in (
        await small.post(f"{users['boss']}/close"),
        await small.patch(users["boss"], json={"role": "village"}),
        await small.post(f"{users['boss']}/places/1/revoke"),
    ):
        assert slug(reply) == (409, "last-administrator")
    assert (await small.get("/v1/me")).json()["role"] == "county"
    assert len((await small.get("/v1/me")).json()["places"]) == 1
    await made(small, "county", 1)
    assert (await small.patch(users["boss"], json={"role": "village"})).status_code == 200
    assert slug(await small.get("/v1/users")) == (403, "not-allowed")


async def test_two_administrators_who_close_each_other(small: Phone) -> None:
    app = small._transport.app  # type: ignore[attr-defined]  # httpx does not declare it
    deputy = await signed_in(app, {"username": "deputy", "password": "bai-shui-2026"})
    users = {user["username"]: f"/v1/users/{user['id']}" for user in (await small.get("/v1/users")).json()["items"]}
    replies = await asyncio.gather(small.post(f"{users['deputy']}/close"), deputy.post(f"{users['boss']}/close"))
    assert 200 in {reply.status_code for reply in replies}
    assert len(await names(small if replies[0].status_code == 200 else deputy)) == 1
