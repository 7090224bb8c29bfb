from fastapi import APIRouter

from api.kinds import DEPOSIT
from api.language import both
from api.problems import DAY_TO_COME, REFUSED_WORD
from api.routers.records import Records
from api.schemas.deposit import DepositQuery

router = APIRouter(tags=[both("收费", "Fees")])

calls = Records(router, DEPOSIT, ("缴存", "deposit"))
calls.lists(DepositQuery)
calls.gets()
calls.creates(DAY_TO_COME, REFUSED_WORD)
calls.stays()
