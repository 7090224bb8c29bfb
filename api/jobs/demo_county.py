"""Puts the demonstration county (api/demo.py) into the database, by the same road as everything else. Run again, or after an interruption,
it adds only what is missing: ids are fixed, and the same creation again changes nothing."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

from api import accounts, activation, demo, demo_migrants, demo_money, imports, money, pushed, sign_in, way_in
from api.access import Access
from api.db.activation import TAKE_NUMBERS
from api.db.session import Tx
from api.decide import Op
from api.kinds import (
    ACTIVATION_CARD,
    ATTENDANCE,
    CHARGE,
    CHECKUP_PROGRAMME,
    CHECKUP_SESSION,
    CONSENT,
    COUNTING,
    DEPOSIT,
    FEE_ITEM,
    FOLLOW_UP,
    HOUSEHOLD,
    PAYMENT,
    PERSON,
    PLACE,
    RECEIPT_BOOK,
    REFUND,
    RESIDENCE,
    VISIT,
    Kind,
)
from api.places import county_named, new_county, standard_catalogues
from api.problems import DECIDED, WAIVER_NOT_NOW, Problem
from api.road import write, write_all
from api.rules.caller import COUNTY_PLACE, Caller, command_line
from api.sign_in import Passwords

PIECE = 500
FIRST_MONTH = date(2025, 12, 1)  # the last month that the demonstration county has closed
USERS_OF_API = 10  # the first users of demo.users() are those that programs rely on


def written() -> dict[Kind, Sequence[Mapping[str, Any]]]:
    """The rows of what hangs on households and places, in the order in which they are written: what a row names comes before it. Each says
    who writes it (`author`; None: the county's desk) and where it lies, if it hangs on a place (`place`: an id)."""
    return {
        CHECKUP_SESSION: demo.sessions(),
        ATTENDANCE: demo.attendances(),
        VISIT: demo.visits(),
        FOLLOW_UP: demo.follow_ups(),
        CONSENT: demo_migrants.consents(),
        RESIDENCE: demo_migrants.residences(),
        FEE_ITEM: demo_money.fee_items(),
        RECEIPT_BOOK: demo_money.receipt_books(),
        CHARGE: demo_money.charges(),
        PAYMENT: demo_money.payments(),
        REFUND: demo_money.refunds(),
        COUNTING: demo_money.countings(),
        DEPOSIT: demo_money.deposits(),
    }


async def seed(access: Access, passwords: Passwords, progress: Callable[[int, int], None]) -> int:
    """Returns the county's number. `progress(done, of)` counts records."""
    county_id = await access.database.plain(_county)
    places, households, people, users = demo.places(), demo.households(), demo.people(), demo.users()
    programmes, rows = demo.programmes(), written()
    number = {place["id"]: n for n, place in enumerate(places, COUNTY_PLACE)}
    township: dict[UUID, int] = {}
    for place in places:  # parents come first
        parent = place["parent_id"]
        township[place["id"]] = 0 if parent is None else number[place["id"]] if place["level"] == "township" else township[parent]
    desk = command_line(county_id, sorted(set(township.values())))
    of = len(places) + len(programmes) + len(households) + len(people) + sum(len(of_kind) for of_kind in rows.values())
    done = 0

    async def put(caller: Caller, ops: Sequence[Op]) -> None:
        nonlocal done
        for start in range(0, len(ops), PIECE):
            piece = ops[start : start + PIECE]

            async def work(tx: Tx, piece: Sequence[Op] = piece) -> None:
                await write_all(tx, caller, piece, today=access.today(), now=access.now())

            await access.database.write(caller, work)
            done += len(piece)
            progress(done, of)

    await put(desk, [Op(PLACE, place["id"], _place(place, number, township)) for place in places])
    await access.database.write(desk, lambda tx: standard_catalogues(tx, desk, today=access.today(), now=access.now()))
    await _users(access, passwords, desk, users, number)
    await put(desk, [_then(_of(CHECKUP_PROGRAMME, programme, number)[1]) for programme in programmes])

    # each village's worker enters its households and their people; the rest is written by whoever made it
    parent_of = {place["id"]: place["parent_id"] for place in places}
    callers: dict[UUID | None, Caller] = {None: desk}
    worker_of: dict[UUID, UUID] = {}
    for user in users:
        held = [*user["places"], *(p for p, above in parent_of.items() if above in user["places"])]
        numbers = tuple(number[p] for p in (user["places"] if user["role"] == "township" else held))
        places_held, townships = ((), numbers) if user["role"] == "township" else (numbers, ())
        above = (COUNTY_PLACE, *{township[p] for p in user["places"]})
        callers[user["id"]] = Caller(county_id, user["id"], None, user["role"], places_held, townships, above)
        if user["role"] == "village":
            worker_of |= dict.fromkeys(held, user["id"])
    by_name = {user["username"]: callers[user["id"]] for user in users}
    by_household = defaultdict[UUID, list[demo.Person]](list)
    for person in people:
        by_household[person["household_id"]].append(person)
    entered = defaultdict[UUID, list[Op]](list)
    for household in households:
        worker = worker_of[household["place"]]
        entered[worker].append(_of(HOUSEHOLD, household, number)[1])
        entered[worker] += [_of(PERSON, person, number)[1] for person in by_household[household["id"]]]
    for worker, ops in entered.items():
        await put(callers[worker], ops)
    await access.database.plain(lambda tx: _seats(tx, county_id, users, households))
    await _device(access, county_id, replace(by_name["worker-1"], device_id=demo_money.PHONE), lost=False)
    for kind, of_kind in rows.items():
        by_author = defaultdict[UUID | None, list[Op]](list)
        for row in of_kind:
            author, op = _of(kind, row, number)
            by_author[author].append(_then(op) if kind is ATTENDANCE else op)
        for author, ops in by_author.items():
            await put(callers[author], ops)
    officer = by_name["township-1"]
    await _waiver(access, by_name["worker-1"])
    await _counted(access, officer)
    [village] = next(user["places"] for user in users if user["username"] == "worker-1")
    await _cards(access, officer, by_name["worker-1"], number[village])
    await access.database.write(desk, lambda tx: money.close_month(tx, desk, FIRST_MONTH, today=access.today(), now=access.now()))
    await _register(access, officer)
    for entry in demo.unsettled():
        await _brought(access, county_id, entry, by_name)
    return county_id


def _of(kind: Kind, row: Mapping[str, Any], number: Mapping[UUID, int]) -> tuple[UUID | None, Op]:
    """Who writes the row, where it says so, and the creation of it. What is sent stands in the row itself, or in its `doc`."""
    said = {name: value for name, value in {**row, **row.get("doc", {})}.items() if name != "doc"}
    if "place" in said:
        said["place_id"] = number[said.pop("place")]
    return said.pop("author", None), Op(kind, said.pop("id"), said)


def _then(op: Op) -> Op:
    """As if a phone brought it: nobody is there to choose otherwise where it is past by now."""
    return replace(op, made_at=datetime.combine(demo.DEMO_DAY, time(1), UTC))


async def _register(access: Access, caller: Caller) -> None:
    said: dict[str, Any] = {"import_id": demo.IMPORT_ID, "kind": "households", "file_name": "户册.csv", "data": demo.register().encode()}

    async def work(tx: Tx) -> None:
        if not await imports.known(tx, caller.county_id, demo.IMPORT_ID):
            await imports.take(tx, caller, **said, now=access.now())

    await access.database.write(caller, work)
    for wanted in await imports.to_do(access, caller.county_id):
        await imports.step(access, caller.county_id, wanted)


async def _brought(access: Access, county_id: int, entry: demo.Unsettled, callers: dict[str, Caller]) -> None:
    caller = replace(callers[entry["username"]], device_id=entry["phone"])
    await _device(access, county_id, caller, lost=entry["lost"])
    await way_in.store(access, caller, [pushed.take(entry["op"], entry["phone"])])


async def _device(access: Access, county_id: int, caller: Caller, *, lost: bool) -> None:
    async def register(tx: Tx) -> None:
        await tx.execute(sign_in.DEVICE, county_id, caller.device_id, caller.user_id, "演示手机", access.now())
        if lost and caller.device_id:
            await sign_in.end(tx, county_id, [caller.device_id], "lost", access.now())

    await access.database.plain(register)


async def _waiver(access: Access, worker: Caller) -> None:
    try:
        await money.ask_waiver(access, worker, demo_money.waiver_asked(), "五保户")
    except Problem as problem:
        if problem.kind is not WAIVER_NOT_NOW:
            raise


async def _cards(access: Access, officer: Caller, worker: Caller, village: int) -> None:
    """The township prints them, and the worker says whom they were handed to; again changes nothing."""
    cards = demo.cards()

    async def work(tx: Tx) -> None:
        await tx.fetch(TAKE_NUMBERS, officer.county_id, [card["number"] for card in cards], [card["id"] for card in cards])
        ops = [activation.printed(access.keys, village, card["number"], card["id"], card["code"]) for card in cards]
        await write_all(tx, officer, ops, today=access.today(), now=access.now())

    async def hand_over(tx: Tx) -> None:
        ops = [Op(ACTIVATION_CARD, card["id"], {"person_id": card["person_id"]}, 1) for card in cards if card["person_id"]]
        await write(tx, worker, ops, today=access.today(), now=access.now())  # of those that were handed over before it is stale

    await access.database.write(officer, work)
    await access.database.write(worker, hand_over)


async def _counted(access: Access, officer: Caller) -> None:
    """The first of the countings is confirmed; again changes nothing."""
    try:
        await money.decide_counting(access, officer, demo_money.countings()[0]["id"], confirms=True)
    except Problem as problem:
        if problem.kind is not DECIDED:
            raise


async def complete(access: Access) -> bool:
    """Whether an earlier start has finished seeding."""
    county_id = await access.database.plain(lambda tx: county_named(tx, demo.COUNTY_CODE))
    if county_id is None:
        return False
    return await access.database.write(command_line(county_id), lambda tx: _seeded(tx, county_id))


async def _seeded(tx: Tx, county_id: int) -> bool:
    """What is not settled is brought last, so what the last phone brings there means all is there."""
    last = demo.unsettled()[-1]["phone"]
    brought = await tx.fetchval("SELECT count(*) FROM kept_op k WHERE k.county_id = $1 AND k.device_id = $2", county_id, last)
    return bool(brought == sum(entry["phone"] == last for entry in demo.unsettled()))


async def _county(tx: Tx) -> int:
    return await county_named(tx, demo.COUNTY_CODE) or await new_county(tx, demo.COUNTY_CODE)


def _place(place: demo.Place, number: dict[UUID, int], township: dict[UUID, int]) -> dict[str, Any]:
    return {
        "place_id": number[place["id"]],
        "township_id": township[place["id"]],
        "code": place["code"],
        "name": place["name"],
        "level": place["level"],
        "group_number": place["group_number"],
        "parent_id": number[place["parent_id"]] if place["parent_id"] else None,
        "successor_ids": [],
        "valid_from": None,
        "valid_to": None,
        "valid_to_provisional": False,
        "former_names": [],
    }


async def _users(access: Access, passwords: Passwords, desk: Caller, users: Sequence[demo.User], number: dict[UUID, int]) -> None:
    password_hash = await passwords.hash(demo.PASSWORD)  # once for all: each takes a third of a second
    home = {h["id"]: number[h["place"]] for h in demo.households()}

    async def work(tx: Tx) -> None:
        known = {row["id"] for row in await tx.fetch("SELECT u.id FROM app_user u WHERE u.county_id = $1", desk.county_id)}
        for user in users:
            if user["id"] in known:
                continue
            await accounts.create(
                tx,
                desk,
                user_id=user["id"],
                username=user["username"],
                name=user["name"],
                role=user["role"],
                home=home[user["household_id"]] if user["household_id"] else number[user["places"][0]],
                place_ids=[number[p] for p in user["places"]],
                reach=user["reach"],
                password_hash=password_hash,
                temporary=False,
                now=access.now(),
            )

    await access.database.plain(work)


async def _seats(tx: Tx, county_id: int, users: Sequence[demo.User], households: Sequence[demo.Household]) -> None:
    heads = {household["id"]: household["head_id"] for household in households}
    seated = {row["user_id"] for row in await tx.fetch("SELECT t.user_id FROM seat t WHERE t.county_id = $1", county_id)}
    for user in users:
        household_id = user["household_id"]
        if household_id and user["id"] not in seated and (head := heads[household_id]):
            await accounts.seat(tx, county_id, user_id=user["id"], household_id=household_id, person_id=head)


async def described(access: Access, base_url: str) -> dict[str, Any]:
    """What `var/demo.json` says: the address, and a sign-in for every role."""
    places = {p["id"]: p for p in demo.places()}
    place_of = {h["id"]: h["place"] for h in demo.households()}
    county_id = await access.database.plain(lambda tx: county_named(tx, demo.COUNTY_CODE))
    rows = await access.database.fetch("SELECT p.id, p.place_id FROM place p WHERE p.county_id = $1", county_id)
    number = {row["id"]: row["place_id"] for row in rows}
    users = []
    for user in demo.users()[:USERS_OF_API]:
        # a family's seat is no membership: the place of its household is named all the same
        held = user["places"] or [place_of[user["household_id"]]]  # type: ignore[index]  # who holds no place has a household
        named = [{"place_id": number[p], "code": places[p]["code"], "name": places[p]["name"]} for p in held]
        users.append({"role": user["role"], "username": user["username"], "password": demo.PASSWORD, "places": named})
    county = demo.places()[0]
    return {"base_url": base_url, "users": users, "county": {"code": county["code"], "name": county["name"]}}
