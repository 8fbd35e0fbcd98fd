"""One picture, from its path to upright pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from kpsearch.images import bmp, gif, jpeg, png, tiff, webp
from kpsearch.images.container import Container, Flaw
from kpsearch.images.decode import decode, reduction
from kpsearch.images.door import Path, path_name, read_bytes, rejected
from kpsearch.images.pixels import flatten
from kpsearch.images.signatures import identify
from kpsearch.types import FileFacts, Image, ImageSize

_INSPECT: dict[str, Callable[[bytes], Container]] = {
    "JPEG": jpeg.inspect,
    "PNG": png.inspect,
    "WEBP": webp.inspect,
    "GIF": gif.inspect,
    "BMP": bmp.inspect,
    "TIFF": tiff.inspect,
}


def read_image(path: Path, *, colour: bool = False, at_least_px: int | None = None) -> Image:
    """The picture at ``path``: upright, on white, grey (h, w) or with ``colour`` BGR (h, w, 3).

    With ``at_least_px`` a JPEG may come reduced by 2, 4 or 8, at a fraction of the cost, as long
    as its longest side keeps that many pixels; ``size`` stays that of the upright original.
    Of animations and multi-page files it is the first frame. What a file gets away with (bad EXIF,
    bytes after its end, a decoder's complaints) is in ``warnings``.

    Raises ``ImageRejected`` with a ``code``: ``unreadable``, ``not_a_regular_file``,
    ``empty_file``, ``file_too_large``, ``changed_while_reading``, ``not_an_image``,
    ``unsupported_format``, ``too_many_pixels``, ``too_small``, ``corrupt_data``,
    ``decode_failed``, ``out_of_memory``. One thread of a process decodes at a time.
    """
    image = read_changed_image(path, b"", colour=colour, at_least_px=at_least_px)
    assert image is not None  # no content has an empty hash
    return image


def read_changed_image(
    path: Path, known_hash: bytes, *, colour: bool = False, at_least_px: int | None = None
) -> Image | None:
    """`read_image`, or None, undecoded, where the file's ``content_hash`` is the one known."""
    try:
        data, facts = read_bytes(path)
        if facts.content_hash == known_hash:
            return None
        return _decoded(path, data, facts, colour=colour, at_least_px=at_least_px)
    except Flaw as flaw:
        raise rejected(path, flaw) from flaw
    except MemoryError as error:
        raise rejected(path, Flaw("out_of_memory", "not enough memory to read it")) from error


def as_grey(image: Image) -> Image:
    """The picture in grey, as extractors take it; itself if it is."""
    if image.pixels.ndim == 2:
        return image
    return replace(image, pixels=flatten(image.pixels, colour=False))


def mirror(image: Image) -> Image:
    """The picture as a mirror shows it."""
    return replace(image, pixels=np.ascontiguousarray(image.pixels[:, ::-1]))


def _decoded(
    path: Path, data: bytes, facts: FileFacts, *, colour: bool, at_least_px: int | None
) -> Image:
    container = _INSPECT[identify(data)](data)
    pixels, warnings = decode(data, container, colour=colour, at_least_px=at_least_px)
    height, width = pixels.shape[:2]
    if reduction(container, at_least_px) > 1:
        turned = container.orientation >= 5
        width, height = container.width, container.height
        width, height = (height, width) if turned else (width, height)
    return Image(
        path=path_name(path),
        pixels=pixels,
        size=ImageSize(width, height),
        facts=facts,
        format=container.format,
        frames=container.frames,
        warnings=container.warnings + warnings,
    )
