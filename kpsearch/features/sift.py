"""SIFT keypoints with RootSIFT descriptors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kpsearch.features.encoding import root_shares
from kpsearch.features.mirror_order import cells_mirrored
from kpsearch.features.opencv import OpenCvExtractor, factory
from kpsearch.features.select import candidates_for

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.options import FeatureOptions

DIRECTIONS = 8
ORIENTATIONS_A_PLACE = 1.4
"""About as many keypoints SIFT has for each place, which upright is described but once."""


def sift() -> OpenCvExtractor:
    """SIFT (Lowe 2004) as RootSIFT, quantised to bytes.

    The threshold is that of contrast (Lowe's §4). OpenCV's own default is 0.04.
    """
    create = factory("SIFT_create")
    return OpenCvExtractor(
        descriptor_size=128,
        binary=False,
        default_threshold=0.025,
        detector=lambda options: create(
            nfeatures=_keypoints(options),
            contrastThreshold=options.threshold,
            enable_precise_upscale=True,
        ),
        encode=lambda _, histograms: root_shares(histograms),
        mirror=mirror_order,
    )


def mirror_order(upright: bool) -> npt.NDArray[np.intp]:
    """(128,) of 4 × 4 cells of 8 directions, an eighth of a turn apart: φ becomes -φ, or π - φ."""
    directions = np.arange(DIRECTIONS)
    turned = (DIRECTIONS // 2 if upright else 0) - directions
    return cells_mirrored((turned % DIRECTIONS).tolist(), upright=upright)


def _keypoints(options: FeatureOptions) -> int:
    wanted = candidates_for(options.max_keypoints)
    return round(wanted * ORIENTATIONS_A_PLACE) if options.upright else wanted
