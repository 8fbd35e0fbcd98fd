"""A comparison as a page: the table, the plots, and pictures of wins and losses."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Sequence

from kpsearch.comparison.duel_card import duel_section
from kpsearch.comparison.examples import duels
from kpsearch.comparison.plots import Plot, write_plots
from kpsearch.comparison.runs import Progress
from kpsearch.comparison.standings import Comparison
from kpsearch.comparison.standings_table import standings_section
from kpsearch.comparison.stylesheet import STYLESHEET
from kpsearch.errors import NotInstalled
from kpsearch.evaluation import QueryOutcome
from kpsearch.replacing import replace_file
from kpsearch.report import Gallery, make_folder, render_document
from kpsearch.report.markup import count, escape_name, escape_text

PAGE_NAME = "index.html"
EXAMPLES = 8
_ITEM_PX = 208
"""Of a hit's thumbnail: twice what the page shows, for dense screens."""


def write_comparison_page(
    folder: str | os.PathLike[str],
    comparison: Comparison,
    *,
    manifest: str,
    examples: int = EXAMPLES,
    progress: Progress | None = None,
) -> pathlib.Path:
    """Write the page into ``folder``, made if need be, its pictures beside it; returns its path.

    ``examples`` is how many wins and how many losses each run has shown. Pictures are read again
    from their paths; one that cannot be gets a note in its place. Without matplotlib the page says
    so where the plots would be. Raises `KpsearchError` when a file cannot be written.
    """
    target = pathlib.Path(folder)
    make_folder(target)
    gallery = Gallery(target, item_px=_ITEM_PX)
    fights = duels(comparison, most=examples)
    sections = [standings_section(comparison), _notes(comparison), _plots(target, comparison)]
    for number, fight in enumerate(fights, 1):
        sections.append(duel_section(fight, gallery))
        if progress is not None:
            progress("drawing", number, len(fights))
    page = render_document(
        "How the runs compare",
        header=_facts(comparison, manifest),
        main="\n".join(sections),
        style=STYLESHEET,
    )
    replace_file(target / PAGE_NAME, page.encode())
    return target / PAGE_NAME


def _facts(comparison: Comparison, manifest: str) -> str:
    judged = comparison.judged[comparison.baseline]
    setup = comparison.truth.setup.name
    facts = {
        "truth": escape_name(manifest),
        "protocol": escape_text(
            f"{comparison.protocol}, {setup}" if setup else comparison.protocol
        ),
        "queries": _queries(judged),
        "catalogue": count(len(comparison.truth.references()), "picture"),
        "average precision": f"{comparison.convention} rule",
        "baseline": escape_name(comparison.baseline),
    }
    pairs = (f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts.items())
    return f'<dl class="index">{"".join(pairs)}</dl>'


def _queries(judged: Sequence[QueryOutcome]) -> str:
    strangers = sum(one.n_relevant == 0 for one in judged)
    return f"{len(judged):,}" + (f", {strangers:,} of nothing here" if strangers else "")


def _notes(comparison: Comparison) -> str:
    notes = [f"{run.name}: {note}." for run in comparison.runs for note in comparison.notes(run)]
    return "".join(f'<p class="note">{escape_text(note)}</p>' for note in notes)


def _plots(folder: pathlib.Path, comparison: Comparison) -> str:
    try:
        plots = write_plots(folder, comparison)
    except NotInstalled as error:
        return f'<p class="note">{escape_text(str(error))}.</p>'
    return f'<section class="plots">{"".join(map(_figure, plots))}</section>'


def _figure(plot: Plot) -> str:
    title = escape_text(plot.title)
    return (
        f'<figure><h2>{title}</h2><img src="{plot.path.name}" alt="{title}: a plot">'
        f"<figcaption>{escape_text(plot.caption)}</figcaption></figure>"
    )
