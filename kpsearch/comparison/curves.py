"""Curves of a run: precision over recall, and how much is found by which rank."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kpsearch.evaluation import QueryOutcome
from kpsearch.evaluation.outcomes import pool_of

RECALL_LEVELS = np.linspace(0, 1, 101)
LAST_RANK = 100

Curve = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]
"""x, rising, and y, of the same length."""


def precision_over_recall(judged: Sequence[QueryOutcome]) -> Curve:
    """The mean over queries of precision at `RECALL_LEVELS`, interpolated as by TREC.

    Of the queries with something to find, here and in `found_by_rank`; there must be one.
    At a level of recall a query has the best precision that it has at that recall or a higher one,
    and 0 where it never gets there.
    """
    total = np.zeros(len(RECALL_LEVELS))
    answerable = [one for one in judged if one.n_relevant]
    for one in answerable:
        found = np.arange(1, len(one.relevant_positions) + 1)
        precision = found / (np.array(one.relevant_positions, np.float64) + 1)
        best = np.maximum.accumulate(precision[::-1])[::-1]
        # The fewest relevant pictures that make each level of recall; 0 needs one, as 0.01 does.
        needed = np.maximum(np.ceil(RECALL_LEVELS * one.n_relevant - 1e-9).astype(int), 1)
        total += np.append(best, np.zeros(one.n_relevant - len(best)))[needed - 1]
    return RECALL_LEVELS, total / len(answerable)


def precision_by_threshold(judged: Sequence[QueryOutcome]) -> Curve:
    """Recall and precision of the hits of all queries above one threshold on the score.

    A point a threshold, falling. Queries without an answer in the catalogue take part: any hit of
    theirs is wrong. Hits of equal score come in together. Empty for a run without hits.
    """
    pool = pool_of(judged, depth=None)
    if pool is None:
        return np.zeros(0), np.zeros(0)
    order = np.argsort(-pool.confidence, kind="stable")
    found = np.cumsum(pool.correct[order])
    last_of_score = np.append(np.diff(pool.confidence[order]) != 0, True)[: len(order)]
    steps = np.flatnonzero(last_of_score)
    return found[steps] / pool.n_positive, found[steps] / (steps + 1)


def found_by_rank(judged: Sequence[QueryOutcome]) -> Curve:
    """The share of queries with a relevant picture among the first k, for k to `LAST_RANK`."""
    positions = [one.relevant_positions for one in judged if one.n_relevant]
    first = np.array([found[0] if found else LAST_RANK for found in positions])
    ranks = np.arange(1, LAST_RANK + 1)
    return ranks.astype(np.float64), (first[None, :] < ranks[:, None]).mean(axis=1)
