from fastapi import APIRouter

from api.kinds import ATTENDANCE
from api.language import both
from api.problems import (
    BEFORE_THE_ROUND,
    DAY_TO_COME,
    DECLINED_THIS_ROUND,
    MAKE_UP_ONCE,
    NO_SUCH_ROUND,
    NOT_OFFERED,
    NOT_THIS_STEP,
    OTHER_ROUND,
    SESSION_OVER,
    WRONG_ID,
)
from api.routers.records import Records
from api.schemas.attendance import AttendanceQuery

router = APIRouter(tags=[both("体检", "Check-ups")])
REFUSALS = (DECLINED_THIS_ROUND, MAKE_UP_ONCE, NOT_THIS_STEP, OTHER_ROUND, NOT_OFFERED, SESSION_OVER, DAY_TO_COME, BEFORE_THE_ROUND)

# No void: what was wrong is taken back (`undone_at`), or the person could not be asked in that round any more
calls = Records(router, ATTENDANCE, ("到检", "attendance"))
calls.lists(AttendanceQuery)
calls.gets()
calls.creates(*REFUSALS, NO_SUCH_ROUND, WRONG_ID)
calls.changes(*REFUSALS)
