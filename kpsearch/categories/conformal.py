"""Sets of categories that hold the true one with a chosen probability (split conformal prediction).

Whatever the classifier's probabilities are worth, the set holds the true category of a new picture
with probability 1 - alpha at least, if that picture and those of the calibration are exchangeable:
Vovk, Gammerman & Shafer 2005; Angelopoulos & Bates 2021, "A Gentle Introduction to Conformal
Prediction", theorem 1. The score is that of adaptive prediction sets (APS): Romano, Sesia & Candès
2020, "Classification with Valid and Adaptive Coverage", eq. 7-8, with two changes. Where they draw
a number for each picture, it is one half here, so that a picture always gets the same set. And the
likeliest category has the score 0: a set that is empty is of no use, and if the likeliest one were
put into it afterwards, more would be covered than was asked for.
"""

from __future__ import annotations

from math import ceil, inf
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt


def aps_scores(probabilities: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(n, c) of each category of each picture: the mass of what is likelier, and half of its own.

    ``probabilities`` (n, c) sum to 1. The likeliest scores 0; equal ones go by their order.
    """
    order = np.argsort(-probabilities, axis=1, kind="stable")
    ranked = np.take_along_axis(probabilities, order, axis=1)
    middle = np.cumsum(ranked, axis=1) - ranked / 2
    middle[:, :1] = 0.0
    scores = np.empty_like(probabilities)
    np.put_along_axis(scores, order, middle, axis=1)
    return scores


def least_alpha(pictures: int) -> float:
    """The smallest error rate that so many pictures of a calibration can promise."""
    return 1 / (pictures + 1)


def threshold(scores: npt.NDArray[np.float64], alpha: float) -> float:
    """The score that a new picture's true category keeps to with probability 1 - alpha.

    ``scores`` (n,) are those of the true categories of the calibration; with too few of them for
    ``alpha`` it is infinite.
    """
    rank = _rank(len(scores), alpha)
    return inf if rank > len(scores) else float(np.sort(scores)[rank - 1])


def _rank(scores: int, alpha: float) -> int:
    """Of the threshold, from 1. Rounded: (1 - 0.05) * 20 is 19.000000000000004."""
    return max(ceil(round((scores + 1) * (1 - alpha), 9)), 1)


def prediction_sets(probabilities: npt.NDArray[np.float64], limit: float) -> npt.NDArray[np.bool_]:
    """(n, c) the categories whose score is within ``limit``, 0 or more: one at least."""
    return aps_scores(probabilities) <= limit
