"""The manifest: the one file that says what an index consists of."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xxhash

from kpsearch.errors import CommitFailed, CommitUncertain, IndexDamaged, IndexMissing
from kpsearch.index.container import FileEntry, natural_number
from kpsearch.options import FeatureOptions

if TYPE_CHECKING:
    from kpsearch.index.storage import Storage

FORMAT_VERSION = 2
NAME = "manifest.json"
PREVIOUS = "manifest.prev.json"


@dataclass(frozen=True, slots=True)
class SegmentEntry:
    """One segment: its file and what is counted in it."""

    file: FileEntry
    first_id: int
    """Its images have the ids ``first_id``, ``first_id + 1``, …"""
    images: int
    keypoints: int
    rejects: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """A generation of an index. ``replace`` makes the next one."""

    generation: int
    kpsearch_version: str
    features: FeatureOptions
    vocabulary: FileEntry
    segments: tuple[SegmentEntry, ...] = ()
    deletes: FileEntry | None = None
    next_id: int = 0
    format_version: int = FORMAT_VERSION

    def files(self) -> tuple[FileEntry, ...]:
        """Every file this generation needs."""
        own = [self.vocabulary, *(segment.file for segment in self.segments)]
        return tuple(own if self.deletes is None else [*own, self.deletes])

    def to_bytes(self) -> bytes:
        """As JSON, with a hash of all the rest."""
        value = asdict(self)
        return _dump({**value, "hash": _hash(value)})


def _dump(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, indent=1, sort_keys=True).encode()


def _hash(value: Mapping[str, Any]) -> str:
    return xxhash.xxh3_128_hexdigest(_dump(value))


def parse(content: bytes, name: str = NAME) -> Manifest:
    """A manifest from its JSON; raises `IndexDamaged`, naming what is wrong."""
    try:
        value: Mapping[str, Any] = json.loads(content)
        version = value["format_version"]
        if version != FORMAT_VERSION:
            raise IndexDamaged(
                f"{name}: format version {version}, this kpsearch reads {FORMAT_VERSION}"
            )
        rest = {key: item for key, item in value.items() if key != "hash"}
        if value["hash"] != _hash(rest):
            raise IndexDamaged(f"{name}: is not what was written")
        return _from_json(rest)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise IndexDamaged(f"{name}: not a manifest ({type(error).__name__}: {error})") from error


def _from_json(value: Mapping[str, Any]) -> Manifest:
    return Manifest(
        generation=natural_number(value["generation"]),
        kpsearch_version=str(value["kpsearch_version"]),
        features=FeatureOptions(**value["features"]),
        vocabulary=FileEntry.from_json(value["vocabulary"]),
        segments=tuple(_segment(entry) for entry in value["segments"]),
        deletes=FileEntry.from_json(value["deletes"]) if value["deletes"] else None,
        next_id=natural_number(value["next_id"]),
    )


def _segment(value: Mapping[str, Any]) -> SegmentEntry:
    counts = {
        name: natural_number(value[name]) for name in ("first_id", "images", "keypoints", "rejects")
    }
    return SegmentEntry(file=FileEntry.from_json(value["file"]), **counts)


def load(storage: Storage, name: str = NAME) -> Manifest:
    """The current manifest; raises `IndexMissing` where there is none."""
    folder = Path(storage.folder)
    try:
        return parse(storage.read(name), os.fspath(folder / name))
    except (FileNotFoundError, NotADirectoryError):
        if name == NAME and storage.exists(PREVIOUS):
            raise IndexDamaged(
                f"{folder / NAME}: missing; {PREVIOUS} is the generation before it"
            ) from None
        hint = "`kpsearch index PATH... -i INDEX` makes one"
        raise IndexMissing(f"{folder}: no index here; {hint}") from None
    except OSError as error:
        raise IndexDamaged(f"{folder / name}: {error.strerror}") from error


def publish(storage: Storage, manifest: Manifest) -> None:
    """Make ``manifest`` the current one, atomically and durably.

    1. The new manifest is written under a name of its own and synced.
    2. The current one gets its second name, ``manifest.prev.json``.
    3. A rename puts the new one in its place: from here on readers see it.
    4. The folder is synced: only now does the rename survive a power cut.

    A failure up to 3 raises `CommitFailed`: nothing has changed. A failure in 4 raises
    `CommitUncertain`: readers see the new generation, the disk may not.
    """
    temporary = f"{NAME}.{secrets.token_hex(4)}"
    try:
        storage.write_new(temporary, manifest.to_bytes())
        _keep_previous(storage)
        storage.sync_folder()
        storage.replace(temporary, NAME)
    except OSError as error:
        storage.remove(temporary)
        raise CommitFailed(f"{storage.folder}: nothing was committed: {error}") from error
    try:
        storage.sync_folder()
    except OSError as error:
        raise CommitUncertain(f"{storage.folder}: {error}; run `kpsearch verify`") from error


def _keep_previous(storage: Storage) -> None:
    if storage.exists(NAME):
        spare = f"{PREVIOUS}.{secrets.token_hex(4)}"
        storage.link(NAME, spare)
        storage.replace(spare, PREVIOUS)


def following(manifest: Manifest, **changes: Any) -> Manifest:
    """The next generation, with some fields changed."""
    return replace(manifest, generation=manifest.generation + 1, **changes)
