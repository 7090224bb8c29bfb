"""What the operator sees: request ids, lines in the log, metrics, and whether the service is well. Never what people wrote."""

import asyncio
import json
import logging
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from api import demo, logs
from api.jobs import hourly
from api.main import LastResort
from api.watched import JOB, OPS, Watched
from tests.conftest import Databases, Phone, client, running
from tests.county import County, op, push

TOKEN = "the-token-of-prometheus"
GIVEN = "0193a1f2-5b7c-7cc3-98c4-dc0c0c07398f"


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Iterator[Any]:
    """`lines()`: what was said on standard error so far, each line as an object."""
    formatter, handler, made = logs.Lines(), logging.Handler(), list[str]()
    handler.emit = lambda record: print(formatter.format(record), file=sys.stderr)  # type: ignore[method-assign]  # noqa: T201 - to capsys
    logging.getLogger().addHandler(handler)

    def read() -> list[dict[str, Any]]:
        made.extend(capsys.readouterr().err.splitlines())
        return [json.loads(line) for line in made]

    with caplog.at_level(logging.INFO, "jiafang.requests"):
        yield read
    logging.getLogger().removeHandler(handler)


@pytest.fixture(scope="module")
async def watched(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Any]:
    """An app that Prometheus may ask, with a folder for backups."""
    var = tmp_path_factory.mktemp("var")
    (var / "backups").mkdir()
    async with running(await databases.new(), var, METRICS_TOKEN=TOKEN, BACKUPS=str(var / "backups"), LEAST_FREE_MB="0") as app:
        yield app


async def metrics(app: Any) -> dict[tuple[str, ...], float]:
    """(name, label values …) -> value."""
    async with client(app) as http:
        reply = await http.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert reply.status_code == 200, reply.text
    families = text_string_to_metric_families(reply.text)
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


# What every answer tells browsers


@pytest.mark.parametrize(
    ("path", "status"), [("/v1/visits", 200), ("/v1/visits?x=1", 422), ("/v1/nothing", 404), ("/health/live", 200), ("/", 307)]
)
async def test_no_browser_keeps_frames_or_guesses_an_answer(sign_in: Any, path: str, status: int) -> None:
    reply = await (await sign_in("worker-1")).get(path)
    assert reply.status_code == status
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["referrer-policy"] == "no-referrer"
    assert set(reply.headers["content-security-policy"].split("; ")) >= {"default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"}


async def test_so_does_an_error_that_nobody_expected() -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError

    async with client(Watched(LastResort(broken))) as http:
        assert (await http.get("/v1/visits")).headers["x-content-type-options"] == "nosniff"


async def test_a_route_that_knows_better_says_so_once(anybody: Phone) -> None:
    page = await anybody.get("/docs")
    assert page.headers.get_list("content-security-policy") == [page.headers["content-security-policy"]]
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert page.headers.get_list("cache-control") == ["no-cache"]
    assert page.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/v1/about", "/v1/visits", "/openapi.json"])
async def test_no_other_site_reads_an_answer(sign_in: Any, path: str) -> None:
    phone = await sign_in("worker-1")
    reply = await phone.get(path, headers={"Origin": "https://elsewhere.example"})
    asked = await phone.options(path, headers={"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "GET"})
    for answer in (reply, asked):
        assert [name for name in answer.headers if name.startswith("access-control-")] == []


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "TRACK"])
async def test_a_request_is_not_said_back(sign_in: Any, method: str) -> None:
    reply = await (await sign_in("worker-1")).request(method, "/v1/visits", headers={"X-Said": "said-before"})
    assert reply.status_code == 405
    assert "said-before" not in reply.text


async def test_nothing_sets_a_cookie(sign_in: Any, anybody: Phone) -> None:
    form = {"grant_type": "password", "username": "worker-1", "password": demo.PASSWORD}
    for reply in (
        await anybody.post("/v1/auth/token", data=form),
        await (await sign_in("worker-1")).get("/v1/me"),
        await anybody.get("/docs"),
    ):
        assert reply.status_code == 200
        assert "set-cookie" not in reply.headers


# Request ids and the log


@pytest.mark.parametrize("sent", [GIVEN, GIVEN.replace("-", "")])
async def test_a_proxys_request_id_is_kept(anybody: Phone, lines: Any, sent: str) -> None:
    reply = await anybody.get("/health/live", headers={"X-Request-ID": sent})
    assert reply.headers["x-request-id"] == sent
    assert lines()[-1]["request_id"] == sent


@pytest.mark.parametrize(
    "sent", ["", "13800138000", "110105194912310021", "a" * 200, "张三", f"{GIVEN}\t{GIVEN}", GIVEN.upper(), f"{GIVEN}x"]
)
async def test_what_is_no_request_id_is_replaced(anybody: Phone, lines: Any, sent: str) -> None:
    """It could be anything, somebody's number too."""
    reply = await anybody.get("/health/live", headers=[(b"X-Request-ID", sent.encode())])
    assert reply.headers["x-request-id"] != sent
    assert len(reply.headers["x-request-id"]) == 32
    assert lines()[-1]["request_id"] == reply.headers["x-request-id"]


async def test_the_log_has_the_route_and_nothing_that_was_sent(anybody: Phone, sign_in: Any, lines: Any) -> None:
    worker, record = await sign_in("worker-1"), str(uuid4())
    await worker.get(f"/v1/visits/{record}")
    await worker.get("/v1/people", params={"q": "王秀英"})
    await worker.post("/v1/visits", json={"household_id": record, "notes": "老人精神好", "visited_on": "x"})
    await anybody.get("/没有/这个")
    await anybody.request("PURGE", "/v1/visits")
    told = [(line["method"], line["route"], line["status"]) for line in lines()]
    assert told[-5:] == [
        ("GET", "/v1/visits/{id}", 404),
        ("GET", "/v1/people", 200),
        ("POST", "/v1/visits", 422),
        ("GET", "other", 404),
        ("other", "/v1/visits", 405),
    ]
    assert lines()[-1].keys() == {"at", "level", "logger", "message", "request_id", "method", "route", "status", "ms"}
    text = json.dumps(lines(), ensure_ascii=False)
    assert [word for word in (record, "王秀英", "老人", "没有", "PURGE", "127.0.0.1", "Bearer") if word in text] == []


async def test_it_says_who_signed_in_and_who_was_refused_what(
    anybody: Phone, sign_in: Any, lines: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "jiafang.security")
    phone = await sign_in("worker-1")
    me = (await phone.get("/v1/me")).json()
    who = {"county": 1, "user": me["id"], "device": me["device"]["id"]}
    form = {"grant_type": "password", "username": "worker-1", "password": demo.PASSWORD, "device_id": me["device"]["id"]}
    signed_in = (await anybody.post("/v1/auth/token", data=form)).json()
    await anybody.post("/v1/auth/token", data={"grant_type": "refresh_token", "refresh_token": signed_in["refresh_token"]})
    await anybody.post("/v1/auth/token", data=form | {"password": "wrong-word-77"})
    await anybody.post("/v1/auth/token", data={"grant_type": "password", "username": "nobody-77", "password": "wrong-word-77"})
    await anybody.get("/v1/me")
    await phone.get(f"/v1/visits/{uuid4()}")
    await phone.post("/v1/users", json={"username": "friend", "name": "友", "role": "county", "place_ids": [1]})
    told = [line for line in lines() if line["logger"] == "jiafang.security"]
    assert [{name: said for name, said in line.items() if name not in ("at", "level", "logger", "request_id")} for line in told[-8:]] == [
        {"message": "signed in", **who},
        {"message": "tokens exchanged", **who},
        {"message": "sign-in refused", "problem": "wrong-sign-in", **who},
        {"message": "refused", "route": "/v1/auth/token", "problem": "wrong-sign-in"},
        {"message": "refused", "route": "/v1/auth/token", "problem": "wrong-sign-in"},
        {"message": "refused", "route": "/v1/me", "problem": "not-signed-in"},
        {"message": "refused", "route": "/v1/visits/{id}", "problem": "not-found", **who},
        {"message": "refused", "route": "/v1/users", "problem": "not-allowed", **who},
    ]
    text = json.dumps(lines(), ensure_ascii=False)
    assert [word for word in ("worker-1", "nobody-77", "wrong-word-77", demo.PASSWORD, "友", "eyJ") if word in text] == []


def test_who_serves_logs_that_and_who_tries_it_out_does_not() -> None:
    levels = [logs.config(requests=serving)["loggers"]["jiafang.security"]["level"] for serving in (True, False)]
    assert levels == ["INFO", "WARNING"]


async def test_an_error_that_nobody_expected_is_logged_without_its_text(app: Any, lines: Any) -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("王秀英 13800138000")

    async with client(Watched(LastResort(broken))) as http:
        reply = await http.get("/v1/visits")
    assert reply.status_code == 500
    error, request = lines()
    assert error["error"] == "builtins.ValueError"
    assert any("test_watched.py" in frame for frame in error["where"])
    assert error["request_id"] == request["request_id"] == reply.headers["x-request-id"]
    assert reply.json()["id"] in error["message"]
    assert "王秀英" not in json.dumps(lines(), ensure_ascii=False)


async def test_of_a_database_error_its_state_and_constraint_are_logged(lines: Any) -> None:
    try:
        raise asyncpg.UniqueViolationError.new({"C": "23505", "M": "duplicate", "D": "Key (name)=(王秀英) exists", "n": "person_pkey"})
    except asyncpg.UniqueViolationError:
        logging.getLogger("jiafang").exception("could not be stored")
    [line] = lines()
    assert (line["error"], line["sqlstate"], line["constraint_name"]) == ("asyncpg.exceptions.UniqueViolationError", "23505", "person_pkey")
    assert "王秀英" not in json.dumps(line, ensure_ascii=False)


async def test_what_others_log_loses_the_lines_that_quote(lines: Any) -> None:
    logging.getLogger("asyncio").error("Task exception was never retrieved\nfuture: <Task exception=ValueError('王秀英')>")
    assert [line["message"] for line in lines()] == ["Task exception was never retrieved"]


async def test_slow_statements_are_logged_without_values(databases: Databases, tmp_path: Path, lines: Any) -> None:
    async with running(await databases.new(), tmp_path, SLOW_STATEMENT_MS="20") as app:
        database = app.state.access.database
        await database.fetch("SELECT 1 FROM pg_sleep($1::float8) WHERE $2::text <> ''", 0.05, "王秀英")
        await database.fetch("SELECT $1::text", "王秀英")
        await database.plain(lambda tx: tx.fetch("SELECT 2 FROM pg_sleep($1::float8) WHERE $2::text <> ''", 0.05, "王秀英"))
        await asyncio.sleep(0)  # asyncpg says it a little later
    slow = [line for line in lines() if line["message"] == "slow statement"]
    assert [line["statement"] for line in slow] == [f"SELECT {n} FROM pg_sleep($1::float8) WHERE $2::text <> ''" for n in (1, 2)]
    assert slow[0]["ms"] >= 50
    assert "王秀英" not in json.dumps(lines(), ensure_ascii=False)


# Metrics


async def test_without_a_token_in_the_settings_there_are_no_metrics(anybody: Phone) -> None:
    assert (await anybody.get("/metrics")).status_code == 404


@pytest.mark.parametrize("sent", ["", "Bearer", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer 口令"])
async def test_metrics_need_their_token(watched: Any, sent: str) -> None:
    async with client(watched) as http:
        reply = await http.get("/metrics", headers=[(b"Authorization", sent.encode())])
    assert reply.status_code == 401
    assert "jiafang_" not in reply.text


async def test_requests_are_counted_by_route_and_status(watched: Any) -> None:
    before = await metrics(watched)
    async with client(watched) as http:
        for _ in range(3):
            await http.get(f"/v1/visits/{uuid4()}")
        await http.get("/problems/not-found")
    after = await metrics(watched)
    counted = ("jiafang_requests_total", "GET", "/v1/visits/{id}", "401")
    assert after[counted] - before.get(counted, 0) == 3
    timed = ("jiafang_request_seconds_count", "GET", "/problems/{slug}")
    assert after[timed] - before.get(timed, 0) == 1
    assert after["jiafang_connections", "most"] == 10
    assert after["jiafang_check_ok", "schema"] == 1


async def test_ops_of_phones_are_counted_by_kind_and_outcome(county: County) -> None:
    def counted(kind: str, outcome: str) -> float:
        return float(OPS.labels(kind, outcome)._value.get())

    before = [counted("visit", "held"), counted("none", "rejected")]
    phone, doc = await county.sign_in("worker-1"), {"household_id": str(uuid4()), "visited_on": "2026-11-20", "outcome": "absent"}
    await push(phone, op("visit", uuid4(), doc))
    await phone.post("/v1/sync/push", json={"ops": [{"kind": "nothing"}]})
    assert [counted("visit", "held"), counted("none", "rejected")] == [each + 1 for each in before]


async def test_what_waits_is_counted_by_county(county: County) -> None:
    county.app.state.settings = county.app.state.settings.model_copy(update={"metrics_token": SecretStr(TOKEN)})
    found = {labels[2]: value for labels, value in (await metrics(county.app)).items() if labels[0] == "jiafang_waiting"}
    waits = await county.owner.fetchval("SELECT count(*) FROM kept_op WHERE state = 'held' AND settled IS NULL")
    dead = await county.owner.fetchval("SELECT count(*) FROM outbox WHERE dead")
    assert (found["held"], found["dead_letters"]) == (waits, dead)
    assert waits > 0
    assert found.keys() == {"held", "inbox", "letters", "dead_letters"}


async def test_jobs_say_when_they_last_went_through(county: County) -> None:
    began = time.time()
    job = asyncio.create_task(hourly.by_the_hour(county.access))
    while JOB.labels("hourly")._value.get() < began:  # noqa: ASYNC110 - a gauge sets no event
        await asyncio.sleep(0.01)
    job.cancel()


# Whether it is well


async def ready(app: Any) -> tuple[int, str, dict[str, str]]:
    async with client(app) as http:
        reply = await http.get("/health/ready")
    return reply.status_code, reply.json()["status"], reply.json()["checks"]


async def test_a_backup_that_is_too_old_is_a_warning(watched: Any) -> None:
    folder = watched.state.settings.backups
    status, said, checks = await ready(watched)
    assert (status, said, checks["backup"]) == (200, "warning", "none within 26 hours")
    (folder / "2026-11-24.backup").touch()
    assert (await ready(watched))[:2] == (200, "ok")
    (folder / ".2026-11-25.backup.17").touch()  # being made
    os.utime(folder / "2026-11-24.backup", (time.time() - 27 * 3600,) * 2)
    assert (await ready(watched))[1] == "warning"
    assert (await metrics(watched))["jiafang_check_ok", "backup"] == 0


async def test_a_disk_that_fills_up_is_a_warning(databases: Databases, tmp_path: Path) -> None:
    async with running(await databases.new(), tmp_path, LEAST_FREE_MB=str(2**40)) as app:
        status, said, checks = await ready(app)
    assert (status, said, checks) == (
        200,
        "warning",
        {"database": "ok", "role": "ok", "schema": "ok", "disk": f"less than {2**40} MB are free"},
    )


async def test_another_schema_and_no_database_are_failures(databases: Databases, tmp_path: Path) -> None:
    urls = await databases.new()
    async with running(urls, tmp_path) as app:
        owner = await asyncpg.connect(urls.owner)
        await owner.execute("UPDATE alembic_version SET version_num = '0001'")
        await owner.close()
        status, said, checks = await ready(app)
        assert (status, said) == (503, "failing")
        assert checks["schema"].startswith("at 0001, needs ")
        app.state.access.database._url = "postgresql://nobody@127.0.0.1:1/nothing"
        await app.state.access.database.close()
        assert (await ready(app))[2]["database"] == "no connection to be had"
