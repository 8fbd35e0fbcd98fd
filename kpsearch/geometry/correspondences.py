"""Tentative correspondences: the matches of one query and one image, one to one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt


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
    rows = _heaviest(group, query, weight, np.arange(len(weight)))
    return np.sort(_heaviest(group, hit, weight, rows))


def _heaviest(
    group: npt.NDArray[np.integer],
    keypoint: npt.NDArray[np.integer],
    weight: npt.NDArray[np.float64],
    rows: npt.NDArray[np.intp],
) -> npt.NDArray[np.intp]:
    order = rows[np.lexsort((rows, -weight[rows], keypoint[rows], group[rows]))]
    changes = (np.diff(group[order]) != 0) | (np.diff(keypoint[order]) != 0)
    return order[np.concatenate([[True], changes])] if len(order) else order


def distinct_pairs(
    pairs: Correspondences, rows: npt.NDArray[np.intp], cells_px: tuple[float, float]
) -> npt.NDArray[np.intp]:
    """Those of ``rows`` that are the heaviest in their place, in the query and in the hit.

    A place is a cell of a grid of ``cells_px`` in either picture. A keypoint described in two
    orientations, or a clump on one printed dot, is one piece of evidence.
    """
    if len(rows) < 2:
        return rows
    kept = rows[np.argsort(-pairs.weight[rows], kind="stable")]
    for xy, cell_px in ((pairs.hit.xy, cells_px[1]), (pairs.query.xy, cells_px[0])):
        column, row = (xy[kept] / cell_px).astype(np.int64).T
        _, first = np.unique(row * (1 << 32) + column, return_index=True)
        kept = kept[np.sort(first)]
    return kept
