"""What the queries retrieved, and the general figures over them, source by source."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

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
    found = _pooled(outcomes, depth=None)
    if found is None:
        return None
    return micro_average_precision(found.confidence, found.correct, n_positive=found.n_positive)


def recall_at_precision_of(
    outcomes: Sequence[QueryOutcome], precision: float, *, pairs: bool = False
) -> float | None:
    """Recall at a precision of the first answers, or of all pairs; None as for `micro_ap_of`."""
    found = _pooled(outcomes, depth=None if pairs else 1)
    if found is None:
        return None
    return recall_at_precision(
        found.confidence, found.correct, n_positive=found.n_positive, precision=precision
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


class _Pooled(NamedTuple):
    """The answers of all queries in one list."""

    confidence: npt.NDArray[np.float64]
    correct: npt.NDArray[np.bool_]
    n_positive: int
    """Right answers there are, given or not."""


def _pooled(outcomes: Sequence[QueryOutcome], *, depth: int | None) -> _Pooled | None:
    """The first ``depth`` hits of every query, all without it; None if no score can be had."""
    n_positive = sum(o.n_relevant if depth is None else min(o.n_relevant, depth) for o in outcomes)
    confidences: list[npt.NDArray[np.float64]] = []
    flags: list[npt.NDArray[np.bool_]] = []
    for outcome in outcomes:
        if outcome.confidences is None:
            return None
        values = np.array(outcome.confidences[:depth], np.float64)
        confidences.append(values)
        flags.append(np.isin(np.arange(len(values)), outcome.relevant_positions))
    if not n_positive:
        return None
    return _Pooled(np.concatenate(confidences), np.concatenate(flags), n_positive)
