"""The manifest: the one file that says what an index consists of."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xxhash

from kpsearch.errors import IndexDamaged, IndexMissing
from kpsearch.index.container import FileEntry, natural_number
from kpsearch.options import (
    CategoryFacts,
    ClassifierFacts,
    EmbeddingFacts,
    EmbeddingOptions,
    FeatureOptions,
)
from kpsearch.version import __version__

if TYPE_CHECKING:
    from kpsearch.index.storage import Storage

FORMAT_VERSION = 3
WITH_EMBEDDING = 4
"""The format of an index that keeps embeddings: what reads only 3 would lose them in a merge."""
WITH_CATEGORIES = 5
"""Of one that remembers a classifier of categories, with embeddings or without."""
WITH_SKETCHES = 6
"""Of one that keeps a sketch of each image, with all that or without: of every new one."""
FORMATS = (FORMAT_VERSION, WITH_EMBEDDING, WITH_CATEGORIES, WITH_SKETCHES)
NAME = "manifest.json"
PREVIOUS = "manifest.prev.json"


@dataclass(frozen=True, slots=True)
class SegmentEntry:
    """One segment: its file and what is counted in it."""

    file: FileEntry
    images: int
    """Deleted ones included."""
    keypoints: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """A generation of an index. ``replace`` makes the next one."""

    generation: int
    kpsearch_version: str
    features: FeatureOptions
    vocabulary: FileEntry
    segments: tuple[SegmentEntry, ...] = ()
    """In the order of the ids of their images."""
    deletes: FileEntry | None = None
    rejects: FileEntry | None = None
    next_id: int = 0
    embedding: EmbeddingFacts | None = None
    """The model of ``images/embedding`` in every segment; None where no segment has any."""
    categories: CategoryFacts | None = None
    """How categories are predicted that the catalogue does not say; None where they are not."""
    sketches: bool = False
    """Whether every segment has a `kpsearch.index.sketch.Sketch` of each image, or none has."""

    @property
    def format_version(self) -> int:
        """The oldest format that holds what this index holds."""
        if self.sketches:
            return WITH_SKETCHES
        if self.categories is not None:
            return WITH_CATEGORIES
        return FORMAT_VERSION if self.embedding is None else WITH_EMBEDDING

    def files(self) -> tuple[FileEntry, ...]:
        """Every file this generation needs."""
        maybe = (self.vocabulary, self.deletes, self.rejects)
        return (*filter(None, maybe), *(segment.file for segment in self.segments))

    def to_bytes(self) -> bytes:
        """As JSON, with a hash of all the rest."""
        value = {**_fields(self), "format_version": self.format_version}
        if self.format_version < WITH_SKETCHES:
            del value["sketches"]  # no format knows fields of a later one
        if self.format_version < WITH_CATEGORIES:
            del value["categories"]
        if self.format_version < WITH_EMBEDDING:
            del value["embedding"]
        return sealed(value)


def sealed(value: Mapping[str, Any]) -> bytes:
    """The fields of a manifest as JSON, with a hash of them."""
    return _dump({**value, "hash": _hash(value)})


def _dump(value: Mapping[str, Any]) -> bytes:
    """A line a field: for a person, ``indent`` would be nicer, and ten times slower."""
    lines = (
        f"{json.dumps(key)}: {json.dumps(item, sort_keys=True, default=_fields)}"
        for key, item in sorted(value.items())
    )
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def _hash(value: Mapping[str, Any]) -> str:
    return xxhash.xxh3_128_hexdigest(_dump(value))


def _fields(record: Any) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in fields(record)}


def parse(content: bytes, name: str = NAME) -> Manifest:
    """A manifest from its JSON; raises `IndexDamaged`, naming what is wrong."""
    try:
        value: Mapping[str, Any] = json.loads(content)
        version = value["format_version"]
        if version not in FORMATS:
            known = ", ".join(map(str, FORMATS))
            raise IndexDamaged(f"{name}: format version {version}, this kpsearch reads {known}")
        rest = {key: item for key, item in value.items() if key != "hash"}
        # The same values spelled otherwise are not what was written either.
        if value["hash"] != _hash(rest) or _dump(value) != content:
            raise IndexDamaged(f"{name}: is not what was written")
        return _from_json(rest)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise IndexDamaged(f"{name}: not a manifest ({type(error).__name__}: {error})") from error


def _from_json(value: Mapping[str, Any]) -> Manifest:
    version = value["format_version"]
    return Manifest(
        generation=natural_number(value["generation"]),
        kpsearch_version=str(value["kpsearch_version"]),
        features=FeatureOptions(**value["features"]),
        vocabulary=FileEntry.from_json(value["vocabulary"]),
        segments=tuple(_segment(entry) for entry in value["segments"]),
        deletes=_optional_file(value["deletes"]),
        rejects=_optional_file(value["rejects"]),
        next_id=natural_number(value["next_id"]),
        embedding=_embedding(value["embedding"]) if version >= WITH_EMBEDDING else None,
        categories=_categories(value["categories"]) if version >= WITH_CATEGORIES else None,
        sketches=_truth(value["sketches"]) if version >= WITH_SKETCHES else False,
    )


def _optional_file(value: Mapping[str, Any] | None) -> FileEntry | None:
    return None if value is None else FileEntry.from_json(value)


def _embedding(value: Mapping[str, Any] | None) -> EmbeddingFacts | None:
    if value is None:
        return None
    options = dict(value["options"])
    options["mean"], options["std"] = tuple(options["mean"]), tuple(options["std"])
    return EmbeddingFacts(
        model=str(value["model"]),
        model_hash=str(value["model_hash"]),
        dimensions=natural_number(value["dimensions"]),
        options=EmbeddingOptions(**options),
    )


def _categories(value: Mapping[str, Any] | None) -> CategoryFacts | None:
    if value is None:
        return None
    classifier = value["classifier"]
    return CategoryFacts(
        ClassifierFacts(str(classifier["model"]), str(classifier["model_hash"])),
        alpha=float(value["alpha"]),
    )


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither true nor false")
    return value


def _segment(value: Mapping[str, Any]) -> SegmentEntry:
    return SegmentEntry(
        file=FileEntry.from_json(value["file"]),
        images=natural_number(value["images"]),
        keypoints=natural_number(value["keypoints"]),
    )


def load(storage: Storage, name: str = NAME) -> Manifest:
    """The current manifest; raises `IndexMissing` where there is none."""
    folder = Path(storage.folder)
    try:
        return parse(b"".join(storage.read(name)), os.fspath(folder / name))
    except (FileNotFoundError, NotADirectoryError):
        if name == NAME and _exists(storage, PREVIOUS):
            raise IndexDamaged(
                f"{folder / NAME}: missing; {PREVIOUS} is there: `kpsearch recover` takes it"
            ) from None
        hint = "`kpsearch index PATH... -i INDEX` makes one"
        raise IndexMissing(f"{folder}: no index here; {hint}") from None
    except OSError as error:
        raise IndexDamaged(f"{folder / name}: {error.strerror}") from error


def _exists(storage: Storage, name: str) -> bool:
    try:
        return name in storage.names()
    except OSError:
        return False


def following(manifest: Manifest) -> Manifest:
    """The same contents as the next generation."""
    return replace(manifest, generation=manifest.generation + 1, kpsearch_version=__version__)
