"""The page that shows the OpenAPI document, in either language, with nothing fetched from elsewhere."""

import gzip
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import orjson
from fastapi import APIRouter, FastAPI, Request
from starlette.responses import RedirectResponse, Response

from api.language import both, pick
from api.problems import NO_SUCH_PATH
from api.routers.for_role import for_role
from api.routers.openapi import Language, document
from api.rules.caller import Role

router = APIRouter(include_in_schema=False)

STATIC = Path(str(files("fastapi_standalone_docs"))) / "static"
LABELS = {  # of Swagger UI, which speaks English only: its words stay beside ours, since manuals name them
    ".authorize > span": "登录 Authorize",
    ".try-out__btn:not(.cancel):not(.reset)": "试一试 Try it out",
    ".try-out__btn.cancel": "取消 Cancel",
    ".execute": "发送 Execute",
    ".btn-clear": "清除 Clear",
    ".auth-btn-wrapper [aria-label^=Apply]": "登录 Authorize",
    ".auth-btn-wrapper [aria-label^=Remove]": "退出 Logout",
    ".auth-container h6": "已登录 Authorized",
    ".auth-btn-wrapper .btn-done": "关闭 Close",
    ".dialog-ux .modal-ux-header h3": "登录",
    "label[for=oauth_username]": "用户名 username",
    "label[for=oauth_password]": "密码 password",
    ".opblock-section-header .tab-item.active h4 span": "参数 Parameters",
    ".responses-wrapper > .opblock-section-header h4": "回复 Responses",
    ".opblock-section-request-body .opblock-title": "内容 Request body",
    "th.parameters-col_name": "名称 Name",
    "th.parameters-col_description": "说明 Description",
    ".responses-table > thead .response-col_status": "状态 Code",
    ".responses-table > thead .response-col_description": "说明 Description",
    ".response-control-media-type__title": "格式 Media type",
    ".response-control-examples__title": "示例 Examples",
    ".tab [data-name=example]": "示例 Example Value",
    ".tab [data-name=model]": "结构 Schema",
    ".headers__title": "报头 Headers",
    ".models > h4 span": "数据结构 Schemas",
}
ROLES = {
    "": both("全部", "All"),
    "county": both("县级", "County"),
    "township": both("乡镇", "Township"),
    "village": both("村级", "Village"),
    "household_head": both("户主、中心户长", "Head of a household"),
}
WHOSE = both("列出谁能用的", "Calls open to")
# Signing in asks for a name and a password; the client of OAuth 2.0 is of no concern here
CSS = """
.swagger-ui .auth-container .wrapper:has(> [for=password_type], > [for^=client_]) { display: none }
.swagger-ui .auth-container :is(.scope-def, h4, h4 ~ p) { display: none }
.swagger-ui .schemes-server-container { visibility: hidden }
.swagger-ui .response-col_links { display: none }
/* what a problem looks like stands on its page, one click away */
.swagger-ui :not(.live-responses-table) > tbody > .response[data-code^="4"] .response-col_description__inner ~ * { display: none }
body { margin: 0 }
header { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem; padding: .75rem 1.25rem; font: 1rem sans-serif }
header div { display: flex; flex-wrap: wrap; gap: .25rem }
header a { margin-left: auto }
header button { padding: .3rem .75rem; border: 1px solid; border-radius: 1rem; background: none; color: inherit; font: inherit }
header button[aria-pressed=true] { background: #1f5fbf; border-color: #1f5fbf; color: #fff }
html.dark-mode header { color: #e4e6e6 }
html.dark-mode header a { color: #9cc4ff }
.swagger-ui summary { cursor: pointer; font-size: 1.1rem; font-weight: 700; margin: 1rem 0 }
.swagger-ui .response-control-media-type__accept-message { display: none }
@media (max-width: 640px) {
  header div { order: 1 }
  .swagger-ui .opblock-tag .expand-operation { margin-left: auto }
  .swagger-ui .opblock-tag { flex-wrap: wrap }
  .swagger-ui .opblock-tag small { order: 1; flex: 1 0 100%; padding: 0 }
  .swagger-ui .info { overflow-wrap: anywhere }
  .swagger-ui .info :is(th, td) { padding-right: 1rem }
}
"""
PLAIN = """
:root { color-scheme: light dark }
body { max-width: 44rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.6 sans-serif; overflow-wrap: anywhere }
pre { padding: .75rem; border: 1px solid #8888; border-radius: .5rem; white-space: pre-wrap }
dt { font-weight: 700; margin-top: .75rem }
dd { margin: 0 }
"""
CHINESE = "".join(
    f".swagger-ui {label} {{ font-size: 0 !important }} .swagger-ui {label}::before {{ content: '{words}'; font-size: 14px }}\n"
    for label, words in LABELS.items()
)
# A role that is chosen, or that signs in, is kept in the address; the document is fetched anew, and the sign-in stays
START = """
const root = document.documentElement, language = root.lang.slice(0, 2);
const dark = matchMedia("(prefers-color-scheme: dark)");
(dark.onchange = () => root.classList.toggle("dark-mode", dark.matches))();
const buttons = [...document.querySelectorAll("[data-role]")];
const asking = (role, lang = language) => `?lang=${lang}${role && `&role=${role}`}`;
const mark = (role) => {
  for (const button of buttons) button.setAttribute("aria-pressed", button.dataset.role === role);
  history.replaceState(null, "", asking(role) + location.hash);
  const other = document.querySelector("header a");
  other.href = asking(role, other.hreflang);
};
const show = (role) => {
  mark(role);
  ui.specActions.updateUrl(`/openapi.json${asking(role)}`);
  ui.specActions.download();
};
for (const button of buttons) button.onclick = () => show(button.dataset.role);
const signedIn = (go) => (said) => {
  const headers = { Authorization: `Bearer ${said.token.access_token}` };
  fetch("/v1/me", { headers }).then((reply) => reply.json()).then((me) => show(me.role ?? ""));
  return go(said);
};
const first = new URLSearchParams(location.search).get("role") ?? "";
mark(first);
const ask = (request) => { request.headers["Accept-Language"] = language; return request; };
window.ui = SwaggerUIBundle({
  url: `/openapi.json${asking(first)}`, dom_id: "#swagger-ui", presets: [SwaggerUIBundle.presets.apis], layout: "BaseLayout",
  deepLinking: true, docExpansion: "none", displayRequestDuration: true, defaultModelsExpandDepth: 0,
  validatorUrl: null, requestInterceptor: ask,
  plugins: [{ statePlugins: { auth: { wrapActions: { authorizeOauth2: signedIn } } } }],
});
"""
# Only own assets, no inline script. React sets styles from JavaScript, which needs no leave.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@cache
def assets() -> dict[str, tuple[str, bytes, bytes]]:
    """By name: media type, bytes, bytes compressed."""
    found = {
        "swagger-ui-bundle.js": ("text/javascript", (STATIC / "swagger/swagger-ui-bundle.js").read_bytes()),
        "swagger-ui.css": ("text/css", (STATIC / "swagger/swagger-ui.css").read_bytes()),
        "favicon.png": ("image/png", (STATIC / "fastapi/favicon.png").read_bytes()),
        "start.js": ("text/javascript", START.encode()),
        "page.css": ("text/css", CSS.encode()),
        "zh.css": ("text/css", CHINESE.encode()),
        "plain.css": ("text/css", PLAIN.encode()),
    }
    return {name: (media_type, data, gzip.compress(data, mtime=0)) for name, (media_type, data) in found.items()}


@cache
def at(name: str) -> str:
    """The address of an asset, good for a year: it names the bytes."""
    return f"/docs/assets/{name}?v={sha256(assets()[name][1]).hexdigest()[:12]}"


@cache
def page_html(language: Language) -> bytes:
    title, lang = ("家访 Jiafang", "zh-CN") if language == "zh" else ("Jiafang", "en")
    styles = ["swagger-ui.css", "page.css", *(["zh.css"] if language == "zh" else [])]
    links = "".join(f'<link rel="stylesheet" href="{at(name)}">\n' for name in styles)
    scripts = "".join(f'<script src="{at(name)}"></script>\n' for name in ("swagger-ui-bundle.js", "start.js"))
    head = f'<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{title}</title>\n'
    icon = f'<link rel="icon" href="{at("favicon.png")}">\n'
    roles = "".join(f'<button data-role="{role}">{pick(words, language)}</button>\n' for role, words in ROLES.items())
    other = (
        '<a href="?lang=en" hreflang="en" lang="en">English</a>'
        if language == "zh"
        else '<a href="?lang=zh" hreflang="zh" lang="zh-CN">中文</a>'
    )
    whose = f'<span id="whose">{pick(WHOSE, language)}</span>\n<div role="group" aria-labelledby="whose">\n{roles}</div>'
    top = f"<header>{whose}\n{other}</header>\n"
    return f'<!doctype html>\n<html lang="{lang}">\n{head}{icon}{links}{top}<main id="swagger-ui"></main>\n{scripts}</html>\n'.encode()


@cache
def _document_bytes(app: FastAPI, language: Language, role: Role | None) -> tuple[bytes, bytes]:
    whole = document(app, language)
    data = orjson.dumps(for_role(whole, role) if role else whole)
    return data, gzip.compress(data, mtime=0)


def _send(request: Request, media_type: str, data: bytes, compressed: bytes, cache_control: str) -> Response:
    headers = {"Cache-Control": cache_control, "Vary": "Accept-Encoding", "X-Content-Type-Options": "nosniff"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(compressed, media_type=media_type, headers={**headers, "Content-Encoding": "gzip"})
    return Response(data, media_type=media_type, headers=headers)


@router.get("/openapi.json")
async def openapi(request: Request, lang: Language = "zh", role: Role | None = None) -> Response:
    return _send(request, "application/json", *_document_bytes(request.app, lang, role), "no-cache")


@router.get("/")
async def start(request: Request) -> Response:
    return RedirectResponse("/docs")


@router.get("/docs")
async def page(request: Request, lang: Language = "zh", role: Role | None = None) -> Response:
    """`role` is read in the browser, by start.js."""
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache", "Referrer-Policy": "no-referrer"}
    return Response(page_html(lang), media_type="text/html", headers=headers)


@router.get("/docs/assets/{name}")
async def asset(request: Request, name: str) -> Response:
    if name not in assets():
        raise NO_SUCH_PATH()
    return _send(request, *assets()[name], "public, max-age=31536000, immutable")
