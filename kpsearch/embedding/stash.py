"""Vectors kept on disk while a job makes them, so that one that is killed loses only the last few.

One SQLite file: its journal undoes a half-written commit when it is next opened. A vector is kept
under a hash of all that it follows from, so what an earlier run left is found again by asking for
it, and a changed picture or another model simply is not there.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xxhash

from kpsearch.errors import IndexLocked, KpsearchError
from kpsearch.version import __version__

if TYPE_CHECKING:
    from types import TracebackType

    import numpy.typing as npt

    from kpsearch.options import EmbeddingFacts

COMMIT_PICTURES = 64
COMMIT_SECONDS = 5.0
"""What a killed job has to do again, at most: so many pictures, and of slow ones what came in so
many seconds and the one in work."""
_TABLE = "vectors (key BLOB PRIMARY KEY, vector BLOB NOT NULL)"
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class Stash:
    """The vectors of one model, by picture, in the file at ``path``; one process at a time.

    A context manager that commits however it is left. Raises `IndexLocked` for a file that is in
    use, `KpsearchError` for one that is none of its own or cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str], facts: EmbeddingFacts) -> None:
        self.path = Path(path)
        self._dimensions = facts.dimensions
        made_by = [__version__, facts.model_hash, asdict(facts.options)]
        self._made_by = json.dumps(made_by, sort_keys=True).encode()
        self._uncommitted = 0
        self._committed_at = time.monotonic()

    def __enter__(self) -> Stash:
        with self._named_errors():
            self._connection = sqlite3.connect(self.path, timeout=0, isolation_level=None)
            try:
                self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
                self._connection.execute("BEGIN EXCLUSIVE")
                self._connection.execute(f"CREATE TABLE IF NOT EXISTS {_TABLE}")
            except sqlite3.Error:
                self._connection.close()
                raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._named_errors():
            try:
                if self._connection.in_transaction:  # SQLite ends it itself on a full disk
                    self._connection.execute("COMMIT")
            finally:
                self._connection.close()

    def key(self, path: str, size_bytes: int, mtime_ns: int) -> bytes:
        """(32 bytes) what the vector of a picture is kept under; the first half is the path's."""
        state = b"%d %d " % (size_bytes, mtime_ns)
        return _of_path(path) + xxhash.xxh3_128_digest(self._made_by + b"\0" + state)

    def __len__(self) -> int:
        """Vectors kept, of any model."""
        with self._named_errors():
            return int(self._connection.execute("SELECT COUNT(*) FROM vectors").fetchone()[0])

    def of_others(self, paths: Iterable[str]) -> int:
        """Vectors kept of pictures that are not among the ``paths``."""
        asked = set(map(_of_path, paths))
        with self._named_errors():
            keys = self._connection.execute("SELECT key FROM vectors")
            return sum(key[: len(_of_path(""))] not in asked for (key,) in keys)

    def __contains__(self, key: bytes) -> bool:
        with self._named_errors():
            found = self._connection.execute("SELECT 1 FROM vectors WHERE key = ?", (key,))
            return found.fetchone() is not None

    def add(self, key: bytes, vector: npt.NDArray[np.float32]) -> None:
        """Keep a vector (d,)."""
        row = (key, vector.astype("<f4").tobytes())
        with self._named_errors():
            self._connection.execute("INSERT OR REPLACE INTO vectors VALUES (?, ?)", row)
        self._uncommitted += 1
        waited = time.monotonic() - self._committed_at
        if self._uncommitted == COMMIT_PICTURES or waited >= COMMIT_SECONDS:
            self.commit()

    def commit(self) -> None:
        """Have the disk confirm what was added."""
        with self._named_errors():
            self._connection.execute("COMMIT")
            self._connection.execute("BEGIN EXCLUSIVE")
        self._uncommitted = 0
        self._committed_at = time.monotonic()

    def vectors(self, keys: Iterable[bytes]) -> Iterator[npt.NDArray[np.float32]]:
        """The vector (d,) of each key."""
        for key in keys:
            with self._named_errors():
                asked = self._connection.execute("SELECT vector FROM vectors WHERE key = ?", (key,))
                row = asked.fetchone()
            vector = np.frombuffer(row[0] if row else b"", "<f4").astype(np.float32)
            if len(vector) != self._dimensions:
                raise KpsearchError(f"{self.path}: is damaged; remove it and start again")
            yield vector

    def remove(self) -> None:
        """Delete the file, once all that is in it is elsewhere; after the context is left."""
        for ending in ("-journal", ""):  # of a committed file the journal may be there, and empty
            Path(f"{self.path}{ending}").unlink(missing_ok=True)

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0)
            if code in _BUSY:
                text = f"{self.path}: another run is at work on it; wait for its end"
                raise IndexLocked(text) from error
            if code == sqlite3.SQLITE_CANTOPEN:
                text = "cannot be opened or made; move what is there away, or write elsewhere"
            elif code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
                text = f"is not what an earlier run left ({error}); remove it and start again"
            else:
                text = f"{error}; what it holds stays, run again to go on"
            raise KpsearchError(f"{self.path}: {text}") from error


def _of_path(path: str) -> bytes:
    """(16 bytes)"""
    return xxhash.xxh3_128_digest(os.fsencode(path))
