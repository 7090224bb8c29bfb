"""The documentation is a product: complete in both languages, valid, and every example in it works."""

import asyncio
import html
import re
import shutil
import socket
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import orjson
import pytest
import uvicorn
from httpx import Response
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it ships no types
from openapi_spec_validator import validate
from playwright.async_api import Locator, Page, Route, async_playwright

from api import demo
from api.kinds import KINDS
from api.language import pick
from api.problems import ALL
from api.routers import chapters, examples, imports, openapi, wire
from api.rules.caller import ROLES, Role
from tests.conftest import Databases, Phone, client, running
from tests.county import refused

CHINESE = re.compile("[\u3400-\u9fff]")
LANGUAGES = ("zh", "en")
# What ends something comes after all else, in this order
LAST = ("report_device_lost", "revoke_device", "sign_out", "change_password", "reset_password", "close_user")
# Members that differ from run to run
OWN = {"created_at", "updated_at", "closed_at", "registered_at", "signed_in_at", "device_id", "device"}
OWN |= {"access_token", "refresh_token", "password", "version", "operator", "keys"}
OWN |= {"ended_at", "done", "created"}  # how far an import is
OWN |= {"made_at", "tries", "problem"}  # how far a letter is
OWN |= {"undone_at"}
OWN |= {"decided_at", "confirmed_at", "items"}  # the books grow with each example
OWN |= {"received_at", "settled_at", "changes", "cursor", "more", "tick", "of", "server_time", "kinds"}
GROWS = ("list_", "get_own_household")  # with what other examples write
FILES = ("application/pdf", imports.XLSX)  # nobody reads them in a document
NEEDS_A_FILTER = {"list_attendances"}  # one or the other
MADE_BY_THE_SERVICE = {("create_group", "id"), ("create_user", "id"), ("create_import", "id")}


@pytest.fixture(scope="module")
async def app(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Any]:
    """A demonstration county of its own: the examples change things."""
    var = tmp_path_factory.mktemp("docs")
    async with running(await databases.seeded(var), var) as app:
        yield app


class Operation(NamedTuple):
    name: str
    method: str
    path: str
    says: dict[str, Any]


def operations(document: dict[str, Any]) -> list[Operation]:
    return [Operation(says["operationId"], method, path, says) for path, of in document["paths"].items() for method, says in of.items()]


def texts(node: Any, at: str = "") -> Iterator[tuple[str, str]]:
    """Everything that people read, and where it stands; not the data in examples, nor what is typed in a transcript."""
    if isinstance(node, list):
        for n, part in enumerate(node):
            yield from texts(part, f"{at}/{n}")
    elif isinstance(node, dict):
        for key, part in node.items():
            if isinstance(part, str) and (key in ("summary", "description") or (key == "title" and "/properties/" not in at)):
                yield f"{at}/{key}", re.sub("```.*?```", "", part, flags=re.DOTALL)
            elif key not in ("example", "value", "enum") and not (key == "examples" and isinstance(part, list)):
                yield from texts(part, f"{at}/{key}")


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_is_valid_and_all_of_it_is_in_one_language(app: Any, language: openapi.Language) -> None:
    document = openapi.document(app, language)
    validate(document)
    assert "\x1f" not in str(document)
    assert "HTTPValidationError" not in str(document)
    wrong = {
        at: text for at, text in texts(document) if not text.strip() or bool(CHINESE.search(text.replace("中文", ""))) is (language == "en")
    }
    assert {at: text for at, text in wrong.items() if (at, text) != ("/info/title", "Jiafang")} == {}


def test_both_languages_say_the_same_things(app: Any) -> None:
    zh, en = (openapi.document(app, language) for language in ("zh", "en"))
    assert [at for at, _ in texts(zh)] == [at for at, _ in texts(en)]
    assert [(o.name, o.method, o.path, o.says["x-roles"]) for o in operations(zh)] == [
        (o.name, o.method, o.path, o.says["x-roles"]) for o in operations(en)
    ]


def test_english_that_is_put_together_reads_as_english(app: Any) -> None:
    document = openapi.document(app, "en")
    assert [text for _, text in texts(document) if re.search(r"\b[Aa] [aei]", text)] == []
    said = [o.says["summary"] for o in operations(document) if o.name in ("list_people", "list_checkup_programmes", "list_follow_ups")]
    assert sorted(said) == ["List check-up programmes", "List follow-ups", "List people"]


@pytest.mark.parametrize("role", ROLES)
async def test_it_can_be_read_as_one_role(app: Any, role: Role) -> None:
    """What docs/rights.md says of the role, the other calls it may make, and what these need."""
    whole = openapi.document(app, "en")
    async with client(app) as http:
        document = (await http.get("/openapi.json", params={"lang": "en", "role": role})).json()
        assert (await http.get("/openapi.json", params={"role": "nobody"})).status_code == 422
    validate(document)
    shown = {o.name for o in operations(document)}
    assert shown == {o.name for o in operations(whole) if role in o.says["x-roles"] or "anybody" in o.says["x-roles"]}
    rights = [line.split("|")[1:5] for line in openapi.rights_as_markdown().splitlines() if line.count("|") == 7][2:]
    assert len(rights) == len(KINDS)
    called = pick(wire.ROLE_WORDS[role], "en")
    for kind, (_, *columns) in zip(KINDS.values(), rights, strict=True):
        writes_all, writes_own, reads = (called in column or "everybody" in column for column in columns)
        of_kind = {o.name for o in operations(whole) if o.path.split("/")[2:3] == [kind.plural]}
        for names, right in (("get list", reads), ("create change void", writes_all or writes_own)):
            ours = {f"{name}_{one}" for name in names.split() for one in (kind.name, kind.plural.replace("-", "_"))} & of_kind
            assert ours & shown == (ours if right else set()), kind.name
    tags = [tag["name"] for tag in document["tags"]]
    assert tags == list(dict.fromkeys(tag for o in operations(document) for tag in o.says["tags"]))
    named = set(re.findall(r"#/components/(\w+)/([\w-]+)", str(document)))
    kept = {(of, name) for of, parts in document["components"].items() if of != "securitySchemes" for name in parts}
    assert kept == named
    assert document["components"]["schemas"].keys() < whole["components"]["schemas"].keys()


async def test_what_a_role_does_not_read_of_it_refuses_that_role(app: Any) -> None:
    document, roles = openapi.document(app, "en"), {user["username"]: user["role"] for user in demo.users()}
    given = []
    for username in ("county-admin", "township-1", "worker-1", "lead-1", "head-1"):
        phone = await signed_in(app, username)
        for call in calls(document):
            if {roles[username], "anybody"} & {*call.operation.says["x-roles"]}:
                continue
            reply = await send(phone, call.operation, call.query, call.media_type, call.body)
            nothing = reply.status_code in (403, 404) or (reply.status_code == 200 and reply.json().get("items") == [])
            given += [] if nothing else [(username, call.operation.name, reply.status_code, reply.text)]
    assert not given, "\n".join(map(str, given))


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_left_undescribed(app: Any, language: openapi.Language) -> None:
    """That each description is in its language: the test above."""
    document = openapi.document(app, language)
    missing = [(tag["name"], "tag") for tag in document["tags"] if not tag.get("description")]
    headers, examples = document["components"]["headers"], document["components"]["examples"]
    missing += [(name, "example") for name, example in examples.items() if not example.get("summary")]
    for o in operations(document):
        parts = [o.says, *o.says.get("parameters", []), *o.says["responses"].values()]
        for answer in o.says["responses"].values():
            parts += [headers[said["$ref"].rpartition("/")[2]] if "$ref" in said else said for said in answer["headers"].values()]
        missing += [(o.name, part) for part in parts if not part.get("description")]
        missing += [(o.name, word) for word in ("summary", "tags", "x-roles", "security") if word not in o.says]
    for name, schema in document["components"]["schemas"].items():
        missing += [(name, word) for word in ("title", "description") if not schema.get(word)]
        missing += [(name, at) for at, member in members(schema) if not member.get("description")]
    assert missing == []


def members(schema: Any, at: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Those of a schema, and of the schemas inside it."""
    if isinstance(schema, list):
        for part in schema:
            yield from members(part, at)
    elif isinstance(schema, dict):
        for key, part in schema.items():
            if key == "properties":
                yield from ((f"{at}/{name}", member) for name, member in part.items())
            if key not in ("example", "examples", "default", "enum"):
                yield from members(list(part.values()) if key == "properties" else part, f"{at}/{key}")


def test_nothing_is_left_without_an_example(app: Any) -> None:
    """What routers/examples.py does not say of an operation yet: in a new kind, all of it."""
    missing = []
    for o in operations(openapi.document(app, "zh")):
        missing += [(o.name, "caller")] if o.name not in examples.by_operation() else []
        for part in (o.says.get("requestBody", {}), *o.says["responses"].values()):
            shown = {
                media_type: content.keys() & {"example", "examples"}
                for media_type, content in part.get("content", {}).items()
                if media_type not in FILES
            }
            missing += [(o.name, media_type) for media_type, found in shown.items() if not found]
        for p in o.says.get("parameters", []):
            shown_at = p["schema"].keys() & {"examples", "default"} if p["in"] == "query" else p.keys() & {"example"}
            missing += [(o.name, p["name"])] if not shown_at and p["name"] != "cursor" else []
    assert not missing, "\n".join(map(str, missing))


def test_examples_of_problems_say_what_their_schema_knows(app: Any) -> None:
    """The linter that says so needs Node.js."""
    components = openapi.document(app, "en")["components"]
    known = components["schemas"]["Problem"]["properties"].keys()
    assert {slug: said for slug, example in components["examples"].items() if (said := example["value"].keys() - known)} == {}


def test_operations_stand_under_the_tags_in_their_order(app: Any) -> None:
    document = openapi.document(app, "en")
    tags = [tag["name"] for tag in document["tags"]]
    used = list(dict.fromkeys(tag for o in operations(document) for tag in o.says["tags"]))
    assert used == tags


async def test_every_reply_has_a_number_and_every_problem_its_language(app: Any) -> None:
    [me] = (o for o in operations(openapi.document(app, "en")) if o.name == "get_me")
    async with client(app) as http:
        refused = await http.get("/v1/me", headers={"Accept-Language": "en"})
        fine = await http.get("/v1/about")
    assert me.says["responses"]["401"]["headers"].keys() == {"WWW-Authenticate", "X-Request-ID", "Content-Language"}
    assert all(name in refused.headers for name in me.says["responses"]["401"]["headers"])
    assert (refused.headers["content-language"], "x-request-id" in fine.headers) == ("en", True)
    assert me.says["responses"]["200"]["headers"].keys() == {"X-Request-ID"}


def test_answers_and_security_are_as_the_service_gives_them(app: Any) -> None:
    document = openapi.document(app, "en")
    assert [slug for slug, example in document["components"]["examples"].items() if "{" in example["value"]["detail"]] == []
    for o in operations(document):
        answers = o.says["responses"]
        assert "content" not in answers.get("204", {}), o.name
        assert (o.says["security"] == []) == (o.says["x-roles"] == ["anybody"]) == ("401" not in answers), o.name
        if o.method == "patch" and "412" in answers:
            assert [p["required"] for p in o.says["parameters"] if p["name"] == "If-Match"] == [True]
            assert {"ETag"} <= answers["200"]["headers"].keys()
        for p in o.says.get("parameters", []):
            if p["name"] == "If-Match":  # which may say "*" (RFC 9110), and that would be anybody's revision
                one, any_at_all = (Draft202012Validator(p["schema"]).is_valid(value) for value in ('"7"', "*"))
                assert (one, any_at_all) == (True, False)
        for status, answer in answers.items():
            problems = wire.problems_of(answer)
            assert (status[0] in "45") == bool(problems), (o.name, status)
            assert {ALL[slug].status for slug in problems} <= {int(status)}


def test_whoever_signs_in_sends_a_body_or_names_something_hears_what_may_be_wrong_with_it(app: Any) -> None:
    for o in operations(openapi.document(app, "en")):
        said = {slug for answer in o.says["responses"].values() for slug in wire.problems_of(answer)}
        if "requestBody" in o.says:
            assert {"wrong-media-type", "bad-encoding", "too-large", "too-slow"} <= said, o.name
            assert ("not-json" in said) == any("json" in media_type for media_type in o.says["requestBody"]["content"]), o.name
        if "{" in o.path:
            assert "404" in o.says["responses"], o.name
        if o.says["security"]:
            assert {"not-signed-in", "account-closed", "device-revoked"} <= said, o.name


async def test_no_operation_takes_a_query_parameter_that_it_does_not_have(app: Any) -> None:
    """A list without a mistyped filter would be another list."""
    async with client(app) as http:
        for o in operations(openapi.document(app, "en")):
            reply = await http.request(o.method, o.path.format_map(defaultdict(lambda: "1")), params={"limmit": 1})
            refused(reply, 422, "invalid", "?limmit")
            assert "invalid" in wire.problems_of(o.says["responses"]["422"]), o.name


@pytest.mark.parametrize("page", ["/docs", "/openapi.json", "/problems/stale"])
async def test_a_page_opens_with_what_others_append_to_its_address(app: Any, page: str) -> None:
    async with client(app) as http:
        assert (await http.get(page, params={"from": "singlemessage"})).status_code == 200


class Call(NamedTuple):
    operation: Operation
    query: dict[str, Any]
    media_type: str
    body: Any


def calls(document: dict[str, Any]) -> Iterator[Call]:
    """Each operation with each of its bodies, and with each of its filters."""
    found = operations(document)
    # the family answers an invitation before the example of its programme closes that
    found.sort(key=lambda o: LAST.index(o.name) if o.name in LAST else -2 if o.path.startswith("/v1/me/") else -1)
    for o in found:
        filters = [p for p in o.says.get("parameters", []) if p["in"] == "query"]
        always = {p["name"]: p["example"] for p in filters if p["required"]}
        filtered = [{**always, p["name"]: value} for p in filters for value in p["schema"].get("examples", [])]
        for query in filtered if o.name in NEEDS_A_FILTER else [always, *filtered]:
            content = o.says.get("requestBody", {}).get("content", {"": {}})
            for media_type, said in content.items():
                bodies = {} if media_type in FILES else said.get("examples", {"": {"value": said.get("example")}})
                for example in bodies.values():
                    yield Call(o, query, media_type, example["value"])


async def test_every_example_works_on_the_demonstration_county(app: Any) -> None:
    document = openapi.document(app, "zh")
    phones: dict[str, Phone] = {}
    tokens: dict[str, Any] = {}
    wrong: list[tuple[Any, ...]] = []
    for call in calls(document):
        o = call.operation
        caller = examples.by_operation()[o.name].caller
        if caller and (caller not in phones or o.name in LAST):
            assert next(u["role"] for u in demo.users() if u["username"] == caller) in o.says["x-roles"]
            phones[caller] = await signed_in(app, caller)
        body = call.body
        if o.name == "sign_in" and "refresh_token" in body:  # the example says itself that another must be put there
            body = {**body, "refresh_token": tokens["refresh_token"]}
        phone = phones[caller] if caller else client(app)
        reply = await send(phone, o, call.query, call.media_type, body)
        if o.name == "sign_in":
            tokens = reply.json()
        said = o.says["responses"].get(str(reply.status_code))
        if said is None or reply.status_code >= 300:
            wrong.append((o.name, call, reply.status_code, reply.text))
            continue
        wrong += [(o.name, "no header", name) for name in said.get("headers", {}) if name not in reply.headers]
        for media_type, content in said.get("content", {}).items():
            assert reply.headers["content-type"] == media_type, o.name
            if media_type in FILES:
                continue
            shown, given = content["example"], reply.json()
            validator = Draft202012Validator({**content["schema"], "components": document["components"]})
            wrong += [(o.name, error.message, error.json_path) for of in (shown, given) for error in validator.iter_errors(of)]
            if not o.name.startswith(GROWS):
                wrong += [(o.name, *found) for found in differences(shown, given) if (o.name, found[0]) not in MADE_BY_THE_SERVICE]
    assert not wrong, "\n".join(map(str, wrong))


async def test_a_lead_household_is_answered_as_the_document_says(app: Any) -> None:
    """Of whom the examples show little: members are missing that others see."""
    document, lead, wrong = openapi.document(app, "en"), await signed_in(app, "lead-1"), []
    for o in operations(document):
        if o.method == "get" and "household_head" in o.says["x-roles"] and "application/json" in o.says["responses"]["200"]["content"]:
            example = examples.by_operation()[o.name]
            reply = await send(lead, o, example.query if o.name in NEEDS_A_FILTER else {}, "", None)
            said = o.says["responses"][str(reply.status_code)]["content"][reply.headers["content-type"]]
            validator = Draft202012Validator({**said["schema"], "components": document["components"]})
            wrong += [(o.name, error.message, error.json_path) for error in validator.iter_errors(reply.json())]
    assert not wrong, "\n".join(map(str, wrong))


async def signed_in(app: Any, username: str) -> Phone:
    phone = client(app)
    form = {"grant_type": "password", "username": username, "password": demo.PASSWORD}
    phone.headers["Authorization"] = f"Bearer {(await phone.post('/v1/auth/token', data=form)).json()['access_token']}"
    return phone


async def send(phone: Phone, o: Operation, query: Any, media_type: str, body: Any) -> Response:
    """The operation with the examples of its path and headers."""
    shown = {of: {p["name"]: p["example"] for p in o.says.get("parameters", []) if p["in"] == of} for of in ("path", "header")}
    headers = {**shown["header"], **({"Content-Type": media_type} if media_type else {})}
    content = (body or "") if isinstance(body, str | None) else orjson.dumps(body)
    if media_type == "application/x-www-form-urlencoded":
        content = urlencode(body)
    return await phone.request(o.method, o.path.format_map(shown["path"]), params=query, headers=headers, content=content)


def differences(shown: Any, given: Any) -> Iterator[tuple[Any, ...]]:
    """Where a reply is not what the documentation shows."""
    for name in shown.keys() | given.keys():
        if (shown.get(name, "none") != given.get(name, "none")) and name not in OWN:
            yield name, shown.get(name, "none"), given.get(name, "none")


async def test_the_page_and_its_assets_may_be_kept_and_load_nothing_else(app: Any) -> None:
    async with client(app) as http:
        page = await http.get("/docs")
        assert "script-src 'self';" in page.headers["content-security-policy"]
        addresses = re.findall('(?:src|href)="([^"]+)"', page.text)
        assert len(addresses) == 7
        for address in (address for address in addresses if address != "?lang=en"):
            asset = await http.get(address)
            assert asset.status_code == 200
            assert "immutable" in asset.headers["cache-control"]
            assert (await http.get(address, headers={"Accept-Encoding": "identity"})).content == asset.content
        assert (await http.get("/docs/assets/swagger-ui.css.map")).status_code == 404
        assert (await http.get("/openapi.json?lang=en")).json() == openapi.document(app, "en")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_problem_has_a_page_without_gaps(app: Any, language: str) -> None:
    """`type` of a problem leads there; what differs from time to time is shown by an example."""
    async with client(app) as http:
        index = await http.get("/problems", params={"lang": language})
        leads_to = [index.text]
        for kind in ALL.values():
            page = await http.get(f"/problems/{kind.slug}", headers={"Accept-Language": language})
            assert (page.status_code, page.headers["content-language"][:2]) == (200, language)
            assert pick(kind.title, language) in html.unescape(page.text)
            assert not re.search(r"\{\w+\}", re.sub("<code>.*?</code>", "", page.text))  # but for paths
            assert page.text == (await http.get(f"/problems/{kind.slug}", params={"lang": language})).text
            leads_to.append(page.text)
        for address in {address for text in leads_to for address in re.findall("""(?:src|href)=["']([^"'#]+)""", text)}:
            assert (await http.get(address)).status_code == 200, address
        assert all(f"/problems/{slug}?" in index.text for slug in ALL)
        assert (await http.get("/problems/none")).status_code == 404


async def test_the_page_of_a_problem_says_what_to_do_and_where_it_comes_from(app: Any) -> None:
    async with client(app) as http:
        page = html.unescape((await http.get("/problems/day-to-come", params={"lang": "en"})).text)
        refused = (await http.get("/v1/me", headers={"Accept-Language": "en"})).json()
        assert refused["detail"] in (await http.get(refused["type"], headers={"Accept-Language": "en"})).text
    assert "Days up to tomorrow can be recorded; today is 2026-11-24." in page
    assert "The same request has the same answer" in page
    assert '<a href="/docs?lang=en#/Visits/create_visit">Create a visit</a> <code>POST /v1/visits</code>' in page
    assert "List visits" not in page


def test_every_problem_says_both_its_words_in_both_languages() -> None:
    words = [
        (kind.slug, part, pick(text, "zh"), pick(text, "en"))
        for kind in ALL.values()
        for part, text in (("title", kind.title), ("detail", kind.detail))
    ]
    assert [said for said in words if said[2] == said[3] or CHINESE.search(said[3]) or not said[3].strip()] == []


# In a browser

CHROMIUM = shutil.which("chromium")
# No service of its own, and no name but this machine's is found
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


@pytest.fixture(scope="module")
async def address(app: Any) -> AsyncIterator[str]:
    """The app behind a real socket."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="warning"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    await serving


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here (Debian: apt-get install chromium fonts-noto-cjk)")
@pytest.mark.parametrize(
    ("query", "lists", "creates"),
    [
        ("", ("户", "列出户"), ("家访", "新建家访")),
        ("?lang=en", ("Households", "List households"), ("Visits", "Create a visit")),
    ],
)
async def test_the_first_two_minutes_in_a_browser_without_internet(
    address: str, query: str, lists: tuple[str, str], creates: tuple[str, str], tmp_path: Path
) -> None:
    """As the page itself tells them (chapters.py)."""
    elsewhere: list[str] = []
    errors: list[str] = []

    async def own_only(route: Route) -> None:
        if route.request.url.startswith((f"{address}/", "data:")):
            await route.continue_()
        else:
            elsewhere.append(route.request.url)
            await route.abort()

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = await browser.new_page(viewport={"width": 1280, "height": 1600})
        await page.route("**/*", own_only)
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        await page.goto(f"{address}/docs{query}")
        await page.locator(".auth-wrapper .authorize").click()
        await page.locator("#oauth_username").fill("worker-1")
        await page.locator("#oauth_password").fill(demo.PASSWORD)
        await page.locator(".auth-btn-wrapper [aria-label^=Apply]").click()
        await page.locator(".auth-btn-wrapper [aria-label^=Remove]").wait_for()  # signed in
        await page.screenshot(path=tmp_path / "signed-in.png")
        await page.locator(".auth-btn-wrapper .btn-done").click()
        assert "role=village" in page.url
        assert "role=village" in (await page.locator("header a").get_attribute("href") or "")  # the other language, of the same role
        assert await page.locator("[data-role=village]").get_attribute("aria-pressed") == "true"
        assert await page.locator('[id$="-close_month"], [data-tag="导入"], [data-tag="Imports"]').count() == 0
        listed = await executed(page, *lists)
        assert "200" in await listed.locator(".response-col_status").inner_text()
        assert '"number": "1101-01"' in await listed.locator(".response-col_description").inner_text()
        stored = await executed(page, *creates)
        assert re.search("20[01]", await stored.locator(".response-col_status").inner_text())  # the other language did it before
        again = await executed(page, *creates)
        assert "200" in await again.locator(".response-col_status").inner_text()
        await page.screenshot(path=tmp_path / "stored.png", full_page=True)
        await page.locator('[data-role=""]').click()  # all of it again, still signed in
        await page.locator('[data-tag="导入"], [data-tag="Imports"]').wait_for()
        assert "role" not in page.url
        assert await page.locator(".auth-wrapper .authorize.locked").count() == 1
        await browser.close()
    assert (elsewhere, errors) == ([], [])


async def executed(page: Page, tag: str, summary: str) -> Locator:
    """The answer to the operation, tried out; opens what is closed."""
    operation = page.locator(".opblock", has_text=summary)
    if not await operation.count():
        await page.locator(f'.opblock-tag[data-tag="{tag}"]').click()
    if not await operation.locator(".try-out__btn").count():
        await operation.locator(".opblock-summary-control").click()
        await operation.locator(".try-out__btn").click()
    async with page.expect_response(lambda reply: "/v1/" in reply.url):
        await operation.locator(".execute").click()
    await operation.locator(".loading-container").wait_for(state="detached")
    return operation.locator(".live-responses-table .response").first


def test_the_morning_is_told_once() -> None:
    """docs/morning.md, the lines of which test_readme types, and the page in both languages."""
    stored = Path("docs/morning.md").read_text("utf-8")
    assert stored == chapters.morning_as_markdown(), "run .venv/bin/python -m api.routers.openapi"
    typed = re.findall("```console\n.*?```", stored, re.DOTALL)
    assert [re.findall("```console\n.*?```", chapters.introduction(language), re.DOTALL) for language in LANGUAGES] == [typed, typed]
