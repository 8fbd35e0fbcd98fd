"""The one writer of an index: it holds the lock, and every commit is all or nothing."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import socket
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
from filelock import FileLock, Timeout

from kpsearch.errors import (
    CommitFailed,
    IndexDamaged,
    IndexLocked,
    IndexMismatch,
    IndexMissing,
    UsageError,
)
from kpsearch.index import manifest as manifests
from kpsearch.index.container import FileEntry, describe, pack
from kpsearch.index.deletes import Deletes
from kpsearch.index.manifest import Manifest, SegmentEntry
from kpsearch.index.segment import ImageRecord, Keypoints, Segment, pack_segment
from kpsearch.index.snapshot import Snapshot
from kpsearch.index.storage import Storage
from kpsearch.version import __version__
from kpsearch.vocabulary import vocabulary_arrays

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.options import FeatureOptions
    from kpsearch.types import Reject
    from kpsearch.vocabulary import Vocabulary

LOCK = ".lock"
SPARE_BYTES = 1 << 20
"""Free space demanded beyond the files of a commit."""
OWN_NAME = re.compile(
    r"(segment|deletes)-\d{6,}-[0-9a-f]{8}\.h5|vocabulary-[0-9a-f]{16}\.h5"
    r"|manifest(\.prev)?\.json\.[0-9a-f]{8}"
)
"""Names that only an index gives its files: nothing else is ever removed."""


class IndexWriter:
    """Adds to and replaces in one index. A context manager: leaving it gives the lock back.

    Raises `IndexLocked` at once when another writer is at work, `IndexDamaged` when what is
    there cannot be trusted.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.storage = Storage(folder)
        _make_folder(self.storage.folder)
        self._lock = FileLock(self.storage.folder / LOCK)
        self.manifest: Manifest | None = None

    def __enter__(self) -> IndexWriter:
        owner = self.storage.folder / f"{LOCK}-owner"
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            who = owner.read_text() if owner.exists() else "another process"
            raise IndexLocked(f"{self.storage.folder}: locked by {who}") from None
        except OSError as error:
            raise CommitFailed(
                f"{self.storage.folder}: cannot be written: {error.strerror}"
            ) from error
        try:
            with contextlib.suppress(OSError):  # a full disk is for a commit to report
                owner.write_text(f"process {os.getpid()} on {socket.gethostname()}")
            with contextlib.suppress(IndexMissing):
                self.manifest = manifests.load(self.storage)
            self._sweep()
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lock.release()

    def _sweep(self) -> None:
        """Remove what an interrupted commit left behind: our files that no manifest names."""
        if self.manifest is None:
            _refuse_to_begin(self.storage)
        known = {entry.name for entry in self.manifest.files()} if self.manifest else set()
        with contextlib.suppress(IndexMissing, IndexDamaged):
            previous = manifests.load(self.storage, manifests.PREVIOUS)
            known.update(entry.name for entry in previous.files())
        for name in self.storage.names():
            if OWN_NAME.fullmatch(name) and name not in known:
                self.storage.remove(name)

    def snapshot(self) -> Snapshot | None:
        """The current generation, None before the first commit."""
        return None if self.manifest is None else Snapshot(self.storage, self.manifest)

    def create(self, features: FeatureOptions, vocabulary: Vocabulary) -> None:
        """Commit generation 1: the vocabulary and no image."""
        if self.manifest is not None:
            raise IndexMismatch(f"{self.storage.folder}: there is an index here already")
        attributes = {"kind": "kpsearch vocabulary", "format_version": 1}
        content = pack(vocabulary_arrays(vocabulary), attributes)
        whole = describe("", content).whole_hash
        entry = self._write(f"vocabulary-{whole[:16]}.h5", content)
        self._publish(Manifest(1, __version__, features, entry))

    def commit(
        self,
        images: Sequence[tuple[ImageRecord, Keypoints]],
        rejects: Sequence[Reject] = (),
        replaced_slots: Sequence[int] = (),
    ) -> int:
        """Add images and rejects, drop the images in ``replaced_slots``; returns the generation.

        All of it is durable when this returns. Raises `CommitFailed` (nothing changed) or
        `CommitUncertain`. Slots are those of `snapshot` before the call.
        """
        before = self.snapshot()
        if before is None or self.manifest is None:
            raise IndexMissing(f"{self.storage.folder}: create the index first")
        if not images and not rejects and not replaced_slots:
            return before.generation
        content = pack_segment(list(images), list(rejects), len(before.vocabulary))
        name = f"segment-{before.generation + 1:06d}-{secrets.token_hex(4)}.h5"
        entry = SegmentEntry(
            file=self._write(name, content),
            first_id=self.manifest.next_id,
            images=len(images),
            keypoints=sum(len(points) for _, points in images),
            rejects=len(rejects),
        )
        deletes = self.manifest.deletes
        if replaced_slots:
            gone = with_deleted(before, replaced_slots)
            name = f"deletes-{before.generation + 1:06d}-{secrets.token_hex(4)}.h5"
            deletes = self._write(name, gone.pack())
        self._publish(
            manifests.following(
                self.manifest,
                segments=(*self.manifest.segments, entry),
                deletes=deletes,
                next_id=self.manifest.next_id + len(images),
            )
        )
        return self.manifest.generation

    def _write(self, name: str, content: bytes) -> FileEntry:
        """Write a new file durably; its name is in the folder when this returns."""
        if self.storage.free_bytes() < len(content) + SPARE_BYTES:
            raise CommitFailed(
                f"{self.storage.folder}: disk full ({len(content)} bytes are needed); "
                "nothing was committed"
            )
        try:
            self.storage.write_new(name, content)
            self.storage.sync_folder()
        except OSError as error:
            with contextlib.suppress(OSError):
                self.storage.remove(name)
            raise CommitFailed(f"{self.storage.folder / name}: {error.strerror}") from error
        return describe(name, content)

    def _publish(self, manifest: Manifest) -> None:
        manifests.publish(self.storage, manifest)
        self.manifest = manifest
        self._sweep()


def with_deleted(snapshot: Snapshot, slots: Sequence[int]) -> Deletes:
    """The snapshot's deletes and these slots besides."""
    gone = np.zeros(snapshot.slots, np.bool_)
    gone[list(slots)] = True
    gone &= snapshot.live
    ids = [snapshot.deletes.ids]
    postings = snapshot.deletes.postings.astype(np.uint32)
    for segment, start in zip(snapshot.segments, snapshot.slot_start, strict=False):
        own = gone[start : start + len(segment)]
        if own.any():
            postings += _postings_of(segment, own)
            ids.append((np.flatnonzero(own) + segment.first_id).astype(np.uint64))
    return Deletes(np.sort(np.concatenate(ids)), postings)


def _postings_of(segment: Segment, images: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint32]:
    """(k,) postings of each word that belong to the images marked True."""
    start = segment.keypoint_start.astype(np.int64)
    theirs = np.repeat(images, start[1:] - start[:-1])
    before = np.concatenate([[0], np.cumsum(theirs[segment.keypoint])])
    counts = before[segment.start[1:]] - before[segment.start[:-1]]
    return np.asarray(counts, dtype=np.uint32)


def _refuse_to_begin(storage: Storage) -> None:
    """An index is begun in an empty folder: never among other files, never over a damaged one."""
    names = [name for name in storage.names() if not name.startswith(".")]
    if any(name.startswith("segment-") and OWN_NAME.fullmatch(name) for name in names):
        raise IndexDamaged(f"{storage.folder / manifests.NAME}: missing, its segments are there")
    foreign = [name for name in names if not OWN_NAME.fullmatch(name)]
    if foreign:
        raise UsageError(
            f"{storage.folder}: holds other files ({foreign[0]}) and no index; "
            "give a new or an empty folder"
        )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder}: no index can be made here: {error.strerror}") from error
