"""``kpsearch train-categories``: a classifier of one's own categories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from kpsearch.cli.options import (
    chosen_embedding,
    embedding_options,
    jobs_option,
    json_flag,
    numbers_in,
    worker_limits,
)

if TYPE_CHECKING:
    from kpsearch.training import LabelledPicture, TrainingOptions, TrainingReport
    from kpsearch.training.finetuning import FinetuneOptions, Phase
    from kpsearch.training.tuning import Tuned

REJECTS_UNDER_STRICT = 3
WHOLE = "all"


class SharesType(click.ParamType[Any]):
    """Shares with commas between."""

    name = "A,B,..."

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        """At least one number above 0, at most 1."""
        if isinstance(value, tuple):
            return value
        found = numbers_in(value)
        if not found or not all(0 < share <= 1 for share in found):
            self.fail(f"{value!r} is no list of shares above 0, at most 1", param, ctx)
        return found


@click.command("train-categories")
@click.argument("labels", metavar="LABELS.csv")
@click.option(
    "-o", "--output-file", "output", required=True, metavar="MODEL.onnx", help="File to write."
)
@click.option("--depth", type=click.IntRange(1), help="Of folders that are the category.")
@click.option(
    "--unlabelled",
    multiple=True,
    metavar="PATH",
    help="Pictures without labels: files, folders, CSV files.",
)
@click.option(
    "--weights",
    metavar="FILE.onnx|torch:NAME",
    help="Backbone: another ONNX model, or one of torchvision.  [default: EfficientNet-Lite0]",
)
@click.option(
    "--views",
    type=SharesType(),
    help="Shares of the shorter side of a picture that are looked at.  [default: 0.875,0.6]",
)
@embedding_options("input-", without="crop")
@click.option("--finetune", is_flag=True, help="Train the last blocks of the backbone, too.")
@click.option("--validation", metavar="LABELS.csv", help="Pictures that say when it is enough.")
@click.option(
    "--blocks", metavar="N|all", help="Blocks to unfreeze at most.  [default: as measured best]"
)
@click.option("--epochs", type=click.IntRange(1), help="Of each phase, at most.")
@click.option("--attention", is_flag=True, help="Learn where to look, before the pooling.")
@click.option("--no-flip", is_flag=True, help="Never mirror pictures: their sides matter.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
@jobs_option
@worker_limits
@click.option("--strict", is_flag=True, help="Exit with 3 if any picture was rejected.")
@json_flag
@click.pass_context
def train_categories(
    ctx: click.Context,
    /,
    labels: str,
    output: str,
    depth: int | None,
    unlabelled: tuple[str, ...],
    finetune: bool,
    validation: str | None,
    jobs: int,
    timeout: float,
    memory_limit: int,
    strict: bool,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Train a classifier on pictures of your own categories, and write it to MODEL.onnx.

    LABELS.csv has the columns path and category, and subcategory if wanted; rows without a category
    are pictures that nobody has labelled. Or it is a folder of a folder for each category.

    Beside MODEL.onnx come a card that says what it is (MODEL.md), pictures of its learning curve
    and of what it mixes up, and the features of the pictures (MODEL.onnx.features), with which the
    next training is a matter of seconds. A query is restricted by it once it is calibrated.
    """
    from kpsearch.cli.output import print_json, print_reject, progress_bars, require_place
    from kpsearch.errors import UsageError
    from kpsearch.options import WorkerLimits
    from kpsearch.training import LabelledPicture, read_labels, train_categories, write_card
    from kpsearch.training.plots import write_plots

    if not output.endswith(".onnx"):
        raise UsageError(f"{output}: a classifier is written as MODEL.onnx")
    require_place(output)
    was_calibrated = _calibrated(output)
    tuning = _tuning(finetune=finetune, validation=validation, **chosen)
    judges = [] if validation is None else _others(validation, depth)
    pictures = _joined(
        read_labels(labels, depth=depth),
        [LabelledPicture(path, None) for path in _unlabelled(unlabelled)],
    )
    limits = WorkerLimits(timeout, memory_limit * 2**20)
    with progress_bars() as progress:
        report = train_categories(
            pictures,
            output,
            _options(chosen),
            finetune=tuning,
            validation=judges,
            n_jobs=jobs,
            limits=limits,
            progress=progress,
            on_reject=print_reject,
        )
    files = [*write_plots(output, report), write_card(output)]
    if as_json:
        print_json({**as_values(report), "model": output, "files": files})
    else:
        click.echo(f"{describe(report)}\nwrote {', '.join([output, *files])}")
    if was_calibrated:
        click.echo(
            f"kpsearch: {output}: it took the place of a classifier that was calibrated; calibrate "
            "this one, too",
            err=True,
        )
    if strict and report.rejects:
        ctx.exit(REJECTS_UNDER_STRICT)


def _calibrated(output: str) -> bool:
    """Whether a calibrated classifier is there; raises `UsageError` for any other file."""
    import os
    from pathlib import Path

    from kpsearch.categories import ClassifierRecord
    from kpsearch.errors import UnusableModel, UsageError

    if not os.path.lexists(output):
        return False
    try:
        return ClassifierRecord.read_from(output, Path(output).read_bytes()).calibration is not None
    except (OSError, UnusableModel) as error:
        raise UsageError(
            f"{output}: there is a file that is no classifier of categories; name another, or "
            "remove it"
        ) from error


def _unlabelled(sources: tuple[str, ...]) -> list[str]:
    """The pictures of CSV files, folders, and pictures themselves, whatever their labels."""
    import os

    from kpsearch.images import find_images
    from kpsearch.training import read_labels

    tables = [source for source in sources if source.endswith(".csv")]
    others = find_images([source for source in sources if source not in tables])
    listed = [path for table in tables for path, _ in read_labels(table)]
    return [*listed, *map(os.path.abspath, others)]


def _depth_of(source: str, depth: int | None) -> int | None:
    """The depth of LABELS.csv is that of the other sources, too, where they are folders."""
    import os

    return depth if os.path.isdir(source) else None


def _others(source: str, depth: int | None) -> Sequence[LabelledPicture]:
    """The pictures of a source beside LABELS.csv."""
    from kpsearch.training import read_labels

    return read_labels(source, depth=_depth_of(source, depth))


def _joined(
    labelled: tuple[LabelledPicture, ...], unlabelled: list[LabelledPicture]
) -> list[LabelledPicture]:
    """All pictures once; one that is labelled somewhere is labelled."""
    found = {picture.path: picture for picture in unlabelled}
    found.update({picture.path: picture for picture in labelled})
    return list(found.values())


def _options(chosen: dict[str, Any]) -> TrainingOptions:
    from dataclasses import replace

    from kpsearch.options import EmbeddingOptions
    from kpsearch.training import TrainingOptions

    asked = chosen_embedding(chosen)
    size = None if asked is None else asked.size
    # A size alone leaves a backbone what else it knows of its input.
    preprocessing = None if asked == EmbeddingOptions(size=size) else asked
    options = TrainingOptions(
        weights=chosen["weights"], preprocessing=preprocessing, size=size, seed=chosen["seed"]
    )
    return options if chosen["views"] is None else replace(options, views=chosen["views"])


def _tuning(
    *,
    finetune: bool,
    validation: str | None,
    blocks: str | None,
    epochs: int | None,
    attention: bool,
    no_flip: bool,
    seed: int,
    **_: Any,
) -> FinetuneOptions | None:
    """The options of fine-tuning; None without it. Raises `UsageError` for some without it."""
    from kpsearch.errors import UsageError

    if not finetune:
        given = {
            "--validation": validation is not None,
            "--blocks": blocks is not None,
            "--epochs": epochs is not None,
            "--attention": attention,
            "--no-flip": no_flip,
        }
        if any(given.values()):
            names = ", ".join(name for name, there in given.items() if there)
            raise UsageError(f"{names}: of no effect without --finetune")
        return None
    from dataclasses import replace

    from kpsearch.training.finetuning import Augmentation, FinetuneOptions

    phases = FinetuneOptions().phases
    if blocks is not None:
        phases = _up_to(phases, None if blocks == WHOLE else _number(blocks))
    if epochs is not None:
        phases = tuple(replace(phase, epochs=epochs) for phase in phases)
    augmentation = Augmentation(flip=not no_flip)
    return FinetuneOptions(phases=phases, attention=attention, augmentation=augmentation, seed=seed)


def _number(blocks: str) -> int:
    from kpsearch.errors import UsageError

    if not blocks.isdecimal() or int(blocks) < 1:
        raise UsageError(f"--blocks {blocks}: a number of blocks from 1, or {WHOLE}")
    return int(blocks)


def _up_to(phases: tuple[Phase, ...], most: int | None) -> tuple[Phase, ...]:
    """The phases that unfreeze fewer blocks, and one that unfreezes so many; None is all."""
    from dataclasses import replace

    fewer = tuple(
        phase
        for phase in phases
        if phase.blocks is not None and (most is None or phase.blocks < most)
    )
    return (*fewer, replace(phases[-1], blocks=most))


def describe(report: TrainingReport) -> str:
    """A training as text: of what, how good it is, and what to know of it."""
    from kpsearch.images import escape_path

    facts = report.record.facts["training"]
    categories = len(report.record.categories)
    lines = [
        f"{report.pictures} labelled pictures of {len(report.labels)} labels in {categories} "
        f"categories; backbone {facts['backbone']['name']}"
    ]
    held_out = facts["held_out"]
    if held_out["pictures"]:
        lines.append(
            f"held out, each with the one most like it: {100 * held_out['accuracy']:.1f}% get the "
            f"right label, {100 * held_out['category_accuracy']:.1f}% the right category; queries "
            "are other pictures, see calibrate-categories"
        )
    else:
        lines.append("nothing could be held out: each label needs two unlike pictures at least")
    if report.unlabelled:
        lines.append(
            f"of {report.unlabelled} unlabelled pictures {report.taken} joined, labelled by what "
            "the others taught"
        )
    if report.fine_tuned is not None:
        lines.append(_tuned(report.fine_tuned))
    if report.few:
        names = ", ".join(f"{escape_path(name)} ({n})" for name, n in report.few.items())
        lines.append(f"few pictures: {names}")
    if report.rejects:
        lines.append(f"{len(report.rejects)} rejected")
    return "\n".join(lines)


def _tuned(tuned: Tuned) -> str:
    stopped = ", stopped before its end" if tuned.course.interrupted else ""
    said = (
        f"{tuned.judged_by} pictures of validation, {100 * tuned.before.accuracy:.1f}% told right "
        f"before, {100 * tuned.after.accuracy:.1f}% after (loss {tuned.before.loss:.3f}, "
        f"{tuned.after.loss:.3f})"
    )
    if not tuned.better:
        return f"fine-tuning made it no better, so it is left as it was: {said}"
    last = tuned.course.curves[-1].number
    return f"fine-tuned, weights of epoch {tuned.course.best} of {last}{stopped}: {said}"


def as_values(report: TrainingReport) -> dict[str, Any]:
    """A training as plain JSON values."""
    training = dict(report.record.facts["training"])
    training.pop("trained_on")
    return {
        **training,
        "categories": list(report.record.categories),
        "labels": [str(label) for label in report.labels],
        "few": report.few,
        "rejects": [
            {"image": reject.path, "code": reject.code, "text": reject.text}
            for reject in report.rejects
        ],
        "seconds": {stage: round(spent, 3) for stage, spent in report.seconds.items()},
    }
