"""A comparison as a table for a terminal and as plain values for machines."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from kpsearch.comparison.measures import Measure
from kpsearch.comparison.resampling import LEVEL, Estimate
from kpsearch.comparison.standings import TESTED, Against, Comparison, PValue, Standing
from kpsearch.evaluation import format_table

ALL = "all"
"""How the row of all queries together is called."""
_SHORT = {"map": "p mAP", "recall_at_1": "p r@1"}


def format_comparison(comparison: Comparison) -> str:
    """The table, and under it what the figures mean."""
    shown = shown_measures(comparison)
    headers = ["source", "queries", "run", *(measure.title for measure in shown)]
    headers += ["ms", "bytes", *_SHORT.values()]
    rows = []
    last: str | None = ""
    for number, standing in enumerate(comparison.standings):
        new = number == 0 or standing.source != last
        last = standing.source
        rows.append(
            [
                source_name(standing.source) if new else "",
                str(standing.queries) if new else "",
                standing.run,
                *(estimate_text(standing.estimates[measure.key]) for measure in shown),
                *costs_text(comparison, standing.run),
                *(p_text(standing.against, key) for key in _SHORT),
            ]
        )
    align = "lrl" + "l" * len(shown) + "r" * (2 + len(_SHORT))
    return format_table(headers, rows, align=align) + "\n\n" + legend(comparison)


def legend(comparison: Comparison) -> str:
    """How to read the figures, in a few sentences."""
    tests = "; ".join(f"{_SHORT[key]}: {test}" for key, test in TESTED.items())
    means = f"Means over queries, {LEVEL:.0%} bootstrap intervals"
    if len(comparison.runs) < 2:
        return f"{means}."
    return (
        f"{means}. p-values against {comparison.baseline} ({tests}), Holm-adjusted for the number "
        f"of runs."
    )


def shown_measures(comparison: Comparison) -> list[Measure]:
    """Those that are defined on at least one source."""
    return [
        measure
        for measure in comparison.measures
        if any(standing.estimates[measure.key] for standing in comparison.standings)
    ]


def source_name(source: str | None) -> str:
    """As a reader knows it."""
    return ALL if source is None else source or "(no source)"


def estimate_text(estimate: Estimate | None) -> str | None:
    """Value and interval, such as ``0.948 .935–.960``."""
    return None if estimate is None else f"{estimate.value:.3f} {interval_text(estimate)}"


def interval_text(estimate: Estimate) -> str:
    """The interval in the fewest characters that three digits take."""
    return "–".join(f"{bound:.3f}".removeprefix("0") for bound in (estimate.low, estimate.high))


def costs_text(comparison: Comparison, run: str) -> tuple[str | None, str | None]:
    """Milliseconds a query and bytes an image; None where unknown."""
    facts = next(one.facts for one in comparison.runs if one.name == run)
    ms, size = facts.milliseconds, facts.bytes_per_image
    return (
        None if ms is None else f"{ms:.1f}" if ms < 100 else f"{ms:,.0f}",
        None if size is None else f"{size:,.0f}",
    )


def p_text(against: Against | None, key: str) -> str | None:
    """The adjusted p-value in three digits; None for the baseline."""
    if against is None:
        return None
    p = against.p_values[key].holm
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """The comparison as plain JSON values, with p-values before and after adjustment."""
    return {
        "baseline": comparison.baseline,
        "convention": comparison.convention,
        "resamples": comparison.resamples,
        "seed": comparison.seed,
        "level": LEVEL,
        "runs": {
            run.name: {
                **asdict(run.facts),
                "missing_queries": list(comparison.missing(run)),
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
        "measures": {key: _estimate_json(one) for key, one in standing.estimates.items()},
        "against_baseline": None
        if against is None
        else {
            "differences": {key: _estimate_json(one) for key, one in against.differences.items()},
            "p_values": {key: _p_json(one) for key, one in against.p_values.items()},
        },
    }


def _estimate_json(estimate: Estimate | None) -> dict[str, float] | None:
    return None if estimate is None else asdict(estimate)


def _p_json(p: PValue) -> dict[str, float]:
    return asdict(p)
