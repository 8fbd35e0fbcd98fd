"""Tag directories, the common ground of TIFF files and EXIF blocks (TIFF 6.0, section 2)."""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

ORIENTATION = 274

_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_TYPE_BYTES |= {16: 8, 17: 8, 18: 8}  # BigTIFF
_INTEGERS = {1: "u1", 3: "u2", 4: "u4", 6: "i1", 8: "i2", 9: "i4", 13: "u4", 16: "u8", 18: "u8"}


class BadTags(ValueError):
    """A tag directory that is broken or cut off."""


class Entry(NamedTuple):
    """One tag: the type of its values, how many they are, and where in the data they lie."""

    type: int
    length: int
    start: int
    end: int


class TagReader:
    """Reads the directories of one TIFF structure; nothing is read before it is asked for."""

    def __init__(self, data: bytes) -> None:
        """``data`` starts at the TIFF header; raises ``BadTags`` if that is none."""
        marks = {b"II*\0": "<", b"MM\0*": ">", b"II+\0": "<", b"MM\0+": ">"}
        if data[:4] not in marks:
            raise BadTags("no TIFF header")
        self._data = data
        self._order = marks[data[:4]]
        self._wide = b"+" in data[:4]  # BigTIFF: 64-bit offsets
        self._head, self._row = ("Q", "HHQ") if self._wide else ("H", "HHI")
        self._offset = "Q" if self._wide else "I"
        (self.first,) = self._unpack(self._offset, 8 if self._wide else 4)

    def directory(self, start: int) -> tuple[dict[int, Entry], int]:
        """The tags of the directory at ``start`` and where the next one is (0: none)."""
        (count,) = self._unpack(self._head, start)
        row = struct.calcsize("=" + self._row + self._offset)
        at = start + struct.calcsize("=" + self._head)
        if at + count * row > len(self._data):
            raise BadTags("a tag directory is cut off")
        tags = dict(self._entry(at + number * row) for number in range(count))
        (following,) = self._unpack(self._offset, at + count * row)
        return tags, following

    def integers(self, entry: Entry) -> npt.NDArray[np.int64]:
        """(length,) the values of a tag; raises ``BadTags`` if they are cut off or not integers."""
        if entry.type not in _INTEGERS:
            raise BadTags("a tag has a type it cannot have")
        if entry.end > len(self._data):
            raise BadTags("the values of a tag are cut off")
        dtype = self._order + _INTEGERS[entry.type]
        values = np.frombuffer(self._data, dtype, entry.length, entry.start)
        if values.dtype.itemsize == 8:  # keep sums of two within 64 bits
            values = np.minimum(values, np.uint64(2**61))
        return values.astype(np.int64)

    def _entry(self, at: int) -> tuple[int, Entry]:
        tag, kind, count = self._unpack(self._row, at)
        start = at + struct.calcsize("=" + self._row)
        size = count * _TYPE_BYTES.get(kind, 0)
        if size > struct.calcsize("=" + self._offset):
            (start,) = self._unpack(self._offset, start)
        return tag, Entry(kind, count, start, start + size)

    def _unpack(self, code: str, at: int) -> tuple[int, ...]:
        try:
            return struct.unpack_from(self._order + code, self._data, at)
        except (struct.error, OverflowError, IndexError) as error:
            raise BadTags("a tag directory is cut off") from error


def read_orientation(exif: bytes) -> tuple[int, tuple[str, ...]]:
    """The orientation (1 to 8) an EXIF block asks for, and a warning if the block is bad.

    A block without the tag, or with 0 ("unknown" to some cameras), means upright.
    """
    exif = exif.removeprefix(b"Exif\0\0")
    try:
        reader = TagReader(exif)
        tags, _ = reader.directory(reader.first)
        values = reader.integers(tags[ORIENTATION]) if ORIENTATION in tags else np.zeros(1, int)
        if len(values) != 1 or not 0 <= values[0] <= 8:
            raise BadTags("the orientation is not one of 1 to 8")
    except BadTags as error:
        return 1, (f"bad EXIF: {error}",)
    return int(values[0]) or 1, ()
