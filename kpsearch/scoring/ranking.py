"""From the scores of all images to the best of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt


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
