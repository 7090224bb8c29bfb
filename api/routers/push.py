"""Push: what phones bring that was edited offline. The contract: docs/sync.md."""

from datetime import datetime
from typing import Any

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from api import pushed, watched, way_in
from api.access import access_of
from api.decide import Result
from api.language import both, preferred
from api.problems import DEVICE_REVOKED
from api.pushed import Push, Sent
from api.routers import wire
from api.routers.records import READERS
from api.schemas.sync import Pushed

router = APIRouter(tags=[both("同步", "Sync")])
MIB = 2**20


@router.post(
    "/v1/sync/push",
    **wire.documented(
        "push",
        ("上传离线修改", "Push what was edited offline"),
        (
            "1 到 500 条，按先后；每条有一个结果。断线或没有回复时，原样重发。",
            "1 to 500 edits, in order; one result each. After a failure or silence send the same again.",
        ),
        READERS,
        wire.reply(Pushed, both("每条的结果", "What became of each")),
        DEVICE_REVOKED,
        **wire.request_body(Push),
    ),
)
async def push(request: Request) -> Response:
    access = access_of(request)
    claims = access.claims(request)
    sent, sent_at = pushed.read(await wire.raw(request, wire.JSON, MIB), claims.device_id)
    results = await way_in.store(access, await access.sender(request), sent)
    for one, each in zip(results, sent, strict=True):
        watched.OPS.labels(each.op.kind.name if each.op else "none", one.outcome).inc()
    now, language = access.now(), preferred(request.headers.get("accept-language"))
    reply = {
        "results": [_answer(one, each, language) for one, each in zip(results, sent, strict=True)],
        "clock_skew_seconds": _skew(sent, sent_at, now),
        "server_time": f"{now:%Y-%m-%dT%H:%M:%SZ}",
    }
    return wire.json(reply)


def _answer(result: Result, sent: Sent, language: str) -> dict[str, Any]:
    op = sent.op
    out: dict[str, Any] = {"id": op.id if op else None, "kind": op.kind.name if op else None, "outcome": result.outcome}
    if result.outcome not in ("held", "inbox"):
        out["rev"] = result.rev
    if result.doc is not None:
        out["doc"] = orjson.Fragment(result.doc)
    elif result.outcome == "rejected":
        out["doc"] = None
    if result.conflicts:
        out["conflicts"] = [
            {**{n: row[n] for n in ("field", "yours", "theirs")}, "conflict_id": str(row["id"])} for row in result.conflicts
        ]
    if result.doubles:
        out["doubles"] = [str(i) for i in result.doubles]  # the driver's UUIDs, which orjson does not know
    if result.problem:
        out["problem"] = result.problem.document(language)
    if result.outcome == "rejected":
        out["kept"] = op is not None
    return out


def _skew(sent: list[Sent], sent_at: datetime | None, now: datetime) -> int:
    """How far the phone's clock is ahead, in seconds. Where it did not say what time it is, an edit from the future tells at the least."""
    latest = sent_at or max((each.op.made_at for each in sent if each.op and each.op.made_at), default=now)
    ahead = (latest - now).total_seconds()
    return round(ahead if sent_at else max(0.0, ahead))
