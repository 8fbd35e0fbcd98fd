"""Where two overlaid pictures have another colour, beyond what light, cameras and editors do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from kpsearch.dedup.relation.structure import by_cells

if TYPE_CHECKING:
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]
    Mask = npt.NDArray[np.bool_]
    Plane = npt.NDArray[np.float32]

DARK = 20.0
"""Grey levels added to every channel before its logarithm: below, colour is noise."""
ROUNDS = 6
LARGEST_CAST = 0.4
"""Logarithm of the ratio of two channels' gains: from one lamp to another."""
SATURATIONS = (0.3, 2.2)
NO_CAST = 0.15
"""What greys that stayed grey, which every pair is given, weigh beside the cells."""
FORGIVEN = 0.3
"""Share of a cell's chroma that it may lose or gain by itself."""
GREY = 0.05
"""Root mean square chroma below which a picture is a grey one."""


@dataclass(frozen=True, slots=True, eq=False)
class Colour:
    """By cells of the frame."""

    residual: Plane
    """(r, c) distance of the two chromas, in logarithms of ratios of channels."""
    cast: float
    """Length of the colour cast between the pictures, in the same unit."""
    saturation: float
    """Chroma of b per chroma of a."""
    grey: bool
    """One of the pictures has no colour, so that there is nothing to compare."""


def compare_colour(a: Pixels, b: Pixels, cells: Mask, sure: Mask) -> Colour:
    """Of pictures (h, w, 3) BGR in one frame; ``cells`` (r, c) those that both show.

    In logarithms light and its shading only add, and drop out of differences of channels: chroma b
    = s · chroma a + cast, alike for all cells that are ``sure`` to show the same, by least absolute
    deviations. s and the cast stay within what lamps, cameras and editors do, and no cast is the
    likeliest, so that a pack in another colour is no trick of the light.
    """
    chroma_a, chroma_b = _chroma(a, cells.shape), _chroma(b, cells.shape)
    fitted_to = sure if sure.any() else cells
    if not fitted_to.any():
        return Colour(np.zeros(cells.shape, np.float32), 0.0, 1.0, grey=False)
    strength = [
        float(np.sqrt((chroma[fitted_to] ** 2).sum(axis=1).mean()))
        for chroma in (chroma_a, chroma_b)
    ]
    if min(strength) < GREY:
        return Colour(np.zeros(cells.shape, np.float32), 0.0, 1.0, grey=max(strength) >= GREY)
    richer, poorer = (chroma_a, chroma_b) if strength[0] >= strength[1] else (chroma_b, chroma_a)
    saturation, cast = _fitted(richer[fitted_to], poorer[fitted_to])
    distance = _distance(saturation * richer, poorer - cast)
    return Colour(
        residual=np.where(cells, distance, 0).astype(np.float32),
        cast=float(np.linalg.norm(cast)),
        saturation=saturation if richer is chroma_a else 1 / saturation,
        grey=False,
    )


def _distance(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(r, c) between chromas (r, c, 2), a part of a difference in saturation forgiven.

    Glare and clipping take colour away here and there; nothing turns one hue into another.
    """
    long_x, long_y = np.linalg.norm(x, axis=2), np.linalg.norm(y, axis=2)
    paler = np.abs(long_x - long_y)
    turned = np.maximum(((x - y) ** 2).sum(axis=2) - paler**2, 0)
    left = np.maximum(paler - FORGIVEN * np.maximum(long_x, long_y), 0)
    return np.asarray(np.sqrt(turned + left**2))


def _chroma(pixels: Pixels, grid: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """(r, c, 2) mean logarithms of red and blue over green, turned to equal lengths."""
    means = by_cells(cv2.GaussianBlur(pixels, (0, 0), 1.5).astype(np.float32), grid)
    blue, green, red = np.moveaxis(np.log(means.astype(np.float64) + DARK), 2, 0)
    return np.stack([(red - blue) / np.sqrt(2), (red + blue - 2 * green) / np.sqrt(6)], axis=2)


def _fitted(
    x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]
) -> tuple[float, npt.NDArray[np.float64]]:
    """Saturation and cast (2,) of y = s x + cast over (n, 2) chromas."""
    weights = np.ones(len(x))
    saturation, cast = 1.0, np.zeros(2)
    for _ in range(ROUNDS):
        share = weights / weights.sum() / (1 + NO_CAST)
        mean_x, mean_y = share @ x, share @ y
        spread = float(share @ (x * x).sum(axis=1) - mean_x @ mean_x) + 1e-3
        along = float(share @ (x * y).sum(axis=1) - mean_x @ mean_y) + 1e-3
        saturation = float(np.clip(along / spread, *SATURATIONS))
        cast = mean_y - saturation * mean_x
        cast *= min(1.0, LARGEST_CAST / max(float(np.linalg.norm(cast)), 1e-9))
        weights = 1 / np.maximum(np.linalg.norm(y - saturation * x - cast, axis=1), 0.02)
    return saturation, cast
