"""How near two unrelated descriptors of one word come by chance.

The weight of a match rests on this (`kpsearch.scoring.likelihood`). It is measured on the training
descriptors themselves, so it holds for any extractor and any vocabulary size.
"""

from __future__ import annotations

from math import erfc, sqrt
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.vocabulary.embedding import BITS, Embedding

if TYPE_CHECKING:
    import numpy.typing as npt

SAMPLED_PAIRS = 200_000
FEWEST_PAIRS = 1000
"""Below this the distances of random bits are assumed: mean 32, deviation 4."""


def chance_of_distance(
    embedding: Embedding,
    descriptors: npt.NDArray[np.uint8],
    word: npt.NDArray[np.uint32],
    rng: np.random.Generator,
) -> npt.NDArray[np.float64]:
    """(65,) P(H ≤ h) for two random descriptors of a word, as a normal distribution.

    The sample contains true matches too (the same thing in two pictures), all of them at small
    distances: so the spread is taken from the median upwards, and the lower tail by symmetry.
    """
    order = np.argsort(word, kind="stable")
    one = rng.integers(0, len(order), SAMPLED_PAIRS)
    first = np.searchsorted(word[order], word[order[one]], side="left")
    last = np.searchsorted(word[order], word[order[one]], side="right")
    other = first + (rng.random(SAMPLED_PAIRS) * (last - first)).astype(np.int64)
    a, b = order[one[other != one]], order[other[other != one]]
    signatures = [
        np.concatenate(
            [
                embedding.signatures(descriptors[rows], word[rows, None])[:, 0]
                for rows in np.array_split(side, max(1, len(side) // 16384))
            ]
        )
        for side in (a, b)
    ]
    return normal_tail(*_centre_and_spread(np.bitwise_count(signatures[0] ^ signatures[1])))


def _centre_and_spread(distances: npt.NDArray[np.uint8]) -> tuple[float, float]:
    if len(distances) < FEWEST_PAIRS:
        return BITS / 2, sqrt(BITS) / 2
    share = np.cumsum(np.bincount(distances, minlength=BITS + 1)) / len(distances)
    centre, upper = np.interp([0.5, 0.841345], share, np.arange(BITS + 1) + 0.5)
    return float(centre), max(float(upper - centre), sqrt(BITS) / 2)


def normal_tail(centre: float, spread: float) -> npt.NDArray[np.float64]:
    """(65,) P(H ≤ h) of a normal distribution, with the half-step for whole distances."""
    return np.array(
        [0.5 * erfc((centre - h - 0.5) / (spread * sqrt(2.0))) for h in range(BITS + 1)]
    )
