"""Text on pictures: any file name, in a font that has its letters, cut to the room there is."""

from __future__ import annotations

import unicodedata
from functools import cache

from PIL import ImageFont

from kpsearch.images import escape_path

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_ELLIPSIS = "..."
_NO_CHARACTER = "\U0010fffd"
"""Private use, last plane: drawn as the box that stands for a letter the font lacks."""
_SYSTEM_FONTS = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "Arial.ttf",
    "NotoSansCJK-Regular.ttc",
    "wqy-microhei.ttc",
    "DroidSansFallbackFull.ttf",
    "msyh.ttc",
    "Arial Unicode.ttf",
)
"""Tried in this order for a name that Pillow's own font, which is ASCII, cannot show."""


def letter(name: str, *, size_px: int) -> tuple[str, Font]:
    """``name`` as one drawable line, and the font to draw it in.

    The font is Pillow's own if that has all the letters, otherwise the first on this machine that
    has the most of them; a letter that no font has is written as an escape, such as ``\\u4ea7``.
    """
    line = unicodedata.normalize("NFC", escape_path(name))  # names from macOS come decomposed
    font = min(_fonts_for(line, size_px), key=lambda font: len(_lacking(line, font)))
    lacking = _lacking(line, font)
    return "".join(_escape(char) if char in lacking else char for char in line), font


def shorten(text: str, font: Font, *, room_px: float) -> str:
    """``text`` if it fits into ``room_px``, otherwise as much of both its ends as does."""
    if font.getlength(text) <= room_px:
        return text
    low, high = 0, len(text)
    while low < high:  # the most characters that fit, by halving
        kept = (low + high + 1) // 2
        fits = font.getlength(_without_middle(text, kept)) <= room_px
        low, high = (kept, high) if fits else (low, kept - 1)
    return _without_middle(text, low)


@cache
def default_font(size_px: int) -> Font:
    """Pillow's own font, the same on every machine."""
    return ImageFont.load_default(size=size_px)


def _without_middle(text: str, kept: int) -> str:
    """The end is favoured: there is the number, and what kind of file it is."""
    head = kept // 2
    return text[:head] + _ELLIPSIS + text[len(text) - (kept - head) :]


def _fonts_for(line: str, size_px: int) -> list[Font]:
    default = default_font(size_px)
    return [default] if not _lacking(line, default) else [default, *_system_fonts(size_px)]


@cache
def _system_fonts(size_px: int) -> tuple[Font, ...]:
    found: list[Font] = []
    for name in _SYSTEM_FONTS:
        try:
            found.append(ImageFont.truetype(name, size_px))
        except OSError:
            continue
    return tuple(found)


def _lacking(line: str, font: Font) -> frozenset[str]:
    return frozenset(char for char in set(line) if not _has(font, char))


@cache
def _box(font: Font) -> bytes:
    return bytes(font.getmask(_NO_CHARACTER))


def _has(font: Font, char: str) -> bool:
    return char.isascii() or bytes(font.getmask(char)) != _box(font)


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
