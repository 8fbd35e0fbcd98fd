"""Which pictures a classifier has seen, so that it is never judged by them.

A few bytes a picture are kept in its file: the beginnings of the hashes of their contents, which
are found again under any name.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence

from kpsearch.errors import ImageRejected
from kpsearch.images import file_hash

BYTES = 6
"""Of each hash: among a million pictures, one in 280 million others is taken for one of them."""


def seen(paths: Iterable[str]) -> str:
    """The pictures that can be read, as text."""
    found = {mark for path in paths if (mark := _mark(path)) is not None}
    return base64.b85encode(b"".join(sorted(found))).decode()


def not_seen(paths: Sequence[str], before: str) -> list[bool]:
    """Whether each picture is none of those in a text of `seen`; unreadable ones are none."""
    try:
        content = base64.b85decode(before)
    except ValueError:
        content = b""
    marks = {content[i : i + BYTES] for i in range(0, len(content), BYTES)}
    return [_mark(path) not in marks for path in paths]


def first_of_content(paths: Sequence[str]) -> list[bool]:
    """Whether each picture is the first with its bytes; unreadable ones are."""
    found: set[bytes] = set()
    first = []
    for path in paths:
        mark = _mark(path)
        first.append(mark is None or mark not in found)
        found.update(filter(None, [mark]))
    return first


def _mark(path: str) -> bytes | None:
    try:
        return file_hash(path)[:BYTES]
    except ImageRejected:
        return None
