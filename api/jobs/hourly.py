"""By the hour and at start: what is held and whose record is there after all (a place was granted, a process died in between) is tried
again; what has waited for 30 days goes to the officer's inbox; follow-ups that were given to somebody who was just leaving are the place's;
rows of files are erased a day after their import; and what every county starts with is added where a county is from before there was such
a thing. Several processes may do so at once."""

import asyncio
import logging
from datetime import timedelta
from functools import partial
from uuid import UUID

import asyncpg

from api import accounts, activation, checkups, imports, way_in
from api.access import Access
from api.db import kept
from api.db.session import Tx
from api.db.tables.follow_up import NOBODYS
from api.jobs.residences import as_days_go_by
from api.places import at_server, standard_catalogues
from api.problems import Problem
from api.rules.caller import Caller, command_line
from api.watched import JOB

log = logging.getLogger("jiafang")
PATIENCE = timedelta(days=30)
HOUR = 3600


async def by_the_hour(access: Access) -> None:
    while True:
        try:
            await sweep(access)
            JOB.labels("hourly").set_to_current_time()
        except (asyncpg.PostgresError, Problem):  # busy, or not migrated yet
            log.warning("what is done by the hour was not done")
        await asyncio.sleep(HOUR)


async def sweep(access: Access) -> None:
    for county in await access.database.fetch(kept.COUNTIES):
        keeper = command_line(county["county_id"])

        async def look(tx: Tx, keeper: Caller = keeper) -> list[UUID]:
            await tx.execute(kept.WAITED_TOO_LONG, keeper.county_id, access.now() - PATIENCE)
            return [row["waits_for"] for row in await tx.fetch(kept.WAITED_FOR, keeper.county_id)]

        await way_in.release(access, keeper, await access.database.write(keeper, look))
        await hand_over(access, keeper.county_id)
        await checkups.settle(access, keeper.county_id, await checkups.to_come(access, keeper.county_id))
        await as_days_go_by(access, keeper.county_id)
        await activation.expire(access, keeper.county_id)
        await access.database.write(keeper, partial(imports.sweep, county_id=keeper.county_id, now=access.now()))
        await complete(access, keeper.county_id)


async def complete(access: Access, county_id: int) -> None:
    server, today, now = await at_server(access, county_id), access.today(), access.now()
    if not server.townships:  # its places are still to come, and its catalogues with them
        return
    try:
        await access.database.write(server, lambda tx: standard_catalogues(tx, server, today=today, now=now))
    except Problem as problem:  # the desk has given a code of theirs away: that stands
        log.warning("the standard entries of county %s were not added: %s", county_id, problem.kind.slug)


async def hand_over(access: Access, county_id: int) -> None:
    server = await at_server(access, county_id)

    async def work(tx: Tx) -> None:
        await accounts.nobodys(tx, server, await tx.fetch(NOBODYS, county_id), access.now())

    await access.database.write(server, work)
