"""What a recovery must make of an index of which one file is damaged, told from the whole one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kpsearch.errors import IndexDamaged
from kpsearch.index import ImageRecord, Recovery, Snapshot, Storage, check_index, recover
from kpsearch.index import manifest as manifests
from kpsearch.types import Reject
from tests.faults.damage import MANIFESTS, Harm, kind_of, named_by, use
from tests.memory import MemoryStorage

ASIDE = ".damaged"


@dataclass(frozen=True, slots=True)
class Image:
    """An image of a generation."""

    file: str
    """Of its segment."""
    record: ImageRecord
    keypoints: bytes
    live: bool


@dataclass(frozen=True, slots=True)
class Generation:
    """What a generation of the whole index says."""

    number: int
    next_id: int
    images: Mapping[int, Image]
    deletes: str | None
    rejects_file: str | None
    rejects: Mapping[str, Reject]

    @classmethod
    def read(cls, storage: Storage, name: str = manifests.NAME) -> Generation:
        """The current one, or the one before it."""
        manifest = manifests.load(storage, name)
        snapshot = Snapshot(storage, manifest)
        names = [f.name if f else None for f in (manifest.deletes, manifest.rejects)]
        images = {snapshot.id_of(slot): _image(snapshot, slot) for slot in range(snapshot.slots)}
        return cls(snapshot.generation, manifest.next_id, images, *names, snapshot.rejects)

    def live(self) -> dict[int, tuple[ImageRecord, bytes]]:
        """Record and keypoints of each live image."""
        return {i: (x.record, x.keypoints) for i, x in self.images.items() if x.live}

    def without(self, file: str) -> dict[int, tuple[ImageRecord, bytes]]:
        """`live`, of a recovery that has to do without this file."""
        left = {i: x for i, x in self.images.items() if x.file != file}
        if file == self.deletes:
            last = {x.record.path: i for i, x in sorted(left.items())}
            return {i: (left[i].record, left[i].keypoints) for i in last.values()}
        return {i: (x.record, x.keypoints) for i, x in left.items() if x.live}


def _image(snapshot: Snapshot, slot: int) -> Image:
    segment, image = snapshot.locate(slot)
    low, high = segment.keypoint_start[image : image + 2].tolist()
    columns = [segment.array(f"keypoints/{name}")[low:high] for name in ("x", "y", "scale")]
    keypoints = b"".join(column.tobytes() for column in columns)
    return Image(segment.name, segment.record(image), keypoints, bool(snapshot.live[slot]))


def violations_of_recovery(harm: Harm, storage: Storage, whole: Mapping[str, bytes]) -> list[str]:
    """What `recover` does wrong to an index with this harm to one of its files."""
    (name,) = harm.files
    untouched = harm.done_to(whole)
    if kind_of(name) == "vocabulary":
        wrong = _refusal_flaws(storage, untouched)
    else:
        try:
            wrong = _salvage_flaws(harm, storage, recover(storage), MemoryStorage(whole))
        except Exception as error:
            wrong = [f"{type(error).__name__}: {error}"]
    return [f"recovery, {harm.what}: {text}" for text in wrong]


def _files(storage: Storage) -> dict[str, bytes]:
    names = [name for name in storage.names() if not name.startswith(".")]
    return {name: b"".join(storage.read(name)) for name in names}


def _refusal_flaws(storage: Storage, untouched: Mapping[str, bytes]) -> list[str]:
    try:
        recover(storage)
    except IndexDamaged as error:
        advised = "the vocabulary is lost" in str(error) and "restore the file" in str(error)
        changed = _files(storage) != untouched
        return ["no advice"] * (not advised) + ["it changed a file"] * changed
    return ["nothing was raised"]


def _salvage_flaws(harm: Harm, storage: Storage, done: Recovery, whole: Storage) -> list[str]:
    (name,) = harm.files
    current = Generation.read(whole)
    base = current if name != manifests.NAME else Generation.read(whole, manifests.PREVIOUS)
    found, after, files = Generation.read(storage), base.without(name), _files(storage)
    left = None if harm.files[name] is None else harm.files[name]
    aside = () if left is None else (name + ASIDE,)
    if name == manifests.NAME:  # what it may have named is not thrown away
        named = {file.name for file in manifests.load(whole, manifests.PREVIOUS).files()}
        own = {file.name for file in manifests.load(whole).files()}
        aside += tuple(file + ASIDE for file in sorted(own - named))
    lost = sum(image.live for image in base.images.values() if image.file == name)
    facts = {
        "clean": (check_index(storage).damage, ()),
        "works": (use(storage), "works"),
        "base": (done.base, base.number),
        "changed": (done.changed, True),
        "generation": (done.generation, current.number + 1),
        "the one it made": (found.number, done.generation),
        "images": (found.live(), after),
        "count": (done.images, len(after)),
        "lost": (done.lost_images, lost),
        "restored deletes": (done.restored_deletes, name == base.deletes),
        "rejects": (found.rejects, {} if name == base.rejects_file else base.rejects),
        "next id": (found.next_id, base.next_id),
        "set aside": (done.set_aside, aside),
        "kept aside": (files.get(name + ASIDE), left),
        "strays": (set(files), named_by(storage) | {*MANIFESTS, *aside}),
    }
    return [f"{what}: {a}, not {b}"[:400] for what, (a, b) in facts.items() if a != b]
