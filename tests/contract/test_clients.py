"""Clients that are generated from the served document do the main job against a real server: tests/contract/clients.

Sign in, list page by page, log a visit and repeat it, change it as it was read, be refused, read it as the township. What the document says
wrongly or awkwardly shows in the generated types.
"""

import asyncio
import importlib
import os
import pkgutil
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from api import demo
from prove.service import free_port
from tests.conftest import Databases
from tests.node import ROOT, install, needs_node, one_at_a_time
from tests.serving import serving

CLIENTS = ROOT / "tests/contract/clients"
BIN = Path(sys.executable).parent
# Of two kinds of file for one body the generator (0.29) makes one type of twice the same name, and forgets an import: by hand, then
NOT_MADE_WELL = {"jiafang_client.api.imports.create_import"}


@pytest.fixture(scope="module")
def base(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server as `make run` starts it."""
    urls, port = asyncio.run(databases.new()), free_port()
    with serving(tmp_path_factory.mktemp("var"), port, JIAFANG_DATABASE_URL=urls.app, JIAFANG_OWNER_DATABASE_URL=urls.owner):
        yield f"http://127.0.0.1:{port}"


def run(*command: str, cwd: Path, **environment: str) -> None:
    done = subprocess.run(command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_typescript(base: str) -> None:
    needs_node()
    with one_at_a_time(CLIENTS):
        install(CLIENTS)
        build = CLIENTS / "build"
        shutil.rmtree(build, ignore_errors=True)
        run("npm", "run", "generate", "--", f"{base}/openapi.json", "--output", str(build / "schema.d.ts"), cwd=CLIENTS)
        run("npm", "run", "compile", cwd=CLIENTS)
        run("node", "build/main.js", base, demo.PASSWORD, cwd=CLIENTS)


def test_python(base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document, config, made = f"{base}/openapi.json?lang=en", CLIENTS / "openapi-python-client.yml", tmp_path / "made"
    generate = ("generate", "--url", document, "--config", str(config), "--fail-on-warning", "--output-path", str(made))
    run(str(BIN / "openapi-python-client"), *generate, cwd=tmp_path, PATH=f"{BIN}:{os.environ['PATH']}")  # it calls ruff
    shutil.copy(CLIENTS / "main.py", made)
    run(str(BIN / "mypy"), "--strict", "main.py", cwd=made)
    run(sys.executable, "main.py", base, demo.PASSWORD, cwd=made)
    monkeypatch.syspath_prepend(made)
    assert {name for name in modules("jiafang_client") if not importable(name)} == NOT_MADE_WELL


def modules(package: str) -> Iterator[str]:
    return (found.name for found in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."))


def importable(name: str) -> bool:
    try:
        importlib.import_module(name)
    except NameError:
        return False
    return True
