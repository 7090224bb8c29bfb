"""Who reads a kind (`Kind.readers`): for a role that does not, no record of it is there, in any read."""

import re
from typing import Any

import pytest

from api.access import CALLER
from api.db.documents import Documents
from api.db.feed import Feed, Position
from api.db.tables import visit as visits
from api.kinds import KINDS, VISIT
from api.routers.records import reads_by
from api.rules.caller import ROLES, Role, view_of
from api.schemas.visit import Visit
from tests.county import HELD, County

OFFICES: tuple[Role, ...] = ("county", "township", "village")
# visits as they would be if a lead household read none
HIDDEN = Documents("visit", Visit, visits.Visit, own="worker_id", order=visits.ORDER, filters=visits.FILTERS, readers=OFFICES)
FEED = Feed([HIDDEN if kind is VISIT else kind.documents for kind in KINDS.values()])


async def asked(county: County, username: str, statement: Any, *args: Any) -> list[Any]:
    sql = (
        "SELECT u.id, u.role, d.id AS device FROM app_user u JOIN device d ON d.user_id = u.id WHERE d.state = 'active' AND u.username = $1"
    )
    row = await county.owner.fetchrow(sql, username)
    found: list[Any] = await county.owner.fetch(CALLER + statement(row["role"]), 1, row["id"], row["device"], row["role"], 2**31 - 2, *args)
    return found


@pytest.mark.parametrize("username", ["county-admin", "township-1", "worker-1", "lead-1"])
async def test_who_does_not_read_a_kind_finds_none_of_it(county: County, username: str) -> None:
    await county.sign_in(username)
    role = await county.owner.fetchval("SELECT role FROM app_user WHERE username = $1", username)
    reads, by = role in OFFICES, reads_by(role)
    [place] = HELD["lead-1"]
    township = await county.owner.fetchval("SELECT township_id FROM place WHERE place_id = $1", place)
    visit = await county.owner.fetchval("SELECT id FROM visit WHERE place_id = $1 LIMIT 1", place)
    for statement in (HIDDEN.get, HIDDEN.revisions):
        [row] = await asked(county, username, lambda role, of=statement: of[view_of(role)], visit)
        assert any(value is not None for value in row.values()) is reads
    rows = await asked(county, username, lambda role: HIDDEN.list(by, view_of(role), ()), 10, False, *HIDDEN.start())
    assert any(row["doc"] for row in rows) is reads
    [page] = await asked(
        county, username, lambda role: FEED.pull[by, view_of(role)], list(KINDS), ["place"], 100_000, None, *Position(), None
    )
    pulled = set(re.findall(rb'"op":"upsert","kind":"(\w+)"', page["changes"]))
    assert (b"visit" in pulled) is reads
    assert {b"household", b"person", b"follow_up"} <= pulled
    [digest] = await asked(
        county, username, lambda role: FEED.digest[by, view_of(role)], list(KINDS), ["place"], township if by == "township" else place
    )
    assert ('"visit" : {"count" : 0,' not in digest["kinds"]) is reads


async def test_who_reads_less_than_before_gives_up_what_it_held(county: County) -> None:
    """A worker who becomes the lead household of a group keeps the group's households, and loses its visits."""
    [place] = HELD["lead-1"]
    user_id, name = await county.user("village", place)
    tick = await county.owner.fetchval("SELECT tick FROM clock")
    admin = await county.sign_in("county-admin")
    assert (await admin.patch(f"/v1/users/{user_id}", json={"role": "household_head"}, headers={"If-Match": '"1"'})).status_code == 200
    given = await admin.post(f"/v1/users/{user_id}/places", json={"place_id": place, "reach": "self"})
    assert given.status_code == 200, given.text
    await county.sign_in(name)
    [page] = await asked(
        county, name, lambda role: FEED.pull["place", view_of(role)], list(KINDS), ["place"], 100_000, tick, *Position(tick + 1), tick
    )
    gone = set(re.findall(rb'"op":"remove","kind":"(\w+)"', page["changes"]))
    assert (b"visit" in gone, b"household" in gone) == (True, False)


def test_the_roles_are_those_of_the_rules() -> None:
    assert {kind.readers for kind in KINDS.values()} >= {ROLES}
