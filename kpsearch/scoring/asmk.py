"""ASMK*: aggregated selective match kernel with binary signatures.

Tolias, Avrithis & Jégou, To aggregate or not to aggregate, 2013. All keypoints that an image has
in a word count as one: their residuals are summed and the sum is binarised, so that a pattern
repeated a hundred times has one vote. Two images are as similar as

    K(X, Y) = γ(X) γ(Y) Σ_w idf_w² · σ(u(X_w, Y_w)),   u = 1 − 2h / 64

over the words they share, with h the Hamming distance of the aggregates and the selectivity
σ(u) = sign(u) |u|^α where u > τ, else 0. γ makes K(X, X) = 1. As in the authors' code, idf_w is
log(N / N_w), of N images N_w with the word, so that γ(X) is one over the root of the sum of
idf_w² over the words of X; and with several words looked up for each of its keypoints, the query
has an aggregate in each of them. In a collection of one image every idf is 0, and so is every
score.

The paper sums real-valued residuals. An index has their signs alone, a signature a keypoint,
because verification needs keypoints one by one and rankings with other scorers their distances:
the aggregate here is the majority of the signs, bit by bit, and a tie goes to the keypoint that
comes first. For one keypoint in a word, most of them, it is the same; for two, it is the first.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.scoring.aggregation import aggregate_words, majority
from kpsearch.scoring.likelihood import Likelihood

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.options import ScoringOptions
    from kpsearch.scoring.collection import CollectionFacts
    from kpsearch.scoring.scorer import Votes
    from kpsearch.types import Words

BITS = 64


class Asmk(Likelihood):
    """K(X, Y) of the query and each image; matches weigh, for verification, their likelihood.

    Bursts are what aggregation is about, so the option ``burstiness`` has nothing to add.
    """

    def __init__(self, options: ScoringOptions, facts: CollectionFacts) -> None:
        super().__init__(options, facts)
        self._selectivity = selectivity(options.alpha, options.similarity_threshold)

    @cached_property
    def _squared_idf(self) -> npt.NDArray[np.float64]:
        """(k,) idf²; 0 for a word that no image has."""
        containing = self._facts.image_frequency
        rarity = self._facts.images / np.maximum(containing, 1)
        return np.where(containing > 0, np.log(np.maximum(rarity, 1.0)) ** 2, 0.0)

    @cached_property
    def _norm(self) -> npt.NDArray[np.float64]:
        """(slots,) 1 / γ of each image. Reads every posting list, once."""
        total = np.zeros(self._facts.slots)
        for block in self._facts.postings(self._facts.all_words()):
            first = block.image_starts()
            # One by one, by rising word: the same sum wherever a block ends.
            np.add.at(total, block.slot[first], self._squared_idf[block.word[first]])
        return np.asarray(np.sqrt(total))

    def score(self, votes: Votes, words: Words) -> npt.NDArray[np.float64]:
        """(slots,) K of the query and each image; ``votes`` are not asked."""
        asked, signatures = aggregate_words(words)
        total = np.zeros(self._facts.slots)
        for block in self._facts.postings(asked):
            first = block.image_starts()
            word = block.word[first]
            differing = majority(block.signature, first) ^ signatures[np.searchsorted(asked, word)]
            similar = self._selectivity[np.bitwise_count(differing)]
            np.add.at(total, block.slot[first], self._squared_idf[word] * similar)
        norm = self._norm * np.sqrt(self._squared_idf[asked].sum())
        return np.asarray(np.divide(total, norm, out=np.zeros_like(total), where=norm > 0))


def selectivity(alpha: float, threshold: float) -> npt.NDArray[np.float64]:
    """(65,) σ(u) for each Hamming distance, with a ``threshold`` τ of at least 0."""
    similar = 1.0 - 2.0 * np.arange(BITS + 1) / BITS
    return np.where(similar > threshold, np.abs(similar) ** alpha, 0.0)
