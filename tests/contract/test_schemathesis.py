"""The service and its document agree, whoever calls: schemathesis sends made-up requests in each role, good and bad, to a real server,
and every answer must be one that the document knows. No answer is a server error.

A fixed number of requests from a fixed seed. Deeper by hand, with the service of `make run` and a token of /v1/auth/token:

    schemathesis --config-file tests/contract/schemathesis.toml run http://127.0.0.1:8000/openapi.json -H "Authorization: Bearer …" -n 200
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from api import demo
from prove.service import free_port
from tests.conftest import TODAY, Databases
from tests.node import ROOT
from tests.serving import serving

SCHEMATHESIS = Path(sys.executable).parent / "schemathesis"
CONFIG = ROOT / "tests/contract/schemathesis.toml"


@pytest.fixture(scope="module")
def base(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    var, port = tmp_path_factory.mktemp("var"), free_port()
    urls = asyncio.run(databases.seeded(var))
    with serving(var, port, JIAFANG_DATABASE_URL=urls.app, JIAFANG_OWNER_DATABASE_URL=urls.owner, JIAFANG_TODAY=TODAY):
        yield f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("caller", ["nobody", "head-1", "lead-1", "worker-1", "township-1", "county-admin"])
def test_every_answer_is_one_that_the_document_knows(base: str, caller: str, tmp_path: Path) -> None:
    with httpx.Client(base_url=base, timeout=60) as http:
        document = tmp_path / "openapi.json"
        document.write_bytes(http.get("/openapi.json?lang=en").content)
        if caller != "nobody":
            form = {"grant_type": "password", "username": caller, "password": demo.PASSWORD}
            http.headers["Authorization"] = f"Bearer {http.post('/v1/auth/token', data=form).json()['access_token']}"
        signed_in = 401 if caller == "nobody" else 200
        token = () if caller == "nobody" else ("-H", f"Authorization: {http.headers['Authorization']}")
        command = (str(SCHEMATHESIS), "--no-color", "--config-file", str(CONFIG), "run", str(document), "--url", base, *token)
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert http.get("/v1/me").status_code == signed_in  # all the while: else every answer was 401
