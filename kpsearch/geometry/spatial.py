"""A loose similarity between two images from single correspondences.

Each keypoint carries scale and orientation, so one correspondence fixes a similarity: all
hypotheses can be tried, none need be drawn at random (Philbin et al. 2007, §4.1). With a wide
tolerance it also covers what no homography does: solid things seen from another side.
"""

from __future__ import annotations

from math import cos as cos_rad
from math import log, pi
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.geometry.correspondences import Correspondences

MAX_HYPOTHESES = 64
MAX_SCALE_RATIO = 2.0
"""Of a pair's own change of scale to the hypothesis', either way."""
MAX_TURN_RAD = pi / 6


def similarity_inliers(pairs: Correspondences, tolerance_px: float) -> npt.NDArray[np.bool_]:
    """(m,) the pairs that agree with the best similarity; all False when m is 0.

    A pair agrees when it lands within ``tolerance_px`` in the hit, and its own scale and
    orientation change as the hypothesis says, to a factor of 2 and 30 degrees. The heaviest
    ``MAX_HYPOTHESES`` pairs are hypotheses; ties go to the heaviest.
    """
    if len(pairs) == 0:
        return np.zeros(0, np.bool_)
    tried = np.argsort(-pairs.weight, kind="stable")[:MAX_HYPOTHESES]
    zoom = pairs.hit.scale / pairs.query.scale
    turn = pairs.hit.angle_rad - pairs.query.angle_rad
    cos, sin, log_zoom = np.cos(turn), np.sin(turn), np.log(zoom)
    agrees = _distance_squared(pairs, zoom * cos, zoom * sin, tried) <= tolerance_px**2
    agrees &= np.abs(log_zoom - log_zoom[tried, None]) <= log(MAX_SCALE_RATIO)
    agrees &= np.outer(cos[tried], cos) + np.outer(sin[tried], sin) >= cos_rad(MAX_TURN_RAD)
    return np.asarray(agrees[int(np.argmax(agrees @ pairs.weight))])


def _distance_squared(
    pairs: Correspondences,
    real: npt.NDArray[np.float32],
    imaginary: npt.NDArray[np.float32],
    tried: npt.NDArray[np.intp],
) -> npt.NDArray[np.float32]:
    """(h, m) how far each pair lands from its partner under each of the tried similarities.

    A similarity is z -> f z + c on the complex plane, and c is what takes the pair that it comes
    from to its partner: two matrix products do them all.
    """
    x, y = pairs.query.xy.T
    u, v = pairs.hit.xy.T
    a, b = real[tried], imaginary[tried]
    points = np.stack([x, y, np.ones_like(x)])
    shift_x = u[tried] - (a * x[tried] - b * y[tried])
    shift_y = v[tried] - (b * x[tried] + a * y[tried])
    across = np.stack([a, -b, shift_x], axis=1) @ points - u
    down = np.stack([b, a, shift_y], axis=1) @ points - v
    return np.asarray(across * across + down * down)
