"""Which images a query is about, by the category that it names or that a classifier predicts.

A category that is named bars all other images. One that is predicted can be wrong, and bars none:
scores, background and confidence are those of the whole index, and geometry is asked first about
images of the set, which are all that is reported. The whole index is searched after all where

- the classifier is not calibrated, or holds a category possible that it was never calibrated on:
  then nobody knows how often it is wrong;
- most of the index is left, so that there is little to win;
- geometry verifies nothing among the images left: then a wrong category is the likelier cause.

Images without a category stay, and so do those of categories that the classifier cannot tell.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.categories import (
    Classifier,
    Prediction,
    classifier_at,
    classifier_of,
    prediction_set,
    related,
    require_alpha,
)
from kpsearch.categories.labels import SEPARATOR
from kpsearch.errors import IndexMismatch, UsageError
from kpsearch.types import CategoryOutcome

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.index import ImageCategory, Snapshot
    from kpsearch.options import CategoryOptions

PREDICTED = "auto"
"""What `CategoryOutcome.asked` says where a classifier was asked."""
NEAR_NAMES = 5
NOT_VERIFIED = "geometry verifies no image of these categories"


@dataclass(frozen=True, slots=True, eq=False)
class Restriction:
    """The images that a category leaves."""

    outcome: CategoryOutcome
    barred: npt.NDArray[np.bool_] | None = None
    """(slots,) images that a category named leaves out; None where none was named."""
    sought: npt.NDArray[np.bool_] | None = None
    """(slots,) images of the categories predicted; None where the whole index is searched."""


def widened_to_all(outcome: CategoryOutcome, reason: str) -> CategoryOutcome:
    """The outcome where the whole index is searched after all."""
    return replace(outcome, whole=True, reason=reason)


def named(name: str, snapshot: Snapshot, heard: npt.NDArray[np.bool_]) -> Restriction:
    """The images of a category and of those within it, as far as they may be ``heard`` (slots,).

    Raises `UsageError` for a category that no image has.
    """
    wanted = name.rstrip(SEPARATOR) + SEPARATOR
    kept = snapshot.categories.where(
        lambda category: any((n + SEPARATOR).startswith(wanted) for n in category.names)
    )
    if not (kept & snapshot.live).any():
        raise UsageError(_unknown(name, snapshot))
    left, total = int((kept & heard).sum()), int(heard.sum())
    outcome = CategoryOutcome(asked=name, categories=(name,), images=left, total=total)
    return Restriction(outcome, barred=~kept)


def _unknown(name: str, snapshot: Snapshot) -> str:
    """What is wrong with a name, and which are near it."""
    column = snapshot.categories
    used = {column.distinct[code] for code in np.unique(column.code[snapshot.live]).tolist()}
    names = {part for category in used for own in category.names for part in _ancestors(own)}
    if not names:
        return (
            f"{snapshot.storage.folder}: no image has a category; `kpsearch index --category-csv "
            "FILE.csv` or `--categories MODEL.onnx` gives them"
        )
    by_lower = {known.lower(): known for known in sorted(names, reverse=True)}
    spelt = get_close_matches(name.lower(), by_lower, n=NEAR_NAMES, cutoff=0.5)
    parts = [low for low in sorted(by_lower) if name.lower() in low]
    near = [by_lower[low] for low in dict.fromkeys(spelt + parts)][:NEAR_NAMES]
    hint = f"near it: {', '.join(near)}" if near else f"there are {', '.join(sorted(names)[:20])}"
    return f"{snapshot.storage.folder}: no image has the category {name!r}; {hint}"


def _ancestors(name: str) -> list[str]:
    """A category and all that it is within."""
    parts = name.split(SEPARATOR)
    return [SEPARATOR.join(parts[: i + 1]) for i in range(len(parts))]


def predicted(
    predict: Callable[[Classifier], Sequence[Prediction]],
    classifier: Classifier,
    options: CategoryOptions,
    snapshot: Snapshot,
    heard: npt.NDArray[np.bool_],
) -> Restriction:
    """The images of the categories that the pictures of a query may be of, together.

    ``predict`` has the classifier look at the pictures. Raises `UsageError` for an error rate that
    cannot be promised.
    """
    total = int(heard.sum())
    outcome = CategoryOutcome(PREDICTED, (), total, total, alpha=options.alpha)
    if classifier.calibration is None:
        reason = f"{classifier.path} is not calibrated: see `kpsearch calibrate-categories`"
        return Restriction(widened_to_all(outcome, reason))
    calibrated_on = require_alpha(classifier, options.alpha).counts
    sets = [prediction_set(classifier, p, options.alpha) for p in predict(classifier)]
    union = tuple(dict.fromkeys(name for found in sets for name in found))
    kept = _possible(union, classifier, snapshot)
    left = int((kept & heard).sum())
    outcome = replace(outcome, categories=union, images=left)
    unknown = [name for name in union if not calibrated_on.get(name)]
    if unknown:
        reason = f"the classifier was calibrated on no picture of {', '.join(unknown)}"
        return Restriction(widened_to_all(outcome, reason))
    if left > options.most * total:
        return Restriction(widened_to_all(outcome, "they leave most of the index"))
    return Restriction(outcome, sought=kept)


def _possible(
    wanted: Sequence[str], classifier: Classifier, snapshot: Snapshot
) -> npt.NDArray[np.bool_]:
    """(slots,) images that may be of one of the ``wanted`` categories, for all that is known."""
    column = snapshot.categories
    table = kinship(column.distinct, classifier.categories)
    chosen = np.isin(classifier.categories, wanted)
    return np.asarray((table @ chosen | ~table.any(axis=1))[column.code])


@lru_cache(maxsize=4)
def kinship(
    categories: tuple[ImageCategory, ...], classes: tuple[str, ...]
) -> npt.NDArray[np.bool_]:
    """(categories, classes) whether the category of an image may be one with a class.

    Rows without any are of images without a category, and of categories that no class is of.
    """
    table = np.zeros((len(categories), len(classes)), np.bool_)
    for row, category in enumerate(categories):
        found = [[related(name, known) for known in classes] for name in category.names]
        if all(map(any, found)):  # one alternative that no class is of could be anything
            table[row] = np.any(np.array(found, np.bool_).reshape(-1, len(classes)), axis=0)
    return table


def classifier_for(snapshot: Snapshot, options: CategoryOptions) -> Classifier:
    """The classifier that the options name, else the one that the index remembers.

    Raises `IndexMismatch` where the index remembers none and none is named, or another one, or one
    that is gone; `UnusableModel`.
    """
    facts, folder = snapshot.manifest.categories, snapshot.storage.folder
    if facts is None:
        if options.model is None:
            raise IndexMismatch(
                f"{folder}: remembers no classifier of categories; give one with --category-model "
                "MODEL.onnx, or make the index with --categories MODEL.onnx"
            )
        return classifier_at(options.model)
    model = options.model or facts.classifier.model
    if options.model is None and not os.path.isfile(model):
        raise IndexMismatch(
            f"{folder}: its classifier of categories was {model}, which is gone; say with "
            f"--category-model where it is (its hash is {facts.classifier.model_hash})"
        )
    return classifier_of(facts.classifier, os.path.abspath(model))


def require_category_model(options: CategoryOptions) -> None:
    """Raise as a query would for a classifier that is named and cannot be used."""
    if options.model is None:
        return
    classifier = classifier_at(options.model)
    if classifier.calibration is not None:
        require_alpha(classifier, options.alpha)


def in_words(outcome: CategoryOutcome) -> str:
    """A line for a reader."""
    names = ", ".join(outcome.categories) or "unknown"
    rate = "" if outcome.alpha is None else f" (alpha {outcome.alpha:g})"
    found = f"{names}{rate}: {outcome.images} of {outcome.total} images"
    return f"{found}; the whole index was searched: {outcome.reason}" if outcome.whole else found
