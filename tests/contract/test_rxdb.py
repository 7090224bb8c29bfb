"""A real RxDB as the phones of two village workers, a worker of another village and an officer, against docs/sync.md: tests/contract/rxdb.

One run of the client answers for all scenarios; a scenario is a test here. Without Node they are skipped.
"""

import asyncio
import re
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from api import demo
from prove.service import free_port
from tests.conftest import Databases
from tests.node import ROOT, install, needs_node, one_at_a_time
from tests.serving import serving

CLIENT = ROOT / "tests/contract/rxdb"
SCENARIOS = sorted(path.name for path in (CLIENT / "scenarios").glob("*.mjs"))  # the order in which the client runs and numbers them
USERS = {"user": "worker-1", "user2": "worker-2", "other-user": "worker-3", "officer-user": "township-1"}
RECORDS = 5000  # that the last scenario sends and reads, in some four seconds
EACH, ALL = 30, 600  # seconds: RxDB tries again for ever, so a scenario that fails may take all of its time


@dataclass(frozen=True)
class Tap:
    """What the client printed: TAP, of which a scenario has one line, and some more where it failed."""

    text: str

    @property
    def last_line(self) -> str:
        return self.text.rstrip().rpartition("\n")[2]

    def failure(self, scenario: str) -> str | None:
        """None where the scenario ran and passed, and only there."""
        number = SCENARIOS.index(scenario) + 1
        block = re.search(rf"^(ok|not ok) {number} - .*$(\n  .*)*", self.text, re.MULTILINE)
        if block is None:
            return f"it was not run; the client ended with: {self.last_line}"
        passed = block[1] == "ok" and not re.search(r"# (SKIP|TODO)", block[0])
        return None if passed else block[0]


def keep(process: "subprocess.Popen[str]", where: Path) -> None:
    """What the server says, for whoever looks into a failure; and a full pipe would stop it."""
    assert process.stdout
    where.write_text(process.stdout.read(), "utf-8")


def play(databases: Databases, var: Path, into: Path) -> None:
    install(CLIENT)
    urls, port = asyncio.run(databases.new()), free_port()
    users = [f"--{option}={username}" for option, username in USERS.items()]
    options = [f"--base=http://127.0.0.1:{port}", f"--password={demo.PASSWORD}", *users, f"--records={RECORDS}", f"--timeout={EACH}"]
    with (
        serving(var, port, JIAFANG_DATABASE_URL=urls.app, JIAFANG_OWNER_DATABASE_URL=urls.owner) as process,
        into.open("w", encoding="utf-8") as tap,
    ):
        threading.Thread(target=keep, args=(process, var / "server.txt"), daemon=True).start()
        try:
            subprocess.run(["node", "run.mjs", *options], cwd=CLIENT, stdout=tap, timeout=ALL, check=False)
        except subprocess.TimeoutExpired:
            tap.write(f"\nstopped after {ALL} seconds\n")


@pytest.fixture(scope="module")
def tap(databases: Databases, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Tap:
    needs_node()
    own = tmp_path_factory.getbasetemp()
    kept = (own if worker_id == "master" else own.parent) / "rxdb.tap"  # the processes of one run share the folder above their own
    with one_at_a_time(CLIENT):
        if not kept.exists():
            play(databases, tmp_path_factory.mktemp("rxdb"), kept)
    return Tap(kept.read_text("utf-8"))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(tap: Tap, scenario: str) -> None:
    failure = tap.failure(scenario)
    if failure:
        pytest.fail(failure, pytrace=False)


def test_every_scenario_was_run_and_passed(tap: Tap) -> None:
    """The last line would name what failed, and what was skipped for want of a user."""
    assert tap.last_line == f"{len(SCENARIOS)} passed, 0 failed"
