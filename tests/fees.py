"""What the tests of money have in common: a household with a charge, a payment, and what the ledger says."""

from typing import Any
from uuid import uuid4

from api import demo_money
from prove.auditor import LEDGER
from tests.api.test_household import entered
from tests.conftest import Phone
from tests.county import USERS

FEE, ITEM = demo_money.FEE_FEN, str(demo_money.FEE_ITEM)
WORKER, OFFICER = str(USERS["worker-1"]["id"]), str(USERS["township-1"]["id"])
PAID_ON, DUE_ON = "2026-11-21", "2026-12-31"


async def made(phone: Phone, plural: str, body: dict[str, Any]) -> dict[str, Any]:
    reply = await phone.post(f"/v1/{plural}", params={"confirm": True}, json=body)
    assert reply.status_code == 201, reply.text
    record: dict[str, Any] = reply.json()
    return record


async def a_home(phone: Phone) -> str:
    return str((await entered(phone, number=f"钱-{uuid4().hex[:10]}"))["id"])


async def charged(phone: Phone, home: str, **members: Any) -> dict[str, Any]:
    return await made(phone, "charges", {"fee_item_id": ITEM, "household_id": home, "amount_fen": FEE, "due_on": DUE_ON, **members})


async def paid(phone: Phone, home: str, amount_fen: int = FEE, **members: Any) -> dict[str, Any]:
    return await made(phone, "payments", {"household_id": home, "amount_fen": amount_fen, "paid_on": PAID_ON, **members})


async def seen(phone: Phone, plural: str, record: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (await phone.get(f"/v1/{plural}/{record['id']}")).json()
    return found


async def listed(phone: Phone, path: str, **query: Any) -> list[dict[str, Any]]:
    """Every item of a list of the books, in small pages."""
    items: list[dict[str, Any]] = []
    following: dict[str, Any] = {}
    while True:
        reply = await phone.get(f"/v1/ledger/{path}", params={"limit": 3, **query, **following})
        assert reply.status_code == 200, reply.text
        items += reply.json()["items"]
        if reply.json()["next"] is None:
            return items
        following = {"cursor": reply.json()["next"]}


async def balance(owner: Any, kind: str, whose: str) -> int:
    """The sum of an account's transfers, which a kept balance has to equal."""
    total = await owner.fetchval(
        "SELECT coalesce(sum(CASE WHEN to_type = $1 AND to_owner = $2 THEN amount_fen ELSE 0 END"
        " - CASE WHEN from_type = $1 AND from_owner = $2 THEN amount_fen ELSE 0 END), 0)::bigint FROM transfer",
        kind,
        whose,
    )
    kept = await owner.fetchval("SELECT balance_fen FROM account WHERE type = $1 AND owner = $2", kind, whose)
    assert kept in (None, total)
    return int(total)


async def holds(owner: Any) -> None:
    """The books, as the auditor sees them."""
    found = {what: rows for what, (_, broken) in LEDGER.items() if (rows := [tuple(row) for row in await owner.fetch(broken)])}
    assert found == {}
