"""Pictures in colour for a model that were, or will be, read in grey for their keypoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from kpsearch.errors import ImageRejected
from kpsearch.images import read_image

if TYPE_CHECKING:
    from kpsearch.types import Image, ImageSize

DECODED_SIDES = 4
"""A JPEG is decoded to at least so many times the side of the input: what it is cut from."""


class TakesPictures(Protocol):
    """A deep model of pictures."""

    @property
    def size(self) -> ImageSize:
        """Of its input."""
        ...


def read_to_embed(path: str, model: TakesPictures, *, whole: bool = False) -> Image:
    """The picture at ``path`` in colour, reduced unless it is wanted ``whole``."""
    at_least_px = None if whole else DECODED_SIDES * max(model.size)
    return read_image(path, colour=True, at_least_px=at_least_px)


def in_colour(image: Image, model: TakesPictures, *, whole: bool = False) -> Image:
    """The picture of a file that was read in grey, read once more.

    Decoders make grey of their own, which differs from colours turned grey: keypoints come from
    theirs, with a model or without. Raises `ImageRejected`, with ``changed_while_reading`` where
    the file is not the same any more.
    """
    coloured = read_to_embed(image.path, model, whole=whole)
    if coloured.facts.content_hash != image.facts.content_hash:
        text = "it changed between two readings"
        raise ImageRejected(image.path, "changed_while_reading", text)
    return coloured
