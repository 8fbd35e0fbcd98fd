"""``kpsearch embed``: deep embeddings of pictures, as a baseline to compare with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from kpsearch.cli.options import chosen_embedding, embedding_options, jobs_option, worker_limits

REJECTS_UNDER_STRICT = 3


@click.command()
@click.argument("model", metavar="MODEL.onnx")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option(
    "-o", "--output-file", "output", required=True, metavar="FILE.npz", help="File to write."
)
@click.option("--truth", metavar="MANIFEST.csv", help="Its references and queries as well.")
@embedding_options()
@jobs_option
@worker_limits
@click.option("--follow-links", is_flag=True, help="Go into linked folders too.")
@click.option("--strict", is_flag=True, help="Exit with 3 if any picture was rejected.")
@click.pass_context
def embed(
    ctx: click.Context,
    /,
    model: str,
    paths: tuple[str, ...],
    output: str,
    truth: str | None,
    jobs: int,
    timeout: float,
    memory_limit: int,
    follow_links: bool,
    strict: bool,
    **chosen: Any,
) -> None:
    """Write a vector for each picture, by any ONNX model that takes one.

    FILE.npz has ids (paths, as bytes), vectors (float32, of unit length) and meta (JSON: the model,
    its hash and how it was fed). The cosine of two pictures is the product of their vectors.

    Vectors are kept in FILE.npz.part until all are there: run again after it was stopped, it goes
    on where it was, and embeds anew what has changed since. A picture for which the model gives
    zeros alone is rejected: it has no cosine.
    """
    from kpsearch.cli.output import print_reject, progress_bars, require_place
    from kpsearch.embedding import embed_pictures
    from kpsearch.errors import UsageError
    from kpsearch.options import WorkerLimits

    if not output.endswith(".npz"):
        raise UsageError(f"{output}: embeddings are written as FILE.npz")
    require_place(output)
    pictures = _pictures(paths, truth, follow_links=follow_links)
    with progress_bars() as progress:
        report = embed_pictures(
            pictures,
            model,
            output,
            chosen_embedding(chosen),
            n_jobs=jobs,
            limits=WorkerLimits(timeout, memory_limit * 2**20),
            progress=progress,
            on_reject=print_reject,
        )
    counts = [
        f"{report.embedded} embedded",
        f"{report.resumed} of them by an earlier run" if report.resumed else "",
        f"{len(report.rejects)} rejected" if report.rejects else "",
    ]
    click.echo(f"{', '.join(filter(None, counts))}; {report.facts.dimensions} dimensions")
    if report.unfinished:
        click.echo(
            f"kpsearch: {output}.part stays: it has {report.unfinished} vectors of pictures that"
            " were not asked for now; ask for them too, or remove it",
            err=True,
        )
    if strict and report.rejects:
        ctx.exit(REJECTS_UNDER_STRICT)


def _pictures(paths: Sequence[str], truth: str | None, *, follow_links: bool) -> list[str]:
    """Absolute paths of the pictures to embed, each once."""
    import os

    from kpsearch.errors import UsageError
    from kpsearch.evaluation import read_truth
    from kpsearch.images import find_images

    if not paths and truth is None:
        raise UsageError("nothing to embed: give pictures, folders of pictures or --truth")
    if "" in paths:
        raise UsageError("an empty path names no picture; is a variable not set?")
    found = map(os.path.abspath, find_images(paths, follow_links=follow_links))
    table = () if truth is None else read_truth(truth).rows
    named = [row.path for row in table if row.is_reference or row.is_query]
    return list(dict.fromkeys([*found, *named]))
