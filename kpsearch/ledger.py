"""Results kept on disk while a job makes them, so that one that is killed loses only the last few.

One SQLite file: its journal undoes a half-written commit when it is next opened.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from kpsearch.errors import IndexLocked, KpsearchError

if TYPE_CHECKING:
    from types import TracebackType

COMMIT_ROWS = 64
COMMIT_SECONDS = 5.0
"""What a killed job has to do again, at most: so many rows, and of slow ones what came in so many
seconds and the one in work."""
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class Ledger:
    """The tables of the file at ``path``; one process at a time.

    A context manager that commits however it is left. Raises `IndexLocked` for a file that is in
    use, `KpsearchError` for one that is none of its own or cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str], *tables: str) -> None:
        """``tables`` as SQL declares them: ``name (column TYPE, ...)``."""
        self.path = Path(path)
        self._tables = tables
        self._uncommitted = 0
        self._committed_at = time.monotonic()

    def __enter__(self) -> Self:
        with self._named_errors():
            self._connection = sqlite3.connect(self.path, timeout=0, isolation_level=None)
            try:
                self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
                self._connection.execute("BEGIN EXCLUSIVE")
                for table in self._tables:
                    self._connection.execute(f"CREATE TABLE IF NOT EXISTS {table}")
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

    def ask(self, query: str, *values: Any) -> list[Any]:
        """The rows that a query finds."""
        with self._named_errors():
            return self._connection.execute(query, values).fetchall()

    def write(self, statement: str, *values: Any) -> None:
        """Change a row; the disk confirms it with the next `commit`, which comes by itself."""
        with self._named_errors():
            self._connection.execute(statement, values)
        self._uncommitted += 1
        waited = time.monotonic() - self._committed_at
        if self._uncommitted == COMMIT_ROWS or waited >= COMMIT_SECONDS:
            self.commit()

    def commit(self) -> None:
        """Have the disk confirm what was written."""
        with self._named_errors():
            self._connection.execute("COMMIT")
            self._connection.execute("BEGIN EXCLUSIVE")
        self._uncommitted = 0
        self._committed_at = time.monotonic()

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
