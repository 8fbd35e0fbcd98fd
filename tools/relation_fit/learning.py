"""The regression of `kpsearch.dedup.relation.decision`, fitted, and how well it does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from kpsearch.dedup.records import Relation
from kpsearch.dedup.relation.decision import TERMS, named
from relation_fit.population import Example

PRECISION = 0.99
RIDGE = 2e-3
"""On slopes for terms of unit spread."""
LEAST_SPREAD = 1e-3
"""Of a term: one that is the same for all pairs has no slope to speak of."""
WRONG_MERGE = 3.0
"""What merging a variant weighs beside missing a duplicate."""


@dataclass(frozen=True, slots=True, eq=False)
class Regression:
    """Log-odds = intercept + terms · slopes."""

    intercept: float
    slopes: npt.NDArray[np.float64]

    def log_odds(self, example: Example) -> float:
        """Of an example that is usable."""
        return float(self.intercept + example.terms() @ self.slopes)


def fitted(learnt: Sequence[Example]) -> Regression:
    """To the usable ones; duplicates and others weigh the same in sum, but for `WRONG_MERGE`.

    Each slope keeps the sign of its term: what is a coincidence of how the pairs were made (their
    variants are cleaner than their duplicates) is not learnt.
    """
    rows = [example for example in learnt if example.usable]
    x, y = np.array([row.terms() for row in rows]), np.array([row.merges for row in rows])
    scale = np.maximum(x.std(axis=0), LEAST_SPREAD)
    weights = np.array([row.weight for row in rows])
    sides = np.where(y, weights[y].sum(), weights[~y].sum() / WRONG_MERGE)
    share = weights / sides / (1 + WRONG_MERGE)
    signs = np.array([term.sign for term in TERMS])
    bounds = [(None, None), *[(0, None) if sign > 0 else (None, 0) for sign in signs]]
    design = np.column_stack([np.ones(len(x)), (x - x.mean(axis=0)) / scale])
    start = np.concatenate([[0.0], 0.1 * signs])
    theta = minimize(_loss, start, (design, y, share), jac=True, bounds=bounds).x
    slopes = theta[1:] / scale
    return Regression(float(theta[0] - slopes @ x.mean(axis=0)), slopes)


def _loss(
    theta: npt.NDArray[np.float64],
    design: npt.NDArray[np.float64],
    y: npt.NDArray[np.bool_],
    share: npt.NDArray[np.float64],
) -> tuple[float, npt.NDArray[np.float64]]:
    """Mean negative log-likelihood with a ridge, and its gradient."""
    odds = design @ theta
    p = 1 / (1 + np.exp(-odds))
    pull = RIDGE * np.concatenate([[0.0], theta[1:]])
    loss = share @ (np.logaddexp(0, odds) - odds * y) + pull @ theta / 2
    return float(loss), design.T @ (share * (p - y)) + pull


def as_source(regression: Regression) -> str:
    """What to paste into the module."""
    lines = [f"INTERCEPT = {regression.intercept:.3f}", "SLOPES = {"]
    pairs = zip((term.name for term in TERMS), regression.slopes, strict=True)
    lines += [f'    "{name}": {slope:.3f},' for name, slope in pairs if abs(slope) >= 0.005]
    return "\n".join([*lines, "}"])


def report(examples: Sequence[Example], regression: Regression) -> str:
    """Errors at even odds, recall at `PRECISION`, by source and kind, and the confusion."""
    usable = [example for example in examples if example.usable]
    odds = np.array([regression.log_odds(example) for example in usable])
    right = np.array([example.merges for example in usable])
    least = threshold(odds, right)
    lines = [
        f"{len(examples)} pairs, {len(usable)} with enough evidence",
        f"  duplicates called something else {_mean(odds[right] <= 0):.3f}",
        f"  others called duplicates         {_mean(odds[~right] > 0):.3f}",
        f"  recall at {PRECISION:.0%} precision        {_mean(odds[right] >= least):.3f}"
        f" (log-odds {least:.2f})",
    ]
    scores = dict(zip(map(id, usable), odds.tolist(), strict=True))
    return "\n".join([*lines, *_by_kind(examples, scores), *_confusion(usable, odds)])


def threshold(odds: npt.NDArray[np.float64], right: npt.NDArray[np.bool_]) -> float:
    """The lowest log-odds above which `PRECISION` of the pairs are duplicates."""
    order = np.argsort(-odds, kind="stable")
    precision = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(precision >= PRECISION)
    return float(odds[order[enough[-1]]]) if len(enough) else float("inf")


def _by_kind(examples: Sequence[Example], scores: dict[int, float]) -> list[str]:
    """Share called duplicates, those without evidence as well."""
    called: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for example in examples:
        kind = example.kind.split(",")[0]
        key = (example.source, kind.rsplit(" ", 1)[0] if example.merges else kind)
        called[key].append(scores.get(id(example), -1.0) > 0)
    return [
        f"    {source:12} {kind:28} {_mean(np.array(calls)):.2f} of {len(calls)}"
        for (source, kind), calls in called.items()
    ]


def _confusion(usable: Sequence[Example], odds: npt.NDArray[np.float64]) -> list[str]:
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for example, score in zip(usable, odds.tolist(), strict=True):
        mirrored = example.relation == Relation.MIRRORED
        relation = named(example.figures, score, mirrored=mirrored)
        counts[example.relation, relation.value] += 1
    names = [relation.value for relation in Relation]
    rows = [name for name in [*names, "different"] if any(key[0] == name for key in counts)]
    head = "  true \\ called".ljust(20) + "".join(name[:9].rjust(11) for name in names)
    return [head] + [
        f"  {row:18}" + "".join(str(counts[row, name]).rjust(11) for name in names) for row in rows
    ]


def _mean(values: npt.NDArray[np.bool_]) -> float:
    return float(values.mean()) if len(values) else float("nan")
