"""A picture as 64 bits that change little when it is encoded again, resized or recoloured a little.

Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions" (2010), §3.2.1: the
picture is shrunk to 32 × 32 pixels, and of its discrete cosine transform the 8 × 8 lowest
frequencies are each compared with their mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from kpsearch.features.opencv import factory

if TYPE_CHECKING:
    import numpy.typing as npt

SIDE_PX = 32


def perceptual_hash(pixels: npt.NDArray[np.uint8]) -> int:
    """The hash of a grey (h, w) picture, 0 to 2^64 - 1: `cv2.img_hash.PHash`.

    Bit 8·v + u is set where the coefficient of u half-waves across the picture and v down it is
    above the mean. OpenCV shrinks by interpolating between a few pixels, of which JPEG and another
    size make others: here it is given areas' means. A flat picture has a hash too, of the noise of
    rounding: how far it is to be believed is the caller's affair.
    """
    small = cv2.resize(pixels, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    rows: npt.NDArray[np.uint8] = factory("PHash_create")().compute(small)
    return int.from_bytes(rows.tobytes(), "little")
