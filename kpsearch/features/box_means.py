"""Means over boxes of any size at any position: the samples that Haar wavelets are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

LARGEST_AT_LEVEL = 4
"""Boxes wider than this, in pixels of a level, are taken from a coarser level."""
ROWS_A_CALL = 256
"""Keypoints sampled in one call of OpenCV, whose maps may have 32,767 rows at most."""


class Frames(NamedTuple):
    """n square frames in a picture."""

    xy: npt.NDArray[np.float32]
    """(n, 2) centres, pixel centres at whole numbers."""
    unit: npt.NDArray[np.float32]
    """(n,) length of a frame's unit in pixels."""
    angle_rad: npt.NDArray[np.float32]


class BoxMeans:
    """A picture averaged over boxes, on a pyramid so that a wide box costs what a small one does.

    Boxes are upright and their sides rounded to whole pixels of their level: 1 to 4.
    """

    def __init__(self, pixels: npt.NDArray[np.uint8]) -> None:
        self._levels = [pixels.astype(np.float32)]
        while min(self._levels[-1].shape) >= 2 * LARGEST_AT_LEVEL:
            height, width = (side // 2 * 2 for side in self._levels[-1].shape)
            even = self._levels[-1][:height, :width]
            half = cv2.resize(even, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
            self._levels.append(np.asarray(half, np.float32))
        self._averages: dict[tuple[int, int], npt.NDArray[np.float32]] = {}

    def _averaged(self, level: int, side: int) -> npt.NDArray[np.float32]:
        """The level averaged over boxes, made when first asked for."""
        if (level, side) not in self._averages:
            self._averages[level, side] = _box_average(self._levels[level], side)
        return self._averages[level, side]

    def sample(
        self, frames: Frames, grid: npt.NDArray[np.float32], side: float
    ) -> npt.NDArray[np.float32]:
        """Means at the points of a grid in each frame: (n,), (m, 2) -> (n, m).

        ``side`` is the boxes' and like ``grid`` in units of the frame. Between pixels means are
        interpolated; beyond the border the picture goes on as it ends.
        """
        side_px = frames.unit * np.float32(side)
        level = np.ceil(np.log2(np.maximum(side_px / LARGEST_AT_LEVEL, 1.0))).astype(np.int64)
        level = np.minimum(level, len(self._levels) - 1)
        whole_side = np.clip(np.rint(side_px / 2.0**level), 1, LARGEST_AT_LEVEL).astype(np.int64)
        found = np.empty((len(frames.xy), len(grid)), np.float32)
        for kind in np.unique(level * (LARGEST_AT_LEVEL + 1) + whole_side).tolist():
            at_level, pixels = divmod(kind, LARGEST_AT_LEVEL + 1)
            rows = np.flatnonzero((level == at_level) & (whole_side == pixels))
            for low in range(0, len(rows), ROWS_A_CALL):
                some = rows[low : low + ROWS_A_CALL]
                x, y = _placed(frames, some, grid, at_level, 0.0 if pixels % 2 else 0.5)
                found[some] = cv2.remap(
                    self._averaged(at_level, pixels),
                    x,
                    y,
                    cv2.INTER_LINEAR,
                    borderMode=cv2.BORDER_REPLICATE,
                )
        return found


def _box_average(pixels: npt.NDArray[np.float32], side: int) -> npt.NDArray[np.float32]:
    """Each pixel the mean of side × side ones; of an even side, from half of it above and left."""
    if side == 1:
        return pixels
    averaged = cv2.boxFilter(
        pixels,
        -1,
        (side, side),
        anchor=(side // 2, side // 2),
        borderType=cv2.BORDER_REPLICATE,
    )
    return np.asarray(averaged, np.float32)


def _placed(
    frames: Frames,
    rows: npt.NDArray[np.intp],
    grid: npt.NDArray[np.float32],
    level: int,
    shift: float,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """x and y, (n, m) each, of the grid's points in some frames, in pixels of a level."""
    shrink = np.float32(0.5**level)
    unit = frames.unit[rows] * shrink
    cos = (np.cos(frames.angle_rad[rows]) * unit)[:, None]
    sin = (np.sin(frames.angle_rad[rows]) * unit)[:, None]
    centre = (frames.xy[rows] + np.float32(0.5)) * shrink + np.float32(shift - 0.5)
    x = cos * grid[:, 0] - sin * grid[:, 1] + centre[:, :1]
    y = sin * grid[:, 0] + cos * grid[:, 1] + centre[:, 1:]
    return x, y


def square_grid(side: int) -> npt.NDArray[np.float32]:
    """(side², 2): x and y of a square grid of step 1 about the origin, row by row."""
    steps = np.arange(side, dtype=np.float32) - np.float32((side - 1) / 2)
    x, y = np.meshgrid(steps, steps)
    return np.stack([x.ravel(), y.ravel()], axis=1)
