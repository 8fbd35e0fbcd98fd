"""Whether two runs differ by more than the luck of the queries: paired tests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

_BATCH = 4_000_000
"""Signs drawn at a time."""
_ROUNDING = 1e-12
"""Sums of differences up to this are 0."""


def instance_sums(
    differences: npt.NDArray[np.float64], instances: npt.NDArray[np.intp]
) -> npt.NDArray[np.float64]:
    """(instances,) sums of the (n,) differences of the queries of each instance.

    Queries of one thing are no separate witnesses: if the runs were the same, all of its
    differences would have the other sign together.
    """
    _, member = np.unique(instances, return_inverse=True)
    sums = np.bincount(member, weights=differences)
    return np.where(np.abs(sums) > _ROUNDING, sums, 0.0)


def randomisation_test(
    differences: npt.NDArray[np.float64], rng: np.random.Generator, *, resamples: int
) -> float:
    """Two-sided p-value of the mean of (n,) independent paired differences being 0.

    Fisher's randomisation test, as for retrieval in Smucker, Allan & Carterette 2007: were the runs
    the same, each difference could as well have the other sign. Exact where all signs are no more
    than ``resamples``, otherwise from that many, and then at least 2 / (resamples + 1), twice the
    smaller tail. Differences of 0 have no say, and are left out.
    """
    from scipy.stats import permutation_test

    moved = differences[differences != 0]
    if len(moved) < 2:  # of one difference either sign is as far from 0
        return 1.0
    result = permutation_test(
        (moved,),
        lambda sample, axis: np.sum(sample, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=resamples,
        batch=max(1, _BATCH // len(moved)),
        rng=rng,
    )
    return float(result.pvalue)


def mcnemar_test(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> float:
    """Two-sided exact p-value of (n,) paired successes being as likely in both (McNemar 1947).

    Only pairs of which one succeeds have a say: of those, each side should have half.
    """
    from scipy.stats import binomtest

    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    if only_first + only_second == 0:
        return 1.0
    return float(binomtest(only_first, only_first + only_second, 0.5).pvalue)


def bootstrap_test(differences: npt.NDArray[np.float64]) -> float:
    """Two-sided p-value of a difference being 0, from (b,) bootstrap samples of it.

    The level at which the percentile interval begins to hold 0 (Efron & Tibshirani 1993, §15.4),
    never below 2 / (b + 1). For figures of all answers in one list, where no query has a difference
    of its own to turn round. Samples that are NaN have no say.
    """
    known = differences[np.isfinite(differences)]
    below, above = int((known <= 0).sum()), int((known >= 0).sum())
    return min(1.0, 2 * (1 + min(below, above)) / (1 + len(known)))


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values adjusted for there being several of them, in the same order (Holm 1979)."""
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for done, at in enumerate(sorted(range(len(p_values)), key=lambda at: p_values[at])):
        largest = max(largest, min(1.0, (len(p_values) - done) * p_values[at]))
        adjusted[at] = largest
    return adjusted
