"""``kpsearch compare``: several systems on the same pictures."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import click

from kpsearch.cli.options import json_flag, layout_options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kpsearch.cli.compare_arguments import Request
    from kpsearch.comparison import Comparison, Run
    from kpsearch.comparison.runs import Progress
    from kpsearch.evaluation import Convention, Layout, Protocol, Truth


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option(
    "--truth",
    "place",
    required=True,
    metavar="MANIFEST.csv|FOLDER",
    help="What shows the same thing.",
)
@layout_options
@click.option(
    "--setup", metavar="NAME", help="Of a protocol with several (easy, ...).  [default: its first]"
)
@click.option("--baseline", metavar="NAME", help="Test against this run.  [default: the first]")
@click.option(
    "--fuse",
    "recipes",
    multiple=True,
    metavar="NAME=RUN+RUN[:METHOD]",
    help="Add a run fused from others, by rank (rrf, the default) or score (calibrated).",
)
@click.option(
    "--write-run",
    "outputs",
    multiple=True,
    metavar="NAME=FILE",
    help="Write a run, fused ones too, as a TREC run.",
)
@click.option(
    "--distance",
    "distances",
    multiple=True,
    metavar="[NAME=]cosine|l2",
    help="Of embeddings, all or one run's.  [default: cosine]",
)
@click.option(
    "--facts",
    "facts",
    multiple=True,
    metavar="NAME:ms=MS,bytes=B",
    help="What a run costs: milliseconds a query, bytes an image.",
)
@click.option(
    "--depth",
    type=click.IntRange(1),
    help="Hits of a ranking that count.  [default: as the protocol has it: 1000 for manifests]",
)
@click.option(
    "--ap",
    "convention",
    type=click.Choice(["rectangle", "trapezoid"]),
    help="How average precision is integrated.  [default: as the protocol has it]",
)
@click.option(
    "--resamples",
    default=10_000,
    show_default=True,
    type=click.IntRange(100, 1_000_000),
    help="Of the bootstrap and the randomisation test.",
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of both.")
@click.option("--plots", metavar="DIR", help="Write plots, as SVG and PNG.")
@click.option("--html", metavar="DIR", help="Write a page: table, plots, wins and losses.")
@click.option(
    "--examples",
    default=8,
    show_default=True,
    type=click.IntRange(0),
    help="Wins, and losses, on the page.",
)
@json_flag
def compare(
    runs: tuple[str, ...],
    place: str,
    layout: str,
    protocol: str | None,
    setup: str | None,
    baseline: str | None,
    recipes: tuple[str, ...],
    outputs: tuple[str, ...],
    distances: tuple[str, ...],
    facts: tuple[str, ...],
    depth: int | None,
    convention: Convention | None,
    resamples: int,
    seed: int,
    plots: str | None,
    html: str | None,
    examples: int,
    as_json: bool,
) -> None:
    """Compare systems by what they found for the queries of a ground truth.

    RUN is FILE or NAME=FILE: a TREC run (`kpsearch evaluate --run` writes one), or embeddings as
    .npz, .npy with ids in a .txt of the same stem, or .h5, which are searched exactly. --truth,
    --layout and --protocol are as for `kpsearch evaluate`.
    """
    from kpsearch import comparison
    from kpsearch.cli.compare_arguments import read_request
    from kpsearch.cli.output import print_json, progress_bars, require_folder_place
    from kpsearch.comparison.plots import require_matplotlib
    from kpsearch.evaluation import layout_of

    if plots:
        require_matplotlib()
    for folder in filter(None, (plots, html)):
        require_folder_place(folder)
    request = read_request(runs, distances, facts, recipes, outputs, baseline=baseline, truth=place)
    data = layout_of(layout)
    scoring = data.protocol(protocol)
    truth = _truth(data, scoring, place, setup)
    with progress_bars() as progress:
        compared = _loaded(request, truth, place, depth or scoring.depth, seed, progress)
        result = comparison.compare(
            truth,
            list(compared.values()),
            baseline=baseline,
            protocol=scoring,
            convention=convention,
            resamples=resamples,
            seed=seed,
        )
        _write_runs(request.outputs, compared)
        if plots:
            _plot(result, plots)
        if html:
            _page(result, html, place, examples, progress)
    _say_what_is_missing(result)
    if as_json:
        print_json(comparison.comparison_json(result))
    else:
        click.echo(comparison.format_comparison(result))


def _truth(layout: Layout, protocol: Protocol, place: str, setup: str | None) -> Truth:
    """The ground truth in ``place``, its labels read by one of the protocol's setups."""
    from kpsearch.cli.output import say_what_plays_no_part
    from kpsearch.comparison import require_answers
    from kpsearch.errors import UnknownName

    setups = {known.name: known for known in protocol.setups}
    if setup is not None and setup not in setups:
        known = ", ".join(setups) or "none"
        raise UnknownName(f"protocol {protocol.name} has no setup {setup!r}; known: {known}")
    truth = layout.load(place)
    if setups:
        truth = truth.under(setups[setup or next(iter(setups))])
    require_answers(truth)
    say_what_plays_no_part(truth)
    return truth


def _loaded(
    request: Request, truth: Truth, place: str, depth: int, seed: int, progress: Progress
) -> dict[str, Run]:
    """The runs read, with their costs, and those fused from them."""
    from kpsearch.comparison import PictureNames, fuse, load_run

    names = PictureNames(truth, place)
    runs: dict[str, Run] = {}
    for number, file in enumerate(request.files, 1):
        run = load_run(file, truth, names, depth=depth, progress=progress)
        for name, costs in request.facts:
            if name == run.name:
                run = dataclasses.replace(run, facts=run.facts.updated(costs))
        runs[run.name] = run
        progress("reading runs", number, len(request.files))
    for recipe in request.recipes:
        runs[recipe.name] = fuse(recipe, runs, truth, depth=depth, seed=seed)
    return runs


def _write_runs(targets: Sequence[tuple[str, str]], runs: Mapping[str, Run]) -> None:
    from kpsearch.evaluation import write_run

    for name, path in targets:
        write_run(path, runs[name].rankings, tag=name)
        click.echo(f"wrote {path}", err=True)


def _plot(result: Comparison, folder: str) -> None:
    from kpsearch.comparison import write_plots

    for plot in write_plots(folder, result):
        click.echo(f"wrote {plot.path}", err=True)


def _page(result: Comparison, folder: str, place: str, examples: int, progress: Progress) -> None:
    from kpsearch.comparison import write_comparison_page

    page = write_comparison_page(
        folder, result, manifest=place, examples=examples, progress=progress
    )
    click.echo(f"wrote {page}", err=True)


def _say_what_is_missing(result: Comparison) -> None:
    from kpsearch.images import escape_path

    for run in result.runs:
        for note in result.notes(run):
            click.echo(f"{run.name}: {escape_path(note)}", err=True)
