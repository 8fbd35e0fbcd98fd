"""How well features meet again in two pictures of one flat scene, by the true homography.

A homography takes pixels of "one" picture to pixels of the "other"; depth, its third homogeneous
coordinate, has the sign it has in the middle of a picture, and points of the other sign are beyond
the horizon. The shared part is what both pictures show. Distances in pixels are measured in the
other picture. The part each extractor's own border hides from it is not taken out of the counts,
and keypoints so dense that chance puts one within the tolerance are repeated by chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from kpsearch.geometry import inverse, project, projected_outline
from kpsearch.types import Features, ImageSize

TOLERANCE_PX = 3.0
RATIO = 0.8
"""Of the nearest to the second nearest distance, below which a match is kept (Lowe 2004, §7.1)."""
MIN_MATCHES = 4
TRIALS = 10_000
CONFIDENCE = 0.999

Matrix = npt.NDArray[np.float64]
"""(3, 3) homography."""


@dataclass(frozen=True, slots=True, eq=False)
class HomographyPair:
    """Two pictures of one flat scene, or from one place, and how they lie on each other."""

    name: str
    one_path: str
    other_path: str
    homography: Matrix
    """(3, 3) from pixels of one to pixels of the other, upright originals."""


@dataclass(frozen=True, slots=True)
class PairMeasure:
    """What the features of one pair are worth."""

    repeatability: float
    """As `repeatability`, of the shared part."""
    matching_score: float
    """As `matching_score`, of the shared part."""
    matched: int
    """`ratio_matches` between the whole pictures."""
    correct: int
    """Those that land within the tolerance."""
    homography_error_px: float
    """As `homography_error`, of the homography estimated from the ``matched``."""

    @property
    def precision(self) -> float:
        """Share of the ratio-test matches that is correct; 0 without any."""
        return self.correct / self.matched if self.matched else 0.0


def measure_pair(
    one: Features,
    other: Features,
    homography: Matrix,
    *,
    binary: bool,
    tolerance_px: float = TOLERANCE_PX,
    ratio: float = RATIO,
) -> PairMeasure:
    """All measures of a pair. The order of the keypoints, ties included, does not matter.

    The homography is between pixels of the features, which need not be those of the originals:
    see `resized_homography`. ``binary`` as in `Extractor`.
    """
    one, other = _in_order(one), _in_order(other)
    landed = landing(one.xy, homography, one.image_size)
    returned = landing(other.xy, inverse(homography), other.image_size)
    rows = np.flatnonzero(within(landed, other.image_size))
    columns = np.flatnonzero(within(returned, one.image_size))
    distances = descriptor_distances(one.descriptors, other.descriptors, binary=binary)
    matches = ratio_matches(distances, ratio=ratio)
    found = estimate_homography(one.xy[matches[:, 0]], other.xy[matches[:, 1]], tolerance_px)
    return PairMeasure(
        repeatability=repeatability(landed[rows], other.xy[columns], tolerance_px),
        matching_score=matching_score(
            landed[rows], other.xy[columns], distances[np.ix_(rows, columns)], tolerance_px
        ),
        matched=len(matches),
        correct=int(meet(landed, other.xy, matches, tolerance_px).sum()),
        homography_error_px=homography_error(found, homography, one.image_size, other.image_size),
    )


def repeatability(
    landed: npt.NDArray[np.floating], other: npt.NDArray[np.floating], tolerance_px: float
) -> float:
    """Share of keypoints found again, in [0, 1]; 0 where a picture has none.

    ``landed`` (n, 2) are one picture's keypoints where the homography puts them, ``other`` (m, 2)
    the other picture's, both of the shared part. Pairs are one to one, mutual nearest neighbours
    at most ``tolerance_px`` apart, over the smaller count: ε-repeatability (Schmid, Mohr &
    Bauckhage, IJCV 37, 2000), with the smaller count and one-to-one pairs of Mikolajczyk & Schmid
    (IJCV 60, 2004), but without their overlap of regions: only places are compared. So a place
    described in two orientations is one keypoint here, and of a clump of places that a detector
    finds at several scales hardly more than one is repeated.
    """
    places, seen = np.unique(landed, axis=0), np.unique(other, axis=0)
    if min(len(places), len(seen)) == 0:
        return 0.0
    apart = np.linalg.norm(places[:, None] - seen[None], axis=2)
    pairs = mutual_nearest(apart)
    return float(meet(places, seen, pairs, tolerance_px).sum() / min(len(places), len(seen)))


def matching_score(
    landed: npt.NDArray[np.floating],
    other: npt.NDArray[np.floating],
    distances: npt.NDArray[np.float64],
    tolerance_px: float,
) -> float:
    """Share of keypoints matched rightly by descriptor alone, in [0, 1].

    As `repeatability`, but of mutual nearest neighbours by descriptor, ``distances`` (n, m), that
    land at most ``tolerance_px`` apart; each orientation of a place counts (Mikolajczyk & Schmid,
    PAMI 27, 2005, again without the overlap of regions).
    """
    if distances.size == 0:
        return 0.0
    matches = mutual_nearest(distances)
    return float(meet(landed, other, matches, tolerance_px).sum() / min(distances.shape))


def descriptor_distances(
    one: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8], *, binary: bool
) -> npt.NDArray[np.float64]:
    """(n, m) between (n, d) and (m, d) descriptors: Hamming of bits, Euclidean of numbers.

    |a - b|² = |a|² + |b|² - 2 ab: whole numbers, far below 2^53, so exact before the root. Of bits
    it is the Hamming distance.
    """
    if binary:
        one, other = np.unpackbits(one, axis=1), np.unpackbits(other, axis=1)
    a, b = one.astype(np.float64), other.astype(np.float64)
    squared = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1) - 2 * (a @ b.T)
    return np.asarray(squared if binary else np.sqrt(squared))


def mutual_nearest(distances: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """(k, 2) rows and columns of (n, m) distances that are each other's nearest.

    Ties go to the first.
    """
    if distances.size == 0:
        return np.empty((0, 2), np.intp)
    nearest = distances.argmin(axis=1)
    rows = np.flatnonzero(distances.argmin(axis=0)[nearest] == np.arange(len(nearest)))
    return np.stack([rows, nearest[rows]], axis=1)


def ratio_matches(distances: npt.NDArray[np.float64], *, ratio: float) -> npt.NDArray[np.intp]:
    """(k, 2) mutual nearest neighbours nearer than ``ratio`` times the row's second nearest.

    Lowe (IJCV 60, 2004), §7.1. None without a second column: there is nothing to judge by.
    """
    if distances.shape[1] < 2:
        return np.empty((0, 2), np.intp)
    matches = mutual_nearest(distances)
    two = np.partition(distances[matches[:, 0]], 1, axis=1)
    return matches[two[:, 0] < ratio * two[:, 1]]


def meet(
    landed: npt.NDArray[np.floating],
    other: npt.NDArray[np.floating],
    pairs: npt.NDArray[np.intp],
    tolerance_px: float,
) -> npt.NDArray[np.bool_]:
    """(k,) whether the (k, 2) ``pairs`` of rows lie at most ``tolerance_px`` apart."""
    apart = np.linalg.norm(landed[pairs[:, 0]] - other[pairs[:, 1]], axis=1)
    return np.asarray(apart <= tolerance_px)


def landing(
    xy: npt.NDArray[np.floating], homography: Matrix, size: ImageSize
) -> npt.NDArray[np.float64]:
    """(n, 2) where the homography puts points of a picture; NaN for those beyond the horizon."""
    middle = np.array([(size.width - 1) / 2, (size.height - 1) / 2, 1.0])
    depth = (xy @ homography[2, :2] + homography[2, 2]) * np.sign(homography[2] @ middle)
    landed = np.full((len(xy), 2), np.nan)
    landed[depth > 0] = project(homography, xy[depth > 0])
    return landed


def within(xy: npt.NDArray[np.floating], size: ImageSize) -> npt.NDArray[np.bool_]:
    """(n,) whether points lie on the pixels of a picture; NaN does not."""
    return np.asarray(((xy >= -0.5) & (xy < np.array(size) - 0.5)).all(axis=1))


def estimate_homography(
    one_xy: npt.NDArray[np.floating], other_xy: npt.NDArray[np.floating], tolerance_px: float
) -> Matrix | None:
    """The homography of (k, 2) matches, by OpenCV's MAGSAC++; None without one.

    Deterministic: USAC starts its generator at the same state in each call. More patient than the
    engine's `find_homography`, so that what fails are the features.
    """
    if len(one_xy) < MIN_MATCHES:
        return None
    try:
        matrix, _ = cv2.findHomography(
            one_xy, other_xy, cv2.USAC_MAGSAC, tolerance_px, None, TRIALS, CONFIDENCE
        )
    except cv2.error:
        return None
    if matrix is None or not np.isfinite(matrix).all():
        return None
    return np.asarray(matrix, np.float64)


def homography_error(
    found: Matrix | None, truth: Matrix, one_size: ImageSize, other_size: ImageSize
) -> float:
    """Mean distance in px between where two homographies put the corners of the shared part.

    DeTone, Malisiewicz & Rabinovich (SuperPoint, CVPRW 2018) and HPatches take the corners of the
    picture; where the pictures overlap in part, those are far from any match, so here it is the
    corners of the polygon in one picture that the other shows. inf where nothing is ``found``,
    nothing is shared, or ``found`` puts a corner beyond the horizon.
    """
    shared = projected_outline(inverse(truth), other_size, one_size).astype(np.float64)
    if found is None or len(shared) == 0:
        return float("inf")
    depth = shared @ found[2, :2] + found[2, 2]
    if depth.min() * depth.max() <= 0:
        return float("inf")
    return float(np.linalg.norm(project(found, shared) - project(truth, shared), axis=1).mean())


def resized_homography(
    homography: Matrix, one: tuple[ImageSize, ImageSize], other: tuple[ImageSize, ImageSize]
) -> Matrix:
    """The homography when the pictures are resized, each given by its size before and after."""
    return _resizing(*other) @ homography @ inverse(_resizing(*one))


def _resizing(before: ImageSize, after: ImageSize) -> Matrix:
    """Pixels of a picture to pixels of it resized: (x + ½) is what scales."""
    x, y = after.width / before.width, after.height / before.height
    return np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2], [0, 0, 1.0]])


def _in_order(features: Features) -> Features:
    """The same keypoints in an order that depends on their places and descriptors only."""
    return features.take(np.lexsort((*features.descriptors.T, *features.xy.T)))
