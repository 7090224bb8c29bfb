"""Phones that push while the server, or PostgreSQL, is killed: everything acknowledged is there, and sending it all again is safe."""

import os
import random
import signal
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from prove.service import free_port, wait_until_ready
from tests.fault.test_run import everything, postgres_of, signed_in
from tests.serving import serving, start

ROUNDS = 2  # `make prove` does more
Op = dict[str, Any]


def op(kind: str, record_id: str, doc: dict[str, Any], base_rev: int | None = None) -> Op:
    return {"kind": kind, "id": record_id, "base_rev": base_rev, "at": datetime.now(UTC).isoformat(), "doc": doc}


def a_batch(place_id: int, n: int) -> list[Op]:
    """A visit before its household, more visits, an edit of each, and one that a rule refuses."""
    household = str(uuid4())
    first = {"household_id": household, "visited_on": "2024-01-01", "outcome": "met", "notes": f"第{n}次"}
    ops = [op("visit", str(uuid4()), first), op("household", household, {"place_id": place_id, "number": f"断-{n}"})]
    visits = [str(uuid4()) for _ in range(20)]
    ops += [op("visit", i, {**first, "visited_on": f"2024-02-{day:02}"}) for day, i in enumerate(visits, 1)]
    ops += [op("visit", i, {"manner": "phone"}, 1) for i in visits]
    return [*ops, op("visit", str(uuid4()), {**first, "visited_on": "2062-01-01"})]


def push(http: httpx.Client, ops: list[Op]) -> list[dict[str, Any]]:
    reply = http.post("/v1/sync/push", json={"ops": ops})
    if reply.status_code == 503:
        raise httpx.ReadError("busy")
    results: list[dict[str, Any]] = reply.raise_for_status().json()["results"]
    return results


@pytest.mark.parametrize("who", ["server", "postgres"])
def test_killed_while_phones_push_nothing_acknowledged_is_lost(tmp_path: Path, who: str) -> None:
    port, moments = free_port(), random.Random(5)
    acknowledged: list[tuple[Op, str]] = []
    unsure: list[list[Op]] = []
    lock = threading.Lock()

    def phone(username: str, place_id: int, turn: int) -> None:
        try:
            with signed_in(port, username) as http:
                for n in range(1000):
                    ops = a_batch(place_id, turn * 1000 + n)
                    try:
                        results = push(http, ops)
                    except httpx.HTTPError:
                        with lock:
                            unsure.append(ops)
                        return
                    with lock:
                        acknowledged.extend((sent, result["outcome"]) for sent, result in zip(ops, results, strict=True))
        except httpx.HTTPError:
            return  # killed while it signed in

    for turn in range(ROUNDS):
        process = start(tmp_path, port)
        wait_until_ready(process, port)
        with signed_in(port) as http:
            place_id = http.get("/v1/households?limit=1").json()["items"][0]["place_id"]
        phones = [threading.Thread(target=phone, args=(name, place_id, turn)) for name in ("worker-1", "worker-2", "township-1")]
        for one in phones:
            one.start()
        enough = len(acknowledged) + 300
        while len(acknowledged) < enough and any(one.is_alive() for one in phones):
            threading.Event().wait(0.02)
        threading.Event().wait(moments.random() / 5)
        os.kill(process.pid if who == "server" else postgres_of(process, tmp_path), signal.SIGKILL)
        for one in phones:
            one.join()
        process.kill()
        process.communicate()

    assert len(acknowledged) >= 300 * ROUNDS
    assert {outcome for _, outcome in acknowledged} == {"held", "applied", "rejected"}
    with serving(tmp_path, port), signed_in(port) as http, signed_in(port, "township-1") as officer:
        for ops in unsure:
            push(http, ops)  # by whoever: another phone's id is another op, so nothing of it may be there twice
        stored = everything(http, "visits") | everything(http, "households")
        refused = everything(officer, "rejected-ops")
        told = {entry["record_id"] for entry in refused.values()}
        for sent, outcome in acknowledged:
            if outcome == "rejected":
                assert sent["id"] in told
            else:  # what was held has its household by now
                record = stored[sent["id"]]
                assert {name: record[name] for name in sent["doc"] if name != "manner"} == {
                    name: value for name, value in sent["doc"].items() if name != "manner"
                }
        edited = {sent["id"] for sent, _ in acknowledged if sent["base_rev"]}
        assert {(stored[i]["manner"], stored[i]["rev"]) for i in edited} == {("phone", 2)}
        assert everything(officer, "held-ops").keys() == {entry["id"] for entry in everything(officer, "held-ops").values()}
