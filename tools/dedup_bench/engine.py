"""kpsearch's own deduplication of a labelled set: the one place where the bench calls it."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from itertools import combinations, product
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dedup_bench.labelled import LabelledSet
from dedup_bench.measures import ScoredPairs
from kpsearch.dedup.decisions import Decisions
from kpsearch.dedup.job import Job, Outcome
from kpsearch.dedup.records import JudgedPair
from kpsearch.indexing import build_index
from kpsearch.options import DedupOptions


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """What kpsearch says of the pairs of a set."""

    pairs: list[JudgedPair]
    """By the numbers of the set; a picture's bytes again have what the picture has."""
    accepted: npt.NDArray[np.bool_]
    """(m,) whether each is to be merged at the precision asked for."""
    grouped: npt.NDArray[np.int64]
    """(g, 2) pairs that are in one group."""
    seconds: dict[str, float]
    """By stage; "index" makes the index."""

    def scored(self, truth: LabelledSet) -> ScoredPairs:
        """The pairs by their log-odds."""
        ends = np.array([(pair.a, pair.b) for pair in self.pairs], np.int64)
        return ScoredPairs(truth.keys_of(ends), np.array([pair.log_odds for pair in self.pairs]))


def judge_set(
    truth: LabelledSet, folder: Path, *, precision: float = 0.99, n_jobs: int = 1
) -> Judgement:
    """Index the pictures of a set and deduplicate them, as ``kpsearch dedup`` does."""
    started = time.perf_counter()
    build_index(truth.paths, folder / "index", n_jobs=n_jobs)
    indexed = time.perf_counter() - started
    with Job(folder / "index", folder / "job", n_jobs=n_jobs) as job:
        outcome = job.conclude(DedupOptions(precision=precision), Decisions())
    return _judgement(truth, outcome, {"index": indexed, **outcome.seconds})


def _judgement(truth: LabelledSet, outcome: Outcome, seconds: dict[str, float]) -> Judgement:
    number = {path: i for i, path in enumerate(truth.paths)}
    numbers = [number[entry.path] for entry in outcome.entries]
    alike = _by_bytes(outcome)
    found: dict[tuple[int, int], tuple[JudgedPair, bool]] = {}
    for pair, merged in zip(outcome.pairs, outcome.acceptance.accepted.tolist(), strict=True):
        for a, b in product(alike[pair.a], alike[pair.b]):
            if a != b:
                told = _renumbered(pair, numbers[a], numbers[b])
                found[told.a, told.b] = told, merged
    pairs = [found[key] for key in sorted(found)]
    return Judgement(
        [pair for pair, _ in pairs],
        np.array([merged for _, merged in pairs], np.bool_),
        _grouped(outcome, numbers),
        seconds,
    )


def _by_bytes(outcome: Outcome) -> list[list[int]]:
    """The pictures with the same bytes as each: a job speaks of the first of them only."""
    places: dict[bytes, list[int]] = {}
    for entry in outcome.entries:
        places.setdefault(entry.content_hash, []).append(entry.number)
    return [places[entry.content_hash] for entry in outcome.entries]


def _renumbered(pair: JudgedPair, a: int, b: int) -> JudgedPair:
    """The pair as of pictures a and b, the lower number first."""
    if a < b:
        return replace(pair, a=a, b=b)
    return replace(pair, a=b, b=a, relation=pair.relation.reverse)


def _grouped(outcome: Outcome, numbers: list[int]) -> npt.NDArray[np.int64]:
    """(g, 2) all pairs within a group."""
    ends = [
        (numbers[a], numbers[b])
        for group in outcome.groups
        for a, b in combinations(group.members, 2)
    ]
    return np.array(ends, np.int64).reshape(-1, 2)
