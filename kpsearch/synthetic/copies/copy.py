"""A copy of a picture, and where each of the picture's pixels has gone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from kpsearch.synthetic.camera import Homography
from kpsearch.synthetic.canvas import Canvas

Pixels = npt.NDArray[np.uint8]

JPEG_QUALITY = 92
"""Of a copy that is not made worse on purpose."""


@dataclass(frozen=True, slots=True, eq=False)
class Copy:
    """A picture made of another one."""

    pixels: Pixels
    """(h, w, 3) BGR, before it is compressed."""
    homography: Homography
    """(3, 3) from pixels of the picture to pixels of the copy, exact but for what falls outside."""
    jpeg_quality: int = JPEG_QUALITY
    lossless: bool = False
    """Whether it is kept as PNG, every pixel as it is."""

    def encode(self) -> bytes:
        """The file: JPEG or PNG."""
        if self.lossless:
            done, coded = cv2.imencode(".png", self.pixels)
        else:
            quality = [cv2.IMWRITE_JPEG_QUALITY, self.jpeg_quality]
            done, coded = cv2.imencode(".jpg", self.pixels, quality)
        assert done
        return coded.tobytes()

    def after(self, first: Copy) -> Copy:
        """This copy as one of what ``first`` was made of, where it was made of ``first``."""
        quality = min(self.jpeg_quality, first.jpeg_quality)
        path = self.homography @ first.homography
        return replace(self, homography=path / path[2, 2], jpeg_quality=quality)


Make = Callable[[Pixels, np.random.Generator, float], Copy]
"""Makes a copy of a picture (h, w, 3) BGR, at a strength in the unit of its kind."""


def in_place(pixels: npt.NDArray[np.generic]) -> Copy:
    """A copy whose pixels are where they were; values are rounded and clipped to bytes."""
    if pixels.dtype != np.uint8:
        pixels = np.clip(np.rint(pixels.astype(np.float32)), 0, 255).astype(np.uint8)
    return Copy(np.asarray(pixels, dtype=np.uint8), np.eye(3))


def shift(x: float, y: float) -> Homography:
    """A move by (x, y) pixels."""
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], dtype=np.float64)


def stretch(before: tuple[int, ...], after: tuple[int, ...]) -> Homography:
    """What resizing from one (height, width, ...) to another does to the centres of pixels."""
    across, down = after[1] / before[1], after[0] / before[0]
    return np.array(
        [[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2], [0, 0, 1]], dtype=np.float64
    )


def resized(pixels: Pixels, height: int, width: int) -> Pixels:
    """The picture in another size, averaged where it becomes smaller."""
    smaller = height * width < pixels.shape[0] * pixels.shape[1]
    method = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    size = (max(width, 1), max(height, 1))
    return np.asarray(cv2.resize(pixels, size, interpolation=method), dtype=np.uint8)


def fitted(pixels: Pixels, height: float, width: float) -> Pixels:
    """The picture as large as it fits a box, its proportions kept."""
    scale = min(height / pixels.shape[0], width / pixels.shape[1])
    return resized(pixels, round(pixels.shape[0] * scale), round(pixels.shape[1] * scale))


def sheet_over(pixels: Pixels) -> Canvas:
    """A canvas that begins as a copy of the picture."""
    return Canvas(pixels.copy(), grain=np.zeros(pixels.shape[:2], dtype=np.float32))
