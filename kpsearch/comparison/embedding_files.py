"""Embeddings as other programs write them: one vector a picture, and the pictures' ids.

- ``.npz``: arrays ``ids`` and ``vectors``;
- ``.npy``: the vectors; the ids, one a line, in a text file of the same stem (``.txt``), or in a
  ``.csv`` of it, in its column ``path`` or ``id``, or its only one;
- ``.h5``, ``.hdf5``: data sets ``ids`` and ``vectors``, or ``names`` and ``features``.

Nothing is unpickled.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kpsearch.errors import KpsearchError, UsageError

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

    Raises `UsageError` naming the file for one that cannot be read, arrays of a wrong kind or
    shape, pickled objects, as many ids as there are not vectors, an id that is empty or there
    twice, and a number that is not finite in 32 bits.
    """
    try:
        ids, vectors = _READERS[_ending(path)](path)
    except KpsearchError:
        raise
    except Exception as error:  # the parsers of NumPy and h5py raise nearly anything
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{path}: no embeddings can be read from it: {reason}") from error
    _check_vectors(vectors, path)
    _check_ids(ids, len(vectors), path)
    return Embeddings(tuple(ids), vectors)


def _ending(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def _read_npz(path: str) -> tuple[list[str], npt.NDArray[Any]]:
    # Opened here: NumPy leaves a file open that turns out to be no archive.
    with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise ValueError("it is no archive of arrays")
        return _named_arrays(file, path, lambda name: np.asarray(file[name]))


def _read_npy(path: str) -> tuple[list[str], npt.NDArray[Any]]:
    vectors = np.lib.format.open_memmap(path, mode="r")
    stem = os.path.splitext(path)[0]
    for ending, read in ((".txt", _lines), (".csv", _column)):
        if os.path.exists(stem + ending):
            return list(read(stem + ending)), vectors
    raise UsageError(f"{path}: whose are the vectors? List the ids, one a line, in {stem}.txt")


def _read_hdf5(path: str) -> tuple[list[str], npt.NDArray[Any]]:
    import h5py

    with h5py.File(path, "r") as file:
        arrays = {name: item for name, item in file.items() if isinstance(item, h5py.Dataset)}
        return _named_arrays(arrays, path, lambda name: np.asarray(arrays[name][()]))


_READERS: dict[str, Callable[[str], tuple[list[str], npt.NDArray[Any]]]] = {
    ".npz": _read_npz,
    ".npy": _read_npy,
    ".h5": _read_hdf5,
    ".hdf5": _read_hdf5,
}


def _named_arrays(
    arrays: Mapping[str, object], path: str, read: Callable[[str], npt.NDArray[Any]]
) -> tuple[list[str], npt.NDArray[Any]]:
    names = []
    for known in (_IDS, _VECTORS):
        name = next((name for name in known if name in arrays), None)
        if name is None:
            held = ", ".join(sorted(arrays)) or "nothing"
            raise UsageError(f"{path}: no array {' or '.join(known)}; it holds {held}")
        names.append(name)
    return _texts(read(names[0]), path), read(names[1])


def _texts(ids: npt.NDArray[Any], path: str) -> list[str]:
    """Ids as text, whichever way their array keeps them; bytes are those of a path."""
    if ids.ndim != 1:
        raise UsageError(f"{path}: the ids have shape {ids.shape}; one id a vector is wanted")
    values = ids.tolist()
    if not all(isinstance(value, str | bytes) for value in values):
        raise UsageError(f"{path}: the ids are {ids.dtype}, not text; give the pictures' paths")
    return [os.fsdecode(value) for value in values]


def _check_vectors(vectors: npt.NDArray[Any], path: str) -> None:
    if vectors.ndim != 2 or 0 in vectors.shape:
        raise UsageError(
            f"{path}: the vectors have shape {vectors.shape}; (pictures, dimensions) is wanted"
        )
    if vectors.dtype.kind not in "fiu":
        raise UsageError(f"{path}: the vectors are {vectors.dtype}; real numbers are wanted")
    for start in range(0, len(vectors), _CHECKED_ROWS):
        with np.errstate(over="ignore"):
            block = np.asarray(vectors[start : start + _CHECKED_ROWS], np.float32)
        bad = ~np.isfinite(block).all(axis=1)
        if bad.any():
            raise UsageError(
                f"{path}: vector {start + int(bad.argmax())} (counted from 0) holds a NaN or"
                " infinity; leave such pictures out"
            )


def _check_ids(ids: Sequence[str], vectors: int, path: str) -> None:
    if len(ids) != vectors:
        raise UsageError(f"{path}: {len(ids)} ids for {vectors} vectors; each needs one")
    seen: set[str] = set()
    for number, identifier in enumerate(ids):
        if not identifier:
            raise UsageError(f"{path}: id {number} (counted from 0) is empty")
        if identifier in seen:
            raise UsageError(f"{path}: {identifier!r} has two vectors; keep one")
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
        raise UsageError(f"{path}: not valid CSV: {error}") from error
    column = next((rows[0].index(name) for name in _ID_COLUMNS if rows and name in rows[0]), None)
    wanted = 0 if column is None else column
    if column is None and any(len(row) != 1 for row in rows):
        raise UsageError(
            f"{path}: no column {' or '.join(_ID_COLUMNS)}; name one of the columns so"
        )
    for row in rows if column is None else rows[1:]:
        if wanted >= len(row):
            raise UsageError(f"{path}: a row has no id: {','.join(row)}")
        yield row[wanted]
