"""What is not picked from a plant: sweets, drops, crisps, fish. Painters as in `plants`."""

from __future__ import annotations

import math

import numpy as np

from kpsearch.synthetic.canvas import Canvas
from kpsearch.synthetic.colours import oklch, tint
from kpsearch.synthetic.outlines import blob, disc, drop, heart, leaf, moved, rectangle
from kpsearch.synthetic.spots import Spot


def paint_chunk(canvas: Canvas, spot: Spot, hue: float, rng: np.random.Generator) -> None:
    """Squares of chocolate with bevelled edges."""
    lightness = 0.36 + 0.12 * float(rng.random())
    cocoa = tint(48, chroma=0.06, lightness=lightness)
    size = 0.62
    for row in range(-1, 2):
        for column in range(-1, 2):
            if (row, column) == (-1, 1):
                continue
            frame = rectangle(
                column * size - size / 2, row * size - size / 2, size * 0.97, size * 0.97
            )
            corners = moved(frame, spot.x, spot.y, scale=spot.radius, turn_rad=spot.turn)
            canvas.fill(corners, cocoa.dark)
            middle = corners.mean(axis=0)
            inner = middle + (corners - middle) * 0.7
            for k, side in enumerate((cocoa.light, cocoa.body, cocoa.dark, cocoa.body)):
                pair = [corners[k], corners[(k + 1) % 4], inner[(k + 1) % 4], inner[k]]
                canvas.fill(np.array(pair), side)
            canvas.shade(inner, cocoa, grain=0.35)


def paint_swirl(canvas: Canvas, spot: Spot, hue: float, rng: np.random.Generator) -> None:
    """Cream or caramel turning in on itself."""
    cream = tint(hue, chroma=0.07, lightness=0.82)
    canvas.shade(moved(blob(rng), spot.x, spot.y, scale=spot.radius * 0.95), cream, grain=0.3)
    angle = np.linspace(0, 5.2 * np.pi, 70)
    reach = 0.05 + 0.8 * angle / angle[-1]
    for offset, colour, width in ((0.05, cream.dark, 14), (0.0, cream.light, 18)):
        turn = angle + spot.turn + offset
        spiral = np.stack([reach * np.cos(turn), reach * np.sin(turn) * 0.92], axis=1)
        spiral = moved(spiral, spot.x, spot.y, scale=spot.radius)
        canvas.stroke(spiral, colour, thickness_px=spot.radius / width)


def paint_drop(canvas: Canvas, spot: Spot, hue: float, rng: np.random.Generator) -> None:
    """A drop among bubbles."""
    water = tint(hue, chroma=0.12, lightness=0.72)
    canvas.shade(
        moved(drop(), spot.x, spot.y, scale=spot.radius * 0.85, turn_rad=spot.turn / 3),
        water,
        focus=(0.3, 0.5),
    )
    shine = moved(
        leaf(0.3),
        spot.x - spot.radius * 0.3,
        spot.y + spot.radius * 0.3,
        scale=spot.radius * 0.25,
        turn_rad=1.2,
    )
    canvas.fill(shine, (255, 255, 255))
    for _ in range(7):
        x, y = spot.at(float(rng.uniform(0.75, 1.1)), float(rng.uniform(0, 6.3)))
        size = spot.radius * float(rng.uniform(0.06, 0.18))
        canvas.shade(moved(disc(24), x, y, scale=size), water, focus=(0.4, 0.4))
        canvas.fill(moved(disc(10), x - size / 3, y - size / 3, scale=size / 4), (255, 255, 255))


def paint_crisp(canvas: Canvas, spot: Spot, hue: float, rng: np.random.Generator) -> None:
    """A fried potato slice: a bent oval with a browned rim and specks."""
    gold = tint(85, chroma=0.13, lightness=0.8)
    outline = moved(
        blob(rng, wobble=0.1) * (1.0, 0.72), spot.x, spot.y, scale=spot.radius, turn_rad=spot.turn
    )
    canvas.shade(outline, gold, grain=0.5, focus=(-0.1, 0.1))
    canvas.stroke(outline, oklch(0.58, 0.12, 65), thickness_px=spot.radius / 22, closed=True)
    for _ in range(14):
        x, y = spot.at(float(rng.uniform(0, 0.6)), float(rng.uniform(0, 6.3)))
        speck = moved(disc(7), x, y, scale=spot.radius * float(rng.uniform(0.015, 0.05)))
        canvas.fill(speck, oklch(0.5, 0.12, float(rng.choice([hue, 60.0]))))


def paint_paw(canvas: Canvas, spot: Spot, hue: float, rng: np.random.Generator) -> None:
    """A paw print and a bone-like treat."""
    colours = tint(hue, chroma=0.12, lightness=0.5)
    pad = moved(
        heart() * (0.55, -0.45),
        *spot.at(0.28, spot.turn + math.pi / 2),
        scale=spot.radius,
        turn_rad=spot.turn,
    )
    canvas.shade(pad, colours, grain=0.3)
    for k in range(4):
        x, y = spot.at(0.62, spot.turn - math.pi / 2 + (k - 1.5) * 0.6)
        toe = moved(
            disc(24) * (0.17, 0.25), x, y, scale=spot.radius, turn_rad=spot.turn + (k - 1.5) * 0.35
        )
        canvas.shade(toe, colours, grain=0.3)


def paint_fish(canvas: Canvas, spot: Spot, hue: float, rng: np.random.Generator) -> None:
    """A fish with scales."""
    skin = tint(hue, chroma=0.08, lightness=0.7)
    place = {"scale": spot.radius, "turn_rad": spot.turn}
    tail = np.array([[0.6, 0.0], [1.05, -0.4], [0.92, 0.0], [1.05, 0.4]])
    canvas.shade(moved(tail, spot.x, spot.y, **place), skin)
    canvas.shade(moved(leaf(0.45) * (0.9, 1), spot.x, spot.y, **place), skin, grain=0.25)
    for column in range(7):
        for row in range(-2, 3):
            x, y = -0.3 + 0.14 * column, row * 0.11 + 0.055 * (column % 2)
            if abs(y) < 0.36 * (1 - x * x):
                arc = disc(12)[6:12] * (0.07, 0.07) + (x, y)
                canvas.stroke(
                    moved(arc, spot.x, spot.y, **place), skin.dark, thickness_px=spot.radius / 60
                )
    canvas.fill(moved(disc(16) * 0.08 + (-0.62, -0.06), spot.x, spot.y, **place), (250, 250, 250))
    canvas.fill(moved(disc(12) * 0.045 + (-0.63, -0.06), spot.x, spot.y, **place), (20, 20, 20))
