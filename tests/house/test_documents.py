"""What documents and comments say of the code is so: files, names, calls, settings and decisions that they mention are there."""

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from api.main import ROUTERS
from api.routers import matrix, openapi
from api.settings import Settings
from tests.house.statements import API

CHECKOUT = API.parent
# They compare this project with others, and name their files
ABOUT_OTHERS = ("docs/decisions/0011-the-house-compared.md", "docs/decisions/0028-looked-back.md")
FILE = re.compile(r"(?<![\w./<-])(?:\.{1,2}/)*((?:[\w.-]+/)*[\w.-]+\.(?:py|md|sql|mjs|toml|yml|typ))\b")
FOLDER = re.compile(
    r"(?<![\w./-])((?:api|tests|docs|alembic|bench|deploy|examples)/(?!secrets)[\w/-]*+)(?!\.\w|<)"
)  # deploy/secrets is made
DECISION = re.compile(r"\bdecisions?[ /](\d{4}(?:(?:, | and )\d{4})*)")
LINK = re.compile(r"\]\((?!https?:)([^)\s]+)\)")
CALL = re.compile(r"(?:\b(GET|POST|PATCH|PUT|DELETE) )?(/v1/(?![\w/{}-]*[$…])[\w/{}-]*[\w}])")
SETTING = re.compile(r"\bJIAFANG_([A-Z_]+)\b")
OF_COMPOSE = {"SECRETS_DIR", "SITE"}  # docker-compose.yml
# By these adding-a-kind.md says what a new kind has
PATTERN = re.compile(r"thing|Thing|NNNN")


@cache
def stored() -> list[str]:
    """Every file of the checkout that git keeps, or would keep."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(listed, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout.split()
    return [file for file in files if (CHECKOUT / file).exists()]


@cache
def ends() -> frozenset[str]:
    """Each file and folder, and what is left of its path without the first folders: `db/store.py`, `store.py`."""
    paths = {str(path) for file in stored() for path in (Path(file), *Path(file).parents)}
    return frozenset("/".join(path.split("/")[n:]) for path in paths for n in range(path.count("/") + 1))


@cache
def words() -> frozenset[str]:
    """Of the code and its tests, but for this one; and the targets of make."""
    code = (file for file in stored() if file.endswith((".py", "Makefile")) and file != "tests/house/test_documents.py")
    return frozenset(word for file in code for word in re.findall(r"[A-Za-z_]\w*", text_of(file)))


def text_of(file: str) -> str:
    return (CHECKOUT / file).read_text("utf-8")


def taken(method: str, path: str) -> bool:
    """Whether a route takes the call; any value may stand where the route has {…}."""
    steps = path.split("/")
    routes: list[Any] = [route for router in ROUTERS for route in router.routes]
    return any(
        (not method or method in route.methods)
        and len(of) == len(steps)
        and all(mine.startswith("{") or mine == step for mine, step in zip(of, steps, strict=True))
        for route, of in ((route, route.path.split("/")) for route in routes)
    )


def files_not_there(text: str) -> Iterator[str]:
    """Files, folders and decisions."""
    yield from (file for file in FILE.findall(text) if file not in ends() and not PATTERN.search(file))
    folders = (folder.rstrip("/") for folder in FOLDER.findall(text) if not PATTERN.search(folder))
    yield from (f for f in folders if f not in ends() and not re.fullmatch(r"docs/decisions/\d{4}", f))
    numbers = (number for listed in DECISION.findall(text) for number in re.findall(r"\d{4}", listed))
    yield from (f"decision {n}" for n in numbers if not any(file.startswith(f"docs/decisions/{n}-") for file in stored()))


def links_to_nowhere(document: str) -> Iterator[str]:
    for link in LINK.findall(text_of(document)):
        path, _, heading = link.partition("#")
        leads_to = (CHECKOUT / document).parent / path if path else CHECKOUT / document
        headings = re.findall(r"^#+ (.+)$", leads_to.read_text("utf-8"), re.MULTILINE) if heading else []
        if not leads_to.exists() or (heading and heading not in {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}):
            yield link


def calls_not_there(text: str) -> Iterator[str]:
    """Calls that no route takes, and settings that mean nothing."""
    yield from (f"{method} {path}".strip() for method, path in CALL.findall(text) if not taken(method, path))
    known = {name.upper() for name in Settings.model_fields} | OF_COMPOSE
    yield from (f"JIAFANG_{name}" for name in SETTING.findall(text) if name not in known)


def names_not_there(text: str) -> Iterator[str]:
    """Words between backticks that stand nowhere in the code."""
    found = (word for code in re.findall(r"`([^`\n]+)`", text) for word in re.findall(r"(?<![\w$/-])[A-Za-z_]\w*(?![\w/-])", code))
    yield from (word for word in found if word not in words() and not PATTERN.search(word))


# Pages that the service knows by itself
PRINTED = {"docs/problems.md": openapi.problems_as_markdown, "docs/rights.md": openapi.rights_as_markdown, "docs/privacy.md": matrix.page}
every_document = pytest.mark.parametrize("document", sorted(f for f in stored() if f.endswith(".md") and f not in ABOUT_OTHERS))


@every_document
def test_files_that_a_document_names_are_there(document: str) -> None:
    assert [*files_not_there(text_of(document)), *links_to_nowhere(document)] == []


@every_document
def test_calls_that_a_document_names_are_there(document: str) -> None:
    assert list(calls_not_there(text_of(document))) == []


@pytest.mark.parametrize("document", ["docs/life-of-a-request.md", "docs/adding-a-kind.md"])
def test_names_of_the_code_that_a_document_uses_are_there(document: str) -> None:
    assert [name for name in names_not_there(text_of(document)) if name not in ("rm", "rf")] == []


def test_what_a_document_says_is_in_a_file_is_there() -> None:
    """`write` of **api/road.py**, or **api/road.py** `write`."""
    text = text_of("docs/life-of-a-request.md")
    said = [(file, name) for file, name in re.findall(r"\*\*(api/[\w/]+\.py)\*\*,? `([\w.]+)`", text)]
    said += [(file, name) for name, file in re.findall(r"`([\w.]+)`\s+(?:in|of)\s+\*\*(api/[\w/]+\.py)\*\*", text)]
    assert len(said) >= 8
    wrong = [(file, name) for file, name in said if not re.search(rf"\b(def|class) {name.rpartition('.')[2]}\b", text_of(file))]
    assert wrong == []


def test_files_and_decisions_that_comments_name_are_there() -> None:
    code = [file for file in stored() if re.match(r"(api|alembic|bench|examples|deploy)/.*\.(py|sql|sh)$|docker-compose", file)]
    found = {(file, named) for file in code for named in files_not_there(text_of(file))}
    assert found - {("api/files/sheet.py", "known.typ")} == set()  # which is an attribute


@pytest.mark.parametrize("document", PRINTED)
def test_what_the_service_knows_is_printed_anew(document: str) -> None:
    assert text_of(document) == PRINTED[document](), "run .venv/bin/python -m api.routers.openapi"


def test_what_is_not_there_is_found() -> None:
    text = "api/rules/nobody.py, rules/visit.py, api/nowhere/, docs/decisions/0003, decisions 0003 and 9999"
    assert list(files_not_there(text)) == ["api/rules/nobody.py", "api/nowhere", "decision 9999"]
    text = "DELETE /v1/visits/{id}, GET /v1/visits/{id}, /v1/visit, JIAFANG_PORT and JIAFANG_NOTHING"
    assert list(calls_not_there(text)) == ["DELETE /v1/visits/{id}", "/v1/visit", "JIAFANG_NOTHING"]
    assert list(names_not_there("`road.write(tx)` and `road.scribble_down`, `GET /v1/nowhere`")) == ["scribble_down"]
