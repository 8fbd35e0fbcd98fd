"""A disk in memory, for histories by the thousand: what is written is real, but not synced."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from kpsearch.index import Storage


class MemoryStorage(Storage):
    """A folder of flat files that is a dictionary."""

    def __init__(self, files: Mapping[str, bytes] | None = None) -> None:
        super().__init__("in-memory")
        self.files = dict(files or {})

    @classmethod
    def copy_of(cls, folder: Path) -> MemoryStorage:
        """The files of a real folder, but for its locks."""
        real = Storage(folder)
        names = [name for name in real.names() if not name.startswith(".")]
        return cls({name: b"".join(real.read(name)) for name in names})

    def _content(self, name: str) -> bytes:
        if name not in self.files:
            raise FileNotFoundError(2, "No such file or directory", name)
        return self.files[name]

    def names(self) -> list[str]:
        return sorted(self.files)

    def read(self, name: str) -> Iterator[bytes]:
        yield self._content(name)

    def map(self, name: str) -> bytes:
        content = self._content(name)
        if not content:
            raise ValueError("cannot mmap an empty file")
        return content

    def write_new(self, name: str, parts: Iterable[bytes | memoryview]) -> None:
        if name in self.files:
            raise FileExistsError(17, "File exists", name)
        self.files[name] = b"".join(parts)

    def replace(self, source: str, target: str) -> None:
        self.files[target] = self._content(source)
        if source != target:
            del self.files[source]

    def remove(self, name: str) -> None:
        self.files.pop(name, None)

    def sync_folder(self) -> None:
        """There is no disk to wait for."""

    def free_bytes(self) -> int:
        return 1 << 40

    @contextmanager
    def locked(self) -> Iterator[None]:
        yield
