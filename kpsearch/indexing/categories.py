"""Where the categories of a run's pictures come from: the catalogue, else a classifier.

A classifier that errs must not hide a picture from those who look for its true category. So what
it says is a set. A set of more than half of all categories says nothing, nor does one with a
category that the classifier was not calibrated on; a picture that nothing is known of stays among
those that a query's own set leaves. Pictures of a catalogue are not like the queries of a
calibration: for them the error rate is a setting, and no promise.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.categories import Classifier, classifier_of, prediction_set, require_alpha
from kpsearch.csv_rows import csv_rows
from kpsearch.errors import IndexMismatch, UnusableFile, UsageError
from kpsearch.index import ImageCategory
from kpsearch.options import CategoryFacts

if TYPE_CHECKING:
    from kpsearch.index import ImageRecord, IndexWriter, Snapshot
    from kpsearch.types import Image

MOST_CATEGORIES = 0.5
"""Share of all categories; a set of more of them says nothing."""


@dataclass(frozen=True, slots=True)
class CategorySource:
    """What gives the pictures of one run their categories."""

    own: Mapping[str, str]
    """The catalogue's, by path."""
    facts: CategoryFacts | None = None
    """Of what predicts the others; None where nothing does."""
    anew: bool = False
    """Whether the index has categories of other predictions, or of none."""

    def of_new(self, path: str) -> str:
        """The catalogue's category as a record keeps it; empty for one that is to be predicted."""
        return str(ImageCategory.own(self.own.get(path, "")))

    def of_known(self, record: ImageRecord) -> str:
        """The same of a picture that is in the index: a category it was given once is kept."""
        known = ImageCategory.parse(record.category)
        return self.of_new(record.path) or ("" if known.predicted else record.category)

    def is_outdated(self, record: ImageRecord) -> bool:
        """Whether a picture in the index has to be read again for its category alone."""
        own = self.of_known(record)
        return own != record.category if own else self.anew


def category_source(
    writer: IndexWriter,
    own: Mapping[str, str],
    model: str | os.PathLike[str] | None,
    alpha: float | None,
) -> CategorySource:
    """The catalogue's categories, and the classifier ``model``, else the one remembered.

    ``alpha`` None is as remembered, else the default. Raises `UsageError` for a model that is not
    calibrated, or not for so small an ``alpha``; `UnusableModel`.
    """
    if model is None and alpha is not None:
        raise UsageError("an error rate is that of a classifier: --categories MODEL.onnx")
    has = writer.manifest.categories if writer.manifest else None
    if model is None:
        return CategorySource(own, has)
    classifier = Classifier(model)
    if alpha is None:
        alpha = has.alpha if has else CategoryFacts(classifier.facts).alpha
    require_alpha(classifier, alpha)
    facts = CategoryFacts(classifier.facts, alpha)
    same = has and (has.classifier.model_hash, has.alpha) == (facts.classifier.model_hash, alpha)
    return CategorySource(own, facts, anew=not same)


def require_classifier(source: CategorySource, folder: object) -> None:
    """Stop a job before its first picture where the classifier it needs is gone or another.

    Raises `IndexMismatch`, naming the ``folder`` of the index, `UnusableModel`, `UsageError`.
    """
    if source.facts is None:
        return
    wanted = source.facts.classifier
    if not os.path.isfile(wanted.model):
        raise IndexMismatch(
            f"{folder}: categories are predicted by {wanted.model}, which is gone; give the model "
            f"with --categories (its hash is {wanted.model_hash})"
        )
    require_alpha(classifier_of(wanted), source.facts.alpha)


def require_all_predicted(
    source: CategorySource, snapshot: Snapshot, paths: Collection[str]
) -> None:
    """Raise `IndexMismatch` where pictures that are not among ``paths`` would keep predictions of
    another classifier."""
    has = snapshot.manifest.categories
    if not source.anew or has is None:
        return
    predicted = snapshot.categories.where(lambda category: category.predicted) & snapshot.live
    others = (os.fsdecode(snapshot.path_bytes(int(slot))) for slot in np.flatnonzero(predicted))
    outside = [path for path in others if path not in paths]
    if outside:
        raise IndexMismatch(
            f"{snapshot.storage.folder}: {len(outside)} pictures that are not asked for, such as "
            f"{outside[0]}, have categories by {has.classifier.model} at an error rate of "
            f"{has.alpha:g}; name their folders too, drop them with --prune or `kpsearch remove`, "
            "or make a new index"
        )


def predicted_category(image: Image, facts: CategoryFacts) -> str:
    """What a classifier says of a picture in colour, as a record keeps it.

    Raises `ImageRejected` where it fails on this picture.
    """
    classifier = classifier_of(facts.classifier)
    names = prediction_set(classifier, classifier.predict(image), facts.alpha)
    known = require_alpha(classifier, facts.alpha).counts
    if len(names) > MOST_CATEGORIES * len(classifier.categories) or not known.keys() >= set(names):
        return ""
    return str(ImageCategory(names, predicted=True))


def read_categories(path: str, column: str = "category") -> dict[str, str]:
    """The category of each picture in the CSV file at ``path``, by absolute path.

    Columns ``path``, relative to the file's folder, and ``column``; rows without a category are
    left out. Raises `UnusableFile`, naming file, line and column.
    """
    folder = os.path.dirname(os.path.abspath(path))
    found: dict[str, tuple[str, int]] = {}
    for line, row in csv_rows(path, ("path", column)):
        category = row[column].strip()
        if not row["path"] or "\0" in row["path"]:
            raise UnusableFile(f"{path}:{line}: column path names no file: {row['path']!r}")
        picture = os.path.abspath(os.path.join(folder, row["path"]))
        known, first = found.setdefault(picture, (category, line))
        if known != category:
            raise UnusableFile(
                f"{path}:{line}: column {column}: {picture} is {category!r}, and {known!r} on line "
                f"{first}; keep one of the two"
            )
    return {picture: category for picture, (category, _) in found.items() if category}
