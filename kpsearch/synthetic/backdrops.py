"""The ground of a pack: gradients, rays, stripes, dots, waves, marble, facets."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from kpsearch.synthetic.canvas import Canvas
from kpsearch.synthetic.colours import Palette, Tint, mix
from kpsearch.synthetic.noise import fractal_noise
from kpsearch.synthetic.outlines import disc, moved, rectangle

Backdrop = Callable[[Canvas, Palette, np.random.Generator], None]


def _ground(palette: Palette) -> Tint:
    return Tint(
        light=mix(palette.ground, palette.pattern, 0.3),
        body=palette.ground,
        dark=palette.ground_far,
    )


def paint_gradient(canvas: Canvas, palette: Palette, rng: np.random.Generator) -> None:
    """A soft light on a plain ground."""
    focus = (float(rng.uniform(-0.5, 0.5)), float(rng.uniform(-0.6, 0.4)))
    canvas.wash(_ground(palette), focus=focus)


def paint_rays(canvas: Canvas, palette: Palette, rng: np.random.Generator) -> None:
    """A sunburst."""
    paint_gradient(canvas, palette, rng)
    x, y = rng.uniform(0.3, 0.7) * canvas.width, rng.uniform(0.35, 0.7) * canvas.height
    count, reach = int(rng.integers(9, 22)), 1.5 * max(canvas.height, canvas.width)
    start = rng.uniform(0, 1)
    for k in range(count):
        angle = 2 * math.pi * (k + start) / count
        half = math.pi / count / 2
        sides = [
            (x + reach * math.cos(a), y + reach * math.sin(a)) for a in (angle - half, angle + half)
        ]
        canvas.fill(np.array([(x, y), *sides]), palette.pattern)


def paint_stripes(canvas: Canvas, palette: Palette, rng: np.random.Generator) -> None:
    """Parallel bands at some angle."""
    paint_gradient(canvas, palette, rng)
    angle = float(rng.choice([0.0, 0.5, 0.79, -0.6, math.pi / 2]))
    pitch = canvas.width * rng.uniform(0.05, 0.16)
    thick, reach = pitch * rng.uniform(0.15, 0.55), canvas.height + canvas.width
    for k in range(-int(reach / pitch / 2), int(reach / pitch / 2) + 1):
        band = rectangle(-reach, k * pitch - thick / 2, 2 * reach, thick)
        canvas.fill(
            moved(band, canvas.width / 2, canvas.height / 2, turn_rad=angle), palette.pattern
        )


def paint_dots(canvas: Canvas, palette: Palette, rng: np.random.Generator) -> None:
    """Polka dots, shrinking towards one end."""
    paint_gradient(canvas, palette, rng)
    pitch = canvas.width * rng.uniform(0.07, 0.15)
    size, shape = rng.uniform(0.15, 0.38), disc(int(rng.choice([4, 6, 24])))
    rows, columns = int(canvas.height / pitch * 1.15) + 2, int(canvas.width / pitch) + 2
    fade = float(rng.choice([0.0, 0.8]))
    for row in range(rows):
        scale = pitch * size * (1 - fade * row / rows)
        for column in range(columns):
            x, y = (column + row % 2 / 2) * pitch, row * pitch * 0.87
            canvas.fill(moved(shape, x, y, scale=scale), palette.pattern)


def paint_waves(canvas: Canvas, palette: Palette, rng: np.random.Generator) -> None:
    """Rolling bands, each a little further in the gradient."""
    paint_gradient(canvas, palette, rng)
    x = np.linspace(0, canvas.width, 40)
    count = int(rng.integers(3, 8))
    for k in range(count):
        level = canvas.height * (0.3 + 0.65 * k / count)
        swing = canvas.height * rng.uniform(0.02, 0.08)
        turns, phase = rng.uniform(0.6, 2.0), rng.uniform(0, 6.3)
        y = level + swing * np.sin(2 * np.pi * turns * x / canvas.width + phase)
        base = [[canvas.width, canvas.height], [0, canvas.height]]
        colour = mix(palette.pattern, palette.ground_far, k / count)
        canvas.fill(np.concatenate([np.stack([x, y], axis=1), base]), colour)


def paint_marble(canvas: Canvas, palette: Palette, rng: np.random.Generator) -> None:
    """Stone or kraft paper: folded noise, stretched one way."""
    paint_gradient(canvas, palette, rng)
    across, down = rng.uniform(0.5, 1.0), rng.uniform(0.15, 1.0)
    height, width = max(int(canvas.height * across), 8), max(int(canvas.width * down), 8)
    field = fractal_noise(height, width, rng=rng, cell_px=width / 4, octaves=4)
    veins = 255 * np.clip(1 - 5 * np.abs(field), 0, 1) ** 1.5
    rows = np.arange(canvas.height) * height // canvas.height
    columns = np.arange(canvas.width) * width // canvas.width
    mask = veins.astype(np.uint8)[rows][:, columns]
    canvas.stamp(mask, 0, 0, palette.pattern, opacity=0.9)


def paint_facets(canvas: Canvas, palette: Palette, rng: np.random.Generator) -> None:
    """A mesh of triangles, each its own shade."""
    rows, columns = int(rng.integers(5, 9)), int(rng.integers(4, 7))
    knots = np.stack(np.meshgrid(np.arange(columns + 1), np.arange(rows + 1)), axis=-1) * 1.0
    knots[1:-1, 1:-1] += rng.uniform(-0.35, 0.35, knots[1:-1, 1:-1].shape)
    knots *= (canvas.width / columns, canvas.height / rows)
    for row in range(rows):
        for column in range(columns):
            a, b = knots[row, column], knots[row, column + 1]
            c, d = knots[row + 1, column + 1], knots[row + 1, column]
            for triangle in ((a, b, c), (a, c, d)):
                shade = mix(palette.pattern, palette.ground_far, float(rng.random()))
                canvas.fill(np.array(triangle), shade)


def paint_split(canvas: Canvas, palette: Palette, rng: np.random.Generator) -> None:
    """Two fields and a bright edge between them, curved or straight."""
    paint_gradient(canvas, palette, rng)
    x = np.linspace(0, canvas.width, 30)
    level, tilt, bow = rng.uniform(0.4, 0.7), rng.uniform(-0.25, 0.25), rng.uniform(-0.25, 0.25)
    along = x / canvas.width - 0.5
    y = canvas.height * (level + tilt * along + bow * (along**2 - 0.1))
    base = [[canvas.width, canvas.height], [0, canvas.height]]
    canvas.fill(np.concatenate([np.stack([x, y], axis=1), base]), palette.accent)
    canvas.stroke(np.stack([x, y], axis=1), palette.panel, thickness_px=canvas.width / 70)


BACKDROPS: Mapping[str, Backdrop] = MappingProxyType(
    {
        "dots": paint_dots,
        "facets": paint_facets,
        "gradient": paint_gradient,
        "marble": paint_marble,
        "rays": paint_rays,
        "split": paint_split,
        "stripes": paint_stripes,
        "waves": paint_waves,
    }
)
