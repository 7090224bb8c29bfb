"""The identity number of a person: sealed, in no other call, and nobody reads it unseen."""

import asyncio
import logging
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from sqlmodel import SQLModel

from api.embedded import Urls
from api.key_file import BadKeys
from api.problems import (
    CANNOT_BE_OPENED,
    IF_MATCH_REQUIRED,
    LOOKS_DOUBLE,
    NO_IDENTITY_NUMBER,
    NOT_ALLOWED,
    NOT_FOUND,
    STALE,
    VOIDED,
)
from api.rules.citizen_id import check_digit
from api.sealed import Seals
from prove.service import free_port
from tests.api.test_household import entered
from tests.conftest import TODAY, Databases, Phone, client, running
from tests.county import HELD, USERS, County, fold, level, op, push, refused
from tests.serving import start

PURPOSE = {"purpose": "help_with_application"}
FRESH = count(1)
MANY = [*tuple(USERS)[:10], "township-3", "worker-5"]


def number_of(born: date = date(1958, 3, 4), *, sex: int = 2) -> str:
    """One that nobody else has."""
    nth = next(FRESH)
    first = f"{990101 + nth // 499}{born:%Y%m%d}{2 * (nth % 499) + sex % 2:03d}"
    return first + check_digit(first)


@pytest.fixture
async def worker(county: County) -> Phone:
    return await county.sign_in("worker-1")


@pytest.fixture
async def officer(county: County) -> Phone:
    return await county.sign_in("township-1")


async def somebody(phone: Phone, **members: Any) -> dict[str, Any]:
    """A new person in a new household within the phone's reach."""
    household = await entered(phone, **({"place_id": members.pop("place_id")} if "place_id" in members else {}))
    body = {"household_id": household["id"], "name": f"试{uuid4().hex[:10]}", "sex": 2, "born_on": "1958-03-04", **members}
    reply = await phone.post("/v1/people", json=body)
    assert reply.status_code == 201, reply.text
    person: dict[str, Any] = reply.json()
    return person


def path(person_id: Any) -> str:
    return f"/v1/people/{person_id}/identity-number"


async def put(phone: Phone, person_id: Any, rev: int, number: str, **query: Any) -> httpx.Response:
    return await phone.put(path(person_id), params=query, json={"number": number}, headers={"If-Match": f'"{rev}"'})


async def delete(phone: Phone, person_id: Any, rev: int) -> httpx.Response:
    return await phone.delete(path(person_id), headers={"If-Match": f'"{rev}"'})


async def read(phone: Phone, person_id: Any) -> str | None:
    reply = await phone.get(path(person_id), params=PURPOSE)
    assert reply.status_code == 200, reply.text
    number: str | None = reply.json()["number"]
    return number


async def known(phone: Phone, **members: Any) -> tuple[str, str]:
    """Somebody whose number is stored: the id, now at revision 2, and the number."""
    person, number = await somebody(phone, **members), number_of()
    assert (await put(phone, person["id"], 1, number)).status_code == 200
    return person["id"], number


async def logged(phone: Phone, person_id: Any, **query: Any) -> list[dict[str, Any]]:
    reply = await phone.get(f"/v1/people/{person_id}/access-log", params=query)
    assert reply.status_code == 200, reply.text
    entries: list[dict[str, Any]] = reply.json()["items"]
    return entries


async def trail(phone: Phone, person_id: Any) -> list[Any]:
    return [entry["changes"] for entry in (await phone.get(f"/v1/people/{person_id}/revisions")).json()["items"]]


# Stored, read, removed


async def test_it_is_stored_and_read_and_each_reading_is_logged(worker: Phone, officer: Phone) -> None:
    person, number = await somebody(worker), number_of()
    stored = await put(worker, person["id"], 1, number)
    assert (stored.status_code, stored.headers["etag"], stored.json()) == (200, '"2"', {"identity_last4": number[-4:], "differs_in": []})
    shown = (await worker.get(f"/v1/people/{person['id']}")).json()
    assert shown == {**person, "rev": 2, "updated_at": shown["updated_at"], "identity_last4": number[-4:]}
    assert await logged(worker, person["id"]) == []
    reply = await worker.get(path(person["id"]), params={"purpose": "verify_identity"})
    assert (reply.json(), reply.headers["etag"], reply.headers["cache-control"]) == ({"number": number}, '"2"', "no-store")
    assert await read(officer, person["id"]) == number
    me = [(await phone.get("/v1/me")).json() for phone in (officer, worker)]
    told = [(entry["by_user_id"], entry["by_device_id"], entry["what"], entry["purpose"]) for entry in await logged(officer, person["id"])]
    purposes = ("help_with_application", "verify_identity")
    assert told == [(m["id"], m["device"]["id"], "identity_number", p) for m, p in zip(me, purposes, strict=True)]


async def test_without_a_number_there_is_nothing_to_read_and_that_is_logged_too(worker: Phone) -> None:
    person = await somebody(worker)
    assert await read(worker, person["id"]) is None
    assert len(await logged(worker, person["id"])) == 1


async def test_it_is_read_as_people_type_it(worker: Phone) -> None:
    person = await somebody(worker, born_on="1949-12-31")
    assert (await put(worker, person["id"], 1, " １１０１０５ 19491231 002x ")).json() == {"identity_last4": "002X", "differs_in": []}
    assert await read(worker, person["id"]) == "11010519491231002X"


TOMORROW = date.fromisoformat(TODAY) + timedelta(days=1)


@pytest.mark.parametrize("wrong", ["", "x", "110105194912310021", "11010519490229002X", number_of(TOMORROW), "户口本在家"])
async def test_what_is_no_number_is_refused_without_being_said_back(worker: Phone, wrong: str) -> None:
    person = await somebody(worker)
    reply = await put(worker, person["id"], 1, wrong)
    refused(reply, 422, NO_IDENTITY_NUMBER.slug, "/number")
    assert len(wrong) < 2 or wrong not in reply.text
    assert (await worker.get(f"/v1/people/{person['id']}")).json()["rev"] == 1


@pytest.mark.parametrize(
    ("members", "differs"),
    [
        ({"born_on": "1958-04-03"}, ["born_on"]),
        ({"sex": 1}, ["sex"]),
        ({"born_on": "1958-04-03", "sex": 1}, ["born_on", "sex"]),
        ({"born_on": None, "sex": 0}, []),
    ],
)
async def test_where_it_differs_from_the_record_is_said_and_nothing_is_taken_from_it(worker: Phone, members: Any, differs: Any) -> None:
    person, number = await somebody(worker, **members), number_of()
    assert (await put(worker, person["id"], 1, number)).json()["differs_in"] == differs
    shown = (await worker.get(f"/v1/people/{person['id']}")).json()
    assert {name: shown[name] for name in ("born_on", "sex")} == {name: person[name] for name in ("born_on", "sex")}
    assert await read(worker, person["id"]) == number


async def test_it_carries_the_revision_that_was_read(worker: Phone) -> None:
    person, number = await somebody(worker), number_of()
    for reply in (await worker.put(path(person["id"]), json={"number": number}), await worker.delete(path(person["id"]))):
        refused(reply, 428, IF_MATCH_REQUIRED.slug)
    for reply in (await put(worker, person["id"], 2, number), await delete(worker, person["id"], 2)):
        refused(reply, 412, STALE.slug)
        assert reply.json()["rev"] == 1
    assert await read(worker, person["id"]) is None


async def test_the_history_says_that_it_was_set_changed_and_removed_and_not_what_it_is(worker: Phone, officer: Phone) -> None:
    person_id, _ = await known(worker)
    assert (await put(officer, person_id, 2, number_of())).status_code == 200
    removed = await delete(worker, person_id, 3)
    assert (removed.status_code, removed.headers["etag"], removed.content) == (204, '"4"', b"")
    says = [None, *({"identity_number": change} for change in ([False, True], [True, True], [True, False]))]
    assert await trail(worker, person_id) == says
    assert await read(worker, person_id) is None
    assert (await worker.get(f"/v1/people/{person_id}")).json()["identity_last4"] is None


async def test_the_same_again_changes_nothing(worker: Phone) -> None:
    """The reply was lost; or somebody enters the number that is there."""
    person, number = await somebody(worker), number_of()
    for rev in (1, 1, 2):
        assert (await put(worker, person["id"], rev, number)).headers["etag"] == '"2"'
    for rev in (2, 2, 3):
        assert (await delete(worker, person["id"], rev)).headers["etag"] == '"3"'
    assert len(await trail(worker, person["id"])) == 3
    refused(await put(worker, person["id"], 1, number), 412, STALE.slug)  # others went on since


async def test_to_try_a_number_against_an_old_revision_tells_nothing(worker: Phone) -> None:
    person_id, number = await known(worker)
    other = number_of()
    assert (await worker.patch(f"/v1/people/{person_id}", json={"status": "away"}, headers={"If-Match": '"2"'})).status_code == 200
    right, wrong = [await put(worker, person_id, 2, tried) for tried in (number, other)]
    assert (right.status_code, right.content) == (wrong.status_code, wrong.content)


async def test_a_voided_record_takes_none_and_gives_its_own_away(worker: Phone) -> None:
    person_id, number = await known(worker)
    assert (await worker.post(f"/v1/people/{person_id}/void", json={"reason": "重复登记"})).status_code == 200
    refused(await put(worker, person_id, 3, number_of()), 409, VOIDED.slug)
    assert await read(worker, person_id) == number
    assert (await delete(worker, person_id, 3)).status_code == 204
    assert await read(worker, person_id) is None


async def test_other_edits_leave_it_alone_and_it_goes_along_when_the_person_moves(county: County, worker: Phone, officer: Phone) -> None:
    person_id, number = await known(worker)
    await read(worker, person_id)
    there = await county.sign_in("worker-3")
    household = await entered(there)
    moved = await officer.patch(f"/v1/people/{person_id}", json={"household_id": household["id"]}, headers={"If-Match": '"2"'})
    assert moved.status_code == 200
    assert await read(there, person_id) == number
    assert len(await logged(there, person_id)) == 2
    refused(await worker.get(path(person_id), params=PURPOSE), 404, NOT_FOUND.slug)


# Who may


async def calls(phone: Phone, person_id: Any, number: str) -> dict[str, httpx.Response]:
    return {
        "get": await phone.get(path(person_id), params=PURPOSE),
        "log": await phone.get(f"/v1/people/{person_id}/access-log"),
        "put": await put(phone, person_id, 2, number, confirm=True),
        "delete": await delete(phone, person_id, 3),
    }


@pytest.mark.parametrize("spot", ["worker-1", "worker-3", "worker-4", "worker-5"])
@pytest.mark.parametrize("username", MANY)
async def test_who_writes_people_there_and_nobody_else(county: County, username: str, spot: str) -> None:
    """A record out of reach is answered like none at all, to the byte."""
    there, caller, role = await county.sign_in(spot), await county.sign_in(username), USERS[username]["role"]
    groups = (await (await county.sign_in("lead-1")).get("/v1/me")).json()["places"]
    person_id, number = await known(there, **({"place_id": groups[0]["place_id"]} if spot == "worker-1" else {}))
    place = (await there.get(f"/v1/people/{person_id}")).json()["place_id"]
    seen = (await caller.get(f"/v1/people/{person_id}")).status_code == 200  # which test_scope.py holds to the places held
    assert seen or not HELD[username] & {place}
    found, nothing = await calls(caller, person_id, number_of()), await calls(caller, uuid4(), number_of())
    reading, writing = (404 if role != "household_head" else 403), (404 if role in ("township", "village") else 403)
    assert {name: reply.status_code for name, reply in nothing.items()} == {
        "get": writing, "log": reading, "put": writing, "delete": writing,
    }  # fmt: skip
    if seen and role in ("township", "village"):
        assert [reply.status_code for reply in found.values()] == [200, 200, 200, 204]
    elif seen and role == "county":
        assert [reply.status_code for reply in found.values()] == [403, 200, 403, 403]
    else:
        assert [(r.status_code, r.content) for r in found.values()] == [(r.status_code, r.content) for r in nothing.values()]
    kept = None if seen and role in ("township", "village") else number
    assert await read(there, person_id) == kept


async def test_a_lead_household_learns_neither_the_end_of_it_nor_that_it_is_there(county: County, worker: Phone) -> None:
    lead = await county.sign_in("lead-1")
    [group] = [place["place_id"] for place in (await lead.get("/v1/me")).json()["places"]]
    person_id, _ = await known(worker, place_id=group)
    assert "identity" not in (await lead.get(f"/v1/people/{person_id}")).text
    assert await trail(lead, person_id) == [None, {}]
    for reply in (await calls(lead, person_id, number_of())).values():
        refused(reply, 403, NOT_ALLOWED.slug)


async def test_the_county_sees_the_end_of_it_and_who_read_it(county: County, worker: Phone) -> None:
    person_id, number = await known(worker)
    await read(worker, person_id)
    admin = await county.sign_in("county-admin")
    assert (await admin.get(f"/v1/people/{person_id}")).json()["identity_last4"] == number[-4:]
    assert len(await logged(admin, person_id)) == 1


# Likely doubles


async def test_a_number_that_somebody_else_in_reach_has_is_probably_the_same_person(worker: Phone, officer: Phone) -> None:
    there, number = await known(worker)
    person = await somebody(worker)
    reply = await put(officer, person["id"], 1, number)
    refused(reply, 409, LOOKS_DOUBLE.slug)
    assert reply.json()["doubles"] == [there]
    assert await read(worker, person["id"]) is None
    assert (await put(officer, person["id"], 1, number, confirm=True)).headers["etag"] == '"2"'
    assert (await put(officer, person["id"], 1, number)).status_code == 200  # the same again: it is there already


async def test_nobody_is_told_of_a_double_out_of_reach(county: County, worker: Phone) -> None:
    """In the next village, which the officer of both sees; and in another township."""
    next_village, far = await county.sign_in("worker-3"), await county.sign_in("worker-4")
    (near_id, near), (_, other) = await known(next_village), await known(far)
    for number in (near, other):
        assert (await put(worker, (await somebody(worker))["id"], 1, number)).status_code == 200
    officer, person = await county.sign_in("township-1"), await somebody(worker)
    assert near_id in (await put(officer, person["id"], 1, near)).json()["doubles"]


async def test_neither_removed_nor_voided_is_it_a_double(worker: Phone) -> None:
    (gone, first), (wrong, second) = await known(worker), await known(worker)
    assert (await delete(worker, gone, 2)).status_code == 204
    await worker.post(f"/v1/people/{wrong}/void", json={"reason": "重复登记"})
    for number in (first, second):
        assert (await put(worker, (await somebody(worker))["id"], 1, number)).status_code == 200


# The reason is stated, the log stays


@pytest.mark.parametrize("query", [{}, {"purpose": ""}, {"purpose": "curiosity"}, {**PURPOSE, "more": "1"}])
async def test_nobody_reads_without_saying_what_for(worker: Phone, query: Any) -> None:
    person_id, number = await known(worker)
    reply = await worker.get(path(person_id), params=query)
    assert (reply.status_code, number in reply.text) == (422, False)
    assert await logged(worker, person_id) == []


async def test_the_log_is_read_page_by_page_the_latest_first(worker: Phone) -> None:
    (person_id, _), (other, _) = await known(worker), await known(worker)
    for purpose in ("verify_identity", "subsidy_payment", "correct_record"):
        await worker.get(path(person_id), params={"purpose": purpose})
    first = (await worker.get(f"/v1/people/{person_id}/access-log", params={"limit": 2})).json()
    assert [entry["purpose"] for entry in first["items"]] == ["correct_record", "subsidy_payment"]
    second = await worker.get(f"/v1/people/{person_id}/access-log", params={"limit": 2, "cursor": first["next"]})
    assert ([entry["purpose"] for entry in second.json()["items"]], second.json()["next"]) == (["verify_identity"], None)
    cursor = {"cursor": first["next"]}
    assert (await worker.get(f"/v1/people/{other}/access-log", params=cursor)).status_code == 422  # of another list


async def test_what_cannot_be_logged_is_not_read(county: County, worker: Phone) -> None:
    person_id, number = await known(worker)
    await county.owner.execute("ALTER TABLE access_log ADD CONSTRAINT nothing_more CHECK (false) NOT VALID")
    try:
        reply = await worker.get(path(person_id), params=PURPOSE)
    finally:
        await county.owner.execute("ALTER TABLE access_log DROP CONSTRAINT nothing_more")
    assert (reply.status_code, number in reply.text) == (500, False)


async def test_the_service_can_neither_change_nor_erase_what_is_logged(county: County, worker: Phone) -> None:
    person_id, _ = await known(worker)
    await read(worker, person_id)
    for statement in ("UPDATE access_log SET purpose = 'other' WHERE county_id = $1", "DELETE FROM access_log WHERE county_id = $1"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await county.access.database.fetch(statement, 1)


# Keys


async def test_a_number_whose_key_is_gone_is_entered_again(county: County, worker: Phone, tmp_path: Path, caplog: Any) -> None:
    person_id, number = await known(worker)
    mine = county.app.state.seals
    county.app.state.seals = Seals.load_or_create(tmp_path / "other.json")
    try:
        refused(await worker.get(path(person_id), params=PURPOSE), 409, CANNOT_BE_OPENED.slug)
        assert (person_id in caplog.text, number in caplog.text) == (True, False)
        refused(await put(worker, person_id, 1, number), 412, STALE.slug)  # what a repeat is known by is keyed too
        assert (await put(worker, person_id, 2, number)).headers["etag"] == '"3"'
        assert await read(worker, person_id) == number
    finally:
        county.app.state.seals = mine


async def test_without_its_keys_a_service_that_has_sealed_numbers_does_not_start(county: County, worker: Phone, tmp_path: Path) -> None:
    await known(worker)
    urls = Urls(county.url, county.app.state.settings.database_url, "")
    with pytest.raises(BadKeys, match="restore it from the backup"):
        async with running(urls, tmp_path):
            pass
    process = start(tmp_path, free_port(), JIAFANG_DATABASE_URL=urls.app)
    said, _ = await asyncio.to_thread(process.communicate, timeout=60)
    assert (process.returncode, "jiafang seals create" in said, "Traceback" in said) == (1, True, False)
    assert not (tmp_path / "seals.json").exists()
    Seals.load_or_create(tmp_path / "seals.json")
    async with running(urls, tmp_path):
        pass


async def test_with_other_keys_than_those_in_use_it_serves_and_says_so(county: County, worker: Phone, tmp_path: Path) -> None:
    """An old copy of the file, or another county's: the numbers would part into two rings, and nobody would notice."""
    await known(worker)
    urls = Urls(county.url, county.app.state.settings.database_url, "")
    Seals.load_or_create(tmp_path / "seals.json")
    async with running(urls, tmp_path) as app, client(app) as http:
        said = (await http.get("/health/ready")).json()
    [key_id] = county.app.state.seals.ids
    assert (said["status"], key_id in said["checks"]["seals"]) == ("warning", True)
    async with client(county.app) as http:
        assert "seals" not in (await http.get("/health/ready")).json()["checks"]


async def test_where_nothing_is_sealed_keys_are_made(databases: Databases, tmp_path: Path) -> None:
    async with running(await databases.new(), tmp_path) as app:
        assert app.state.seals.ids == Seals.load(tmp_path / "seals.json").ids


async def test_a_number_copied_into_another_row_does_not_open(county: County, worker: Phone) -> None:
    (mine, _), (theirs, _) = await known(worker), await known(worker)
    sql = "UPDATE person SET identity_sealed = (SELECT identity_sealed FROM person WHERE id = $2) WHERE id = $1"
    await county.owner.execute(sql, mine, theirs)
    refused(await worker.get(path(mine), params=PURPOSE), 409, CANNOT_BE_OPENED.slug)


# Nowhere else


async def test_no_body_can_say_it(worker: Phone) -> None:
    person, number = await somebody(worker), number_of()
    for member in ("identity_number", "identity_last4", "identity_sealed", "identity_blind"):
        new = {"household_id": person["household_id"], "name": "试", member: number}
        changed = await worker.patch(f"/v1/people/{person['id']}", json={member: number}, headers={"If-Match": '"1"'})
        assert [reply.status_code for reply in (await worker.post("/v1/people", json=new), changed)] == [422, 422]
        [result] = await push(worker, op("person", person["id"], {member: number}, 1))
        assert (result["outcome"], result["problem"]["type"]) == ("rejected", "/problems/invalid")
    assert "identity" not in str((await worker.get(f"/v1/people/{person['id']}/revisions")).json())


async def test_a_refused_edit_is_kept_without_it(worker: Phone) -> None:
    """In whatever spelling, and under its own name even where a digit is wrong."""
    person, number = await somebody(worker), number_of()
    wrong = number[:-1] + ("1" if number[-1] != "1" else "2")
    docs = [
        *({"relation": text, "sex": "?"} for text in (f"x{number}", f"{number[:6]}·{number[6:]}", f"{number}\u200b")),
        {"note": f"号码 {number}。"},
        {"Identity_Number": wrong},
        {"identity": {"number": wrong}},
    ]
    results = await push(worker, *(op("person", person["id"], doc, 1) for doc in docs))
    assert {result["outcome"] for result in results} == {"rejected"}
    kept = (await worker.get("/v1/rejected-ops", params={"limit": 100})).text
    assert '"sex":"?"' in kept.replace(" ", "")
    for said in (number, number[6:], wrong):
        assert said not in kept


async def test_it_is_in_no_other_reply_and_nowhere_else_in_the_database(
    county: County, worker: Phone, officer: Phone, caplog: pytest.LogCaptureFixture
) -> None:
    """After everything that may touch the record, online and offline."""
    caplog.set_level(logging.DEBUG)
    person = await somebody(worker)
    number = next(made for made in iter(number_of, None) if made[-1] == "X")  # its end is part of no id and of no time
    person_id, last4 = person["id"], number[-4:]
    replies = [await put(worker, person_id, 5, number), await put(worker, person_id, 1, number)]
    replies += [await put(worker, (await somebody(worker))["id"], 1, number), await delete(worker, person_id, 9)]
    assert await read(worker, person_id) == number
    _, cursor = await level(worker)
    # online: lists, a change, the history; offline: merged, clashing, refused, with the number where it does not belong
    replies += [await worker.get(f"/v1/people/{person_id}"), await worker.get(f"/v1/people/{person_id}/access-log")]
    found = await worker.get("/v1/people", params={"household_id": person["household_id"]})
    changed = await officer.patch(f"/v1/people/{person_id}", json={"status": "away"}, headers={"If-Match": '"2"'})
    results = await push(worker, op("person", person_id, {"status": "died"}, 2), op("person", person_id, {"sex": 9}, 2))
    assert [result["outcome"] for result in results] == ["conflict", "merged"]
    [held] = await push(worker, op("person", person_id, {"identity_number": number}, 4))
    assert held["outcome"] == "rejected"
    conflict = (await worker.get("/v1/conflicts")).json()["items"][-1]
    chosen = await worker.post(f"/v1/conflicts/{conflict['id']}/resolve", json={"choose": "mine"})
    lists = [await worker.get(f"/v1/{name}") for name in ("rejected-ops", "conflicts", "inbox", "held-ops")]
    pulled = fold((await level(worker))[0])["person", person_id], fold((await level(worker, cursor))[0])["person", person_id]
    voided = await worker.post(f"/v1/people/{person_id}/void", json={"reason": "重复登记"})
    rest = [found, changed, chosen, voided, await worker.get("/v1/people", params={"voided": "true", "limit": 200}), *lists]
    rest += [await worker.get(f"/v1/people/{person_id}/revisions")]
    for reply in (*replies, *rest):
        assert number not in reply.text
    for text in (*(reply.text for reply in rest), str(results), str(held), str(pulled)):
        assert "identity_last4" not in text
        assert last4 not in text
    assert number not in caplog.text
    assert number.encode().hex() not in caplog.text
    for table in SQLModel.metadata.tables:
        plain = f"SELECT count(*) FROM {table} t WHERE t::text LIKE $1 OR t::text LIKE $2"
        assert await county.owner.fetchval(plain, f"%{number}%", f"%{number.encode().hex()}%") == 0, table
