"""What the queries retrieved, and the general figures over them, source by source."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kpsearch.evaluation.metrics import Convention, average_precision, ns_score, recall_at
from kpsearch.evaluation.pooled import (
    Confidences,
    micro_average_precision,
    recall_at_precision,
)


@dataclass(frozen=True, slots=True, eq=False)
class QueryOutcome:
    """What one query retrieved, as far as the metrics need it."""

    query: str
    source: str
    relevant_positions: tuple[int, ...]
    """Of the relevant items retrieved, increasing, in the ranking without what is overlooked."""
    n_relevant: int
    """Relevant items in the catalogue; 0: the item is not in it."""
    group_of_four: bool
    """The query and its relevant items are four pictures that are their own gallery."""
    answered: bool
    """False when the engine said "no match". What it ranked all the same is scored as given."""
    confidences: Confidences | None = None
    """Of the ranking, position by position; None where the answers come without."""


@dataclass(frozen=True, slots=True)
class SourceSummary:
    """The metrics of the queries of one source.

    Means are over the queries that have a relevant item in the catalogue, None without any. The
    last three are over all queries, and None without confidences.
    """

    queries: int
    without_answer: int
    """Queries with no relevant item in the catalogue: in no mean."""
    no_match: int
    """Queries answered "no match", rightly or wrongly, with a relevant item or without."""
    map: float | None
    recall_at_1: float | None
    recall_at_5: float | None
    ns: float | None
    """Mean over the queries from groups of four; None when the source has none."""
    micro_ap: float | None = None
    """Over all pairs of a query and a hit; see `kpsearch.evaluation.micro_average_precision`."""
    recall_at_p90: float | None = None
    """Of first answers, at 90% precision; see `kpsearch.evaluation.recall_at_precision`."""
    recall_at_p99: float | None = None


def summarise(outcomes: Iterable[QueryOutcome], convention: Convention) -> dict[str, SourceSummary]:
    """A summary for each source, in the order in which the sources first appear."""
    return {source: _summary(group, convention) for source, group in by_source(outcomes).items()}


def by_source(outcomes: Iterable[QueryOutcome]) -> dict[str, list[QueryOutcome]]:
    """The outcomes of each source, in the order in which the sources first appear."""
    groups: dict[str, list[QueryOutcome]] = {}
    for outcome in outcomes:
        groups.setdefault(outcome.source, []).append(outcome)
    return groups


def mean_over(
    outcomes: Iterable[QueryOutcome], metric: Callable[[tuple[int, ...], int], float]
) -> float | None:
    """Mean of a metric of positions over the queries with a relevant item; None without any."""
    values = [metric(o.relevant_positions, o.n_relevant) for o in outcomes if o.n_relevant]
    return float(np.mean(values)) if values else None


def ns_of(outcomes: Iterable[QueryOutcome]) -> float | None:
    """Mean N-S score of the queries from groups of four; None without any."""
    fours = [o for o in outcomes if o.group_of_four]
    return mean_over(fours, lambda positions, _: ns_score(positions, query_left_out=True))


def micro_ap_of(outcomes: Sequence[QueryOutcome]) -> float | None:
    """Micro-AP over all pairs; None without confidences or with nothing to find."""
    pool = pool_of(outcomes, depth=None)
    if pool is None:
        return None
    return micro_average_precision(pool.confidence, pool.correct, n_positive=pool.n_positive)


def recall_at_precision_of(
    outcomes: Sequence[QueryOutcome], precision: float, *, pairs: bool = False
) -> float | None:
    """Recall at a precision of the first answers, or of all pairs; None as for `micro_ap_of`."""
    pool = pool_of(outcomes, depth=None if pairs else 1)
    if pool is None:
        return None
    return recall_at_precision(
        pool.confidence, pool.correct, n_positive=pool.n_positive, precision=precision
    )


def _summary(outcomes: Sequence[QueryOutcome], convention: Convention) -> SourceSummary:
    return SourceSummary(
        queries=len(outcomes),
        without_answer=sum(o.n_relevant == 0 for o in outcomes),
        no_match=sum(not o.answered for o in outcomes),
        map=mean_over(outcomes, lambda p, n: average_precision(p, n, convention=convention)),
        recall_at_1=mean_over(outcomes, lambda p, n: recall_at(p, n, k=1)),
        recall_at_5=mean_over(outcomes, lambda p, n: recall_at(p, n, k=5)),
        ns=ns_of(outcomes),
        micro_ap=micro_ap_of(outcomes),
        recall_at_p90=recall_at_precision_of(outcomes, 0.90),
        recall_at_p99=recall_at_precision_of(outcomes, 0.99),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """The answers of all queries in one list, query by query."""

    query: npt.NDArray[np.intp]
    """Of each answer, which of the queries it is an answer to."""
    confidence: npt.NDArray[np.float64]
    correct: npt.NDArray[np.bool_]
    positives: npt.NDArray[np.int64]
    """(queries,): right answers there are to each, given or not."""

    @property
    def n_positive(self) -> int:
        """Right answers there are to all of them."""
        return int(self.positives.sum())


def pool_of(outcomes: Sequence[QueryOutcome], *, depth: int | None) -> Pool | None:
    """The first ``depth`` hits of every query, all without it; None if no score can be had.

    That is without confidences, and with nothing to find.
    """
    wanted = [o.n_relevant if depth is None else min(o.n_relevant, depth) for o in outcomes]
    if not any(wanted) or any(o.confidences is None for o in outcomes):
        return None
    confidences = [np.asarray(o.confidences, np.float64)[:depth] for o in outcomes]
    flags = [
        _flags(outcome.relevant_positions, len(values))
        for values, outcome in zip(confidences, outcomes, strict=True)
    ]
    return Pool(
        np.repeat(np.arange(len(outcomes)), [len(values) for values in confidences]),
        np.concatenate(confidences),
        np.concatenate(flags),
        np.array(wanted, np.int64),
    )


def _flags(positions: Sequence[int], length: int) -> npt.NDArray[np.bool_]:
    """(length,), true at those of the ``positions`` that are within."""
    flags = np.zeros(length, np.bool_)
    flags[[position for position in positions if position < length]] = True
    return flags
