"""A brand's sign: its name in its face on its shape, the same on all its packs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from kpsearch.synthetic.canvas import Canvas
from kpsearch.synthetic.colours import Colour, oklch
from kpsearch.synthetic.design import BrandLook
from kpsearch.synthetic.labelling import place_text
from kpsearch.synthetic.layout import Box
from kpsearch.synthetic.outlines import disc, moved, rectangle, shield, star

Plate = Callable[[Canvas, Box, Colour, Colour], Box]
"""Paints the shape in two colours and returns the box that is left for the name."""


def _centre(box: Box) -> tuple[float, float]:
    return box.x + box.width / 2, box.y + box.height / 2


def _oval(canvas: Canvas, box: Box, ground: Colour, edge: Colour) -> Box:
    x, y = _centre(box)
    for share, colour in ((1.0, edge), (0.94, ground), (0.88, edge), (0.86, ground)):
        canvas.fill(
            moved(disc(64), x, y, scale=(box.width / 2 * share, box.height / 2 * share)), colour
        )
    return box.inset(0.16)


def _ribbon(canvas: Canvas, box: Box, ground: Colour, edge: Colour) -> Box:
    x, y, width, height = box
    low = y + height * 0.25
    for left, notch in ((x, 0.05), (x + width * 0.84, 0.11)):
        tail = rectangle(left, low, width * 0.16, height * 0.7)
        cut = np.array([[left + width * notch, low + height * 0.35]])
        side = 3 if notch < 0.1 else 1
        canvas.fill(np.insert(tail, side + 1 if side == 3 else 2, cut, axis=0), edge)
    canvas.fill(rectangle(x + width * 0.07, y + height * 0.05, width * 0.86, height * 0.75), ground)
    for level in (0.1, 0.75):
        line = [[x + width * 0.07, y + height * level], [x + width * 0.93, y + height * level]]
        canvas.stroke(np.array(line), edge, thickness_px=height / 50)
    return Box(x + width * 0.11, y + height * 0.13, width * 0.78, height * 0.6)


def _shield(canvas: Canvas, box: Box, ground: Colour, edge: Colour) -> Box:
    x, y = _centre(box)
    half = min(box.width / 2, box.height * 0.95)
    for share, colour in ((1.0, edge), (0.92, ground)):
        canvas.fill(moved(shield(), x, y, scale=(half * share, box.height / 2 * share)), colour)
    for k in (-1, 0, 1):
        canvas.fill(
            moved(
                star(5, 0.45), x + k * half * 0.3, y - box.height * 0.31, scale=box.height * 0.07
            ),
            edge,
        )
    return Box(x - half * 0.8, y - box.height * 0.22, half * 1.6, box.height * 0.44)


def _plate(canvas: Canvas, box: Box, ground: Colour, edge: Colour) -> Box:
    radius = box.height * 0.22
    canvas.fill(rectangle(*box, radius=radius), edge)
    inner = box.inset(0.025)
    canvas.fill(rectangle(*inner, radius=radius * 0.85), ground)
    return box.inset(0.1)


def _seal(canvas: Canvas, box: Box, ground: Colour, edge: Colour) -> Box:
    x, y = _centre(box)
    size = box.height / 2
    canvas.fill(moved(star(26, 0.9), x, y, scale=size), edge)
    canvas.fill(rectangle(box.x, y - size * 0.5, box.width, size, radius=size * 0.1), ground)
    return Box(box.x + box.width * 0.04, y - size * 0.42, box.width * 0.92, size * 0.84)


def _underline(canvas: Canvas, box: Box, ground: Colour, edge: Colour) -> Box:
    along = np.linspace(0, 1, 24)
    y = box.y + box.height * (0.9 - 0.1 * np.sin(along * np.pi))
    thick = box.height * 0.09 * np.sin(along * np.pi)
    x = box.x + along * box.width
    swoosh = np.concatenate([np.stack([x, y], 1), np.stack([x, y + thick], 1)[::-1]])
    canvas.fill(swoosh, edge)
    return box._replace(height=box.height * 0.76)


def _plain(canvas: Canvas, box: Box, ground: Colour, edge: Colour) -> Box:
    return box


def _roundel(canvas: Canvas, box: Box, ground: Colour, edge: Colour) -> Box:
    size = box.height * 0.42
    x, y = box.x + size, box.y + box.height / 2
    canvas.fill(moved(disc(40), x, y, scale=size), edge)
    canvas.fill(moved(disc(40), x, y, scale=size * 0.78), ground)
    for k in range(5):
        petal = moved(disc(16), x, y - size * 0.4, scale=(size * 0.15, size * 0.32))
        canvas.fill(moved(petal - (x, y), x, y, turn_rad=k * 2 * np.pi / 5), edge)
    return Box(
        box.x + 2.3 * size, box.y + box.height * 0.14, box.width - 2.3 * size, box.height * 0.72
    )


_PLATES: Mapping[str, Plate] = MappingProxyType(
    {
        "oval": _oval,
        "plain": _plain,
        "plate": _plate,
        "ribbon": _ribbon,
        "roundel": _roundel,
        "seal": _seal,
        "shield": _shield,
        "underline": _underline,
    }
)
_BARE = ("underline", "plain", "roundel")
"""Signs whose letters stand on the pack itself."""


def place_logo(canvas: Canvas, box: Box, *, name: str, look: BrandLook, ink: Colour) -> None:
    """The sign in ``box`` (pixels); ``ink`` is for letters that stand on the pack itself."""
    deep = oklch(0.42, 0.16, look.hue_deg)
    bright = oklch(0.96, 0.04, look.hue_deg + 60)
    ground, letters = (bright, deep) if look.ink_on_shape else (deep, bright)
    edge = oklch(0.82, 0.14, look.hue_deg + 60)
    if look.shape in _BARE:
        letters = ink
    room = _PLATES[look.shape](canvas, box, ground, edge)
    place_text(canvas, name, room, face=look.face, colour=letters, lines=2 if " " in name else 1)
