"""What a family does from its seat: it answers invitations, and asks for a visit. By the road, like everything else: the head writes with
a field worker's rights in the place of the own household, on records that were found to be the family's (decision 0024)."""

from typing import NamedTuple
from uuid import UUID

from fastapi import Request

from api import checkups
from api.access import Access
from api.db import family as statements
from api.db.session import Overtaken, Tx
from api.decide import Op, Result
from api.kinds import ATTENDANCE, FOLLOW_UP
from api.problems import ENOUGH_ASKED, ID_TAKEN, NOT_FOUND, STALE, Problem
from api.road import write_one
from api.rules import visit_request
from api.rules.attendance import Answer, answered
from api.rules.caller import Caller
from api.schemas.family import VisitRequest


class Seat(NamedTuple):
    caller: Caller
    household_id: UUID
    mine: list[UUID]  # the head and the household's minors


async def seat(access: Access, request: Request) -> Seat:
    claims, row = access.claims(request), await access.family(request, statements.SEAT)
    caller = Caller(claims.county_id, claims.user_id, claims.device_id, "village", (row["place_id"],), (), tuple(row["above"]))
    return Seat(caller, row["household_id"], row["mine"])


async def answer(access: Access, seat: Seat, attendance_id: UUID, said: Answer) -> None:
    """Raises `not-found` for what is not the head's own or a minor's, `declined-this-round`, `not-this-step`."""
    caller = seat.caller

    async def work(tx: Tx) -> tuple[Op, Result]:
        row = await tx.fetchrow(statements.ASKED, caller.county_id, attendance_id, seat.mine, caller.places)
        if row is None:
            raise NOT_FOUND()
        doc = answered(said, row["state"], row["was"], access.now())
        if isinstance(doc, Problem):
            raise doc
        op = Op(ATTENDANCE, attendance_id, doc, row["rev"])
        try:
            return op, await write_one(tx, caller, op, today=access.today(), now=access.now(), confirmed=True)
        except Problem as problem:
            if problem.kind is STALE:
                raise Overtaken from None
            raise

    op, result = await access.database.write(caller, work)
    await checkups.settled(access, caller, op, result)


async def ask(access: Access, seat: Seat, request_id: UUID, said: VisitRequest) -> bool:
    """Whether it is new: the same again, after a lost reply, changes nothing. Raises `enough-asked`, `id-taken`, `refused-word`."""
    caller = seat.caller

    async def work(tx: Tx) -> bool:
        await tx.execute(statements.HOLD, caller.county_id, seat.household_id)  # who asks twice at once is counted too
        doc = visit_request.follow_up(seat.household_id, said.words, said.wished_on, access.today())
        here = (caller.county_id, seat.household_id, caller.user_id)
        if (known := await tx.fetchrow(statements.ASKED_FOR, *here, request_id)) is not None:
            if known["words"] == doc["words"]:
                return False
            raise ID_TAKEN()
        if await tx.fetchval(statements.OPEN, *here) >= visit_request.MOST_OPEN:
            raise ENOUGH_ASKED(count=visit_request.MOST_OPEN)
        op = Op(FOLLOW_UP, request_id, doc)
        await write_one(tx, caller, op, today=access.today(), now=access.now(), confirmed=True)
        return True

    return await access.database.write(caller, work)
