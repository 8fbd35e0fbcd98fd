"""The memory of a process and all it has started, as /proc tells it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

INTERVAL_S = 0.5


class Peak(NamedTuple):
    """The most that was seen at once, over all processes."""

    resident_mb: float
    """Proportional set size: what is shared is divided; pages of mapped files count."""
    own_mb: float
    """Of that without the pages of files, which the system may drop at any time."""


class Watch:
    """Looks at a process and its descendants now and then, until it is stopped."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.peak = Peak(0.0, 0.0)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.wait(INTERVAL_S):
            seen = [_memory_of(pid) for pid in _family(self._pid)]
            total = Peak(*(sum(column) for column in zip(*seen, strict=True))) if seen else None
            if total:
                self.peak = Peak(*map(max, zip(self.peak, total, strict=True)))


def _family(pid: int) -> Iterator[int]:
    """A process and all that descend from it, as far as they still live."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                children.setdefault(int(fields[1]), []).append(int(entry.name))
    todo = [pid]
    while todo:
        found = todo.pop()
        yield found
        todo += children.get(found, [])


def _memory_of(pid: int) -> Peak:
    """Of one process; nothing of one that has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return Peak(0.0, 0.0)
    kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines[1:]}
    return Peak(kilobytes["Pss"] / 1024, kilobytes.get("Pss_Anon", kilobytes["Pss"]) / 1024)
