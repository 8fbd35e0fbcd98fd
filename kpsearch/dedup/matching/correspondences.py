"""Tentative correspondences of two indexed pictures: keypoints of one word, near in signature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.geometry import Correspondences, Frames, one_to_one
from kpsearch.scoring import hamming_matches

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from kpsearch.dedup.matching.points import Points
    from kpsearch.scoring import CollectionFacts

SMALLEST = 1e-300
"""Keeps the false alarms above 0, where none is expected at all."""


@dataclass(frozen=True, slots=True, eq=False)
class Joined:
    """m pairs of keypoints of pictures a and b that have a word in common."""

    a: npt.NDArray[np.integer]
    """Number of the keypoint within its picture."""
    b: npt.NDArray[np.integer]
    word: npt.NDArray[np.uint32]
    distance: npt.NDArray[np.uint8]

    @classmethod
    def together(cls, parts: Sequence[Joined]) -> Joined:
        """All pairs of all parts."""
        names = ("a", "b", "word", "distance")
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def join(a: Points, b: Points, threshold: int) -> Joined:
    """All pairs of keypoints with the same word and signatures within ``threshold`` bits."""
    order = np.argsort(b.words, kind="stable")
    held = b.words[order]
    start, stop = (np.searchsorted(held, a.words, side=side) for side in ("left", "right"))
    found = hamming_matches(b.signatures[order], start, stop, a.signatures, threshold)
    return Joined(
        a.numbers[found.lists],
        b.numbers[order[found.postings]],
        a.words[found.lists],
        found.distances,
    )


def correspond(
    joined: Joined, a: Frames, b: Frames, facts: CollectionFacts, prior: float
) -> Correspondences:
    """The pairs made one to one, weighed by how hardly chance would give them.

    See `kpsearch.scoring.likelihood`; ``a`` and ``b`` are the frames of all keypoints of the
    pictures.
    """
    share = facts.word_share[joined.word]
    alarms = np.maximum(share * len(b) * facts.chance[joined.distance], SMALLEST)
    weight = np.log1p(prior / alarms)
    kept = one_to_one(np.zeros(len(weight), np.int64), joined.a, joined.b, weight)
    return Correspondences(
        a.take(joined.a[kept]), b.take(joined.b[kept]), weight[kept], alarms[kept]
    )
