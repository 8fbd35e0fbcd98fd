"""The file that embeddings are exchanged in, written row by row."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import islice
from typing import IO, TYPE_CHECKING

import numpy as np

from kpsearch.replacing import replacing

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.options import EmbeddingFacts

ROWS_AT_A_TIME = 1024


def write_embeddings(
    path: str | os.PathLike[str],
    ids: Sequence[str],
    vectors: Iterable[npt.NDArray[np.float32]],
    facts: EmbeddingFacts,
) -> None:
    """Write an ``.npz`` of ``ids`` (n,) bytes, ``vectors`` (n, d) float32 and ``meta``, JSON.

    The ids are the paths as the file system spells them. Nothing in it is pickled: ``numpy.load``
    reads it as it is. Equal embeddings, equal bytes. The file is there once it is whole, and no
    more than some rows of it are in memory. One process at a time writes it.
    """
    longest = max((len(name) for name in map(os.fsencode, ids)), default=1)
    with replacing(path, alone=True) as file, zipfile.ZipFile(file, "w") as archive:
        with _member(archive, "ids") as member:
            _write_rows(member, map(os.fsencode, ids), np.dtype(("S", longest)), (len(ids),))
        with _member(archive, "vectors") as member:
            _write_rows(member, vectors, np.dtype("<f4"), (len(ids), facts.dimensions))
        with _member(archive, "meta") as member:
            np.lib.format.write_array(member, np.array(json.dumps(asdict(facts))))


def _member(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    """An array of an archive as NumPy names it; its date is always the same."""
    return archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True)


def _write_rows(
    file: IO[bytes], rows: Iterable[object], kind: np.dtype[np.generic], shape: tuple[int, ...]
) -> None:
    header = {
        "descr": np.lib.format.dtype_to_descr(kind),
        "fortran_order": False,
        "shape": shape,
    }
    np.lib.format.write_array_header_1_0(file, header)
    waiting = iter(rows)
    while some := list(islice(waiting, ROWS_AT_A_TIME)):
        file.write(np.array(some, kind).tobytes())
