"""BRISK: AGAST corners on a pyramid, compared in pairs on rings around them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kpsearch.errors import UsageError
from kpsearch.features.opencv import OpenCvExtractor, factory, grey_levels

if TYPE_CHECKING:
    from kpsearch.options import FeatureOptions

AGAST_THRESHOLD = 15
"""In grey levels. OpenCV's own default is 30."""


def brisk() -> OpenCvExtractor:
    """BRISK (Leutenegger, Chli & Siegwart 2011), 512 bits.

    The threshold is AGAST's. OpenCV's always turns keypoints to their own
    orientation: upright raises `UsageError`.
    """
    create = factory("BRISK_create")

    def detector(options: FeatureOptions) -> Any:
        if options.upright:
            raise UsageError("brisk has no upright mode")
        return create(thresh=grey_levels(options.threshold))

    return OpenCvExtractor(
        descriptor_size=64,
        binary=True,
        default_threshold=AGAST_THRESHOLD,
        detector=detector,
        multiple_px=12,
    )
