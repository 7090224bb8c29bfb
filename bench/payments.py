"""`python -m bench.payments [how many, 100,000]`: collectors at once, straight on the road, past HTTP; then nothing is lost or doubled.

First 16 of them with a household and a worker's cash each, then 16 on one household and one worker's cash: the hot account.
Beside it the raw insert of as many payments, transfers, revisions and change rows. PostgreSQL with fsync; ended at the end.
"""

import asyncio
import json
import sys
import tempfile
import time
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from api import demo_money
from api.access import Access
from api.db import ledger, store
from api.db.migrations import migrate
from api.db.session import Database, Tx
from api.decide import Op
from api.embedded import Postgres, Urls
from api.jobs import demo_county
from api.kinds import CHARGE, PAYMENT
from api.road import write
from api.rules.caller import Caller
from api.sign_in import Passwords
from api.tokens import Keys
from tests.fees import holds

AT_ONCE, BATCH, TODAY = 16, 100, date(2026, 11, 24)

COUNTED = "SELECT count(*) AS n, sum(amount_fen)::bigint AS fen FROM payment"


def payment(home: UUID, number: int) -> dict[str, Any]:
    receipt: dict[str, Any] = {"receipt_book_id": None, "receipt_number": number, "payer_name": None, "for_charge_ids": []}
    return {"household_id": home, "amount_fen": 100 + number % 7, "means": "cash", "paid_on": TODAY, **receipt}


async def paying(database: Database, callers: list[Caller], homes: list[UUID], how_many: int, batch: int) -> tuple[float, int, int]:
    """Payments a second, how many, and their sum. Every tenth batch is sent twice, and every twentieth brings a charge."""
    numbers, total, done, started = count(1), 0, 0, time.perf_counter()

    async def collector(n: int) -> None:
        nonlocal total, done
        caller, home = callers[n % len(callers)], homes[n % len(homes)]
        for turn in range(how_many // AT_ONCE // batch):
            ops = [Op(PAYMENT, uuid4(), payment(home, next(numbers))) for _ in range(batch)]
            if turn % 20 == 0:
                due = {"fee_item_id": demo_money.FEE_ITEM, "household_id": home, "person_id": None, "amount_fen": demo_money.FEE_FEN}
                ops.append(Op(CHARGE, uuid4(), {**due, "due_on": TODAY, "proof_number": None}))

            async def work(tx: Tx, ops: list[Op] = ops, caller: Caller = caller) -> None:
                if any(result.problem for result in await write(tx, caller, ops, today=TODAY, now=datetime.now(UTC))):
                    raise RuntimeError("refused")

            for _ in range(2 if turn % 10 == 0 else 1):
                await database.write(caller, work)
            total += sum(op.doc["amount_fen"] for op in ops if op.kind is PAYMENT)
            done += batch

    await asyncio.gather(*(collector(n) for n in range(AT_ONCE)))
    return done / (time.perf_counter() - started), done, total


async def raw(urls: Urls, how_many: int, batch: int) -> float:
    """Rows of the same four tables by the same statements, without locks, rules and balances."""
    pool = await asyncpg.create_pool(urls.owner, min_size=AT_ONCE, max_size=AT_ONCE)
    like: dict[str, dict[str, Any]] = {}
    for name, where in (("payment", ""), ("transfer", "WHERE event = 'payment'"), ("revision", "WHERE changes IS NULL"), ("change", "")):
        like[name] = dict((await pool.fetch(f"SELECT * FROM {name} {where} LIMIT 1"))[0])
    statements = {"payment": PAYMENT.store.insert, "transfer": ledger.POST, "revision": store.REVISE, "change": store.CHANGE}
    started = time.perf_counter()

    async def one() -> None:
        for _ in range(how_many // AT_ONCE // batch):
            ids = [uuid4() for _ in range(batch)]
            async with pool.acquire() as tx, tx.transaction():
                for name, statement in statements.items():
                    rows = [{**like[name], "id": i, "record_id": i, "n": 1, "moved": False, "voided": False} for i in ids]
                    await tx.execute(statement, 1, store.as_json(rows))

    await asyncio.gather(*(one() for _ in range(AT_ONCE)))
    rate = how_many / (time.perf_counter() - started)
    await pool.close()
    return rate


async def measured(urls: Urls, var: Path, how_many: int) -> dict[str, float]:
    database = Database(urls.app, AT_ONCE)
    access = Access(database, Keys.load_or_create(var / "keys.json"))
    await demo_county.seed(access, Passwords(), lambda done, of: None)
    owner = await asyncpg.connect(urls.owner)
    homes = [row["id"] for row in await owner.fetch("SELECT id FROM household WHERE place_id = 6 OR township_id = 2 ORDER BY id LIMIT 16")]
    places = tuple(row["place_id"] for row in await owner.fetch("SELECT place_id FROM place WHERE township_id = 2"))
    users = [row["id"] for row in await owner.fetch("SELECT id FROM app_user WHERE role = 'village' ORDER BY id LIMIT 16")]
    callers = [Caller(1, user, None, "village", places, (), (1, 2)) for user in users]
    [before] = await owner.fetch(COUNTED)
    found = {}
    apart, n, fen = await paying(database, callers, homes, how_many // 2, BATCH)
    hot, m, more = await paying(database, callers[:1], homes[:1], how_many // 2, BATCH)
    singly, k, last = await paying(database, callers, homes, max(how_many // 20, AT_ONCE), 1)
    hot_singly, j, end = await paying(database, callers[:1], homes[:1], max(how_many // 20, AT_ONCE), 1)
    [after] = await owner.fetch(COUNTED)
    wanted = (before["n"] + n + m + k + j, before["fen"] + fen + more + last + end)
    if tuple(after) != wanted:
        raise RuntimeError(f"lost or doubled: {tuple(after)} instead of {wanted}")
    await holds(owner)
    found = {"16 apart": apart, "16 on one": hot, "singly, 16 apart": singly, "singly, 16 on one": hot_singly}
    found["raw rows"], found["raw rows, singly"] = await raw(urls, how_many // 2, BATCH), await raw(urls, how_many // 20, 1)
    await owner.close()
    await database.close()
    return found


def main(how_many: int) -> None:
    with tempfile.TemporaryDirectory() as folder, Postgres(Path(folder) / "postgres") as urls:
        migrate(urls.owner)
        found = asyncio.run(measured(urls, Path(folder), how_many))
    print(json.dumps({name: round(rate) for name, rate in found.items()}, indent=1))
    print(f"{how_many} payments and more, some sent twice: nothing lost, nothing doubled, every balance the sum of its transfers")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 100_000)
