"""The picture among other things: a collage of several, a page of a shop."""

from __future__ import annotations

import numpy as np

from kpsearch.synthetic.camera import Homography
from kpsearch.synthetic.canvas import Canvas
from kpsearch.synthetic.colours import WHITE, oklch
from kpsearch.synthetic.copies.copy import Copy, Pixels, fitted, shift, stretch
from kpsearch.synthetic.copies.framing import border_colour
from kpsearch.synthetic.labelling import place_text
from kpsearch.synthetic.layout import Box
from kpsearch.synthetic.lettering import Face, set_paragraph
from kpsearch.synthetic.outlines import rectangle
from kpsearch.synthetic.packs import render_item
from kpsearch.synthetic.spec import CatalogueSpec, stranger_number
from kpsearch.synthetic.words import brand_name, fine_print

_GRIDS = {4: (2, 2), 6: (2, 3), 9: (3, 3)}
"""Rows and columns by the number of pictures."""
_CELL_PX = {4: 440, 6: 380, 9: 320}
_STRANGER_PX = 320
_PLAIN = Face(upright=0.02, width=0.95)
_BOLD = Face(upright=0.07, level=0.05)
_INK = (50, 45, 45)


def stranger(rng: np.random.Generator) -> Pixels:
    """A pack that is in no catalogue."""
    spec = CatalogueSpec(0, seed=int(rng.integers(2**31)), side_px=_STRANGER_PX)
    return render_item(spec, stranger_number(spec, 0))


def make_collage(picture: Pixels, rng: np.random.Generator, tiles: float) -> Copy:
    """A grid of 4, 6 or 9 pictures; the others are strangers."""
    rows, columns = _GRIDS[round(tiles)]
    cell = _CELL_PX[round(tiles)]
    gap = round(cell * float(rng.choice([0.0, 0.03, 0.08])))
    size = (rows * (cell + gap) + gap, columns * (cell + gap) + gap, 3)
    page = np.full(size, border_colour(rng), dtype=np.uint8)
    own = int(rng.integers(rows * columns))
    path = np.eye(3)
    for k in range(rows * columns):
        tile = fitted(picture if k == own else stranger(rng), cell, cell)
        row, column = divmod(k, columns)
        box = Box(gap + column * (cell + gap), gap + row * (cell + gap), cell, cell)
        placed = _lay(page, tile, box)
        if k == own:
            path = placed @ stretch(picture.shape, tile.shape)
    return Copy(page, path)


def _lay(page: Pixels, tile: Pixels, box: Box) -> Homography:
    """Put a tile in the middle of a box; returns where its pixels go."""
    height, width = tile.shape[:2]
    x, y = round(box.x + (box.width - width) / 2), round(box.y + (box.height - height) / 2)
    page[y : y + height, x : x + width] = tile
    return shift(x, y)


def take_screenshot(picture: Pixels, rng: np.random.Generator, share: float) -> Copy:
    """A shop's page, on a desk or a phone, the picture ``share`` of its width wide."""
    height, width = (760, 1080) if rng.random() < 0.5 else (1080, 600)
    ground = np.full((height, width, 3), border_colour(rng), dtype=np.uint8)
    page = Canvas(ground, grain=np.zeros((height, width), dtype=np.float32))
    bar = height * 0.07
    page.fill(
        rectangle(0, 0, width, bar), oklch(float(rng.uniform(0.3, 0.6)), 0.12, rng.uniform(0, 360))
    )
    _say(page, brand_name(int(rng.integers(2**30)), 1), Box(14, bar * 0.2, width * 0.22, bar * 0.6))
    room = height * 0.82 if width > height else height * 0.6
    tile = fitted(picture, room, share * width)
    x = 20 if width > height else round((width - tile.shape[1]) / 2)
    y = round(bar + 18)
    page.pixels[y : y + tile.shape[0], x : x + tile.shape[1]] = tile
    if width > height:
        beside = x + tile.shape[1] + 24
        _describe(page, Box(beside, y, width - beside - 20, height - y - 20), rng)
    else:
        below = y + tile.shape[0] + 16
        _describe(page, Box(20, below, width - 40, height - below - 10), rng)
    return Copy(page.pixels, shift(x, y) @ stretch(picture.shape, tile.shape))


def _say(page: Canvas, text: str, box: Box) -> None:
    place_text(page, text, box, face=_BOLD, colour=WHITE)


def _describe(page: Canvas, box: Box, rng: np.random.Generator) -> None:
    """On a white card: a name, a price, a button, a paragraph, small pictures of other things."""
    if min(box.width, box.height) < 40:
        return
    page.fill(rectangle(*box), WHITE)
    inner = box.inset(0.04)
    step = min(inner.height / 10, 46.0)
    title = " ".join(word.strip(",").title() for word in fine_print(4, rng))
    price = f"{rng.integers(1, 90)}.{rng.integers(10, 99)} EUR"
    place_text(page, title, inner._replace(height=step), face=_BOLD, colour=_INK)
    line = inner._replace(y=inner.y + 1.2 * step, height=step * 0.8, width=inner.width * 0.4)
    place_text(page, price, line, face=_BOLD, colour=oklch(0.5, 0.2, 25))
    button = Box(inner.x, inner.y + 2.4 * step, min(inner.width * 0.6, 220), step)
    page.fill(rectangle(*button, radius=step * 0.3), oklch(0.6, 0.17, float(rng.uniform(0, 360))))
    _say(page, "Add to basket", button.inset(0.18))
    text = inner._replace(y=inner.y + 3.8 * step, height=inner.height * 0.3)
    words = fine_print(int(text.width * text.height / 900) + 6, rng)
    block = set_paragraph(words, 15, width_px=int(text.width), height_px=int(text.height))
    page.stamp(block, text.x, text.y, _INK)
    _show_others(page, inner, text.y + text.height + 8, rng)


def _show_others(page: Canvas, box: Box, top: float, rng: np.random.Generator) -> None:
    """A row of small pictures at the bottom, where there is room."""
    side = min(box.y + box.height - top, box.width / 3 - 8)
    if side < 50:
        return
    for k in range(3):
        _lay(
            page.pixels,
            fitted(stranger(rng), side, side),
            Box(box.x + k * (side + 8), top, side, side),
        )
