"""An evaluation from end to end: index the references, run the queries, score the rankings."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from kpsearch.errors import UnusableFile
from kpsearch.evaluation.metrics import Convention, relevant_positions
from kpsearch.evaluation.outcomes import QueryOutcome, SourceSummary, summarise
from kpsearch.evaluation.protocols import MANIFEST, Measures, Protocol
from kpsearch.evaluation.querying import Ranking, rank_queries
from kpsearch.evaluation.truth import Truth
from kpsearch.indexing import IndexReport, Progress, build_index
from kpsearch.options import (
    EmbeddingOptions,
    FeatureOptions,
    SearchOptions,
    VocabularyOptions,
)
from kpsearch.search import Searcher, require_category_model
from kpsearch.types import Reject


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The result of an evaluation."""

    sources: dict[str, SourceSummary]
    """The general figures, under the protocol's first setup."""
    protocol: str
    measures: tuple[Measures, ...]
    """The protocol's own figures: setup by setup, in each source by source."""
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
            "protocol": self.protocol,
            "measures": [asdict(measures) for measures in self.measures],
            "timings_ms": self.timings_ms,
            "bytes_per_image": self.bytes_per_image,
            "bytes_per_keypoint": self.bytes_per_keypoint,
            "options": self.options,
        }

    def run(self) -> dict[str, list[tuple[str, float]]]:
        """The rankings by query id, as `write_run` takes them."""
        return {
            ranking.row.query_id: [(hit.path, hit.score) for hit in ranking.hits]
            for ranking in self.rankings
        }


def evaluate(
    truth: Truth,
    index: str | os.PathLike[str],
    *,
    features: FeatureOptions | None = None,
    vocabulary: VocabularyOptions | str | os.PathLike[str] | None = None,
    search: SearchOptions | None = None,
    embedding: EmbeddingOptions | None = None,
    protocol: Protocol = MANIFEST,
    convention: Convention | None = None,
    n_jobs: int = 1,
    progress: Progress | None = None,
    on_reject: Callable[[Reject], None] | None = None,
) -> Evaluation:
    """Index all references of the truth in one gallery and rank it for every query.

    A query that is itself in the gallery is left out of its own ranking, unless the truth says
    that it stays. The rankings are scored by ``protocol``, with AP by ``convention`` where one is
    given. ``index`` is created, or updated where it exists. Where the search fuses a deep model,
    the references are embedded with it, fed as ``embedding`` says.
    """
    references, queries = truth.references(), truth.queries()
    if not references or not queries:
        raise UnusableFile(
            f"{truth.origin}: needs at least one reference and one query; it has"
            f" {len(references)} of the one and {len(queries)} of the other"
        )
    if search is not None and search.category is not None:
        require_category_model(search.category)  # before anything is indexed
    report = build_index(
        [row.path for row in references],
        index,
        features=features,
        vocabulary=vocabulary,
        embed=search.fuse.model if search and search.fuse else None,
        embedding=embedding,
        categories={row.path: row.category for row in references},
        n_jobs=n_jobs,
        progress=progress,
        on_reject=on_reject,
    )
    searcher = Searcher.open(index)
    options = evaluation_options(search or SearchOptions(), searcher.snapshot.slots, protocol)
    rankings, rejected = rank_queries(
        truth, index, options, n_jobs=n_jobs, progress=progress, on_reject=on_reject
    )
    scoring = replace(protocol, convention=convention) if convention else protocol
    views = [truth.under(setup) for setup in protocol.setups or (truth.setup,)]
    outcomes = [[outcome_of(view, ranking) for ranking in rankings] for view in views]
    snapshot = searcher.snapshot
    return Evaluation(
        sources=summarise(outcomes[0], scoring.convention),
        protocol=protocol.name,
        measures=tuple(
            measures
            for view, scored in zip(views, outcomes, strict=True)
            for measures in scoring.measure(scored, setup=view.setup.name)
        ),
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
            "ap": scoring.convention,
            "images": snapshot.images,
            "keypoints": snapshot.keypoints,
        },
    )


def evaluation_options(search: SearchOptions, slots: int, protocol: Protocol) -> SearchOptions:
    """The same search with the whole ranking returned, to the protocol's depth."""
    return replace(search, limit=min(max(slots, 1), protocol.depth))


def median_timings(timings: Sequence[dict[str, float]]) -> dict[str, float]:
    """Median milliseconds of each stage."""
    stages = list(dict.fromkeys(stage for timing in timings for stage in timing))
    return {
        stage: float(np.median([timing[stage] for timing in timings if stage in timing]))
        for stage in stages
    }


def outcome_of(truth: Truth, ranking: Ranking) -> QueryOutcome:
    """What a ranking retrieved under the truth's setup, with what is to be overlooked left out."""
    relevant, ignored = truth.relevant(ranking.row), truth.ignored(ranking.row)
    counted = np.array([path not in ignored for path in ranking.paths], np.bool_)
    return QueryOutcome(
        query=ranking.row.query_id,
        source=ranking.row.source,
        relevant_positions=relevant_positions(ranking.paths, relevant, ignored=ignored),
        n_relevant=len(relevant),
        group_of_four=truth.in_group_of_four(ranking.row),
        answered=ranking.answered,
        confidences=ranking.confidences[counted],
    )
