"""A classifier judged by pictures that look like queries, so that it can promise an error rate."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kpsearch.categories import (
    Calibration,
    Classifier,
    ClassifierRecord,
    Label,
    aps_scores,
    categories_of,
    classifier_of,
    softmax,
    threshold,
)
from kpsearch.categories.record import identity
from kpsearch.embedding import DECODED_SIDES
from kpsearch.errors import ImageRejected, UnusableModel, UsageError
from kpsearch.images import read_image, stop_if_wrong_folder
from kpsearch.options import ClassifierFacts, WorkerLimits
from kpsearch.parallel import on_pictures
from kpsearch.replacing import replace_file
from kpsearch.training.head import fit_temperature
from kpsearch.training.judging import by_category
from kpsearch.training.pictures import LabelledPicture
from kpsearch.training.trained_on import first_of_content, not_seen
from kpsearch.types import Reject

if TYPE_CHECKING:
    import numpy.typing as npt

    Progress = Callable[[str, int, int], None]

ALPHAS = (0.01, 0.02, 0.05, 0.1)
"""Error rates that are reported on."""
ENOUGH_FOR_TEMPERATURE = 500
"""Pictures from which a fifth of them is spent on the temperature: the scores of the others then
are as exchangeable with those of queries as before."""


@dataclass(frozen=True, slots=True)
class Reached:
    """What sets at one error rate are like, on the calibration's own pictures."""

    alpha: float
    coverage: float
    """Share of sets that hold the true category, each by the pictures of all other labels: those of
    one label are often of one occasion."""
    spread: float
    """Standard deviation, from one calibration to the next, of the coverage that queries get where
    they are exchangeable: that of a Beta distribution (Angelopoulos & Bates 2021, section 3.2)."""
    size: float
    """Mean number of categories in a set."""


@dataclass(slots=True)
class CalibrationReport:
    """What a calibration was made of and what it is worth."""

    calibration: Calibration
    categories: tuple[str, ...]
    labels: int
    """Of the classifier."""
    temperature: float
    accuracy: float
    """Share of the pictures whose likeliest category is the true one."""
    label_accuracy: float | None
    """Of the finer labels, where the pictures have them."""
    reached: list[Reached]
    rejects: list[Reject] = field(default_factory=list)
    unknown: dict[str, int] = field(default_factory=dict)
    """Pictures of categories that the classifier has never seen, left out."""
    trained_on: int = 0
    """Pictures that the classifier was trained on, left out."""
    repeated: int = 0
    """Pictures that are the same, byte for byte, as one before them, left out."""

    @property
    def finer(self) -> bool:
        """Whether the labels are finer than the categories."""
        return self.labels > len(self.categories)

    @property
    def missing(self) -> tuple[str, ...]:
        """Categories without a picture: sets that hold one of them restrict no query."""
        return tuple(name for name in self.categories if name not in self.calibration.counts)


def calibrate_categories(
    model: str | os.PathLike[str],
    pictures: Sequence[LabelledPicture],
    source: str,
    *,
    n_jobs: int = 1,
    limits: WorkerLimits | None = None,
    progress: Progress | None = None,
    on_reject: Callable[[Reject], None] | None = None,
    seed: int = 0,
) -> CalibrationReport:
    """Judge a classifier by labelled ``pictures``, named ``source``, and write that into its file.

    The pictures have to look like queries: those it was trained on are left out, under whatever
    name, and so are those of categories it does not know. Raises `UsageError` where none are left,
    `UnusableModel`, `WrongFolder`.
    """
    classifier = Classifier(model)
    record = classifier.record
    usable, unknown, trained_on, repeated = _usable(pictures, record)
    rejects: list[Reject] = []
    rows, logits = [], []
    paths = [path for path, _ in usable]
    with closing(_in_workers(classifier, paths, n_jobs, limits)) as results:
        for number, result in enumerate(results):
            if isinstance(result, Reject):
                rejects.append(result)
                (on_reject or (lambda _: None))(result)
            else:
                rows.append(number)
                logits.append(result)
            stop_if_wrong_folder(number + 1, len(rejects))
            (progress or (lambda *_: None))("asking the classifier", number + 1, len(usable))
    if not rows:
        raise UsageError(_nothing_left(source, len(pictures), unknown, trained_on, len(rejects)))
    labels = [usable[row][1] for row in rows]
    report = _judged(np.array(logits), labels, record, source, np.random.default_rng(seed))
    report.rejects, report.unknown = rejects, unknown
    report.trained_on, report.repeated = trained_on, repeated
    calibrated = replace(
        record,
        temperature=report.temperature,
        calibration=report.calibration,
        facts={**record.facts, "calibration": _facts(report)},
    )
    path = os.path.abspath(model)
    content = Path(path).read_bytes()
    if identity(path, content) != classifier.digest:
        raise UnusableModel(f"{path}: was replaced meanwhile; calibrate the new one")
    replace_file(path, calibrated.written_to(content))
    return report


def _usable(
    pictures: Sequence[LabelledPicture], record: ClassifierRecord
) -> tuple[list[tuple[str, Label]], dict[str, int], int, int]:
    """Path and label of what can be judged by; how many are of unknown categories, by category,
    were trained on, and are there already."""
    known = set(record.categories)
    labelled = [(path, label) for path, label in pictures if label is not None]
    unknown = Counter(label.category for _, label in labelled if label.category not in known)
    asked = [(path, label) for path, label in labelled if label.category in known]
    before = str(record.facts.get("training", {}).get("trained_on", ""))
    new = not_seen([path for path, _ in asked], before)
    others = [item for item, is_new in zip(asked, new, strict=True) if is_new]
    first = first_of_content([path for path, _ in others])
    usable = [item for item, is_first in zip(others, first, strict=True) if is_first]
    return usable, dict(unknown), len(asked) - len(others), len(others) - len(usable)


def _nothing_left(
    source: str, pictures: int, unknown: dict[str, int], trained_on: int, rejected: int
) -> str:
    reasons = {
        "the classifier was trained on": trained_on,
        "are of categories it does not know": sum(unknown.values()),
        "cannot be read": rejected,
    }
    why = "; ".join(f"{count} {reason}" for reason, count in reasons.items() if count)
    advice = "take labelled pictures that look like queries"
    return f"{source}: none of {pictures} pictures is left to calibrate with ({why}): {advice}"


def _judged(
    logits: npt.NDArray[np.float64],
    labels: Sequence[Label],
    record: ClassifierRecord,
    source: str,
    rng: np.random.Generator,
) -> CalibrationReport:
    """The calibration from what the network said, (n, labels)."""
    categories = categories_of(record.labels)
    truth = np.array([categories.index(label.category) for label in labels], np.intp)
    rest, temperature = _temperature(logits, labels, record, rng)
    probabilities = softmax(logits / temperature) @ _members(record.labels)
    calibration = Calibration.of(
        probabilities[rest], truth[rest], categories=categories, source=source
    )
    said = logits.argmax(axis=1)
    exact = [record.labels.index(label) if label in record.labels else -1 for label in labels]
    finest = np.flatnonzero(np.array(exact) >= 0)
    right = np.array(exact)[finest] == said[finest]
    return CalibrationReport(
        calibration=calibration,
        categories=categories,
        labels=len(record.labels),
        temperature=temperature,
        accuracy=float(np.mean(probabilities.argmax(axis=1) == truth)),
        label_accuracy=float(np.mean(right)) if len(right) else None,
        reached=_reached(probabilities[rest], truth[rest], [labels[row] for row in rest.tolist()]),
    )


def _members(labels: tuple[Label, ...]) -> npt.NDArray[np.float64]:
    """(labels, categories) one where a label is of a category."""
    of = by_category(labels, np.arange(len(labels)))
    return np.eye(of.max() + 1)[of]


def _temperature(
    logits: npt.NDArray[np.float64],
    labels: Sequence[Label],
    record: ClassifierRecord,
    rng: np.random.Generator,
) -> tuple[npt.NDArray[np.intp], float]:
    """The pictures that are left, and the temperature, of the others where there are enough."""
    order = rng.permutation(len(labels))
    spent = len(labels) // 5
    exact = [row for row in order[:spent] if labels[row] in record.labels]
    if len(labels) < ENOUGH_FOR_TEMPERATURE or not exact:
        # Not that of an earlier calibration: it may have been fitted to these pictures.
        of_training = record.facts.get("training", {}).get("temperature", record.temperature)
        return np.arange(len(labels)), float(of_training)
    truth = np.array([record.labels.index(labels[row]) for row in exact], np.intp)
    return np.sort(order[spent:]), fit_temperature(logits[exact], truth)


def _reached(
    probabilities: npt.NDArray[np.float64],
    truth: npt.NDArray[np.intp],
    labels: Sequence[Label],
) -> list[Reached]:
    """The pictures of each label judged by all others, at the rates that those can promise."""
    every = aps_scores(probabilities)
    scores = every[np.arange(len(truth)), truth]
    kinds = np.unique(np.array(list(map(str, labels))), return_inverse=True)[1]
    found = []
    for alpha in ALPHAS:
        limits = np.array(
            [threshold(scores[kinds != kind], alpha) for kind in range(max(kinds) + 1)]
        )
        if np.isfinite(limits).all():
            own = limits[kinds]
            size = float(np.mean((every <= own[:, np.newaxis]).sum(axis=1)))
            spread = sqrt(alpha * (1 - alpha) / (len(truth) + 2))
            found.append(Reached(alpha, float(np.mean(scores <= own)), spread, size))
    return found


def _facts(report: CalibrationReport) -> dict[str, Any]:
    """What a model card says of the calibration, as JSON values."""
    return {
        "accuracy": report.accuracy,
        "label_accuracy": report.label_accuracy,
        "reached": [asdict(reached) for reached in report.reached],
        "unknown": report.unknown,
        "trained_on": report.trained_on,
        "repeated": report.repeated,
        "rejected": len(report.rejects),
    }


def _in_workers(
    classifier: Classifier, paths: Sequence[str], n_jobs: int, limits: WorkerLimits | None
) -> Generator[npt.NDArray[np.float64] | Reject, None, None]:
    with tempfile.TemporaryDirectory() as folder:
        # A copy: the file may be replaced meanwhile.
        copy = shutil.copy(classifier.path, os.path.join(folder, "classifier.onnx"))
        work = _Asking(replace(classifier.facts, model=copy))
        yield from on_pictures(work, paths, n_jobs=n_jobs, limits=limits or WorkerLimits())


@dataclass(frozen=True, slots=True)
class _Asking:
    """A path to what the network says of its picture, in a worker."""

    facts: ClassifierFacts

    def __call__(self, path: str) -> npt.NDArray[np.float64] | Reject:
        classifier = classifier_of(self.facts)
        try:
            at_least_px = DECODED_SIDES * max(classifier.size)
            return classifier.logits(read_image(path, colour=True, at_least_px=at_least_px))
        except ImageRejected as error:
            return Reject(path, error.code, error.text)
