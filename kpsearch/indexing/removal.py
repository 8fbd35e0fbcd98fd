"""Images out of an index, by id, by path, or by folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.errors import UsageError
from kpsearch.index import IndexWriter, feature_options_of
from kpsearch.indexing.pruning import is_under

if TYPE_CHECKING:
    from kpsearch.index import Snapshot


@dataclass(frozen=True, slots=True)
class Removal:
    """What `remove_images` took out."""

    generation: int
    paths: tuple[str, ...]
    """Of the images that were removed, by id."""
    rejects: tuple[str, ...]
    """Paths whose reject was forgotten."""


def remove_images(
    targets: Sequence[int | str | os.PathLike[str]], index: str | os.PathLike[str]
) -> Removal:
    """Remove images by id (an int), by path, or all that are under a folder's path.

    The files need not exist. All of it is one commit, or, where one target is not in the index,
    none: then raises `UsageError`.
    """
    feature_options_of(index)  # raises where there is no index, before a folder is made for one
    with IndexWriter(index) as writer:
        snapshot = writer.snapshot()
        assert snapshot is not None
        slots: set[int] = set()
        forgotten: set[str] = set()
        unknown: list[str] = []
        for target in targets:
            found, rejects = _find(snapshot, target)
            slots.update(found)
            forgotten.update(rejects)
            if not found and not rejects:
                unknown.append(str(target))
        if unknown:
            more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
            raise UsageError(
                f"{os.fspath(index)}: not in the index: {', '.join(unknown[:3])}{more}; "
                "nothing was removed"
            )
        ordered = sorted(slots)
        paths = tuple(os.fsdecode(snapshot.path_bytes(slot)) for slot in ordered)
        ids = [snapshot.id_of(slot) for slot in ordered]
        writer.commit([], removed=ids, forgotten=forgotten)
        assert writer.manifest is not None
        return Removal(writer.manifest.generation, paths, tuple(sorted(forgotten)))


def _find(snapshot: Snapshot, target: int | str | os.PathLike[str]) -> tuple[list[int], list[str]]:
    """Slots of images, and paths of rejects, that a target names."""
    if isinstance(target, int):
        slot = snapshot.slot_of(target)
        return ([] if slot is None else [slot]), []
    if not os.fspath(target):
        raise UsageError("an empty path names nothing; nothing was removed")
    path = os.path.abspath(target)
    root = os.fsencode(path)
    rejects = [name for name in snapshot.rejects if is_under(os.fsencode(name), root)]
    slot = snapshot.find(path)
    if slot is not None:
        return [slot], rejects
    live = np.flatnonzero(snapshot.live).tolist()
    return [slot for slot in live if is_under(snapshot.path_bytes(slot), root)], rejects
