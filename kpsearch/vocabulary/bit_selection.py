"""Signatures of binary descriptors: 64 of their own bits, the most telling ones of each word.

What k-means leaves undecided within a word is what its descriptors' bits are of two minds about:
so a word's signature keeps the bits of largest variance, and two descriptors of one word differ
in them as far as they differ at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.vocabulary.embedding import BITS

if TYPE_CHECKING:
    import numpy.typing as npt

PRIOR_DESCRIPTORS = 8.0
"""Descriptors that the collection's mean counts for in a word's."""


@dataclass(frozen=True, eq=False)
class BitSelection:
    """The bits that each word keeps."""

    selected: npt.NDArray[np.uint16]
    """(k, 64) numbers of bits, as ``numpy.unpackbits`` counts them."""

    def signatures(
        self, descriptors: npt.NDArray[np.uint8], words: npt.NDArray[np.uint32]
    ) -> npt.NDArray[np.uint64]:
        """Signature of each descriptor in each of its words: (n, d), (n, m) -> (n, m) uint64."""
        if words.size == 0:
            return np.empty(words.shape, np.uint64)
        bits = np.unpackbits(descriptors, axis=1)
        rows = np.arange(len(bits))[:, None, None]
        kept = bits[rows, self.selected[words]]
        return np.packbits(kept, axis=2, bitorder="little").view("<u8")[:, :, 0]


def count_bits(
    descriptors: npt.NDArray[np.uint8], cells: npt.NDArray[np.integer], n_cells: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """How many descriptors of each cell have each bit, (n_cells, 8 d), and how many there are.

    (n, d) descriptors and their (n,) cells; the bits of one cell are unpacked at a time.
    """
    count = np.bincount(cells, minlength=n_cells)
    bound = np.concatenate([[0], count.cumsum()]).tolist()
    order = np.argsort(cells, kind="stable")
    ones = np.zeros((n_cells, 8 * descriptors.shape[1]), np.int64)
    for cell in np.flatnonzero(count).tolist():
        own = descriptors[order[bound[cell] : bound[cell + 1]]]
        ones[cell] = np.unpackbits(own, axis=1).sum(axis=0, dtype=np.int64)
    return ones, count


def select_bits(
    descriptors: npt.NDArray[np.uint8],
    words: npt.NDArray[np.uint32],
    centroids: npt.NDArray[np.uint8],
    rng: np.random.Generator,
) -> BitSelection:
    """The bits of largest variance among the descriptors of each word; ties to the first.

    (n, d) descriptors, their (n,) words and the (k, d) centroids. ``rng`` is not drawn from.
    """
    ones, count = count_bits(descriptors, words, len(centroids))
    overall = ones.sum(axis=0) / len(descriptors)
    mean = (ones + PRIOR_DESCRIPTORS * overall) / (count[:, None] + PRIOR_DESCRIPTORS)
    spread = mean * (1 - mean)
    selected = np.argsort(-spread, axis=1, kind="stable")[:, :BITS]
    return BitSelection(selected.astype(np.uint16))
