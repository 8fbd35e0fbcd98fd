"""The postings of one image, found in posting lists that are ordered by word and by keypoint.

An image's keypoints have consecutive numbers, and each list is in the order of its keypoints: they
are a stretch of each list, most often an empty one. It is found by bisecting the lists asked for,
or, where those are many for their length, by one pass over all postings. Both find the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kpsearch.index.runs import starts

if TYPE_CHECKING:
    import numpy.typing as npt

    Keypoints = npt.NDArray[np.uint32]
    Found = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]

PASSED_A_LIST = 500
"""Postings that are passed, 1.3 ns each, in the time that one list is bisected."""
PASSED_AT_A_TIME = 1 << 18
"""1 MB: what stays in a processor's cache."""


def postings_between(
    first: int,
    last: int,
    *,
    words: npt.NDArray[np.integer],
    start: npt.NDArray[np.uint32],
    keypoint: Keypoints,
) -> Found:
    """Word and place, both (n,), of each posting whose keypoint is ``first`` … ``last`` − 1.

    In the lists of distinct rising ``words``; by place. ``start`` (all words + 1,) says where each
    list starts in ``keypoint`` (postings,).
    """
    many = PASSED_A_LIST * len(words) >= len(keypoint)
    find = passed if many else bisected
    return find(first, last, words=words, start=start, keypoint=keypoint)


def bisected(
    first: int,
    last: int,
    *,
    words: npt.NDArray[np.integer],
    start: npt.NDArray[np.uint32],
    keypoint: Keypoints,
) -> Found:
    """`postings_between`, in time that grows with the words; lists without a hit are done first."""
    begin, end = (start[words + i].astype(np.int64) for i in (0, 1))
    low = _bisect(keypoint, first, begin, end)
    held = np.flatnonzero(low < end)
    held = held[keypoint[low[held]] < last]
    high = _bisect(keypoint, last, low[held], end[held])
    counts = high - low[held]
    place = np.arange(counts.sum()) + np.repeat(low[held] - starts(counts)[:-1], counts)
    return np.repeat(words[held].astype(np.int64), counts), place


def passed(
    first: int,
    last: int,
    *,
    words: npt.NDArray[np.integer],
    start: npt.NDArray[np.uint32],
    keypoint: Keypoints,
) -> Found:
    """`postings_between`, in time that grows with the postings."""
    found = [np.empty(0, np.int64)]
    for low in range(0, len(keypoint), PASSED_AT_A_TIME):
        # Unsigned: a keypoint before the first wraps round to one far behind the last.
        behind_first = keypoint[low : low + PASSED_AT_A_TIME] - np.uint32(first)
        found.append(np.flatnonzero(behind_first < last - first) + low)
    place = np.concatenate(found)
    word = np.searchsorted(start, place, side="right") - 1
    asked = np.zeros(len(start), np.bool_)
    asked[words] = True
    kept = asked[word]
    return word[kept], place[kept]


def _bisect(
    keypoint: Keypoints, wanted: int, low: npt.NDArray[np.int64], high: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """In each stretch low[i] … high[i] − 1, the first place of ``wanted`` or more, else high[i]."""
    low, high = low.copy(), high.copy()
    open_lists = np.flatnonzero(low < high)
    while len(open_lists):
        middle = (low[open_lists] + high[open_lists]) // 2
        before = keypoint[middle] < wanted
        low[open_lists[before]] = middle[before] + 1
        high[open_lists[~before]] = middle[~before]
        open_lists = open_lists[low[open_lists] < high[open_lists]]
    return low
