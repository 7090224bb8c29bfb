"""docs/privacy.md says who reads which member of which record; here each role asks the service for each of them."""

import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from api.kinds import KINDS, Kind
from api.schemas.base import Record, synced
from tests.checkups import change
from tests.conftest import TODAY, Phone
from tests.county import ABOVE, HELD, USERS, VILLAGE, County

READERS = ("county", "township", "village", "lead household", "family")
USER = {"county": "county-admin", "township": "township-1", "village": "worker-1", "lead household": "lead-1"}
[GROUP] = HELD["lead-1"]
PLACES = [GROUP, VILLAGE, ABOVE[VILLAGE], 1]
# where the family's document has the records of a kind
OF_FAMILY = {
    "household": "household", "person": "members", "visit": "visits", "follow_up": "follow_ups", "checkup_session": "sessions",
    "attendance": "invitations", "charge": "charges", "payment": "payments", "refund": "payments", "residence": "residences",
}  # fmt: skip
Row = dict[str, Any]


def written() -> dict[tuple[str, str], dict[str, str]]:
    """(kind, member) -> what each reader sees, as the page has it."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for line in Path("docs/privacy.md").read_text("utf-8").partition("## Who reads which member")[2].splitlines():
        kind, told, *cells = (cell.strip() for cell in line.strip("|").split("|")) if line.startswith("|") else ("", "")
        if kind in KINDS:
            members = [*(Record.model_fields if "*common*" in told else ()), *re.findall("`([a-z0-9_]+)`", told)]
            found |= {(kind, member): dict(zip(READERS, cells, strict=True)) for member in members}
    return found


WRITTEN = written()


def test_every_member_of_every_kind_is_on_the_page() -> None:
    members = {(kind.name, member) for kind in KINDS.values() for member in kind.schema.model_fields}
    assert WRITTEN.keys() == members, "run .venv/bin/python -m api.routers.openapi"


@pytest.fixture(scope="module")
async def whole(county: County) -> County:
    """With something in every member that is kept from somebody, in the lead household's group, its own and others'."""
    worker, lead, officer = [await county.sign_in(name) for name in ("worker-1", "lead-1", "township-1")]
    home = (await lead.get("/v1/me/household")).json()
    household, [head, _, child] = home["household"]["id"], sorted(home["members"], key=lambda member: member["born_on"])
    head = next(member for member in home["members"] if member["relation"] == "head")

    async def put(phone: Phone, plural: str, **members: Any) -> Row:
        reply = await phone.post(f"/v1/{plural}?confirm=true", json=members)
        assert reply.status_code in (200, 201), reply.text
        return dict(reply.json())

    for phone in (worker, lead):
        await put(phone, "visits", household_id=household, visited_on=TODAY, outcome="met", notes="试", agreed="试")
        due = {"household_id": household, "reason": "subsidy", "due_on": TODAY, "words": "试"}
        await put(phone, "follow-ups", **due, status="dropped", dropped_because="试")
    person = (await worker.get(f"/v1/people/{head['id']}")).json()
    await change(worker, person, "people", phones=["15400001234"])
    number = f"/v1/people/{head['id']}/identity-number?confirm=true"
    match = {"If-Match": f'"{person["rev"] + 1}"'}
    assert (await worker.put(number, json={"number": "11010519491231002X"}, headers=match)).is_success
    await put(worker, "residences", residence_id=str(uuid4()), side="registration", person_id=child["id"], since_on="2026-03-01")
    paid = await put(worker, "payments", household_id=household, amount_fen=600, paid_on=TODAY)
    refund = await put(worker, "refunds", household_id=household, payment_id=paid["id"], amount_fen=100, because="试")
    assert (await officer.post(f"/v1/refunds/{refund['id']}/approve")).is_success
    me = str(USERS["worker-1"]["id"])
    await put(officer, "countings", place_id=GROUP, worker_id=me, amount_fen=1, counted_on=TODAY)
    await put(officer, "deposits", place_id=GROUP, amount_fen=1, deposited_on=TODAY, bank_reference="1")
    return county


async def found(county: County, phone: Phone, kind: Kind) -> list[tuple[Row, Row]]:
    """Some records of a kind in the group or above it, as they are stored and as this phone gets them by id; nothing where it gets none."""
    order = "place_id <> $1, updated_at DESC"
    rows = await county.owner.fetch(f"SELECT * FROM {kind.name} WHERE place_id = ANY ($2) ORDER BY {order} LIMIT 12", GROUP, PLACES)
    assert rows, f"the demonstration county (api/demo.py) has no {kind.name} in lead-1's group or above it"
    replies = [(dict(row), await phone.get(f"/v1/{kind.plural}/{row['id']}")) for row in rows]
    assert {reply.status_code for _, reply in replies} <= {200, 404}
    return [(row, dict(reply.json())) for row, reply in replies if reply.status_code == 200]


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("reader", USER)
async def test_the_service_answers_as_the_page_says(whole: County, reader: str, kind: Kind) -> None:
    phone = await whole.sign_in(USER[reader])
    user_id, records = USERS[USER[reader]]["id"], await found(whole, phone, kind)
    for member in kind.schema.model_fields:
        said = WRITTEN[kind.name, member][reader]
        shown = [(row, doc) for row, doc in records if member in doc]
        match said:
            case "–":
                assert not shown
            case "yes" | "by id":
                assert len(shown) == len(records) > 0
                assert all((row[member] is None) is (doc[member] is None) for row, doc in shown)
            case "own":
                whose = kind.documents.own.removeprefix("t.").partition(" ")[0]
                own = {row[whose] == user_id for row, doc in shown if doc[member] is not None}
                others = [row for row, doc in shown if row[member] is not None and row[whose] != user_id]
                assert (own, bool(others)) == ({True}, True)
            case _:
                pytest.fail(said)
    if kind.name not in ("attendance", "consent"):  # which are listed by person
        page = (await phone.get(f"/v1/{kind.plural}")).json()["items"]
        assert not page or page[0].keys() <= set(synced(kind.schema))


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
async def test_a_family_reads_as_the_page_says(whole: County, kind: Kind) -> None:
    """Of lead-1's household, whose spouse and child were asked to a check-up too; the child is a minor."""
    record = (await (await whole.sign_in("lead-1")).get("/v1/me/household")).json()
    reads = {member: WRITTEN[kind.name, member]["family"] for member in kind.schema.model_fields}
    if kind.name not in OF_FAMILY:
        assert set(reads.values()) == {"–"}
        return
    held = record[OF_FAMILY[kind.name]]
    items = held if isinstance(held, list) else [held]
    if kind.name == "refund":
        items = [refund for payment in items for refund in payment["refunds"]]
    assert items, "the test is about nothing"
    assert {member for member, said in reads.items() if said != "–"} == set(items[0]) & reads.keys()
    head = record["household"]["head_id"]
    adults = {member["id"] for member in record["members"] if member["born_on"] < "2008"} - {head}
    assert adults
    if kind.name in ("attendance", "residence"):
        assert {item["person_id"] for item in items} & adults == set()
    if kind.name == "person":
        assert {item["id"] for item in items if item["identity_last4"]} == {head}
