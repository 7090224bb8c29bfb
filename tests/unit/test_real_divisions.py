"""The real registers of Zhanhua and Kazuo (2023) and the changes 2016-2023. They are not part of this repository and lie beside it."""

import csv
from collections import Counter
from datetime import date
from itertools import chain
from pathlib import Path

import pytest

from api.files.text_table import Table, read_csv
from api.rules.division_file import CHANGES_COLUMNS, KINDS, REGISTER_COLUMNS, Changes, Register, read_changes, read_register
from api.rules.division_plan import Known, plan

DIVISIONS = Path(__file__).parents[3] / "shared" / "data" / "divisions"
ZHANHUA, KAZUO = "371603000000", "211324000000"
FILES = {ZHANHUA: "371603_zhanhua_2023.csv", KAZUO: "211324_kazuo_2023.csv"}
COUNTIES = pytest.mark.parametrize("county", [ZHANHUA, KAZUO], ids=["zhanhua", "kazuo"])

pytestmark = pytest.mark.skipif(not DIVISIONS.is_dir(), reason="the real registers (../shared/data/divisions) are not beside this checkout")


def register(county: str) -> Register:
    table = read_csv((DIVISIONS / FILES[county]).read_bytes(), REGISTER_COLUMNS)
    assert isinstance(table, Table)
    result = read_register(table.rows, only=county)
    assert isinstance(result, Register), result
    return result


def changes(county: str) -> Changes:
    table = read_csv((DIVISIONS / "changes_2016_2023.csv").read_bytes(), CHANGES_COLUMNS)
    assert isinstance(table, Table)
    result = read_changes(table.rows, county)
    assert isinstance(result, Changes), result
    return result


def imported(existing: dict[str, Known], *files: Register | Changes) -> dict[str, Known]:
    for file in files:
        result = plan(existing, file)
        assert not result.warnings
        existing = existing | {p.code: p for p in result.creations} | {e.after.code: e.after for e in result.edits}
        again = plan(existing, file)
        assert not again.creations
        assert not again.edits
    return existing


@pytest.mark.parametrize(("county", "townships", "villages", "odd"), [(ZHANHUA, 12, 454, 0), (KAZUO, 22, 204, 4)], ids=["zhanhua", "kazuo"])
def test_the_registers(county: str, townships: int, villages: int, odd: int) -> None:
    result = register(county)
    assert Counter(p.level for p in result.places) == {"county": 1, "township": townships, "village": villages}
    assert result.skipped == 2
    assert [w.code for w in result.warnings] == ["soft-range"] * odd  # Kazuo's state farm has 4 branches with codes of their own
    places = imported({}, result)
    assert len(places) == 1 + townships + villages
    assert all(p.valid_to is None for p in places.values())


def test_every_row_of_the_changes_belongs_to_one_of_the_two() -> None:
    with (DIVISIONS / "changes_2016_2023.csv").open(encoding="utf-8", newline="") as file:
        total = Counter(row["kind"] for row in csv.DictReader(file))
    assert total.keys() <= KINDS.keys()
    assert total == {"style_rename": 368, "renamed": 60, "recoded": 15, "created": 11, "abolished": 6, "county_to_district": 1}
    both = [changes(ZHANHUA), changes(KAZUO)]
    assert [(len(c.rows), c.left_out) for c in both] == [(247, 214), (214, 247)]
    assert Counter(row.kind for row in chain(*(c.rows for c in both))) == total
    assert changes("990101000000").left_out == total.total()


@COUNTIES
def test_either_file_first_and_each_of_them_again_gives_the_same_places(county: str) -> None:
    one = imported({}, register(county), changes(county), register(county), changes(county))
    other = imported({}, changes(county), register(county), changes(county), register(county))
    assert one == other


@COUNTIES
def test_each_change_is_to_be_seen_in_the_places(county: str) -> None:
    places = imported({}, register(county), changes(county))
    for row in changes(county).rows:
        if row.old_code is None:
            assert row.new_code is not None
            assert places[row.new_code].valid_to is None
        elif row.old_code == row.new_code:
            assert row.old_name in places[row.old_code].former_names
        else:
            assert places[row.old_code].valid_to == date(row.last_year, 12, 31)
            assert places[row.old_code].valid_to_provisional
            assert places[row.old_code].successor_codes == (() if row.new_code is None else (row.new_code,))


@COUNTIES
def test_closed_places_have_a_parent_here_and_successors_that_stand(county: str) -> None:
    places = imported({}, register(county), changes(county))
    listed = {p.code for p in register(county).places}
    for place in places.values():
        assert (place.valid_to is None) == (place.code in listed)
        assert place.parent_code in places if place.level != "county" else place.parent_code is None
        assert all(places[code].valid_to is None for code in place.successor_codes)
        assert place.name != place.code
        assert place.name not in place.former_names


def test_zhanhua_was_a_county_until_2014() -> None:
    places = imported({}, register(ZHANHUA), changes(ZHANHUA))
    assert places["371624000000"] == Known(
        "371624000000", "沾化县", "county", None, valid_to=date(2014, 12, 31), valid_to_provisional=True, successor_codes=(ZHANHUA,)
    )
    assert (places[ZHANHUA].name, places[ZHANHUA].valid_to) == ("沾化区", None)
    assert places["371603002229"].former_names == ("大芦王村民委员会", "大卢王村民委员会")
    assert places["371603205598"].parent_code == "371603205000"
    assert places["371603205000"].successor_codes == ("371603400000",)


def test_kazuo_dissolved_a_street() -> None:
    places = imported({}, register(KAZUO), changes(KAZUO))
    village = places["211324003200"]
    assert (village.name, village.valid_to, village.successor_codes) == ("梁家营子村民委员会", date(2020, 12, 31), ("211324002205",))
    assert (places["211324003000"].name, places["211324003000"].valid_to) == ("南哨街道", date(2020, 12, 31))
    assert places["211324003201"].former_names == ("山咀村民委员会",)
    assert Counter(p.level for p in places.values() if p.valid_to) == {"township": 2, "village": 14}


@COUNTIES
def test_the_same_register_saved_by_excel(county: str) -> None:
    text = (DIVISIONS / FILES[county]).read_text("utf-8")
    table = read_csv(text.replace("\n", "\r\n").encode("gb18030"), REGISTER_COLUMNS)
    assert isinstance(table, Table)
    assert read_register(table.rows) == register(county)


def test_a_damaged_register_is_refused() -> None:
    data = (DIVISIONS / FILES[ZHANHUA]).read_bytes()
    middle = data.index("富国街道".encode()) + 1
    result = read_csv(data[:middle] + b"\xff" + data[middle + 1 :], REGISTER_COLUMNS)
    assert isinstance(result, list)
    assert [f.code for f in result] == ["encoding"]
