"""Workers that may die against workers that may not: what isolation costs.

    python tools/bench_isolation.py [--images 64] [--jobs 2] [--rounds 15]

The same pictures are read, extracted and quantised by the same function, by joblib's processes and
by isolated ones, with a time limit and a memory limit. Rounds are short and alternate which is
first; the ratio is the median of theirs. On a machine that others use the CPU time says more.
Processes are started beforehand: what that costs is reported apart, and so is an item that takes no
time.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from bench_data import truth_or_generated

from kpsearch.indexing import build_index
from kpsearch.indexing.pictures import Extraction, Quantisation, Task
from kpsearch.options import FeatureOptions, WorkerLimits
from kpsearch.parallel import map_in_order

ISOLATED = {"isolated": WorkerLimits()}


@dataclass(frozen=True)
class Spent:
    """Seconds that a map took; ``cpu`` is the sum over its processes."""

    wall: float
    cpu: float


def cpu_seconds() -> float:
    """CPU time of this process and its children so far, those that live."""
    total = time.process_time()
    for listed in Path("/proc/self/task").glob("*/children"):
        for child in listed.read_text().split():
            ticks = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[11:13]
            total += sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
    return total


def timed(work: Callable[[Any], Any], items: Sequence[Any], jobs: int, **options: Any) -> Spent:
    started, spent = time.perf_counter(), cpu_seconds()
    for _ in map_in_order(work, items, n_jobs=jobs, **options):
        pass
    return Spent(time.perf_counter() - started, cpu_seconds() - spent)


def time_start(work: Callable[[Any], Any], item: Any, jobs: int) -> float:
    """What a new process takes beyond its work, imports included."""
    list(map_in_order(os._exit, [3] * jobs, **ISOLATED))  # the idle ones are gone
    first = timed(work, [item], 1, **ISOLATED)
    return first.wall - timed(work, [item], 1, **ISOLATED).wall


def compare(one: Callable[[], Spent], other: Callable[[], Spent], rounds: int) -> list[list[Spent]]:
    """The times of both, taken in turn."""
    times: list[list[Spent]] = [[], []]
    for number in range(rounds):
        for which in (0, 1) if number % 2 else (1, 0):
            times[which].append((one, other)[which]())
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args()
    truth, kind = truth_or_generated()
    rng = np.random.default_rng(0)
    everything = [row.path for row in truth.rows if row.role in ("reference", "both", "query")]
    paths = [everything[i] for i in np.sort(rng.permutation(len(everything))[: given.images])]
    with tempfile.TemporaryDirectory(prefix="kpsearch-bench-") as folder:
        build_index(paths[:20], folder, n_jobs=given.jobs)
        vocabulary = next(os.path.join(folder, n) for n in os.listdir(folder) if "vocab" in n)
        work, tasks = (
            Quantisation(Extraction(FeatureOptions()), vocabulary),
            [Task(path) for path in paths],
        )
        plain = partial(timed, work, tasks, given.jobs)
        isolated = partial(timed, work, tasks, given.jobs, **ISOLATED)
        plain(), isolated()  # starts the processes and fills the page cache
        times = compare(plain, isolated, given.rounds)
        start = time_start(work, tasks[0], given.jobs)
    nothing = [timed(len, ["a"] * 4000, given.jobs, **options).wall for options in ({}, ISOLATED)]
    print(f"\n{len(paths)} {kind}, {given.jobs} processes, OpenCV {cv2.__version__}")
    for name in ("wall", "cpu"):
        plain_ms, isolated_ms = (
            statistics.median(getattr(each, name) for each in side) / len(paths) * 1000
            for side in times
        )
        ratios = sorted(getattr(b, name) / getattr(a, name) for a, b in zip(*times, strict=True))
        low, high = ratios[len(ratios) // 4], ratios[-len(ratios) // 4]
        print(
            f"{name:5} plain {plain_ms:6.1f}, isolated {isolated_ms:6.1f} ms an image; ratio "
            f"{statistics.median(ratios):.3f} (quartiles {low:.3f} and {high:.3f})"
        )
    print(f"a new process: {start:.2f} s, once a job and once a death")
    print(f"an empty item: plain {nothing[0] / 4:.2f}, isolated {nothing[1] / 4:.2f} ms")


if __name__ == "__main__":
    main()
