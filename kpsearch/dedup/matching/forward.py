"""An inverted file turned round: the words and signatures of a picture's keypoints, side by side.

Posting lists answer which pictures have a word; deduplication asks every picture for its words.
The lists of each segment are gone through once and scattered to two flat files, by the number of
the keypoint: 12 bytes each, which workers map into memory.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.format import open_memmap

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.index import Segment, Snapshot

BLOCK_POSTINGS = 1 << 22
"""Postings scattered at a time."""


class Forward:
    """(n,) words and (n,) signatures of the keypoints of each segment of a snapshot."""

    def __init__(self, snapshot: Snapshot, folder: Path) -> None:
        """Opens what `write_forward` has written to ``folder``."""
        self._parts = [
            tuple(np.load(path, mmap_mode="r") for path in _places(folder, segment))
            for segment in snapshot.segments
        ]

    def of(
        self, segment: int, keypoints: slice
    ) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint64]]:
        """Words and signatures of some keypoints of a segment, by the segment's number."""
        word, signature = self._parts[segment]
        return word[keypoints], signature[keypoints]


def write_forward(
    snapshot: Snapshot, folder: Path, progress: Callable[[int, int], None] = lambda *_: None
) -> None:
    """Write the files of all segments; those that are there are whole and stay."""
    total = sum(segment.entry.keypoints for segment in snapshot.segments)
    done = 0
    for segment in snapshot.segments:
        word_path, signature_path = _places(folder, segment)
        if not (word_path.exists() and signature_path.exists()):
            for passed in _scatter(segment, word_path, signature_path):
                progress(done + passed, total)
        done += segment.entry.keypoints
        progress(done, total)


def _scatter(segment: Segment, word_path: Path, signature_path: Path) -> Iterator[int]:
    """Write the files of one segment; yields how many postings have been gone through."""
    postings = segment.entry.keypoints
    beside = [path.with_suffix(".part") for path in (word_path, signature_path)]
    words = open_memmap(beside[0], "w+", np.uint32, (postings,))
    signatures = open_memmap(beside[1], "w+", np.uint64, (postings,))
    for low in range(0, postings, BLOCK_POSTINGS):
        high = min(low + BLOCK_POSTINGS, postings)
        keypoint = segment.keypoint[low:high]
        segment.image_of(keypoint.max(keepdims=True))  # raises for one out of range
        word = np.searchsorted(segment.start, np.arange(low, high), side="right") - 1
        words[keypoint] = word
        signatures[keypoint] = segment.signature[low:high]
        yield high
    for array, source, target in zip(
        (words, signatures), beside, (word_path, signature_path), strict=True
    ):
        array.flush()
        os.replace(source, target)


def _places(folder: Path, segment: Segment) -> tuple[Path, Path]:
    """Named by the segment's file, which never changes its content."""
    stem = segment.name.removesuffix(".h5")
    return folder / f"{stem}-words.npy", folder / f"{stem}-signatures.npy"
