"""Pictures whose perceptual hashes differ in few bits, without comparing every two of them.

Multi-index hashing (Norouzi, Punjani & Fleet, "Fast Search in Hamming Space with Multi-Index
Hashing", CVPR 2012, §3): the 64 bits are dealt out to m parts. Two hashes within r bits of each
other are within ⌊r/m⌋ bits in one of the first r mod m + 1 parts, or within one less in one of the
others: else they would differ in more than r. So each hash is compared with those only that are so
near in a part, which are looked up, part by part, under every change of so few bits.

A catalogue has placeholders, hundreds of pictures of nearly one hash. Equal hashes are looked up
once, and the pictures that share a part are compared with the first ``CROWD`` of them only: work
and answer of a picture stay bounded. Where no part is shared by more, nothing is missed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Hashes = npt.NDArray[np.uint64]
    Keys = npt.NDArray[np.int64]
    Rows = npt.NDArray[np.int64]
    Neighbours = tuple[Rows, npt.NDArray[np.uint8]]

BITS = 64
CROWD = 255
"""Distinct hashes that share a part and are compared with each that looks them up."""
MOST_PARTS = 16
LARGEST_TABLE_BITS = 22
"""Of a part: 16 MB say where the hashes of each of its values begin."""
PAIRS_AT_ONCE = 1 << 21
"""That are found before the worst are dropped: 16 MB."""
PICTURE_BITS, DISTANCE_BITS = 28, 7
"""Of the key of a pair: row, distance and other row in a number of 63 bits, which sorts them."""
ROW_SHIFT = PICTURE_BITS + DISTANCE_BITS


def near_hashes(hashes: Hashes, within: int, *, most: int) -> Neighbours:
    """(m, 2) pairs of pictures, a < b, rising, and (m,) bits between their (n,) hashes.

    All pairs within so many bits in which either is among the ``most`` nearest of the other; of
    equally near ones those of lower numbers are.
    """
    keys = _named(hashes, hashes, within, most=most + 1)
    one, _, other = _unpacked(keys)
    one, distance, other = _unpacked(_trimmed(keys[one != other], most))
    pairs = np.sort(np.column_stack([one, other]), axis=1)
    _, first = np.unique(pairs[:, 0] << PICTURE_BITS | pairs[:, 1], return_index=True)
    return pairs[first], distance[first]


def near_hashes_between(batch: Hashes, fixed: Hashes, within: int, *, most: int) -> Neighbours:
    """(m, 2) pairs of a picture of a batch and one of the fixed, rising, and (m,) bits between.

    Of each picture of the batch those among its ``most`` nearest that are within so many bits.
    """
    one, distance, other = _unpacked(_named(batch, fixed, within, most=most))
    order = np.lexsort((other, one))
    return np.column_stack([one, other])[order], distance[order]


@dataclass(frozen=True, slots=True, eq=False)
class _Distinct:
    """Hashes, each once, in the order of the first picture that has it."""

    value: Hashes
    """(k,)"""
    start: Rows
    """(k + 1,) where those of each begin in ``picture``."""
    picture: Rows
    """(n,) numbers of the pictures, rising within each hash."""

    @property
    def counts(self) -> Rows:
        """(k,) pictures of each."""
        return np.diff(self.start)

    @classmethod
    def of(cls, hashes: Hashes) -> _Distinct:
        if len(hashes) >= 1 << PICTURE_BITS:
            raise ValueError(f"{len(hashes)} hashes are more than {1 << PICTURE_BITS}")
        value, first, code = np.unique(hashes, return_index=True, return_inverse=True)
        order = np.argsort(first, kind="stable")
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        counts = np.bincount(rank[code], minlength=len(value))
        start = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return cls(value[order], start, np.argsort(rank[code], kind="stable"))


def _named(one: Hashes, other: Hashes, within: int, *, most: int) -> Keys:
    """Keys of each picture's ``most`` nearest, rising."""
    if not 0 <= within < BITS or most < 1:
        raise ValueError(f"no {most} neighbours within {within} bits of {BITS}")
    mine = _Distinct.of(one)
    theirs = mine if other is one else _Distinct.of(other)
    found = _nearest(mine.value, theirs.value, within, most)
    named = [np.empty(0, np.int64)]
    at_once = max(PAIRS_AT_ONCE // most, 1)
    for low in range(0, len(found), at_once):
        # Each hash that is near stands for its first pictures, each that is asked for all its own.
        row, distance, near = _unpacked(found[low : low + at_once])
        place, which = _runs(theirs.start[near], np.minimum(theirs.counts[near], most))
        named.append(_key(row[which], distance[which], theirs.picture[place]))
    row, distance, near = _unpacked(_trimmed(np.concatenate(named), most))
    place, which = _runs(mine.start[row], mine.counts[row])
    return np.sort(_key(mine.picture[place], distance[which], near[which]))


def _nearest(one: Hashes, other: Hashes, within: int, most: int) -> Keys:
    """Keys of the near pairs of distinct hashes, the ``most`` nearest of each, rising."""
    _, rows, there = np.intersect1d(one, other, assume_unique=True, return_indices=True)
    found, waiting, kept = [_key(rows, np.zeros_like(rows), there)], 0, 0
    for keys in _looked_up(one, other, within):
        found.append(keys)
        waiting += len(keys)
        if waiting > max(PAIRS_AT_ONCE, kept):
            found = [_trimmed(np.concatenate(found), most)]
            waiting, kept = 0, len(found[0])
    return _trimmed(np.concatenate(found), most)


def _looked_up(one: Hashes, other: Hashes, within: int) -> Iterator[Keys]:
    """Keys of the near pairs, found in any part; a pair may come several times."""
    parts = _parts_for(len(one), len(other), within)
    for part in range(parts):
        bits = list(range(part, BITS, parts))
        mine, table = _dealt(one, bits), _Table.of(other, _dealt(other, bits), len(bits))
        # Neighbours in this order are looked up in neighbouring places, under every change.
        order = np.argsort(mine, kind="stable")
        asking, value = one[order], mine[order]
        for change in _changes(len(bits), _radius(part, parts, within)):
            for rows, distance, there in table.compared(asking, value ^ change, within):
                yield _key(order[rows], distance, there)


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """Hashes by one of their parts."""

    hashes: Hashes
    """(k,) by the value of the part, then as they came."""
    row: Rows
    """(k,) as they came."""
    begin: npt.NDArray[np.int32]
    """(2^bits,) where those of each value begin."""
    count: npt.NDArray[np.uint8]
    """(2^bits,) how many of them are compared."""

    @classmethod
    def of(cls, hashes: Hashes, value: npt.NDArray[np.int32], bits: int) -> _Table:
        order = np.argsort(value, kind="stable")
        count = np.bincount(value, minlength=1 << bits)
        begin = (np.cumsum(count) - count).astype(np.int32)
        return cls(hashes[order], order, begin, np.minimum(count, CROWD).astype(np.uint8))

    def compared(
        self, asking: Hashes, value: npt.NDArray[np.int32], within: int
    ) -> Iterator[tuple[Rows, npt.NDArray[np.uint8], Rows]]:
        """Rows of (n,) hashes, distance and row of those near among the ones of their value."""
        count = self.count[value]
        rows, place, member = np.flatnonzero(count), self.begin[value], 0
        while len(rows):
            there = place[rows] + member
            distance = np.bitwise_count(asking[rows] ^ self.hashes[there])
            hit = np.flatnonzero(distance <= within)
            if len(hit):
                yield rows[hit], distance[hit], self.row[there[hit]]
            member += 1
            rows = rows[count[rows] > member]


def _parts_for(one: int, other: int, within: int) -> int:
    """Into how many parts the bits are best dealt: few look-ups, and few compared at each."""

    def cost(parts: int) -> float:
        total = 0.0
        for part in range(parts):
            bits = len(range(part, BITS, parts))
            radius = min(_radius(part, parts, within), bits)
            looked_up = sum(comb(bits, changed) for changed in range(radius + 1))
            total += looked_up * (1 + other / 2**bits) + 2**bits / max(one, 1)
        return total

    fewest = -(-BITS // LARGEST_TABLE_BITS)
    return min(range(fewest, MOST_PARTS + 1), key=cost)


def _radius(part: int, parts: int, within: int) -> int:
    """In how many bits of this part two hashes may differ for it to find them."""
    return within // parts - (part > within % parts)


def _changes(bits: int, radius: int) -> Iterator[int]:
    """Every change of at most so many bits; none for a radius below 0."""
    for changed in range(min(radius, bits) + 1):
        for places in combinations(range(bits), changed):
            yield sum(1 << place for place in places)


def _dealt(hashes: Hashes, bits: list[int]) -> npt.NDArray[np.int32]:
    """(n,) these bits of each hash, side by side.

    Dealt out like cards: neighbouring frequencies of a picture are not independent.
    """
    part = np.zeros(len(hashes), np.int32)
    for place, bit in enumerate(bits):
        part |= (hashes >> np.uint64(bit) & np.uint64(1)).astype(np.int32) << place
    return part


def _runs(begin: npt.NDArray[Any], lengths: npt.NDArray[Any]) -> tuple[Rows, Rows]:
    """Every place of the runs that begin and are long so, and (m,) of which run it is."""
    which = np.repeat(np.arange(len(lengths)), lengths)
    offset = np.arange(len(which)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return begin[which] + offset, which


def _trimmed(keys: Keys, most: int) -> Keys:
    """Each key once, rising, and the first ``most`` of each row."""
    keys = np.sort(keys)
    keys = keys[np.diff(keys, prepend=-1) > 0]
    row = keys >> ROW_SHIFT
    return keys[np.arange(len(keys)) - np.searchsorted(row, row) < most]


def _key(row: Rows, distance: npt.NDArray[Any], other: Rows) -> Keys:
    """(m,) that rise by row, distance and other."""
    return row << ROW_SHIFT | distance.astype(np.int64) << PICTURE_BITS | other


def _unpacked(keys: Keys) -> tuple[Rows, npt.NDArray[np.uint8], Rows]:
    """Row, distance and other of each key."""
    distance = keys >> PICTURE_BITS & (1 << DISTANCE_BITS) - 1
    return keys >> ROW_SHIFT, distance.astype(np.uint8), keys & (1 << PICTURE_BITS) - 1
