"""Whatever bytes arrive: a 4xx problem that says in two languages what is wrong, repeats nothing of what was sent, and costs no memory."""

import gzip
import json
import random
import re
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from api.problems import ALL
from tests.conftest import Phone, SignIn

MARK = "jihao7351"  # stands in what is sent, and never in an answer
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
CSV = {"Content-Type": "text/csv"}
LIMIT = 65_536


def repr_short(value: Any) -> str:
    """The name of a case."""
    return repr(value)[:50]


def check_problem(reply: httpx.Response, status: int | None = None, slug: str | None = None, language: str = "zh-CN") -> dict[str, Any]:
    """The reply is a problem as RFC 9457 has it, in our members."""
    assert status is None or reply.status_code == status, reply.text
    assert 400 <= reply.status_code < 500, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["content-language"] == language
    problem: dict[str, Any] = json.loads(reply.content.decode())
    assert problem["status"] == reply.status_code
    kind = ALL[problem["type"].removeprefix("/problems/")]
    assert kind.status == reply.status_code
    assert slug in (None, kind.slug), reply.text
    assert problem["title"]
    assert problem["detail"]
    chinese = re.search("[\u4e00-\u9fff]", reply.text) is not None
    assert chinese is (language == "zh-CN"), reply.text
    assert "\x1f" not in reply.text
    assert MARK not in reply.text.lower()
    assert not any(MARK in value.lower() for value in reply.headers.values())
    return problem


async def refused(phone: Phone, method: str, path: str, status: int | None = None, slug: str | None = None, **sent: Any) -> dict[str, Any]:
    """Sends it in both languages; the Chinese problem."""
    headers = sent.pop("headers", {})
    english = await phone.request(method, path, headers={**headers, "Accept-Language": "en"}, **sent)
    reply = await phone.request(method, path, headers=headers, **sent)
    problem = check_problem(reply, status, slug)
    assert check_problem(english, reply.status_code, slug, "en")["type"] == problem["type"]
    return problem


# Every problem


@pytest.mark.parametrize("slug", sorted(ALL))
async def test_every_problem_has_a_page_in_both_languages(anybody: Phone, slug: str) -> None:
    pages = [await anybody.get(f"/problems/{slug}", headers={"Accept-Language": language}) for language in ("zh", "en", "")]
    assert [page.status_code for page in pages] == [200, 200, 200]
    assert pages[0].text == pages[2].text != pages[1].text
    assert slug in pages[0].text
    assert re.findall("[\u4e00-\u9fff]+", pages[1].text) == ["中文"]  # the way to the other language


@pytest.mark.parametrize(
    ("said", "spoken"),
    [
        (None, "zh-CN"),
        ("", "zh-CN"),
        ("zh", "zh-CN"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"),
        ("en", "en"),
        ("EN-GB,en;q=0.9", "en"),
        (" en", "en"),
        ("fr", "zh-CN"),
        ("*", "zh-CN"),
        (",", "zh-CN"),
        (";q=1", "zh-CN"),
        (MARK, "zh-CN"),
        ("x" * 100_000, "zh-CN"),
        ("\xff\xfe", "zh-CN"),
    ],
    ids=repr_short,
)
async def test_whatever_accept_language_says_a_problem_is_in_one_language(anybody: Phone, said: str | None, spoken: str) -> None:
    headers: dict[bytes, bytes] = {} if said is None else {b"Accept-Language": said.encode("latin-1")}
    check_problem(await anybody.get("/v1/visits", headers=headers), 401, "not-signed-in", spoken)


# Bodies


def members(extra: bytes) -> bytes:
    """A JSON object that is fine but for this."""
    return b'{"reason": "' + MARK.encode() + b'", ' + extra + b"}"


BODIES = {
    "nothing": b"",
    "spaces": b" \n ",
    "no JSON": MARK.encode(),
    "bad UTF-8": members(b'"notes": "\xff\xfe"'),
    "half a character": members(b'"notes": "\xe5\xae"'),
    "UTF-8 of a surrogate": members(b'"notes": "\xed\xa0\x80"'),
    "UTF-16": json.dumps({"notes": MARK}).encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf" + members(b'"x": 1'),
    "NUL": members(b'"notes": "a\x00b"'),
    "NUL after it": members(b'"x": 1') + b"\x00",
    "escaped NUL": members(rb'"notes": "a\u0000b"'),
    "escaped NUL in a name": members(rb'"\u0000": 1'),
    "lone surrogate": members(rb'"notes": "\ud800"'),
    "surrogates the wrong way round": members(rb'"notes": "\udc00\ud800"'),
    "lone surrogate in a name": members(rb'"\ud800": 1'),
    "NaN": members(b'"x": NaN'),
    "Infinity": members(b'"x": -Infinity'),
    "1e400": members(b'"x": 1e400'),
    "2^63": members(b'"x": 9223372036854775808'),
    "5,000 digits": members(b'"x": ' + b"9" * 5_000),
    "depth 1,000": members(b'"notes": ' + b"[" * 1_000 + b"]" * 1_000),
    "depth 1,000 of objects": b'{"a":' * 1_000 + b"1" + b"}" * 1_000,
    "depth 30,000": b"[" * 30_000 + b"]" * 30_000,
    "depth 100,000": b"[" * 100_000 + b"]" * 100_000,
    "1 MB": b'{"notes": "' + b"a" * 1_000_000 + b'"}',
    "6,000 members": b"{" + b",".join(b'"%d":1' % n for n in range(6_000)) + b"}",
    "array": b"[]",
    "array of objects": b'[{"reason": "x"}]',
    "string": b'"' + MARK.encode() + b'"',
    "number": b"7",
    "null": b"null",
    "true": b"true",
    "cut off": members(b'"x": 1')[:-1],
    "two": b"{}{}",
    "comment": b"/* " + MARK.encode() + b" */ {}",
    "single quotes": b"{'reason': 'x'}",
    "unknown member": members(b'"' + MARK.encode() + b'": 1'),
    "unknown member twice": members(b'"x": 1, "x": 2'),
    "__proto__": members(b'"__proto__": {"a": 1}'),
}
ID = "0193a1f2-0000-7cc3-98c4-dc0c0c073511"  # nothing has it
CALLS = [
    ("worker-1", "POST", "/v1/visits"),
    ("worker-1", "PATCH", f"/v1/visits/{ID}"),
    ("worker-1", "POST", f"/v1/visits/{ID}/void"),
    ("worker-1", "POST", "/v1/households"),
    ("worker-1", "PATCH", f"/v1/households/{ID}"),
    ("county-admin", "POST", "/v1/catalogue-entries"),
    ("county-admin", "POST", "/v1/places"),
    ("county-admin", "POST", "/v1/users"),
    ("county-admin", "PATCH", f"/v1/users/{ID}"),
    ("county-admin", "POST", f"/v1/users/{ID}/places"),
    ("worker-1", "POST", "/v1/auth/password"),
]


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_whatever_the_body_says_it_is_refused_and_not_said_back(sign_in: SignIn, body: bytes) -> None:
    for username, method, path in CALLS:
        problem = await refused(await sign_in(username), method, path, content=body, headers={**JSON, "If-Match": '"1"'})
        assert problem["status"] in (400, 413, 422), (path, problem)


@pytest.mark.parametrize("seed", range(40))
async def test_random_bytes_are_refused(sign_in: SignIn, seed: int) -> None:
    rng = random.Random(seed)
    good = json.dumps({"household_id": ID, "visited_on": "2026-11-20", "outcome": "met", "notes": "老人精神好", "purposes": ["x"]}).encode()
    damaged = bytearray(good)
    for _ in range(rng.randint(1, 12)):
        damaged[rng.randrange(len(damaged))] = rng.randrange(256)
    for body in (rng.randbytes(rng.randint(1, 3_000)), bytes(damaged), good[: rng.randrange(len(good))]):
        check_problem(await (await sign_in("worker-1")).post("/v1/visits", content=body, headers=JSON))


@pytest.mark.parametrize(
    "media_type",
    [None, "", "text/plain", "application/x-www-form-urlencoded", "application/jsonp", "*/*", MARK, "x" * 99_999],
    ids=repr_short,
)
async def test_a_body_of_another_content_type_is_refused(sign_in: SignIn, media_type: str | None) -> None:
    headers = {"If-Match": '"1"'} | ({} if media_type is None else {"Content-Type": media_type})
    for username, method, path in CALLS:
        await refused(await sign_in(username), method, path, 415, "wrong-media-type", content=b"{}", headers=headers)
    county = await sign_in("county-admin")
    await refused(county, "POST", "/v1/places/import", 415, "wrong-media-type", content=b"{}", headers=headers)


async def test_of_a_member_sent_twice_the_last_counts(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    household = (await worker.get("/v1/households", params={"limit": 1})).json()["items"][0]["id"]
    body = f'{{"household_id": "{household}", "visited_on": "2011-01-01", "outcome": "met", "notes": "{MARK}", "notes": "好"}}'
    reply = await worker.post("/v1/visits", content=body.encode(), headers=JSON)
    assert (reply.status_code, reply.json()["notes"]) == (201, "好")
    assert MARK not in reply.text


async def test_characters_beyond_the_plane_of_most_survive(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    household = (await worker.get("/v1/households", params={"limit": 1})).json()["items"][0]["id"]
    body = {
        "household_id": household,
        "visited_on": "2011-01-02",
        "outcome": "met",
        "notes": "𡐓家\u200d👨‍👩‍👧 \ue000 é e\u0301\n第二行\t完",
    }
    reply = await worker.post("/v1/visits", json=body)
    assert (reply.status_code, reply.json()["notes"]) == (201, body["notes"])


# Compressed bodies


def packed(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def a_visit(**members: Any) -> bytes:
    return json.dumps({"household_id": ID, "visited_on": "2026-11-20", "outcome": "met", **members}).encode()


GZIP = {**JSON, "Content-Encoding": "gzip"}


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        (packed(a_visit())[:-5], "gzip", 400),
        (packed(a_visit())[:12], "gzip", 400),
        (packed(a_visit())[:-8] + b"\x00" * 8, "gzip", 400),
        (packed(a_visit()) + MARK.encode(), "gzip", 400),
        (packed(a_visit()) * 2, "gzip", 400),
        (zlib.compress(a_visit()), "gzip", 400),
        (a_visit(), "gzip", 400),
        (b"", "gzip", 400),
        (packed(packed(a_visit())), "gzip", 400),
        (packed(b""), "gzip", 400),
        (packed(b'{"notes": "\xff"}'), "gzip", 400),
        (packed(a_visit()), "br", 400),
        (packed(a_visit()), "gzip, gzip", 400),
        (packed(a_visit()), MARK, 400),
        (packed(a_visit(notes="a" * LIMIT)), "gzip", 413),
    ],
    ids=repr_short,
)
async def test_a_compressed_body_that_is_broken_is_refused(sign_in: SignIn, body: bytes, encoding: str, status: int) -> None:
    await refused(await sign_in("worker-1"), "POST", "/v1/visits", status, content=body, headers={**JSON, "Content-Encoding": encoding})


async def test_a_whole_compressed_body_is_read(sign_in: SignIn) -> None:
    """The household does not exist, which shows that the body was understood."""
    for case in ("gzip", "GZIP"):
        headers = {**JSON, "Content-Encoding": case}
        await refused(await sign_in("worker-1"), "POST", "/v1/visits", 404, "not-found", content=packed(a_visit()), headers=headers)


@pytest.mark.parametrize("path", ["/v1/visits", "/v1/households"])
async def test_a_gzip_bomb_is_not_blown_up(sign_in: SignIn, path: str) -> None:
    worker = await sign_in("worker-1")
    bomb = packed(b'{"notes": "' + b"a" * 60_000_000 + b'"}')
    assert len(bomb) < LIMIT
    tracemalloc.start()
    try:
        check_problem(await worker.post(path, content=bomb, headers=GZIP), 413, "too-large")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 4_000_000


async def test_a_bomb_of_a_file_is_refused(sign_in: SignIn) -> None:
    county = await sign_in("county-admin")
    bomb = packed(b"a" * 60_000_000)
    reply = await county.post("/v1/places/import", content=bomb, headers={**CSV, "Content-Encoding": "gzip"})
    check_problem(reply, 413, "too-large")


EMPTY_BLOCK = b"\x00\x00\x00\xff\xff"
ENDLESS = {
    "plain": (b"", b" " * 16_384, {}),
    "plain in drops": (b"", b" " * 1_000, {}),
    "gzip that opens to much": (packed(b"")[:10], b"", {"Content-Encoding": "gzip"}),
    "gzip of empty blocks": (packed(b"")[:10], EMPTY_BLOCK * 3_000, {"Content-Encoding": "gzip"}),
    "what follows a whole gzip": (packed(a_visit()), MARK.encode() * 1_000, {"Content-Encoding": "gzip"}),
}


@pytest.mark.parametrize(("begin", "again", "encoding"), ENDLESS.values(), ids=ENDLESS)
async def test_a_body_without_end_is_not_listened_to(sign_in: SignIn, begin: bytes, again: bytes, encoding: dict[str, str]) -> None:
    worker, sent = await sign_in("worker-1"), 0
    packer = zlib.compressobj(wbits=-15)

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield begin
        while sent < 50 * LIMIT:
            piece = again or packer.compress(b"a" * 5_000_000) + packer.flush(zlib.Z_SYNC_FLUSH)
            sent += len(piece)
            yield piece

    check_problem(await worker.post("/v1/visits", content=endless(), headers={**JSON, **encoding}))
    assert sent <= 2 * LIMIT


# Headers, queries and paths

LONG = "9" * 20_000


@pytest.mark.parametrize("name", ["Authorization", "If-Match", "Content-Type", "Content-Encoding", "Accept-Language", "Cookie", "X-Jihao"])
async def test_headers_of_any_size_and_bytes_break_nothing(sign_in: SignIn, name: str) -> None:
    worker = await sign_in("worker-1")
    for value in (
        MARK.encode() * 20_000,
        b"\xff\xfe\x80",
        b"",
        b"Bearer",
        b"Bearer \xff.\xff.\xff",
        b'W/"' + MARK.encode() + b'"',
        b'"9999999999"',
    ):
        headers = {b"Content-Type": b"application/json", b"If-Match": b'"1"', name.encode(): value}
        reply = await worker.patch(f"/v1/visits/{ID}", content=b"{}", headers=headers)
        check_problem(reply)


QUERIES = [
    "limit=0",
    "limit=-1",
    f"limit={LONG}",
    "limit=1e3",
    "limit=NaN",
    "limit=",
    f"limit={MARK}",
    f"cursor={MARK}",
    f"cursor={LONG}",
    "cursor=%00",
    "cursor=%ff%fe",
    "cursor=%F0%A1%90%93",
    "voided=2",
    f"{MARK}=1",  # letters alone are said back, as the name of a parameter
    f"{LONG}=1",
    "%00=%00",
    "%ff=%fe",
    "limit[]=1",
    "place_id=0",
    "place_id=-2147483649",
    "place_id=2147483648",
    "place_id=9223372036854775808",
    f"place_id={LONG}",
]
OWN_QUERIES = {
    "/v1/visits": [
        "household_id=%00",
        f"household_id={MARK}",
        f"worker_id={LONG}",
        "visited_from=1e400",
        f"visited_to={LONG}",
    ],
    "/v1/households": ["number=%00", f"number={LONG}", "status=%00", f"not_visited_since={MARK}", "not_visited_since=10000-01-01"],
    "/v1/places": ["parent_id=2147483648", "code=%00", f"code={LONG}", "level=%00"],
    "/v1/catalogue-entries": ["catalogue=%00", "active=maybe"],
    "/v1/users": ["role=%00", f"role={MARK}"],
}


@pytest.mark.parametrize("path", OWN_QUERIES)
async def test_queries_of_any_kind_are_refused(sign_in: SignIn, path: str) -> None:
    county = await sign_in("county-admin")
    for query in (*QUERIES, *OWN_QUERIES[path]):
        await refused(county, "GET", f"{path}?{query}", 422)


@pytest.mark.parametrize(
    "record_id",
    ["1", MARK, LONG, "%00", "%ff", "null", f"{ID}%00", f"{ID}%0a", f"{ID}x", ID[:-1], "..", "%2e%2e", "%F0%A1%90%93"],
    ids=repr_short,
)
@pytest.mark.parametrize("plural", ["visits", "households", "places", "catalogue-entries"])
async def test_an_id_that_is_none_names_nothing(sign_in: SignIn, plural: str, record_id: str) -> None:
    county = await sign_in("county-admin")
    path = f"/v1/{plural}/{record_id}"
    await refused(county, "GET", path, 404)
    await refused(county, "GET", path + "/revisions", 404)
    if plural in ("visits", "households"):
        await refused(county, "PATCH", path, 404, content=b"{}", headers={**JSON, "If-Match": '"1"'})
        await refused(county, "POST", path + "/void", 404, content=b"{}", headers=JSON)


async def test_an_id_that_is_none_is_answered_like_one_that_does_not_exist(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    replies = [await worker.get(f"/v1/visits/{record_id}") for record_id in (ID, MARK, "7")]
    assert len({(reply.status_code, reply.content) for reply in replies}) == 1


@pytest.mark.parametrize(
    "path",
    [
        "/v1/visits/",
        "/v1/visits//",
        "//v1/visits",
        "/v1//visits",
        "/V1/visits",
        "/v1/visits;a=1",
        "/v1/visits%00",
        "/v1/visits%20",
        f"/v1/visits/{ID}/",
        f"/v1/visits/{ID}/void/",
        f"/v1/visits/{ID}%2frevisions%2f",
        "/v1/visits/..%2f..%2fdocs",
        "/v1/./visits/../../x",
        "/v1",
        f"/{MARK}",
        f"/{LONG}",
        "/%ff",
        "/%00",
        "/problems/%00",
        f"/problems/{MARK}",
        "/problems/",
        "/docs/assets/%00",
        f"/docs/assets/{LONG}",
        f"/docs/assets/{MARK}",
        "/docs/assets/..%2f..%2f__init__.py",
        "/docs/assets/%2e%2e/%2e%2e/__init__.py",
        "/docs/assets//etc/passwd",
        "/docs/assets/swagger",
        "/docs/assets/",
        "/.env",
        "/v1/visits/%s%s%s%n",
    ],
    ids=repr_short,
)
async def test_a_path_that_is_none_is_not_found(sign_in: SignIn, path: str) -> None:
    await refused(await sign_in("worker-1"), "GET", path, 404)


@pytest.mark.parametrize("path", ["/openapi.json", "/docs"])
@pytest.mark.parametrize("language", ["%00", MARK, LONG, "EN", ""], ids=repr_short)
async def test_the_document_is_in_one_of_two_languages(anybody: Phone, path: str, language: str) -> None:
    await refused(anybody, "GET", f"{path}?lang={language}", 422)


async def test_a_percent_encoded_path_is_the_same_path(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    assert (await worker.get("/v1/%76isits?limit=1")).json() == (await worker.get("/v1/visits?limit=1")).json()


async def test_a_method_that_a_path_does_not_know_is_told_which_it_knows(anybody: Phone) -> None:
    paths = (await anybody.get("/openapi.json")).json()["paths"]
    known = {path: {method.upper() for method in operations} for path, operations in paths.items()}
    assert len(known) > 20
    for path in known:
        named = path.replace("{id}", ID).replace("{place_id}", "7")
        # a fixed path may be one of a record as well: /v1/places/import and /v1/places/{id}
        fits = [methods for other, methods in known.items() if re.fullmatch(re.sub(r"\\\{.+?\\\}", "[^/]+", re.escape(other)), named)]
        allowed = set().union(*fits)
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", MARK):
            if method not in allowed:
                reply = await anybody.request(method, named)
                said = check_problem(reply, 405)["type"].removeprefix("/problems/")
                assert said == "method-not-allowed" or (said, method) == ("only-added", "PATCH")
                assert set(reply.headers["allow"].split(", ")) == allowed, (method, path)


# Signing in


@pytest.mark.parametrize(
    "form",
    [
        b"",
        b"\x00",
        b"grant_type",
        b"grant_type=password",
        b"grant_type=" + MARK.encode(),
        b"grant_type=client_credentials&client_id=" + MARK.encode(),
        b"username=" + MARK.encode() + b"&password=x",
        b"grant_type=password&username=" + MARK.encode() + b"&password=" + MARK.encode(),
        b"grant_type=password&username=a%00b&password=x",
        b"grant_type=password&username=%00&password=%00",
        b"grant_type=password&username=\xff\xfe&password=x",
        b"grant_type=password&username=%ff%fe&password=%ff",
        b"grant_type=password&username=%ED%A0%80&password=x",
        b"grant_type=password&username=" + b"a" * 201,
        b"grant_type=password&username=x&password=" + b"a" * 201,
        b"grant_type=password&username=x&password=" + b"a" * 1_000_000,
        b"grant_type=password&username=x&password=y&device_id=" + MARK.encode(),
        b"grant_type=password&username=x&password=y&device_name=" + b"a" * 201,
        b"grant_type=password&username=worker-1&password=jiafang-demo-2026&device_name=a%00b",
        b"grant_type=password&username=worker-1%00&password=jiafang-demo-2026",
        b"grant_type=password&username=worker-1'%20OR%20'1'='1&password=x",
        b"grant_type=password&grant_type=refresh_token&username=x",
        b"grant_type=refresh_token",
        b"grant_type=refresh_token&refresh_token=" + MARK.encode(),
        b"grant_type=refresh_token&refresh_token=1." + b"A" * 43,
        b"grant_type=refresh_token&refresh_token=%00.%00",
        b"grant_type=refresh_token&refresh_token=%C2%B2." + b"A" * 43,
        b"grant_type=refresh_token&refresh_token=99999999999." + b"A" * 43,
        b"grant_type=refresh_token&refresh_token=-1." + b"A" * 43,
        b"grant_type=refresh_token&refresh_token=" + b"1." * 100,
        b"&".join(b"a%d=1" % n for n in range(1_000)),
        b"&" * 5_000,
        b"=" * 5_000,
        b"%" * 5_000,
        b'{"grant_type": "password"}',
    ],
    ids=repr_short,
)
async def test_whatever_the_sign_in_form_says(app: Any, anybody: Phone, form: bytes) -> None:
    await refused(anybody, "POST", "/v1/auth/token", content=form, headers=FORM)


async def test_a_sign_in_as_json_is_of_another_content_type(anybody: Phone) -> None:
    body = {"grant_type": "password", "username": "worker-1", "password": MARK}
    await refused(anybody, "POST", "/v1/auth/token", 415, "wrong-media-type", json=body)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {MARK}",
        "Bearer a.b.c",
        "Bearer ..",
        "Basic d29ya2VyLTE6eA==",
        f"Bearer {LONG}",
        "Bearer a b",
        "bearer\t",
    ],
    ids=repr_short,
)
async def test_a_token_that_is_none_signs_nobody_in(anybody: Phone, token: str) -> None:
    for method, path in (("GET", "/v1/visits"), ("POST", "/v1/visits"), ("GET", f"/v1/visits/{ID}"), ("GET", "/v1/me")):
        problem = await refused(anybody, method, path, 401, "not-signed-in", headers={"Authorization": token})
        assert problem["wipe"] is False


# Files


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00" * 100,
        b"\xff\xfe" * 100,
        MARK.encode(),
        b'"' * 9_999,
        b"," * 9_999,
        b"\n" * 9_999,
        b"\r" * 9_999,
        b"code12,name,level,urban_rural_class,parent\n" + b",".join([MARK.encode()] * 5) + b"\n",
        b"code12,name,level,urban_rural_class,parent\n" + b"a" * 200_000 + b",b,c,d,e\n",
        b"level,old_code12,old_name,new_code12,new_name,between_snapshots,kind,evidence\n" + b",".join([MARK.encode()] * 8) + b"\n",
        b"=cmd|' /C calc'!A0,2\n",
    ],
    ids=repr_short,
)
async def test_whatever_the_file_holds(sign_in: SignIn, data: bytes) -> None:
    await refused(await sign_in("county-admin"), "POST", "/v1/places/import", 422, "bad-file", content=data, headers=CSV)


async def test_after_all_of_this_the_service_is_well(sign_in: SignIn, anybody: Phone) -> None:
    assert (await anybody.get("/health/ready")).json()["status"] == "ok"
    assert (await (await sign_in("worker-1")).get("/v1/visits")).status_code == 200
