from fastapi import APIRouter

from api.kinds import RESIDENCE_PROPOSAL
from api.language import both
from api.problems import DECIDED, WRONG_PLACE
from api.routers.records import Records
from api.schemas.residence_proposal import ResidenceProposalQuery

router = APIRouter(tags=[both("双地", "Two places")])

# Made by the service when another place says something of somebody; no void, since it answers to what that place says
calls = Records(router, RESIDENCE_PROPOSAL, ("居住登记来函", "residence proposal"))
calls.lists(ResidenceProposalQuery)
calls.gets()
calls.changes(DECIDED, WRONG_PLACE)
