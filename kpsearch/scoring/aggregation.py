"""Many signatures to one: the majority, bit by bit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.types import Words

BITS = 64


def majority(
    signatures: npt.NDArray[np.uint64], starts: npt.NDArray[np.intp]
) -> npt.NDArray[np.uint64]:
    """(r,) the aggregate of each of r runs of signatures, none of them empty.

    A bit is set where more than half of the run has it set; a tie goes to the first of the run.
    A run of one or two is therefore its first, and only longer ones are taken apart.
    """
    lengths = np.diff(starts, append=len(signatures))
    merged = signatures[starts]
    long = np.flatnonzero(lengths > 2)
    if len(long) == 0:
        return merged
    length = lengths[long]
    counts = _set_bits(signatures[np.repeat(lengths > 2, lengths)], np.cumsum(length) - length)
    half = (length // 2).astype(counts.dtype)[:, None]
    more, tied = _packed(counts > half), _packed(counts == half)
    tied[length % 2 == 1] = 0
    merged[long] = more | (tied & merged[long])
    return merged


def _set_bits(
    signatures: npt.NDArray[np.uint64], starts: npt.NDArray[np.intp]
) -> npt.NDArray[np.unsignedinteger]:
    """(r, 64) how often each bit is set in each run.

    Counts are as narrow as the longest run allows and added eight bytes at a time: none can
    carry into its neighbour.
    """
    narrow = np.min_scalar_type(np.diff(starts, append=len(signatures)).max())
    lanes = _unpacked(signatures).astype(narrow).view(np.uint64)
    return np.add.reduceat(lanes, starts, axis=0).view(narrow)


def aggregate_words(
    words: Words,
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint64]]:
    """(w,) the distinct words of a query, rising, and (w,) its aggregate in each."""
    order = np.argsort(words.ids, axis=None, kind="stable")
    distinct, starts = np.unique(words.ids.ravel()[order], return_index=True)
    return distinct, majority(words.signatures.ravel()[order], starts)


def _unpacked(signatures: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint8]:
    """(n,) -> (n, 64) bits."""
    octets = signatures.astype("<u8").view(np.uint8).reshape(-1, BITS // 8)
    return np.unpackbits(octets, axis=1, bitorder="little")


def _packed(bits: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint64]:
    """(n, 64) bits -> (n,)."""
    return np.packbits(bits, axis=1, bitorder="little").view("<u8")[:, 0].astype(np.uint64)
