"""The few things an index does to a disk, in one class, so that each can be made to fail in a test.

Files are written once, whole, under a name never used before; only the manifest is replaced, by
a rename. Nothing is appended to and nothing rewritten in place.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import shutil
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from kpsearch.errors import CommitFailed, IndexLocked, UsageError

PIECE_BYTES = 1 << 22
LOCK = ".lock"
OWNER = ".lock-owner"


class Storage:
    """One folder of flat files. Errors are the operating system's, as `OSError`.

    ``names``, ``read``, ``map`` and ``free_bytes`` ask; ``write_new``, ``replace``, ``remove`` and
    ``sync_folder`` change, and are all that a commit consists of; ``locked`` keeps to one writer.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)

    def names(self) -> list[str]:
        """Names of all files, sorted."""
        with os.scandir(self.folder) as entries:
            return sorted(entry.name for entry in entries if entry.is_file(follow_symlinks=False))

    def read(self, name: str) -> Iterator[bytes]:
        """The bytes of a file, piece by piece."""
        with open(self.folder / name, "rb", buffering=0) as file:
            while piece := file.read(PIECE_BYTES):
                yield piece

    def map(self, name: str) -> mmap.mmap | bytes:
        """A file mapped for reading; pages come in as they are touched."""
        with open(self.folder / name, "rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def write_new(self, name: str, parts: Iterable[bytes | memoryview]) -> None:
        """Create a file, confirmed by the disk. `FileExistsError` if there is one."""
        descriptor = os.open(
            self.folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644
        )
        try:
            for part in parts:
                view = memoryview(part)
                while view:
                    view = view[self._write(descriptor, view[:PIECE_BYTES]) :]
            self._sync(descriptor)
        finally:
            os.close(descriptor)

    def _write(self, descriptor: int, piece: memoryview) -> int:
        """Bytes written, which may be fewer than there are."""
        return os.write(descriptor, piece)

    def _sync(self, descriptor: int) -> None:
        os.fsync(descriptor)

    def replace(self, source: str, target: str) -> None:
        """Rename ``source`` over ``target``, at once for every reader."""
        os.replace(self.folder / source, self.folder / target)

    def remove(self, name: str) -> None:
        """Delete a file; no error if it is gone."""
        (self.folder / name).unlink(missing_ok=True)

    def sync_folder(self) -> None:
        """Have the disk confirm the names in the folder."""
        _sync(self.folder)

    def free_bytes(self) -> int:
        """Space left for this user."""
        return shutil.disk_usage(self.folder).free

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the one writer, in a folder that is made if need be.

        The lock is the operating system's: it ends with the process, however that ends. Raises
        `IndexLocked` at once, naming the process that holds it.
        """
        _make_folder(self.folder)
        owner = self.folder / OWNER
        lock = FileLock(self.folder / LOCK)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            who = (
                owner.read_text(errors="replace") if owner.exists() else ""
            )  # empty after a full disk
            raise IndexLocked(f"{self.folder}: locked by {who or 'another process'}") from None
        except OSError as error:
            raise CommitFailed(f"{self.folder}: cannot be written: {error.strerror}") from error
        try:
            with contextlib.suppress(OSError):  # a full disk is for a commit to report
                owner.write_text(f"process {os.getpid()} on {socket.gethostname()}")
            yield
        finally:
            lock.release()


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it, durably: what is lost with a folder was in it."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        for place in reversed(missing):
            place.mkdir(exist_ok=True)
            with contextlib.suppress(PermissionError):  # a parent may let us in and not be listed
                _sync(place.parent)
        if not folder.is_dir():
            raise NotADirectoryError(0, "not a folder")
    except OSError as error:
        raise UsageError(f"{folder}: no index can be made here: {error.strerror}") from error


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
