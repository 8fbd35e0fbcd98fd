"""A loose similarity between two images from single correspondences.

Each keypoint carries scale and orientation, so one correspondence fixes a similarity: all
hypotheses can be tried, none need be drawn at random (Philbin et al. 2007, §4.1). With a wide
tolerance it also covers what no homography does: solid things seen from another side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.geometry.correspondences import Correspondences

MAX_HYPOTHESES = 100
MAX_SCALE_RATIO = 2.0
"""Of a pair's own change of scale to the hypothesis', either way."""
MAX_TURN_RAD = np.pi / 6


def similarity_inliers(pairs: Correspondences, tolerance_px: float) -> npt.NDArray[np.bool_]:
    """(m,) the pairs that agree with the best similarity; all False when m is 0.

    A pair agrees when it lands within ``tolerance_px`` in the hit, and its own scale and
    orientation change as the hypothesis says, to a factor of 2 and 30 degrees. The heaviest
    ``MAX_HYPOTHESES`` pairs are hypotheses; ties go to the heaviest.
    """
    if len(pairs) == 0:
        return np.zeros(0, np.bool_)
    hypotheses = np.argsort(-pairs.weight, kind="stable")[:MAX_HYPOTHESES]
    query = pairs.query.xy[:, 0] + 1j * pairs.query.xy[:, 1]
    hit = pairs.hit.xy[:, 0] + 1j * pairs.hit.xy[:, 1]
    log_zoom = np.log(pairs.hit.scale / pairs.query.scale)
    turn = pairs.hit.angle_rad - pairs.query.angle_rad
    factor = np.exp(log_zoom + 1j * turn)[hypotheses, None]
    landing = factor * (query[None] - query[hypotheses, None]) + hit[hypotheses, None]
    difference = turn[None] - turn[hypotheses, None]
    agrees = (
        (np.abs(landing - hit[None]) <= tolerance_px)
        & (np.abs(log_zoom[None] - log_zoom[hypotheses, None]) <= np.log(MAX_SCALE_RATIO))
        & (np.cos(difference) >= np.cos(MAX_TURN_RAD))
    )
    best = int(np.argmax(agrees @ pairs.weight))
    return np.asarray(agrees[best])
