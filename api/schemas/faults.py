"""What is wrong with a body, in words for people."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from api.language import both
from api.problems import INVALID, NOT_JSON, Fault, Problem

WORDS = {
    "missing": both("必填", "is required"),
    "extra_forbidden": both("没有这一项", "is not a member here"),
    "string_too_long": both("太长", "is too long"),
    "string_too_short": both("不能为空", "must not be empty"),
    "unknown_parameter": both("没有这个查询参数", "is no query parameter here"),
    "repeated": both("只能给一次", "may be given once only"),
    "literal_error": both("不在可选的值之中", "is not one of the values"),
    "enum": both("不在可选的值之中", "is not one of the values"),
    "phone": both("不是有效的电话号码", "is not a telephone number"),
    "name": both("应为 1 到 50 个字符的姓名", "is not a name of 1 to 50 characters"),
    "control_character": both("含有控制字符", "holds a control character"),
    "too_long": both("个数太多", "has too many entries"),
    "too_short": both("不能为空", "must not be empty"),
    "session_or_person": both(
        "请写明哪一场（session_id）或哪个人（person_id）", "say of which session (session_id) or of whom (person_id)"
    ),
}
OTHERWISE = both("格式不对", "has the wrong form")


def invalid(error: ValidationError) -> Problem:
    return of_errors(error.errors(include_url=False, include_input=False))


def of_errors(errors: Iterable[Mapping[str, Any]], prefix: str = "/") -> Problem:
    faults = []
    for error in errors:
        if error["type"] == "json_invalid":
            return NOT_JSON()
        pointer = prefix + "/".join(str(part).replace("~", "~0").replace("/", "~1") for part in error["loc"])
        # an unknown member's name is the sender's own text, so it is not said back
        if error["type"] == "extra_forbidden":
            pointer = pointer[: pointer.rindex("/")]
        code = code_of(error)
        faults.append(Fault(pointer, code, WORDS.get(code, OTHERWISE)))
    return INVALID(*faults[:100])


def code_of(error: Mapping[str, Any]) -> str:
    """pydantic says "too_long" of a list, and of a text (a "Value") that was made uniform first."""
    return f"string_{error['type']}" if error.get("ctx", {}).get("field_type") == "Value" else str(error["type"])
