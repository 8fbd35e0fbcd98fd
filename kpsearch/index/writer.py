"""The one writer of an index: it holds the lock, and every commit is all or nothing."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.errors import (
    CommitFailed,
    CommitUncertain,
    IndexDamaged,
    IndexMismatch,
    IndexMissing,
)
from kpsearch.index import manifest as manifests
from kpsearch.index.check import require_whole
from kpsearch.index.commit import confirm_folder, new_name, publish, require_room, write_file
from kpsearch.index.deletes import Deletes
from kpsearch.index.interrupts import interrupts_deferred
from kpsearch.index.manifest import Manifest, SegmentEntry
from kpsearch.index.merge import Part, due, full_runs, merge
from kpsearch.index.packing import pack
from kpsearch.index.rejects import pack_rejects
from kpsearch.index.segment import ImageRecord, Keypoints, pack_segment
from kpsearch.index.snapshot import Snapshot
from kpsearch.index.storage import Storage
from kpsearch.index.sweep import refuse_to_begin, sweep
from kpsearch.version import __version__
from kpsearch.vocabulary import vocabulary_arrays

if TYPE_CHECKING:
    from kpsearch.index.container import FileEntry
    from kpsearch.index.packing import Packing
    from kpsearch.options import CategoryFacts, EmbeddingFacts, FeatureOptions
    from kpsearch.types import Reject
    from kpsearch.vocabulary import Vocabulary


class IndexWriter:
    """Adds to, removes from and tidies one index. Leaving the context gives the lock back.

    Raises `IndexLocked` at once when another writer is at work, `IndexDamaged` when what is
    there cannot be trusted.
    """

    def __init__(self, folder: str | os.PathLike[str] | Storage) -> None:
        self.storage = folder if isinstance(folder, Storage) else Storage(folder)
        self.manifest: Manifest | None = None
        self._held = contextlib.ExitStack()
        self._snapshot: Snapshot | None = None
        self._uncertain = False
        self.damage: IndexDamaged | None = None
        """What merging has come upon; the commits around it are whole all the same."""

    def __enter__(self) -> IndexWriter:
        with contextlib.ExitStack() as entering:
            entering.enter_context(self.storage.locked())
            confirm_folder(self.storage)
            try:
                self.manifest = manifests.load(self.storage)
            except IndexMissing:
                refuse_to_begin(self.storage)
            sweep(self.storage)
            self._held = entering.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._snapshot = None
        self._held.close()

    def snapshot(self) -> Snapshot | None:
        """The current generation, None before the first commit."""
        if self.manifest is None:
            return None
        if self._snapshot is None or self._snapshot.manifest is not self.manifest:
            self._snapshot = Snapshot(self.storage, self.manifest, earlier=self._snapshot)
        return self._snapshot

    def create(
        self,
        features: FeatureOptions,
        vocabulary: Vocabulary,
        embedding: EmbeddingFacts | None = None,
        *,
        categories: CategoryFacts | None = None,
        sketches: bool = True,
    ) -> None:
        """Commit generation 1: the vocabulary and no image.

        With ``embedding`` every image has to come with an embedding by that model, and with a
        sketch unless those are left out, which makes an index of an old format; ``categories`` are
        remembered.
        """
        if self.manifest is not None:
            raise IndexMismatch(f"{self.storage.folder}: there is an index here already")
        attributes = {"kind": "kpsearch vocabulary", "format_version": 1}
        packing = pack(vocabulary_arrays(vocabulary), attributes)
        deque(packing, maxlen=0)  # for its hash, which names the file
        name = f"vocabulary-{packing.entry('').whole_hash[:16]}.h5"
        entry = write_file(self.storage, name, packing)
        manifest = Manifest(
            1,
            __version__,
            features,
            entry,
            embedding=embedding,
            categories=categories,
            sketches=sketches,
        )
        self._publish(manifest, previous=None)

    def commit(
        self,
        images: Sequence[tuple[ImageRecord, Keypoints]],
        rejects: Sequence[Reject] = (),
        *,
        removed: Collection[int] = (),
        forgotten: Collection[str] = (),
        merging: bool = True,
    ) -> int:
        """Add images and rejects, drop images by id and rejects by path; returns the generation.

        All of it is durable when this returns. An image takes the place of what the index held
        under its path: the older image (which need not be among ``removed``) and its reject.
        Unless ``merging`` is off, segments that are due are merged afterwards, as generations of
        their own. Raises `CommitFailed` (nothing changed) or `CommitUncertain`.
        """
        with interrupts_deferred(), self._sweeping_failures():
            generation = self._commit(images, rejects, removed, forgotten)
        if merging:
            self._tidy()
        return generation

    @contextlib.contextmanager
    def _sweeping_failures(self) -> Iterator[None]:
        """Leave no files of a commit that failed: on a full disk the room is wanted."""
        try:
            yield
        except CommitFailed:
            sweep(self.storage)
            raise

    def _commit(
        self,
        images: Sequence[tuple[ImageRecord, Keypoints]],
        rejects: Sequence[Reject],
        removed: Collection[int],
        forgotten: Collection[str],
    ) -> int:
        before = self._current()
        if len({record.path for record, _ in images}) < len(images):
            raise ValueError("a path can be committed only once at a time")
        _require_optional(before.manifest, images)
        gone = {before.id_of(slot) for slot in _slots_of(before, images)} | set(removed)
        deletes = _deleted(before, gone)
        known = _rejects_after(before, images, rejects, forgotten)
        manifest = before.manifest
        if images:
            packing = pack_segment(images, manifest.next_id, len(before.vocabulary))
            entry = SegmentEntry(
                file=self._write("segment", packing),
                images=len(images),
                keypoints=sum(len(points) for _, points in images),
            )
            manifest = replace(
                manifest,
                segments=(*manifest.segments, entry),
                next_id=manifest.next_id + len(images),
            )
        if len(deletes.ids):
            manifest = self._with_deletes(manifest, before.deletes.and_also(deletes))
        if known is not None:
            manifest = self._with_rejects(manifest, known)
        return self._publish_changed(manifest)

    def _tidy(self) -> None:
        """Merge what is due. A full disk only puts it off, and so does damage, which is kept."""
        try:
            with self._sweeping_failures():
                while self.merge():
                    pass  # what was merged may be one of several to merge in turn
        except CommitFailed:
            pass
        except IndexDamaged as error:
            self.damage = error

    def remember(self, categories: CategoryFacts) -> int:
        """Commit how categories are predicted from now on; returns the generation.

        To go back a generation takes the last images along: they were predicted so.
        """
        before = self._current().manifest
        if before.categories != categories:
            changed = replace(before, categories=categories)
            with interrupts_deferred():
                self._publish(manifests.following(changed), previous=None)
        return self._current().generation

    def merge(self) -> bool:
        """Merge the segments that are due; returns whether any were. Changes no answer."""
        before = self._current()
        dead = _dead_keypoints(before)
        sizes = [segment.entry.keypoints for segment in before.segments]
        live = [size - gone for size, gone in zip(sizes, dead, strict=True)]
        run = due(live, dead)
        if run is None:
            return False
        self._merge_runs([run])
        return True

    def compact(self) -> int:
        """Merge all segments, as far as one may grow, and drop deleted images from the disk."""
        before = self._current()
        sizes = [segment.entry.keypoints for segment in before.segments]
        runs = full_runs([a - b for a, b in zip(sizes, _dead_keypoints(before), strict=True)])
        dead = [bool((~live).any()) for live in before.live_by_segment]
        worth = [run for run in runs if run.stop - run.start > 1 or any(dead[run])]
        if worth:
            self._merge_runs(worth)
        return self._current().generation

    def _merge_runs(self, runs: Sequence[slice]) -> None:
        """Commit a generation in which each of these runs of segments is one segment.

        The generation to go back to stays the same: it is the last one that said something else.
        """
        before = self._current()
        parts = [
            Part(segment, live)
            for segment, live in zip(before.segments, before.live_by_segment, strict=True)
        ]
        segments = list(before.manifest.segments)
        dropped = before.deletes.none(len(before.vocabulary))
        read = [entry.file.size_bytes for run in runs for entry in segments[run]]
        require_room(self.storage, sum(read))  # before all that is read
        for run in reversed(runs):
            for entry in segments[run]:
                require_whole(self.storage, entry.file)
            segments[run] = self._merged_segment(parts[run])
            gone = np.concatenate([part.segment.ids[~part.live] for part in parts[run]])
            merged = [part.segment for part in parts[run]]
            dropped = dropped.and_also(Deletes.of(gone, merged, len(before.vocabulary)))
        manifest = replace(before.manifest, segments=tuple(segments))
        if len(dropped.ids):
            manifest = self._with_deletes(manifest, before.deletes.without(dropped))
        self._publish(manifests.following(manifest), previous=None)

    def _merged_segment(self, parts: Sequence[Part]) -> list[SegmentEntry]:
        images = sum(part.images for part in parts)
        if images == 0:
            return []
        file = self._write("segment", merge(parts))
        return [SegmentEntry(file, images, sum(part.keypoints for part in parts))]

    def _with_deletes(self, manifest: Manifest, deletes: Deletes) -> Manifest:
        file = None
        if len(deletes.ids):
            file = self._write("deletes", deletes.pack())
        return replace(manifest, deletes=file)

    def _with_rejects(self, manifest: Manifest, rejects: dict[str, Reject]) -> Manifest:
        file = None
        if rejects:
            file = self._write("rejects", pack_rejects(rejects.values()))
        return replace(manifest, rejects=file)

    def _current(self) -> Snapshot:
        snapshot = self.snapshot()
        if snapshot is None:
            raise IndexMissing(f"{self.storage.folder}: create the index first")
        return snapshot

    def _write(self, kind: str, packing: Packing) -> FileEntry:
        assert self.manifest is not None
        return write_file(self.storage, new_name(kind, self.manifest.generation + 1), packing)

    def _publish_changed(self, manifest: Manifest) -> int:
        """Publish a manifest with changes as the next generation; returns the generation."""
        assert self.manifest is not None
        if manifest != self.manifest:
            self._publish(manifests.following(manifest), previous=self.manifest)
        return self.manifest.generation

    def _require_unchanged(self) -> None:
        """The lock keeps writers out, unless somebody removes it, or puts another index here."""
        try:
            there: Manifest | None = manifests.load(self.storage)
        except IndexMissing:
            there = None
        if there != self.manifest:
            raise CommitFailed(
                f"{self.storage.folder}: somebody else has changed the index; nothing was committed"
            )

    def _publish(self, manifest: Manifest, *, previous: Manifest | None) -> None:
        if self._uncertain:
            raise CommitUncertain(
                f"{self.storage.folder}: an earlier commit may not be on the disk; "
                "run `kpsearch verify`"
            )
        self._require_unchanged()
        try:
            publish(self.storage, manifest, previous)
        except CommitUncertain:
            self._uncertain = True
            raise
        self.manifest = manifest
        sweep(self.storage)


def _require_optional(manifest: Manifest, images: Sequence[tuple[ImageRecord, Keypoints]]) -> None:
    """That each image comes with what the others have, and with no more."""
    facts = manifest.embedding
    expected = None if facts is None else (facts.dimensions,)
    for record, points in images:
        shape = None if points.embedding is None else points.embedding.shape
        if shape != expected:
            raise ValueError(f"{record.path}: an embedding of {shape}, not of {expected}")
        if (points.sketch is not None) != manifest.sketches:
            has, keeps = ("no sketch", "some") if manifest.sketches else ("a sketch", "none")
            raise ValueError(f"{record.path}: {has}, in an index that keeps {keeps}")


def _slots_of(snapshot: Snapshot, images: Sequence[tuple[ImageRecord, Keypoints]]) -> list[int]:
    """The slots of the images that these take the place of."""
    found = (snapshot.find(record.path) for record, _ in images)
    return [slot for slot in found if slot is not None]


def _deleted(snapshot: Snapshot, ids: Collection[int]) -> Deletes:
    """The live images among these."""
    words = len(snapshot.vocabulary)
    if not ids:
        return Deletes.none(words)
    wanted = np.setdiff1d(np.array(sorted(ids), np.uint64), snapshot.deletes.ids)
    return Deletes.of(wanted, snapshot.segments, words)


def _rejects_after(
    snapshot: Snapshot,
    images: Sequence[tuple[ImageRecord, Keypoints]],
    rejects: Sequence[Reject],
    forgotten: Collection[str],
) -> dict[str, Reject] | None:
    """The rejects that hold after a commit; None if they are the same as before."""
    settled = {record.path for record, _ in images} | set(forgotten)
    if not rejects and settled.isdisjoint(snapshot.rejects):
        return None
    kept = {path: reject for path, reject in snapshot.rejects.items() if path not in settled}
    kept.update((reject.path, reject) for reject in rejects)
    return None if kept == snapshot.rejects else kept


def _dead_keypoints(snapshot: Snapshot) -> list[int]:
    """Keypoints of deleted images in each segment."""
    counts = np.where(snapshot.live, 0, snapshot.keypoint_counts)
    bounds = snapshot.slot_start[1:-1]
    return [int(part.sum()) for part in np.split(counts, bounds)] if snapshot.segments else []
