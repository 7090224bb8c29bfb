"""The OpenAPI document and the page that shows it, in either language, with nothing fetched from elsewhere."""

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, cast

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from api.language import both, translated
from api.problems import NO_SUCH_PATH
from api.routers import wire

router = APIRouter(include_in_schema=False)

Language = Literal["zh", "en"]
ASSETS = Path(str(files("fastapi_standalone_docs"))) / "static"
_files = StaticFiles(directory=ASSETS)

INTRODUCTION = both(
    "村级、乡镇和县级家庭服务工作人员的家访记录。\n\n"
    "先点 **Authorize**，用 `make run` 打印的任一账号登录（如 `worker-1`），再试下面的任何一项。"
    "所有错误都是 RFC 9457 问题文档，`type` 指向说明页。[English](/docs?lang=en)",
    "Home-visit records of village, township and county family-services workers.\n\n"
    "Press **Authorize**, sign in as any of the users that `make run` printed (such as `worker-1`), then try anything below. "
    "Every error is an RFC 9457 problem whose `type` is a page that explains it. [中文](/docs)",
)
PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": both("RFC 9457 问题文档", "A problem document (RFC 9457)"),
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "description": both("说明页的地址", "Path of the page that explains it")},
        "title": {"type": "string", "description": both("是什么问题", "What it is")},
        "status": {"type": "integer", "description": both("HTTP 状态码", "The HTTP status")},
        "detail": {"type": "string", "description": both("怎么办", "What to do about it")},
        "errors": {
            "type": "array",
            "description": both("每一处：JSON 指针、代码、说明", "Each place: a JSON pointer, a code and words"),
            "items": {"type": "object"},
        },
    },
}


@cache
def document(app: FastAPI, language: Language) -> dict[str, Any]:
    built = get_openapi(
        title=both("家访 Jiafang", "Jiafang"),
        version=app.version,
        description=INTRODUCTION,
        routes=app.routes,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        servers=[{"url": "/"}],
    )
    _, bodies = models_json_schema(
        [(model, "serialization") for model in wire.BODIES.values()], ref_template="#/components/schemas/{model}"
    )
    components = built.setdefault("components", {})
    components.setdefault("schemas", {}).update(bodies["$defs"] | {"Problem": PROBLEM})
    components["schemas"] = dict(sorted(components["schemas"].items()))
    components["securitySchemes"] = {
        "signIn": {
            "type": "oauth2",
            "description": both("用户名和密码登录", "Sign in with user name and password"),
            "flows": {"password": {"tokenUrl": "/v1/auth/token", "refreshUrl": "/v1/auth/token", "scopes": {}}},
        }
    }
    for operations in built["paths"].values():
        for operation in operations.values():
            operation.setdefault("security", [])
            if "application/json" in operation["responses"].get("422", {}).get(
                "content", {}
            ):  # FastAPI's own 422: ours is documented as a problem
                operation["responses"].pop("422")
    return cast(dict[str, Any], translated(built, language))


@router.get("/openapi.json")
async def openapi(request: Request, lang: Language = "zh") -> Response:
    return wire.json(document(request.app, lang))


@router.get("/docs")
async def page(request: Request, lang: Language = "zh") -> Response:
    return get_swagger_ui_html(
        openapi_url=f"/openapi.json?lang={lang}",
        title="家访 Jiafang" if lang == "zh" else "Jiafang",
        swagger_js_url="/docs/assets/swagger/swagger-ui-bundle.js",
        swagger_css_url="/docs/assets/swagger/swagger-ui.css",
        swagger_favicon_url="/docs/assets/fastapi/favicon.png",
        swagger_ui_parameters={"docExpansion": "none", "persistAuthorization": True, "displayRequestDuration": True, "filter": True},
    )


@router.get("/docs/assets/{path:path}")
async def asset(request: Request, path: str) -> Response:
    if not (ASSETS / path).resolve().is_relative_to(ASSETS) or not (ASSETS / path).is_file():
        raise NO_SUCH_PATH()
    return await _files.get_response(path, request.scope)
