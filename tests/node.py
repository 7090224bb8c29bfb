"""Programs of Node.js that tests run: whether it is here, and what npm installs for them."""

import fcntl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RECENT = "const [a, b] = process.versions.node.split('.'); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)"


def needs_node() -> None:
    try:
        recent = subprocess.run(["node", "-e", RECENT], check=False).returncode == 0
    except FileNotFoundError:
        recent = False
    if not recent:
        pytest.skip("Node.js 20.19 or newer is not here (CI has it)")


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """pytest-xdist may give a file to several processes: the others wait and find the work of the first one done."""
    with (folder / "package-lock.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def install(folder: Path) -> None:
    """What the lock in `folder` names, unless it is there."""
    ready = ["make", "-s", "--no-print-directory", f"{folder.relative_to(ROOT)}/node_modules/.ready"]
    subprocess.run(ready, cwd=ROOT, check=True)
