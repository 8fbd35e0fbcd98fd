"""The figures of a comparison as tables of its page, each with its interval drawn."""

from __future__ import annotations

from collections.abc import Sequence

from kpsearch.comparison.standings import Comparison, Standing, is_tested
from kpsearch.comparison.table import (
    costs_text,
    counted_queries,
    interval_text,
    legend,
    p_text,
    p_title,
    shown_measures,
    source_name,
)
from kpsearch.evaluation.measures import Metric
from kpsearch.report.markup import count, escape_name, escape_text

_SIGNIFICANT = 0.05


def standings_section(comparison: Comparison) -> str:
    """Both tables and how to read them."""
    return (
        "<h2>Means over queries</h2>"
        f"{_table(comparison, pooled=False)}"
        "<h2>All answers in one list, by score</h2>"
        f"{_table(comparison, pooled=True)}"
        f'<p class="legend">{escape_text(legend(comparison))}'
        " ▲ and ▼: better and worse than the baseline, p below 0.05.</p>"
    )


def _table(comparison: Comparison, *, pooled: bool) -> str:
    shown = shown_measures(comparison, pooled=pooled)
    titles = [("", "Run")] + [("", metric.name) for metric in shown]
    if not pooled:
        titles += [("number", "ms a query"), ("number", "Bytes an image")]
    titles += [("number", p_title(metric)) for metric in shown if is_tested(metric)]
    head = "".join(f'<th scope="col" class="{kind}">{title}</th>' for kind, title in titles)
    groups = []
    for source in dict.fromkeys(standing.source for standing in comparison.standings):
        rows = [standing for standing in comparison.standings if standing.source == source]
        groups.append(_group(comparison, rows, shown, pooled=pooled))
    return (
        f'<section class="standings" tabindex="0"><table><thead><tr>{head}</tr></thead>'
        f"{''.join(groups)}</table></section>"
    )


def _group(
    comparison: Comparison, rows: Sequence[Standing], shown: Sequence[Metric], *, pooled: bool
) -> str:
    name = "All queries" if rows[0].source is None else source_name(rows[0].source)
    queries = count(counted_queries(rows[0], pooled=pooled), "query")
    columns = 1 + len(shown) + sum(map(is_tested, shown)) + (0 if pooled else 2)
    title = f"{escape_text(name)} <small>{queries}</small>"
    body = "".join(_row(comparison, row, rows, shown, pooled=pooled) for row in rows)
    return f'<tbody><tr><th scope="rowgroup" colspan="{columns}">{title}</th></tr>{body}</tbody>'


def _row(
    comparison: Comparison,
    row: Standing,
    rivals: Sequence[Standing],
    shown: Sequence[Metric],
    *,
    pooled: bool,
) -> str:
    cells = [f'<th scope="row"><bdi>{escape_name(row.run)}</bdi></th>']
    cells += [_estimate(row, rivals, metric) for metric in shown]
    costs = () if pooled else costs_text(comparison, row.run)
    cells += [f'<td class="number">{cost or "–"}</td>' for cost in costs]
    cells += [_p(row, metric) for metric in shown if is_tested(metric)]
    return f"<tr>{''.join(cells)}</tr>"


def _estimate(row: Standing, rivals: Sequence[Standing], metric: Metric) -> str:
    """The figure, its interval in small, and both drawn on a line from 0 to the most there is."""
    estimate = row.estimates[metric.name]
    if estimate is None:
        return "<td>–</td>"
    others = [rival.estimates[metric.name] for rival in rivals]
    best = estimate.value >= max(other.value for other in others if other is not None)
    most = 4 if metric.name == "N-S" else 1
    bounds = (estimate.low, estimate.value, estimate.high)
    low, at, high = (
        f"{100 * (estimate.value if bound is None else bound) / most:.1f}%" for bound in bounds
    )
    kind = ' class="best"' if best and len(rivals) > 1 else ""
    return (
        f"<td{kind}><b>{estimate.value:.3f}</b> <small>{interval_text(estimate)}</small>"
        f'<span class="whisker" style="--low:{low};--at:{at};--high:{high}"><i></i></span></td>'
    )


def _p(row: Standing, metric: Metric) -> str:
    if row.against is None:
        return '<td class="number quiet">baseline</td>'
    text, difference = p_text(row.against, metric), row.against.differences[metric.name]
    if text is None or difference is None:
        return '<td class="number quiet">–</td>'
    if row.against.p_values[metric.name].holm >= _SIGNIFICANT:
        return f'<td class="number quiet">{escape_text(text)}</td>'
    kind, sign = ("right", "▲") if difference.value > 0 else ("wrong", "▼")
    return f'<td class="number"><span class="mark {kind}">{sign}</span> {escape_text(text)}</td>'
