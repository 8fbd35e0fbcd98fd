"""How often a keypoint of the query recurs in the collection, beyond what chance explains.

Some keypoints match everywhere: corners of letters, dots of a halftone, the rim of a frame. The
chance of a distance (`kpsearch.vocabulary.chance`) is that of an average pair of descriptors, and
is too low for them. But the query itself tells: it has been compared with c postings, c · P(H ≤ h)
of which should be as near as h, and s are. The factor s / (1 + c · P(H ≤ h)), where it is above
1, multiplies the false alarms to expect of every such match. It is the burstiness between images
of Jégou, Douze & Schmid 2009, §4.3, as a count of false alarms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.scoring.collection import CollectionFacts
    from kpsearch.types import Words

DISTANCES = 65


def recurrence(
    query: npt.NDArray[np.intp],
    distance: npt.NDArray[np.uint8],
    words: Words,
    facts: CollectionFacts,
    threshold: int,
) -> npt.NDArray[np.float64]:
    """(n, 65) the factor, at least 1, for each keypoint of the query and each distance.

    ``query`` and ``distance`` are those of all m matches within ``threshold`` in the collection,
    for n keypoints looked up in ``words``. Beyond the threshold, the factor is the one at it.
    """
    n = len(words)
    key = query * DISTANCES + distance
    seen = np.bincount(key, minlength=n * DISTANCES).reshape(n, DISTANCES).cumsum(axis=1)
    compared = facts.word_frequency[words.ids].sum(axis=1)
    factor = np.maximum(seen / (1.0 + compared[:, None] * facts.chance), 1.0)
    factor[:, threshold + 1 :] = factor[:, threshold, None]
    return np.asarray(factor)
