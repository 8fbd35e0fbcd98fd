"""How well a head tells pictures it was not fitted to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.categories import Label, categories_of
from kpsearch.training.head import Head, fit_temperature
from kpsearch.training.held_out import FOLDS, folds_of, groups_of
from kpsearch.training.self_training import fit_on_views, label_the_sure

if TYPE_CHECKING:
    import numpy.typing as npt

    Features = npt.NDArray[np.float32]
    Classes = npt.NDArray[np.intp]
    Progress = Callable[[str, int, int], None]

ENOUGH = 2000
"""Pictures held out that say how well all are told: further folds are left out."""
SHARES = (0.25, 0.5, 1.0)
"""Of the pictures, at which the learning curve is taken."""


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Pictures that were held out, and what was said of them."""

    rows: Classes
    """(n,) of the pictures."""
    truth: Classes
    """(n,) classes."""
    logits: npt.NDArray[np.float64]
    """(n, k) by heads fitted without them."""

    @property
    def temperature(self) -> float:
        """That suits them; 1 where there are none."""
        return fit_temperature(self.logits, self.truth) if len(self.truth) else 1.0

    @property
    def accuracy(self) -> float:
        """Share whose likeliest class is the true one; NaN where there are none."""
        right = self.logits.argmax(axis=1) == self.truth
        return float(np.mean(right)) if len(right) else float("nan")


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """Labelled pictures in folds."""

    features: Features
    """(n, v, d)"""
    truth: Classes
    classes: int
    folds: Classes
    seed: int

    @classmethod
    def of(cls, features: Features, truth: Classes, *, classes: int, seed: int) -> Judge:
        """Pictures most alike in the same fold, see `kpsearch.training.held_out`."""
        groups = groups_of(features[:, 0], truth)
        folds = folds_of(groups, truth, seed=seed)
        return cls(features, truth, classes, folds, seed)

    @property
    def tested(self) -> tuple[int, ...]:
        """The folds that are held out in their turn."""
        counts = np.cumsum([np.count_nonzero(self.folds == fold) for fold in range(FOLDS)])
        enough = int(np.searchsorted(counts, min(ENOUGH, counts[-1]))) + 1
        return tuple(fold for fold in range(enough) if np.any(self.folds == fold))

    def judge(self, *, share: float = 1.0, progress: Progress | None = None) -> Judged:
        """Every tested fold by a head of a ``share`` of the others."""
        parts: list[Judged] = []
        for number, fold in enumerate(self.tested, start=1):
            rows = self._share(np.flatnonzero(self.folds != fold), share)
            head = fit_on_views(self.features[rows], self.truth[rows], classes=self.classes)
            parts.append(self._said(head, fold))
            (progress or (lambda *_: None))(
                "judging by held-out pictures", number, len(self.tested)
            )
        if not parts:
            none = np.empty(0, np.intp)
            return Judged(none, none, np.empty((0, self.classes)))
        return _together(parts)

    def joined(self, unlabelled: Features, temperature: float) -> float:
        """The accuracy where the ``unlabelled`` join that a head without the fold is sure of."""
        parts = []
        for fold in self.tested:
            rows = np.flatnonzero(self.folds != fold)
            features, truth = self.features[rows], self.truth[rows]
            head = fit_on_views(features, truth, classes=self.classes)
            most = np.bincount(truth, minlength=self.classes)
            taken = label_the_sure(head, unlabelled, temperature=temperature, most=most)
            joined = unlabelled[taken.rows]
            head = fit_on_views(features, truth, joined, taken.classes, classes=self.classes)
            parts.append(self._said(head, fold))
        return _together(parts).accuracy

    def _said(self, head: Head, fold: int) -> Judged:
        """What a head says of the pictures of a fold."""
        out = np.flatnonzero(self.folds == fold)
        return Judged(out, self.truth[out], head.logits(self.features[out]).mean(axis=1))

    def _share(self, rows: Classes, share: float) -> Classes:
        """A share of the pictures of each class, one at least; the same ones in larger shares."""
        rng = np.random.default_rng(self.seed)
        order = rows[rng.permutation(len(rows))]
        rank = np.empty(len(order), np.intp)
        for wanted in np.unique(self.truth[order]):
            own = np.flatnonzero(self.truth[order] == wanted)
            rank[own] = np.arange(len(own)) < max(round(share * len(own)), 1)
        return np.sort(order[rank.astype(np.bool_)])

    def learning_curve(self, whole: Judged) -> list[tuple[int, float]]:
        """Pictures learned from and accuracy, at some shares; ``whole`` is that of all."""
        if not self.tested:
            return []
        curve = []
        for share in SHARES:
            judged = whole if share == 1 else self.judge(share=share)
            used = np.mean(
                [len(self._share(np.flatnonzero(self.folds != f), share)) for f in self.tested]
            )
            curve.append((round(float(used)), judged.accuracy))
        return curve


def _together(parts: list[Judged]) -> Judged:
    return Judged(
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.truth for part in parts]),
        np.concatenate([part.logits for part in parts]),
    )


def by_category(labels: tuple[Label, ...], classes: Classes) -> Classes:
    """The number of the category of each class, in the order of `categories_of`."""
    number = {category: i for i, category in enumerate(categories_of(labels))}
    of_class = np.array([number[label.category] for label in labels], np.intp)
    return of_class[classes]


def confusion(truth: Classes, said: Classes, *, classes: int) -> npt.NDArray[np.int64]:
    """(k, k) pictures of each class (rows) by what they were taken for (columns)."""
    counts = np.bincount(truth * classes + said, minlength=classes * classes)
    return counts.reshape(classes, classes)
