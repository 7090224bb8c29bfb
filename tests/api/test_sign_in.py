"""Signing in, refreshing and signing out over HTTP; how guessing is slowed down; what bites on the next request."""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from api import demo
from api.access import Access
from api.sign_in import MOST, Passwords, network_of, strong
from tests.conftest import QUICK, SignIn
from tests.county import slug

REPLY = {"access_token", "token_type", "expires_in", "refresh_token", "device_id", "password_temporary"}
pytestmark = pytest.mark.usefixtures("quick")  # the tests that are about the cost put the real ones back
ANOTHER = "lu-deng-hen-liang-9"


_networks = iter(f"10.{i // 250}.{i % 250}.7" for i in range(60_000))


@pytest.fixture
async def http(app: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client on a network of its own, so that one test's failures do not count for another."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app, client=(next(_networks), 1)), base_url="http://test") as http:
        yield http


@pytest.fixture
async def user(sign_in: SignIn) -> dict[str, Any]:
    """A worker of the first village, made for one test."""
    return await a_user(sign_in)


async def a_user(sign_in: SignIn, role: str = "village") -> dict[str, Any]:
    county = await sign_in("county-admin")
    places = (await county.get("/v1/places", params={"level": "village", "limit": 1})).json()["items"]
    body = {"username": f"u-{uuid4().hex[:12]}", "name": "李明", "role": role, "place_ids": [places[0]["place_id"]]}
    made = await county.post("/v1/users", json=body)
    assert made.status_code == 201, made.text
    return dict(made.json())


async def token(http: httpx.AsyncClient, user: dict[str, Any], **more: Any) -> httpx.Response:
    form = {"grant_type": "password", "username": user["username"], "password": user["password"], **more}
    return await http.post("/v1/auth/token", data=form)


async def refresh(http: httpx.AsyncClient, refresh_token: str) -> httpx.Response:
    return await http.post("/v1/auth/token", data={"grant_type": "refresh_token", "refresh_token": refresh_token})


async def with_an_own_password(http: httpx.AsyncClient, user: dict[str, Any]) -> dict[str, Any]:
    """Tokens of the user, who has changed the first password to ANOTHER and signed in with that."""
    first = (await token(http, user)).json()
    body = {"password": user["password"], "new_password": ANOTHER}
    assert (await http.post("/v1/auth/password", json=body, headers=bearer(first))).status_code == 204
    return dict((await token(http, {**user, "password": ANOTHER}, device_id=first["device_id"])).json())


async def me(http: httpx.AsyncClient, tokens: dict[str, Any]) -> httpx.Response:
    return await http.get("/v1/me", headers=bearer(tokens))


def bearer(tokens: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}"}


# By password


async def test_the_reply_is_that_of_oauth_and_is_not_stored(http: httpx.AsyncClient, user: dict[str, Any]) -> None:
    reply = await token(http, user, scope="", client_id="an app", client_secret="", nonsense="1")
    assert reply.status_code == 200
    assert reply.headers["cache-control"] == "no-store"
    tokens = reply.json()
    assert tokens.keys() == REPLY
    assert (tokens["token_type"], tokens["expires_in"], tokens["password_temporary"]) == ("bearer", 900, True)
    assert (await me(http, tokens)).json()["id"] == user["id"]


async def test_a_device_is_the_same_at_each_sign_in(http: httpx.AsyncClient, user: dict[str, Any]) -> None:
    device = str(uuid4())
    first = (await token(http, user, device_id=device, device_name="王芳的手机")).json()
    again = (await token(http, user, device_id=device)).json()
    assert first["device_id"] == again["device_id"] == device
    own = (await http.get("/v1/devices", headers=bearer(again))).json()["items"]
    assert [(d["id"], d["name"], d["state"]) for d in own] == [(device, "王芳的手机", "active")]
    await token(http, user, device_id=device, device_name="新名字")
    assert (await me(http, again)).json()["device"]["name"] == "新名字"


async def test_without_a_device_id_one_is_made(http: httpx.AsyncClient, user: dict[str, Any]) -> None:
    made = {(await token(http, user, **more)).json()["device_id"] for more in ({}, {"device_id": ""}, {})}
    assert len(made) == 3


async def test_the_device_of_another_user_is_409(http: httpx.AsyncClient, user: dict[str, Any], sign_in: SignIn) -> None:
    device = (await sign_in("worker-1")).tokens["device_id"]
    reply = await token(http, user, device_id=device)
    assert slug(reply) == (409, "device-of-another")
    assert slug(await token(http, {**user, "password": "wrong"}, device_id=device)) == (400, "wrong-sign-in")


async def test_a_wrong_name_and_a_wrong_password_cannot_be_told_apart(
    http: httpx.AsyncClient, app: Any, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.state._state, "passwords", Passwords())
    user = await a_user(sign_in)

    async def timed(**wrong: str) -> tuple[float, httpx.Response]:
        began = time.perf_counter()
        reply = await token(http, {**user, **wrong})
        return time.perf_counter() - began, reply

    password = [await timed(password="wrong") for _ in range(4)]
    name = [await timed(username=f"nobody-{n}") for n in range(4)]
    for _, reply in (*password, *name):
        assert (*slug(reply), reply.json()["error"]) == (400, "wrong-sign-in", "invalid_grant")
        assert reply.json() == name[0][1].json()
        assert {k: v for k, v in reply.headers.items() if k != "x-request-id"} == {
            k: v for k, v in name[0][1].headers.items() if k != "x-request-id"
        }
    assert min(t for t, _ in name) > min(t for t, _ in password) / 2  # the hash is most of either


async def test_a_name_may_be_typed_in_capitals_with_blanks(http: httpx.AsyncClient, user: dict[str, Any]) -> None:
    assert (await token(http, {**user, "username": f"  {user['username'].upper()} "})).status_code == 200


@pytest.mark.parametrize(
    ("form", "error", "pointer"),
    [
        ({}, "invalid_request", "/grant_type"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type", "/grant_type"),
        ({"grant_type": "password", "username": "a\0b", "password": "x"}, "invalid_request", "/username"),
        ({"grant_type": "password", "username": "worker-1", "device_id": "7"}, "invalid_request", "/device_id"),
        ({"grant_type": "password", "username": "worker-1", "device_name": "\0"}, "invalid_request", "/device_name"),
        ({"grant_type": "password", "username": "x" * 300}, "invalid_request", "/username"),
        ({"grant_type": "refresh_token", "refresh_token": "x" * 300}, "invalid_request", "/refresh_token"),
    ],
)
async def test_a_form_that_is_none(http: httpx.AsyncClient, form: dict[str, str], error: str, pointer: str) -> None:
    reply = await http.post("/v1/auth/token", data=form or {"x": "1"})
    assert (*slug(reply), reply.json()["error"]) == (422, "invalid", error)
    assert [fault["pointer"] for fault in reply.json()["errors"]] == [pointer]


async def test_whatever_bytes_arrive_the_answer_is_4xx(http: httpx.AsyncClient) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    bodies = [
        b"\xff\xfe",
        b"grant_type=password&username=%ff%00&password=%ed%a0%80",
        b"&" * 100,
        b"a=1&" * 50,
        b"grant_type=password&password=%00",
    ]
    for body in bodies:
        reply = await http.post("/v1/auth/token", content=body, headers=form)
        assert 400 <= reply.status_code < 500, body
    assert slug(await http.post("/v1/auth/token", json={"grant_type": "password"})) == (415, "wrong-media-type")
    assert slug(await http.post("/v1/auth/token", content=b"x" * 9000, headers=form)) == (413, "too-large")


# Refreshing


async def test_a_refresh_token_is_exchanged_and_repeats_get_the_same_child(http: httpx.AsyncClient, user: dict[str, Any]) -> None:
    first = (await token(http, user)).json()
    replies = await asyncio.gather(*(refresh(http, first["refresh_token"]) for _ in range(10)))
    assert [reply.status_code for reply in replies] == [200] * 10
    assert {reply.headers["cache-control"] for reply in replies} == {"no-store"}
    children = {reply.json()["refresh_token"] for reply in replies}
    assert len(children) == 1
    assert first["refresh_token"] not in children
    child = replies[0].json()
    assert child.keys() == REPLY
    assert child["device_id"] == first["device_id"]
    for tokens in (first, child):
        assert (await me(http, tokens)).status_code == 200


async def test_a_parent_after_its_child_was_used_ends_all_tokens_of_the_device(http: httpx.AsyncClient, user: dict[str, Any]) -> None:
    other = (await token(http, user)).json()
    parent = (await token(http, user)).json()
    child = (await refresh(http, parent["refresh_token"])).json()
    grandchild = (await refresh(http, child["refresh_token"])).json()
    thief = await refresh(http, parent["refresh_token"])
    assert (*slug(thief), thief.json()["error"]) == (400, "wrong-sign-in", "invalid_grant")
    for tokens in (parent, child, grandchild):
        assert slug(await refresh(http, tokens["refresh_token"])) == (400, "wrong-sign-in")
        assert (await me(http, tokens)).status_code == 401
    assert (await me(http, other)).status_code == 200  # the user's other device
    again = await token(http, user, device_id=parent["device_id"])
    assert again.status_code == 200
    assert slug(await refresh(http, grandchild["refresh_token"])) == (400, "wrong-sign-in")  # what was ended stays so


async def test_old_and_new_tokens_at_once_neither_break_nor_block(http: httpx.AsyncClient, user: dict[str, Any]) -> None:
    chain = [(await token(http, user)).json()]
    for _ in range(3):
        chain.append((await refresh(http, chain[-1]["refresh_token"])).json())
    replies = await asyncio.gather(*(refresh(http, tokens["refresh_token"]) for tokens in chain * 4))
    assert {reply.status_code for reply in replies} <= {200, 400}
    assert 400 in {reply.status_code for reply in replies}


async def test_a_refresh_token_expires(
    http: httpx.AsyncClient, user: dict[str, Any], access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = await with_an_own_password(http, user)
    for days, good in ((89, True), (91, False)):
        monkeypatch.setattr(access, "now", lambda days=days: datetime.now(UTC) + timedelta(days=days))
        assert (await refresh(http, tokens["refresh_token"])).status_code == (200 if good else 400)


async def test_a_year_after_the_password_was_typed_it_is_typed_again(
    http: httpx.AsyncClient, user: dict[str, Any], access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = await with_an_own_password(http, user)
    began = datetime.now(UTC)

    async def after(days: int) -> httpx.Response:
        monkeypatch.setattr(access, "now", lambda: began + timedelta(days=days))
        return await refresh(http, tokens["refresh_token"])

    for days in (80, 160, 240, 320, 364):
        reply = await after(days)
        assert reply.status_code == 200, days
        tokens = reply.json()
    assert slug(await after(366)) == (400, "wrong-sign-in")
    again = await token(http, {**user, "password": ANOTHER}, device_id=tokens["device_id"])
    assert (await refresh(http, again.json()["refresh_token"])).status_code == 200


async def test_a_first_password_is_good_for_thirty_days(
    http: httpx.AsyncClient, user: dict[str, Any], access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = datetime.now(UTC)
    monkeypatch.setattr(access, "now", lambda: began + timedelta(days=29))
    tokens = (await token(http, user)).json()
    monkeypatch.setattr(access, "now", lambda: began + timedelta(days=31))
    assert slug(await token(http, user)) == (403, "first-password-over")
    assert slug(await token(http, {**user, "password": "wrong"})) == (400, "wrong-sign-in")
    tokens = (await refresh(http, tokens["refresh_token"])).json()
    monkeypatch.setattr(access, "now", lambda: began + timedelta(days=60))
    assert slug(await refresh(http, tokens["refresh_token"])) == (400, "wrong-sign-in")
    officer = (await token(http, {"username": "township-1", "password": demo.PASSWORD})).json()
    again = (await http.post(f"/v1/users/{user['id']}/reset-password", headers=bearer(officer))).json()["password"]
    tokens = (await token(http, {**user, "password": again})).json()
    body = {"password": again, "new_password": ANOTHER}
    assert (await http.post("/v1/auth/password", json=body, headers=bearer(tokens))).status_code == 204
    monkeypatch.setattr(access, "now", lambda: began + timedelta(days=140))
    assert (await token(http, {**user, "password": ANOTHER})).status_code == 200


async def test_signing_in_again_ends_what_the_device_had(http: httpx.AsyncClient, user: dict[str, Any]) -> None:
    before, other = (await token(http, user)).json(), (await token(http, user)).json()
    now = (await token(http, user, device_id=before["device_id"])).json()
    assert slug(await refresh(http, before["refresh_token"])) == (400, "wrong-sign-in")
    for tokens in (now, other):
        assert (await refresh(http, tokens["refresh_token"])).status_code == 200


async def test_outdated_tokens_are_not_kept(http: httpx.AsyncClient, user: dict[str, Any], database: Any) -> None:
    tokens = (await token(http, user)).json()
    count = "SELECT count(*) FROM refresh_token WHERE device_id = $1"
    await refresh(http, tokens["refresh_token"])
    assert await database.fetchval(count, tokens["device_id"]) == 2
    await database.execute("UPDATE refresh_token SET expires_at = now() - interval '1 day' WHERE device_id = $1", tokens["device_id"])
    tokens = (await token(http, user, device_id=tokens["device_id"])).json()
    assert await database.fetchval(count, tokens["device_id"]) == 1


async def test_garbage_and_the_number_of_another_county(http: httpx.AsyncClient, user: dict[str, Any]) -> None:
    good = (await token(http, user)).json()["refresh_token"]
    county, secret = good.split(".")
    for bad in ("", "x", ".", f"{int(county) + 1}.{secret}", f"0.{secret}", f"-1.{secret}", f"9999999999.{secret}", f"٣.{secret}",
                f"{county}.{secret}A", f"{county}.{secret[:-1]}", f"{county}.{'A' * 43}", f"{county}.{secret}="):  # fmt: skip
        reply = await refresh(http, bad)
        assert (*slug(reply), reply.json()["error"]) == (400, "wrong-sign-in", "invalid_grant"), bad
    assert (await refresh(http, good)).status_code == 200


# Signing out, and what bites on the next request


async def test_signing_out_ends_this_device_alone(http: httpx.AsyncClient, user: dict[str, Any]) -> None:
    this, other = (await token(http, user)).json(), (await token(http, user)).json()
    child = (await refresh(http, this["refresh_token"])).json()
    assert (await http.post("/v1/auth/sign-out", headers=bearer(this))).status_code == 204
    for tokens in (this, child):
        assert (await me(http, tokens)).status_code == 401
        assert slug(await refresh(http, tokens["refresh_token"])) == (400, "wrong-sign-in")
    assert (await http.post("/v1/auth/sign-out", headers=bearer(this))).status_code == 401
    assert (await me(http, other)).status_code == 200
    assert (await refresh(http, other["refresh_token"])).status_code == 200
    again = (await token(http, user, device_id=this["device_id"])).json()
    assert again["device_id"] == this["device_id"]
    assert (await me(http, again)).status_code == 200
    assert slug(await refresh(http, this["refresh_token"])) == (400, "wrong-sign-in")


async def test_a_closed_account(http: httpx.AsyncClient, user: dict[str, Any], sign_in: SignIn) -> None:
    tokens = (await token(http, user)).json()
    assert (await (await sign_in("township-1")).post(f"/v1/users/{user['id']}/close")).status_code == 200
    for reply in (await me(http, tokens), await refresh(http, tokens["refresh_token"]), await token(http, user)):
        assert (*slug(reply), reply.json()["wipe"]) == (403, "account-closed", True)
    assert slug(await token(http, {**user, "password": "wrong"})) == (400, "wrong-sign-in")  # to nobody else


@pytest.mark.parametrize("act", ["revoke", "report-lost"])
async def test_a_device_that_is_revoked_or_lost_stays_so(http: httpx.AsyncClient, user: dict[str, Any], sign_in: SignIn, act: str) -> None:
    tokens, other = (await token(http, user)).json(), (await token(http, user)).json()
    assert (await (await sign_in("township-1")).post(f"/v1/devices/{tokens['device_id']}/{act}")).status_code == 204
    replies = [await me(http, tokens), await refresh(http, tokens["refresh_token"])]
    again = await token(http, user, device_id=tokens["device_id"])
    if act == "report-lost":  # whoever finds it signs in, to bring what it has not sent, and nothing else
        again = await me(http, again.json())
    for reply in (*replies, again):
        assert (*slug(reply), reply.json()["wipe"]) == (403, "device-revoked", True)
    assert slug(await token(http, {**user, "password": "wrong"}, device_id=tokens["device_id"])) == (400, "wrong-sign-in")
    assert (await me(http, other)).status_code == 200


async def test_without_or_with_a_bad_token(http: httpx.AsyncClient) -> None:
    for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Basic eDp5"}, {"Authorization": "Bearer"}):
        reply = await http.get("/v1/me", headers=headers)
        assert (*slug(reply), reply.json()["wipe"]) == (401, "not-signed-in", False)
        assert reply.headers["www-authenticate"] == "Bearer"


# The own password


async def test_changing_the_password_signs_out_the_other_devices(http: httpx.AsyncClient, user: dict[str, Any], database: Any) -> None:
    this, other = (await token(http, user)).json(), (await token(http, user)).json()
    body = {"password": user["password"], "new_password": ANOTHER}
    assert (await http.post("/v1/auth/password", json=body, headers=bearer(this))).status_code == 204
    assert (await me(http, this)).json()["password_temporary"] is False
    assert (await refresh(http, this["refresh_token"])).status_code == 200
    assert (await me(http, other)).status_code == 401
    assert slug(await refresh(http, other["refresh_token"])) == (400, "wrong-sign-in")
    assert slug(await token(http, user)) == (400, "wrong-sign-in")
    assert (await token(http, {**user, "password": ANOTHER})).json()["password_temporary"] is False
    acts = await database.fetch("SELECT act, by_user_id::text FROM account_event WHERE user_id = $1 ORDER BY event_id", user["id"])
    assert tuple(acts[-1]) == ("password changed", user["id"])


async def test_a_parameter_sent_twice_signs_nobody_in(http: httpx.AsyncClient, user: dict[str, Any]) -> None:
    """RFC 6749, 3.2: whoever looks at the first and whoever looks at the last would see two sign-ins."""
    form = {"grant_type": "password", "username": ["township-1", user["username"]], "password": user["password"]}
    reply = await http.post("/v1/auth/token", data=form)
    assert (slug(reply), reply.json()["error"]) == ((422, "invalid"), "invalid_request")


async def test_a_new_password_must_be_hard_to_guess_and_the_old_one_known(http: httpx.AsyncClient, user: dict[str, Any]) -> None:
    tokens = (await token(http, user)).json()
    leaked = ["qwertyuiop", "1q2w3e4r5t", "1qaz2wsx3edc", "manchester", "woaini1314", "a1b2c3d4e5", "P@ssw0rd2026", "Password123!"]
    guessed = [
        "13800138000",
        "199001011234",
        "5201314520",
        "1234567890",
        "aaaaaaaaaaaa",
        "aabbaabbaabb",
        "jiafang2026!",
        "家访家访家访家访家访",
    ]
    weak = ["short", *leaked, *guessed, f"my-{user['username'].upper()}"]
    for new in weak:
        reply = await http.post("/v1/auth/password", json={"password": user["password"], "new_password": new}, headers=bearer(tokens))
        assert slug(reply) == (422, "weak-password"), new
        assert reply.json()["errors"][0]["pointer"] == "/new_password"
    reply = await http.post("/v1/auth/password", json={"password": "wrong", "new_password": ANOTHER}, headers=bearer(tokens))
    assert slug(reply) == (400, "wrong-sign-in")
    assert (await token(http, user)).status_code == 200


def test_only_so_much_of_a_new_password_is_judged_as_does_not_take_long(monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[str] = []

    def noted(password: str, _: list[str]) -> dict[str, int]:
        judged.append(password)
        return {"score": 3}

    monkeypatch.setattr("zxcvbn.zxcvbn", noted)
    assert strong("a4@({[<e3g69i1!|l7o0s$5t+z2x%" * 6, "worker-1")  # each sign may stand for a letter, or two
    assert [len(password) for password in judged] == [32]


@pytest.mark.parametrize(
    "good", ["tree kettle forty one", "春眠不觉晓处处闻啼鸟", "zzqvhkwpmx", "  blanks at both ends  ", "巴" + "x7-柳" * 49]
)
async def test_any_signs_make_a_password_and_all_of_them_count(http: httpx.AsyncClient, user: dict[str, Any], good: str) -> None:
    tokens = (await token(http, user)).json()
    body = {"password": user["password"], "new_password": good}
    assert (await http.post("/v1/auth/password", json=body, headers=bearer(tokens))).status_code == 204
    for near in (good.strip() + "x", good[:-1], good.upper() if good.upper() != good else good + " "):
        assert slug(await token(http, {**user, "password": near})) == (400, "wrong-sign-in")
    assert (await token(http, {**user, "password": good})).status_code == 200


async def test_a_reset_meanwhile_wins(http: httpx.AsyncClient, user: dict[str, Any], app: Any, sign_in: SignIn, monkeypatch: Any) -> None:
    """While the old password is being hashed, it is reset: neither does it sign in any more, nor does a change of it hold."""
    tokens, county = (await token(http, user)).json(), await sign_in("county-admin")
    right = Passwords.right
    resets: list[dict[str, Any]] = []

    async def reset_first(self: Passwords, password: str, known: str | None) -> bool:
        answer = await right(self, password, known)
        resets.append((await county.post(f"/v1/users/{user['id']}/reset-password")).json())
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(Passwords, "right", reset_first)
        assert slug(await token(http, user)) == (400, "wrong-sign-in")
    tokens = (await token(http, resets[-1])).json()
    with monkeypatch.context() as patch:
        patch.setattr(Passwords, "right", reset_first)
        body = {"password": resets[-1]["password"], "new_password": ANOTHER}
        assert slug(await http.post("/v1/auth/password", json=body, headers=bearer(tokens))) == (400, "wrong-sign-in")
    assert (await token(http, resets[-1])).status_code == 200


# Guessing


async def test_ten_failures_lock_an_account_but_not_its_known_devices(
    http: httpx.AsyncClient, user: dict[str, Any], access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone = (await token(http, user)).json()
    for _ in range(MOST["account"]):
        assert slug(await token(http, {**user, "password": "wrong"})) == (400, "wrong-sign-in")
    locked = await token(http, user)
    assert slug(locked) == (429, "too-many-attempts")
    assert 0 < int(locked.headers["retry-after"]) <= 900
    assert locked.json()["retry_after"] == int(locked.headers["retry-after"])
    assert (await refresh(http, phone["refresh_token"])).status_code == 200
    assert (await token(http, user, device_id=phone["device_id"])).status_code == 200
    monkeypatch.setattr(access, "now", lambda: datetime.now(UTC) + timedelta(minutes=16))
    assert (await token(http, user)).status_code == 200


async def test_a_name_that_nobody_has_is_locked_as_well(http: httpx.AsyncClient) -> None:
    nobody = {"username": f"nobody-{uuid4().hex[:8]}", "password": "x"}
    replies = [await token(http, nobody) for _ in range(MOST["account"] + 1)]
    assert [reply.status_code for reply in replies] == [400] * MOST["account"] + [429]


async def test_a_known_device_has_tries_of_its_own(http: httpx.AsyncClient, user: dict[str, Any]) -> None:
    device = (await token(http, user)).json()["device_id"]
    for _ in range(MOST["device"]):
        assert slug(await token(http, {**user, "password": "wrong"}, device_id=device)) == (400, "wrong-sign-in")
    assert slug(await token(http, user, device_id=device)) == (429, "too-many-attempts")
    assert (await token(http, user)).status_code == 200  # the account itself is not locked


async def test_a_network_is_counted_over_all_accounts(
    http: httpx.AsyncClient, user: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    device = (await token(http, user)).json()["device_id"]
    monkeypatch.setitem(MOST, "network", 5)
    for n in range(5):
        await token(http, {"username": f"nobody-{n}-{uuid4().hex[:6]}", "password": "x"})
    assert slug(await token(http, user)) == (429, "too-many-attempts")
    assert (await token(http, user, device_id=device)).status_code == 200


async def test_success_does_not_count(http: httpx.AsyncClient, user: dict[str, Any]) -> None:
    for _ in range(MOST["account"] + 2):
        assert (await token(http, user)).status_code == 200


async def test_tries_at_once_are_counted_before_the_hash(http: httpx.AsyncClient, user: dict[str, Any], monkeypatch: Any) -> None:
    looked = 0
    right = Passwords.right

    async def counted(self: Passwords, password: str, known: str | None) -> bool:
        nonlocal looked
        looked += 1
        return await right(self, password, known)

    monkeypatch.setattr(Passwords, "right", counted)
    replies = await asyncio.gather(*(token(http, {**user, "password": "wrong"}) for _ in range(20)))
    assert sorted(reply.status_code for reply in replies) == [400] * 10 + [429] * 10
    assert looked == 10


async def test_two_hashes_at_a_time_twenty_wait_the_rest_is_told_to_come_again(
    http: httpx.AsyncClient, user: dict[str, Any], app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, most, lock = 0, 0, threading.Lock()

    def slow(password: str, known: str) -> bool:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        time.sleep(0.03)
        with lock:
            inside -= 1
        return False

    passwords = Passwords(QUICK)
    monkeypatch.setattr(passwords._hash, "verify", slow)
    monkeypatch.setitem(app.state._state, "passwords", passwords)
    names = [{"username": f"nobody-{n}-{uuid4().hex[:6]}", "password": "x"} for n in range(30)]
    replies = await asyncio.gather(*(token(http, name) for name in names))
    assert sorted(reply.status_code for reply in replies) == [400] * 22 + [503] * 8
    assert most == 2
    busy = next(reply for reply in replies if reply.status_code == 503)
    assert (*slug(busy), busy.headers["retry-after"]) == (503, "busy", "5")


async def test_a_try_that_nobody_looked_at_does_not_count(
    http: httpx.AsyncClient, user: dict[str, Any], app: Any, monkeypatch: Any
) -> None:
    passwords = Passwords(QUICK)
    passwords._inside = 22
    with monkeypatch.context() as patch:
        patch.setitem(app.state._state, "passwords", passwords)
        for _ in range(MOST["account"] + 2):
            assert slug(await token(http, user)) == (503, "busy")
    assert (await token(http, user)).status_code == 200


async def test_a_hash_is_argon2id_at_full_cost() -> None:
    assert (await Passwords().hash("x")).startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_who_shares_a_line_is_onenetwork_of() -> None:
    assert network_of("203.0.113.7") == network_of("203.0.113.200") == network_of("::ffff:203.0.113.9") == "203.0.113.0/24"
    assert network_of("203.0.114.7") != network_of("::ffff:203.0.113.9")
    assert network_of("2001:db8:1:2aa::1") == network_of("2001:db8:1:2bb::2") == "2001:db8:1:200::/56"
    assert network_of("testclient") == network_of("") == "unknown"


# What is never said


async def test_no_password_and_no_token_in_a_refusal_a_log_or_the_trail(
    http: httpx.AsyncClient, sign_in: SignIn, database: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    user = await a_user(sign_in)
    secrets = [user["password"], "wrong-word-77", ANOTHER]
    tokens = (await token(http, user)).json()
    refused = [
        await token(http, {**user, "password": "wrong-word-77"}),
        await token(http, {**user, "password": "wrong-word-77" * 20}),
        await refresh(http, "wrong-word-77"),
        await http.post("/v1/auth/password", json={"password": ANOTHER, "new_password": 7}, headers=bearer(tokens)),
        await http.post("/v1/auth/password", json={"password": ANOTHER, "wrong-word-77": ""}, headers=bearer(tokens)),
        await http.post(
            "/v1/auth/password", content=f'{{"password": "{ANOTHER}', headers=bearer(tokens) | {"Content-Type": "application/json"}
        ),
        await http.post("/v1/auth/token", json={"password": ANOTHER}),
    ]
    await http.post("/v1/auth/password", json={"password": user["password"], "new_password": ANOTHER}, headers=bearer(tokens))
    child = (await refresh(http, tokens["refresh_token"])).json()
    secrets += [tokens["refresh_token"], tokens["access_token"], child["refresh_token"], child["access_token"]]
    rows = await database.fetch(
        "SELECT e::text FROM account_event e UNION ALL SELECT d::text FROM device d UNION ALL SELECT r::text FROM refresh_token r"
    )
    hashes = await database.fetchval("SELECT password_hash FROM app_user WHERE id = $1", user["id"])
    assert hashes.startswith("$argon2id$")
    for secret in secrets:
        for reply in refused:
            assert 400 <= reply.status_code < 500
            assert secret not in reply.text
        assert not any(secret in row[0] for row in rows)
        assert secret not in caplog.text
    assert "argon2" not in " ".join(row[0] for row in rows)
