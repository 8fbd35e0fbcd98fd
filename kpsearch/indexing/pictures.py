"""One picture on its way into an index: read, extracted, quantised, in a worker process."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

import cv2
import numpy as np

from kpsearch.categories import classifier_of
from kpsearch.embedding import embedder_of, in_colour
from kpsearch.errors import ImageRejected, KpsearchError
from kpsearch.features import extract_features
from kpsearch.images import read_changed_image, read_image, stat_facts
from kpsearch.index import ImageRecord, Keypoints, quantise_keypoints
from kpsearch.indexing.categories import predicted_category
from kpsearch.indexing.outline import Outline, outline_of, sketch_of
from kpsearch.options import CategoryFacts, EmbeddingFacts, FeatureOptions, WorkerLimits
from kpsearch.parallel import map_in_order
from kpsearch.types import Casualty, Features, FileFacts, Image, Reject
from kpsearch.vocabulary import Vocabulary, load_vocabulary

if TYPE_CHECKING:
    import numpy.typing as npt

R = TypeVar("R")


@dataclass(frozen=True, slots=True, eq=False)
class Extracted:
    """The features of one picture and the facts of its file."""

    path: str
    features: Features
    facts: FileFacts
    category: str
    warning: str
    embedding: npt.NDArray[np.float16] | None = None
    """(d,) where the index keeps embeddings."""
    outline: Outline | None = None
    """Where the index keeps sketches."""


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """A picture that is new or may have changed."""

    path: str
    category: str = ""
    """As the catalogue has it, in the words of a record; empty where it has none."""
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
    """A picture to its features, in a worker."""

    options: FeatureOptions
    embedding: EmbeddingFacts | None = None
    """The model to embed it with as well."""
    categories: CategoryFacts | None = None
    """What predicts its category where the catalogue has none."""
    sketched: bool = True
    """Whether to see what a sketch of it needs."""

    def __call__(self, task: Task) -> Extracted | Reject:
        """Read and extract one picture."""
        try:
            return self.of(read_image(task.path, at_least_px=self.options.max_side_px), task)
        except ImageRejected as error:
            return _reject(task.path, error.code, error.text)

    def of(self, image: Image, task: Task) -> Extracted:
        """What is found in the decoded picture of a task; raises `ImageRejected`."""
        with _failures_rejected(image):
            features = extract_features(image, self.options)
            outline = outline_of(image, features, self.options) if self.sketched else None
        return Extracted(
            path=image.path,
            features=features,
            facts=image.facts,
            category=task.category or self._predicted(image),
            warning="; ".join(image.warnings),
            embedding=self._embedded(image),
            outline=outline,
        )

    def _predicted(self, image: Image) -> str:
        if self.categories is None:
            return ""
        classifier = classifier_of(self.categories.classifier)
        return predicted_category(in_colour(image, classifier), self.categories)

    def _embedded(self, image: Image) -> npt.NDArray[np.float16] | None:
        if self.embedding is None:
            return None
        embedder = embedder_of(self.embedding)
        return embedder.embed(in_colour(image, embedder)).astype(np.float16)


@contextmanager
def _failures_rejected(image: Image) -> Iterator[None]:
    """Raises `ImageRejected` for what went wrong with this picture: it is not to cost the job."""
    try:
        yield
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
    """A picture to what the index keeps of it, in a worker."""

    extraction: Extraction
    vocabulary_path: str

    def __call__(self, task: Task) -> tuple[ImageRecord, Keypoints] | Reject | SameContent:
        """Read, extract and quantise one picture, as far as that has not been done."""
        found = task.ready or self._extract_changed(task)
        if not isinstance(found, Extracted):
            return found
        vocabulary = vocabulary_at(self.vocabulary_path)
        return _quantise(found, vocabulary)

    def _extract_changed(self, task: Task) -> Extracted | Reject | SameContent:
        how = self.extraction
        try:
            image = read_changed_image(
                task.path, task.known_hash, at_least_px=how.options.max_side_px
            )
            return how.of(image, task) if image else SameContent(task.path)
        except ImageRejected as error:
            return _reject(task.path, error.code, error.text)


def in_workers(
    work: Callable[[Task], R], tasks: Sequence[Task], *, n_jobs: int, limits: WorkerLimits
) -> Generator[R | Reject, None, None]:
    """The work done on tasks, in order, in processes that may die of a picture."""
    results = map_in_order(work, tasks, n_jobs=n_jobs, isolated=limits)
    for task, result in zip(tasks, results, strict=True):
        if isinstance(result, Casualty):
            yield _reject(task.path, result.code, result.text)
        else:
            yield result


@lru_cache(maxsize=1)
def vocabulary_at(path: str) -> Vocabulary:
    """The vocabulary in a file, read once in a process."""
    return load_vocabulary(path)


def _quantise(found: Extracted, vocabulary: Vocabulary) -> tuple[ImageRecord, Keypoints]:
    features = found.features
    words = vocabulary.quantise(features.descriptors)
    record = ImageRecord(
        path=found.path,
        size=features.image_size,
        size_bytes=found.facts.size_bytes,
        mtime_ns=found.facts.mtime_ns,
        content_hash=found.facts.content_hash,
        category=found.category,
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
        None if found.outline is None else sketch_of(found.outline, vocabulary),
    )


def _reject(path: str, code: str, text: str) -> Reject:
    try:
        size_bytes, mtime_ns = stat_facts(path)
    except ImageRejected:
        size_bytes, mtime_ns = 0, 0
    return Reject(path, code, text, size_bytes, mtime_ns)
