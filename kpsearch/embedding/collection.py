"""The embeddings of many pictures, and the file that they are exchanged in."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import IO, TYPE_CHECKING

import numpy as np

from kpsearch.embedding.model import Embedder, embedder_of
from kpsearch.embedding.reading import read_to_embed
from kpsearch.errors import ImageRejected
from kpsearch.options import EmbeddingFacts, EmbeddingOptions, WorkerLimits
from kpsearch.parallel import map_in_order
from kpsearch.types import Casualty, Reject

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class Embeddings:
    """The vectors of n pictures."""

    ids: tuple[str, ...]
    """Paths, as given."""
    vectors: npt.NDArray[np.float32]
    """(n, d), of unit length."""
    facts: EmbeddingFacts
    rejects: tuple[Reject, ...] = ()


def embed_pictures(
    paths: Sequence[str],
    model: str | os.PathLike[str],
    options: EmbeddingOptions | None = None,
    *,
    n_jobs: int = 1,
    limits: WorkerLimits | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    on_reject: Callable[[Reject], None] | None = None,
) -> Embeddings:
    """The embedding of each picture, in order; a bad picture is a reject, never an exception.

    All vectors are held in memory: 4 bytes a dimension. Raises `NotInstalled`, `UnusableModel`.
    """
    facts = Embedder(model, options).facts
    work, ids, rejects = _Embedding(facts), list[str](), list[Reject]()
    vectors: list[npt.NDArray[np.float32]] = []
    results = map_in_order(work, paths, n_jobs=n_jobs, isolated=limits or WorkerLimits())
    for path, result in zip(paths, results, strict=True):
        if isinstance(result, Casualty):
            result = Reject(path, result.code, result.text)
        if isinstance(result, Reject):
            rejects.append(result)
            if on_reject:
                on_reject(result)
        else:
            ids.append(path)
            vectors.append(result)
        if progress:
            progress("embedding", len(ids) + len(rejects), len(paths))
    stacked = np.array(vectors, np.float32).reshape(-1, facts.dimensions)
    return Embeddings(tuple(ids), stacked, facts, tuple(rejects))


@dataclass(frozen=True, slots=True)
class _Embedding:
    """A path to its vector, in a worker."""

    facts: EmbeddingFacts

    def __call__(self, path: str) -> npt.NDArray[np.float32] | Reject:
        embedder = embedder_of(self.facts)
        try:
            return embedder.embed(read_to_embed(path, embedder))
        except ImageRejected as error:
            return Reject(path, error.code, error.text)


def write_embeddings(file: IO[bytes], embeddings: Embeddings) -> None:
    """Write an ``.npz`` of ``ids`` (n,) str, ``vectors`` (n, d) float32 and ``meta``, JSON.

    Nothing in it is pickled: ``numpy.load`` reads it as it is. Equal embeddings, equal bytes.
    """
    np.savez(
        file,
        ids=np.array(embeddings.ids, np.str_),
        vectors=embeddings.vectors,
        meta=np.array(json.dumps(asdict(embeddings.facts))),
    )
