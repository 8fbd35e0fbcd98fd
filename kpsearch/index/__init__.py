"""Bytes on disk: segments, the manifest that names them, one writer and any number of readers."""

from kpsearch.index.category import CategoryColumn, ImageCategory
from kpsearch.index.check import CheckReport, check_index
from kpsearch.index.columns import SKETCH_KEYPOINTS
from kpsearch.index.contents import contents_hash
from kpsearch.index.recovery import Recovery, recover
from kpsearch.index.rules import Damage
from kpsearch.index.segment import (
    Geometry,
    ImageRecord,
    Keypoints,
    Segment,
    pack_segment,
    quantise_keypoints,
)
from kpsearch.index.sketch import NO_KEYPOINT, NO_WORD, Sketch
from kpsearch.index.snapshot import Snapshot, feature_options_of, previous_generation
from kpsearch.index.storage import Storage
from kpsearch.index.writer import IndexWriter

__all__ = [
    "NO_KEYPOINT",
    "NO_WORD",
    "SKETCH_KEYPOINTS",
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
    "Sketch",
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
