"""What keypoints look like in a mirror: a copy that was turned over shares no word otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.features.extractor import extract_features, make_extractor
from kpsearch.features.select import spread_keypoints
from kpsearch.images import mirror

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.options import FeatureOptions
    from kpsearch.types import Features, Image

BESIDE_PX = 2.0
"""Keypoints of the picture and of its mirror image are one within so many pixels, of those that
keypoints are looked for in."""
OCTAVES = 0.3
"""And within this of each other's scale."""


@dataclass(frozen=True, slots=True, eq=False)
class Mirrored:
    """Some keypoints of a picture as a mirror shows them, m of them."""

    rows: npt.NDArray[np.intp]
    """(m,) which of the picture's keypoints; they rise, so the strongest is first."""
    descriptors: npt.NDArray[np.uint8]
    """(m, d) that they have in the mirror."""


def mirrored_keypoints(
    image: Image, features: Features, options: FeatureOptions, *, most: int
) -> Mirrored:
    """At most so many of the strongest ``features`` of a grey picture, spread over it.

    By the extractor's `mirror_order`; for an extractor that has none, the picture's mirror image
    is extracted as well, which costs what the picture did.
    """
    order = make_extractor(options.extractor).mirror_order(upright=options.upright)
    if order is None:
        found = _found_again(image, features, options)
    else:
        found = Mirrored(np.arange(len(features)), features.descriptors[:, order])
    chosen = spread_keypoints(
        features.xy[found.rows], features.response[found.rows], features.image_size, most
    )
    return Mirrored(found.rows[chosen], found.descriptors[chosen])


def _found_again(image: Image, features: Features, options: FeatureOptions) -> Mirrored:
    """The keypoints that are found in the mirror image too, with its nearest's descriptor."""
    from scipy.spatial import KDTree

    seen = extract_features(mirror(image), options)
    if len(features) == 0 or len(seen) == 0:
        return Mirrored(np.empty(0, np.intp), seen.descriptors[:0])
    worked_px = min(max(image.pixels.shape), options.max_side_px)
    beside = BESIDE_PX * max(image.size) / worked_px
    there = _placed(seen, beside)
    there[:, 0] = (image.size.width - 1) / beside - there[:, 0]
    distance, partner = KDTree(there).query(_placed(features, beside), distance_upper_bound=1.0)
    rows = np.flatnonzero(np.isfinite(distance))
    return Mirrored(rows, seen.descriptors[partner[rows]])


def _placed(features: Features, beside: float) -> npt.NDArray[np.float64]:
    """(n, 3) place and scale of keypoints, in the steps that two of them may be apart."""
    octave = np.log2(features.scale.astype(np.float64))
    return np.column_stack([features.xy.astype(np.float64) / beside, octave / OCTAVES])
