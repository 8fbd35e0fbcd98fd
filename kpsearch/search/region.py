"""Asking about a part of a picture."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from kpsearch.errors import ImageRejected, UsageError
from kpsearch.types import Image, ImageSize


class Region(NamedTuple):
    """A rectangle of a picture, in pixels of the upright original."""

    x: int
    y: int
    width: int
    height: int


def clipped(region: Region, picture: Image) -> Region:
    """The part of a region that lies in a picture.

    Raises `ImageRejected` with ``region_outside`` where there is none.
    """
    left, top = max(region.x, 0), max(region.y, 0)
    right = min(region.x + region.width, picture.size.width)
    bottom = min(region.y + region.height, picture.size.height)
    if right <= left or bottom <= top:
        asked = ",".join(map(str, region))
        raise ImageRejected(picture.path, "region_outside", f"no part of the region {asked} in it")
    return Region(left, top, right - left, bottom - top)


def crop(picture: Image, region: Region) -> Image:
    """A region of a picture as a picture; raises `UsageError` if it is not inside.

    The pixels may be fewer than the size says (a picture decoded reduced): the region is in
    pixels of the original, and at least one pixel of each side is kept.
    """
    right, bottom = region.x + region.width, region.y + region.height
    inside = 0 <= region.x < right <= picture.size.width
    if not (inside and 0 <= region.y < bottom <= picture.size.height):
        raise UsageError(
            f"{picture.path}: region {','.join(map(str, region))} is not inside the picture "
            f"of {picture.size.width} x {picture.size.height} pixels"
        )
    height, width = picture.pixels.shape[:2]
    across, down = width / picture.size.width, height / picture.size.height
    left, top = int(region.x * across), int(region.y * down)
    pixels = picture.pixels[
        top : max(top + 1, round(bottom * down)), left : max(left + 1, round(right * across))
    ]
    return replace(picture, pixels=pixels, size=ImageSize(region.width, region.height))
