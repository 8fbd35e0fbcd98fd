"""Closed curves around the origin, about one unit in radius, and moving them into place.

The fixed ones are kept and handed out read-only: a pack asks for the same leaf many times.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from kpsearch.synthetic.canvas import Outline


def _kept(outline: Outline) -> Outline:
    outline.flags.writeable = False
    return outline


def _polar(radius: npt.NDArray[np.float64], turn: float = 0.0) -> Outline:
    angle = np.linspace(0, 2 * np.pi, len(radius), endpoint=False) + turn
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


@lru_cache(maxsize=64)
def disc(corners: int = 40) -> Outline:
    """The unit circle, or with few corners a regular polygon."""
    return _kept(_polar(np.ones(corners), -math.pi / 2))


@lru_cache(maxsize=64)
def star(points: int, depth: float) -> Outline:
    """A star or the serrated edge of a seal; ``depth`` is the inner radius."""
    radius = np.ones(2 * points)
    radius[1::2] = depth
    return _kept(_polar(radius, -math.pi / 2))


def blob(rng: np.random.Generator, *, wobble: float = 0.12) -> Outline:
    """An uneven round: a circle with a few random harmonics."""
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    radius = np.ones(48)
    for order in (2, 3, 4, 5):
        radius += wobble / order * rng.normal() * np.cos(order * angle + rng.uniform(0, 6.3))
    return _polar(radius)


@lru_cache(maxsize=64)
def leaf(fullness: float = 0.42) -> Outline:
    """A pointed leaf lying along x from -1 to 1."""
    along = np.linspace(-1, 1, 20)
    edge = fullness * (1 - along**2) ** 0.9 * (1 - 0.25 * along)
    upper = np.stack([along, -edge], axis=1)
    lower = np.stack([along[::-1], edge[::-1]], axis=1)
    return _kept(np.concatenate([upper, lower[1:-1]]))


@lru_cache(maxsize=64)
def drop() -> Outline:
    """A falling drop, tip up."""
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    x = 0.72 * np.sin(angle) * np.sin(angle / 2) ** 1.3
    return _kept(np.stack([x, -np.cos(angle)], axis=1))


@lru_cache(maxsize=64)
def heart() -> Outline:
    """A strawberry's body: broad shoulders, a blunt tip below."""
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    x = np.sin(angle) * (0.86 + 0.2 * np.cos(angle))
    return _kept(np.stack([x, -np.cos(angle) * 0.95 + 0.12 * np.abs(np.sin(angle))], axis=1))


def rectangle(x: float, y: float, width: float, height: float, *, radius: float = 0.0) -> Outline:
    """A rectangle from its top-left corner, its corners rounded by ``radius``."""
    if radius <= 0:
        return np.array(
            [[x, y], [x + width, y], [x + width, y + height], [x, y + height]], dtype=np.float64
        )
    quarter = np.linspace(0, np.pi / 2, 8)
    arcs = []
    for k, (cx, cy) in enumerate(
        [
            (x + width - radius, y + height - radius),
            (x + radius, y + height - radius),
            (x + radius, y + radius),
            (x + width - radius, y + radius),
        ]
    ):
        angle = quarter + k * np.pi / 2
        arcs.append(np.stack([cx + radius * np.cos(angle), cy + radius * np.sin(angle)], axis=1))
    return np.concatenate(arcs)


@lru_cache(maxsize=64)
def shield() -> Outline:
    """A coat of arms."""
    along = np.linspace(0, 1, 14)
    right = np.stack([1 - along**2.6, -0.9 + 1.9 * along], axis=1)
    left = right[::-1] * (-1, 1)
    return _kept(np.concatenate([[[-1, -0.9], [0, -1.0]], right, left[1:]]))


def moved(
    outline: Outline,
    x: float,
    y: float,
    *,
    scale: float | tuple[float, float] = 1.0,
    turn_rad: float = 0.0,
) -> Outline:
    """The outline scaled, turned clockwise and moved so that its origin is at (x, y)."""
    cos, sin = math.cos(turn_rad), math.sin(turn_rad)
    turn = np.array([[cos, sin], [-sin, cos]])
    return np.asarray((outline * scale) @ turn + (x, y), dtype=np.float64)
