"""From pixels to the input of a model, as pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.options import EmbeddingOptions
    from kpsearch.types import ImageSize


def model_input(
    pixels: npt.NDArray[np.uint8],
    size: ImageSize,
    options: EmbeddingOptions,
    *,
    channels_first: bool,
    dtype: type[np.generic],
) -> npt.NDArray[np.generic]:
    """A batch of one: (1, 3, h, w), or (1, h, w, 3) where channels come last.

    ``pixels`` are grey (h, w) or BGR (h, w, 3). A model of ``uint8`` takes pixels as they are and
    normalises them itself.
    """
    fitted = fit(pixels, size, crop=options.crop)
    if fitted.ndim == 2:
        fitted = np.asarray(cv2.cvtColor(fitted, cv2.COLOR_GRAY2BGR), np.uint8)
    if options.colour == "rgb":
        fitted = fitted[:, :, ::-1]
    if dtype != np.uint8:
        mean, std = np.array(options.mean, np.float32), np.array(options.std, np.float32)
        normal = (fitted.astype(np.float32) * np.float32(options.scale) - mean) / std
        return _batch(normal.astype(dtype), channels_first)
    return _batch(fitted, channels_first)


def _batch(picture: npt.NDArray[np.generic], channels_first: bool) -> npt.NDArray[np.generic]:
    ordered = picture.transpose(2, 0, 1) if channels_first else picture
    return np.ascontiguousarray(ordered[np.newaxis])


def fit(
    pixels: npt.NDArray[np.uint8], size: ImageSize, *, crop: float | None
) -> npt.NDArray[np.uint8]:
    """The centre of a picture at a size, undistorted; without ``crop`` all of it, squashed.

    The part that is kept has the shape of ``size`` and ``crop`` of the side that limits it: what
    resizing the shorter side to 256 and cropping 224 keeps, in one resampling.
    """
    height, width = pixels.shape[:2]
    if crop is not None:
        unit = crop * min(width / size.width, height / size.height)
        across = min(max(round(unit * size.width), 1), width)
        down = min(max(round(unit * size.height), 1), height)
        left, top = (width - across) // 2, (height - down) // 2
        pixels = pixels[top : top + down, left : left + across]
        height, width = down, across
    shrinks = width > size.width or height > size.height
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, size, interpolation=how), np.uint8)
