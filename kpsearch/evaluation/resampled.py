"""The figures of `kpsearch.evaluation.pooled` for many resamples of the queries at once.

A bootstrap draws each query so many times and asks what the figure would then be. Here the answers
are put in order only once, and a resample is a row of weights: a query drawn twice has each of its
answers twice, with the same confidence. What comes out is what `micro_average_precision` and
`recall_at_precision` give for the list with those repetitions written out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kpsearch.evaluation.outcomes import Pool

Times = npt.NDArray[np.float64]
"""(b, queries): how many times each query is drawn in each of b resamples."""
Resampler = Callable[[Times], npt.NDArray[np.float64]]
"""From times drawn to (b,) figures; NaN for a resample with nothing to find."""

_BLOCK_CELLS = 2_000_000
"""Of a (resamples, answers) table."""


@dataclass(frozen=True, slots=True, eq=False)
class MicroAveragePrecision:
    """Micro-AP of resamples.

    With R right and W wrong answers ranked above it, a right answer that is there t times adds
    Σⱼ (R + j) / (R + W + j) for j = 1..t, which is t − W · (H(R + W + t) − H(R + W)), H(n) being
    the harmonic number 1 + 1/2 + … + 1/n.
    """

    pool: Pool

    def __call__(self, times: Times) -> npt.NDArray[np.float64]:
        """(b,) of (b, queries) times; the cost is b · queries · right answers."""
        answers = np.bincount(self.pool.query, minlength=times.shape[1])
        most = int((times @ answers).max(initial=0))
        harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, most + 1))])
        area, right = np.zeros(len(times)), np.zeros(len(times))
        for queries, wrong_above in self._right_answers(max(1, _BLOCK_CELLS // len(times))):
            there = times[:, queries]
            above = right[:, None] + there.cumsum(axis=1) - there
            wrong = times @ wrong_above
            last = (above + wrong).astype(np.intp)
            area += (there - wrong * (harmonic[last + there.astype(np.intp)] - harmonic[last])).sum(
                axis=1
            )
            right += there.sum(axis=1)
        return _share(area, times @ self.pool.positives)

    def _right_answers(
        self, most: int
    ) -> Iterator[tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]]:
        """The right answers in order, at most so many at a time.

        Of each the query, and (queries, answers) how many wrong answers of each query are above.
        """
        query, right = _ranked(self.pool)
        n_queries, places = len(self.pool.positives), np.flatnonzero(right)
        above, start = np.zeros((n_queries, 1)), 0
        for first in range(0, len(places), most):
            block = places[first : first + most]
            between = np.arange(start, block[-1])
            between = between[~right[between]]
            cell = query[between] * len(block) + np.searchsorted(block, between)
            count = np.bincount(cell, minlength=n_queries * len(block))
            table = above + count.reshape(n_queries, len(block)).cumsum(axis=1)
            yield query[block], table
            above, start = table[:, -1:], int(block[-1])


@dataclass(frozen=True, slots=True, eq=False)
class RecallAtPrecision:
    """Recall at a precision of resamples."""

    pool: Pool
    precision: float

    def __call__(self, times: Times) -> npt.NDArray[np.float64]:
        """(b,) of (b, queries) times."""
        query, right = _ranked(self.pool)
        best = np.zeros(len(times))
        rows = max(1, _BLOCK_CELLS // max(len(query), 1))
        for start in range(0, len(times), rows):
            there = times[start : start + rows][:, query]
            found, given = (there * right).cumsum(axis=1), there.cumsum(axis=1)
            precise = found / np.maximum(given, 1) >= self.precision
            best[start : start + rows] = np.where(precise, found, 0).max(axis=1, initial=0)
        return _share(best, times @ self.pool.positives)


def _ranked(pool: Pool) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """Query and correctness of each answer, by falling confidence, of equals the wrong first."""
    order = np.lexsort((pool.correct, -pool.confidence))
    return pool.query[order], pool.correct[order]


def _share(
    found: npt.NDArray[np.float64], wanted: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    return np.asarray(np.divide(found, wanted, out=np.full(len(found), np.nan), where=wanted > 0))
