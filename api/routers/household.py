from fastapi import APIRouter

from api.kinds import HOUSEHOLD
from api.language import both
from api.problems import HAS_RECORDS, WRONG_PLACE
from api.routers.records import Records
from api.schemas.household import HouseholdQuery

router = APIRouter(tags=[both("户", "Households")])

STORED = {
    "id": "6f1f64f2-6f6e-5e0a-9c3e-2b8e3f0a1c22",
    "rev": 1,
    "place_id": 6,
    "voided": False,
    "created_at": "2026-11-01T01:00:00.000Z",
    "updated_at": "2026-11-01T01:00:00.000Z",
    "created_by": "5d0f6d3c-9c0e-5c6b-8a55-2f4f0f4d7a11",
    "number": "0103-07",
    "address": "村东头",
    "phones": ["13800138000"],
    "status": "living_here",
    "last_visited_on": "2026-11-20",
}

calls = Records(router, HOUSEHOLD, ("户", "household"), STORED)
calls.lists(HouseholdQuery)
calls.gets()
calls.creates(WRONG_PLACE)
calls.changes(example={"address": "村西头", "phones": ["13800138000", "0543-7321456"]})
calls.voids(HAS_RECORDS)
