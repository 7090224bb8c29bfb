"""What the service says of itself: one JSON object a line, on standard error. Never a body, a query or a name; of an error its class and
where it arose, since its text quotes values.
"""

import logging
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
SECURITY = logging.getLogger("jiafang.security")


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def request_line(request_id: str, method: str, route: str, status: int, seconds: float) -> str:
    """Put together by hand: by way of a LogRecord it would cost a tenth of a small request. No member needs quoting: all are ours."""
    return (
        f'{{"at":"{_moment(datetime.now(UTC))}","level":"info","logger":"jiafang.requests","message":"request","request_id":"{request_id}",'
        f'"method":"{method}","route":"{route}","status":{status},"ms":{seconds * 1000:.1f}}}\n'
    )


def security(message: str, **facts: Any) -> None:
    """Who was given tokens, and who was refused what: ids, never a name."""
    SECURITY.info(message, extra={"facts": facts})


def who(county_id: int, user_id: UUID, device_id: UUID | None) -> dict[str, Any]:
    return {"county": county_id, "user": str(user_id)} | ({"device": str(device_id)} if device_id else {})


class Lines(logging.Formatter):
    """`log.info("…", extra={"facts": {…}})`: facts become members of the line."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": _moment(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage().split("\n", 1)[0],  # asyncio puts what a task has raised into further lines
        }
        if request_id := REQUEST_ID.get():
            line["request_id"] = request_id
        line |= getattr(record, "facts", {})
        if record.exc_info and record.exc_info[0]:
            kind, error, where = record.exc_info
            line["error"] = f"{kind.__module__}.{kind.__qualname__}"
            line |= {name: said for name in ("sqlstate", "constraint_name") if isinstance(said := getattr(error, name, None), str)}
            line["where"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(where)]
        return orjson.dumps(line, default=str).decode()


def config(*, requests: bool) -> dict[str, Any]:
    """For logging.config, and for uvicorn, which hands it to the processes that it starts."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": "api.logs.Lines"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {f"jiafang.{name}": {"level": "INFO" if requests else "WARNING"} for name in ("requests", "security")},
    }
