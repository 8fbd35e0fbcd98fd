"""What a job of deduplication has done, chunk by chunk, so that a killed one goes on from there."""

from __future__ import annotations

import io
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from zipfile import BadZipFile

import numpy as np

from kpsearch.errors import KpsearchError
from kpsearch.ledger import Ledger
from kpsearch.parallel import map_in_order

if TYPE_CHECKING:
    import numpy.typing as npt

Arrays = dict[str, "npt.NDArray[Any]"]
T = TypeVar("T")

_DAMAGED = (ValueError, OSError, EOFError, KeyError, IndexError, BadZipFile, zlib.error)


class Journal(Ledger):
    """The results of a job, by stage and number of the chunk."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(
            path,
            "job (identity TEXT NOT NULL)",
            "results (stage TEXT, chunk INTEGER, content BLOB NOT NULL, "
            "PRIMARY KEY (stage, chunk))",
        )

    def claim(self, identity: str) -> None:
        """Forget the results of any job of another ``identity``: all that results follow from."""
        if self.ask("SELECT identity FROM job") != [(identity,)]:
            self.write("DELETE FROM results")
            self.write("DELETE FROM job")
            self.write("INSERT INTO job VALUES (?)", identity)

    def done(self, stage: str) -> set[int]:
        """Numbers of the chunks of a stage that need not be done again."""
        return {chunk for (chunk,) in self.ask("SELECT chunk FROM results WHERE stage = ?", stage)}

    def read(self, stage: str, chunk: int) -> Arrays:
        """The results of a chunk that is `done`."""
        found = self.ask("SELECT content FROM results WHERE stage = ? AND chunk = ?", stage, chunk)
        try:
            with np.load(io.BytesIO(found[0][0]), allow_pickle=False) as archive:
                return dict(archive)
        except _DAMAGED as error:
            raise KpsearchError(f"{self.path}: is damaged; remove it and start again") from error

    def add(self, stage: str, chunk: int, results: Arrays) -> None:
        """Keep the results of a chunk."""
        content = io.BytesIO()
        np.savez(content, allow_pickle=False, **results)
        self.write("INSERT INTO results VALUES (?, ?, ?)", stage, chunk, content.getvalue())


def in_chunks(
    journal: Journal,
    stage: str,
    work: Callable[[T], Arrays],
    chunks: Sequence[T],
    *,
    n_jobs: int,
    progress: Callable[[int, int], None],
    run: Callable[..., Iterable[Arrays]] = map_in_order,
    is_final: Callable[[Arrays], bool] = lambda _: True,
) -> Iterator[Arrays]:
    """``work`` of each chunk, in order; what the journal has of the ``stage`` is not done again.

    It keeps what ``is_final``: another run may do better with the rest.
    """
    done = journal.done(stage)
    waiting = [chunk for number, chunk in enumerate(chunks) if number not in done]
    results = iter(run(work, waiting, n_jobs=n_jobs, chunk_size=1))
    try:
        for number in range(len(chunks)):
            progress(number, len(chunks))
            if number in done:
                yield journal.read(stage, number)
            else:
                found = next(results)
                if is_final(found):
                    journal.add(stage, number, found)
                yield found
        progress(len(chunks), len(chunks))
    finally:
        close = getattr(results, "close", None)
        if close is not None:
            close()


def joined(parts: Iterable[Arrays], empty: Arrays) -> Arrays:
    """The arrays of all parts, end to end."""
    kept = [empty, *parts]
    return {name: np.concatenate([part[name] for part in kept]) for name in empty}
