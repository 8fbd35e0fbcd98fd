"""What an index says, whatever way it came to say it: one hash over all its live images."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

from kpsearch.index.columns import OPTIONAL_COLUMNS
from kpsearch.index.runs import lengths_of

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.index.segment import Segment
    from kpsearch.index.snapshot import Snapshot


def contents_hash(snapshot: Snapshot) -> str:
    """xxh3-128 over the live images by path: their records, their keypoints with their words, and
    the embeddings and sketches where the index keeps them.

    Equal for two indexes with equal vocabulary and images, in whatever order, batches and merges
    they were made; ids and times of files do not count.
    """
    total = xxhash.xxh3_128()
    images = (
        item for number in range(len(snapshot.segments)) for item in _images(snapshot, number)
    )
    for path, digest in sorted(images):
        total.update(struct.pack("<Q", len(path)) + path + digest)
    return total.hexdigest()


def _images(snapshot: Snapshot, number: int) -> Iterator[tuple[bytes, bytes]]:
    """Path and digest of each live image of a segment."""
    segment, start = snapshot.segments[number], int(snapshot.slot_start[number])
    columns = _keypoint_columns(segment)
    optional = [segment.array(name) for name in OPTIONAL_COLUMNS if segment.holds(name)]
    ends = segment.keypoint_start.tolist()
    for image in np.flatnonzero(snapshot.live[start : start + len(segment)]).tolist():
        record = segment.record(image)
        facts = (*record.size, record.size_bytes, record.content_hash)
        digest = xxhash.xxh3_128(repr((facts, record.category, record.warning)).encode())
        for column in columns:
            digest.update(column[ends[image] : ends[image + 1]].tobytes())
        for column in optional:
            digest.update(column[image].tobytes())
        yield segment.path_bytes(image), digest.digest()


def _keypoint_columns(segment: Segment) -> list[npt.NDArray[Any]]:
    """What is known of each keypoint, in the order of the keypoints."""
    count = segment.entry.keypoints
    word, signature = np.empty(count, np.uint32), np.empty(count, np.uint64)
    lengths = lengths_of(segment.start)
    word[segment.keypoint] = np.repeat(np.arange(len(lengths)), lengths)
    signature[segment.keypoint] = segment.signature
    grid = [segment.array(f"keypoints/{name}") for name in ("x", "y", "scale", "angle")]
    return [word, signature, *grid]
