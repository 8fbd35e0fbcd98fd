"""Indexes without pictures: keypoints drawn at random, written and opened as the engine does."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import xxhash

from kpsearch.index import (
    NO_KEYPOINT,
    SKETCH_KEYPOINTS,
    ImageRecord,
    IndexWriter,
    Keypoints,
    Segment,
    Sketch,
    Snapshot,
    Storage,
    pack_segment,
)
from kpsearch.index.container import FileEntry, MappedFile
from kpsearch.index.manifest import SegmentEntry
from kpsearch.index.packing import Packing
from kpsearch.options import FeatureOptions
from kpsearch.types import ImageSize, Reject
from kpsearch.vocabulary import Vocabulary
from kpsearch.vocabulary.embedding import HammingEmbedding
from kpsearch.vocabulary.tree import Tree

WORDS = 8

Indexed = tuple[ImageRecord, Keypoints]


@cache
def small_vocabulary() -> Vocabulary:
    """Of words that mean nothing."""
    rng = np.random.default_rng(0)
    leaves = rng.integers(0, 120, (WORDS, 128), dtype=np.uint8)
    tree = Tree(leaves.mean(axis=0, keepdims=True).astype(np.uint8), leaves, np.uint32([0, WORDS]))
    embedding = HammingEmbedding(
        rng.integers(-20, 20, (64, 128), dtype=np.int8), np.zeros((WORDS, 64), np.int8)
    )
    return Vocabulary(tree, embedding, np.linspace(0, 1, 65), "sift")


def random_keypoints(rng: np.random.Generator, count: int, words: int = WORDS) -> Keypoints:
    points = Keypoints(
        word=rng.integers(0, words, count, dtype=np.uint32),
        signature=rng.integers(0, 2**63, count, dtype=np.uint64),
        x=rng.integers(0, 65536, count, dtype=np.uint16),
        y=rng.integers(0, 65536, count, dtype=np.uint16),
        scale=rng.integers(0, 256, count, dtype=np.uint8),
        angle=rng.integers(0, 256, count, dtype=np.uint8),
    )
    return replace(points, sketch=drawn_sketch(points, words))


def drawn_sketch(points: Keypoints, words: int = WORDS) -> Sketch:
    """Of random numbers, always the same for the same keypoints."""
    rng = np.random.default_rng([len(points), words, *points.x[:4].tolist()])
    count = int(rng.integers(0, min(len(points), SKETCH_KEYPOINTS) + 1))
    return Sketch(
        perceptual_hash=int(rng.integers(0, 2**64, dtype=np.uint64)),
        word=rng.integers(0, words, count, dtype=np.uint32),
        signature=rng.integers(0, 2**64, count, dtype=np.uint64),
        keypoint=rng.permutation(len(points))[:count].astype(np.uint16),
    )


def sketch_in(segment: Segment, image: int) -> Sketch:
    """As it was committed."""
    word, signature, keypoint = (
        segment.array(f"mirrored/{name}")[image] for name in ("word", "signature", "keypoint")
    )
    filled = keypoint != NO_KEYPOINT
    seen = int(segment.array("images/perceptual_hash")[image])
    return Sketch(seen, word[filled], signature[filled], keypoint[filled])


def sketch_bytes(sketch: Sketch) -> bytes:
    """All that it says."""
    parts = (np.uint64(sketch.perceptual_hash), sketch.word, sketch.signature, sketch.keypoint)
    return b"".join(part.tobytes() for part in parts)


def record(path: str, *, warning: str = "") -> ImageRecord:
    name = os.fsencode(path)
    return ImageRecord(
        path=path,
        size=ImageSize(640, 480),
        size_bytes=len(name),
        mtime_ns=1_700_000_000_123_456_789,
        content_hash=xxhash.xxh3_128_digest(name),
        category="tea",
        warning=warning,
    )


def random_images(counts: Sequence[int], *, seed: int = 0, words: int = WORDS) -> list[Indexed]:
    """An image with each number of keypoints, named by its place."""
    rng = np.random.default_rng(seed)
    return [
        (record(f"/pictures/{i}.jpg"), random_keypoints(rng, count, words))
        for i, count in enumerate(counts)
    ]


def written(packing: Packing, name: str = "file.h5") -> tuple[bytes, FileEntry]:
    """The bytes of a file of the index, and its entry in the manifest."""
    content = b"".join(packing)
    return content, packing.entry(name)


def open_segment(images: list[Indexed], *, first_id: int = 0, words: int = WORDS) -> Segment:
    """A segment without a disk."""
    content, file = written(pack_segment(images, first_id, words), "segment.h5")
    keypoints = sum(len(points) for _, points in images)
    return Segment(SegmentEntry(file, len(images), keypoints), MappedFile(file, content), words)


def write_index(
    folder: str | os.PathLike[str] | Storage,
    batches: Sequence[list[Indexed]],
    *,
    vocabulary: Vocabulary | None = None,
    rejects: Sequence[Reject] = (),
) -> Snapshot:
    """An index with a commit for each batch; the rejects go with the last."""
    storage = folder if isinstance(folder, Storage) else Storage(folder)
    with IndexWriter(storage) as writer:
        writer.create(FeatureOptions(), vocabulary or small_vocabulary())
        for batch in batches[:-1]:
            writer.commit(batch)
        if batches:
            writer.commit(batches[-1], rejects)
    return Snapshot.of(storage)
