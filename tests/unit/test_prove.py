"""`make prove` itself: its table, its seed, its exit status. What it proves is in docs/proving.md."""

from pathlib import Path

import pytest

from prove import __main__ as prove
from prove.table import Row


@pytest.mark.parametrize(("asked", "status", "last"), [([], 1, "1 of 2 hold"), (["fine"], 0, "1 of 1 hold"), (["bad"], 1, "0 of 1 hold")])
def test_a_failed_proof_is_told_and_ends_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], asked: list[str], status: int, last: str
) -> None:
    seeds: list[int] = []

    def fine(folder: Path, seed: int) -> list[Row]:
        seeds.append(seed)
        return [Row("fine", "looked", {"seen": 3}, [], 1)]

    def bad(folder: Path, seed: int) -> list[Row]:
        return [Row("bad", "looked", {"seen": 3}, ["a record is gone"], 1)]

    monkeypatch.setattr(prove, "PROOFS", {"fine": fine, "bad": bad})
    monkeypatch.setattr("sys.argv", ["prove", *asked, "--seed", "7"])
    assert prove.main() == status
    said = capsys.readouterr().out
    assert said.startswith("seed 7\n")
    assert said.splitlines()[-1].startswith(last)
    assert ("FAILED" in said) is bool(status)
    assert seeds in ([7], [])


def test_a_row_shows_what_was_wrong_and_how_much_more(capsys: pytest.CaptureFixture[str]) -> None:
    Row("faults: x", "done", {"times": 2}, [f"wrong {n}" for n in range(10)], 4.4).show()
    first, *wrong, more = capsys.readouterr().out.splitlines()
    assert first.split() == ["FAILED", "4", "s", "faults:", "x", "done:", "2", "times"]
    assert [line.strip() for line in wrong] == [f"wrong {n}" for n in range(8)]
    assert more.strip() == "and 2 more"
