"""Smooth random fields: the stuff of marble, wood, clouds and crumbs."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt


def fractal_noise(
    height: int, width: int, *, rng: np.random.Generator, cell_px: float, octaves: int = 3
) -> npt.NDArray[np.float32]:
    """(height, width) field of mean 0 and deviation about 0.35, largest blobs of ``cell_px``.

    Each octave is noise on a grid of half the cells of the one before, enlarged by a cubic.
    """
    field = np.zeros((height, width), dtype=np.float32)
    weight = 0.5
    for _ in range(octaves):
        rows, columns = int(height / cell_px) + 3, int(width / cell_px) + 3
        grid = rng.standard_normal((rows, columns), dtype=np.float32) * weight
        field += cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
        cell_px, weight = max(cell_px / 2, 1.0), weight * 0.6
    return field
