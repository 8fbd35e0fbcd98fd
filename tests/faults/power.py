"""A disk in memory whose power can be cut at any step, and what may be found on it afterwards.

What is promised is little, as with a real disk: data is there once its file was synced, a change
of the folder once the folder was. Everything else may have happened, or not, or in part: any of
the unsynced changes of the folder, in any combination, and of unsynced data anything between
nothing and all of it.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from kpsearch.index import Storage

BLOCK_BYTES = 512
"""A disk writes so much, or nothing of it."""
ALL_SUBSETS_UP_TO = 5
"""Unsynced changes of the folder of which every subset is tried; of more, a sample."""

FOLDER = Path("/simulated")

Disk = Mapping[str, bytes]
"""All files of a folder and what is in them."""


def answer(disk: Disk, name: str | None) -> object:
    """What is in a file, None if it is not there; for no name, all names."""
    return tuple(sorted(disk)) if name is None else disk.get(name)


class Killed(BaseException):
    """The process has ended, and the system has not."""


@dataclass(frozen=True)
class Linked:
    """A file came into the folder."""

    name: str
    inode: int

    def apply(self, folder: dict[str, int]) -> None:
        folder[self.name] = self.inode


@dataclass(frozen=True)
class Renamed:
    """A file was given another's name; nothing where it is not there."""

    source: str
    target: str

    def apply(self, folder: dict[str, int]) -> None:
        if self.source in folder:
            folder[self.target] = folder.pop(self.source)


@dataclass(frozen=True)
class Unlinked:
    """A file was taken out of the folder."""

    name: str

    def apply(self, folder: dict[str, int]) -> None:
        folder.pop(self.name, None)


Change = Linked | Renamed | Unlinked


@dataclass(frozen=True)
class Moment:
    """All that decides what a power cut leaves: what was confirmed, and what else was asked for."""

    confirmed: Mapping[str, int]
    """The folder when it was last synced: name -> inode."""
    changes: tuple[Change, ...]
    """Of the folder, since."""
    synced: Mapping[int, bytes]
    """Data of each inode when that was last synced."""
    data: Mapping[int, bytes]

    def disks(self, rng: np.random.Generator, samples: int) -> Iterator[Disk]:
        """What may be found: the plain cases all, then a sample of the others."""
        count = len(self.changes)
        folders = [self._folder(self.changes[:end]) for end in range(count + 1)]
        if count <= ALL_SUBSETS_UP_TO:
            for kept in itertools.product((False, True), repeat=count):
                folders.append(self._folder(itertools.compress(self.changes, kept)))
        for folder in folders:
            for harm in Harm.PLAIN:
                yield self._disk(folder, harm, rng)
        for _ in range(samples):
            kept = rng.random(count) < 0.5
            folder = self._folder(itertools.compress(self.changes, kept))
            yield self._disk(folder, None, rng)

    def _folder(self, changes: Iterable[Change]) -> dict[str, int]:
        folder = dict(self.confirmed)
        for change in changes:
            change.apply(folder)
        return folder

    def _disk(self, folder: Mapping[str, int], harm: str | None, rng: np.random.Generator) -> Disk:
        """With the same harm done to all unsynced data, or a random one to each."""
        disk = {}
        for name, inode in folder.items():
            old, new = self.synced.get(inode, b""), self.data[inode]
            how = harm or Harm.ALL[int(rng.integers(len(Harm.ALL)))]
            disk[name] = new if old == new else Harm.done(how, old, new, rng)
        return disk


class Harm:
    """What can become of data that was written and not synced."""

    PLAIN: ClassVar = ("absent", "half", "zeroed", "whole")
    ALL: ClassVar = (*PLAIN, "prefix", "blocks", "blocks of zeros")

    @staticmethod
    def done(how: str, old: bytes, new: bytes, rng: np.random.Generator) -> bytes:
        """``old`` is what was synced before."""
        if how == "absent":
            return old
        if how in ("half", "prefix"):
            share = 0.5 if how == "half" else rng.random()
            return new[: int(len(new) * share)]
        if how == "zeroed":
            return bytes(len(new))
        below = old.ljust(len(new), b"\0") if how == "blocks" else bytes(len(new))
        return new if how == "whole" else _patched(new, below, rng)


def _patched(new: bytes, below: bytes, rng: np.random.Generator) -> bytes:
    content = bytearray(new)
    lost = np.flatnonzero(rng.random(len(new) // BLOCK_BYTES + 1) < 0.5) * BLOCK_BYTES
    for start in lost.tolist():
        end = min(start + BLOCK_BYTES, len(new))
        content[start:end] = below[start:end]
    return bytes(content)


class SimulatedStorage(Storage):
    """A storage in memory that records every moment at which its power could be cut.

    The subclasses that leave out a part of the protocol override what is not public.
    """

    def __init__(self, disk: Disk | None = None) -> None:
        """Everything that is on ``disk`` has been confirmed."""
        super().__init__(FOLDER)
        contents = list((disk or {}).values())
        self._data = dict(enumerate(contents))
        self._synced = dict(self._data)
        self._confirmed = {name: inode for inode, name in enumerate(disk or {})}
        self._folder = dict(self._confirmed)
        self._changes: list[Change] = []
        self.moments: list[Moment] = []
        self.steps_to_live: int | None = None
        self.asked: dict[str | None, None] = {}
        """The files read, and None for all names, in the order in which they first were."""
        self._moment_passes()

    def disk(self) -> Disk:
        """What a process sees."""
        return {name: self._data[inode] for name, inode in self._folder.items()}

    def names(self) -> list[str]:
        self.asked[None] = None
        return sorted(self._folder)

    def read(self, name: str) -> Iterator[bytes]:
        yield self._content(name)

    def map(self, name: str) -> bytes:
        content = self._content(name)
        if not content:
            raise ValueError("cannot mmap an empty file")
        return content

    def _content(self, name: str) -> bytes:
        self.asked[name] = None
        if name not in self._folder:
            raise FileNotFoundError(errno.ENOENT, "No such file", name)
        return self._data[self._folder[name]]

    def write_new(self, name: str, parts: Iterable[bytes | memoryview]) -> None:
        inode = self._create(name)
        self._moment_passes()
        content = b"".join(bytes(part) for part in parts)
        for length in (len(content) // 2, len(content)):
            self._write(inode, content[:length])
            self._moment_passes()
        self._sync_data(name, inode)
        self._moment_passes()

    def _create(self, name: str) -> int:
        if name in self._folder:
            raise FileExistsError(errno.EEXIST, "File exists", name)
        inode = len(self._data)
        self._data[inode] = b""
        self._change(Linked(name, inode))
        return inode

    def _write(self, inode: int, content: bytes) -> None:
        """The first bytes of a file become these."""
        self._data[inode] = content + self._data[inode][len(content) :]

    def _sync_data(self, name: str, inode: int) -> None:
        self._synced[inode] = self._data[inode]

    def replace(self, source: str, target: str) -> None:
        if source not in self._folder:
            raise FileNotFoundError(errno.ENOENT, "No such file", source)
        self._change(Renamed(source, target))
        self._moment_passes()

    def remove(self, name: str) -> None:
        if name in self._folder:
            self._change(Unlinked(name))
            self._moment_passes()

    def _change(self, change: Change) -> None:
        change.apply(self._folder)
        self._changes.append(change)

    def sync_folder(self) -> None:
        self._confirmed = dict(self._folder)
        self._changes = []
        self._moment_passes()

    def free_bytes(self) -> int:
        return 1 << 40

    def locked(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def _moment_passes(self) -> None:
        moment = Moment(
            dict(self._confirmed), tuple(self._changes), dict(self._synced), dict(self._data)
        )
        self.moments.append(moment)
        if self.steps_to_live is not None:
            self.steps_to_live -= 1
            if self.steps_to_live < 0:
                raise Killed
