"""Pixels to keypoints and descriptors, one file an extractor."""

from kpsearch.features.extractor import (
    EXTRACTORS,
    Extractor,
    extract_features,
    installed_extractors,
    make_extractor,
    require_extractable,
    settled,
    shrink,
    to_original_pixels,
)
from kpsearch.features.mirror import Mirrored, mirrored_keypoints
from kpsearch.features.perceptual import perceptual_hash

__all__ = [
    "EXTRACTORS",
    "Extractor",
    "Mirrored",
    "extract_features",
    "installed_extractors",
    "make_extractor",
    "mirrored_keypoints",
    "perceptual_hash",
    "require_extractable",
    "settled",
    "shrink",
    "to_original_pixels",
]
