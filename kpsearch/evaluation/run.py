"""An evaluation from end to end: index the references, run the queries, score the rankings."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from kpsearch.errors import ImageRejected, UsageError
from kpsearch.evaluation.manifest import Truth, TruthRow
from kpsearch.evaluation.metrics import Convention, QueryOutcome, SourceSummary, summarise
from kpsearch.indexing import IndexReport, Progress, build_index
from kpsearch.options import FeatureOptions, SearchOptions, VocabularyOptions, WorkerLimits
from kpsearch.parallel import map_in_order, single_threaded
from kpsearch.search import Searcher
from kpsearch.types import Casualty, Reject

if TYPE_CHECKING:
    from kpsearch.types import Answer

MAX_RANKING = 1000
"""Hits kept of each ranking. Relevant images ranked lower count as not found."""
QUERY_LIMITS = WorkerLimits(seconds=600.0, memory_bytes=None)
"""Of a worker that opens the whole index: mapped, it takes no memory but address space."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """What one query of the truth returned."""

    row: TruthRow
    hits: tuple[tuple[str, float], ...]
    """(path, score), best first."""
    answered: bool
    """Whether geometry verified at least one hit."""
    timings_ms: dict[str, float]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The result of an evaluation."""

    sources: dict[str, SourceSummary]
    timings_ms: dict[str, float]
    """Median over the queries, by stage."""
    bytes_per_image: float
    bytes_per_keypoint: float
    indexed: IndexReport
    rankings: tuple[Ranking, ...]
    rejected: tuple[Reject, ...]
    """Queries that could not be read; they count as answered with nothing."""
    options: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The measures as plain JSON values."""
        return {
            "sources": {name: asdict(summary) for name, summary in self.sources.items()},
            "timings_ms": self.timings_ms,
            "bytes_per_image": self.bytes_per_image,
            "bytes_per_keypoint": self.bytes_per_keypoint,
            "options": self.options,
        }

    def run(self) -> dict[str, list[tuple[str, float]]]:
        """The rankings by query path, as `write_run` takes them."""
        return {ranking.row.path: list(ranking.hits) for ranking in self.rankings}


def evaluate(
    truth: Truth,
    index: str | os.PathLike[str],
    *,
    features: FeatureOptions | None = None,
    vocabulary: VocabularyOptions | str | os.PathLike[str] | None = None,
    search: SearchOptions | None = None,
    convention: Convention = "rectangle",
    n_jobs: int = 1,
    progress: Progress | None = None,
    on_reject: Callable[[Reject], None] | None = None,
) -> Evaluation:
    """Index all references of the truth in one gallery and rank it for every query.

    A query that is itself in the gallery is left out of its own ranking. ``index`` is created,
    or updated where it exists.
    """
    references, queries = truth.references(), truth.queries()
    if not references or not queries:
        raise UsageError("the manifest needs at least one reference and one query")
    report = build_index(
        [row.path for row in references],
        index,
        features=features,
        vocabulary=vocabulary,
        categories={row.path: row.category for row in references},
        n_jobs=n_jobs,
        progress=progress,
        on_reject=on_reject,
    )
    searcher = Searcher.open(index)
    options = evaluation_options(search or SearchOptions(), searcher.snapshot.slots)
    rankings, rejected = _run_queries(queries, index, options, n_jobs, progress, on_reject)
    snapshot = searcher.snapshot
    return Evaluation(
        sources=summarise([_outcome(truth, ranking) for ranking in rankings], convention),
        timings_ms=median_timings([ranking.timings_ms for ranking in rankings]),
        bytes_per_image=snapshot.size_bytes / max(snapshot.images, 1),
        bytes_per_keypoint=snapshot.size_bytes / max(snapshot.keypoints, 1),
        indexed=report,
        rankings=tuple(rankings),
        rejected=tuple(rejected),
        options={
            "features": asdict(snapshot.manifest.features),
            "words": len(snapshot.vocabulary),
            "search": asdict(options),
            "ap": convention,
            "images": snapshot.images,
            "keypoints": snapshot.keypoints,
        },
    )


def evaluation_options(search: SearchOptions, slots: int) -> SearchOptions:
    """The same search with the whole ranking returned, to `MAX_RANKING`."""
    return SearchOptions(min(max(slots, 1), MAX_RANKING), search.scoring, search.verification)


def median_timings(timings: Sequence[dict[str, float]]) -> dict[str, float]:
    """Median milliseconds of each stage."""
    stages = list(dict.fromkeys(stage for timing in timings for stage in timing))
    return {
        stage: float(np.median([timing[stage] for timing in timings if stage in timing]))
        for stage in stages
    }


def _run_queries(
    queries: Sequence[TruthRow],
    index: str | os.PathLike[str],
    options: SearchOptions,
    n_jobs: int,
    progress: Progress | None,
    on_reject: Callable[[Reject], None] | None,
) -> tuple[list[Ranking], list[Reject]]:
    rankings: list[Ranking] = []
    rejected: list[Reject] = []
    generation = Searcher.open(index).snapshot.generation
    work = _QueryRunner(os.path.abspath(index), generation, options)
    outcomes = map_in_order(work, queries, n_jobs=n_jobs, isolated=QUERY_LIMITS)
    for row, outcome in zip(queries, outcomes, strict=True):
        if isinstance(outcome, Casualty):
            outcome = Reject(row.path, outcome.code, outcome.text)
        if isinstance(outcome, Reject):
            rejected.append(outcome)
            if on_reject:
                on_reject(outcome)
            outcome = Ranking(row, (), False, {})
        rankings.append(outcome)
        if progress:
            progress("querying", len(rankings), len(queries))
    return rankings, rejected


@dataclass(frozen=True, slots=True)
class _QueryRunner:
    """Runs one query of the truth, in a worker."""

    index: str
    generation: int
    options: SearchOptions

    def __call__(self, row: TruthRow) -> Ranking | Reject:
        searcher = _searcher(self.index, self.generation)
        exclude = [row.path] if row.is_reference else []
        try:
            with single_threaded():
                answer = searcher.query(row.path, self.options, exclude=exclude)
        except ImageRejected as error:
            return Reject(row.path, error.code, error.text)
        return _ranking(row, answer)


@lru_cache(maxsize=1)
def _searcher(index: str, generation: int) -> Searcher:
    """One searcher a worker; ``generation`` keeps a reused worker from an older one."""
    return Searcher.open(index)


def _ranking(row: TruthRow, answer: Answer) -> Ranking:
    hits = tuple((hit.path, hit.score) for hit in answer.hits)
    return Ranking(row, hits, answer.verified, answer.timings_ms)


def _outcome(truth: Truth, ranking: Ranking) -> QueryOutcome:
    relevant = truth.relevant(ranking.row)
    return QueryOutcome(
        query=ranking.row.path,
        source=ranking.row.source,
        relevant_positions=tuple(
            position for position, (path, _) in enumerate(ranking.hits) if path in relevant
        ),
        n_relevant=len(relevant),
        group_of_four=truth.in_group_of_four(ranking.row),
        answered=ranking.answered,
    )
