"""What other counties have not been told yet: for the county's desk, which sees that, and not what the letters say."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from api.access import access_of
from api.db import residences as statements
from api.db.session import Tx
from api.language import both
from api.problems import NOT_ALLOWED, NOT_FOUND
from api.routers import wire
from api.rules.caller import Caller
from api.schemas.base import Id, Instant, says
from api.schemas.residence import DivisionCode, Side

router = APIRouter(tags=[both("双地", "Two places")])
State = Literal["waiting", "dead"]


class LetterSaid(BaseModel):
    """还没送到外县的一封信。A letter to another county that has not arrived."""

    residence_id: Annotated[Id, says("哪一登记", "Of which residence")]
    side: Annotated[Side, says("哪一侧的话", "Whose part it is")]
    to_code: Annotated[DivisionCode, says("寄往哪里", "Where it goes")]
    version: Annotated[int, says("第几版", "Its version", 1)]
    delivered_version: Annotated[int, says("已送到第几版；0 为没有", "The version that has arrived; 0: none", 0)]
    made_at: Annotated[Instant, says("何时写的", "When it was written")]
    tries: Annotated[int, says("试过几次", "How often it was tried", 12)]
    state: Annotated[State, says("waiting 还会再试 · dead 不再试了", "waiting: will be tried again; dead: will not", "dead")]
    problem: Annotated[str | None, says("上次没送到的原因", "Why it did not arrive", "NoSuchCounty")]


class Letters(BaseModel):
    """没送到的信，最多五百封。What has not arrived: 500 of them at the most, the oldest first."""

    items: Annotated[list[LetterSaid], Field(description=both("各封信", "Each letter"))]


class LettersQuery(BaseModel):
    state: State | None = Field(None, description=both("只看还会再试的，或不再试的", "Only what will be tried again, or will not"))


async def _desk(request: Request) -> Caller:
    caller = await access_of(request).caller(request)
    if caller.role != "county":
        raise NOT_ALLOWED()
    return caller


@router.get(
    "/v1/outbox",
    **wire.documented(
        "list_outbox",
        ("没送到外县的信", "Letters that have not arrived"),
        (
            "双地登记要告诉外县而还没送到的；看不到信里写了什么。",
            "What other counties are to hear of residences and have not; without what it says.",
        ),
        ("county",),
        wire.reply(Letters, both("各封信", "The letters")),
        NOT_ALLOWED,
    ),
)
async def letters(request: Request, query: Annotated[LettersQuery, Query()]) -> Response:
    caller = await _desk(request)

    async def work(tx: Tx) -> list[dict[str, Any]]:
        return [dict(row) for row in await tx.fetch(statements.UNDELIVERED, caller.county_id, query.state)]

    return wire.json({"items": await access_of(request).database.write(caller, work)})


@router.post(
    "/v1/outbox/{residence_id}/{side}/replay",
    **wire.documented(
        "replay_letter",
        ("再送一次", "Try a letter again"),
        ("不再试了的信，从头再试。再按一次没有变化。", "A dead letter is tried again from the start. Again changes nothing."),
        ("county",),
        wire.reply(LetterSaid, both("这封信", "The letter")),
        NOT_ALLOWED,
        NOT_FOUND,
    ),
)
async def replay(request: Request, residence_id: UUID, side: Side) -> Response:
    caller, access = await _desk(request), access_of(request)

    async def work(tx: Tx) -> dict[str, Any]:
        await tx.execute(statements.REPLAY, caller.county_id, residence_id, side, access.now())
        found = await tx.fetchrow(statements.ONE_UNDELIVERED, caller.county_id, residence_id, side)
        if found is None:
            raise NOT_FOUND()
        return dict(found)

    return wire.json(await access.database.write(caller, work))
