from fastapi import APIRouter

from api.kinds import FEE_ITEM
from api.language import both
from api.problems import CODE_TAKEN, ITEM_CLOSED, ITEM_INCOMPLETE, REFUSED_WORD
from api.routers.records import Records
from api.schemas.fee_item import FeeItemQuery

router = APIRouter(tags=[both("收费", "Fees")])

calls = Records(router, FEE_ITEM, ("收费项目", "fee item"))
calls.lists(FeeItemQuery)
calls.gets()
calls.creates(CODE_TAKEN, ITEM_CLOSED, ITEM_INCOMPLETE, REFUSED_WORD)
calls.stays()
