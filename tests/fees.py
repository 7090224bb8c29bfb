"""What the tests of money have in common: a household with a charge, a payment, and what the ledger says."""

from typing import Any
from uuid import uuid4

from api import demo_money
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


# What has to hold at any time: each query finds what breaks it
_SIDES = (
    "CROSS JOIN LATERAL (VALUES (t.from_type, t.from_owner, -t.amount_fen), (t.to_type, t.to_owner, t.amount_fen)) v (type, owner, fen)"
)
_ALLOCATED = """SELECT {0}, sum(CASE t.event WHEN 'allocation' THEN t.amount_fen ELSE -t.amount_fen END) AS fen FROM transfer t
          WHERE t.event IN ('allocation', 'release') GROUP BY {0}"""
BROKEN = {
    "a kept balance is not the sum of its transfers": f"""
        SELECT a.type, a.owner FROM account a LEFT JOIN (SELECT v.type, v.owner, sum(v.fen) AS fen FROM transfer t {_SIDES} GROUP BY 1, 2) x
          USING (type, owner) WHERE a.balance_fen <> coalesce(x.fen, 0)""",
    "a charge says another amount than is allocated to it": f"""
        SELECT c.id FROM charge c LEFT JOIN ({_ALLOCATED.format("t.charge_id")}) x ON x.charge_id = c.id
          WHERE c.paid_fen <> coalesce(x.fen, 0) OR c.paid_fen > c.amount_fen
          OR (c.status = 'settled') <> (c.paid_fen = c.amount_fen AND NOT c.voided AND c.waiver_approved_by IS NULL)
          OR ((c.voided OR c.waiver_approved_by IS NOT NULL) AND c.paid_fen <> 0)""",
    "a charge says that it is what it is not": """
        SELECT id, status FROM charge WHERE status <> CASE WHEN voided THEN 'cancelled' WHEN waiver_approved_by IS NOT NULL THEN 'waived'
          WHEN paid_fen = amount_fen THEN 'settled' ELSE 'open' END""",
    "a payment says another amount than is left of it": f"""
        SELECT p.id FROM payment p LEFT JOIN ({_ALLOCATED.format("t.payment_id")}) x ON x.payment_id = p.id
          LEFT JOIN (SELECT payment_id, sum(amount_fen) AS fen FROM refund WHERE status = 'approved' GROUP BY payment_id) r
            ON r.payment_id = p.id
          WHERE p.left_fen < 0 OR p.left_fen <> p.amount_fen - coalesce(x.fen, 0) - coalesce(r.fen, 0)""",
    "a household owes and has credit": """
        SELECT household_id FROM charge WHERE status = 'open' INTERSECT SELECT household_id FROM payment WHERE left_fen > 0""",
    "a household owes in the ledger what its charges don't say": """
        SELECT x.owner FROM (SELECT v.owner, sum(v.fen) AS fen FROM transfer t SIDES WHERE v.type = 'owed' GROUP BY 1) x
          LEFT JOIN (SELECT household_id::text AS owner, sum(amount_fen - paid_fen) AS fen FROM charge
            WHERE NOT voided AND waiver_approved_by IS NULL AND amount_fen > 0 GROUP BY 1) c USING (owner)
          WHERE x.fen <> coalesce(c.fen, 0)""".replace("SIDES", _SIDES),
    "a payment is not in the ledger once": """
        SELECT p.id FROM payment p LEFT JOIN (SELECT record_id, count(*) AS n, sum(amount_fen) AS fen FROM transfer WHERE event = 'payment'
          GROUP BY record_id) t ON t.record_id = p.id WHERE (t.n, t.fen) IS DISTINCT FROM (1::bigint, p.amount_fen::numeric)""",
    "what was collected went elsewhere": """
        SELECT t.seq FROM transfer t WHERE (t.from_type = 'cash' AND t.to_type NOT IN ('till', 'credit', 'unexplained'))
          OR (t.from_type = 'till' AND t.to_type NOT IN ('fiscal', 'credit', 'unexplained'))
          OR (t.from_type = 'fiscal' AND t.to_type <> 'credit')""",
}


async def holds(owner: Any) -> None:
    found = {what: rows for what, sql in BROKEN.items() if (rows := [tuple(row) for row in await owner.fetch(sql)])}
    assert found == {}
