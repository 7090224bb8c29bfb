"""Places as the files of divisions tell them. The county 9901 is invented; its cases read like the manual."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date

import pytest

from api.rules.division_code import division_level, in_usual_range, parent_code
from api.rules.division_file import CHANGES_COLUMNS, KINDS, REGISTER_COLUMNS, Changes, Fault, Register, read_changes, read_register
from api.rules.division_plan import Known, Plan, plan

COUNTY = "990101000000"
REGISTER = """
990000000000,虚拟省,province,,
990100000000,虚拟市,city,,990000000000
990101000000,柳河县,county,,990100000000
990101100000,柳河镇,township,,990101000000
990101100201,柳湾村村民委员会,village,220,990101100000
990101100202,北山村村民委员会,village,220,990101100000
"""


def rows(text: str, columns: Iterable[str]) -> list[tuple[int, dict[str, str]]]:
    """The header would stand on line 1, so the first row is line 2."""
    return [(n, dict(zip(columns, row.split(","), strict=True))) for n, row in enumerate(text.strip("\n").split("\n"), 2)]


def register(text: str = REGISTER) -> Register:
    result = read_register(rows(text, REGISTER_COLUMNS))
    assert isinstance(result, Register), result
    return result


def changes(text: str, county: str = COUNTY) -> Changes:
    result = read_changes(rows(text, CHANGES_COLUMNS), county)
    assert isinstance(result, Changes), result
    return result


def told(result: object) -> list[tuple[int, str, str]]:
    """Faults or warnings as (line, column, code)."""
    assert isinstance(result, list | tuple), result
    assert all(isinstance(f, Fault) and f.zh and f.en and "{" not in f.zh + f.en for f in result)
    return [(f.line, f.column, f.code) for f in result]


def carry_out(existing: dict[str, Known], result: Plan) -> dict[str, Known]:
    after = dict(existing)
    for place in result.creations:
        assert place.code not in after
        assert place.parent_code is None or place.parent_code in after, "parents first"
        after[place.code] = place
    for edit in result.edits:
        assert after[edit.before.code] == edit.before != edit.after
        after[edit.after.code] = edit.after
    return after


def nothing_to_do(result: Plan) -> bool:
    return not result.creations and not result.edits


def imported(existing: dict[str, Known], *files: Register | Changes) -> dict[str, Known]:
    """Each file imported twice: the second time finds nothing to do."""
    for file in files:
        existing = carry_out(existing, plan(existing, file))
        assert nothing_to_do(plan(existing, file))
    return existing


@pytest.mark.parametrize(
    ("code", "level", "parent"),
    [
        ("211324000000", "county", None),
        ("211324003000", "township", "211324000000"),
        ("211324003200", "village", "211324003000"),
        ("371603400598", "village", "371603400000"),
        ("441900000000", "county", None),  # Dongguan has no counties
        ("441900003000", "township", "441900000000"),
        ("210000000000", None, None),
        ("211300000000", None, None),
        ("211324000200", None, None),
        ("21132400320", None, None),
        ("2113240032001", None, None),
        ("21132400320a", None, None),
        ("211324003200\n", None, None),
        ("２１１３２４００３２００", None, None),  # full-width digits
        ("", None, None),
    ],
)
def test_what_a_code_says(code: str, level: str | None, parent: str | None) -> None:
    assert division_level(code) == level
    assert parent_code(code) == parent


def test_usual_ranges() -> None:
    usual = ["990101001000", "990101599000", "990101100001", "990101100399", "990101100498", "990101100598", COUNTY]
    assert all(map(in_usual_range, usual))
    assert not any(map(in_usual_range, ["990101600000", "990101100400", "990101100599", "990101100999"]))


def test_a_register() -> None:
    result = register()
    assert result.county == COUNTY
    assert [(p.line, p.code, p.name, p.level) for p in result.places] == [
        (4, "990101000000", "柳河县", "county"),
        (5, "990101100000", "柳河镇", "township"),
        (6, "990101100201", "柳湾村村民委员会", "village"),
        (7, "990101100202", "北山村村民委员会", "village"),
    ]
    assert result.skipped == 2
    assert result.warnings == ()


def test_the_order_of_rows_does_not_matter_and_names_are_trimmed_only() -> None:
    upside_down = "\n".join(reversed(REGISTER.strip().split("\n"))).replace("柳湾村村民委员会", "\u3000柳湾ﾑ①𡐓 ")
    assert [p.name for p in register(upside_down).places] == ["柳河县", "柳河镇", "柳湾ﾑ①𡐓", "北山村村民委员会"]


def test_a_name_of_fifty_code_points_is_taken() -> None:
    assert register(REGISTER.replace("柳湾村村民委员会", "𡐓" * 50)).places[2].name == "𡐓" * 50


def test_unusual_codes_and_private_characters_only_warn() -> None:
    odd = "990101600000,柳河农场,township,,990101000000\n990101600401,一分场\ue000,village,,990101600000\n"
    assert told(register(REGISTER + odd).warnings) == [(8, "code12", "soft-range"), (9, "name", "private-use"), (9, "code12", "soft-range")]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("99010110020,柳湾村,village,,990101100000", [("code12", "bad-code")]),
        ("99010110020X,柳湾村,village,,990101100000", [("code12", "bad-code")]),
        ("990101100203,柳湾村,hamlet,,990101100000", [("level", "bad-level")]),
        ("990101100203,柳湾村,township,,990101100000", [("level", "bad-level")]),
        ("990101100203, ,village,,990101100000", [("name", "name-missing")]),
        (f"990101100203,{'村' * 51},village,,990101100000", [("name", "name-too-long")]),
        ("990101100203,柳\t湾,village,,990101100000", [("name", "control-character")]),
        ("990101100201,柳湾村,village,,990101100000", [("code12", "duplicate-code")]),
        ("990101000000,柳河区,county,,990100000000", [("code12", "duplicate-code")]),
        ("990102000000,柳河区,county,,990100000000", [("level", "second-county")]),
        ("990102100000,外镇,township,,990102000000", [("code12", "other-county")]),
        ("990101100203,柳湾村,village,,990101101000", [("parent", "bad-parent")]),
        ("990101100203,柳湾村,village,,", [("parent", "bad-parent")]),
        ("990101101203,柳湾村,village,,990101101000", [("parent", "parent-missing")]),
        ("bad,,hamlet,,", [("code12", "bad-code"), ("level", "bad-level"), ("name", "name-missing")]),
    ],
)
def test_every_fault_of_a_register(row: str, expected: list[tuple[str, str]]) -> None:
    result = read_register(rows(REGISTER + row, REGISTER_COLUMNS))
    assert sorted(told(result)) == [(8, *fault) for fault in expected]


def test_all_faults_of_a_register_are_told_at_once() -> None:
    text = REGISTER.replace("990101100202,", "9901,").replace("柳河镇", "").replace("990101000000,柳河县,county,,990100000000", ",,,,")
    assert told(read_register(rows(text, REGISTER_COLUMNS))) == [
        (1, "level", "no-county"),
        (4, "level", "bad-level"),
        (4, "name", "name-missing"),
        (4, "code12", "bad-code"),
        (5, "name", "name-missing"),
        (7, "code12", "bad-code"),
    ]


def test_children_of_a_row_with_a_fault_are_not_told_as_orphans() -> None:
    assert told(read_register(rows(REGISTER.replace("township", "towship"), REGISTER_COLUMNS))) == [(5, "level", "bad-level")]


def test_the_county_row_names_its_city_or_its_province_or_nothing() -> None:
    for parent in ("990100000000", "990000000000", ""):
        register(REGISTER.replace("county,,990100000000", f"county,,{parent}"))
    result = read_register(rows(REGISTER.replace("county,,990100000000", "county,,980100000000"), REGISTER_COLUMNS))
    assert told(result) == [(4, "parent", "bad-parent")]


def test_only_the_callers_county_is_taken() -> None:
    assert isinstance(read_register(rows(REGISTER, REGISTER_COLUMNS), only=COUNTY), Register)
    assert told(read_register(rows(REGISTER, REGISTER_COLUMNS), only="990102000000")) == [(4, "code12", "other-county")]


def test_a_register_creates_open_places_parents_first_and_only_once() -> None:
    result = plan({}, register())
    assert [p.code for p in result.creations] == ["990101000000", "990101100000", "990101100201", "990101100202"]
    assert result.creations[2] == Known("990101100201", "柳湾村村民委员会", "village", "990101100000")
    assert not result.edits
    assert nothing_to_do(plan(carry_out({}, result), register()))


def test_a_place_missing_from_a_newer_register_is_told_and_stays_open() -> None:
    before = imported({}, register())
    shorter = register("\n".join(REGISTER.strip().split("\n")[:-1]))
    result = plan(before, shorter)
    assert nothing_to_do(result)
    assert told(result.warnings) == [(0, "code12", "vanished")]
    assert "990101100202 北山村村民委员会" in result.warnings[0].en


def test_a_newer_register_renames_and_an_older_one_does_not_rename_back() -> None:
    newer = register(REGISTER.replace("柳湾村", "柳湾新村"))
    after = imported({}, register(), newer)
    assert after["990101100201"].name == "柳湾新村村民委员会"
    assert after["990101100201"].former_names == ("柳湾村村民委员会",)
    again = plan(after, register())
    assert nothing_to_do(again)
    assert told(again.warnings) == [(6, "name", "older-name")]


# Changes. level, old code and name, new code and name, between, kind, evidence

RENAMED = "village,990101100201,刘湾村委会,990101100201,柳湾村村民委员会,2019..2020,renamed,x\n"
RECODED = "village,990101001201,北山村委会,990101100202,北山村村民委员会,2019..2020,recoded,x\n"
ABOLISHED = "township,990101001000,柳河街道,,,2019..2020,abolished,x\n"


def test_the_same_code_is_a_former_name() -> None:
    after = imported({}, register(), changes(RENAMED))
    assert after["990101100201"] == Known("990101100201", "柳湾村村民委员会", "village", "990101100000", former_names=("刘湾村委会",))


def test_names_follow_each_other_by_year_not_by_row() -> None:
    later, earlier = "990101100201,二,990101100201,三,2020..2023,style_rename,x", "990101100201,一,990101100201,二,2018..2019,renamed,x"
    text = f"village,{later}\nvillage,{earlier}\n"
    after = imported({}, register(REGISTER.replace("柳湾村村民委员会", "三")), changes(text))
    assert after["990101100201"].former_names == ("一", "二")


def test_a_change_newer_than_the_register_renames() -> None:
    after = imported({}, register(REGISTER.replace("柳湾村村民委员会", "刘湾村委会")), changes(RENAMED))
    assert after["990101100201"].name == "柳湾村村民委员会"
    assert after["990101100201"].former_names == ("刘湾村委会",)


def test_a_name_the_changes_do_not_know_stays() -> None:
    before = imported({}, register(REGISTER.replace("柳湾村村民委员会", "柳湾新村")))
    result = plan(before, changes(RENAMED))
    assert told(result.warnings) == [(2, "new_name", "name-differs")]
    after = imported(before, changes(RENAMED))["990101100201"]
    assert (after.name, after.former_names) == ("柳湾新村", ("刘湾村委会", "柳湾村村民委员会"))


def test_renamed_there_and_back_keeps_only_the_other_name() -> None:
    text = RENAMED + "village,990101100201,柳湾村村民委员会,990101100201,刘湾村委会,2020..2023,renamed,x\n"
    after = imported({}, register(), changes(text))["990101100201"]
    assert (after.name, after.former_names) == ("刘湾村委会", ("柳湾村村民委员会",))


def test_another_code_is_a_closed_place_with_a_successor_below_its_old_township() -> None:
    after = imported({}, register(), changes(RECODED + ABOLISHED))
    assert after["990101001201"] == Known(
        "990101001201",
        "北山村委会",
        "village",
        "990101001000",
        valid_to=date(2020, 12, 31),
        valid_to_provisional=True,
        successor_codes=("990101100202",),
    )
    assert after["990101001000"] == Known(
        "990101001000", "柳河街道", "township", COUNTY, valid_to=date(2020, 12, 31), valid_to_provisional=True
    )
    assert after["990101100202"].valid_to is None


def test_a_closed_place_whose_township_is_in_no_file_gets_it_closed_and_named_by_its_code() -> None:
    earlier = "village,990101001202,南山村委会,,,2016..2018,abolished,x\n"
    after = imported({}, register(), changes(earlier + RECODED))
    assert after["990101001000"] == Known("990101001000", "990101001000", "township", COUNTY, date(2020, 12, 31), date(2020, 12, 31), True)
    named = imported(after, register(REGISTER + "990101001000,柳河街道,township,,990101000000"))["990101001000"]
    assert named == Known("990101001000", "柳河街道", "township", COUNTY), "a register that lists it opens it; the code was no name"


def test_a_split_has_several_successors_and_a_merger_one() -> None:
    text = (
        "village,990101100301,大柳村,990101100201,柳湾村村民委员会,2016..2018,split,x\n"
        "village,990101100301,大柳村,990101100202,北山村村民委员会,2016..2018,split,x\n"
        "village,990101100302,小柳村,990101100201,柳湾村村民委员会,2016..2018,merged,x\n"
    )
    after = imported({}, register(), changes(text))
    assert after["990101100301"].successor_codes == ("990101100201", "990101100202")
    assert after["990101100302"].successor_codes == ("990101100201",)
    assert after["990101100301"].valid_to == date(2018, 12, 31)


def test_a_successor_outside_the_register_is_imported_closed_and_a_register_that_lists_it_opens_it() -> None:
    after = imported({}, register(), changes(RECODED.replace("990101100202", "990101100203")))
    assert after["990101100203"].valid_to == date(2020, 12, 31)
    assert after["990101100203"].glimpsed
    assert after["990101001201"].successor_codes == ("990101100203",)
    newer = register(REGISTER + "990101100203,北山村村民委员会,village,,990101100000")
    assert imported(after, newer)["990101100203"] == Known("990101100203", "北山村村民委员会", "village", "990101100000")


def test_a_created_place_is_taken_from_the_register() -> None:
    text = "village,,,990101100202,北山村村民委员会,2016..2018,created,x\n"
    before = imported({}, register())
    assert nothing_to_do(plan(before, changes(text)))
    assert carry_out({}, plan({}, changes(text)))["990101100202"].glimpsed


def test_a_district_that_was_a_county() -> None:
    text = (
        "county,990121000000,柳河老县,990101000000,柳河县,2013..2014,county_to_district,x\n"
        "village,990121100201,柳湾村,990101100201,柳湾村村民委员会,2013..2014,recoded,x\n"
        "village,990121100299,沉没村,,,2010..2011,abolished,x\n"
    )
    after = imported({}, register(), changes(text))
    assert after["990121000000"] == Known(
        "990121000000", "柳河老县", "county", None, valid_to=date(2014, 12, 31), valid_to_provisional=True, successor_codes=(COUNTY,)
    )
    assert after["990121100201"].parent_code == "990121100000"
    assert after["990121100000"].parent_code == "990121000000"
    assert after["990121100299"].valid_to == date(2011, 12, 31)
    assert after[COUNTY].valid_to is None
    alone = read_changes(rows("village,990121100299,沉没村,,,2010..2011,abolished,x", CHANGES_COLUMNS), COUNTY, former=["990121000000"])
    assert isinstance(alone, Changes)
    assert (len(alone.rows), alone.left_out) == (1, 0)


def test_rows_of_other_counties_are_left_out_and_counted() -> None:
    other = RENAMED.replace("990101", "990102")
    result = changes(RENAMED + other + other + "village,,,990102100209,新村,2016..2018,created,x\n")
    assert (len(result.rows), result.left_out) == (1, 3)


def test_across_the_border_only_our_half_is_kept() -> None:
    came = "village,990102100202,北山村,990101100202,北山村村民委员会,2019..2020,recoded,x\n"
    went = "village,990101100299,远村,990102100299,远村,2019..2020,recoded,x\n"
    result = changes(came + went)
    assert told(result.warnings) == [(2, "old_code12", "came-from-elsewhere"), (3, "new_code12", "moved-away")]
    after = imported({}, register(), result)
    assert "990102100202" not in after
    assert "990102100299" not in after
    assert after["990101100202"].valid_to is None
    assert (after["990101100299"].valid_to, after["990101100299"].successor_codes) == (date(2020, 12, 31), ())


def test_unusual_codes_of_a_change_only_warn_and_once() -> None:
    same = "village,990101100401,社区,990101100401,新社区,2019..2020,renamed,x\n"
    other = "village,990101100402,社区,990101100403,社区,2019..2020,recoded,x\n"
    assert {w.code for w in changes(same + other).warnings} == {"soft-range"}
    assert [(w.line, w.column) for w in changes(same + other).warnings] == [(2, "old_code12"), (3, "old_code12"), (3, "new_code12")]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("village,99010110020,村,990101100201,村,2019..2020,recoded,x", [("old_code12", "bad-code")]),
        ("village,990101100301,村,99010110020１,村,2019..2020,recoded,x", [("new_code12", "bad-code")]),
        ("hamlet,990101100301,村,990101100201,村,2019..2020,recoded,x", [("level", "bad-level")]),
        ("village,990101100301,村,990101100000,镇,2019..2020,recoded,x", [("level", "bad-level")]),
        ("village,990101100301,,990101100201,村,2019..2020,recoded,x", [("old_name", "name-missing")]),
        (f"village,990101100301,村,990101100201,{'村' * 51},2019..2020,recoded,x", [("new_name", "name-too-long")]),
        ("village,990101100301,村\n庄,990101100201,村,2019..2020,recoded,x", [("old_name", "control-character")]),
        ("village,,村,990101100201,村,2019..2020,created,x", [("old_code12", "code-missing")]),
        ("village,990101100301,村,,村,2019..2020,abolished,x", [("new_code12", "code-missing")]),
        ("village,,,,,2019..2020,abolished,x", [("old_code12", "empty-change")]),
        ("village,990101100301,村,990101100201,村,2019..2020,moved,x", [("kind", "unknown-kind")]),
        ("village,990101100301,村,990101100201,村,2020..2019,recoded,x", [("between_snapshots", "bad-snapshots")]),
        ("village,990101100301,村,990101100201,村,2020..2020,recoded,x", [("between_snapshots", "bad-snapshots")]),
        ("village,990101100301,村,990101100201,村,0000..2020,recoded,x", [("between_snapshots", "bad-snapshots")]),
        ("village,990101100301,村,990101100201,村,2020,recoded,x", [("between_snapshots", "bad-snapshots")]),
        ("county,990101000000,柳河县,990131000000,柳河区,2023..2024,county_to_district,x", [("old_code12", "county-recoded")]),
        ("county,990101000000,柳河县,,,2023..2024,abolished,x", [("old_code12", "county-recoded")]),
        ("hamlet,9,,,村,x,x,x", [("between_snapshots", "bad-snapshots"), ("kind", "unknown-kind"), ("level", "bad-level"),
                               ("new_code12", "code-missing"), ("old_code12", "bad-code"), ("old_name", "name-missing")]),
    ],
)  # fmt: skip
def test_every_fault_of_a_changes_file(row: str, expected: list[tuple[str, str]]) -> None:
    cells = dict(zip(CHANGES_COLUMNS, row.split(","), strict=True))
    assert sorted(told(read_changes([(7, cells)], COUNTY))) == [(7, *fault) for fault in expected]


@pytest.mark.parametrize("kind", KINDS)
def test_the_kind_agrees_with_the_codes(kind: str) -> None:
    shapes = {
        "same": "990101100201,村,990101100201,新村",
        "other": "990101100201,村,990101100202,村",
        "gone": "990101100201,村,,",
        "new": ",,990101100201,村",
    }
    for shape, codes in shapes.items():
        result = read_changes(rows(f"village,{codes},2019..2020,{kind},x", CHANGES_COLUMNS), COUNTY)
        if KINDS[kind] == shape:
            assert isinstance(result, Changes)
        else:
            assert told(result) == [(2, "kind", "kind-disagrees")]


def test_all_faults_of_a_changes_file_are_told_at_once_also_those_of_other_counties() -> None:
    other = RENAMED.replace("990101", "990102").replace("2019..", "")
    text = RENAMED.replace("renamed", "moved") + other + RECODED.replace("北山村委会", "")
    assert told(read_changes(rows(text, CHANGES_COLUMNS), COUNTY)) == [
        (2, "kind", "unknown-kind"),
        (3, "between_snapshots", "bad-snapshots"),
        (4, "old_name", "name-missing"),
    ]


def test_a_code_that_ends_and_stands_in_one_year_is_a_fault_for_this_county_only() -> None:
    shift = "village,990101100201,一,990101100202,一,2019..2020,recoded,x\nvillage,990101100202,二,990101100203,二,2019..2020,recoded,x\n"
    assert told(read_changes(rows(shift, CHANGES_COLUMNS), COUNTY)) == [(3, "old_code12", "contradicts")]
    assert changes(shift.replace("990101", "990102")).left_out == 2


def test_an_older_register_opens_nothing_that_a_change_has_closed() -> None:
    older = register(REGISTER + "990101001000,柳河街道,township,,990101000000\n990101001201,北山村委会,village,,990101001000")
    after = imported({}, older, changes(RECODED + ABOLISHED))
    again = plan(after, older)
    assert nothing_to_do(again)
    assert told(again.warnings) == [(8, "code12", "closed-but-listed"), (9, "code12", "closed-but-listed")]


def test_either_file_first_and_each_of_them_again() -> None:
    file = changes(RENAMED + RECODED + ABOLISHED)
    one = imported({}, register(), file, register(), file)
    other = imported({}, file, register(), file, register())
    assert one == other


def test_an_exact_day_set_by_hand_is_kept() -> None:
    after = imported({}, register(), changes(RECODED))
    closed = replace(after["990101001201"], valid_to=date(2020, 3, 1), valid_to_provisional=False)
    assert nothing_to_do(plan(after | {closed.code: closed}, changes(RECODED)))


def test_a_code_given_out_again_is_told_and_stays_as_it_is() -> None:
    end = "village,990101100202,老北山村,,,2016..2018,abolished,x\n"
    again = "village,,,990101100202,北山村村民委员会,2019..2020,created,x\n"
    listed = imported({}, register())
    both = plan(listed, changes(end + again))
    assert told(both.warnings) == [(2, "new_code12", "code-used-again")]
    assert nothing_to_do(both)
    closed = imported({}, changes(end))
    result = plan(closed, changes(again))
    assert told(result.warnings) == [(2, "new_code12", "code-used-again")]
    assert nothing_to_do(result)


def test_the_end_of_a_place_does_not_come_before_it_is_known() -> None:
    seen = imported({}, changes("village,,,990101100202,北山村村民委员会,2019..2020,created,x\n"))
    result = plan(seen, changes("village,990101100202,老北山村,,,2016..2018,abolished,x\n"))
    assert told(result.warnings) == [(2, "new_code12", "code-used-again")]
    assert nothing_to_do(result)


def test_later_news_of_a_glimpsed_place_moves_its_day_and_older_news_does_not() -> None:
    first = changes("village,,,990101100202,北山村村民委员会,2016..2018,created,x\n")
    later = changes("village,990101100202,北山村村民委员会,990101100202,北山村,2019..2020,renamed,x\n")
    after = imported({}, first, later)
    assert after["990101100202"].valid_from == after["990101100202"].valid_to == date(2020, 12, 31)
    assert after["990101100202"].name == "北山村"
    assert nothing_to_do(plan(after, first))
    assert imported(after, changes("village,990101100202,北山村,,,2020..2023,abolished,x\n"))["990101100202"].valid_from is None


def test_a_place_with_a_first_day_of_its_own_is_no_glimpsed_one() -> None:
    before = imported({}, register())
    since_2010 = replace(before["990101100202"], valid_from=date(2010, 1, 1))
    end = changes("village,990101100202,北山村村民委员会,,,2019..2020,abolished,x\n")
    after = imported(before | {since_2010.code: since_2010}, end, register())
    assert (after["990101100202"].valid_from, after["990101100202"].valid_to) == (date(2010, 1, 1), date(2020, 12, 31))


def test_two_files_that_end_a_place_in_different_years_settle_on_the_later_one() -> None:
    earlier, later = (changes(f"village,990101100202,北山村村民委员会,,,2016..{year},abolished,x\n") for year in (2018, 2020))
    for order in ((earlier, later, earlier), (later, earlier, later)):
        assert imported({}, register(), *order)["990101100202"].valid_to == date(2020, 12, 31)
