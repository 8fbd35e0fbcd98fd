"""Text as coverage masks, in many faces made from the one font that Pillow carries.

Weight, stroke contrast, width, slant and spacing are worked on the mask: widening with a
flat kernel thickens the upright strokes only and gives a fat face, an upright kernel gives a
poster face, stretching condenses.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt
from PIL import ImageFont

Mask = npt.NDArray[np.uint8]
"""(h, w) coverage: 0 nothing, 255 ink."""


@dataclass(frozen=True, slots=True)
class Face:
    """How a text looks, whatever it says."""

    upright: float = 0.0
    """Thickening of upright strokes as a fraction of the letter's height."""
    level: float = 0.0
    """Thickening of level strokes, likewise."""
    width: float = 1.0
    """Below 1 condensed, above 1 extended."""
    slant: float = 0.0
    tracking: float = 0.0
    """Extra space between letters as a fraction of the letter's height."""
    capitals: bool = False


@dataclass(frozen=True, slots=True)
class _Glyph:
    mask: Mask
    left: int
    top: int
    advance: float


@lru_cache(maxsize=2048)
def _glyph(letter: str, size_px: int) -> _Glyph:
    font = ImageFont.load_default(size=size_px)
    assert isinstance(font, ImageFont.FreeTypeFont)
    core, (left, top) = font.getmask2(letter, mode="L")
    width, height = core.size
    mask = np.frombuffer(bytes(core), dtype=np.uint8).reshape(height, width)
    return _Glyph(mask, left, top, font.getlength(letter))


def set_line(text: str, size_px: int, *, tracking_px: float = 0.0) -> Mask:
    """One line of the plain face with letters of ``size_px``: a strip of 1.3 times that height."""
    glyphs = [_glyph(letter, size_px) for letter in text]
    width = sum(g.advance + tracking_px for g in glyphs) + size_px // 4
    strip = np.zeros((round(size_px * 1.3), max(int(width), 0) + 1), dtype=np.uint8)
    pen = size_px / 16
    for glyph in glyphs:
        x, y = round(pen) + glyph.left, glyph.top
        height, wide = glyph.mask.shape
        window = strip[y : y + height, x : x + wide]
        np.maximum(window, glyph.mask[: window.shape[0], : window.shape[1]], out=window)
        pen += glyph.advance + tracking_px
    return strip


def set_paragraph(words: list[str], size_px: int, *, width_px: int, height_px: int) -> Mask:
    """Small text broken into lines to fill a block of at most (height_px, width_px)."""
    block = np.zeros((max(height_px, 1), max(width_px, 1)), dtype=np.uint8)
    step = max(round(size_px * 1.25), 1)
    lines = _break_lines(words, size_px, width_px)
    for k, line in enumerate(lines[: height_px // step]):
        strip = set_line(line, size_px)
        window = block[k * step : k * step + strip.shape[0], : strip.shape[1]]
        np.maximum(window, strip[: window.shape[0], : window.shape[1]], out=window)
    return block


def _break_lines(words: list[str], size_px: int, width_px: int) -> list[str]:
    lines, line, used = [], "", 0.0
    for word in words:
        length = sum(_glyph(letter, size_px).advance for letter in word + " ")
        if line and used + length > width_px:
            lines.append(line)
            line, used = "", 0.0
        line += word + " "
        used += length
    return [*lines, line]


def fit_text(text: str, face: Face, *, width_px: float, height_px: float, lines: int = 1) -> Mask:
    """``text`` in ``face`` as large as fits the block, on the best of 1 to ``lines`` lines."""
    shown = text.upper() if face.capitals else text
    rows = _best_rows(shown, face, width_px / height_px, lines)
    size_px = int(np.clip(8 * round(height_px / len(rows) / 8), 16, 96))
    block = _stack([_trim(set_face(row, face, size_px)) for row in rows])
    scale = min(width_px / (block.shape[1] * face.width), height_px / block.shape[0])
    return _resize(block, scale * face.width, scale)


def _best_rows(text: str, face: Face, aspect: float, lines: int) -> list[str]:
    """``text`` on the number of lines that makes it largest in a block of width / height."""
    choices = [_split_evenly(text, count) for count in range(1, lines + 1)]
    extra = face.tracking + face.upright
    sizes = []
    for rows in choices:
        longest = max(sum(_glyph(c, 32).advance / 32 + extra for c in row) for row in rows)
        sizes.append(min(aspect / max(longest * face.width, 0.1), 1 / len(rows)))
    return choices[int(np.argmax(sizes))]


def set_face(text: str, face: Face, size_px: int) -> Mask:
    """One line in ``face``, before it is stretched."""
    strip = set_line(text, size_px, tracking_px=face.tracking * size_px)
    across, down = round(face.upright * size_px), round(face.level * size_px)
    strip = np.pad(strip, ((down, down), (across + 2, across + 2)))
    if across or down:
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (across + 1, down + 1))
        strip = _as_mask(cv2.dilate(strip, kernel))
    if face.slant:
        height, width = strip.shape
        shear = np.array([[1, -face.slant, max(face.slant, 0) * height], [0, 1, 0]])
        wide = width + round(abs(face.slant) * height)
        strip = _as_mask(cv2.warpAffine(strip, shear, (wide, height)))
    return strip


def _as_mask(strip: npt.NDArray[np.generic]) -> Mask:
    return np.asarray(strip, dtype=np.uint8)


def _trim(strip: Mask) -> Mask:
    """The strip without the empty columns at its ends; rows stay, so that lines align."""
    columns = np.flatnonzero(strip.any(axis=0))
    return strip[:, columns[0] : columns[-1] + 1] if len(columns) else strip


def _split_evenly(text: str, count: int) -> list[str]:
    """``text`` on up to ``count`` lines of about the same number of letters."""
    words, rows = text.split(), [""]
    share = len(text) / count
    for word in words:
        if rows[-1] and len(rows) < count and len(rows[-1]) + len(word) / 2 > share:
            rows.append("")
        rows[-1] = f"{rows[-1]} {word}".strip()
    return rows


def _stack(strips: list[Mask]) -> Mask:
    """Lines above each other, centred, without the gap that a line keeps for descenders."""
    overlap = round(strips[0].shape[0] * 0.12)
    step = strips[0].shape[0] - overlap
    width = max(strip.shape[1] for strip in strips)
    block = np.zeros((step * len(strips) + overlap, width), dtype=np.uint8)
    for k, strip in enumerate(strips):
        x = (width - strip.shape[1]) // 2
        window = block[k * step : k * step + strip.shape[0], x : x + strip.shape[1]]
        np.maximum(window, strip, out=window)
    rows = np.flatnonzero(block.any(axis=1))
    return block[rows[0] : rows[-1] + 1] if len(rows) else block


def _resize(block: Mask, across: float, down: float) -> Mask:
    height, width = block.shape
    size = (max(round(width * across), 1), max(round(height * down), 1))
    method = cv2.INTER_AREA if min(across, down) < 1 else cv2.INTER_CUBIC
    return _as_mask(cv2.resize(block, size, interpolation=method))


def random_face(rng: np.random.Generator, *, bold: bool = False) -> Face:
    """A face for a design; a ``bold`` one can carry a title."""
    weight = rng.uniform(0.05, 0.13) if bold else rng.uniform(0.0, 0.05)
    contrast = rng.choice([0.0, 0.35, 1.0, 1.0, 1.8])
    return Face(
        upright=float(weight),
        level=float(weight * contrast * 0.8),
        width=float(rng.uniform(0.62, 1.25)),
        slant=float(rng.choice([0.0, 0.0, 0.0, 0.18, 0.25])),
        tracking=float(rng.choice([0.0, 0.02, 0.08, 0.2])) + float(weight),
        capitals=bool(rng.random() < 0.5),
    )
