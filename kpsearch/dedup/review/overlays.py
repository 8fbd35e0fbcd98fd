"""What is drawn over the two pictures of a pair, as small as it can be said.

Where one picture lies in the other: a polygon in thousandths of the other's width and height.
Where they differ: a coarse grid of ten levels, runs of equal cells told by their length.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kpsearch.dedup.records import Entry, JudgedPair
from kpsearch.geometry import inverse, projected_outline

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.types import ImageSize

MOST_CELLS = 32
"""On the longer side of a grid."""
LEVELS = "abcdefghij"
"""From "agrees" to "differs altogether"."""
_WHOLE = 0.97
"""Share of a picture that is as good as all of it, so that an outline would say nothing."""
_THOUSAND = 1000

Outline = list[int]
"""x and y in turn; empty where there is nothing to outline."""


def outlines(pair: JudgedPair, a: Entry, b: Entry) -> tuple[Outline, Outline]:
    """Where b lies in a, and a in b."""
    if pair.transform is None:
        return [], []
    try:
        back = inverse(pair.transform)
    except np.linalg.LinAlgError:  # all of a on a line of b
        return [], []
    in_a = projected_outline(back, b.size, a.size)
    in_b = projected_outline(pair.transform, a.size, b.size)
    if pair.mirrored:  # the matrix begins at a turned over
        in_a = (np.array([a.size.width - 1, 0]) + in_a * [-1, 1]).astype(np.float32)
    return _thousandths(in_a, a.size), _thousandths(in_b, b.size)


def run_lengths(grid: npt.NDArray[np.uint8]) -> str:
    """A (rows, columns) grid as ``COLUMNSxROWS:`` and runs, a letter of `LEVELS` and a count.

    A grid finer than `MOST_CELLS` is made coarser, each cell the most of those it stands for.
    A count of 1 is left away; a grid that agrees everywhere is empty text.
    """
    coarse = _coarser(grid)
    levels = np.round(coarse / 255 * (len(LEVELS) - 1)).astype(np.int64).ravel()
    if not levels.any():
        return ""
    starts = np.flatnonzero(np.diff(levels, prepend=-1))
    counts = np.diff(starts, append=levels.size)
    runs = (
        LEVELS[level] + (str(count) if count > 1 else "")
        for level, count in zip(levels[starts], counts.tolist(), strict=True)
    )
    return f"{coarse.shape[1]}x{coarse.shape[0]}:" + "".join(runs)


def _thousandths(polygon: npt.NDArray[np.float32], size: ImageSize) -> Outline:
    if len(polygon) < 3:
        return []
    share = (polygon.astype(np.float64) + 0.5) / size
    before = share[np.arange(-1, len(share) - 1)]
    area = abs(float(before[:, 0] @ share[:, 1] - before[:, 1] @ share[:, 0])) / 2
    if not area < _WHOLE:  # nor not a number
        return []
    return [int(number) for number in np.round(share * _THOUSAND).ravel()]


def _coarser(grid: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    step = -(-max(grid.shape, default=0) // MOST_CELLS)
    if step <= 1:
        return grid
    rows, columns = (-(-side // step) for side in grid.shape)
    padded = np.zeros((rows * step, columns * step), np.uint8)
    padded[: grid.shape[0], : grid.shape[1]] = grid
    coarse: npt.NDArray[np.uint8] = padded.reshape(rows, step, columns, step).max(axis=(1, 3))
    return coarse
