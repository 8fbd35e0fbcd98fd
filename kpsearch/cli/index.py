"""``kpsearch index``: make an index, or bring one up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from kpsearch.cli.category_options import category_options, chosen_categories
from kpsearch.cli.options import (
    chosen_embedding,
    chosen_features,
    chosen_vocabulary,
    embedding_options,
    feature_options,
    index_option,
    jobs_option,
    json_flag,
    worker_limits,
)

if TYPE_CHECKING:
    from kpsearch.indexing import IndexReport

REJECTS_UNDER_STRICT = 3


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@index_option
@feature_options
@click.option(
    "--embed",
    metavar="MODEL.onnx",
    help="Keep a deep embedding of every picture, for --fuse; an index keeps to its model.",
)
@embedding_options("embed-")
@category_options
@jobs_option
@worker_limits
@click.option("--follow-links", is_flag=True, help="Go into linked folders too.")
@click.option("--prune", is_flag=True, help="Drop pictures of these folders that are gone.")
@click.option("--retry-rejects", is_flag=True, help="Read unchanged rejects again.")
@click.option("--strict", is_flag=True, help="Exit with 3 if any picture was rejected.")
@json_flag
@click.pass_context
def index(
    ctx: click.Context,
    /,
    paths: tuple[str, ...],
    index: str,
    words: int | None,
    vocabulary: str | None,
    embed: str | None,
    jobs: int,
    timeout: float,
    memory_limit: int,
    follow_links: bool,
    prune: bool,
    retry_rejects: bool,
    strict: bool,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Make an index of pictures and folders of pictures, or add what is new and changed.

    Run again, it skips unchanged files and those it rejected; an interrupted run goes on where it
    committed.
    """
    from kpsearch.cli.output import print_json, print_reject, progress_bars
    from kpsearch.indexing import build_index
    from kpsearch.options import WorkerLimits

    with progress_bars() as progress:
        report = build_index(
            paths,
            index,
            features=chosen_features(chosen, index),
            vocabulary=chosen_vocabulary(words, vocabulary),
            embed=embed,
            embedding=chosen_embedding(chosen),
            categories=chosen_categories(chosen),
            classifier=chosen["categories"],
            category_alpha=chosen["category_alpha"],
            n_jobs=jobs,
            limits=WorkerLimits(timeout, memory_limit * 2**20),
            follow_links=follow_links,
            prune=prune,
            retry_rejects=retry_rejects,
            progress=progress,
            on_reject=print_reject,
        )
    if as_json:
        print_json(_as_json(report, index))
    else:
        if report.categories_unused:
            told = f"{report.categories_unused} categories are of no picture indexed now"
            click.echo(f"kpsearch: {chosen['category_csv']}: {told}", err=True)
        click.echo(_summary(report, index))
    if strict and (report.rejects or report.still_rejected):
        ctx.exit(REJECTS_UNDER_STRICT)


def _summary(report: IndexReport, index: str) -> str:
    from kpsearch.images import escape_path

    counts = [
        f"{report.added} added",
        f"{report.replaced} replaced" if report.replaced else "",
        f"{report.pruned} dropped" if report.pruned else "",
        f"{report.unchanged} unchanged" if report.unchanged else "",
        f"{len(report.rejects)} rejected" if report.rejects else "",
        f"{report.still_rejected} rejected before" if report.still_rejected else "",
        f"{report.without_features} without a keypoint" if report.without_features else "",
        f"{len(report.warnings)} accepted with a warning" if report.warnings else "",
    ]
    return (
        f"{', '.join(filter(None, counts))}; {report.keypoints} keypoints, {report.words} words, "
        f"{report.seconds['all']:.1f} s\n"
        f"committed generation {report.generation} of {escape_path(index)}"
    )


def _as_json(report: IndexReport, index: str) -> dict[str, object]:
    return {
        "index": index,
        "generation": report.generation,
        "added": report.added,
        "replaced": report.replaced,
        "unchanged": report.unchanged,
        "pruned": report.pruned,
        "still_rejected": report.still_rejected,
        "categories_unused": report.categories_unused,
        "keypoints": report.keypoints,
        "no_features": report.without_features,
        "words": report.words,
        "rejects": [
            {"image": reject.path, "code": reject.code, "text": reject.text}
            for reject in report.rejects
        ],
        "warnings": [{"image": path, "text": text} for path, text in report.warnings],
        "seconds": {stage: round(spent, 3) for stage, spent in report.seconds.items()},
    }
