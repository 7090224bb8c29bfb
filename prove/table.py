"""The table that `make prove` prints: a row for each proof, as it ends."""

from typing import NamedTuple

SHOWN = 8  # of what was wrong


class Row(NamedTuple):
    """`did`: what was done. `counted`: what, and how often. `wrong`: what should not have been; none: it holds."""

    proof: str
    did: str
    counted: dict[str, int]
    wrong: list[str]
    seconds: float

    def show(self) -> None:
        print(self, flush=True)
        for said in self.wrong[:SHOWN]:
            print(f"      {said[:300]}", flush=True)
        if len(self.wrong) > SHOWN:
            print(f"      and {len(self.wrong) - SHOWN} more", flush=True)

    def __str__(self) -> str:
        counts = ", ".join(f"{value} {name}" for name, value in self.counted.items())
        return f"{'FAILED' if self.wrong else 'holds':6} {self.seconds:6.0f} s  {self.proof:32} {self.did}: {counts}"
