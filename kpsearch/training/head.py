"""The last layer of a classifier: multinomial logistic regression where classes are best told.

Features are first projected to the discriminants of Fisher (1936): directions in which the means of
the classes differ most against the scatter within them, which is shrunk towards a multiple of the
identity (Friedman 1989, "Regularized Discriminant Analysis"), as there are more features than
pictures. What pictures of one class differ in (light, background, distance) counts little then,
which the regression by itself does not learn from some ten pictures a class. Both steps are
linear: together they are one layer.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import minimize_scalar

from kpsearch.parallel import single_threaded_products

if TYPE_CHECKING:
    import numpy.typing as npt

SHRINKAGE = 0.1
"""Share of the identity in the scatter within classes."""
STRENGTH = 0.01
"""C of the regression: how little its weights are held back."""
PLAIN_STRENGTH = 1.0
ITERATIONS = 500
TEMPERATURES = (0.2, 20.0)
"""Where the temperature is looked for: few pictures that are all told right would like it to be 0,
and no classifier is that sure of others."""


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """logits = features @ weights.T + bias."""

    weights: npt.NDArray[np.float32]
    """(k, d)"""
    bias: npt.NDArray[np.float32]
    """(k,)"""

    def logits(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """(..., k) of features (..., d)."""
        found = features.astype(np.float64) @ self.weights.T.astype(np.float64) + self.bias
        return np.asarray(found, np.float64)


class Fit(Protocol):
    """What fits a head, such as `fit_head`."""

    def __call__(
        self,
        features: npt.NDArray[np.float32],
        truth: npt.NDArray[np.intp],
        *,
        classes: int,
        weight: npt.NDArray[np.float64] | None = None,
    ) -> Head:
        """See `fit_head`."""
        ...


def fit_head(
    features: npt.NDArray[np.float32],
    truth: npt.NDArray[np.intp],
    *,
    classes: int,
    weight: npt.NDArray[np.float64] | None = None,
) -> Head:
    """The layer that tells the ``classes`` apart in ``features`` (n, d) labelled ``truth`` (n,).

    ``weight`` (n,) says how much each counts. There are two classes at least, and each has a row.
    """
    with single_threaded_products():
        counts = np.ones(len(truth)) if weight is None else weight
        centre, projection = discriminants(features, truth, counts, classes=classes)
        slopes, bias = _regression(
            (features - centre) @ projection, truth, counts, strength=STRENGTH
        )
        weights = slopes @ projection.T
        return Head(weights.astype(np.float32), (bias - weights @ centre).astype(np.float32))


def fit_plain(
    features: npt.NDArray[np.float32],
    truth: npt.NDArray[np.intp],
    *,
    classes: int,
    weight: npt.NDArray[np.float64] | None = None,
) -> Head:
    """As `fit_head`, by regression on the features themselves."""
    counts = np.ones(len(truth)) if weight is None else weight
    with single_threaded_products():
        slopes, bias = _regression(features, truth, counts, strength=PLAIN_STRENGTH)
    return Head(slopes.astype(np.float32), bias.astype(np.float32))


def discriminants(
    features: npt.NDArray[np.float32],
    truth: npt.NDArray[np.intp],
    counts: npt.NDArray[np.float64],
    *,
    classes: int,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The mean (d,) of the means of the classes, and their discriminants, (d, classes - 1 or d).

    In them, the scatter within classes is the identity.
    """
    rows = features.astype(np.float64)
    member = np.zeros((classes, len(truth)))
    member[truth, np.arange(len(truth))] = counts
    means = member @ rows / member.sum(axis=1, keepdims=True)
    apart = (rows - means[truth]) * np.sqrt(counts)[:, np.newaxis]
    scatter = apart.T @ apart / counts.sum()
    middle = np.trace(scatter) / len(scatter)
    scatter *= 1 - SHRINKAGE
    scatter[np.diag_indices_from(scatter)] += SHRINKAGE * middle or 1.0
    root = cholesky(scatter, lower=True)
    centre = means.mean(axis=0)
    between = solve_triangular(root, (means - centre).T, lower=True).T
    directions = np.linalg.svd(between, full_matrices=False)[2][: classes - 1]
    projection = solve_triangular(root, directions.T, lower=True, trans="T")
    return centre, np.asarray(projection, np.float64)


def _regression(
    rows: npt.NDArray[np.floating[Any]],
    truth: npt.NDArray[np.intp],
    counts: npt.NDArray[np.float64],
    *,
    strength: float,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Slopes (k, d) and bias (k,), as of a softmax also where there are two classes."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # near enough: it is not what errs
        model = LogisticRegression(C=strength, max_iter=ITERATIONS).fit(rows, truth, counts)
    slopes, bias = model.coef_, model.intercept_
    if len(model.classes_) == 2:
        slopes, bias = np.vstack([-slopes, slopes]) / 2, np.concatenate([-bias, bias]) / 2
    return slopes, bias


def fit_temperature(logits: npt.NDArray[np.float64], truth: npt.NDArray[np.intp]) -> float:
    """What to divide ``logits`` (n, k) by, so that their softmax says ``truth`` (n,) best.

    Temperature scaling by maximum likelihood: Guo et al. 2017, "On Calibration of Modern Neural
    Networks", section 4.2.
    """

    def loss(log_temperature: float) -> float:
        return log_loss(logits / np.exp(log_temperature), truth)

    found = minimize_scalar(loss, bounds=tuple(np.log(TEMPERATURES)), method="bounded")
    return float(np.exp(found.x))


def log_loss(logits: npt.NDArray[np.float64], truth: npt.NDArray[np.intp]) -> float:
    """Mean cross-entropy in nats of the softmax of ``logits`` (n, k) with ``truth`` (n,)."""
    top = logits.max(axis=1)
    mass = top + np.log(np.exp(logits - top[:, np.newaxis]).sum(axis=1))
    return float(np.mean(mass - logits[np.arange(len(truth)), truth]))
