"""What the tests of check-ups have in common: a programme with a session, who keep them, and what they do."""

from typing import Any, NamedTuple, get_args
from uuid import uuid4, uuid5

import httpx

from api.rules.attendance import NAMESPACE
from api.schemas.attendance import State
from tests.conftest import Phone
from tests.county import ABOVE, VILLAGE, County

TOWNSHIP = ABOVE[VILLAGE]
NOW = "2026-11-24T02:00:00.000Z"
STATES: tuple[State, ...] = get_args(State)


class Round(NamedTuple):
    """A programme with its session in the township, who keep them, and a household."""

    county: County
    admin: Phone
    officer: Phone
    worker: Phone
    programme: str
    session: str
    household: dict[str, Any]

    async def person(self, phone: Phone | None = None, household: dict[str, Any] | None = None, **members: Any) -> str:
        body = {"household_id": (household or self.household)["id"], "name": "试", "born_on": "1950-01-01", "status": "present", **members}
        reply = await (phone or self.worker).post("/v1/people?confirm=true", json=body)
        assert reply.status_code == 201, reply.text
        return str(reply.json()["id"])

    def body(self, person: str, **members: Any) -> dict[str, Any]:
        return {"programme_id": self.programme, "round": 1, "person_id": person, "session_id": self.session, **members}

    async def post(self, phone: Phone, person: str, **members: Any) -> httpx.Response:
        return await phone.post("/v1/attendances", json=self.body(person, **members))

    async def put(self, person: str, **members: Any) -> dict[str, Any]:
        reply = await self.post(self.worker, person, **members)
        assert reply.status_code == 201, reply.text
        return dict(reply.json())

    async def get(self, attendance_id: Any) -> dict[str, Any]:
        reply = await self.officer.get(f"/v1/attendances/{attendance_id}")
        assert reply.status_code == 200, reply.text
        return dict(reply.json())

    async def at(self, state: str) -> dict[str, Any]:
        """A new person's attendance in this state."""
        first = {"missed": "invited", "none": "attended"}.get(state, state)
        made = await self.put(await self.person(), state=first)
        if state == "missed":
            made = (await change(self.worker, made, state="missed")).json()
        if state == "none":
            made = (await change(self.worker, made, state="none", undone_at=NOW)).json()
        assert made["state"] == state
        return made

    async def another(self, **members: Any) -> dict[str, Any]:
        body = {"place_id": TOWNSHIP, "programme_id": self.programme, "round": 1, "held_on": "2026-12-08", "venue": "卫生院", **members}
        reply = await self.officer.post("/v1/checkup-sessions", json=body)
        assert reply.status_code == 201, reply.text
        return dict(reply.json())

    async def session_now(self) -> dict[str, Any]:
        return dict((await self.officer.get(f"/v1/checkup-sessions/{self.session}")).json())

    async def is_over(self) -> None:
        """As if it were some weeks later."""
        rounds = """[{"number": 1, "from_on": "2026-11-01", "to_on": "2026-11-23"}]"""
        await self.county.owner.execute("UPDATE checkup_programme SET rounds = $2 WHERE id = $1", self.programme, rounds)

    async def reminders(self, person: str) -> list[dict[str, Any]]:
        found = (await self.officer.get("/v1/follow-ups", params={"person_id": person})).json()["items"]
        return sorted(found, key=lambda item: str(item["created_at"]))


async def change(phone: Phone, record: dict[str, Any], kind: str = "attendances", **members: Any) -> httpx.Response:
    return await phone.patch(f"/v1/{kind}/{record['id']}", json=members, headers={"If-Match": f'"{record["rev"]}"'})


async def listed(phone: Phone, **query: Any) -> list[str]:
    reply = await phone.get("/v1/attendances", params={"limit": 200, **query})
    assert reply.status_code == 200, reply.text
    return [item["id"] for item in reply.json()["items"]]


def id_of(programme: str, person: str, number: int = 1) -> str:
    return str(uuid5(NAMESPACE, f"{programme}:{number}:{person}"))


async def a_round(county: County) -> Round:
    admin, officer, worker = [await county.sign_in(name) for name in ("county-admin", "township-1", "worker-1")]
    rounds = [{"number": n, "from_on": "2026-11-01", "to_on": "2026-12-31"} for n in (1, 2)]
    programme = {"name": f"体检 {uuid4().hex[:6]}", "basis": "国家基本公共卫生服务规范", "who": {"born_to": "1961-12-31"}, "rounds": rounds}
    made = await admin.post("/v1/checkup-programmes", json=programme)
    assert made.status_code == 201, made.text
    programme_id = made.json()["id"]
    session = {"place_id": TOWNSHIP, "programme_id": programme_id, "round": 1, "held_on": "2026-12-01", "venue": "卫生院", "capacity": 50}
    held = await officer.post("/v1/checkup-sessions", json=session)
    assert held.status_code == 201, held.text
    [home] = (await worker.get("/v1/households", params={"limit": 1, "status": "living_here"})).json()["items"]
    return Round(county, admin, officer, worker, programme_id, held.json()["id"], home)
