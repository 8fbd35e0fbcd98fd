"""Where a motif goes on the sheet."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from kpsearch.synthetic.canvas import Canvas


class Spot(NamedTuple):
    """A centre in pixels, the motif's radius in pixels, and its turn in radians."""

    x: float
    y: float
    radius: float
    turn: float

    def at(self, along: float, angle_rad: float) -> tuple[float, float]:
        """The point ``along`` radii from the centre in a direction."""
        reach = self.radius * along
        return self.x + reach * math.cos(angle_rad), self.y + reach * math.sin(angle_rad)


Painter = Callable[[Canvas, Spot, float, np.random.Generator], None]
"""Draws one subject, of a hue in degrees, at a spot."""
