"""A page for every problem, which its `type` names: what it is and what to do, for who met it and for who writes the client."""

from html import escape
from typing import Any
from urllib.parse import quote

import orjson
from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from api.language import both, pick, preferred, translated
from api.problems import ALL, NO_SUCH_PATH, ProblemKind
from api.routers import wire
from api.routers.docs import POLICY, at
from api.routers.openapi import Language, document

router = APIRouter(include_in_schema=False)

# What a client does, by status; of any other the same request has the same answer
PROGRAMS = {
    401: both(
        "换新凭证（刷新或重新登录），再把同样的请求发一次。", "Get a new token (refresh, or sign in again) and send the same request again."
    ),
    408: both("同样的请求可以再发。", "The same request may be sent again."),
    412: both(
        "重新读取，把修改做在新的一版上，带上新的 ETag 再发。",
        "Read the record, make the change in what it says now, and send the new ETag.",
    ),
    428: both("先读取，再带上 If-Match 发送。", "Read the record first, and send its ETag as If-Match."),
    429: both("等 Retry-After 所说的秒数，再发同样的请求。", "Wait as many seconds as Retry-After says, then send the same request."),
    500: both("过一会儿再发；新建时用同一个 id，就不会重复。", "Send it again later; a creation with the same id is not stored twice."),
    503: both("等 Retry-After 所说的秒数，再发同样的请求。", "Wait as many seconds as Retry-After says, then send the same request."),
}
OTHERWISE = both(
    "原样再发，答复还是这个：先由人按上面说的处理。", "The same request has the same answer: somebody has to do what stands above first."
)
ALL_CALLED, OTHER = both("全部问题", "All problems"), both("English", "中文")
FOR_PROGRAMS, SHOWN, ANSWERED_BY = (
    both("程序怎么办", "What a program does"),
    both("样子", "What it looks like"),
    both("哪些调用会这样答复", "Which calls answer so"),
)
NO_CALL = both(
    "不属于某一项调用：任何地址都可能这样答复，或用来说明上传、导入中的某一条。",
    "None in particular: any address may answer so, or it says it of one edit in a push, or one row of an import.",
)


@router.get("/problems")
async def problems(request: Request, lang: Language | None = None) -> Response:
    language = _language(request, lang)
    items = (f"<dt>{_link(kind, language)}</dt><dd>{escape(_said(kind, language)['detail'])}</dd>" for kind in ALL.values())
    return _page(language, "", pick(ALL_CALLED, language), f"<dl>{''.join(items)}</dl>")


@router.get("/problems/{slug}")
async def problem(request: Request, slug: str, lang: Language | None = None) -> Response:
    kind, language = ALL.get(slug), _language(request, lang)
    if kind is None:
        raise NO_SUCH_PATH()
    said = _said(kind, language)
    calls = [
        f'<li><a href="/docs?lang={language}#/{quote(says["tags"][0])}/{says["operationId"]}">{escape(says["summary"])}</a>'
        f" <code>{method.upper()} {path}</code></li>"
        for path, operations in document(request.app, language)["paths"].items()
        for method, says in operations.items()
        if kind.slug in wire.problems_of(says["responses"].get(str(kind.status), {}))
    ]
    which = f"<details><summary>{len(calls)}</summary><ul>{''.join(calls)}</ul></details>" if calls else pick(NO_CALL, language)
    parts = {
        FOR_PROGRAMS: f"<p>{pick(PROGRAMS.get(kind.status, OTHERWISE), language)}</p>",
        SHOWN: f"<pre>{escape(orjson.dumps(said, option=orjson.OPT_INDENT_2).decode())}</pre>",
        ANSWERED_BY: f"<div>{which}</div><p><a href='/problems?lang={language}'>{pick(ALL_CALLED, language)}</a></p>",
    }
    body = f"<p>{escape(said['detail'])}</p><p><code>{kind.slug}</code> · {kind.status}</p>"
    body += "".join(f"<h2>{pick(heading, language)}</h2>{part}" for heading, part in parts.items())
    return _page(language, f"/{slug}", said["title"], body)


def _language(request: Request, lang: Language | None) -> Language:
    return lang or ("en" if preferred(request.headers.get("accept-language")) == "en" else "zh")


def _said(kind: ProblemKind, language: Language) -> Any:
    return translated(wire.problem_example(kind)["value"], language)


def _link(kind: ProblemKind, language: Language) -> str:
    return f'<a href="/problems/{kind.slug}?lang={language}">{escape(pick(kind.title, language))}</a> <code>{kind.slug}</code>'


def _page(language: Language, path: str, title: str, body: str) -> Response:
    lang, other = ("en", "zh") if language == "en" else ("zh-CN", "en")
    head = (
        f'<meta charset="utf-8"><title>{escape(title)}</title><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="{at("favicon.png")}"><link rel="stylesheet" href="{at("plain.css")}">'
    )
    switch = f'<p><a href="/problems{path}?lang={other}" hreflang="{other}">{pick(OTHER, language)}</a></p>'
    main = f"<main><h1>{escape(title)}</h1>{body}</main>"
    page = f'<!doctype html>\n<html lang="{lang}"><head>{head}</head>\n<body>{main}{switch}</body></html>\n'
    headers = {"Content-Security-Policy": POLICY, "Content-Language": lang, "Cache-Control": "no-cache", "Vary": "Accept-Language"}
    return HTMLResponse(page, headers=headers)
