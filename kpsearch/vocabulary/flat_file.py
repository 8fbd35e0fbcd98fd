"""The arrays of an HDF5 file from anywhere, taken only where they lie in it plainly.

An index is checked by its hashes before it is believed; a vocabulary that somebody passes on has
none. HDF5 can lead a reader anywhere: to other files, through filters, to petabytes. So libhdf5 is
asked for the place of an array only, and the bytes are read from there.
"""

from __future__ import annotations

import math
import os
import stat
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import h5py
    import numpy.typing as npt

MAX_BYTES = 1 << 32
"""No vocabulary is larger: 16 million words of 128 numbers take 3 GiB."""
DTYPES = frozenset({"|u1", "|i1", "<u2", "<u4", "<f8"})
"""What a vocabulary consists of."""


class NotFlat(ValueError):
    """The file is not one that kpsearch writes."""


class FlatFile:
    """A flat HDF5 file, open for reading. A context manager; raises `NotFlat` and ``OSError``."""

    def __init__(self, path: str | os.PathLike[str]) -> None:

        # Opening a FIFO would wait for its writer.
        self._handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            self._size = _size_of(self._handle)
            self._file: h5py.File = _opened(path)
            if self._file.userblock_size:
                raise NotFlat("it has a user block")
        except BaseException:
            os.close(self._handle)
            raise

    def __enter__(self) -> FlatFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        os.close(self._handle)

    def content(self) -> bytes:
        """All bytes of the file."""
        return self._read(0, self._size)

    def array(self, name: str) -> npt.NDArray[Any]:
        """A copy of one array; raises `NotFlat` if it is missing or no plain array."""
        try:
            offset, dtype, shape = self._place(name)
        except NotFlat as error:
            raise NotFlat(f"{name}: {error}") from None
        except (KeyError, ValueError, TypeError, RuntimeError, OSError) as error:
            raise NotFlat(f"{name}: {error}") from error
        content = self._read(offset, math.prod(shape) * dtype.itemsize)
        return np.frombuffer(content, dtype).reshape(shape)

    def _place(self, name: str) -> tuple[int, np.dtype[Any], tuple[int, ...]]:
        import h5py

        link = self._file.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            raise NotFlat("a link that leads elsewhere" if link else "it is not there")
        item = self._file[name]
        if not isinstance(item, h5py.Dataset):
            raise NotFlat("no array")
        plan = item.id.get_create_plist()
        if plan.get_external_count():
            raise NotFlat("its data is kept in other files")
        if plan.get_layout() != h5py.h5d.CONTIGUOUS or plan.get_nfilters():
            raise NotFlat("its data is in chunks, filtered or virtual")
        if item.dtype.str not in DTYPES or not item.shape or item.dtype.subdtype:
            raise NotFlat(f"no plain array of numbers ({item.dtype}, {item.shape})")
        return _whole_place(item, self._size), item.dtype, item.shape

    def _read(self, offset: int, size_bytes: int) -> bytes:
        parts: list[bytes] = []
        while size_bytes and (part := os.pread(self._handle, size_bytes, offset)):
            parts.append(part)
            offset, size_bytes = offset + len(part), size_bytes - len(part)
        if size_bytes:
            raise NotFlat("the file was cut off while it was read")
        return b"".join(parts)


def _whole_place(item: h5py.Dataset, file_bytes: int) -> int:
    """Where the data starts, if all of it lies within the file."""
    size_bytes = math.prod(item.shape) * item.dtype.itemsize
    offset = int(item.id.get_offset() or 0)
    if size_bytes and (offset <= 0 or offset + size_bytes > file_bytes):
        raise NotFlat(f"its {size_bytes} bytes do not lie within the file")
    return offset


def _size_of(handle: int) -> int:
    facts = os.fstat(handle)
    if not stat.S_ISREG(facts.st_mode):
        raise NotFlat("it is no regular file")
    if facts.st_size > MAX_BYTES:
        raise NotFlat(f"{facts.st_size} bytes; no vocabulary has more than {MAX_BYTES}")
    return facts.st_size


def _opened(path: str | os.PathLike[str]) -> h5py.File:
    import h5py

    try:
        return h5py.File(path, "r")
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise NotFlat(str(error)) from error
