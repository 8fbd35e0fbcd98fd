"""Pictures of a training: what more pictures would bring, its epochs, and what it mixes up."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kpsearch.categories import categories_of
from kpsearch.images import escape_path
from kpsearch.training.card import plot_paths

if TYPE_CHECKING:
    import os

    from matplotlib.axes import Axes

    from kpsearch.training.report import TrainingReport

DPI = 130
NAMED = 60
"""Categories whose names fit beside a confusion matrix."""
LONGEST = 30
"""Characters of such a name."""
BLUE, GREY, RED = "#2a6f97", "#8d99ae", "#c1666b"


def write_plots(model: str | os.PathLike[str], report: TrainingReport) -> list[str]:
    """Write PNG files beside a classifier; none where matplotlib is not installed."""
    for path in plot_paths(model).values():
        Path(path).unlink(missing_ok=True)  # of an earlier classifier in this file
    if importlib.util.find_spec("matplotlib") is None:
        return []
    drawn: dict[str, Callable[[Axes], None]] = {}
    if len(report.judged.truth):
        drawn["learning"] = lambda axes: _learning(axes, report)
        drawn["confusion"] = lambda axes: _confusion(axes, report)
    if report.fine_tuned is not None:
        drawn["epochs"] = lambda axes: _epochs(axes, report)
    written = []
    for what, path in plot_paths(model).items():
        if what in drawn:
            side = _side(report) if what == "confusion" else 4.0
            _write(path, drawn[what], (1.35 * side, side))
            written.append(path)
    return written


def _side(report: TrainingReport) -> float:
    """Inches of a confusion matrix in which its names can be read."""
    return min(max(4.5, 0.2 * len(categories_of(report.labels))), 13.0)


def _write(path: str, draw: Callable[[Axes], None], size: tuple[float, float]) -> None:
    # Figures of their own: pyplot keeps a state that all threads share.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    draw(axes)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a box stands for it
        figure.savefig(path, dpi=DPI)


def _learning(axes: Axes, report: TrainingReport) -> None:
    from matplotlib.ticker import MaxNLocator

    pictures, accuracy = zip(*report.learning_curve, strict=True)
    axes.plot(pictures, 100 * np.array(accuracy), marker="o", color=BLUE)
    for x, y in zip(pictures, accuracy, strict=True):
        axes.annotate(
            f"{100 * y:.1f}%",
            (x, 100 * y),
            textcoords="offset points",
            xytext=(0, -14),
            ha="center",
        )
    axes.set(
        title="Would more pictures help?",
        xlabel="labelled pictures learned from",
        ylabel="held-out pictures told right, %",
        ylim=(0, 102),
        xlim=(0, None),
    )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", alpha=0.3)


def _epochs(axes: Axes, report: TrainingReport) -> None:
    assert report.fine_tuned is not None
    course = report.fine_tuned.course
    curve = course.curves
    for name, colour in (("train_loss", GREY), ("validation_loss", BLUE)):
        points = [(e.number, getattr(e, name)) for e in curve if getattr(e, name) is not None]
        if points:
            axes.plot(*zip(*points, strict=True), marker=".", color=colour, label=_spaced(name))
    axes.axvline(course.best, color=BLUE, alpha=0.3, linestyle="--")
    axes.annotate("best", (course.best, 1), xycoords=("data", "axes fraction"), va="top")
    kept = "kept" if report.fine_tuned.better else "not kept: stage 1 is better"
    axes.set(title=f"Fine-tuning ({kept})", xlabel="epoch", ylabel="loss, nats", ylim=(0, None))
    axes.set_xticks([epoch.number for epoch in curve][:: len(curve) // 12 + 1])
    right: Any = axes.twinx()
    accuracy = [(e.number, 100 * e.validation_accuracy) for e in curve if e.validation_accuracy]
    if accuracy:
        right.plot(*zip(*accuracy, strict=True), color=RED, marker=".")
        axes.plot([], [], color=RED, marker=".", label="accuracy (right)")
        right.set(ylabel="validation pictures told right, %", ylim=(0, 102))
    axes.legend(loc="center right", frameon=False)


def _confusion(axes: Axes, report: TrainingReport) -> None:
    counts = report.confusion()
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    shown = axes.imshow(share, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    names = [_shortened(escape_path(name)) for name in categories_of(report.labels)]
    if len(names) <= NAMED:
        plain: dict[str, Any] = {"fontsize": 6, "parse_math": False}  # a price begins with $, too
        axes.set_xticks(range(len(names)), names, rotation=90, **plain)
        axes.set_yticks(range(len(names)), names, **plain)
    axes.set(
        title="Held-out pictures: what they are taken for",
        xlabel="taken for",
        ylabel="category",
    )
    axes.figure.colorbar(shown, ax=axes, shrink=0.7, label="share of the category's pictures")


def _shortened(name: str) -> str:
    """As much of it as leaves room for the matrix."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


def _spaced(name: str) -> str:
    return name.replace("_", " ")
