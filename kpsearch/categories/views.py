"""The views of a picture that a classifier looks at: its centre, and less of it.

A photo shows a thing larger or smaller than the pictures trained on did, and a convolutional
network knows sizes. To look at two of them and take the average is worth ten points of accuracy; a
third one is worth nothing more (docs/categories.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.embedding.preprocessing import model_input
from kpsearch.types import ImageSize

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.options import EmbeddingOptions

VIEWS = (0.875, 0.6)
"""Shares of the shorter side that are looked at."""
USUAL_SIDE_PX = 224


def side_of(preprocessing: EmbeddingOptions) -> int:
    """Of the network's input, in pixels."""
    return preprocessing.size or USUAL_SIDE_PX


def views_of(
    pixels: npt.NDArray[np.uint8], preprocessing: EmbeddingOptions, shares: Sequence[float]
) -> npt.NDArray[np.float32]:
    """(v, 3, s, s) the centre of a BGR picture (h, w, 3), as large as each of the ``shares``."""
    side = side_of(preprocessing)
    views = [
        model_input(
            pixels,
            ImageSize(side, side),
            replace(preprocessing, crop=share),
            channels_first=True,
            dtype=np.float32,
        )
        for share in shares
    ]
    return np.concatenate(views).astype(np.float32)
