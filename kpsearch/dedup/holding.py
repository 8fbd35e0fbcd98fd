"""One generation of an index, held for as long as a job takes.

Segments are never changed, only removed once they are merged: a second name for each of their
files, in a folder of the job's own, keeps them. Workers open that folder as an index, whatever is
added to the index or merged in it meanwhile.
"""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from kpsearch.errors import IndexDamaged, KpsearchError
from kpsearch.index import Snapshot

if TYPE_CHECKING:
    from kpsearch.index.container import FileEntry

_NO_LINKS = (errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS)
ATTEMPTS = 5


def hold(index: str | os.PathLike[str], folder: Path) -> Snapshot:
    """The present generation of an index, with all it needs in ``folder``; opened there.

    Files are linked, or copied where the folder is on another disk. Raises `IndexMissing` or
    `IndexDamaged`.
    """
    for attempt in range(ATTEMPTS):
        snapshot = Snapshot.open(index)
        try:
            return _held(snapshot, folder)
        except FileNotFoundError:  # merged away since it was opened: there is a later generation
            if attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def _held(snapshot: Snapshot, folder: Path) -> Snapshot:
    folder.mkdir(parents=True, exist_ok=True)
    content = snapshot.manifest.to_bytes()
    manifest = folder / "manifest.json"
    if manifest.exists() and manifest.read_bytes() == content:
        try:
            return Snapshot.open(folder)
        except IndexDamaged:
            pass  # a file went missing here: they are linked again
    names = {entry.name for entry in snapshot.manifest.files()}
    for path in folder.iterdir():
        if path.name not in names:
            path.unlink()
    for entry in snapshot.manifest.files():
        _link(snapshot.storage.folder / entry.name, folder / entry.name, entry)
    manifest.write_bytes(content)
    return Snapshot.open(folder)


def _link(source: Path, target: Path, entry: FileEntry) -> None:
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if shutil.disk_usage(target.parent).free < entry.size_bytes:
            raise KpsearchError(
                f"{target.parent}: no room for {entry.size_bytes} bytes of the index; write the "
                "report to the disk that the index is on, where nothing is copied"
            ) from error
        shutil.copyfile(source, target)
