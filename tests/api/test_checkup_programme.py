"""What is offered, to whom and when. The county's desk keeps it; nothing about reproduction is."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest

from api.problems import NOT_ALLOWED, NOT_IN_ORDER, REFUSED_WORD, ROUND_ENDS, ROUND_KEPT, Problem
from api.rules.caller import Turn
from api.rules.checkup_programme import becomes
from tests.conftest import Phone, SignIn
from tests.county import USERS, refused

FIRST = {"number": 1, "from_on": "2026-11-01", "to_on": "2026-12-31"}
SECOND = {"number": 2, "from_on": "2027-01-01", "to_on": "2027-03-31"}


@pytest.fixture
async def desk(sign_in: SignIn) -> Phone:
    return await sign_in("county-admin")


async def offer(phone: Phone, **members: Any) -> httpx.Response:
    body = {"name": f"体检 {uuid4().hex[:6]}", "basis": "国家基本公共卫生服务规范", "rounds": [FIRST], **members}
    return await phone.post("/v1/checkup-programmes", json=body)


async def offered(phone: Phone, **members: Any) -> dict[str, Any]:
    reply = await offer(phone, **members)
    assert reply.status_code == 201, reply.text
    return dict(reply.json())


async def change(phone: Phone, record: dict[str, Any], **members: Any) -> httpx.Response:
    headers = {"If-Match": f'"{record["rev"]}"'}
    return await phone.patch(f"/v1/checkup-programmes/{record['id']}", json=members, headers=headers)


async def test_a_programme_carries_all_its_members(desk: Phone) -> None:
    who = {"born_from": "1950-01-01", "born_to": "1961-12-31", "sex": 2}
    made = await offered(desk, name="两癌筛查", who=who, rounds=[FIRST, SECOND])
    assert (await desk.get(f"/v1/checkup-programmes/{made['id']}")).json() == made
    for name in ("id", "created_at", "updated_at"):
        made.pop(name)
    assert made == {
        "rev": 1,
        "place_id": 1,
        "voided": False,
        "created_by": str(USERS["county-admin"]["id"]),
        "name": "两癌筛查",
        "basis": "国家基本公共卫生服务规范",
        "who": who,
        "rounds": [FIRST, SECOND],
        "active": True,
    }


async def test_without_who_anybody_may_come_and_a_change_of_it_is_member_by_member(desk: Phone) -> None:
    made = await offered(desk)
    assert made["who"] == {"born_from": None, "born_to": None, "sex": None}
    made = (await change(desk, made, who={"born_to": "1961-12-31"})).json()
    made = (await change(desk, made, who={"sex": 1})).json()
    assert made["who"] == {"born_from": None, "born_to": "1961-12-31", "sex": 1}
    [*_, last] = (await desk.get(f"/v1/checkup-programmes/{made['id']}/revisions")).json()["items"]
    assert last["changes"]["who"][1] == made["who"]


@pytest.mark.parametrize(
    "name",
    [
        *(
            "免费孕前优生健康检查",
            "分娩前检查",
            "围产期检查",
            "婚檢",
            "節育服務",
            "Prepregnancy check",
            "nonpregnant women",
            "perinatal care",
            "birth control",
            "产前检查",
            "婚前医学检查",
            "产后访视",
            "不 孕 不 育 筛 查",
            "生殖健康检查",
            "優生檢查",
            "妇检",
            "避孕随访",
        ),
        *("Antenatal care", "Pre-natal check", "PRE-PREGNANCY check", "Fertility screening", "family planning visit", "Maternity check"),
    ],
)
@pytest.mark.parametrize("member", ["name", "basis"])
async def test_a_programme_about_reproduction_is_refused(desk: Phone, member: str, name: str) -> None:
    refused(await offer(desk, **{member: name}), 422, REFUSED_WORD.slug, f"/{member}")
    made = await offered(desk)
    refused(await change(desk, made, **{member: name}), 422, REFUSED_WORD.slug, f"/{member}")
    assert name not in (await desk.get("/v1/checkup-programmes", params={"limit": 200})).text


@pytest.mark.parametrize("name", ["老年人健康体检", "两癌筛查", "高血压随访", "糖尿病筛查", "Check-up for older people", "Eye check"])
async def test_others_are_not(desk: Phone, name: str) -> None:
    assert (await offer(desk, name=name)).status_code == 201


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"rounds": [FIRST, FIRST]}, "/rounds"),
        ({"rounds": [{**FIRST, "to_on": "2026-10-31"}]}, "/rounds/0/to_on"),
        ({"who": {"born_from": "1961-01-01", "born_to": "1960-12-31"}}, "/who/born_to"),
    ],
)
async def test_days_are_in_order_and_numbers_there_once(desk: Phone, members: dict[str, Any], pointer: str) -> None:
    refused(await offer(desk, **members), 422, NOT_IN_ORDER.slug, pointer)


@pytest.mark.parametrize("members", [{"who": {"children": 2}}, {"rounds": [{**FIRST, "target": 40}]}, {"quota": 40}, {"who": None}])
async def test_it_has_no_other_members(desk: Phone, members: dict[str, Any]) -> None:
    assert (await offer(desk, **members)).status_code == 422


async def test_a_round_that_was_offered_stays_and_its_days_may_change(desk: Phone) -> None:
    made = await offered(desk)
    refused(await change(desk, made, rounds=[SECOND]), 409, ROUND_KEPT.slug, "/rounds")
    longer = {**FIRST, "to_on": "2027-01-15"}
    assert (await change(desk, made, rounds=[longer, SECOND])).json()["rounds"] == [longer, SECOND]


@pytest.mark.parametrize("username", ["township-1", "worker-1", "lead-1", "head-1"])
async def test_the_county_alone_keeps_programmes_and_all_who_work_below_read_them(desk: Phone, sign_in: SignIn, username: str) -> None:
    phone, made = await sign_in(username), await offered(desk)
    refused(await offer(phone), 403, NOT_ALLOWED.slug)
    refused(await change(phone, made, active=False), 403, NOT_ALLOWED.slug)
    assert (await phone.get(f"/v1/checkup-programmes/{made['id']}")).status_code == 200


async def test_its_filter_gives_those_that_fit(desk: Phone) -> None:
    shut = (await change(desk, await offered(desk), active=False)).json()
    for active in (True, False):
        items = (await desk.get("/v1/checkup-programmes", params={"limit": 200, "active": active})).json()["items"]
        assert {item["active"] for item in items} == {active}
        assert (shut["id"] in [item["id"] for item in items]) is not active


async def test_a_round_ends_today_at_the_earliest(desk: Phone) -> None:
    """What is published of it is for ever: its end is not moved to the past, not for a moment either."""
    made, past = await offered(desk), {**FIRST, "to_on": "2026-11-23"}
    for rounds in ([past], [FIRST, {**past, "number": 3}]):
        refused(await change(desk, made, rounds=rounds), 422, ROUND_ENDS.slug, f"/rounds/{len(rounds) - 1}/to_on")
    refused(await offer(desk, rounds=[past]), 422, ROUND_ENDS.slug, "/rounds/0/to_on")
    today = {**FIRST, "to_on": "2026-11-24"}
    assert (await change(desk, made, rounds=[today])).json()["rounds"] == [today]


@pytest.mark.parametrize(("to_on", "allowed"), [("2026-12-31", True), ("2026-12-30", False), ("2027-02-01", True), ("2027-01-05", True)])
def test_a_round_that_is_over_can_be_left_as_it_is_or_go_on(to_on: str, allowed: bool) -> None:
    now = datetime(2027, 1, 5, tzinfo=UTC)
    turn = Turn(None, now, now, {}, now.date(), online=True)
    stored = {"name": "体检", "basis": "规范", "who": {}, "rounds": [FIRST]}
    after = becomes(stored, {**stored, "rounds": [{**FIRST, "to_on": to_on}, SECOND]}, turn)
    assert (not isinstance(after, Problem)) is allowed
