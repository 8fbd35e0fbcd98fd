"""Which files in the folder of an index are its own, and which of those are of no more use."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

from kpsearch.errors import CommitFailed, IndexDamaged, IndexMissing, UsageError
from kpsearch.index import manifest as manifests

if TYPE_CHECKING:
    from kpsearch.index.storage import Storage

OWN_NAME = re.compile(
    r"(segment|deletes|rejects)-\d{6,}-[0-9a-f]{8}\.h5|vocabulary-[0-9a-f]{16}\.h5"
    r"|manifest(\.prev)?\.json\.[0-9a-f]{8}"
)
"""Names that only an index gives its files: nothing else is ever removed."""


def sweep(storage: Storage) -> None:
    """Remove our files that no manifest names: what a commit left behind, or has replaced.

    The generation to go back to keeps its files. A reader that is just opening another one finds
    them gone and reads the manifest again. Nothing is removed while either manifest is damaged or
    cannot be read, and what cannot be removed now will be another time.
    """
    known: set[str] = set()
    try:
        for manifest in (manifests.NAME, manifests.PREVIOUS):
            with contextlib.suppress(IndexMissing):
                known.update(entry.name for entry in manifests.load(storage, manifest).files())
    except IndexDamaged:
        return
    with contextlib.suppress(OSError):
        for name in storage.names():
            if OWN_NAME.fullmatch(name) and name not in known:
                storage.remove(name)


def refuse_to_begin(storage: Storage) -> None:
    """An index is begun in an empty folder: never among other files, never over a damaged one."""
    try:
        names = [name for name in storage.names() if not name.startswith(".")]
    except OSError as error:
        raise CommitFailed(f"{storage.folder}: cannot be read: {error.strerror}") from error
    if any(name.startswith("segment-") and OWN_NAME.fullmatch(name) for name in names):
        raise IndexDamaged(f"{storage.folder / manifests.NAME}: missing, its segments are there")
    foreign = [name for name in names if not OWN_NAME.fullmatch(name)]
    if foreign:
        raise UsageError(
            f"{storage.folder}: holds other files ({foreign[0]}) and no index; "
            "give a new or an empty folder"
        )
