"""From the township's press to the family's seat: printing, binding at the door, and one activation."""

import asyncio
import io
import re
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pypdf import PdfReader

from api import activation, sign_in
from api.rules.activation_card import GOOD_FOR, TRIES, numbered
from tests.conftest import TODAY, Phone, client
from tests.county import HELD, OTHER, USERS, VILLAGE, County, op, push, refused

[GROUP] = HELD["lead-1"]
CARDS = "/v1/activation-cards"
PASSWORD = "一家人的暗号在这里 2026"
Row = dict[str, Any]


async def printed(county: County, count: int = 1, place_id: int = VILLAGE) -> list[tuple[Row, str]]:
    """Cards as the officer prints them: the record of each, and the code that stands on the paper."""
    officer = await county.sign_in("township-1")
    reply = await officer.post(f"{CARDS}/print", json={"place_id": place_id, "count": count})
    assert (reply.status_code, reply.headers["cache-control"]) == (200, "no-store"), reply.text
    text = "".join("".join(page.extract_text() for page in PdfReader(io.BytesIO(reply.content)).pages).split())
    found = re.findall(r"No\.(\d{10})密码Code(\d{8})", text)
    assert len(found) == count, text
    cards = [(await officer.get(CARDS, params={"number": number})).json()["items"][0] for number, _ in found]
    return [(card, code) for card, (_, code) in zip(cards, found, strict=True)]


async def a_head(county: County, **members: Any) -> tuple[str, str]:
    """A household of its own with a head: their ids."""
    worker = await county.sign_in("worker-1")
    home = (await worker.post("/v1/households", json={"place_id": GROUP, "number": f"试-{uuid4().hex[:8]}"})).json()
    body = {"household_id": home["id"], "name": "户主", "relation": "head", **members}
    head = (await worker.post("/v1/people?confirm=true", json=body)).json()
    headed = await worker.patch(f"/v1/households/{home['id']}", json={"head_id": head["id"]}, headers={"If-Match": '"1"'})
    assert headed.status_code == 200, headed.text
    return home["id"], head["id"]


async def bind(worker: Phone, card: Row, person_id: Any) -> httpx.Response:
    rev = (await worker.get(f"{CARDS}/{card['id']}")).json()["rev"]
    return await worker.patch(f"{CARDS}/{card['id']}", json={"person_id": person_id}, headers={"If-Match": f'"{rev}"'})


async def bound(county: County, person_id: str) -> tuple[Row, str]:
    [(card, code)] = await printed(county)
    reply = await bind(await county.sign_in("worker-1"), card, person_id)
    assert reply.status_code == 200, reply.text
    return reply.json(), code


async def activate(county: County, card: Row, code: str, **more: Any) -> httpx.Response:
    async with client(county.app) as http:
        body = {"card_number": card["number"], "code": code, "password": PASSWORD, "device_id": str(uuid4()), **more}
        return await http.post("/v1/auth/activate", json=body)


async def signed_in(county: County, username: str, password: str = PASSWORD, device_id: str | None = None) -> httpx.Response:
    async with client(county.app) as http:
        form = {"grant_type": "password", "username": username, "password": password} | ({"device_id": device_id} if device_id else {})
        return await http.post("/v1/auth/token", data=form)


def with_token(county: County, reply: httpx.Response) -> Phone:
    assert reply.status_code == 200, reply.text
    phone = client(county.app)
    phone.headers["Authorization"] = f"Bearer {reply.json()['access_token']}"
    return phone


async def status(county: County, card: Row) -> str:
    return str((await (await county.sign_in("township-1")).get(f"{CARDS}/{card['id']}")).json()["status"])


# Printing


async def test_a_township_prints_cards_for_its_villages(county: County) -> None:
    cards = await printed(county, 11)  # more than one sheet
    assert len({code for _, code in cards}) == len({card["number"] for card, _ in cards}) == 11
    for card, code in cards:
        assert numbered(card["number"][:9]) == card["number"]
        told = (card["place_id"], card["status"], card["person_id"], card["bound_on"])
        assert told == (VILLAGE, "printed", None, None)
        assert code not in str(card)


async def test_who_prints_and_for_which_village(county: County) -> None:
    body = {"place_id": VILLAGE, "count": 1}
    for username, place, answer in (
        ("county-admin", VILLAGE, 200), ("worker-1", VILLAGE, 403), ("lead-1", VILLAGE, 403), ("head-1", VILLAGE, 403),
        ("township-2", VILLAGE, 404), ("township-1", 10**6, 404), ("township-1", 2, 422), ("township-1", GROUP, 422),
    ):  # fmt: skip
        reply = await (await county.sign_in(username)).post(f"{CARDS}/print", json={**body, "place_id": place})
        assert reply.status_code == answer, (username, place, reply.text)
    officer = await county.sign_in("township-1")
    refused(await officer.post(f"{CARDS}/print", json={**body, "place_id": 2}), 422, "not-a-village", "/place_id")
    for count in (0, 101):
        assert (await officer.post(f"{CARDS}/print", json={**body, "count": count})).status_code == 422


async def test_nobody_else_makes_a_card(county: County) -> None:
    worker = await county.sign_in("worker-1")
    assert (await worker.post(CARDS, json={"place_id": VILLAGE})).status_code == 405
    [result] = await push(worker, op("activation_card", uuid4(), {"place_id": VILLAGE, "number": "9901010010", "status": "bound"}))
    assert (result["outcome"], result["problem"]["type"]) == ("rejected", "/problems/not-allowed")


async def test_the_offices_read_cards_and_nobody_reads_a_code(county: County) -> None:
    [(card, code)] = await printed(county)
    for username, there in (("county-admin", 200), ("worker-1", 200), ("worker-3", 404), ("township-2", 404), ("lead-1", 404)):
        phone = await county.sign_in(username)
        assert (await phone.get(f"{CARDS}/{card['id']}")).status_code == there
    row = dict(await county.owner.fetchrow("SELECT * FROM activation_card WHERE id = $1", card["id"]))
    assert code.encode() not in row["code_mac"]
    assert card.keys() & {"code", "code_mac", "tries"} == set()


async def test_a_number_that_somebody_has_is_passed_over(county: County, monkeypatch: pytest.MonkeyPatch) -> None:
    draws = iter([990101001, 123456789])  # the first is the demonstration's
    monkeypatch.setattr("api.activation.secrets.randbelow", lambda below: next(draws) if below == 10**9 else 7)
    [(card, _)] = await printed(county)
    assert card["number"] == numbered("123456789")


# Binding


async def test_a_card_is_bound_to_a_head_and_to_another_until_it_is_used(county: County) -> None:
    worker = await county.sign_in("worker-1")
    [(card, code)] = await printed(county)
    (_, one), (_, other) = await a_head(county), await a_head(county)
    told = (await bind(worker, card, one)).json()
    assert (told["status"], told["bound_on"], told["person_id"]) == ("bound", TODAY, one)
    assert (await bind(worker, card, other)).json()["person_id"] == other
    told = (await bind(worker, card, None)).json()
    assert (told["status"], told["bound_on"]) == ("printed", None)
    await bind(worker, card, other)
    assert (await activate(county, card, code)).status_code == 200
    refused(await bind(worker, card, one), 409, "card-spent", "/person_id")


async def test_a_card_is_for_somebody_who_heads_a_household_here(county: County) -> None:
    worker = await county.sign_in("worker-1")
    [(card, _)] = await printed(county)
    home, head = await a_head(county)
    child = (await worker.post("/v1/people?confirm=true", json={"household_id": home, "name": "孩子", "relation": "child"})).json()
    refused(await bind(worker, card, child["id"]), 409, "not-a-head", "/person_id")
    for person_id in (str(uuid4()), str((await (await county.sign_in("worker-3")).get("/v1/people")).json()["items"][0]["id"])):
        refused(await bind(worker, card, person_id), 404, "not-found")
    reply = await (await county.sign_in("worker-3")).patch(f"{CARDS}/{card['id']}", json={"person_id": head}, headers={"If-Match": '"1"'})
    refused(reply, 404, "not-found")


async def test_a_phone_without_a_network_binds_it_at_the_door(county: County) -> None:
    """Even with the household that it was just handed to; who heads it is asked when the card is used."""
    worker = await county.sign_in("worker-1")
    [(card, code)] = await printed(county)
    home, head = str(uuid4()), str(uuid4())
    results = await push(
        worker,
        op("household", home, {"place_id": GROUP, "number": f"试-{home[:8]}", "head_id": head}),
        op("person", head, {"household_id": home, "name": "新户主", "relation": "head"}),
        op("activation_card", card["id"], {"person_id": head}, 1),
    )
    assert [result["outcome"] for result in results] == ["applied"] * 3
    assert await status(county, card) == "bound"
    head_phone = with_token(county, await activate(county, card, code))
    assert (await head_phone.get("/v1/me/household")).json()["household"]["id"] == home


# Activating


async def test_the_head_opens_the_seat_with_it(county: County) -> None:
    home, head = await a_head(county)
    card, code = await bound(county, head)
    spaced, device = f"{card['number'][:3]} {card['number'][3:6]}-{card['number'][6:]}", str(uuid4())
    reply = await activate(county, {"number": spaced}, f"{code[:4]} {code[4:]}", device_id=device, device_name="家里的手机")
    assert (reply.headers["cache-control"], reply.json()["device_id"]) == ("no-store", device)
    phone = with_token(county, reply)
    assert (await phone.get("/v1/me/household")).json()["household"]["id"] == home
    me = (await phone.get("/v1/me")).json()
    assert (me["role"], me["name"], me["places"], me["password_temporary"]) == ("household_head", "户主", [], False)
    assert await status(county, card) == "used"
    assert (await signed_in(county, card["number"])).status_code == 200
    assert (await signed_in(county, card["number"], device_id=device)).json()["device_id"] == device
    listed = await (await county.sign_in("township-1")).get("/v1/users", params={"role": "household_head", "limit": 200})
    assert card["number"] in {user["username"] for user in listed.json()["items"]}


async def test_it_is_used_once(county: County) -> None:
    """A phone whose reply was lost is told to sign in with the number and its password."""
    _, head = await a_head(county)
    card, code = await bound(county, head)
    replies = await asyncio.gather(*(activate(county, card, code) for _ in range(4)))
    assert sorted(reply.status_code for reply in replies) == [200, 409, 409, 409]
    for reply in replies:
        if reply.status_code == 409:
            refused(reply, 409, "card-spent")
    assert await county.owner.fetchval("SELECT count(*) FROM seat WHERE person_id = $1", head) == 1


@pytest.mark.parametrize("wrong", ["code", "number", "check digit"])
async def test_a_wrong_number_and_a_wrong_code_are_answered_alike(county: County, wrong: str) -> None:
    _, head = await a_head(county)
    card, code = await bound(county, head)
    number = {"number": numbered("000000001"), "check digit": card["number"][:-1] + str((int(card["number"][-1]) + 1) % 10)}.get(wrong)
    typed = "00000000" if wrong == "code" else code
    refused(await activate(county, {"number": number or card["number"]}, typed), 400, "wrong-card")


async def test_a_number_that_is_nobodys_is_looked_at_like_one_that_is_somebodys(county: County, monkeypatch: pytest.MonkeyPatch) -> None:
    """How long the answer takes would tell of a user name whether it exists."""
    looks: list[str] = []
    write = county.access.database.write

    async def counted(*what: Any) -> Any:
        looks.append(name)
        return await write(*what)

    monkeypatch.setattr(county.access.database, "write", counted)
    for name in (numbered("000000002"), "worker-1"):
        refused(await activate(county, {"number": name}, "00000000"), 400, "wrong-card")
    assert looks == [numbered("000000002"), "worker-1"]


async def test_after_five_wrong_codes_it_is_worth_nothing(county: County) -> None:
    _, head = await a_head(county)
    card, code = await bound(county, head)
    for _ in range(TRIES - 1):
        refused(await activate(county, card, "00000000"), 400, "wrong-card")
    for _ in range(3):  # a right code is no wrong one, whatever else keeps it shut
        refused(await activate(county, card, code, password="1234567890"), 422, "weak-password", "/password")
    assert await status(county, card) == "bound"
    refused(await activate(county, card, "00000000"), 400, "wrong-card")
    assert await status(county, card) == "expired"
    refused(await activate(county, card, code), 400, "wrong-card")
    refused(await bind(await county.sign_in("worker-1"), card, None), 409, "card-spent", "/person_id")


async def test_wrong_codes_at_the_same_time_are_all_counted(county: County) -> None:
    _, head = await a_head(county)
    card, _ = await bound(county, head)
    replies = await asyncio.gather(*(activate(county, card, f"{n:08d}") for n in range(12)))
    assert {reply.status_code for reply in replies} == {400}
    tries = await county.owner.fetchval("SELECT tries FROM activation_card WHERE id = $1", card["id"])
    assert (tries, await status(county, card)) == (TRIES, "expired")


async def test_tries_are_counted_by_network_too(county: County, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sign_in.MOST, "network", 0)
    refused(await activate(county, {"number": numbered("000000001")}, "00000000"), 429, "too-many-attempts")


async def test_a_password_is_judged_for_whoever_knows_the_code(county: County, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes long, and nobody has signed in."""
    judged: list[str] = []
    strong = sign_in.Passwords.strong

    async def noted(self: sign_in.Passwords, password: str, username: str) -> bool:
        judged.append(password)
        return await strong(self, password, username)

    monkeypatch.setattr(sign_in.Passwords, "strong", noted)
    _, head = await a_head(county)
    card, code = await bound(county, head)
    refused(await activate(county, card, "00000000", password="1234567890"), 400, "wrong-card")
    assert judged == []
    refused(await activate(county, card, code, password="1234567890"), 422, "weak-password", "/password")
    assert judged == ["1234567890"]


async def test_it_waits_for_the_workers_phone(county: County) -> None:
    """Handed over where there was no network: not bound yet, and no try is lost by trying."""
    [(card, code)] = await printed(county)
    for _ in range(TRIES + 1):
        refused(await activate(county, card, code), 409, "card-not-bound")
    _, head = await a_head(county)
    await bind(await county.sign_in("worker-1"), card, head)
    assert (await activate(county, card, code)).status_code == 200


async def test_thirty_days_after_it_was_handed_over_it_has_expired(county: County) -> None:
    cards = []
    for days, _ in ((0, "on the last day"), (1, "a day later")):
        _, head = await a_head(county)
        cards.append(await bound(county, head))
        on = date.fromisoformat(TODAY) - GOOD_FOR - timedelta(days=days)
        await county.owner.execute("UPDATE activation_card SET bound_on = $2 WHERE id = $1", cards[-1][0]["id"], on)
    (good, code), (gone, other_code) = cards
    refused(await activate(county, gone, other_code), 409, "card-spent")
    await activation.expire(county.access, 1)
    assert [await status(county, card) for card in (good, gone)] == ["bound", "expired"]
    trail = (await (await county.sign_in("worker-1")).get(f"{CARDS}/{gone['id']}/revisions")).json()["items"]
    assert trail[-1]["changes"] == {"status": ["bound", "expired"]}
    assert (await activate(county, good, code)).status_code == 200


@pytest.mark.parametrize("how", ["heads it no more", "died", "card voided"])
async def test_who_is_no_head_any_more_opens_nothing(county: County, how: str) -> None:
    worker = await county.sign_in("worker-1")
    home, head = await a_head(county)
    card, code = await bound(county, head)
    if how == "heads it no more":
        assert (await worker.patch(f"/v1/households/{home}", json={"head_id": None}, headers={"If-Match": '"2"'})).status_code == 200
    elif how == "died":
        assert (await worker.patch(f"/v1/people/{head}", json={"status": "died"}, headers={"If-Match": '"1"'})).status_code == 200
    else:
        assert (await worker.post(f"{CARDS}/{card['id']}/void", json={"reason": "丢了"})).status_code == 200
    refused(await activate(county, card, code), *((400, "wrong-card") if how == "card voided" else (409, "not-a-head")))
    refused(await signed_in(county, card["number"]), 400, "wrong-sign-in")


async def test_a_card_that_nobody_used_is_nobodys_name(county: County) -> None:
    [(card, code)] = await printed(county)
    refused(await signed_in(county, card["number"], code), 400, "wrong-sign-in")
    admin = await county.sign_in("county-admin")
    body = {"username": card["number"], "name": "试", "role": "village", "place_ids": [OTHER]}
    refused(await admin.post("/v1/users", json=body), 409, "username-taken", "/username")


# A lost phone: a new card


async def test_a_new_card_ends_the_old_phone_and_the_old_password(county: County) -> None:
    home, head = await a_head(county)
    old_card, old_code = await bound(county, head)
    lost = with_token(county, await activate(county, old_card, old_code))
    asked = (await lost.post("/v1/me/visit-requests", json={"words": "请来一趟"})).json()
    card, code = await bound(county, head)
    phone = with_token(county, await activate(county, card, code, password="另一个够长的暗号 2026"))
    refused(await lost.get("/v1/me/household"), 403, "device-revoked")
    record = (await phone.get("/v1/me/household")).json()
    assert (record["household"]["id"], [due["id"] for due in record["follow_ups"]]) == (home, [asked["id"]])
    for username in (old_card["number"], card["number"]):
        refused(await signed_in(county, username), 400, "wrong-sign-in")
    assert (await signed_in(county, card["number"], "另一个够长的暗号 2026")).status_code == 200
    refused(await activate(county, old_card, old_code), 409, "card-spent")
    held = "SELECT count(*) FROM seat WHERE person_id = $1 AND revoked_tick IS NULL"
    assert await county.owner.fetchval(held, head) == 1


async def test_a_lead_household_keeps_its_appointment_and_what_it_wrote(county: County) -> None:
    """One user with both: the seat of the own household, and the group."""
    lead = await county.sign_in("lead-1")
    home = str(USERS["lead-1"]["household_id"])
    neighbour = next(row["id"] for row in (await lead.get("/v1/households")).json()["items"] if row["id"] != home)
    visit = (await lead.post("/v1/visits", json={"household_id": neighbour, "visited_on": TODAY, "outcome": "met", "notes": "看望"})).json()
    head = (await lead.get("/v1/me/household")).json()["household"]["head_id"]
    card, code = await bound(county, head)
    phone = with_token(county, await activate(county, card, code))
    assert {place["place_id"] for place in (await phone.get("/v1/me")).json()["places"]} == HELD["lead-1"]
    assert (await phone.get(f"/v1/visits/{visit['id']}")).json()["notes"] == "看望"
    assert (await phone.get("/v1/me/household")).json()["household"]["id"] == home


async def test_somebody_elses_device_is_not_taken_over(county: County) -> None:
    device = str(uuid4())
    await county.sign_in("worker-3", device)
    _, head = await a_head(county)
    card, code = await bound(county, head)
    refused(await activate(county, card, code, device_id=device), 409, "device-of-another")
    assert await status(county, card) == "bound"
    assert (await activate(county, card, code)).status_code == 200
