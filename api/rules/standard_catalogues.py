"""The catalogue entries that every county starts with. Its desk renames them, closes them and adds its own; codes are never reused."""

from typing import TypedDict
from uuid import UUID, uuid5

from api.schemas.catalogue_entry import Catalogue

_NAMESPACE = UUID("8c1f5a52-0e0b-5d3f-9d0c-2f6b7a1e4c90")


class Entry(TypedDict):
    id: UUID
    catalogue: Catalogue
    code: str
    name: str
    name_en: str


STANDARD = {
    "policy_information": ("政策宣传", "Information on policies"),
    "help_with_application": ("协助申请", "Help with an application"),
    "subsidy": ("奖励扶助与补贴", "Subsidies and support money"),
    "elder_care": ("养老服务", "Care for the elderly"),
    "child_care": ("育儿与托育", "Childcare"),
    "disability": ("助残服务", "Services for people with disabilities"),
    "migrant_service": ("流动人口服务", "Services for migrants"),
    "answer_to_request": ("回应诉求", "Answer to a request"),
    "checkup_reminder": ("体检提醒", "Reminder of a health check-up"),
}


def standard() -> list[Entry]:
    """All are purposes of visits; information is given at a visit, so nothing falls due by it."""
    listed: list[tuple[Catalogue, str]] = [("visit_purpose", code) for code in STANDARD]
    listed += [("follow_up_reason", code) for code in STANDARD if code != "policy_information"]
    return [
        {
            "id": uuid5(_NAMESPACE, f"{name}:{code}"),
            "catalogue": name,
            "code": code,
            "name": STANDARD[code][0],
            "name_en": STANDARD[code][1],
        }
        for name, code in listed
    ]
