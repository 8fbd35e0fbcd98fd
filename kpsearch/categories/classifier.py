"""A classifier in an ONNX file, and the category of a picture by it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.categories.network import FEATURES, LOGITS, open_network
from kpsearch.categories.record import ClassifierRecord, identity
from kpsearch.categories.views import side_of, views_of
from kpsearch.embedding.model_file import read_model
from kpsearch.errors import ImageRejected, IndexMismatch, UnusableModel
from kpsearch.options import ClassifierFacts
from kpsearch.types import ImageSize

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.categories.calibration import Calibration
    from kpsearch.categories.labels import Label
    from kpsearch.types import Image


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What a classifier says of one picture."""

    by_label: npt.NDArray[np.float64]
    """(labels,) probabilities."""
    by_category: npt.NDArray[np.float64]
    """(categories,) probabilities: those of a category's labels together."""


class Classifier:
    """Says how likely each category is for a picture. Safe to use from several threads."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Load a classifier; raises `UnusableModel` for a file that is none."""
        self.path = os.path.abspath(path)
        content = read_model(self.path)
        self.digest = identity(self.path, content)
        self.record = ClassifierRecord.read_from(self.path, content)
        self.labels: tuple[Label, ...] = self.record.labels
        self.categories = self.record.categories
        number = {category: i for i, category in enumerate(self.categories)}
        self._category_of = np.array([number[label.category] for label in self.labels])
        side = side_of(self.record.preprocessing)
        self.size = ImageSize(side, side)
        self._network = open_network(self.path, content, (FEATURES, LOGITS))
        self._try()

    def _try(self) -> None:
        """Raise `UnusableModel` where not even a blank picture gets a number for each label."""
        blank = np.zeros((len(self.record.views), 3, *self.size), np.float32)
        found = self._network.run(blank, LOGITS).shape[1]
        if found != len(self.labels):
            raise UnusableModel(f"{self.path}: gives {found} numbers for {len(self.labels)} labels")

    @property
    def calibration(self) -> Calibration | None:
        """What its errors were on pictures like queries; None where it is not calibrated."""
        return self.record.calibration

    @property
    def facts(self) -> ClassifierFacts:
        """What an index remembers of it."""
        return ClassifierFacts(self.path, self.digest)

    def predict(self, image: Image) -> Prediction:
        """Of a picture in colour; raises as `logits`."""
        return self.prediction(self.logits(image))

    def logits(self, image: Image) -> npt.NDArray[np.float64]:
        """(labels,) what the network says of a picture in colour, on average over its views.

        Raises `ImageRejected` with ``categorisation_failed`` where the model fails on it.
        """
        record = self.record
        try:
            views = views_of(image.pixels, record.preprocessing, record.views)
            found = self._network.run(views, LOGITS)
        except UnusableModel as error:
            raise ImageRejected(image.path, "categorisation_failed", str(error)) from error
        if found.shape[1] != len(self.labels) or not np.isfinite(found).all():
            text = f"{self.path}: gives no {len(self.labels)} finite numbers for it"
            raise ImageRejected(image.path, "categorisation_failed", text)
        return np.asarray(found.mean(axis=0, dtype=np.float64), np.float64)

    def prediction(self, logits: npt.NDArray[np.float64]) -> Prediction:
        """From the network's outputs (labels,)."""
        by_label = softmax(logits / self.record.temperature)
        by_category = np.zeros(len(self.categories))
        np.add.at(by_category, self._category_of, by_label)
        return Prediction(by_label, by_category)


def softmax(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(..., k) probabilities of numbers (..., k)."""
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    found: npt.NDArray[np.float64] = raised / raised.sum(axis=-1, keepdims=True)
    return found


def classifier_of(facts: ClassifierFacts, model: str | None = None) -> Classifier:
    """The classifier an index remembers.

    Its file is at ``model`` now, None for where it was. Raises `IndexMismatch` where that is
    another one, `UnusableModel`.
    """
    classifier = classifier_at(model or facts.model)
    if classifier.digest != facts.model_hash:
        raise IndexMismatch(
            f"{classifier.path}: not the classifier the index remembers: its hash is "
            f"{classifier.digest}, not {facts.model_hash}; index once more with `--categories "
            "MODEL` to take another"
        )
    return classifier


def classifier_at(model: str | os.PathLike[str]) -> Classifier:
    """The classifier in a file, loaded once in a process until the file is written anew.

    Raises `UnusableModel`.
    """
    path = os.path.abspath(model)
    return _loaded(path, _written_at(path))


@lru_cache(maxsize=2)
def _loaded(path: str, _: int) -> Classifier:
    return Classifier(path)


def _written_at(path: str) -> int:
    """When a file was written, in ns; a file that is not there is left to be reported."""
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0
