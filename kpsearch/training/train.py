"""A classifier of the user's own categories, from labelled pictures to an ONNX file."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.categories import FEATURES, ClassifierRecord, open_network
from kpsearch.categories.views import side_of
from kpsearch.errors import NotInstalled, UsageError
from kpsearch.options import EmbeddingOptions, WorkerLimits
from kpsearch.replacing import replace_file
from kpsearch.training.backbone import Backbone, open_backbone
from kpsearch.training.extraction import Extracted, Lookout, extract
from kpsearch.training.head import Head
from kpsearch.training.judging import Judge, Judged
from kpsearch.training.options import TrainingOptions
from kpsearch.training.pictures import LabelledPicture
from kpsearch.training.report import TrainingReport, facts_of
from kpsearch.training.self_training import SelfLabelled, fit_on_views, grow
from kpsearch.training.table import Table
from kpsearch.training.trained_on import not_seen, seen
from kpsearch.training.tuning import Examples, Tuned, tune
from kpsearch.types import Reject

if TYPE_CHECKING:
    import onnx

    from kpsearch.training.finetuning import FinetuneOptions

    Progress = Callable[[str, int, int], None]

VALIDATION_FOLD = 0
"""Of the held-out pictures, those that fine-tuning is judged by."""
CACHE = ".features"
"""After the name of the classifier's file: where the features of its pictures are kept."""


def train_categories(
    pictures: Sequence[LabelledPicture],
    output: str | os.PathLike[str],
    options: TrainingOptions | None = None,
    *,
    finetune: FinetuneOptions | None = None,
    validation: Sequence[LabelledPicture] = (),
    n_jobs: int = 1,
    limits: WorkerLimits | None = None,
    progress: Progress | None = None,
    on_reject: Callable[[Reject], None] | None = None,
) -> TrainingReport:
    """Train a classifier on labelled pictures and write it to ``output``, an ONNX file.

    Stage 1: features of a backbone that stays as it is, and a layer that is fitted to them;
    pictures without a label join where the layer is sure of them. With ``finetune``, the last
    blocks of the backbone learn, too; ``validation`` says when it is enough, or a part of the
    pictures that is held out. The features stay in ``output``.features for the next training.

    A bad picture is a reject, never an exception. The classifier is not calibrated yet. Raises
    `NotInstalled`, `UnusableModel`, `WrongFolder`, and `UsageError` with fewer than two labels.
    """
    job = _Job(
        os.path.abspath(output),
        options or TrainingOptions(),
        n_jobs,
        limits or WorkerLimits(),
        progress or (lambda *_: None),
        on_reject or (lambda _: None),
    )
    return job.run(pictures, finetune, validation)


@dataclass(slots=True)
class _Job:
    """One training: what it was given to work with."""

    output: str
    options: TrainingOptions
    n_jobs: int
    limits: WorkerLimits
    progress: Progress
    on_reject: Callable[[Reject], None]
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - started

    def run(
        self,
        pictures: Sequence[LabelledPicture],
        finetune: FinetuneOptions | None,
        validation: Sequence[LabelledPicture],
    ) -> TrainingReport:
        """Look, judge, fit, tune, write."""
        _require_labels(pictures)
        _require_others(pictures, validation)
        if finetune is not None and find_spec("torch") is None:
            raise NotInstalled("fine-tuning needs torch: pip install 'kpsearch[finetune]'")
        backbone = open_backbone(
            self.options.weights, options=self.options.preprocessing, size=self.options.size
        )
        with self._timed("features"):
            found = self._look(backbone, [picture.path for picture in pictures])
        table = Table.of(pictures, found)
        judge = Judge.of(
            table.features, table.truth, classes=len(table.labels), seed=self.options.seed
        )
        with self._timed("judging"):
            judged = judge.judge(progress=self.progress)
        with self._timed("fitting"):
            taken = self._taken(table, judge, judged)
            head = fit_on_views(
                table.features,
                table.truth,
                table.unlabelled[taken.rows],
                taken.classes,
                classes=len(table.labels),
            )
            curve = judge.learning_curve(judged)
        temperature, tuned = judged.temperature, None
        if finetune is not None:
            with self._timed("fine-tuning"):
                tuned = self._tuned(backbone, table, taken, judge, finetune, validation)
                if tuned.better:
                    backbone, temperature = tuned.backbone, tuned.temperature
                    head = self._refitted(backbone, table, taken)
        report = TrainingReport(
            record=ClassifierRecord(
                labels=table.labels,
                preprocessing=backbone.preprocessing,
                views=self.options.views,
                temperature=temperature,
            ),
            labels=table.labels,
            pictures=len(table.truth),
            unlabelled=len(table.unlabelled),
            taken=len(taken.rows),
            few=table.few(),
            rejects=found.rejects,
            judged=judged,
            learning_curve=curve,
            fine_tuned=tuned,
            seconds=self.seconds,
        )
        shown = [*table.paths, *(table.unlabelled_paths[row] for row in taken.rows)]
        shown += [path for path, label in validation if label in table.labels]
        report.record = replace(
            report.record,
            facts={"training": facts_of(report, backbone, self.options, table, shown)},
        )
        model = _assembled(backbone, head)
        replace_file(self.output, report.record.written_to(model.SerializeToString()))
        return report

    def _look(self, backbone: Backbone, paths: list[str], cache: str | None = None) -> Extracted:
        """The features of the pictures; workers read the backbone from a file for the while."""
        from kpsearch.training.assembly import width_of

        with tempfile.TemporaryDirectory() as folder:
            model = os.path.join(folder, "backbone.onnx")
            content = backbone.model.SerializeToString(deterministic=True)
            _try(self.options.weights or backbone.name, content, backbone.preprocessing)
            Path(model).write_bytes(content)
            lookout = Lookout(
                model, width_of(backbone.model), backbone.preprocessing, self.options.views
            )
            return extract(
                paths,
                lookout,
                cache=cache or self.output + CACHE,
                n_jobs=self.n_jobs,
                limits=self.limits,
                progress=self.progress,
                on_reject=self.on_reject,
            )

    def _taken(self, table: Table, judge: Judge, judged: Judged) -> SelfLabelled:
        """The unlabelled pictures that join."""
        if not len(table.unlabelled) or not judge.tested:
            none = np.empty(0, np.intp)
            return SelfLabelled(none, none)
        return grow(
            table.features,
            table.truth,
            table.unlabelled,
            classes=len(table.labels),
            temperature=judged.temperature,
            helps=lambda: judge.joined(table.unlabelled, judged.temperature) >= judged.accuracy,
        )

    def _tuned(
        self,
        backbone: Backbone,
        table: Table,
        taken: SelfLabelled,
        judge: Judge,
        options: FinetuneOptions,
        validation: Sequence[LabelledPicture],
    ) -> Tuned:
        """The classifier with its last blocks trained as well, judged by pictures held out."""
        number = {label: i for i, label in enumerate(table.labels)}
        known = [(path, number[label]) for path, label in validation if label in number]
        if validation and not known:
            raise UsageError("--validation: none of its pictures has a label that is trained")
        out = np.zeros(len(table.truth), np.bool_) if known else judge.folds == VALIDATION_FOLD
        if not known and not out.any():
            raise UsageError(
                "nothing can be held out to see whether fine-tuning helps: give --validation"
            )
        training = table.examples(~out).joined_by(
            [table.unlabelled_paths[row] for row in taken.rows], taken.classes
        )
        judging = table.examples(out)
        if known:
            paths, truth = zip(*known, strict=True)
            judging = Examples.sure(paths, np.array(truth, np.intp))
        # What a network sees that is still learning is of no use to the next training.
        with tempfile.TemporaryDirectory() as folder:
            cache = os.path.join(folder, "features")

            def look(network: Backbone, paths: list[str]) -> Extracted:
                return self._look(network, paths, None if network is backbone else cache)

            return tune(
                backbone,
                training,
                judging,
                look,
                options,
                classes=len(table.labels),
                progress=self.progress,
            )

    def _refitted(self, backbone: Backbone, table: Table, taken: SelfLabelled) -> Head:
        """The head for a trained backbone, by all pictures."""
        joined = [table.unlabelled_paths[row] for row in taken.rows]
        with tempfile.TemporaryDirectory() as folder:
            found = self._look(backbone, [*table.paths, *joined], os.path.join(folder, "features"))
        truth = np.concatenate([table.truth, taken.classes])[found.rows]
        sure = np.array(found.rows) < len(table.truth)
        return fit_on_views(
            found.features[sure],
            truth[sure],
            found.features[~sure],
            truth[~sure],
            classes=len(table.labels),
        )


def _require_labels(pictures: Sequence[LabelledPicture]) -> None:
    """Raise `UsageError` before hours go into pictures that nothing can be learned from."""
    categories = {label.category for _, label in pictures if label is not None}
    if len(categories) < 2:
        raise UsageError(
            f"{len(pictures)} pictures of {len(categories)} categories: a classifier tells two "
            "apart at least"
        )


def _require_others(
    pictures: Sequence[LabelledPicture], validation: Sequence[LabelledPicture]
) -> None:
    """Raise `UsageError` where a picture would be both learned from and judged by."""
    if validation:
        learned = seen(path for path, _ in pictures)
        both = not_seen([path for path, _ in validation], learned).count(False)
        if both:
            raise UsageError(
                f"--validation: {both} of its {len(validation)} pictures are among those trained on"
            )


def _try(name: str, content: bytes, preprocessing: EmbeddingOptions) -> None:
    """Raise `UnusableModel`, naming the backbone, where it cannot be run on a blank picture."""
    side = side_of(preprocessing)
    blank = np.zeros((1, 3, side, side), np.float32)
    open_network(name, content, (FEATURES,)).run(blank, FEATURES)


def _assembled(backbone: Backbone, head: Head) -> onnx.ModelProto:
    from kpsearch.training.assembly import with_head

    return with_head(backbone.model, head)
