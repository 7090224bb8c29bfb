"""What the documentation shows of each operation: a call that works as it stands on the demonstration county, and its reply.

The rows are those that `make run` writes, as the service shows them. A test makes every call, and names what has no example here.
"""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from functools import cache
from typing import Any, NamedTuple, cast
from uuid import UUID, uuid5

import orjson
from pydantic import BaseModel

from api import demo, demo_migrants, demo_money, pushed
from api.language import both
from api.problems import DAY_TO_COME
from api.routers import sync, wire
from api.routers.about import ABSENT
from api.rules import residence as two_places
from api.rules.attendance import id_of
from api.rules.citizen_id import check_digit
from api.rules.standard_catalogues import standard
from api.schemas.activation_card import ActivationCard
from api.schemas.attendance import Attendance
from api.schemas.base import Change, EndOf, mark_of
from api.schemas.catalogue_entry import CatalogueEntry
from api.schemas.charge import Charge
from api.schemas.checkup_programme import CheckupProgramme
from api.schemas.checkup_session import CheckupSession
from api.schemas.consent import Consent
from api.schemas.counting import Counting
from api.schemas.deposit import Deposit
from api.schemas.family import FamilyHousehold, FamilyRecord
from api.schemas.fee_item import FeeItem
from api.schemas.follow_up import FollowUp
from api.schemas.household import Household
from api.schemas.imports import Import, ImportSummary
from api.schemas.payment import Payment
from api.schemas.person import Person
from api.schemas.place import Place
from api.schemas.receipt_book import ReceiptBook
from api.schemas.refund import Refund
from api.schemas.residence import Residence
from api.schemas.residence_proposal import ResidenceProposal
from api.schemas.unsettled import Conflict, KeptOp
from api.schemas.user import DeviceReply, HeldPlace, Me, UserReply
from api.schemas.visit import Visit

DEVICE_ID = "b1f9e6f0-2f7a-4b0e-9a6d-0c9f3f6a7e10"
AT = "2026-11-21T02:12:01.250Z"
CHANGE_OF_PLACES = (
    "level,old_code12,old_name,new_code12,new_name,between_snapshots,kind,evidence\n"
    "village,,,990101100209,新园村,2025..2026,created,民政局通知\n"
)
# values of filters that are no member of the record shown
FILTERS: dict[str, Any] = {
    "visited_from": "2026-10-01",
    "visited_to": "2026-11-20",
    "not_visited_since": "2026-06-01",
    "due": "week",
    "due_from": "2026-11-01",
    "due_to": "2026-12-31",
    "mine": True,
    "silenced": False,
    "held_from": "2026-12-01",
    "held_to": "2026-12-31",
    "in_force_on": "2026-11-24",
    "running_out": False,
    "waiver_asked": False,
    "paid_from": "2026-11-01",
    "paid_to": "2026-11-30",
    "has_credit": False,
    "deposited_from": "2026-11-01",
    "comes_home": True,
}
BASE = {"rev": 1, "voided": False, "created_at": AT, "updated_at": AT}


class Example(NamedTuple):
    """`caller`: a user who may; None: nobody need sign in. `reply`: None where there is none. `query`: values of filters, and maybe more.
    `bodies`: {name: (what it shows, body)}."""

    caller: str | None
    reply: Any = None
    body: Any = None
    path: Mapping[str, Any] = {}
    query: Mapping[str, Any] = {}
    bodies: Mapping[str, tuple[str, Any]] = {}


def _shown(model: type[BaseModel], row: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A `row` as the service shows it: the members of `model`, with `more` and else what is in every new record."""
    given = {**BASE, **row, **more}
    members = {name: field for name, field in model.model_fields.items() if not mark_of(field, EndOf)}  # which a list does not show
    empty = {name: None if field.is_required() else field.get_default() for name, field in members.items()}
    shown: dict[str, Any] = orjson.loads(orjson.dumps({name: given.get(name, empty[name]) for name in empty}))
    return shown


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
        # one to show, one of another household to void, and a household of nobody, to void
        told = [row for row in self.visits if row["author"] == self.worker["id"] and row["notes"] and row["agreed"]]
        self.visit = told[-1]
        self.visit_to_void = next(row for row in told if row["household_id"] != self.visit["household_id"])
        self.follow_ups = [row for row in demo.follow_ups() if row["household_id"] in self.households]
        self.people = [row for row in demo.people() if row["household_id"] in self.households]
        self.household_to_void = next(row for row in self.households.values() if row["head_id"] is None)

    def stored_household(self, row: demo.Household) -> dict[str, Any]:
        met = [v["visited_on"] for v in self.visits if v["household_id"] == row["id"] and v["outcome"] == "met"]
        by, last = self.users["worker-2"]["id"], max(met, default=None)
        return _shown(Household, row, place_id=self.number[row["place"]], created_by=by, last_visited_on=last)

    def stored(self, model: type[BaseModel], row: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """A row of jobs/demo_county.py `written`: what lies in its `place`, or hangs on its household."""
        said = {**row, **row.get("doc", {})}
        place = said["place"] if "place" in said else self.households[said["household_id"]]["place"]
        return _shown(model, said, **{"place_id": self.number[place], "created_by": said.get("author")} | more)

    def stored_person(self, row: demo.Person) -> dict[str, Any]:
        return self.stored(Person, row, created_by=self.users["worker-2"]["id"])

    def stored_visit(self, row: demo.Visit) -> dict[str, Any]:
        return self.stored(Visit, row, worker_id=row["author"])

    def stored_place(self, n: int) -> dict[str, Any]:
        row = self.places[n]
        parent_id = self.number[row["parent_id"]] if row["parent_id"] else None
        return _shown(Place, row, place_id=n, parent_id=parent_id, successor_ids=[], former_names=[], valid_to_provisional=False)

    def held(self, row: demo.User) -> list[dict[str, Any]]:
        return [_shown(HeldPlace, self.stored_place(n), reach=row["reach"]) for n in sorted(self.number[p] for p in row["places"])]

    def stored_user(self, row: demo.User) -> dict[str, Any]:
        return _shown(UserReply, row, places=self.held(row))


@cache
def by_operation() -> Mapping[str, Example]:
    """By operationId. Built at the first look at the documentation: it takes half a second."""
    county = _Demo()
    return dict(
        [
            *_signing_in(county),
            *_family(county),
            *_cards(county),
            *_records(county),
            *_users(county),
            *_imports(county),
            *_syncing(county),
            *_unsettled(county),
            *_putting_right(county),
            *_money(county),
            *_two_places(county),
            *_service(),
        ]
    )


def _signing_in(county: _Demo) -> Iterator[tuple[str, Example]]:
    worker = county.worker
    device = {"id": DEVICE_ID, "user_id": worker["id"], "name": f"{worker['name']}的手机", "state": "active"}
    device = _shown(DeviceReply, device, registered_at=AT, signed_in_at=AT)
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
    account = _shown(Me, worker, places=county.held(worker), device=device, language="zh", password_temporary=False)
    yield "get_me", Example("worker-1", account)
    yield "list_devices", Example("worker-1", {"items": [device], "next": None}, query=device)
    yield "revoke_device", Example("worker-1", path={"id": DEVICE_ID})
    yield "report_device_lost", Example("worker-1", path={"id": DEVICE_ID})


def _family(county: _Demo) -> Iterator[tuple[str, Example]]:
    head = county.users["head-1"]
    home = county.households[cast(UUID, head["household_id"])]
    person = next(row for row in county.people if row["id"] == home["head_id"])
    visit = next(row for row in county.visits if row["household_id"] == home["id"] and row["notes"])
    lists: dict[str, Any] = {
        name: [] for name, field in FamilyRecord.model_fields.items() if field.annotation not in (FamilyHousehold, int)
    }
    lists["members"] = [{**county.stored_person(person), "identity_last4": None}]
    lists["visits"] = [{**county.stored_visit(visit), "worker_name": county.worker["name"], "corrections": []}]
    where = ["青禾县", "青禾镇", "柳湾村", "第一村民小组"]
    record = {"household": {**county.stored_household(home), "places": where}, **lists, "credit_fen": 0}
    yield "get_own_household", Example("head-1", record)
    one = next(row for row in demo.attendances() if row["person_id"] == person["id"])
    session = next(row for row in demo.sessions() if row["id"] == one["session_id"])
    of = {name: dict(session)[name] for name in ("from_time", "to_time", "venue")}
    of |= {"programme_name": demo.programmes()[1]["name"], "session_status": "planned", "held_on": session["held_on"].isoformat()}
    asked = {**_shown(Attendance, one, place_id=county.number[home["place"]], created_by=one["author"]), **of}
    at = {"id": str(one["id"])}
    yield "confirm_invitation", Example("head-1", {**asked, "state": "confirmed", "rev": 2}, path=at)
    yield "decline_invitation", Example("head-1", {**asked, "state": "declined", "rev": 3}, path=at)
    yield "undo_invitation", Example("head-1", {**asked, "state": "confirmed", "rev": 4, "undone_at": AT}, path=at)
    paid = next(row for row in demo_money.payments() if row["doc"]["household_id"] == county.users["lead-1"]["household_id"])
    yield "get_own_receipt", Example("lead-1", path={"id": str(paid["id"])})
    new = {"id": "0193a1f2-6d15-7b44-9c1e-5a6b7c8d9e31", "words": "想问问养老金怎么领", "wished_on": "2026-11-27"}
    due = {"household_id": home["id"], "reason": "answer_to_request", "due_on": "2026-12-01", "created_by": head["id"]}
    due |= {"words": "希望来访的日子：2026-11-27\n想问问养老金怎么领", "id": new["id"]}
    said: dict[str, Any] = {"created_by_name": head["name"], "assignee_name": None, "corrections": []}
    yield "request_visit", Example("head-1", {**_shown(FollowUp, due, place_id=county.number[home["place"]]), **said}, new)


def _cards(county: _Demo) -> Iterator[tuple[str, Example]]:
    drawer, wrong, handed, tried = (
        _shown(ActivationCard, row, place_id=county.number[county.village], created_by=county.users["township-1"]["id"])
        for row in demo.cards()
    )
    bound = {"status": "bound", "bound_on": "2026-11-24", "rev": 2}
    yield from _reads("activation_card", "activation_cards", "worker-1", {**handed, "status": "printed"} | bound)
    head = next(row["head_id"] for row in county.households.values() if row["number"] == "1101-07")
    who = {"person_id": str(head)}
    yield "change_activation_card", Example("worker-1", {**drawer, **who, **bound}, who, {"id": drawer["id"]})
    voided = {**wrong, "status": "printed", "voided": True, "rev": 2}
    yield "void_activation_card", Example("worker-1", voided, {"reason": "印坏了"}, {"id": wrong["id"]})
    yield "print_activation_cards", Example("township-1", body={"place_id": county.number[county.village], "count": 8})
    card = {"card_number": tried["number"], "code": demo.CARD_CODE, "password": demo.PASSWORD}
    tokens = {"access_token": "eyJhbGciOiJFUzI1NiIsImtpZCI6Ij…", "token_type": "bearer", "expires_in": 900}
    more = {"refresh_token": "1.Zr8hQd2…", "device_id": DEVICE_ID, "password_temporary": False}
    yield "activate", Example(None, {**tokens, **more}, card)


def _records(county: _Demo) -> Iterator[tuple[str, Example]]:
    shown, other = county.stored_visit(county.visit), county.stored_visit(county.visit_to_void)
    new: dict[str, Any] = {
        "id": "0193a1f2-5b7c-7cc3-98c4-dc0c0c07398f",
        "household_id": other["household_id"],
        "visited_on": (demo.DEMO_DAY + timedelta(days=1)).isoformat(),
        "manner": "home",
        "outcome": "met",
        "met_ids": [str(county.households[UUID(other["household_id"])]["head_id"])],
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
    stored = {**home, "head_id": None, **new, "created_by": shown["created_by"], "last_visited_on": None}
    yield from _calls(
        "household", "households", "worker-1", home, (new, stored), changes, county.stored_household(county.household_to_void)
    )

    head = next(row for row in county.people if row["household_id"] == UUID(home["id"]))
    shown, wrong = county.stored_person(head), county.stored_person(county.people[-1])
    new = {
        "id": "0193a1f2-6c9a-7a01-8b52-4f3c5d6e7f80",
        "household_id": home["id"],
        "name": "王小雨",
        "sex": 2,
        "born_on": "2004-05-06",
        "relation": "child",
        "phones": [],
        "status": "away",
    }
    stored = {**shown, **new, "created_by": str(county.worker["id"])}
    yield from _calls("person", "people", "worker-1", shown, (new, stored), {"status": "away"}, wrong)
    # the one call that shows the end of the number as well
    yield "get_person", Example("worker-1", {**shown, "identity_last4": None}, path={"id": shown["id"]})
    spouse = next(row for row in county.people if row["relation"] == "spouse" and str(row["household_id"]) != home["id"])
    yield from _identity_number(spouse, county.worker["id"])

    yield from _joining(county)

    due, wrong = (county.stored(FollowUp, row) for row in [row for row in county.follow_ups if row["words"] and row["assignee_id"]][:2])
    new = {
        "id": "0193a1f2-6d15-7b44-9c1e-5a6b7c8d9e0f",
        "household_id": home["id"],
        "person_id": home["head_id"],
        "reason": "subsidy",
        "words": "问补贴到账没有",
        "due_on": "2026-11-27",
        "priority": "high",
    }
    nobodys = {"assignee_id": None, "assignee_place_id": None, "status": "open", "done_by_visit_id": None, "dropped_because": None}
    stored = {**due, **nobodys, **new, "place_id": home["place_id"], "created_by": str(county.worker["id"])}
    yield from _calls("follow_up", "follow_ups", "worker-1", due, (new, stored), {"due_on": "2026-11-30", "priority": "low"}, wrong)

    yield from _checkups(county)

    village = county.stored_place(county.number[county.village])
    yield from _reads("place", "places", "worker-1", village)
    group: dict[str, Any] = {"parent_id": village["place_id"], "group_number": 9}
    last = {"place_id": len(county.places) + 1, "id": "7c9e6679-7425-40de-944b-e07fc1f90ae7", "code": None, "level": "group"}
    last |= {"created_by": str(county.users["township-1"]["id"])}
    yield "create_group", Example("township-1", {**village, **last, **group, "name": "第9村民小组"}, group)
    report = {"created": 1, "changed": 0, "left_out": 0, "warnings": []}
    yield "import_places", Example("county-admin", report, CHANGE_OF_PLACES)

    listed, wrong = (_shown(CatalogueEntry, row, place_id=1) for row in standard() if row["code"] == "elder_care")
    new = {"id": "0193a1f2-7d21-7e6f-9b52-4a3c6d7e8f90", "catalogue": "visit_purpose", "code": "legal_aid"}
    new |= {"name": "法律援助", "name_en": "Legal aid"}
    stored = {**listed, **new, "created_by": str(county.users["county-admin"]["id"])}
    yield from _calls(
        "catalogue_entry", "catalogue_entries", "county-admin", listed, (new, stored), {"name_en": "Care for older people"}, wrong
    )


def _checkups(county: _Demo) -> Iterator[tuple[str, Example]]:
    desk, officer, worker = (str(county.users[name]["id"]) for name in ("county-admin", "township-1", "worker-1"))
    programme, wrong = (_shown(CheckupProgramme, row, place_id=1, created_by=None, active=True) for row in demo.programmes())
    new: dict[str, Any] = {
        "id": "0193a1f2-6d77-7b44-9c1e-5a6b7c8d9e10",
        "name": "高血压筛查",
        "basis": "国家基本公共卫生服务规范",
        "who": {"born_from": None, "born_to": "1991-12-31", "sex": None},
        "rounds": [{"number": 1, "from_on": "2027-03-01", "to_on": "2027-06-30"}],
    }
    stored = {**programme, **new, "created_by": desk}
    changes: dict[str, Any] = {"basis": "国家基本公共卫生服务规范（第三版）"}
    yield from _calls("checkup_programme", "checkup_programmes", "county-admin", programme, (new, stored), changes, wrong)
    eligible = county.stored_person(next(row for row in county.people if row["status"] == "present" and row["born_on"] < date(1961, 1, 1)))
    asked = {"place_id": county.number[county.village], "round": 1}
    listed = {"items": [eligible], "next": None}
    yield "list_eligible_people", Example("worker-1", listed, path={"id": programme["id"]}, query=asked)
    village = county.places[county.number[county.village]]
    row = {"place_id": asked["place_id"], "code": village["code"], "name": village["name"], "level": "village", "places": 0}
    told = {"programme_id": programme["id"], "round": 1, "due_on": "2027-01-07", "published_on": None}
    told["rows"] = [{**row, "offered": None, "attended": None}]
    yield "get_checkup_counts", Example("worker-1", told, path={"id": programme["id"]}, query=asked)

    session, wrong = (county.stored(CheckupSession, row) for row in demo.sessions() if str(row["author"]) == officer)
    more = {"programme_id": programme["id"], "round": 1, "held_on": "2026-12-15", "from_time": "08:30", "to_time": "11:00"}
    new = {"id": "0193a1f2-6d88-7b44-9c1e-5a6b7c8d9e11", "place_id": session["place_id"], **more, "venue": "镇文化站", "capacity": 40}
    made = {**session, **new}
    yield from _calls("checkup_session", "checkup_sessions", "township-1", session, (new, made), {"capacity": 80}, wrong)

    one = next(row for row in demo.attendances() if row["person_id"] in [person["id"] for person in county.people])
    place_of = {row["id"]: row["place_id"] for row in map(county.stored_person, county.people)}
    shown = _shown(Attendance, one, place_id=place_of[str(one["person_id"])], created_by=one["author"])
    new = {"programme_id": programme["id"], "round": 1, "person_id": eligible["id"], "session_id": session["id"], "state": "invited"}
    stored = {**shown, **new, "id": str(id_of(new)), "place_id": eligible["place_id"], "created_by": worker}
    yield from _calls("attendance", "attendances", "worker-1", shown, (new, stored), {"state": "declined"})


def _joining(county: _Demo) -> Iterator[tuple[str, Example]]:
    """Of households that no other example is about."""
    *_, quiet, split, merged, into, _ = county.households.values()
    of = {home["id"]: [row for row in county.people if row["household_id"] == home["id"]] for home in (quiet, split, merged)}
    one, two = (str(row["id"]) for row in (of[quiet["id"]][-1], county.people[0]))
    joined = {"id": one, "records": {"household": 1, "person": 1} if len(of[quiet["id"]]) == 1 else {"person": 1}}
    yield "join_person", Example("worker-1", joined, {"into_id": two}, {"id": one})
    yield "part_person", Example("worker-1", {"id": one, "records": {"person": 1}}, path={"id": one})
    due = [row for row in county.follow_ups if row["household_id"] == merged["id"] and row["status"] == "open"]
    records = {"household": 1, "person": len(of[merged["id"]])} | ({"follow_up": 2} if due else {})
    told = {"id": str(merged["id"]), "records": records}
    yield "merge_household", Example("worker-1", told, {"into_id": str(into["id"])}, {"id": told["id"]})
    goes = str(of[split["id"]][-1]["id"])
    new = {
        "id": "0193a1f2-6e20-7d5e-8a41-3f2b5c6d7e90",
        "place_id": county.number[split["place"]],
        "number": f"{split['number'][:4]}-91",
        "head_id": goes,
        "person_ids": [goes],
    }
    records = {"household": 2 if len(of[split["id"]]) == 1 else 1, "person": 1}
    yield "split_household", Example("worker-1", {"id": new["id"], "records": records}, new, {"id": str(split["id"])})


def _identity_number(person: demo.Person, worker_id: UUID) -> Iterator[tuple[str, Example]]:
    """In the order of the page: it is stored, read and removed."""
    first = f"990101{person['born_on']:%Y%m%d}00{person['sex']}"  # of the invented county; even for women
    number, path = first + check_digit(first), {"id": str(person["id"])}
    purpose = "help_with_application"
    entry = {"at": AT, "by_user_id": str(worker_id), "by_device_id": DEVICE_ID, "what": "identity_number", "purpose": purpose}
    yield "put_identity_number", Example("worker-1", {"identity_last4": number[-4:], "differs_in": []}, {"number": number}, path)
    yield "get_identity_number", Example("worker-1", {"number": number}, path=path, query={"purpose": purpose})
    yield "delete_identity_number", Example("worker-1", path=path)
    yield "list_person_access_log", Example("worker-1", {"items": [entry], "next": None}, path=path)


def _reads(kind: str, plural: str, caller: str, stored: dict[str, Any]) -> Iterator[tuple[str, Example]]:
    """A list is filtered by what the record shown has, or by FILTERS."""
    path = {"id": stored["id"]}
    entry = _shown(Change, {}, by_user_id=stored["created_by"], made_at=AT, received_at=AT)
    yield f"list_{plural}", Example(caller, {"items": [stored], "next": None}, query={**stored, **FILTERS})
    yield f"get_{kind}", Example(caller, stored, path=path)
    yield f"list_{kind}_revisions", Example(caller, {"items": [entry]}, path=path)


def _two_places(county: _Demo) -> Iterator[tuple[str, Example]]:
    """Of people who left the first village, and of somebody who is said to come from elsewhere."""
    by, village = "worker-1", county.stored_place(county.number[county.village])
    number = {row["id"]: county.stored_person(row)["place_id"] for row in county.people}

    def stored(one: demo_migrants.Migrant, row: demo_money.Row, **more: Any) -> dict[str, Any]:
        said = {**row["doc"], "id": row["id"], "registered_in": village["code"], "state": "proposed", "waiting_since": "2026-11-24"}
        return _shown(Residence, said | more, place_id=number[one.person["id"]], created_by=row["author"])

    rows = zip(demo_migrants.migrants(), demo_migrants.residences(), strict=False)  # the answers follow
    waits, wrong, *_ = [each for each in rows if each[0].person["id"] in number and not each[0].there]
    shown = stored(*waits)
    home = waits[0].person["household_id"]
    other = next(row for row in county.people if row["household_id"] == home and str(row["id"]) != shown["person_id"])
    new = {"residence_id": "0193a1f2-7e21-7c02-9f40-3b1c5d7e9a01", "side": "registration", "person_id": str(other["id"])}
    new |= {"living_in": f"{demo.COUNTY_CODE[:6]}101000", "since_on": "2026-11-20", "cause": "study"}
    made = {**shown, **new, "id": str(two_places.id_of(new))}
    taken_back = stored(*wrong, state="declined", waiting_since=None)
    yield from _calls("residence", "residences", by, shown, (new, made), {"comes_home_on": "2027-02-03"}, taken_back)

    together = {"id": "0193a1f2-7e21-7c02-9f40-3b1c5d7e9a03", "person_ids": [str(other["id"])]}
    together |= {name: new[name] for name in ("side", "living_in", "since_on")}
    yield "create_residences_of_household", Example(by, {"id": str(home), "records": {"residence": 1}}, together, {"id": str(home)})
    letter = {"residence_id": str(demo_migrants.FAR), "side": "registration", "to_code": demo_migrants.FAR_CODE, "version": 1}
    letter |= {"delivered_version": 0, "made_at": AT, "tries": 1, "state": "waiting", "problem": "NoSuchCounty"}
    yield "list_outbox", Example("county-admin", {"items": [letter]}, query=letter)
    yield "replay_letter", Example("county-admin", letter, path=letter)

    [said] = [row for row in demo_migrants.consents() if str(row["doc"]["person_id"]) == shown["person_id"]]
    at = {"acted_at": "2026-11-20T02:00:00.000Z", "place_id": shown["place_id"], "created_by": said["author"], "through": "self"}
    given = _shown(Consent, {**said["doc"], "id": said["id"], **at})
    yield from _reads("consent", "consents", by, given)
    members = ("person_id", "act", "acted_at", "text_version", "through")
    again = {"id": "0193a1f2-7e21-7c02-9f40-3b1c5d7e9a02", "purpose": "share_contact", **{name: given[name] for name in members}}
    yield "create_consent", Example(by, {**given, **again}, again)

    asked = next(one for one in demo_migrants.migrants() if one.lives_in["id"] == county.village and not one.there)
    about = {name: asked.person[name] for name in ("name", "sex", "born_on")}
    ends = {"side": "residence", "registered_in": asked.village["code"], "living_in": village["code"]}
    days = {"since_on": demo_migrants.SINCE, "cause": "work", "status": "waiting", "proposed_on": "2026-11-24"}
    told = _shown(ResidenceProposal, {**about, **ends, **days, "id": asked.residence_id}, place_id=village["place_id"], created_by=None)
    yield from _reads("residence_proposal", "residence_proposals", by, told)
    because = {"declined_because": "查无此人"}
    declined = {**told, **because, **dict.fromkeys((*about, "living_in")), "status": "declined", "rev": 2}
    yield "change_residence_proposal", Example(by, declined, because, {"id": told["id"]})


def _calls(
    kind: str, plural: str, caller: str, stored: dict[str, Any], new: tuple[Any, Any], changes: dict[str, Any], wrong: Any = None
) -> Iterator[tuple[str, Example]]:
    """What every kind has. `new`: the body of a creation and what is stored then. `wrong`: a record to void."""
    yield from _reads(kind, plural, caller, stored)
    yield f"create_{kind}", Example(caller, new[1], new[0])
    yield f"change_{kind}", Example(caller, {**stored, **changes, "rev": 2}, changes, {"id": stored["id"]})
    if wrong:
        yield f"void_{kind}", Example(caller, {**wrong, "voided": True, "rev": 2}, {"reason": "重复登记"}, {"id": wrong["id"]})


def _imports(county: _Demo) -> Iterator[tuple[str, Example]]:
    """Of the register that the first township has sent."""
    by, path = "township-1", {"id": str(demo.IMPORT_ID)}
    sent = {"id": demo.IMPORT_ID, "kind": "households", "file_name": "户册.csv", "by_user_id": county.users[by]["id"], "created_at": AT}
    ready = _shown(Import, sent, state="ready", rows=2, done=0, created=0, unchanged=0, refused=0, undone=0, problem_count=0, note_count=0,
                   ended_at="2026-11-21T02:12:02.010Z", problems=[], notes=[])  # fmt: skip
    reading = {**ready, "id": "0193a1f2-9f43-7a81-8d74-6c5e8f901234", "state": "reading", "rows": 0, "ended_at": None}
    yield "get_import_template", Example(by, path={"kind": "people"})
    file = {"kind": ready["kind"], "file_name": ready["file_name"]}
    yield "create_import", Example(by, reading, demo.register(), query=file)
    yield "list_imports", Example(by, {"items": [{name: ready[name] for name in ImportSummary.model_fields}], "next": None})
    yield "get_import", Example(by, ready, path=path)
    yield "confirm_import", Example(by, {**ready, "state": "running"}, path=path)
    yield "undo_import", Example(by, {**ready, "state": "undoing", "done": 2, "created": 2}, path=path)


def _users(county: _Demo) -> Iterator[tuple[str, Example]]:
    by, place_id = "county-admin", county.number[county.village]
    *_, renamed, leaving, staying = county.users.values()  # of whom programs know nothing
    shown, held = county.stored_user(staying), county.held(county.worker)
    path, password = {"id": shown["id"]}, {"password": "k7wm-3pqx-9tzd-h4rf"}
    new = {"username": "li-ming", "name": "李明", "role": "village", "place_ids": [place_id]}
    added = {"username": "li-ming", "name": "李明", "role": "village", "places": held}
    worker = county.stored_user(county.worker)
    yield "list_users", Example(by, {"items": [worker], "next": None}, query=worker)
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
    kinds = {"kinds": "household,visit", "place_id": village["place_id"]}
    yield "pull", Example("worker-1", {**sync.PULLED, "changes": [upsert, sync.REMOVED], "of": 2}, query=kinds)
    yield "get_digest", Example("worker-1", sync.DIGEST, query=kinds)
    doc = {
        "household_id": str(county.visit["household_id"]),
        "visited_on": demo.DEMO_DAY.isoformat(),
        "outcome": "met",
        "notes": "老人精神好",
    }
    edit = {"kind": "visit", "id": "0193a1f2-8e32-7f70-8c63-5b4d7e8f9012", "base_rev": None, "at": pushed.AT, "doc": doc}
    result = {"id": edit["id"], "kind": "visit", "outcome": "applied", "rev": 1}
    reply = {"results": [result], "clock_skew_seconds": 0, "server_time": sync.PULLED["server_time"]}
    yield "push", Example("worker-1", reply, {"ops": [edit]})


def _unsettled(county: _Demo) -> Iterator[tuple[str, Example]]:
    """Of each list, the entry that the demonstration county has."""
    said = [(each["op"], pushed.take(each["op"], each["phone"]).op, each["phone"]) for each in demo.unsettled()]
    by, household_of = county.worker["id"], {str(row["id"]): row["household_id"] for row in county.visits}

    def entry(n: int, **more: Any) -> dict[str, Any]:
        op, taken, phone = said[n]
        mark = UUID(bytes=taken.mark) if taken else None
        home = county.households.get(household_of.get(op["id"]) or UUID(op["doc"]["household_id"]))
        place_id = county.number[home["place"] if home else county.village]
        told = {**op, "record_id": op["id"], "id": mark, "by_user_id": by, "device_id": phone, "place_id": place_id, "void": None}
        return _shown(KeptOp, {"received_at": AT, "settled": None, "settled_at": None, "settled_by": None, **told, **more})

    why = wire.problem_example(DAY_TO_COME)["value"]
    rejected = entry(2, problem=why, reason=None, waits_for=None)
    waits = entry(3, problem=None, reason=None, waits_for=said[3][0]["doc"]["household_id"])
    taken_in, dismissed = (entry(n, problem=None, reason="device_lost", waits_for=None) for n in (4, 5))
    clash = entry(1, problem=None, reason=None, waits_for=None)
    values = {
        "field": "notes",
        "yours": said[1][0]["doc"]["notes"],
        "theirs": said[0][0]["doc"]["notes"],
        "made_at": "2026-11-20T02:00:00.000Z",
    }
    clash = _shown(Conflict, {**clash, **values, "id": uuid5(UUID(clash["id"]), "notes")})
    one_of_each = {"rejected_ops": rejected, "held_ops": waits, "inbox": taken_in, "conflicts": clash}
    for name, item in one_of_each.items():
        yield f"list_{name}", Example("township-1", {"items": [item], "next": None})
    settled = {"settled": "mine", "settled_at": AT, "settled_by": str(by)}
    yield "resolve_conflict", Example("worker-1", {**clash, **settled}, {"choose": "mine"}, {"id": clash["id"]})
    yield "dismiss_rejected_op", Example("worker-1", path={"id": rejected["id"]})
    yield "accept_inbox_entry", Example("township-1", {"outcome": "applied", "rev": 2}, path={"id": taken_in["id"]})
    yield "dismiss_inbox_entry", Example("township-1", path={"id": dismissed["id"]})


def _putting_right(county: _Demo) -> Iterator[tuple[str, Example]]:
    one, other = (county.stored_person(row) for row in county.people[:2])
    other = {**other, "name": one["name"], "born_on": one["born_on"]}
    ids = {"kind": "person", "id": one["id"], "other_id": other["id"]}
    joins = {"method": "POST", "path": f"/v1/people/{other['id']}/join", "if_match": None, "body": {"into_id": one["id"]}}
    pair = {**ids, "place_id": one["place_id"], "one": one, "other": other, "repair": joins}
    yield (
        "list_possible_doubles",
        Example("worker-1", {"items": [pair], "next": None}, query={"kind": "person", "place_id": one["place_id"]}),
    )
    yield "dismiss_possible_double", Example("worker-1", body=ids)
    home = {**county.stored_household(county.households[UUID(one["household_id"])]), "head_id": None}
    heads = {"method": "PATCH", "path": f"/v1/households/{home['id']}", "if_match": '"1"', "body": {"head_id": one["id"]}}
    wrong = {
        "problem": "nobody-is-head",
        "words": "户里有人，但没有户主",
        "kind": "household",
        "id": home["id"],
        "place_id": home["place_id"],
    }
    listed = {"items": [{**wrong, "doc": home, "repair": heads}], "next": None}
    yield "list_to_put_right", Example("worker-1", listed, query=wrong)


def _money(county: _Demo) -> Iterator[tuple[str, Example]]:
    """Of the waste fee; worker-1 holds the receipt book."""
    worker, officer, desk = (str(county.users[name]["id"]) for name in ("worker-1", "township-1", "county-admin"))
    yield from _charges(county, worker, officer, desk)
    yield from _payments(county, worker, officer)
    yield from _cash(county, worker, officer)


def _charges(county: _Demo, worker: str, officer: str, desk: str) -> Iterator[tuple[str, Example]]:
    homes, village = county.households, county.number[county.village]
    [fee] = demo_money.fee_items()
    item = _shown(FeeItem, fee["doc"], id=fee["id"], place_id=1, created_by=None)
    new: dict[str, Any] = {
        "id": "0193a1f2-a054-7b92-8e85-7d6f9a012345",
        "code": "waste_fee",
        "name": "生活垃圾处理费",
        "name_en": "Household waste fee",
        "basis": item["basis"],
        "amount_fen": 7200,
        "valid_from": "2027-01-01",
    }
    yield from _reads("fee_item", "fee_items", "county-admin", item)
    yield "create_fee_item", Example("county-admin", {**item, **new, "created_by": desk}, new)

    book, spare = (county.stored(ReceiptBook, row, spoiled=[]) for row in demo_money.receipt_books())
    new = {"id": "0193a1f2-a165-7ca3-8f96-8e70ab123456", "place_id": village, "device_id": book["device_id"], "series": "青A"}
    new |= {"first_number": 101, "last_number": 150}
    stored = {**book, **new, "created_by": officer}
    yield from _calls("receipt_book", "receipt_books", "township-1", book, (new, stored), {"status": "returned"}, spare)
    path = {"id": book["id"]}
    numbers = {"left": 50, "items": [{"number": 1, "state": "blank", "payment_ids": []}]}
    yield "list_receipt_numbers", Example("township-1", numbers, path=path)
    spoiled = {**book, "status": "returned", "rev": 3, "spoiled": [50]}  # after the change above
    yield "spoil_receipt_number", Example("worker-1", spoiled, path={**path, "number": 50})

    charged = [row for row in demo_money.charges() if row["doc"]["household_id"] in homes]
    kept: dict[str, Any] = {"status": "open", "paid_fen": 0}
    due, wrong, asked, declined, home_charge = (county.stored(Charge, row, **kept) for row in (*charged[1:3], *charged[4:6], charged[1]))
    new = {
        "id": "0193a1f2-a276-7db4-9007-9f81bc234567",
        "fee_item_id": item["id"],
        "household_id": home_charge["household_id"],
        "amount_fen": demo_money.FEE_FEN,
        "due_on": "2027-12-31",
    }
    stored = {**due, "person_id": None, **new, "created_by": worker}
    yield from _calls("charge", "charges", "worker-1", due, (new, stored), {"due_on": "2027-01-31"}, wrong)
    voided = {**wrong, "voided": True, "status": "cancelled", "rev": 2}
    yield "void_charge", Example("township-1", voided, {"reason": "重复登记"}, {"id": wrong["id"]})
    many = {
        "id": "0193a1f2-a387-7ec5-9118-a092cd345678",
        "fee_item_id": item["id"],
        "due_on": "2028-12-31",
        "household_ids": [str(row["id"]) for row in list(homes.values())[5:7]],
    }
    ids = [str(uuid5(UUID(many["id"]), home)) for home in many["household_ids"]]
    totals = {
        "id": many["id"],
        "households": 2,
        "amount_fen": demo_money.FEE_FEN,
        "total_fen": 2 * demo_money.FEE_FEN,
        "charge_ids": ids,
        "doubles": [],
    }
    yield "create_charge_list", Example("worker-1", totals, many)
    waiver = {"waived_because": "五保户", "waiver_by": worker}
    yield "ask_waiver", Example("worker-1", {**asked, **waiver, "rev": 2}, {"because": "五保户"}, {"id": asked["id"]})
    approved = {**asked, **waiver, "rev": 3, "status": "waived", "waiver_approved_by": officer}
    yield "approve_waiver", Example("township-1", approved, path={"id": asked["id"]})
    given_up = {"waived_because": None, "waiver_by": None}
    yield "decline_waiver", Example("township-1", {**declined, **given_up, "rev": 3}, path={"id": declined["id"]})


def _payments(county: _Demo, worker: str, officer: str) -> Iterator[tuple[str, Example]]:
    homes = county.households
    paid = [row for row in demo_money.payments() if row["doc"]["household_id"] in homes]
    money = {"left_fen": 0, "fiscal_code": None, "fiscal_number": None, "fiscal_check_code": None}
    payment = county.stored(Payment, paid[0], received_by=worker, **money)
    home = list(homes.values())[7]
    new: dict[str, Any] = {
        "id": "0193a1f2-a498-7fd6-8229-b1a3de456789",
        "household_id": str(home["id"]),
        "amount_fen": demo_money.FEE_FEN,
        "means": "cash",
        "paid_on": "2026-11-21",
        "receipt_book_id": str(demo_money.receipt_books()[0]["id"]),
        "receipt_number": 30,
        "payer_name": "王小雨",
    }
    stored = {**payment, **new, "place_id": county.number[home["place"]], "left_fen": demo_money.FEE_FEN}
    yield from _reads("payment", "payments", "worker-1", payment)
    yield "create_payment", Example("worker-1", stored, new)
    fiscal = {"code": "37060126", "number": "0000012345", "check_code": "a1b2c3"}
    issued = {f"fiscal_{name}": value for name, value in fiscal.items()}
    yield "get_receipt", Example("worker-1", path={"id": payment["id"]})
    yield "put_fiscal_receipt", Example("township-1", {**payment, **issued, "rev": 2}, fiscal, {"id": payment["id"]})

    asks = {"status": "proposed", "collected_by": worker, "decided_by": None, "decided_at": None}
    first, second, third = (county.stored(Refund, row, **asks) for row in demo_money.refunds())
    new = {
        "id": "0193a1f2-a5a9-70e7-933a-c2b4ef567890",
        "household_id": payment["household_id"],
        "payment_id": payment["id"],
        "amount_fen": 1000,
        "because": "多收了",
    }
    yield from _reads("refund", "refunds", "worker-1", third)
    yield "create_refund", Example("worker-1", {**first, **new, "place_id": payment["place_id"]}, new)
    decided = {"rev": 2, "decided_by": officer, "decided_at": AT}
    yield "approve_refund", Example("township-1", {**first, "status": "approved", **decided}, path={"id": first["id"]})
    yield "decline_refund", Example("township-1", {**second, "status": "declined", **decided}, path={"id": second["id"]})

    yield from _books(payment, worker, county.number[county.village])


def _cash(county: _Demo, worker: str, officer: str) -> Iterator[tuple[str, Example]]:
    village, township = county.number[county.village], county.number[county.users["township-1"]["places"][0]]
    to_do = {"status": "proposed", "confirmed_by": None, "confirmed_at": None}
    _, confirmed, disputed = (county.stored(Counting, row, **to_do) for row in demo_money.countings())
    new: dict[str, Any] = {
        "id": "0193a1f2-a6ba-71f8-844b-d3c5f0678901",
        "place_id": village,
        "worker_id": worker,
        "amount_fen": 12000,
        "counted_on": "2026-11-21",
    }
    yield from _reads("counting", "countings", "worker-1", disputed)
    yield "create_counting", Example("worker-1", {**confirmed, **new}, new)
    settled = {"rev": 2, "confirmed_by": officer, "confirmed_at": AT}
    yield "confirm_counting", Example("township-1", {**confirmed, "status": "confirmed", **settled}, path={"id": confirmed["id"]})
    yield "dispute_counting", Example("township-1", {**disputed, "status": "disputed", **settled}, path={"id": disputed["id"]})

    deposit = county.stored(Deposit, demo_money.deposits()[0])
    new = {
        "id": "0193a1f2-a7cb-7209-955c-e4d601789012",
        "place_id": township,
        "amount_fen": 6000,
        "deposited_on": "2026-11-23",
        "bank_reference": "20261123-0002",
    }
    yield from _reads("deposit", "deposits", "township-1", deposit)
    yield "create_deposit", Example("township-1", {**deposit, **new, "created_by": officer}, new)


def _books(payment: dict[str, Any], worker: str, village: int) -> Iterator[tuple[str, Example]]:
    by, here = "township-1", {"place_id": village}
    entry = {
        "seq": 280,
        "event": "payment",
        "on_day": payment["paid_on"],
        "booked_on": payment["paid_on"],
        "from_type": "credit",
        "from_owner": payment["household_id"],
        "to_type": "cash",
        "to_owner": worker,
        "amount_fen": payment["amount_fen"],
        "kind": "payment",
        "record_id": payment["id"],
        "payment_id": payment["id"],
        "charge_id": None,
        "place_id": payment["place_id"],
        "by_user_id": worker,
        "posted_at": AT,
    }
    account = {"type": "cash", "owner": worker, "balance_fen": 12000}
    yield "list_accounts", Example(by, {"items": [account], "next": None}, query={**here, "type": "cash"})
    yield "list_account_entries", Example(by, {"items": [entry], "next": None}, path={"type": "cash", "owner": worker})
    days = {"from_on": "2026-11-01", "to_on": "2026-11-30"}
    yield "list_day_book", Example(by, {"items": [entry], "next": None}, query={**here, **days})
    lines = [
        {"type": kind, "opening_fen": 0, "up_fen": up, "down_fen": down, "closing_fen": up - down}
        for kind, up, down in (("cash", 6000, 0), ("credit", 6000, 6000), ("income", 0, 6000), ("owed", 6000, 6000))
    ]
    balance = {"month": "2026-11", "closed": False, "items": lines, "sum_fen": 0}
    yield "get_trial_balance", Example(by, balance, query={**here, "month": "2026-11"})
    held = {"user_id": worker, "balance_fen": 12000, "since": "2026-11-16", "late": False}
    yield "list_custody", Example(by, {"items": [held], "next": None}, query=here)
    twice = {"problem": "number-twice", "number": "青A 1", "ids": [payment["id"]], "amount_fen": 12000}
    yield "list_discrepancies", Example(by, {"items": [twice], "next": None}, query=here)
    yield "close_month", Example("county-admin", {"month": "2026-10"}, path={"month": "2026-10"})


def _service() -> Iterator[tuple[str, Example]]:
    operator = {"name": "家访 Jiafang", "version": "0.1.0", "operator": "青禾县卫生健康局", "filing_number": ""}
    yield "get_about", Example(None, {**operator, "absent": list(ABSENT)})
    yield "get_live", Example(None, {"status": "ok", "checks": {}})
    yield "get_ready", Example(None, {"status": "ok", "checks": dict.fromkeys(("database", "role", "schema", "disk"), "ok")})
    key = {"kid": "a1", "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "x": "…", "y": "…"}
    yield "get_keys", Example(None, {"keys": [key]})
