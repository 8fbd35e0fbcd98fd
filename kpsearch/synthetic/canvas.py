"""The sheet that packs are painted on: anti-aliased fills, shading and stamps."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from kpsearch.synthetic.colours import WHITE, Colour, Tint
from kpsearch.synthetic.lettering import Mask
from kpsearch.synthetic.noise import fractal_noise

Outline = npt.NDArray[np.float64]
"""(n, 2) corners of a closed shape, x and y in pixels."""
_SHIFT = 4
"""OpenCV draws with this many fractional bits."""


class Canvas:
    """A picture being painted; every method draws on ``pixels``, (h, w, 3) BGR."""

    def __init__(self, pixels: npt.NDArray[np.uint8], *, grain: npt.NDArray[np.float32]) -> None:
        self.pixels = pixels
        self.grain = grain
        """(h, w) the unevenness of painted surfaces."""

    @property
    def height(self) -> int:
        """Rows of pixels."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns of pixels."""
        return int(self.pixels.shape[1])

    def fill(self, outline: Outline, colour: Colour) -> None:
        """A flat shape."""
        cv2.fillPoly(self.pixels, [_fixed(outline)], colour, cv2.LINE_AA, _SHIFT)

    def stroke(
        self, points: Outline, colour: Colour, *, thickness_px: float, closed: bool = False
    ) -> None:
        """A line along ``points``."""
        thickness = max(round(thickness_px), 1)
        cv2.polylines(self.pixels, [_fixed(points)], closed, colour, thickness, cv2.LINE_AA, _SHIFT)

    def shade(
        self,
        outline: Outline,
        tint: Tint,
        *,
        focus: tuple[float, float] = (-0.35, -0.4),
        grain: float = 0.1,
    ) -> None:
        """A rounded body, lightest at ``focus`` (from -1 to 1 in the shape's box)."""
        box = self._box(outline)
        if box is None:
            return
        x0, y0, x1, y1 = box
        low, high = outline.min(axis=0), outline.max(axis=0)
        middle, reach = (low + high) / 2, np.maximum((high - low) / 2, 1)
        across = (np.arange(x0, x1) - middle[0]) / reach[0] - focus[0]
        down = (np.arange(y0, y1) - middle[1]) / reach[1] - focus[1]
        paint = _lit(across, down, tint, self.grain[y0:y1, x0:x1] * np.float32(grain))
        self._blend(box, paint, _coverage(outline, box))

    def wash(self, tint: Tint, *, focus: tuple[float, float], grain: float = 0.05) -> None:
        """The whole sheet as one body lit at ``focus``: what `shade` does, without a shape."""
        across = np.linspace(-1, 1, self.width) - focus[0]
        down = np.linspace(-1, 1, self.height) - focus[1]
        self.pixels = _lit(across, down, tint, self.grain * np.float32(grain))

    def _blend(self, box: tuple[int, int, int, int], paint: cv2.typing.MatLike, mask: Mask) -> None:
        x0, y0, x1, y1 = box
        window = self.pixels[y0:y1, x0:x1]
        alpha = mask.astype(np.float32) / 255
        window[...] = cv2.blendLinear(paint, np.ascontiguousarray(window), alpha, 1 - alpha)

    def stamp(self, mask: Mask, x: float, y: float, colour: Colour, *, opacity: float = 1) -> None:
        """Ink through a mask whose top-left corner is at (x, y); what falls outside is cut."""
        left, top = round(x), round(y)
        x0, y0 = max(left, 0), max(top, 0)
        x1 = min(left + mask.shape[1], self.width)
        y1 = min(top + mask.shape[0], self.height)
        if x0 >= x1 or y0 >= y1:
            return
        cut = mask[y0 - top : y1 - top, x0 - left : x1 - left]
        window = self.pixels[y0:y1, x0:x1]
        alpha = cut * np.float32(opacity / 255)
        ink = np.full_like(window, colour, subok=False)
        window[...] = cv2.blendLinear(ink, np.ascontiguousarray(window), alpha, 1 - alpha)

    def glow(self, strength: npt.NDArray[np.float32]) -> None:
        """Light or shadow over the whole sheet: (h, w) factors below 2, 1 changes nothing."""
        factors = cv2.merge([cv2.convertScaleAbs(strength, alpha=128)] * 3)
        self.pixels = np.asarray(cv2.multiply(self.pixels, factors, scale=1 / 128), dtype=np.uint8)

    def paste(self, paint: npt.NDArray[np.uint8], x: float, y: float) -> None:
        """A cut-out (h, w, 4) whose colours are already weighted by their coverage, the last."""
        left, top = round(x), round(y)
        x0, y0 = max(left, 0), max(top, 0)
        x1 = min(left + paint.shape[1], self.width)
        y1 = min(top + paint.shape[0], self.height)
        if x0 >= x1 or y0 >= y1:
            return
        cut = paint[y0 - top : y1 - top, x0 - left : x1 - left]
        window = self.pixels[y0:y1, x0:x1]
        gap = cv2.merge([255 - cut[:, :, 3]] * 3)
        window[...] = cv2.add(cv2.multiply(window, gap, scale=1 / 255), cut[:, :, :3])

    def _box(self, outline: Outline) -> tuple[int, int, int, int] | None:
        low = np.floor(outline.min(axis=0)).astype(int) - 1
        high = np.ceil(outline.max(axis=0)).astype(int) + 2
        x0, y0 = max(int(low[0]), 0), max(int(low[1]), 0)
        x1, y1 = min(int(high[0]), self.width), min(int(high[1]), self.height)
        return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


def blank_canvas(height: int, width: int, *, rng: np.random.Generator) -> Canvas:
    """A white sheet with a grain of its own."""
    rows, columns = (height + 1) // 2, (width + 1) // 2
    coarse = fractal_noise(rows, columns, rng=rng, cell_px=max(rows, columns) / 60, octaves=2)
    grain = np.asarray(cv2.resize(coarse, (width, height)), dtype=np.float32)
    return Canvas(np.full((height, width, 3), 255, dtype=np.uint8), grain=grain)


def _lit(
    across: npt.NDArray[np.float64],
    down: npt.NDArray[np.float64],
    tint: Tint,
    grain: npt.NDArray[np.float32],
) -> npt.NDArray[np.uint8]:
    """(h, w, 3) paint that darkens with the distance from the light at the origin."""
    away = (across**2).astype(np.float32)[None, :] + (down**2).astype(np.float32)[:, None]
    away = cv2.sqrt(away) * np.float32(0.72) + grain
    levels = cv2.convertScaleAbs(np.maximum(away, 0, out=away), alpha=255)
    return np.asarray(cv2.LUT(cv2.merge([levels] * 3), _ramp(tint)), dtype=np.uint8)


@lru_cache(maxsize=256)
def _ramp(tint: Tint) -> npt.NDArray[np.uint8]:
    """(1, 256, 3) colours from the lit to the shaded side."""
    steps = np.linspace(0, 1, 256)
    sides = zip(tint.light, tint.body, tint.dark, strict=True)
    ramp = np.stack([np.interp(steps, (0, 0.45, 1), stops) for stops in sides], axis=1)
    return ramp.astype(np.uint8)[None]


def _fixed(outline: Outline) -> npt.NDArray[np.int32]:
    return np.round(outline * (1 << _SHIFT)).astype(np.int32).reshape(-1, 1, 2)


def _coverage(outline: Outline, box: tuple[int, int, int, int]) -> Mask:
    x0, y0, x1, y1 = box
    mask = np.zeros((y1 - y0, x1 - x0), dtype=np.uint8)
    cv2.fillPoly(mask, [_fixed(outline - (x0, y0))], WHITE, cv2.LINE_AA, _SHIFT)
    return mask
