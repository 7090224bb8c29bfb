"""The auditor of `make prove` (prove/auditor.py): finds nothing in the demonstration county, and names each invariant that is broken by
hand, past the service and while the database's own keys sleep."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from api.embedded import Urls
from prove.auditor import FEED, LEDGER, Line, acknowledgements, audit, records, statements

ONE = "{0} = (SELECT {0} FROM {1} WHERE {2} ORDER BY 1 LIMIT 1)"
VISIT, CHARGE = ONE.format("id", "visit", "true"), ONE.format("id", "charge", "status = 'open'")
CHANGE = "(kind, id) = (SELECT kind, id FROM change WHERE kind = 'visit' ORDER BY id LIMIT 1)"
ELSEWHERE = f"""INSERT INTO change (county_id, kind, id, place_id, township_id, tick, op, reason, rev)
  SELECT county_id, kind, id, 1, 0, {{0}}, {{1}}, NULL, rev FROM change WHERE {CHANGE}"""

BROKEN = {
    "accounts add up to zero, kept balances taken as kept": f"""UPDATE account SET balance_fen = balance_fen + 5
      WHERE type = 'cash' AND {ONE.format("owner", "account", "type = 'cash'")}""",
    "a kept balance is the sum of its transfers": """UPDATE account a SET balance_fen = balance_fen + x.fen FROM (SELECT owner,
      CASE row_number() OVER (ORDER BY owner) WHEN 1 THEN 5 WHEN 2 THEN -5 ELSE 0 END AS fen FROM account WHERE type = 'cash') x
      WHERE a.type = 'cash' AND a.owner = x.owner""",
    "a charge says what is allocated to it": f"UPDATE charge SET paid_fen = paid_fen + 1 WHERE {CHARGE}",
    "a charge's status follows from it": f"UPDATE charge SET status = 'settled' WHERE {CHARGE}",
    "a payment says what is left of it": f"UPDATE payment SET left_fen = left_fen + 1 WHERE {ONE.format('id', 'payment', 'left_fen = 0')}",
    "no household owes and has credit": f"""UPDATE payment SET left_fen = 1,
      household_id = (SELECT household_id FROM charge WHERE {CHARGE}) WHERE {ONE.format("id", "payment", "true")}""",
    "a household owes in the ledger what its charges say": f"""UPDATE transfer SET amount_fen = amount_fen + 1
      WHERE {ONE.format("seq", "transfer", "event = 'charge'")}""",
    "a payment is in the ledger once": f"""DELETE FROM transfer
      WHERE {ONE.format("seq", "transfer", "event = 'payment'")}""",
    "what was collected goes to the special account or back": f"""UPDATE transfer SET from_type = 'cash', to_type = 'income'
      WHERE {ONE.format("seq", "transfer", "true")}""",
    "a receipt book has its numbers, each once": f"DELETE FROM receipt_number WHERE {ONE.format('number', 'receipt_number', 'true')}",
    "revisions run from 1 to the record's own": f"UPDATE revision SET rev = rev + 1 WHERE kind = 'visit' AND {VISIT}",
    "a record's change row says what the record is": f"UPDATE change SET rev = rev + 1 WHERE {CHANGE}",
    "no other change row says that the record is there": ELSEWHERE.format("tick", "'upsert'"),
    "ticks run up to the county's clock": f"UPDATE change c SET tick = k.tick + 1 FROM clock k WHERE {CHANGE}",
    "a record is later where it came than where it left": ELSEWHERE.format("tick + 1", "'remove'"),
    "a household's last visit is the last day somebody was met": f"""UPDATE household SET last_visited_on = last_visited_on + 1
      WHERE {ONE.format("id", "household", "last_visited_on IS NOT NULL")}""",
    "both sides of a residence are in one state": "UPDATE residence SET state = 'ended' WHERE side = 'residence'",
    "what was refused is kept with its state": "UPDATE kept_op SET settled = 'applied'",
    "what is named is there": f"UPDATE charge SET fee_item_id = gen_random_uuid() WHERE {CHARGE}",
}
OF_RECORDS = {
    "a digest made from the records is the service's": f"UPDATE change SET rev = rev + 1 WHERE {CHANGE}",
    "what follows from a record stands in it": f"UPDATE person SET alike = 'x' WHERE {ONE.format('id', 'person', 'true')}",
    "a record is found by its search keys alone": f"DELETE FROM search_key WHERE {ONE.format('id', 'search_key', 'true')}",
}


@pytest.fixture
async def owner(urls: Urls, app: Any) -> AsyncIterator[Any]:
    """A superuser in a transaction that is undone; keys and triggers sleep in it."""
    connection = await asyncpg.connect(urls.admin)
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("SET LOCAL session_replication_role = replica")
    yield connection
    await transaction.rollback()
    await connection.close()


async def test_the_demonstration_county_is_whole(urls: Urls, app: Any) -> None:
    findings = await audit(urls.owner)
    assert {finding.invariant: finding.broken for finding in findings if finding.broken} == {}
    seen = {finding.invariant for finding in findings if finding.looked_at}
    assert seen >= {*LEDGER, *FEED, *OF_RECORDS} - {"a record is later where it came than where it left"}


async def test_every_invariant_is_broken_below() -> None:
    assert BROKEN.keys() == {*LEDGER, *FEED, "what is named is there"}


@pytest.mark.parametrize("invariant", BROKEN)
async def test_what_breaks_an_invariant_is_named(owner: Any, invariant: str) -> None:
    assert int((await owner.execute(BROKEN[invariant])).split()[-1]) > 0
    assert [finding.invariant for finding in await statements(owner) if finding.broken and finding.invariant == invariant]


@pytest.mark.parametrize("invariant", OF_RECORDS)
async def test_what_follows_from_a_record_is_made_afresh(owner: Any, invariant: str) -> None:
    assert (await owner.execute(OF_RECORDS[invariant])).split()[-1] != "0"
    assert [finding.invariant for finding in await records(owner) if finding.broken] == [invariant]


async def test_what_was_acknowledged_and_is_not_there_is_named(owner: Any) -> None:
    row = await owner.fetchrow("SELECT id::text, rev, outcome, notes FROM visit WHERE notes IS NOT NULL LIMIT 1")
    here: Line = {"kind": "visit", "id": row["id"], "rev": row["rev"], "outcome": "applied", "device": str(uuid4())}
    here["doc"] = {name: row[name] for name in ("outcome", "notes")}
    nowhere = {**here, "id": str(uuid4())}

    async def broken(*told: Line) -> list[list[str]]:
        return [finding.broken for finding in await acknowledgements(owner, told)]

    assert await broken(here, {"tick": await owner.fetchval("SELECT tick FROM clock")}) == [[], [], []]
    assert (await broken(nowhere))[0] == [f"visit {nowhere['id']} revision 1, is 0"]
    assert (await broken({**nowhere, "outcome": "held"}))[0] == [f"visit {nowhere['id']} held"]
    assert (await broken({**here, "rev": 9}))[0] == [f"visit {here['id']} revision 9, is {row['rev']}"]
    assert (await broken({**here, "doc": {"notes": "另一句"}}))[1] == [f"visit {here['id']} notes"]
    assert (await broken({"tick": 10**9}))[2] == [str(10**9)]
