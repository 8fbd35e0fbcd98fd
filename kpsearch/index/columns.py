"""The arrays of a segment with a row for each of its images or keypoints: which, and of what.

`kpsearch.index.segment` writes them, `merge` joins them, `rules` checks them. Those of ``COLUMNS``
and ``TEXT_COLUMNS`` are in every segment; the others in all segments of an index or in none.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

Column = tuple[type[np.generic], tuple[int, ...]]
"""Type and shape of a row."""

COLUMNS: Mapping[str, Column] = {
    "images/width": (np.uint16, ()),
    "images/height": (np.uint16, ()),
    "images/size_bytes": (np.uint32, ()),
    "images/mtime_ns": (np.int64, ()),
    "images/content_hash": (np.uint8, (16,)),
    "images/path_hash": (np.uint64, ()),
    "images/id": (np.uint64, ()),
    "keypoints/x": (np.uint16, ()),
    "keypoints/y": (np.uint16, ()),
    "keypoints/scale": (np.uint8, ()),
    "keypoints/angle": (np.uint8, ()),
    "postings/keypoint": (np.uint32, ()),
    "postings/signature": (np.uint64, ()),
}
TEXT_COLUMNS = ("images/path", "images/category", "images/warning")

EMBEDDING = "images/embedding"
"""(images, d) float16, of unit length or zeros; only in an index made with a deep model."""

SKETCH_KEYPOINTS = 56
"""Most of a picture's keypoints that a sketch knows in the mirror: 14 bytes each."""
SKETCH_COLUMNS: Mapping[str, Column] = {
    "images/perceptual_hash": (np.uint64, ()),
    "mirrored/word": (np.uint32, (SKETCH_KEYPOINTS,)),
    "mirrored/signature": (np.uint64, (SKETCH_KEYPOINTS,)),
    "mirrored/keypoint": (np.uint16, (SKETCH_KEYPOINTS,)),
}
"""A row an image, of `kpsearch.index.sketch.Sketch`; in every index but those of old formats."""

OPTIONAL_COLUMNS = (EMBEDDING, *SKETCH_COLUMNS)
"""A row an image, each."""
