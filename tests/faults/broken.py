"""Storages that leave out one part of the protocol each, as a careless change of it would."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

from kpsearch.index.manifest import NAME
from tests.faults.power import Renamed, SimulatedStorage, Unlinked

TEMPORARY = f"{NAME}."
ONE_NAME = f"{TEMPORARY}tmp"


class SegmentsUnsynced(SimulatedStorage):
    """The data of a new segment is left to the system."""

    def _sync_data(self, name: str, inode: int) -> None:
        if not name.startswith("segment-"):
            super()._sync_data(name, inode)


class FolderUnsyncedBeforeRename(SimulatedStorage):
    """The names a manifest builds on are not confirmed before it is the manifest."""

    def sync_folder(self) -> None:
        if not any(name.startswith(TEMPORARY) for name in self._folder):
            super().sync_folder()


class FolderUnsyncedAfterRename(SimulatedStorage):
    """A commit is reported before the disk has confirmed the rename."""

    def sync_folder(self) -> None:
        last = self._changes[-1] if self._changes else None
        if not (isinstance(last, Renamed) and last.target == NAME):
            super().sync_folder()


class ManifestUnsynced(SimulatedStorage):
    """The new manifest is renamed before its data is on the disk."""

    def _sync_data(self, name: str, inode: int) -> None:
        if not name.startswith(TEMPORARY):
            super()._sync_data(name, inode)


class ManifestInPlace(SimulatedStorage):
    """The manifest is overwritten, and then synced, instead of being replaced."""

    def replace(self, source: str, target: str) -> None:
        if target != NAME or NAME not in self._folder:
            super().replace(source, target)
            return
        inode, content = self._folder[NAME], self._data[self._folder[source]]
        self._data[inode] = b""
        self._moment_passes()
        self._write(inode, content)
        self._moment_passes()
        self._sync_data(NAME, inode)
        self._change(Unlinked(source))
        self._moment_passes()


class FolderUnsyncedAtOpening(SimulatedStorage):
    """A writer builds on what it finds, and a killed one may have left that unconfirmed."""

    opening = False

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        self.opening = True
        yield

    def sync_folder(self) -> None:
        if not self.opening:
            super().sync_folder()
        self.opening = False


class NothingSynced(SimulatedStorage):
    """All is left to the system."""

    def _sync_data(self, name: str, inode: int) -> None:
        pass

    def sync_folder(self) -> None:
        self._moment_passes()


class TemporaryNameReused(SimulatedStorage):
    """Every manifest is written under the same name, over whatever a power cut has left there."""

    def write_new(self, name: str, parts: Iterable[bytes | memoryview]) -> None:
        super().write_new(_one_name(name), parts)

    def replace(self, source: str, target: str) -> None:
        super().replace(_one_name(source), target)

    def remove(self, name: str) -> None:
        super().remove(_one_name(name))

    def _create(self, name: str) -> int:
        there = self._folder.get(name) if name == ONE_NAME else None
        return super()._create(name) if there is None else there


def _one_name(name: str) -> str:
    return ONE_NAME if name.startswith(TEMPORARY) else name
