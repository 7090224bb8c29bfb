"""What the tests of push send, and where they look at what became of it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import orjson

from api.kinds import HOUSEHOLD, KINDS, VISIT
from tests.conftest import Phone
from tests.county import HELD, County, push

[GROUP] = HELD["lead-1"]  # lies in VILLAGE, which worker-1 and worker-2 serve
[FAR] = HELD["worker-4"]  # of another township
SEEN = {"visited_on": "2026-11-20", "outcome": "met"}
REFUSED = "儿媳已怀孕"
Result = dict[str, Any]


def op(kind: str, record_id: Any = None, doc: Any = None, base_rev: int | None = None, seconds: int = 0, **more: Any) -> dict[str, Any]:
    at = datetime(2026, 11, 23, 9, tzinfo=UTC) + timedelta(seconds=seconds)
    said = {"kind": kind, "id": str(record_id or uuid4()), "base_rev": base_rev, "at": at.isoformat(timespec="milliseconds")}
    return {**said, **({} if doc is None else {"doc": doc}), **more}


def short(result: Result) -> tuple[str, int | None]:
    return result["outcome"], result.get("rev")


def why(result: Result) -> tuple[str, str]:
    """The outcome, and slug and pointer of the problem."""
    problem = result["problem"]
    return result["outcome"], problem["type"].removeprefix("/problems/") + "".join(fault["pointer"] for fault in problem.get("errors", ()))


def a_number() -> str:
    """Of a household: no other has it."""
    return uuid4().hex[:12]


async def a_house(phone: Phone, **doc: Any) -> str:
    """A new household of the group, on the service as revision 1."""
    made = op("household", doc={"place_id": GROUP, "number": a_number(), "address": "村东头", **doc})
    [result] = await push(phone, made)
    assert short(result) == ("applied", 1), result
    return str(made["id"])


async def a_visit(phone: Phone, house: str | None = None, **doc: Any) -> str:
    made = op("visit", doc={"household_id": house or await a_house(phone), **SEEN, **doc})
    [result] = await push(phone, made)
    assert short(result) == ("applied", 1), result
    return str(made["id"])


async def stored(phone: Phone, kind: str, record_id: str) -> dict[str, Any]:
    reply = await phone.get(f"/v1/{KINDS[kind].plural}/{record_id}")
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


async def kept(county: County, record_id: str) -> list[dict[str, Any]]:
    """What the service keeps of what was sent on this record, oldest first."""
    rows = await county.owner.fetch("SELECT * FROM kept_op WHERE record_id = $1 ORDER BY seq", record_id)
    return [{**row, "op": orjson.loads(row["op"])} for row in rows]


async def states(county: County, record_id: str) -> list[tuple[str, str | None]]:
    return [(row["state"], row["settled"]) for row in await kept(county, record_id)]


async def clashes(county: County, record_id: str) -> list[dict[str, Any]]:
    rows = await county.owner.fetch("SELECT * FROM conflict WHERE record_id = $1 ORDER BY seq", record_id)
    return [{**row, "yours": orjson.loads(row["yours"]), "theirs": orjson.loads(row["theirs"])} for row in rows]


async def revisions(county: County, record_id: str) -> int:
    return int(await county.owner.fetchval("SELECT count(*) FROM revision WHERE id = $1", record_id))


async def holding(county: County, text: str) -> list[str]:
    """The tables in which some row holds the text."""
    tables = [row["relname"] for row in await county.owner.fetch("SELECT relname FROM pg_stat_user_tables")]
    escaped = json.dumps(text).strip('"')
    find = "SELECT count(*) FROM {0} t WHERE t::text LIKE '%' || $1 || '%' OR strpos(t::text, $2) > 0"
    return [table for table in tables if await county.owner.fetchval(find.format(table), text, escaped)]


async def takes(county: County, user_id: str, place: int) -> None:
    reply = await (await county.sign_in("county-admin")).post(f"/v1/users/{user_id}/places/{place}/revoke")
    assert reply.status_code == 200, reply.text


async def gives(county: County, user_id: str, place: int) -> None:
    reply = await (await county.sign_in("county-admin")).post(f"/v1/users/{user_id}/places", json={"place_id": place, "reach": "below"})
    assert reply.status_code == 200, reply.text


async def records_agree(county: County) -> None:
    """With their trail, their change rows, and what follows from them."""
    for kind in (HOUSEHOLD, VISIT):
        wrong = await county.owner.fetch(
            f"""SELECT t.id FROM {kind.name} t
            LEFT JOIN (SELECT id, count(*) AS n, max(rev) AS last FROM revision WHERE kind = '{kind.name}' GROUP BY id) r ON r.id = t.id
            LEFT JOIN change c ON c.kind = '{kind.name}' AND c.id = t.id AND c.place_id = t.place_id
            WHERE r.n IS DISTINCT FROM t.rev OR r.last IS DISTINCT FROM t.rev OR c.rev IS DISTINCT FROM t.rev
              OR c.op IS DISTINCT FROM CASE WHEN t.voided THEN 'remove' ELSE 'upsert' END OR c.township_id IS DISTINCT FROM t.township_id"""
        )
        assert wrong == [], kind.name
    last = "SELECT max(v.visited_on) FROM visit v WHERE v.household_id = h.id AND v.outcome = 'met' AND NOT v.voided"
    assert await county.owner.fetch(f"SELECT h.id FROM household h WHERE h.last_visited_on IS DISTINCT FROM ({last})") == []
    assert await county.owner.fetch("SELECT k.record_id FROM kept_op k WHERE k.state = 'unchanged' AND k.settled IS NOT NULL") == []
