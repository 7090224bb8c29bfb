from fastapi import APIRouter

from api.kinds import VISIT
from api.language import both
from api.problems import DAY_TO_COME, NOBODY_MET, REFUSED_WORD, UNKNOWN_CODE
from api.routers.records import Records
from api.schemas.visit import VisitQuery

router = APIRouter(tags=[both("家访", "Visits")])

STORED = {
    "id": "0193a1f2-5b7c-7cc3-98c4-dc0c0c07398f",
    "rev": 1,
    "place_id": 6,
    "voided": False,
    "created_at": "2026-11-20T02:12:01.250Z",
    "updated_at": "2026-11-20T02:12:01.250Z",
    "created_by": "5d0f6d3c-9c0e-5c6b-8a55-2f4f0f4d7a11",
    "household_id": "6f1f64f2-6f6e-5e0a-9c3e-2b8e3f0a1c22",
    "visited_on": "2026-11-20",
    "manner": "home",
    "outcome": "met",
    "purposes": ["elder_care"],
    "agreed": "下周带材料来办理",
    "notes": "老人精神好",
    "worker_id": "5d0f6d3c-9c0e-5c6b-8a55-2f4f0f4d7a11",
    "with_worker_ids": [],
}

calls = Records(router, VISIT, ("家访", "visit"), STORED)
calls.lists(VisitQuery)
calls.gets()
calls.creates(DAY_TO_COME, NOBODY_MET, UNKNOWN_CODE, REFUSED_WORD)
calls.changes(DAY_TO_COME, NOBODY_MET, UNKNOWN_CODE, REFUSED_WORD, example={"notes": "老人精神好，想问问养老金"})
calls.voids()
