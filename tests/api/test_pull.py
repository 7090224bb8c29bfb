"""Pull and digest: the contract of docs/sync.md, read like the manual."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from api.access import CALLER
from api.db.feed import Position
from api.kinds import CHILDREN, FEED, KINDS
from api.routers.sync import CHECK
from tests.conftest import Phone, client
from tests.county import ABOVE, HELD, OTHER, USERS, VILLAGE, County, digest_of, fold, level, move, plain, pull, should_hold

CALLERS = ("worker-1", "worker-3", "lead-1", "township-1", "county-admin")


async def refused(phone: Phone, path: str = "/v1/sync/pull", **query: Any) -> tuple[int, str, str | None]:
    reply = await phone.get(path, params=query)
    problem = reply.json()
    return reply.status_code, problem["type"].removeprefix("/problems/"), problem.get("reason")


async def test_a_connection_keeps_the_statement_of_a_page(county: County) -> None:
    """It is over the size up to which the driver keeps one unless told; parsed and planned each time, a page took several times as long."""
    args = [1, uuid4(), uuid4(), "village", 0, list(KINDS), [], 1, None, *Position(), None]
    async with county.access.database.connection() as tx:
        for sql in (CALLER + statement for statement in FEED.pull.values()):
            await tx.fetch(sql, *args)
            assert await tx.fetchval("SELECT count(*) FROM pg_prepared_statements WHERE statement = $1", sql) == 1


# What comes


@pytest.mark.parametrize("username", CALLERS)
@pytest.mark.parametrize("limit", [7, 500])
async def test_from_the_start_come_all_records_within_reach(county: County, username: str, limit: int) -> None:
    phone = await county.sign_in(username)
    if limit == 7 and username == "county-admin":
        limit = 97
    changes, _ = await level(phone, limit=limit)
    assert {change["op"] for change in changes} == {"upsert"}
    copy = fold(changes)
    assert {key: doc["rev"] for key, doc in copy.items()} == await should_hold(county.owner, username)
    assert len(copy) == len(changes)


@pytest.mark.parametrize("username", CALLERS)
async def test_a_document_is_the_one_of_a_get(county: County, username: str) -> None:
    phone = await county.sign_in(username)
    seen = set()
    for change in (await level(phone))[0]:
        if change["kind"] not in seen:
            seen.add(change["kind"])
            kind = KINDS[change["kind"]]
            assert plain(kind, (await phone.get(f"/v1/{kind.plural}/{change['id']}")).json()) == change["doc"]
            assert change["rev"] == change["doc"]["rev"]
    role = USERS[username]["role"]
    there = {name for name, kind in KINDS.items() if role in kind.readers}
    elsewhere = {"deposit"} if role == "village" else set()  # which lies in the township; books and cards are worker-1's
    assert seen == there - elsewhere - ({"receipt_book", "refund", "counting", "activation_card"} if username == "worker-3" else set())


async def test_the_first_page_says_how_many_there_are(county: County) -> None:
    phone = await county.sign_in("worker-1")
    held = await should_hold(county.owner, "worker-1")
    page = await pull(phone, limit=10)
    assert (page["of"], page["more"]) == (len(held), True)
    assert "of" not in await pull(phone, page["cursor"], limit=10)
    assert (await pull(phone, limit=1000))["of"] == len(held)


async def test_a_page_that_is_just_full_is_the_last(county: County) -> None:
    phone = await county.sign_in("worker-1")
    held = len(await should_hold(county.owner, "worker-1"))
    page = await pull(phone, limit=held)
    assert (len(page["changes"]), page["more"]) == (held, False)
    page = await pull(phone, limit=held - 1)
    assert (len(page["changes"]), page["more"]) == (held - 1, True)


async def test_a_level_cursor_is_an_integer_that_grows(county: County) -> None:
    phone = await county.sign_in("worker-1")
    _, cursor = await level(phone)
    page = await pull(phone, cursor)
    assert (page["changes"], page["cursor"], page["more"], page["of"]) == ([], cursor, False, 0)
    visit = (await phone.get("/v1/visits", params={"limit": 1})).json()["items"][0]
    await phone.patch(f"/v1/visits/{visit['id']}", json={"notes": "下周再来"}, headers={"If-Match": f'"{visit["rev"]}"'})
    page = await pull(phone, cursor)
    assert [(c["op"], c["kind"], c["id"], c["rev"]) for c in page["changes"]] == [("upsert", "visit", visit["id"], visit["rev"] + 1)]
    assert int(page["cursor"]) > int(cursor)
    assert int(page["cursor"]) < 2**53


async def test_a_repeat_gives_the_same_page(county: County) -> None:
    """After a lost reply."""
    phone = await county.sign_in("worker-1")
    page = await pull(phone, limit=9)
    one, again = await pull(phone, page["cursor"], limit=9), await pull(phone, page["cursor"], limit=9)
    assert one["changes"] == again["changes"]
    assert one["cursor"] == again["cursor"]


async def test_what_is_voided_is_removed(county: County) -> None:
    phone = await county.sign_in("worker-1")
    copy_before, cursor = await level(phone)
    visit = (await phone.get("/v1/visits", params={"limit": 1})).json()["items"][0]
    await phone.post(f"/v1/visits/{visit['id']}/void", json={"reason": "重复登记"})
    changes, _ = await level(phone, cursor)
    assert {"op": "remove", "kind": "visit", "id": visit["id"], "reason": "voided"} in changes
    assert ("visit", visit["id"]) in fold(copy_before)
    from_the_start, _ = await level(phone)
    assert ("visit", visit["id"]) not in fold(from_the_start)
    assert {change["op"] for change in from_the_start} == {"upsert"}


async def test_what_is_voided_while_a_phone_begins_is_removed_before_it_is_level(county: County) -> None:
    phone = await county.sign_in("worker-1")
    page = await pull(phone, limit=1000)
    visits = [change["id"] for change in page["changes"] if change["kind"] == "visit"]
    held = len(page["changes"])
    page = await pull(phone, limit=held - 1)
    await phone.post(f"/v1/visits/{visits[0]}/void", json={"reason": "重复登记"})
    rest = await pull(phone, page["cursor"])
    assert {"op": "remove", "kind": "visit", "id": visits[0], "reason": "voided"} in rest["changes"]


async def test_kinds_chooses(county: County) -> None:
    phone = await county.sign_in("worker-1")
    held = await should_hold(county.owner, "worker-1")
    for kinds in ("household", "visit,place", "catalogue_entry"):
        changes, _ = await level(phone, kinds=kinds, limit=13)
        assert set(fold(changes)) == {key for key in held if key[0] in kinds.split(",")}


@pytest.mark.parametrize("kinds", ["nothing", "", "visit,", "visit;household", "visits", "visit, household"])
@pytest.mark.parametrize("path", ["/v1/sync/pull", "/v1/sync/digest"])
async def test_an_unknown_kind_is_refused(county: County, kinds: str, path: str) -> None:
    reply = await (await county.sign_in("worker-1")).get(path, params={"kinds": kinds})
    assert (reply.status_code, reply.json()["errors"][0]["pointer"]) == (422, "?kinds")


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "many", ""])
async def test_a_page_has_1_to_1000_changes(county: County, limit: str) -> None:
    assert (await refused(await county.sign_in("worker-1"), limit=limit))[:2] == (422, "invalid")


async def test_an_unknown_parameter_is_refused(county: County) -> None:
    assert (await refused(await county.sign_in("worker-1"), since="5"))[:2] == (422, "invalid")


async def test_the_group_view_hides_what_others_noted(county: County) -> None:
    lead = await county.sign_in("lead-1")
    visits = [change["doc"] for change in (await level(lead, kinds="visit"))[0]]
    mine = [visit for visit in visits if visit["worker_id"] == str(USERS["lead-1"]["id"])]
    others = [visit for visit in visits if visit["worker_id"] != str(USERS["lead-1"]["id"])]
    assert any(visit["notes"] for visit in mine)
    assert others
    assert not any(visit["notes"] or visit["agreed"] for visit in others)


async def test_catalogues_and_places_above_come_from_above(county: County) -> None:
    phone = await county.sign_in("lead-1")
    changes, cursor = await level(phone)
    [group] = HELD["lead-1"]
    places = {change["doc"]["place_id"] for change in changes if change["kind"] == "place"}
    assert places == {group, ABOVE[group], ABOVE[ABOVE[group]], 1}
    admin = await county.sign_in("county-admin")
    entry = {"catalogue": "visit_purpose", "code": f"x_{uuid4().hex[:8]}", "name": "试", "name_en": "Trial"}
    made = (await admin.post("/v1/catalogue-entries", json=entry)).json()
    changes, cursor = await level(phone, cursor)
    assert [change["id"] for change in changes] == [made["id"]]
    await admin.post(f"/v1/catalogue-entries/{made['id']}/void", json={"reason": "录错了"})
    changes, _ = await level(phone, cursor)
    assert changes == [{"op": "remove", "kind": "catalogue_entry", "id": made["id"], "reason": "voided"}]


# Places gained and lost


@pytest.mark.parametrize("limit", [3, 1000])
async def test_a_place_gained_brings_all_its_records_and_a_place_lost_takes_them(county: County, limit: int) -> None:
    admin, (user_id, name) = await county.sign_in("county-admin"), await county.user("village", OTHER)
    phone = await county.sign_in(name)
    changes, cursor = await level(phone, limit=limit)
    copy = fold(changes)
    assert (await admin.post(f"/v1/users/{user_id}/places", json={"place_id": VILLAGE, "reach": "below"})).status_code == 200
    changes, cursor = await level(phone, cursor, limit=limit)
    copy = fold(changes, copy)
    assert {key: doc["rev"] for key, doc in copy.items()} == await should_hold(county.owner, name)
    await admin.post(f"/v1/users/{user_id}/places/{OTHER}/revoke")
    changes, after_loss = await level(phone, cursor, limit=limit)
    assert {(change["op"], change.get("reason")) for change in changes} == {("remove", "out_of_scope")}
    assert {change["kind"] for change in changes} >= {"place", "household", "visit"}
    copy = fold(changes, copy)
    assert {key: doc["rev"] for key, doc in copy.items()} == await should_hold(county.owner, name)
    await admin.post(f"/v1/users/{user_id}/places", json={"place_id": OTHER, "reach": "below"})
    changes, _ = await level(phone, after_loss, limit=limit)
    assert fold(changes, copy).keys() == (await should_hold(county.owner, name)).keys()
    # and a phone that was away meanwhile
    changes, _ = await level(phone, cursor, limit=limit)
    held = await should_hold(county.owner, name)
    assert not {(change["kind"], change["id"]) for change in changes if change["op"] == "remove"} & held.keys()


async def test_what_happened_to_a_lost_place_before_it_came_back_is_not_missed(county: County) -> None:
    """Voided between the loss and the second grant: nobody sends it any more, so the loss removes it."""
    admin, (user_id, name) = await county.sign_in("county-admin"), await county.user("village", VILLAGE)
    phone, worker = await county.sign_in(name), await county.sign_in("worker-1")
    changes, cursor = await level(phone)
    copy = fold(changes)
    visit = (await worker.get("/v1/visits", params={"limit": 1})).json()["items"][0]
    await admin.post(f"/v1/users/{user_id}/places/{VILLAGE}/revoke")
    await worker.post(f"/v1/visits/{visit['id']}/void", json={"reason": "重复登记"})
    await admin.post(f"/v1/users/{user_id}/places", json={"place_id": VILLAGE, "reach": "below"})
    changes, _ = await level(phone, cursor, limit=11)
    assert {key: doc["rev"] for key, doc in fold(changes, copy).items()} == await should_hold(county.owner, name)


async def test_a_new_role_takes_what_the_old_one_held(county: County) -> None:
    """An officer becomes the worker of one village: what was held was a township, what is held is a place."""
    admin, (user_id, name) = await county.sign_in("county-admin"), await county.user("township", ABOVE[VILLAGE])
    phone = await county.sign_in(name)
    changes, cursor = await level(phone)
    copy = fold(changes)
    said = {"role": "village"}
    reply = await admin.patch(f"/v1/users/{user_id}", json=said, headers={"Content-Type": "application/merge-patch+json"})
    assert reply.status_code == 200, reply.text
    nothing, _ = await level(phone, cursor, limit=50)
    assert {change["op"] for change in nothing} == {"remove"}
    assert fold(nothing, dict(copy)) == {}
    await admin.post(f"/v1/users/{user_id}/places", json={"place_id": VILLAGE, "reach": "below"})
    changes, _ = await level(phone, cursor, limit=50)
    assert {key: doc["rev"] for key, doc in fold(changes, copy).items()} == await should_hold(county.owner, name)


async def test_what_has_moved_is_removed_or_comes_from_its_new_place(county: County) -> None:
    """A household goes to another village, its visits with it. Both phones see it, and whoever holds both villages no remove."""
    there, both_names = await county.user("village", VILLAGE), await county.user("village", VILLAGE, OTHER)
    away, home = await county.sign_in("worker-3"), await county.sign_in(there[1])
    both = await county.sign_in(both_names[1])
    (_, cursor_away), (_, cursor_home), (_, cursor_both) = [await level(phone) for phone in (away, home, both)]
    await move(county.owner, await county.owner.fetchval(HOUSEHOLD_WITH_VISITS, VILLAGE), OTHER)
    removed, _ = await level(home, cursor_home)
    arrived, _ = await level(away, cursor_away)
    seen, _ = await level(both, cursor_both)
    assert {change["reason"] for change in removed} == {"moved"}
    children = {child.name for parent in ("household", "person") for child in CHILDREN[parent]}
    assert {"household", "visit"} <= {change["kind"] for change in removed} <= {"household", *children}
    assert {c["id"] for c in removed} == {c["id"] for c in arrived} == {c["id"] for c in seen}
    assert {change["op"] for change in (*arrived, *seen)} == {"upsert"}


HOUSEHOLD_WITH_VISITS = """SELECT h.id FROM household h JOIN place p ON p.county_id = h.county_id AND p.place_id = h.place_id
WHERE (p.place_id = $1 OR p.parent_id = $1) AND NOT h.voided AND EXISTS (SELECT 1 FROM visit v WHERE v.household_id = h.id AND NOT v.voided)
ORDER BY h.number LIMIT 1"""


# Who may


async def test_a_family_seat_does_not_sync(county: County) -> None:
    head = await county.sign_in("head-1")
    for path in ("/v1/sync/pull", "/v1/sync/digest"):
        assert (await refused(head, path))[:2] == (403, "no-field-seat")
    assert (await head.get("/v1/sync/pull")).json()["wipe"] is True


async def test_a_worker_without_a_place_gets_nothing(county: County) -> None:
    admin, (user_id, name) = await county.sign_in("county-admin"), await county.user("village", VILLAGE)
    await admin.post(f"/v1/users/{user_id}/places/{VILLAGE}/revoke")
    page = await pull(await county.sign_in(name))
    assert (page["changes"], page["more"], page["of"]) == ([], False, 0)


async def test_nobody_else_pulls(county: County) -> None:
    async with client(county.app) as nobody:
        for path in ("/v1/sync/pull", "/v1/sync/digest"):
            assert (await refused(nobody, path))[:2] == (401, "not-signed-in")
    phone = await county.sign_in("worker-2")
    await phone.post(f"/v1/devices/{phone.tokens['device_id']}/revoke")
    reply = await phone.get("/v1/sync/pull")
    assert (reply.status_code, reply.json()["wipe"]) == (403, True)


# Cursors that are of no use


async def test_a_cursor_of_another_device_is_foreign(county: County) -> None:
    one, other = await county.sign_in("worker-1"), await county.sign_in("worker-1")
    unfinished, (_, cursor) = (await pull(one, limit=5))["cursor"], await level(one)
    assert await refused(other, cursor=cursor) == (409, "cursor-unusable", "foreign")
    assert await refused(other, cursor=unfinished) == (409, "cursor-unusable", "foreign")
    again = await county.sign_in("worker-1", device_id=one.tokens["device_id"])
    assert (await again.get("/v1/sync/pull", params={"cursor": cursor})).status_code == 200
    assert (await again.get("/v1/sync/pull", params={"cursor": unfinished})).status_code == 200


@pytest.mark.parametrize("change", [lambda c: str(int(c) + 1), lambda c: str(int(c) ^ 2048)])
async def test_an_altered_number_is_foreign(county: County, change: Any) -> None:
    phone = await county.sign_in("worker-1")
    _, cursor = await level(phone)
    assert await refused(phone, cursor=change(cursor)) == (409, "cursor-unusable", "foreign")


@pytest.mark.parametrize(
    "cursor", ["x", "-1", "p", "pAAAA", "٣٣٣", str(2**53), "9" * 400, "p" + "A" * 100, "q" + "A" * 100, "null", "{}", "1.5", "p====", " "]
)
async def test_what_is_no_cursor_says_so(county: County, cursor: str) -> None:
    status, slug, reason = await refused(await county.sign_in("worker-1"), cursor=cursor)
    assert (status, slug) == (409, "cursor-unusable")
    assert reason == ("foreign" if cursor == "p" + "A" * 100 else "format")


async def test_a_cursor_below_the_floor_is_too_old(county: County) -> None:
    phone = await county.sign_in("worker-1")
    unfinished, (_, cursor) = (await pull(phone, limit=5))["cursor"], await level(phone)
    floor = int(cursor) // CHECK
    try:
        await county.owner.execute("UPDATE clock SET tick = tick + 1, floor_tick = $1", floor)
        assert (await pull(phone, cursor))["more"] is False
        await county.owner.execute("UPDATE clock SET floor_tick = $1", floor + 1)
        assert await refused(phone, cursor=cursor) == (409, "cursor-unusable", "too_old")
        assert await refused(phone, cursor=unfinished) == (409, "cursor-unusable", "too_old")
        assert (await pull(phone))["changes"]
    finally:
        await county.owner.execute("UPDATE clock SET floor_tick = 0")


async def test_a_cursor_from_before_a_restore_says_so(county: County) -> None:
    """The county was brought back to an older tick; what was given out after that is of a history that is gone."""
    phone = await county.sign_in("worker-1")
    _, before = await level(phone)
    restored = int(before) // CHECK
    await county.owner.execute("UPDATE clock SET tick = tick + 5")
    unfinished, (_, lost) = (await pull(phone, limit=5))["cursor"], await level(phone)
    await county.owner.execute("UPDATE clock SET tick = $1", restored)
    assert await refused(phone, cursor=lost) == (409, "cursor-unusable", "restored")  # nobody has said yet that there was a restore
    await county.owner.execute("UPDATE clock SET tick = $1", restored + 1000)
    await county.owner.execute("INSERT INTO tick_gap VALUES (1, $1, $2)", restored, restored + 1000)
    assert await refused(phone, cursor=lost) == (409, "cursor-unusable", "restored")
    assert await refused(phone, cursor=unfinished) == (409, "cursor-unusable", "restored")
    page = await pull(phone, before)
    assert (await pull(phone, page["cursor"]))["changes"] == []
    await county.owner.execute("DELETE FROM tick_gap")


@pytest.mark.parametrize("reason", ["too_old", "restored", "restored, and said so"])
async def test_with_a_cursor_of_no_use_nothing_is_given_out(county: County, reason: str) -> None:
    """Whoever asks: a level phone with nothing to come, one with a record to come, one in the middle of a reading."""
    (_, name), (_, other) = await county.user("village", OTHER), await county.user("village", VILLAGE)
    phone, colleague = await county.sign_in(name), await county.sign_in(other)
    unfinished, quiet, news = (await pull(phone, limit=5))["cursor"], (await level(phone))[1], (await level(colleague))[1]
    worker = await county.sign_in("worker-1")
    visit = (await worker.get("/v1/visits", params={"limit": 1})).json()["items"][0]
    await worker.patch(f"/v1/visits/{visit['id']}", json={"notes": reason}, headers={"If-Match": f'"{visit["rev"]}"'})
    assert [len((await pull(*known))["changes"]) for known in ((phone, quiet), (colleague, news))] == [0, 1]
    tick, seen = await county.owner.fetchval("SELECT tick FROM clock"), int(news) // CHECK
    try:
        if reason == "too_old":
            await county.owner.execute("UPDATE clock SET floor_tick = $1", tick)
        elif reason == "restored":
            await county.owner.execute("UPDATE clock SET tick = $1", seen - 5)
        else:
            await county.owner.execute("INSERT INTO tick_gap VALUES (1, $1, $2)", seen - 5, tick)
        for who, cursor in ((phone, quiet), (colleague, news), (phone, unfinished)):
            reply = await who.get("/v1/sync/pull", params={"cursor": cursor})
            assert (reply.status_code, reply.json()["reason"]) == (409, reason.partition(",")[0])
            assert not reply.json().keys() & {"changes", "cursor", "tick"}
    finally:
        await county.owner.execute("UPDATE clock SET tick = $1, floor_tick = 0", tick)
        await county.owner.execute("DELETE FROM tick_gap")
    assert [len((await pull(*known))["changes"]) for known in ((phone, quiet), (colleague, news))] == [0, 1]


# The digest


async def digest(phone: Phone, **query: Any) -> dict[str, Any]:
    reply = await phone.get("/v1/sync/digest", params=query)
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


@pytest.mark.parametrize("username", ["worker-1", "worker-3", "lead-1", "township-1"])
async def test_the_digest_is_of_what_a_phone_that_is_level_holds(county: County, username: str) -> None:
    phone = await county.sign_in(username)
    changes, cursor = await level(phone)
    said, copy = await digest(phone), fold(changes)
    assert said["kinds"] == digest_of(copy)
    assert said["tick"] == int(cursor) // CHECK
    assert (await digest(phone, kinds="visit"))["kinds"] == {"visit": digest_of(copy)["visit"]}


async def test_the_county_asks_one_township_at_a_time(county: County) -> None:
    phone = await county.sign_in("county-admin")
    assert (await refused(phone, "/v1/sync/digest"))[:2] == (422, "invalid")
    copy = fold((await level(phone))[0])
    townships = {doc["place_id"] for (kind, _), doc in copy.items() if kind == "place" and doc["level"] in ("county", "township")}
    of_place = {row["place_id"]: row["township_id"] or 1 for row in await county.owner.fetch("SELECT place_id, township_id FROM place")}
    for township in townships:
        mine = {key: doc for key, doc in copy.items() if of_place[doc["place_id"]] == township}
        assert (await digest(phone, place_id=township))["kinds"] == digest_of(mine)
    assert len(townships) > 2


async def test_a_place_that_is_not_held_is_not_found(county: County) -> None:
    worker, officer = await county.sign_in("worker-1"), await county.sign_in("township-1")
    for phone, place in ((worker, OTHER), (worker, 9999), (officer, VILLAGE), (officer, 9999)):
        assert (await refused(phone, "/v1/sync/digest", place_id=place))[:2] == (404, "not-found")
    copy = fold((await level(worker))[0])
    for place in (VILLAGE, 1):
        mine = {key: doc for key, doc in copy.items() if doc["place_id"] == place}
        assert (await digest(worker, place_id=place))["kinds"] == digest_of(mine)


async def test_the_answer_is_whole_json_with_the_time(county: County) -> None:
    reply: httpx.Response = await (await county.sign_in("worker-1")).get("/v1/sync/pull", params={"limit": 1})
    assert reply.headers["content-type"] == "application/json"
    assert list(reply.json()) == ["changes", "cursor", "more", "tick", "of", "server_time"]
    assert reply.json()["server_time"].endswith("Z")
