"""Vectors kept on disk while a job makes them, so that one that is killed loses only the last few.

A vector is kept under a hash of all that it follows from, so what an earlier run left is found
again by asking for it, and a changed picture or another model simply is not there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
import xxhash

from kpsearch.errors import KpsearchError
from kpsearch.ledger import Ledger
from kpsearch.version import __version__

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.options import EmbeddingFacts

_TABLE = "vectors (key BLOB PRIMARY KEY, vector BLOB NOT NULL)"


class Stash(Ledger):
    """The vectors of one model, by picture."""

    def __init__(self, path: str | os.PathLike[str], facts: EmbeddingFacts) -> None:
        super().__init__(path, _TABLE)
        self._dimensions = facts.dimensions
        made_by = [__version__, facts.model_hash, asdict(facts.options)]
        self._made_by = json.dumps(made_by, sort_keys=True).encode()

    def key(self, path: str, size_bytes: int, mtime_ns: int) -> bytes:
        """(32 bytes) what the vector of a picture is kept under; the first half is the path's."""
        state = b"%d %d " % (size_bytes, mtime_ns)
        return _of_path(path) + xxhash.xxh3_128_digest(self._made_by + b"\0" + state)

    def __len__(self) -> int:
        """Vectors kept, of any model."""
        return int(self.ask("SELECT COUNT(*) FROM vectors")[0][0])

    def of_others(self, paths: Iterable[str]) -> int:
        """Vectors kept of pictures that are not among the ``paths``."""
        asked = set(map(_of_path, paths))
        keys = self.ask("SELECT key FROM vectors")
        return sum(key[: len(_of_path(""))] not in asked for (key,) in keys)

    def __contains__(self, key: bytes) -> bool:
        return bool(self.ask("SELECT 1 FROM vectors WHERE key = ?", key))

    def add(self, key: bytes, vector: npt.NDArray[np.float32]) -> None:
        """Keep a vector (d,)."""
        content = vector.astype("<f4").tobytes()
        self.write("INSERT OR REPLACE INTO vectors VALUES (?, ?)", key, content)

    def vectors(self, keys: Iterable[bytes]) -> Iterator[npt.NDArray[np.float32]]:
        """The vector (d,) of each key."""
        for key in keys:
            rows = self.ask("SELECT vector FROM vectors WHERE key = ?", key)
            vector = np.frombuffer(rows[0][0] if rows else b"", "<f4").astype(np.float32)
            if len(vector) != self._dimensions:
                raise KpsearchError(f"{self.path}: is damaged; remove it and start again")
            yield vector


def _of_path(path: str) -> bytes:
    """(16 bytes)"""
    return xxhash.xxh3_128_digest(os.fsencode(path))
