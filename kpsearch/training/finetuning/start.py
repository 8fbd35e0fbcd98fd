"""Fine-tuning as one call: from a classifier and labelled pictures to a better classifier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

from kpsearch.errors import NotInstalled, UsageError
from kpsearch.training.finetuning.outcome import FineTuned, Judge, Sample

if TYPE_CHECKING:
    import onnx

    from kpsearch.indexing import Progress
    from kpsearch.options import EmbeddingOptions
    from kpsearch.training.finetuning.options import FinetuneOptions
    from kpsearch.training.finetuning.pictures import Pictures

USUAL_SIDE_PX = 224
_MARGIN = 1.4
"""Shorter side of a picture in memory, in sides of the input: crops have pixels to spare."""


def finetune(
    model: onnx.ModelProto,
    training: Sequence[Sample],
    validation: Sequence[Sample],
    preprocessing: EmbeddingOptions,
    options: FinetuneOptions,
    *,
    views: Sequence[float] = (),
    judge: Judge | None = None,
    progress: Progress | None = None,
) -> FineTuned:
    """The classifier trained further on labelled pictures, as ``options`` say.

    ``model`` takes ``image`` (n, 3, s, s) as ``preprocessing`` makes it and gives ``logits``
    (n, K). Its head should know the classes already, by plain regression: one that is sure of
    every training picture leaves the blocks nothing to learn from. A head fitted once more to the
    features that come out is better than the one that was trained with them.

    ``validation`` are pictures of other occasions than those of training; they are judged by the
    mean of the logits over ``views``, shares of the shorter side (none: the crop of
    ``preprocessing``), and end the training where ``options.patience`` says so. ``judge`` says
    better how good a classifier is, where its head will be another one. The same arguments give
    the same weights on one machine with the same number of threads. An interrupt (Ctrl-C)
    ends training with the weights that were to be kept so far; nothing is on disk meanwhile.

    Pictures that cannot be read are left out and reported. Raises `NotInstalled` without torch,
    `UnusableModel` for a graph that cannot be trained, `UsageError` for samples of no class.
    """
    if find_spec("torch") is None:
        raise NotInstalled("fine-tuning needs torch: kpsearch[finetune] has it")
    from kpsearch.training.finetuning.attention import with_attention
    from kpsearch.training.finetuning.loop import Course
    from kpsearch.training.finetuning.network import GraphNetwork

    report = progress or (lambda *_: None)
    sized = replace(preprocessing, size=preprocessing.size or _side_px(model))
    model = with_attention(model) if options.attention else model
    network = GraphNetwork(model)
    _check_targets([*training, *validation], network.classes)
    seen, unseen = (_read(samples, sized, options, report) for samples in (training, validation))
    if not seen.samples:
        raise UsageError("fine-tuning was given no picture that can be read")
    course = Course(
        network,
        seen,
        unseen,
        sized,
        options,
        views=views or (preprocessing.crop,),
        judge=None if judge is None else lambda: judge(network.with_weights(model)),
    )
    interrupted = False
    try:
        course.run(lambda done, total: report("fine-tuning", done, total))
    except KeyboardInterrupt:
        interrupted = True
    return FineTuned(
        model=network.with_weights(model),
        curves=tuple(course.curves),
        best=course.best,
        rejects=seen.rejects + unseen.rejects,
        interrupted=interrupted,
    )


def _side_px(model: onnx.ModelProto) -> int:
    shape = model.graph.input[0].type.tensor_type.shape.dim
    return (shape[2].dim_value if len(shape) == 4 else 0) or USUAL_SIDE_PX


def _check_targets(samples: Sequence[Sample], classes: int) -> None:
    for sample in samples:
        if not 0 <= sample.target < classes:
            raise UsageError(f"{sample.path}: class {sample.target} is not one of {classes}")


def _read(
    samples: Sequence[Sample],
    preprocessing: EmbeddingOptions,
    options: FinetuneOptions,
    report: Progress,
) -> Pictures:
    from kpsearch.training.finetuning.pictures import Pictures

    assert preprocessing.size is not None
    return Pictures(
        samples,
        shorter_px=round(_MARGIN * preprocessing.size),
        memory_bytes=options.memory_bytes,
        progress=lambda done, total: report("reading pictures", done, total),
    )
