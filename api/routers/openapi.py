"""The OpenAPI document, in either language.

Routers say what is particular to an operation (wire.documented), examples.py shows it; here follows what is the same for all.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal, cast

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.fields import FieldInfo
from pydantic.json_schema import models_json_schema

from api.accounts import BELOW, LEVELS
from api.kinds import KINDS
from api.language import both, pick, translated
from api.problems import ALL
from api.routers import chapters, examples, matrix, wire
from api.routers.imports import XLSX
from api.rules.caller import ROLES, Role
from api.schemas.base import EndOf, Seen, mark_of
from api.sign_in import ENDS

Language = Literal["zh", "en"]
Json = dict[str, Any]

# The tasks, as a day goes
TAGS = {
    # at the door
    both("登录", "Signing in"): both("取得、更换和交还凭证，修改密码", "Get tokens, renew them, give them back; change the password"),
    both("随访任务", "Follow-ups"): both("要为一户办的事：今天的、过期的、谁去办", "What is due at a household, and whose it is"),
    both("家访", "Visits"): both("记录家访：何时、如何、谈了什么、约定了什么", "Log visits: when, how, what was talked about and agreed"),
    both("户", "Households"): both("村里的户：住址、电话、在不在家、多久没走访", "Address, phones, whether at home, when last visited"),
    both("人", "People"): both("一户里的人：姓名、与户主的关系、在不在家", "Who belongs to a household, and whether at home"),
    both("体检", "Check-ups"): both("自愿体检：项目、场次、来没来", "Voluntary check-ups: programmes, sessions, who came"),
    both("收费", "Fees"): both("收什么、收了多少、票据、退款、点交、缴存", "Charges, payments, receipts, refunds, deposits"),
    both("双地", "Two places"): both(
        "户籍地和现居住地各记各的，本人同意的才互通", "Where people are registered and where they live, and what they let pass"
    ),
    both("同步", "Sync"): both("手机离线工作：上传修改，拉取变化，核对是否一致", "For phones that work offline: push, pull, and check"),
    # at the desk
    both("待处理", "To settle"): both("冲突、未接受、等待中、收件箱：由人来决定", "Conflicts, refused, held, inbox: people decide"),
    both("账簿", "The books"): both("账户、日记账、试算平衡、手中现金、不符的", "Accounts, day book, trial balance, custody"),
    both("激活卡", "Activation cards"): both("印卡、交给户主：户主用它开通", "Printed, handed over: a head opens the own seat with one"),
    both("用户", "Users"): both("上级为下级建立账号、授予和收回地方", "Accounts, made by whoever is above; giving and taking places"),
    both("账号与设备", "Account and devices"): both("自己是谁、负责哪里；停用丢失的手机", "Who one is; shut out a lost phone"),
    both("导入", "Imports"): both("从 XLSX 或 CSV 导入户、人、家访", "Households, people and visits from XLSX or CSV"),
    both("地方", "Places"): both("县、乡镇、村和村民小组；导入区划", "County, townships, villages and groups; import divisions"),
    both("目录", "Catalogues"): both("可选的代码：家访事项、随访原因，由县里维护", "Codes to choose from, kept by the county"),
    # at home
    both("自己这一户", "The own household"): both("户主看自己家的记录，答复邀请", "What a family reads and answers"),
    both("关于本服务", "About the service"): both("谁运营、是否正常、公钥；无需登录", "Who operates it, is it well; no sign-in needed"),
}  # fmt: skip

PATH_WORDS = {
    "residence_id": both("哪一登记", "Of which residence"),
    "side": both("哪一侧的话", "Whose part it is"),
    "id": both("编号（UUID）", "Id (a UUID)"),
    "place_id": both("地方编号", "Number of the place"),
    "number": both("号码", "The number"),
    "type": both("账户种类", "Type of account"),
    "owner": both("账户是谁的", "Whose account it is"),
    "month": both("月份，如 2026-10", "The month, such as 2026-10"),
    "kind": both("households 户 · people 人 · visits 家访", "What it is a register of"),
}
# Of every reply, and of every problem
REQUEST_ID, LANGUAGE = "X-Request-ID", "Content-Language"
HEADERS: Json = {
    REQUEST_ID: {
        "description": both("这次请求的编号，找管理员时报它", "The number of this request: name it when you ask an administrator"),
        "schema": {"type": "string"},
        "example": "2eda882de932cf67e45b85c3494234cd",
    },
    LANGUAGE: {
        "description": both("文字的语言：zh-CN 或 en", "The language of its words: zh-CN or en"),
        "schema": {"type": "string"},
        "example": both("zh-CN", "en"),
    },
}
DONE = both("已完成，没有内容", "Done; the reply is empty")
WORDS: Json = {"type": "string"}
PROBLEM: Json = {
    "type": "object",
    "title": both("问题", "Problem"),
    "description": both("问题文档（RFC 9457）", "A problem document (RFC 9457)"),
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {**WORDS, "format": "uri-reference", "description": both("说明页的地址", "Path of the page that explains it")},
        "title": {**WORDS, "description": both("是什么问题", "What it is")},
        "status": {"type": "integer", "description": both("HTTP 状态码", "The HTTP status")},
        "detail": {**WORDS, "description": both("怎么办", "What to do about it")},
        "errors": {
            "type": "array",
            "description": both("每一处问题", "Each place where something is wrong"),
            "items": {"$ref": "#/components/schemas/Fault"},
        },
        "rev": {"type": "integer", "description": both("记录现在的版本", "The revision that the record is at")},
        "doubles": {
            "type": "array",
            "items": {**WORDS, "format": "uuid"},
            "description": both("看起来相同的记录", "Records that look like the same thing"),
        },
        "retry_after": {"type": "integer", "description": both("几秒后再试", "Seconds to wait before the next try")},
        "limit": {"type": "integer", "description": both("最多几个字节", "The most bytes that are taken")},
        "seconds": {"type": "integer", "description": both("最多几秒", "The most seconds that are waited")},
        "today": {**WORDS, "format": "date", "description": both("服务器的今天", "The day that the service takes for today")},
        "count": {"type": "integer", "description": both("问题的个数", "How many faults there are")},
        "wipe": {
            "type": "boolean",
            "description": both("此设备是否应清除所存的副本", "Whether this device should erase the copies it holds"),
        },
        "reason": {
            "type": "string",
            "enum": ["foreign", "too_old", "restored", "format"],
            "description": both(
                "foreign 属于别的设备或县 · too_old 太久没有同步 · restored 服务从备份恢复过 · format 不是同步标记",
                "foreign: of another device or county · too_old: not synced for too long · restored: the service came back from a backup"
                " · format: no cursor at all",
            ),
        },
        "because": {**WORDS, "description": both("为什么不能收", "Why nothing is charged")},
        "joined_into_id": {**WORDS, "format": "uuid", "description": both("已并入的记录", "The record that it was joined into")},
        "state": {**WORDS, "description": both("导入现在的状态", "The state that the import is in")},
        "error": {**WORDS, "description": both("OAuth 2.0 错误代码，只在登录时", "The error code of OAuth 2.0, when signing in only")},
    },
}
FAULT: Json = {
    "type": "object",
    "title": both("一处问题", "Fault"),
    "description": both("一处问题：位置、代码、说明", "One place where something is wrong"),
    "required": ["code", "detail"],
    "properties": {
        "pointer": {**WORDS, "description": both("JSON 指针；查询参数为 ?名称", "A JSON pointer; of a query parameter, ?name")},
        "code": {**WORDS, "description": both("代码", "A code for programs")},
        "detail": {**WORDS, "description": both("说明", "What is wrong there")},
        "line": {"type": "integer", "description": both("文件的行号", "The line, of a file")},
        "column": {**WORDS, "description": both("文件的列", "The column, of a file")},
    },
}


# The document


@cache
def document(app: FastAPI, language: Language) -> Json:
    built = get_openapi(
        title=both("家访 Jiafang", "Jiafang"),
        version=app.version,
        summary=both("村、乡镇、县家庭服务工作人员的家访记录", "Home-visit records of village, township and county family services"),
        description=both(chapters.introduction("zh"), chapters.introduction("en")),
        routes=app.routes,
        tags=[{"name": name, "description": words} for name, words in TAGS.items()],
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        servers=[{"url": "/", "description": both("本服务", "This service")}],
    )
    order = list(TAGS)  # which is not the order in which paths are looked up
    built["paths"] = dict(sorted(built["paths"].items(), key=lambda path: order.index(next(iter(path[1].values()))["tags"][0])))
    for operation in _operations(built["paths"]):
        _complete(operation)
    answers = [answer for operation in _operations(built["paths"]) for answer in operation["responses"].values()]
    said = {slug for answer in answers for slug in wire.problems_of(answer)}
    for answer in answers:
        names = (REQUEST_ID, LANGUAGE) if wire.problems_of(answer) else (REQUEST_ID,)
        answer["headers"] = answer.get("headers", {}) | {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    built["components"] = {
        "schemas": _schemas(),
        "headers": HEADERS,
        "examples": {slug: wire.problem_example(ALL[slug]) for slug in ALL if slug in said},
        "securitySchemes": {
            "signIn": {
                "type": "oauth2",
                "description": both("用户名和密码登录", "Sign in with user name and password"),
                "flows": {"password": {"tokenUrl": "/v1/auth/token", "refreshUrl": "/v1/auth/token", "scopes": {}}},
            }
        },
    }
    return cast(Json, translated(built, language))


def _complete(operation: Json) -> None:
    responses, example = operation["responses"], examples.by_operation().get(operation["operationId"], examples.Example(None))
    if "application/json" in responses.get("422", {}).get("content", {}):  # FastAPI's own, which this service never sends
        del responses["422"]
    if "204" in responses:
        responses["204"]["description"] = DONE
    operation["responses"] = dict(sorted(responses.items()))
    for status in {"200", "201", "202"} & responses.keys():
        if example.reply is not None:
            responses[status]["content"]["application/json"]["example"] = example.reply
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        if media_type == XLSX:  # nobody reads a workbook in a document
            continue
        if example.bodies:
            content["examples"] = {name: {"summary": words, "value": body} for name, (words, body) in example.bodies.items()}
        elif example.body is not None:
            content["example"] = example.body
    for parameter in operation.get("parameters", []):
        _parameter(parameter, example)


def _parameter(parameter: Json, example: examples.Example) -> None:
    """Examples of a path or header, and of what a query must say, fill the form of the docs page; those of a filter only show what it may
    be."""
    name, schema = parameter["name"], _cleaned(parameter["schema"])
    if parameter["in"] == "path":
        parameter |= {"description": PATH_WORDS.get(name, ""), **({"example": example.path[name]} if name in example.path else {})}
    elif parameter["in"] == "query":  # a filter is left out, never null
        schema |= schema.pop("anyOf", [{}])[0]
        schema["type"] = schema["type"][0] if isinstance(schema["type"], list) else schema["type"]
        schema.pop("description", None)
        if name in example.query and "default" not in schema:
            schema["examples"] = [example.query[name]]
        if parameter["required"]:
            parameter["example"] = example.query.get(name)
    parameter["schema"] = schema


def _cleaned(schema: Json, *, sent: bool = True) -> Json:
    """A schema without pydantic's titles, null defaults and roundabout nulls. In a reply (`sent` is false) no member is missing
    that isn't marked so, and one may be added later."""
    schema = {key: value for key, value in schema.items() if key != "title" and not (key == "default" and value is None)}
    if sent:
        schema.pop("absent", None)
    match schema.get("anyOf"):
        case [dict(one), {"type": "null"}] if "type" in one and "enum" not in one:  # of which generators of clients make one type
            del schema["anyOf"]
            schema = {**one, **schema, "type": [one["type"], "null"]}
        case list(parts):
            schema["anyOf"] = [_cleaned(part, sent=sent) for part in parts]
    if "properties" in schema:
        schema["properties"] = {name: _cleaned(member, sent=sent) for name, member in schema["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            schema[key] = _cleaned(schema[key], sent=sent)
    if not sent:
        schema.pop("default", None)
        if schema.get("additionalProperties") is False:
            del schema["additionalProperties"]
        if "properties" in schema:
            schema["required"] = [name for name, member in schema["properties"].items() if not member.pop("absent", False)]
    return schema


def _schemas() -> Json:
    models = [(model, "validation") for model in wire.BODIES.values()] + [(model, "serialization") for model in wire.REPLIES.values()]
    _, made = models_json_schema(cast(Any, models), ref_template="#/components/schemas/{model}")
    sent = set(wire.BODIES)
    while inside := {name for body in sent for name in re.findall(r"/schemas/(\w+)", str(made["$defs"][body]))} - sent:
        sent |= inside
    found = {name: _cleaned(schema, sent=name in sent) for name, schema in made["$defs"].items()}
    # the fields of a form have no other place for what they are filled with
    form = found["PasswordForm"]["properties"]
    for name, value in examples.by_operation()["sign_in"].bodies["phone"][1].items():
        form[name] = {**{key: part for key, part in form[name].items() if key != "default"}, "examples": [value]}
    form["device_id"]["type"] = "string"
    for name, schema in found.items():
        title, words = _words(name, schema.get("description", ""))
        schema |= {"title": title, "description": words}
    return dict(sorted((found | {"Problem": PROBLEM, "Fault": FAULT}).items()))


def _words(name: str, docstring: str) -> tuple[str, str]:
    """Title and description of a schema. A class says "中文。English." of itself; records begin with what they are called: "户：…"."""
    halves = re.fullmatch(r"(.*。)\s*([A-Z].*)", docstring, re.DOTALL)
    title, description = (re.split("[：。]", halves[1])[0], both(halves[1], halves[2])) if halves else ("", "")
    record = name.removeprefix("New").removesuffix("Changes")
    if name != record and record in wire.REPLIES:  # it has the docstring of the record
        title = f"新建{title}" if name.startswith("New") else f"对{title}的修改"
    return both(title, re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).capitalize()), description


def _operations(paths: Json) -> Iterator[Json]:
    return (operation for operations in paths.values() for operation in operations.values())


def problems_as_markdown() -> str:
    """docs/problems.md: what every problem is and what to do about it."""
    lines = ["# 问题 / Problems", "", "由 `api/problems.py` 生成：`.venv/bin/python -m api.routers.openapi`。"]
    lines += ["Made from `api/problems.py` by that command. Each is also a page of the service: `/problems/{slug}`."]
    for kind in ALL.values():
        lines += ["", f"## {kind.slug} ({kind.status})"]
        said = wire.problem_example(kind)["value"]
        lines += [f"**{pick(said['title'], language)}** {pick(said['detail'], language)}\n" for language in ("zh", "en")]
        lines[-1] = lines[-1].rstrip()
    return "\n".join(lines) + "\n"


def _seen(field: FieldInfo) -> str:
    return "none" if mark_of(field, EndOf) else (mark_of(field, Seen) or Seen()).group


def rights_as_markdown() -> str:
    """docs/rights.md: who may do what."""

    def called(*roles: Role) -> str:
        return ", ".join(f"{pick(words, 'en')} {pick(words, 'zh')}" for role, words in wire.ROLE_WORDS.items() if role in roles) or "nobody"

    lines = [
        "# Rights",
        "",
        "Made from `Kind.writers`, `Kind.readers`, `Seen`, `BELOW`, `LEVELS` and `ENDS` by `.venv/bin/python -m api.routers.openapi`.",
        "",
    ]
    lines += ["## Who writes which records", "", "Each within the places held, and nothing beyond them."]
    lines += [
        "",
        "| | writes all | writes its own | reads | a lead household reads of its own only | never reads |",
        "|---|---|---|---|---|---|",
    ]
    for kind in KINDS.values():
        words = _words(kind.schema.__name__, kind.schema.__doc__ or "")[0]
        rights = (called(*(role for role, whose in kind.writers.items() if whose == much)) for much in ("all", "own"))
        reads = "everybody" if kind.readers == ROLES else called(*kind.readers)
        reads += ", also in the places above" if kind.public_below else ""
        hidden = (", ".join(f"`{n}`" for n, f in kind.schema.model_fields.items() if _seen(f) == group)
                  for group in ("own", "none"))  # fmt: skip
        lines.append(f"| {pick(words, 'en')} {pick(words, 'zh')} | {' | '.join(rights)} | {reads} | {' | '.join(hidden)} |")
    lines += ["", "Divisions are imported, by the county alone; the other places are villagers' groups.", ""]
    lines += ["## Who looks after whose account", "", "Opens and closes it, changes name, role and places, gives a new password."]
    lines += ["", "| role | is held on a | looks after |", "|---|---|---|"]
    lines += [f"| {called(role)} | {' or '.join(sorted(LEVELS[role]))} | {called(*BELOW[role])} |" for role in BELOW]
    lines += ["", "## How the sign-in of a device ends", "", "Each ends those of the own devices, and of the accounts looked after."]
    lines += ["", "| becomes | from |", "|---|---|", *(f"| {state} | {', '.join(before)} |" for state, before in ENDS.items())]
    lines += ["", "signed_out: it may sign in again. revoked: never again. lost: it signs in only to push what it has not sent."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    Path("docs/problems.md").write_text(problems_as_markdown(), "utf-8")
    Path("docs/rights.md").write_text(rights_as_markdown(), "utf-8")
    Path("docs/morning.md").write_text(chapters.morning_as_markdown(), "utf-8")
    matrix.PAGE.write_text(matrix.page(), "utf-8")
