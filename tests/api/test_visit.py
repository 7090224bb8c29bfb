"""Visits over HTTP: the main job."""

from uuid import uuid4

from tests.conftest import Phone, SignIn


async def a_household(phone: Phone) -> str:
    return str((await phone.get("/v1/households", params={"limit": 1})).json()["items"][0]["id"])


async def test_a_worker_logs_a_visit_and_township_and_county_see_it(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    body = {"household_id": await a_household(worker), "visited_on": "2026-11-21", "outcome": "met", "purposes": ["elder_care"]}
    reply = await worker.post("/v1/visits", json=body)
    assert reply.status_code == 201
    visit = reply.json()
    assert visit["rev"] == 1
    assert reply.headers["etag"] == '"1"'
    for username in ("worker-2", "township-1", "county-admin"):
        seen = await (await sign_in(username)).get(f"/v1/visits/{visit['id']}")
        assert (seen.status_code, seen.json()) == (200, visit)
    for username in ("worker-3", "township-2", "head-1"):
        assert (await (await sign_in(username)).get(f"/v1/visits/{visit['id']}")).status_code == 404


async def test_the_same_post_again_gives_the_stored_record(sign_in: SignIn) -> None:
    worker = await sign_in("worker-1")
    body = {"id": str(uuid4()), "household_id": await a_household(worker), "visited_on": "2026-11-19", "outcome": "absent"}
    first, again = [await worker.post("/v1/visits?confirm=true", json=body) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    other = await worker.post("/v1/visits?confirm=true", json={**body, "outcome": "declined"})
    assert (other.status_code, other.json()["type"]) == (409, "/problems/id-taken")
