"""The pictures of a training that could be read, with their features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.categories import Label, categories_of
from kpsearch.errors import UsageError
from kpsearch.training.extraction import Extracted
from kpsearch.training.pictures import LabelledPicture
from kpsearch.training.tuning import Examples

if TYPE_CHECKING:
    import numpy.typing as npt

FEW = 5
"""Pictures of a class below which it is said to have few."""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The pictures that could be read."""

    labels: tuple[Label, ...]
    paths: tuple[str, ...]
    features: npt.NDArray[np.float32]
    """(n, v, d) of the labelled ones."""
    truth: npt.NDArray[np.intp]
    unlabelled_paths: tuple[str, ...]
    unlabelled: npt.NDArray[np.float32]
    """(m, v, d)"""

    @classmethod
    def of(cls, pictures: Sequence[LabelledPicture], found: Extracted) -> Table:
        """Labels in the order of their names; raises `UsageError` with fewer than two."""
        read = [pictures[row] for row in found.rows]
        labels = tuple(sorted({picture.label for picture in read if picture.label}))
        categories = categories_of(labels)
        if len(categories) < 2:
            said = f"only of {categories[0]!r}" if categories else "of no category"
            raise UsageError(f"the pictures that can be read are {said}; two categories at least")
        number = {label: i for i, label in enumerate(labels)}
        known = [i for i, picture in enumerate(read) if picture.label]
        others = [i for i, picture in enumerate(read) if not picture.label]
        return cls(
            labels=labels,
            paths=tuple(read[i].path for i in known),
            features=found.features[known],
            truth=np.array([number[label] for i in known if (label := read[i].label)], np.intp),
            unlabelled_paths=tuple(read[i].path for i in others),
            unlabelled=found.features[others],
        )

    def examples(self, rows: npt.NDArray[np.bool_]) -> Examples:
        """Some of the labelled pictures."""
        paths = [path for path, chosen in zip(self.paths, rows.tolist(), strict=True) if chosen]
        return Examples.sure(paths, self.truth[rows])

    def counts(self) -> dict[str, int]:
        """Labelled pictures of each class."""
        counts = np.bincount(self.truth, minlength=len(self.labels)).tolist()
        return {str(label): n for label, n in zip(self.labels, counts, strict=True)}

    def few(self) -> dict[str, int]:
        """Of the classes that have few."""
        return {name: n for name, n in self.counts().items() if n < FEW}
