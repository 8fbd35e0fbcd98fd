"""HDF5 files as an index reads them: by memory map, checked against what the manifest says.

Every array is contiguous and unfiltered, so a reader needs its offset, type and shape and no HDF5
library. Those three, and two hashes, are kept in the manifest: a file is checked before a byte of
it is believed.
"""

from __future__ import annotations

import math
import mmap
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

from kpsearch.errors import IndexDamaged

if TYPE_CHECKING:
    import numpy.typing as npt

BULK_BYTES = 1 << 16
"""Arrays longer than this are left out of the hash that is checked at every opening."""
DTYPES = frozenset({"|u1", "<u2", "<u4", "<u8", "|i1", "<i2", "<i4", "<i8", "<f2", "<f4", "<f8"})
"""What an array may consist of."""

JOINED_PAGES = 16
"""64 KiB: a disk reads through so small a gap in the time of another request."""

Mapped = mmap.mmap | bytes
"""The bytes of a file, mapped or, in small, in memory."""


@dataclass(frozen=True, slots=True)
class ArrayPlace:
    """Where an array lies in its file."""

    offset: int
    dtype: str
    shape: tuple[int, ...]

    @property
    def size_bytes(self) -> int:
        """Length of the array."""
        return np.dtype(self.dtype).itemsize * math.prod(self.shape)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ArrayPlace:
        """From plain JSON values; KeyError, TypeError or ValueError on anything else."""
        if value["dtype"] not in DTYPES:
            raise ValueError(f"no array has the type {value['dtype']!r}")
        shape = tuple(natural_number(length) for length in value["shape"])
        return cls(natural_number(value["offset"]), value["dtype"], shape)


@dataclass(frozen=True, slots=True)
class FileEntry:
    """What the manifest knows of one file."""

    name: str
    size_bytes: int
    whole_hash: str
    """xxh3-128 of all bytes."""
    structure_hash: str
    """xxh3-128 of all bytes but those of the bulk arrays."""
    arrays: Mapping[str, ArrayPlace]

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> FileEntry:
        """From plain JSON values; KeyError, TypeError or ValueError on anything else."""
        if value["name"] != os.path.basename(value["name"]):
            raise ValueError(f"{value['name']!r} is no name of a file in the index's folder")
        return cls(
            name=value["name"],
            size_bytes=natural_number(value["size_bytes"]),
            whole_hash=value["whole_hash"],
            structure_hash=value["structure_hash"],
            arrays={name: ArrayPlace.from_json(place) for name, place in value["arrays"].items()},
        )


def natural_number(value: object) -> int:
    """The value itself, if it is a whole number from 0 up; else ValueError."""
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is not a whole number from 0 up")
    return value


def structure_hash(content: Mapped, arrays: Mapping[str, ArrayPlace]) -> str:
    """xxh3-128 of the bytes outside the bulk arrays."""
    digest = xxhash.xxh3_128()
    position = 0
    for place in sorted(arrays.values(), key=lambda place: place.offset):
        if place.size_bytes > BULK_BYTES:
            digest.update(content[position : place.offset])
            position = place.offset + place.size_bytes
    digest.update(content[position:])
    return digest.hexdigest()


class MappedFile:
    """The arrays of a file as read-only views of its memory map."""

    def __init__(self, entry: FileEntry, mapping: Mapped) -> None:
        """Checks size and structure against the entry; raises `IndexDamaged`."""
        if len(mapping) != entry.size_bytes:
            raise IndexDamaged(
                f"{entry.name}: {len(mapping)} bytes long, {entry.size_bytes} were written"
            )
        if structure_hash(mapping, entry.arrays) != entry.structure_hash:
            raise IndexDamaged(f"{entry.name}: its structure is not what was written")
        self.entry = entry
        self._mapping = mapping
        self._views: dict[str, npt.NDArray[Any]] = {}

    def array(self, name: str) -> npt.NDArray[Any]:
        """A view of one array; raises `IndexDamaged` if the file should have it and has not."""
        view = self._views.get(name)
        if view is None:
            view = self._views[name] = self._view(name)
        return view

    def _view(self, name: str) -> npt.NDArray[Any]:
        place = self.entry.arrays.get(name)
        if place is None:
            raise IndexDamaged(f"{self.entry.name}: holds no array {name!r}")
        count = math.prod(place.shape)
        if count == 0:
            return np.empty(place.shape, np.dtype(place.dtype))
        if place.offset <= 0 or place.offset + place.size_bytes > self.entry.size_bytes:
            raise IndexDamaged(f"{self.entry.name}: array {name!r} lies outside the file")
        flat = np.frombuffer(self._mapping, np.dtype(place.dtype), count, place.offset)
        return flat.reshape(place.shape)

    def will_need(
        self, name: str, starts: npt.NDArray[np.integer], stops: npt.NDArray[np.integer]
    ) -> None:
        """Tell the kernel that these rows of an array are about to be read.

        Cold lists are then fetched together instead of fault by fault. Ranges less than
        ``JOINED_PAGES`` apart are asked for as one. Nothing is asked where the system has no
        madvise.
        """
        mapping = self._mapping
        if isinstance(mapping, bytes) or not hasattr(mapping, "madvise") or len(starts) == 0:
            return
        place = self.entry.arrays[name]
        width = place.size_bytes // max(place.shape[0], 1)
        low = (place.offset + starts.astype(np.int64) * width) // mmap.PAGESIZE
        high = (place.offset + stops.astype(np.int64) * width - 1) // mmap.PAGESIZE + 1
        order = np.argsort(low, kind="stable")
        reach = np.maximum.accumulate(high[order])
        first = np.flatnonzero(np.concatenate([[True], low[order][1:] > reach[:-1] + JOINED_PAGES]))
        last = np.concatenate([first[1:], [len(order)]]) - 1
        for a, b in zip(low[order][first].tolist(), reach[last].tolist(), strict=True):
            length = min(b * mmap.PAGESIZE, len(mapping)) - a * mmap.PAGESIZE
            if length > 0:
                mapping.madvise(mmap.MADV_WILLNEED, a * mmap.PAGESIZE, length)
