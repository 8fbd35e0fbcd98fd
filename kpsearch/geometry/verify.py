"""Spatial verification of one candidate, and the evidence it adds.

A match is worth log(1 + ρ / E) when E such matches are expected by chance
(`kpsearch.scoring.weights`). Under a transform between the two pictures a match must also land in
the right place, which chance does with a small probability p: then the same match is worth
log(1 + ρ / (E p)), and the difference is what geometry adds. Two models compete, and the one that
explains more counts:

- a loose similarity, from one pair: position within 10% of the hit's longest side, scale within a
  factor of 2, orientation within 30 degrees. It bends far enough for solid things.
- a homography, from four pairs by RANSAC: position within 1%. It is exact for flat things.

Whether a candidate counts as verified is decided by the homography alone: k of m pairs within
1%, when each would be there by chance with probability p, are expected

    NFA = (m − 4) · C(m, k) · C(k, 4) · p^(k−4)

times in unrelated pictures (Moisan & Stival 2004, eq. 9, for a model fixed by four pairs).

The pairs that fix a model, one and three of the others besides, prove nothing about it, and
inliers in one and the same place count once (the heaviest).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import lgamma, log, pi
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.geometry.correspondences import Correspondences, distinct_pairs
from kpsearch.geometry.homography import find_homography, is_plausible
from kpsearch.geometry.spatial import MAX_SCALE_RATIO, MAX_TURN_RAD, similarity_inliers

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.options import VerificationOptions
    from kpsearch.types import ImageSize

SCALE_RANGE = 8.0
"""Chance pairs differ in scale by anything up to this factor, either way."""
FIXED_BY_SIMILARITY = 1
FIXED_BY_HOMOGRAPHY = 4
MIN_SIMILARITY_INLIERS = 4
"""Below this no homography is tried: almost every unrelated candidate stops here."""


@dataclass(frozen=True, slots=True, eq=False)
class Verification:
    """What geometry says of one candidate."""

    gain: float
    """Evidence that the better model adds to the sum of the weights, at least 0."""
    log10_false_alarms: float
    """log10 of the NFA above; 0 or more is worth nothing."""
    inliers: int
    """Distinct places that agree with the homography, 0 without one."""
    loose_inliers: int
    """Distinct places that agree with the similarity."""
    transform: npt.NDArray[np.float64] | None
    """(3, 3) homography query -> hit."""
    pairs: npt.NDArray[np.intp]
    """Rows of the correspondences that are inliers of the homography."""


NOT_VERIFIED = Verification(0.0, 0.0, 0, 0, None, np.empty(0, np.intp))


def verify(
    pairs: Correspondences,
    query_size: ImageSize,
    hit_size: ImageSize,
    prior: float,
    options: VerificationOptions,
) -> Verification:
    """Geometry of one-to-one ``pairs`` of a query and a candidate."""
    if len(pairs) < 2:
        return NOT_VERIFIED
    side = max(hit_size)
    cells = (max(query_size) * options.tolerance, side * options.tolerance)
    loose = similarity_inliers(pairs, options.loose_tolerance * side)
    loose_rows = distinct_pairs(pairs, np.flatnonzero(loose), cells)
    gain = evidence(
        pairs.false_alarms[loose_rows],
        prior,
        chance_of_similarity(options.loose_tolerance),
        FIXED_BY_SIMILARITY,
    )
    nothing = Verification(gain, 0.0, 0, len(loose_rows), None, NOT_VERIFIED.pairs)
    if int(loose.sum()) < MIN_SIMILARITY_INLIERS:
        return nothing
    found = find_homography(pairs.query.xy, pairs.hit.xy, options.tolerance * side)
    if found is None or not is_plausible(found[0], pairs.query.xy[found[1]]):
        return nothing
    rows = distinct_pairs(pairs, np.flatnonzero(found[1]), cells)
    chance = pi * options.tolerance**2
    exact = evidence(pairs.false_alarms[rows], prior, chance, FIXED_BY_HOMOGRAPHY)
    alarms = log10_false_alarms(len(pairs), len(rows), chance)
    return Verification(max(gain, exact), alarms, len(rows), len(loose_rows), found[0], rows)


def evidence(
    false_alarms: npt.NDArray[np.float64], prior: float, chance: float, fixed: int
) -> float:
    """Σ log(1 + ρ / (E p)) − log(1 + ρ / E) over the inliers, less the ``fixed`` largest terms."""
    if len(false_alarms) <= fixed:
        return 0.0
    odds = prior / false_alarms
    gains = np.sort(np.log1p(odds / chance) - np.log1p(odds))
    return float(gains[: len(gains) - fixed].sum())


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


def chance_of_similarity(tolerance: float) -> float:
    """p that an unrelated pair agrees with a similarity in position, scale and orientation."""
    return pi * tolerance**2 * (MAX_TURN_RAD / pi) * (log(MAX_SCALE_RATIO) / log(SCALE_RANGE))
