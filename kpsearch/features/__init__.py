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

__all__ = [
    "EXTRACTORS",
    "Extractor",
    "extract_features",
    "installed_extractors",
    "make_extractor",
    "require_extractable",
    "settled",
    "shrink",
    "to_original_pixels",
]
