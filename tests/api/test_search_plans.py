"""How PostgreSQL searches a big county, and finds what is due: by index, in the places held, whatever the words."""

import re
from collections.abc import AsyncIterator
from datetime import date
from typing import Any
from uuid import uuid4

import pytest

from api.access import CALLER
from api.db.documents import Documents
from api.kinds import FOLLOW_UP, HOUSEHOLD, PERSON, VISIT
from api.routers.putting_right import DOUBLES, NIL
from api.routers.records import reads_by
from api.rules.caller import view_of
from tests.api.test_feed_plans import CALLERS, Big, a_big_county, nodes
from tests.conftest import Databases

# 60,000 people with five keys each, of 400 names; 20,000 follow-ups
PEOPLE = """
INSERT INTO person (county_id, id, place_id, township_id, rev, voided, created_at, updated_at, household_id, name, sex, relation, phones,
  status, alike)
SELECT 1, gen_random_uuid(), h.place_id, h.township_id, 1, false, now(), now(), h.id, 'n' || (h.number::int * 3 + n) % 400, 1, 'other',
  '{}', 'present', 'a' || h.number || n FROM household h, generate_series(1, 3) n;
INSERT INTO search_key (county_id, place_id, township_id, kind, key, id)
SELECT 1, p.place_id, p.township_id, 'person', CASE k WHEN 1 THEN p.name ELSE k || p.name END, p.id FROM person p, generate_series(1, 5) k
UNION ALL SELECT 1, h.place_id, h.township_id, 'household', h.number, h.id FROM household h;
INSERT INTO follow_up (county_id, id, place_id, township_id, rev, voided, created_at, updated_at, household_id, reason, due_on, priority,
  status)
SELECT 1, gen_random_uuid(), h.place_id, h.township_id, 1, false, now(), now(), h.id, 'elder_care', date '2026-01-01' + h.number::int % 700,
  'normal', 'open' FROM household h"""
DAYS = {"status": "open", "due_from": date(2026, 6, 1), "due_to": date(2026, 6, 7)}
LISTS: dict[str, tuple[Documents, dict[str, Any]]] = {
    "people by the beginning of a name": (PERSON.documents, {"q": "n12"}),
    "people by what nobody is called": (PERSON.documents, {"q": "zzz"}),
    "households by number": (HOUSEHOLD.documents, {"q": "1999"}),
    "what is due this week, mine": (FOLLOW_UP.documents, {**DAYS, "mine": True, "silenced": False}),
    "what is due, by somebody's name": (FOLLOW_UP.documents, {"q": "n12", **DAYS}),
}
LARGE = ("person", "household", "follow_up", "search_key")


@pytest.fixture(scope="module")
async def big(databases: Databases) -> AsyncIterator[Big]:
    async with a_big_county(databases, PEOPLE) as county:
        yield county


@pytest.mark.parametrize("listed", LISTS)
@pytest.mark.parametrize("caller", CALLERS)
async def test_a_page_is_found_by_index(big: Big, caller: str, listed: str) -> None:
    documents, asked = LISTS[listed]
    role = CALLERS[caller][0]
    given = {name: asked[name] for name in documents.filters if name in asked}
    sql = CALLER + documents.list(reads_by(role), view_of(role), tuple(given))
    plan = await big.plan(sql, *big.args(caller), 51, False, *documents.start(), *given.values())
    print(f"\n{caller}, {listed}: {plan['Actual Total Time']:.1f} ms")  # noqa: T201 - a figure to read, never asserted
    for node in nodes(plan):
        if node.get("Relation Name") in LARGE:
            assert node["Node Type"] != "Seq Scan", node
        if node.get("Relation Name") == "search_key":
            assert {"key >= ", "_id = "} <= set(re.findall("key >= |_id = ", node["Index Cond"])), node


@pytest.mark.parametrize("caller", CALLERS)
async def test_what_is_to_be_looked_at_is_read_place_by_place_until_the_page_is_full(big: Big, caller: str) -> None:
    """Sorted as one, the first page of a county would compare all its people with each other."""
    plan = await big.plan(CALLER + DOUBLES["person"], *big.args(caller), 5, 0, "", NIL, None)
    [page] = [node for node in nodes(plan) if node["Node Type"] == "Incremental Sort"]
    assert page["Presorted Key"] == ["p.place_id"]


async def test_the_visits_of_one_worker_are_found_by_their_index(big: Big) -> None:
    """Of somebody who made none, a county would else read all visits of all townships to find that out."""
    sql = CALLER + VISIT.documents.list("township", "office", ("worker_id",))
    plan = await big.plan(sql, *big.args("the county"), 51, False, *VISIT.documents.start(), uuid4())
    [visits] = [node for node in nodes(plan) if node.get("Relation Name") == "visit"]
    assert (visits["Index Name"], "worker_id = " in visits["Index Cond"]) == ("visit_worker_day_idx", True)
