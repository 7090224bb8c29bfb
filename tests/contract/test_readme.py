"""The README and the pages of a day are true: their transcripts are typed into a shell against a server that was started as it says."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.routers.examples import by_operation
from prove.service import free_port
from tests.serving import serving

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", "docs/morning.md", "docs/checkup-day.md", "docs/money.md", "docs/two-places.md", "docs/family.md"]


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    with serving(tmp_path_factory.mktemp("var"), port):
        yield f"http://127.0.0.1:{port}"


def transcript(readme: str) -> list[tuple[str, str]]:
    """(what is typed, what is shown) of every console block, in order; `…` in what is shown stands for anything."""
    typed: list[tuple[str, str]] = []
    for block in re.findall(r"```console\n(.*?)```", readme, re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                typed.append((line[2:], ""))
            else:
                typed[-1] = (typed[-1][0], f"{typed[-1][1]}{line}\n")
    return typed


def test_both_readmes_type_the_same_lines() -> None:
    assert transcript((ROOT / "README.zh-CN.md").read_text("utf-8")) == transcript((ROOT / "README.md").read_text("utf-8"))


@pytest.mark.parametrize("page", PAGES)
def test_the_transcript_happens_as_shown(page: str, base_url: str) -> None:
    steps = transcript((ROOT / page).read_text("utf-8"))
    mark = "----next----"
    script = f"\necho; echo {mark}\n".join(command.replace("http://127.0.0.1:8000", base_url) for command, _ in steps)
    said = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=120, check=False).stdout.split(mark)
    assert len(said) == len(steps)
    for (command, shown), got in zip(steps, said, strict=True):
        wanted = ".*".join(re.escape(part) for part in shown.strip().split("…"))
        assert re.fullmatch(wanted, got.strip(), re.DOTALL), f"{command}\nshown: {shown}\ngot:   {got}"


@pytest.mark.parametrize("page", PAGES)
def test_what_the_docs_page_creates_is_something_else(page: str) -> None:
    """Whoever reads one and then the other would meet an id that is taken, by another record."""
    bodies = [body for example in by_operation().values() for body in (example.body, *(body for _, body in example.bodies.values()))]
    created = {body["id"] for body in bodies if isinstance(body, dict) and str(body.get("id")).startswith("0193")}
    assert created
    assert not [name for name in created if name in (ROOT / page).read_text("utf-8")]


def test_both_start_with_the_two_commands() -> None:
    for readme in ("README.md", "README.zh-CN.md"):
        assert (ROOT / readme).read_text("utf-8").splitlines()[1:4] == ["", "    make run", "    make test"]
