"""A demonstration county of a test's own, and what its phones do."""

from datetime import UTC, datetime
from typing import Any

from api import demo
from tests.conftest import Phone, client


class County:
    """A demonstration county of our own; `owner` sees behind the service."""

    def __init__(self, app: Any, owner: Any) -> None:
        self.app, self.owner, self.access = app, owner, app.state.access

    async def phone(self, username: str, device_id: str | None = None) -> Phone:
        phone = client(self.app)
        form = {"grant_type": "password", "username": username, "password": demo.PASSWORD}
        reply = await phone.post("/v1/auth/token", data=form | ({"device_id": device_id} if device_id else {}))
        phone.tokens = reply.json()
        phone.headers["Authorization"] = f"Bearer {phone.tokens['access_token']}"
        return phone

    async def user(self, username: str) -> Any:
        return await self.owner.fetchval("SELECT id FROM app_user WHERE username = $1", username)


def op(kind: str, record_id: Any, doc: Any = None, base_rev: int | None = None, **more: Any) -> dict[str, Any]:
    said = {"kind": kind, "id": str(record_id), "base_rev": base_rev, "at": datetime.now(UTC).isoformat()}
    return {**said, **({} if doc is None else {"doc": doc}), **more}


async def push(phone: Phone, *ops: Any) -> list[dict[str, Any]]:
    reply = await phone.post("/v1/sync/push", json={"ops": ops})
    assert reply.status_code == 200, reply.text
    results: list[dict[str, Any]] = reply.json()["results"]
    return results


async def listed(phone: Phone, path: str, entry_id: Any, **query: Any) -> dict[str, Any] | None:
    found, cursor = [], ""
    while cursor is not None:
        page = (await phone.get(f"/v1/{path}", params={"limit": 7, **query, **({"cursor": cursor} if cursor else {})})).json()
        found += page["items"]
        cursor = page["next"]
    return next((item for item in found if str(entry_id) in (item["id"], item["record_id"])), None)


def slug(reply: Any) -> tuple[int, str]:
    return reply.status_code, reply.json()["type"].rpartition("/")[2]
