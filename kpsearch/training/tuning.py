"""Stage 2: the network learns, too, and the head is fitted once more to what it sees then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.training.backbone import Backbone
from kpsearch.training.extraction import Extracted
from kpsearch.training.head import Fit, Head, fit_head, fit_plain, fit_temperature, log_loss
from kpsearch.training.self_training import WEIGHT, fit_on_views

if TYPE_CHECKING:
    import numpy.typing as npt
    import onnx

    from kpsearch.training.finetuning import FineTuned, FinetuneOptions

    Progress = Callable[[str, int, int], None]
    Look = Callable[[Backbone, list[str]], Extracted]
    """The features of pictures by a backbone."""


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Pictures to learn from or to validate with."""

    paths: tuple[str, ...]
    truth: npt.NDArray[np.intp]
    """(n,) classes."""
    weight: npt.NDArray[np.float64]
    """(n,) below 1 where the class is a guess."""

    @classmethod
    def sure(cls, paths: Sequence[str], truth: npt.NDArray[np.intp]) -> Examples:
        """Labelled by somebody."""
        return cls(tuple(paths), truth, np.ones(len(paths)))

    def joined_by(self, paths: Sequence[str], truth: npt.NDArray[np.intp]) -> Examples:
        """With some that the classifier labelled."""
        weight = np.full(len(paths), WEIGHT)
        return Examples(
            (*self.paths, *paths),
            np.concatenate([self.truth, truth]),
            np.concatenate([self.weight, weight]),
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """How well a classifier tells the pictures of validation."""

    accuracy: float
    loss: float
    """Mean cross-entropy in nats, at the temperature that suits it best."""


@dataclass(frozen=True, slots=True, eq=False)
class Tuned:
    """What became of a classifier."""

    backbone: Backbone
    head: Head
    temperature: float
    course: FineTuned
    before: Verdict
    """Of validation, on the classifier as it was."""
    after: Verdict
    judged_by: int
    """Pictures of validation."""

    @property
    def better(self) -> bool:
        """Whether it tells the pictures of validation better than before."""
        return self.after.loss < self.before.loss


def tune(
    backbone: Backbone,
    training: Examples,
    validation: Examples,
    look: Look,
    options: FinetuneOptions,
    *,
    classes: int,
    progress: Progress | None = None,
) -> Tuned:
    """A classifier on a backbone that learns, beside one on the backbone as it was.

    It starts from a plain regression: the discriminants fit the training so well that nothing
    would be left to learn. After every epoch, the head in the discriminants is fitted to what the
    network sees then, and judged: it errs less than the one that is trained with it, and in other
    ways (docs/categories.md). Raises as `kpsearch.training.finetuning.finetune`.
    """
    from kpsearch.training.assembly import with_head, without_head
    from kpsearch.training.finetuning import Sample, finetune

    def samples(examples: Examples) -> list[Sample]:
        columns = (examples.paths, examples.truth.tolist(), examples.weight.tolist())
        return [Sample(*row) for row in zip(*columns, strict=True)]

    def fitted(model: onnx.ModelProto) -> tuple[Backbone, Head, Verdict, float]:
        network = replace(backbone, model=without_head(model))
        head = _fitted(network, training, look, classes)
        return network, head, *_judged(network, head, validation, look)

    def judge(model: onnx.ModelProto) -> tuple[float, float]:
        verdict = fitted(model)[2]
        return verdict.loss, verdict.accuracy

    plain = _fitted(backbone, training, look, classes, fit=fit_plain)
    start = with_head(backbone.model, plain)
    before = _judged(backbone, _fitted(backbone, training, look, classes), validation, look)[0]
    course = finetune(
        start,
        samples(training),
        (),
        backbone.preprocessing,
        options,
        judge=judge,
        progress=progress,
    )
    trained, head, after, temperature = fitted(course.model)
    return Tuned(trained, head, temperature, course, before, after, len(validation.paths))


def _fitted(
    backbone: Backbone, training: Examples, look: Look, classes: int, *, fit: Fit = fit_head
) -> Head:
    """A head for the pictures that can be read."""
    found = look(backbone, list(training.paths))
    sure = training.weight[found.rows] == 1
    truth = training.truth[found.rows]
    return fit_on_views(
        found.features[sure],
        truth[sure],
        found.features[~sure],
        truth[~sure],
        classes=classes,
        fit=fit,
    )


def _judged(
    backbone: Backbone, head: Head, validation: Examples, look: Look
) -> tuple[Verdict, float]:
    """How well a classifier tells the pictures that can be read, and the temperature for it."""
    found = look(backbone, list(validation.paths))
    truth = validation.truth[found.rows]
    if not len(truth):
        return Verdict(float("nan"), float("nan")), 1.0
    logits = head.logits(found.features).mean(axis=1)
    suits = fit_temperature(logits, truth)
    accuracy = float(np.mean(logits.argmax(axis=1) == truth))
    return Verdict(accuracy, log_loss(logits / suits, truth)), suits
