"""Curves of a run: precision over recall, and how much is found by which rank."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kpsearch.comparison.measures import Judged
from kpsearch.comparison.runs import Run
from kpsearch.evaluation import Truth

RECALL_LEVELS = np.linspace(0, 1, 101)
LAST_RANK = 100

Curve = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]
"""x, rising, and y, of the same length."""


def precision_over_recall(judged: Sequence[Judged]) -> Curve:
    """The mean over queries of precision at `RECALL_LEVELS`, interpolated as by TREC.

    At a level of recall a query has the best precision that it has at that recall or a higher one,
    and 0 where it never gets there.
    """
    total = np.zeros(len(RECALL_LEVELS))
    for one in judged:
        found = np.arange(1, len(one.positions) + 1)
        precision = found / (np.array(one.positions, np.float64) + 1)
        best = np.maximum.accumulate(precision[::-1])[::-1]
        # The fewest relevant pictures that make each level of recall; 0 needs one, as 0.01 does.
        needed = np.maximum(np.ceil(RECALL_LEVELS * one.n_relevant - 1e-9).astype(int), 1)
        total += np.append(best, np.zeros(one.n_relevant - len(best)))[needed - 1]
    return RECALL_LEVELS, total / len(judged)


def precision_by_threshold(run: Run, truth: Truth) -> Curve:
    """Recall and precision of the hits of all queries above one threshold on the score.

    A point a threshold, falling. Queries without an answer in the catalogue take part: any hit of
    theirs is wrong. Hits of equal score come in together. Empty for a run without hits.
    """
    scores, right = _pooled(run, truth)
    order = np.argsort(-scores, kind="stable")
    found = np.cumsum(right[order])
    last_of_score = np.append(np.diff(scores[order]) != 0, True)[: len(order)]
    steps = np.flatnonzero(last_of_score)
    wanted = sum(len(truth.relevant(row)) for row in truth.queries())
    return found[steps] / max(wanted, 1), found[steps] / (steps + 1)


def found_by_rank(judged: Sequence[Judged]) -> Curve:
    """The share of queries with a relevant picture among the first k, for k to `LAST_RANK`."""
    first = np.array([one.positions[0] if one.positions else LAST_RANK for one in judged])
    ranks = np.arange(1, LAST_RANK + 1)
    return ranks.astype(np.float64), (first[None, :] < ranks[:, None]).mean(axis=1)


def _pooled(run: Run, truth: Truth) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    scores: list[float] = []
    right: list[bool] = []
    for row in truth.queries():
        relevant = truth.relevant(row)
        for path, score in run.rankings.get(row.path, ()):
            scores.append(score)
            right.append(path in relevant)
    return np.array(scores, np.float64), np.array(right, np.bool_)
