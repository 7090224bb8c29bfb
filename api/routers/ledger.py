"""The books: accounts and their statements, day book, trial balance, what workers hold, what does not agree, closing a month."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Annotated, Any, NamedTuple
from uuid import UUID

import orjson
from asyncpg import Record
from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from api import money
from api.access import access_of
from api.db import reckoning
from api.language import both
from api.problems import BAD_CURSOR, MONTH_NOT_OVER, NOT_ALLOWED, NOT_FOUND
from api.routers import wire
from api.routers.pages import cursor, page_model, read_cursor
from api.rules.caller import OFFICES, Role
from api.rules.ledger import is_late, next_month
from api.schemas.base import Paging
from api.schemas.ledger import (
    AccountSaid,
    AccountsQuery,
    AccountType,
    DayBookQuery,
    DiscrepanciesQuery,
    Discrepancy,
    EntrySaid,
    Holding,
    Month,
    MonthClosed,
    PlaceQuery,
    TrialBalance,
    TrialBalanceQuery,
)

router = APIRouter(tags=[both("账簿", "The books")])
NIL = UUID(int=0)


def _offices(text: str, roles: Sequence[Role] = OFFICES, *, own: str | None = None) -> Callable[[Role], str]:
    """`own`: what a village worker is shown instead."""

    def for_role(role: Role) -> str:
        if role not in roles:
            raise NOT_ALLOWED()
        return own if own and role == "village" else text

    return for_role


class _Order(NamedTuple):
    """What a cursor says of the last row: `first` before any, `of` a row, `read` back as parameters. `key`: null in no row."""

    key: str
    first: str
    of: Callable[[Record], str]
    read: Callable[[str], tuple[Any, ...]]


BY_SEQ = _Order("seq", "0", lambda row: str(row["seq"]), lambda at: (int(at),))
BY_OWNER = _Order("type", "·", lambda row: f"{row['type']}·{row['owner']}", lambda at: tuple(at.split("·", 1)))
BY_DAY = _Order(
    "seq",
    f"{date.min}·0",
    lambda row: f"{row['booked_on']}·{row['seq']}",
    lambda at: (date.fromisoformat(at.partition("·")[0]), int(at.partition("·")[2])),
)
BY_WEIGHT = _Order("rank", "0·", lambda row: f"{row['rank']}·{row['at']}", lambda at: (int(at.partition("·")[0]), at.partition("·")[2]))


async def _page(request: Request, statement: str, query: Paging, order: _Order, *args: Any, roles: Sequence[Role] = OFFICES) -> Response:
    access, sealed_with = access_of(request), orjson.dumps([statement, *args])
    at = read_cursor(access, query.cursor, sealed_with, "text")[0] if query.cursor else order.first
    rows = await access.read(request, _offices(statement, roles), *args, *order.read(at), query.limit + 1)
    found = [row for row in rows if row[order.key] is not None]
    items, more = found[: query.limit], len(found) > query.limit
    following = cursor(access, order.of(items[-1]), NIL, sealed_with) if more else None
    return wire.json({"items": [_said(row) for row in items], "next": following})


def _said(row: Record | Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in ("role", "fen", "rank", "at")}


@router.get(
    "/v1/ledger/accounts",
    **wire.documented(
        "list_accounts",
        ("列出账户", "List accounts"),
        (
            "您范围内各账户的余额，全部加起来是零；村级看户、收费项目和本人手中的。",
            "Balances within your reach, which sum to zero; a village worker sees those of households, of fee items and the own purse.",
        ),
        OFFICES,
        wire.reply(page_model("Accounts", AccountSaid, "账户", "accounts"), both("一页", "One page")),
        BAD_CURSOR,
        NOT_ALLOWED,
    ),
)
async def list_accounts(request: Request, query: Annotated[AccountsQuery, Query()]) -> Response:
    return await _page(request, reckoning.ACCOUNTS, query, BY_OWNER, query.place_id, query.type)


@router.get(
    "/v1/ledger/accounts/{type}/{owner}",
    **wire.documented(
        "list_account_entries",
        ("一个账户的明细", "The statement of an account"),
        ("按先后列出进出的每一笔。", "Each entry, in order."),
        OFFICES,
        wire.reply(page_model("AccountEntries", EntrySaid, "分录", "entries"), both("一页", "One page")),
        BAD_CURSOR,
        NOT_ALLOWED,
        NOT_FOUND,
    ),
)
async def list_entries(
    request: Request,
    type: AccountType,  # noqa: A002 - the name in the path
    owner: Annotated[str, Path(pattern="^[0-9a-z-]{1,40}$")],
    query: Annotated[Paging, Query()],
) -> Response:
    return await _page(request, reckoning.STATEMENT, query, BY_SEQ, type, owner)


@router.get(
    "/v1/ledger/day-book",
    **wire.documented(
        "list_day_book",
        ("日记账", "The day book"),
        ("按记账日期列出每一笔。", "Each entry by its day in the books."),
        money.DECIDERS,
        wire.reply(page_model("DayBook", EntrySaid, "分录", "entries"), both("一页", "One page")),
        BAD_CURSOR,
        NOT_ALLOWED,
    ),
)
async def list_day_book(request: Request, query: Annotated[DayBookQuery, Query()]) -> Response:
    return await _page(request, reckoning.DAY_BOOK, query, BY_DAY, query.place_id, query.from_on, query.to_on, roles=money.DECIDERS)


@router.get(
    "/v1/ledger/trial-balance",
    **wire.documented(
        "get_trial_balance",
        ("试算平衡表", "The trial balance"),
        ("一个月各种账户的期初、增、减、期末。", "Of a month: beginning, up, down and end of each type of account."),
        money.DECIDERS,
        wire.reply(TrialBalance, both("试算平衡表", "The trial balance")),
        NOT_ALLOWED,
    ),
)
async def get_trial_balance(request: Request, query: Annotated[TrialBalanceQuery, Query()]) -> Response:
    first = _first_day(query.month)
    last = next_month(first) - timedelta(days=1)
    rows = await access_of(request).read(request, _offices(reckoning.TRIAL_BALANCE, money.DECIDERS), query.place_id, first, last)
    items = [{name: row[name] for name in ("type", "opening_fen", "up_fen", "down_fen", "closing_fen")} for row in rows if row["type"]]
    closed = rows[0]["closed"] is not None and rows[0]["closed"] >= first
    return wire.json({"month": query.month, "closed": closed, "items": items, "sum_fen": sum(item["closing_fen"] for item in items)})


@router.get(
    "/v1/ledger/custody",
    **wire.documented(
        "list_custody",
        ("谁手中有多少现金", "Who holds how much cash"),
        (
            "收了还没有点交的现金，从最早的一笔算起；迟交先提醒本人。村级只看本人的，乡镇看在本乡镇收的。",
            "Cash that was received and not counted in, and since when. Who is late is told first. A village worker sees the own, a"
            " township what was received in it.",
        ),
        OFFICES,
        wire.reply(page_model("Custody", Holding, "手中现金", "holdings"), both("全部", "All of it")),
        NOT_ALLOWED,
    ),
)
async def list_custody(request: Request, query: Annotated[PlaceQuery, Query()]) -> Response:
    access, read = access_of(request), _offices(reckoning.CUSTODY, own=reckoning.OWN_CUSTODY)
    rows = [row for row in await access.read(request, read, query.place_id) if row["owner"]]
    items = [
        {
            "user_id": row["owner"],
            "balance_fen": row["balance_fen"],
            "since": row["since"],
            "late": is_late(row["since"], access.today(), own=str(row["caller_id"]) == row["owner"]),
        }
        for row in rows
    ]
    return wire.json({"items": items, "next": None})


@router.get(
    "/v1/ledger/discrepancies",
    **wire.documented(
        "list_discrepancies",
        ("不符的", "What does not agree"),
        (
            "凭证还说明不了的现金、重号、写坏又开出的、不在本内的号码、别的设备的票据本、没有凭证号的现金：按轻重排列，同类先旧后新。"
            "钱都已经收下，由人来查。跨乡镇的重号由县级看到。",
            "Cash that receipts do not explain yet, numbers used twice, spoiled and issued, of no book, of another device's, cash without a"
            " receipt: what weighs most first, and of that the oldest. The money is recorded all the same; people look into it. A number"
            " that was used in two townships is seen by the county.",
        ),
        OFFICES,
        wire.reply(page_model("Discrepancies", Discrepancy, "不符", "discrepancies"), both("一页", "One page")),
        BAD_CURSOR,
        NOT_ALLOWED,
    ),
)
async def list_discrepancies(request: Request, query: Annotated[DiscrepanciesQuery, Query()]) -> Response:
    return await _page(request, reckoning.DISCREPANCIES, query, BY_WEIGHT, query.place_id)


@router.post(
    "/v1/ledger/months/{month}/close",
    **wire.documented(
        "close_month",
        ("结账", "Close a month"),
        (
            "结清这个月及以前的月份；以后到达的、属于这些日子的，记在下一个未结的月份，日期照原样留着。",
            "This month and all before it. What comes later of their days is booked in the next open month, and keeps its own day beside.",
        ),
        ("county",),
        wire.reply(MonthClosed, both("已结到哪个月", "The last month that is closed")),
        MONTH_NOT_OVER,
        NOT_ALLOWED,
        NOT_FOUND,
    ),
)
async def close_month(request: Request, month: Month) -> Response:
    access = access_of(request)
    caller = await access.caller(request)
    if caller.role != "county":
        raise NOT_ALLOWED()
    first, today, now = _first_day(month), access.today(), access.now()
    closed = await access.database.write(caller, lambda tx: money.close_month(tx, caller, first, today=today, now=now))
    return wire.json({"month": f"{closed:%Y-%m}"})


def _first_day(month: str) -> date:
    return date.fromisoformat(f"{month}-01")
