"""Fusion by calibrated scores: what each run's score is worth in log-odds, summed over the runs.

Scores of two systems have no common scale. Each run on its own, whether a hit is relevant is fitted
by a logistic curve (as Platt 1999 did for classifiers) in two figures of its score: how far it is
above what wrong hits usually get, and above what *this* query's other hits get. The first knows a
good score, the second that some queries give high scores to everything. Both are on the scale
arsinh, linear near the background and logarithmic far above: scores that count matches have a long
tail. The curve has a floor: a hit that one system thinks nothing of may be the very one that it is
blind to, and must not lose more than that is worth.

The truth is used only across queries: they are split into folds, the queries of one instance in one
fold, and each fold is fused by what the others teach.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from operator import not_

import numpy as np
import numpy.typing as npt

from kpsearch.comparison.instances import instance_key
from kpsearch.comparison.logistic import LogisticCurve, fit_curve
from kpsearch.comparison.runs import Ranking, Run
from kpsearch.errors import UsageError
from kpsearch.evaluation import Truth, TruthRow

FOLDS = 5
_TAUGHT_HITS = 200
"""Of a ranking, those that the curve is fitted to: further down it is at its floor."""
_FOREGROUND = 10
"""Hits at the top that may be relevant: those below are the query's background."""
_LEAST_BACKGROUND = 5
_LEAST_SPREAD = 0.1
"""Of a query's background, as a share of the usual one of the run."""


@dataclass(frozen=True, slots=True)
class Background:
    """The scores of hits that are most likely wrong."""

    centre: float
    """Their median."""
    spread: float
    """Their mean distance from it; above 0."""

    def above(self, scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """How far (n,) scores are above it, in spreads: linear up to one, then logarithmic."""
        return np.asarray(np.arcsinh((scores - self.centre) / self.spread))


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """The log-odds of a hit of one run being relevant, given its score."""

    usual: Background
    """Of the run."""
    curve: LogisticCurve
    unseen: float
    """Log-odds of a picture that the run does not return."""

    def log_odds(self, scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Of one query's hits, from their (n,) scores, best first; never rising."""
        return self.curve.log_odds(_figures(scores, self.usual))


def calibrated_rankings(runs: Sequence[Run], truth: Truth, seed: int) -> dict[str, Ranking]:
    """The rankings by summed log-odds, for every query of the truth that a run has.

    A picture that a run does not return gets from it the log-odds of the last one it does, or
    those of pictures that it leaves out in general, whichever are less; from a run without a hit,
    0. Equal sums are in the order of the first run. Raises `UsageError` for less than two
    instances with an answer, and for a run without relevant or without other hits.
    """
    fused: dict[str, Ranking] = {}
    for taught, asked in _folds(truth, seed):
        calibrations = [fit_calibration(run, truth, taught) for run in runs]
        for row in asked:
            rankings = [run.rankings.get(row.query_id, ()) for run in runs]
            if any(rankings):
                fused[row.query_id] = _summed(rankings, calibrations)
    return fused


def fit_calibration(run: Run, truth: Truth, queries: Sequence[TruthRow]) -> Calibration:
    """What the hits of ``run`` for ``queries`` teach about its scores.

    Those for a query of nothing in the catalogue are all wrong, and teach that.
    """
    counted = [(row, _without_junk(run, truth, row)) for row in queries]
    taught = [(row, ranking) for row, ranking in counted if ranking]
    scores = [_scores(ranking) for _, ranking in taught]
    usual = _usual_background(scores)
    figures = [np.empty((0, 2)), *(_figures(one, usual)[:_TAUGHT_HITS] for one in scores)]
    relevant = [
        path in right
        for right, ranking in ((truth.relevant(row), ranking) for row, ranking in taught)
        for path, _ in ranking[:_TAUGHT_HITS]
    ]
    if all(relevant) or not any(relevant):
        raise UsageError(
            f"{run.name}: no {'wrong' if any(relevant) else 'relevant'} hit to calibrate its"
            " scores by; fuse by rank (:rrf)"
        )
    curve = fit_curve(np.concatenate(figures), np.array(relevant))
    return Calibration(usual, curve, _unseen_log_odds(taught, truth))


def _without_junk(run: Run, truth: Truth, row: TruthRow) -> Ranking:
    """Pictures that are neither right nor wrong teach nothing."""
    junk = truth.ignored(row)
    return tuple(hit for hit in run.rankings.get(row.query_id, ()) if hit[0] not in junk)


def _folds(truth: Truth, seed: int) -> Iterator[tuple[list[TruthRow], list[TruthRow]]]:
    """The queries to learn from, and those to fuse; each query is fused once."""
    queries = truth.queries()
    instances = sorted({instance_key(row) for row in queries})
    answered = {instance_key(row) for row in queries if truth.relevant(row)}
    folds = min(FOLDS, len(answered))
    if folds < 2:
        raise UsageError(
            "calibrated fusion needs queries of two instances or more that are in the catalogue;"
            " fuse by :rrf"
        )
    shuffled = np.random.default_rng(seed).permutation(len(instances)).tolist()
    # Those with an answer first, so that every fold has some of them to learn from.
    order = sorted((instances[at] for at in shuffled), key=lambda key: key not in answered)
    fold_of = {instance: place % folds for place, instance in enumerate(order)}
    for fold in range(folds):
        asked = [fold_of[instance_key(row)] == fold for row in queries]
        yield list(compress(queries, map(not_, asked))), list(compress(queries, asked))


def _summed(rankings: Sequence[Ranking], calibrations: Sequence[Calibration]) -> Ranking:
    sums = dict.fromkeys((path for ranking in rankings for path, _ in ranking), 0.0)
    for ranking, calibration in zip(rankings, calibrations, strict=True):
        if not ranking:
            continue
        worth = calibration.log_odds(_scores(ranking)).tolist()
        known = dict(zip((path for path, _ in ranking), worth, strict=True))
        otherwise = min(worth[-1], calibration.unseen)
        for path in sums:
            sums[path] += known.get(path, otherwise)
    return tuple(sorted(sums.items(), key=lambda hit: -hit[1]))


def _figures(scores: npt.NDArray[np.float64], usual: Background) -> npt.NDArray[np.float64]:
    """(n, 2): how far the scores are above the run's background and the query's own."""
    own, background = usual, scores[_FOREGROUND:]
    if len(background) >= _LEAST_BACKGROUND:
        centre, spread = _background(background)
        own = Background(centre, max(spread, _LEAST_SPREAD * usual.spread))
    return np.stack([usual.above(scores), own.above(scores)], axis=1)


def _usual_background(rankings: Sequence[npt.NDArray[np.float64]]) -> Background:
    """Medians over the queries; of all scores together where no query has a background."""
    own = [s[_FOREGROUND:] for s in rankings if len(s) >= _FOREGROUND + _LEAST_BACKGROUND]
    pairs = [_background(s) for s in own or [np.concatenate([*rankings, np.zeros(0)])] if len(s)]
    centre, spread = np.median(pairs, axis=0) if pairs else (0.0, 0.0)
    return Background(float(centre), float(spread) or 1.0)


def _background(scores: npt.NDArray[np.float64]) -> tuple[float, float]:
    centre = float(np.median(scores))
    return centre, float(np.abs(scores - centre).mean())


def _unseen_log_odds(taught: Sequence[tuple[TruthRow, Ranking]], truth: Truth) -> float:
    """Of a reference that a query did not return being relevant, half a case added to each side."""
    catalogue = len(truth.references())
    missed, left_out = 0.5, 0.5
    for row, ranking in taught:
        right = truth.relevant(row)
        lost = len(right) - sum(path in right for path, _ in ranking)
        missed += lost
        left_out += max(0, catalogue - row.is_reference - len(ranking) - lost)
    return math.log(missed / left_out)


def _scores(ranking: Ranking) -> npt.NDArray[np.float64]:
    return np.array([score for _, score in ranking], np.float64)
