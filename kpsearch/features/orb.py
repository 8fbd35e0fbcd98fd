"""ORB: FAST corners on a pyramid with 256 learnt binary tests, and TEBLID on the same corners."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kpsearch.features.opencv import OpenCvExtractor, factory, grey_levels
from kpsearch.features.select import candidates_for

if TYPE_CHECKING:
    from kpsearch.options import FeatureOptions
    from kpsearch.types import ImageSize

LEVELS = 8
SCALE_FACTOR = 1.2
FAST_THRESHOLD = 7
"""In grey levels. OpenCV's own default is 20, too high for pictures of little contrast."""
ORB_CORNERS = 1.0
"""TEBLID's sampling window for ORB's corners, by OpenCV's documentation."""


def orb() -> OpenCvExtractor:
    """ORB (Rublee, Rabaud, Konolige & Bradski 2011), 256 bits.

    The threshold is FAST's, in grey levels.
    """
    return OpenCvExtractor(
        descriptor_size=32,
        binary=True,
        default_threshold=FAST_THRESHOLD,
        detector=_detector,
        place=_place,
    )


def orb_teblid() -> OpenCvExtractor:
    """ORB's corners described by TEBLID (Suárez, Buenaposada & Baumela 2021), 256 bits."""
    create, bits = factory("TEBLID_create"), factory("TEBLID_SIZE_256_BITS")
    return OpenCvExtractor(
        descriptor_size=32,
        binary=True,
        default_threshold=FAST_THRESHOLD,
        detector=_detector,
        place=_place,
        describer=lambda: create(ORB_CORNERS, bits),
    )


def _detector(options: FeatureOptions) -> Any:
    return factory("ORB_create")(
        nfeatures=candidates_for(options.max_keypoints),
        scaleFactor=SCALE_FACTOR,
        nlevels=LEVELS,
        fastThreshold=grey_levels(options.threshold),
    )


def _place(keypoints: Any, size: ImageSize) -> Any:
    """Moves corners from where OpenCV has them to where the pixels of their level are.

    OpenCV takes pixel x of a level for x · 1.2^level in the picture. But levels have whole sides,
    and (x + ½) is what scales, as pixel centres are whole numbers: up to 2 px beside.
    """
    for keypoint in keypoints:
        scale = SCALE_FACTOR**keypoint.octave
        keypoint.pt = tuple(
            (at / scale + 0.5) * side / round(side / scale) - 0.5
            for at, side in zip(keypoint.pt, size, strict=True)
        )
    return keypoints
