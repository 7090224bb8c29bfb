"""What phones read: everything that changed within their reach, and a digest to check it by. The contract: docs/sync.md."""

import base64
from typing import Annotated, NamedTuple
from uuid import UUID

import orjson
from asyncpg import Record
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.access import Access, access_of
from api.db.feed import NEWS, Position, level_at
from api.kinds import FEED, KINDS
from api.language import both
from api.problems import CURSOR_UNUSABLE, INVALID, NO_FIELD_SEAT, NOT_FOUND, Fault
from api.routers import wire
from api.routers.records import READERS, reads_by
from api.rules.caller import view_of
from api.schemas.faults import WORDS
from api.schemas.sync import Digest, DigestQuery, Pull, PullQuery
from api.tokens import Claims

router = APIRouter(tags=[both("同步", "Sync")])

FORMAT = "1"  # of cursors: what an earlier format says is not understood any more
CHECK = 4096  # a cursor that is level ends in 12 bits that say whose it is
REMOVED = {"op": "remove", "kind": "visit", "id": "0193a1f2-5b7c-7cc3-98c4-dc0c0c07398f", "reason": "voided"}
PULLED = {
    "changes": [REMOVED],
    "cursor": "197472961", "more": False, "tick": 48211, "of": 1, "server_time": "2026-11-24T06:20:33Z",
}  # fmt: skip
DIGEST = {"tick": 48211, "kinds": {"visit": {"count": 1234, "sum": 81234567890}}}


@router.get(
    "/v1/sync/pull",
    **wire.documented(
        "pull",
        ("拉取变化", "Pull what changed"),
        (
            "cursor 留空从头开始，以后带上每次返回的 cursor，直到 more 为 false；得到或失去地方时，其记录随之放入或移除。",
            "Start with an empty cursor, then send that of each reply until `more` is false. Places gained and lost bring and take theirs.",
        ),
        READERS,
        wire.reply(Pull, both("一页变化", "A page of changes")),
        CURSOR_UNUSABLE,
        NO_FIELD_SEAT,
    ),
)
async def pull(request: Request, query: Annotated[PullQuery, Query()]) -> Response:
    access = access_of(request)
    claims, kinds = access.claims(request), _kinds(query.kinds)
    begun = _read_cursor(access, claims, query.cursor)
    # each of the two is right by itself, from its own snapshot: where there is news, the page begins at the same cursor
    [row] = await access.read(request, lambda role: NEWS, begun.since) if begun.level else [None]
    if row is None or row["news"]:
        [row] = await access.read(
            request, lambda role: FEED.pull[reads_by(role), view_of(role)],
            *kinds, query.limit, begun.since, *begun.position, begun.seen,
        )  # fmt: skip
    _in_the_field(row)
    if row["unusable"]:
        raise CURSOR_UNUSABLE(reason=row["unusable"])
    tick: int = row["tick"]
    more = row["found"] > query.limit
    if more:
        since = tick if begun.since is None else begun.since
        last = Position(row["last_effective"], row["last_tick"], row["last_kind"], UUID(row["last_id"]))
        cursor = _sealed(access, claims, _Cursor(since, tick, last))
    else:
        cursor = str(tick * CHECK + _check(access, claims))
    first = f'"of":{row["of"]},' if begun.level or begun.since is None else ""
    now = f"{access.now():%Y-%m-%dT%H:%M:%SZ}"
    rest = f'"cursor":"{cursor}","more":{"true" if more else "false"},"tick":{tick},{first}"server_time":"{now}"'
    return Response(b'{"changes":[%b],%b}' % (row["changes"] or b"", rest.encode()), media_type="application/json")


@router.get(
    "/v1/sync/digest",
    **wire.documented(
        "get_digest",
        ("核对数", "Digest"),
        (
            "手机应有多少记录、合计多少；不一致时从头同步。县级每次一个乡镇。",
            "How many records a phone should hold, and their sum; to compare. The county asks one township at a time.",
        ),
        READERS,
        wire.reply(Digest, both("各种类的核对数", "The digest of each kind")),
        NOT_FOUND,
        NO_FIELD_SEAT,
    ),
)
async def digest(request: Request, query: Annotated[DigestQuery, Query()]) -> Response:
    [row] = await access_of(request).read(
        request, lambda role: FEED.digest[reads_by(role), view_of(role)], *_kinds(query.kinds), query.place_id
    )
    _in_the_field(row)
    if row["role"] == "county" and query.place_id is None:
        raise INVALID(Fault("?place_id", "missing", WORDS["missing"]))
    if query.place_id is not None and not row["held"]:
        raise NOT_FOUND()
    return Response(f'{{"tick":{row["tick"]},"kinds":{row["kinds"]}}}', media_type="application/json")


def _kinds(asked: str | None) -> tuple[list[str], list[str]]:
    """Those wanted, and which of them can be read from below."""
    wanted = list(KINDS) if asked is None else list(dict.fromkeys(asked.split(",")))
    if not KINDS.keys() >= set(wanted):
        raise INVALID(Fault("?kinds", "unknown_kind", both("没有这个种类", "is no kind of record")))
    return wanted, [name for name in wanted if KINDS[name].public_below]


def _in_the_field(row: Record) -> None:
    """A household head without a group has a family's seat, which reads online; copies from an earlier appointment go."""
    if row["role"] == "household_head" and not row["places"]:
        raise NO_FIELD_SEAT(wipe=True)


# Cursors


class _Cursor(NamedTuple):
    """`since`: the tick that the phone was level at, or began at with nothing (None: it begins now). `seen`: the tick of the last page.
    `level`: it holds all up to `since`; otherwise it is in the middle of a reading, or begins with nothing."""

    since: int | None
    seen: int | None
    position: Position
    level: bool = False


def _read_cursor(access: Access, claims: Claims, text: str) -> _Cursor:
    """Empty; an integer, of a client that was level; or the end of an unfinished page, sealed."""
    if not text:
        return _Cursor(None, None, Position())
    if text.isascii() and text.isdecimal() and int(text) < 2**53:
        tick, check = divmod(int(text), CHECK)
        if check != _check(access, claims):
            raise CURSOR_UNUSABLE(reason="foreign")
        return _Cursor(tick, tick, level_at(tick), level=True)
    try:
        data = base64.b64decode(text[1:] + "=" * (-len(text[1:]) % 4), altchars=b"-_", validate=True)
    except ValueError:
        data = b""
    if text[0] != "p" or len(data) < 12:
        raise CURSOR_UNUSABLE(reason="format")
    if _mac(access, claims, data[12:])[:12] != data[:12]:
        raise CURSOR_UNUSABLE(reason="foreign")
    since, seen, effective, tick, kind, last = orjson.loads(data[12:])
    return _Cursor(since, seen, Position(effective, tick, kind, UUID(last)))


def _sealed(access: Access, claims: Claims, cursor: _Cursor) -> str:
    data = orjson.dumps([cursor.since, cursor.seen, *cursor.position])
    return "p" + base64.urlsafe_b64encode(_mac(access, claims, data)[:12] + data).decode().rstrip("=")


def _check(access: Access, claims: Claims) -> int:
    return int.from_bytes(_mac(access, claims, b"")[:2], "big") % CHECK


def _mac(access: Access, claims: Claims, data: bytes) -> bytes:
    return access.keys.mac("sync", orjson.dumps([FORMAT, claims.county_id, claims.device_id]) + data)
