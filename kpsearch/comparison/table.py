"""A comparison as tables for a terminal and as plain values for machines."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from kpsearch.comparison.resampling import LEVEL, Estimate
from kpsearch.comparison.standings import Against, Comparison, PValue, Standing, is_tested
from kpsearch.evaluation import format_table
from kpsearch.evaluation.measures import Metric

ALL = "(all)"
"""How the row of all queries together is called, as by `kpsearch evaluate`."""


def format_comparison(comparison: Comparison) -> str:
    """Means over queries, what is to be said of all answers in one list, and what it all means."""
    return "\n\n".join(
        [
            _table(comparison, pooled=False),
            _table(comparison, pooled=True),
            legend(comparison),
        ]
    )


def _table(comparison: Comparison, *, pooled: bool) -> str:
    shown = shown_measures(comparison, pooled=pooled)
    tested = [metric for metric in shown if is_tested(metric)]
    costs = [] if pooled else ["ms", "bytes"]
    headers = ["source", "queries", "run", *(metric.name for metric in shown), *costs]
    headers += [p_title(metric) for metric in tested]
    rows: list[list[str | None]] = []
    last: str | None = ""
    for number, standing in enumerate(comparison.standings):
        new = number == 0 or standing.source != last
        last = standing.source
        rows.append(
            [
                source_name(standing.source) if new else "",
                str(counted_queries(standing, pooled=pooled)) if new else "",
                standing.run,
                *(estimate_text(standing.estimates[metric.name]) for metric in shown),
                *(costs_text(comparison, standing.run) if costs else ()),
                *(p_text(standing.against, metric) for metric in tested),
            ]
        )
    align = "lrl" + "l" * len(shown) + "r" * (len(costs) + len(tested))
    return format_table(headers, rows, align=align)


def legend(comparison: Comparison) -> str:
    """How to read the figures, in a few sentences."""
    setup = comparison.truth.setup.name
    read = f"{comparison.protocol}{f', {setup}' if setup else ''}; AP by {comparison.convention}s"
    sentences = [
        f"First the means over the queries that have an answer in the catalogue ({read}), then "
        f"figures of all answers of all queries in one list by score. {LEVEL:.0%} bootstrap "
        "intervals, by instance."
    ]
    if len(comparison.runs) > 1:
        sentences.append(
            f"p-values against {comparison.baseline} (of means: paired randomisation by instance, "
            "for recall@1 with one query an instance McNemar's exact test; the others: bootstrap), "
            "Holm-adjusted for the number of runs."
        )
    return " ".join(sentences)


def shown_measures(comparison: Comparison, *, pooled: bool) -> list[Metric]:
    """The means over queries, or the figures of all answers, that some source has."""
    return [
        metric
        for metric in comparison.measures
        if (metric.resampler is not None) == pooled
        and any(standing.estimates[metric.name] for standing in comparison.standings)
    ]


def counted_queries(standing: Standing, *, pooled: bool) -> int:
    """As many as the figures are of: all, or those with an answer in the catalogue."""
    return standing.queries - (0 if pooled else standing.without_answer)


def source_name(source: str | None) -> str:
    """As a reader knows it."""
    return ALL if source is None else source or "(no source)"


def p_title(metric: Metric) -> str:
    """The heading of a column of p-values."""
    return f"p {metric.name}"


def estimate_text(estimate: Estimate | None) -> str | None:
    """Value and interval, such as ``0.948 .935–.960``."""
    return None if estimate is None else f"{estimate.value:.3f} {interval_text(estimate)}".rstrip()


def interval_text(estimate: Estimate) -> str:
    """The interval in the fewest characters that three digits take; empty where there is none."""
    bounds = [bound for bound in (estimate.low, estimate.high) if bound is not None]
    return "–".join(f"{bound:.3f}".removeprefix("0") for bound in bounds)


def costs_text(comparison: Comparison, run: str) -> tuple[str | None, str | None]:
    """Milliseconds a query and bytes an image; None where unknown."""
    facts = next(one.facts for one in comparison.runs if one.name == run)
    ms, size = facts.milliseconds, facts.bytes_per_image
    return (
        None if ms is None else f"{ms:.1f}" if ms < 100 else f"{ms:,.0f}",
        None if size is None else f"{size:,.0f}",
    )


def p_text(against: Against | None, metric: Metric) -> str | None:
    """The adjusted p-value in three digits; None for the baseline, and where nothing is tested."""
    if against is None or metric.name not in against.p_values:
        return None
    p = against.p_values[metric.name].holm
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """The comparison as plain JSON values, with p-values before and after adjustment."""
    return {
        "baseline": comparison.baseline,
        "protocol": comparison.protocol,
        "setup": comparison.truth.setup.name,
        "convention": comparison.convention,
        "resamples": comparison.resamples,
        "seed": comparison.seed,
        "level": LEVEL,
        "runs": {
            run.name: {
                **asdict(run.facts),
                "missing_queries": list(comparison.missing(run)),
                "silent_queries": list(comparison.silent(run)),
                "notes": list(comparison.notes(run)),
            }
            for run in comparison.runs
        },
        "standings": [_standing_json(standing) for standing in comparison.standings],
    }


def _standing_json(standing: Standing) -> dict[str, Any]:
    against = standing.against
    return {
        "source": standing.source,
        "run": standing.run,
        "queries": standing.queries,
        "without_answer": standing.without_answer,
        "measures": {name: _estimate_json(one) for name, one in standing.estimates.items()},
        "against_baseline": None
        if against is None
        else {
            "differences": {name: _estimate_json(one) for name, one in against.differences.items()},
            "p_values": {name: _p_json(one) for name, one in against.p_values.items()},
        },
    }


def _estimate_json(estimate: Estimate | None) -> dict[str, float | None] | None:
    return None if estimate is None else asdict(estimate)


def _p_json(p: PValue) -> dict[str, float]:
    return asdict(p)
