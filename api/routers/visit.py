from fastapi import APIRouter

from api.kinds import VISIT
from api.language import both
from api.problems import DAY_TO_COME, NOBODY_MET, REFUSED_WORD, UNKNOWN_CODE
from api.routers.records import Records
from api.schemas.visit import VisitQuery

router = APIRouter(tags=[both("家访", "Visits")])

calls = Records(router, VISIT, ("家访", "visit"))
calls.lists(VisitQuery)
calls.gets()
calls.creates(DAY_TO_COME, NOBODY_MET, UNKNOWN_CODE, REFUSED_WORD)
calls.changes(DAY_TO_COME, NOBODY_MET, UNKNOWN_CODE, REFUSED_WORD)
calls.voids()
