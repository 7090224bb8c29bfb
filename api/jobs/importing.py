"""Reads, runs and undoes imports, one after the other, and goes on with what a process that died has left. Several processes at once are
normal: each import is in one's hand at a time."""

import asyncio
import logging
from contextlib import suppress

import asyncpg

from api import imports
from api.access import Access
from api.db import kept
from api.problems import Problem
from api.watched import JOB

log = logging.getLogger("jiafang")
LOOK_AGAIN = 10  # seconds; what this process was sent wakes it at once


async def as_they_come(access: Access, wake: asyncio.Event) -> None:
    while True:
        wake.clear()
        try:
            for county in await access.database.fetch(kept.COUNTIES):
                for wanted in await imports.to_do(access, county["county_id"]):
                    await _go_on(access, county["county_id"], wanted)
            JOB.labels("imports").set_to_current_time()
        except (asyncpg.PostgresError, Problem):  # busy, or not migrated yet
            log.warning("imports were not looked through")
        with suppress(TimeoutError):
            await asyncio.wait_for(wake.wait(), LOOK_AGAIN)


async def _go_on(access: Access, county_id: int, wanted: asyncpg.Record) -> None:
    try:
        while await imports.step(access, county_id, wanted):
            pass
    except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
        log.error("import %s was given up: %s", wanted["id"], type(error).__name__)
        await imports.give_up(access, county_id, wanted)
    except (asyncpg.PostgresError, Problem) as error:  # the others are not held up
        log.error("import %s could not go on: %s", wanted["id"], type(error).__name__)
