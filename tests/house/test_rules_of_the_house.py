"""House rules that a linter does not know. Each exception stands here with its reason."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.db.tables.every import METADATA
from tests.house.statements import API, REFERENCE, sources, sql_in

CHECKOUT = API.parent
SOURCES = dict(sources())
TEXTS = {file: (CHECKOUT / file).read_text() for file in SOURCES}
# Tables whose rows belong to a county: named in statements of these files alone
OF_A_COUNTY = [table for table in METADATA.tables if table not in REFERENCE]
MAY_NAME_THEM = (
    "api/db/",
    "api/jobs/",
    "api/access.py",
    "api/accounts.py",
    "api/places.py",
    "api/sign_in.py",
)
# Past 400 lines a file is a question to answer: {file: the answer}
LONG = {
    "api/demo.py": "the rows of the demonstration county, a function for each kind",
    "api/embedded.py": "one program is started, watched and ended here; it is read from top to bottom",
    "api/imports.py": "reading, running and undoing share what they ask and what they note; it is read from top to bottom",
    "api/kinds.py": "one entry for each kind, in the order of locking",
    "api/offline.py": "every outcome of what a phone sent, in the order in which they are decided",
    "api/problems.py": "a list: every problem with its words, in the order in which one meets them",
    "api/routers/examples.py": "one example of every operation, in the order of the page",
}


def calls(tree: ast.AST) -> Iterator[str]:
    """Names of what is called: `commit` for `tx.commit()`, `date.today` for `date.today()`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def catches_everything(handler: ast.ExceptHandler) -> bool:
    named = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(name is None or ast.unparse(name) in ("Exception", "BaseException") for name in named)


def named_in(sql: str) -> set[str]:
    """Tables that a statement names."""
    return {table for table in OF_A_COUNTY if re.search(rf"\b(FROM|JOIN|UPDATE|INTO|,)\s+(public\.)?{table}\b", sql)}


def test_only_session_py_begins_and_commits() -> None:
    begins = re.compile(r"\s*(BEGIN|START TRANSACTION|COMMIT|ROLLBACK|SAVEPOINT|RELEASE)\b")
    found = {file for file, tree in SOURCES.items() if any(begins.match(sql) for sql in sql_in(tree))}
    found |= {file for file, tree in SOURCES.items() if {c.rpartition(".")[2] for c in calls(tree)} & {"commit", "rollback", "transaction"}}
    assert found == {"api/db/session.py"}


def test_the_scope_is_set_in_two_places() -> None:
    """In front of a read by access.py, at the beginning of a transaction by session.py."""
    found = {file for file, text in TEXTS.items() if re.search(r"set_config\(|\bSET (LOCAL|SESSION)\s|\bRESET\s", text)}
    assert found == {"api/access.py", "api/db/session.py"}


def test_everything_is_caught_in_one_place() -> None:
    """main.py makes a 500 of what nobody expected. session.py rolls back and raises again."""
    found = [
        (file, isinstance(handler.body[-1], ast.Raise) and handler.body[-1].exc is None)
        for file, tree in SOURCES.items()
        for handler in ast.walk(tree)
        if isinstance(handler, ast.ExceptHandler) and catches_everything(handler)
    ]
    assert found == [("api/db/session.py", True), ("api/main.py", False)]


def test_only_tokens_py_knows_jose() -> None:
    assert {file for file, tree in SOURCES.items() if any(name.split(".")[0] == "jose" for name in imports(tree))} == {"api/tokens.py"}


def test_statements_stand_where_the_scope_is_known() -> None:
    found = {file for file, tree in SOURCES.items() if not file.startswith(MAY_NAME_THEM) and any(named_in(sql) for sql in sql_in(tree))}
    assert found == set()


def test_statements_are_put_together_once() -> None:
    """Not while a request runs: a value must never become text. db/ makes its statements when the service starts."""
    found = {
        file
        for file, tree in SOURCES.items()
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for text in ast.walk(function)
        if isinstance(text, ast.JoinedStr) and any(True for _ in sql_in(text))
    }
    # session.py: SET LOCAL, of integers and fixed words. embedded.py: roles and database, before the service starts
    assert found - {"api/embedded.py"} == {
        "api/db/checkups.py",
        "api/db/documents.py",
        "api/db/family.py",
        "api/db/feed.py",
        "api/db/putting_right.py",
        "api/db/session.py",
        "api/db/store.py",
    }


def test_what_decides_has_no_clock_and_waits_for_nothing() -> None:
    """Today is an argument, and so is what was read."""
    clock = re.compile(r"(^|\.)(now|today|utcnow|fromtimestamp|time|monotonic)$")
    rules = {file: tree for file, tree in SOURCES.items() if file.startswith(("api/rules/", "api/decide.py"))}
    assert "api/decide.py" in rules
    assert [(file, call) for file, tree in rules.items() for call in calls(tree) if clock.search(call)] == []
    assert [file for file, tree in rules.items() if any(isinstance(node, ast.AsyncFunctionDef) for node in ast.walk(tree))] == []


def test_names_say_what_is_in_a_file() -> None:
    vague = re.compile(r"util|helper|manager|service|repositor|common|misc|^base_|_base$")
    assert [file for file in SOURCES if any(vague.search(part) for part in Path(file).with_suffix("").parts)] == []


def test_long_files_are_answered_for() -> None:
    long = {file for file, text in TEXTS.items() if text.count("\n") > 400}
    assert long <= LONG.keys(), f"over 400 lines: split {sorted(long - LONG.keys())}, or enter it in LONG (in this file) with a reason"
    assert long >= LONG.keys(), f"no longer over 400 lines: take {sorted(LONG.keys() - long)} out of LONG"


def test_the_lock_has_a_hash_for_everything_and_names_no_host() -> None:
    lock = (CHECKOUT / "requirements.lock").read_text()
    pinned = re.findall(r"^[a-zA-Z0-9][\w.\-\[\]]*==\S+", lock, re.MULTILINE)
    assert len(pinned) > 50
    assert len(re.findall(r"^[a-zA-Z0-9].* \\\n    --hash=sha256:[0-9a-f]{64}", lock, re.MULTILINE)) == len(pinned)


@pytest.mark.parametrize("pattern", ["*.lock", "package-lock.json", "**/requirements*.txt"])
def test_no_lock_says_where_from(pattern: str) -> None:
    """Whoever sets the project up chooses the index."""
    hosts = re.compile(r"https?:|--(?:extra-)?index-url|--find-links|--trusted-host|resolved")
    locks = [path for path in CHECKOUT.glob(pattern) if not {".venv", "node_modules", "var"} & set(path.relative_to(CHECKOUT).parts)]
    assert [path.name for path in locks if hosts.search(path.read_text())] == []
