"""Bytes on disk: segments, the manifest that names them, one writer and any number of readers."""

from kpsearch.index.segment import (
    Geometry,
    ImageRecord,
    Keypoints,
    Segment,
    pack_segment,
    quantise_keypoints,
)
from kpsearch.index.snapshot import Snapshot, feature_options_of
from kpsearch.index.storage import Storage
from kpsearch.index.writer import IndexWriter

__all__ = [
    "Geometry",
    "ImageRecord",
    "IndexWriter",
    "Keypoints",
    "Segment",
    "Snapshot",
    "Storage",
    "feature_options_of",
    "pack_segment",
    "quantise_keypoints",
]
