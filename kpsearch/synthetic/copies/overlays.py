"""What shops and copiers put on a picture: prices, words, watermarks, badges."""

from __future__ import annotations

import math

import cv2
import numpy as np

from kpsearch.synthetic.canvas import Canvas
from kpsearch.synthetic.colours import WHITE, Colour, oklch
from kpsearch.synthetic.copies.copy import Copy, Pixels, in_place, sheet_over
from kpsearch.synthetic.labelling import place_seal, place_text
from kpsearch.synthetic.layout import Box
from kpsearch.synthetic.lettering import Mask, fit_text, random_face
from kpsearch.synthetic.outlines import moved, rectangle
from kpsearch.synthetic.words import brand_name, pick

_SLOGANS = (
    *("SALE", "SPECIAL OFFER", "Free delivery", "Last chance", "Only today", "In stock"),
    *("2 for 1", "Bestseller", "Order now", "Clearance", "While stocks last", "New in"),
)
_BADGES = ("NEW", "-20%", "-50%", "SALE", "BIO", "TOP", "ECO", "2 FOR 1", "HIT", "NO. 1")


def write_text(picture: Pixels, rng: np.random.Generator, share: float) -> Copy:
    """A price or a few words over about ``share`` of the area: on a band, or bare letters."""
    sheet = sheet_over(picture)
    box = _text_box(sheet, share, rng)
    hue_deg = float(rng.uniform(0, 360))
    ink, ground = oklch(0.97, 0.03, hue_deg), oklch(float(rng.uniform(0.25, 0.6)), 0.15, hue_deg)
    if rng.random() < 0.3:
        ink, ground = ground, ink
    style = str(rng.choice(["band", "veil", "bare"]))
    if style != "bare":
        opacity = 1.0 if style == "band" else float(rng.uniform(0.45, 0.75))
        _veil(sheet, box, ground, opacity)
    face = random_face(rng, bold=True)
    shadow = (25, 25, 25) if style == "bare" else None
    place_text(sheet, _slogan(rng), box.inset(0.1), face=face, colour=ink, lines=2, shadow=shadow)
    return in_place(sheet.pixels)


def _slogan(rng: np.random.Generator) -> str:
    price = f"{rng.integers(1, 200)}.{rng.choice([49, 90, 95, 99])} EUR"
    words = pick(_SLOGANS, rng)
    return (price, words, f"{words} {price}")[int(rng.integers(3))]


def _text_box(sheet: Canvas, share: float, rng: np.random.Generator) -> Box:
    """A strip from edge to edge, or a block, of ``share`` of the sheet."""
    width, height = float(sheet.width), float(sheet.height)
    if rng.random() < 0.5:
        y = float(rng.choice([0.0, 1 - share, rng.uniform(0, 1 - share)]))
        return Box(0, y * height, width, share * height)
    across = min(math.sqrt(share) * float(rng.uniform(1.0, 1.7)), 0.95)
    down = share / across
    x, y = rng.uniform(0.02, 0.98 - across), rng.uniform(0.02, max(0.98 - down, 0.03))
    return Box(float(x) * width, float(y) * height, across * width, down * height)


def _veil(sheet: Canvas, box: Box, colour: Colour, opacity: float) -> None:
    mask = np.full((max(round(box.height), 1), max(round(box.width), 1)), 255, dtype=np.uint8)
    sheet.stamp(mask, box.x, box.y, colour, opacity=opacity)


def stamp_watermark(picture: Pixels, rng: np.random.Generator, opacity: float) -> Copy:
    """A name at a slant, once and large or all over, as translucent as ``opacity`` says."""
    sheet = sheet_over(picture)
    name = brand_name(int(rng.integers(2**30)), 0)
    angle = float(rng.uniform(15, 40)) * (1 if rng.random() < 0.7 else -1)
    ink = WHITE if rng.random() < 0.7 else (40, 40, 40)
    side = float(math.hypot(sheet.width, sheet.height))
    wide = side * (0.75 if rng.random() < 0.5 else float(rng.uniform(0.16, 0.25)))
    word = fit_text(name, random_face(rng, bold=True), width_px=wide, height_px=wide / 3)
    sheet.stamp(_slanted(_tiled(word, side), angle, sheet), 0, 0, ink, opacity=opacity)
    return in_place(sheet.pixels)


def _tiled(word: Mask, side: float) -> Mask:
    """The word over and over on a square sheet; a large one comes once."""
    gap = round(word.shape[0] * 1.5)
    tile = np.pad(word, ((gap // 2, gap - gap // 2), (gap // 2, gap - gap // 2)))
    count = [max(math.ceil(side / length), 1) for length in tile.shape]
    if word.shape[1] > side / 2:
        count = [1, 1]
    return np.tile(tile, count)


def _slanted(mask: Mask, angle_deg: float, sheet: Canvas) -> Mask:
    middle = ((mask.shape[1] - 1) / 2, (mask.shape[0] - 1) / 2)
    spin = cv2.getRotationMatrix2D(middle, angle_deg, 1.0)
    spin[:, 2] += ((sheet.width - 1) / 2 - middle[0], (sheet.height - 1) / 2 - middle[1])
    return np.asarray(cv2.warpAffine(mask, spin, (sheet.width, sheet.height)), dtype=np.uint8)


def stick_badge(picture: Pixels, rng: np.random.Generator, share: float) -> Copy:
    """A badge, a star or a ribbon in a corner, ``share`` of the longer side wide."""
    sheet = sheet_over(picture)
    size = share * max(sheet.width, sheet.height)
    right, low = rng.random(2) < 0.5
    x = sheet.width - size * 1.1 if right else size * 0.1
    y = sheet.height - size * 1.1 if low else size * 0.1
    colour = oklch(float(rng.uniform(0.5, 0.85)), 0.19, float(rng.uniform(0, 360)))
    text = pick(_BADGES, rng)
    if rng.random() < 0.3:
        _tie_ribbon(sheet, size, (bool(right), bool(low)), colour, text)
    else:
        points = int(rng.choice([0, 14, 24]))
        box = Box(float(x), float(y), size, size)
        place_seal(sheet, box, text=text, colour=colour, ink=WHITE, points=points)
    return in_place(sheet.pixels)


def _tie_ribbon(
    sheet: Canvas, size: float, corner: tuple[bool, bool], colour: Colour, text: str
) -> None:
    """A band across a corner, its words along it."""
    length, thick = size * 2.0, size * 0.34
    x = sheet.width - size * 0.5 if corner[0] else size * 0.5
    y = sheet.height - size * 0.5 if corner[1] else size * 0.5
    slant = -math.pi / 4 if corner[0] == corner[1] else math.pi / 4
    band = rectangle(-length / 2, -thick / 2, length, thick)
    sheet.fill(moved(band, x, y, turn_rad=slant), colour)
    face = random_face(np.random.default_rng(0), bold=True)
    word = fit_text(text, face, width_px=size, height_px=thick * 0.7)
    side = round(size * 1.2)
    patch = sheet_over(np.zeros((side, side, 3), dtype=np.uint8))
    patch.stamp(word, (side - word.shape[1]) / 2, (side - word.shape[0]) / 2, WHITE)
    spin = cv2.getRotationMatrix2D(((side - 1) / 2,) * 2, -math.degrees(slant), 1.0)
    turned = np.asarray(cv2.warpAffine(patch.pixels[:, :, 0], spin, (side, side)), dtype=np.uint8)
    sheet.stamp(turned, x - side / 2, y - side / 2, WHITE)
