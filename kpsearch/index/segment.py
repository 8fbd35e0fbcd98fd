"""A segment: some images, their keypoints, and the posting lists that lead to them.

A posting is a keypoint and its signature. Keypoints are numbered through the segment, image by
image, so a posting needs no image number: ``Segment.image_of`` finds it, and the few postings
that pass the Hamming filter are the only ones to ask. 18 bytes a keypoint: number 4, signature
8, x and y 2 each, scale and orientation 1 each.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from kpsearch.errors import IndexDamaged
from kpsearch.index.container import MappedFile, pack
from kpsearch.index.text import TextColumn
from kpsearch.types import ImageSize, Reject

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.index.manifest import SegmentEntry

SCALE_STEPS_AN_OCTAVE = 16.0
"""Scales are kept as log2 in a byte: 1/16 of an octave, 1 px to 2^16 px."""
BLOCK = 256
"""Keypoints a step of the table that finds a keypoint's image."""


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """What an index knows of one image besides its keypoints."""

    path: str
    size: ImageSize
    size_bytes: int
    mtime_ns: int
    content_hash: bytes
    category: str = ""
    warning: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Keypoints:
    """The quantised keypoints of one image, n of them, with a visual word each."""

    word: npt.NDArray[np.uint32]
    signature: npt.NDArray[np.uint64]
    x: npt.NDArray[np.uint16]
    y: npt.NDArray[np.uint16]
    scale: npt.NDArray[np.uint8]
    angle: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.word)


@dataclass(frozen=True, slots=True, eq=False)
class Geometry:
    """Keypoints in pixels of their own image, m of them."""

    xy: npt.NDArray[np.float32]
    scale: npt.NDArray[np.float32]
    angle_rad: npt.NDArray[np.float32]


def quantise_keypoints(
    xy: npt.NDArray[np.float32],
    scale: npt.NDArray[np.float32],
    angle_rad: npt.NDArray[np.float32],
    size: ImageSize,
    word: npt.NDArray[np.uint32],
    signature: npt.NDArray[np.uint64],
) -> Keypoints:
    """Positions to 1/65536 of the sides, scale to 1/16 octave, orientation to 1/256 turn."""
    share = (xy.astype(np.float64) + 0.5) / np.array(size, np.float64)
    grid = np.clip(share * 65536, 0, 65535).astype(np.uint16)
    octave = np.log2(np.maximum(scale, 1.0)) * SCALE_STEPS_AN_OCTAVE
    turn = np.rint(angle_rad / (2 * np.pi) * 256).astype(np.int64) % 256
    return Keypoints(
        word=word,
        signature=signature,
        x=grid[:, 0].copy(),
        y=grid[:, 1].copy(),
        scale=np.clip(np.rint(octave), 0, 255).astype(np.uint8),
        angle=turn.astype(np.uint8),
    )


def pack_segment(
    images: list[tuple[ImageRecord, Keypoints]], rejects: list[Reject], words: int
) -> bytes:
    """The HDF5 file of a segment. Equal input gives equal bytes."""
    counts = np.array([len(points) for _, points in images], np.int64)
    word = _joined([points.word for _, points in images], np.uint32)
    if len(word) >= 2**32:
        raise ValueError("a segment holds at most 2^32 keypoints")
    by_word = np.argsort(word, kind="stable")
    arrays: dict[str, npt.NDArray[Any]] = {
        "postings/start": _starts(np.bincount(word, minlength=words)).astype(np.uint32),
        "postings/keypoint": by_word.astype(np.uint32),
        "postings/signature": _joined([p.signature for _, p in images], np.uint64)[by_word],
        "keypoints/x": _joined([p.x for _, p in images], np.uint16),
        "keypoints/y": _joined([p.y for _, p in images], np.uint16),
        "keypoints/scale": _joined([p.scale for _, p in images], np.uint8),
        "keypoints/angle": _joined([p.angle for _, p in images], np.uint8),
        "images/keypoint_start": _starts(counts).astype(np.uint32),
        **_image_columns([record for record, _ in images]),
        **_reject_columns(rejects),
    }
    return pack(arrays, {"kind": "kpsearch segment", "format_version": 1})


def _image_columns(records: list[ImageRecord]) -> dict[str, npt.NDArray[Any]]:
    hashes = b"".join(record.content_hash for record in records)
    return {
        "images/width": np.array([r.size.width for r in records], np.uint16),
        "images/height": np.array([r.size.height for r in records], np.uint16),
        "images/size_bytes": np.array([r.size_bytes for r in records], np.uint32),
        "images/mtime_ns": np.array([r.mtime_ns for r in records], np.int64),
        "images/content_hash": np.frombuffer(hashes, np.uint8).reshape(-1, 16),
        **_text("images/path", [os.fsencode(r.path) for r in records]),
        **_text("images/category", [r.category.encode() for r in records]),
        **_text("images/warning", [r.warning.encode() for r in records]),
    }


def _reject_columns(rejects: list[Reject]) -> dict[str, npt.NDArray[Any]]:
    return {
        "rejects/size_bytes": np.array([r.size_bytes for r in rejects], np.uint64),
        "rejects/mtime_ns": np.array([r.mtime_ns for r in rejects], np.int64),
        **_text("rejects/path", [os.fsencode(r.path) for r in rejects]),
        **_text("rejects/code", [r.code.encode() for r in rejects]),
        **_text("rejects/text", [r.text.encode(errors="backslashreplace") for r in rejects]),
    }


def _text(name: str, texts: list[bytes]) -> dict[str, npt.NDArray[Any]]:
    column = TextColumn.of(texts)
    return {name: column.blob, f"{name}_start": column.start.astype(np.uint32)}


def _starts(counts: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])


def _rises(starts: npt.NDArray[np.integer], total: int) -> bool:
    """Whether the starts go from 0 to ``total`` and never back."""
    ends = (int(starts[0]), int(starts[-1])) == (0, total)
    return ends and bool((starts[1:] >= starts[:-1]).all())


def _joined(parts: list[npt.NDArray[Any]], dtype: type[np.generic]) -> npt.NDArray[Any]:
    return np.concatenate(parts) if parts else np.empty(0, dtype)


class Segment:
    """A segment read by memory map. Numbers of images count from 0 within it."""

    def __init__(self, entry: SegmentEntry, file: MappedFile, words: int) -> None:
        self.entry = entry
        self.first_id = entry.first_id
        self._file = file
        self.start = file.array("postings/start")
        self.keypoint = file.array("postings/keypoint")
        self.signature = file.array("postings/signature")
        self.keypoint_start = file.array("images/keypoint_start")
        self._advised = np.zeros(words, np.bool_)
        self._check_shape(words)

    def _check_shape(self, words: int) -> None:
        expected = (words + 1, self.entry.images + 1, self.entry.keypoints, self.entry.keypoints)
        found = (len(self.start), len(self.keypoint_start), len(self.keypoint), len(self.signature))
        total = self.entry.keypoints
        if expected != found or not (
            _rises(self.start, total) and _rises(self.keypoint_start, total)
        ):
            raise IndexDamaged(f"{self._file.entry.name}: its arrays do not fit the manifest")

    def __len__(self) -> int:
        return self.entry.images

    def advise(self, words: npt.NDArray[np.integer]) -> None:
        """Have the posting lists of these distinct words fetched from the disk, each list once.

        It is a hint: whichever thread marks a word first, the answer is the same.
        """
        new = words[~self._advised[words]]
        new = new[self.start[new] < self.start[new + 1]]
        if len(new) == 0:
            return
        self._advised[new] = True
        for name in ("postings/signature", "postings/keypoint"):
            self._file.will_need(name, self.start[new], self.start[new + 1])

    @cached_property
    def _image_at_block(self) -> npt.NDArray[np.int64]:
        blocks = np.arange(0, self.entry.keypoints + BLOCK, BLOCK)
        return np.searchsorted(self.keypoint_start, blocks, side="right") - 1

    def image_of(self, keypoints: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
        """Image of each keypoint; raises `IndexDamaged` for a number out of range.

        A table gives the image at the start of each block of keypoints; the right one is a few
        steps on.
        """
        if len(keypoints) and int(keypoints.max()) >= self.entry.keypoints:
            raise IndexDamaged(f"{self._file.entry.name}: a posting names no keypoint")
        found = self._image_at_block[keypoints // BLOCK]
        behind = np.flatnonzero(self.keypoint_start[found + 1] <= keypoints)
        while len(behind):
            found[behind] += 1
            behind = behind[self.keypoint_start[found[behind] + 1] <= keypoints[behind]]
        return np.asarray(found)

    def geometry(
        self, keypoints: npt.NDArray[np.integer], images: npt.NDArray[np.integer]
    ) -> Geometry:
        """Keypoints in pixels of their images, given number and image of each."""
        array = self._file.array
        sides = np.stack([self.width[images], self.height[images]], axis=1).astype(np.float32)
        grid = np.stack(
            [array("keypoints/x")[keypoints], array("keypoints/y")[keypoints]], axis=1
        ).astype(np.float32)
        scale = array("keypoints/scale")[keypoints].astype(np.float32)
        angle = array("keypoints/angle")[keypoints].astype(np.float32)
        return Geometry(
            xy=(grid + 0.5) / np.float32(65536) * sides - np.float32(0.5),
            scale=np.exp2(scale / np.float32(SCALE_STEPS_AN_OCTAVE)),
            angle_rad=angle * np.float32(2 * np.pi / 256),
        )

    @property
    def width(self) -> npt.NDArray[np.uint16]:
        """(images,) in pixels."""
        return self._file.array("images/width")

    @property
    def height(self) -> npt.NDArray[np.uint16]:
        """(images,) in pixels."""
        return self._file.array("images/height")

    @cached_property
    def _paths(self) -> TextColumn:
        return self._column("images/path")

    @cached_property
    def _categories(self) -> TextColumn:
        return self._column("images/category")

    def _column(self, name: str) -> TextColumn:
        return TextColumn(self._file.array(name), self._file.array(f"{name}_start"))

    def path_bytes(self, image: int) -> bytes:
        """Path of an image, as the file system spells it."""
        return self._paths[image]

    def record(self, image: int) -> ImageRecord:
        """All that is known of an image."""
        array = self._file.array
        return ImageRecord(
            path=os.fsdecode(self._paths[image]),
            size=ImageSize(int(self.width[image]), int(self.height[image])),
            size_bytes=int(array("images/size_bytes")[image]),
            mtime_ns=int(array("images/mtime_ns")[image]),
            content_hash=array("images/content_hash")[image].tobytes(),
            category=self._categories[image].decode(),
            warning=self._column("images/warning")[image].decode(),
        )

    def rejects(self) -> list[Reject]:
        """The pictures rejected while this segment was made."""
        paths, codes, texts = (self._column(f"rejects/{n}") for n in ("path", "code", "text"))
        sizes, times = self._file.array("rejects/size_bytes"), self._file.array("rejects/mtime_ns")
        return [
            Reject(
                path=os.fsdecode(paths[row]),
                code=codes[row].decode(),
                text=texts[row].decode(),
                size_bytes=int(sizes[row]),
                mtime_ns=int(times[row]),
            )
            for row in range(len(paths))
        ]
