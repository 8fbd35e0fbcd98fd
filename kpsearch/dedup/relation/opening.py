"""Pictures of pairs, opened once while pairs of the same picture follow each other."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from kpsearch.errors import ImageRejected
from kpsearch.features import shrink
from kpsearch.images import file_hash, read_image, stat_facts

if TYPE_CHECKING:
    from kpsearch.dedup.records import Entry
    from kpsearch.types import Image

OPENED_SIDE_PX = 1024
"""Longest side that pictures are shrunk to: a ninth of one still has 340 px."""
KEPT_OPEN = 16
"""Pictures, of 3 MB at most."""


class ChangedSince(ImageRejected):
    """The file is not the one that the index knows."""

    def __init__(self, path: str) -> None:
        super().__init__(path, "changed", "changed since it was indexed: index it again")


def opened(entry: Entry) -> Image:
    """The picture in colour, (h, w, 3) BGR, its longest side at most ``OPENED_SIDE_PX``.

    The last ``KEPT_OPEN`` pictures of a process are kept. Raises `ImageRejected`, as
    `ChangedSince` where the content is not what it was when the picture was indexed.
    """
    return _opened(entry.path, entry.content_hash)


def is_as_indexed(entry: Entry) -> bool:
    """Whether the file of a picture is still there, with the content that the index knows.

    It is read only where it has another time than then.
    """
    try:
        facts = stat_facts(entry.path)
        if facts == (entry.size_bytes, entry.mtime_ns):
            return True
        return facts[0] == entry.size_bytes and file_hash(entry.path) == entry.content_hash
    except ImageRejected:
        return False


@lru_cache(maxsize=KEPT_OPEN)
def _opened(path: str, content_hash: bytes) -> Image:
    image = read_image(path, colour=True, at_least_px=OPENED_SIDE_PX)
    if image.facts.content_hash != content_hash:
        raise ChangedSince(path)
    return replace(image, pixels=shrink(image.pixels, OPENED_SIDE_PX))
