"""What is allowed for a refund or correction: a new entry that names the payment, made by one and approved by another."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from api.problems import DECIDED, MORE_THAN_PAID, NOT_FOUND, SAME_PERSON, Problem

NEW = {"status": "proposed", "collected_by": None, "decided_by": None, "decided_at": None}


def of_payment(after: Mapping[str, Any], payment: Mapping[str, Any], today: date) -> Problem | None:
    if payment["household_id"] != after["household_id"]:
        return NOT_FOUND()
    if after["amount_fen"] > payment["amount_fen"] - payment["refunded_fen"]:
        return MORE_THAN_PAID.at("/amount_fen")
    return None


def given(after: Mapping[str, Any], payment: Mapping[str, Any]) -> dict[str, Any]:
    return {"collected_by": payment["received_by"]}


def may_decide(refund: Mapping[str, Any], refundable_fen: int, user_id: Any, *, approves: bool) -> Problem | None:
    if refund["status"] != "proposed":
        return DECIDED()
    if approves and refund["created_by"] == user_id:
        return SAME_PERSON()
    return MORE_THAN_PAID() if approves and refund["amount_fen"] > refundable_fen else None
