"""The identity number of a person. It is stored sealed, no other call shows it, and each reading of it is logged (decision 0015)."""

import logging
from typing import Annotated
from uuid import UUID

import orjson
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.access import access_of
from api.db import access_log
from api.db.session import Tx
from api.db.store import Row
from api.db.tables.person import NO_IDENTITY
from api.decide import Op, Result, marked
from api.kinds import PERSON
from api.language import both
from api.problems import (
    BAD_CURSOR,
    CANNOT_BE_OPENED,
    IF_MATCH_REQUIRED,
    LOOKS_DOUBLE,
    NO_IDENTITY_NUMBER,
    NOT_ALLOWED,
    NOT_FOUND,
    STALE,
    VOIDED,
)
from api.road import write_one
from api.routers import wire
from api.routers.pages import page_model, page_of, read_cursor
from api.routers.records import ETAG, Confirm
from api.rules.caller import Caller, view_of
from api.rules.citizen_id import differs_in, normal
from api.schemas.base import Paging
from api.schemas.identity_number import AccessEntry, IdentityNumber, IdentityQuery, IdentityRead, IdentityStored
from api.sealed import CannotOpen, Seals

router = APIRouter(tags=[both("人", "People")])
log = logging.getLogger("jiafang")
WHAT = "identity_number"
PATH = "/v1/people/{id}/identity-number"
WRITERS = tuple(PERSON.writers)


@router.put(
    PATH,
    **wire.documented(
        "put_identity_number",
        ("登记身份证号码", "Store a person's identity number"),
        (
            "加密存放；列表、同步和其他回复里都没有它，修改历史只写登记或修改过。出生日期和性别不据此改动，不一致时列在 differs_in。",
            "It is stored sealed, and is in no list, sync or other reply; the history only says that it was set or changed. "
            "Day of birth and sex are not taken from it: where they differ, `differs_in` names them.",
        ),
        WRITERS,
        wire.reply(IdentityStored, both("已存", "What was stored"), headers=ETAG),
        NO_IDENTITY_NUMBER,
        LOOKS_DOUBLE,
        NOT_ALLOWED,
        NOT_FOUND,
        IF_MATCH_REQUIRED,
        STALE,
        VOIDED,
        **wire.request_body(IdentityNumber),
        parameters=[wire.if_match()],
    ),
)
async def put(request: Request, id: UUID, confirm: Confirm = False) -> Response:  # noqa: A002 - the name in the path
    base = wire.revision_of(request)
    caller, sent = await wire.asked(request, IdentityNumber)
    number = normal(sent.number, access_of(request).today())
    if number is None:
        raise NO_IDENTITY_NUMBER.at("/number")
    seals: Seals = request.app.state.seals
    blind = seals.blind(number, WHAT, caller.county_id)
    columns = {"identity_sealed": seals.seal(number, WHAT, caller.county_id, id), "identity_blind": blind, "identity_last4": number[-4:]}
    result = await _write(request, caller, id, base, columns, confirmed=confirm)
    record = orjson.loads(result.doc or "")
    stored = {"identity_last4": number[-4:], "differs_in": differs_in(number, record["born_on"], record["sex"])}
    return wire.document(orjson.dumps(stored).decode(), result.rev or 0)


@router.get(
    PATH,
    **wire.documented(
        "get_identity_number",
        ("查看身份证号码", "Read a person's identity number"),
        (
            "须写明用途。每次查看都记下谁、何时、为何，本人可以查阅。",
            "Say what for. Each reading is logged with who, when and why, for the person to read.",
        ),
        WRITERS,
        wire.reply(IdentityRead, both("身份证号码", "The number"), headers=ETAG),
        NOT_ALLOWED,
        NOT_FOUND,
        CANNOT_BE_OPENED,
    ),
)
async def get(request: Request, id: UUID, query: Annotated[IdentityQuery, Query()]) -> Response:  # noqa: A002
    access = access_of(request)
    caller = await access.caller(request)
    if caller.role not in WRITERS:
        raise NOT_ALLOWED()

    async def work(tx: Tx) -> Row:
        row = await tx.fetchrow(access_log.SEALED, caller.county_id, id, caller.places, caller.townships)
        if row is None:
            raise NOT_FOUND()
        await tx.execute(access_log.LOG, caller.county_id, id, access.now(), caller.user_id, caller.device_id, WHAT, query.purpose)
        return dict(row)

    row = await access.database.write(caller, work)  # only what is logged is opened
    number = None
    try:
        if row["identity_sealed"] is not None:
            number = request.app.state.seals.open(row["identity_sealed"], WHAT, caller.county_id, id)
    except CannotOpen:
        log.error("the identity number of %s cannot be opened with the keys that are here", id)
        raise CANNOT_BE_OPENED() from None
    return wire.document(orjson.dumps({"number": number}).decode(), row["rev"], 200, **{"Cache-Control": "no-store"})


@router.delete(
    PATH,
    **wire.documented(
        "delete_identity_number",
        ("删除身份证号码", "Remove a person's identity number"),
        (
            "号码从数据库中消失，修改历史只写曾经删除。作废的记录也可以删除号码。",
            "The number is gone from the database; the history only says that it was removed. From a voided record too.",
        ),
        WRITERS,
        wire.done(ETAG),
        NOT_ALLOWED,
        NOT_FOUND,
        IF_MATCH_REQUIRED,
        STALE,
        parameters=[wire.if_match('"2"')],
    ),
)
async def delete(request: Request, id: UUID) -> Response:  # noqa: A002
    base = wire.revision_of(request)
    caller = await access_of(request).caller(request)
    result = await _write(request, caller, id, base, dict(NO_IDENTITY), confirmed=True)
    return Response(status_code=204, headers={"ETag": f'"{result.rev}"'})


async def _write(request: Request, caller: Caller, person_id: UUID, base: int, columns: Row, *, confirmed: bool) -> Result:
    """By the road. The mark is made of the blind index: a plain hash of a number is as good as the number."""
    access = access_of(request)
    mark = marked(WHAT, person_id, base, columns["identity_blind"])
    op = Op(PERSON, person_id, base_rev=base, mark=mark, sealed=columns)

    async def work(tx: Tx) -> Result:
        return await write_one(tx, caller, op, today=access.today(), now=access.now(), confirmed=confirmed)

    return await access.database.write(caller, work)


@router.get(
    "/v1/people/{id}/access-log",
    **wire.documented(
        "list_person_access_log",
        ("谁看过身份证号码", "Who read a person's identity number"),
        ("每一次查看，最近的在前。", "Each reading, the latest first."),
        ("county", *WRITERS),
        wire.reply(page_model("AccessEntry", AccessEntry, "查看记录", "readings"), both("一页", "One page")),
        BAD_CURSOR,
        NOT_ALLOWED,
        NOT_FOUND,
    ),
)
async def list_access_log(request: Request, id: UUID, query: Annotated[Paging, Query()]) -> Response:  # noqa: A002
    access, sealed_with = access_of(request), orjson.dumps(["access_log", str(id)])
    before = read_cursor(access, query.cursor, sealed_with, "int")[0] if query.cursor else 2**62
    rows = await access.read(request, lambda _: access_log.LOGGED, id, before, query.limit + 1)
    if view_of(rows[0]["role"]) != "office":
        raise NOT_ALLOWED()
    if rows[0]["id"] is None:
        raise NOT_FOUND()
    return page_of(access, rows, query.limit, sealed_with)
