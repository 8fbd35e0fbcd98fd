"""How much of each picture the other shows, and by what kind of transform."""

from __future__ import annotations

from dataclasses import dataclass
from math import atan2, degrees
from typing import TYPE_CHECKING

import cv2
import numpy as np

from kpsearch.dedup.relation.overlay import Overlay, scaling
from kpsearch.geometry import inverse, projected_outline
from kpsearch.geometry.homography import jacobian
from kpsearch.types import ImageSize

if TYPE_CHECKING:
    import numpy.typing as npt

    Homography = npt.NDArray[np.float64]
    Pixels = npt.NDArray[np.uint8]
    Mask = npt.NDArray[np.bool_]

SIDE_PX = 192
"""Of the small pictures in which shares are counted."""
PLAIN = 12
"""Grey levels within which a ground is of one colour."""
LEAST_CONTENT = 0.04
"""Share of a picture: one with less is all ground, and counts as a whole."""
LEAST_FILL = 0.02
MOST_FILL = 0.3
"""Share of the frame: of more it is a picture on another ground."""
LEAST_MARGIN = 0.015
"""Of the longer side, on all four sides, for plain ground to be a border."""


@dataclass(frozen=True, slots=True, eq=False)
class Content:
    """What of a picture is no plain ground."""

    mask: Mask
    """(h, w) at a small size."""
    to_small: Homography
    """From pixels of the picture as opened."""
    bordered: bool
    """Whether plain ground is all around it."""


def content_of(pixels: Pixels) -> Content:
    """Of a picture (h, w, 3): all but what is connected to its edges and of the corners' colour."""
    height, width = pixels.shape[:2]
    zoom = min(1.0, SIDE_PX / max(height, width))
    size = (max(1, round(width * zoom)), max(1, round(height * zoom)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    to_small = scaling(size[0] / width, size[1] / height)
    mask = ~_ground(np.asarray(small, np.uint8))
    if mask.mean() < LEAST_CONTENT:
        return Content(np.ones(mask.shape, np.bool_), to_small, bordered=False)
    return Content(mask, to_small, bordered=_margin(mask) >= max(LEAST_MARGIN * max(size), 1))


def _ground(pixels: Pixels) -> Mask:
    """Pixels (h, w) of the colour of most corners, and connected to one."""
    height, width = pixels.shape[:2]
    corners = [(0, 0), (width - 1, 0), (0, height - 1), (width - 1, height - 1)]
    colours = np.array([pixels[y, x] for x, y in corners], np.int16)
    usual = np.median(colours, axis=0)
    alike = np.abs(colours - usual).max(axis=1) <= 2 * PLAIN
    plain = np.abs(pixels - usual).max(axis=2) <= PLAIN
    if alike.sum() < 3:
        return np.zeros(plain.shape, np.bool_)
    _, labels = cv2.connectedComponents(plain.astype(np.uint8), connectivity=4)
    seeds = {int(labels[y, x]) for x, y in corners} - {0}
    return np.asarray(np.isin(labels, sorted(seeds)))


def _margin(mask: Mask) -> int:
    """Pixels between the mask and the nearest edge."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    last_row, last_column = mask.shape[0] - 1, mask.shape[1] - 1
    return int(min(rows[0], columns[0], last_row - rows[-1], last_column - columns[-1]))


def covered(content: Content, other: ImageSize, transform: Homography) -> float:
    """Share of the content that lies in a picture of size ``other``, under other -> content."""
    height, width = content.mask.shape
    polygon = projected_outline(content.to_small @ transform, other, ImageSize(width, height))
    inside = np.zeros((height, width), np.uint8)
    if len(polygon):
        cv2.fillConvexPoly(inside, np.rint(polygon).astype(np.int32), 1)
    return float((content.mask & (inside > 0)).sum() / content.mask.sum())


def fill(a: Content, b: Content, laid: Overlay) -> Mask:
    """(h, w) of the frame: plain ground in one picture where the other shows something.

    An editor fills so what a turned picture leaves of its frame. None, where it is next to nothing:
    grounds of noisy pictures never end on the very same pixel.
    """
    size = (laid.valid.shape[1], laid.valid.shape[0])
    grounds = [
        cv2.warpPerspective(
            (~content.mask).astype(np.uint8), into @ inverse(content.to_small), size
        )
        for content, into in ((a, laid.from_a), (b, laid.from_b))
    ]
    one_sided = (grounds[0] != grounds[1]).astype(np.uint8)
    apart = cv2.morphologyEx(one_sided, cv2.MORPH_OPEN, _square(laid.cell_px // 2))
    if not LEAST_FILL <= apart.mean() <= MOST_FILL:
        return np.zeros(laid.valid.shape, np.bool_)
    return np.asarray(cv2.dilate(apart, _square(laid.cell_px)) > 0)


def _square(side_px: int) -> npt.NDArray[np.uint8]:
    return np.ones((side_px, side_px), np.uint8)


@dataclass(frozen=True, slots=True)
class Pose:
    """How one picture was laid on the other."""

    turn_deg: float
    """Clockwise on the screen, -180 to 180."""
    stretch: float
    """Longest over shortest, 1 for a similarity."""
    perspective: float
    """Largest relative change of depth over the overlap, 0 for an affine transform."""


def pose(transform: Homography, overlap: npt.NDArray[np.float32]) -> Pose:
    """Of a transform over an overlap, (m, 2) points before it."""
    matrix = jacobian(transform, overlap.mean(axis=0))
    values = np.linalg.svd(matrix, compute_uv=False)
    depth = np.abs(overlap @ transform[2, :2] + transform[2, 2])
    turn = degrees(atan2(matrix[1, 0] - matrix[0, 1], matrix[0, 0] + matrix[1, 1]))
    return Pose(
        turn_deg=turn,
        stretch=float(values[0] / max(values[1], 1e-9)),
        perspective=float(depth.max() / max(depth.min(), 1e-9) - 1),
    )
