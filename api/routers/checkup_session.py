from fastapi import APIRouter

from api.kinds import CHECKUP_SESSION
from api.language import both
from api.problems import NO_SUCH_ROUND, NOT_IN_ORDER, OTHER_ROUND, REFUSED_WORD, WRONG_LEVEL
from api.routers.records import Records
from api.schemas.checkup_session import CheckupSessionQuery

router = APIRouter(tags=[both("体检", "Check-ups")])

calls = Records(router, CHECKUP_SESSION, ("体检场次", "check-up session"))
calls.lists(CheckupSessionQuery)
calls.gets()
calls.creates(NO_SUCH_ROUND, OTHER_ROUND, NOT_IN_ORDER, WRONG_LEVEL, REFUSED_WORD)
calls.changes(NOT_IN_ORDER, REFUSED_WORD)
calls.voids()
