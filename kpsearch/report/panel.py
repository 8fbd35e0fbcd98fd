"""One picture of a pair, scaled for show, and what is drawn on it alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.types import ImageSize

Colour = tuple[int, int, int]
"""Blue, green, red."""

SUBPIXEL_BITS = 4
"""OpenCV draws at fixed-point coordinates with this many fractional bits."""
_FAR_PX = 1e6
_OUTLINE: Colour = (77, 166, 255)
_OUTLINE_EDGE: Colour = (24, 20, 18)
_OUTLINE_PX = 2
_DIMMED = 0.55
"""How bright the picture stays outside of its region."""


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """A picture scaled for show."""

    pixels: npt.NDArray[np.uint8]
    """(h, w, 3) BGR."""
    scale: tuple[float, float]
    """Pixels of the panel to one of the original, in x and y."""

    @property
    def width(self) -> int:
        """In pixels of the panel."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """In pixels of the panel."""
        return int(self.pixels.shape[0])

    def place(self, xy: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """(n, 2) points of the original as points of the panel."""
        placed = (xy.astype(np.float64) + 0.5) * self.scale - 0.5
        return np.clip(placed, -_FAR_PX, _FAR_PX)


def fit_panel(
    pixels: npt.NDArray[np.uint8], size: ImageSize, *, height_px: int, max_width_px: int
) -> Panel:
    """``pixels`` scaled to ``height_px``, or to less where that would be too wide.

    ``size`` is that of the original, which coordinates refer to: ``pixels`` may be smaller.
    """
    height, width = pixels.shape[:2]
    factor = min(height_px / height, max_width_px / width)
    scaled = scale_picture(pixels, factor)
    return Panel(scaled, (scaled.shape[1] / size.width, scaled.shape[0] / size.height))


def scale_picture(pixels: npt.NDArray[np.uint8], factor: float) -> npt.NDArray[np.uint8]:
    """(h, w, 3) ``pixels`` scaled by ``factor``: averaged when smaller, smooth when larger."""
    height, width = pixels.shape[:2]
    size = max(1, round(width * factor)), max(1, round(height * factor))
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, size, interpolation=method), np.uint8)


def outline(panel: Panel, region: npt.NDArray[np.float32] | None) -> Panel:
    """A panel with the (m, 2) polygon ``region`` of the original outlined, the rest dimmed."""
    if region is None or len(region) < 3 or not np.isfinite(region).all():
        return panel
    corners = to_fixed_point(_inside(panel, panel.place(region)))
    pixels = _dim_outside(panel.pixels, corners)
    for colour, thickness in ((_OUTLINE_EDGE, _OUTLINE_PX + 2), (_OUTLINE, _OUTLINE_PX)):
        cv2.polylines(pixels, [corners], True, colour, thickness, cv2.LINE_AA, shift=SUBPIXEL_BITS)
    return replace(panel, pixels=pixels)


def to_fixed_point(points: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
    """Coordinates as OpenCV's drawing takes them with ``shift=SUBPIXEL_BITS``."""
    return np.round(points * (1 << SUBPIXEL_BITS)).astype(np.int32)


def _inside(panel: Panel, corners: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The polygon cut to the panel, so that all its sides are seen; as it is if not convex."""
    polygon = corners.astype(np.float32)
    if not cv2.isContourConvex(polygon):
        return corners
    margin = _OUTLINE_PX
    right, bottom = panel.width - 1 - margin, panel.height - 1 - margin
    frame = np.array([[margin, margin], [right, margin], [right, bottom], [margin, bottom]])
    area, cut = cv2.intersectConvexConvex(polygon, frame.astype(np.float32))
    return np.asarray(cut, np.float64).reshape(-1, 2) if area > 0 else corners


def _dim_outside(
    pixels: npt.NDArray[np.uint8], corners: npt.NDArray[np.int32]
) -> npt.NDArray[np.uint8]:
    inside = np.zeros(pixels.shape[:2], np.uint8)
    cv2.fillPoly(inside, [corners], 255, cv2.LINE_AA, shift=SUBPIXEL_BITS)
    brightness = _DIMMED + (1 - _DIMMED) / 255 * inside.astype(np.float32)
    return np.round(pixels * brightness[:, :, None]).astype(np.uint8)
