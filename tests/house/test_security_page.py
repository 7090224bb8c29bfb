"""docs/security.md: nothing of the two lists is missing in it, and what it names is there."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/security.md").read_text()
# | 1.2.3, 1.2.4 | what it asks for | met: … |
ROW = re.compile(r"^\| ((?:API)?\d[\d., ]*) \| (.+?) \| (met|n/a|OPEN): (.+) \|$", re.MULTILINE)
ROWS = [(numbers.split(", "), state, why) for numbers, _, state, why in ROW.findall(PAGE)]
NAMED = re.compile(
    r"`((?:api|tests|deploy|docs|alembic|bench)/[\w./-]+|[A-Za-z][\w.-]*\.(?:toml|yml|lock|md)|Makefile|Dockerfile|\.dockerignore)(?:::(\w+))?`"
)


@cache
def functions(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_requirement_of_levels_1_and_2_is_answered_once() -> None:
    lines = (ROOT / "tests/house/asvs_5_0_0.txt").read_text().splitlines()
    asked = [line.split()[0] for line in lines if not line.startswith("#")]
    assert len(asked) == 253
    answered = [number for numbers, *_ in ROWS for number in numbers if not number.startswith("API")]
    assert sorted(answered) == sorted(asked)


def test_every_risk_of_apis_is_answered_once() -> None:
    assert [number for numbers, *_ in ROWS for number in numbers if number.startswith("API")] == [f"API{n}" for n in range(1, 11)]


def test_no_row_is_misspelt() -> None:
    """One that ROW does not read would be missing above or, worse, be read by people alone."""
    lines = [line for line in PAGE.splitlines() if re.match(r"\| (API)?\d", line)]
    assert [line for line in lines if not ROW.fullmatch(line)] == []


def test_what_is_met_says_where() -> None:
    assert [numbers for numbers, state, why in ROWS if state == "met" and not NAMED.search(why)] == []


def test_files_and_tests_that_it_names_are_there() -> None:
    gone = [file for file, _ in NAMED.findall(PAGE) if not (ROOT / file).exists()]
    assert gone == []
    assert [(file, test) for file, test in NAMED.findall(PAGE) if test and test not in functions(file)] == []
    assert [word for word in re.findall(r"`([^`\s]*/[^`\s]*\.(?:py|md|sh|yml|sql|typ))[:`]", PAGE) if not (ROOT / word).exists()] == []


def test_its_sums_are_right() -> None:
    states = [state for numbers, state, _ in ROWS for number in numbers if not number.startswith("API")]
    sums = f"{states.count('met')} are met, {states.count('n/a')} do not apply, {states.count('OPEN')} are open"
    assert sums in PAGE, sums
