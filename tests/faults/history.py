"""A random history of an index, and what the index must say after each of its steps.

A step is a pure function of a seed, its number and the state before it, so that whoever knows how
far an index has come knows all of its contents.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import xxhash

from kpsearch.index import IndexWriter, Keypoints, Snapshot
from kpsearch.options import FeatureOptions
from kpsearch.types import Reject
from tests.indexes import (
    Indexed,
    random_keypoints,
    record,
    sketch_bytes,
    sketch_in,
    small_vocabulary,
)

PATHS = 40
"""So few that a commit often replaces what an earlier one brought."""
KINDS = ("create", "add", "remove", "reject", "forget", "compact")
CHANCES = (0.0, 0.5, 0.2, 0.1, 0.1, 0.1)


@dataclass(frozen=True)
class State:
    """What an index holds."""

    images: Mapping[str, Indexed] = field(default_factory=dict)
    rejects: Mapping[str, Reject] = field(default_factory=dict)

    def fingerprint(self) -> str:
        return fingerprint(self.images.values(), self.rejects.values())


@dataclass(frozen=True)
class Step:
    """One call of a writer."""

    kind: str
    images: tuple[Indexed, ...] = ()
    rejects: tuple[Reject, ...] = ()
    removed: tuple[str, ...] = ()
    forgotten: tuple[str, ...] = ()


def step(number: int, before: State, *, seed: int) -> Step:
    """Step 0 creates the index; the others are drawn."""
    if number == 0:
        return Step("create")
    rng = np.random.default_rng((seed, number))
    kind = str(rng.choice(KINDS, p=CHANCES))
    if kind == "add":
        return Step(kind, images=tuple(_new_image(rng, path, number) for path in _paths(rng)))
    if kind == "reject":
        codes = ("corrupt_data", f"step {number}", number, number)
        return Step(kind, rejects=tuple(Reject(path, *codes) for path in _paths(rng)))
    if kind == "remove":
        return Step(kind, removed=_some(rng, before.images))
    if kind == "forget":
        return Step(kind, forgotten=_some(rng, before.rejects))
    return Step(kind)


def _paths(rng: np.random.Generator) -> list[str]:
    numbers = rng.choice(PATHS, int(rng.integers(1, 6)), replace=False)
    return [f"/pictures/{number}.jpg" for number in numbers.tolist()]


def _new_image(rng: np.random.Generator, path: str, number: int) -> Indexed:
    points = random_keypoints(rng, int(rng.choice([0, 5, 60, 3000])))
    return replace(record(path), mtime_ns=number), points


def _some(rng: np.random.Generator, known: Mapping[str, object]) -> tuple[str, ...]:
    """A third of them, or of a few of them one."""
    names = sorted(known)
    return tuple(names[i] for i in rng.permutation(len(names))[: -(-len(names) // 3)])


def after(before: State, done: Step) -> State:
    """The state that a step leads to."""
    images = {path: image for path, image in before.images.items() if path not in done.removed}
    images.update((image.path, (image, points)) for image, points in done.images)
    settled = {image.path for image, _ in done.images}.union(done.forgotten)
    rejects = {path: item for path, item in before.rejects.items() if path not in settled}
    rejects.update((item.path, item) for item in done.rejects)
    return State(images, rejects)


def perform(writer: IndexWriter, wanted: Step) -> int:
    """Have a writer take a step; returns the generation it has reached."""
    if wanted.kind == "create":
        writer.create(FeatureOptions(), small_vocabulary())
    elif wanted.kind == "compact":
        writer.compact()
    else:
        snapshot = writer.snapshot()
        assert snapshot is not None
        slots = [snapshot.find(path) for path in wanted.removed]
        ids = [snapshot.id_of(slot) for slot in slots if slot is not None]
        assert len(ids) == len(wanted.removed)
        writer.commit(wanted.images, wanted.rejects, removed=ids, forgotten=wanted.forgotten)
    assert writer.manifest is not None
    return writer.manifest.generation


def fingerprint(images: Iterable[Indexed], rejects: Iterable[Reject]) -> str:
    """One for all that is known of some images and rejects, in whatever order they come."""
    told = [(repr(image), _columns(points)) for image, points in images]
    told += [(repr(reject), b"") for reject in rejects]
    digest = xxhash.xxh3_128()
    for text, content in sorted(told):
        digest.update(f"{len(text)} {len(content)} {text}".encode())
        digest.update(content)
    return digest.hexdigest()


def _columns(points: Keypoints) -> bytes:
    columns = (points.word, points.signature, points.x, points.y, points.scale, points.angle)
    assert points.sketch is not None
    return b"".join(column.tobytes() for column in columns) + sketch_bytes(points.sketch)


def read_back(snapshot: Snapshot) -> Iterator[Indexed]:
    """The live images of a snapshot as they were committed, read out of its posting lists."""
    for segment, live in zip(snapshot.segments, snapshot.live_by_segment, strict=True):
        word = np.empty(segment.entry.keypoints, np.uint32)
        signature = np.empty(segment.entry.keypoints, np.uint64)
        lists = np.diff(segment.start.astype(np.int64))
        word[segment.keypoint] = np.repeat(np.arange(len(lists)), lists)
        signature[segment.keypoint] = segment.signature
        grid = [segment.array(f"keypoints/{name}") for name in ("x", "y", "scale", "angle")]
        bounds = segment.keypoint_start.tolist()
        for image in np.flatnonzero(live).tolist():
            rows = slice(bounds[image], bounds[image + 1])
            columns = [column[rows] for column in (word, signature, *grid)]
            sketch = sketch_in(segment, image)
            yield segment.record(image), Keypoints(*columns, sketch=sketch)


def fingerprint_of(snapshot: Snapshot) -> str:
    """`State.fingerprint` of what a snapshot holds."""
    return fingerprint(read_back(snapshot), snapshot.rejects.values())
