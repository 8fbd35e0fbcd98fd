"""Long versions of the fault tests, each by a name of its own.

    python tools/long_faults.py mutants [--count 5000] [--seed 0] [--limit-s 5]

``mutants`` reads damaged pictures, in a process for each block of them, and demands of each that
it is rejected with a code or read as a picture of a sane size, within the limit. A mutant that
kills or hangs its process is named. Exits with 1 if anything went wrong.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

# The tests and the tools share what makes the damage.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def mutants(given: argparse.Namespace) -> int:
    """Read damaged pictures; returns how many went wrong."""
    from tests.faults.mutation import run_mutants

    def show(done: int) -> None:
        print(f"\r{done} of {given.count} mutants", end="", file=sys.stderr, flush=True)

    started = time.monotonic()
    result = run_mutants(given.count, seed=given.seed, limit_s=given.limit_s, progress=show)
    print(file=sys.stderr)
    for fault in result.faults:
        print(f"FAULT {fault}")
    counts = ", ".join(f"{count} {code}" for code, count in result.codes.most_common())
    print(
        f"mutants: {len(result.faults)} faults in {given.count} of seed {given.seed} ({counts}); "
        f"slowest {result.slowest_s:.2f} s ({result.slowest}); {time.monotonic() - started:.0f} s"
    )
    return len(result.faults)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sections = parser.add_subparsers(required=True, metavar="SECTION")
    section = sections.add_parser("mutants", help="damaged pictures")
    section.add_argument("--count", type=int, default=5000)
    section.add_argument("--seed", type=int, default=0)
    section.add_argument("--limit-s", type=int, default=5)
    section.set_defaults(run=mutants)
    given = parser.parse_args()
    sys.exit(1 if given.run(given) else 0)


if __name__ == "__main__":
    main()
