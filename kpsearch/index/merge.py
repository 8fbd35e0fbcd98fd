"""Segments made into one, without their deleted images; and which segments are due for it.

Images keep their ids, and neighbours only are merged, so ids rise through an index from its first
segment to its last, whatever was merged when. Posting lists are merged a range of words at a time:
memory does not grow with the segments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from kpsearch.index.columns import COLUMNS, OPTIONAL_COLUMNS, TEXT_COLUMNS
from kpsearch.index.deletes import count_postings
from kpsearch.index.packing import Packing, Stream, pack
from kpsearch.index.runs import lengths_of, starts
from kpsearch.index.segment import MAX_KEYPOINTS, SEGMENT_ATTRIBUTES, Segment
from kpsearch.index.text import TextColumn

if TYPE_CHECKING:
    import numpy.typing as npt

MERGE_AT_ONCE = 8
"""So many neighbours of one size make one: an image is rewritten log8 of their number of times."""
SMALLEST_KEYPOINTS = 1 << 16
"""Smaller segments count as of this size, so that many tiny ones do not linger."""
BLOCK_POSTINGS = 1 << 20


@dataclass(frozen=True, eq=False)
class Part:
    """A segment to be merged, and which of its images go on living."""

    segment: Segment
    live: npt.NDArray[np.bool_]

    @cached_property
    def counts(self) -> npt.NDArray[np.int64]:
        """Keypoints of each live image."""
        return lengths_of(self.segment.keypoint_start)[self.live]

    @property
    def keypoints(self) -> int:
        """Of the live images."""
        return int(self.counts.sum())

    @property
    def images(self) -> int:
        """The live ones."""
        return int(self.live.sum())

    @cached_property
    def shift(self) -> npt.NDArray[np.int64]:
        """(images,) what dropping the dead takes from the numbers of an image's keypoints."""
        before = np.zeros(len(self.live), np.int64)
        before[self.live] = starts(self.counts)[:-1]
        return self.segment.keypoint_start[:-1].astype(np.int64) - before

    def live_keypoints(self, name: str) -> Iterator[npt.NDArray[Any]]:
        """An array over keypoints, the live images' only, run by run."""
        array = self.segment.array(f"keypoints/{name}")
        start = self.segment.keypoint_start.astype(np.int64)
        for first, end in self._live_runs():
            yield array[start[first] : start[end]]

    def live_images(self, name: str) -> Iterator[npt.NDArray[Any]]:
        """An array over images, the live ones' rows only, run by run."""
        array = self.segment.array(name)
        for first, end in self._live_runs():
            yield array[first:end]

    def _live_runs(self) -> list[list[int]]:
        """First and end of each run of live images."""
        turns = np.flatnonzero(np.diff(np.concatenate([[False], self.live, [False]])))
        runs: list[list[int]] = turns.reshape(-1, 2).tolist()
        return runs

    def postings(
        self, low: int, high: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.uint64]]:
        """Word, keypoint among the living, and signature of the postings of some words."""
        segment = self.segment
        start = segment.start[low : high + 1].astype(np.int64)
        rows = slice(int(start[0]), int(start[-1]))
        keypoint = segment.keypoint[rows].astype(np.int64)
        image = segment.image_of(keypoint)
        kept = self.live[image]
        word = np.repeat(np.arange(low, high), np.diff(start))
        number = keypoint - self.shift[image]
        return word[kept], number[kept], segment.signature[rows][kept]

    def word_counts(self) -> npt.NDArray[np.int64]:
        """(words,) postings of live images."""
        total = lengths_of(self.segment.start)
        if self.live.all():
            return total
        return total - count_postings(self.segment, ~self.live)


def merge(parts: Sequence[Part]) -> Packing:
    """The file of one segment with the live images of all parts, in order."""
    word_start = starts(np.sum([part.word_counts() for part in parts], axis=0))
    keypoints = int(word_start[-1])

    def stream(dtype: type[np.generic], chunks: Callable[[], Iterator[npt.NDArray[Any]]]) -> Stream:
        return Stream(np.dtype(dtype), (keypoints,), _Repeatable(chunks))

    def column(name: str) -> Iterator[npt.NDArray[Any]]:
        return (run for part in parts for run in part.live_keypoints(name))

    def lists(which: int) -> Iterator[npt.NDArray[Any]]:
        return (block[which] for block in _merged(parts))

    counts = np.concatenate([part.counts for part in parts])
    arrays: dict[str, npt.NDArray[Any] | Stream] = {
        "postings/start": word_start.astype(np.uint32),
        "postings/keypoint": stream(np.uint32, partial(lists, 0)),
        "postings/signature": stream(np.uint64, partial(lists, 1)),
        "keypoints/x": stream(np.uint16, partial(column, "x")),
        "keypoints/y": stream(np.uint16, partial(column, "y")),
        "keypoints/scale": stream(np.uint8, partial(column, "scale")),
        "keypoints/angle": stream(np.uint8, partial(column, "angle")),
        "images/keypoint_start": starts(counts).astype(np.uint32),
        **_image_columns(parts),
        **_optional_columns(parts),
    }
    return pack(arrays, SEGMENT_ATTRIBUTES)


@dataclass(frozen=True, slots=True)
class _Repeatable:
    """Chunks that are made anew each time they are gone through."""

    make: Callable[[], Iterator[Any]]

    def __iter__(self) -> Iterator[Any]:
        return self.make()


def _merged(
    parts: Sequence[Part],
) -> Iterator[tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint64]]]:
    """Keypoints and signatures of all posting lists, some words at a time.

    Within a list keypoints rise, as they do in each part, because the parts follow each other.
    """
    offsets = starts(np.array([part.keypoints for part in parts]))
    stored = np.sum([lengths_of(part.segment.start) for part in parts], axis=0)
    for low, high in _word_blocks(starts(stored)):
        found = [part.postings(low, high) for part in parts]
        order = np.argsort(np.concatenate([word for word, _, _ in found]), kind="stable")
        numbers = [number + offset for (_, number, _), offset in zip(found, offsets, strict=False)]
        signatures = [signature for _, _, signature in found]
        yield (
            np.concatenate(numbers)[order].astype(np.uint32),
            np.concatenate(signatures)[order],
        )


def _word_blocks(word_start: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Ranges of words, of about ``BLOCK_POSTINGS`` stored postings each."""
    low, words = 0, len(word_start) - 1
    while low < words:
        goal = word_start[low] + BLOCK_POSTINGS
        high = max(int(np.searchsorted(word_start, goal, side="right")) - 1, low + 1)
        yield low, min(high, words)
        low = high


def _image_columns(parts: Sequence[Part]) -> dict[str, npt.NDArray[Any]]:
    def joined(name: str) -> npt.NDArray[Any]:
        return np.concatenate([part.segment.array(name)[part.live] for part in parts])

    def texts(name: str) -> dict[str, npt.NDArray[Any]]:
        found: list[bytes] = []
        for part in parts:
            column = TextColumn.read(part.segment.array, name)
            found += column.take(np.flatnonzero(part.live))
        return TextColumn.of(found).arrays(name)

    columns = {name: joined(name) for name in COLUMNS if name.startswith("images/")}
    for name in TEXT_COLUMNS:
        columns |= texts(name)
    return columns


def _optional_columns(parts: Sequence[Part]) -> dict[str, Stream]:
    """Streamed: of all that is known of an image besides its keypoints, they are the largest part.

    An index has each in all its segments or in none.
    """
    parts = [part for part in parts if part.images]
    images = sum(part.images for part in parts)

    def column(name: str) -> Iterator[npt.NDArray[Any]]:
        return (run for part in parts for run in part.live_images(name))

    streams = {}
    for name in OPTIONAL_COLUMNS:
        if parts and all(part.segment.holds(name) for part in parts):
            first = parts[0].segment.array(name)
            shape = (images, *first.shape[1:])
            streams[name] = Stream(first.dtype, shape, _Repeatable(partial(column, name)))
    return streams


def due(live: Sequence[int], dead: Sequence[int]) -> slice | None:
    """The neighbours to merge next, given the live and dead keypoints of each segment.

    Tiered, as Lucene's log-structured policy: sizes are levels of `MERGE_AT_ONCE`-fold steps;
    from the first segment of the highest level that still has `MERGE_AT_ONCE` followers up to its
    last of that level, so many are merged at once. A segment more than half dead is rewritten.
    None when nothing is due: then no more than `MERGE_AT_ONCE` of a level are left, so a
    collection of n keypoints has O(log n) segments, and those that are full.
    """
    wasted = [i for i, (a, b) in enumerate(zip(live, dead, strict=True)) if b > a]
    if wasted:
        return slice(wasted[0], wasted[0] + 1)
    levels = [_level(size) for size in live]
    first = 0
    while first < len(levels):
        top = max(levels[first:])
        last = len(levels) - 1 - levels[::-1].index(top)
        for low in range(first, last + 2 - MERGE_AT_ONCE):
            window = slice(low, low + MERGE_AT_ONCE)
            if sum(live[window]) <= MAX_KEYPOINTS:
                return window
        first = last + 1
    return None


def _level(keypoints: int) -> int:
    """How often a size can be divided by `MERGE_AT_ONCE` before it is of the smallest."""
    level = 0
    while keypoints > SMALLEST_KEYPOINTS:
        keypoints //= MERGE_AT_ONCE
        level += 1
    return level


def full_runs(live: Sequence[int]) -> list[slice]:
    """All segments as runs of neighbours, each as long as fits into one segment."""
    runs: list[slice] = []
    first, total = 0, 0
    for i, size in enumerate(live):
        if i > first and total + size > MAX_KEYPOINTS:
            runs.append(slice(first, i))
            first, total = i, 0
        total += size
    return [*runs, slice(first, len(live))] if len(live) > first else runs
