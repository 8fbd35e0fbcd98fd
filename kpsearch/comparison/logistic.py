"""A logistic curve between a floor and a ceiling, fitted by maximum likelihood."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_RIDGE = 1e-4
"""Keeps the slopes finite where a figure separates the outcomes."""
_LEAST_LOG_ODDS = -16.0
"""Of the floor, and of the ceiling's distance from 1."""
_LOWEST_CEILING = -1.0
"""Log-odds: more than a quarter of the sure cases going wrong is no lapse."""


@dataclass(frozen=True, slots=True, eq=False)
class LogisticCurve:
    """P(y | x) = floor + (1 − floor − lapse) · σ(intercept + x · slopes).

    The four-parameter logistic of psychometrics: however low the figures, some cases still
    succeed, and however high, some fail. Without that, a straight line in log-odds goes on into
    certainty on either side, where no case has ever been.
    """

    intercept: float
    slopes: npt.NDArray[np.float64]
    """(k,), never negative."""
    floor: float
    lapse: float

    def log_odds(self, x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """(n,), of (n, k) figures."""
        step = _sigmoid(self.intercept + x @ self.slopes)
        p = self.floor + (1 - self.floor - self.lapse) * step
        return np.asarray(np.log(p) - np.log1p(-p))


def fit_curve(x: npt.NDArray[np.float64], y: npt.NDArray[np.bool_]) -> LogisticCurve:
    """The likeliest curve for (n, k) figures and (n,) outcomes, of which there are both."""
    from scipy.optimize import minimize

    columns = x.shape[1]
    shift, scale = x.mean(axis=0), x.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    likelihood = _Likelihood(np.column_stack([np.ones(len(x)), (x - shift) / scale]), y)
    rare = min(math.log(y.mean() / (1 - y.mean())), -_LOWEST_CEILING)
    theta = minimize(
        likelihood,
        np.array([rare, *[1.0] * columns, rare - 2, -4.0]),
        jac=True,
        method="L-BFGS-B",
        bounds=[
            (None, None),
            *[(0, None)] * columns,
            (_LEAST_LOG_ODDS, max(rare, _LEAST_LOG_ODDS)),
            (_LEAST_LOG_ODDS, _LOWEST_CEILING),
        ],
    ).x
    slopes = theta[1:-2] / scale
    floor, lapse = _sigmoid(theta[-2:]).tolist()
    return LogisticCurve(float(theta[0] - shift @ slopes), slopes, floor, lapse)


@dataclass(frozen=True, slots=True, eq=False)
class _Likelihood:
    """Mean negative log-likelihood, and its gradient, of (intercept, slopes, floor, lapse).

    The last two by their log-odds.
    """

    design: npt.NDArray[np.float64]
    """(n, 1 + k), a column of ones first."""
    outcomes: npt.NDArray[np.bool_]

    def __call__(self, theta: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        floor, lapse = _sigmoid(theta[-2:])
        step = _sigmoid(self.design @ theta[:-2])
        p = floor + (1 - floor - lapse) * step
        by_p = (p - self.outcomes) / (p * (1 - p)) / len(p)
        by_step = by_p * (1 - floor - lapse) * step * (1 - step)
        by_floor = by_p @ (1 - step) * floor * (1 - floor)
        by_lapse = -by_p @ step * lapse * (1 - lapse)
        pull = np.concatenate([[0.0], theta[1:-2] * _RIDGE, [0.0, 0.0]])
        loss = -np.log(np.where(self.outcomes, p, 1 - p)).mean() + pull @ theta / 2
        return float(loss), np.concatenate([by_step @ self.design, [by_floor, by_lapse]]) + pull


def _sigmoid(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(np.exp(-np.logaddexp(0, -x)))
