"""Whether an index is what was written: every byte by hash, then every rule its arrays keep.

Files are read before they are mapped: a disk that cannot read a sector then says so, instead of
ending the process.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import xxhash

from kpsearch.errors import IndexDamaged
from kpsearch.index import manifest as manifests
from kpsearch.index.rules import Damage, broken_rules

if TYPE_CHECKING:
    from kpsearch.index.container import FileEntry
    from kpsearch.index.manifest import Manifest
    from kpsearch.index.storage import Storage

UNREAD = "cannot be read"
CHECK_ATTEMPTS = 20
"""A busy writer may replace files as often while they are read."""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a check of an index has found."""

    generation: int | None
    """None when the manifest is damaged itself."""
    previous: int | None
    files: int
    size_bytes: int
    damage: tuple[Damage, ...]


def require_whole(storage: Storage, entry: FileEntry) -> None:
    """Raise `IndexDamaged` unless a file is, to the last byte, what was written."""
    flaw = flaw_of(storage, entry)
    if flaw is not None:
        raise IndexDamaged(f"{storage.folder / entry.name}: {flaw}")


def flaw_of(
    storage: Storage, entry: FileEntry, progress: Callable[[int], None] = lambda _: None
) -> str | None:
    """What distinguishes a file from what was written; ``progress`` is told of bytes read."""
    digest, size_bytes = xxhash.xxh3_128(), 0
    try:
        for piece in storage.read(entry.name):
            digest.update(piece)
            size_bytes += len(piece)
            progress(len(piece))
    except FileNotFoundError:
        return "missing"
    except OSError as error:
        return f"{UNREAD}: {error.strerror}"
    if size_bytes != entry.size_bytes:
        return f"{size_bytes} bytes long, {entry.size_bytes} were written"
    return None if digest.hexdigest() == entry.whole_hash else "not the bytes that were written"


def check_index(
    storage: Storage, progress: Callable[[str, int, int], None] | None = None
) -> CheckReport:
    """Check both generations on the disk, byte by byte; raises `IndexMissing` where none is.

    A writer may be at work: what seems damaged is looked at again if there is a new generation.
    ``progress`` is called with a stage, and how many bytes of how many are done.
    """
    for _ in range(CHECK_ATTEMPTS - 1):
        report = _check_once(storage, progress)
        if not report.damage or _generations(storage) == (report.generation, report.previous):
            return report
    return _check_once(storage, progress)


def _generations(storage: Storage) -> tuple[int | None, int | None]:
    current, previous, _ = load_both(storage)
    return (
        None if current is None else current.generation,
        None if previous is None else previous.generation,
    )


def _check_once(storage: Storage, progress: Callable[[str, int, int], None] | None) -> CheckReport:
    current, previous, damage = load_both(storage)
    entries = {e.name: e for m in (previous, current) if m is not None for e in m.files()}
    total, done = sum(entry.size_bytes for entry in entries.values()), 0

    def read(size_bytes: int) -> None:
        nonlocal done
        done += size_bytes
        if progress is not None:
            progress("verifying", min(done, total), total)

    for name, entry in entries.items():
        flaw = flaw_of(storage, entry, read)
        if flaw is not None:
            damage.append(Damage(name, flaw, unread=flaw.startswith(UNREAD)))
    hurt = {item.file for item in damage}
    if current is not None and hurt.isdisjoint(entry.name for entry in current.files()):
        damage += broken_rules(storage, current)
    return CheckReport(
        generation=None if current is None else current.generation,
        previous=None if previous is None else previous.generation,
        files=len(entries),
        size_bytes=total,
        damage=tuple(damage),
    )


def load_both(storage: Storage) -> tuple[Manifest | None, Manifest | None, list[Damage]]:
    """The current manifest and the one before it, as far as they can be read, and what is wrong.

    Raises `IndexMissing` where there is neither.
    """
    current, previous = (_load(storage, name) for name in (manifests.NAME, manifests.PREVIOUS))
    if current is None and previous is None:
        if any(name.startswith("segment-") for name in _names(storage)):
            raise IndexDamaged(
                f"{storage.folder / manifests.NAME}: missing, its segments are there"
            )
        manifests.load(storage)  # raises
    damage = [item for item in (current, previous) if isinstance(item, Damage)]
    if current is None:
        damage.append(Damage(manifests.NAME, "missing"))
    first = isinstance(current, manifests.Manifest) and current.generation == 1
    if previous is None and not first:
        damage.append(Damage(manifests.PREVIOUS, "missing"))
    now, before = _readable(current), _readable(previous)
    if now is not None and before is not None and before.generation > now.generation:
        text = f"generation {now.generation} is current, {before.generation} the one before"
        damage += [Damage(name, text) for name in (manifests.NAME, manifests.PREVIOUS)]
    return now, before, damage


def _names(storage: Storage) -> list[str]:
    try:
        return storage.names()
    except OSError:
        return []


def _load(storage: Storage, name: str) -> Manifest | Damage | None:
    try:
        return manifests.parse(b"".join(storage.read(name)), name)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return Damage(name, f"cannot be read: {error.strerror}", unread=True)
    except IndexDamaged as error:
        return Damage(name, str(error).removeprefix(f"{name}: "))


def _readable(found: Manifest | Damage | None) -> Manifest | None:
    return None if isinstance(found, Damage) else found
