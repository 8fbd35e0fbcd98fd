"""Small disks: file systems of a few megabytes, in a mount namespace of their own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

HOLD = 'mount -t tmpfs -o size="$1" tmpfs "$2" && echo mounted && exec cat'


@contextmanager
def small_disk(place: Path, size_bytes: int) -> Iterator[Path]:
    """A disk of that size, empty; the test is skipped where the machine lets nobody mount one.

    It is mounted at ``place`` for one process only, which ends with the context, and the disk
    with it. Everybody else gets there through that process's root.
    """
    for namespaces in ("-Urm", "-m"):
        holder = _hold(namespaces, place, size_bytes)
        if holder is None:
            continue
        with holder:
            try:
                yield Path(f"/proc/{holder.pid}/root{place}")
            finally:
                holder.kill()
        return
    pytest.skip("this machine lets us mount no file system")


def _hold(namespaces: str, place: Path, size_bytes: int) -> subprocess.Popen[bytes] | None:
    command = ["unshare", namespaces, "sh", "-c", HOLD, "sh", str(size_bytes), str(place)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    try:
        holder = subprocess.Popen(command, **pipes)
    except FileNotFoundError:
        return None
    if holder.stdout.readline() == b"mounted\n":
        return holder
    with holder:
        return None


def fill(folder: Path, *, leaving_bytes: int = 0) -> Path:
    """A file that takes what is free on the disk of a folder, to the last block if need be."""
    ballast = folder / "ballast"
    with open(ballast, "ab", buffering=0) as file:
        free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
        for _ in range((free - leaving_bytes) // 4096):
            file.write(bytes(4096))
    return ballast
