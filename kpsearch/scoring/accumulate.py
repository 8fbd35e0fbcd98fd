"""From weighted matches to a score for each image, and to the best of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt


def sum_heaviest(
    query: npt.NDArray[np.integer],
    images: npt.NDArray[np.integer],
    weights: npt.NDArray[np.float64],
    slots: int,
) -> npt.NDArray[np.float64]:
    """(slots,) for each image, the heaviest match of each query keypoint, summed.

    A repeated pattern would otherwise vote once for each of its repeats. This is the multiple
    match removal of Jégou, Douze & Schmid 2009, §4.1.
    """
    if len(query) == 0:
        return np.zeros(slots)
    key = query.astype(np.int64) * slots + images
    order = np.argsort(key)
    key = key[order]
    first = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]]))
    heaviest = np.maximum.reduceat(weights[order], first)
    return np.bincount(key[first] % slots, weights=heaviest, minlength=slots).astype(np.float64)


def sum_by_image(
    query: npt.NDArray[np.integer],
    images: npt.NDArray[np.integer],
    weights: npt.NDArray[np.float64],
    slots: int,
) -> npt.NDArray[np.float64]:
    """(slots,) for each image, all matches of all query keypoints, summed."""
    return np.bincount(images, weights=weights, minlength=slots).astype(np.float64)


def best(
    scores: npt.NDArray[np.float64], count: int, tie: npt.NDArray[np.uint64]
) -> npt.NDArray[np.intp]:
    """Slots of the ``count`` highest scores above 0, highest first, ties by rising ``tie``."""
    positive = np.flatnonzero(scores > 0)
    if len(positive) > count > 0:
        values = scores[positive]
        floor = np.partition(values, len(values) - count)[len(values) - count]
        positive = positive[values >= floor]
    order = np.lexsort((tie[positive], -scores[positive]))
    return positive[order][:count]
