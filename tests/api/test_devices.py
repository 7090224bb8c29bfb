"""Who one is, and the devices: the own ones and those of people below."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.conftest import Phone, SignIn, client
from tests.county import slug

pytestmark = pytest.mark.usefixtures("quick")
DEVICE = {"id", "user_id", "name", "registered_at", "signed_in_at", "state"}


async def a_user(officer: httpx.AsyncClient) -> dict[str, Any]:
    villages = (await officer.get("/v1/places", params={"level": "village", "limit": 1})).json()["items"]
    body = {"username": f"u-{uuid4().hex[:12]}", "name": "李明", "role": "village", "place_ids": [villages[0]["place_id"]]}
    return dict((await officer.post("/v1/users", json=body)).json())


async def signed_in(app: Any, user: dict[str, Any], **more: str) -> Phone:
    phone = client(app)
    form = {"grant_type": "password", "username": user["username"], "password": user["password"], **more}
    phone.tokens = (await phone.post("/v1/auth/token", data=form)).json()
    phone.headers["Authorization"] = f"Bearer {phone.tokens['access_token']}"
    return phone


async def listed(phone: httpx.AsyncClient, **params: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        reply = await phone.get("/v1/devices", params={**params, **({"cursor": cursor} if cursor else {})})
        assert reply.status_code == 200, reply.text
        found, cursor = found + reply.json()["items"], reply.json()["next"]
    return found


@pytest.mark.parametrize(
    ("username", "role", "level", "reach"),
    [
        ("county-admin", "county", "county", "below"),
        ("township-1", "township", "township", "below"),
        ("worker-1", "village", "village", "below"),
        ("lead-1", "household_head", "group", "self"),
        ("head-1", "household_head", None, None),
    ],
)
async def test_who_am_i(sign_in: SignIn, username: str, role: str, level: str | None, reach: str | None) -> None:
    phone = await sign_in(username)
    me = (await phone.get("/v1/me")).json()
    assert me.keys() == {"id", "name", "role", "places", "device", "language", "password_temporary"}
    assert (me["role"], me["language"], me["password_temporary"]) == (role, "zh", False)
    assert me["device"].keys() == DEVICE
    assert (me["device"]["id"], me["device"]["user_id"], me["device"]["state"]) == (phone.tokens["device_id"], me["id"], "active")
    assert [(p["level"], p["reach"]) for p in me["places"]] == ([(level, reach)] if level else [])
    for place in me["places"]:
        assert place.keys() == {"place_id", "code", "name", "level", "reach"}
        assert (place["code"] is None) == (level == "group")


async def test_the_own_devices_and_those_below(app: Any, sign_in: SignIn) -> None:
    township, other, county = [await sign_in(name) for name in ("township-1", "township-2", "county-admin")]
    user = await a_user(township)
    phones = [await signed_in(app, user, device_name=f"手机{n}") for n in range(3)]
    ids = sorted(phone.tokens["device_id"] for phone in phones)
    own = await listed(phones[0])
    assert [device["id"] for device in own] == ids
    assert own[0].keys() == DEVICE
    assert {device["user_id"] for device in own} == {user["id"]}
    for officer in (township, county):
        assert [d["id"] for d in await listed(officer, user_id=user["id"])] == ids
        whole = [d["id"] for d in await listed(officer, limit=200)]
        assert whole == [d["id"] for d in await listed(officer, limit=2)]
        assert {*ids, officer.tokens["device_id"]} <= set(whole)
    assert not set(ids) & {d["id"] for d in await listed(other, limit=200)}
    assert await listed(other, user_id=user["id"]) == await listed(phones[0], user_id=str(uuid4())) == []
    assert county.tokens["device_id"] not in {d["id"] for d in await listed(township, limit=200)}
    for bad in ({"limit": "0"}, {"voided": "true"}, {"user_id": "x"}):
        assert slug(await township.get("/v1/devices", params=bad)) == (422, "invalid")
    assert slug(await township.get("/v1/devices", params={"cursor": "x"})) == (422, "bad-cursor")


async def test_who_may_end_a_device(app: Any, sign_in: SignIn) -> None:
    township = await sign_in("township-1")
    user = await a_user(township)
    phone, second = await signed_in(app, user), await signed_in(app, user)
    path = f"/v1/devices/{phone.tokens['device_id']}"
    officers = (await sign_in("county-admin")).tokens["device_id"]
    for act in ("revoke", "report-lost"):
        for name in ("township-2", "worker-1", "lead-1", "head-1"):
            assert slug(await (await sign_in(name)).post(f"{path}/{act}")) == (404, "not-found")
        for beyond in (officers, (await sign_in("township-2")).tokens["device_id"], str(uuid4()), "no-uuid"):
            assert slug(await township.post(f"/v1/devices/{beyond}/{act}")) == (404, "not-found")
    assert (await phone.get("/v1/me")).status_code == 200
    assert (await second.post(f"{path}/revoke")).status_code == 204  # the own one, from another
    assert slug(await phone.get("/v1/me")) == (403, "device-revoked")
    assert (await second.post(f"/v1/devices/{second.tokens['device_id']}/report-lost")).status_code == 204  # this very one
    assert slug(await second.get("/v1/me")) == (403, "device-revoked")


async def test_states_go_one_way(app: Any, sign_in: SignIn, database: Any) -> None:
    """A phone that was signed out can still be reported lost; lost stays lost; each change stands in the trail once."""
    township = await sign_in("township-1")
    user = await a_user(township)
    device = str(uuid4())
    phone = await signed_in(app, user, device_id=device)

    async def state() -> str:
        return str((await listed(township, user_id=user["id"]))[0]["state"])

    assert (await phone.post("/v1/auth/sign-out")).status_code == 204
    assert await state() == "signed_out"
    await signed_in(app, user, device_id=device)
    assert await state() == "active"
    assert (await township.post(f"/v1/users/{user['id']}/reset-password")).status_code == 200
    assert await state() == "signed_out"
    for act, after in (("revoke", "revoked"), ("revoke", "revoked"), ("report-lost", "lost"), ("revoke", "lost"), ("report-lost", "lost")):
        assert (await township.post(f"/v1/devices/{device}/{act}")).status_code == 204
        assert await state() == after
    acts = await database.fetch("SELECT act FROM account_event WHERE user_id = $1 AND act LIKE 'device%' ORDER BY event_id", user["id"])
    assert [row["act"] for row in acts] == ["device revoked", "device lost"]
    facts = await database.fetchval(
        "SELECT facts ->> 'device_id' FROM account_event WHERE user_id = $1 AND act = 'device lost'", user["id"]
    )
    assert facts == device
