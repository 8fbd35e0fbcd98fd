"""A two-level tree of visual words: assignment costs √k distances instead of k.

Level one has b branches; each branch has its own leaves, more where descriptors are dense.
The leaves are the visual words, numbered branch by branch.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt


class Metric(Enum):
    """How far apart two descriptors are."""

    EUCLIDEAN = "euclidean"
    """Each byte is a number."""
    HAMMING = "hamming"
    """Each bit counts for itself."""

    def vectors(self, descriptors: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """(n, d) descriptors as vectors whose squared Euclidean distance ranks as the metric does.

        Bits become zeros and ones, whose squared distance *is* the Hamming distance: so both
        metrics are one matrix product, which for 256 bits is as fast as counting them.
        """
        if self is Metric.HAMMING:
            descriptors = np.unpackbits(descriptors, axis=1)
        return descriptors.astype(np.float32)


@dataclass(frozen=True, eq=False)
class Tree:
    """Centroids of both levels. All arrays are uint8, as descriptors are."""

    branches: npt.NDArray[np.uint8]
    """(b, d)"""
    leaves: npt.NDArray[np.uint8]
    """(k, d), the leaves of a branch side by side."""
    leaf_start: npt.NDArray[np.uint32]
    """(b + 1,): branch i has leaves ``leaf_start[i]:leaf_start[i + 1]``, at least one."""
    metric: Metric = Metric.EUCLIDEAN

    @cached_property
    def _branch_plane(self) -> Planes:
        return Planes.of(self.metric.vectors(self.branches))

    @cached_property
    def _leaf_plane(self) -> Planes:
        return Planes.of(self.metric.vectors(self.leaves))

    def assign(
        self, descriptors: npt.NDArray[np.uint8], *, words: int = 1, branches: int = 1
    ) -> npt.NDArray[np.uint32]:
        """The ``words`` nearest leaves of the ``branches`` nearest branches, nearest first.

        (n, d) uint8 -> (n, words) uint32. Where the searched branches hold fewer leaves than
        ``words``, the nearest is repeated. Ties go to the nearer branch, then the lower word.
        """
        if len(descriptors) == 0:
            return np.empty((0, words), np.uint32)
        points = self.metric.vectors(descriptors)
        near = self._branch_plane.closeness(points, slice(None))
        closeness, leaf = self._best_leaves(
            points, top_columns(near, min(branches, len(self.branches))), words
        )
        best = np.argsort(-closeness, axis=1, kind="stable")[:, :words]
        found = np.take_along_axis(leaf, best, axis=1)
        absent = np.isneginf(np.take_along_axis(closeness, best, axis=1))
        return np.where(absent, found[:, :1], found)

    def _best_leaves(
        self, points: npt.NDArray[np.float32], nearest: npt.NDArray[np.intp], words: int
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint32]]:
        """The best leaves in each point's branches: closeness and id, (n, branches * words).

        Points are worked on branch by branch, one matrix product for all that visit a branch.
        """
        n, width = nearest.shape
        order = np.argsort(nearest.ravel(), kind="stable")
        visiting = points[order // width]
        bounds = np.searchsorted(nearest.ravel()[order], np.arange(len(self.branches) + 1))
        first_leaf, bound = self.leaf_start.tolist(), bounds.tolist()
        rows_of_any = np.arange(n * width)
        closeness = np.full((n * width, words), -np.inf, np.float32)
        leaf = np.zeros((n * width, words), np.uint32)
        for branch in np.flatnonzero(np.diff(bounds)).tolist():
            rows = slice(bound[branch], bound[branch + 1])
            leaves = slice(first_leaf[branch], first_leaf[branch + 1])
            near = self._leaf_plane.closeness(visiting[rows], leaves)
            row = rows_of_any[: len(near)]
            for column in range(min(words, near.shape[1])):
                best = near.argmax(axis=1)
                leaf[rows, column] = best + leaves.start
                closeness[rows, column] = near[row, best]
                near[row, best] = -np.inf
        unsorted = np.argsort(order, kind="stable")
        return closeness[unsorted].reshape(n, -1), leaf[unsorted].reshape(n, -1)


@dataclass(frozen=True, eq=False)
class Planes:
    """Centroids ready for the matrix product that ranks them by distance."""

    columns: npt.NDArray[np.float32]
    half_norms: npt.NDArray[np.float32]

    @classmethod
    def of(cls, centroids: npt.NDArray[np.float32]) -> Planes:
        """The planes of (k, d) centroids."""
        return cls(centroids, 0.5 * np.einsum("ij,ij->i", centroids, centroids))

    def closeness(self, points: npt.NDArray[np.float32], rows: slice) -> npt.NDArray[np.float32]:
        """x·c − ½‖c‖², largest for the nearest c; in halves, hence exact in float32 below 2^23."""
        near = points @ self.columns[rows].T
        near -= self.half_norms[rows]
        return near


def top_columns(values: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.intp]:
    """Columns of the ``count`` largest values of each row, largest first, ties to the left.

    Values must be finite and ``count`` at most their columns. A few passes of argmax are faster
    than a partition, which also takes any of the columns that tie for the last place.
    """
    remaining = values.copy()
    rows = np.arange(len(values))
    found = np.empty((len(values), count), np.intp)
    for column in range(count):
        found[:, column] = remaining.argmax(axis=1)
        remaining[rows, found[:, column]] = -np.inf
    return found
