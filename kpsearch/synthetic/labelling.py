"""The parts of a pack that the law asks for, and the ones that sell it."""

from __future__ import annotations

import numpy as np

from kpsearch.synthetic.canvas import Canvas
from kpsearch.synthetic.colours import WHITE, Colour
from kpsearch.synthetic.layout import Box
from kpsearch.synthetic.lettering import Face, fit_text, set_line, set_paragraph
from kpsearch.synthetic.outlines import disc, moved, rectangle, star
from kpsearch.synthetic.words import fine_print

_PLAIN = Face(upright=0.03, level=0.02, width=0.9)
_NUTRIENTS = ("Energy", "Fat", "of which saturates", "Carbohydrate", "Sugars", "Protein", "Salt")


def place_text(
    canvas: Canvas,
    text: str,
    box: Box,
    *,
    face: Face,
    colour: Colour,
    lines: int = 1,
    shadow: Colour | None = None,
) -> None:
    """Text as large as fits ``box`` (pixels), in its middle."""
    mask = fit_text(text, face, width_px=box.width, height_px=box.height, lines=lines)
    x = box.x + (box.width - mask.shape[1]) / 2
    y = box.y + (box.height - mask.shape[0]) / 2
    if shadow is not None:
        offset = max(mask.shape[0] / 28, 1)
        canvas.stamp(mask, x + offset, y + offset, shadow, opacity=0.75)
    canvas.stamp(mask, x, y, colour)


def place_story(canvas: Canvas, box: Box, colour: Colour, rng: np.random.Generator) -> None:
    """A paragraph of small print that fills ``box`` (pixels)."""
    size = max(round(max(canvas.height, canvas.width) / 52), 6)
    area = box.width * box.height
    words = fine_print(max(int(area / size**2 / 3.2), 4), rng)
    block = set_paragraph(words, size, width_px=int(box.width), height_px=int(box.height))
    canvas.stamp(block, box.x, box.y, colour, opacity=0.9)


def place_seal(
    canvas: Canvas, box: Box, *, text: str, colour: Colour, ink: Colour, points: int
) -> None:
    """A badge with a claim; ``points`` 0 makes it round."""
    x, y = box.x + box.width / 2, box.y + box.height / 2
    size = min(box.width, box.height) / 2
    edge = star(points, 0.88) if points else disc(48)
    canvas.fill(moved(edge, x, y, scale=size), colour)
    canvas.stroke(moved(disc(48), x, y, scale=size * 0.8), ink, thickness_px=size / 28, closed=True)
    middle = Box(x - size * 0.62, y - size * 0.45, size * 1.24, size * 0.9)
    place_text(canvas, text, middle, face=_PLAIN, colour=ink, lines=3)


def place_claims(canvas: Canvas, box: Box, rows: tuple[str, ...], colour: Colour) -> None:
    """The first two claims beside each other."""
    place_text(canvas, "  +  ".join(rows[:2]), box, face=_PLAIN, colour=colour)


def place_barcode(canvas: Canvas, box: Box, rng: np.random.Generator) -> None:
    """Thirteen digits as EAN-like bars on white, with the digits below."""
    canvas.fill(rectangle(box.x, box.y, box.width, box.height), WHITE)
    digits = rng.integers(0, 10, 13)
    modules = np.concatenate([[1, 0, 1], rng.integers(0, 2, 84), [0, 1, 0, 1]]).astype(np.uint8)
    width, height = max(int(box.width * 0.88), 8), max(int(box.height * 0.72), 4)
    row = modules[np.arange(width) * len(modules) // width] * np.uint8(255)
    x, y = box.x + box.width * 0.06, box.y + box.height * 0.06
    canvas.stamp(np.repeat(row[None, :], height, axis=0), x, y, (20, 20, 20))
    below = Box(x, box.y + box.height * 0.79, width, box.height * 0.19)
    place_text(canvas, "".join(map(str, digits)), below, face=_PLAIN, colour=(20, 20, 20))


def place_nutrition(canvas: Canvas, box: Box, ink: Colour, rng: np.random.Generator) -> None:
    """A ruled table of nutrients per 100 g."""
    size = max(round(max(canvas.height, canvas.width) / 58), 6)
    step = min(size * 1.6, box.height / (len(_NUTRIENTS) + 1))
    canvas.stroke(
        rectangle(box.x, box.y, box.width, step * (len(_NUTRIENTS) + 1)),
        ink,
        thickness_px=1,
        closed=True,
    )
    amounts = ["100 g", f"{rng.integers(50, 600)}", *(f"{v:.1f}" for v in rng.uniform(0, 60, 6))]
    for row, (name, amount) in enumerate(zip(("per", *_NUTRIENTS), amounts, strict=True)):
        y = box.y + row * step
        canvas.stroke(np.array([[box.x, y], [box.x + box.width, y]]), ink, thickness_px=1)
        left, right = set_line(name, size), set_line(amount, size)
        canvas.stamp(left[:, : int(box.width * 0.62)], box.x + 2, y + 1, ink)
        canvas.stamp(right, box.x + box.width - right.shape[1], y + 1, ink)


def place_panel(
    canvas: Canvas, box: Box, *, ground: Colour, ink: Colour, rng: np.random.Generator
) -> None:
    """A light field with table, small print and barcode, from top to bottom."""
    radius = min(box.width, box.height) * 0.06
    canvas.fill(rectangle(*box, radius=radius), ground)
    inner = box.inset(0.06)
    step = inner.height
    place_nutrition(canvas, inner._replace(height=step * 0.32), ink, rng)
    story = Box(inner.x, inner.y + step * 0.36, inner.width, step * 0.42)
    place_story(canvas, story, ink, rng)
    code_height = min(step * 0.19, inner.width * 0.6)
    place_barcode(canvas, Box(inner.x, inner.y + step - code_height, inner.width, code_height), rng)
