"""The published counts of a round: for the office's planning. No raw count, no percentage, no list of people (decision 0017)."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.access import access_of
from api.db import published_counts as db
from api.db.session import Tx
from api.language import both
from api.problems import NOT_ALLOWED, NOT_FOUND
from api.routers import wire
from api.rules.caller import OFFICES, command_line
from api.rules.published_counts import Counts, due_on, table
from api.schemas.published_counts import CountsQuery, RoundCounts

router = APIRouter(tags=[both("体检", "Check-ups")])


@router.get(
    "/v1/checkup-programmes/{id}/counts",
    **wire.documented(
        "get_checkup_counts",
        ("一轮体检的公布数", "The published counts of a round"),
        (
            "各地的名额、受邀人数、到检人数，供安排工作用。一轮及其最后一场结束七天后公布一次，此后不变；公布之前只有名额。"
            "人数按十人一组，不足十人不公布，合计的组距使人不能用加减推算出某个村。没有比例，不排名次。",
            "Places in sessions, people invited and people who attended, place by place, for planning. It is published once, seven days "
            "after the end of the round and of its last session, and never changes; before, there are the places alone. People are told "
            "by tens, fewer than ten not at all, and totals so that adding and subtracting tells nothing of a village. No percentages, no "
            "ranking.",
        ),
        OFFICES,
        wire.reply(RoundCounts, both("公布数", "The counts")),
        NOT_ALLOWED,
        NOT_FOUND,
    ),
)
async def counts(request: Request, id: UUID, query: Annotated[CountsQuery, Query()]) -> Response:  # noqa: A002 - the name in the path
    access = access_of(request)
    caller = await access.caller(request)
    if caller.role not in OFFICES:
        raise NOT_ALLOWED()
    county_id, today = caller.county_id, access.today()

    async def work(tx: Tx) -> tuple[date, date | None]:
        last_on = await tx.fetchval(db.LAST_ON, county_id, id, query.round)
        if last_on is None:
            raise NOT_FOUND()
        published_on = await tx.fetchval(db.PUBLISHED_ON, county_id, id, query.round)
        if published_on is None and today >= due_on(last_on):
            published_on = await _publish(tx, county_id, id, query.round, today)
        return due_on(last_on), published_on

    # by the service itself: whoever asks first, the table is the whole county's
    due, published_on = await access.database.write(command_line(county_id), work)
    asked = (id, query.round, query.place_id)
    if published_on:
        found = await access.read(request, lambda _: db.TABLE, *asked)
    else:
        found = await access.read(request, lambda _: db.PLACES_ALONE, *asked, today)
    rows = [
        {name: row[name] for name in ("place_id", "code", "name", "level", "places")}
        | {measure: _class(row, measure) if published_on else None for measure in ("offered", "attended")}
        for row in found
        if row["place_id"] is not None
    ]
    return wire.json({"programme_id": id, "round": query.round, "due_on": due, "published_on": published_on, "rows": rows})


def _class(row: Any, measure: str) -> dict[str, int] | None:
    first, last = row[f"{measure}_from"], row[f"{measure}_to"]
    return None if first is None else {"from": first, "to": last}


async def _publish(tx: Tx, county_id: int, programme_id: UUID, number: int, today: date) -> date | None:
    """The raw counts are in no other place than here. Two requests at once: the county's own row decides whose table it is."""
    what = (county_id, programme_id, number)
    places = [dict(row) for row in await tx.fetch(db.PLACES, *what, today)]
    people = {row["place_id"]: Counts(row["offered"], row["attended"]) for row in await tx.fetch(db.PEOPLE, *what)}
    county, *others = table(places, people)
    if await tx.fetch(db.PUBLISH, *what, today, orjson.dumps([county]).decode()):
        await tx.execute(db.PUBLISH, *what, today, orjson.dumps(others).decode())
    published_on: date | None = await tx.fetchval(db.PUBLISHED_ON, *what)
    return published_on
