"""From a printed card to a family's seat: the township prints it, a worker says who it is for, and the head opens the seat with it.

The number is no secret: it becomes the user name, and stands in `login` from the printing on, so that the county is found by it. The code
is told once, on paper; here there is its hash under the server's key. Decision 0024.
"""

import hmac
import secrets
from dataclasses import replace
from datetime import datetime
from functools import partial
from uuid import UUID, uuid4

from asyncpg import Record

from api import accounts, sign_in
from api.access import Access
from api.db import activation as statements
from api.db.session import Tx
from api.decide import Op
from api.kinds import ACTIVATION_CARD
from api.problems import (
    CARD_NOT_BOUND,
    CARD_SPENT,
    DEVICE_OF_ANOTHER,
    NOT_A_HEAD,
    WEAK_PASSWORD,
    WRONG_CARD,
    Problem,
)
from api.road import write, write_all
from api.rules.activation_card import CODE_DIGITS, GOOD_FOR, OPEN, TRIES, numbered, over, spelled
from api.rules.caller import COUNTY_PLACE, Caller, command_line
from api.sign_in import Passwords, Tokens
from api.tokens import Keys

NOWHERE = 0  # the county of a number that is nobody's: it is looked for all the same, or the time would tell


def mac(keys: Keys, card_id: UUID, code: str) -> bytes:
    return keys.mac("activation card", card_id.bytes + code.encode())


def printed(keys: Keys, place_id: int, number: str, card_id: UUID, code: str) -> Op:
    """Nobody but the service says what a card's number is, so nobody else makes one."""
    return Op(ACTIVATION_CARD, card_id, {"place_id": place_id, "person_id": None, "number": number, "code_mac": mac(keys, card_id, code)})


async def press(access: Access, caller: Caller, place_id: int, count: int) -> list[tuple[str, str]]:
    """Makes cards for a village: their numbers and codes, which are known to nobody after this. Raises `not-found`, `not-allowed`,
    `not-a-village`."""

    async def work(tx: Tx) -> list[tuple[str, str]]:
        taken: dict[str, UUID] = {}
        while len(taken) < count:  # a number that somebody has already is passed over
            wanted = {numbered(f"{secrets.randbelow(10**9):09d}"): uuid4() for _ in range(count - len(taken))}
            rows = await tx.fetch(statements.TAKE_NUMBERS, caller.county_id, list(wanted), list(wanted.values()))
            taken |= {row["username"]: wanted[row["username"]] for row in rows}
        cards = [(number, f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}") for number in sorted(taken)]
        ops = [printed(access.keys, place_id, number, taken[number], code) for number, code in cards]
        await write_all(tx, caller, ops, today=access.today(), now=access.now())
        return cards

    return await access.database.write(caller, work)


async def activate(
    access: Access, passwords: Passwords, *, number: str, code: str, password: str, device_id: UUID | None, device_name: str, network: str
) -> Tokens:
    """Raises `wrong-card` for any wrong number or code alike; to whoever knows the code `card-spent`, `card-not-bound`, `not-a-head`,
    `device-of-another`; `weak-password`, `too-many-attempts`."""
    number, code = spelled(number), spelled(code)
    counted = await sign_in.count(access, [("network", sign_in.network_of(network))])
    county_id, card_id = await _known(access, number, code)
    await sign_in.uncount(access, counted)
    if not await passwords.strong(password, number):  # last, since it takes long
        raise WEAK_PASSWORD.at("/password")
    password_hash = await passwords.hash(password)
    work = partial(_open, access=access, county_id=county_id, card_id=card_id, number=number, password_hash=password_hash)
    return await access.database.write(command_line(county_id), partial(work, device=(device_id or uuid4(), device_name)))


async def _known(access: Access, number: str, code: str) -> tuple[int, UUID]:
    """The card, to whoever knows its code. A try is counted before the code is looked at, so many at once are counted too."""
    login = await access.database.fetch(sign_in.LOGIN, number)
    county_id = login[0]["county_id"] if login else NOWHERE

    async def work(tx: Tx) -> UUID | Problem:
        card = await tx.fetchrow(statements.TRY, county_id, number, TRIES)
        if card is None:
            return WRONG_CARD()
        if hmac.compare_digest(card["code_mac"], mac(access.keys, card["id"], code)):
            await tx.execute(statements.RIGHT, county_id, card["id"])
            return UUID(str(card["id"]))
        if card["tries"] == TRIES and card["status"] in OPEN:
            await _becomes(tx, access, card, "expired")
        return WRONG_CARD()

    found = await access.database.write(command_line(county_id), work)
    if isinstance(found, Problem):  # returned, not raised: the count must be committed
        raise found
    return county_id, found


async def _open(
    tx: Tx, *, access: Access, county_id: int, card_id: UUID, number: str, password_hash: str, device: tuple[UUID, str]
) -> Tokens:
    now = access.now()
    card = await tx.fetchrow(statements.HOLD, county_id, card_id)  # of two at once the second finds it used
    if card is None or card["voided"] or card["status"] not in OPEN or over(card["bound_on"], access.today()):
        raise CARD_SPENT()
    if card["person_id"] is None:
        raise CARD_NOT_BOUND()
    head = await tx.fetchrow(statements.HEAD, county_id, card["person_id"])
    if head is None:
        raise NOT_A_HEAD()
    user_id = await _account(tx, access, head, card, number, password_hash, device[0], now)
    tokens = await sign_in.enter(tx, access, county_id, user_id, *device, now)
    if tokens is None:
        raise DEVICE_OF_ANOTHER()
    await _becomes(tx, access, card, "used")
    await accounts.seat(tx, county_id, user_id=user_id, household_id=head["household_id"], person_id=head["person_id"])
    return tokens


async def _account(
    tx: Tx, access: Access, head: Record, card: Record, number: str, password_hash: str, device_id: UUID, now: datetime
) -> UUID:
    """The account that the person has already, with this number for a name, its old password and phones being worth nothing more; or a
    new one, which has the id of the card."""
    county_id, server = card["county_id"], command_line(card["county_id"])
    old = await tx.fetchval(statements.SEATED, county_id, [head["person_id"], *head["joined"]])
    if old is None:
        await tx.execute(
            accounts.CREATE, county_id, card["id"], number, head["name"], "household_head", head["place_id"], head["township_id"],
            password_hash, False, now,
        )  # fmt: skip
        await sign_in.event(tx, server, card["id"], "activated", now)
        return UUID(str(card["id"]))
    await tx.execute(statements.RENAME, county_id, old, number, head["name"], password_hash)
    await tx.execute(statements.LEADS_TO, number, old)
    await sign_in.end_all(tx, county_id, old, "revoked", now, but=device_id)
    await sign_in.event(tx, server, old, "activated again", now)
    return UUID(str(old))


async def _becomes(tx: Tx, access: Access, card: Record, status: str) -> None:
    """As the township's officer would say it, in the name of no user."""
    server = Caller(card["county_id"], None, None, "township", (), (card["township_id"],), (COUNTY_PLACE,))
    op = Op(ACTIVATION_CARD, card["id"], {"status": status}, card["rev"])
    await write_all(tx, server, [op], today=access.today(), now=access.now())


async def expire(access: Access, county_id: int) -> None:
    """Cards that nobody has used within 30 days. What somebody changes at the same moment is left for the next hour."""

    async def work(tx: Tx) -> None:
        cards = await tx.fetch(statements.OVER, county_id, access.today() - GOOD_FOR)
        server = replace(command_line(county_id, sorted({card["township_id"] for card in cards})), role="township")
        ops = [Op(ACTIVATION_CARD, card["id"], {"status": "expired"}, card["rev"]) for card in cards]
        if ops:
            await write(tx, server, ops, today=access.today(), now=access.now())

    await access.database.write(command_line(county_id), work)
