"""Fee items: which can be charged. The fee for births (社会抚养费) was repealed in 2021 with the amendment of the Population and Family
Planning Law: it stands among the standard items as closed, and a charge is refused with the reason."""

from collections.abc import Mapping
from datetime import date
from typing import Any, TypedDict
from uuid import UUID, uuid5

from api.language import both
from api.problems import ITEM_CLOSED, ITEM_INCOMPLETE, Problem
from api.rules.refused import bare

REPEALED = {
    "closed_because": "2021年修正的《人口与计划生育法》已取消社会抚养费：以前没有缴的不再收，不得新收",
    "closed_because_en": "The law as amended in 2021 has no such fee: what was not paid is not collected, nothing new is charged",
}
REPEALED_CODE = "repealed_2021"
# By these an item is for births, whatever basis it names: no law has such a fee. A speed bump, like the word guard
_OF_BIRTHS = ("抚养", "扶养", "社抚", "社扶", "生育", "计生", "births", "fostering", "socialmaintenance", "socialcompensation")
_NAMESPACE = UUID("2f7b8c11-6a54-5a0c-8d1e-90c4d2a7e318")


def _repealed(item: Mapping[str, Any]) -> bool:
    said = (bare(item[member] or "") for member in ("code", "name", "name_en", "basis", "rule"))
    return item["code"] == REPEALED_CODE or any(word in text for text in said for word in _OF_BIRTHS)


def check(after: Mapping[str, Any], parent: Mapping[str, Any], today: date) -> Problem | None:
    if after["closed_because"] is None and _repealed(after):
        return ITEM_CLOSED.at("/closed_because", because=both(*REPEALED.values()))
    if (after["closed_because"] is None) != (after["closed_because_en"] is None):
        return ITEM_INCOMPLETE.at("/closed_because_en")
    if after["valid_to"] is not None and after["valid_to"] < after["valid_from"]:
        return ITEM_INCOMPLETE.at("/valid_to")
    fixed, ruled = after["amount_fen"] is not None, after["rule"] is not None
    wanted = not (after["record_only"] or after["closed_because"])
    if (fixed and ruled) or (wanted and not (fixed or ruled)) or (after["record_only"] and fixed):
        return ITEM_INCOMPLETE.at("/amount_fen")
    return None


def closed(item: Mapping[str, Any], today: date) -> Problem | None:
    """Why the item takes no charge on this day; None where it does. `superseded`: a later version is in force."""
    if item["closed_because"] is not None:
        because = both(item["closed_because"], item["closed_because_en"])
    elif _repealed(item):
        because = both(*REPEALED.values())
    elif item["superseded_because"] is not None:
        because = both(item["superseded_because"], item["superseded_because_en"])
    elif item["superseded"]:
        because = both("已有新版本", "A later version is in force")
    elif item["basis"] is None:
        because = both("没有法律依据", "It has no legal basis")
    elif today < item["valid_from"] or (item["valid_to"] is not None and today > item["valid_to"]):
        because = both("不在有效期内", "It is not in force on this day")
    else:
        return None
    return ITEM_CLOSED.at("/fee_item_id", because=because)


class Item(TypedDict):
    id: UUID
    code: str
    name: str
    name_en: str
    basis: str | None
    amount_fen: int | None
    rule: str | None
    valid_from: date
    valid_to: date | None
    record_only: bool
    closed_because: str | None
    closed_because_en: str | None


def standard() -> list[Item]:
    """The items that every county starts with: one that is closed, one that others collect."""
    return [
        {
            "id": uuid5(_NAMESPACE, REPEALED_CODE),
            "code": REPEALED_CODE,
            "name": "社会抚养费（2021年已取消）",
            "name_en": "Social maintenance fee, repealed in 2021",
            "basis": None,
            "amount_fen": None,
            "rule": None,
            "valid_from": date(2021, 8, 20),
            "valid_to": None,
            "record_only": False,
            "closed_because": REPEALED["closed_because"],
            "closed_because_en": REPEALED["closed_because_en"],
        },
        {
            "id": uuid5(_NAMESPACE, "medical_insurance"),
            "code": "medical_insurance",
            "name": "城乡居民基本医疗保险费",
            "name_en": "Basic medical insurance for residents",
            "basis": "《中华人民共和国社会保险法》；由税务部门征收",
            "amount_fen": None,
            "rule": None,
            "valid_from": date(2021, 1, 1),
            "valid_to": None,
            "record_only": True,
            "closed_because": None,
            "closed_because_en": None,
        },
    ]
