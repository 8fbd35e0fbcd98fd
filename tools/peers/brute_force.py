"""Every descriptor against every other, a ratio test, RANSAC: what matching alone can find.

Slow, and so an upper reference on a reduced gallery, not a way to search a large one.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from peers.keypoints import Described
from peers.peer import Query, Ranked, Setting, best_first, timed

RATIO = 0.8
"""Of the nearest to the second nearest distance (Lowe 2004)."""
TOLERANCE = 0.01
"""Reprojection error of an inlier, a share of the reference's longest side."""
MINIMUM = 4
"""Matches that a homography needs."""


class BruteForce:
    """Ranks the references of a query's reduced gallery by inliers, then by matches."""

    description = (
        f"exact nearest neighbours of kpsearch's own RootSIFT, ratio {RATIO}, "
        f"homography by OpenCV {cv2.__version__} USAC_MAGSAC; ranked by inliers"
    )

    def __init__(self, setting: Setting) -> None:
        self.keypoints = setting.keypoints

    def build(self, references: Sequence[str], folder: Path) -> tuple[int, float]:
        started = time.perf_counter()
        described = [self.keypoints(path) for path in references]
        reading = sum(each.spent.wall_ms for each in described) / 1000
        size = sum(each.rows.nbytes + each.xy.nbytes for each in described)
        return size, max(reading, time.perf_counter() - started)

    def rank(self, queries: Sequence[Query]) -> list[Ranked]:
        return [self._ranked(query) for query in queries]

    def _ranked(self, query: Query) -> Ranked:
        described = self.keypoints(query.path)
        references = sorted(query.among)
        read = [self.keypoints(path) for path in references]
        with timed() as watch:
            scores = np.array([evidence(described, reference) for reference in read])
        return Ranked(best_first(references, scores), described.spent, watch.spent)


def evidence(query: Described, reference: Described) -> float:
    """Inliers of the best homography, and below one the matches it was found among."""
    pairs = ratio_matches(query.descriptors, reference.descriptors)
    if len(pairs) < MINIMUM:
        return len(pairs) / 1e4
    tolerance_px = max(1.0, TOLERANCE * reference.longest_px)
    _, inliers = cv2.findHomography(
        query.xy[pairs[:, 0]],
        reference.xy[pairs[:, 1]],
        cv2.USAC_MAGSAC,
        tolerance_px,
        maxIters=2000,
        confidence=0.999,
    )
    return (0 if inliers is None else int(inliers.sum())) + len(pairs) / 1e4


def ratio_matches(
    query: npt.NDArray[np.float32], reference: npt.NDArray[np.float32]
) -> npt.NDArray[np.intp]:
    """(m, 2) rows of query and reference that pass the ratio test; descriptors have norm 1."""
    if len(query) == 0 or len(reference) < 2:
        return np.empty((0, 2), np.intp)
    similarity = query @ reference.T
    rows = np.arange(len(query))
    first = similarity.argmax(axis=1)
    nearest = similarity[rows, first]
    similarity[rows, first] = -1
    second = similarity.max(axis=1)
    passed = np.flatnonzero(1 - nearest < RATIO**2 * (1 - second))
    return np.stack([passed, first[passed]], axis=1)
