"""Choosing which keypoints of a picture to keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.types import ImageSize

CELLS_A_SIDE = 8

CANDIDATES_A_KEYPOINT = 1.15
"""Candidates described for each keypoint kept: what the choice by spatial spread draws on."""


def candidates_for(max_keypoints: int) -> int:
    """How many of the strongest keypoints an extractor is to describe."""
    return int(max_keypoints * CANDIDATES_A_KEYPOINT)


def spread_keypoints(
    xy: npt.NDArray[np.float32],
    response: npt.NDArray[np.float32],
    size: ImageSize,
    max_keypoints: int,
) -> npt.NDArray[np.intp]:
    """Rows of the keypoints to keep, at most ``max_keypoints``, in their given order.

    Strong keypoints crowd on the busiest patch of a picture, and a crop that misses it would
    find nothing. So a keypoint competes by its response times a handicap that falls with its
    rank in its own cell of an 8 × 8 grid.
    """
    if len(xy) <= max_keypoints:
        return np.arange(len(xy))
    span = np.array([size.width, size.height], np.float32)
    cell_xy = np.clip((xy + 0.5) / span * CELLS_A_SIDE, 0, CELLS_A_SIDE - 1).astype(np.intp)
    rank = _rank_within(cell_xy[:, 1] * CELLS_A_SIDE + cell_xy[:, 0], response)
    fair_share = max_keypoints / CELLS_A_SIDE**2
    # ORB's corner measure may be negative, and a handicap must not help.
    lifted = response - min(float(response.min()), 0.0)
    strength = lifted / (1.0 + rank / fair_share)
    kept = np.argsort(-strength, kind="stable")[:max_keypoints]
    return np.sort(kept)


def _rank_within(
    cell: npt.NDArray[np.intp], response: npt.NDArray[np.float32]
) -> npt.NDArray[np.intp]:
    """Rank of each keypoint among those of its cell, strongest 0."""
    order = np.lexsort((-response, cell))
    counts = np.bincount(cell)
    starts = np.cumsum(counts) - counts
    rank = np.empty(len(cell), np.intp)
    rank[order] = np.arange(len(cell)) - starts[cell[order]]
    return rank
