"""``kpsearch demo``: the whole road, on a catalogue of its own or on the user's pictures."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from kpsearch.cli.options import jobs_option

if TYPE_CHECKING:
    from kpsearch.demo import DemoResult
    from kpsearch.types import Answer


@click.command()
@click.argument("folder", required=False)
@click.option(
    "-o",
    "--output",
    metavar="DIR",
    default="demo-output",
    show_default=True,
    help="Where the pictures, the index and the page go.",
)
@jobs_option
def demo(folder: str | None, output: str, jobs: int) -> None:
    """Show what kpsearch does, on a catalogue it makes itself or on your pictures in FOLDER.

    Takes "photos" of catalogue pictures (perspective, crop, light, blur, occlusion), looks them
    up and writes a page of the matches.
    """
    from kpsearch.cli.output import print_reject, progress_bars
    from kpsearch.demo import run_demo

    with progress_bars() as progress:
        result = run_demo(output, folder, n_jobs=jobs, progress=progress, on_reject=print_reject)
    click.echo(_table(result))
    click.echo(_closing(result))


def _table(result: DemoResult) -> str:
    from kpsearch.evaluation import format_table

    headers = ["photo", "answer", "", "score", "inliers", "ms"]
    return format_table(
        headers, [_row(result, answer) for answer in result.answers], align="lllrrr"
    )


def _row(result: DemoResult, answer: Answer) -> list[str | int | None]:
    mark = "right" if result.is_right(answer) else "wrong"
    if not result.truth[answer.query]:
        mark += " (not in the catalogue)"
    milliseconds = round(sum(answer.timings_ms.values()))
    photo = os.path.basename(answer.query)
    if not answer.hits:
        return [photo, "no match", mark, None, None, milliseconds]
    best = answer.hits[0]
    name = os.path.basename(best.path) if answer.matched else "no match"
    return [photo, name, mark, f"{best.score:.0f}", best.inliers, milliseconds]


def _closing(result: DemoResult) -> str:
    right = sum(result.is_right(answer) for answer in result.answers)
    return (
        f"\n{right} of {len(result.answers)} right; "
        f"{result.indexed.added} pictures indexed in {result.indexed.seconds['all']:.1f} s\n"
        f"the matches, in pictures: {result.page}"
    )
