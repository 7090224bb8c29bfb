"""What the tests of two places have in common: one person known at home and where they live, and what either side does."""

from typing import Any, NamedTuple
from uuid import uuid4

import httpx

from api import accounts, demo, places
from api.access import Access
from api.db.session import Tx
from api.decide import Op
from api.kinds import PLACE
from api.road import write_all
from api.rules.caller import command_line
from tests.conftest import Phone
from tests.county import County

NOW = "2026-11-24T02:00:00.000Z"


class Place(NamedTuple):
    """A village's worker, its code, and the person as this village knows them."""

    worker: Phone
    code: str
    household: dict[str, Any]
    person: str

    async def residence(self, residence_id: str) -> dict[str, Any]:
        [item] = await listed(self.worker, residence_id=residence_id)
        return item

    async def says(self, side: str, residence_id: str, **members: Any) -> httpx.Response:
        body = {"residence_id": residence_id, "side": side, "person_id": self.person, "since_on": "2026-03-01", **members}
        return await self.worker.post("/v1/residences", json=body)

    async def proposal(self, residence_id: str) -> dict[str, Any]:
        reply = await self.worker.get(f"/v1/residence-proposals/{residence_id}")
        assert reply.status_code == 200, reply.text
        return dict(reply.json())

    async def consents(self, purpose: str, act: str = "given", at: str = NOW) -> None:
        body = {"person_id": self.person, "purpose": purpose, "act": act, "acted_at": at, "text_version": "2026-1", "through": "self"}
        reply = await self.worker.post("/v1/consents", json=body)
        assert reply.status_code == 201, reply.text


async def listed(phone: Phone, plural: str = "residences", **query: Any) -> list[dict[str, Any]]:
    reply = await phone.get(f"/v1/{plural}", params={"limit": 200, **query})
    assert reply.status_code == 200, reply.text
    return list(reply.json()["items"])


async def change(phone: Phone, record: dict[str, Any], kind: str = "residences", **members: Any) -> httpx.Response:
    return await phone.patch(f"/v1/{kind}/{record['id']}", json=members, headers={"If-Match": f'"{record["rev"]}"'})


async def changed(phone: Phone, record: dict[str, Any], kind: str = "residences", **members: Any) -> dict[str, Any]:
    reply = await change(phone, record, kind, **members)
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


async def a_place(county: County, username: str, name: str, **members: Any) -> Place:
    worker = await county.sign_in(username)
    code = (await worker.get("/v1/me")).json()["places"][0]["code"]
    [home] = (await worker.get("/v1/households", params={"limit": 1, "status": "living_here"})).json()["items"]
    body = {"household_id": home["id"], "name": name, "sex": 1, "born_on": "1990-05-01", "phones": ["13800138000"], **members}
    made = await worker.post("/v1/people?confirm=true", json=body)
    assert made.status_code == 201, made.text
    return Place(worker, code, home, made.json()["id"])


class Migrant(NamedTuple):
    """One person: `home` is where they are registered, `there` where they live."""

    home: Place
    there: Place
    residence_id: str

    async def both(self) -> tuple[dict[str, Any], dict[str, Any]]:
        return await self.home.residence(self.residence_id), await self.there.residence(self.residence_id)


async def a_migrant(county: County, there: str = "worker-4", name: str = "刘远") -> Migrant:
    return Migrant(await a_place(county, "worker-1", name, status="away"), await a_place(county, there, name), str(uuid4()))


async def accepted(county: County, **more: Any) -> Migrant:
    """The residence side said that they came, the registration side agrees."""
    migrant = await a_migrant(county, **more)
    made = await migrant.there.says("residence", migrant.residence_id, registered_in=migrant.home.code)
    assert made.status_code == 201, made.text
    answer = await migrant.home.says("registration", migrant.residence_id)
    assert answer.status_code == 201, answer.text
    return migrant


SECOND = "990202000000"  # another county of the same service


async def a_second_county(county: County) -> None:
    """With one township and one village, a worker there, `far-1`, and an administrator, `far-admin`."""
    access: Access = county.access
    county_id = await access.database.plain(lambda tx: places.new_county(tx, SECOND))
    desk = command_line(county_id, (0, 2))
    codes = [(SECOND, "county", None), (f"{SECOND[:6]}001000", "township", 1), (f"{SECOND[:6]}001201", "village", 2)]
    blank: dict[str, Any] = {"group_number": None, "successor_ids": [], "valid_from": None, "valid_to": None, "valid_to_provisional": False}
    ops = [
        Op(PLACE, uuid4(), {**blank, "former_names": [], "place_id": n, "code": code, "level": level, "parent_id": above, "name": f"远{n}"}
           | {"township_id": 0 if n == 1 else 2})
        for n, (code, level, above) in enumerate(codes, 1)
    ]  # fmt: skip
    password = await county.app.state.passwords.hash(demo.PASSWORD)

    async def work(tx: Tx) -> None:
        await write_all(tx, desk, ops, today=access.today(), now=access.now())
        await places.standard_catalogues(tx, desk, today=access.today(), now=access.now())

    async def user(tx: Tx) -> None:
        for username, role, home in (("far-1", "village", 3), ("far-admin", "county", 1)):
            said: dict[str, Any] = {"username": username, "name": "远", "role": role, "password_hash": password, "temporary": False}
            await accounts.create(tx, desk, user_id=uuid4(), home=home, place_ids=[home], now=access.now(), **said)

    await access.database.write(desk, work)
    await access.database.plain(user)
    worker = await county.sign_in("far-1")
    home = {"place_id": 3, "number": "远-1", "status": "living_here"}
    assert (await worker.post("/v1/households", json=home)).status_code == 201


async def a_far_migrant(county: County, name: str = "赵远") -> Migrant:
    """Registered in the first county, living in the second."""
    return Migrant(await a_place(county, "worker-1", name, status="away"), await a_place(county, "far-1", name), str(uuid4()))
