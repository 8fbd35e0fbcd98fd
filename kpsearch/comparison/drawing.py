"""What all plots of a comparison share: the look, the curves, and names that do not collide."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from kpsearch.comparison.curves import Curve
from kpsearch.comparison.labels import beside
from kpsearch.images import escape_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SIZE_INCHES = (5.0, 3.5)
_MOST_POINTS = 2000
"""Of a curve: more than a plot has pixels."""
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C8C00")
"""Okabe & Ito 2008, told apart by colour-blind readers too; the last is ours."""
_DASHES = ("-", "--", "-.", ":")
_INK, _QUIET, _RULE = "#22262b", "#61676d", "#d9d7d1"
_LABEL_GAP = 0.062
"""Between the labels of two curves, as a share of the plot's height."""
_RIGHT_OF_PLOT, _LETTER = 1.045, 0.02
"""Where names begin, and how wide a letter is, as shares of the plot's width."""
_MOST_LABEL = 24
"""Characters of a run's name."""


Place = tuple[int, float, float]
"""The number of a run, and the x and y of what its name belongs to."""


def plot_frame(x: str, y: str) -> tuple[Figure, Axes]:
    """An empty plot, both axes from 0 to 1."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE_INCHES, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    return figure, axes


def draw_curves(axes: Axes, curves: Sequence[Curve]) -> list[Place]:
    """Each curve in a colour and dash of its own; returns where they end."""
    drawn = [(number, *_thinned(curve)) for number, curve in enumerate(curves) if len(curve[0])]
    for number, x, y in reversed(drawn):  # the first run on top
        dashes = _DASHES[number // len(_COLOURS) % len(_DASHES)]
        axes.plot(
            x,
            y,
            dashes,
            color=colour_of(number),
            linewidth=1.8,
            clip_on=False,
            solid_capstyle="round",
        )
    return [(number, float(x[-1]), float(y[-1])) for number, x, y in drawn]


def name_ends(axes: Axes, names: Sequence[str], places: Sequence[Place]) -> None:
    """Names right of the plot, each as near the height of its curve's end as there is room."""
    low, high = axes.get_ylim()
    heights = spread_heights([(y - low) / (high - low) for _, _, y in places], gap=_LABEL_GAP)
    for place, height in zip(places, heights, strict=True):
        _name(axes, names, place, (_RIGHT_OF_PLOT, height))


def name_points(axes: Axes, names: Sequence[str], places: Sequence[Place]) -> None:
    """Names beside their points, where there is room."""
    to_share = axes.transData + axes.transAxes.inverted()
    points = [tuple(map(float, to_share.transform((x, y)))) for _, x, y in places]
    widths = [_LETTER * len(_label(names[number])) for number, _, _ in places]
    spots = beside([(x, y) for x, y in points], widths, height=_LABEL_GAP)
    for place, (x, _), spot in zip(places, points, spots, strict=True):
        _name(axes, names, place, spot, line_from=0.0 if spot[0] > x else 1.0)


def _name(
    axes: Axes,
    names: Sequence[str],
    place: Place,
    spot: tuple[float, float],
    *,
    line_from: float = 0.0,
) -> None:
    """A run's name at a spot, by shares of the plot, with a line to the place it belongs to.

    The line begins left (0) or right (1) of the name.
    """
    number, x, y = place
    axes.annotate(
        _label(names[number]),
        xy=(x, y),
        xytext=spot,
        textcoords="axes fraction",
        color=colour_of(number),
        va="center",
        annotation_clip=False,
        arrowprops={
            "arrowstyle": "-",
            "color": colour_of(number),
            "linewidth": 0.7,
            "alpha": 0.6,
            "shrinkA": 1,
            "shrinkB": 1,
            "relpos": (line_from, 0.5),
        },
    ).set_parse_math(False)


def list_names(axes: Axes, names: Sequence[str]) -> None:
    """The names in a column right of the plot: for curves that all end in one place."""
    for number, name in enumerate(names):
        axes.text(
            _RIGHT_OF_PLOT,
            1 - (number + 0.5) * _LABEL_GAP,
            _label(name),
            color=colour_of(number),
            transform=axes.transAxes,
            va="center",
            parse_math=False,
        )


def spread_heights(heights: Sequence[float], *, gap: float) -> list[float]:
    """The heights moved apart to at least ``gap``, kept in order and within [0, 1] if they can be.

    Labels that touch share the move, each group around its middle (isotonic regression by pooling).
    """
    order = sorted(range(len(heights)), key=lambda at: heights[at])
    groups: list[list[float]] = []
    for place, at in enumerate(order):
        groups.append([heights[at] - place * gap])
        while len(groups) > 1 and np.mean(groups[-2]) > np.mean(groups[-1]):
            last = groups.pop()
            groups[-1] += last
    free = [float(np.mean(group)) for group in groups for _ in group]
    top = 1 - (len(heights) - 1) * gap
    placed = [min(max(base, 0.0), max(top, 0.0)) + place * gap for place, base in enumerate(free)]
    return [height for _, height in sorted(zip(order, placed, strict=True))]


def plain_log_scale(axes: Axes) -> None:
    """Logarithmic in x, with ticks such as 200, 500, 1k: long ones would run together."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))


def _short(value: float) -> str:
    """A round number in few characters."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def _thinned(curve: Curve) -> Curve:
    """The curve with no more points than can be seen."""
    x, y = curve
    if len(x) <= _MOST_POINTS:
        return curve
    kept = np.unique(np.searchsorted(x, np.linspace(x[0], x[-1], _MOST_POINTS)))
    return x[kept], y[kept]


def colour_of(number: int) -> str:
    """Of the ``number``-th run, in every plot."""
    return _COLOURS[number % len(_COLOURS)]


def _label(name: str) -> str:
    shown = escape_path(name)
    return shown if len(shown) <= _MOST_LABEL else shown[: _MOST_LABEL - 1] + "…"


@contextmanager
def plot_style() -> Iterator[None]:
    """Our look, for as long as we draw; the same bytes for the same data."""
    import matplotlib as mpl

    style: Any = {  # matplotlib types the keys one by one, in some versions
        "font.size": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": _QUIET,
        "axes.labelcolor": _INK,
        "axes.grid": True,
        "grid.color": _RULE,
        "grid.linewidth": 0.6,
        "xtick.color": _QUIET,
        "ytick.color": _QUIET,
        "svg.hashsalt": "kpsearch",
    }
    with mpl.rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a run's name may be in any script
        yield
