"""Where names go beside the points of a plot, in shares of its width and height."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

Point = tuple[float, float]
Box = tuple[float, float, float, float]
"""Left, bottom, right, top."""

_POINT = (0.016, 0.025)
"""Half the width and height that a marker takes."""
_ASIDE = 0.03
"""From the middle of a marker to the name."""
_RIGHT_MARGIN = 0.25
"""Beyond the plot, where names may reach."""


def beside(points: Sequence[Point], widths: Sequence[float], *, height: float) -> list[Point]:
    """The left end and middle of each name, of a width, near its point.

    Right of it where there is room, else left, else higher or lower, on the first such place that
    covers the least of points and names placed before.
    """
    taken = [_around(point) for point in points]
    placed = []
    for point, width in zip(points, widths, strict=True):
        x, y = min(
            _candidates(point, width, height),
            key=lambda at: _covered(
                (at[0], at[1] - height / 2, at[0] + width, at[1] + height / 2), taken
            ),
        )
        taken.append((x, y - height / 2, x + width, y + height / 2))
        placed.append((x, y))
    return placed


def _candidates(point: Point, width: float, height: float) -> Iterator[Point]:
    x, y = point
    for up in (0.0, 1.0, -1.0, 2.0, -2.0, 3.0, -3.0):
        yield x + _ASIDE, y + up * height
        yield x - _ASIDE - width, y + up * height


def _around(point: Point) -> Box:
    (x, y), (w, h) = point, _POINT
    return x - w, y - h, x + w, y + h


def _covered(box: Box, taken: Sequence[Box]) -> float:
    """The area that the box shares with those taken, and has outside the plot."""
    room = _shared(box, (0.0, 0.0, 1 + _RIGHT_MARGIN, 1.0))
    outside = (box[2] - box[0]) * (box[3] - box[1]) - room
    # Less than a millionth is rounding: then the first place is as good.
    return round(outside + sum(_shared(box, other) for other in taken), 6)


def _shared(a: Box, b: Box) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return max(width, 0.0) * max(height, 0.0)
