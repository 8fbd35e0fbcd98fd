"""A way back: to the generation before, or to what damage has left of an index."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.errors import IndexDamaged, KpsearchError
from kpsearch.index import manifest as manifests
from kpsearch.index.check import CheckReport, check_index, load_both
from kpsearch.index.commit import confirm_folder, new_name, publish, write_file
from kpsearch.index.container import MappedFile
from kpsearch.index.deletes import Deletes
from kpsearch.index.rules import Damage
from kpsearch.index.segment import Segment
from kpsearch.index.snapshot import Snapshot
from kpsearch.index.sweep import OWN_NAME, sweep
from kpsearch.vocabulary import unpack_vocabulary

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.index.container import FileEntry
    from kpsearch.index.manifest import Manifest
    from kpsearch.index.storage import Storage

ASIDE = ".damaged"
"""Added to the name of a damaged file: it is kept, but no longer taken for the index's."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a recovery has done."""

    generation: int
    base: int
    """The generation that was recovered."""
    latest: int
    """The last generation there was: what was committed after the base is not in it."""
    images: int
    """Live now."""
    lost_images: int
    """Of the base, in segments that had to be left out; deleted ones too if that list is lost."""
    set_aside: tuple[str, ...]
    """Damaged files, by their new names."""
    restored_deletes: bool
    """The list of deleted images was lost: removed ones are back, replaced ones are not."""
    changed: bool


def recover(
    storage: Storage,
    *,
    to_previous: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
) -> Recovery:
    """Make the index whole again, losing as little as can be; or go back by one generation.

    Without ``to_previous``: damaged segments are left out, so that the next `kpsearch index`
    takes their pictures in again; a lost manifest is replaced by the one before. Whatever of the
    two generations loses fewer images is taken. An index without damage is left as it is.

    Raises `IndexDamaged` where nothing can be recovered: no manifest, or no vocabulary.
    """
    load_both(storage)  # raises before a folder is made for the lock
    with storage.locked():
        confirm_folder(storage)
        report = check_index(storage, progress)
        current, previous, unreadable = load_both(storage)
        if [m and m.generation for m in (current, previous)] != [
            report.generation,
            report.previous,
        ]:
            raise IndexDamaged(
                f"{storage.folder}: a manifest can be read only sometimes; try again"
            )
        _refuse_unread(storage, (*report.damage, *unreadable))
        hurt = {damage.file for damage in (*report.damage, *unreadable)}
        if to_previous:
            base = _previous(storage, current, previous, hurt)
        elif current is not None and not hurt:
            return _unchanged(storage, current)
        else:
            base = _least_loss(storage, current, previous, hurt)
        return _publish(storage, base, current, report, hurt)


def _refuse_unread(storage: Storage, damage: Iterable[Damage]) -> None:
    """Nothing is given up that has not been read: it may be whole, and only barred."""
    for item in damage:
        if item.unread:
            raise IndexDamaged(
                f"{storage.folder / item.file}: {item.text}; see to permissions and disk, or move "
                "the file away to go on without it"
            )


def _unchanged(storage: Storage, manifest: Manifest) -> Recovery:
    images = Snapshot(storage, manifest).images
    generation = manifest.generation
    return Recovery(generation, generation, generation, images, 0, (), False, False)


def _previous(
    storage: Storage, current: Manifest | None, previous: Manifest | None, hurt: set[str]
) -> Manifest:
    folder = storage.folder
    if previous is None and manifests.PREVIOUS in hurt:
        raise IndexDamaged(f"{folder / manifests.PREVIOUS}: there is no generation to go back to")
    if previous is None or (current and previous.generation >= current.generation):
        raise KpsearchError(f"{folder}: there is no generation to go back to")
    if _lost(previous, hurt) or not hurt.isdisjoint(f.name for f in previous.files()):
        raise IndexDamaged(
            f"{folder}: generation {previous.generation} is damaged too; "
            "`kpsearch recover` without --to-previous takes what is left"
        )
    return previous


def _least_loss(
    storage: Storage, current: Manifest | None, previous: Manifest | None, hurt: set[str]
) -> Manifest:
    """The generation that keeps more of the images there were; the later one if both do."""
    whole = [m for m in (current, previous) if m is not None and m.vocabulary.name not in hurt]
    if not whole:
        lost = "both manifests are" if current is None and previous is None else "the vocabulary is"
        raise IndexDamaged(
            f"{storage.folder}: {lost} lost, and nothing can be recovered without; "
            "restore the file from a copy, or index the pictures again in a new folder"
        )
    newest = max(manifest.next_id for manifest in whole)
    return min(whole, key=lambda m: (_lost(m, hurt) + newest - m.next_id, -m.generation))


def _lost(manifest: Manifest, hurt: set[str]) -> int:
    return sum(entry.images for entry in manifest.segments if entry.file.name in hurt)


def _publish(
    storage: Storage,
    base: Manifest,
    current: Manifest | None,
    report: CheckReport,
    hurt: set[str],
) -> Recovery:
    known = [generation for generation in (report.generation, report.previous) if generation]
    # An unreadable manifest was of a later generation than the one before it.
    latest = max(known) + (report.generation is None)
    next_id = max(base.next_id, 0 if current is None else current.next_id)
    left = _left_of(storage, replace(base, generation=latest, next_id=next_id), hurt)
    lost_deletes = base.deletes is not None and base.deletes.name in hurt
    lost_images = _lost(base, hurt)
    if not lost_deletes:
        lost_images -= _deleted(storage, base) - _deleted(storage, left)
    new = manifests.following(left)
    intact = current is not None and hurt.isdisjoint(file.name for file in current.files())
    aside = _set_aside_manifests(storage, report, hurt)
    if report.generation is None:  # nobody knows any more what the lost manifest named
        hurt = hurt.union(storage.names()) - {file.name for file in left.files()}
    publish(storage, new, current if intact else new)
    aside += _set_aside(storage, hurt)
    return Recovery(
        generation=new.generation,
        base=base.generation,
        latest=latest,
        images=Snapshot(storage, new).images,
        lost_images=lost_images,
        set_aside=aside,
        restored_deletes=lost_deletes,
        changed=True,
    )


def _left_of(storage: Storage, base: Manifest, hurt: set[str]) -> Manifest:
    """A generation without its damaged files."""
    kept = tuple(entry for entry in base.segments if entry.file.name not in hurt)
    lost_deletes = base.deletes is not None and base.deletes.name in hurt
    lost_rejects = base.rejects is not None and base.rejects.name in hurt
    left = replace(
        base,
        segments=kept,
        deletes=None if lost_deletes else base.deletes,
        rejects=None if lost_rejects else base.rejects,
    )
    if lost_deletes or kept != base.segments:
        left = _with_deletes_of(storage, left, lost_deletes)
    return left


def _with_deletes_of(storage: Storage, manifest: Manifest, lost: bool) -> Manifest:
    """The manifest with a list of deleted images that fits the segments it has."""
    words = len(unpack_vocabulary(_held(storage, manifest.vocabulary).array))
    segments = [Segment(e, _held(storage, e.file), words) for e in manifest.segments]
    if lost:
        ids = _replaced(segments)
    elif manifest.deletes is None:
        return manifest
    else:
        ids = Deletes.read(_held(storage, manifest.deletes)).ids
    deletes = Deletes.of(ids, segments, words)
    file = None
    if len(deletes.ids):
        file = write_file(storage, new_name("deletes", manifest.generation + 1), deletes.pack())
    return replace(manifest, deletes=file)


def _deleted(storage: Storage, manifest: Manifest) -> int:
    """How many images are deleted in a generation."""
    if manifest.deletes is None:
        return 0
    return len(Deletes.read(_held(storage, manifest.deletes)).ids)


def _held(storage: Storage, entry: FileEntry) -> MappedFile:
    try:
        return MappedFile(entry, storage.map(entry.name))
    except OSError as error:
        raise IndexDamaged(f"{storage.folder / entry.name}: {error.strerror}") from error


def _replaced(segments: list[Segment]) -> npt.NDArray[np.uint64]:
    """Ids of the images that a later one of the same path has taken the place of."""
    seen: set[bytes] = set()
    older: list[int] = []
    for segment in reversed(segments):
        for image in reversed(range(len(segment))):
            path = segment.path_bytes(image)
            if path in seen:
                older.append(int(segment.ids[image]))
            seen.add(path)
    return np.array(sorted(older), np.uint64)


def _set_aside_manifests(storage: Storage, report: CheckReport, hurt: set[str]) -> tuple[str, ...]:
    """Rename the manifests that cannot be read: others are about to take their place."""
    found = ((manifests.NAME, report.generation), (manifests.PREVIOUS, report.previous))
    aside: list[str] = []
    with contextlib.suppress(OSError):
        there = hurt.intersection(storage.names())
        for name, generation in found:
            if generation is None and name in there:
                storage.replace(name, name + ASIDE)
                aside.append(name + ASIDE)
    return tuple(aside)


def _set_aside(storage: Storage, hurt: set[str]) -> tuple[str, ...]:
    """Rename the damaged files that are there, so that nobody takes them for the index's; sweep.

    The index is recovered by now: where the disk refuses, they only stay where they are.
    """
    aside: list[str] = []
    with contextlib.suppress(OSError):
        for name in storage.names():
            if name in hurt and OWN_NAME.fullmatch(name):
                storage.replace(name, name + ASIDE)
                aside.append(name + ASIDE)
        sweep(storage)
    return tuple(aside)
