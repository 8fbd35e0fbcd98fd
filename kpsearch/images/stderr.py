"""What the decoders, written in C, say on file descriptor 2: kept, not shown."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_LIBRARY_LINE = re.compile(
    r"Corrupt JPEG|Premature end of|Invalid SOS|Inconsistent progression|Unknown Adobe|Warning: |"
    r"Invalid (JPEG|component|color|crop)|Unsupported marker|Unrecognized component|"
    r"libpng |\w+: (Warning|Error), |\[ ?(INFO|WARN|ERROR|FATAL|DEBUG)[: ]|imdecode"
)
_LOG_PREFIX = re.compile(r"^\[ ?\w+:\d+@[\d.]+\] (global )?(\S+\.cpp:\d+ )?")
_MAX_LINES = 10

# Descriptor 2 belongs to the whole process, so only one thread decodes at a time; work that wants
# more cores uses processes. A process forked meanwhile would inherit a lock nobody releases and a
# stderr that goes nowhere, so a fork waits for the decode to end.
_lock = threading.Lock()
os.register_at_fork(
    before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release
)


@contextmanager
def captured_stderr(*, keep_all: bool = False) -> Iterator[list[str]]:
    """Collect what is written to descriptor 2 inside the block; the list is filled at its end.

    Lines that no decoder writes, but another thread may, are passed on to the real stderr, unless
    ``keep_all``.
    """
    lines: list[str] = []
    with _lock:  # what descriptor 2 is depends on who captures it just now
        captured = _captured_in_place if _is_spooled_already() else _captured_aside
        with captured(lines, keep_all=keep_all):
            yield lines


@contextmanager
def _captured_aside(lines: list[str], *, keep_all: bool) -> Iterator[None]:
    try:
        real = os.dup(2)
    except OSError:  # the process runs without a stderr: there is nothing to keep clean
        yield
        return
    spool = os.memfd_create("decoder-messages", os.MFD_CLOEXEC)
    try:
        os.dup2(spool, 2)
        try:
            yield
        finally:
            os.dup2(real, 2)
            said = os.pread(spool, os.lseek(spool, 0, os.SEEK_END), 0)
            lines += _sort_out(said, real, keep_all=keep_all)
    finally:
        os.close(spool)
        os.close(real)


@contextmanager
def _captured_in_place(lines: list[str], *, keep_all: bool) -> Iterator[None]:
    start = os.lseek(2, 0, os.SEEK_END)
    try:
        yield
    finally:
        said = os.pread(2, os.lseek(2, 0, os.SEEK_END) - start, start)
        if said:
            os.ftruncate(2, os.lseek(2, start, os.SEEK_SET))
            lines += _sort_out(said, 2, keep_all=keep_all)


def _is_spooled_already() -> bool:
    """Whether descriptor 2 is a file in memory, as that of an isolated worker process is.

    There the messages stay where they are until the decoder returns: if it never does, they are
    what the parent process has to go by.
    """
    try:
        return os.readlink("/proc/self/fd/2").startswith("/memfd:")
    except OSError:
        return False


def _sort_out(said: bytes, real: int, *, keep_all: bool) -> list[str]:
    """The lines of the decoders among those ``said``; the others go to ``real``."""
    ours: dict[str, None] = {}  # an ordered set: a decoder may say the same a thousand times
    others = []
    for line in said.decode("utf-8", "backslashreplace").splitlines(keepends=True):
        if keep_all or _LIBRARY_LINE.match(line):
            ours[_LOG_PREFIX.sub("", line.strip())] = None
        else:
            others.append(line)
    if others:
        os.write(real, "".join(others).encode("utf-8", "backslashreplace"))
    return list(ours)[:_MAX_LINES]
