"""What a homography cannot lay flat: bent paper, a cover that stands up, a lens's distortion.

Points that were tracked say by how much the overlay is still off where they are. A smooth field
through those that agree with the points around them straightens it: it can bend a page, and cannot
turn one letter into another.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.dedup.relation.overlay import Overlay

    Points = npt.NDArray[np.float32]
    Field = npt.NDArray[np.float32]

FURTHEST_PX = 16.0
"""That a point may be off: what is off more is not what the homography laid there."""
NEIGHBOURS = 8
"""Of each point: as many as are around it."""
TOLERANCE_PX = 2.0
"""Between a point's error and the median of its neighbours'."""
STIFFNESS_PX = 32.0
"""Standard deviation of the field's weights: it bends over more than that, not over less."""
STRAIGHT = 0.5
"""What a straight page weighs beside the points: without any around there is no bend."""
STEP_PX = 8
"""Of the grid on which the field is computed."""


def bend(start: Points, end: Points, shape: tuple[int, int]) -> tuple[Field, int] | None:
    """(h, w, 2) how far b lies off a everywhere, by points (n, 2) of a and where they are in b.

    And how many points lie within the tolerance of it; None where they say nothing of the kind.
    """
    off = end - start
    near = np.flatnonzero(np.abs(off).max(axis=1, initial=0) <= FURTHEST_PX)
    if len(near) <= NEIGHBOURS:
        return None
    start, off = start[near], off[near]
    apart = ((start[:, None] - start[None]) ** 2).sum(axis=2)
    around = np.argpartition(apart, NEIGHBOURS, axis=1)[:, : NEIGHBOURS + 1]
    usual = np.median(off[around], axis=1)
    smooth = np.linalg.norm(off - usual, axis=1) <= TOLERANCE_PX
    if smooth.sum() <= NEIGHBOURS:
        return None
    field = _field(start[smooth], off[smooth], shape)
    columns, rows = np.clip(np.rint(start).astype(int), 0, [shape[1] - 1, shape[0] - 1]).T
    left = np.linalg.norm(off - field[rows, columns], axis=1)
    return field, int((left <= TOLERANCE_PX).sum())


def straightened(laid: Overlay, field: Field) -> Overlay:
    """The overlay with b where a is, by a field as of `bend`."""
    rows, columns = np.indices(laid.valid.shape, np.float32)
    x, y = columns + field[..., 0], rows + field[..., 1]
    b = cv2.remap(laid.b, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    shown = cv2.remap(laid.valid.astype(np.uint8), x, y, cv2.INTER_NEAREST)
    return replace(laid, b=np.asarray(b, np.uint8), valid=laid.valid & (shown > 0))


def _field(points: Points, off: Points, shape: tuple[int, int]) -> Field:
    """Means of what points (n, 2) are off, weighted by how near they are."""
    height, width = shape
    rows, columns = np.arange(0, height, STEP_PX), np.arange(0, width, STEP_PX)
    along = [
        np.exp(-(((grid + STEP_PX / 2)[:, None] - place) ** 2) / (2 * STIFFNESS_PX**2))
        for grid, place in ((rows, points[:, 1]), (columns, points[:, 0]))
    ]
    sums = np.einsum("rn,cn,nk->rck", *along, np.column_stack([off, np.ones(len(off))]))
    coarse = (sums[..., :2] / (sums[..., 2:] + STRAIGHT)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))
