"""Files that are there once they are whole."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: str | os.PathLike[str], content: bytes) -> None:
    """Put ``content`` in a file in one step: a reader finds the old one or the new one."""
    wanted = os.path.realpath(path)
    beside = Path(f"{wanted}.new")
    with open(beside, "wb") as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            os.replace(beside, wanted)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
