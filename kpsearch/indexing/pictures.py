"""One picture on its way into an index: read, extracted, quantised, in a worker process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from kpsearch.errors import ImageRejected
from kpsearch.features import extract_features
from kpsearch.images import read_image, stat_facts
from kpsearch.index import ImageRecord, Keypoints, quantise_keypoints
from kpsearch.options import FeatureOptions
from kpsearch.types import Features, FileFacts, Image, Reject
from kpsearch.vocabulary import Vocabulary, load_vocabulary


@dataclass(frozen=True, slots=True, eq=False)
class Extracted:
    """The features of one picture and the facts of its file."""

    path: str
    features: Features
    facts: FileFacts
    warning: str


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

    def __call__(self, path: str) -> Extracted | Reject:
        """Read and extract one picture."""
        image = _read(path, self.options)
        return image if isinstance(image, Reject) else _extract(image, self.options)


def _read(path: str, options: FeatureOptions) -> Image | Reject:
    try:
        return read_image(path, at_least_px=options.max_side_px)
    except ImageRejected as error:
        return _reject(path, error)


def _extract(image: Image, options: FeatureOptions) -> Extracted:
    features = extract_features(image, options)
    return Extracted(image.path, features, image.facts, "; ".join(image.warnings))


@dataclass(frozen=True, slots=True)
class Quantisation:
    """A path to what the index keeps of it, in a worker."""

    options: FeatureOptions
    vocabulary_path: str

    def __call__(self, task: Task) -> tuple[ImageRecord, Keypoints] | Reject | SameContent:
        """Read, extract and quantise one picture, as far as that has not been done."""
        found = task.ready or _read(task.path, self.options)
        if isinstance(found, Image):
            if found.facts.content_hash == task.known_hash:
                return SameContent(task.path)
            found = _extract(found, self.options)
        if isinstance(found, Reject):
            return found
        vocabulary = vocabulary_at(self.vocabulary_path)
        return _quantise(found, vocabulary, task.category)


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
    )


def _reject(path: str, error: ImageRejected) -> Reject:
    try:
        size_bytes, mtime_ns = stat_facts(path)
    except ImageRejected:
        size_bytes, mtime_ns = 0, 0
    return Reject(path, error.code, error.text, size_bytes, mtime_ns)
