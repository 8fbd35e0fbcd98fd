"""Files that are there once they are whole: a reader finds the old one or the new one."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

from kpsearch.errors import KpsearchError, UsageError


def replace_file(path: str | os.PathLike[str], content: bytes, *, alone: bool = False) -> None:
    """Put ``content`` in the file at ``path``, all of it or nothing; otherwise as `replacing`."""
    with replacing(path, alone=alone) as file:
        file.write(content)


@contextmanager
def replacing(path: str | os.PathLike[str], *, alone: bool = False) -> Iterator[IO[bytes]]:
    """A file to write to, which takes the place of ``path`` when it is whole and on the disk.

    Where the block is left by an exception nothing is changed. It is written under a name beside
    ``path`` that is new each time, as two writers would write into one another's file; ``alone``,
    where a lock keeps others away, takes one name, so that what a kill leaves is overwritten. A
    link is written through.

    Raises `UsageError` for a device, a pipe or a folder, which no file must replace, and
    `KpsearchError` where the operating system fails, in the block too.
    """
    target = os.path.realpath(path)
    if os.path.exists(target) and not os.path.isfile(target):
        raise UsageError(f"{os.fspath(path)}: not a regular file; name a file to write to")
    beside = f"{target}.new" if alone else f"{target}.{secrets.token_hex(4)}.new"
    try:
        with open(beside, "wb" if alone else "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    except OSError as error:
        raise KpsearchError(f"{os.fspath(path)}: cannot be written: {error.strerror}") from error
    finally:
        with suppress(OSError):
            os.unlink(beside)
