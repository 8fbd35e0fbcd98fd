"""``kpsearch embed``: deep embeddings of pictures, as a baseline to compare with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from kpsearch.cli.options import chosen_embedding, embedding_options, jobs_option, worker_limits

if TYPE_CHECKING:
    from kpsearch.embedding import Embeddings

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

    FILE.npz has ids (paths), vectors (float32, of unit length) and meta (JSON: the model, its hash
    and how it was fed). The cosine of two pictures is the product of their vectors.
    """
    from kpsearch.cli.output import print_reject, progress_bars, require_place
    from kpsearch.embedding import embed_pictures, write_embeddings
    from kpsearch.errors import UsageError
    from kpsearch.options import WorkerLimits

    if not output.endswith(".npz"):
        raise UsageError(f"{output}: embeddings are written as FILE.npz")
    require_place(output)
    pictures = _pictures(paths, truth, follow_links=follow_links)
    with progress_bars() as progress:
        found = embed_pictures(
            pictures,
            model,
            chosen_embedding(chosen),
            n_jobs=jobs,
            limits=WorkerLimits(timeout, memory_limit * 2**20),
            progress=progress,
            on_reject=print_reject,
        )
    _require_some(found)
    with click.open_file(output, "wb", atomic=True) as file:
        write_embeddings(file, found)
    rejected = f", {len(found.rejects)} rejected" if found.rejects else ""
    click.echo(f"{len(found.ids)} embedded{rejected}; {found.facts.dimensions} dimensions")
    if strict and found.rejects:
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


def _require_some(found: Embeddings) -> None:
    from kpsearch.errors import KpsearchError

    if not found.ids:
        tried = len(found.rejects)
        raise KpsearchError(
            f"nothing to embed: none of {tried} files is a usable picture"
            if tried
            else "nothing to embed: no picture found"
        )
