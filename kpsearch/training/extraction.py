"""The features of many pictures by a backbone, kept on disk so that the next training has them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import xxhash

from kpsearch.categories import FEATURES, Network, open_network, views_of
from kpsearch.embedding import DECODED_SIDES, Stash
from kpsearch.embedding.model_file import read_model
from kpsearch.errors import ImageRejected
from kpsearch.images import read_image, stat_facts, stop_if_wrong_folder
from kpsearch.options import EmbeddingFacts, EmbeddingOptions, WorkerLimits
from kpsearch.parallel import on_pictures
from kpsearch.types import Reject

if TYPE_CHECKING:
    import numpy.typing as npt

    Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Lookout:
    """What is looked at of a picture, and by what."""

    model: str
    """Path of the backbone's ONNX file."""
    width: int
    """Numbers of a feature vector."""
    preprocessing: EmbeddingOptions
    views: tuple[float, ...]


@dataclass(slots=True)
class Extracted:
    """The features of the pictures that could be read."""

    rows: list[int] = field(default_factory=list)
    """Numbers of these pictures among those asked for."""
    features: npt.NDArray[np.float32] = field(
        default_factory=lambda: np.empty((0, 0, 0), np.float32)
    )
    """(n, views, d)"""
    rejects: list[Reject] = field(default_factory=list)
    known: int = 0
    """Pictures whose features were there already."""


def extract(
    paths: Sequence[str],
    lookout: Lookout,
    *,
    cache: str | os.PathLike[str],
    n_jobs: int = 1,
    limits: WorkerLimits | None = None,
    progress: Progress | None = None,
    on_reject: Callable[[Reject], None] | None = None,
) -> Extracted:
    """The features of distinct pictures; those that ``cache``, a file, has are not made again.

    A bad picture is a reject, never an exception. Raises `WrongFolder`, and `IndexLocked` or
    `KpsearchError` where the cache is in use or cannot be used.
    """
    found = Extracted()
    shape = (len(lookout.views), lookout.width)
    vectors: list[npt.NDArray[np.float32]] = []
    with ExitStack() as stack:
        stash = stack.enter_context(Stash(cache, _facts(lookout)))
        keys = [_known(stash, path) for path in paths]
        todo = [path for path, key in zip(paths, keys, strict=True) if key is None]
        results = stack.enter_context(
            closing(
                on_pictures(_Looking(lookout), todo, n_jobs=n_jobs, limits=limits or WorkerLimits())
            )
        )
        for row, (path, key) in enumerate(zip(paths, keys, strict=True)):
            result = None if key is not None else next(results)
            if isinstance(result, Reject):
                found.rejects.append(result)
                (on_reject or (lambda _: None))(result)
            else:
                found.rows.append(row)
                vectors.append(_kept(stash, path, key, result))
                found.known += key is not None
            stop_if_wrong_folder(row + 1, len(found.rejects))
            (progress or (lambda *_: None))("looking at pictures", row + 1, len(paths))
    found.features = np.reshape(vectors, (len(vectors), *shape)).astype(np.float32)
    return found


def _facts(lookout: Lookout) -> EmbeddingFacts:
    """What features follow from, as the stash wants it."""
    digest = xxhash.xxh3_128_hexdigest(read_model(lookout.model))
    made_by = f"{digest} {lookout.views}"
    return EmbeddingFacts(
        lookout.model, made_by, len(lookout.views) * lookout.width, lookout.preprocessing
    )


def _known(stash: Stash, path: str) -> bytes | None:
    """What the features of a picture as it is now are kept under; None where there are none."""
    try:
        key = stash.key(path, *stat_facts(path))
    except ImageRejected:
        return None
    return key if key in stash else None


def _kept(
    stash: Stash, path: str, key: bytes | None, result: _Seen | None
) -> npt.NDArray[np.float32]:
    """The features of a picture, from the stash, or put into it now."""
    if key is not None or result is None:
        return next(stash.vectors(filter(None, [key])))
    stash.add(stash.key(path, result.size_bytes, result.mtime_ns), result.features)
    return result.features


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """Features (views · d,), and the file as it was when it was read for them."""

    features: npt.NDArray[np.float32]
    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class _Looking:
    """A path to its features, in a worker."""

    lookout: Lookout

    def __call__(self, path: str) -> _Seen | Reject:
        how = self.lookout
        side = how.preprocessing.size or 0
        try:
            image = read_image(path, colour=True, at_least_px=DECODED_SIDES * side)
            views = views_of(image.pixels, how.preprocessing, how.views)
            found = _network_at(how.model).run(views, FEATURES)
        except ImageRejected as error:
            return Reject(path, error.code, error.text)
        if found.shape != (len(how.views), how.width) or not np.isfinite(found).all():
            text = f"the backbone gives no {how.width} finite numbers for it"
            return Reject(path, "categorisation_failed", text)
        return _Seen(found.ravel(), image.facts.size_bytes, image.facts.mtime_ns)


@lru_cache(maxsize=1)
def _network_at(model: str) -> Network:
    """The backbone in a file, opened once in a process."""
    return open_network(model, read_model(model), (FEATURES,))
