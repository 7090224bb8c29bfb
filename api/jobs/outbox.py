"""Carries what other counties are to hear of residences to them. At least once, in any order; applied once (decision 0023).

Several processes may do so at once, and one that dies half-way leaves what it had to the others. What can't be delivered is tried again,
later each time, and lies as a dead letter in the end, until an administrator has it tried again.
"""

import asyncio
import logging
from datetime import datetime, timedelta
from functools import partial

import asyncpg
import orjson
from pydantic import ValidationError

from api import residences
from api.access import Access
from api.db import residences as statements
from api.db.session import Tx
from api.exchange.letter import BadLetter, Letter, Receipt, read_letter, read_receipt
from api.problems import Problem
from api.rules.caller import command_line
from api.watched import JOB

log = logging.getLogger("jiafang")
LOOK_AGAIN = 3  # seconds
TRIES = 12  # the last some 17 hours after the first
FIRST_WAIT = timedelta(seconds=30)


class NoSuchCounty(Exception):
    """No county here has that code, nor had it once."""


async def as_they_come(access: Access) -> None:
    while True:
        try:
            await deliver(access)
            JOB.labels("outbox").set_to_current_time()
        except (asyncpg.PostgresError, Problem):  # busy, or not migrated yet
            log.warning("the outbox was not looked through")
        await asyncio.sleep(LOOK_AGAIN)


async def deliver(access: Access) -> None:
    for county in await access.database.fetch(statements.COUNTIES):
        county_id, keeper = county["county_id"], command_line(county["county_id"])
        for row in await access.database.write(keeper, partial(_due, county_id, access.now())):
            await _send(access, county_id, county["code"], row)


async def _due(county_id: int, now: datetime, tx: Tx) -> list[asyncpg.Record]:
    return await tx.fetch(statements.DUE, county_id, now)


async def _send(access: Access, county_id: int, from_code: str, row: asyncpg.Record) -> None:
    about, keeper = (county_id, row["residence_id"], row["side"]), command_line(county_id)
    names = ("residence_id", "side", "version", "to_code")
    try:
        letter = Letter(from_code=from_code, part=orjson.loads(row["part"]), **{name: row[name] for name in names})
        answer = await take(access, letter.sign(access.keys))
        receipt = read_receipt(access.keys, answer)
        if (receipt.residence_id, receipt.side, receipt.version) != (letter.residence_id, letter.side, letter.version):
            raise BadLetter
    except (asyncpg.PostgresError, Problem, BadLetter, NoSuchCounty, ValidationError) as error:
        dead, wait = row["tries"] + 1 >= TRIES, FIRST_WAIT * 2 ** row["tries"]
        said = (row["version"], access.now() + wait, type(error).__name__, dead)
        await access.database.write(keeper, lambda tx: tx.execute(statements.FAILED, *about, *said))
        if dead:
            log.error("residence %s could not be told to %s: %s", row["residence_id"], row["to_code"], type(error).__name__)
        return
    await access.database.write(keeper, lambda tx: tx.execute(statements.DELIVERED, *about, row["version"], answer))


async def take(access: Access, text: str) -> str:
    """What the county that a letter is for does with it: the receipt. Raises BadLetter or NoSuchCounty."""
    letter = read_letter(access.keys, text)
    county_id, sender = await _county(access, letter.to_code), await _county(access, letter.from_code)

    async def work(tx: Tx) -> str:
        outcome = await residences.receive(tx, county_id, letter, sender, today=access.today(), now=access.now())
        about = letter.model_dump(include={"residence_id", "side", "version"})
        return Receipt(**about, received_at=access.now(), outcome=outcome).sign(access.keys)

    return await access.database.write(command_line(county_id), work)


async def _county(access: Access, code: str) -> int:
    """The county that a division code lies in, also by a code that it had once."""
    counties = await access.database.fetch(statements.COUNTIES)
    for county in sorted(counties, key=lambda county: bool(county["code"][:6] != code[:6])):  # most are asked for by the code of today
        known = [row["code"] for row in await access.database.fetch(statements.COUNTY_CODES, county["county_id"])]
        if known and code[:6] in {each[:6] for each in (county["code"], *known)}:  # one without places is not set up yet
            return int(county["county_id"])
    raise NoSuchCounty
