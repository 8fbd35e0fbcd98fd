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
    strata: Sequence[npt.NDArray[np.intp]],
    rng: np.random.Generator,
    *,
    instances: npt.NDArray[np.intp],
    resamples: int = RESAMPLES,
) -> Iterator[npt.NDArray[np.float64]]:
    """(block, queries) times that each query is drawn, ``resamples`` rows in all.

    ``strata`` part the queries by number, and ``instances`` (queries,) numbers what each is of.
    From each stratum, instances are drawn with replacement as often as there are instances in it,
    each with all its queries: the cluster bootstrap (Davison & Hinkley 1997, §3.8; Field & Welsh
    2007). With one query an instance it is the plain bootstrap of queries (Efron 1979).
    """
    queries = sum(map(len, strata))
    block = max(1, _BLOCK_DRAWS // queries)
    members = [np.unique(instances[stratum], return_inverse=True)[1] for stratum in strata]
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        times = np.zeros((rows, queries))
        for stratum, member in zip(strata, members, strict=True):
            size = int(member.max()) + 1
            drawn = rng.integers(size, size=(rows, size)) + size * np.arange(rows)[:, None]
            counts = np.bincount(drawn.ravel(), minlength=rows * size).reshape(rows, size)
            times[:, stratum] = counts[:, member]
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
