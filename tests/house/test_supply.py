"""What comes in from elsewhere, and what must not come in: licences, the bill of materials, secrets."""

import json
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it ships no types
import pytest
from cyclonedx import schema
from referencing import Registry
from referencing.jsonschema import DRAFT7

from deploy.sbom import LOCK, bill, licence, locked

ROOT = Path(__file__).parents[2]
# May go into a service that a county runs and changes, without its having to publish anything
FREE = {"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "MPL-2.0", "PSF-2.0", "PostgreSQL"}
OTHERS = {"pylopdf-fonts-zh-cn": "OFL-1.1, a font: it may be embedded in any document"}
ELSEWHERE = {"colorama"}  # for Windows: not on this machine, where its licence could be read; BSD-3-Clause

SECRETS = {
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "a signed token": r"\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}",
    "a key of a cloud or a code host": r"\b(AKIA|ASIA|LTAI|AKID)[A-Za-z0-9]{12,}|\b(gh[pousr]|glpat|xox[abp]|sk)[-_][A-Za-z0-9]{20,}",
    "a database's password": r"\bpostgres(ql)?://[^\s:/@]+:(?!%s|\.\.\.|…)[^\s@{}$<\"']{12,}@",
    "32 bytes of a key": r"[\"'](secret|blind|key|private)[\"']\s*:\s*[\"'][0-9a-f]{64}[\"']",
}
# {file: what looks like a secret there and is none}
NONE = dict[str, str]()


def tracked() -> list[str]:
    found = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    return [name for name in found if name and (ROOT / name).is_file()]


def secrets_in(text: str) -> list[str]:
    return [what for what, pattern in SECRETS.items() if re.search(pattern, text)]


def test_every_part_of_the_image_has_a_licence_that_binds_nobody() -> None:
    said = {name: licence(name) for name, _ in locked() if name not in ELSEWHERE}
    wrong = {
        name: each
        for name, each in said.items()
        if not each or (set(re.split(r" AND | OR |\(|\)", each)) - FREE - {""} and name not in OTHERS)
    }
    assert wrong == {}
    assert len(said) > 50
    assert {name for name in OTHERS if said[name] in FREE} == set()


def test_what_is_looked_at_is_what_the_lock_names() -> None:
    found = {}
    for name, number in locked():
        try:
            found[name] = (number, version(name))
        except PackageNotFoundError:
            assert name in ELSEWHERE
    assert {name: pair for name, pair in found.items() if pair[0] != pair[1]} == {}


def test_the_bill_of_materials_is_whole_and_the_same_again() -> None:
    run = [sys.executable, str(ROOT / "deploy/sbom.py")]
    first, second = (subprocess.run(run, check=True, capture_output=True, text=True).stdout for _ in range(2))
    assert first == second
    document = json.loads(first)
    assert sorted(part["purl"] for part in document["components"]) == sorted(f"pkg:pypi/{name}@{number}" for name, number in locked())
    assert [part["name"] for part in document["components"] if "licenses" not in part and part["name"] not in ELSEWHERE] == []
    assert str(ROOT) not in first


def test_the_bill_of_materials_is_cyclonedx() -> None:
    folder = Path(str(schema.__file__)).parent / "_res"
    asked = {
        name: json.loads((folder / name).read_text())
        for name in (f"{each}.SNAPSHOT.schema.json" for each in ("bom-1.6", "spdx", "jsf-0.82"))
    }
    known = Registry[Any]().with_resources(
        (f"http://cyclonedx.org/schema/{name}", DRAFT7.create_resource(each)) for name, each in asked.items()
    )
    validator = jsonschema.Draft7Validator(asked["bom-1.6.SNAPSHOT.schema.json"], registry=known)
    document = json.loads(bill())
    assert [error.message for error in validator.iter_errors(document)] == []
    assert not validator.is_valid(document | {"version": "one"})


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN " + "EC PRIVATE KEY-----",
        "Bearer eyJ" + "hbGciOiJFUzI1NiIs.eyJpc3MiOiJqaWFmYW5n.c2lnbmF0dXJlLXRoYXQ",
        "AKIA" + "IOSFODNN7EXAMPLE",
        "ghp_" + "a" * 36,
        "postgresql://jiafang_app:" + "5f2c9a7d81b04e63" + "@db/jiafang",
        '{"secret": "' + "0a" * 32 + '"}',
    ],
)
def test_a_secret_is_seen(text: str) -> None:
    assert secrets_in(text) != []


def test_no_secret_is_tracked() -> None:
    found = {}
    for name in tracked():
        try:
            seen = secrets_in((ROOT / name).read_text())
        except UnicodeDecodeError:
            continue  # no text
        if seen and name not in NONE:
            found[name] = seen
    assert found == {}
    assert LOCK.name in tracked()
