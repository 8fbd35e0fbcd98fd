"""Where two overlaid pictures have another drawing: correlation, neighbourhood by neighbourhood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Plane = npt.NDArray[np.float32]
    Pixels = npt.NDArray[np.uint8]
    Mask = npt.NDArray[np.bool_]
    Grid = tuple[int, ...]

COARSE_SIGMA_PX = 4.0
"""Light varies over more than this, drawing over less."""
NOISE = 6.0
"""Grey levels of standard deviation that noise and compression give to what is flat."""
LEAST_NOISE = 2.0
NOISE_SHARE = 0.3
"""Of a pair's contrast: in faint pictures fainter drawings count, and noise is fainter too."""
NEAR = np.array([1, 4, 1], np.float32) / 6
"""What the cells next to one weigh, along each axis."""
SHIFT_PX = 2
"""Matter that lies this much aside agrees: paper bends, lenses are not perfect."""
LEAST_BLUR_PX = 0.8
BLURS_PX = (0.0, 0.6, 0.9, 1.3, 1.8, 2.5, 3.5)
LEAST_VALID = 0.7
"""Share of a cell within the overlap for it to count."""


@dataclass(frozen=True, slots=True, eq=False)
class Structure:
    """By cells, (r, c) each."""

    valid: Mask
    correlation: Plane
    """Of the drawings, -1 to 1; near 0 where one or both have none."""
    through: Plane
    """How much of the fainter drawing the stronger one holds: 1 where more was laid over it."""
    texture_a: Plane
    """Contrast of the drawing, in grey levels, at a common sharpness."""
    texture_b: Plane
    noise: float
    """Grey levels of contrast that prove nothing."""
    sharpness_a: float
    """Contrast of the finest detail, per contrast of the drawing; both in one frame."""
    sharpness_b: float

    @property
    def texture(self) -> Plane:
        """The stronger of the two."""
        return np.maximum(self.texture_a, self.texture_b)

    @property
    def weight(self) -> Plane:
        """How surely a cell is no noise, 0 to 1; 0 outside the overlap."""
        power = self.texture**2
        return np.where(self.valid, power / (power + (2 * self.noise) ** 2), 0).astype(np.float32)


def compare_structure(a: Pixels, b: Pixels, valid: Mask, grid: Grid) -> Structure:
    """Of pictures (h, w, 3) BGR in one frame, ``valid`` (h, w) where both show something."""
    cells = by_cells(valid.astype(np.float32), grid) > LEAST_VALID
    drawn_a, drawn_b = _drawing(a), _drawing(b)
    sharpness = sharpness_of(drawn_a, valid), sharpness_of(drawn_b, valid)
    drawn_a, drawn_b = _equally_sharp(drawn_a, drawn_b, valid, sharpness)
    drawn_a, drawn_b = _equal_contrast(drawn_a, drawn_b, valid)
    power_a, power_b = _around(drawn_a * drawn_a, grid), _around(drawn_b * drawn_b, grid)
    noise = float(np.clip(NOISE_SHARE * _spread(drawn_a, valid), LEAST_NOISE, NOISE))
    common, floor = _covariance(drawn_a, drawn_b, grid), np.float32(noise**2)
    return Structure(
        valid=cells,
        correlation=np.asarray(common / np.sqrt((power_a + floor) * (power_b + floor)), np.float32),
        through=np.asarray(common / (np.minimum(power_a, power_b) + floor), np.float32),
        texture_a=np.sqrt(power_a),
        texture_b=np.sqrt(power_b),
        noise=noise,
        sharpness_a=sharpness[0],
        sharpness_b=sharpness[1],
    )


def by_cells(plane: Plane, grid: Grid) -> Plane:
    """Means over the cells of a grid (r, c) that fill a plane (h, w) or (h, w, 3)."""
    (rows, columns), (height, width) = grid, plane.shape[:2]
    strips = plane.reshape(rows, height // rows, *plane.shape[1:]).sum(axis=1)
    cells = strips.reshape(rows, columns, width // columns, *plane.shape[2:]).sum(axis=2)
    return np.asarray(cells / np.float32(height * width / (rows * columns)))


def smooth(plane: Plane, sigma_px: float) -> Plane:
    """Blurred by 4 px or more, which a quarter of the size does at a fraction of the cost."""
    height, width = plane.shape
    small = (max(1, width // 4), max(1, height // 4))
    coarse = cv2.resize(plane, small, interpolation=cv2.INTER_AREA)
    coarse = cv2.GaussianBlur(coarse, (0, 0), sigma_px / 4)
    return np.asarray(cv2.resize(coarse, (width, height)), np.float32)


def sharpness_of(drawn: Plane, valid: Mask) -> float:
    """Root of the share of a drawing's power that its finest detail has."""
    fine = drawn - cv2.GaussianBlur(drawn, (5, 5), 1.0)
    power = float((drawn[valid] ** 2).mean()) if valid.any() else 0.0
    return float(np.sqrt((fine[valid] ** 2).mean() / power)) if power > 1 else 0.0


def _drawing(pixels: Pixels) -> Plane:
    """Grey levels without what is coarser than drawing."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY).astype(np.float32)
    return np.asarray(grey - smooth(grey, COARSE_SIGMA_PX), np.float32)


def _around(plane: Plane, grid: Grid) -> Plane:
    """(r, c) means over cells, and a little of the cells next to each."""
    return np.asarray(cv2.sepFilter2D(by_cells(plane, grid), -1, NEAR, NEAR), np.float32)


def _equally_sharp(
    a: Plane, b: Plane, valid: Mask, sharpness: tuple[float, float]
) -> tuple[Plane, Plane]:
    """The sharper blurred until it is no sharper than the other; both without the finest noise."""
    if sharpness[0] < sharpness[1]:
        other, blurred = _equally_sharp(b, a, valid, sharpness[::-1])
        return blurred, other
    extra = next(
        (blur for blur in BLURS_PX if _sharpness_after(a, blur, valid) <= 1.05 * sharpness[1]),
        BLURS_PX[-1],
    )
    return _blurred(a, float(np.hypot(extra, LEAST_BLUR_PX))), _blurred(b, LEAST_BLUR_PX)


def _sharpness_after(plane: Plane, sigma_px: float, valid: Mask) -> float:
    blurred = _blurred(plane, sigma_px) if sigma_px else plane
    return sharpness_of(blurred, valid)


def _blurred(plane: Plane, sigma_px: float) -> Plane:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma_px), np.float32)


def _spread(plane: Plane, valid: Mask) -> float:
    """Root mean square, at least a trifle."""
    return float(np.sqrt((plane[valid] ** 2).mean())) + 1e-3 if valid.any() else 1e-3


def _equal_contrast(a: Plane, b: Plane, valid: Mask) -> tuple[Plane, Plane]:
    """The fainter one brought to the contrast of the other, by no more than a factor of 3."""
    spread_a, spread_b = _spread(a, valid), _spread(b, valid)
    if spread_a < spread_b:
        return a * np.float32(min(spread_b / spread_a, 3.0)), b
    return a, b * np.float32(min(spread_a / spread_b, 3.0))


def _covariance(a: Plane, b: Plane, grid: Grid) -> Plane:
    """(r, c) the largest under shifts of b by whole pixels."""
    reach, (height, width) = SHIFT_PX, a.shape
    wide = cv2.copyMakeBorder(b, reach, reach, reach, reach, cv2.BORDER_REPLICATE)
    best: Plane | None = None
    for down in range(2 * reach + 1):
        for right in range(2 * reach + 1):
            shifted = wide[down : down + height, right : right + width]
            here = _around(a * shifted, grid)
            best = here if best is None else np.maximum(best, here)
    assert best is not None
    return best
