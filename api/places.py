"""Importing divisions from a file, and adding villagers' groups. Places are numbered here, one county at a time."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeAlias
from uuid import UUID, uuid4

from api.access import Access
from api.db.session import Tx
from api.decide import Op, Result
from api.files.text_table import read_csv
from api.kinds import CATALOGUE_ENTRY, FEE_ITEM, PLACE
from api.language import both
from api.problems import BAD_FILE, NOT_A_VILLAGE, NOT_FOUND, NUMBER_TAKEN, REFUSED_WORD, Problem
from api.road import write_all
from api.rules.caller import COUNTY_PLACE, Caller, command_line
from api.rules.division_file import CHANGES_COLUMNS, REGISTER_COLUMNS, Changes, Fault, Register, read_changes, read_register
from api.rules.division_plan import Known, Plan, plan
from api.rules.fee_item import standard as standard_fees
from api.rules.refused import refused_word
from api.rules.standard_catalogues import standard

# Whoever numbers places holds the county's own row, so that two of them come one after the other
HOLD = "SELECT p.place_id FROM place p WHERE p.county_id = $1 AND p.place_id = 1 FOR NO KEY UPDATE"
ALL = "SELECT p.* FROM place p WHERE p.county_id = $1 ORDER BY p.place_id"
TOWNSHIPS = "SELECT DISTINCT p.township_id FROM place p WHERE p.county_id = $1"
COUNTIES = "SELECT c.county_id, c.code FROM county c ORDER BY c.county_id"
FORMER = "SELECT p.code FROM place p WHERE p.county_id = $1 AND p.level = 'county' AND p.place_id <> 1"
COUNTY = "SELECT c.county_id FROM county c WHERE c.code = $1"
NEW_COUNTY = "INSERT INTO county (county_id, code) VALUES ($1, $2)"
NEW_CLOCK = "INSERT INTO clock (county_id, tick, floor_tick) VALUES ($1, 0, 0)"

File: TypeAlias = Register | list[tuple[int, Mapping[str, str]]]  # a register, or the rows of a table of changes


@dataclass(frozen=True, slots=True)
class Report:
    """What an import did: places created and edited, rows of other counties left out, and what is doubtful (nothing was refused for it)."""

    created: int
    changed: int
    left_out: int
    warnings: tuple[Fault, ...]

    def document(self) -> dict[str, Any]:
        return {"created": self.created, "changed": self.changed, "left_out": self.left_out, "warnings": faults_as_errors(self.warnings)}


def faults_as_errors(faults: Iterable[Fault]) -> list[dict[str, Any]]:
    return [{"line": f.line, "column": f.column, "code": f.code, "detail": both(f.zh, f.en)} for f in faults]


def bad_file(faults: list[Fault]) -> Problem:
    return BAD_FILE(count=len(faults), errors=faults_as_errors(faults))


def read_file(data: bytes, county: str | None) -> File:
    """A register of one county, or the rows of a changes file, told apart by their columns. Raises `bad-file` with every fault."""
    is_changes = b"old_code12" in data[:1000]  # the same bytes in either encoding
    table = read_csv(data, CHANGES_COLUMNS if is_changes else REGISTER_COLUMNS)
    if isinstance(table, list):
        raise bad_file(table)
    if is_changes:
        return list(table.rows)
    register = read_register(table.rows, only=county)
    if isinstance(register, list):
        raise bad_file(register)
    return register


def meant_for(county: str, file: File, former: Collection[str]) -> Register | Changes:
    """What a file says of the county with the code `county`; `former`: codes it had before. Raises `bad-file` with every fault."""
    if isinstance(file, Register):
        return file
    changes = read_changes(file, county, former)
    if isinstance(changes, list):
        raise bad_file(changes)
    return changes


def size(told: Register | Changes) -> int:
    return len(told.places if isinstance(told, Register) else told.rows)


async def import_places(tx: Tx, caller: Caller, county: str, file: Register | Changes, *, today: date, now: datetime) -> Report:
    """Brings the places of the caller's county, whose code is `county`, up to the file. The same file again changes nothing."""
    await tx.fetch(HOLD, caller.county_id)
    rows = [dict(row) for row in await tx.fetch(ALL, caller.county_id)]
    number = {row["code"]: row["place_id"] for row in rows if row["code"]}
    code = {place_id: place_code for place_code, place_id in number.items()}
    todo = plan({row["code"]: _known(row, code) for row in rows if row["code"]}, file)
    await write_all(tx, caller, _ops(todo, rows, number, county), today=today, now=now)
    left_out = file.skipped if isinstance(file, Register) else file.left_out
    return Report(len(todo.creations), len(todo.edits), left_out, (*file.warnings, *todo.warnings))


def _known(row: Mapping[str, Any], code: Mapping[int, str]) -> Known:
    return Known(
        row["code"],
        row["name"],
        row["level"],
        code.get(row["parent_id"]),
        row["valid_from"],
        row["valid_to"],
        row["valid_to_provisional"],
        tuple(row["former_names"]),
        tuple(code[i] for i in row["successor_ids"]),
    )


def _ops(todo: Plan, rows: list[dict[str, Any]], number: dict[str, int], county: str) -> list[Op]:
    """Numbers the new places, parents first, the county itself 1; then says all with numbers."""
    following = max((row["place_id"] for row in rows), default=COUNTY_PLACE) + 1
    for place in todo.creations:
        if place.code == county:
            number[place.code] = COUNTY_PLACE
        else:
            number[place.code] = following
            following += 1
    by_code = {row["code"]: row for row in rows}
    ops = [Op(PLACE, uuid4(), _doc(place, number) | _born(place, number)) for place in todo.creations]
    for edit in todo.edits:
        row = by_code[edit.after.code]
        ops.append(Op(PLACE, row["id"], _doc(edit.after, number), base_rev=row["rev"]))
    return ops


def _doc(place: Known, number: Mapping[str, int]) -> dict[str, Any]:
    return {
        "name": place.name,
        "successor_ids": [number[c] for c in place.successor_codes],
        "valid_from": place.valid_from,
        "valid_to": place.valid_to,
        "valid_to_provisional": place.valid_to_provisional,
        "former_names": list(place.former_names),
    }


def _born(place: Known, number: Mapping[str, int]) -> dict[str, Any]:
    own, above = number[place.code], number.get(place.parent_code or "")
    township = {"county": 0, "township": own, "village": above}[place.level]
    return {
        "place_id": own,
        "township_id": township,
        "code": place.code,
        "level": place.level,
        "group_number": None,
        "parent_id": above,
    }


async def add_group(
    tx: Tx, caller: Caller, *, group_id: UUID, parent_id: int, group_number: int, name: str | None, today: date, now: datetime
) -> Result:
    """A villagers' group below a village. Raises `not-found`, `not-a-village`, and `number-taken` where there is one of that number."""
    if refused_word(name or ""):
        raise REFUSED_WORD.at("/name")
    await tx.fetch(HOLD, caller.county_id)
    rows = [dict(row) for row in await tx.fetch(ALL, caller.county_id)]
    village = next((row for row in rows if row["place_id"] == parent_id and row["township_id"] in caller.townships), None)
    if village is None:
        raise NOT_FOUND()
    if village["level"] != "village":
        raise NOT_A_VILLAGE.at("/parent_id")
    if any(row["parent_id"] == parent_id and row["group_number"] == group_number and row["id"] != group_id for row in rows):
        raise NUMBER_TAKEN.at("/group_number")
    again = next((row["place_id"] for row in rows if row["id"] == group_id), None)
    doc = {
        "place_id": again or max(row["place_id"] for row in rows) + 1,
        "township_id": village["township_id"],
        "code": None,
        "name": name or f"第{group_number}村民小组",
        "level": "group",
        "group_number": group_number,
        "parent_id": parent_id,
        "successor_ids": [],
        "valid_from": None,
        "valid_to": None,
        "valid_to_provisional": False,
        "former_names": [],
    }
    [result] = await write_all(tx, caller, [Op(PLACE, group_id, doc)], today=today, now=now)
    return result


async def at_server(access: Access, county_id: int) -> Caller:
    """The command line, which holds what the county's desk holds."""
    townships = [row["township_id"] for row in await access.database.fetch(TOWNSHIPS, county_id)]
    return command_line(county_id, townships)


async def county_named(tx: Tx, code: str) -> int | None:
    found: int | None = await tx.fetchval(COUNTY, code)
    return found


async def new_county(tx: Tx, code: str) -> int:
    """A county that was not here yet; its places follow by import, then its catalogues."""
    county_id = max((row["county_id"] for row in await tx.fetch(COUNTIES)), default=0) + 1
    await tx.execute(NEW_COUNTY, county_id, code)
    await tx.execute(NEW_CLOCK, county_id)
    return county_id


async def standard_catalogues(tx: Tx, desk: Caller, *, today: date, now: datetime) -> None:
    """The entries that every county starts with. Again changes nothing, whatever the county has made of them."""
    ops = []
    for entry in standard():
        doc: dict[str, Any] = {**entry, "active": True}
        ops.append(Op(CATALOGUE_ENTRY, doc.pop("id"), doc))
    for item in standard_fees():
        said: dict[str, Any] = {**item}
        ops.append(Op(FEE_ITEM, said.pop("id"), said))
    await write_all(tx, desk, ops, today=today, now=now)
