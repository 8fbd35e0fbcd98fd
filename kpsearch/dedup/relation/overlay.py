"""Two pictures in one frame: the grid of the coarser of them, cut to what both show."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt
from typing import TYPE_CHECKING

import cv2
import numpy as np

from kpsearch.geometry import inverse, project, projected_outline
from kpsearch.geometry.homography import jacobian
from kpsearch.types import ImageSize

if TYPE_CHECKING:
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]
    Homography = npt.NDArray[np.float64]

CELLS = 32
"""Along the longer side of a frame, which is made of whole ones."""
LEAST_CELL_PX = 7
"""Side of a cell, in small frames: in less there is no telling one drawing from another."""
MOST_CONDITION = 1e12
"""Of a homography: one of noise alone may flatten a picture to a line."""
LEAST_SIDE_PX = 24.0
"""Of an overlap: in less there is nothing to compare."""
EDGE_PX = 2
"""At the rim of a warped picture, where its pixels are made of what lies outside."""


@dataclass(frozen=True, slots=True, eq=False)
class Overlay:
    """What two pictures show of the same, pixel on pixel."""

    a: Pixels
    """(h, w, 3) BGR"""
    b: Pixels
    valid: npt.NDArray[np.bool_]
    """(h, w) where both have pixels."""
    from_a: Homography
    """Pixels of a, as opened, to the frame."""
    from_b: Homography
    grid: tuple[int, int]
    """(rows, columns) of square cells."""

    @property
    def cell_px(self) -> int:
        """Side of a cell."""
        return int(self.valid.shape[0] // self.grid[0])


def overlay(a: Pixels, b: Pixels, transform: Homography, *, side_px: int) -> Overlay | None:
    """Both under ``transform`` a -> b, (3, 3), in a frame of at most ``side_px``; None if apart.

    The finer of the two is brought down to the coarser, never the other way: what a picture
    does not show cannot disagree.
    """
    if not overlapping(a, b, transform):
        return None
    middle = projected_outline(inverse(transform), _size(b), _size(a)).mean(axis=0)
    if _stretch(transform, middle) > 1:
        turned = _onto(b, a, inverse(transform), side_px)
        return None if turned is None else _swapped(turned)
    return _onto(a, b, transform, side_px)


def overlapping(a: Pixels, b: Pixels, transform: Homography) -> bool:
    """Whether each picture has a part of the other, by a transform a -> b and its inverse.

    One way alone is not enough: a horizon between them hides what lies behind it.
    """
    if not (np.isfinite(transform).all() and np.linalg.cond(transform) < MOST_CONDITION):
        return False
    sizes = _size(a), _size(b)
    there = projected_outline(transform, *sizes)
    return len(there) >= 3 and len(projected_outline(inverse(transform), *sizes[::-1])) >= 3


def _onto(moved: Pixels, base: Pixels, transform: Homography, side_px: int) -> Overlay | None:
    """``moved`` as a, ``base`` as b."""
    corners = projected_outline(transform, _size(moved), _size(base))
    if len(corners) < 3:
        return None
    low, high = corners.min(axis=0), corners.max(axis=0)
    extent = high - low
    if extent.min() < LEAST_SIDE_PX:
        return None
    sides = extent * min(1.0, side_px / float(extent.max()))
    cell_px = max(round(float(sides.max()) / CELLS), LEAST_CELL_PX)
    columns, rows = np.maximum(np.rint(sides / cell_px), 1).astype(int).tolist()
    size = ImageSize(columns * cell_px, rows * cell_px)
    start = np.array([[1, 0, -low[0] - 0.5], [0, 1, -low[1] - 0.5], [0, 0, 1.0]])
    from_base = scaling(size.width / float(extent[0]), size.height / float(extent[1])) @ start
    from_moved = from_base @ transform
    return Overlay(
        a=warped(moved, from_moved, size),
        b=warped(base, from_base, size),
        valid=_shown(_size(moved), from_moved, size) & _shown(_size(base), from_base, size),
        from_a=from_moved,
        from_b=from_base,
        grid=(rows, columns),
    )


def moved(laid: Overlay, a: Pixels, step: Homography) -> Overlay:
    """The overlay with a, whose pixels are given again, moved by ``step`` within the frame."""
    size = ImageSize(laid.valid.shape[1], laid.valid.shape[0])
    from_a = step @ laid.from_a
    shown = _shown(_size(a), from_a, size)
    return replace(laid, a=warped(a, from_a, size), valid=laid.valid & shown, from_a=from_a)


def warped(pixels: Pixels, transform: Homography, size: ImageSize) -> Pixels:
    """The picture in a frame: averaged over areas where it shrinks, rim pixels repeated outside."""
    middle = project(inverse(transform), np.array([[size.width / 2, size.height / 2]]))[0]
    factor = _stretch(transform, middle)
    if factor < 1:
        target = tuple(max(1, round(side * factor)) for side in _size(pixels))
        scale = np.array(_size(pixels)) / target
        pixels = np.asarray(cv2.resize(pixels, target, interpolation=cv2.INTER_AREA), np.uint8)
        transform = transform @ scaling(scale[0], scale[1])
    laid = cv2.warpPerspective(
        pixels, transform, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(laid, np.uint8)


def scaling(x: float, y: float) -> Homography:
    """Pixels of a picture to those of one (x, y) times as large: (x + ½) is what scales."""
    return np.array([[x, 0, x / 2 - 0.5], [0, y, y / 2 - 0.5], [0, 0, 1.0]])


def _shown(source: ImageSize, transform: Homography, size: ImageSize) -> npt.NDArray[np.bool_]:
    """(h, w) the part of a frame that a picture covers, without its rim."""
    mask = np.zeros((size.height, size.width), np.uint8)
    corners = projected_outline(transform, source, size)
    if len(corners):
        cv2.fillConvexPoly(mask, np.rint(corners).astype(np.int32), 1)
    rim = np.ones((2 * EDGE_PX + 1, 2 * EDGE_PX + 1), np.uint8)
    kept = cv2.erode(mask, rim, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(kept > 0)


def _stretch(transform: Homography, point: npt.NDArray[np.floating]) -> float:
    """Pixels that a pixel at ``point`` becomes, along a side."""
    return sqrt(abs(float(np.linalg.det(jacobian(transform, point)))))


def _size(pixels: Pixels) -> ImageSize:
    return ImageSize(pixels.shape[1], pixels.shape[0])


def _swapped(laid: Overlay) -> Overlay:
    return Overlay(laid.b, laid.a, laid.valid, laid.from_b, laid.from_a, laid.grid)
