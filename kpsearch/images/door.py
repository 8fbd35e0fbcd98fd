"""From a path to bytes, safely: nothing here hangs on a FIFO or trusts a file to hold still."""

from __future__ import annotations

import errno
import os
import stat

import xxhash

from kpsearch.errors import ImageRejected
from kpsearch.images.container import Flaw
from kpsearch.images.naming import escape_path
from kpsearch.types import FileFacts

MAX_FILE_BYTES = 64 * 2**20

Path = str | bytes | os.PathLike[str]

_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_NO_FILE = (errno.ENXIO, errno.ENODEV)
"""What opening a socket, or a device without a driver, fails with."""


def content_hash(data: bytes) -> bytes:
    """The xxh3-128 digest of ``data``, 16 bytes; equal for equal files, not cryptographic."""
    return xxhash.xxh3_128_digest(data)


def stat_facts(path: Path) -> tuple[int, int]:
    """Size in bytes and modification time in ns of a file, unread; links are followed.

    Raises ``ImageRejected`` with ``unreadable`` or ``not_a_regular_file``.
    """
    try:
        facts = os.stat(_encode(path))
        _check_regular(facts)
    except OSError as error:
        raise rejected(path, _from_os(error)) from error
    except Flaw as flaw:
        raise rejected(path, flaw) from flaw
    return facts.st_size, facts.st_mtime_ns


def read_bytes(path: Path) -> tuple[bytes, FileFacts]:
    """The bytes of a regular file, and what was true of it as they were read.

    Raises ``Flaw``: ``unreadable``, ``not_a_regular_file``, ``empty_file``, ``file_too_large``,
    ``changed_while_reading``.
    """
    try:
        handle = os.open(_encode(path), _FLAGS)
    except OSError as error:
        raise _from_os(error) from error
    try:
        before = os.fstat(handle)
        _check_regular(before)
        _check_length(before.st_size)
        data = _read_up_to(handle, before.st_size + 1)
        after = os.fstat(handle)
    except OSError as error:
        raise _from_os(error) from error
    finally:
        os.close(handle)
    if len(data) != before.st_size or _version(before) != _version(after):
        raise Flaw("changed_while_reading", "the file was written to while it was read; run again")
    return data, FileFacts(len(data), before.st_mtime_ns, content_hash(data))


def file_hash(path: Path) -> bytes:
    """The `content_hash` of a file, which is not decoded; raises `ImageRejected`."""
    try:
        _, facts = read_bytes(path)
    except Flaw as flaw:
        raise rejected(path, flaw) from flaw
    return facts.content_hash


def rejected(path: Path, flaw: Flaw) -> ImageRejected:
    """The public error for a flaw of the file at ``path``."""
    return ImageRejected(path_name(path), flaw.code, flaw.text)


def path_name(path: Path) -> str:
    """``path`` as text; bytes that are no text survive as surrogate escapes."""
    return os.fsdecode(path)


def _encode(path: Path) -> bytes:
    """``path`` for the system; refuses names that no file can have."""
    try:
        encoded = os.fsencode(path)
    except UnicodeEncodeError as error:
        name = escape_path(path_name(path))
        raise Flaw("unreadable", f"no file can be named {name}") from error
    if b"\0" in encoded:
        raise Flaw("unreadable", "no file name can hold a null byte")
    return encoded


def _from_os(error: OSError) -> Flaw:
    if error.errno in _NO_FILE:
        return Flaw("not_a_regular_file", "a socket or a device, not a file")
    return Flaw("unreadable", error.strerror or str(error))


def _check_regular(facts: os.stat_result) -> None:
    if stat.S_ISREG(facts.st_mode):
        return
    kinds = {stat.S_IFDIR: "directory", stat.S_IFIFO: "FIFO", stat.S_IFSOCK: "socket"}
    kind = kinds.get(stat.S_IFMT(facts.st_mode), "device")
    raise Flaw("not_a_regular_file", f"a {kind}, not a file")


def _check_length(size_bytes: int) -> None:
    if size_bytes == 0:
        raise Flaw("empty_file", "the file has 0 bytes")
    if size_bytes > MAX_FILE_BYTES:
        limit = MAX_FILE_BYTES // 2**20
        raise Flaw("file_too_large", f"{size_bytes} bytes; at most {limit} MiB are read")


def _read_up_to(handle: int, count: int) -> bytes:
    """At most ``count`` bytes from the start; one call does it on a local disk."""
    parts: list[bytes] = []
    while count > 0 and (part := os.read(handle, count)):
        parts.append(part)
        count -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _version(facts: os.stat_result) -> tuple[int, int, int]:
    return facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns
