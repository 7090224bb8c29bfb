"""The page that shows the OpenAPI document, in either language, with nothing fetched from elsewhere."""

import gzip
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import orjson
from fastapi import APIRouter, FastAPI, Request
from starlette.responses import RedirectResponse, Response

from api.problems import NO_SUCH_PATH
from api.routers.openapi import Language, document

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
}
# Signing in asks for a name and a password; the client of OAuth 2.0 is of no concern here
CSS = """
.swagger-ui .auth-container .wrapper:has(> [for=password_type], > [for^=client_]) { display: none }
.swagger-ui .auth-container :is(.scope-def, h4, h4 ~ p) { display: none }
.swagger-ui .schemes-server-container { visibility: hidden }
.swagger-ui .response-col_links { display: none }
"""
CHINESE = "".join(
    f".swagger-ui {label} {{ font-size: 0 }} .swagger-ui {label}::after {{ content: '{words}'; font-size: 14px }}\n"
    for label, words in LABELS.items()
)
START = """
const language = document.documentElement.lang.slice(0, 2);
const ask = (request) => { request.headers["Accept-Language"] = language; return request; };
window.ui = SwaggerUIBundle({
  url: `/openapi.json?lang=${language}`, dom_id: "#swagger-ui", presets: [SwaggerUIBundle.presets.apis], layout: "BaseLayout",
  deepLinking: true, docExpansion: "none", displayRequestDuration: true, defaultModelsExpandDepth: 0,
  validatorUrl: null, requestInterceptor: ask,
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
    }
    return {name: (media_type, data, gzip.compress(data, mtime=0)) for name, (media_type, data) in found.items()}


@cache
def page_html(language: Language, app_version: str) -> bytes:
    # the version in each address makes it good for a year
    at = f"?v={app_version}-{version('fastapi-standalone-docs')}"
    title, lang = ("家访 Jiafang", "zh-CN") if language == "zh" else ("Jiafang", "en")
    styles = ["swagger-ui.css", "page.css", *(["zh.css"] if language == "zh" else [])]
    links = "".join(f'<link rel="stylesheet" href="/docs/assets/{name}{at}">\n' for name in styles)
    scripts = "".join(f'<script src="/docs/assets/{name}{at}"></script>\n' for name in ("swagger-ui-bundle.js", "start.js"))
    head = f'<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{title}</title>\n'
    icon = f'<link rel="icon" href="/docs/assets/favicon.png{at}">\n'
    return f'<!doctype html>\n<html lang="{lang}">\n{head}{icon}{links}<div id="swagger-ui"></div>\n{scripts}</html>\n'.encode()


@cache
def _document_bytes(app: FastAPI, language: Language) -> tuple[bytes, bytes]:
    data = orjson.dumps(document(app, language))
    return data, gzip.compress(data, mtime=0)


def _send(request: Request, media_type: str, data: bytes, compressed: bytes, cache_control: str) -> Response:
    headers = {"Cache-Control": cache_control, "Vary": "Accept-Encoding", "X-Content-Type-Options": "nosniff"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(compressed, media_type=media_type, headers={**headers, "Content-Encoding": "gzip"})
    return Response(data, media_type=media_type, headers=headers)


@router.get("/openapi.json")
async def openapi(request: Request, lang: Language = "zh") -> Response:
    return _send(request, "application/json", *_document_bytes(request.app, lang), "no-cache")


@router.get("/")
async def start(request: Request) -> Response:
    return RedirectResponse("/docs")


@router.get("/docs")
async def page(request: Request, lang: Language = "zh") -> Response:
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache", "Referrer-Policy": "no-referrer"}
    return Response(page_html(lang, request.app.version), media_type="text/html", headers=headers)


@router.get("/docs/assets/{name}")
async def asset(request: Request, name: str) -> Response:
    if name not in assets():
        raise NO_SUCH_PATH()
    return _send(request, *assets()[name], "public, max-age=31536000, immutable")
