"""A segment: some images, their keypoints, and the posting lists that lead to them.

A posting is a keypoint and its signature. Keypoints are numbered through the segment, image by
image, so a posting needs no image number: ``Segment.image_of`` finds it, and the few postings
that pass the Hamming filter are the only ones to ask. 18 bytes a keypoint: number 4, signature
8, x and y 2 each, scale and orientation 1 each. Besides, some 150 bytes an image, and 904 for its
`kpsearch.index.sketch.Sketch`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

from kpsearch.errors import IndexDamaged
from kpsearch.index.columns import EMBEDDING, SKETCH_COLUMNS
from kpsearch.index.container import MappedFile
from kpsearch.index.lookup import postings_between
from kpsearch.index.packing import Packing, pack
from kpsearch.index.runs import rises, starts
from kpsearch.index.sketch import Sketch, sketch_columns
from kpsearch.index.text import TextColumn
from kpsearch.types import ImageSize

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.index.manifest import SegmentEntry

SCALE_STEPS_AN_OCTAVE = 16.0
"""Scales are kept as log2 in a byte: 1/16 of an octave, 1 px to 2^16 px."""
MAX_KEYPOINTS = 2**27
"""Of one segment: 2.4 GB."""
FEW_STEPS = 4
BLOCK = 256
"""Keypoints a step of the table that finds a keypoint's image."""

SEGMENT_ATTRIBUTES = {"kind": "kpsearch segment", "format_version": 3}


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """What an index knows of one image besides its keypoints."""

    path: str
    size: ImageSize
    size_bytes: int
    mtime_ns: int
    content_hash: bytes
    category: str = ""
    """As `kpsearch.index.category` writes it."""
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
    embedding: npt.NDArray[np.float16] | None = None
    """(d,) the deep embedding of the whole picture, of unit length, in an index that keeps it."""
    sketch: Sketch | None = None
    """None in an index of an old format."""

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
    embedding: npt.NDArray[np.float16] | None = None,
    sketch: Sketch | None = None,
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
        embedding=embedding,
        sketch=sketch,
    )


def pack_segment(
    images: Sequence[tuple[ImageRecord, Keypoints]], first_id: int, words: int
) -> Packing:
    """The file of a segment whose images have the ids from ``first_id`` up."""
    counts = np.array([len(points) for _, points in images], np.int64)
    word = _joined([points.word for _, points in images], np.uint32)
    if len(word) > MAX_KEYPOINTS:
        raise ValueError(f"a segment holds at most {MAX_KEYPOINTS} keypoints")
    by_word = np.argsort(word, kind="stable")
    arrays: dict[str, npt.NDArray[Any]] = {
        "postings/start": starts(np.bincount(word, minlength=words)).astype(np.uint32),
        "postings/keypoint": by_word.astype(np.uint32),
        "postings/signature": _joined([p.signature for _, p in images], np.uint64)[by_word],
        "keypoints/x": _joined([p.x for _, p in images], np.uint16),
        "keypoints/y": _joined([p.y for _, p in images], np.uint16),
        "keypoints/scale": _joined([p.scale for _, p in images], np.uint8),
        "keypoints/angle": _joined([p.angle for _, p in images], np.uint8),
        "images/keypoint_start": starts(counts).astype(np.uint32),
        "images/id": np.arange(first_id, first_id + len(images), dtype=np.uint64),
        **_image_columns([record for record, _ in images]),
        **_embedding_column([points.embedding for _, points in images]),
        **_sketch_columns([points.sketch for _, points in images]),
    }
    return pack(arrays, SEGMENT_ATTRIBUTES)


def _embedding_column(
    embeddings: list[npt.NDArray[np.float16] | None],
) -> dict[str, npt.NDArray[Any]]:
    """A row an image; nothing for an index that keeps none."""
    kept = [embedding for embedding in embeddings if embedding is not None]
    return {EMBEDDING: np.stack(kept)} if kept else {}


def _sketch_columns(sketches: list[Sketch | None]) -> dict[str, npt.NDArray[Any]]:
    """A row an image; nothing for an index that keeps none."""
    kept = [sketch for sketch in sketches if sketch is not None]
    return sketch_columns(kept) if kept else {}


def _image_columns(records: list[ImageRecord]) -> dict[str, npt.NDArray[Any]]:
    hashes = b"".join(record.content_hash for record in records)
    paths = [os.fsencode(record.path) for record in records]
    return {
        "images/width": np.array([r.size.width for r in records], np.uint16),
        "images/height": np.array([r.size.height for r in records], np.uint16),
        "images/size_bytes": np.array([r.size_bytes for r in records], np.uint32),
        "images/mtime_ns": np.array([r.mtime_ns for r in records], np.int64),
        "images/content_hash": np.frombuffer(hashes, np.uint8).reshape(-1, 16),
        "images/path_hash": np.array([path_hash(path) for path in paths], np.uint64),
        **TextColumn.of(paths).arrays("images/path"),
        **TextColumn.of([r.category.encode() for r in records]).arrays("images/category"),
        **TextColumn.of([r.warning.encode() for r in records]).arrays("images/warning"),
    }


def path_hash(path: bytes) -> int:
    """What a path is found by, and what decides between equal scores: xxh3-64 of its bytes."""
    return xxhash.xxh3_64_intdigest(path)


def _joined(parts: list[npt.NDArray[Any]], dtype: type[np.generic]) -> npt.NDArray[Any]:
    return np.concatenate(parts) if parts else np.empty(0, dtype)


class Segment:
    """A segment read by memory map. Numbers of images count from 0 within it."""

    def __init__(self, entry: SegmentEntry, file: MappedFile, words: int) -> None:
        self.entry = entry
        self._file = file
        self.start = file.array("postings/start")
        self.keypoint = file.array("postings/keypoint")
        self.signature = file.array("postings/signature")
        self.keypoint_start = file.array("images/keypoint_start")
        self.ids = file.array("images/id")
        self._advised = np.zeros(words, np.bool_)
        self._check_shape(words)

    def _check_shape(self, words: int) -> None:
        images, total = self.entry.images, self.entry.keypoints
        sketches = SKETCH_COLUMNS if self.keeps_sketches else {}
        fits = all(
            self.array(name).dtype == dtype and self.array(name).shape == (images, *row)
            for name, (dtype, row) in sketches.items()
        )
        fits &= all(
            array.dtype == dtype and array.shape == (length,)
            for array, dtype, length in (
                (self.start, np.uint32, words + 1),
                (self.keypoint_start, np.uint32, images + 1),
                (self.ids, np.uint64, images),
                (self.keypoint, np.uint32, total),
                (self.signature, np.uint64, total),
            )
        )
        if not (fits and rises(self.start, total) and rises(self.keypoint_start, total)):
            raise IndexDamaged(f"{self.name}: its arrays do not fit the manifest")

    @property
    def name(self) -> str:
        """Of its file."""
        return self._file.entry.name

    def array(self, name: str) -> npt.NDArray[Any]:
        """One of the arrays of the file, as it is stored."""
        return self._file.array(name)

    def holds(self, name: str) -> bool:
        """Whether the file has this array."""
        return name in self.entry.file.arrays

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
            raise IndexDamaged(f"{self.name}: a posting names no keypoint")
        found = self._image_at_block[keypoints // BLOCK]
        behind = np.flatnonzero(self.keypoint_start[found + 1] <= keypoints)
        for _ in range(FEW_STEPS):
            found[behind] += 1
            behind = behind[self.keypoint_start[found[behind] + 1] <= keypoints[behind]]
        if len(behind):  # a run of images without a keypoint lies between
            end = np.searchsorted(self.keypoint_start, keypoints[behind], side="right")
            found[behind] = end - 1
        return np.asarray(found)

    def geometry(
        self, keypoints: npt.NDArray[np.integer], images: npt.NDArray[np.integer]
    ) -> Geometry:
        """Keypoints in pixels of their images, given number and image of each."""
        array = self.array
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

    def postings_of(
        self, image: int, words: npt.NDArray[np.integer]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Word of each posting of an image in distinct rising ``words``, and the posting's place.

        Both (n,), by place, which is by word; see `kpsearch.index.lookup`.
        """
        first, last = (int(self.keypoint_start[image + i]) for i in (0, 1))
        return postings_between(first, last, words=words, start=self.start, keypoint=self.keypoint)

    @property
    def width(self) -> npt.NDArray[np.uint16]:
        """(images,) in pixels."""
        return self._file.array("images/width")

    @property
    def height(self) -> npt.NDArray[np.uint16]:
        """(images,) in pixels."""
        return self._file.array("images/height")

    @property
    def keeps_embeddings(self) -> bool:
        """Whether it has an `embedding` for each image."""
        return self.holds(EMBEDDING)

    @property
    def embedding(self) -> npt.NDArray[np.float16]:
        """(images, d) as stored; raises `IndexDamaged` in an index that keeps none."""
        return self._file.array(EMBEDDING)

    @property
    def keeps_sketches(self) -> bool:
        """Whether it has the arrays of `kpsearch.index.columns.SKETCH_COLUMNS`."""
        return all(map(self.holds, SKETCH_COLUMNS))

    @cached_property
    def _paths(self) -> TextColumn:
        return self._column("images/path")

    @cached_property
    def _categories(self) -> TextColumn:
        return self._column("images/category")

    @cached_property
    def _warnings(self) -> TextColumn:
        return self._column("images/warning")

    def _column(self, name: str) -> TextColumn:
        return TextColumn.read(self._file.array, name)

    def _text(self, column: TextColumn, image: int) -> str:
        try:
            return column[image].decode()
        except (IndexDamaged, UnicodeDecodeError) as error:
            raise IndexDamaged(f"{self.name}: {error}") from None

    def category_texts(self) -> list[str]:
        """Of each image, as its record keeps it: see `kpsearch.index.category`."""
        try:
            return [text.decode() for text in self._categories]
        except (IndexDamaged, UnicodeDecodeError) as error:
            raise IndexDamaged(f"{self.name}: {error}") from None

    def path_bytes(self, image: int) -> bytes:
        """Path of an image, as the file system spells it."""
        try:
            return self._paths[image]
        except IndexDamaged as error:
            raise IndexDamaged(f"{self.name}: {error}") from None

    @property
    def path_hash(self) -> npt.NDArray[np.uint64]:
        """(images,) `path_hash` of each path."""
        return self._file.array("images/path_hash")

    def record(self, image: int) -> ImageRecord:
        """All that is known of an image."""
        array = self.array
        return ImageRecord(
            path=os.fsdecode(self.path_bytes(image)),
            size=ImageSize(int(self.width[image]), int(self.height[image])),
            size_bytes=int(array("images/size_bytes")[image]),
            mtime_ns=int(array("images/mtime_ns")[image]),
            content_hash=array("images/content_hash")[image].tobytes(),
            category=self._text(self._categories, image),
            warning=self._text(self._warnings, image),
        )
