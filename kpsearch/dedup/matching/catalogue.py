"""The pictures of a job, numbered: of one index, or of a batch and what it is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.dedup.records import Entry

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.index import Snapshot


@dataclass(frozen=True, eq=False)
class Catalogue:
    """The live pictures of ``batch`` have the numbers from 0, those of ``fixed`` the ones after."""

    batch: Snapshot
    fixed: Snapshot | None = None
    """What the batch is compared with; None compares its pictures with each other."""

    @property
    def snapshots(self) -> list[Snapshot]:
        """The indexes, one or two."""
        return [self.batch] if self.fixed is None else [self.batch, self.fixed]

    @property
    def gallery(self) -> Snapshot:
        """Where candidates are looked for."""
        return self.batch if self.fixed is None else self.fixed

    @cached_property
    def slots(self) -> npt.NDArray[np.int64]:
        """(n,) slot of each picture in its own index."""
        return np.concatenate([np.flatnonzero(s.live) for s in self.snapshots])

    @property
    def asking(self) -> int:
        """Pictures that candidates are looked for: they have the numbers below."""
        return self.batch.images

    def __len__(self) -> int:
        return len(self.slots)

    def place(self, number: int) -> tuple[Snapshot, int]:
        """The index of a picture, and its slot there."""
        snapshot = self.gallery if number >= self.asking else self.batch
        return snapshot, int(self.slots[number])

    @cached_property
    def numbers(self) -> npt.NDArray[np.int64]:
        """(slots,) number of the picture in each slot of the gallery; -1 for deleted ones."""
        first = 0 if self.fixed is None else self.asking
        numbers = np.full(self.gallery.slots, -1, np.int64)
        numbers[self.slots[first:]] = np.arange(first, len(self))
        return numbers

    @cached_property
    def content_hashes(self) -> npt.NDArray[np.void]:
        """(n,) 16 bytes each."""
        return np.concatenate([_content_hashes(s)[s.live] for s in self.snapshots])

    @cached_property
    def first_alike(self) -> npt.NDArray[np.int64]:
        """(n,) the first picture of the same bytes, of the batch or of the fixed ones each."""
        alike = np.arange(len(self))
        for part in (slice(0, self.asking), slice(self.asking, None)):
            hashes = self.content_hashes[part]
            if len(hashes):
                _, first, which = np.unique(hashes, return_index=True, return_inverse=True)
                alike[part] = first[which] + (part.start or 0)
        return alike

    @cached_property
    def barred(self) -> npt.NDArray[np.bool_]:
        """(slots,) of the gallery: deleted, or the same bytes as one before."""
        numbers = self.numbers
        again = self.first_alike[numbers] != numbers
        return np.asarray((numbers < 0) | again)

    @cached_property
    def sizes(self) -> npt.NDArray[np.int64]:
        """(n, 2) width and height in pixels."""
        sides = [s.image_sizes[s.live] for s in self.snapshots]
        return np.concatenate(sides).astype(np.int64)

    @cached_property
    def keypoint_counts(self) -> npt.NDArray[np.int64]:
        """(n,) keypoints of each."""
        return np.concatenate([s.keypoint_counts[s.live] for s in self.snapshots])

    def perceptual_hashes(self) -> npt.NDArray[np.uint64]:
        """(n,) as the indexes keep them."""
        return np.concatenate([s.perceptual_hashes[s.live] for s in self.snapshots])

    @property
    def keeps_sketches(self) -> bool:
        """Whether every index has perceptual hashes and mirror sketches."""
        return all(s.keeps_sketches for s in self.snapshots)

    def entry(self, number: int) -> Entry:
        """What a reader should know of a picture."""
        snapshot, slot = self.place(number)
        record = snapshot.record(slot)
        return Entry(
            number=number,
            path=record.path,
            size=record.size,
            size_bytes=record.size_bytes,
            mtime_ns=record.mtime_ns,
            content_hash=record.content_hash,
            category=record.category,
            fixed=number >= self.asking,
        )


def _content_hashes(snapshot: Snapshot) -> npt.NDArray[np.void]:
    """(slots,) of the picture in each."""
    columns = [
        np.empty((0, 16), np.uint8),
        *(s.array("images/content_hash") for s in snapshot.segments),
    ]
    return np.ascontiguousarray(np.concatenate(columns)).view(np.dtype((np.void, 16))).ravel()
