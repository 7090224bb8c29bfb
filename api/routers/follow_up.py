from datetime import date
from typing import Any

from fastapi import APIRouter

from api.kinds import FOLLOW_UP
from api.language import both
from api.problems import NOT_ENDED_SO, UNKNOWN_CODE, WRONG_PLACE
from api.routers.records import Records
from api.rules.follow_up import due
from api.schemas.follow_up import FollowUpQuery

router = APIRouter(tags=[both("随访任务", "Follow-ups")])


def meant(query: FollowUpQuery, today: date) -> dict[str, Any]:
    return due(query.due, today) if query.due else {}


calls = Records(router, FOLLOW_UP, ("随访任务", "follow-up"))
calls.lists(FollowUpQuery, meant)
calls.gets()
calls.creates(NOT_ENDED_SO, UNKNOWN_CODE, WRONG_PLACE)
calls.changes(NOT_ENDED_SO, UNKNOWN_CODE, WRONG_PLACE)
calls.voids()
