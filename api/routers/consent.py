from fastapi import APIRouter

from api.kinds import CONSENT
from api.language import both
from api.problems import DAY_TO_COME, GUARDIAN_NEEDED
from api.routers.records import Records
from api.schemas.consent import ConsentQuery

router = APIRouter(tags=[both("双地", "Two places")])

# What was said stays: who changes their mind says something new
calls = Records(router, CONSENT, ("同意", "consent"))
calls.lists(ConsentQuery)
calls.gets()
calls.creates(DAY_TO_COME, GUARDIAN_NEEDED)
calls.stays()
