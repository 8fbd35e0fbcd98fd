"""How far the figures would move with other queries of the same kind: the bootstrap."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

RESAMPLES = 10_000
LEVEL = 0.95
_BLOCK_DRAWS = 4_000_000
"""Queries drawn at a time."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over queries and its percentile interval at `LEVEL`."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, eq=False)
class Resampled:
    """Sums over queries in each of b bootstrap samples, of one source or of several."""

    sums: npt.NDArray[np.float64]
    """(b, runs, measures) over the queries that the measure is defined for."""
    counts: npt.NDArray[np.float64]
    """(b, measures): how many queries those are."""

    def __add__(self, other: Resampled) -> Resampled:
        """Sample by sample: a stratified sample of both sources."""
        return Resampled(self.sums + other.sums, self.counts + other.counts)

    @property
    def means(self) -> npt.NDArray[np.float64]:
        """(b, runs, measures); NaN where a sample has no query that the measure is defined for."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self.sums / self.counts[:, None, :])


def resample(
    figures: npt.NDArray[np.float64], rng: np.random.Generator, *, resamples: int = RESAMPLES
) -> Resampled:
    """Draw the n queries of one source with replacement, ``resamples`` times (Efron 1979).

    ``figures`` is (runs, n, measures) with NaN where a measure is not defined. All runs are looked
    at on the same draws, so that differences between them can be, too.
    """
    runs, queries, measures = figures.shape
    defined = np.isfinite(figures[0]).astype(np.float64)
    columns = np.nan_to_num(figures).transpose(1, 0, 2).reshape(queries, runs * measures)
    sums, counts = [], []
    for times in _draws(queries, rng, resamples):
        sums.append((times @ columns).reshape(len(times), runs, measures))
        counts.append(times @ defined)
    return Resampled(np.concatenate(sums), np.concatenate(counts))


def interval(value: float, samples: npt.NDArray[np.float64]) -> Estimate:
    """The percentile interval of (b,) bootstrap means around the ``value`` of the data."""
    tail = (1 - LEVEL) / 2
    low, high = np.nanquantile(samples, [tail, 1 - tail])
    return Estimate(float(value), float(low), float(high))


def _draws(
    queries: int, rng: np.random.Generator, resamples: int
) -> Iterator[npt.NDArray[np.float64]]:
    """(block, queries) times that each query is drawn, blocks up to ``resamples`` rows in all."""
    block = max(1, _BLOCK_DRAWS // queries)
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        drawn = rng.integers(queries, size=(rows, queries)) + queries * np.arange(rows)[:, None]
        times = np.bincount(drawn.ravel(), minlength=rows * queries)
        yield times.reshape(rows, queries).astype(np.float64)
