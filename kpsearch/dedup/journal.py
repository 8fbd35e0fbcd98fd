"""What a job of deduplication has done, part by part, so that a killed one goes on from there.

Parts have numbers, which mean something in one job only, or names, which stand for all that their
results follow from: those outlive the job, and the next one, of an index that has grown, need not
do them again.
"""

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
Part = int | str
T = TypeVar("T")

_DAMAGED = (ValueError, OSError, EOFError, KeyError, IndexError, BadZipFile, zlib.error)


class Journal(Ledger):
    """The results of a job, by stage and part."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(
            path,
            "job (identity TEXT NOT NULL)",
            "results (stage TEXT, part, content BLOB NOT NULL, PRIMARY KEY (stage, part))",
        )

    def claim(self, identity: str) -> None:
        """Forget the numbered results of any job of another ``identity``: all they follow from."""
        if self.ask("SELECT identity FROM job") != [(identity,)]:
            self.write("DELETE FROM results WHERE typeof(part) = 'integer'")
            self.write("DELETE FROM job")
            self.write("INSERT INTO job VALUES (?)", identity)

    def done(self, stage: str) -> set[Part]:
        """The parts of a stage that need not be done again."""
        return {part for (part,) in self.ask("SELECT part FROM results WHERE stage = ?", stage)}

    def read(self, stage: str, part: Part) -> Arrays:
        """The results of a part that is `done`."""
        found = self.ask("SELECT content FROM results WHERE stage = ? AND part = ?", stage, part)
        try:
            with np.load(io.BytesIO(found[0][0]), allow_pickle=False) as archive:
                return dict(archive)
        except _DAMAGED as error:
            raise KpsearchError(f"{self.path}: is damaged; remove it and start again") from error

    def add(self, stage: str, part: Part, results: Arrays) -> None:
        """Keep the results of a part."""
        content = io.BytesIO()
        np.savez(content, allow_pickle=False, **results)
        row = (stage, part, content.getvalue())
        self.write("INSERT OR REPLACE INTO results VALUES (?, ?, ?)", *row)

    def forget_all_but(self, stage: str, parts: Iterable[Part]) -> None:
        """Drop the results of a stage that nothing asks for any more."""
        for part in self.done(stage).difference(parts):
            self.write("DELETE FROM results WHERE stage = ? AND part = ?", stage, part)


def in_chunks(
    journal: Journal,
    stage: str,
    work: Callable[[T], Arrays],
    chunks: Sequence[T],
    *,
    names: Sequence[Part] | None = None,
    n_jobs: int,
    progress: Callable[[int, int], None],
    run: Callable[..., Iterable[Arrays]] = map_in_order,
    is_final: Callable[[Arrays], bool] = lambda _: True,
) -> Iterator[Arrays]:
    """``work`` of each chunk, in order; what the journal has of the ``stage`` is not done again.

    It keeps what ``is_final``, under the ``names`` of the chunks or their numbers: another run may
    do better with the rest.
    """
    done = journal.done(stage)
    parts = range(len(chunks)) if names is None else names
    waiting = [chunk for part, chunk in zip(parts, chunks, strict=True) if part not in done]
    results = iter(run(work, waiting, n_jobs=n_jobs, chunk_size=1))
    try:
        for number, part in enumerate(parts):
            progress(number, len(chunks))
            if part in done:
                yield journal.read(stage, part)
            else:
                found = next(results)
                if is_final(found):
                    journal.add(stage, part, found)
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
