"""Spatial verification of candidates, and the evidence it adds (`kpsearch.geometry.evidence`).

Two kinds of model compete, and the one that explains more counts:

- a loose similarity, from one pair: position within 10% of the hit's longest side, scale within a
  factor of 2, orientation within 30 degrees. It bends far enough for solid things.
- homographies, from four pairs by RANSAC: position within 1%. One is exact for flat things. A
  second, of the pairs that the similarity leaves it, is for things with two faces, or none.

Whether a candidate counts as verified is decided by the first homography alone, by its number of
false alarms.

The pairs that fix a model, one and three of the others besides, prove nothing about it, and
inliers in one and the same place count once (the heaviest).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import pi
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from kpsearch.geometry.correspondences import Correspondences, distinct_pairs
from kpsearch.geometry.evidence import (
    FIXED_BY_HOMOGRAPHY,
    FIXED_BY_SIMILARITY,
    chance_of_similarity,
    effective_count,
    elongation,
    evidence,
    evidence_of,
    log10_false_alarms,
)
from kpsearch.geometry.homography import find_homography, is_plausible, project
from kpsearch.geometry.spatial import similarity_inliers

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.options import VerificationOptions
    from kpsearch.types import ImageSize

MIN_SIMILARITY_INLIERS = 4
"""Below this no homography is tried: almost every unrelated candidate stops here."""
REACH = 2.0
"""Inliers nearer than this many tolerances are not independent."""
REFINEMENTS = 2


@dataclass(frozen=True, slots=True, eq=False)
class Verification:
    """What geometry says of one candidate."""

    gain: float
    """Evidence that the better model adds to the sum of the weights, at least 0."""
    log10_false_alarms: float
    """log10 of the NFA of the homography; 0 or more is worth nothing."""
    inliers: int
    """Distinct places that agree with a homography, 0 without one."""
    loose_inliers: int
    """Distinct places that agree with the similarity."""
    effective_inliers: float = 0.0
    """The inliers of the homography, a clump of them counted as few."""
    transform: npt.NDArray[np.float64] | None = None
    """(3, 3) homography query -> hit."""
    pairs: npt.NDArray[np.intp] = field(default_factory=lambda: np.empty(0, np.intp))
    """Rows of the candidate's correspondences that are inliers of a homography."""


class Plane(NamedTuple):
    """What is the same for every homography between a query and a hit."""

    query_cell_px: float
    tolerance_px: float
    """In the hit."""
    chance: float
    """That an unrelated pair lands within the tolerance."""

    @classmethod
    def between(
        cls, query_size: ImageSize, hit_size: npt.NDArray[np.integer], tolerance: float
    ) -> Plane:
        """Under a ``tolerance`` that is a share of the longest side."""
        chance = pi * tolerance**2 * float(elongation(hit_size[None])[0])
        return cls(max(query_size) * tolerance, float(hit_size.max()) * tolerance, chance)

    def distinct(self, pairs: Correspondences, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
        """Those of ``rows`` that are the heaviest in their place."""
        alone = np.zeros(len(pairs), np.int64)
        return distinct_pairs(pairs, rows, alone, self.query_cell_px, np.array([self.tolerance_px]))

    def evidence(self, pairs: Correspondences, rows: npt.NDArray[np.intp], prior: float) -> float:
        """Of distinct inliers ``rows``."""
        alarms = pairs.false_alarms[rows]
        return evidence_of(alarms, prior, self.chance, FIXED_BY_HOMOGRAPHY)

    def spread(self, pairs: Correspondences, rows: npt.NDArray[np.intp]) -> float:
        """Effective number of inliers: in the picture in which they lie farther apart.

        A thing far away is a clump in the query, a detail is one in the hit.
        """
        return max(
            effective_count(pairs.query.xy[rows], REACH * self.query_cell_px),
            effective_count(pairs.hit.xy[rows], REACH * self.tolerance_px),
        )


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
    The similarity is found for all together; the few that have one try homographies.
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
        low, high = int(start[i]), int(start[i + 1])
        plane = Plane.between(query_size, hit_sizes[i], options.tolerance)
        outcomes[i] = _with_homographies(
            outcomes[i], pairs.slice(low, high), loose[low:high], plane, prior
        )
    return outcomes


def _with_homographies(
    outcome: Verification,
    pairs: Correspondences,
    loose: npt.NDArray[np.bool_],
    plane: Plane,
    prior: float,
) -> Verification:
    """The outcome of one candidate, improved where a homography is found, and a second one."""
    first = _piece(pairs, np.arange(len(pairs)), plane)
    if first is None:
        return outcome
    transform, inliers = first
    rows = plane.distinct(pairs, inliers)
    better = _outcome(outcome, pairs, rows, transform, plane, prior)
    left = loose.copy()
    left[inliers] = False
    second = _piece(pairs, np.flatnonzero(left), plane)
    if second is None:
        return better
    more = plane.distinct(pairs, second[1])
    exact = plane.evidence(pairs, rows, prior) + plane.evidence(pairs, more, prior)
    return replace(better, gain=max(better.gain, exact))


def _piece(
    pairs: Correspondences, rows: npt.NDArray[np.intp], plane: Plane
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.intp]] | None:
    """A believable homography of the pairs ``rows``, and which of them are its inliers."""
    query, hit = pairs.query.xy[rows], pairs.hit.xy[rows]
    found = find_homography(query, hit, plane.tolerance_px)
    if found is None or not is_plausible(found[0], query[found[1]]):
        return None
    return found[0], rows[found[1]]


def _outcome(
    before: Verification,
    pairs: Correspondences,
    rows: npt.NDArray[np.intp],
    transform: npt.NDArray[np.float64],
    plane: Plane,
    prior: float,
) -> Verification:
    return replace(
        before,
        gain=max(before.gain, plane.evidence(pairs, rows, prior)),
        log10_false_alarms=log10_false_alarms(len(pairs), len(rows), plane.chance),
        inliers=len(rows),
        effective_inliers=plane.spread(pairs, rows),
        transform=transform,
        pairs=rows,
    )


def refine(
    outcome: Verification,
    pairs: Correspondences,
    query_size: ImageSize,
    hit_size: npt.NDArray[np.integer],
    prior: float,
    options: VerificationOptions,
) -> Verification | None:
    """The outcome under all ``pairs`` that may agree with its homography; None if no better.

    The pairs need not be one to one: chance puts each in place with the same probability. The
    homography is fitted to those in place by least squares, and they are counted again.
    """
    if outcome.transform is None:
        return None
    plane = Plane.between(query_size, hit_size, options.tolerance)
    transform, rows = outcome.transform, _in_place(pairs, outcome.transform, plane)
    for _ in range(REFINEMENTS):
        if len(rows) <= FIXED_BY_HOMOGRAPHY:
            return None
        solved, _ = cv2.findHomography(pairs.query.xy[rows], pairs.hit.xy[rows], 0)
        if solved is None:
            break
        fitted = np.asarray(solved, np.float64)
        if not is_plausible(fitted, pairs.query.xy[rows]):
            break
        again = _in_place(pairs, fitted, plane)
        if len(again) < len(rows):
            break
        transform, rows = fitted, again
    better = _outcome(outcome, pairs, rows, transform, plane, prior)
    if better.inliers <= outcome.inliers:
        return None
    alarms = min(outcome.log10_false_alarms, better.log10_false_alarms)
    return replace(better, log10_false_alarms=alarms)


def _in_place(
    pairs: Correspondences, transform: npt.NDArray[np.float64], plane: Plane
) -> npt.NDArray[np.intp]:
    """Rows of the pairs within the tolerance, the heaviest in each place."""
    error = np.linalg.norm(project(transform, pairs.query.xy) - pairs.hit.xy, axis=1)
    return plane.distinct(pairs, np.flatnonzero(error <= plane.tolerance_px))
