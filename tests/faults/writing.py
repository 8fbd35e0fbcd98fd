"""A writer that takes the steps of a random history as fast as it can, and says so.

    python -m tests.faults.writing FOLDER --steps 300 --seed 0

Before each step it prints the number of the step and the generation it starts from, at the end
the last generation: so all generations that a step leads to are known, those of merges included.
"""

from __future__ import annotations

import argparse
import sys

from kpsearch.index import IndexWriter
from tests.faults.history import State, after, perform, step


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    state, generation = State(), 0
    with IndexWriter(given.folder) as writer:
        for number in range(given.steps):
            print_line(f"{number} {generation}")
            wanted = step(number, state, seed=given.seed)
            generation = perform(writer, wanted)
            state = after(state, wanted)
        print_line(f"{given.steps} {generation}")


def print_line(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
