"""Named figures over many queries: what the columns of an evaluation's table are made of."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kpsearch.evaluation.metrics import (
    Convention,
    average_precision,
    average_precision_at,
    precision_at,
    r_precision,
    recall_at,
)
from kpsearch.evaluation.outcomes import (
    QueryOutcome,
    mean_over,
    micro_ap_of,
    ns_of,
    pool_of,
    recall_at_precision_of,
)
from kpsearch.evaluation.resampled import MicroAveragePrecision, RecallAtPrecision, Resampler

Outcomes = Sequence[QueryOutcome]


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure over the queries of a protocol, by the name it is printed under."""

    name: str
    of: Callable[[Outcomes, Convention], float | None]
    """None where it is not defined: no query with a relevant item, or no confidences."""
    resampler: Callable[[Outcomes], Resampler | None] | None = None
    """Of a figure of all answers in one list: how it is had for resamples of the queries, None
    where it is not defined. Without a resampler, the figure is a mean over queries."""
    least_instances: int = 10
    """With queries of fewer, resamples do not tell how far the figure would move;
    docs/compare.md."""


def mean_precision_at(k: int) -> Metric:
    """mP@k of revisitop."""
    return Metric(f"mP@{k}", lambda all_, _: mean_over(all_, lambda p, n: precision_at(p, n, k=k)))


def mean_ap_at(k: int) -> Metric:
    """mAP@k of Google Landmarks v2."""
    return Metric(
        f"mAP@{k}", lambda all_, _: mean_over(all_, lambda p, n: average_precision_at(p, n, k=k))
    )


def mean_recall_at(k: int) -> Metric:
    """Share of the queries with a relevant item among the first k."""
    return Metric(f"recall@{k}", lambda all_, _: mean_over(all_, lambda p, n: recall_at(p, n, k=k)))


def recall_at_percent(percent: int, *, pairs: bool = False) -> Metric:
    """Recall of the first answers, or of all pairs, at a precision in percent."""
    precision = percent / 100

    def resampler(outcomes: Outcomes) -> Resampler | None:
        pool = pool_of(outcomes, depth=None if pairs else 1)
        return None if pool is None else RecallAtPrecision(pool, precision)

    return Metric(
        f"R@P{percent}" + (" of pairs" if pairs else ""),
        lambda all_, _: recall_at_precision_of(all_, precision, pairs=pairs),
        resampler,
        # With fewer, a handful of wrong answers settles it.
        least_instances=500 // (100 - percent) if percent < 100 else sys.maxsize,
    )


def _mean_ap(outcomes: Outcomes, convention: Convention) -> float | None:
    return mean_over(outcomes, lambda p, n: average_precision(p, n, convention=convention))


def _micro_ap_resampler(outcomes: Outcomes) -> Resampler | None:
    pool = pool_of(outcomes, depth=None)
    return None if pool is None else MicroAveragePrecision(pool)


MEAN_AP = Metric("mAP", _mean_ap)
NS = Metric("N-S", lambda all_, _: ns_of(all_))
MICRO_AP = Metric(
    "micro-AP", lambda all_, _: micro_ap_of(all_), _micro_ap_resampler, least_instances=200
)
R_PRECISION = Metric("R-precision", lambda all_, _: mean_over(all_, r_precision))
MAP_AT_R = Metric(
    "MAP@R", lambda all_, _: mean_over(all_, lambda p, n: average_precision_at(p, n, k=n))
)
