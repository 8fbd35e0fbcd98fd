"""One generation of an index, open for reading. It never changes; a later one is a new object."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import xxhash

from kpsearch.errors import IndexDamaged
from kpsearch.index import manifest as manifests
from kpsearch.index.container import MappedFile
from kpsearch.index.deletes import Deletes
from kpsearch.index.segment import ImageRecord, Segment
from kpsearch.index.storage import Storage
from kpsearch.types import Reject
from kpsearch.vocabulary import Vocabulary, unpack_vocabulary

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.index.container import FileEntry
    from kpsearch.index.manifest import Manifest
    from kpsearch.options import FeatureOptions

READ_ATTEMPTS = 5
"""A file that has gone was merged away: the manifest is read again, this often."""


class Snapshot:
    """The segments, vocabulary and deletes of one manifest.

    Images have *slots*, 0 to ``slots`` - 1, through all segments in order; ids are what lasts
    beyond this generation.
    """

    def __init__(self, storage: Storage, manifest: Manifest) -> None:
        self.storage = storage
        self.manifest = manifest
        self.vocabulary: Vocabulary = unpack_vocabulary(self._open(manifest.vocabulary).array)
        words = len(self.vocabulary)
        self.segments = tuple(
            Segment(entry, self._open(entry.file), words) for entry in manifest.segments
        )
        self.deletes = (
            Deletes.none(words)
            if manifest.deletes is None
            else Deletes.read(self._open(manifest.deletes))
        )
        lengths = [len(segment) for segment in self.segments]
        self.slot_start = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> Snapshot:
        """The current generation; raises `IndexMissing` or `IndexDamaged`."""
        storage = Storage(folder)
        for attempt in range(READ_ATTEMPTS):
            manifest = manifests.load(storage)
            try:
                return cls(storage, manifest)
            except IndexDamaged:
                unchanged = manifests.load(storage).generation == manifest.generation
                if unchanged or attempt == READ_ATTEMPTS - 1:
                    raise
        raise AssertionError("unreachable")

    def _open(self, entry: FileEntry) -> MappedFile:
        path = self.storage.folder / entry.name
        try:
            mapping = self.storage.map(entry.name)
        except FileNotFoundError:
            raise IndexDamaged(f"{path}: missing") from None
        except (OSError, ValueError) as error:
            raise IndexDamaged(f"{path}: {error}") from error
        try:
            return MappedFile(entry, mapping)
        except IndexDamaged as error:
            raise IndexDamaged(f"{self.storage.folder / str(error)}") from None

    @property
    def generation(self) -> int:
        """Counts the commits."""
        return self.manifest.generation

    @property
    def slots(self) -> int:
        """Images in all segments, deleted ones included."""
        return int(self.slot_start[-1])

    @property
    def images(self) -> int:
        """Live images."""
        return self.slots - len(self.deletes.ids)

    @cached_property
    def keypoints(self) -> int:
        """Keypoints of live images."""
        return int(self.collection_frequency.sum())

    @cached_property
    def collection_frequency(self) -> npt.NDArray[np.int64]:
        """(k,) postings of each word in live images."""
        total = np.zeros(len(self.vocabulary), np.int64)
        for segment in self.segments:
            start = segment.start.astype(np.int64)
            total += start[1:] - start[:-1]
        return total - self.deletes.postings

    @cached_property
    def keypoint_counts(self) -> npt.NDArray[np.int64]:
        """(slots,) keypoints of each image."""
        if not self.segments:
            return np.empty(0, np.int64)
        return np.concatenate([np.diff(s.keypoint_start.astype(np.int64)) for s in self.segments])

    @cached_property
    def live(self) -> npt.NDArray[np.bool_]:
        """(slots,) False for deleted images."""
        alive = np.ones(self.slots, np.bool_)
        for segment, start in zip(self.segments, self.slot_start, strict=False):
            ids = self.deletes.ids
            own = ids[(ids >= segment.first_id) & (ids < segment.first_id + len(segment))]
            alive[start + (own - segment.first_id).astype(np.int64)] = False
        return alive

    def locate(self, slot: int) -> tuple[Segment, int]:
        """The segment of a slot, and the image's number within it."""
        which = int(np.searchsorted(self.slot_start, slot, side="right")) - 1
        return self.segments[which], slot - int(self.slot_start[which])

    def id_of(self, slot: int) -> int:
        """The lasting id of the image in a slot."""
        segment, image = self.locate(slot)
        return segment.first_id + image

    def record(self, slot: int) -> ImageRecord:
        """What is known of the image in a slot."""
        segment, image = self.locate(slot)
        return segment.record(image)

    @cached_property
    def image_sizes(self) -> npt.NDArray[np.uint16]:
        """(slots, 2) width and height of each image."""
        sides = [np.stack([segment.width, segment.height], axis=1) for segment in self.segments]
        return np.concatenate([np.empty((0, 2), np.uint16), *sides])

    def records(self) -> Iterator[ImageRecord]:
        """The records of all live images, by id."""
        return (self.record(int(slot)) for slot in np.flatnonzero(self.live))

    @cached_property
    def _slot_by_path_hash(self) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
        slots = np.flatnonzero(self.live)
        hashes = np.array(
            [xxhash.xxh3_64_intdigest(self._path_bytes(int(slot))) for slot in slots], np.uint64
        )
        order = np.argsort(hashes, kind="stable")
        return hashes[order], slots[order]

    def _path_bytes(self, slot: int) -> bytes:
        segment, image = self.locate(slot)
        return segment.path_bytes(image)

    def find(self, path: str) -> int | None:
        """The slot of the live image with this path."""
        name = os.fsencode(path)
        hashes, slots = self._slot_by_path_hash
        key = np.uint64(xxhash.xxh3_64_intdigest(name))
        row = int(np.searchsorted(hashes, key))
        while row < len(hashes) and hashes[row] == key:
            if self._path_bytes(int(slots[row])) == name:
                return int(slots[row])
            row += 1
        return None

    def rejects(self) -> list[Reject]:
        """Pictures whose last state was rejected, one record a path.

        An older state may be in the index still: a picture that goes bad keeps its entry.
        """
        latest: dict[str, Reject] = {}
        for start, segment in zip(self.slot_start, self.segments, strict=False):
            end = int(start) + len(segment)
            latest.update((reject.path, reject) for reject in segment.rejects())
            for path in list(latest):
                slot = self.find(path)
                if slot is not None and int(start) <= slot < end:
                    del latest[path]
        return list(latest.values())

    @property
    def size_bytes(self) -> int:
        """Bytes on disk of everything this generation needs, the manifest included."""
        files = sum(entry.size_bytes for entry in self.manifest.files())
        return files + self.storage.size_bytes(manifests.NAME)


def feature_options_of(folder: str | os.PathLike[str]) -> FeatureOptions:
    """The extraction an index was made with, from its manifest alone; raises `IndexMissing`."""
    return manifests.load(Storage(folder)).features
