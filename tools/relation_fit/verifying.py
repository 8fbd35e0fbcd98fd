"""A verified pair from two pictures alone, where there is no index to take it from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from kpsearch.dedup.records import VerifiedPair
from kpsearch.features import extract_features
from kpsearch.geometry import find_homography, is_plausible
from kpsearch.geometry.evidence import effective_count, log10_false_alarms
from kpsearch.images import as_grey
from kpsearch.options import FeatureOptions

if TYPE_CHECKING:
    from kpsearch.types import Features, Image

FEATURES = FeatureOptions(max_side_px=640, max_keypoints=700)
RATIO = 0.85
TOLERANCE = 0.01
"""Share of the longest side, as in `kpsearch.options.VerificationOptions`."""
LEAST_INLIERS = 5


def verified_pair(a: Image, b: Image, *, mirrored: bool = False) -> VerifiedPair | None:
    """What one homography says of two pictures, true or not; None without one.

    By nearest descriptors (Lowe 2004, 7.1). The score is the number of inliers: there is no
    collection to weigh matches against.
    """
    if mirrored:
        a = replace(a, pixels=np.ascontiguousarray(a.pixels[:, ::-1]))
    first, second = (extract_features(as_grey(image), FEATURES) for image in (a, b))
    rows = _matches(first, second)
    side_a, side_b = (float(max(image.size)) for image in (a, b))
    found = find_homography(first.xy[rows[:, 0]], second.xy[rows[:, 1]], TOLERANCE * side_b)
    if found is None:
        return None
    matrix, inside = found
    xy_a, xy_b = first.xy[rows[inside, 0]], second.xy[rows[inside, 1]]
    if inside.sum() < LEAST_INLIERS or not is_plausible(matrix, xy_a):
        return None
    spread = max(
        effective_count(xy_a, 2 * TOLERANCE * side_a), effective_count(xy_b, 2 * TOLERANCE * side_b)
    )
    inliers = int(inside.sum())
    return VerifiedPair(
        a=0,
        b=1,
        score=float(inliers),
        background=(1.0, 1.0),
        inliers=inliers,
        effective_inliers=spread,
        log10_false_alarms=log10_false_alarms(len(rows), inliers, np.pi * TOLERANCE**2),
        transform=matrix,
        mirrored=mirrored,
    )


def _matches(a: Features, b: Features) -> np.ndarray[tuple[int, int], np.dtype[np.intp]]:
    """(m, 2) rows of each descriptor of a and of its nearest in b, if the next is farther off."""
    if len(a) < 2 or len(b) < 2:
        return np.empty((0, 2), np.intp)
    pairs = cv2.BFMatcher(cv2.NORM_L2).knnMatch(
        a.descriptors.astype(np.float32), b.descriptors.astype(np.float32), k=2
    )
    rows = [(m.queryIdx, m.trainIdx) for m, n in pairs if m.distance < RATIO * n.distance]
    return np.array(rows, np.intp).reshape(-1, 2)
