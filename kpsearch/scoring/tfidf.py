"""tf-idf over visual words: every posting of a looked-up word is a match, near or far.

Sivic & Zisserman 2003. It is Hamming embedding with a Gaussian of infinite width.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kpsearch.scoring.hamming import HammingGaussian

if TYPE_CHECKING:
    from kpsearch.options import ScoringOptions
    from kpsearch.scoring.collection import CollectionFacts


class TfIdf(HammingGaussian):
    """idf² / √n_j."""

    def __init__(self, options: ScoringOptions, facts: CollectionFacts) -> None:
        super().__init__(options, facts)
        self.hamming_threshold = 64
        self._gaussian = np.ones(65)
