"""Every SQL statement that the service can run, by name, and the rules that their texts keep (decision 0002).

for name, sql in statements().items():
    assert faults(sql) == []
"""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TypeAlias, get_args

import api
from api.access import ANYBODY, CALLER, FAMILY
from api.db.documents import KNOWN, Documents, Reads
from api.db.tables.every import METADATA
from api.kinds import FEED, KINDS, Kind
from api.schemas.base import View

API = Path(api.__path__[0])
SQL = re.compile(r"\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH|MERGE|COPY|SET|BEGIN|COMMIT|ROLLBACK|SAVEPOINT)(\s|;|$)")
# Beginnings of statements; a name with an underscore in front is one too
FRAGMENTS = {ANYBODY, CALLER, FAMILY, KNOWN}


def sources() -> Iterator[tuple[str, ast.Module]]:
    """Each file of the service: its path below the checkout, and its syntax tree."""
    for path in sorted(API.rglob("*.py")):
        yield str(path.relative_to(API.parent)), ast.parse(path.read_text())


def sql_in(tree: ast.AST, *, whole: bool = False) -> Iterator[str]:
    """Texts that look like SQL: constants, and f-strings with {} for their values. `whole`: constants only."""
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        text = ""
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            text = node.value
        elif isinstance(node, ast.JoinedStr) and not whole:
            text = "".join(part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else "{}" for part in node.values)
        if SQL.match(text):
            yield text


@cache
def statements() -> dict[str, str]:
    """Name -> text. A read stands here as it is run: with the caller in front."""
    found: dict[str, str] = {}
    for module in [importlib.import_module(m.name) for m in pkgutil.walk_packages([str(API)], "api.")]:
        for name, value in vars(module).items():
            if isinstance(value, str) and SQL.match(value) and not name.startswith("_") and value not in FRAGMENTS:
                found.setdefault(value, f"{module.__name__}.{name}")
    for file, tree in sources():
        if file == "api/embedded.py":  # sets up roles and the database, as the superuser of a PostgreSQL of its own
            continue
        functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
        for function in functions:
            for sql in sql_in(function, whole=True):
                if not re.match(r"(SET|BEGIN|COMMIT|ROLLBACK)", sql):
                    found.setdefault(sql, f"{file}:{function.name}")
    for kind in KINDS.values():
        for name, sql in _of_kind(kind):
            found.setdefault(sql, f"{kind.name}.{name}")
    found |= {sql: f"feed.pull.{reads}.{view}" for (reads, view), sql in FEED.pull.items()}
    found |= {sql: f"feed.digest.{reads}.{view}" for (reads, view), sql in FEED.digest.items()}
    return {name: _in_front(sql) + sql for sql, name in found.items()}


def _in_front(sql: str) -> str:
    if not re.search(r"\bFROM s\b", sql) or sql.lstrip().startswith("WITH"):
        return ""
    return ANYBODY if "s.wide" in sql else FAMILY if "s.household_id" in sql else CALLER


def _of_kind(kind: Kind) -> Iterator[tuple[str, str]]:
    yield from ((f"store.{name}", sql) for name, sql in vars(kind.store).items() if isinstance(sql, str))
    documents = kind.documents
    for name, by_view in vars(documents).items():
        if isinstance(by_view, dict) and set(by_view) == set(get_args(View)):
            yield from ((f"{name}.{view}", sql) for view, sql in by_view.items())
    for reads in get_args(Reads):
        for view in get_args(View):
            for filters in filter_choices(documents):
                yield f"list.{reads}.{view}({', '.join(filters)})", documents.list(reads, view, filters)


def filter_choices(documents: Documents) -> list[tuple[str, ...]]:
    """No filter, each alone, all at once."""
    return list(dict.fromkeys([(), *((name,) for name in documents.filters), tuple(documents.filters)]))


# The rules. A statement is read into levels: its words, with a list in place of each pair of parentheses.

Level_: TypeAlias = "list[str | Level_]"
# The same on every machine of a cluster, or without a county
REFERENCE = {
    "county": "says which counties there are",
    "login": "says which county a user name belongs to",
    "sign_in_attempts": "counted before the county is known",
    "account_type": "the same in every county",
    "posting_rule": "the same in every county",
    "alembic_version": "the version of the schema",
}
_WORDS = re.compile(r"""'(?:[^']|'')*'|"[^"]*"|--[^\n]*|\$\d+|::|[A-Za-z_][\w.]*|\d+|[^\s\w]""")
_CTE = re.compile(r"(?:\bWITH|,)\s+(?:RECURSIVE\s+)?(\w+)\s+AS\s+(?:(?:NOT\s+)?MATERIALIZED\s*)?\(")
_STARTS = ("SELECT", "VALUES", "WITH", "INSERT", "UPDATE", "DELETE")
_ENDS_FROM = {"WHERE", "GROUP", "ORDER", "LIMIT", "FOR", "RETURNING", "HAVING", "WINDOW", "SET", "SELECT", "VALUES"}
_NO_ALIAS = _ENDS_FROM | {"ON", "JOIN", "LEFT", "RIGHT", "FULL", "INNER", "CROSS", "NATURAL", "USING", "DEFAULT"}


def faults(sql: str) -> list[str]:
    """What is wrong with a statement, in words; nothing for a good one."""
    words = [word for word in _WORDS.findall(sql) if not word.startswith("--")]
    top = _levels(iter(words))
    ctes = set(_CTE.findall(sql))
    found = [f"{name} is a table, and no name for a CTE" for name in ctes & _tables().keys()]
    found += [f"no {word}" for word in words if word in ("MERGE", "COPY", "TRUNCATE", "LOCK")]
    found += [f"no advisory locks: {word}" for word in words if re.match(r"pg_(try_)?advisory", word, re.IGNORECASE)]
    text = " ".join(words)
    if re.search(r"ON CONFLICT (?!ON CONSTRAINT)", text):
        found.append("ON CONFLICT must name its constraint")
    begins = [word for at, word in enumerate(words) if word in ("INSERT", "DELETE", "UPDATE") and words[at - 1] not in ("FOR", "KEY", "DO")]
    if begins[1:] or (begins and words[0] != begins[0]):
        found.append(f"{begins[-1]} must be the outermost command")
    found += [f"FOR NO KEY UPDATE is the lock to take, not FOR {lock}" for lock in re.findall(r"\bFOR (UPDATE|SHARE|KEY SHARE)\b", text)]
    if any(word == "set_config" for word in top):
        found.append("set_config must stand in a CTE of the statement that it is for")
    if text.count("set_config (") != len(re.findall(r", true \)", text)):
        found.append("set_config must be transaction-local")
    return found + _of_level(top, ctes)


@cache
def _tables() -> dict[str, list[str]]:
    """Table -> its primary key."""
    return {str(table.name): [column.name for column in table.primary_key] for table in METADATA.sorted_tables}


def _levels(words: Iterator[str]) -> Level_:
    level: Level_ = []
    for word in words:
        if word == ")":
            break
        level.append(_levels(words) if word == "(" else word)
    return level


def _of_level(level: Level_, ctes: set[str]) -> list[str]:
    found: list[str] = []
    query: Level_ = []
    for part in [*level, "UNION"]:
        if part in ("UNION", "INTERSECT", "EXCEPT"):
            found += _of_query(query, ctes)
            query = []
        else:
            query.append(part)
    for part in level:
        if isinstance(part, list):
            found += _of_level(part, ctes)
    return found


def _of_query(query: Level_, ctes: set[str]) -> list[str]:
    found: list[str] = []
    words = [part if isinstance(part, str) else "()" for part in query]
    conflict = next((at for at, word in enumerate(words) if words[at : at + 2] == ["ON", "CONFLICT"]), len(words))
    begins = next((at for at, word in enumerate(words) if word in ("FROM", "WHERE")), len(words))
    condition = " ".join(words[begins:conflict])
    for table, alias in _relations(query[:conflict], found):
        if table in ctes or table in REFERENCE or table.startswith("pg_"):
            continue
        if table not in _tables():
            found.append(f"{table} is no table")
            continue
        column = rf"{alias}\.county_id" if alias != table else rf"(?:{table}\.)?county_id"
        if not re.search(rf"(?<![\w.]){column} = \$1(?!\d)", condition) or " OR " in condition:
            found.append(f"{table} {alias} is not held to county_id = $1")
        lock = re.search(r"FOR NO KEY UPDATE(?: OF (\w+))?", condition)
        one_row = all(re.search(rf"(?<![\w.]){alias}\.{key} = (\$\d+|\d+)", condition) for key in _tables()[table])
        if lock and lock[1] in (None, alias) and "ORDER BY" not in condition and not one_row:
            found.append(f"the lock of {table} has no ORDER BY")
    if words[:2] == ["INSERT", "INTO"] and str(query[2]) not in REFERENCE:
        found += _of_insert(query, words)
    return found


def _relations(query: Level_, found: list[str]) -> Iterator[tuple[str, str]]:
    """The tables that a level names, each with its alias; subqueries and functions are none."""
    in_from = False
    for at, word in enumerate(query):
        if isinstance(word, list):
            continue
        if word in _ENDS_FROM:
            in_from = False
        begins = word == "FROM" and query[at - 1] != "DISTINCT"
        in_from |= begins
        deletes_using = word == "USING" and query[0] == "DELETE"
        if not (begins or word == "JOIN" or (word == "," and in_from) or (word == "UPDATE" and at == 0) or deletes_using):
            continue
        rest = [part for part in query[at + 1 : at + 5] if part not in ("LATERAL", "ONLY", "AS")]
        name = rest[0] if rest else ""
        if isinstance(name, list):
            if not name or name[0] not in _STARTS:
                found.append("joins stand without parentheses")
        elif not (rest[1:] and isinstance(rest[1], list)):
            alias = rest[1] if rest[1:] and isinstance(rest[1], str) and re.match(r"\w", rest[1]) and rest[1] not in _NO_ALIAS else name
            yield name.removeprefix("public."), str(alias)


def _of_insert(query: Level_, words: list[str]) -> list[str]:
    columns, values = query[3], query[5] if words[4] == "VALUES" else query[5 : words.index("FROM") if "FROM" in words else None]
    if not isinstance(columns, list) or columns[:1] != ["county_id"]:
        return ["county_id must be the first column that is inserted"]
    if not isinstance(values, list) or not (values[:1] == ["$1"] or re.fullmatch(r"\w+\.county_id", str(values[0]))):
        return ["county_id must be inserted from $1, or from a table that is held to it"]
    return []
