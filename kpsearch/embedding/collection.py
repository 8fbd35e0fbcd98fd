"""The embeddings of many pictures, from their paths to one file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.embedding.archive import write_embeddings
from kpsearch.embedding.model import Embedder, embedder_of
from kpsearch.embedding.reading import read_to_embed
from kpsearch.embedding.stash import Stash
from kpsearch.errors import ImageRejected, KpsearchError
from kpsearch.images import stat_facts, stop_if_wrong_folder
from kpsearch.options import EmbeddingFacts, EmbeddingOptions, WorkerLimits
from kpsearch.parallel import on_pictures
from kpsearch.types import Reject

if TYPE_CHECKING:
    import numpy.typing as npt

    Progress = Callable[[str, int, int], None]


@dataclass(slots=True)
class EmbeddingReport:
    """What became of the pictures."""

    facts: EmbeddingFacts
    embedded: int = 0
    """Pictures with a vector in the file."""
    resumed: int = 0
    """Those of them that an earlier run, which did not come to its end, had embedded."""
    rejects: list[Reject] = field(default_factory=list)
    unfinished: int = 0
    """Vectors of other pictures that an earlier run had made, and that are kept for it."""


def embed_pictures(
    paths: Sequence[str],
    model: str | os.PathLike[str],
    output: str | os.PathLike[str],
    options: EmbeddingOptions | None = None,
    *,
    n_jobs: int = 1,
    limits: WorkerLimits | None = None,
    progress: Progress | None = None,
    on_reject: Callable[[Reject], None] | None = None,
) -> EmbeddingReport:
    """Write the embeddings of distinct pictures to ``output``, an ``.npz``, in their order.

    A bad picture is a reject, never an exception. Vectors are kept in ``output``.part until all are
    there: a run that is stopped, however that happens, is gone on with by the next one, which reads
    again what is new or has changed in size or time. Where that one was to embed other pictures
    too, ``output``.part stays. Memory holds some 200 bytes a picture besides its path; the disk,
    for a while, twice what the vectors take.

    Raises `NotInstalled`, `UnusableModel`, `WrongFolder`, `IndexLocked` where another run is at
    work on ``output``, and `KpsearchError` where not a picture is usable or ``output``.part is not.
    """
    facts = Embedder(model, options).facts
    stash = Stash(f"{os.fspath(output)}.part", facts)
    report = EmbeddingReport(facts)
    job = _Job(stash, report, progress or (lambda *_: None), on_reject or (lambda _: None))
    with stash:
        keys = job.embed(paths, n_jobs=n_jobs, limits=limits or WorkerLimits())
        if report.embedded:
            job.write(output, paths, keys)
            report.unfinished = stash.of_others(paths)
        kept = report.unfinished if report.embedded else len(stash)
    if not kept:
        stash.remove()
    if not report.embedded:
        tried = f"none of {len(paths)} files is a usable picture" if paths else "no picture found"
        raise KpsearchError(f"nothing to embed: {tried}")
    return report


@dataclass(frozen=True, slots=True)
class _Job:
    """One run, and its report."""

    stash: Stash
    report: EmbeddingReport
    progress: Progress
    on_reject: Callable[[Reject], None]

    def embed(
        self, paths: Sequence[str], *, n_jobs: int, limits: WorkerLimits
    ) -> list[bytes | None]:
        """What the vector of each picture is kept under, once it is there; None for a reject."""
        keys = [self._known(path) for path in paths]
        todo = [path for path, key in zip(paths, keys, strict=True) if key is None]
        work = _Embedding(self.report.facts)
        with closing(on_pictures(work, todo, n_jobs=n_jobs, limits=limits)) as results:
            for number, path in enumerate(paths):
                if keys[number] is None:
                    keys[number] = self._keep(path, next(results))
                else:
                    self.report.resumed += 1
                self.report.embedded += keys[number] is not None
                stop_if_wrong_folder(number + 1, len(self.report.rejects))
                self.progress("embedding", number + 1, len(paths))
        return keys

    def _known(self, path: str) -> bytes | None:
        """What the vector of a picture as it is now is kept under; None where there is none."""
        try:
            key = self.stash.key(path, *stat_facts(path))
        except ImageRejected:
            return None
        return key if key in self.stash else None

    def _keep(self, path: str, result: _Embedded | Reject) -> bytes | None:
        if isinstance(result, Reject):
            self.report.rejects.append(result)
            self.on_reject(result)
            return None
        key = self.stash.key(path, result.size_bytes, result.mtime_ns)
        self.stash.add(key, result.vector)
        return key

    def write(
        self,
        output: str | os.PathLike[str],
        paths: Sequence[str],
        keys: Sequence[bytes | None],
    ) -> None:
        """Put the vectors into one file."""
        self.stash.commit()
        ids = [path for path, key in zip(paths, keys, strict=True) if key is not None]
        vectors = self._counted(self.stash.vectors(filter(None, keys)), len(ids))
        write_embeddings(output, ids, vectors, self.report.facts)

    def _counted(
        self, vectors: Iterable[npt.NDArray[np.float32]], total: int
    ) -> Iterator[npt.NDArray[np.float32]]:
        for number, vector in enumerate(vectors, start=1):
            yield vector
            self.progress("writing", number, total)


@dataclass(frozen=True, slots=True, eq=False)
class _Embedded:
    """A vector (d,), and the file as it was when it was read for it."""

    vector: npt.NDArray[np.float32]
    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class _Embedding:
    """A path to its vector, in a worker."""

    facts: EmbeddingFacts

    def __call__(self, path: str) -> _Embedded | Reject:
        embedder = embedder_of(self.facts)
        try:
            image = read_to_embed(path, embedder)
            vector = embedder.embed(image)
        except ImageRejected as error:
            return Reject(path, error.code, error.text)
        if not vector.any():  # it has no cosine with anything
            text = f"{self.facts.model}: gives nothing but zeros for it"
            return Reject(path, "embedding_failed", text)
        return _Embedded(vector, image.facts.size_bytes, image.facts.mtime_ns)
