"""``kpsearch compare``: several systems on the same pictures."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING

import click

from kpsearch.cli.options import json_flag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kpsearch.comparison import Comparison, Distance, Run, RunFile
    from kpsearch.comparison.runs import Progress
    from kpsearch.evaluation import Convention, Truth


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option(
    "--truth", "manifest", required=True, metavar="MANIFEST.csv", help="What shows the same thing."
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
    default=1000,
    show_default=True,
    type=click.IntRange(1),
    help="Hits of a ranking that count.",
)
@click.option(
    "--ap",
    "convention",
    type=click.Choice(["rectangle", "trapezoid"]),
    default="rectangle",
    show_default=True,
    help="How average precision is integrated; trapezoid is Oxford's.",
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
    manifest: str,
    baseline: str | None,
    recipes: tuple[str, ...],
    outputs: tuple[str, ...],
    distances: tuple[str, ...],
    facts: tuple[str, ...],
    depth: int,
    convention: Convention,
    resamples: int,
    seed: int,
    plots: str | None,
    html: str | None,
    examples: int,
    as_json: bool,
) -> None:
    """Compare systems by what they found for the queries of a ground truth.

    RUN is FILE or NAME=FILE: a TREC run (`kpsearch evaluate --run` writes one), or embeddings as
    .npz, .npy with ids in a .txt of the same stem, or .h5, which are searched exactly.
    """
    from kpsearch import comparison
    from kpsearch.cli.output import print_json, progress_bars
    from kpsearch.comparison.plots import require_matplotlib
    from kpsearch.evaluation import read_truth

    if plots:
        require_matplotlib()
    files = run_files(runs, distances)
    truth = read_truth(manifest)
    with progress_bars() as progress:
        compared = _loaded(files, truth, manifest, depth, progress)
        compared = _with_facts(compared, facts)
        compared = _with_fused(compared, recipes, truth, depth, seed)
        targets = _outputs(outputs, compared)
        result = comparison.compare(
            truth,
            list(compared.values()),
            baseline=baseline,
            convention=convention,
            resamples=resamples,
            seed=seed,
        )
        _write_runs(targets, compared)
        if plots:
            _plot(result, plots)
        if html:
            _page(result, html, manifest, examples, progress)
    _say_what_is_missing(result)
    if as_json:
        print_json(comparison.comparison_json(result))
    else:
        click.echo(comparison.format_comparison(result))


def run_files(runs: Sequence[str], distances: Sequence[str]) -> list[RunFile]:
    """The runs asked for, by name and file; raises `UsageError` for what makes no sense."""
    from kpsearch.comparison import RunFile
    from kpsearch.errors import UsageError

    named = [_named_file(run) for run in runs]
    names = [name for name, _ in named]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"two runs are called {twice!r}; name them as NAME=FILE")
    default, by_name = _distances(distances)
    unknown = next((name for name in by_name if name not in names), None)
    if unknown is not None:
        raise UsageError(f"--distance {unknown}=...: no run is called so")
    return [RunFile(name, path, by_name.get(name, default)) for name, path in named]


def _named_file(run: str) -> tuple[str, str]:
    name, equals, path = run.partition("=")
    if equals and name and path and not os.path.exists(run):
        return name, path
    return os.path.splitext(os.path.basename(run))[0] or run, run


def _distances(given: Sequence[str]) -> tuple[Distance, dict[str, Distance]]:
    from kpsearch.comparison import DISTANCES
    from kpsearch.errors import UsageError

    default: Distance = "cosine"
    by_name: dict[str, Distance] = {}
    for text in given:
        name, equals, wanted = text.rpartition("=")
        distance = next((known for known in DISTANCES if known == wanted), None)
        if distance is None:
            raise UsageError(f"--distance {text}: say {' or '.join(DISTANCES)}, NAME= before it")
        if equals:
            by_name[name] = distance
        else:
            default = distance
    return default, by_name


def _loaded(
    files: Sequence[RunFile], truth: Truth, manifest: str, depth: int, progress: Progress
) -> dict[str, Run]:
    from kpsearch.comparison import PictureNames, load_run

    names = PictureNames(truth, manifest)
    runs = {}
    for number, file in enumerate(files, 1):
        runs[file.name] = load_run(file, truth, names, depth=depth, progress=progress)
        progress("reading runs", number, len(files))
    return runs


def _with_facts(runs: Mapping[str, Run], facts: Sequence[str]) -> dict[str, Run]:
    from kpsearch.comparison import parse_facts
    from kpsearch.errors import UsageError

    known = dict(runs)
    for text in facts:
        name, given = parse_facts(text)
        if name not in known:
            raise UsageError(f"--facts {text}: no run is called {name!r}")
        known[name] = dataclasses.replace(known[name], facts=known[name].facts.updated(given))
    return known


def _with_fused(
    runs: Mapping[str, Run], recipes: Sequence[str], truth: Truth, depth: int, seed: int
) -> dict[str, Run]:
    from kpsearch.comparison import fuse, parse_recipe
    from kpsearch.errors import UsageError

    known = dict(runs)
    for text in recipes:
        recipe = parse_recipe(text)
        if recipe.name in known:
            raise UsageError(f"--fuse {text}: there is a run {recipe.name!r}; use another name")
        known[recipe.name] = fuse(recipe, known, truth, depth=depth, seed=seed)
    return known


def _outputs(outputs: Sequence[str], runs: Mapping[str, Run]) -> list[tuple[str, str]]:
    from kpsearch.cli.output import require_place
    from kpsearch.errors import UsageError

    pairs = [(name, path) for name, _, path in (text.partition("=") for text in outputs)]
    for text, (name, path) in zip(outputs, pairs, strict=True):
        if not path or name not in runs:
            raise UsageError(f"--write-run {text}: say NAME=FILE; there is {', '.join(runs)}")
        require_place(path)
    return pairs


def _write_runs(targets: Sequence[tuple[str, str]], runs: Mapping[str, Run]) -> None:
    from kpsearch.evaluation import write_run

    for name, path in targets:
        write_run(path, runs[name].rankings, tag=name)
        click.echo(f"wrote {path}", err=True)


def _plot(result: Comparison, folder: str) -> None:
    from kpsearch.comparison import write_plots

    for plot in write_plots(folder, result):
        click.echo(f"wrote {plot.path}", err=True)


def _page(
    result: Comparison, folder: str, manifest: str, examples: int, progress: Progress
) -> None:
    from kpsearch.comparison import write_comparison_page

    page = write_comparison_page(
        folder, result, manifest=manifest, examples=examples, progress=progress
    )
    click.echo(f"wrote {page}", err=True)


def _say_what_is_missing(result: Comparison) -> None:
    from kpsearch.images import escape_path

    for run in result.runs:
        for note in result.notes(run):
            click.echo(f"{run.name}: {escape_path(note)}", err=True)
