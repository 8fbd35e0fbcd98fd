"""Which indexed pictures are no longer where they were."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.errors import WrongFolder

if TYPE_CHECKING:
    from kpsearch.index import Snapshot


@dataclass(frozen=True, slots=True)
class Vanished:
    """What an index holds of files that are gone."""

    ids: dict[int, bytes]
    """Of images, with their paths."""
    rejects: tuple[str, ...]
    """Paths of rejects."""

    def still(self) -> Vanished:
        """Without the files that have come back since."""
        return Vanished(
            {image: path for image, path in self.ids.items() if is_gone(path)},
            tuple(path for path in self.rejects if is_gone(os.fsencode(path))),
        )


def vanished(
    snapshot: Snapshot, paths: Iterable[str | os.PathLike[str]], found: Collection[str]
) -> Vanished:
    """What lies under ``paths`` in the index, and no longer on the disk.

    ``found`` are the files seen there now. Raises `WrongFolder` for a folder with indexed pictures
    in which no file is left: more likely a disk that is not mounted than an empty catalogue.
    """
    roots = {os.fsencode(os.path.abspath(path)) for path in paths}
    seen = {os.fsencode(path) for path in found}
    ids: dict[int, bytes] = {}
    for slot in np.flatnonzero(snapshot.live).tolist():
        path = snapshot.path_bytes(slot)
        listed = path in seen and path not in roots  # a root is listed, there or not
        if not listed and _is_under_any(path, roots) and is_gone(path):
            ids[snapshot.id_of(slot)] = path
    for root in filter(_is_folder_of(ids.values()), sorted(roots)):
        _refuse_emptied(root, ids.values(), seen)
    rejects = (
        path
        for path in snapshot.rejects
        if _is_under_any(os.fsencode(path), roots) and is_gone(os.fsencode(path))
    )
    return Vanished(ids, tuple(rejects))


def _refuse_emptied(root: bytes, gone: Iterable[bytes], seen: Collection[bytes]) -> None:
    lost = sum(is_under(path, root) and path != root for path in gone)
    if lost and not any(is_under(path, root) and path != root for path in seen):
        raise WrongFolder(
            f"{os.fsdecode(root)}: {lost} pictures of it are in the index and none is there now; "
            "is it mounted? `kpsearch remove` drops them if they are gone for good"
        )


def _is_folder_of(paths: Iterable[bytes]) -> Callable[[bytes], bool]:
    """Whether a root is a folder that one of the paths lies in."""
    folders = {folder for path in paths for folder in _folders(path)}
    return folders.__contains__


def _is_under_any(path: bytes, roots: Collection[bytes]) -> bool:
    return path in roots or any(folder in roots for folder in _folders(path))


def _folders(path: bytes) -> Iterator[bytes]:
    """The folders above an absolute path, the nearest first."""
    while path != (path := os.path.dirname(path)):
        yield path


def is_under(path: bytes, root: bytes) -> bool:
    """Whether a path is that of a folder, or of something in it."""
    return path == root or path.startswith(root.rstrip(b"/") + b"/")


def is_gone(path: bytes) -> bool:
    """Whether nothing has this path any more. What may not be looked at is not gone."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False
