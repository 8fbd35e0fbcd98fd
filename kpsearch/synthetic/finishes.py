"""What the material adds: crimped seams, the fall-off of a round can, a book's spine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from kpsearch.synthetic.canvas import Canvas
from kpsearch.synthetic.noise import fractal_noise
from kpsearch.synthetic.outlines import rectangle

Finish = Callable[[Canvas, np.random.Generator], None]


def finish_flat(canvas: Canvas, rng: np.random.Generator) -> None:
    """Card: a faint light across and a darker fold along the edges."""
    light = np.linspace(1.03, 0.94, canvas.height, dtype=np.float32)[:, None]
    light = np.repeat(light, canvas.width, axis=1)
    edge = max(canvas.width // 120, 1)
    light[:, :edge] *= 0.86
    light[:, -edge:] *= 0.86
    light[-edge:] *= 0.86
    canvas.glow(light)


def finish_crimped(canvas: Canvas, rng: np.random.Generator) -> None:
    """Foil: ribbed seams at both ends, wrinkles and a sheen between them."""
    height, width = canvas.height, canvas.width
    wrinkles = fractal_noise(height, width, rng=rng, cell_px=width / 3, octaves=2)
    across = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    light = 1.04 - 0.16 * across**4 + 0.1 * wrinkles
    seam = max(height // 30, 4)
    ribs = 1 + 0.12 * np.sin(np.arange(seam, dtype=np.float32) * 2.1)[:, None]
    light[:seam] *= ribs
    light[-seam:] *= ribs
    canvas.glow(np.asarray(light, dtype=np.float32))


def finish_round(canvas: Canvas, rng: np.random.Generator) -> None:
    """A label on a cylinder: darker to the sides, with a bright streak."""
    across = np.linspace(-1, 1, canvas.width, dtype=np.float32)
    streak = float(rng.uniform(-0.6, 0.6))
    light = 1.0 - 0.2 * across**4 + 0.1 * np.exp(-(((across - streak) / 0.08) ** 2))
    canvas.glow(np.repeat(light[None, :].astype(np.float32), canvas.height, axis=0))


def finish_spine(canvas: Canvas, rng: np.random.Generator) -> None:
    """A cover: the crease beside the spine and a thin frame."""
    light = np.ones((canvas.height, canvas.width), dtype=np.float32)
    crease = max(canvas.width // 28, 2)
    light[:, :crease] = np.linspace(0.82, 1.06, crease, dtype=np.float32)
    light[:, crease : crease + 2] = 0.84
    canvas.glow(light)
    frame = rectangle(1, 1, canvas.width - 3, canvas.height - 3)
    canvas.stroke(frame, (60, 60, 60), thickness_px=1, closed=True)


FINISHES: Mapping[str, Finish] = MappingProxyType(
    {
        "crimped": finish_crimped,
        "flat": finish_flat,
        "round": finish_round,
        "spine": finish_spine,
    }
)
