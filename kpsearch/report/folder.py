"""A report as a folder: the page, the match pictures and the thumbnails."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from kpsearch.errors import ImageRejected, KpsearchError
from kpsearch.images import escape_path, read_image
from kpsearch.report.draw import match_picture
from kpsearch.report.files import Path, data_uri, write_picture
from kpsearch.report.page import write_page
from kpsearch.report.panel import scale_picture
from kpsearch.report.views import AnswerView, HitView, Missing, Picture, Shown
from kpsearch.types import Image, ImageSize

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    import numpy as np
    import numpy.typing as npt

    from kpsearch.types import Answer, Hit

PAGE_NAME = "index.html"
_READ_AT_LEAST_PX = 960
_THUMBNAIL_PX = 352
"""Longest side of a query's thumbnail: twice what the page shows, for dense screens."""
_TINY_PX = 96
_ROWS = 6
"""Of the table of hits; the rest is the command line's to list."""

Save = Callable[[str, "npt.NDArray[np.uint8]"], str]
"""Takes a file name and pixels, returns the address the page has for them."""


def write_match_report(
    folder: Path,
    answers: Sequence[Answer],
    *,
    title: str,
    index_facts: Mapping[str, str],
    truth: Mapping[str, AbstractSet[str]] | None = None,
    hits_per_query: int = 2,
    embed: bool = False,
) -> pathlib.Path:
    """Write a page that shows ``answers`` into ``folder``, made if need be; returns its path.

    ``truth`` maps the path of a query to the paths of the hits that are right, of which the best
    verified hit should be one; an empty set says that nothing in the index is, so that "no match"
    is right. A query that is not in it gets no mark. ``hits_per_query`` is how many verified hits
    get a match picture. With ``embed`` the page holds all its pictures and can be sent alone.

    Pictures are read again from their paths; one that cannot be gets a note in its place. Raises
    `KpsearchError` when the report cannot be written.
    """
    target = pathlib.Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        name = escape_path(str(target))
        raise KpsearchError(f"{name}: no folder can be made here: {error.strerror}") from error
    gallery = _Gallery(_embed if embed else _saver(target))
    views = [
        _view(number, answer, (truth or {}).get(answer.query), hits_per_query, gallery)
        for number, answer in enumerate(answers, 1)
    ]
    write_page(target / PAGE_NAME, title, answers=views, index_facts=index_facts)
    return target / PAGE_NAME


class _Gallery:
    """Reads pictures, draws them, saves them, and makes the thumbnail of an item only once."""

    def __init__(self, save: Save) -> None:
        self._save = save
        self._read = lru_cache(maxsize=8)(_read)
        self._tiny: dict[str, Shown] = {}

    def query(self, number: int, path: str) -> Shown:
        return self._thumbnail(f"query-{number:04d}.jpg", path, _THUMBNAIL_PX, "The query")

    def item(self, path: str) -> Shown:
        if path not in self._tiny:
            name = f"item-{len(self._tiny) + 1:04d}.jpg"
            self._tiny[path] = self._thumbnail(name, path, _TINY_PX, "Item")
        return self._tiny[path]

    def match(self, name: str, query_path: str, hit: Hit) -> Shown:
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


def _view(
    number: int,
    answer: Answer,
    right: AbstractSet[str] | None,
    hits_per_query: int,
    gallery: _Gallery,
) -> AnswerView:
    verified = [hit for hit in answer.hits if hit.verified][:hits_per_query]
    return AnswerView(
        answer,
        gallery.query(number, answer.query),
        tuple(
            gallery.match(f"match-{number:04d}-{place}.jpg", answer.query, hit)
            for place, hit in enumerate(verified, 1)
        ),
        tuple(
            HitView(hit, gallery.item(hit.path), None if right is None else hit.path in right)
            for hit in answer.hits[:_ROWS]
        ),
        None if right is None else _is_right(answer, right),
    )


def _is_right(answer: Answer, right: AbstractSet[str]) -> bool:
    best = next((hit.path for hit in answer.hits if hit.verified), None)
    return best in right if best is not None else not right


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
