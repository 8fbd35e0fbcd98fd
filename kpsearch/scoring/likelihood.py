"""The default: how surprising is a match between a query keypoint and a posting?

A keypoint looked up in word w of an image with n_j keypoints meets by chance

    E = (F_w / n) · n_j · P(H ≤ h)

postings as near as distance h: F_w of the collection's n keypoints carry the word, and P is the
chance of such a distance, measured on the vocabulary's training set. Against a prior ρ that the
image shows this very keypoint, the weight is the evidence log(1 + ρ / E). It does in one term
what inverse document frequency, a Gaussian of the distance and a norm by image length do in
three: rare words, small distances and short images surprise more. That E counts expected
false alarms is the a-contrario reasoning of Desolneux, Moisan & Morel (2000). A keypoint that
recurs all over the collection raises its own E (`kpsearch.scoring.recurrence`).

The other scorers are the published steps on the way, kept to be measured against.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kpsearch.scoring.burstiness import BURSTINESS, Total

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.options import ScoringOptions
    from kpsearch.scoring.collection import CollectionFacts
    from kpsearch.scoring.scorer import Votes
    from kpsearch.types import Words

SMALLEST = 1e-300
"""Keeps E above 0, where nothing is expected at all."""


class Likelihood:
    """log(1 + ρ / E) of each match, summed with bursts discounted."""

    def __init__(self, options: ScoringOptions, facts: CollectionFacts) -> None:
        self.hamming_threshold = options.hamming_threshold
        self._prior = options.prior
        self._facts = facts
        self._word_share = facts.word_share
        self._total: Total = BURSTINESS.resolve(options.burstiness)

    def false_alarms(
        self,
        words: npt.NDArray[np.integer],
        distances: npt.NDArray[np.uint8],
        slots: npt.NDArray[np.integer],
    ) -> npt.NDArray[np.float64]:
        """(m,) E of each match, as defined at the top of this file."""
        expected = self._word_share[words]
        expected *= self._facts.image_length[slots]
        expected *= self._facts.chance[distances]
        return np.asarray(np.maximum(expected, SMALLEST))

    def weigh(
        self,
        words: npt.NDArray[np.integer],
        distances: npt.NDArray[np.uint8],
        slots: npt.NDArray[np.integer],
        false_alarms: npt.NDArray[np.float64],
    ) -> npt.NDArray[np.float64]:
        """(m,) log(1 + ρ / E)."""
        odds = self._prior / false_alarms
        return np.log1p(odds, out=odds)

    def score(self, votes: Votes, words: Words) -> npt.NDArray[np.float64]:
        """(slots,) the votes of each image, bursts discounted as the options say."""
        return self._total(votes, self._facts.slots)
