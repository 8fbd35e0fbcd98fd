"""What pairs that agree with a transform prove: formulas on arrays.

A match is worth log(1 + ρ / E) when E such matches are expected by chance
(`kpsearch.scoring.likelihood`). Under a transform between the pictures a match must also land in
the right place, which chance does with a small probability p: then the same match is worth
log(1 + ρ / (E p)), and the difference is what geometry adds.

k of m pairs in place, when each would be there by chance with probability p, are expected

    NFA = (m − 4) · C(m, k) · C(k, 4) · p^(k−4)

times in unrelated pictures (Moisan & Stival 2004, eq. 9, for a model fixed by four pairs).
"""

from __future__ import annotations

from math import lgamma, log, pi
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.geometry.spatial import MAX_SCALE_RATIO, MAX_TURN_RAD

if TYPE_CHECKING:
    import numpy.typing as npt

SCALE_RANGE = 8.0
"""Chance pairs differ in scale by anything up to this factor, either way."""
FIXED_BY_SIMILARITY = 1
FIXED_BY_HOMOGRAPHY = 4
BLOCK = 1024
"""Points compared with all others at a time."""


def evidence(
    false_alarms: npt.NDArray[np.float64],
    owners: npt.NDArray[np.int64],
    prior: float,
    chance: npt.NDArray[np.float64],
    fixed: int,
) -> npt.NDArray[np.float64]:
    """(n,) Σ log(1 + ρ / (E p)) − log(1 + ρ / E) over the inliers of each candidate.

    ``chance`` is p of each of the n candidates, ``owners`` the candidate of each inlier. The
    ``fixed`` largest terms of a candidate are left out.
    """
    candidates = len(chance)
    odds = prior / false_alarms
    gains = np.log1p(odds / chance[owners]) - np.log1p(odds)
    order = np.lexsort((-gains, owners))
    counts = np.bincount(owners, minlength=candidates)
    rank = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    counted = order[rank >= fixed]
    total = np.bincount(owners[counted], weights=gains[counted], minlength=candidates)
    return total.astype(np.float64)


def evidence_of(
    false_alarms: npt.NDArray[np.float64], prior: float, chance: float, fixed: int
) -> float:
    """`evidence` of one candidate."""
    alone = np.zeros(len(false_alarms), np.int64)
    return float(evidence(false_alarms, alone, prior, np.array([chance]), fixed)[0])


def log10_false_alarms(pairs: int, inliers: int, chance: float) -> float:
    """log10 of the NFA of ``inliers`` among ``pairs``; 0 where it would be more than 1."""
    if inliers <= FIXED_BY_HOMOGRAPHY:
        return 0.0
    total = (
        log(pairs - FIXED_BY_HOMOGRAPHY)
        + log_choose(pairs, inliers)
        + log_choose(inliers, FIXED_BY_HOMOGRAPHY)
        + (inliers - FIXED_BY_HOMOGRAPHY) * log(chance)
    )
    return min(total / log(10), 0.0)


def log_choose(n: int, k: int) -> float:
    """ln of the binomial coefficient."""
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)


def effective_count(xy: npt.NDArray[np.floating], reach_px: float) -> float:
    """How many independent places n (n, 2) points are worth: n if far apart, 1 in one clump.

    n² / ΣΣ exp(−d² / 2 r²), over all pairs of points: the effective size of a sample whose
    members go together as far as they are near, r being ``reach_px`` (Kish 1965, for weights).
    """
    if len(xy) == 0:
        return 0.0
    x, y = xy.astype(np.float64).T
    together = 0.0
    for low in range(0, len(x), BLOCK):
        rows = slice(low, low + BLOCK)
        squares = (x[rows, None] - x) ** 2 + (y[rows, None] - y) ** 2
        together += float(np.exp(-squares / (2 * reach_px**2)).sum())
    return len(x) ** 2 / together


def elongation(sizes: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
    """(n,) a square on the longest side over the picture: pairs cluster in a narrow one."""
    width, height = sizes.astype(np.float64).T
    return np.asarray(np.maximum(width, height) / np.maximum(np.minimum(width, height), 1.0))


def chance_of_similarity(tolerance: float) -> float:
    """p that an unrelated pair agrees in position, scale and orientation, in a square picture."""
    return pi * tolerance**2 * (MAX_TURN_RAD / pi) * (log(MAX_SCALE_RATIO) / log(SCALE_RANGE))
