"""Whether an index is what was written: every byte by hash, then every rule its arrays keep.

Files are read before they are mapped: a disk that cannot read a sector then says so, instead of
ending the process.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xxhash

from kpsearch.errors import IndexDamaged
from kpsearch.index import manifest as manifests
from kpsearch.index.container import MappedFile
from kpsearch.index.deletes import Deletes
from kpsearch.index.rejects import read_rejects
from kpsearch.index.runs import rises
from kpsearch.index.segment import Segment, path_hash
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
UNREAD = "cannot be read"
CHECK_ATTEMPTS = 20
"""A busy writer may replace files as often while they are read."""
COLUMNS = {
    "images/width": (np.uint16, ()),
    "images/height": (np.uint16, ()),
    "images/size_bytes": (np.uint32, ()),
    "images/mtime_ns": (np.int64, ()),
    "images/content_hash": (np.uint8, (16,)),
    "images/path_hash": (np.uint64, ()),
    "images/id": (np.uint64, ()),
    "keypoints/x": (np.uint16, ()),
    "keypoints/y": (np.uint16, ()),
    "keypoints/scale": (np.uint8, ()),
    "keypoints/angle": (np.uint8, ()),
    "postings/keypoint": (np.uint32, ()),
    "postings/signature": (np.uint64, ()),
}
"""Type and shape of a row, of the arrays with a row for each image or keypoint."""


@dataclass(frozen=True, slots=True)
class Damage:
    """What is wrong with one file."""

    file: str
    text: str
    unread: bool = False
    """Whether it is only that the file could not be read."""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a check of an index has found."""

    generation: int | None
    """None when the manifest is damaged itself."""
    previous: int | None
    files: int
    size_bytes: int
    damage: tuple[Damage, ...]


def require_whole(storage: Storage, entry: FileEntry) -> None:
    """Raise `IndexDamaged` unless a file is, to the last byte, what was written."""
    flaw = flaw_of(storage, entry)
    if flaw is not None:
        raise IndexDamaged(f"{storage.folder / entry.name}: {flaw}")


def flaw_of(
    storage: Storage, entry: FileEntry, progress: Callable[[int], None] = lambda _: None
) -> str | None:
    """What distinguishes a file from what was written; ``progress`` is told of bytes read."""
    digest, size_bytes = xxhash.xxh3_128(), 0
    try:
        for piece in storage.read(entry.name):
            digest.update(piece)
            size_bytes += len(piece)
            progress(len(piece))
    except FileNotFoundError:
        return "missing"
    except OSError as error:
        return f"{UNREAD}: {error.strerror}"
    if size_bytes != entry.size_bytes:
        return f"{size_bytes} bytes long, {entry.size_bytes} were written"
    return None if digest.hexdigest() == entry.whole_hash else "not the bytes that were written"


def check_index(
    storage: Storage, progress: Callable[[str, int, int], None] | None = None
) -> CheckReport:
    """Check both generations on the disk, byte by byte; raises `IndexMissing` where none is.

    A writer may be at work: what seems damaged is looked at again if there is a new generation.
    ``progress`` is called with a stage, and how many bytes of how many are done.
    """
    for _ in range(CHECK_ATTEMPTS - 1):
        report = _check_once(storage, progress)
        if not report.damage or _generations(storage) == (report.generation, report.previous):
            return report
    return _check_once(storage, progress)


def _generations(storage: Storage) -> tuple[int | None, int | None]:
    current, previous, _ = load_both(storage)
    return (
        None if current is None else current.generation,
        None if previous is None else previous.generation,
    )


def _check_once(storage: Storage, progress: Callable[[str, int, int], None] | None) -> CheckReport:
    current, previous, damage = load_both(storage)
    entries = {e.name: e for m in (previous, current) if m is not None for e in m.files()}
    total, done = sum(entry.size_bytes for entry in entries.values()), 0

    def read(size_bytes: int) -> None:
        nonlocal done
        done += size_bytes
        if progress is not None:
            progress("verifying", min(done, total), total)

    for name, entry in entries.items():
        flaw = flaw_of(storage, entry, read)
        if flaw is not None:
            damage.append(Damage(name, flaw, unread=flaw.startswith(UNREAD)))
    hurt = {item.file for item in damage}
    if current is not None and hurt.isdisjoint(entry.name for entry in current.files()):
        damage += _broken_rules(storage, current)
    return CheckReport(
        generation=None if current is None else current.generation,
        previous=None if previous is None else previous.generation,
        files=len(entries),
        size_bytes=total,
        damage=tuple(damage),
    )


def load_both(storage: Storage) -> tuple[Manifest | None, Manifest | None, list[Damage]]:
    """The current manifest and the one before it, as far as they can be read, and what is wrong.

    Raises `IndexMissing` where there is neither.
    """
    current, previous = (_load(storage, name) for name in (manifests.NAME, manifests.PREVIOUS))
    if current is None and previous is None:
        if any(name.startswith("segment-") for name in _names(storage)):
            raise IndexDamaged(
                f"{storage.folder / manifests.NAME}: missing, its segments are there"
            )
        manifests.load(storage)  # raises
    damage = [item for item in (current, previous) if isinstance(item, Damage)]
    if current is None:
        damage.append(Damage(manifests.NAME, "missing"))
    first = isinstance(current, manifests.Manifest) and current.generation == 1
    if previous is None and not first:
        damage.append(Damage(manifests.PREVIOUS, "missing"))
    now, before = _readable(current), _readable(previous)
    if now is not None and before is not None and before.generation > now.generation:
        text = f"generation {now.generation} is current, {before.generation} the one before"
        damage += [Damage(name, text) for name in (manifests.NAME, manifests.PREVIOUS)]
    return now, before, damage


def _names(storage: Storage) -> list[str]:
    try:
        return storage.names()
    except OSError:
        return []


def _load(storage: Storage, name: str) -> Manifest | Damage | None:
    try:
        return manifests.parse(b"".join(storage.read(name)), name)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return Damage(name, f"cannot be read: {error.strerror}", unread=True)
    except IndexDamaged as error:
        return Damage(name, str(error).removeprefix(f"{name}: "))


def _readable(found: Manifest | Damage | None) -> Manifest | None:
    return None if isinstance(found, Damage) else found


def _broken_rules(storage: Storage, manifest: Manifest) -> Iterator[Damage]:
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
            flaws = list(_embedding_flaws(found, manifest))
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
    for name in ("path", "category", "warning"):
        column = TextColumn.read(segment.array, f"images/{name}")
        if column.blob.dtype != np.uint8 or column.start.dtype != np.uint32:
            yield f"images/{name} is no text"
            return
        if len(column) != len(segment) or not rises(column.start, len(column.blob)):
            yield f"images/{name} is out of order"
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
