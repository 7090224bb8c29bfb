"""What is allowed for a refund or correction: a new entry that names the payment, made by one and approved by another."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from api.problems import DECIDED, MORE_THAN_PAID, NOT_FOUND, NOT_FROM_THERE, SAME_PERSON, Problem

NEW = {"status": "proposed", "collected_by": None, "decided_by": None, "decided_at": None}


def of_payment(after: Mapping[str, Any], payment: Mapping[str, Any], today: date) -> Problem | None:
    if payment["household_id"] != after["household_id"]:
        return NOT_FOUND()
    if _elsewhere(after, payment):
        return NOT_FROM_THERE.at("/paid_from")
    if after["amount_fen"] > payment["amount_fen"] - payment["refunded_fen"]:
        return MORE_THAN_PAID.at("/amount_fen")
    return None


def _elsewhere(refund: Mapping[str, Any], payment: Mapping[str, Any]) -> bool:
    """A transfer that never came was booked into the special account, and nowhere else is too much."""
    return (refund["manner"], payment["means"]) == ("correction", "transfer") and bool(refund["paid_from"] != "fiscal")


def given(after: Mapping[str, Any], payment: Mapping[str, Any]) -> dict[str, Any]:
    return {"collected_by": payment["received_by"]}


def may_decide(refund: Mapping[str, Any], payment: Mapping[str, Any], user_id: Any, *, approves: bool) -> Problem | None:
    """It is approved by neither who asked for it nor who had collected the money."""
    if refund["status"] != "proposed":
        return DECIDED()
    if not approves:
        return None
    if user_id in (refund["created_by"], refund["collected_by"]):
        return SAME_PERSON()
    if _elsewhere(refund, payment):
        return NOT_FROM_THERE()
    return MORE_THAN_PAID() if refund["amount_fen"] > payment["amount_fen"] - payment["refunded_fen"] else None
