"""How sure is it that merging a pair is right, and which pairs are sure enough?

The log-odds of a pair are those of pairs like the ones its judge was fitted on. Decisions of
people about this catalogue correct them by a line (Platt 1999),

    log-odds' = intercept + slope · log-odds,

the likeliest given the decisions and a prior that is worth `PRIOR_PAIRS` decided pairs which agree
with the log-odds as they are: three decisions change little, three hundred decide. As people look
at doubtful pairs first, the decided ones are no fair sample. The line is not hurt by that as far as
the choice went by the log-odds: it is fitted to what is so given them. It is by people who record
only what they find wrong; and an observed precision holds for the pairs that were decided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.dedup.records import JudgedPair, Relation, Verdict
from kpsearch.errors import UsageError

if TYPE_CHECKING:
    import numpy.typing as npt

PRIOR_PAIRS = 100.0
"""Decided pairs that the prior is worth."""
_PRIOR_AT = np.linspace(-6.0, 6.0, 13)
"""Log-odds that they are spread over."""
LEAST_SLOPE = 0.1
"""A surer pair stays the surer, whatever was decided."""
_FURTHEST = 30.0
"""Log-odds beyond are as good as certain; a decision against them must not outweigh all others."""
_STEPS = 100
_CLOSE = 1e-10


@dataclass(frozen=True, slots=True)
class Calibration:
    """A line from log-odds to log-odds; by default every pair keeps its own."""

    intercept: float = 0.0
    slope: float = 1.0
    """Positive."""
    decisions: int = 0
    """How many decided pairs it was fitted to."""

    def log_odds(self, raw: float) -> float:
        """The log-odds of a pair, calibrated."""
        return self.intercept + self.slope * raw

    def applied(self, pairs: Sequence[JudgedPair]) -> list[JudgedPair]:
        """The pairs with calibrated log-odds; what needs no judge keeps its own."""
        if (self.intercept, self.slope) == (0.0, 1.0):
            return list(pairs)
        return [
            replace(pair, log_odds=self.log_odds(pair.log_odds)) if _is_judged(pair) else pair
            for pair in pairs
        ]


def _is_judged(pair: JudgedPair) -> bool:
    """Whether its log-odds are a judge's opinion, which can be wrong."""
    return pair.found and pair.relation not in (Relation.EXACT, Relation.INSUFFICIENT)


def refit(pairs: Sequence[JudgedPair]) -> Calibration:
    """The calibration that the decided ones among ``pairs`` ask for, whatever their order.

    The pairs have the log-odds of the judge. Maximum a posteriori by Newton's method: the prior
    enters as `PRIOR_PAIRS` pairs whose outcomes are as their log-odds say, so that the identity is
    the likeliest line where nothing, or nothing else, was decided.
    """
    decided = sorted(
        (pair.log_odds, pair.verdict is Verdict.SAME)
        for pair in pairs
        if pair.verdict is not None and _is_judged(pair)
    )
    if not decided:
        return Calibration()
    odds, right = np.array(decided, np.float64).T
    x = np.concatenate([_PRIOR_AT, odds.clip(-_FURTHEST, _FURTHEST)])
    y = np.concatenate([_probability(_PRIOR_AT), right])
    weight = np.ones(len(x))
    weight[: len(_PRIOR_AT)] = PRIOR_PAIRS / len(_PRIOR_AT)
    line = _fit(np.column_stack([np.ones(len(x)), x]), y, weight, start=np.array([0.0, 1.0]))
    if line[1] < LEAST_SLOPE:  # the loss is convex: its least is on the border
        steps = (np.ones((len(x), 1)), y, weight)
        line = np.array([*_fit(*steps, start=np.zeros(1), offset=LEAST_SLOPE * x), LEAST_SLOPE])
    return Calibration(float(line[0]), float(line[1]), len(decided))


def _fit(
    design: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    weight: npt.NDArray[np.float64],
    *,
    start: npt.NDArray[np.float64],
    offset: npt.NDArray[np.float64] | float = 0.0,
) -> npt.NDArray[np.float64]:
    """The coefficients of least weighted logistic loss, by Newton steps that are halved if need be.

    Outcomes ``y`` (n,) in [0, 1] for (n, k) figures.
    """

    def loss(theta: npt.NDArray[np.float64]) -> float:
        z = offset + design @ theta
        return float(weight @ (np.logaddexp(0, z) - y * z))

    theta, least = start, loss(start)
    for _ in range(_STEPS):
        p = _probability(offset + design @ theta)
        gradient = design.T @ (weight * (p - y))
        curvature = (design.T * (weight * p * (1 - p))) @ design
        step = np.linalg.solve(curvature, gradient)
        while loss(theta - step) > least and np.abs(step).max() > _CLOSE:
            step = step / 2
        if np.abs(step).max() <= _CLOSE:
            break
        theta = theta - step
        least = loss(theta)
    return theta


def _probability(log_odds: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(np.exp(-np.logaddexp(0, -log_odds)))


@dataclass(frozen=True, slots=True)
class Observed:
    """What people decided of the pairs that are accepted, had they not been decided."""

    decided: int
    right: int
    """Those decided to be the same."""

    @property
    def precision(self) -> float:
        """Share of the decided ones that are right; 1 where none was decided."""
        return self.right / self.decided if self.decided else 1.0

    @property
    def interval(self) -> tuple[float, float]:
        """Of the precision, at 95% confidence (Clopper & Pearson 1934); (0, 1) for no decision."""
        from scipy.special import betaincinv

        wrong = self.decided - self.right
        low = betaincinv(self.right, wrong + 1, 0.025) if self.right else 0.0
        high = betaincinv(self.right + 1, wrong, 0.975) if wrong else 1.0
        return float(low), float(high)


@dataclass(frozen=True, slots=True, eq=False)
class Acceptance:
    """Which pairs are merged, and what is known of how many of them are right."""

    accepted: npt.NDArray[np.bool_]
    """(pairs,)"""
    threshold: float
    """Log-odds of the least sure pair that the judge's word is taken for; inf where it is for
    none."""
    expected_precision: float
    """Mean probability of those pairs; 1 where there are none."""
    observed: Observed


def require_precision(precision: float) -> float:
    """``precision`` if it can be aimed at; raises `UsageError`."""
    if not 0.5 < precision < 1:
        raise UsageError(
            f"a precision of {precision:g} cannot be aimed at; give it between 0.5 and 1"
        )
    return precision


def accept(pairs: Sequence[JudgedPair], precision: float) -> Acceptance:
    """The pairs to merge so that a share ``precision`` of them is expected to be right.

    Of the pairs whose relation merges, the surest are taken while their mean probability is no
    less, and while merging is likelier right than wrong; pairs that are equally sure are taken or
    left together. What was decided of a pair comes after, and moves the threshold by `refit` alone.
    Exact copies are always taken and count for nothing here: they would pay for doubtful pairs.
    Raises `UsageError` for a precision outside of (0.5, 1).
    """
    require_precision(precision)
    log_odds = np.array([pair.log_odds for pair in pairs], np.float64)
    merging = np.array([pair.relation.merges for pair in pairs], bool)
    judged = np.array([_is_judged(pair) for pair in pairs], bool) & merging
    decided = np.array([pair.verdict is not None for pair in pairs], bool)
    same = np.array([pair.verdict is Verdict.SAME for pair in pairs], bool)
    threshold = _threshold(log_odds[judged], precision)
    above = judged & (log_odds >= threshold)
    return Acceptance(
        accepted=same | ((above | (merging & ~judged)) & ~decided),
        threshold=threshold,
        expected_precision=float(_probability(log_odds[above]).mean()) if above.any() else 1.0,
        observed=Observed(int((above & decided).sum()), int((above & same).sum())),
    )


def _threshold(log_odds: npt.NDArray[np.float64], precision: float) -> float:
    """The least log-odds, not below 0, above which the mean probability is ``precision``."""
    values, counts = np.unique(log_odds[log_odds >= 0], return_counts=True)
    values, counts = values[::-1], counts[::-1]
    mean = np.cumsum(_probability(values) * counts) / np.cumsum(counts)
    enough = np.flatnonzero(mean >= precision)
    return float(values[enough[-1]]) if len(enough) else inf
