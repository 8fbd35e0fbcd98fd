"""A real folder on a disk that fails at a chosen moment, once or from then on."""

from __future__ import annotations

import errno
import mmap
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kpsearch.index import Storage

MAKES_ROOM = frozenset({"create", "write", "sync", "replace", "sync_folder"})
"""Operations that can find the disk full."""


@dataclass(frozen=True)
class Fault:
    """What goes wrong, and for how long."""

    error: int
    forever: bool
    short: bool = False
    """A write first takes half of what it is given; ``error`` 0: and the next one goes on."""

    def __str__(self) -> str:
        how = errno.errorcode.get(self.error, "nothing")
        return f"{'short write, ' * self.short}{how} {'forever' if self.forever else 'once'}"


class FaultyStorage(Storage):
    """Counts elementary operations; from one of them on, or at that one, it has a fault."""

    def __init__(
        self, folder: str | os.PathLike[str], fault: Fault | None = None, *, at: int = 0
    ) -> None:
        super().__init__(folder)
        self._fault, self._at = fault, at
        self._halved = False
        self.operations: list[str] = []

    def _passes(self, operation: str) -> None:
        number = len(self.operations)
        self.operations.append(operation)
        fault = self._fault
        if fault is None or fault.short or not self._due(number, fault.forever):
            return
        if fault.error == errno.ENOSPC and operation not in MAKES_ROOM:
            return
        raise OSError(fault.error, os.strerror(fault.error))

    def _due(self, number: int, forever: bool) -> bool:
        return number >= self._at if forever else number == self._at

    def names(self) -> list[str]:
        self._passes("names")
        return super().names()

    def read(self, name: str) -> Iterator[bytes]:
        for piece in super().read(name):
            self._passes("read")
            yield piece

    def map(self, name: str) -> mmap.mmap | bytes:
        self._passes("map")
        return super().map(name)

    def write_new(self, name: str, parts: Iterable[bytes | memoryview]) -> None:
        self._passes("create")
        super().write_new(name, parts)

    def _write(self, descriptor: int, piece: memoryview) -> int:
        fault, number = self._fault, len(self.operations)
        if fault is not None and fault.short:
            self.operations.append("write")
            if self._halved and fault.error:
                self._halved = fault.forever
                raise OSError(fault.error, os.strerror(fault.error))
            if self._due(number, fault.forever) and len(piece) > 1:
                self._halved = True
                piece = piece[: len(piece) // 2]
        else:
            self._passes("write")
        return super()._write(descriptor, piece)

    def _sync(self, descriptor: int) -> None:
        self._passes("sync")
        super()._sync(descriptor)

    def replace(self, source: str, target: str) -> None:
        self._passes("replace")
        super().replace(source, target)

    def remove(self, name: str) -> None:
        self._passes("remove")
        super().remove(name)

    def sync_folder(self) -> None:
        self._passes("sync_folder")
        super().sync_folder()

    def free_bytes(self) -> int:
        self._passes("free_bytes")
        return super().free_bytes()
