"""Indexing against a bare loop: what everything but decoding and SIFT costs.

    python tools/bench_ingest.py [--images 300] [--jobs 2] [--rounds 3]

The bare loop decodes each file with cv2.imdecode, shrinks it and runs cv2.SIFT with the same
limits, on as many processes, and throws the result away. Indexing reads the same files, chooses
keypoints, quantises them and commits. Training the vocabulary is left out of its time. Rounds
alternate; the ratio is of the medians.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time

import cv2
import numpy as np
from bench_data import truth_or_generated

from kpsearch.indexing import build_index
from kpsearch.options import FeatureOptions
from kpsearch.parallel import map_in_order


def bare(path: str) -> int:
    options = FeatureOptions()
    with open(path, "rb") as file:
        data = np.frombuffer(file.read(), np.uint8)
    pixels = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    factor = options.max_side_px / max(pixels.shape)
    if factor < 1:
        size = (round(pixels.shape[1] * factor), round(pixels.shape[0] * factor))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    sift = cv2.SIFT_create(nfeatures=options.max_keypoints)
    return len(sift.detectAndCompute(pixels, None)[0])


def time_bare(paths: list[str], jobs: int) -> float:
    started = time.perf_counter()
    for _ in map_in_order(bare, paths, n_jobs=jobs):
        pass
    return time.perf_counter() - started


def time_index(paths: list[str], jobs: int) -> tuple[float, float]:
    with tempfile.TemporaryDirectory(prefix="kpsearch-bench-") as folder:
        report = build_index(paths, os.path.join(folder, "index"), n_jobs=jobs)
    return report.seconds["all"] - report.seconds["vocabulary"], report.seconds["vocabulary"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    truth, kind = truth_or_generated()
    rng = np.random.default_rng(0)
    everything = [row.path for row in truth.rows if row.role in ("reference", "both", "query")]
    paths = [everything[i] for i in np.sort(rng.permutation(len(everything))[: given.images])]
    time_bare(paths[:16], given.jobs)  # starts the workers and fills the page cache
    loops, indexings, trainings = [], [], []
    for number in range(given.rounds):
        loops.append(time_bare(paths, given.jobs))
        ours, training = time_index(paths, given.jobs)
        indexings.append(ours)
        trainings.append(training)
        print(f"round {number + 1}: bare {loops[-1]:.2f} s, index {ours:.2f} s")
    ratio = statistics.median(indexings) / statistics.median(loops)
    print(f"\n{len(paths)} {kind}, {given.jobs} processes, OpenCV {cv2.__version__}")
    print(f"bare loop      {statistics.median(loops) / len(paths) * 1000:7.1f} ms an image")
    print(f"index          {statistics.median(indexings) / len(paths) * 1000:7.1f} ms an image")
    print(f"vocabulary     {statistics.median(trainings):7.1f} s, not in the ratio")
    print(f"ratio          {ratio:7.2f}")


if __name__ == "__main__":
    main()
