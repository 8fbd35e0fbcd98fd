"""Metrics of many queries in one list, ranked by confidence: how far can an answer be believed?

An average over queries forgives a wrong answer as long as the right one is above it. Here every
answer of every query competes with every other, so a query whose item is not in the catalogue
costs what is answered to it with confidence.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kpsearch.errors import UsageError

Confidences = Sequence[float] | npt.NDArray[np.floating]
Flags = Sequence[bool] | npt.NDArray[np.bool_]


def micro_average_precision(confidence: Confidences, correct: Flags, *, n_positive: int) -> float:
    """Average precision of all answers of all queries as one list, in [0, 1] (micro-AP).

    ``confidence`` and ``correct`` have an entry for each (query, hit) pair, in any order;
    ``n_positive`` is the number of right pairs there are, found or not, over all queries. The
    area is by rectangles. Among equal confidences the wrong pairs count as ranked first, which is
    the worst case, as in the Image Similarity Challenge (Douze et al. 2021; its
    ``isc/metrics.py``). Raises `UsageError` for no right pair, arrays of different
    lengths, more right pairs than there are, or a confidence that is not a number.
    """
    right = _ranked(confidence, correct, n_positive)
    precision = np.cumsum(right) / np.arange(1, len(right) + 1)
    return float(precision[right].sum() / n_positive)


def recall_at_precision(
    confidence: Confidences, correct: Flags, *, n_positive: int, precision: float
) -> float:
    """The largest recall at a threshold on confidence at which precision is at least that asked.

    A threshold takes all answers at least as confident, equal ones together. 0 where no threshold
    is precise enough. Over the first answers of all queries, ``n_positive`` being the queries
    whose item is in the catalogue, it is the share of them that can be answered without review;
    over all pairs it is the R@P90 of the Image Similarity Challenge (Douze et al. 2021), which
    has no value where this is 0. Raises as `micro_average_precision`, and for a precision outside
    (0, 1].
    """
    if not 0 < precision <= 1:
        raise UsageError(f"recall at precision {precision}: the precision must be in (0, 1]")
    right = _ranked(confidence, correct, n_positive)
    found = np.cumsum(right)
    # Among equals the wrong come first, so no place within them beats taking them all.
    precise = found / np.arange(1, len(right) + 1) >= precision
    return float(found[precise].max(initial=0) / n_positive)


def _ranked(confidence: Confidences, correct: Flags, n_positive: int) -> npt.NDArray[np.bool_]:
    """Which answers are right, by falling confidence, among equals the wrong ones first."""
    values, flags = np.asarray(confidence, np.float64), np.asarray(correct, np.bool_)
    if n_positive < 1:
        raise UsageError("without anything to find there is no score")
    if len(values) != len(flags):
        raise UsageError(f"{len(values)} confidences, but {len(flags)} answers")
    if flags.sum() > n_positive:
        raise UsageError(f"{flags.sum()} right answers, of only {n_positive}")
    if np.isnan(values).any():
        raise UsageError("a confidence is not a number (NaN)")
    return flags[np.lexsort((flags, -values))]
