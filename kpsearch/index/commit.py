"""The protocol of a commit: new files first, then the one rename that makes them the index.

1. Each new file is written whole under a name never used before, synced, and its name too.
2. The manifest that names them is published (`publish`).

So a crash leaves either generation whole, and at worst files that no manifest names.
"""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING

from kpsearch.errors import CommitFailed, CommitUncertain
from kpsearch.index.manifest import NAME, PREVIOUS, Manifest

if TYPE_CHECKING:
    from kpsearch.index.container import FileEntry
    from kpsearch.index.packing import Packing
    from kpsearch.index.storage import Storage

SPARE_BYTES = 1 << 20
"""Free space demanded beyond a new file."""


def confirm_folder(storage: Storage) -> None:
    """Have the disk confirm what a writer found, before it builds on that or removes anything.

    1. A writer is killed after a rename and before the folder was synced.
    2. The next one sees the renamed manifest and sweeps what only the one before it named.
    3. The power is cut: the disk has forgotten the rename, and kept the removals.
    """
    try:
        storage.sync_folder()
    except OSError as error:
        raise CommitFailed(f"{storage.folder}: {error.strerror}; nothing was committed") from error


def new_name(kind: str, generation: int) -> str:
    """A name never used before, so that what an old manifest names is never something else."""
    return f"{kind}-{generation:06d}-{secrets.token_hex(4)}.h5"


def require_room(storage: Storage, size_bytes: int) -> None:
    """Raise `CommitFailed` unless so much can be written."""
    try:
        room = storage.free_bytes() >= size_bytes + SPARE_BYTES
    except OSError as error:
        raise CommitFailed(f"{storage.folder}: {error.strerror}; nothing was committed") from error
    if not room:
        raise CommitFailed(
            f"{storage.folder}: disk full ({size_bytes} bytes are needed); nothing was committed"
        )


def write_file(storage: Storage, name: str, packing: Packing) -> FileEntry:
    """Write a new file durably; its name is in the folder when this returns."""
    require_room(storage, packing.size_bytes)
    try:
        storage.write_new(name, packing)
        storage.sync_folder()
    except OSError as error:
        with contextlib.suppress(OSError):
            storage.remove(name)
        raise CommitFailed(
            f"{storage.folder / name}: {error.strerror}; nothing was committed"
        ) from error
    return packing.entry(name)


def publish(storage: Storage, manifest: Manifest, previous: Manifest | None) -> None:
    """Make ``manifest`` the current one, atomically and durably.

    1. It is written under a name of its own and synced, and so is ``previous``, the generation to
       go back to; None leaves that as it is.
    2. A rename makes that one ``manifest.prev.json``; the folder is synced.
    3. A rename puts the new one in its place: from here on readers see it.
    4. The folder is synced: only now does the rename survive a power cut.

    A failure up to 3 raises `CommitFailed`: nothing has changed. A failure in 4 raises
    `CommitUncertain`: readers see the new generation, the disk may not.
    """
    temporary, spare = (f"{name}.{secrets.token_hex(4)}" for name in (NAME, PREVIOUS))
    try:
        storage.write_new(temporary, [manifest.to_bytes()])
        if previous is not None:
            storage.write_new(spare, [previous.to_bytes()])
            storage.replace(spare, PREVIOUS)
        storage.sync_folder()
        storage.replace(temporary, NAME)
    except OSError as error:
        for name in (temporary, spare):
            with contextlib.suppress(OSError):
                storage.remove(name)
        raise CommitFailed(f"{storage.folder}: nothing was committed: {error}") from error
    try:
        storage.sync_folder()
    except OSError as error:
        raise CommitUncertain(f"{storage.folder}: {error}; run `kpsearch verify`") from error
