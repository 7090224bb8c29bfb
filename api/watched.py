"""What is counted and timed, for `GET /metrics`, and the ASGI layer around every request: its id, its line in the log, its figures, and
what its answer tells browsers.

Labels are route templates and fixed words, never an id, a name or a query. Each process counts for itself.
"""

import logging
import os
import re
import sys
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.logs import REQUEST_ID, request_line

log = logging.getLogger("jiafang.requests")
disable_created_metrics()  # type: ignore[no-untyped-call]  # half of all lines, and nobody asks
REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
REQUESTS = Counter("jiafang_requests", "Requests by method, route and status", ["method", "route", "status"], registry=REGISTRY)
DURATION = Histogram("jiafang_request_seconds", "How long they took", ["method", "route"], buckets=SECONDS, registry=REGISTRY)
OPS = Counter("jiafang_ops", "What became of what phones pushed", ["kind", "outcome"], registry=REGISTRY)
JOB = Gauge("jiafang_job_last_success_timestamp_seconds", "When a job last went through", ["job"], registry=REGISTRY)
CHECK = Gauge("jiafang_check_ok", "The checks of /health/ready: 1 is well", ["check"], registry=REGISTRY)
CONNECTIONS = Gauge("jiafang_connections", "Connections to PostgreSQL: in_use, and the most there may be", ["state"], registry=REGISTRY)
WAITING = Gauge(
    "jiafang_waiting",
    "By county: ops held, ops in inboxes, letters to other counties waiting and dead",
    ["county", "what"],
    registry=REGISTRY,
)
FIGURES: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}  # of REQUESTS and DURATION, since to find them costs more than to count
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
# A proxy's id of a request is taken over if it is a UUID, with hyphens or without; anything else could be somebody's number
GIVEN = re.compile(rb"[0-9a-f]{8}(-?)[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}")
GONE = 499  # the client did not wait for the answer
# What an answer tells a browser where the route does not say it itself: keep nothing, load and run nothing of it, show it in no frame
CAREFUL = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
)


def exposition() -> bytes:
    return generate_latest(REGISTRY)


class Watched:
    """Around everything else, so that it sees every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun, status, request_id = perf_counter(), GONE, _request_id(scope)
        before = REQUEST_ID.set(request_id)

        async def answered(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                said = {name for name, _ in message["headers"]}
                careful = (header for header in CAREFUL if header[0] not in said)
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode()), *careful]
            await send(message)

        try:
            await self.app(scope, receive, answered)
        finally:
            seconds = perf_counter() - begun
            method = scope["method"] if scope["method"] in METHODS else "other"
            route = getattr(scope.get("route"), "path", "other")
            key = (method, route, status)
            count, time = FIGURES.get(key) or FIGURES.setdefault(key, (REQUESTS.labels(*key), DURATION.labels(method, route)))
            count.inc()
            time.observe(seconds)
            if log.isEnabledFor(logging.INFO):
                sys.stderr.write(request_line(request_id, method, route, status, seconds))
            REQUEST_ID.reset(before)


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and GIVEN.fullmatch(value):
            return str(value.decode())
    return os.urandom(16).hex()
