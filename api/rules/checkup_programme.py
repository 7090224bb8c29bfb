"""What may be offered, and to whom."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from api.problems import NOT_IN_ORDER, REFUSED_WORD, ROUND_ENDS, ROUND_KEPT, Problem
from api.rules.attendance import Row
from api.rules.caller import Turn

# Besides the word guard (rules/refused.py), whose fences are for notes: a programme about any of this belongs to the hospital
_REPRODUCTION = re.compile(
    "孕|妊娠|胎|优生|優生|生殖|生育|产前|產前|产后|產後|产妇|產婦|分娩|围产|圍產|婚检|婚檢|婚前|哺乳|不育|节育|節育|育前|计生|計生|家庭计划|家庭計劃|"
    "pregnan|gestation|perinatal|ante?natal|prenatal|postnatal|preconception|obstetric|midwife|maternity|maternal|birthcontrol|contracept|"
    "fertile|fertility|fertili[sz]|reproduct|childbearing|childbirth|familyplanning|premarital|eugenic"
)
_LEFT_OUT = re.compile(r"[\W_]+")
ANYBODY: Row = {"born_from": None, "born_to": None, "sex": None}


def about_reproduction(text: str) -> bool:
    return bool(_REPRODUCTION.search(_LEFT_OUT.sub("", unicodedata.normalize("NFKC", text).casefold())))


def becomes(before: Mapping[str, Any], after: Row, turn: Turn) -> Row | Problem:
    """`who` is merged member by member (RFC 7396). A round that was offered stays, since ids of attendances are made of its number."""
    for member in ("name", "basis"):
        if about_reproduction(after[member]):
            return REFUSED_WORD.at(f"/{member}")
    after["who"] = {**ANYBODY, **before.get("who", {}), **after["who"]}
    born_from, born_to = after["who"]["born_from"], after["who"]["born_to"]
    if born_from and born_to and born_from > born_to:
        return NOT_IN_ORDER.at("/who/born_to")
    numbers = [each["number"] for each in after["rounds"]]
    if len(set(numbers)) < len(numbers):
        return NOT_IN_ORDER.at("/rounds")
    ended, today = {each["number"]: str(each["to_on"]) for each in before.get("rounds", [])}, turn.today.isoformat()
    for n, each in enumerate(after["rounds"]):
        if each["from_on"] > each["to_on"]:
            return NOT_IN_ORDER.at(f"/rounds/{n}/to_on")
        if turn.online and str(each["to_on"]) < min(today, ended.get(each["number"], today)):
            return ROUND_ENDS.at(f"/rounds/{n}/to_on")
    if not ended.keys() <= set(numbers):
        return ROUND_KEPT.at("/rounds")
    return after


def round_of(programme: Mapping[str, Any], number: int) -> Mapping[str, Any] | None:
    return next((each for each in programme["rounds"] if each["number"] == number), None)
