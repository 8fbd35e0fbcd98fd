"""How far the figures would move with other queries of the same kind: the bootstrap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

RESAMPLES = 10_000
LEVEL = 0.95
_BLOCK_DRAWS = 1_000_000
"""Queries drawn at a time."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its percentile interval at `LEVEL`."""

    value: float
    low: float | None
    high: float | None
    """Both None where resamples do not tell."""


def draws(
    groups: Sequence[npt.NDArray[np.intp]], rng: np.random.Generator, *, resamples: int = RESAMPLES
) -> Iterator[npt.NDArray[np.float64]]:
    """(block, queries) times that each query is drawn, ``resamples`` rows in all.

    Each of the ``groups``, which part the queries by number, is drawn from with replacement as
    often as it is large (Efron 1979): all together are a stratified sample.
    """
    queries = sum(map(len, groups))
    block = max(1, _BLOCK_DRAWS // queries)
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        times = np.zeros((rows, queries))
        for group in groups:
            size = len(group)
            drawn = rng.integers(size, size=(rows, size)) + size * np.arange(rows)[:, None]
            times[:, group] = np.bincount(drawn.ravel(), minlength=rows * size).reshape(rows, size)
        yield times


def resampled_means(
    times: npt.NDArray[np.float64], figures: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """(b, runs, measures) means over queries drawn (b, queries) ``times``.

    ``figures`` is (runs, queries, measures) with NaN where a measure is not defined, the same for
    every run. NaN where a sample has no query that the measure is defined for.
    """
    runs, queries, measures = figures.shape
    defined = np.isfinite(figures[0]).astype(np.float64)
    columns = np.nan_to_num(figures).transpose(1, 0, 2).reshape(queries, runs * measures)
    sums = (times @ columns).reshape(len(times), runs, measures)
    with np.errstate(invalid="ignore"):
        return np.asarray(sums / (times @ defined)[:, None, :])


def interval(value: float, samples: npt.NDArray[np.float64]) -> Estimate:
    """The percentile interval of (b,) bootstrap figures around the ``value`` of the data.

    None of figures that are all NaN; of others, NaN has no say.
    """
    if np.isnan(samples).all():
        return Estimate(float(value), None, None)
    tail = (1 - LEVEL) / 2
    low, high = np.nanquantile(samples, [tail, 1 - tail])
    return Estimate(float(value), float(low), float(high))
