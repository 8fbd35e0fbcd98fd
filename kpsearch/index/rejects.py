"""The rejects of an index: the last word on each path that could not be used.

One file holds them all, as with the deleted images: which of them still hold does not depend on
how segments were merged, and a file that has become good, or is gone, leaves no trace.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

import numpy as np

from kpsearch.errors import IndexDamaged
from kpsearch.index.container import MappedFile
from kpsearch.index.packing import Packing, pack
from kpsearch.index.text import TextColumn
from kpsearch.types import Reject


def pack_rejects(rejects: Iterable[Reject]) -> Packing:
    """The file of the rejects, by path."""
    ordered = sorted(rejects, key=lambda reject: os.fsencode(reject.path))
    texts = [r.text.encode(errors="backslashreplace") for r in ordered]
    arrays = {
        "size_bytes": np.array([r.size_bytes for r in ordered], np.uint64),
        "mtime_ns": np.array([r.mtime_ns for r in ordered], np.int64),
        **TextColumn.of([os.fsencode(r.path) for r in ordered]).arrays("path"),
        **TextColumn.of([r.code.encode() for r in ordered]).arrays("code"),
        **TextColumn.of(texts).arrays("text"),
    }
    return pack(arrays, {"kind": "kpsearch rejects", "format_version": 3})


def read_rejects(file: MappedFile) -> dict[str, Reject]:
    """The rejects of a mapped file, by path; raises `IndexDamaged` if they cannot be read."""
    try:
        return {reject.path: reject for reject in _rejects(file)}
    except UnicodeDecodeError as error:
        raise IndexDamaged(f"{file.entry.name}: {error}") from error


def _rejects(file: MappedFile) -> list[Reject]:
    paths, codes, texts = (TextColumn.read(file.array, name) for name in ("path", "code", "text"))
    sizes, times = file.array("size_bytes"), file.array("mtime_ns")
    return [
        Reject(
            path=os.fsdecode(paths[row]),
            code=codes[row].decode(),
            text=texts[row].decode(),
            size_bytes=int(sizes[row]),
            mtime_ns=int(times[row]),
        )
        for row in range(len(paths))
    ]
