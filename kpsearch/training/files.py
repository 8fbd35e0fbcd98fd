"""Files that are there once they are whole."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from kpsearch.errors import KpsearchError


def write_whole(path: str | os.PathLike[str], content: bytes) -> None:
    """Put ``content`` in a file in one step: a reader finds the old one or the new one."""
    wanted = os.path.realpath(path)
    folder, name = os.path.split(wanted)
    # A name of its own: two writers would write into one another's file.
    beside = os.path.join(folder, f"{name}.{secrets.token_hex(4)}.new")
    try:
        with open(beside, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, wanted)
    except BaseException as error:
        Path(beside).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise KpsearchError(f"{wanted}: cannot be written: {error.strerror}") from error
        raise
