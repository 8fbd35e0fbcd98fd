"""The plots of a comparison, as SVG and PNG."""

from __future__ import annotations

import importlib.util
import pathlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kpsearch.comparison.curves import (
    LAST_RANK,
    found_by_rank,
    precision_by_threshold,
    precision_over_recall,
)
from kpsearch.comparison.drawing import (
    colour_of,
    draw_curves,
    list_names,
    name_ends,
    name_points,
    plain_log_scale,
    plot_frame,
    plot_style,
)
from kpsearch.comparison.resampling import Estimate
from kpsearch.comparison.standings import Comparison
from kpsearch.errors import KpsearchError, NotInstalled
from kpsearch.images import escape_path

if TYPE_CHECKING:
    import os

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PNG_DPI = 160
_MARKERS = "osD^vP*X"


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot that was written."""

    path: pathlib.Path
    """Of the SVG; the PNG lies beside it."""
    title: str
    caption: str
    """What is to be seen, for a reader."""


def require_matplotlib() -> None:
    """Raises `NotInstalled` where there is no matplotlib."""
    if importlib.util.find_spec("matplotlib") is None:
        raise NotInstalled("plots need matplotlib: pip install 'kpsearch[plots]'")


def write_plots(folder: str | os.PathLike[str], comparison: Comparison) -> list[Plot]:
    """Write what plots there is data for into ``folder``, made if need be.

    Those of cost are left out where no run's cost is known. Raises `NotInstalled` without
    matplotlib, `KpsearchError` when a file cannot be written.
    """
    require_matplotlib()
    target = pathlib.Path(folder)
    with plot_style():
        try:
            target.mkdir(parents=True, exist_ok=True)
            return [plot for draw in _PLOTS for plot in draw(target, comparison)]
        except OSError as error:
            name = escape_path(str(error.filename or target))
            raise KpsearchError(f"{name}: cannot be written: {error.strerror}") from error


def _precision_recall(folder: pathlib.Path, comparison: Comparison) -> Iterator[Plot]:
    curves = [precision_over_recall(comparison.judged[run.name]) for run in comparison.runs]
    figure, axes = plot_frame("Recall", "Mean precision")
    name_ends(axes, _names(comparison), draw_curves(axes, curves))
    yield _saved(
        figure,
        folder / "precision-recall.svg",
        "Precision over recall",
        "Mean over the queries of the best precision at each recall or beyond.",
    )


def _one_threshold(folder: pathlib.Path, comparison: Comparison) -> Iterator[Plot]:
    curves = [precision_by_threshold(comparison.judged[run.name]) for run in comparison.runs]
    figure, axes = plot_frame("Share of all right pairs found", "Share of the pairs that are right")
    draw_curves(axes, curves)
    list_names(axes, _names(comparison))
    yield _saved(
        figure,
        folder / "one-threshold.svg",
        "One threshold for all queries",
        "All hits of all queries above a score, as the score falls: what a rule “show it if it "
        "scores above t” would give. Fair only to runs whose scores mean the same for every query.",
    )


def _recall_by_rank(folder: pathlib.Path, comparison: Comparison) -> Iterator[Plot]:
    curves = [found_by_rank(comparison.judged[run.name]) for run in comparison.runs]
    figure, axes = plot_frame("k, hits looked at", "recall@k")
    axes.set_xscale("log")
    axes.set_xlim(1, LAST_RANK)
    axes.set_xticks([1, 2, 5, 10, 20, 50, 100], ["1", "2", "5", "10", "20", "50", "100"])
    axes.minorticks_off()
    name_ends(axes, _names(comparison), draw_curves(axes, curves))
    yield _saved(
        figure,
        folder / "recall-at-k.svg",
        "Found by rank",
        "The share of queries with a right picture among the first k.",
    )


def _accuracy_over(
    what: str, stem: str, title: str, cost_of: Callable[[Any], float | None]
) -> Callable[[pathlib.Path, Comparison], Iterator[Plot]]:
    """A plot of mAP over a cost of the runs that have it."""

    def draw(folder: pathlib.Path, comparison: Comparison) -> Iterator[Plot]:
        costs = [(at, cost_of(run.facts)) for at, run in enumerate(comparison.runs)]
        known = [(at, cost) for at, cost in costs if cost]
        if not known:
            return
        figure, axes = plot_frame(what, "mAP")
        _draw_points(axes, comparison, known)
        left_out = len(comparison.runs) - len(known)
        unknown = f" Not known for {left_out} of the runs." if left_out else ""
        yield _saved(
            figure,
            folder / f"{stem}.svg",
            title,
            "mAP over all queries, with its 95% interval where instances are enough. "
            f"Up and to the left is better.{unknown}",
        )

    return draw


_PLOTS: tuple[Callable[[pathlib.Path, Comparison], Iterator[Plot]], ...] = (
    _precision_recall,
    _recall_by_rank,
    _one_threshold,
    _accuracy_over(
        "Milliseconds a query", "accuracy-time", "Accuracy and time", lambda f: f.milliseconds
    ),
    _accuracy_over(
        "Bytes an image", "accuracy-bytes", "Accuracy and memory", lambda f: f.bytes_per_image
    ),
)


def _draw_points(axes: Axes, comparison: Comparison, known: Sequence[tuple[int, float]]) -> None:
    plain_log_scale(axes)
    costs = [cost for _, cost in known]
    axes.set_xlim(min(costs) / 2.5, max(costs) * 2.5)
    for number, cost in known:
        estimate = _accuracy(comparison, number)
        axes.errorbar(
            [cost],
            [estimate.value],
            yerr=_bars(estimate),
            fmt=_MARKERS[number % len(_MARKERS)],
            color=colour_of(number),
            markersize=7,
            capsize=3,
            elinewidth=1.2,
        )
    name_points(
        axes, _names(comparison), [(n, c, _accuracy(comparison, n).value) for n, c in known]
    )


def _bars(estimate: Estimate) -> list[list[float]] | None:
    """Below and above the value; None where there is no interval."""
    if estimate.low is None or estimate.high is None:
        return None
    below, above = estimate.value - estimate.low, estimate.high - estimate.value
    return [[max(below, 0)], [max(above, 0)]]


def _names(comparison: Comparison) -> list[str]:
    return [run.name for run in comparison.runs]


def _accuracy(comparison: Comparison, number: int) -> Estimate:
    estimate = comparison.overall(comparison.runs[number].name).estimates["mAP"]
    assert estimate is not None, "mAP is defined for every query that is judged"
    return estimate


def _saved(figure: Figure, path: pathlib.Path, title: str, caption: str) -> Plot:
    figure.savefig(path, metadata={"Date": None, "Title": title})
    figure.savefig(path.with_suffix(".png"), dpi=_PNG_DPI)
    return Plot(path, title, caption)
