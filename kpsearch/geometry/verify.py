"""Spatial verification of candidates, and the evidence it adds.

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

from dataclasses import dataclass, field, replace
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
    transform: npt.NDArray[np.float64] | None = None
    """(3, 3) homography query -> hit."""
    pairs: npt.NDArray[np.intp] = field(default_factory=lambda: np.empty(0, np.intp))
    """Rows of the candidate's correspondences that are inliers of the homography."""


def verify(
    pairs: Correspondences,
    start: npt.NDArray[np.int64],
    query_size: ImageSize,
    hit_sizes: npt.NDArray[np.integer],
    prior: float,
    options: VerificationOptions,
) -> list[Verification]:
    """Geometry of n candidates, from the one-to-one ``pairs`` of each with the query.

    Candidate i has the pairs ``start[i]:start[i + 1]`` and the size ``hit_sizes[i]``, (n, 2).
    The similarity is found for all together; the few that have one try a homography.
    """
    owners = np.repeat(np.arange(len(start) - 1), start[1:] - start[:-1])
    sides = hit_sizes.max(axis=1, initial=1).astype(np.float64)
    loose = similarity_inliers(pairs, start, options.loose_tolerance * sides)
    inliers = np.bincount(owners[loose], minlength=len(sides))
    rows = distinct_pairs(
        pairs,
        np.flatnonzero(loose),
        owners,
        max(query_size) * options.tolerance,
        sides * options.tolerance,
    )
    chance = chance_of_similarity(options.loose_tolerance) * elongation(hit_sizes)
    gains = evidence(pairs.false_alarms[rows], owners[rows], prior, chance, FIXED_BY_SIMILARITY)
    places = np.bincount(owners[rows], minlength=len(sides))
    outcomes = [Verification(float(g), 0.0, 0, int(p)) for g, p in zip(gains, places, strict=True)]
    for i in np.flatnonzero(inliers >= MIN_SIMILARITY_INLIERS).tolist():
        own = pairs.slice(int(start[i]), int(start[i + 1]))
        outcomes[i] = _with_homography(outcomes[i], own, query_size, hit_sizes[i], prior, options)
    return outcomes


def _with_homography(
    outcome: Verification,
    pairs: Correspondences,
    query_size: ImageSize,
    hit_size: npt.NDArray[np.integer],
    prior: float,
    options: VerificationOptions,
) -> Verification:
    """The outcome of one candidate, improved where a homography is found."""
    tolerance_px = options.tolerance * float(hit_size.max())
    found = find_homography(pairs.query.xy, pairs.hit.xy, tolerance_px)
    if found is None or not is_plausible(found[0], pairs.query.xy[found[1]]):
        return outcome
    alone = np.zeros(len(pairs), np.int64)
    cell_px = np.array([tolerance_px])
    rows = distinct_pairs(
        pairs, np.flatnonzero(found[1]), alone, max(query_size) * options.tolerance, cell_px
    )
    chance = pi * options.tolerance**2 * elongation(hit_size[None])
    alarms = pairs.false_alarms[rows]
    exact = float(evidence(alarms, alone[rows], prior, chance, FIXED_BY_HOMOGRAPHY)[0])
    return replace(
        outcome,
        gain=max(outcome.gain, exact),
        log10_false_alarms=log10_false_alarms(len(pairs), len(rows), float(chance[0])),
        inliers=len(rows),
        transform=found[0],
        pairs=rows,
    )


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


def elongation(sizes: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
    """(n,) a square on the longest side over the picture: pairs cluster in a narrow one."""
    width, height = sizes.astype(np.float64).T
    return np.asarray(np.maximum(width, height) / np.maximum(np.minimum(width, height), 1.0))


def chance_of_similarity(tolerance: float) -> float:
    """p that an unrelated pair agrees in position, scale and orientation, in a square picture."""
    return pi * tolerance**2 * (MAX_TURN_RAD / pi) * (log(MAX_SCALE_RATIO) / log(SCALE_RANGE))
