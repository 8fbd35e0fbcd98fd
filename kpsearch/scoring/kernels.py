"""From posting lists to matches: which postings lie near a query keypoint in its own cell."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

BLOCK_POSTINGS = 1 << 16
"""Postings compared at a time: their signatures (512 KiB) stay in the processor's cache."""


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """Pairs of a query keypoint and a posting, m of them, by list and then by posting."""

    lists: npt.NDArray[np.intp]
    """(m,) number of the list, in the order they were asked for."""
    postings: npt.NDArray[np.intp]
    """(m,) position in the segment's posting arrays."""
    distances: npt.NDArray[np.uint8]
    """(m,) bits in which the two signatures differ."""

    def __len__(self) -> int:
        return len(self.lists)

    def take(self, rows: npt.NDArray[np.intp]) -> Matches:
        """The matches at ``rows``."""
        return Matches(self.lists[rows], self.postings[rows], self.distances[rows])


def hamming_matches(
    signatures: npt.NDArray[np.uint64],
    starts: npt.NDArray[np.integer],
    stops: npt.NDArray[np.integer],
    query_signatures: npt.NDArray[np.uint64],
    threshold: int,
) -> Matches:
    """Postings within ``threshold`` bits of the query's signature, in each of l lists.

    List i is ``signatures[starts[i]:stops[i]]`` and is compared with ``query_signatures[i]``.
    Hamming embedding: Jégou, Douze & Schmid 2008, eq. 5. Every posting is read once.
    """
    lengths = (stops - starts).astype(np.int64)
    ends = np.cumsum(lengths)
    found: list[tuple[npt.NDArray[np.intp], npt.NDArray[np.uint8]]] = []
    low_of, high_of = starts.tolist(), stops.tolist()
    buffer = np.empty(BLOCK_POSTINGS + int(lengths.max(initial=0)), np.uint64)
    for first, last in _blocks(ends, BLOCK_POSTINGS):
        filled = 0
        for i in range(first, last):
            low, high = low_of[i], high_of[i]
            np.bitwise_xor(
                signatures[low:high],
                query_signatures[i],
                out=buffer[filled : filled + high - low],
            )
            filled += high - low
        distance = np.bitwise_count(buffer[:filled])
        near = np.flatnonzero(distance <= threshold)
        before = int(ends[first] - lengths[first])
        found.append((near + before, distance[near]))
    if not found:
        return Matches(np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0, np.uint8))
    flat = np.concatenate([near for near, _ in found])
    lists = np.searchsorted(ends, flat, side="right")
    postings = flat - (ends - lengths)[lists] + starts[lists].astype(np.intp)
    return Matches(lists, postings, np.concatenate([distance for _, distance in found]))


def _blocks(ends: npt.NDArray[np.int64], size: int) -> Sequence[tuple[int, int]]:
    """Runs of lists, each holding about ``size`` postings, at most one list over it."""
    if len(ends) == 0:
        return []
    cuts = np.unique(np.searchsorted(ends, np.arange(size, int(ends[-1]) + size, size)))
    bounds = [0, *(cuts[cuts > 0]).tolist(), len(ends)]
    return [(a, b) for a, b in pairwise(bounds) if a < b]
