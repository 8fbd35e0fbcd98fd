"""Hamming embedding: near signatures of one word, weighted by a Gaussian of their distance.

Jégou, Douze & Schmid 2008; the Gaussian and its σ of 16 are those of Jégou, Douze & Schmid 2009,
§3. The idf is taken over keypoints, not images.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kpsearch.scoring.likelihood import Likelihood

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.options import ScoringOptions
    from kpsearch.scoring.collection import CollectionFacts


class HammingGaussian(Likelihood):
    """idf² · exp(−h² / σ²), over the root of the image's length."""

    def __init__(self, options: ScoringOptions, facts: CollectionFacts) -> None:
        super().__init__(options, facts)
        share = facts.word_share
        self._squared_idf = np.log(np.where(share > 0, share, 1.0)) ** 2
        self._gaussian = np.exp(-((np.arange(65) / options.sigma) ** 2))

    def weigh(
        self,
        words: npt.NDArray[np.integer],
        distances: npt.NDArray[np.uint8],
        slots: npt.NDArray[np.integer],
        false_alarms: npt.NDArray[np.float64],
    ) -> npt.NDArray[np.float64]:
        """(m,) idf² · exp(−h² / σ²) / √n_j."""
        length = np.maximum(self._facts.image_length[slots], 1)
        weight: npt.NDArray[np.float64] = (
            self._squared_idf[words] * self._gaussian[distances] / np.sqrt(length)
        )
        return weight
