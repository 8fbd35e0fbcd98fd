"""What an extractor is, and the road from a decoded picture to its features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np

from kpsearch.features.select import spread_keypoints
from kpsearch.registry import Registry
from kpsearch.types import Features, ImageSize

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.options import FeatureOptions
    from kpsearch.types import Image

EXTRACTORS = Registry("extractor", {"sift": "kpsearch.features.sift:Sift"})


class Extractor(Protocol):
    """Finds and describes keypoints. Instances hold no state that a call changes."""

    descriptor_size: int
    """Bytes in a descriptor."""

    def extract(self, pixels: npt.NDArray[np.uint8], options: FeatureOptions) -> Features:
        """Keypoints of a grey (h, w) picture, in its own pixel coordinates.

        About ``options.max_keypoints`` or somewhat more, so that a choice is left; none for a flat
        picture.
        """
        ...


def make_extractor(name: str) -> Extractor:
    """The extractor registered under ``name``."""
    extractor: Extractor = EXTRACTORS.resolve(name)()
    return extractor


def extract_features(image: Image, options: FeatureOptions) -> Features:
    """At most ``options.max_keypoints`` keypoints of a grey picture, in original pixels.

    The picture is shrunk to ``options.max_side_px`` first, never enlarged.
    """
    pixels = shrink(image.pixels, options.max_side_px)
    found = make_extractor(options.extractor).extract(pixels, options)
    chosen = spread_keypoints(found.xy, found.response, found.image_size, options.max_keypoints)
    return to_original_pixels(found.take(chosen), image.size)


def shrink(pixels: npt.NDArray[np.uint8], max_side_px: int) -> npt.NDArray[np.uint8]:
    """The picture with its longest side at most ``max_side_px``, averaged over areas."""
    height, width = pixels.shape[:2]
    factor = max_side_px / max(height, width)
    if factor >= 1:
        return pixels
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def to_original_pixels(features: Features, size: ImageSize) -> Features:
    """The features of a resized picture, moved to the coordinates of its original.

    Pixel centres are whole numbers, so (x + ½) is what scales.
    """
    worked = features.image_size
    factors = np.array([size.width / worked.width, size.height / worked.height], np.float32)
    return Features(
        xy=(features.xy + 0.5) * factors - 0.5,
        scale=features.scale * np.sqrt(factors.prod()),
        angle_rad=features.angle_rad,
        response=features.response,
        descriptors=features.descriptors,
        image_size=size,
    )
