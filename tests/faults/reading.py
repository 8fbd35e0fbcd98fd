"""A reader that opens an index again and again until its input ends, and says what it saw.

    python -m tests.faults.reading index FOLDER
    python -m tests.faults.reading query FOLDER PICTURE

``index``: a line for each opening, with the generation and a fingerprint of all it holds. Some
snapshots are held on to and read again later; a line says how many of those had lost their files.
``query``: a line for each answer to a picture, with the generation and the hits.
"""

from __future__ import annotations

import json
import select
import sys
from pathlib import Path

import numpy as np

from kpsearch.index import Snapshot
from kpsearch.search import Searcher
from tests.faults.history import fingerprint_of
from tests.faults.writing import print_line

HELD = 8
"""Old snapshots in memory at a time."""


def told_to_stop() -> bool:
    return bool(select.select([sys.stdin], [], [], 0)[0])


def read_index(folder: str) -> None:
    rng = np.random.default_rng(0)
    held: list[tuple[Snapshot, str]] = []
    swept = 0
    while not told_to_stop():
        snapshot = Snapshot.open(folder)
        seen = fingerprint_of(snapshot)
        print_line(f"{snapshot.generation} {seen}")
        held.append((snapshot, seen))
        old, expected = held[int(rng.integers(len(held)))]
        swept += not all((Path(folder) / file.name).exists() for file in old.manifest.files())
        if fingerprint_of(old) != expected:
            sys.exit(f"generation {old.generation} has changed while it was held")
        if len(held) > HELD:
            del held[int(rng.integers(len(held)))]
    print_line(f"swept {swept}")


def ask_index(folder: str, picture: str) -> None:
    while not told_to_stop():
        searcher = Searcher.open(folder)
        hits = searcher.query(picture).hits
        told = [[hit.path, hit.score, hit.verified, hit.inliers] for hit in hits]
        print_line(f"{searcher.snapshot.generation} {json.dumps(told)}")


def main() -> None:
    what, *arguments = sys.argv[1:]
    {"index": read_index, "query": ask_index}[what](*arguments)


if __name__ == "__main__":
    main()
