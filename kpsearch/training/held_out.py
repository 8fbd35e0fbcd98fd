"""Pictures held out of the training, so that none has a near copy in it.

Photos of one thing are taken in runs: neighbours are nearly the same picture, and a random split
puts one into the training and the other into the test. So each stays with the picture of its class
that is most like it. Even so the estimate is for more pictures of that kind; queries are another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

if TYPE_CHECKING:
    import numpy.typing as npt

FOLDS = 5
ROWS_AT_A_TIME = 1024
"""Pictures compared with all others of their class: what memory holds at once."""


def groups_of(
    features: npt.NDArray[np.float32], truth: npt.NDArray[np.intp]
) -> npt.NDArray[np.intp]:
    """(n,) the group of each of the pictures with ``features`` (n, d) and classes ``truth`` (n,).

    A picture is in one group with its nearest of the same class, by the cosine about the mean of
    the class: about zero, a few that lie in the middle would be everybody's nearest.
    """
    found = np.empty(len(truth), np.intp)
    groups = 0
    for wanted in np.unique(truth):
        rows = np.flatnonzero(truth == wanted)
        count, label = connected_components(_nearest(features[rows]), directed=False)
        found[rows] = label + groups
        groups += count
    return found


def _nearest(features: npt.NDArray[np.float32]) -> coo_array:
    """(n, n) with a one for each picture and its nearest other."""
    rows = features - features.mean(axis=0, dtype=np.float64)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    every = np.arange(len(rows))
    nearest = np.empty(len(rows), np.intp)
    for start in range(0, len(rows), ROWS_AT_A_TIME):
        some = every[start : start + ROWS_AT_A_TIME]
        cosines = rows[some] @ rows.T
        cosines[some - start, some] = -np.inf
        nearest[some] = np.argmax(cosines, axis=1)
    return coo_array((np.ones(len(rows)), (every, nearest)), [len(rows)] * 2)


def folds_of(
    groups: npt.NDArray[np.intp], truth: npt.NDArray[np.intp], *, seed: int
) -> npt.NDArray[np.intp]:
    """(n,) the fold of each picture, 0 to `FOLDS` - 1: the groups of a class dealt out in turn.

    A class of one group is in no test: -1.
    """
    rng = np.random.default_rng(seed)
    folds = np.full(len(truth), -1, np.intp)
    start = 0
    for wanted in np.unique(truth):
        rows = np.flatnonzero(truth == wanted)
        own = rng.permutation(np.unique(groups[rows]))
        if len(own) < 2:
            continue
        dealt = dict(zip(own.tolist(), (start + np.arange(len(own))) % FOLDS, strict=True))
        folds[rows] = [dealt[group] for group in groups[rows].tolist()]
        start += len(own)
    return folds
