"""What a scorer may know of the collection, besides the matches: counts, of live images only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class Postings:
    """Whole posting lists of live images, p postings of them, by word and then by slot."""

    word: npt.NDArray[np.uint32]
    slot: npt.NDArray[np.int64]
    signature: npt.NDArray[np.uint64]

    def image_starts(self) -> npt.NDArray[np.intp]:
        """Where the postings of each image in each word start: an image's lie side by side."""
        if len(self.word) == 0:
            return np.empty(0, np.intp)
        changes = (self.word[1:] != self.word[:-1]) | (self.slot[1:] != self.slot[:-1])
        return np.flatnonzero(np.concatenate([[True], changes]))


PostingReader = Callable[["npt.NDArray[np.uint32]"], Iterator[Postings]]
"""The lists of distinct rising words, in blocks: no image's postings of a word are parted, and
for each image words rise from block to block."""


def no_postings(words: npt.NDArray[np.uint32]) -> Iterator[Postings]:
    """The `PostingReader` of a collection without images."""
    return iter(())


@dataclass(frozen=True, eq=False)
class CollectionFacts:
    """The counts of one generation of an index. They do not depend on its segments."""

    word_frequency: npt.NDArray[np.int64]
    """(k,) keypoints with each word."""
    image_length: npt.NDArray[np.int64]
    """(slots,) keypoints of each image."""
    chance: npt.NDArray[np.float64]
    """(65,) P(H ≤ h) of two unrelated descriptors of one word."""
    images: int
    postings: PostingReader = no_postings
    """For scorers that see more of a list than its matches."""

    @cached_property
    def keypoints(self) -> int:
        """In all live images."""
        return int(self.word_frequency.sum())

    @property
    def slots(self) -> int:
        """Images, deleted ones included: the length of a scorer's answer."""
        return len(self.image_length)

    @property
    def word_share(self) -> npt.NDArray[np.float64]:
        """(k,) share of all keypoints that have each word."""
        return np.asarray(self.word_frequency / max(self.keypoints, 1))

    @cached_property
    def image_frequency(self) -> npt.NDArray[np.int64]:
        """(k,) images with each word. Reads every posting list, once."""
        total = np.zeros(len(self.word_frequency), np.int64)
        for block in self.postings(self.all_words()):
            total += np.bincount(block.word[block.image_starts()], minlength=len(total))
        return total

    def all_words(self) -> npt.NDArray[np.uint32]:
        """(k,) for a `PostingReader`."""
        return np.arange(len(self.word_frequency), dtype=np.uint32)
