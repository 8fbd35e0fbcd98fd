"""A query at scale: stages, scoring against reading, and a cold start.

    python tools/bench_query.py [--images 100000] [--queries 40] [--folder DIR]

The index is generated from real descriptors: every image takes its keypoints from four real
ones, words as they are and each signature bit flipped with probability 0.15. So words are as
unevenly frequent, and lists as uneven in length, as in real collections. Positions are random.

Three ratios are printed, each the median over the queries:

- scoring / reading: the stage "score" over reading the same posting lists once from memory;
- whole / extraction: the query over its own extraction, also for each source of queries;
- cold start: `kpsearch query` on a small index over `python -c "import numpy, cv2, h5py"`.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from bench_data import truth_or_generated

from kpsearch.evaluation import Truth
from kpsearch.features import extract_features, settled
from kpsearch.images import read_image
from kpsearch.index import ImageRecord, IndexWriter, Keypoints, Snapshot
from kpsearch.indexing import build_index
from kpsearch.options import FeatureOptions, SearchOptions, VocabularyOptions
from kpsearch.parallel import map_in_order, single_threaded_products
from kpsearch.search import Searcher
from kpsearch.types import Features, ImageSize
from kpsearch.vocabulary import Vocabulary, train_vocabulary

SOURCES = 4
FLIPPED_BITS = 0.15
SIZE = ImageSize(800, 600)


def extract(path: str) -> Features:
    return extract_features(read_image(path, at_least_px=800), FeatureOptions())


def seed_material(paths: list[str], words: int) -> tuple[Vocabulary, list[np.ndarray]]:
    """A vocabulary of real descriptors, and (n, 2) words and signatures of each real image."""
    features = [f for f in map_in_order(extract, paths, n_jobs=-1) if len(f)]
    everything = np.concatenate([f.descriptors for f in features])
    vocabulary = train_vocabulary(
        everything, words, VocabularyOptions(), extractor="sift", n_jobs=-1
    )
    quantised = [vocabulary.quantise(f.descriptors) for f in features]
    pairs = [np.stack([w.ids[:, 0].astype(np.uint64), w.signatures[:, 0]], 1) for w in quantised]
    return vocabulary, pairs


def generate(
    pairs: list[np.ndarray], images: int, rng: np.random.Generator
) -> Iterator[tuple[ImageRecord, Keypoints]]:
    """Images made of the keypoints of real ones."""
    for number in range(images):
        drawn = [pairs[i] for i in rng.integers(len(pairs), size=SOURCES)]
        count = len(drawn[0])
        pool = np.concatenate(drawn)
        rows = pool[rng.integers(len(pool), size=count)]
        flips = np.packbits(rng.random((count, 64)) < FLIPPED_BITS, axis=1).view("<u8")[:, 0]
        yield (
            ImageRecord(f"/generated/{number:07d}.jpg", SIZE, 1, 1, number.to_bytes(16, "big")),
            Keypoints(
                word=rows[:, 0].astype(np.uint32),
                signature=rows[:, 1] ^ flips,
                x=rng.integers(65536, size=count, dtype=np.uint16),
                y=rng.integers(65536, size=count, dtype=np.uint16),
                scale=rng.integers(16, 96, size=count, dtype=np.uint8),
                angle=rng.integers(256, size=count, dtype=np.uint8),
            ),
        )


def build(folder: Path, paths: list[str], images: int, words: int, segment: int) -> None:
    """Generate the index, unless the folder has it."""
    if (folder / "manifest.json").exists():
        print(f"using the index in {folder}")
        return
    vocabulary, pairs = seed_material(paths, words)
    made = generate(pairs, images, np.random.default_rng(0))
    with IndexWriter(folder) as writer:
        writer.create(settled(FeatureOptions()), vocabulary, sketches=False)
        for low in range(0, images, segment):
            batch = [next(made) for _ in range(min(segment, images - low))]
            writer.commit(batch)
            print(f"\rgenerated {low + len(batch)} of {images} images", end="", flush=True)
    print()


def time_reading(snapshot: Snapshot, features: Features, assignments: int) -> float:
    """Milliseconds to read the postings that a query touches, once each, from memory.

    Where they are is worked out beforehand and not timed; reading is a gather of the signatures
    and keypoints, the second of two.
    """
    ids = snapshot.vocabulary.quantise(features.descriptors, assignments=assignments).ids.ravel()
    spent = 0.0
    for segment in snapshot.segments:
        starts = segment.start[ids].astype(np.int64)
        lengths = segment.start[ids + 1] - starts
        shift = starts - (np.cumsum(lengths) - lengths)
        postings = np.arange(int(lengths.sum())) + np.repeat(shift, lengths)
        for _ in range(2):
            started = time.perf_counter()
            segment.signature[postings]
            segment.keypoint[postings]
            last = time.perf_counter() - started
        spent += last
    return spent * 1000


def time_queries(folder: Path, queries: list[str], sources: dict[str, str]) -> None:
    """Print the stages and the two ratios, the second for each source too."""
    searcher = Searcher.open(folder)
    options = SearchOptions()
    stages: dict[str, list[float]] = {}
    readings, scorings, rests = [], [], []
    for path in [*queries[:3], *queries]:  # the first three warm up
        answer = searcher.query(path, options)
        features = extract(path)
        with single_threaded_products():
            reading = time_reading(searcher.snapshot, features, options.scoring.assignments)
        timings = answer.timings_ms
        for stage, spent in timings.items():
            stages.setdefault(stage, []).append(spent)
        readings.append(reading)
        scorings.append(timings["score"] / reading)
        after = sum(timings.values()) - timings["read"] - timings["extract"]
        rests.append(after / timings["extract"])
    snapshot = searcher.snapshot
    print(
        f"\n{snapshot.images} images, {snapshot.keypoints} keypoints, "
        f"{len(snapshot.vocabulary)} words, {len(snapshot.segments)} segments, "
        f"{snapshot.size_bytes / snapshot.keypoints:.2f} bytes a keypoint"
    )
    medians = {stage: statistics.median(spent[3:]) for stage, spent in stages.items()}
    print("median ms:", ", ".join(f"{stage} {spent:.1f}" for stage, spent in medians.items()))
    print(f"reading the touched lists: {statistics.median(readings[3:]):.1f} ms")
    print(f"scoring / reading        {statistics.median(scorings[3:]):6.2f}")
    print(f"whole / extraction       {1 + statistics.median(rests[3:]):6.2f}")
    extractions = stages["extract"][3:]
    for source in dict.fromkeys(sources[path] for path in queries):
        rows = [i for i, path in enumerate(queries) if sources[path] == source]
        ratio = 1 + statistics.median([rests[3:][i] for i in rows])
        spent = statistics.median([extractions[i] for i in rows])
        print(f"  {source:30} {ratio:6.2f}  (extraction {spent:.0f} ms)")


def time_command(command: list[str], rounds: int) -> float:
    spent = []
    for _ in range(rounds):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        spent.append(time.perf_counter() - started)
    return statistics.median(spent)


def time_cold_start(paths: list[str], query: str) -> None:
    """Print the cold-start ratio on a small index."""
    with tempfile.TemporaryDirectory(prefix="kpsearch-bench-") as folder:
        build_index(paths[:20], folder, n_jobs=-1)
        program = [sys.executable, "-m", "kpsearch", "query", query, "-i", folder]
        imports = [sys.executable, "-c", "import numpy, cv2, h5py"]
        ours, base, again = (time_command(c, 7) for c in (program, imports, program))
    ratio = min(ours, again) / base
    print(f"cold query / imports     {ratio:6.2f}  ({base * 1000:.0f} ms of imports)")


def opening_time(folder: Path) -> None:
    """Print how long the index takes to open."""
    started = time.perf_counter()
    searcher = Searcher.open(folder)
    spent = time.perf_counter() - started
    searcher.facts  # noqa: B018 - counts the words, once a generation
    both = time.perf_counter() - started
    print(f"opening: {spent * 1000:.0f} ms, with word statistics {both * 1000:.0f} ms")


def evenly(truth: Truth, count: int, rng: np.random.Generator) -> list[str]:
    """About ``count`` queries, as many from each source."""
    by_source: dict[str, list[str]] = {}
    for row in truth.queries():
        by_source.setdefault(row.source, []).append(row.path)
    share = -(-count // len(by_source))
    return [paths[i] for paths in by_source.values() for i in rng.permutation(len(paths))[:share]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--words", type=int, default=65_536)
    parser.add_argument("--queries", type=int, default=40)
    parser.add_argument("--segment", type=int, default=10_000, help="images a segment")
    parser.add_argument("--folder", type=Path, help="keep the generated index here")
    given = parser.parse_args()
    truth, kind = truth_or_generated()
    print(f"descriptors of {kind}")
    references = [row.path for row in truth.references()]
    rng = np.random.default_rng(1)
    queries = evenly(truth, given.queries, rng)
    sources = {row.path: row.source for row in truth.queries()}
    with tempfile.TemporaryDirectory(prefix="kpsearch-bench-") as scratch:
        folder = given.folder or Path(scratch)
        build(folder, references, given.images, given.words, given.segment)
        opening_time(folder)
        time_queries(folder, queries, sources)
    time_cold_start(references, queries[0])


if __name__ == "__main__":
    main()
