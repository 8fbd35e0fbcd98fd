"""A match for the eye: query and hit side by side, inliers joined, regions outlined."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from kpsearch.report.caption import GROUND, caption_bar
from kpsearch.report.panel import (
    SUBPIXEL_BITS,
    Colour,
    Panel,
    fit_panel,
    outline,
    to_fixed_point,
)
from kpsearch.types import ImageSize

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.types import Hit

PICTURE_HEIGHT_PX = 480
MAX_LINES = 60
_GAP_PX = 10
_MIN_WIDTH_PX = 560
"""Room for a caption under two narrow pictures."""
_WIDEST = 1.6
"""Of a picture: its width over the height; wider ones are shown smaller."""
_RAMP = np.array([[232, 238, 166], [208, 192, 80], [190, 122, 74]], np.float64)
"""Pale aqua to slate blue (BGR): neighbours in the picture have neighbouring colours."""
_LINE_STRENGTH = 0.8


def match_picture(
    query: npt.NDArray[np.uint8],
    hit_pixels: npt.NDArray[np.uint8],
    hit: Hit,
    *,
    query_size: ImageSize | None = None,
    hit_size: ImageSize | None = None,
    height_px: int = PICTURE_HEIGHT_PX,
) -> npt.NDArray[np.uint8]:
    """Query and hit, both (h, w, 3) BGR, side by side as one (height, width, 3) BGR picture.

    At most ``MAX_LINES`` inliers, spread well, are joined by lines. The sizes are those of the
    originals that the hit's coordinates refer to; without them the pixels are the originals.
    """
    left = _panel(query, query_size, hit.query_region, height_px)
    right = _panel(hit_pixels, hit_size, hit.region, height_px)
    canvas, left_at, right_at = _side_by_side(left, right)
    if hit.matches is not None and len(hit.matches):
        shown = hit.matches[spread_sample(hit.matches[:, :2], MAX_LINES)]
        starts = left.place(shown[:, :2]) + left_at
        canvas = _join(canvas, starts, right.place(shown[:, 2:]) + right_at)
    return np.vstack([canvas, caption_bar(hit, canvas.shape[1])])


def spread_sample(xy: npt.NDArray[np.float32], most: int) -> npt.NDArray[np.intp]:
    """Rows of at most ``most`` of the (n, 2) points, each as far as can be from those before.

    Farthest-point sampling (Gonzalez 1985), from the point nearest to the centre. O(n · most).
    """
    points = xy.astype(np.float64)
    if len(points) <= most:
        return np.arange(len(points))
    chosen = [int(np.argmin(np.sum((points - points.mean(axis=0)) ** 2, axis=1)))]
    distance = np.full(len(points), np.inf)
    while len(chosen) < most:
        distance = np.minimum(distance, np.sum((points - points[chosen[-1]]) ** 2, axis=1))
        chosen.append(int(np.argmax(distance)))
    return np.array(chosen, np.intp)


def _panel(
    pixels: npt.NDArray[np.uint8],
    size: ImageSize | None,
    region: npt.NDArray[np.float32] | None,
    height_px: int,
) -> Panel:
    size = size or ImageSize(pixels.shape[1], pixels.shape[0])
    max_width_px = round(height_px * _WIDEST)
    panel = fit_panel(pixels, size, height_px=height_px, max_width_px=max_width_px)
    return outline(panel, region)


def _side_by_side(
    left: Panel, right: Panel
) -> tuple[npt.NDArray[np.uint8], tuple[int, int], tuple[int, int]]:
    """Both on one canvas, centred, and where (x, y) the corner of each is."""
    used = left.width + _GAP_PX + right.width
    height, width = max(left.height, right.height), max(used, _MIN_WIDTH_PX)
    canvas = np.full((height, width, 3), GROUND, np.uint8)
    x = (width - used) // 2
    corners = []
    for panel, at_x in ((left, x), (right, x + left.width + _GAP_PX)):
        y = (height - panel.height) // 2
        canvas[y : y + panel.height, at_x : at_x + panel.width] = panel.pixels
        corners.append((at_x, y))
    return canvas, corners[0], corners[1]


def _join(
    canvas: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.float64],
    ends: npt.NDArray[np.float64],
) -> npt.NDArray[np.uint8]:
    """The canvas with a line from each of the (n, 2) starts to its end, keypoints as rings."""
    drawn = canvas.copy()
    colours = _ramp_colours(starts[:, 1])
    pairs = list(zip(to_fixed_point(starts), to_fixed_point(ends), colours, strict=True))
    for start, end, colour in pairs:
        cv2.line(drawn, _xy(start), _xy(end), colour, 1, cv2.LINE_AA, SUBPIXEL_BITS)
    mixed = cv2.addWeighted(drawn, _LINE_STRENGTH, canvas, 1 - _LINE_STRENGTH, 0)
    blended = np.asarray(mixed, np.uint8)
    for start, end, colour in pairs:
        for centre in (_xy(start), _xy(end)):
            _ring(blended, centre, colour)
    return blended


def _ring(canvas: npt.NDArray[np.uint8], centre: tuple[int, int], colour: Colour) -> None:
    for radius_px, shade, thickness in ((4, GROUND, 2), (3, colour, 1)):
        cv2.circle(
            canvas, centre, radius_px << SUBPIXEL_BITS, shade, thickness, cv2.LINE_AA, SUBPIXEL_BITS
        )


def _ramp_colours(heights: npt.NDArray[np.float64]) -> list[Colour]:
    """A colour of the ramp for each point, by its rank from the top down."""
    ranks = np.argsort(np.argsort(heights, kind="stable"), kind="stable")
    at = ranks / max(1, len(ranks) - 1) * (len(_RAMP) - 1)
    channels = [np.interp(at, np.arange(len(_RAMP)), _RAMP[:, channel]) for channel in range(3)]
    return [(round(b), round(g), round(r)) for b, g, r in zip(*channels, strict=True)]


def _xy(point: npt.NDArray[np.int32]) -> tuple[int, int]:
    return int(point[0]), int(point[1])
