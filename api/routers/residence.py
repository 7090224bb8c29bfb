from uuid import UUID, uuid5

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.access import access_of
from api.db import store
from api.db.session import Tx
from api.db.tables.person import PEOPLE
from api.decide import Op
from api.kinds import RESIDENCE
from api.language import both
from api.problems import DECLINED_THIS_ROUND, NOT_ALLOWED, NOT_FOUND, NOT_IN_ORDER, OTHER_SIDE, VOIDED, WRONG_ID
from api.routers import wire
from api.routers.records import TOUCHED, Preview, Records, touched
from api.rules.residence import id_of
from api.schemas.residence import OfHousehold, ResidenceQuery

router = APIRouter(tags=[both("双地", "Two places")])

calls = Records(router, RESIDENCE, ("居住登记", "residence"))
calls.lists(ResidenceQuery)
calls.gets()
calls.creates(OTHER_SIDE, NOT_IN_ORDER, WRONG_ID)
calls.changes(OTHER_SIDE, NOT_IN_ORDER, DECLINED_THIS_ROUND)
calls.voids()


@router.post(
    "/v1/households/{id}/residences",
    **wire.documented(
        "create_residences_of_household",
        ("一户人一起登记", "Residences of a household"),
        (
            "户里几个人一起外出，或一起住到这里：每人一条，全成或全不成；重发没有变化。",
            "Several of a household leave, or come, together: one residence each, all of them or none. Again changes nothing.",
        ),
        tuple(RESIDENCE.writers),
        TOUCHED,
        NOT_ALLOWED,
        NOT_FOUND,
        VOIDED,
        **wire.request_body(OfHousehold),
    ),
)
async def of_household(request: Request, id: UUID, preview: Preview = False) -> Response:  # noqa: A002 - the name in the path
    caller, sent = await wire.asked(request, OfHousehold)

    async def ops(tx: Tx) -> list[Op]:
        known = {row["id"] for row in await store.rows(tx, PEOPLE, caller, [id])}
        if not known >= set(sent.person_ids):
            raise NOT_FOUND()
        docs = [
            {**sent.model_dump(exclude={"id", "person_ids"}), "person_id": person_id, "residence_id": uuid5(sent.id, str(person_id))}
            for person_id in sent.person_ids
        ]
        return [Op(RESIDENCE, id_of(doc), doc) for doc in docs]

    return await touched(access_of(request), caller, id, ops, preview=preview)
