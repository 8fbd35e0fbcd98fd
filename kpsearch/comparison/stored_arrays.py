"""Arrays in files of other programs, none of whose headers is believed before it is compared.

A header states a shape; the file, or its member, holds so many bytes. Where the two disagree
nothing is allocated and nothing read. What is compressed may grow by a factor that real numbers
never reach, and beyond `_FREE_BYTES` no more. Nothing is unpickled, and no other file is opened.
"""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kpsearch.errors import UnusableFile

if TYPE_CHECKING:
    import h5py

Array = npt.NDArray[Any]
Arrays = dict[str, Callable[[], Array]]
"""How to read each array of a file, by name."""

_FREE_BYTES = 2**30
_MOST_GROWTH = 100
_REFERENCE_BYTES = 16
"""Of HDF5: a length, an address and a place there."""
_PLAIN = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
"""What NumPy writes."""
_HEADERS: dict[tuple[int, int], Callable[[IO[bytes]], tuple[Any, ...]]] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


@contextmanager
def npz_arrays(path: str) -> Iterator[Arrays]:
    """The arrays of an ``.npz``."""
    with zipfile.ZipFile(path) as archive:
        members = {
            info.filename.removesuffix(".npy"): info
            for info in archive.infolist()
            if info.filename.endswith(".npy")
        }
        yield {name: _member_reader(archive, info, path) for name, info in members.items()}


def npy_array(path: str) -> Array:
    """The array of an ``.npy``, mapped."""
    with open(path, "rb") as file:
        stated = _stated_bytes(file, path)
        held = os.fstat(file.fileno()).st_size - file.tell()
    _require_equal(stated, held, path)
    return np.lib.format.open_memmap(path, mode="r")


@contextmanager
def hdf5_arrays(path: str) -> Iterator[Arrays]:
    """The data sets at the top of an HDF5 file."""
    import h5py

    with h5py.File(path, "r") as file:
        yield {name: _data_set_reader(file, name, path) for name in file}


def _member_reader(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: str
) -> Callable[[], Array]:
    name = f"{path}: {info.filename}"

    def read() -> Array:
        if info.compress_type not in _PLAIN:
            raise UnusableFile(f"{name} is compressed in a way that NumPy does not write")
        if info.compress_size > os.path.getsize(path):
            raise UnusableFile(f"{name} is said to be larger than the file; it is damaged")
        with archive.open(info) as file:
            stated = _stated_bytes(file, name)
            _require_equal(stated, info.file_size - file.tell(), name)
        _require_growth(stated, info.compress_size, name)
        with archive.open(info) as file:
            return np.asarray(np.lib.format.read_array(file, allow_pickle=False))

    return read


def _stated_bytes(file: IO[bytes], name: str) -> int:
    """The bytes that the array at the beginning of an ``.npy`` should have; reads its header."""
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise UnusableFile(f"{name} is in version {version} of its format; save it again as plain")
    shape, _, kind = _HEADERS[version](file)
    if kind.hasobject:
        raise UnusableFile(
            f"{name} holds Python objects, which are not unpickled; save ids as strings, vectors"
            " as numbers"
        )
    return _product(shape) * int(kind.itemsize)


def _data_set_reader(file: h5py.File, name: str, path: str) -> Callable[[], Array]:
    """Links are looked at before they are followed."""
    import h5py

    where = f"{path}: {name}"

    def read() -> Array:
        if not isinstance(file.get(name, getlink=True), h5py.HardLink):
            raise UnusableFile(f"{where} is a link, which is not followed; store the array itself")
        item = file[name]
        if not isinstance(item, h5py.Dataset):
            raise UnusableFile(f"{where} is no data set")
        if item.is_virtual or item.external:
            raise UnusableFile(
                f"{where} is kept in other files, which are not opened; store the array itself"
            )
        _require_stored(item, where)
        return np.asarray(item[()])

    return read


def _require_stored(item: h5py.Dataset, where: str) -> None:
    if item.shape is None:
        raise UnusableFile(f"{where} is empty")
    # A text of any length is a reference, and lies elsewhere in the file.
    item_bytes = _REFERENCE_BYTES if item.dtype.hasobject else item.dtype.itemsize
    stated, held = _product(item.shape) * item_bytes, item.id.get_storage_size()
    if item.chunks is None:
        _require_equal(stated, held, where)
        return
    if _product(item.chunks) * item_bytes > max(_FREE_BYTES, stated):
        raise UnusableFile(f"{where} is in chunks of {item.chunks}, more than there can be")
    _require_growth(stated, held, where)


def _product(shape: tuple[int, ...]) -> int:
    if any(side < 0 for side in shape):
        raise ValueError(f"a side of the shape {shape} is negative")
    return math.prod(shape)


def _require_equal(stated: int, held: int, name: str) -> None:
    if stated != held:
        raise UnusableFile(
            f"{name} should hold {stated:,} bytes by its header, but has {held:,}; the file is"
            " damaged or was not written to its end"
        )


def _require_growth(stated: int, held: int, name: str) -> None:
    if stated > max(_FREE_BYTES, _MOST_GROWTH * held):
        raise UnusableFile(
            f"{name} would grow from {held:,} bytes to {stated:,}; numbers never compress so far:"
            " the file is damaged, or save it uncompressed"
        )
