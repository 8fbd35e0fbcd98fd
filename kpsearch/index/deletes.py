"""Images that are deleted but still lie in their segments.

One file holds them all: their ids, and how many postings of each word are theirs, so that word
statistics count live images only without reading a posting list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.index.container import MappedFile
from kpsearch.index.packing import Packing, pack
from kpsearch.index.runs import lengths_of
from kpsearch.index.segment import Segment

STEP = 1 << 20
"""Postings looked at together: what bounds the memory a count takes."""

if TYPE_CHECKING:
    import numpy.typing as npt


def count_postings(segment: Segment, images: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """(words,) postings of each word that belong to the images marked True."""
    theirs = np.repeat(images, lengths_of(segment.keypoint_start))
    words = len(segment.start) - 1
    counts = np.zeros(words, np.int64)
    for low in range(0, len(theirs), STEP):
        rows = np.flatnonzero(theirs[segment.keypoint[low : low + STEP]]) + low
        word = np.searchsorted(segment.start, rows, side="right") - 1
        counts += np.bincount(word, minlength=words)
    return counts


@dataclass(frozen=True, slots=True, eq=False)
class Deletes:
    """The deleted images of an index."""

    ids: npt.NDArray[np.uint64]
    """Sorted."""
    postings: npt.NDArray[np.uint32]
    """(k,) postings of each word that belong to them."""

    @classmethod
    def none(cls, words: int) -> Deletes:
        """No image is deleted."""
        return cls(np.empty(0, np.uint64), np.zeros(words, np.uint32))

    @classmethod
    def of(cls, ids: npt.NDArray[np.uint64], segments: Sequence[Segment], words: int) -> Deletes:
        """The images with these ids, counted in the segments that hold them; others are left out.

        Costs a pass over each of those segments' posting lists.
        """
        postings = np.zeros(words, np.int64)
        found = [np.empty(0, np.uint64)]
        for segment in segments:
            gone = np.isin(segment.ids, ids)
            if gone.any():
                postings += count_postings(segment, gone)
                found.append(segment.ids[gone])
        return cls(np.sort(np.concatenate(found)), postings.astype(np.uint32))

    def and_also(self, others: Deletes) -> Deletes:
        """These and others besides; no image is in both."""
        return Deletes(
            np.sort(np.concatenate([self.ids, others.ids])), self.postings + others.postings
        )

    def without(self, others: Deletes) -> Deletes:
        """These but for others, all of which are among them."""
        return Deletes(np.setdiff1d(self.ids, others.ids), self.postings - others.postings)

    @classmethod
    def read(cls, file: MappedFile) -> Deletes:
        """From a mapped file."""
        return cls(file.array("ids"), file.array("postings"))

    def pack(self) -> Packing:
        """As an HDF5 file."""
        attributes = {"kind": "kpsearch deletes", "format_version": 3}
        return pack({"ids": self.ids, "postings": self.postings}, attributes)
