"""One picture on its way into an index: read, extracted, quantised, in a worker process."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

import cv2
import numpy as np

from kpsearch.embedding import embedder_of, in_colour
from kpsearch.errors import ImageRejected, KpsearchError
from kpsearch.features import extract_features
from kpsearch.images import read_changed_image, read_image, stat_facts
from kpsearch.index import ImageRecord, Keypoints, quantise_keypoints
from kpsearch.options import EmbeddingFacts, FeatureOptions, WorkerLimits
from kpsearch.parallel import map_in_order
from kpsearch.types import Casualty, Features, FileFacts, Image, Reject
from kpsearch.vocabulary import Vocabulary, load_vocabulary

if TYPE_CHECKING:
    import numpy.typing as npt

Item = TypeVar("Item", "str", "Task")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, eq=False)
class Extracted:
    """The features of one picture and the facts of its file."""

    path: str
    features: Features
    facts: FileFacts
    warning: str
    embedding: npt.NDArray[np.float16] | None = None
    """(d,) where the index keeps embeddings."""


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """A picture that is new or may have changed."""

    path: str
    category: str = ""
    known_hash: bytes = b""
    """Of the picture the index holds under this path."""
    ready: Extracted | Reject | None = None
    """Extracted already, for the vocabulary."""


@dataclass(frozen=True, slots=True)
class SameContent:
    """The file was touched, but holds what the index knows."""

    path: str


@dataclass(frozen=True, slots=True)
class Extraction:
    """A path to its features, in a worker."""

    options: FeatureOptions
    embedding: EmbeddingFacts | None = None
    """The model to embed it with as well."""

    def __call__(self, path: str) -> Extracted | Reject:
        """Read and extract one picture."""
        try:
            image = read_image(path, at_least_px=self.options.max_side_px)
            return self.of(image)
        except ImageRejected as error:
            return _reject(path, error.code, error.text)

    def of(self, image: Image) -> Extracted:
        """What is found in a decoded picture; raises `ImageRejected`."""
        features, embedding = _extract(image, self.options), None
        if self.embedding is not None:
            embedder = embedder_of(self.embedding)
            embedding = embedder.embed(in_colour(image, embedder)).astype(np.float16)
        return Extracted(image.path, features, image.facts, "; ".join(image.warnings), embedding)


def _extract(image: Image, options: FeatureOptions) -> Features:
    """Raises `ImageRejected` for what went wrong with this picture: it is not to cost the job."""
    try:
        return extract_features(image, options)
    except KpsearchError:
        raise  # the options are wrong, for every picture
    except MemoryError as error:
        text = "not enough memory to find its keypoints"
        raise ImageRejected(image.path, "out_of_memory", text) from error
    except Exception as error:
        no_memory = isinstance(error, cv2.error) and "Insufficient memory" in str(error)
        code = "out_of_memory" if no_memory else "extraction_failed"
        text = " ".join(f"{type(error).__name__}: {error}".split())
        raise ImageRejected(image.path, code, text) from error


@dataclass(frozen=True, slots=True)
class Quantisation:
    """A path to what the index keeps of it, in a worker."""

    extraction: Extraction
    vocabulary_path: str

    def __call__(self, task: Task) -> tuple[ImageRecord, Keypoints] | Reject | SameContent:
        """Read, extract and quantise one picture, as far as that has not been done."""
        found = task.ready or self._extract_changed(task)
        if not isinstance(found, Extracted):
            return found
        vocabulary = vocabulary_at(self.vocabulary_path)
        return _quantise(found, vocabulary, task.category)

    def _extract_changed(self, task: Task) -> Extracted | Reject | SameContent:
        how = self.extraction
        try:
            image = read_changed_image(
                task.path, task.known_hash, at_least_px=how.options.max_side_px
            )
            return how.of(image) if image else SameContent(task.path)
        except ImageRejected as error:
            return _reject(task.path, error.code, error.text)


def in_workers(
    work: Callable[[Item], R], items: Sequence[Item], *, n_jobs: int, limits: WorkerLimits
) -> Generator[R | Reject, None, None]:
    """The work done on paths or tasks, in order, in processes that may die of a picture."""
    results = map_in_order(work, items, n_jobs=n_jobs, isolated=limits)
    for item, result in zip(items, results, strict=True):
        if isinstance(result, Casualty):
            path = item if isinstance(item, str) else item.path
            yield _reject(path, result.code, result.text)
        else:
            yield result


@lru_cache(maxsize=1)
def vocabulary_at(path: str) -> Vocabulary:
    """The vocabulary in a file, read once in a process."""
    return load_vocabulary(path)


def _quantise(
    found: Extracted, vocabulary: Vocabulary, category: str
) -> tuple[ImageRecord, Keypoints]:
    features = found.features
    words = vocabulary.quantise(features.descriptors)
    record = ImageRecord(
        path=found.path,
        size=features.image_size,
        size_bytes=found.facts.size_bytes,
        mtime_ns=found.facts.mtime_ns,
        content_hash=found.facts.content_hash,
        category=category,
        warning=found.warning,
    )
    return record, quantise_keypoints(
        features.xy,
        features.scale,
        features.angle_rad,
        features.image_size,
        words.ids[:, 0],
        words.signatures[:, 0],
        found.embedding,
    )


def _reject(path: str, code: str, text: str) -> Reject:
    try:
        size_bytes, mtime_ns = stat_facts(path)
    except ImageRejected:
        size_bytes, mtime_ns = 0, 0
    return Reject(path, code, text, size_bytes, mtime_ns)
