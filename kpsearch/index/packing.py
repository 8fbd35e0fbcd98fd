"""HDF5 files as an index writes them: laid out first, then streamed in one pass from start to end.

libhdf5 never touches the disk: on a full one it would take the process along. It is asked where
everything goes, given names, types and shapes alone, and writes its few hundred bytes of
structure into memory; the arrays then stream past in the order of the file. So memory does not
grow with the file, and what is written is ordinary HDF5 that any tool can open.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

from kpsearch.index.container import BULK_BYTES, ArrayPlace, FileEntry

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """An array that is made while it is written, from chunks along its first axis."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    chunks: Iterable[npt.NDArray[Any]]
    """Together they have the shape. Gone through once each time the file is."""


Arrays = Mapping[str, "npt.NDArray[Any] | Stream"]
Bytes = bytes | memoryview


class Packing:
    """A file about to be written. Iterating gives its bytes; after that it knows its `entry`."""

    def __init__(self, arrays: Arrays, attributes: Mapping[str, object]) -> None:
        self._arrays = arrays
        self.size_bytes, self._places, self._structure = _lay_out(arrays, attributes)
        self._hashes: tuple[str, str] | None = None

    def __iter__(self) -> Iterator[Bytes]:
        whole, structure = xxhash.xxh3_128(), xxhash.xxh3_128()
        for part, bulk in self._parts():
            whole.update(part)
            if not bulk:
                structure.update(part)
            yield part
        self._hashes = whole.hexdigest(), structure.hexdigest()

    def entry(self, name: str) -> FileEntry:
        """What the manifest has to know of the file, once all of it has been written."""
        if self._hashes is None:
            raise RuntimeError("the file has not been written yet")
        return FileEntry(name, self.size_bytes, *self._hashes, self._places)

    def _parts(self) -> Iterator[tuple[Bytes, bool]]:
        """All bytes in order, and whether they belong to a bulk array."""
        position = 0
        stored = {name: place for name, place in self._places.items() if place.size_bytes}
        for name, place in sorted(stored.items(), key=lambda item: item[1].offset):
            yield self._structure[position : place.offset], False
            for chunk in _chunks(self._arrays[name]):
                yield chunk, place.size_bytes > BULK_BYTES
            position = place.offset + place.size_bytes
        yield self._structure[position : self.size_bytes], False


def pack(arrays: Arrays, attributes: Mapping[str, object]) -> Packing:
    """An HDF5 file of the arrays and the attributes of its root. Equal input, equal bytes."""
    return Packing(arrays, attributes)


def _chunks(array: npt.NDArray[Any] | Stream) -> Iterator[Bytes]:
    for chunk in array.chunks if isinstance(array, Stream) else [array]:
        little = chunk.astype(chunk.dtype.newbyteorder("<"), copy=False)
        if little.size:
            yield np.ascontiguousarray(little).data.cast("B")


def _lay_out(
    arrays: Arrays, attributes: Mapping[str, object]
) -> tuple[int, dict[str, ArrayPlace], _Sparse]:
    """Length of the file, where each array goes, and the bytes around them."""
    import h5py

    structure = _Sparse()
    with h5py.File(
        structure, "w", libver="latest", alignment_threshold=1, alignment_interval=8
    ) as file:
        for key, value in attributes.items():
            file.attrs[key] = value
        places = {name: _reserve(file, name, array) for name, array in arrays.items()}
    return structure.size, places, structure


def _reserve(file: Any, name: str, array: npt.NDArray[Any] | Stream) -> ArrayPlace:
    """Have a contiguous array's place set aside, without a byte written to it."""
    from h5py import h5d, h5p, h5s, h5t

    creation = h5p.create(h5p.DATASET_CREATE)
    creation.set_layout(h5d.CONTIGUOUS)
    creation.set_alloc_time(h5d.ALLOC_TIME_EARLY)
    creation.set_fill_time(h5d.FILL_TIME_NEVER)
    creation.set_obj_track_times(False)
    linking = h5p.create(h5p.LINK_CREATE)
    linking.set_create_intermediate_group(True)
    dtype = array.dtype.newbyteorder("<")
    dataset = h5d.create(
        file.id,
        name.encode(),
        h5t.py_create(dtype),
        h5s.create_simple(array.shape),
        dcpl=creation,
        lcpl=linking,
    )
    return ArrayPlace(int(dataset.get_offset() or 0), dtype.str, tuple(array.shape))


class _Sparse(io.RawIOBase):
    """A file in memory that keeps only what was written to it; the rest reads as zeros."""

    def __init__(self) -> None:
        self._written: list[tuple[int, bytes]] = []
        self._position = 0
        self.size = 0

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}
        self._position = origin[whence] + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def truncate(self, size: int | None = None) -> int:
        self.size = self._position if size is None else size
        return self.size

    def write(self, content: Any) -> int:
        data = bytes(content)
        self._written.append((self._position, data))
        self._position += len(data)
        self.size = max(self.size, self._position)
        return len(data)

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        data = self[self._position : self._position + len(view)]
        view[: len(data)] = data
        self._position += len(data)
        return len(data)

    def __getitem__(self, extent: slice) -> bytes:
        low, high = extent.start, min(extent.stop, self.size)
        found = bytearray(max(high - low, 0))
        for offset, data in self._written:
            a, b = max(offset, low), min(offset + len(data), high)
            if a < b:
                found[a - low : b - low] = data[a - offset : b - offset]
        return bytes(found)
