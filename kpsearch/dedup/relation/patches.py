"""Patches laid over a picture: one solid region of difference, and nothing beside it.

A label, a badge or a hand in front of the lens hides what is below it and nothing else; other text
or artwork differs in strokes and outlines, which fill little of their hull.
"""

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

DIFFERS = 30.0
"""Grey levels of a channel, after light."""
SPREADS = 4.0
"""Times the median difference of a pair, for poor pictures."""
ROUNDS = 4
LARGEST_GAIN = 4.0
SQUARE = np.ones((3, 3), np.uint8)


LEAST_SOLIDITY = 0.9
MOST_ELSEWHERE = 0.004
"""Share of the core that may differ beside a patch."""
LARGEST_PATCH = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """The largest connected difference of two pictures, and the others."""

    area: float
    """Share of the core."""
    solidity: float
    """Share of its convex hull that it fills, holes included; 0 where there is no difference."""
    elsewhere: float
    """Share of the core that differs outside the hull."""
    inner: Mask
    """(r, c) cells that lie within it."""
    cells: Mask
    """(r, c) that it touches, and those next to them."""

    @property
    def covers(self) -> bool:
        """Whether it is something that was laid over one of the pictures."""
        return (
            0 < self.area <= LARGEST_PATCH
            and self.solidity >= LEAST_SOLIDITY
            and self.elsewhere <= MOST_ELSEWHERE
        )


def largest_patch(a: Pixels, b: Pixels, core: Mask, sure: Mask) -> Patch:
    """Of pictures (h, w, 3) BGR in one frame, within the cells ``core`` (r, c).

    ``sure`` are cells that nothing was laid over: from them is known what light does.
    """
    half = (a.shape[1] // 2, a.shape[0] // 2)
    inside = cv2.resize(core.astype(np.uint8), half, interpolation=cv2.INTER_NEAREST)
    if not core.any():
        return Patch(0.0, 0.0, 0.0, np.zeros_like(core), np.zeros_like(core))
    differs = (_differences(a, b, sure) & (inside > 0)).astype(np.uint8)
    opened = cv2.morphologyEx(differs, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    contours, _ = cv2.findContours(opened, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return Patch(0.0, 0.0, 0.0, np.zeros_like(core), np.zeros_like(core))
    largest = max(contours, key=cv2.contourArea)
    filled, within = np.zeros(half[::-1], np.uint8), np.zeros(half[::-1], np.uint8)
    cv2.drawContours(filled, [largest], -1, 1, cv2.FILLED)
    cv2.fillConvexPoly(within, cv2.convexHull(largest), 1)
    share = cv2.resize(within * np.float32(1), core.shape[::-1], interpolation=cv2.INTER_AREA)
    whole = float(inside.sum())
    return Patch(
        area=float(filled.sum()) / whole,
        solidity=float(filled.sum()) / float(within.sum()),
        elsewhere=float(((opened > 0) & (within == 0)).sum()) / whole,
        inner=share > 0.5,
        cells=cv2.dilate((share > 0.02).astype(np.uint8), SQUARE) > 0,
    )


def _differences(a: Pixels, b: Pixels, sure: Mask) -> Mask:
    """(h/2, w/2) where a channel differs after the likeliest gain and offset of each."""
    cells = [
        by_cells(pixels.astype(np.float32), sure.shape)[sure].astype(np.float64)
        for pixels in (a, b)
    ]
    if cells[0].std() < cells[1].std():  # from the one with more contrast to the one with less
        return _differences(b, a, sure)
    fits = [_fitted(cells[0][:, channel], cells[1][:, channel]) for channel in range(3)]
    gains, offsets = np.array(fits, np.float32).T
    half = (a.shape[1] // 2, a.shape[0] // 2)
    small_a, small_b = (
        cv2.resize(pixels, half, interpolation=cv2.INTER_AREA).astype(np.float32)
        for pixels in (a, b)
    )
    apart = cv2.blur(np.abs(small_a * gains + offsets - small_b), (3, 3)).max(axis=2)
    usual = float(np.median(apart))
    return np.asarray(apart > max(DIFFERS, SPREADS * usual))


def _fitted(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Gain and offset of y = gain x + offset by least absolute deviations."""
    weights, gain, offset = np.ones(len(x)), 1.0, 0.0
    for _ in range(ROUNDS):
        share = weights / weights.sum()
        mean_x, mean_y = share @ x, share @ y
        spread = share @ (x - mean_x) ** 2 + 25.0
        along = share @ ((x - mean_x) * (y - mean_y)) + 25.0
        gain = float(np.clip(along / spread, 1 / LARGEST_GAIN, LARGEST_GAIN))
        offset = float(mean_y - gain * mean_x)
        weights = 1 / np.maximum(np.abs(y - gain * x - offset), 3.0)
    return gain, offset
