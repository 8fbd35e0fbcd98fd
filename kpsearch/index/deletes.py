"""Images that are deleted but still lie in their segments.

One file holds them all: their ids, and how many postings of each word are theirs, so that word
statistics count live images only without reading a posting list.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.index.container import MappedFile, pack

if TYPE_CHECKING:
    import numpy.typing as npt


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
    def read(cls, file: MappedFile) -> Deletes:
        """From a mapped file."""
        return cls(file.array("ids"), file.array("postings"))

    def pack(self) -> bytes:
        """As an HDF5 file."""
        attributes = {"kind": "kpsearch deletes", "format_version": 1}
        return pack({"ids": self.ids, "postings": self.postings}, attributes)
