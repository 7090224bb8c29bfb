"""What phones send, from bytes to ops. One op that is wrong does not spoil the others.

A text that holds a word of the word guard (rules/refused.py) is left out here, before anything is decided or kept: it costs the text, not
the record.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from pydantic import BaseModel, Field, TypeAdapter, ValidationError, create_model

from api.decide import Op, marked
from api.kinds import KINDS, Kind
from api.language import both
from api.problems import INVALID, NOT_ALLOWED, NOT_JSON, REFUSED_WORD, Fault, Problem
from api.rules.citizen_id import holds_one
from api.rules.merge import plain
from api.rules.refused import refused_word
from api.schemas.base import Body, Instant, Reason, pushed, says
from api.schemas.faults import invalid

MOST = 500
AT = "2026-11-23T09:12:00.120+08:00"
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
NO_REASON = "—"  # stands for a reason that is not recorded
DEEPEST = 30  # levels of nesting of what is wrong
HALVES = re.compile("[\ud800-\udfff]")
PUSHED = {name: kind for name, kind in KINDS.items() if kind.parent}  # what belongs to the county itself is edited online


@dataclass(slots=True)
class Sent:
    """One op as it came. `op`: None where it is no edit of a record at all; empty where it is `wrong`. `said`: what is kept of it, where
    something is. `left_out`: a text was. `mended`: it is stored in another spelling."""

    op: Op | None
    said: dict[str, Any]
    wrong: Problem | None = None
    left_out: Problem | None = None
    mended: bool = False


def _op_model(kind: Kind) -> type[Body]:
    members: dict[str, Any] = {
        "kind": (Literal[kind.name], says("种类", "Kind of record", kind.name)),
        "id": (UUID, says("记录编号", "Id of the record", "0193a1f2-5b7c-7cc3-98c4-dc0c0c07398f")),
        "base_rev": (
            Annotated[int, Field(ge=0, le=2**31 - 1)] | None,
            Field(None, description=both("所依据的版本；新建时为空", "`rev` of the copy that was edited; null: made on this phone")),
        ),
        "at": (
            Instant,
            says("修改时间（手机时钟），每次重发都相同", "When, by the phone's clock; the same in each repeat", AT),
        ),
        "doc": (
            pushed(kind.schema) | None,
            Field(None, description=both("整条记录，或只有改动的项", "The whole record, or only the members that were changed")),
        ),
        "void": (Reason | None, Field(None, description=both("作废原因；写了它就没有 doc", "Why it is withdrawn; then there is no `doc`"))),
    }
    words = f"{kind.schema.__doc__} 离线修改。An edit of one, made offline."
    return create_model(f"{kind.schema.__name__}Op", __base__=Body, __doc__=words, **members)


OPS: dict[str, type[Body]] = {name: _op_model(kind) for name, kind in PUSHED.items()}
_ANY: Any = OPS[next(iter(OPS))]
for _model in OPS.values():
    _ANY = _ANY | _model
AnyOp = Annotated[_ANY, Field(discriminator="kind")]


class Push(BaseModel):
    """离线修改，按先后。Edits that were made offline, in order."""

    ops: list[AnyOp] = Field(min_length=1, max_length=MOST, description=both("1 到 500 条，按先后", "1 to 500, in order"))
    sent_at: Instant | None = Field(
        None, description=both("发送时间（手机时钟），用来算时差", "When it is sent, by the phone's clock: tells how far that is off")
    )


_INSTANT = TypeAdapter[datetime](Instant)
_PUSH, _ONE = TypeAdapter(Push), {name: TypeAdapter(model) for name, model in OPS.items()}


def read(body: bytes, device_id: UUID) -> tuple[list[Sent], Instant | None]:
    """The ops, and the time at which they were sent where the phone said so. Raises `not-json` and, for the envelope alone, `invalid`."""
    try:
        envelope = orjson.loads(body)
    except orjson.JSONDecodeError:
        body, envelope = _without_halves(body)
    ops = envelope.get("ops") if isinstance(envelope, dict) else None
    if not isinstance(ops, list) or not 1 <= len(ops) <= MOST:
        raise INVALID(Fault("/ops", "ops", both("应为 1 到 500 条的列表", "must be a list of 1 to 500 ops")))
    sent_at = instant(envelope.get("sent_at"))
    try:
        push = _PUSH.validate_json(body)
        return [take(op, device_id, model) for op, model in zip(ops, push.ops, strict=True)], sent_at
    except ValidationError:
        return [take(_shallow(op), device_id) for op in ops], sent_at


def _without_halves(body: bytes) -> tuple[bytes, Any]:
    """JSON in which half a character stands: a phone that cuts a text to length cuts an emoji in two. It becomes a NUL, which no text may
    hold, so it costs the op and not the batch. Raises `not-json` for all else."""
    try:
        envelope = json.loads(body.decode(), parse_constant=_no_number)
        text = json.dumps(envelope, ensure_ascii=False, allow_nan=False)
        if HALVES.search(text):
            whole = HALVES.sub(r"\\u0000", text).encode()
            return whole, orjson.loads(whole)
    except (ValueError, RecursionError):
        pass
    raise NOT_JSON()


def _no_number(name: str) -> None:
    raise ValueError(name)


def _shallow(value: Any, depth: int = 0) -> Any:
    """What is nested more deeply than anything here is wrong, or not looked at, whatever it holds."""
    if depth > DEEPEST:
        return None
    if isinstance(value, dict):
        return {name: _shallow(each, depth + 1) for name, each in value.items()}
    return [_shallow(each, depth + 1) for each in value] if isinstance(value, list) else value


def instant(value: Any) -> datetime | None:
    try:
        return _INSTANT.validate_json(orjson.dumps(value), strict=True) if isinstance(value, str) else None
    except ValidationError:
        return None


def take(op: Any, device_id: UUID, model: Any = None, mark: bytes = b"") -> Sent:
    """One op; `model`: where it has been validated already. `mark`: where it came before, since what is kept of it may be less."""
    kind, record_id = (KINDS[model.kind], model.id) if model else _named(op)
    if kind is None or record_id is None:
        return Sent(None, {}, INVALID(Fault("", "no_record", both("不是一条记录的修改", "is no edit of a record"))))
    said = {name: op.get(name) for name in ("base_rev", "at", "doc", "void")}
    wrong = None if kind.name in PUSHED else NOT_ALLOWED()
    if model is None and not wrong:
        try:
            model = _ONE[kind.name].validate_json(orjson.dumps(op))
        except ValidationError as error:
            wrong = invalid(error)
    if model and (model.doc is None) == (model.void is None):
        wrong = INVALID(Fault("/doc", "doc_or_void", both("doc 与 void 恰有其一", "must be there, or void, and not both")))
    if wrong:
        empty = Op(kind, record_id, made_at=NEVER, mark=mark or marked(device_id, op))
        return Sent(empty, {name: _recorded(value) for name, value in said.items()}, wrong)
    doc = {name: getattr(model.doc, name) for name in model.doc.model_fields_set & kind.sent} if model.doc else {}
    if model.doc:
        said["doc"] = {name: op["doc"][name] for name in doc}
    base_rev = model.base_rev or None
    mark = mark or marked(device_id, kind.name, record_id, base_rev, model.at, model.void, doc)
    mended = any(value != op["doc"][name] and plain(value) != op["doc"][name] for name, value in doc.items())
    return _recordable(Op(kind, record_id, doc, base_rev, model.void, model.at, mark), said, mended)


def _named(op: Any) -> tuple[Kind | None, UUID | None]:
    if not isinstance(op, dict) or not isinstance(op.get("kind"), str) or not isinstance(op.get("id"), str):
        return None, None
    try:
        return KINDS.get(op["kind"]), UUID(op["id"])
    except ValueError:
        return None, None


def _recordable(op: Op, said: dict[str, Any], mended: bool) -> Sent:
    """Without texts that are not recorded. A creation that can't be without one is refused for it (offline.py)."""
    refused = [member for member in op.kind.guarded if op.doc.get(member) and refused_word(op.doc[member])]
    for member in refused:
        del said["doc"][member], op.doc[member]
    for member in op.kind.coded:
        codes = op.doc.get(member) or ()
        if isinstance(codes, str):  # one code: left out like a text
            if refused_word(codes):
                del said["doc"][member], op.doc[member]
                refused.append(member)
        elif any(refused_word(code) for code in codes):
            said["doc"][member] = op.doc[member] = [code for code in codes if not refused_word(code)]
            refused.append(member)
    if op.void and refused_word(op.void):
        op.void = said["void"] = NO_REASON
        refused = ["void"]
    faults = [fault for member in refused for fault in REFUSED_WORD.at(f"/{member}").faults]
    return Sent(op, said, left_out=REFUSED_WORD(*faults) if faults else None, mended=mended)


def _recorded(value: Any) -> Any:
    """What may be kept of what has no known shape."""
    if isinstance(value, dict):
        return {
            _recorded(name): _recorded(each) for name, each in value.items() if not (_identity(name) or _refused(name) or _refused(each))
        }
    if isinstance(value, list):
        return [_recorded(each) for each in value if not _refused(each)]
    return None if _refused(value) else value.replace("\0", "\ufffd") if isinstance(value, str) else value


def _identity(name: str) -> bool:
    """Whether a member is meant for an identity number, be it mistyped."""
    return name.casefold().startswith("identity")


def _refused(value: Any) -> bool:
    """An identity number has a call of its own, and is kept nowhere else."""
    return (isinstance(value, str) and refused_word(value) is not None) or holds_one(value)
