"""Tentative correspondences: the matches of one query and one image, one to one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt


CELLS_A_SIDE = 1 << 16
"""Of the grid of places, at most."""


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """Local frames of m keypoints: where, how large, which way up."""

    xy: npt.NDArray[np.float32]
    """(m, 2)"""
    scale: npt.NDArray[np.float32]
    angle_rad: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.xy)

    def take(self, rows: npt.NDArray[np.integer] | npt.NDArray[np.bool_]) -> Frames:
        """The frames at ``rows``."""
        return Frames(self.xy[rows], self.scale[rows], self.angle_rad[rows])

    @classmethod
    def together(cls, parts: Sequence[Frames]) -> Frames:
        """All parts, one after the other."""
        nothing = cls(np.empty((0, 2), np.float32), *np.empty((2, 0), np.float32))
        parts = [nothing, *parts]
        return cls(
            np.concatenate([part.xy for part in parts]),
            np.concatenate([part.scale for part in parts]),
            np.concatenate([part.angle_rad for part in parts]),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Correspondences:
    """m pairs of a keypoint in the query and a keypoint in the hit."""

    query: Frames
    hit: Frames
    weight: npt.NDArray[np.float64]
    """(m,) the score of each match before geometry."""
    false_alarms: npt.NDArray[np.float64]
    """(m,) matches as good as this one that chance would give."""

    def __len__(self) -> int:
        return len(self.weight)

    def take(self, rows: npt.NDArray[np.integer] | npt.NDArray[np.bool_]) -> Correspondences:
        """The pairs at ``rows``."""
        return Correspondences(
            self.query.take(rows), self.hit.take(rows), self.weight[rows], self.false_alarms[rows]
        )

    def slice(self, low: int, high: int) -> Correspondences:
        """Pairs ``low`` to ``high`` as views."""
        query, hit, rows = self.query, self.hit, slice(low, high)
        return Correspondences(
            Frames(query.xy[rows], query.scale[rows], query.angle_rad[rows]),
            Frames(hit.xy[rows], hit.scale[rows], hit.angle_rad[rows]),
            self.weight[rows],
            self.false_alarms[rows],
        )


def one_to_one(
    group: npt.NDArray[np.integer],
    query: npt.NDArray[np.integer],
    hit: npt.NDArray[np.integer],
    weight: npt.NDArray[np.float64],
) -> npt.NDArray[np.intp]:
    """Rows of the matches to keep, ascending, so that in a group no keypoint is used twice.

    Each query keypoint keeps its heaviest match in the group (an image), then each keypoint of
    that image its heaviest of those left. Ties keep the first row.
    """
    rows = np.arange(len(weight))
    rows = _heaviest(rows, group, query, weight)
    return _heaviest(rows, group[rows], hit[rows], weight[rows])


def _heaviest(
    rows: npt.NDArray[np.intp],
    group: npt.NDArray[np.integer],
    member: npt.NDArray[np.integer],
    weight: npt.NDArray[np.float64],
) -> npt.NDArray[np.intp]:
    """Of ascending ``rows``, ascending, the heaviest for each member of each group.

    The other arrays are by row: one entry for each. Members are below 2^32.
    """
    if len(rows) == 0:
        return rows
    key = (group.astype(np.int64) << 32) + member
    order = np.lexsort((-weight, key))
    first = np.concatenate([[True], np.diff(key[order]) != 0])
    return np.sort(rows[order[first]])


def distinct_pairs(
    pairs: Correspondences,
    rows: npt.NDArray[np.intp],
    owners: npt.NDArray[np.int64],
    query_cell_px: float,
    hit_cell_px: npt.NDArray[np.floating],
) -> npt.NDArray[np.intp]:
    """Those of ``rows`` that are the heaviest of their candidate in their place, ascending.

    ``owners`` is the candidate of each of the (m,) pairs. A place is a cell of a grid, of
    ``query_cell_px`` in the query and ``hit_cell_px[candidate]`` in the hit. A keypoint
    described in two orientations, or a clump on one printed dot, is one piece of evidence.
    """
    places = _cells(pairs.hit.xy[rows], hit_cell_px[owners[rows], None])
    rows = _heaviest(rows, owners[rows], places, pairs.weight[rows])
    places = _cells(pairs.query.xy[rows], query_cell_px)
    return _heaviest(rows, owners[rows], places, pairs.weight[rows])


def _cells(
    xy: npt.NDArray[np.float32], cell_px: float | npt.NDArray[np.floating]
) -> npt.NDArray[np.int64]:
    """(n,) one number for the cell of each position."""
    column, row = np.clip(xy / cell_px, 0, CELLS_A_SIDE - 1).astype(np.int64).T
    return np.asarray(row * CELLS_A_SIDE + column)
