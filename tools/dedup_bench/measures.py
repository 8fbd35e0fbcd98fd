"""How good a ranking of pairs is: all pairs of all pictures of a set in one list."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dedup_bench.labelled import LabelledSet
from kpsearch.evaluation import micro_average_precision, recall_at_precision

PRECISIONS = (0.9, 0.99)
"""That recall is measured at."""


@dataclass(frozen=True, slots=True, eq=False)
class ScoredPairs:
    """Pairs of a set that a method has an opinion of, each once."""

    keys: npt.NDArray[np.int64]
    """(m,) as `LabelledSet.keys_of` makes them."""
    scores: npt.NDArray[np.float64]
    """(m,) the surer that merging is right, the higher."""

    def without(self, keys: npt.NDArray[np.int64]) -> ScoredPairs:
        """All but the pairs of these keys."""
        kept = ~np.isin(self.keys, keys)
        return ScoredPairs(self.keys[kept], self.scores[kept])

    def of(self, keys: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """The scores of some pairs; -inf for those without an opinion."""
        order = np.argsort(self.keys, kind="stable")
        place = np.searchsorted(self.keys, keys, sorter=order)
        found = np.full(len(keys), -np.inf)
        inside = np.flatnonzero(place < len(self.keys))
        rows = order[place[inside]]
        same = self.keys[rows] == keys[inside]
        found[inside[same]] = self.scores[rows[same]]
        return found


@dataclass(frozen=True, slots=True)
class Ranking:
    """How well the scores of a method tell pairs to merge from all others."""

    micro_ap: float
    recall: tuple[float, ...]
    """At each of `PRECISIONS`, over all pairs to merge."""
    thresholds: tuple[float, ...]
    """The scores from which that is so; inf where no threshold is precise enough."""


def ranking(truth: LabelledSet, scored: ScoredPairs) -> Ranking:
    """Of a method on a set; what the truth ignores is left out, what was not found is missed."""
    judged = scored.without(truth.keys[truth.ignored])
    right = np.isin(judged.keys, truth.keys[truth.merging])
    total = int(truth.merging.sum())
    recalls = [
        recall_at_precision(judged.scores, right, n_positive=total, precision=precision)
        for precision in PRECISIONS
    ]
    falling = np.sort(judged.scores[right])[::-1]
    thresholds = [falling[round(recall * total) - 1] if recall else np.inf for recall in recalls]
    return Ranking(
        micro_average_precision(judged.scores, right, n_positive=total),
        tuple(recalls),
        tuple(map(float, thresholds)),
    )
