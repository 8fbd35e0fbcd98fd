"""A loose similarity between a query and each candidate, from single correspondences.

Each keypoint carries scale and orientation, so one correspondence fixes a similarity: all
hypotheses can be tried, none need be drawn at random (Philbin et al. 2007, §4.1). With a wide
tolerance it also covers what no homography does: solid things seen from another side.

All candidates of a shortlist are worked on together. Sorted by their number of pairs and cut into
chunks, they pad to small dense blocks of (candidates, hypotheses, pairs).
"""

from __future__ import annotations

from math import cos as cos_rad
from math import log, pi
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.geometry.correspondences import Correspondences

MAX_HYPOTHESES = 48
MAX_SCALE_RATIO = 2.0
"""Of a pair's own change of scale to the hypothesis', either way."""
MAX_TURN_RAD = pi / 6
CHUNK = 16
"""Candidates worked on at a time: their blocks stay in the processor's cache."""


def similarity_inliers(
    pairs: Correspondences,
    start: npt.NDArray[np.int64],
    tolerance_px: npt.NDArray[np.floating],
) -> npt.NDArray[np.bool_]:
    """(m,) the pairs that agree with the best similarity of their candidate.

    Candidate i has the pairs ``start[i]:start[i + 1]``. A pair agrees when it lands within
    ``tolerance_px[i]`` in the hit, and its own scale and orientation change as the hypothesis
    says, to a factor of 2 and 30 degrees. The heaviest ``MAX_HYPOTHESES`` pairs are hypotheses;
    the best is the one whose pairs weigh most, ties go to the heavier hypothesis.
    """
    agrees = np.zeros(len(pairs), np.bool_)
    columns = _columns(pairs)
    counts = start[1:] - start[:-1]
    filled = np.flatnonzero(counts)
    order = filled[np.argsort(counts[filled], kind="stable")]
    for low in range(0, len(order), CHUNK):
        chunk = order[low : low + CHUNK]
        place = np.arange(counts[chunk].max())
        valid = place < counts[chunk, None]
        rows = np.where(valid, start[chunk, None] + place, start[chunk, None])
        limits = tolerance_px[chunk].astype(np.float32)
        found = _agreement(columns[:, rows], pairs.weight[rows] * valid, valid, limits)
        agrees[rows[valid]] = found[valid]
    return agrees


def _columns(pairs: Correspondences) -> npt.NDArray[np.float32]:
    """(7, m): x, y in the query; x, y in the hit; log zoom; cosine and sine of the turn."""
    turn = pairs.hit.angle_rad - pairs.query.angle_rad
    zoom = np.log(pairs.hit.scale / pairs.query.scale)
    return np.stack(
        [*pairs.query.xy.T, *pairs.hit.xy.T, zoom, np.cos(turn), np.sin(turn)], dtype=np.float32
    )


def _agreement(
    columns: npt.NDArray[np.float32],
    weight: npt.NDArray[np.float64],
    valid: npt.NDArray[np.bool_],
    tolerance_px: npt.NDArray[np.float32],
) -> npt.NDArray[np.bool_]:
    """(c, m) the pairs of c candidates that agree with the best hypothesis of each."""
    tried = np.argsort(-weight, axis=1, kind="stable")[:, :MAX_HYPOTHESES]
    x, y, u, v, zoom, cos, sin = columns[:, :, None, :]
    hypotheses = np.take_along_axis(columns, tried[None], axis=2)
    x0, y0, u0, v0, zoom0, cos0, sin0 = hypotheses[:, :, :, None]
    a, b = np.exp(zoom0) * cos0, np.exp(zoom0) * sin0
    across = a * x - b * y + (u0 - a * x0 + b * y0) - u
    down = b * x + a * y + (v0 - b * x0 - a * y0) - v
    across *= across
    down *= down
    across += down
    agrees = across <= tolerance_px[:, None, None] ** 2
    agrees &= np.abs(zoom - zoom0) <= log(MAX_SCALE_RATIO)
    agrees &= cos * cos0 + sin * sin0 >= cos_rad(MAX_TURN_RAD)
    agrees &= valid[:, None, :]
    support = np.einsum("chm,cm->ch", agrees, weight)
    best = support.argmax(axis=1)
    return np.asarray(agrees[np.arange(len(best)), best])
