"""The money of the demonstration county, as pure data: a fee for waste, who has paid it, and what became of the cash. See demo.py."""

from collections.abc import Mapping
from datetime import date, timedelta
from functools import cache
from typing import Any, TypedDict
from uuid import UUID

from api import demo

FEE_FEN = 6000
BOOK = (1, 50)  # first and last number of worker-1's receipt book
SERIES = "青A"


class Row(TypedDict):
    """`doc`: what is sent of it. `author`: the id of a user; None: the county's desk."""

    id: UUID
    doc: dict[str, Any]
    author: UUID | None


def named(what: str) -> UUID:
    return demo.named(f"money:{what}")


FEE_ITEM = named("waste fee")
PHONE = demo.named("phone of worker-1")


def fee_items() -> list[Row]:
    doc = {
        "code": "waste_fee",
        "name": "生活垃圾处理费",
        "name_en": "Household waste fee",
        "basis": "《中华人民共和国固体废物污染环境防治法》第五十八条",
        "amount_fen": FEE_FEN,
        "rule": None,
        "valid_from": date(2026, 1, 1),
        "valid_to": None,
        "record_only": False,
        "closed_because": None,
        "closed_because_en": None,
    }
    return [{"id": FEE_ITEM, "doc": doc, "author": None}]


@cache
def _homes() -> list[tuple[demo.Household, UUID]]:
    """The first households of each place, and the worker who serves it."""
    above = {place["id"]: place["parent_id"] for place in demo.places() if place["level"] == "group"}
    workers = {place: user["id"] for user in reversed(demo.users()) if user["role"] == "village" for place in user["places"]}
    found: dict[UUID, list[demo.Household]] = {}
    for household in demo.households():
        if household["head_id"] is not None:
            found.setdefault(household["place"], []).append(household)
    return [(home, workers[above.get(place) or place]) for place, homes in found.items() for home in homes[:3]]


def charges() -> list[Row]:
    return [
        {
            "id": named(f"charge:{home['number']}"),
            "doc": {
                "fee_item_id": FEE_ITEM,
                "household_id": home["id"],
                "person_id": home["head_id"] if n % 3 == 1 else None,
                "amount_fen": FEE_FEN,
                "due_on": date(2026, 12, 31),
                "proof_number": None,
            },
            "author": worker,
        }
        for n, (home, worker) in enumerate(_homes())
    ]


def waiver_asked() -> UUID:
    """The charge of which worker-1 asks a waiver."""
    return charges()[5]["id"]


def payments() -> list[Row]:
    """Of the first of three households; worker-1 hands out receipts."""
    first = _homes()[0][1]
    found: list[Row] = []
    number = 0
    for n, (home, worker) in enumerate(_homes()[::3]):
        number += worker == first
        receipt = {"receipt_book_id": named("book"), "receipt_number": number} if worker == first else {}
        doc: dict[str, Any] = {"receipt_book_id": None, "receipt_number": None, **receipt}
        doc |= {"household_id": home["id"], "amount_fen": FEE_FEN, "means": "cash", "payer_name": None, "for_charge_ids": []}
        doc |= {"paid_on": demo.DEMO_DAY - timedelta(days=n % 5)}
        found.append({"id": named(f"payment:{home['number']}"), "doc": doc, "author": worker})
    return found


def receipt_books() -> list[Row]:
    """The one that worker-1 uses, and the next."""
    [place] = next(user["places"] for user in demo.users() if user["username"] == "worker-1")
    doc = {"place": place, "device_id": PHONE, "series": SERIES, "first_number": BOOK[0], "last_number": BOOK[1], "status": "in_use"}
    spare = {**doc, "first_number": BOOK[1] + 1, "last_number": 2 * BOOK[1]}
    return [{"id": named("book"), "doc": doc, "author": None}, {"id": named("spare book"), "doc": spare, "author": None}]


def _of(username: str) -> Mapping[str, Any]:
    return next(user for user in demo.users() if user["username"] == username)


def refunds() -> list[Row]:
    """Three that are asked for: to approve, to decline, and to look at."""
    homes = {home["id"]: home for home, _ in _homes()}
    mine = [row for row in payments() if row["author"] == _homes()[0][1]]
    return [
        {
            "id": named(f"refund:{n}"),
            "doc": {
                "household_id": homes[row["doc"]["household_id"]]["id"],
                "payment_id": row["id"],
                "amount_fen": FEE_FEN,
                "manner": "paid_back",
                "paid_from": "cash",
                "because": "重复缴费",
            },
            "author": row["author"],
        }
        for n, row in enumerate([*mine, *mine][:3])
    ]


def countings() -> list[Row]:
    """Three that worker-1 has noted down: one is confirmed, one is to be, and one to be disputed."""
    worker = _of("worker-1")
    return [
        {
            "id": named(f"counting:{n}"),
            "doc": {
                "place": worker["places"][0],
                "worker_id": worker["id"],
                "amount_fen": fen,
                "counted_on": demo.DEMO_DAY,
            },
            "author": worker["id"],
        }
        for n, fen in enumerate((FEE_FEN, FEE_FEN, 1000))
    ]


def deposits() -> list[Row]:
    officer = _of("township-1")
    doc = {"place": officer["places"][0], "amount_fen": FEE_FEN, "deposited_on": demo.DEMO_DAY, "bank_reference": "20261120-0007"}
    return [{"id": named("deposit"), "doc": doc, "author": officer["id"]}]
