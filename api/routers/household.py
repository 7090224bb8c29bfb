from fastapi import APIRouter

from api.kinds import HOUSEHOLD
from api.language import both
from api.problems import HAS_RECORDS, WRONG_PLACE
from api.routers.records import Records
from api.schemas.household import HouseholdQuery

router = APIRouter(tags=[both("户", "Households")])

calls = Records(router, HOUSEHOLD, ("户", "household"))
calls.lists(HouseholdQuery)
calls.gets()
calls.creates(WRONG_PLACE)
calls.changes()
calls.voids(HAS_RECORDS)
