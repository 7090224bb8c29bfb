"""What people have to look at: records that may be one, and records that don't agree. They are stored and synced like any other."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.access import Access, access_of
from api.db import store
from api.db.putting_right import NOT_DOUBLE, doubles, to_put_right
from api.db.session import Tx
from api.kinds import HOUSEHOLD, KINDS, PERSON
from api.language import both, pick, preferred
from api.problems import BAD_CURSOR, NOT_ALLOWED, NOT_FOUND
from api.routers import wire
from api.routers.pages import cursor, page_model, read_cursor
from api.rules.caller import OFFICES
from api.schemas.putting_right import Double, DoublesQuery, Told, ToPutRightQuery, Wrong

router = APIRouter(tags=[both("待处理", "To settle")])

DOUBLES = {
    "person": doubles(PERSON.documents, PERSON.doubles, ("identity_blind",)),
    "household": doubles(HOUSEHOLD.documents, HOUSEHOLD.doubles),
}
TO_PUT_RIGHT = to_put_right(HOUSEHOLD.documents, PERSON.documents)
JOINS = {"person": "join", "household": "merge"}
WORDS = {
    "head-elsewhere": both("户主不在这一户", "Who heads it is not of this household"),
    "head-gone": both("户主已去世、迁走或记录作废", "Who heads it has died or moved, or the record is voided"),
    "no-household": both("所在的户已作废、迁走或销户", "The household was voided, moved or dissolved"),
    "nobody-is-head": both("户里有人，但没有户主", "People live there, and nobody is the head"),
    "odd-characters": both("姓名里有别处显示不出来的字", "The name holds characters that other machines don't show"),
}
NIL = UUID(int=0)


@router.get(
    "/v1/possible-doubles",
    **wire.documented(
        "list_possible_doubles",
        ("列出可能重复的", "List possible doubles"),
        (
            "同一范围内看起来是同一个的两条：人按姓名读音和出生年份，或身份证号相同；户按户号。",
            "Pairs within reach that look like one: people by the sound of the name and the year of birth, or"
            " by an equal identity number; households by number.",
        ),
        OFFICES,
        wire.reply(page_model("PossibleDoubles", Double, "可能重复", "possible doubles"), both("一页", "One page")),
        BAD_CURSOR,
        NOT_ALLOWED,
    ),
)
async def list_possible_doubles(request: Request, query: Annotated[DoublesQuery, Query()]) -> Response:
    access, sealed_with = access_of(request), orjson.dumps(["doubles", query.kind, query.place_id])
    rows, following = await _page(access, request, DOUBLES[query.kind], query, sealed_with)
    path = f"/v1/{KINDS[query.kind].plural}/{{}}/{JOINS[query.kind]}"
    items = [
        {
            "kind": query.kind,
            "id": row["sort"],
            "other_id": row["last"],
            "place_id": row["place_id"],
            **{name: orjson.Fragment(row[name]) for name in ("one", "other")},
            "repair": {"method": "POST", "path": path.format(row["last"]), "if_match": None, "body": {"into_id": row["sort"]}},
        }
        for row in rows
    ]
    return wire.json({"items": items, "next": following})


@router.post(
    "/v1/possible-doubles/dismiss",
    **wire.documented(
        "dismiss_possible_double",
        ("不是重复", "They are two"),
        ("这两条以后不再列出。", "The pair is listed no more."),
        ("township", "village"),
        {},
        NOT_FOUND,
        NOT_ALLOWED,
        **wire.request_body(Told),
    ),
)
async def dismiss(request: Request) -> Response:
    access = access_of(request)
    caller, told = await wire.asked(request, Told)
    if caller.role not in PERSON.writers:
        raise NOT_ALLOWED()

    async def work(tx: Tx) -> None:
        one, other = sorted((told.id, told.other_id))
        if one == other or len(await store.rows(tx, KINDS[told.kind].store.seen, caller, [one, other])) < 2:
            raise NOT_FOUND()
        await tx.execute(NOT_DOUBLE, caller.county_id, told.kind, one, other, caller.user_id, access.now())

    await access.database.write(caller, work)
    return Response(status_code=204)


@router.get(
    "/v1/to-put-right",
    **wire.documented(
        "list_to_put_right",
        ("列出要理顺的记录", "List what is to be put right"),
        (
            "对不上的记录照样存入和同步，在这里逐条给出一步处理的办法。",
            "Records that don't agree are stored and synced all the same; here each comes with the one call that mends it.",
        ),
        OFFICES,
        wire.reply(page_model("ToPutRight", Wrong, "要理顺的记录", "records to put right"), both("一页", "One page")),
        BAD_CURSOR,
        NOT_ALLOWED,
    ),
)
async def list_to_put_right(request: Request, query: Annotated[ToPutRightQuery, Query()]) -> Response:
    access, sealed_with = access_of(request), orjson.dumps(["to put right", query.problem, query.place_id])
    rows, following = await _page(access, request, TO_PUT_RIGHT, query, sealed_with, query.problem)
    language = preferred(request.headers.get("accept-language"))
    return wire.json({"items": [_wrong(row, language) for row in rows], "next": following})


async def _page(
    access: Access, request: Request, statement: str, query: DoublesQuery | ToPutRightQuery, sealed_with: bytes, *more: Any
) -> tuple[list[dict[str, Any]], str | None]:
    """The entries, and the cursor after them: place, sort and id of the last."""
    place, sort, last = 0, "", NIL
    if query.cursor:
        at, last = read_cursor(access, query.cursor, sealed_with, "text")
        number, _, sort = at.partition(":")
        place = int(number)
    rows = await access.read(request, lambda _: statement, query.limit + 1, place, sort, last, query.place_id, *more)
    if rows[0]["role"] not in OFFICES:
        raise NOT_ALLOWED()
    found = [dict(row) for row in rows if row["last"]]
    items, more_to_come = found[: query.limit], len(found) > query.limit
    if not more_to_come:
        return items, None
    return items, cursor(access, f"{items[-1]['place_id']}:{items[-1]['sort']}", items[-1]["last"], sealed_with)


def _wrong(row: Mapping[str, Any], language: str) -> dict[str, Any]:
    return {
        "problem": row["sort"],
        "words": pick(WORDS[row["sort"]], language),
        "kind": row["kind"],
        "id": row["last"],
        "place_id": row["place_id"],
        "doc": orjson.Fragment(row["doc"]),
        "repair": {
            "method": "PATCH",
            "path": f"/v1/{KINDS[row['kind']].plural}/{row['last']}",
            "if_match": f'"{row["rev"]}"',
            "body": orjson.Fragment(row["fix"]),
        },
    }
