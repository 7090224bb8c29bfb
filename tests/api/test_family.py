"""A family's seat: the head of a household reads what is recorded of it, and nothing of anybody else; answers, and asks for a visit."""

import asyncio
from datetime import date, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest

from api import accounts, demo
from api.rules import visit_request
from tests.checkups import NOW, change
from tests.conftest import TODAY, Phone
from tests.county import HELD, PLACES, USERS, County, op, push, refused, slug

GROUP = PLACES[next(h["place"] for h in demo.households() if h["id"] == USERS["head-1"]["household_id"])]
PATH = "/v1/me/household"
TOWNSHIP_SESSION = next(row for row in demo.sessions() if row["programme_id"] == demo.programmes()[0]["id"])
Row = dict[str, Any]


def years_ago(years: int, days: int = 0) -> str:
    today = date.fromisoformat(TODAY)
    return (today.replace(year=today.year - years) + timedelta(days=days)).isoformat()


class Family(NamedTuple):
    """A household of a test's own: a head with a seat, the grown-up son, and a child."""

    county: County
    worker: Phone
    head: Phone
    household: str
    people: dict[str, str]
    username: str

    async def reads(self, phone: Phone | None = None) -> Row:
        reply = await (phone or self.head).get(PATH)
        assert reply.status_code == 200, reply.text
        return dict(reply.json())

    async def put(self, plural: str, **members: Any) -> Row:
        reply = await self.worker.post(f"/v1/{plural}?confirm=true", json=members)
        assert reply.status_code in (200, 201), reply.text
        return dict(reply.json())

    async def edit(self, plural: str, record_id: str, **members: Any) -> Row:
        path = f"/v1/{plural}/{record_id}"
        rev = (await self.worker.get(path)).json()["rev"]
        reply = await self.worker.patch(path, json=members, headers={"If-Match": f'"{rev}"'})
        assert reply.status_code == 200, reply.text
        return dict(reply.json())

    async def person(self, name: str, **members: Any) -> str:
        row = await self.put("people", household_id=self.household, name=name, **members)
        self.people[name] = row["id"]
        return str(row["id"])

    async def asked(self, name: str, **members: Any) -> Row:
        said = {"programme_id": str(TOWNSHIP_SESSION["programme_id"]), "round": 1, "session_id": str(TOWNSHIP_SESSION["id"])}
        return await self.put("attendances", **said, person_id=self.people[name], **members)

    async def agrees(self, name: str, act: str = "given", purpose: str = "head_sees_attendance", **members: Any) -> None:
        said = {"purpose": purpose, "act": act, "acted_at": NOW, "text_version": "2026-1"}
        await self.put("consents", person_id=self.people[name], **{**said, **members})

    async def answer(self, attendance: Row, said: str, phone: Phone | None = None) -> Any:
        return await (phone or self.head).post(f"/v1/me/invitations/{attendance['id']}/{said}")


async def seated(county: County, household_id: str, person_id: str) -> tuple[str, str]:
    """A new user in the seat of a household: id and name."""
    user_id, name = await county.user("household_head", HELD["lead-1"].copy().pop())
    admin = await county.sign_in("county-admin")
    assert (await admin.post(f"/v1/users/{user_id}/places/{GROUP}/revoke")).status_code == 200
    who = {"user_id": UUID(user_id), "household_id": UUID(household_id), "person_id": UUID(person_id)}
    await county.access.database.plain(lambda tx: accounts.seat(tx, 1, **who))
    return user_id, name


@pytest.fixture
async def family(county: County) -> Family:
    worker = await county.sign_in("worker-1")
    number = f"试-{uuid4().hex[:8]}"
    home = (await worker.post("/v1/households", json={"place_id": GROUP, "number": number, "phones": ["15400001234"]})).json()
    made = Family(county, worker, worker, home["id"], {}, "")
    head = await made.person("户主", relation="head", born_on=years_ago(60))
    await made.person("儿子", relation="child", born_on=years_ago(18))
    await made.person("孙女", relation="other", born_on=years_ago(18, 1))
    await made.edit("households", home["id"], head_id=head)
    _, name = await seated(county, home["id"], head)
    return made._replace(head=await county.sign_in(name), username=name)


# What the head reads


async def test_the_head_reads_all_that_is_recorded_of_the_household(family: Family) -> None:
    visit = await family.put("visits", household_id=family.household, visited_on=TODAY, outcome="met", purposes=["elder_care"],
                             notes="老人精神好", agreed="下周带材料来")  # fmt: skip
    await family.edit("visits", visit["id"], notes="老人精神很好")
    due = await family.put("follow-ups", household_id=family.household, reason="subsidy", due_on=TODAY, words="问补贴到账没有")
    record = await family.reads()
    assert record["household"]["places"] == ["青禾县", "青禾镇", "柳湾村", "第一村民小组"]
    assert record["household"]["phones"] == ["15400001234"]
    assert [member["name"] for member in record["members"]] == ["户主", "儿子", "孙女"]
    [told] = record["visits"]
    by = USERS["worker-1"]["name"]
    assert (told["notes"], told["agreed"], told["worker_name"]) == ("老人精神很好", "下周带材料来", by)
    [correction] = told["corrections"]
    assert (correction["rev"], correction["by_name"], correction["changes"]) == (2, by, {"notes": ["老人精神好", "老人精神很好"]})
    [told] = record["follow_ups"]
    assert (told["id"], told["words"], told["created_by_name"]) == (due["id"], "问补贴到账没有", by)
    assert {"catalogue": "visit_purpose", "code": "elder_care", "name": "养老服务", "name_en": "Care for the elderly"} in record["codes"]
    assert {session["programme_name"] for session in record["sessions"]} == {programme["name"] for programme in demo.programmes()}


async def test_no_note_is_too_old_to_be_read(family: Family) -> None:
    said = {"household_id": family.household, "outcome": "met", "notes": "日常"}
    days = [str(date.fromisoformat(TODAY) - timedelta(days=back)) for back in range(250)]
    await push(family.worker, *(op("visit", uuid4(), {**said, "visited_on": day}) for day in days))
    assert [visit["visited_on"] for visit in (await family.reads())["visits"]] == days


async def test_what_was_voided_leaves_its_reason_and_not_its_words(family: Family) -> None:
    visit = await family.put("visits", household_id=family.household, visited_on=TODAY, outcome="met", notes="写错了人家")
    assert (await family.worker.post(f"/v1/visits/{visit['id']}/void", json={"reason": "写到别人家了"})).status_code == 200
    record = await family.reads()
    assert record["visits"] == []
    [gone] = record["withdrawn"]
    assert (gone["kind"], gone["id"], gone["day"], gone["because"]) == ("visit", visit["id"], TODAY, "写到别人家了")
    assert "写错了人家" not in str(record)
    await family.put("people", household_id=family.household, name="不是这家的")
    someone = (await family.reads())["members"][-1]
    assert (await family.worker.post(f"/v1/people/{someone['id']}/void", json={"reason": "写错"})).status_code == 200
    assert "不是这家的" not in str(await family.reads())


async def test_money_and_receipts(family: Family) -> None:
    item = next(row for row in (await family.worker.get("/v1/fee-items")).json()["items"] if row["amount_fen"])
    charge = await family.put(
        "charges", household_id=family.household, fee_item_id=item["id"], amount_fen=item["amount_fen"], due_on="2026-12-31"
    )
    paid = await family.put(
        "payments", household_id=family.household, amount_fen=item["amount_fen"] + 100, paid_on=TODAY, payer_name="户主"
    )
    record = await family.reads()
    [owed], [payment] = record["charges"], record["payments"]
    assert (owed["id"], owed["status"], owed["fee_item_name"], owed["basis"]) == (charge["id"], "settled", item["name"], item["basis"])
    assert (payment["id"], payment["receipt"], record["credit_fen"]) == (paid["id"], f"/v1/me/receipts/{paid['id']}", 100)
    printed = await family.head.get(payment["receipt"])
    assert (printed.status_code, printed.headers["content-type"], printed.content[:5]) == (200, "application/pdf", b"%PDF-")
    unchanged = await family.head.get(payment["receipt"], headers={"If-None-Match": printed.headers["etag"]})
    assert unchanged.status_code == 304
    for phone in (await family.county.sign_in("head-2"), await family.county.sign_in("lead-1")):
        refused(await phone.get(payment["receipt"]), 404, "not-found")
    refused(await family.worker.get(payment["receipt"]), 403, "no-family-seat")


# What is an adult's own


async def test_an_adults_attendance_is_there_only_where_that_adult_agreed(family: Family) -> None:
    own, grown, child = [await family.asked(name) for name in ("户主", "儿子", "孙女")]

    async def shown() -> set[str]:
        return {invitation["id"] for invitation in (await family.reads())["invitations"]}

    assert await shown() == {own["id"], child["id"]}  # who turns eighteen today is an adult, who does tomorrow is not
    await family.agrees("儿子")
    assert await shown() == {own["id"], grown["id"], child["id"]}
    await family.agrees("儿子", "withdrawn")
    assert await shown() == {own["id"], child["id"]}
    await family.agrees("儿子", acted_at="2026-11-25T02:00:00.000Z")  # a phone that is ahead keeps nothing open
    await family.agrees("儿子", "withdrawn")
    assert await shown() == {own["id"], child["id"]}
    await family.agrees("孙女", "withdrawn", through="guardian")
    assert child["id"] in await shown()


async def under_another_head(family: Family) -> tuple[str, Phone]:
    """A household of the same group and its head's phone."""
    home = await family.put("households", place_id=GROUP, number=f"试-{uuid4().hex[:8]}")
    head = await family.put("people", household_id=home["id"], name="另一户主", relation="head")
    await family.edit("households", home["id"], head_id=head["id"])
    return home["id"], await family.county.sign_in((await seated(family.county, home["id"], head["id"]))[1])


async def agrees_anew(family: Family) -> None:
    """At the moment at which the service hears of it: the tests' today lies before it."""
    await family.agrees("儿子")
    await family.county.owner.execute("UPDATE consent SET acted_at = created_at WHERE person_id = $1", family.people["儿子"])


@pytest.mark.parametrize("how", ["another heads it", "moved to another family", "moved there and back"])
async def test_an_adult_agreed_that_this_head_reads_it_and_not_the_next(family: Family, how: str) -> None:
    grown, reader = await family.asked("儿子"), family.head
    await family.agrees("儿子")
    await family.agrees("儿子", purpose="head_sees_identity")
    number, match = "11010519491231002X", {"If-Match": '"1"'}
    path = f"/v1/people/{family.people['儿子']}/identity-number?confirm=true"
    assert (await family.worker.put(path, json={"number": number}, headers=match)).is_success

    async def shown() -> list[bool]:
        record = await family.reads(reader)
        last4 = {member["id"]: member["identity_last4"] for member in record["members"]}[family.people["儿子"]]
        return [grown["id"] in {invitation["id"] for invitation in record["invitations"]}, last4 is not None]

    assert await shown() == [True, True]
    if how == "another heads it":
        heir = await family.person("新户主", born_on=years_ago(40))
        await family.edit("households", family.household, head_id=heir)
        reader = await family.county.sign_in((await seated(family.county, family.household, heir))[1])
    else:
        other, reader = await under_another_head(family)
        await family.edit("people", family.people["儿子"], household_id=other)
    if how == "moved there and back":
        await family.edit("people", family.people["儿子"], household_id=family.household)
        reader = family.head
    assert await shown() == [False, False]
    await agrees_anew(family)
    assert await shown() == [True, False]


async def test_what_another_record_of_an_adult_agreed_to_with_another_head_is_not_agreed_here(family: Family) -> None:
    grown, (other, _) = await family.asked("儿子"), await under_another_head(family)
    double = await family.put("people", household_id=other, name="儿子", born_on=years_ago(18))
    family.people["double"] = double["id"]
    await family.agrees("double")
    joined = await family.worker.post(f"/v1/people/{double['id']}/join", json={"into_id": family.people["儿子"]})
    assert joined.status_code == 200, joined.text
    assert grown["id"] not in {invitation["id"] for invitation in (await family.reads())["invitations"]}
    await agrees_anew(family)
    assert grown["id"] in {invitation["id"] for invitation in (await family.reads())["invitations"]}


async def test_a_head_whose_two_records_were_joined_is_still_the_one_whom_the_adult_meant(family: Family) -> None:
    grown = await family.asked("儿子")
    await family.agrees("儿子")
    double = await family.person("户主二", relation="head", born_on=years_ago(60))
    joined = await family.worker.post(f"/v1/people/{family.people['户主']}/join", json={"into_id": double})
    assert joined.status_code == 200, joined.text
    assert grown["id"] in {invitation["id"] for invitation in (await family.reads())["invitations"]}


@pytest.mark.parametrize("order", [("given", "withdrawn"), ("withdrawn", "given")])
async def test_a_refusal_counts_over_a_consent_of_the_same_moment(family: Family, order: tuple[str, str]) -> None:
    grown, child = await family.asked("儿子"), await family.asked("孙女")
    said = {
        "person_id": family.people["儿子"],
        "purpose": "head_sees_attendance",
        "acted_at": NOW,
        "text_version": "2026-1",
    }
    first, then = sorted(str(uuid4()) for _ in order)
    await push(family.worker, *(op("consent", i, {**said, "act": act}) for i, act in zip((first, then), order, strict=True)))
    await family.county.owner.execute(
        "UPDATE consent SET acted_at = created_at + interval '1 hour' WHERE person_id = $1", said["person_id"]
    )
    stored = "SELECT count(DISTINCT created_at) FROM consent WHERE person_id = $1"
    assert await family.county.owner.fetchval(stored, said["person_id"]) == 1
    shown = {invitation["id"] for invitation in (await family.reads())["invitations"]}
    assert shown == {child["id"]} != {grown["id"]}


async def test_a_reminder_of_a_check_up_says_who_was_asked(family: Family) -> None:
    for name in ("儿子", "孙女"):
        said = {"reason": "checkup_reminder", "due_on": TODAY, "words": f"请{name}去体检"}
        await family.put("follow-ups", household_id=family.household, person_id=family.people[name], **said)
    assert [due["person_id"] for due in (await family.reads())["follow_ups"]] == [family.people["孙女"]]
    await family.agrees("儿子")
    assert len((await family.reads())["follow_ups"]) == 2


@pytest.mark.parametrize("mended", [{"person_id": None, "words": "常规"}, {"reason": "elder_care", "words": "常规"}])
async def test_what_was_changed_in_a_reminder_does_not_say_either_who_was_asked(family: Family, mended: Row) -> None:
    said = {"reason": "checkup_reminder", "due_on": TODAY, "words": "请儿子去体检", "person_id": family.people["儿子"]}
    row = await family.put("follow-ups", household_id=family.household, **said)
    await family.edit("follow-ups", row["id"], **mended)

    async def changed() -> Row:
        [due] = (await family.reads())["follow_ups"]
        [correction] = due["corrections"]
        return dict(correction["changes"])

    assert await changed() == {}
    await family.agrees("儿子")
    assert await changed() == {name: [said[name], value] for name, value in mended.items()}


async def test_the_end_of_an_identity_number_is_the_own_or_granted(family: Family) -> None:
    number, match = "11010519491231002X", {"If-Match": '"1"'}
    for name in ("户主", "儿子"):
        path = f"/v1/people/{family.people[name]}/identity-number?confirm=true"
        assert (await family.worker.put(path, json={"number": number}, headers=match)).is_success

    async def ends() -> list[str | None]:
        return [member["identity_last4"] for member in (await family.reads())["members"]]

    assert await ends() == ["002X", None, None]
    read = await family.worker.get(f"/v1/people/{family.people['户主']}/identity-number", params={"purpose": "correct_record"})
    assert read.json()["number"] == number
    record = await family.reads()
    [reading] = record["identity_number_readings"]
    assert (reading["by_name"], reading["purpose"]) == (USERS["worker-1"]["name"], "correct_record")
    assert number not in str(record)
    await family.agrees("儿子", purpose="head_sees_identity")
    assert await ends() == ["002X", "002X", None]


async def test_where_an_adult_lives_is_for_that_adult_to_say(family: Family) -> None:
    for name in ("儿子", "孙女"):
        said = {"residence_id": str(uuid4()), "side": "registration", "person_id": family.people[name], "living_in": "990102100201"}
        await family.put("residences", **said, since_on="2026-03-01")
    assert [row["person_id"] for row in (await family.reads())["residences"]] == [family.people["孙女"]]


# Who reads it


@pytest.mark.parametrize("username", ["county-admin", "township-1", "worker-1"])
async def test_it_is_the_heads_alone(county: County, username: str) -> None:
    refused(await (await county.sign_in(username)).get(PATH), 403, "no-family-seat")


async def test_a_lead_household_has_the_own_seat_beside_its_group(county: County) -> None:
    lead = await county.sign_in("lead-1")
    record = (await lead.get(PATH)).json()
    assert record["household"]["id"] == str(USERS["lead-1"]["household_id"])
    assert len((await lead.get("/v1/households")).json()["items"]) > 5
    assert [invitation["person_id"] for invitation in record["invitations"]].count(record["household"]["head_id"]) == 1


async def test_nothing_of_another_household_is_in_it(family: Family) -> None:
    """Not of the same group, which the net would let through."""
    neighbour = str(USERS["head-1"]["household_id"])
    await family.put("visits", household_id=neighbour, visited_on=TODAY, outcome="met", notes="邻居家的事")
    record = await family.reads()
    assert neighbour not in str(record)
    assert "邻居家的事" not in str(record)
    assert "邻居家的事" in (await (await family.county.sign_in("head-1")).get(PATH)).text


@pytest.mark.parametrize("how", ["another heads it", "moved out", "died", "voided", "dissolved", "seat taken", "account closed"])
async def test_who_heads_it_no_more_reads_nothing_more(family: Family, how: str) -> None:
    head, heir = family.people["户主"], family.people["儿子"]
    await family.reads()
    match how:
        case "another heads it":
            await family.edit("households", family.household, head_id=heir)
        case "moved out":
            await family.edit("people", head, household_id=str(USERS["head-1"]["household_id"]))
        case "died":
            await family.edit("people", head, status="died")
        case "voided":
            await family.edit("households", family.household, head_id=None)
        case "dissolved":
            for person_id in family.people.values():
                await family.edit("people", person_id, household_id=str(USERS["head-1"]["household_id"]))
            assert (await family.worker.post(f"/v1/households/{family.household}/void", json={"reason": "重复"})).status_code == 200
        case "seat taken":
            await family.county.owner.execute("UPDATE seat SET revoked_tick = 1 WHERE household_id = $1", family.household)
        case "account closed":
            await family.county.owner.execute("UPDATE app_user SET closed_at = now() WHERE username = $1", family.username)
    told = slug(await family.head.get(PATH))
    assert told == ((403, "account-closed") if how == "account closed" else (403, "no-family-seat"))
    assert (await family.head.post("/v1/me/visit-requests", json={})).status_code == 403


async def test_of_two_heads_the_one_who_heads_it_now(family: Family) -> None:
    _, name = await seated(family.county, family.household, family.people["儿子"])
    heir = await family.county.sign_in(name)
    refused(await heir.get(PATH), 403, "no-family-seat")
    await family.edit("households", family.household, head_id=family.people["儿子"])
    assert (await family.reads(heir))["household"]["head_id"] == family.people["儿子"]
    refused(await family.head.get(PATH), 403, "no-family-seat")


async def test_a_household_that_moves_takes_the_seat_along(family: Family) -> None:
    await family.edit("households", family.household, place_id=GROUP + 1)
    assert (await family.reads())["household"]["place_id"] == GROUP + 1


async def test_who_was_joined_with_another_record_of_the_same_person_keeps_the_seat(family: Family) -> None:
    head = family.people["户主"]
    double = await family.person("户主二", relation="other", born_on=years_ago(60))
    joined = await family.worker.post(f"/v1/people/{head}/join", json={"into_id": double})
    assert joined.status_code == 200, joined.text
    assert (await family.reads())["household"]["head_id"] == double


# When it is another one


async def test_the_etag_is_another_exactly_when_something_visible_is(family: Family) -> None:
    await family.asked("儿子")
    tag = (await family.head.get(PATH)).headers["etag"]

    async def changed() -> bool:
        nonlocal tag
        asked = await family.head.get(PATH, headers={"If-None-Match": f'W/{tag}, "1"'})
        assert (asked.status_code == 304) == (asked.content == b"") == (asked.headers["etag"] == tag)
        tag, before = asked.headers["etag"], tag
        return tag != before

    assert not await changed()
    neighbour = str(USERS["head-1"]["household_id"])
    await family.put("visits", household_id=neighbour, visited_on=TODAY, outcome="met")
    assert not await changed()
    attendance = await family.asked("儿子", state="declined")
    assert not await changed()
    visit = await family.put("visits", household_id=family.household, visited_on=TODAY, outcome="met")
    assert await changed()
    assert (await family.worker.post(f"/v1/visits/{visit['id']}/void", json={"reason": "重复"})).status_code == 200
    assert await changed()
    await family.agrees("儿子")
    assert await changed()
    assert (await family.reads())["invitations"][0]["id"] == attendance["id"]
    for person in ("孙女", "户主"):
        await family.asked(person)
        assert await changed()


# Answering an invitation


async def test_confirm_decline_and_undo(family: Family) -> None:
    for name in ("户主", "孙女"):
        invited = await family.asked(name)
        for said, state in (
            ("confirm", "confirmed"), ("confirm", "confirmed"), ("undo", "invited"), ("undo", "invited"), ("decline", "declined"),
            ("decline", "declined"), ("undo", "invited"), ("confirm", "confirmed"), ("decline", "declined"), ("undo", "confirmed"),
        ):  # fmt: skip
            reply = await family.answer(invited, said)
            assert (reply.status_code, reply.json()["state"]) == (200, state)
            assert reply.json() == next(i for i in (await family.reads())["invitations"] if i["id"] == invited["id"])
        trail = (await family.worker.get(f"/v1/attendances/{invited['id']}/revisions")).json()["items"]
        head = await family.county.owner.fetchval("SELECT id::text FROM app_user WHERE username = $1", family.username)
        assert {step["by_user_id"] for step in trail[1:]} == {head}


async def test_who_declined_takes_it_back_before_saying_yes(family: Family) -> None:
    invited = await family.asked("户主")
    assert (await family.answer(invited, "decline")).status_code == 200
    refused(await family.answer(invited, "confirm"), 409, "declined-this-round")
    assert (await family.worker.post("/v1/attendances", json={**_again(invited), "state": "invited"})).status_code == 409


def _again(attendance: Row) -> Row:
    return {name: attendance[name] for name in ("programme_id", "round", "person_id", "session_id")}


async def test_what_is_over_is_not_the_familys_to_change(family: Family) -> None:
    came = await family.asked("户主", state="attended")
    for said in ("confirm", "decline", "undo"):
        refused(await family.answer(came, said), 409, "not-this-step", *(["/state"] if said != "undo" else []))
    gone = await family.asked("孙女")
    await change(family.worker, gone, state="missed")
    assert (await family.answer(gone, "decline")).json()["state"] == "declined"
    assert (await family.answer(gone, "undo")).json()["state"] == "missed"  # once more is asked by a make-up session alone


async def test_a_decline_that_a_worker_noted_of_somebody_not_asked_goes_back_to_nothing(family: Family) -> None:
    noted = await family.asked("户主", state="declined")
    assert (await family.answer(noted, "undo")).json()["state"] == "none"


async def test_nobody_answers_for_an_adult_or_another_family(family: Family) -> None:
    """Not even where the adult lets the head see it; all else is as good as not there."""
    grown, own = await family.asked("儿子"), await family.asked("户主")
    await family.agrees("儿子")
    assert grown["id"] in {invitation["id"] for invitation in (await family.reads())["invitations"]}
    neighbour = await family.county.sign_in("head-1")
    none = await family.answer({"id": str(uuid4())}, "decline")
    refused(none, 404, "not-found")
    for attendance, phone in ((grown, family.head), (own, neighbour)):
        for said in ("confirm", "decline", "undo"):
            reply = await family.answer(attendance, said, phone)
            assert (reply.status_code, reply.content) == (404, none.content)
    refused(await family.answer(own, "decline", family.worker), 403, "no-family-seat")
    assert (await family.worker.get(f"/v1/attendances/{grown['id']}")).json()["state"] == "invited"


async def test_many_answers_at_once_leave_one_of_them(family: Family) -> None:
    invited = await family.asked("户主")
    replies = await asyncio.gather(*(family.answer(invited, said) for said in ("confirm", "decline") * 4))
    assert {reply.status_code for reply in replies} <= {200, 409}
    assert (await family.reads())["invitations"][0]["state"] == "declined"


# Asking for a visit


async def test_a_request_is_a_follow_up_with_the_offices_deadline(family: Family) -> None:
    sent = {"id": str(uuid4()), "words": "想问问养老金怎么领", "wished_on": "2027-02-03"}
    made = await family.head.post("/v1/me/visit-requests", json=sent)
    assert made.status_code == 201, made.text
    due = (date.fromisoformat(TODAY) + visit_request.ANSWERED_WITHIN).isoformat()
    told = made.json()
    assert (told["reason"], told["status"], told["due_on"]) == ("answer_to_request", "open", due)
    assert told["words"] == "希望来访的日子：2027-02-03\n想问问养老金怎么领"
    assert (await family.reads())["follow_ups"] == [told]
    again = await family.head.post("/v1/me/visit-requests", json=sent)
    assert (again.status_code, again.json()) == (200, told)
    refused(await family.head.post("/v1/me/visit-requests", json={**sent, "words": "别的事"}), 409, "id-taken")
    stored = (await family.worker.get(f"/v1/follow-ups/{sent['id']}")).json()
    assert {name: stored[name] for name in stored} == {name: told[name] for name in stored}
    taken = (await family.worker.get("/v1/follow-ups", params={"household_id": family.household})).json()["items"]
    assert [row["id"] for row in taken] == [sent["id"]]
    gone = await family.worker.post(f"/v1/follow-ups/{sent['id']}/void", json={"reason": "打错了"}, headers={"If-Match": '"1"'})
    assert gone.status_code == 200, gone.text
    refused(await family.head.post("/v1/me/visit-requests", json=sent), 409, "id-taken")


async def test_a_few_requests_are_enough(family: Family) -> None:
    replies = await asyncio.gather(*(family.head.post("/v1/me/visit-requests", json={}) for _ in range(6)))
    assert sorted(reply.status_code for reply in replies) == [201] * 3 + [409] * 3
    refused(next(reply for reply in replies if reply.status_code == 409), 409, "enough-asked")
    done = next(reply for reply in replies if reply.status_code == 201).json()
    await family.edit("follow-ups", done["id"], status="dropped", dropped_because="电话里答复了")
    assert (await family.head.post("/v1/me/visit-requests", json={})).status_code == 201


async def test_what_is_not_recorded_is_not_asked_for_either(family: Family) -> None:
    refused(await family.head.post("/v1/me/visit-requests", json={"words": "计划外怀孕"}), 422, "refused-word", "/words")
    refused(await family.worker.post("/v1/me/visit-requests", json={}), 403, "no-family-seat")
    assert (await family.head.post("/v1/me/visit-requests", json={"due_on": TODAY})).status_code == 422
