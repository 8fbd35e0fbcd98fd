"""What every container (JPEG, PNG, ...) says of itself before a pixel is decoded.

Each container has a file with one public function, ``inspect``: it walks the structure of the
whole file, checks the limits as soon as it knows the size, and raises ``Flaw`` for a file that is
cut off. The walk is what finds truncation: the decoders accept half a JPEG without a word.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

MIN_SIDE_PX = 16
MAX_SIDE_PX = 30_000
MAX_PIXELS = 100_000_000


class Flaw(Exception):
    """Why a file cannot be used; becomes an ``ImageRejected`` where the path is known."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text


def corrupt(text: str) -> Flaw:
    """The flaw of a file whose structure is broken or cut off."""
    return Flaw("corrupt_data", text)


class Route(Enum):
    """How the pixels of a file are decoded; see the table in ``decode.py``."""

    DIRECT = "direct"
    DEEP = "deep"
    PILLOW = "pillow"


@dataclass(frozen=True, slots=True)
class Container:
    """A file whose structure is whole. ``width`` and ``height`` are as stored, not yet upright."""

    format: str
    width: int
    height: int
    route: Route
    frames: int = 1
    orientation: int = 1
    """EXIF orientation, 1 to 8, still to be applied after decoding."""
    warnings: tuple[str, ...] = ()


def check_size(width: int, height: int) -> None:
    """Raise ``Flaw`` for a picture outside the limits; called before anything is decoded."""
    if width <= 0 or height <= 0:
        raise corrupt(f"the header says {width} x {height} pixels")
    if max(width, height) > MAX_SIDE_PX or width * height > MAX_PIXELS:
        raise Flaw(
            "too_many_pixels",
            f"{width} x {height} pixels; at most {MAX_PIXELS // 1_000_000} megapixels and "
            f"{MAX_SIDE_PX} pixels a side are read",
        )
    if min(width, height) < MIN_SIDE_PX:
        raise Flaw(
            "too_small", f"{width} x {height} pixels; a side needs at least {MIN_SIDE_PX} pixels"
        )


def trailing_bytes(data: bytes, end: int) -> tuple[str, ...]:
    """The warning for bytes after the picture's end, if there are any."""
    extra = len(data) - end
    return (f"{extra} bytes after the end of the picture",) if extra > 0 else ()
