"""The rules that the arrays of an index keep, and that no hash can show.

Each ``_flaws`` gives in words what of one file breaks them.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.errors import IndexDamaged
from kpsearch.index import manifest as manifests
from kpsearch.index.columns import COLUMNS, SKETCH_COLUMNS, TEXT_COLUMNS
from kpsearch.index.container import MappedFile
from kpsearch.index.deletes import Deletes
from kpsearch.index.rejects import read_rejects
from kpsearch.index.runs import lengths_of, rises
from kpsearch.index.segment import Segment, path_hash
from kpsearch.index.sketch import NO_KEYPOINT, NO_WORD
from kpsearch.index.text import TextColumn
from kpsearch.vocabulary import unpack_vocabulary

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.index.container import FileEntry
    from kpsearch.index.manifest import Manifest
    from kpsearch.index.storage import Storage

STEP = 1 << 22
UNIT_TOLERANCE = 0.01
"""Of the length of an embedding, rounded to float16."""


@dataclass(frozen=True, slots=True)
class Damage:
    """What is wrong with one file."""

    file: str
    text: str
    unread: bool = False
    """Whether it is only that the file could not be read."""


def broken_rules(storage: Storage, manifest: Manifest) -> Iterator[Damage]:
    """The rules that the arrays of whole files break: what no hash can show."""

    def held(entry: FileEntry) -> MappedFile:
        return MappedFile(entry, storage.map(entry.name))

    def within(entry: FileEntry, rules: Iterable[str]) -> Iterator[Damage]:
        try:
            for text in rules:
                yield Damage(entry.name, text)
        except OSError as error:
            yield Damage(entry.name, f"cannot be read: {error.strerror}", unread=True)
        except IndexDamaged as error:
            yield Damage(entry.name, str(error).removeprefix(f"{entry.name}: "))
        except (ValueError, IndexError, TypeError) as error:
            yield Damage(entry.name, f"its arrays do not fit each other ({error})")

    words = -1

    def vocabulary() -> Iterator[str]:
        nonlocal words
        words = len(unpack_vocabulary(held(manifest.vocabulary).array))
        yield from ()

    yield from within(manifest.vocabulary, vocabulary())
    if words < 0:
        return
    segments: list[Segment] = []

    def segment(entry: manifests.SegmentEntry) -> Iterator[str]:
        found = Segment(entry, held(entry.file), words)
        flaws = list(_segment_flaws(found))
        if not flaws:
            flaws = [*_embedding_flaws(found, manifest), *_sketch_flaws(found, manifest, words)]
        yield from flaws
        if not flaws:
            segments.append(found)

    for entry in manifest.segments:
        yield from within(entry.file, segment(entry))
    if len(segments) < len(manifest.segments):
        return
    yield from _ids_flaws(manifest, segments)
    deleted: npt.NDArray[np.uint64] | None = None

    def deletes(entry: FileEntry) -> Iterator[str]:
        nonlocal deleted
        found = Deletes.read(held(entry))
        flaws = list(_deletes_flaws(found, segments, words))
        yield from flaws
        if not flaws:
            deleted = found.ids

    def rejects(entry: FileEntry) -> Iterator[str]:
        yield from _rejects_flaws(held(entry))

    if manifest.deletes is None:
        deleted = np.empty(0, np.uint64)
    else:
        yield from within(manifest.deletes, deletes(manifest.deletes))
    if manifest.rejects is not None:
        yield from within(manifest.rejects, rejects(manifest.rejects))
    if deleted is not None:
        yield from _path_flaws(segments, deleted)


def _segment_flaws(segment: Segment) -> Iterator[str]:
    rows = {"images": segment.entry.images}
    for name, (dtype, row) in COLUMNS.items():
        array = segment.array(name)
        expected = (rows.get(name.split("/")[0], segment.entry.keypoints), *row)
        if array.dtype != dtype or array.shape != expected:
            yield f"{name} is of {array.dtype} {array.shape}, not {np.dtype(dtype)} {expected}"
            return
    if not _each_once(segment):
        yield "its postings are not each keypoint once"
    if not _lists_rise(segment):
        yield "a posting list is out of order"
    if not (segment.width.all() and segment.height.all()):
        yield "an image has no size, so its keypoints have no place"
    for name in TEXT_COLUMNS:
        column = TextColumn.read(segment.array, name)
        if column.blob.dtype != np.uint8 or column.start.dtype != np.uint32:
            yield f"{name} is no text"
            return
        if len(column) != len(segment) or not rises(column.start, len(column.blob)):
            yield f"{name} is out of order"
            return
    for image in range(len(segment)):
        segment.record(image)
        if path_hash(segment.path_bytes(image)) != int(segment.path_hash[image]):
            yield f"the path of image {image} is not the one it is found by"


def _embedding_flaws(segment: Segment, manifest: Manifest) -> Iterator[str]:
    facts = manifest.embedding
    if segment.keeps_embeddings != (facts is not None):
        yield "it has embeddings and the manifest no model" if facts is None else "no embeddings"
        return
    if facts is None:
        return
    rows, expected = segment.embedding, (len(segment), facts.dimensions)
    if rows.dtype != np.float16 or rows.shape != expected:
        yield f"images/embedding is of {rows.dtype} {rows.shape}, not float16 {expected}"
        return
    step = max(STEP // max(facts.dimensions, 1), 1)
    for low in range(0, len(rows), step):
        lengths = np.linalg.norm(rows[low : low + step].astype(np.float32), axis=1)
        if not ((np.abs(lengths - 1) < UNIT_TOLERANCE) | (lengths == 0)).all():
            yield "an embedding is not of unit length"
            return


def _sketch_flaws(segment: Segment, manifest: Manifest, words: int) -> Iterator[str]:
    if any(segment.holds(name) != manifest.sketches for name in SKETCH_COLUMNS):
        yield "it lacks sketches" if manifest.sketches else "it has sketches and the manifest none"
        return
    if not manifest.sketches:
        return
    word, signature, keypoint = (
        segment.array(f"mirrored/{name}") for name in ("word", "signature", "keypoint")
    )
    filled = keypoint != NO_KEYPOINT
    if (
        (filled != (word != NO_WORD)).any()
        or signature[~filled].any()
        or (np.diff(filled.view(np.int8)) > 0).any()
    ):
        yield "a sketch is padded elsewhere than at its end"
        return
    if (word[filled] >= words).any():
        yield "a sketch is of words that are not in the vocabulary"
    if (keypoint >= lengths_of(segment.keypoint_start)[:, None])[filled].any():
        yield "a sketch is of keypoints that its image has not"
    ordered = np.sort(keypoint, axis=1)
    if ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] != NO_KEYPOINT)).any():
        yield "a sketch has a keypoint twice"


def _each_once(segment: Segment) -> bool:
    seen = np.zeros(segment.entry.keypoints, np.bool_)
    for low in range(0, len(seen), STEP):
        numbers = segment.keypoint[low : low + STEP]
        if int(numbers.max()) >= len(seen):
            return False
        seen[numbers] = True
    return bool(seen.all())


def _lists_rise(segment: Segment) -> bool:
    for low in range(0, segment.entry.keypoints, STEP):
        numbers = segment.keypoint[low : low + STEP + 1]
        falls = np.flatnonzero(numbers[1:] <= numbers[:-1]) + low + 1
        if not np.isin(falls, segment.start).all():
            return False
    return True


def _deletes_flaws(deletes: Deletes, segments: list[Segment], words: int) -> Iterator[str]:
    if deletes.ids.dtype != np.uint64 or deletes.postings.dtype != np.uint32:
        yield "its arrays are not of the types they should be"
        return
    found = Deletes.of(deletes.ids, segments, words)
    if not np.array_equal(found.ids, deletes.ids):
        yield "it deletes images that are not there"
    elif not np.array_equal(found.postings, deletes.postings):
        yield "it miscounts the postings of deleted images"


def _rejects_flaws(file: MappedFile) -> Iterator[str]:
    if len(read_rejects(file)) != len(file.array("size_bytes")):
        yield "a path is rejected twice"


def _ids_flaws(manifest: Manifest, segments: list[Segment]) -> Iterator[Damage]:
    lowest = 0
    for segment in segments:
        ids = [lowest - 1, *segment.ids.tolist(), manifest.next_id]
        if any(b <= a for a, b in itertools.pairwise(ids)):
            yield Damage(segment.name, "the ids of its images are out of order")
        else:
            lowest = ids[-2] + 1


def _path_flaws(segments: list[Segment], deleted: npt.NDArray[np.uint64]) -> Iterator[Damage]:
    paths: set[bytes] = set()
    for segment in segments:
        for image in np.flatnonzero(~np.isin(segment.ids, deleted)).tolist():
            path = segment.path_bytes(image)
            if path in paths:
                yield Damage(segment.name, f"image {os.fsdecode(path)} is in the index twice")
            paths.add(path)
