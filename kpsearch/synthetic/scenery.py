"""Cover pictures: a sky over mountains, a forest, a city or a planet."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from kpsearch.synthetic.canvas import Canvas
from kpsearch.synthetic.colours import Tint, mix, oklch, tint
from kpsearch.synthetic.noise import fractal_noise
from kpsearch.synthetic.outlines import disc, moved, rectangle

Scene = Callable[[Canvas, float, np.random.Generator], None]
"""Fills the canvas with a picture of a hue in degrees."""


def _sky(canvas: Canvas, hue: float, rng: np.random.Generator) -> None:
    """Dusk: two hues from top to bottom, clouds, and stars above."""
    height, width = canvas.height, canvas.width
    top, low = oklch(0.3, 0.09, hue), oklch(0.8, 0.11, hue + 60)
    dusk = Tint(light=low, body=mix(low, top, 0.55), dark=top)
    canvas.wash(dusk, focus=(float(rng.uniform(-0.5, 0.5)), 0.7), grain=0.12)
    for x, y in rng.random((40, 2)) * (width, height * 0.55):
        canvas.fill(moved(disc(6), x, y, scale=width / 250 * rng.uniform(0.4, 1.2)), low)


def _ridge(
    width: int, rng: np.random.Generator, *, rough: float
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """A skyline of ``width`` heights of about -1 to 1: noise along a line."""
    field = fractal_noise(4, width, rng=rng, cell_px=width * rough, octaves=4)
    return np.asarray(field[1], dtype=np.float64)


def _land(
    canvas: Canvas, level: np.ndarray[tuple[int], np.dtype[np.float64]], colours: Tint
) -> None:
    """Everything below ``level``, one y a column."""
    columns = np.arange(0, canvas.width, 3)
    top = np.stack([columns, level[columns]], axis=1)
    base = [[canvas.width, level[-1]], [canvas.width, canvas.height], [0, canvas.height]]
    canvas.shade(np.concatenate([top, base]), colours, grain=0.15, focus=(0, -0.9))


def paint_mountains(canvas: Canvas, hue: float, rng: np.random.Generator) -> None:
    """Ranges behind ranges under a low sun."""
    _sky(canvas, hue, rng)
    x, y = rng.uniform(0.25, 0.75) * canvas.width, rng.uniform(0.35, 0.5) * canvas.height
    sun = moved(disc(48), x, y, scale=canvas.width * rng.uniform(0.08, 0.16))
    canvas.fill(sun, oklch(0.93, 0.1, hue + 70))
    for k in range(5):
        level = canvas.height * (0.5 + 0.1 * k - 0.12 * _ridge(canvas.width, rng, rough=0.25))
        _land(canvas, level, tint(hue + 12 * k, chroma=0.07, lightness=0.66 - 0.1 * k))


def paint_forest(canvas: Canvas, hue: float, rng: np.random.Generator) -> None:
    """Firs on a slope in mist."""
    _sky(canvas, hue, rng)
    for depth in range(3):
        colours = tint(hue, chroma=0.06, lightness=0.6 - 0.16 * depth)
        floor = canvas.height * (0.62 + 0.13 * depth)
        level = floor - canvas.height * 0.06 * _ridge(canvas.width, rng, rough=0.4)
        for x in rng.random(13 - 3 * depth) * canvas.width:
            size = canvas.height * rng.uniform(0.09, 0.14) * (1 + 0.55 * depth)
            _fir(canvas, float(x), float(level[int(x)]) + size * 0.2, float(size), colours)
        _land(canvas, level, colours)


def _fir(canvas: Canvas, x: float, y: float, size: float, colours: Tint) -> None:
    canvas.fill(rectangle(x - size * 0.04, y - size * 0.3, size * 0.08, size * 0.4), colours.dark)
    for k in range(4):
        half, low = size * (0.36 - 0.075 * k), y - size * (0.15 + 0.24 * k)
        tier = np.array([[x - half, low], [x + half, low], [x, low - size * 0.42]])
        canvas.fill(tier, mix(colours.body, colours.dark, 0.8 - 0.2 * k))


def paint_skyline(canvas: Canvas, hue: float, rng: np.random.Generator) -> None:
    """Towers with lit windows."""
    _sky(canvas, hue, rng)
    for depth in range(3):
        colours = tint(hue, chroma=0.05, lightness=0.52 - 0.14 * depth)
        x = -canvas.width * 0.05
        while x < canvas.width:
            wide = canvas.width * rng.uniform(0.08, 0.17)
            top = canvas.height * rng.uniform(0.38 + 0.13 * depth, 0.62 + 0.1 * depth)
            canvas.fill(rectangle(x, top, wide, canvas.height - top), colours.body)
            _windows(canvas, x, top, float(wide), oklch(0.86, 0.11, hue + 50), rng)
            x += wide * rng.uniform(0.9, 1.15)


def _windows(
    canvas: Canvas,
    x: float,
    top: float,
    wide: float,
    colour: tuple[int, int, int],
    rng: np.random.Generator,
) -> None:
    pitch = canvas.width / 42
    columns = max(int(wide / pitch) - 1, 1)
    lit = rng.random((9, columns)) < 0.45
    for row, column in np.argwhere(lit):
        left = x + pitch * (0.6 + column)
        canvas.fill(
            rectangle(left, top + pitch * (0.8 + 1.5 * row), pitch * 0.55, pitch * 0.8), colour
        )


def paint_planet(canvas: Canvas, hue: float, rng: np.random.Generator) -> None:
    """A banded planet with a ring and moons."""
    _sky(canvas, hue, rng)
    x, y = rng.uniform(0.3, 0.7) * canvas.width, rng.uniform(0.45, 0.6) * canvas.height
    size, turn = canvas.width * rng.uniform(0.22, 0.34), float(rng.uniform(-0.6, 0.6))
    ring = moved(disc(64), x, y, scale=(size * 1.75, size * 0.5), turn_rad=turn)
    bright = oklch(0.88, 0.08, hue + 80)
    canvas.stroke(ring, bright, thickness_px=size / 14, closed=True)
    canvas.shade(moved(disc(64), x, y, scale=size), tint(hue + 40, lightness=0.68), grain=0.4)
    for k in range(-3, 4):
        half = size * math.sqrt(1 - (k / 4.2) ** 2)
        band = disc(40)[1:20, ::-1] * (half, size * 0.08) + (0, size * k / 4.2)
        canvas.stroke(
            moved(band * (-1, 1), x, y, turn_rad=turn), tint(hue + 25).dark, thickness_px=size / 30
        )
    canvas.stroke(ring[16:48], bright, thickness_px=size / 14)
    for _ in range(3):
        spot = rng.random(2) * (canvas.width, canvas.height * 0.9)
        moon = moved(disc(32), *spot, scale=size * rng.uniform(0.06, 0.16))
        canvas.shade(moon, tint(hue - 40, chroma=0.06, lightness=0.75), grain=0.3)


SCENES: Mapping[str, Scene] = MappingProxyType(
    {
        "mountains": paint_mountains,
        "planet": paint_planet,
        "skyline": paint_skyline,
        "tree": paint_forest,
    }
)
