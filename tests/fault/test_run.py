"""`make run` under bad luck: killed at any moment, started twice, on a busy port. Nothing acknowledged is lost."""

import json
import os
import random
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from api import demo
from prove.service import free_port, wait_until_ready
from tests.serving import serving, start


def signed_in(port: int, username: str = "worker-1") -> httpx.Client:
    base, form = f"http://127.0.0.1:{port}", {"grant_type": "password", "username": username, "password": demo.PASSWORD}
    token = httpx.post(f"{base}/v1/auth/token", data=form, timeout=30).raise_for_status().json()["access_token"]
    return httpx.Client(base_url=base, timeout=30, headers={"Authorization": f"Bearer {token}"})


def everything(http: httpx.Client, plural: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    cursor: str | None = ""
    while cursor is not None:
        page = http.get(f"/v1/{plural}", params={"limit": 200, **({"cursor": cursor} if cursor else {})}).raise_for_status().json()
        found |= {record["id"]: record for record in page["items"]}
        cursor = page["next"]
    return found


def ended(process: "subprocess.Popen[str]") -> str:
    said, _ = process.communicate(timeout=60)
    return said


def postgres_of(process: "subprocess.Popen[str]", var: Path) -> int:
    return int((var / "postgres" / "data" / "postmaster.pid").read_text().splitlines()[0])


def test_a_second_start_keeps_everything(tmp_path: Path) -> None:
    port = free_port()
    with serving(tmp_path, port), signed_in(port) as http:
        house = http.get("/v1/households?limit=1").json()["items"][0]["id"]
        body = {"household_id": house, "visited_on": "2026-11-23", "outcome": "met", "notes": "停电前记的"}
        visit = http.post("/v1/visits", json=body).raise_for_status().json()
    described = json.loads((tmp_path / "demo.json").read_text("utf-8"))
    assert described["base_url"] == f"http://127.0.0.1:{port}"
    with serving(tmp_path, port), signed_in(port) as http:
        assert http.get(f"/v1/visits/{visit['id']}").json() == visit
    assert json.loads((tmp_path / "demo.json").read_text("utf-8")) == described


def test_demo_json_has_a_sign_in_for_every_role(tmp_path: Path) -> None:
    port = free_port()
    with serving(tmp_path, port):
        described = json.loads((tmp_path / "demo.json").read_text("utf-8"))
        for user in described["users"]:
            with signed_in(port, user["username"]) as http:
                me = http.get("/v1/me").json()
                assert me["role"] == user["role"]
                assert [place["name"] for place in me["places"]] in ([], [place["name"] for place in user["places"]])
        with signed_in(port, "county-admin") as http:
            assert len(everything(http, "households")) == len(demo.households())
            assert len(everything(http, "visits")) == len(demo.visits())
    roles = [user["role"] for user in described["users"]]
    assert {role: roles.count(role) for role in roles} == {"county": 1, "township": 2, "village": 4, "household_head": 3}


@pytest.mark.parametrize("who", ["server", "postgres"])
def test_killed_while_visits_come_in_nothing_acknowledged_is_lost(tmp_path: Path, who: str) -> None:
    port = free_port()
    process = start(tmp_path, port)
    wait_until_ready(process, port)
    acknowledged: dict[str, Any] = {}
    with signed_in(port) as http:
        houses = list(everything(http, "households"))
        for n in range(60):
            if n == 40:
                os.kill(process.pid if who == "server" else postgres_of(process, tmp_path), signal.SIGKILL)
            try:
                body = {"household_id": houses[n % len(houses)], "visited_on": f"2024-0{1 + n // 28}-{1 + n % 28:02}", "outcome": "absent"}
                reply = http.post("/v1/visits?confirm=true", json=body)
            except httpx.HTTPError:
                continue
            if reply.status_code == 201:
                acknowledged[reply.json()["id"]] = reply.json()
            else:
                assert reply.status_code == 503
    process.kill()
    process.communicate()
    assert len(acknowledged) >= 40
    with serving(tmp_path, port), signed_in(port) as http:
        stored = everything(http, "visits")
    assert {i: stored.get(i) for i in acknowledged} == acknowledged


def test_killed_while_it_sets_up_the_next_start_completes_the_county(tmp_path: Path) -> None:
    port, moments = free_port(), random.Random(4)
    for _ in range(4):
        process = start(tmp_path, port)
        time.sleep(moments.uniform(0.8, 3.5))
        process.kill()
        process.communicate()
    with serving(tmp_path, port), signed_in(port, "county-admin") as http:
        assert len(everything(http, "households")) == len(demo.households())
        assert len(everything(http, "visits")) == len(demo.visits())


def test_two_starts_at_once_give_one_clear_error(tmp_path: Path) -> None:
    one, two = start(tmp_path, free_port()), start(tmp_path, free_port())
    while one.poll() is None and two.poll() is None:
        time.sleep(0.05)
    loser, winner = (one, two) if one.poll() is not None else (two, one)
    assert loser.returncode == 1
    said = ended(loser).strip()
    assert "Traceback" not in said
    assert "/" in said
    winner.terminate()
    ended(winner)


def test_a_busy_port_gives_one_clear_error_and_starts_nothing(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = start(tmp_path, taken.getsockname()[1])
        said = ended(process)
    assert process.returncode == 1
    assert "JIAFANG_PORT" in said
    assert "Traceback" not in said
    assert not (tmp_path / "postgres").exists()


def test_when_its_postgres_dies_it_says_so_and_ends(tmp_path: Path) -> None:
    port = free_port()
    process = start(tmp_path, port)
    wait_until_ready(process, port)
    os.kill(postgres_of(process, tmp_path), signal.SIGKILL)
    said = ended(process)
    assert process.returncode == 1
    assert "PostgreSQL has died" in said
    assert "Traceback" not in said


def test_it_stops_when_asked_and_takes_postgres_with_it(tmp_path: Path) -> None:
    port = free_port()
    with serving(tmp_path, port) as process:
        postmaster = postgres_of(process, tmp_path)
        process.send_signal(signal.SIGINT)
        ended(process)
    with pytest.raises(ProcessLookupError):
        os.kill(postmaster, 0)
