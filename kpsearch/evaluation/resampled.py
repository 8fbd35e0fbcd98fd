"""The figures of `kpsearch.evaluation.pooled` for many resamples of the queries at once.

A bootstrap draws each query so many times and asks what the figure would then be. Here the answers
are put in order only once, and a resample is a row of weights: a query drawn twice has each of its
answers twice, with the same confidence. What comes out is what `micro_average_precision` and
`recall_at_precision` give for the list with those repetitions written out.

Both figures change for the better only at right answers, so all that a resample needs of the wrong
ones is how many are above each right one: a sparse matrix of counts times the weights. That costs
a product for each resample and answer, of a query once between two right ones, and no more memory
than the answers themselves; a dense one would be queries × right answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from kpsearch.evaluation.outcomes import Pool

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Times = npt.NDArray[np.float64]
"""(b, queries): how many times each query is drawn in each of b resamples."""
Resampler = Callable[[Times], npt.NDArray[np.float64]]
"""From times drawn to (b,) figures; NaN for a resample with nothing to find."""
Cells = npt.NDArray[np.float64]

_BLOCK_CELLS = 2_000_000
"""Of a (right answers, resamples) table."""


@dataclass(frozen=True, eq=False)
class MicroAveragePrecision:
    """Micro-AP of resamples.

    With R right and W wrong answers ranked above it, a right answer that is there t times adds
    Σⱼ (R + j) / (R + W + j) for j = 1..t, which is t − W · (H(R + W + t) − H(R + W)), H(n) being
    the harmonic number 1 + 1/2 + … + 1/n.
    """

    pool: Pool

    def __call__(self, times: Times) -> npt.NDArray[np.float64]:
        """(b,) of (b, queries) times; the cost is b · answers."""
        area = np.zeros(len(times))
        for there, right, wrong in self._right_answers.walk(times):
            first = (right + wrong).astype(np.intp)
            last = first + there.astype(np.intp)
            harmonic = _harmonic_numbers(1 << int(last.max(initial=1)).bit_length())
            area += (there - wrong * (harmonic[last] - harmonic[first])).sum(axis=0)
        return _share(area, times @ self.pool.positives)

    @cached_property
    def _right_answers(self) -> _RightAnswers:
        return _RightAnswers.of(self.pool)


@dataclass(frozen=True, eq=False)
class RecallAtPrecision:
    """Recall at a precision of resamples."""

    pool: Pool
    precision: float

    def __call__(self, times: Times) -> npt.NDArray[np.float64]:
        """(b,) of (b, queries) times; the cost is b · answers."""
        best = np.zeros(len(times))
        for there, right, wrong in self._right_answers.walk(times):
            found = right + there
            precise = found / np.maximum(found + wrong, 1) >= self.precision
            best = np.maximum(best, np.where(precise, found, 0).max(axis=0))
        return _share(best, times @ self.pool.positives)

    @cached_property
    def _right_answers(self) -> _RightAnswers:
        return _RightAnswers.of(self.pool)


@dataclass(frozen=True, slots=True, eq=False)
class _RightAnswers:
    """The right answers by falling confidence, and what is ranked between them."""

    query: npt.NDArray[np.intp]
    """Of each right answer."""
    wrong: csr_array
    """(right answers, queries): wrong answers of each query since the right answer before. Of
    equals the wrong come first."""

    @classmethod
    def of(cls, pool: Pool) -> _RightAnswers:
        from scipy.sparse import coo_array

        lowest = pool.confidence[pool.correct].min(initial=np.inf)
        kept = np.flatnonzero(pool.confidence >= lowest)
        order = kept[np.lexsort((pool.correct[kept], -pool.confidence[kept]))]
        query, right = pool.query[order], pool.correct[order]
        above, who = np.cumsum(right)[~right], query[~right]
        shape = (int(right.sum()), len(pool.positives))
        return cls(query[right], coo_array((np.ones(len(who)), (above, who)), shape).tocsr())

    def walk(self, times: Times) -> Iterator[tuple[Cells, Cells, Cells]]:
        """By blocks of right answers, (block, b) tables of (b, queries) ``times``.

        How many times the answer is there, and how many right and wrong answers are above it.
        """
        drawn = np.ascontiguousarray(times.T)
        right, wrong = np.zeros(len(times)), np.zeros(len(times))
        most = max(1, _BLOCK_CELLS // max(1, len(times)))
        for start in range(0, len(self.query), most):
            there = drawn[self.query[start : start + most]]
            right_there = right + there.cumsum(axis=0)
            wrong_above = wrong + (self.wrong[start : start + most] @ drawn).cumsum(axis=0)
            yield there, right_there - there, wrong_above
            right, wrong = right_there[-1], wrong_above[-1]


@lru_cache(maxsize=1)
def _harmonic_numbers(count: int) -> npt.NDArray[np.float64]:
    """H(0) to H(count)."""
    return np.concatenate([[0.0], np.cumsum(1 / np.arange(1, count + 1))])


def _share(
    found: npt.NDArray[np.float64], wanted: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    return np.asarray(np.divide(found, wanted, out=np.full(len(found), np.nan), where=wanted > 0))
