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


SHORT_LIST = 150
"""Postings a list at which one call for each list becomes cheaper than a gather of them all."""


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
    lengths = stops.astype(np.int64) - starts
    ends = np.cumsum(lengths)
    shift = starts.astype(np.int64) - (ends - lengths)
    places: list[npt.NDArray[np.intp]] = [np.empty(0, np.intp)]
    distances: list[npt.NDArray[np.uint8]] = [np.empty(0, np.uint8)]
    for first, last in list_blocks(ends, BLOCK_POSTINGS):
        lists = slice(first, last)
        compared = _compare_short if _are_short(lengths[lists]) else _compare_long
        distance = np.bitwise_count(
            compared(signatures, starts[lists], lengths[lists], query_signatures[lists])
        )
        near = np.flatnonzero(distance <= threshold)
        places.append(near + int(ends[first] - lengths[first]))
        distances.append(distance[near])
    flat = np.concatenate(places)
    of_list = np.searchsorted(ends, flat, side="right")
    return Matches(of_list, flat + shift[of_list], np.concatenate(distances))


def _are_short(lengths: npt.NDArray[np.int64]) -> bool:
    return int(lengths.sum()) < SHORT_LIST * len(lengths)


def _compare_long(
    signatures: npt.NDArray[np.uint64],
    starts: npt.NDArray[np.integer],
    lengths: npt.NDArray[np.int64],
    query_signatures: npt.NDArray[np.uint64],
) -> npt.NDArray[np.uint64]:
    """The differing bits of each posting, list after list: one call for each list."""
    differing = np.empty(int(lengths.sum()), np.uint64)
    filled = 0
    for low, length, signature in zip(
        starts.tolist(), lengths.tolist(), query_signatures, strict=True
    ):
        target = differing[filled : filled + length]
        np.bitwise_xor(signatures[low : low + length], signature, out=target)
        filled += length
    return differing


def _compare_short(
    signatures: npt.NDArray[np.uint64],
    starts: npt.NDArray[np.integer],
    lengths: npt.NDArray[np.int64],
    query_signatures: npt.NDArray[np.uint64],
) -> npt.NDArray[np.uint64]:
    """The same by a gather: dearer for each posting, cheaper for each list."""
    differing: npt.NDArray[np.uint64] = signatures[flat_positions(starts, lengths)]
    differing ^= np.repeat(query_signatures, lengths)
    return differing


def flat_positions(
    starts: npt.NDArray[np.integer], lengths: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Positions of all postings of the lists that start there, list after list."""
    shift = starts.astype(np.int64) - (np.cumsum(lengths) - lengths)
    positions: npt.NDArray[np.int64] = np.arange(int(lengths.sum()))
    positions += np.repeat(shift, lengths)
    return positions


def list_blocks(ends: npt.NDArray[np.int64], size: int) -> Sequence[tuple[int, int]]:
    """Runs of lists, each holding about ``size`` postings, at most one list over it.

    Lists lie end to end and list i ends at ``ends[i]``; a run is its first list and the one after
    its last.
    """
    if len(ends) == 0:
        return []
    cuts = np.unique(np.searchsorted(ends, np.arange(size, int(ends[-1]) + size, size)))
    bounds = [0, *(cuts[cuts > 0]).tolist(), len(ends)]
    return [(a, b) for a, b in pairwise(bounds) if a < b]
