"""Pictures that nobody has labelled, labelled by the classifier where it is sure.

Self-training (pseudo-labels: Lee 2013): the classifier of the labelled pictures labels the others,
those it is sure of join the training at a lower weight, and so on, as long as the pictures held out
are told no worse.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.categories import softmax
from kpsearch.training.head import Fit, Head, fit_head

if TYPE_CHECKING:
    import numpy.typing as npt

    Features = npt.NDArray[np.float32]
    Classes = npt.NDArray[np.intp]

SURE = 0.95
"""Probability from which a label is taken over."""
WEIGHT = 0.5
"""Of such a picture, beside 1 of one that somebody labelled."""
ROUNDS = 3


@dataclass(frozen=True, slots=True, eq=False)
class SelfLabelled:
    """What became of the unlabelled pictures."""

    rows: Classes
    """(m,) numbers of those that were taken, rising."""
    classes: Classes
    """(m,) what they were taken for."""


def label_the_sure(
    head: Head, features: Features, *, temperature: float, most: npt.NDArray[np.intp]
) -> SelfLabelled:
    """The pictures (n, v, d) that a head is sure of; of each class the surest ``most`` (k,)."""
    found = softmax(head.logits(features).mean(axis=1) / temperature)
    classes, sureness = found.argmax(axis=1), found.max(axis=1)
    order = np.argsort(-sureness, kind="stable")
    order = order[sureness[order] >= SURE]
    taken = np.zeros(len(classes), np.bool_)
    for wanted in np.unique(classes[order]):
        taken[order[classes[order] == wanted][: most[wanted]]] = True
    rows = np.flatnonzero(taken)
    return SelfLabelled(rows, classes[rows])


def grow(
    features: Features,
    truth: Classes,
    unlabelled: Features,
    *,
    classes: int,
    temperature: float,
    helps: Callable[[], bool],
) -> SelfLabelled:
    """The unlabelled pictures (m, v, d) that are worth to join (n, v, d) labelled ``truth`` (n,).

    A class gets no more of them than it has labelled ones. ``helps`` says whether pictures held out
    are told no worse when some join that were labelled without them.
    """
    taken = SelfLabelled(np.empty(0, np.intp), np.empty(0, np.intp))
    if not len(unlabelled) or not helps():
        return taken
    most = np.bincount(truth, minlength=classes)
    for _ in range(ROUNDS):
        head = fit_on_views(features, truth, unlabelled[taken.rows], taken.classes, classes=classes)
        more = label_the_sure(head, unlabelled, temperature=temperature, most=most)
        if np.array_equal(more.rows, taken.rows) and np.array_equal(more.classes, taken.classes):
            break
        taken = more
    return taken


def fit_on_views(
    features: Features,
    truth: Classes,
    joined: Features | None = None,
    joined_truth: Classes | None = None,
    *,
    classes: int,
    fit: Fit = fit_head,
) -> Head:
    """A head from all views of pictures (n, v, d), and of those that ``joined`` them (m, v, d)."""
    if joined is None or joined_truth is None:
        joined, joined_truth = features[:0], truth[:0]
    views = features.shape[1]
    every = np.concatenate([features, joined])
    weight = np.repeat([1.0, WEIGHT], [len(features), len(joined)])
    return fit(
        every.reshape(len(every) * views, -1),
        np.repeat(np.concatenate([truth, joined_truth]), views),
        classes=classes,
        weight=np.repeat(weight, views),
    )
