"""The lists for people: what phones sent and could not go in as it was. The worker who sent it and the officer of the place read them."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api import unsettled
from api.access import access_of
from api.db import kept
from api.kinds import KINDS
from api.language import both, preferred
from api.problems import BAD_CURSOR, INVALID, NOT_ALLOWED, NOT_FOUND, SETTLED, VOIDED, Fault, restored
from api.routers import wire
from api.routers.pages import cursor, page_model, read_cursor
from api.routers.records import READERS
from api.rules.caller import view_of
from api.schemas.base import Seen, mark_of
from api.schemas.faults import WORDS
from api.schemas.unsettled import Accepted, Choice, Conflict, KeptOp, ListQuery

router = APIRouter(tags=[both("待处理", "To settle")])

Item = Callable[[Mapping[str, Any], str], dict[str, Any]]
LISTS: tuple[tuple[str, str, tuple[str, str], tuple[str, str]], ...] = (
    (
        "rejected",
        "rejected-ops",
        ("未接受的修改", "rejected edits"),
        (
            "违反规定而没有存入的修改，原文照留，直到有人处理。",
            "Edits that broke a rule, kept as they were sent until somebody settles them.",
        ),
    ),
    (
        "held",
        "held-ops",
        ("等待中的修改", "held edits"),
        (
            "所属记录还没有到达；到达后自动存入，满 30 天转到收件箱。",
            "What they refer to has not come; then they go in by themselves. After 30 days: the inbox.",
        ),
    ),
    (
        "inbox",
        "inbox",
        ("收件箱", "inbox entries"),
        (
            "送出时已不负责该地方，或记录已作废、设备已报失：由现在负责的乡镇决定。",
            "The place was lost, the record voided or the device lost: the officer of the place decides.",
        ),
    ),
)


async def _listing(request: Request, query: ListQuery, statement: str, name: str, item: Item) -> Response:
    access, sealed_with = access_of(request), orjson.dumps([name, query.settled])
    after = read_cursor(access, query.cursor, sealed_with, "int")[0] if query.cursor else 0
    rows = await access.read(request, lambda _: statement, name, query.settled, after, query.limit + 1)
    found, language = [row for row in rows if row["id"]], preferred(request.headers.get("accept-language"))
    items, more = found[: query.limit], len(found) > query.limit
    following = cursor(access, items[-1]["seq"], items[-1]["id"], sealed_with) if more else None
    return wire.json({"items": [item(dict(row), language) for row in items], "next": following})


def _kept(row: Mapping[str, Any], language: str) -> dict[str, Any]:
    op = orjson.loads(row["op"])
    if KINDS[row["kind"]].listed:  # no list names who declined
        about, doc = orjson.loads(row["about"] or "{}"), op["doc"]
        op["doc"] = about | {name: value for name, value in doc.items() if name != "state"} if isinstance(doc, dict) else None
    return {
        **{name: row[name] for name in ("id", "kind", "record_id")},
        **{name: op[name] for name in ("base_rev", "at", "doc", "void")},
        **{name: row[name] for name in ("reason", "waits_for")},
        "problem": restored(orjson.loads(row["problem"])).document(language) if row["problem"] else None,
        **_settling(row),
    }


def _conflict(row: Mapping[str, Any], _: str = "") -> dict[str, Any]:
    return {
        **{name: row[name] for name in ("id", "kind", "record_id", "field")},
        "yours": orjson.Fragment(row["yours"]),
        "theirs": orjson.Fragment(row["theirs"]) if _may_see(row) else None,
        "made_at": wire.moment(row["made_at"]),
        **_settling(row),
    }


def _may_see(row: Mapping[str, Any]) -> bool:
    """Who has lost the place since, or leads a household now, is not told what others wrote; the record tells it to who may read it."""
    seen = mark_of(KINDS[row["kind"]].schema.model_fields[row["field"]], Seen) or Seen()
    return bool(row["within"]) and (view_of(row["role"]) == "office" or seen.group == "all")


def _settling(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "by_user_id": row["user_id"],
        **{name: row[name] for name in ("device_id", "place_id", "settled", "settled_by")},
        **{name: row[name] and wire.moment(row[name]) for name in ("received_at", "settled_at")},
    }


def _add_list(path: str, statement: str, name: str, item: Item, words: tuple[str, str], says: tuple[str, str], model: Any) -> None:
    async def listing(request: Request, query: Annotated[ListQuery, Query()]) -> Response:
        return await _listing(request, query, statement, name, item)

    name_of_page = "".join(part.title() for part in path.split("-"))  # RejectedOps, HeldOps, Inbox, Conflicts
    answer = wire.reply(page_model(name_of_page, model, *words), both("一页", "One page"))
    named = (f"列出{words[0]}", f"List {words[1]}")
    operation = f"list_{path.replace('-', '_')}"
    router.add_api_route(f"/v1/{path}", listing, methods=["GET"], **wire.documented(operation, named, says, READERS, answer, BAD_CURSOR))


for state, path, words, says in LISTS:
    _add_list(path, kept.LIST_KEPT, state, _kept, words, says, KeptOp)
_add_list(
    "conflicts",
    kept.LIST_CONFLICTS,
    "conflict",
    _conflict,
    ("冲突", "conflicts"),
    (
        "两台设备把同一项改成了不同的值：记录保留先到的，另一个值在这里等人选定。",
        "One member, changed differently on two phones: the record keeps the first, the other waits here.",
    ),
    Conflict,
)


@router.post(
    "/v1/conflicts/{id}/resolve",
    **wire.documented(
        "resolve_conflict",
        ("选定冲突的值", "Choose between two values"),
        ("选定的值作为一次修改存入。", "What is chosen is stored as an edit like any other."),
        ("township", "village", "household_head"),
        wire.reply(Conflict, both("处理后的冲突", "The conflict, settled")),
        NOT_FOUND,
        NOT_ALLOWED,
        SETTLED,
        VOIDED,
        **wire.request_body(Choice),
    ),
)
async def resolve(request: Request, id: UUID) -> Response:  # noqa: A002 - the name in the path
    access = access_of(request)
    caller, sent = await wire.asked(request, Choice)
    if sent.choose == "value" and "value" not in sent.model_fields_set:
        raise INVALID(Fault("/value", "missing", WORDS["missing"]))
    return wire.json(_conflict(await unsettled.resolve(access, caller, id, sent.choose, sent.value)))


@router.post(
    "/v1/inbox/{id}/accept",
    **wire.documented(
        "accept_inbox_entry",
        ("收进去", "Accept an inbox entry"),
        (
            "以原修改人的名义存入；存不进去时说明原因，仍留在收件箱。",
            "Stored in the name of who made it. Where it can't be, the answer says why, and it stays.",
        ),
        ("township",),
        wire.reply(Accepted, both("结果", "What became of it")),
        NOT_FOUND,
        NOT_ALLOWED,
        SETTLED,
        VOIDED,
    ),
)
async def accept(request: Request, id: UUID) -> Response:  # noqa: A002 - the name in the path
    access = access_of(request)
    caller = await access.caller(request)
    result = await unsettled.accept(access, caller, id)
    return wire.json({"outcome": result.outcome, "rev": result.rev})


def _dismisses(path: str, state: unsettled.Dismissable, operation: str, named: tuple[str, str], roles: tuple[str, ...]) -> None:
    async def dismiss(request: Request, id: UUID) -> Response:  # noqa: A002 - the name in the path
        access = access_of(request)
        caller = await access.caller(request)
        await access.database.write(caller, lambda tx: unsettled.dismiss(tx, access, caller, id, state))
        return Response(status_code=204)

    says = ("不再列出；以后仍可在已处理的里查到。", "It leaves the list, and can be read among what is settled.")
    documented = wire.documented(operation, named, says, roles, {}, NOT_FOUND, NOT_ALLOWED, SETTLED)
    router.add_api_route(f"/v1/{path}/{{id}}/dismiss", dismiss, methods=["POST"], **documented)


_dismisses("inbox", "inbox", "dismiss_inbox_entry", ("不收", "Dismiss an inbox entry"), ("county", "township"))
_dismisses("rejected-ops", "rejected", "dismiss_rejected_op", ("处理完毕", "Dismiss a rejected edit"), READERS)
