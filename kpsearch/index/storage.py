"""The few things an index does to a disk, in one class, so that each can be made to fail in a test.

Files are written once, whole, under a name never used before; only the manifest is replaced, by
a rename. Nothing is appended to and nothing rewritten in place.
"""

from __future__ import annotations

import mmap
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WRITE_CHUNK = 1 << 22


class Storage:
    """One folder of flat files. Errors are the operating system's, as `OSError`."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)

    def exists(self, name: str) -> bool:
        """Whether a file of this name is there."""
        return (self.folder / name).exists()

    def names(self) -> list[str]:
        """Names of all files, sorted."""
        return sorted(entry.name for entry in os.scandir(self.folder) if entry.is_file())

    def size_bytes(self, name: str) -> int:
        """Length of a file."""
        return os.stat(self.folder / name).st_size

    def read(self, name: str) -> bytes:
        """The bytes of a small file."""
        return (self.folder / name).read_bytes()

    def map(self, name: str) -> mmap.mmap:
        """A file mapped for reading; pages come in as they are touched."""
        with open(self.folder / name, "rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def write_new(self, name: str, content: bytes | memoryview) -> None:
        """Create a file, confirmed by the disk. `FileExistsError` if there is one."""
        descriptor = os.open(
            self.folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644
        )
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(descriptor, view[:WRITE_CHUNK]) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def replace(self, source: str, target: str) -> None:
        """Rename ``source`` over ``target``, at once for every reader."""
        os.replace(self.folder / source, self.folder / target)

    def link(self, source: str, target: str) -> None:
        """A second name for a file."""
        os.link(self.folder / source, self.folder / target)

    def remove(self, name: str) -> None:
        """Delete a file; no error if it is gone."""
        (self.folder / name).unlink(missing_ok=True)

    def sync_folder(self) -> None:
        """Have the disk confirm the names in the folder."""
        with _open_folder(self.folder) as descriptor:
            os.fsync(descriptor)

    def free_bytes(self) -> int:
        """Space left for this user."""
        return shutil.disk_usage(self.folder).free


@contextmanager
def _open_folder(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
