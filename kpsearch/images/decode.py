"""From the bytes of a whole, measured file to upright pixels on white.

| file                                         | route  | decoder                                |
|----------------------------------------------|--------|----------------------------------------|
| JPEG: grey, YCbCr, RGB, CMYK, YCCK           | DIRECT | OpenCV, straight to grey or BGR        |
| PNG, WebP: 1 to 8 bits, opaque               | DIRECT | OpenCV, straight to grey or BGR        |
| PNG: 16 bits; PNG, WebP: alpha, tRNS         | DEEP   | OpenCV unchanged, scaled, flattened    |
| PNG: transparent grey; animated PNG and WebP | PILLOW | Pillow, first frame, flattened         |
| GIF, BMP, TIFF                               | PILLOW | Pillow, first frame or page, flattened |

CMYK is taken as inverted with or without Adobe's marker, as browsers do. Colour becomes grey by
Rec. 601 everywhere (for a JPEG that is its luma channel as stored).
"""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from kpsearch.images.container import Container, Flaw, Route, corrupt
from kpsearch.images.pillow import decode_by_pillow
from kpsearch.images.pixels import Pixels, flatten, to_8_bits, turn_upright
from kpsearch.images.stderr import captured_stderr

_REDUCED_GREY = {
    1: cv2.IMREAD_GRAYSCALE,
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
}
_REDUCED_COLOUR = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
_CUT_OFF = ("Not enough image data",)
_OUT_OF_MEMORY = ("Insufficient memory", "Failed to allocate", "bad_alloc", "Out of memory")


def decode(
    data: bytes, container: Container, *, colour: bool, at_least_px: int | None
) -> tuple[Pixels, tuple[str, ...]]:
    """The upright pixels of ``data``, (h, w) or (h, w, 3) BGR, and the decoder's warnings.

    Raises ``Flaw``: ``corrupt_data``, ``decode_failed``, ``out_of_memory``, ``too_many_pixels``.
    """
    try:
        # libtiff's messages have no form to know them by, so with a TIFF all are taken for its own.
        with captured_stderr(keep_all=container.format == "TIFF") as messages:
            if container.route is Route.PILLOW:
                pixels, notes = decode_by_pillow(data, container, colour=colour)
            elif container.route is Route.DEEP:
                pixels, notes = _decode_deep(data, colour=colour), ()
            else:
                factor = reduction(container, at_least_px)
                pixels, notes = _decode_direct(data, colour=colour, factor=factor), ()
                _check_shape(pixels, container, factor)
        return turn_upright(pixels, container.orientation), (*notes, *messages)
    except MemoryError as error:
        raise Flaw("out_of_memory", "not enough memory to decode the picture") from error
    except (cv2.error, _NoPixels) as error:
        raise _decoder_flaw(str(error), messages) from error


def reduction(container: Container, at_least_px: int | None) -> int:
    """By how much a JPEG may be reduced (1, 2, 4 or 8) with a side left of ``at_least_px``."""
    if at_least_px is None or container.format != "JPEG":
        return 1
    longest = max(container.width, container.height)
    return next((factor for factor in (8, 4, 2) if -(-longest // factor) >= at_least_px), 1)


class _NoPixels(Exception):
    """OpenCV returned nothing; what it said is on stderr."""


def _imdecode(data: bytes, flags: int) -> npt.NDArray[np.uint8 | np.uint16]:
    # No type stub says that imdecode returns None for what it cannot decode.
    pixels = cast(
        "npt.NDArray[np.uint8] | None", cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    )
    if pixels is None:
        raise _NoPixels("the decoder gave no picture")
    return pixels


def _decode_direct(data: bytes, *, colour: bool, factor: int) -> Pixels:
    flags = (_REDUCED_COLOUR if colour else _REDUCED_GREY)[factor]
    return cast(Pixels, _imdecode(data, flags | cv2.IMREAD_IGNORE_ORIENTATION))


def _check_shape(pixels: Pixels, container: Container, factor: int) -> None:
    expected = (-(-container.height // factor), -(-container.width // factor))
    if pixels.shape[:2] != expected:
        raise corrupt("the header and the picture disagree about its size")


def _decode_deep(data: bytes, *, colour: bool) -> Pixels:
    # IMREAD_UNCHANGED keeps alpha and 16 bits, and leaves the orientation alone.
    return flatten(to_8_bits(_imdecode(data, cv2.IMREAD_UNCHANGED)), colour=colour)


def _decoder_flaw(said: str, messages: list[str]) -> Flaw:
    """Tell a want of memory, or of pixels, from a picture that the decoder gives up on."""
    said = "; ".join([*messages, " ".join(said.split())])
    if any(sign in said for sign in _OUT_OF_MEMORY):
        return Flaw("out_of_memory", "not enough memory to decode the picture")
    if any(sign in said for sign in _CUT_OFF):
        return corrupt("the picture holds fewer pixels than its header says")
    return Flaw("decode_failed", said)
