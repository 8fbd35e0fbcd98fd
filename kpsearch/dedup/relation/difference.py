"""Where two pictures disagree, for the eye: a coarse grid over the whole of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from kpsearch.dedup.records import DifferenceMap
from kpsearch.dedup.relation.disagreement import AGREES, RECOLOURED
from kpsearch.dedup.relation.overlay import Overlay, scaling
from kpsearch.geometry import inverse

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.dedup.relation.figures import Comparison

    Homography = npt.NDArray[np.float64]

CELLS = 32
"""On the longer side of a picture."""


def difference_map(
    comparison: Comparison,
    laid: Overlay,
    shapes: tuple[tuple[int, ...], tuple[int, ...]],
    *,
    mirrored: bool,
) -> DifferenceMap:
    """Of pictures of ``shapes`` (h, w, ...), of which a was turned over if ``mirrored``."""
    levels = _levels(comparison)
    height, width = laid.valid.shape
    to_frame = scaling(width / levels.shape[1], height / levels.shape[0])
    a = _over(levels, inverse(laid.from_a) @ to_frame, shapes[0])
    b = _over(levels, inverse(laid.from_b) @ to_frame, shapes[1])
    return DifferenceMap(np.ascontiguousarray(a[:, ::-1]) if mirrored else a, b)


def _levels(comparison: Comparison) -> npt.NDArray[np.uint8]:
    """(r, c) by cells of the frame."""
    structure, found = comparison.structure, comparison.seen
    drawing = np.clip((AGREES - structure.correlation) / AGREES, 0, 1)
    colour = np.clip(comparison.colour.residual / (2 * RECOLOURED), 0, 1)
    level = np.maximum(drawing * found.redrawn, colour * found.recoloured)
    return np.asarray(np.rint(level * 255), np.uint8)


def _over(
    levels: npt.NDArray[np.uint8], to_picture: Homography, shape: tuple[int, ...]
) -> npt.NDArray[np.uint8]:
    height, width = shape[:2]
    zoom = CELLS / max(height, width)
    size = (max(1, round(width * zoom)), max(1, round(height * zoom)))
    matrix = scaling(size[0] / width, size[1] / height) @ to_picture
    return np.asarray(cv2.warpPerspective(levels, matrix, size, flags=cv2.INTER_LINEAR), np.uint8)
