"""What is the same for every route: reading a body, answering, saying no, and writing all of that into the documentation."""

import asyncio
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import orjson
from fastapi import Depends, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.responses import Response

from api.access import access_of
from api.language import both, pick, preferred, translated
from api.problems import (
    ACCOUNT_CLOSED,
    BAD_ENCODING,
    BUSY,
    DEVICE_REVOKED,
    IF_MATCH_REQUIRED,
    INVALID,
    NOT_JSON,
    NOT_SIGNED_IN,
    TOO_LARGE,
    TOO_SLOW,
    WRONG_MEDIA_TYPE,
    Fault,
    Problem,
    ProblemKind,
)
from api.rules.caller import Caller
from api.schemas.base import Body
from api.schemas.faults import WORDS, invalid

B = TypeVar("B", bound=Body)

# The models that routes document, by name: components of the OpenAPI document
BODIES: dict[str, type[BaseModel]] = {}
REPLIES: dict[str, type[BaseModel]] = {}
UNREADABLE = (WRONG_MEDIA_TYPE, BAD_ENCODING, TOO_LARGE, TOO_SLOW)  # what `raw` raises
PATIENCE = 60  # seconds for a body to arrive
JSON = ("application/json",)
MERGE_PATCH = ("application/merge-patch+json", "application/json")  # JSON is taken too, and not documented: clients would offer the choice


# Reading


async def known_query(request: Request) -> None:
    """Refuses a query parameter that the operation does not have: a list without a mistyped filter would be another list, and a change
    that was meant for a look (`preview`) would be stored. Likewise one that comes twice: no filter takes two values. It is said back only
    if it looks like one of ours: letters alone."""
    route: APIRoute = request.scope["route"]
    known = {name for p in route.dependant.query_params for name in getattr(p.field_info.annotation, "model_fields", (p.alias,))}
    times = Counter(name for name, _ in request.query_params.multi_items())
    wrong = [(name, "repeated" if name in known else "unknown_parameter") for name in times if name not in known or times[name] > 1]
    if wrong:
        said = ((name if re.fullmatch("[A-Za-z_]{1,40}", name) else "", code) for name, code in wrong[:100])
        raise INVALID(*(Fault(f"?{name}", code, WORDS[code]) for name, code in said))


async def raw(request: Request, media_types: Sequence[str], limit: int) -> bytes:
    """The body, at most `limit` bytes after decompression. Raises `wrong-media-type`, `bad-encoding`, `too-large`, `too-slow`."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() not in media_types:
        raise WRONG_MEDIA_TYPE()
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise BAD_ENCODING()
    unzip = zlib.decompressobj(wbits=31) if encoding == "gzip" else None
    body, received = bytearray(), 0
    try:
        async with asyncio.timeout(PATIENCE):
            async for chunk in request.stream():
                received += len(chunk)
                body += unzip.decompress(chunk, limit + 1 - len(body)) if unzip else chunk
                if max(len(body), received) > limit:  # what is sent compressed counts too: its end may never come
                    raise TOO_LARGE(limit=limit)
    except TimeoutError:
        raise TOO_SLOW(seconds=PATIENCE) from None
    except zlib.error:
        raise BAD_ENCODING() from None
    if unzip and (not unzip.eof or unzip.unused_data):
        raise BAD_ENCODING()
    return bytes(body)


async def asked(request: Request, model: type[B], media_types: Sequence[str] = JSON) -> tuple[Caller, B]:
    """Who calls, and the body as `model`. The caller is read after the body, which may take its time: a right that was taken away meanwhile
    is gone. Somebody without a good token sends no body at all."""
    access_of(request).claims(request)
    sent = await read(request, model, media_types)
    return await access_of(request).caller(request), sent


async def read(request: Request, model: type[B], media_types: Sequence[str] = JSON, limit: int = 65_536) -> B:
    """The body as `model`. Raises what `raw` raises, `not-json`, or `invalid` with a pointer to each fault."""
    body = await raw(request, media_types, limit)
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise invalid(error) from None


def revision_of(request: Request) -> int:
    """The revision that If-Match names. `If-Match: *` names none, so it is refused like a missing one (428)."""
    named = request.headers.get("if-match")
    if named is None or named.strip() == "*":
        raise IF_MATCH_REQUIRED()
    found = re.fullmatch(r'\s*"(\d{1,9})"\s*', named)
    return int(found[1]) if found else 0  # no revision at all, so a stale one


# Answering


def document(doc: str, rev: int, status: int = 200, **headers: str) -> Response:
    return Response(doc, status, {"ETag": f'"{rev}"', **headers}, "application/json")


def json(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content, default=str), status, media_type="application/json")  # str: asyncpg's own UUID


def moment(at: datetime) -> str:
    """As PostgreSQL writes it in documents (documents.py)."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def say_no(request: Request, problem: Problem) -> Response:
    language = preferred(request.headers.get("accept-language"))
    headers = {**problem.headers, "Content-Language": "en" if language == "en" else "zh-CN", "Cache-Control": "no-store"}
    return Response(orjson.dumps(problem.document(language)), problem.kind.status, headers, "application/problem+json")


# Documenting: what routes say about themselves, which openapi.py makes into the OpenAPI document

ROW = {
    "line": 2,
    "column": "code12",
    "code": "bad-code",
    "detail": both("应为 12 位数字的区划代码", "must be a division code of 12 digits"),
}
# What the examples of problems say besides their words
FACTS: Mapping[str, Mapping[str, Any]] = {
    "not-signed-in": {"wipe": False},
    "wrong-sign-in": {"error": "invalid_grant"},
    "account-closed": {"wipe": True},
    "device-revoked": {"wipe": True},
    "too-many-attempts": {"retry_after": 420},
    "too-large": {"limit": 65_536},
    "too-slow": {"seconds": PATIENCE},
    "invalid": {"errors": [{"pointer": "/visited_on", "code": "missing", "detail": WORDS["missing"]}]},
    "stale": {"rev": 2},
    "looks-double": {"doubles": ["0193a1f2-5b7c-7cc3-98c4-dc0c0c07398f"]},
    "item-closed": {"because": both("没有法律依据", "It has no legal basis")},
    "day-to-come": {"today": "2026-11-24"},
    "bad-file": {"count": 1, "errors": [ROW]},
    "not-now": {"state": "faulty"},
    "busy": {"retry_after": 2},
    "cursor-unusable": {"reason": "too_old"},
    "no-field-seat": {"wipe": True},
    "enough-asked": {"count": 3},
    "broken": {"id": "0193a1f2-5b7c-7cc3-98c4-dc0c0c07398f"},
}  # fmt: skip
BEARER = {"WWW-Authenticate": both("凭证的种类：Bearer", "The kind of token wanted: Bearer")}
RETRY_AFTER = {"Retry-After": both("几秒后再试", "Seconds to wait before the next try")}
PROBLEM_HEADERS = {401: BEARER, 429: RETRY_AFTER, 503: RETRY_AFTER}
HEADERS = {"ETag": '"1"', "Location": "/v1/visits/0193a1f2-5b7c-7cc3-98c4-dc0c0c07398f", "WWW-Authenticate": "Bearer", "Retry-After": "2"}
ROLE_WORDS = {
    "county": both("县级", "county"),
    "township": both("乡镇", "township"),
    "village": both("村级", "village"),
    "household_head": both("中心户长", "lead household"),
}


def documented(
    operation_id: str,
    named: tuple[str, str],
    says: tuple[str, str],
    roles: Sequence[str] | None,
    answers: Mapping[int | str, Any],
    *kinds: ProblemKind,
    called: str | None = None,
    **extra: Any,
) -> dict[str, Any]:
    """What a route says of itself: what it is called and does, which `roles` may call it (None: anybody, without signing in; `called`
    otherwise than ROLE_WORDS has it), its answers
    where all is well (none: 204), the problems it may answer with, and what else stands in the document (`request_body`)."""
    who = both("任何人，无需登录", "anybody, without signing in")
    if roles is not None:
        who = both("、".join(pick(ROLE_WORDS[role], "zh") for role in roles), ", ".join(pick(ROLE_WORDS[role], "en") for role in roles))
        who, kinds = called or who, (*kinds, NOT_SIGNED_IN, ACCOUNT_CLOSED, DEVICE_REVOKED)
    media_types = extra.get("requestBody", {}).get("content", {}).keys()
    kinds = (*kinds, *(UNREADABLE if media_types else ()), *((NOT_JSON,) if media_types & MERGE_PATCH else ()))
    return {
        "operation_id": operation_id,
        "summary": both(*named),
        "description": both(f"{says[0]}\n\n**谁可以用**：{pick(who, 'zh')}。", f"{says[1]}\n\n**Who**: {pick(who, 'en')}."),
        "status_code": next(iter(answers), 204),
        "dependencies": [Depends(known_query)],
        "responses": {**answers, **_refusals((*kinds, INVALID, BUSY))},
        "openapi_extra": {
            "x-roles": ["anybody"] if roles is None else list(roles),
            "security": [] if roles is None else [{"signIn": []}],
            **extra,
        },
    }


def _refusals(kinds: Iterable[ProblemKind]) -> dict[int | str, Any]:
    """Problems as `responses`, each a named example."""
    of_status: dict[int, list[ProblemKind]] = {}
    for kind in dict.fromkeys(kinds):
        of_status.setdefault(kind.status, []).append(kind)
    return {
        status: {
            "description": both("；".join(_titled(kind, "zh") for kind in same), "; ".join(_titled(kind, "en") for kind in same)),
            **_headers(PROBLEM_HEADERS.get(status, {})),
            "content": {
                "application/problem+json": {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "examples": {kind.slug: {"$ref": f"#/components/examples/{kind.slug}"} for kind in same},
                }
            },
        }
        for status, same in of_status.items()
    }


def _titled(kind: ProblemKind, language: str) -> str:
    """With the page that says what to do."""
    return f"[{pick(kind.title, language)}](/problems/{kind.slug}?lang={language})"


def problems_of(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """The problems that a documented answer may be, by slug."""
    found: Mapping[str, Any] = answer.get("content", {}).get("application/problem+json", {}).get("examples", {})
    return found


def problem_example(kind: ProblemKind) -> dict[str, Any]:
    facts = FACTS.get(kind.slug, {})
    said = {language: {name: translated(fact, language) for name, fact in facts.items()} for language in ("zh", "en")}
    detail = both(*(pick(kind.detail, language).format(**words) for language, words in said.items()))
    value = {"type": f"/problems/{kind.slug}", "title": kind.title, "status": kind.status, "detail": detail, **facts}
    return {"summary": kind.title, "value": value}


def reply(
    model: type[BaseModel], words: str, status: int = 200, headers: Mapping[str, str] | None = None, other: type[BaseModel] | None = None
) -> dict[int | str, Any]:
    """`other`: what it may be instead."""
    REPLIES.update({each.__name__: each for each in (model, other) if each})
    named = [{"$ref": f"#/components/schemas/{each.__name__}"} for each in (model, other) if each]
    content = {"application/json": {"schema": {"anyOf": named} if other else named[0]}}
    return {status: {"description": words, **_headers(headers or {}), "content": content}}


def _headers(words: Mapping[str, str]) -> dict[str, Any]:
    said = {name: {"description": text, "schema": {"type": "string"}, "example": HEADERS[name]} for name, text in words.items()}
    return {"headers": said} if said else {}


def done(headers: Mapping[str, str]) -> dict[int | str, Any]:
    """Nothing to say but the headers; openapi.py adds the words."""
    return {204: {"description": "", **_headers(headers)}}


def if_match(example: str = '"1"') -> dict[str, Any]:
    words = both("所依据的版本（ETag）", "The revision that was edited (ETag)")
    schema = {"type": "string", "pattern": '^"[0-9]{1,9}"$'}
    return {"name": "If-Match", "in": "header", "required": True, "schema": schema, "example": example, "description": words}


def if_none_match() -> dict[str, Any]:
    words = both("手上那份的 ETag；没有变就答 304", "The ETag of the copy at hand: 304 if it is as it was")
    return {"name": "If-None-Match", "in": "header", "schema": {"type": "string"}, "example": '"0"', "description": words}


def request_body(model: type[BaseModel], media_types: Sequence[str] = JSON) -> dict[str, Any]:
    """The first of `media_types` is the documented one."""
    BODIES[model.__name__] = model
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"requestBody": {"required": True, "content": {media_types[0]: {"schema": schema}}}}


def file_body(*media_types: str) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {media_type: file(media_type) for media_type in media_types}}}


def file(media_type: str) -> dict[str, Any]:
    """The bytes of a file. OpenAPI 3.1 says so by `contentMediaType`, and generators of clients look for `format` still."""
    return {"schema": {"type": "string", "format": "binary", "contentMediaType": media_type}}
