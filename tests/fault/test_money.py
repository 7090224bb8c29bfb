"""Sixteen at once pay one household from one receipt book while the server, or PostgreSQL, is killed: no fen is lost or doubled.

`python -m bench.payments` does the same with 100,000 payments, and without being killed (bench/payments.py)."""

import asyncio
import itertools
import os
import random
import signal
import threading
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from api import demo_money
from api.embedded import Postgres
from prove.service import free_port, wait_until_ready
from tests.fault.test_run import everything, postgres_of, signed_in
from tests.fees import holds
from tests.serving import serving, start

AT_ONCE, ROUNDS, ENOUGH = 16, 1, 150
Body = dict[str, Any]


def a_payment(home: str, book: str, number: int, rng: random.Random) -> Body:
    receipt = {"receipt_book_id": book, "receipt_number": number}
    return {"id": str(uuid4()), "household_id": home, "amount_fen": rng.randint(1, 3000), "paid_on": "2026-11-21", **receipt}


@pytest.mark.parametrize("who", ["server", "postgres"])
def test_no_fen_is_lost_or_doubled(tmp_path: Path, who: str) -> None:
    port, numbers, lock = free_port(), itertools.count(1), threading.Lock()
    acknowledged: list[tuple[str, Body]] = []
    unsure: list[tuple[str, Body]] = []
    home = book = ""

    def one(name: str, seed: int) -> None:
        rng = random.Random(seed)
        try:
            with signed_in(port, name) as http:
                while True:
                    if rng.random() < 0.2:
                        kind = "charges"
                        body: Body = {"id": str(uuid4()), "household_id": home, "fee_item_id": str(demo_money.FEE_ITEM)}
                        body |= {"amount_fen": demo_money.FEE_FEN, "due_on": f"2027-{rng.randint(1, 12):02d}-01"}
                    else:
                        kind, body = "payments", a_payment(home, book, next(numbers), rng)
                    with lock:
                        unsure.append((kind, body))
                    for _ in range(rng.choice((1, 1, 2))):  # some lose the reply and ask again
                        reply = http.post(f"/v1/{kind}", params={"confirm": True}, json=body)
                        if reply.status_code == 503:  # busy: not stored. Who asked on at once would use up the book's numbers
                            threading.Event().wait(0.2)
                            break
                        assert reply.status_code in (200, 201), reply.text
                    else:
                        with lock:
                            acknowledged.append((kind, body))
                    if kind == "charges" and rng.random() < 0.3:
                        http.post(f"/v1/charges/{body['id']}/void", json={"reason": "重复登记"})
        except httpx.HTTPError:
            return  # killed

    for turn in range(ROUNDS):
        process = start(tmp_path, port)
        wait_until_ready(process, port)
        if turn == 0:
            with signed_in(port, "township-1") as officer, signed_in(port) as http:
                place_id = http.get("/v1/households?limit=1").json()["items"][0]["place_id"]
                body = {"place_id": place_id, "device_id": str(uuid4()), "series": "急", "first_number": 1, "last_number": 1000}
                book = officer.post("/v1/receipt-books", json=body).raise_for_status().json()["id"]
                home = http.post("/v1/households", json={"place_id": place_id, "number": "急-1"}).raise_for_status().json()["id"]
        enough = len(acknowledged) + ENOUGH
        threads = [threading.Thread(target=one, args=(f"worker-{1 + n % 2}", turn * AT_ONCE + n)) for n in range(AT_ONCE)]
        for thread in threads:
            thread.start()
        while len(acknowledged) < enough and any(thread.is_alive() for thread in threads):
            threading.Event().wait(0.02)
        os.kill(process.pid if who == "server" else postgres_of(process, tmp_path), signal.SIGKILL)
        for thread in threads:
            thread.join()
        process.kill()
        process.communicate()

    assert len(acknowledged) >= ENOUGH * ROUNDS
    with serving(tmp_path, port), signed_in(port) as http:
        again = list(unsure)
        random.Random(7).shuffle(again)
        for kind, body in again:  # all of it once more, in another order, by another device
            reply = http.post(f"/v1/{kind}", params={"confirm": True}, json=body)
            assert reply.status_code in (200, 201), reply.text
        stored = {kind: everything(http, kind) for kind in ("payments", "charges")}
        voided = {item["id"] for item in http.get("/v1/charges", params={"voided": True, "limit": 200}).json()["items"]}
        for kind, body in unsure:
            assert body["id"] in stored[kind] or body["id"] in voided
        paid = {body["id"]: body["amount_fen"] for kind, body in unsure if kind == "payments"}
        assert {i: record["amount_fen"] for i, record in stored["payments"].items() if record["household_id"] == home} == paid
        told = http.get(f"/v1/receipt-books/{book}/numbers").json()["items"]
        assert sorted(i for item in told for i in item["payment_ids"]) == sorted(paid)
        assert all(len(item["payment_ids"]) <= 1 for item in told)
        charged = {item["id"] for item in stored["charges"].values() if item["household_id"] == home}
        due = sum(item["amount_fen"] - item["paid_fen"] for item in stored["charges"].values() if item["id"] in charged)
        left = sum(record["left_fen"] for record in stored["payments"].values() if record["household_id"] == home)
        assert due - left == len(charged) * demo_money.FEE_FEN - sum(paid.values())
        assert 0 in (due, left)
    asyncio.run(_holds(tmp_path))


async def _holds(var: Path) -> None:
    with Postgres(var / "postgres") as urls:
        owner = await asyncpg.connect(urls.owner)
        await holds(owner)
        await owner.close()
