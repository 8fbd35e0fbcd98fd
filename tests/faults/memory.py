"""Folders that lie in memory, where the machine has a file system for that."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEMORY = "/dev/shm"


@contextmanager
def folder_in_memory() -> Iterator[Path]:
    """A folder whose commits do not wait for a disk: many more of them fit in a second.

    Processes that are killed, and readers, see no difference.
    """
    memory = MEMORY if os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="kpsearch-", dir=memory) as name:
        yield Path(name)
