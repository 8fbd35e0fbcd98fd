"""The weight of one match between a query keypoint and a posting.

The default asks how surprising the match is. A keypoint looked up in word w of an image with n_j
keypoints meets by chance

    E = (F_w / n) · n_j · P(H ≤ h)

postings as near as distance h: F_w of the collection's n keypoints carry the word, and P is the
chance of such a distance, measured on the vocabulary's training set. Against a prior ρ that the
image shows this very keypoint, the weight is the evidence log(1 + ρ / E). It does in one term
what inverse document frequency, a Gaussian of the distance and a norm by image length do in
three: rare words, small distances and short images surprise more. That E counts expected
false alarms is the a-contrario reasoning of Desolneux, Moisan & Morel (2000).

The others are the published steps on the way, kept to be measured against: tf-idf (Sivic &
Zisserman 2003) and Hamming embedding with Gaussian weights (Jégou, Douze & Schmid 2008, 2009).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from kpsearch.registry import Registry

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.options import ScoringOptions

WEIGHTINGS = Registry(
    "weighting",
    {
        "likelihood": "kpsearch.scoring.weights:Likelihood",
        "hamming": "kpsearch.scoring.weights:HammingGaussian",
        "tfidf": "kpsearch.scoring.weights:TfIdf",
    },
)


SMALLEST = 1e-300
"""Keeps E above 0, where nothing is expected at all."""


@dataclass(frozen=True, slots=True, eq=False)
class CollectionFacts:
    """What weights depend on, besides the match itself. Counts are of live images."""

    word_frequency: npt.NDArray[np.int64]
    """(k,) keypoints with each word."""
    image_length: npt.NDArray[np.int64]
    """(slots,) keypoints of each image."""
    chance: npt.NDArray[np.float64]
    """(65,) P(H ≤ h) of two unrelated descriptors of one word."""
    images: int

    @property
    def keypoints(self) -> int:
        """In all live images."""
        return int(self.word_frequency.sum())


class Weighting(Protocol):
    """Turns matches into weights."""

    hamming_threshold: int
    """Postings farther than this are no matches; 64 keeps all."""

    def weigh(
        self,
        words: npt.NDArray[np.integer],
        distances: npt.NDArray[np.uint8],
        images: npt.NDArray[np.integer],
    ) -> npt.NDArray[np.float64]:
        """(m,) weight of each match, at least 0."""
        ...

    def false_alarms(
        self,
        words: npt.NDArray[np.integer],
        distances: npt.NDArray[np.uint8],
        images: npt.NDArray[np.integer],
    ) -> npt.NDArray[np.float64]:
        """(m,) E, the matches as good as each that chance would give."""
        ...


def expected_matches(
    facts: CollectionFacts,
    words: npt.NDArray[np.integer],
    distances: npt.NDArray[np.uint8],
    images: npt.NDArray[np.integer],
) -> npt.NDArray[np.float64]:
    """E of each match, as defined at the top of this file."""
    density = facts.word_frequency / max(facts.keypoints, 1)
    expected = density[words]
    expected *= facts.image_length[images]
    expected *= facts.chance[distances]
    return np.asarray(np.maximum(expected, SMALLEST))


class Likelihood:
    """log(1 + ρ / E): the default."""

    def __init__(self, options: ScoringOptions, facts: CollectionFacts) -> None:
        self.hamming_threshold = options.hamming_threshold
        self._prior = options.prior
        self._facts = facts

    def false_alarms(
        self,
        words: npt.NDArray[np.integer],
        distances: npt.NDArray[np.uint8],
        images: npt.NDArray[np.integer],
    ) -> npt.NDArray[np.float64]:
        """(m,) E of each match."""
        return expected_matches(self._facts, words, distances, images)

    def weigh(
        self,
        words: npt.NDArray[np.integer],
        distances: npt.NDArray[np.uint8],
        images: npt.NDArray[np.integer],
    ) -> npt.NDArray[np.float64]:
        """(m,) log(1 + ρ / E)."""
        weight = self.false_alarms(words, distances, images)
        np.divide(self._prior, weight, out=weight)
        return np.log1p(weight, out=weight)


class HammingGaussian(Likelihood):
    """idf² · exp(−h² / σ²), over the root of the image's length; idf by collection frequency.

    Jégou, Douze & Schmid 2009, §3, with σ = 16.
    """

    def __init__(self, options: ScoringOptions, facts: CollectionFacts) -> None:
        super().__init__(options, facts)
        share = facts.word_frequency / max(facts.keypoints, 1)
        self._squared_idf = np.log(np.where(share > 0, share, 1.0)) ** 2
        self._gaussian = np.exp(-((np.arange(65) / options.sigma) ** 2))

    def weigh(
        self,
        words: npt.NDArray[np.integer],
        distances: npt.NDArray[np.uint8],
        images: npt.NDArray[np.integer],
    ) -> npt.NDArray[np.float64]:
        """(m,) idf² · exp(−h² / σ²) / √n_j."""
        length = np.maximum(self._facts.image_length[images], 1)
        weight: npt.NDArray[np.float64] = (
            self._squared_idf[words] * self._gaussian[distances] / np.sqrt(length)
        )
        return weight


class TfIdf(HammingGaussian):
    """idf² / √n_j for every posting of a looked-up word, near or far."""

    def __init__(self, options: ScoringOptions, facts: CollectionFacts) -> None:
        super().__init__(options, facts)
        self.hamming_threshold = 64
        self._gaussian = np.ones(65)
