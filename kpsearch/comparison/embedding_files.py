"""Embeddings as other programs write them: one vector a picture, and the pictures' ids.

- ``.npz``: arrays ``ids`` and ``vectors``;
- ``.npy``: the vectors; the ids, one a line, in a text file of the same stem (``.txt``), or in a
  ``.csv`` of it, in its column ``path`` or ``id``, or its only one;
- ``.h5``, ``.hdf5``: data sets ``ids`` and ``vectors``, or ``names`` and ``features``.

Nothing is unpickled; `kpsearch.comparison.stored_arrays` says what of the files is believed.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kpsearch.comparison.stored_arrays import Arrays, hdf5_arrays, npy_array, npz_arrays
from kpsearch.errors import KpsearchError, UnusableFile

_VECTORS = ("vectors", "features")
_IDS = ("ids", "names")
_ID_COLUMNS = ("path", "id")
_CHECKED_ROWS = 65_536


@dataclass(frozen=True, slots=True, eq=False)
class Embeddings:
    """One vector for each of n pictures."""

    ids: tuple[str, ...]
    vectors: npt.NDArray[Any]
    """(n, d), floating point or whole numbers, all finite; may be mapped from a file."""

    @property
    def bytes_per_image(self) -> int:
        """What one vector takes, as stored."""
        return int(self.vectors.shape[1] * self.vectors.itemsize)


def is_embedding_file(path: str) -> bool:
    """Whether the name's ending says that `read_embeddings` takes the file."""
    return _ending(path) in _READERS


def read_embeddings(path: str) -> Embeddings:
    """The embeddings in the file at ``path``.

    Raises `UnusableFile` naming the file for one that cannot be read, arrays of a wrong kind or
    shape, pickled objects, as many ids as there are not vectors, an id that is empty or there
    twice, and a number that is not finite in 32 bits.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        raise UnusableFile(f"{path}: no embeddings can be read from it: not a regular file")
    try:
        ids, vectors = _READERS[_ending(path)](path)
    except KpsearchError:
        raise
    except Exception as error:  # the parsers of NumPy and h5py raise nearly anything
        reason = getattr(error, "strerror", None) or error
        raise UnusableFile(f"{path}: no embeddings can be read from it: {reason}") from error
    _check_vectors(vectors, path)
    _check_ids(ids, len(vectors), path)
    return Embeddings(tuple(ids), vectors)


def _ending(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def _read_npz(path: str) -> tuple[list[str], npt.NDArray[Any]]:
    with npz_arrays(path) as arrays:
        return _named_arrays(arrays, path)


def _read_npy(path: str) -> tuple[list[str], npt.NDArray[Any]]:
    vectors = npy_array(path)
    stem = os.path.splitext(path)[0]
    for ending, read in ((".txt", _lines), (".csv", _column)):
        if os.path.exists(stem + ending):
            return list(read(stem + ending)), vectors
    raise UnusableFile(f"{path}: whose are the vectors? List the ids, one a line, in {stem}.txt")


def _read_hdf5(path: str) -> tuple[list[str], npt.NDArray[Any]]:
    with hdf5_arrays(path) as arrays:
        return _named_arrays(arrays, path)


_READERS: dict[str, Callable[[str], tuple[list[str], npt.NDArray[Any]]]] = {
    ".npz": _read_npz,
    ".npy": _read_npy,
    ".h5": _read_hdf5,
    ".hdf5": _read_hdf5,
}


def _named_arrays(arrays: Arrays, path: str) -> tuple[list[str], npt.NDArray[Any]]:
    names = []
    for known in (_IDS, _VECTORS):
        name = next((name for name in known if name in arrays), None)
        if name is None:
            held = ", ".join(sorted(arrays)) or "nothing"
            raise UnusableFile(f"{path}: no array {' or '.join(known)}; it holds {held}")
        names.append(name)
    return _texts(arrays[names[0]](), path), arrays[names[1]]()


def _texts(ids: npt.NDArray[Any], path: str) -> list[str]:
    """Ids as text, whichever way their array keeps them; bytes are those of a path."""
    if ids.ndim != 1:
        raise UnusableFile(f"{path}: the ids have shape {ids.shape}; one id a vector is wanted")
    values = ids.tolist()
    if not all(isinstance(value, str | bytes) for value in values):
        raise UnusableFile(f"{path}: the ids are {ids.dtype}, not text; give the pictures' paths")
    return [os.fsdecode(value) for value in values]


def _check_vectors(vectors: npt.NDArray[Any], path: str) -> None:
    if vectors.ndim != 2 or 0 in vectors.shape:
        raise UnusableFile(
            f"{path}: the vectors have shape {vectors.shape}; (pictures, dimensions) is wanted"
        )
    if vectors.dtype.kind not in "fiu":
        raise UnusableFile(f"{path}: the vectors are {vectors.dtype}; real numbers are wanted")
    for start in range(0, len(vectors), _CHECKED_ROWS):
        with np.errstate(over="ignore"):
            block = np.asarray(vectors[start : start + _CHECKED_ROWS], np.float32)
        bad = ~np.isfinite(block).all(axis=1)
        if bad.any():
            row = start + int(bad.argmax())
            raise UnusableFile(f"{path}: vector {row} (counted from 0) {_fault(vectors[row])}")


def _fault(vector: npt.NDArray[Any]) -> str:
    """What keeps it from being finite in 32 bits."""
    if not np.isfinite(vector).all():
        return "holds a NaN or infinity; leave such pictures out"
    most = np.finfo(np.float32).max
    return f"holds {np.abs(vector).max():g}, beyond 32-bit numbers ({most:.2g}); scale the vectors"


def _check_ids(ids: Sequence[str], vectors: int, path: str) -> None:
    if len(ids) != vectors:
        raise UnusableFile(f"{path}: {len(ids)} ids for {vectors} vectors; each needs one")
    seen: set[str] = set()
    for number, identifier in enumerate(ids):
        if not identifier:
            raise UnusableFile(f"{path}: id {number} (counted from 0) is empty")
        if identifier in seen:
            raise UnusableFile(f"{path}: {identifier!r} has two vectors; keep one")
        seen.add(identifier)


def _lines(path: str) -> Iterator[str]:
    """Every line but empty ones at the end; bytes that are not UTF-8 are those of a path."""
    with open(path, "rb") as file:
        text = os.fsdecode(file.read().removeprefix(b"\xef\xbb\xbf"))
    yield from (line.removesuffix("\r") for line in text.rstrip("\r\n").split("\n"))


def _column(path: str) -> Iterator[str]:
    with open(path, "rb") as file:
        text = os.fsdecode(file.read().removeprefix(b"\xef\xbb\xbf"))
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except csv.Error as error:
        raise UnusableFile(f"{path}: not valid CSV: {error}") from error
    column = next((rows[0].index(name) for name in _ID_COLUMNS if rows and name in rows[0]), None)
    wanted = 0 if column is None else column
    if column is None and any(len(row) != 1 for row in rows):
        raise UnusableFile(
            f"{path}: no column {' or '.join(_ID_COLUMNS)}; name one of the columns so"
        )
    for row in rows if column is None else rows[1:]:
        if wanted >= len(row):
            raise UnusableFile(f"{path}: a row has no id: {','.join(row)}")
        yield row[wanted]
