"""What the documentation shows of each operation: a call that works as it stands on the demonstration county, and its reply.

A router says what a record looks like (STORED); here it becomes one that `make run` really serves. A test makes every call.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import cache
from typing import Any, NamedTuple

from api import demo
from api.language import both
from api.routers import catalogue_entry, household, me, place, sync, user, visit
from api.rules.catalogue_entry import standard

DEVICE_ID = "b1f9e6f0-2f7a-4b0e-9a6d-0c9f3f6a7e10"


class Example(NamedTuple):
    """`caller`: a user who may; None: nobody need sign in. `bodies`: {name: (what it shows, body)}. `reply`: None where there is none."""

    caller: str | None
    reply: Any = None
    body: Any = None
    path: Mapping[str, Any] = {}
    bodies: Mapping[str, tuple[str, Any]] = {}


class _Demo:
    """The rows of the demonstration county that the examples are about: those of the first village, where worker-1 works."""

    def __init__(self) -> None:
        self.number = {row["id"]: n for n, row in enumerate(demo.places(), 1)}
        self.places = {self.number[row["id"]]: row for row in demo.places()}
        self.users = {row["username"]: row for row in demo.users()}
        self.worker = self.users["worker-1"]
        [self.village] = self.worker["places"]
        self.groups = [row["id"] for row in self.places.values() if row["parent_id"] == self.village]
        self.households = {row["id"]: row for row in demo.households() if row["place"] in self.groups}
        self.visits = [row for row in demo.visits() if row["household_id"] in self.households]
        # one to show, one of another household to void, and a household that was never visited, to void
        told = [row for row in self.visits if row["author"] == self.worker["id"] and row["notes"] and row["agreed"]]
        self.visit = told[-1]
        self.visit_to_void = next(row for row in told if row["household_id"] != self.visit["household_id"])
        visited = {row["household_id"] for row in self.visits}
        self.household_to_void = next(row for row in self.households.values() if row["id"] not in visited)

    def stored_household(self, row: demo.Household) -> dict[str, Any]:
        met = [v["visited_on"] for v in self.visits if v["household_id"] == row["id"] and v["outcome"] == "met"]
        last = max(met).isoformat() if met else None
        mine = {"id": str(row["id"]), "place_id": self.number[row["place"]], "created_by": str(self.users["worker-2"]["id"])}
        said = {"number": row["number"], "address": row["address"], "phones": row["phones"], "status": row["status"]}
        return {**household.STORED, **mine, **said, "last_visited_on": last}

    def stored_visit(self, row: demo.Visit) -> dict[str, Any]:
        place_id = self.number[self.households[row["household_id"]]["place"]]
        said = {"household_id": str(row["household_id"]), "visited_on": row["visited_on"].isoformat(), "manner": row["manner"]}
        more = {"outcome": row["outcome"], "purposes": row["purposes"], "agreed": row["agreed"], "notes": row["notes"]}
        by = str(row["author"])
        return {**visit.STORED, "id": str(row["id"]), "place_id": place_id, "created_by": by, "worker_id": by, **said, **more}

    def stored_place(self, n: int) -> dict[str, Any]:
        row = self.places[n]
        parent = self.number[row["parent_id"]] if row["parent_id"] else None
        said = {"code": row["code"], "name": row["name"], "level": row["level"], "group_number": row["group_number"]}
        return {**place.STORED, "id": str(row["id"]), "place_id": n, "parent_id": parent, **said}

    def held(self, row: demo.User) -> list[dict[str, Any]]:
        numbers = sorted(self.number[p] for p in row["places"])
        return [{"place_id": n, **{m: self.stored_place(n)[m] for m in ("code", "name", "level")}, "reach": row["reach"]} for n in numbers]

    def stored_user(self, row: demo.User) -> dict[str, Any]:
        said = {"id": str(row["id"]), "username": row["username"], "name": row["name"], "role": row["role"]}
        return {**user.USER, **said, "places": self.held(row)}


@cache
def by_operation() -> Mapping[str, Example]:
    """By operationId. Built at the first look at the documentation: it takes half a second."""
    county = _Demo()
    return dict([*_signing_in(county), *_records(county), *_users(county), *_syncing(county), *_service()])


def _signing_in(county: _Demo) -> Iterator[tuple[str, Example]]:
    worker = county.worker
    device = {**me.DEVICE, "id": DEVICE_ID, "user_id": str(worker["id"]), "name": f"{worker['name']}的手机"}
    right = {"grant_type": "password", "username": "worker-1", "password": demo.PASSWORD}
    forms = {
        "password": (both("用户名和密码", "User name and password"), right),
        "phone": (
            both("在手机上：带上设备编号", "On a phone: with the id of the device"),
            {**right, "device_id": DEVICE_ID, "device_name": device["name"]},
        ),
        "refresh": (
            both("用刷新凭证（换成您收到的那一个）", "With a refresh token (put the one that you got)"),
            {"grant_type": "refresh_token", "refresh_token": "1.kq3bYp0…"},
        ),
    }
    tokens = {"access_token": "eyJhbGciOiJFUzI1NiIsImtpZCI6Ij…", "token_type": "bearer", "expires_in": 900}
    more = {"refresh_token": "1.Zr8hQd2…", "device_id": DEVICE_ID, "password_temporary": False}
    yield "sign_in", Example(None, {**tokens, **more}, bodies=forms)
    yield "sign_out", Example("worker-1")
    # the same password twice, so that whoever tries it can go on signing in with the one that stands in var/demo.json
    yield "change_password", Example("worker-1", body={"password": demo.PASSWORD, "new_password": demo.PASSWORD})
    account = {"id": str(worker["id"]), "name": worker["name"], "role": worker["role"], "places": county.held(worker), "device": device}
    yield "get_me", Example("worker-1", {**me.ME, **account})
    yield "list_devices", Example("worker-1", {"items": [device], "next": None})
    yield "revoke_device", Example("worker-1", path={"id": DEVICE_ID})
    yield "report_device_lost", Example("worker-1", path={"id": DEVICE_ID})


def _records(county: _Demo) -> Iterator[tuple[str, Example]]:
    shown, other = county.stored_visit(county.visit), county.stored_visit(county.visit_to_void)
    new: dict[str, Any] = {
        "id": "0193a1f2-5b7c-7cc3-98c4-dc0c0c07398f",
        "household_id": other["household_id"],
        "visited_on": (demo.DEMO_DAY + timedelta(days=1)).isoformat(),
        "manner": "home",
        "outcome": "met",
        "purposes": ["elder_care"],
        "agreed": "下周带材料来办理",
        "notes": "老人精神好",
    }
    changes: dict[str, Any] = {"notes": "老人精神好，想问问养老金"}
    stored = {**shown, **new, "place_id": other["place_id"]}
    yield from _calls("visit", "visits", "worker-1", shown, (new, stored), changes, other)

    home = county.stored_household(county.households[county.visit["household_id"]])
    new = {
        "id": "0193a1f2-6c10-7d5e-8a41-3f2b5c6d7e8f",
        "place_id": home["place_id"],
        "number": f"{home['number'][:4]}-90",
        "address": "村东头",
        "phones": ["15400001234"],
        "status": "living_here",
    }
    changes = {"address": "村西头", "phones": ["15400001234", "0543-7321456"]}
    stored = {**home, **new, "created_by": shown["created_by"], "last_visited_on": None}
    yield from _calls(
        "household", "households", "worker-1", home, (new, stored), changes, county.stored_household(county.household_to_void)
    )

    village = county.stored_place(county.number[county.village])
    yield from _reads("place", "places", "worker-1", village)
    group: dict[str, Any] = {"parent_id": village["place_id"], "group_number": 9}
    last = {"place_id": len(county.places) + 1, "id": "7c9e6679-7425-40de-944b-e07fc1f90ae7", "code": None, "level": "group"}
    last |= {"created_by": str(county.users["township-1"]["id"])}
    yield "create_group", Example("township-1", {**village, **last, **group, "name": "第9村民小组"}, group)
    report = {"created": 1, "changed": 0, "left_out": 0, "warnings": []}
    yield "import_places", Example("county-admin", report, place.CSV_EXAMPLE)

    listed, wrong = ({**catalogue_entry.STORED, **row, "id": str(row["id"])} for row in standard() if row["code"] == "elder_care")
    new = {"id": "0193a1f2-7d21-7e6f-9b52-4a3c6d7e8f90", "catalogue": "visit_purpose", "code": "legal_aid"}
    new |= {"name": "法律援助", "name_en": "Legal aid"}
    stored = {**listed, **new, "created_by": str(county.users["county-admin"]["id"])}
    yield from _calls(
        "catalogue_entry", "catalogue_entries", "county-admin", listed, (new, stored), {"name_en": "Care for older people"}, wrong
    )


def _reads(kind: str, plural: str, caller: str, stored: dict[str, Any]) -> Iterator[tuple[str, Example]]:
    path = {"id": stored["id"]}
    first = {"rev": 1, "by_user_id": stored["created_by"], "device_id": None, "made_at": stored["created_at"]}
    entry = {**first, "received_at": stored["created_at"], "changes": None, "void_reason": None}
    yield f"list_{plural}", Example(caller, {"items": [stored], "next": None})
    yield f"get_{kind}", Example(caller, stored, path=path)
    yield f"list_{kind}_revisions", Example(caller, {"items": [entry]}, path=path)


def _calls(
    kind: str, plural: str, caller: str, stored: dict[str, Any], new: tuple[Any, Any], changes: dict[str, Any], wrong: Any = None
) -> Iterator[tuple[str, Example]]:
    """What every kind has. `new`: the body of a creation and what is stored then. `wrong`: a record to void."""
    yield from _reads(kind, plural, caller, stored)
    yield f"create_{kind}", Example(caller, new[1], new[0])
    yield f"change_{kind}", Example(caller, {**stored, **changes, "rev": 2}, changes, {"id": stored["id"]})
    if wrong:
        yield f"void_{kind}", Example(caller, {**wrong, "voided": True, "rev": 2}, {"reason": "重复登记"}, {"id": wrong["id"]})


def _users(county: _Demo) -> Iterator[tuple[str, Example]]:
    by, place_id = "county-admin", county.number[county.village]
    *_, renamed, leaving, staying = county.users.values()  # of whom programs know nothing
    shown, held = county.stored_user(staying), county.held(county.worker)
    path, password = {"id": shown["id"]}, {"password": "k7wm-3pqx-9tzd-h4rf"}
    new = {"username": "li-ming", "name": "李明", "role": "village", "place_ids": [place_id]}
    added = {"username": "li-ming", "name": "李明", "role": "village", "places": held}
    yield "list_users", Example(by, {"items": [county.stored_user(county.worker)], "next": None})
    yield "create_user", Example(by, {**shown, **added, **password}, new)
    yield "change_user", Example(by, {**county.stored_user(renamed), "name": "王芳"}, {"name": "王芳"}, {"id": str(renamed["id"])})
    yield "give_place", Example(by, {**shown, "places": held + shown["places"]}, {"place_id": place_id, "reach": "below"}, path)
    yield "take_place", Example(by, shown, path={**path, "place_id": place_id})
    closed = {**county.stored_user(leaving), "places": [], "closed_at": "2026-11-24T01:00:00.000Z"}
    yield "close_user", Example(by, closed, path={"id": closed["id"]})
    yield "reset_password", Example(by, {**shown, **password}, path=path)


def _syncing(county: _Demo) -> Iterator[tuple[str, Example]]:
    village = county.stored_place(county.number[county.village])
    upsert = {"op": "upsert", "kind": "place", "id": village["id"], "rev": 1, "doc": village}
    yield "pull", Example("worker-1", {**sync.PULLED, "changes": [upsert, sync.REMOVED], "of": 2})
    yield "get_digest", Example("worker-1", sync.DIGEST)


def _service() -> Iterator[tuple[str, Example]]:
    """What anybody may ask is shown as its router has it."""
    for name in ("get_about", "get_live", "get_ready", "get_keys"):
        yield name, Example(None)


@cache
def filters() -> Mapping[str, Any]:
    """A value for each filter of the lists, by its name."""
    calls = by_operation()
    shown, home = calls["get_visit"].reply, calls["get_household"].reply
    of_visit = {name: shown[name] for name in ("household_id", "worker_id", "outcome")}
    days = {"visited_from": "2026-10-01", "visited_to": "2026-11-20", "not_visited_since": "2026-06-01"}
    of_entry = {"catalogue": "visit_purpose", "active": True}
    of_place = {"level": "village", "code": calls["get_place"].reply["code"], "parent_id": 2}
    of_user = {"role": "village", "user_id": shown["worker_id"], "status": "living_here"}
    of_sync = {"kinds": "household,visit"}
    return {**of_sync, **of_visit, **days, **of_entry, **of_place, **of_user, "place_id": home["place_id"], "number": home["number"]}
