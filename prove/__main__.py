"""`make prove`: what this service promises, proved against itself as it runs. One row for each proof; exit status 1 where one fails.

    make prove                                everything, within an hour on two processors
    make prove ARGS="faults"                  what breaks
    make prove ARGS="hostile --seed 7"        what is sent to break it, from a seed
    make prove ARGS="scale"                   what a million visits cost

docs/proving.md says what each row means.
"""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import SystemRandom

from prove import faults, hostile, scale
from prove.table import Row

PROOFS: dict[str, Callable[[Path, int], list[Row]]] = {"faults": faults.proofs, "hostile": hostile.proofs, "scale": scale.proofs}


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m prove", description="Proves what the service promises.")
    options.add_argument(
        "proofs", nargs="*", choices=[*PROOFS, []], metavar="{" + ",".join(PROOFS) + "}", help="which; all of them where none is named"
    )
    options.add_argument("--seed", type=int, default=SystemRandom().randrange(10**6), help="of everything that is left to chance")
    options.add_argument("--keep", type=Path, help="a folder for databases and logs; else a temporary one, removed at the end")
    asked = options.parse_args()
    begun = time.monotonic()
    print(f"seed {asked.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="prove-") as temporary:
        folder = asked.keep or Path(temporary)
        rows = [row for name in asked.proofs or PROOFS for row in PROOFS[name](folder, asked.seed)]
    failed = [row for row in rows if row.wrong]
    print("\n" + "\n".join(map(str, rows)))
    print(f"\n{len(rows) - len(failed)} of {len(rows)} hold, {time.monotonic() - begun:.0f} s, seed {asked.seed}")
    return int(bool(failed))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that all that was started is ended
    sys.exit(main())
