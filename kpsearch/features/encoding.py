"""Descriptors of real numbers as bytes, so that distances stay what they were meant to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

QUANTISATION = 512.0
"""Roots of shares lie in [0, 1] and seldom above ½: 512 steps to the unit fill a byte."""


def root_shares(histograms: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Histograms (n, d), nowhere negative, as √(h / ‖h‖₁), ×512, in a byte each.

    Euclidean distance between the results is the Hellinger kernel of the histograms: RootSIFT
    (Arandjelović & Zisserman 2012), for any histogram.
    """
    mass = histograms.sum(axis=1, keepdims=True)
    root = np.sqrt(histograms / np.maximum(mass, np.finfo(np.float32).tiny))
    return np.asarray(np.minimum(np.rint(root * QUANTISATION), 255), dtype=np.uint8)


def by_sign(
    sums: npt.NDArray[np.float32], magnitudes: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Σd and Σ|d|, (n, m) each, as the sums of positive and of negative d: (n, 2m), in pairs.

    Up to a factor a rotation of each pair, so that distances stay; and nothing is negative.
    """
    halves = [np.maximum(magnitudes + sums, 0), np.maximum(magnitudes - sums, 0)]
    return np.stack(halves, axis=2).reshape(len(sums), 2 * sums.shape[1]) * np.float32(0.5)


def surf_cells(descriptors: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """OpenCV's SURF or M-SURF (n, 64) as roots of shares by sign.

    It has Σdx, Σdy, Σ|dx| and Σ|dy| of each cell.
    """
    cells = descriptors.reshape(-1, 16, 2, 2)
    return root_shares(by_sign(cells[:, :, 0].reshape(-1, 32), cells[:, :, 1].reshape(-1, 32)))
