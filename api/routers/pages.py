"""Pages of a list. The cursor names the last row; it is sealed with what was asked for, so it is of use for that list alone."""

import base64
from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

import orjson
from asyncpg import Record
from pydantic import BaseModel, Field, create_model
from starlette.responses import Response

from api.access import Access
from api.language import both
from api.problems import BAD_CURSOR


def page_of(access: Access, rows: Sequence[Record], limit: int, sealed_with: bytes) -> Response:
    """`rows` hold one more than the page where there is a next one, and a row without a document where there is nothing at all."""
    found = [row for row in rows if row["doc"]]
    items, more = found[:limit], len(found) > limit
    following = f'"{cursor(access, items[-1]["sort"], items[-1]["id"], sealed_with)}"' if more else "null"
    return Response(f'{{"items":[{",".join(row["doc"] for row in items)}],"next":{following}}}', media_type="application/json")


def page_model(name: str, item: type[BaseModel], zh: str, en: str) -> type[BaseModel]:
    """What `page_of` answers with: `zh` and `en` are what the items are called, in English in the plural."""
    return create_model(
        f"{name}Page",
        __doc__=f"一页{zh}。A page of {en}.",
        items=(list[item], Field(description=both("本页各项", "The items of this page"))),  # type: ignore[valid-type]
        next=(str | None, Field(description=both("下一页的 cursor；没有下一页时为空", "cursor of the next page; null at the end"))),
    )


def cursor(access: Access, sort: Any, last: UUID, sealed_with: bytes) -> str:
    position = orjson.dumps([sort, str(last)])
    seal = access.keys.mac("list", sealed_with + position)[:12]
    return base64.urlsafe_b64encode(seal + position).decode().rstrip("=")


def read_cursor(access: Access, text: str, sealed_with: bytes, sort_type: str) -> tuple[Any, UUID]:
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise BAD_CURSOR() from None
    if access.keys.mac("list", sealed_with + data[12:])[:12] != data[:12]:
        raise BAD_CURSOR()
    sort, last = orjson.loads(data[12:])
    return date.fromisoformat(sort) if sort_type == "date" else sort, UUID(last)
