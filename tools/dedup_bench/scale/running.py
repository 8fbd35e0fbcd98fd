"""Pairs found in large catalogues: seconds by stage, memory, and what was planted and found."""

from __future__ import annotations

import json
import multiprocessing
import resource
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from joblib.externals.loky import get_reusable_executor

from dedup_bench.scale.indexes import write_population
from dedup_bench.scale.memory import Peak, Watch
from dedup_bench.scale.population import COPY_KINDS, Population, draw_population
from kpsearch.dedup.grouping import group_pairs
from kpsearch.dedup.job import Job
from kpsearch.dedup.records import JudgedPair, Relation, VerifiedPair
from kpsearch.errors import KpsearchError
from kpsearch.index import Snapshot
from kpsearch.options import CandidateOptions

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class ScaleFigures:
    """One catalogue, from its index to groups. Judging opens pictures, and is not in it."""

    pictures: int
    keypoints: int
    words: int
    index_mb: float
    written_s: float
    """Drawing the keypoints and writing the index, which is no part of the job."""
    seconds: dict[str, float]
    """By stage of the job."""
    total_s: float
    """Of the job, with opening the index and starting its processes."""
    cpu_s: float
    """Of all its processes: what does not depend on what else the machine does."""
    peak: Peak
    candidates: int
    verified: int
    recall: dict[str, float]
    """Of the pairs of a copy and its original, by kind of copy."""
    unrelated: int
    """Pairs verified that have nothing in common."""


def measure_scale(
    pictures: int,
    folder: Path,
    *,
    options: CandidateOptions | None = None,
    seed: int = 0,
    n_jobs: int = 1,
    progress: Progress,
) -> ScaleFigures:
    """Make an index of so many pictures, deduplicate it in a process of its own, remove both."""
    population = draw_population(pictures, seed)
    started = time.perf_counter()
    write_population(population, folder / "index", lambda *done: progress("writing", *done))
    written = time.perf_counter() - started
    snapshot = Snapshot.open(folder / "index")
    keypoints, words = int(snapshot.keypoints), len(snapshot.vocabulary)
    index_mb = snapshot.size_bytes / 2**20
    started, cpu_before = time.perf_counter(), _cpu_of_children()
    peak = _run_watched(folder, options, n_jobs)
    total, cpu = time.perf_counter() - started, _cpu_of_children() - cpu_before
    told = json.loads((folder / "told.json").read_text())
    found = np.load(folder / "found.npy")
    for name in ("index", "job"):
        shutil.rmtree(folder / name)
    return ScaleFigures(
        pictures=pictures,
        keypoints=keypoints,
        words=words,
        index_mb=index_mb,
        written_s=written,
        seconds=told["seconds"],
        total_s=total,
        cpu_s=cpu,
        peak=peak,
        candidates=told["candidates"],
        verified=len(found),
        recall=recall_of_copies(population, found),
        unrelated=int((~population.related(found)).sum()),
    )


def recall_of_copies(population: Population, found: npt.NDArray[np.int64]) -> dict[str, float]:
    """The share of the copies that are found with their originals, by kind and of all."""
    ends, kind = population.copy_pairs()
    size = len(population)
    right = np.isin(ends @ np.array([size, 1]), found @ np.array([size, 1]))
    shares = {
        name: float(right[kind == k].mean())
        for k, name in enumerate(COPY_KINDS)
        if (kind == k).any()
    }
    return {**shares, "all": float(right.mean())} if len(right) else {}


def _cpu_of_children() -> float:
    """Seconds of the processes that have ended, and of theirs."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def _run_watched(folder: Path, options: CandidateOptions | None, n_jobs: int) -> Peak:
    arguments = (folder, options, n_jobs)
    process = multiprocessing.get_context("spawn").Process(target=_run_job, args=arguments)
    process.start()
    assert process.pid is not None
    with Watch(process.pid) as watch:
        process.join()
    if process.exitcode != 0:
        raise KpsearchError(f"{folder}: the job ended with status {process.exitcode}")
    return watch.peak


def _run_job(folder: Path, options: CandidateOptions | None, n_jobs: int) -> None:
    """In a process of its own: leaves ``found.npy`` and ``told.json``."""
    with Job(folder / "index", folder / "job", options=options, n_jobs=n_jobs) as job:
        found = job.found
        seconds = dict(job.seconds)
        started = time.perf_counter()
        entries = [job.catalogue.entry(number) for number in range(len(job.catalogue))]
        pairs = [_as_if_judged(pair) for pair in found.pairs]
        accepted = np.ones(len(pairs), np.bool_)
        group_pairs(pairs, accepted, entries, cut=found.cut, keep="first")
        seconds["grouping"] = time.perf_counter() - started
    ends = np.array([(pair.a, pair.b) for pair in found.pairs], np.int64).reshape(-1, 2)
    np.save(folder / "found.npy", np.unique(ends, axis=0))
    told = {"seconds": seconds, "candidates": found.candidates}
    (folder / "told.json").write_text(json.dumps(told), encoding="utf-8")
    # A child of multiprocessing waits for its own, and idle workers go only after minutes.
    get_reusable_executor().shutdown()


def _as_if_judged(pair: VerifiedPair) -> JudgedPair:
    """What groups are made of, where there is no picture to judge."""
    return JudgedPair(pair.a, pair.b, Relation.SAME_ITEM, pair.score, mirrored=pair.mirrored)
