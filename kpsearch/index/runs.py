"""Runs of rows, end to end: n of them are n + 1 starts, as the CSR format has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt


def starts(lengths: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """(n + 1,) where each of n runs of these lengths starts, and where the last ends."""
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])


def lengths_of(start: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """(n,) the inverse of `starts`."""
    wide = start.astype(np.int64)
    return wide[1:] - wide[:-1]


def rises(start: npt.NDArray[np.integer], total: int) -> bool:
    """Whether the starts go from 0 to ``total`` and never back."""
    ends = (int(start[0]), int(start[-1])) == (0, total) if len(start) else False
    return ends and bool((start[1:] >= start[:-1]).all())
