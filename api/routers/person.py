from fastapi import APIRouter

from api.kinds import PERSON
from api.language import both
from api.problems import DAY_TO_COME
from api.routers.records import Records
from api.schemas.person import PersonQuery

router = APIRouter(tags=[both("人", "People")])

calls = Records(router, PERSON, ("人", "person"))
calls.lists(PersonQuery)
calls.gets()
calls.creates(DAY_TO_COME)
calls.changes(DAY_TO_COME)
calls.voids()
