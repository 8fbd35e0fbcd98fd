"""Pictures as small as a page of thousands can hold: read once more, scaled, encoded afresh."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial

import cv2

from kpsearch.dedup.records import Entry
from kpsearch.errors import ImageRejected
from kpsearch.images import escape_path, read_image
from kpsearch.options import WorkerLimits
from kpsearch.parallel import on_pictures
from kpsearch.report import Missing
from kpsearch.report.panel import scale_picture
from kpsearch.types import Reject

Thumbnail = bytes | Missing
"""A WebP file, or why there is none."""
Thumbnails = Callable[[Sequence[Entry], int], Iterable[Thumbnail]]
"""Makes those of the pictures, in order, none longer than so many pixels on a side."""
Progress = Callable[[str, int, int], None]

_WEBP = [cv2.IMWRITE_WEBP_QUALITY, 50]
_SIDES_PX = ((1_500, 320), (6_000, 208))
"""Up to so many pictures, so large."""
_SMALLEST_PX = 144


def thumbnail_side_px(pictures: int) -> int:
    """Longest side of a thumbnail, so that the page stays below some 100 MB."""
    return next((side for most, side in _SIDES_PX if pictures <= most), _SMALLEST_PX)


def make_thumbnails(
    entries: Sequence[Entry],
    side_px: int,
    *,
    n_jobs: int = 1,
    limits: WorkerLimits | None = None,
    progress: Progress | None = None,
) -> Iterator[Thumbnail]:
    """The thumbnail of each picture, in order; the same bytes for any ``n_jobs``.

    A picture that cannot be read any more, or is another now than the one that was compared, has
    a note in its place.
    """
    work = partial(_draw, side_px=side_px)
    paths = [entry.path for entry in entries]
    results = on_pictures(work, paths, n_jobs=n_jobs, limits=limits or WorkerLimits())
    with closing(results):
        for number, (entry, result) in enumerate(zip(entries, results, strict=True), 1):
            yield _as_compared(entry, result)
            if progress is not None:
                progress("thumbnails", number, len(entries))


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A thumbnail, and the hash of the file that it shows."""

    webp: bytes
    content_hash: bytes


def _draw(path: str, *, side_px: int) -> _Drawn | Reject:
    try:
        image = read_image(path, colour=True, at_least_px=2 * side_px)
    except ImageRejected as reject:
        return Reject(path, reject.code, reject.text)
    factor = min(1.0, side_px / max(image.pixels.shape[:2]))
    done, encoded = cv2.imencode(".webp", scale_picture(image.pixels, factor), _WEBP)
    assert done, "OpenCV writes any 8-bit picture"
    return _Drawn(encoded.tobytes(), image.facts.content_hash)


def _as_compared(entry: Entry, result: _Drawn | Reject) -> Thumbnail:
    if isinstance(result, Reject):
        return Missing(f"Cannot be read any more: {escape_path(result.text)}")
    if result.content_hash != entry.content_hash:
        return Missing("Another picture now than the one that was compared.")
    return result.webp
