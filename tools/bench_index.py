"""What many small commits cost, against one: merging, and what it leaves for a query to do.

    python tools/bench_index.py [--images 4000] [--keypoints 500] [--commits 500] [--rounds 5]

The images are random keypoints; no picture is read. The same images are committed at once, and
in many small commits with the merging that comes by itself. Compared: segments, time, bytes
written for each byte kept, and the time of a query (its times alternate between the two indexes).
Then the second index is compacted and verified, as ratios to writing and reading it plainly.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np

# The tests and the tools share what makes random images.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from kpsearch.index import IndexWriter, Storage, check_index, contents_hash
from kpsearch.index.snapshot import Snapshot
from kpsearch.options import FeatureOptions, SearchOptions
from kpsearch.search import Searcher, StageLog, View
from kpsearch.types import Features, ImageSize
from kpsearch.vocabulary import Vocabulary
from tests.indexes import Indexed, random_images
from tests.vocabularies import descriptors_of, trained

WORDS = 2048


class CountingStorage(Storage):
    """Counts the bytes that are written."""

    written = 0

    def write_new(self, name: str, parts: Iterable[bytes | memoryview]) -> None:
        def counted() -> Iterable[bytes | memoryview]:
            for part in parts:
                self.written += len(part)
                yield part

        super().write_new(name, counted())


def build(
    folder: str, images: list[Indexed], commits: int, vocabulary: Vocabulary
) -> tuple[CountingStorage, float, int]:
    """The storage, the seconds it took, and the most segments there ever were."""
    storage = CountingStorage(folder)
    most = 0
    started = time.perf_counter()
    with IndexWriter(storage) as writer:
        writer.create(FeatureOptions(), vocabulary, sketches=False)
        for part in np.array_split(np.arange(len(images)), commits):
            writer.commit([images[i] for i in part.tolist()])
            most = max(most, len(writer.manifest.segments))
    return storage, time.perf_counter() - started, most


def queries(count: int, keypoints: int) -> list[Features]:
    rng = np.random.default_rng(1)
    ones = np.ones(keypoints, np.float32)
    return [
        Features(
            rng.random((keypoints, 2), np.float32) * 500,
            ones,
            ones,
            ones,
            descriptors_of(keypoints, seed=100 + number),
            ImageSize(640, 480),
        )
        for number in range(count)
    ]


def time_queries(searcher: Searcher, asked: list[Features]) -> float:
    started = time.perf_counter()
    for features in asked:
        searcher.rank([View.whole(features)], SearchOptions(), StageLog())
    return (time.perf_counter() - started) / len(asked)


def plain_seconds(storage: Storage) -> tuple[float, float]:
    """Seconds to read all files of an index once, and to write as many bytes, synced."""
    started = time.perf_counter()
    content = [b"".join(storage.read(name)) for name in storage.names() if name.endswith(".h5")]
    reading = time.perf_counter() - started
    with tempfile.TemporaryDirectory(dir=storage.folder.parent) as folder:
        started = time.perf_counter()
        Storage(folder).write_new("plain", content)
        return reading, time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--keypoints", type=int, default=500)
    parser.add_argument("--commits", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    vocabulary = trained(descriptors_of(20_000), WORDS)
    images = random_images([given.keypoints] * given.images, words=len(vocabulary))
    with tempfile.TemporaryDirectory(prefix="kpsearch-bench-") as root:
        one, seconds_one, _ = build(f"{root}/one", images, 1, vocabulary)
        many, seconds_many, most = build(f"{root}/many", images, given.commits, vocabulary)
        searchers = [Searcher.open(storage.folder) for storage in (one, many)]
        asked = queries(5, given.keypoints)
        times = [[time_queries(s, asked) for s in searchers] for _ in range(given.rounds)]
        before = Snapshot.of(many)
        equal = contents_hash(before) == contents_hash(searchers[0].snapshot)
        print(f"{given.images} images of {given.keypoints} keypoints; equal contents: {equal}")
        print(f"{'':24}{'one commit':>14}{f'{given.commits} commits':>14}{'ratio':>10}")
        print(f"{'segments (most ever)':24}{1:>14}{f'{len(before.segments)} ({most})':>14}")
        print_row("seconds", seconds_one, seconds_many)
        kept = searchers[0].snapshot.size_bytes, before.size_bytes
        print_row("bytes written per byte", one.written / kept[0], many.written / kept[1])
        print_row("query, ms", *(statistics.median(t) * 1000 for t in zip(*times, strict=True)))
        print_upkeep(many)


def print_row(name: str, one: float, many: float) -> None:
    print(f"{name:24}{one:>14.2f}{many:>14.2f}{many / one:>10.2f}")


def print_upkeep(storage: Storage) -> None:
    """Compacting and verifying, beside writing and reading the same bytes."""
    reading, writing = plain_seconds(storage)
    started = time.perf_counter()
    with IndexWriter(storage) as writer:
        writer.compact()
    compacting = time.perf_counter() - started
    started = time.perf_counter()
    damage = check_index(storage).damage
    verifying = time.perf_counter() - started
    print(f"compact: {compacting:.2f} s, {compacting / writing:.1f} of plain synced writing")
    print(
        f"verify:  {verifying:.2f} s, {verifying / reading:.1f} of reading; {len(damage)} damaged"
    )


if __name__ == "__main__":
    main()
