"""One generation of an index, open for reading. It never changes; a later one is a new object."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.errors import IndexDamaged, IndexMissing
from kpsearch.index import manifest as manifests
from kpsearch.index.category import CategoryColumn
from kpsearch.index.container import Mapped, MappedFile
from kpsearch.index.deletes import Deletes
from kpsearch.index.rejects import read_rejects
from kpsearch.index.runs import lengths_of, starts
from kpsearch.index.segment import ImageRecord, Segment, path_hash
from kpsearch.index.storage import Storage
from kpsearch.types import Reject
from kpsearch.vocabulary import Vocabulary, unpack_vocabulary

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.index.container import FileEntry
    from kpsearch.index.manifest import Manifest, SegmentEntry
    from kpsearch.options import FeatureOptions

READ_ATTEMPTS = 5
"""A file that has gone was merged away: the manifest is read again, this often."""


class Snapshot:
    """The segments, vocabulary and deletes of one manifest.

    Images have *slots*, 0 to ``slots`` - 1, through all segments in order; ids are what lasts
    beyond this generation.
    """

    def __init__(
        self, storage: Storage, manifest: Manifest, *, earlier: Snapshot | None = None
    ) -> None:
        """What ``earlier`` has open already is not opened again."""
        self.storage = storage
        self.manifest = manifest
        # All files are held before any is read: what is held, a later commit cannot take away.
        self._files = {entry.name: self._map(entry, earlier) for entry in manifest.files()}
        self.vocabulary: Vocabulary = self._vocabulary(earlier)
        words = len(self.vocabulary)
        self.segments = tuple(self._segment(entry, words, earlier) for entry in manifest.segments)
        self.deletes = (
            Deletes.none(words)
            if manifest.deletes is None
            else Deletes.read(self._file(manifest.deletes))
        )
        if earlier is not None and earlier.manifest.rejects == manifest.rejects:
            self.__dict__["rejects"] = earlier.rejects
        lengths = [len(segment) for segment in self.segments]
        self.slot_start = starts(np.array(lengths, np.int64))

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> Snapshot:
        """The current generation; raises `IndexMissing` or `IndexDamaged`."""
        return cls.of(Storage(folder))

    @classmethod
    def of(cls, storage: Storage) -> Snapshot:
        """The current generation in a storage."""
        for attempt in range(READ_ATTEMPTS):
            manifest = manifests.load(storage)
            try:
                return cls(storage, manifest)
            except IndexDamaged:
                unchanged = manifests.load(storage).generation == manifest.generation
                if unchanged or attempt == READ_ATTEMPTS - 1:
                    raise
        raise AssertionError("unreachable")

    def _map(self, entry: FileEntry, earlier: Snapshot | None) -> MappedFile | Mapped:
        if earlier is not None and entry.name in earlier._files:
            return earlier._files[entry.name]
        path = self.storage.folder / entry.name
        try:
            return self.storage.map(entry.name)
        except FileNotFoundError:
            raise IndexDamaged(f"{path}: missing") from None
        except (OSError, ValueError) as error:
            raise IndexDamaged(f"{path}: {error}") from error

    def _file(self, entry: FileEntry) -> MappedFile:
        held = self._files[entry.name]
        if not isinstance(held, MappedFile):
            try:
                held = self._files[entry.name] = MappedFile(entry, held)
            except IndexDamaged as error:
                raise IndexDamaged(f"{self.storage.folder / str(error)}") from None
        return held

    def _vocabulary(self, earlier: Snapshot | None) -> Vocabulary:
        entry = self.manifest.vocabulary
        if earlier is not None and earlier.manifest.vocabulary == entry:
            return earlier.vocabulary
        return unpack_vocabulary(self._file(entry).array)

    def _segment(self, entry: SegmentEntry, words: int, earlier: Snapshot | None) -> Segment:
        for segment in earlier.segments if earlier is not None else ():
            if segment.entry == entry:
                return segment
        return Segment(entry, self._file(entry.file), words)

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
            total += lengths_of(segment.start)
        return total - self.deletes.postings

    @cached_property
    def keypoint_counts(self) -> npt.NDArray[np.int64]:
        """(slots,) keypoints of each image."""
        if not self.segments:
            return np.empty(0, np.int64)
        return np.concatenate([lengths_of(s.keypoint_start) for s in self.segments])

    @cached_property
    def ids(self) -> npt.NDArray[np.uint64]:
        """(slots,) the lasting id of the image in each slot; they rise."""
        return np.concatenate([np.empty(0, np.uint64), *(s.ids for s in self.segments)])

    @cached_property
    def live(self) -> npt.NDArray[np.bool_]:
        """(slots,) False for deleted images."""
        return ~np.isin(self.ids, self.deletes.ids, assume_unique=True)

    @property
    def live_by_segment(self) -> list[npt.NDArray[np.bool_]]:
        """`live`, for each segment."""
        return np.split(self.live, self.slot_start[1:-1]) if self.segments else []

    @cached_property
    def path_hash(self) -> npt.NDArray[np.uint64]:
        """(slots,) `path_hash` of each path."""
        return np.concatenate([np.empty(0, np.uint64), *(s.path_hash for s in self.segments)])

    def locate(self, slot: int) -> tuple[Segment, int]:
        """The segment of a slot, and the image's number within it."""
        which = int(np.searchsorted(self.slot_start, slot, side="right")) - 1
        return self.segments[which], slot - int(self.slot_start[which])

    def id_of(self, slot: int) -> int:
        """The lasting id of the image in a slot."""
        return int(self.ids[slot])

    def slot_of(self, image_id: int) -> int | None:
        """The slot of the live image with this id."""
        if not 0 <= image_id < self.manifest.next_id:
            return None
        slot = int(np.searchsorted(self.ids, np.uint64(image_id)))
        there = slot < self.slots and int(self.ids[slot]) == image_id
        return slot if there and self.live[slot] else None

    def record(self, slot: int) -> ImageRecord:
        """What is known of the image in a slot."""
        segment, image = self.locate(slot)
        return segment.record(image)

    @cached_property
    def image_sizes(self) -> npt.NDArray[np.uint16]:
        """(slots, 2) width and height of each image."""
        sides = [np.stack([segment.width, segment.height], axis=1) for segment in self.segments]
        return np.concatenate([np.empty((0, 2), np.uint16), *sides])

    @property
    def keeps_sketches(self) -> bool:
        """Whether there is a `kpsearch.index.sketch.Sketch` of each image."""
        return self.manifest.sketches

    @cached_property
    def perceptual_hashes(self) -> npt.NDArray[np.uint64]:
        """(slots,) of each image; raises `IndexDamaged` in an index that keeps none."""
        hashes = [segment.array("images/perceptual_hash") for segment in self.segments]
        return np.concatenate([np.empty(0, np.uint64), *hashes])

    @cached_property
    def categories(self) -> CategoryColumn:
        """Of the image in each slot."""
        return CategoryColumn.of(text for s in self.segments for text in s.category_texts())

    def records(self) -> Iterator[ImageRecord]:
        """The records of all live images, by id."""
        return (self.record(int(slot)) for slot in np.flatnonzero(self.live))

    @cached_property
    def _slot_by_path_hash(self) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
        slots = np.flatnonzero(self.live)
        order = np.argsort(self.path_hash[slots], kind="stable")
        return self.path_hash[slots[order]], slots[order]

    def path_bytes(self, slot: int) -> bytes:
        """Path of an image, as the file system spells it."""
        segment, image = self.locate(slot)
        return segment.path_bytes(image)

    def find(self, path: str) -> int | None:
        """The slot of the live image with this path."""
        name = os.fsencode(path)
        hashes, slots = self._slot_by_path_hash
        key = np.uint64(path_hash(name))
        row = int(np.searchsorted(hashes, key))
        while row < len(hashes) and hashes[row] == key:
            if self.path_bytes(int(slots[row])) == name:
                return int(slots[row])
            row += 1
        return None

    @cached_property
    def rejects(self) -> dict[str, Reject]:
        """The pictures whose last state was rejected, by path.

        An older state may be in the index still: a picture that goes bad keeps its entry.
        """
        entry = self.manifest.rejects
        return {} if entry is None else read_rejects(self._file(entry))

    @property
    def size_bytes(self) -> int:
        """Bytes on disk of everything this generation needs, the manifest included."""
        files = sum(entry.size_bytes for entry in self.manifest.files())
        return files + len(self.manifest.to_bytes())


def previous_generation(folder: str | os.PathLike[str]) -> int | None:
    """The generation that `recover` could go back to; None where there is none."""
    storage = Storage(folder)
    with contextlib.suppress(IndexMissing, IndexDamaged):
        previous = manifests.load(storage, manifests.PREVIOUS).generation
        return previous if previous < manifests.load(storage).generation else None
    return None


def feature_options_of(folder: str | os.PathLike[str]) -> FeatureOptions:
    """The extraction an index was made with, from its manifest alone; raises `IndexMissing`."""
    return manifests.load(Storage(folder)).features
