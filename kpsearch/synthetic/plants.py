"""Fruit, leaves, nuts and blossoms. Each painter draws one of a hue in degrees at a spot."""

from __future__ import annotations

import math

import numpy as np

from kpsearch.synthetic.canvas import Canvas
from kpsearch.synthetic.colours import Tint, mix, oklch, tint
from kpsearch.synthetic.outlines import blob, disc, drop, heart, leaf, moved
from kpsearch.synthetic.spots import Spot

FINEST_LEAF_PX = 24
"""Smaller leaves have no side veins: they would be finer than a pixel."""

_GREEN = tint(140, chroma=0.14, lightness=0.55)


def _leaf(canvas: Canvas, spot: Spot, colours: Tint, fullness: float = 0.42) -> None:
    shape = moved(leaf(fullness), spot.x, spot.y, scale=spot.radius, turn_rad=spot.turn)
    canvas.shade(shape, colours, grain=0.25)
    vein = np.array([spot.at(-0.9, spot.turn), spot.at(0.9, spot.turn)])
    canvas.stroke(vein, colours.light, thickness_px=spot.radius / 25)
    if spot.radius < FINEST_LEAF_PX:
        return
    for along in (-0.5, -0.2, 0.1, 0.4):
        root = spot.at(along, spot.turn)
        for side in (-0.7, 0.7):
            reach = spot.radius * fullness * 0.75
            tip = (
                root[0] + reach * math.cos(spot.turn + side),
                root[1] + reach * math.sin(spot.turn + side),
            )
            canvas.stroke(np.array([root, tip]), colours.light, thickness_px=spot.radius / 60)


def paint_round_fruit(canvas: Canvas, spot: Spot, hue: float, rng: np.random.Generator) -> None:
    """An apple, cherry or tomato: a lit ball with a stem, a leaf and a highlight."""
    body = blob(rng, wobble=0.04) * (1.0, 0.94)
    canvas.shade(moved(body, spot.x, spot.y, scale=spot.radius * 0.92), tint(hue), grain=0.22)
    top = spot.at(0.8, spot.turn - math.pi / 2)
    tip = spot.at(1.15, spot.turn - math.pi / 2 + 0.15)
    canvas.stroke(np.array([top, tip]), oklch(0.35, 0.06, 60), thickness_px=spot.radius / 12)
    _leaf(canvas, Spot(*spot.at(1.0, spot.turn - 1.1), spot.radius * 0.42, spot.turn - 0.4), _GREEN)
    shine = moved(disc(20), *spot.at(0.5, -2.3), scale=(spot.radius * 0.2, spot.radius * 0.12))
    canvas.fill(shine, mix(tint(hue).light, (255, 255, 255), 0.6))


def paint_berry(canvas: Canvas, spot: Spot, hue: float, rng: np.random.Generator) -> None:
    """A strawberry with its seeds and crown."""
    colours = tint(hue, chroma=0.2, lightness=0.58)
    canvas.shade(
        moved(heart(), spot.x, spot.y, scale=spot.radius * 0.9, turn_rad=spot.turn),
        colours,
        grain=0.2,
    )
    for row in range(5):
        for k in range(5 - row % 2):
            x, y = (k - 2 + (row % 2) / 2) * 0.3, row * 0.28 - 0.42
            if abs(x) < 0.75 - 0.12 * row:
                seed = moved(
                    np.array([[x, y]]), spot.x, spot.y, scale=spot.radius, turn_rad=spot.turn
                )
                oval = disc(8) * (0.028, 0.048) * spot.radius
                canvas.fill(moved(oval, *seed[0], turn_rad=spot.turn), oklch(0.88, 0.13, 92))
    for k in range(6):
        angle = spot.turn - math.pi / 2 + (k - 2.5) * 0.5 + rng.uniform(-0.1, 0.1)
        crown = spot.at(0.72, spot.turn - math.pi / 2)
        place = Spot(
            crown[0] + 0.25 * spot.radius * math.cos(angle),
            crown[1] + 0.25 * spot.radius * math.sin(angle) * 0.6,
            spot.radius * 0.3,
            angle,
        )
        shape = moved(leaf(0.35), place.x, place.y, scale=place.radius, turn_rad=place.turn)
        canvas.shade(shape, _GREEN)


def paint_citrus(canvas: Canvas, spot: Spot, hue: float, rng: np.random.Generator) -> None:
    """A slice of orange, lemon or lime."""
    flesh = tint(hue, chroma=0.18, lightness=0.74)
    canvas.shade(moved(disc(48), spot.x, spot.y, scale=spot.radius), tint(hue, lightness=0.7))
    canvas.fill(moved(disc(48), spot.x, spot.y, scale=spot.radius * 0.91), oklch(0.95, 0.05, hue))
    count = int(rng.integers(8, 12))
    for k in range(count):
        angle = spot.turn + 2 * math.pi * k / count
        half = math.pi / count * 0.86
        rim = [spot.at(0.84, angle + half * side) for side in (-1, -0.5, 0, 0.5, 1)]
        wedge = np.array([spot.at(0.1, angle), *rim])
        canvas.shade(wedge, flesh, focus=(0.0, 0.0), grain=0.6)
        for side in (-0.45, 0.1, 0.5):
            ray = np.array([spot.at(0.45, angle + half * side), spot.at(0.75, angle + half * side)])
            canvas.stroke(ray, flesh.light, thickness_px=spot.radius / 50)


def paint_leaf(canvas: Canvas, spot: Spot, hue: float, rng: np.random.Generator) -> None:
    """A sprig: a stem with pairs of leaves."""
    green = tint(0.6 * 140 + 0.4 * hue if 90 < hue < 200 else 140, chroma=0.14, lightness=0.6)
    upward = spot.turn - math.pi / 2
    stem = np.array([spot.at(-0.95, upward), spot.at(0.1, upward + 0.1), spot.at(0.7, upward)])
    canvas.stroke(stem, green.dark, thickness_px=spot.radius / 18)
    for k in range(4):
        along, size = -0.6 + 0.38 * k, 0.5 - 0.07 * k
        for side in (-1, 1):
            angle = upward + side * (0.95 + rng.uniform(-0.15, 0.15))
            x, y = spot.at(along, upward)
            reach = size * spot.radius
            place = Spot(x + reach * math.cos(angle), y + reach * math.sin(angle), reach, angle)
            _leaf(canvas, place, green)
    _leaf(canvas, Spot(*spot.at(0.75, upward), spot.radius * 0.36, upward), green)


def paint_grain(canvas: Canvas, spot: Spot, hue: float, rng: np.random.Generator) -> None:
    """An ear of wheat."""
    gold = tint(82, chroma=0.12, lightness=0.76)
    upward = spot.turn - math.pi / 2
    ends = np.array([spot.at(-1.0, upward), spot.at(0.9, upward)])
    canvas.stroke(ends, gold.dark, thickness_px=spot.radius / 25)
    for k in range(7):
        for side in (-1, 1):
            angle = upward + side * 0.5
            x, y = spot.at(-0.35 + 0.18 * k, upward)
            reach = spot.radius * 0.2
            x, y = x + reach * math.cos(angle), y + reach * math.sin(angle)
            tip = [x + 3 * reach * math.cos(angle * 0.5 + upward * 0.5), y - 3 * reach]
            canvas.stroke(np.array([[x, y], tip]), gold.body, thickness_px=spot.radius / 70)
            canvas.shade(moved(leaf(0.5), x, y, scale=reach, turn_rad=angle), gold, grain=0.3)


def paint_flower(canvas: Canvas, spot: Spot, hue: float, rng: np.random.Generator) -> None:
    """A blossom of two rings of petals."""
    petals = tint(hue, chroma=0.13, lightness=0.74)
    count = int(rng.integers(5, 10))
    for reach, size, offset in ((0.55, 0.45, 0.0), (0.38, 0.32, 0.5)):
        for k in range(count):
            angle = spot.turn + 2 * math.pi * (k + offset) / count
            x, y = spot.at(reach, angle)
            shape = moved(leaf(0.5), x, y, scale=spot.radius * size, turn_rad=angle)
            canvas.shade(shape, petals, focus=(0, 0), grain=0.3)
    canvas.shade(
        moved(disc(24), spot.x, spot.y, scale=spot.radius * 0.2), tint(85, lightness=0.8), grain=1.2
    )


def paint_nut(canvas: Canvas, spot: Spot, hue: float, rng: np.random.Generator) -> None:
    """A hazelnut in its cap."""
    shell = tint(60, chroma=0.1, lightness=0.62)
    shape = drop() * (0.95, -0.85)
    canvas.shade(
        moved(shape, spot.x, spot.y, scale=spot.radius, turn_rad=spot.turn), shell, grain=0.3
    )
    for k in range(-3, 4):
        line = np.array([[k * 0.13, -0.2], [k * 0.17, 0.3], [k * 0.06, 0.75]])
        canvas.stroke(
            moved(line, spot.x, spot.y, scale=spot.radius * 0.85, turn_rad=spot.turn),
            shell.dark,
            thickness_px=spot.radius / 40,
        )
    cap = moved(blob(rng) * (0.6, 0.25), *spot.at(0.62, spot.turn - math.pi / 2), scale=spot.radius)
    canvas.shade(cap, tint(75, chroma=0.07, lightness=0.75), grain=0.5)


def paint_bean(canvas: Canvas, spot: Spot, hue: float, rng: np.random.Generator) -> None:
    """A roasted coffee bean."""
    brown = tint(50 + (hue - 50) * 0.15, chroma=0.07, lightness=0.42)
    shape = blob(rng, wobble=0.05) * (0.95, 0.66)
    canvas.shade(
        moved(shape, spot.x, spot.y, scale=spot.radius, turn_rad=spot.turn), brown, grain=0.3
    )
    along = np.linspace(-0.85, 0.85, 12)
    groove = np.stack([along, 0.12 * np.sin(along * 3.2)], axis=1)
    groove = moved(groove, spot.x, spot.y, scale=spot.radius, turn_rad=spot.turn)
    canvas.stroke(groove, oklch(0.2, 0.03, 50), thickness_px=spot.radius / 9)
    canvas.stroke(groove + spot.radius / 14, brown.light, thickness_px=spot.radius / 30)


def paint_chilli(canvas: Canvas, spot: Spot, hue: float, rng: np.random.Generator) -> None:
    """A bent pepper pod."""
    along = np.linspace(0, 1, 20)
    bend = float(rng.uniform(0.3, 0.8))
    x, y = 1.9 * along - 0.95, bend * (along - 0.4) ** 2 * 2 - 0.3
    thick = 0.24 * np.sqrt(np.clip(1 - along**2, 0, 1)) * (0.6 + np.minimum(along * 6, 0.4))
    body = np.concatenate([np.stack([x, y - thick], 1), np.stack([x, y + thick], 1)[::-1]])
    place = {"scale": spot.radius, "turn_rad": spot.turn}
    canvas.shade(
        moved(body, spot.x, spot.y, **place), tint(hue, chroma=0.21, lightness=0.56), grain=0.2
    )
    shine = np.stack([x, y - thick * 0.45], 1)[3:12]
    canvas.stroke(
        moved(shine, spot.x, spot.y, **place), oklch(0.88, 0.08, hue), thickness_px=spot.radius / 30
    )
    stem = np.array([[-0.93, y[0]], [-1.1, y[0] - 0.05], [-1.2, y[0] - 0.25]])
    canvas.stroke(moved(stem, spot.x, spot.y, **place), _GREEN.dark, thickness_px=spot.radius / 10)
