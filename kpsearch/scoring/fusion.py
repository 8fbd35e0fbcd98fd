"""The evidence of a deep embedding, in the unit of keypoint scores: nats for "the same thing".

A cosine means nothing by itself: what is high for one model, or one query, is low for another. So
it is measured in the query's own background, the cosines of all images of the collection, nearly
all of which show something else (score normalisation: Z-norm, Auckenthaler, Carey and
Lloyd-Thomas 2000, "Score normalization for text-independent speaker verification systems").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

LEAST_WIDTH = 1e-4
"""Least width of a background: what rounding the vectors to float16 does to a cosine."""


def embedding_evidence(
    cosine: npt.NDArray[np.floating], background: npt.NDArray[np.floating], steepness: float
) -> npt.NDArray[np.float64]:
    """Nats that each cosine of (n,) adds to a score: log(1 + exp(s·z)), never below 0.

    z counts widths above the median of ``background`` (m,), ``steepness`` is s. Under two normal
    laws of equal width, the log-likelihood ratio of "the same" to "another" is a straight line in z
    (Green and Swets 1966, "Signal Detection Theory and Psychophysics", ch. 1); the upper tail of
    real cosines being heavier than normal, a steeper law would take lookalikes for certain. Low
    cosines count as none rather than against: a model that does not know a thing sees no likeness
    in it.

    The width is the root mean square of the lower half about the median, which images of the same
    thing, all above it, cannot widen. Of m values none lies more than (m - 1) / √m sample
    deviations from their mean (Samuelson 1968, "How Deviant Can You Be?"): z goes no further, so
    that few images give little evidence. Equal ones, or none, give log 2 to all.
    """
    values = background.astype(np.float64)
    if len(values) == 0:
        return np.full(len(cosine), np.log(2.0))
    centre = np.median(values)
    width = float(np.sqrt(np.mean((values[values <= centre] - centre) ** 2)))
    most = (len(values) - 1) / np.sqrt(len(values))
    z = (cosine.astype(np.float64) - centre) / max(width, LEAST_WIDTH)
    return np.asarray(np.logaddexp(0.0, steepness * np.clip(z, -most, most)))
