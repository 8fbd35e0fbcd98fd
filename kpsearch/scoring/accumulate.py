"""From weighted matches to a score for each image, and to the best of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt


def without_bursts(
    query: npt.NDArray[np.integer],
    images: npt.NDArray[np.integer],
    weights: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """(m,) the weights, with all but the heaviest match of a query keypoint in an image at 0.

    A repeated pattern would otherwise vote once for each of its repeats. This is the multiple
    match removal of Jégou, Douze & Schmid 2009, §4.1; the root of the sum, their intra-image
    weighting, does less well in every case measured (docs/benchmarks.md). ``query`` must be
    ascending. Ties keep the first.
    """
    if len(query) == 0:
        return weights
    order = np.lexsort((-weights, images, query))
    same = (np.diff(query[order]) == 0) & (np.diff(images[order]) == 0)
    kept = weights.copy()
    kept[order[1:][same]] = 0.0
    return kept


def sum_by_image(
    images: npt.NDArray[np.integer], weights: npt.NDArray[np.float64], slots: int
) -> npt.NDArray[np.float64]:
    """(slots,) total weight of each image's matches."""
    return np.bincount(images, weights=weights, minlength=slots).astype(np.float64)


def best(scores: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.intp]:
    """Slots of the ``count`` highest scores above 0, highest first, ties by slot."""
    positive = np.flatnonzero(scores > 0)
    if len(positive) > count > 0:
        values = scores[positive]
        floor = np.partition(values, len(values) - count)[len(values) - count]
        positive = positive[values >= floor]
    order = np.argsort(-scores[positive], kind="stable")
    return positive[order][:count]
