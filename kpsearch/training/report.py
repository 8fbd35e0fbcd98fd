"""What a training made, and of what."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from kpsearch.categories import ClassifierRecord, Label, categories_of
from kpsearch.training.backbone import Backbone
from kpsearch.training.judging import Judged, by_category, confusion
from kpsearch.training.options import TrainingOptions
from kpsearch.training.table import Table
from kpsearch.training.trained_on import seen
from kpsearch.training.tuning import Tuned
from kpsearch.types import Reject
from kpsearch.version import __version__

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(slots=True)
class TrainingReport:
    """What a training made, and of what."""

    record: ClassifierRecord
    labels: tuple[Label, ...]
    pictures: int
    """Labelled ones that were used."""
    unlabelled: int
    taken: int
    """Unlabelled ones that joined, labelled by the classifier."""
    few: dict[str, int]
    """Pictures of each class that has few."""
    rejects: list[Reject]
    judged: Judged
    learning_curve: list[tuple[int, float]]
    fine_tuned: Tuned | None = None
    """None where only stage 1 was asked for."""
    seconds: dict[str, float] = field(default_factory=dict)

    def confusion(self) -> npt.NDArray[np.int64]:
        """(c, c) held-out pictures of each category by what they were taken for."""
        truth = by_category(self.labels, self.judged.truth)
        said = by_category(self.labels, self.judged.logits.argmax(axis=1))
        return confusion(truth, said, classes=len(categories_of(self.labels)))


def facts_of(
    report: TrainingReport,
    backbone: Backbone,
    options: TrainingOptions,
    table: Table,
    shown: Sequence[str],
) -> dict[str, Any]:
    """What a model card says of the training, as JSON values; the pictures ``shown`` formed it."""
    judged, tuned = report.judged, report.fine_tuned
    truth, said = judged.truth, judged.logits.argmax(axis=1)
    right = by_category(table.labels, truth) == by_category(table.labels, said)
    return {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "kpsearch_version": __version__,
        "backbone": {"name": backbone.name, "sha256": backbone.digest},
        "seed": options.seed,
        "pictures": report.pictures,
        "pictures_of_label": table.counts(),
        "rejected": len(report.rejects),
        "unlabelled": report.unlabelled,
        "unlabelled_taken": report.taken,
        "temperature": report.record.temperature,
        "held_out": {
            "pictures": len(truth),
            "accuracy": _number(judged.accuracy),
            "category_accuracy": _number(float(np.mean(right)) if len(right) else math.nan),
            "learning_curve": [list(point) for point in report.learning_curve],
        },
        "fine_tuning": None if tuned is None else _tuning_facts(tuned),
        "trained_on": seen(shown),
    }


def _tuning_facts(tuned: Tuned) -> dict[str, Any]:
    return {
        "kept": tuned.better,
        "best_epoch": tuned.course.best,
        "interrupted": tuned.course.interrupted,
        "validation_pictures": tuned.judged_by,
        "before": {name: _number(value) for name, value in asdict(tuned.before).items()},
        "after": {name: _number(value) for name, value in asdict(tuned.after).items()},
        "epochs": [asdict(epoch) for epoch in tuned.course.curves],
    }


def _number(value: float) -> float | None:
    """JSON has no NaN."""
    return None if math.isnan(value) else round(value, 4)
