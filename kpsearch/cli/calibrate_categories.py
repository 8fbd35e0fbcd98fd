"""``kpsearch calibrate-categories``: what a classifier's errors are on pictures like queries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from kpsearch.cli.options import jobs_option, json_flag, worker_limits

if TYPE_CHECKING:
    from kpsearch.training import CalibrationReport

REJECTS_UNDER_STRICT = 3


@click.command("calibrate-categories")
@click.argument("model", metavar="MODEL.onnx")
@click.argument("queries", metavar="QUERIES.csv")
@click.option("--depth", type=click.IntRange(1), help="Of folders that are the category.")
@jobs_option
@worker_limits
@click.option("--strict", is_flag=True, help="Exit with 3 if any picture was rejected.")
@json_flag
@click.pass_context
def calibrate_categories(
    ctx: click.Context,
    /,
    model: str,
    queries: str,
    depth: int | None,
    jobs: int,
    timeout: float,
    memory_limit: int,
    strict: bool,
    as_json: bool,
) -> None:
    """Judge a classifier by labelled pictures that look like queries, so that it can be relied on.

    QUERIES.csv has the columns path and category (or is a folder of a folder for each category),
    like those that `train-categories` takes, but the pictures are others: photos as people will
    ask with. Those it was trained on are left out, and so are those of categories that it does not
    know. What they say is written into MODEL.onnx, and replaces what an earlier calibration said.
    """
    from kpsearch.cli.output import print_json, print_reject, progress_bars
    from kpsearch.options import WorkerLimits
    from kpsearch.training import calibrate_categories, read_labels, write_card

    with progress_bars() as progress:
        report = calibrate_categories(
            model,
            read_labels(queries, depth=depth),
            queries,
            n_jobs=jobs,
            limits=WorkerLimits(timeout, memory_limit * 2**20),
            progress=progress,
            on_reject=print_reject,
        )
    card = write_card(model)
    if as_json:
        print_json({**as_values(report), "model": model, "card": card})
    else:
        click.echo(f"{describe(report)}\nwrote it into {model}; {card} says so, too")
    if strict and report.rejects:
        ctx.exit(REJECTS_UNDER_STRICT)


def describe(report: CalibrationReport) -> str:
    """A calibration as text: how good the classifier is, what it can promise, what is missing."""
    from kpsearch.categories.calibration import FEW_PICTURES
    from kpsearch.evaluation.table import format_table
    from kpsearch.images import escape_path
    from kpsearch.training.card import some_names

    known = report.calibration
    lines = [
        f"calibrated on {known.n} pictures of {len(known.counts)} of {len(report.categories)} "
        f"categories: {100 * report.accuracy:.1f}% get the right category"
        + (
            ""
            if report.label_accuracy is None or not report.finer
            else f", {100 * report.label_accuracy:.1f}% the right label"
        )
    ]
    if report.reached:
        rows = [
            [f"{r.alpha:g}", f"{100 * r.coverage:.1f}% ± {100 * r.spread:.1f}", f"{r.size:.2f}"]
            for r in report.reached
        ]
        heads = ["error rate allowed", "sets with the true category", "categories in a set"]
        lines += [
            format_table(heads, rows, align="rrr"),
            "each label's pictures by all others'; ±: how much that differs by chance",
        ]
    lines.append(f"the smallest error rate it can promise is {known.least_alpha:.2g}")
    if known.n < FEW_PICTURES:
        lines.append(
            f"warning: with fewer than {FEW_PICTURES} pictures, what is reached differs by chance "
            "from what is promised"
        )
    if report.missing:
        names = some_names(report.missing)
        lines.append(f"without a picture, so sets that hold one of them are not used: {names}")
    if report.unknown:
        names = ", ".join(f"{escape_path(name)} ({n})" for name, n in report.unknown.items())
        lines.append(f"left out, as the classifier has never seen their categories: {names}")
    if report.repeated:
        lines.append(f"left out, as the same picture is there already: {report.repeated}")
    if report.trained_on:
        lines.append(f"left out, as the classifier was trained on them: {report.trained_on}")
    return "\n".join(lines)


def as_values(report: CalibrationReport) -> dict[str, Any]:
    """A calibration as plain JSON values."""
    from dataclasses import asdict

    return {
        "pictures": report.calibration.n,
        "pictures_of_category": dict(report.calibration.counts),
        "categories": list(report.categories),
        "without_picture": list(report.missing),
        "temperature": report.temperature,
        "accuracy": report.accuracy,
        "label_accuracy": report.label_accuracy,
        "least_alpha": report.calibration.least_alpha,
        "reached": [asdict(reached) for reached in report.reached],
        "unknown_categories": report.unknown,
        "trained_on": report.trained_on,
        "repeated": report.repeated,
        "rejects": [
            {"image": reject.path, "code": reject.code, "text": reject.text}
            for reject in report.rejects
        ],
    }
