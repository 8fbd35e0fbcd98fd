"""Laying two pictures over each other to the pixel, from a transform that is nearly right.

Points are tracked from one overlay to the other (Lucas & Kanade 1981, in pyramids: Bouguet 2001)
in pictures of which every neighbourhood has the same mean and contrast, so that no light matters.
A track counts if it leads back to where it began (Kalal et al. 2010). The homography of the tracks
corrects the transform: in a small frame first, which sees far, then in the full one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from kpsearch.dedup.relation.bending import bend, straightened
from kpsearch.dedup.relation.overlay import Overlay, moved, overlapping, overlay
from kpsearch.dedup.relation.structure import smooth
from kpsearch.geometry import find_homography, inverse, is_plausible, project

if TYPE_CHECKING:
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]
    Homography = npt.NDArray[np.float64]

SKETCH_SIDE_PX = 224
"""Of the frame in which the transform is corrected first."""
SIDE_PX = 448
"""Of the frame in which it is made exact, and in which pictures are compared."""
TOLERANCE_PX = 1.5
AS_WELL = 1.3
"""Ratio of the errors of an affine transform and of a homography."""
TRACKED_PX = 0.15
"""Standard deviation of a track, at best."""
POINTS = 240
WINDOW_PX = 17
LEVELS = 3
LEAST_TRACKS = 12
LEAST_CONTRAST = 5.0
"""Grey levels: fainter texture is not brought out."""
NEIGHBOURHOOD_PX = 8.0


@dataclass(frozen=True, slots=True, eq=False)
class Registered:
    """Two pictures laid over each other, and how well that went."""

    laid: Overlay
    tracks: int
    """Points followed from one picture to the other and back."""
    agreeing: int
    """Tracks that one homography explains."""

    def straightened(self) -> Registered:
        """The same, with what is left of bent paper taken out: for what a camera saw."""
        start, end = tracks(self.laid)
        bent = bend(start, end, self.laid.valid.shape)
        if bent is None:
            return self
        field, agreeing = bent
        laid, followed = straightened(self.laid, field), max(len(start), 1)
        agreeing = max(self.agreeing, round(self.tracks * agreeing / followed))
        return replace(self, laid=laid, agreeing=agreeing)

    def without(self, ignored: npt.NDArray[np.bool_]) -> Registered:
        """The same, with a part (h, w) of the frame left out of the overlap."""
        return replace(self, laid=replace(self.laid, valid=self.laid.valid & ~ignored))


def register(a: Pixels, b: Pixels, transform: Homography) -> Registered | None:
    """Pictures (h, w, 3) laid over each other by ``transform`` a -> b, (3, 3), made exact.

    None where they do not overlap.
    """
    sketch = overlay(a, b, transform, side_px=SKETCH_SIDE_PX)
    if sketch is not None:
        step, _, _ = _correction(sketch)
        transform = inverse(sketch.from_b) @ step @ sketch.from_a
    laid = overlay(a, b, transform, side_px=SIDE_PX)
    if laid is None:
        return None
    step, followed, agreeing = _correction(laid)
    final = moved(laid, a, step)
    if not overlapping(a, b, inverse(final.from_b) @ final.from_a):
        return None
    return Registered(final, followed, agreeing)


def _correction(laid: Overlay) -> tuple[Homography, int, int]:
    """Where a has to be moved to in the frame, by how many tracks, of which so many agree."""
    start, end = tracks(laid)
    if len(start) >= LEAST_TRACKS:
        solved = find_homography(start, end, TOLERANCE_PX)
        if solved is not None:
            matrix, inliers = solved
            if inliers.sum() >= LEAST_TRACKS and is_plausible(matrix, start[inliers]):
                step = _simplest(laid, matrix, start[inliers], end[inliers])
                return step, len(start), int(inliers.sum())
    return np.eye(3), len(start), 0


def _simplest(
    laid: Overlay,
    matrix: Homography,
    start: npt.NDArray[np.float32],
    end: npt.NDArray[np.float32],
) -> Homography:
    """The step that leaves the pictures an affine transform apart, if that fits as well.

    What an editor does to a file is affine; a homography would follow the noise as well.
    """
    from_a = project(inverse(laid.from_a), start)
    to_b = project(inverse(laid.from_b), end)
    design = np.column_stack([from_a, np.ones(len(from_a))])
    transform = np.eye(3)
    transform[:2] = np.linalg.lstsq(design, to_b, rcond=None)[0].T
    step = laid.from_b @ transform @ inverse(laid.from_a)
    return step if _error(step, start, end) <= AS_WELL * _error(matrix, start, end) else matrix


def _error(
    matrix: Homography, start: npt.NDArray[np.float32], end: npt.NDArray[np.float32]
) -> float:
    """Root mean square distance, with what tracking itself is off by."""
    away = ((project(matrix, start) - end) ** 2).sum(axis=1)
    return float(np.sqrt(away.mean() + TRACKED_PX**2))


def tracks(laid: Overlay) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """(n, 2) points of a in the frame, and where they are in b."""
    a, b = even_contrast(laid.a), even_contrast(laid.b)
    corners = cv2.goodFeaturesToTrack(
        a, POINTS, 0.02, min(a.shape) / 40, mask=laid.valid.astype(np.uint8)
    )
    if corners is None:
        return np.empty((0, 2), np.float32), np.empty((0, 2), np.float32)
    start = np.asarray(corners, np.float32).reshape(-1, 1, 2)
    end, there = _followed(a, b, start)
    back, home = _followed(b, a, end)
    away = np.abs(back - start).max(axis=(1, 2))
    kept = there & home & (away < 1)
    return start[kept, 0], end[kept, 0]


def _followed(
    a: Pixels, b: Pixels, start: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Where (n, 1, 2) points of a are in b, and whether they were found."""
    window = (WINDOW_PX, WINDOW_PX)
    end, found, _ = cv2.calcOpticalFlowPyrLK(  # its stubs do not know that None is allowed
        a,
        b,
        start,
        start.copy(),
        winSize=window,
        maxLevel=LEVELS,
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
    )
    return np.asarray(end, np.float32), np.asarray(found).ravel() > 0


def even_contrast(pixels: Pixels) -> Pixels:
    """(h, w) grey levels with the mean and the contrast the same in every neighbourhood."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY).astype(np.float32)
    detail = grey - smooth(grey, NEIGHBOURHOOD_PX)
    power = smooth(detail * detail, NEIGHBOURHOOD_PX) + LEAST_CONTRAST**2
    return np.asarray(np.clip(128 + 48 * detail / np.sqrt(power), 0, 255), np.uint8)
