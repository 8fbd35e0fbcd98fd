"""A comparison as a page: the table, the plots, and pictures of wins and losses."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Sequence

from kpsearch.comparison.duel_card import duel_section
from kpsearch.comparison.examples import duels
from kpsearch.comparison.plots import Plot, write_plots
from kpsearch.comparison.runs import Progress
from kpsearch.comparison.standings import Comparison, Standing
from kpsearch.comparison.stylesheet import STYLESHEET
from kpsearch.comparison.table import (
    costs_text,
    interval_text,
    legend,
    p_text,
    shown_measures,
    source_name,
)
from kpsearch.errors import NotInstalled
from kpsearch.report import Gallery, make_folder, render_document, replace_file
from kpsearch.report.markup import count, escape_name, escape_text

PAGE_NAME = "index.html"
EXAMPLES = 8
_ITEM_PX = 208
"""Of a hit's thumbnail: twice what the page shows, for dense screens."""
_SIGNIFICANT = 0.05


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
    sections = [_table(comparison), _plots(target, comparison)]
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
    facts = {
        "truth": escape_name(manifest),
        "queries": f"{len(judged):,}",
        "catalogue": count(len(comparison.truth.references()), "picture"),
        "average precision": f"{comparison.convention} rule",
        "baseline": escape_name(comparison.baseline),
    }
    pairs = (f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts.items())
    return f'<dl class="index">{"".join(pairs)}</dl>'


def _table(comparison: Comparison) -> str:
    shown = shown_measures(comparison)
    titles = [("", "Run")] + [("", measure.title) for measure in shown]
    titles += [("number", "ms a query"), ("number", "Bytes an image")]
    titles += [("number", "p (mAP)"), ("number", "p (recall@1)")]
    head = "".join(f'<th scope="col" class="{kind}">{title}</th>' for kind, title in titles)
    groups = []
    for source in dict.fromkeys(standing.source for standing in comparison.standings):
        rows = [standing for standing in comparison.standings if standing.source == source]
        groups.append(_group(comparison, rows, len(titles)))
    return (
        f'<section class="standings" tabindex="0"><table><thead><tr>{head}</tr></thead>'
        f"{''.join(groups)}</table></section>"
        f'<p class="legend">{escape_text(legend(comparison))}'
        " ▲ and ▼: better and worse than the baseline, p below 0.05.</p>"
        f"{_notes(comparison)}"
    )


def _group(comparison: Comparison, rows: Sequence[Standing], columns: int) -> str:
    name = "All queries" if rows[0].source is None else source_name(rows[0].source)
    title = f"{escape_text(name)} <small>{count(rows[0].queries, 'query')}</small>"
    body = "".join(_row(comparison, row, rows) for row in rows)
    return f'<tbody><tr><th scope="rowgroup" colspan="{columns}">{title}</th></tr>{body}</tbody>'


def _row(comparison: Comparison, row: Standing, rivals: Sequence[Standing]) -> str:
    cells = [f'<th scope="row"><bdi>{escape_name(row.run)}</bdi></th>']
    cells += [_estimate(row, rivals, measure.key) for measure in shown_measures(comparison)]
    cells += [f'<td class="number">{cost or "–"}</td>' for cost in costs_text(comparison, row.run)]
    cells += [_p(row, key) for key in ("map", "recall_at_1")]
    return f"<tr>{''.join(cells)}</tr>"


def _estimate(row: Standing, rivals: Sequence[Standing], key: str) -> str:
    """The figure, its interval in small, and both drawn on a line from 0 to the most there is."""
    estimate = row.estimates[key]
    if estimate is None:
        return "<td>–</td>"
    others = [rival.estimates[key] for rival in rivals]
    best = estimate.value >= max(other.value for other in others if other is not None)
    most = 4 if key == "ns" else 1
    low, at, high = (
        f"{100 * value / most:.1f}%" for value in (estimate.low, estimate.value, estimate.high)
    )
    kind = ' class="best"' if best and len(rivals) > 1 else ""
    return (
        f"<td{kind}><b>{estimate.value:.3f}</b> <small>{interval_text(estimate)}</small>"
        f'<span class="whisker" style="--low:{low};--at:{at};--high:{high}"><i></i></span></td>'
    )


def _p(row: Standing, key: str) -> str:
    text = p_text(row.against, key)
    if row.against is None or text is None:
        return '<td class="number quiet">baseline</td>'
    difference = row.against.differences[key]
    if row.against.p_values[key].holm >= _SIGNIFICANT or difference is None:
        return f'<td class="number quiet">{escape_text(text)}</td>'
    kind, sign = ("right", "▲") if difference.value > 0 else ("wrong", "▼")
    return f'<td class="number"><span class="mark {kind}">{sign}</span> {escape_text(text)}</td>'


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
