"""Where one picture lies in another, under a homography."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.types import ImageSize

NEAREST_DEPTH = 1e-3
"""Share of the centre's depth below which a point is beyond the horizon."""


def outline(size: ImageSize) -> npt.NDArray[np.float64]:
    """(4, 2) corners of a picture, clockwise from the top left, at the edges of its pixels."""
    right, bottom = size.width - 0.5, size.height - 0.5
    return np.array([[-0.5, -0.5], [right, -0.5], [right, bottom], [-0.5, bottom]])


def projected_outline(
    matrix: npt.NDArray[np.float64], source: ImageSize, target: ImageSize
) -> npt.NDArray[np.float32]:
    """(m, 2) the part of ``target`` that ``source`` covers under ``matrix``; empty if none.

    The outline is cut at the horizon before projection and at the target's edges after it, both
    by Sutherland & Hodgman's (1974) clipping, so it is right for any homography.
    """
    corners = outline(source)
    centre = np.array([(source.width - 1) / 2, (source.height - 1) / 2, 1.0])
    depth = float(matrix[2] @ centre)
    if depth == 0:
        return np.empty((0, 2), np.float32)
    horizon = np.array([matrix[2, 0], matrix[2, 1], matrix[2, 2]]) * np.sign(depth)
    horizon[2] -= NEAREST_DEPTH * abs(depth)
    visible = _clip(corners, horizon)
    if len(visible) == 0:
        return np.empty((0, 2), np.float32)
    homogeneous = visible @ matrix[:, :2].T + matrix[:, 2]
    polygon = homogeneous[:, :2] / homogeneous[:, 2:]
    right, bottom = target.width - 0.5, target.height - 0.5
    for edge in ([1, 0, 0.5], [-1, 0, right], [0, 1, 0.5], [0, -1, bottom]):
        polygon = _clip(polygon, np.array(edge, np.float64))
    return polygon.astype(np.float32)


def _clip(
    polygon: npt.NDArray[np.float64], line: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """The part of a convex polygon where line · (x, y, 1) is at least 0."""
    if len(polygon) == 0:
        return polygon
    side = polygon @ line[:2] + line[2]
    kept: list[npt.NDArray[np.float64]] = []
    for i, (point, here) in enumerate(zip(polygon, side, strict=True)):
        before, there = polygon[i - 1], side[i - 1]
        if (here < 0) != (there < 0):
            kept.append(before + (point - before) * (there / (there - here)))
        if here >= 0:
            kept.append(point)
    return np.array(kept).reshape(-1, 2)
