"""The pictures of a report: read once more, scaled, saved, and named by their address."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from kpsearch.errors import ImageRejected, KpsearchError
from kpsearch.images import escape_path, read_image
from kpsearch.report.draw import match_picture
from kpsearch.report.files import data_uri, write_picture
from kpsearch.report.panel import scale_picture
from kpsearch.report.views import Missing, Picture, Shown
from kpsearch.types import Image, ImageSize

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from kpsearch.types import Hit

_READ_AT_LEAST_PX = 960
_THUMBNAIL_PX = 352
"""Longest side of a query's thumbnail: twice what the page shows, for dense screens."""
_TINY_PX = 96

Save = Callable[[str, "npt.NDArray[np.uint8]"], str]
"""Takes a file name and pixels, returns the address the page has for them."""


def make_folder(folder: pathlib.Path) -> None:
    """Make the folder of a report where there is none; raises `KpsearchError`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        name = escape_path(str(folder))
        raise KpsearchError(f"{name}: no folder can be made here: {error.strerror}") from error


class Gallery:
    """Reads pictures, draws them, saves them, and makes the thumbnail of an item only once.

    The pictures go into ``folder``, or with ``embed`` into the page itself. Items are shown
    ``item_px`` wide or high at most.
    """

    def __init__(
        self, folder: pathlib.Path, *, embed: bool = False, item_px: int = _TINY_PX
    ) -> None:
        self._save = _embed if embed else _saver(folder)
        self._item_px = item_px
        self._read = lru_cache(maxsize=8)(_read)
        self._tiny: dict[str, Shown] = {}

    def query(self, number: int, path: str) -> Shown:
        """The thumbnail of the ``number``-th query."""
        return self._thumbnail(f"query-{number:04d}.jpg", path, _THUMBNAIL_PX, "The query")

    def item(self, path: str) -> Shown:
        """The thumbnail of an item, however often it is asked for."""
        if path not in self._tiny:
            name = f"item-{len(self._tiny) + 1:04d}.jpg"
            self._tiny[path] = self._thumbnail(name, path, self._item_px, "Item")
        return self._tiny[path]

    def match(self, name: str, query_path: str, hit: Hit) -> Shown:
        """Query and hit side by side, saved as ``name``."""
        query, item = self._read(query_path), self._read(hit.path)
        for image in (query, item):
            if isinstance(image, Missing):
                return Missing(f"No match picture of rank {hit.rank}. {image.reason}")
        assert isinstance(query, Image)
        assert isinstance(item, Image)
        pixels = match_picture(
            query.pixels, item.pixels, hit, query_size=query.size, hit_size=item.size
        )
        alt = f"The query beside {_name(hit.path)}, rank {hit.rank}, {hit.inliers} inliers joined"
        return self._shown(name, pixels, alt)

    def _thumbnail(self, name: str, path: str, side_px: int, what: str) -> Shown:
        image = self._read(path)
        if isinstance(image, Missing):
            return image
        factor = min(1.0, side_px / max(image.pixels.shape))
        return self._shown(name, scale_picture(image.pixels, factor), f"{what} {_name(path)}")

    def _shown(self, name: str, pixels: npt.NDArray[np.uint8], alt: str) -> Picture:
        return Picture(self._save(name, pixels), ImageSize(pixels.shape[1], pixels.shape[0]), alt)


def _read(path: str) -> Image | Missing:
    try:
        return read_image(path, colour=True, at_least_px=_READ_AT_LEAST_PX)
    except ImageRejected as reject:
        return Missing(f"{_name(path)} cannot be read any more: {reject.text}")


def _saver(folder: pathlib.Path) -> Save:
    def save(name: str, pixels: npt.NDArray[np.uint8]) -> str:
        write_picture(folder / name, pixels)
        return name

    return save


def _embed(name: str, pixels: npt.NDArray[np.uint8]) -> str:
    return data_uri(pixels)


def _name(path: str) -> str:
    return escape_path(os.path.basename(path) or path)
