"""The queries of a ground truth, run in workers that may die without taking the rest along."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from kpsearch.errors import ImageRejected
from kpsearch.evaluation.truth import Truth, TruthRow
from kpsearch.indexing import Progress
from kpsearch.options import SearchOptions, WorkerLimits
from kpsearch.parallel import map_in_order, single_threaded
from kpsearch.search import Searcher
from kpsearch.types import Casualty, Reject

if TYPE_CHECKING:
    from kpsearch.types import Answer, Hit

QUERY_LIMITS = WorkerLimits(seconds=600.0, memory_bytes=None)
"""Of a worker that opens the whole index: mapped, it takes no memory but address space."""


class RankedHit(NamedTuple):
    """One hit of a ranking."""

    path: str
    score: float
    confidence: float


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """What one query of the truth returned, best first: in columns, as there may be millions."""

    row: TruthRow
    paths: tuple[str, ...]
    scores: npt.NDArray[np.float64]
    """(hits,)"""
    confidences: npt.NDArray[np.float64]
    """(hits,) see `confidence_of`."""
    answered: bool
    """Whether the best hit is more likely right than wrong."""
    timings_ms: dict[str, float]

    @property
    def hits(self) -> tuple[RankedHit, ...]:
        """The same, hit by hit."""
        columns = zip(self.paths, self.scores.tolist(), self.confidences.tolist(), strict=True)
        return tuple(RankedHit(*hit) for hit in columns)


def confidence_of(hit: Hit) -> float:
    """What answers to different queries are compared by: the greater, the surer.

    Log-odds, as the probabilities of many sure hits are 1 to the last digit, and would be ties.
    """
    return hit.log_odds


def rank_queries(
    truth: Truth,
    index: str | os.PathLike[str],
    options: SearchOptions,
    *,
    n_jobs: int = 1,
    progress: Progress | None = None,
    on_reject: Callable[[Reject], None] | None = None,
) -> tuple[list[Ranking], list[Reject]]:
    """The rankings of the truth's queries, in its order, and the queries that have none.

    A query that could not be run has an empty ranking. `Truth.left_out` says which pictures may
    not be hits of a query.
    """
    queries = truth.queries()
    shared = {row.path: row.path for row in truth.references()}
    rankings: list[Ranking] = []
    rejected: list[Reject] = []
    generation = Searcher.open(index).snapshot.generation
    work = _QueryRunner(os.path.abspath(index), generation, options, truth.query_in_gallery)
    outcomes = map_in_order(work, queries, n_jobs=n_jobs, isolated=QUERY_LIMITS)
    for row, outcome in zip(queries, outcomes, strict=True):
        if isinstance(outcome, Casualty):
            outcome = Reject(row.path, outcome.code, outcome.text)
        if isinstance(outcome, Reject):
            rejected.append(outcome)
            if on_reject:
                on_reject(outcome)
            outcome = Ranking(row, (), np.zeros(0), np.zeros(0), False, {})
        # A worker's paths are copies: one string a picture is kept, not one a hit.
        paths = tuple(shared.get(path, path) for path in outcome.paths)
        rankings.append(replace(outcome, paths=paths))
        if progress:
            progress("querying", len(rankings), len(queries))
    return rankings, rejected


@dataclass(frozen=True, slots=True)
class _QueryRunner:
    """Runs one query of the truth, in a worker."""

    index: str
    generation: int
    options: SearchOptions
    query_in_gallery: bool

    def __call__(self, row: TruthRow) -> Ranking | Reject:
        try:
            with single_threaded():
                answer = self._answer(row)
        except ImageRejected as error:
            return Reject(row.path, error.code, error.text)
        return Ranking(
            row=row,
            paths=tuple(hit.path for hit in answer.hits),
            scores=np.array([hit.score for hit in answer.hits], np.float64),
            confidences=np.array([confidence_of(hit) for hit in answer.hits], np.float64),
            answered=answer.matched,
            timings_ms=answer.timings_ms,
        )

    def _answer(self, row: TruthRow) -> Answer:
        searcher = _searcher(self.index, self.generation)
        exclude = () if self.query_in_gallery else (row.path,)
        return searcher.query(row.path, self.options, region=row.region, clip=True, exclude=exclude)


@lru_cache(maxsize=1)
def _searcher(index: str, generation: int) -> Searcher:
    """One searcher a worker; ``generation`` keeps a reused worker from an older one."""
    return Searcher.open(index)
