"""A kind of record is whole. In seconds and without a database this names what a new one still lacks (docs/adding-a-kind.md)."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from api.db.tables.base import RecordRow
from api.db.tables.every import METADATA
from api.jobs import demo_county
from api.kinds import KINDS, Kind
from api.main import ROUTERS
from api.routers import examples, openapi
from tests.api.test_scope import NOT_CREATED, SAMPLES
from tests.house.statements import API

CHECKOUT = API.parent
STEMS = ("api/schemas/{}.py", "api/db/tables/{}.py", "api/routers/{}.py", "tests/api/test_{}.py")
MIGRATIONS = "".join(path.read_text() for path in (CHECKOUT / "alembic/versions").glob("*.py"))
GLOSSARY = (CHECKOUT / "docs/glossary.md").read_text("utf-8")
ROUTES: list[Any] = [route for router in ROUTERS for route in router.routes if getattr(route, "include_in_schema", False)]
IN_DEMONSTRATION = demo_county.written().keys()
# What demo_county.py writes before all that hangs on households, or makes in another way
SEEDED_OTHERWISE = ("place", "catalogue_entry", "household", "person", "checkup_programme", *NOT_CREATED)


def lacks(kind: Kind) -> Iterator[str]:
    """Each file that is missing, or in which something is, and what."""
    yield from (path for stem in STEMS if not (CHECKOUT / (path := stem.format(kind.name))).exists())
    if f"CREATE TABLE {kind.name} (" not in MIGRATIONS:
        yield f"alembic/versions: CREATE TABLE {kind.name}"
    routes = [route for route in ROUTES if re.match(rf"/v1/{kind.plural}(/|$)", route.path)]
    if not routes:
        yield f"api/main.py: ROUTERS, {kind.name}"
    yield from sorted({f"api/routers/openapi.py: TAGS, {tag!r}" for route in routes for tag in route.tags if tag not in openapi.TAGS})
    yield from (f"api/routers/examples.py: {r.operation_id}" for r in routes if r.operation_id not in examples.by_operation())
    if kind not in IN_DEMONSTRATION and kind.name not in SEEDED_OTHERWISE:
        yield f"api/jobs/demo_county.py: written, {kind.name}"
    if not kind.public_below and kind.name not in (*SAMPLES, *NOT_CREATED):
        yield f"tests/api/test_scope.py: SAMPLES, {kind.name}"
    [listed] = re.findall(r"^\| kind \|.*: (.*) \|$", GLOSSARY, re.MULTILINE)
    if kind.name not in listed.split(", "):
        yield f"docs/glossary.md: {kind.name}, in the row of `kind`"


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_kind_lacks_nothing(kind: Kind) -> None:
    lacking = list(lacks(kind))
    assert not lacking, "\n".join([f"{kind.name} lacks", *lacking])


def test_every_table_of_records_is_a_kind() -> None:
    """For one that is none: `KINDS` of api/kinds.py."""
    assert {row.__tablename__ for row in RecordRow.__subclasses__() if row.__tablename__ in METADATA.tables} == KINDS.keys()
