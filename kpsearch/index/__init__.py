"""Bytes on disk: segments, the manifest that names them, one writer and any number of readers."""

from kpsearch.index.category import CategoryColumn, ImageCategory
from kpsearch.index.check import CheckReport, Damage, check_index
from kpsearch.index.contents import contents_hash
from kpsearch.index.recovery import Recovery, recover
from kpsearch.index.segment import (
    Geometry,
    ImageRecord,
    Keypoints,
    Segment,
    pack_segment,
    quantise_keypoints,
)
from kpsearch.index.snapshot import Snapshot, feature_options_of, previous_generation
from kpsearch.index.storage import Storage
from kpsearch.index.writer import IndexWriter

__all__ = [
    "CategoryColumn",
    "CheckReport",
    "Damage",
    "Geometry",
    "ImageCategory",
    "ImageRecord",
    "IndexWriter",
    "Keypoints",
    "Recovery",
    "Segment",
    "Snapshot",
    "Storage",
    "check_index",
    "contents_hash",
    "feature_options_of",
    "pack_segment",
    "previous_generation",
    "quantise_keypoints",
    "recover",
]
