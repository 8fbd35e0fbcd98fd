"""The picture on the pack: one motif, arranged as the line's design says."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import cv2
import numpy as np
import numpy.typing as npt

from kpsearch.synthetic.canvas import Canvas
from kpsearch.synthetic.colours import Colour, Tint, mix
from kpsearch.synthetic.layout import Box
from kpsearch.synthetic.motifs import MOTIFS
from kpsearch.synthetic.outlines import disc, moved, rectangle
from kpsearch.synthetic.products import Flavour
from kpsearch.synthetic.spots import Spot

MOST_ORIGINALS = 3
"""Of more copies than this, two are painted and the rest are turned copies, as in print."""
CUT_OUT_MARGIN = 1.3
"""Half the side of a cut-out in radii: leaves and shadows reach beyond the motif."""

Arrangement = Callable[[Box, np.random.Generator], list[Spot]]
"""Where the copies go in a box of pixels, those at the back first."""


def _reach(box: Box) -> float:
    return min(box.width, box.height) / 2


def _hero(box: Box, rng: np.random.Generator) -> list[Spot]:
    x, y, size = box.x + box.width / 2, box.y + box.height / 2, _reach(box)
    back = [
        Spot(x + side * size * rng.uniform(0.7, 0.95), y + size * 0.35, size * 0.5, side * 0.4)
        for side in (-1, 1)
    ]
    return [*back, Spot(x, y, size * 0.86, float(rng.uniform(-0.3, 0.3)))]


def _pair(box: Box, rng: np.random.Generator) -> list[Spot]:
    x, y, size = box.x + box.width / 2, box.y + box.height / 2, _reach(box)
    gap = size * float(rng.uniform(0.45, 0.6))
    return [
        Spot(x - gap, y - size * 0.15, size * 0.68, float(rng.uniform(-0.6, 0))),
        Spot(x + gap, y + size * 0.2, size * 0.7, float(rng.uniform(0, 0.6))),
    ]


def _trio(box: Box, rng: np.random.Generator) -> list[Spot]:
    size = min(box.width / 6.2, box.height / 2)
    y = box.y + box.height / 2
    return [
        Spot(box.x + box.width * (k + 0.5) / 3, y, size * 0.95, float(rng.uniform(-0.5, 0.5)))
        for k in range(3)
    ]


def _heap(box: Box, rng: np.random.Generator) -> list[Spot]:
    spots = []
    size = math.sqrt(box.width * box.height) * float(rng.uniform(0.13, 0.17))
    rows = int(np.clip(box.height / size / 1.3, 2, 4))
    for row in range(rows):
        share = 0.35 + 0.65 * (row + 1) / rows
        count = int(np.clip(box.width * share / size / 1.35, 1, 6))
        for k in range(count):
            x = box.x + box.width * (0.5 + share * ((k + 0.5) / count - 0.5))
            y = box.y + box.height * (row + 0.6) / rows
            jitter = rng.uniform(-0.2, 0.2, 2) * size
            turn = float(rng.uniform(-3, 3))
            spots.append(Spot(x + jitter[0], y + jitter[1], size, turn))
    return spots


def _scatter(box: Box, rng: np.random.Generator) -> list[Spot]:
    columns = int(rng.integers(2, 5))
    pitch = max(box.width / columns, box.height / 3)
    columns, rows = max(int(box.width / pitch), 1), max(int(box.height / pitch), 1)
    return [
        Spot(
            box.x + box.width * (column + 0.5) / columns + pitch * 0.15 * rng.uniform(-1, 1),
            box.y + box.height * (row + 0.5) / rows + pitch * 0.15 * rng.uniform(-1, 1),
            pitch * float(rng.uniform(0.3, 0.48)),
            float(rng.uniform(-1, 1)),
        )
        for row in range(rows)
        for column in range(columns)
    ]


_ARRANGEMENTS: Mapping[str, Arrangement] = MappingProxyType(
    {
        "heap": _heap,
        "hero": _hero,
        "pair": _pair,
        "scatter": _scatter,
        "trio": _trio,
        "window": _heap,
    }
)


def place_artwork(
    canvas: Canvas,
    box: Box,
    *,
    arrangement: str,
    flavour: Flavour,
    panel: Colour,
    line_rng: np.random.Generator,
    item_rng: np.random.Generator,
) -> None:
    """The flavour's motif in ``box`` (pixels): places by the line, details by the item."""
    _paint_stage(canvas, box, arrangement, panel)
    inner = box.inset(0.12) if arrangement == "window" else box
    spots = _ARRANGEMENTS[arrangement](inner, line_rng)
    if len(spots) <= MOST_ORIGINALS:
        for spot in spots:
            _paint_motif(canvas, spot, flavour, item_rng)
        return
    largest = max(spot.radius for spot in spots)
    cutouts = [_cut_out(flavour, largest, canvas.grain, item_rng) for _ in range(2)]
    for k, spot in enumerate(spots):
        _paste_turned(canvas, cutouts[k % 2], spot, scale=spot.radius / largest)


def _paint_motif(canvas: Canvas, spot: Spot, flavour: Flavour, rng: np.random.Generator) -> None:
    _paint_shadow(canvas, spot)
    hue = flavour.hue_deg + float(rng.uniform(-6, 6))
    MOTIFS[flavour.motif](canvas, spot, hue, rng)


def _cut_out(
    flavour: Flavour, radius: float, grain: npt.NDArray[np.float32], rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """The motif alone as (side, side, 4): colours weighted by coverage, and coverage.

    Painted once on black and once on white: what differs is what shows through.
    """
    side = min(2 * round(radius * CUT_OUT_MARGIN), *grain.shape)
    seed = int(rng.integers(2**31))
    sheets = []
    for ground in (0, 255):
        blank = np.full((side, side, 3), ground, dtype=np.uint8)
        sheet = Canvas(blank, grain=grain[:side, :side])
        spot = Spot(side / 2, side / 2, radius, 0.0)
        _paint_motif(sheet, spot, flavour, np.random.default_rng(seed))
        sheets.append(sheet.pixels)
    on_black, on_white = sheets
    through = cv2.subtract(on_white, on_black)
    return np.dstack([on_black, 255 - through.max(axis=2)])


def _paste_turned(
    canvas: Canvas, cutout: npt.NDArray[np.uint8], spot: Spot, *, scale: float
) -> None:
    middle = (cutout.shape[0] - 1) / 2
    turn = cv2.getRotationMatrix2D((middle, middle), -math.degrees(spot.turn), scale)
    turned = np.asarray(cv2.warpAffine(cutout, turn, cutout.shape[:2]), dtype=np.uint8)
    canvas.paste(turned, spot.x - middle, spot.y - middle)


def _paint_stage(canvas: Canvas, box: Box, arrangement: str, panel: Colour) -> None:
    """What the motif lies on: a window in the pack, or a soft light behind it."""
    if arrangement == "window":
        canvas.fill(rectangle(*box, radius=_reach(box) * 0.25), panel)
        deep = mix(panel, (30, 30, 40), 0.75)
        inside = rectangle(*box.inset(0.03), radius=_reach(box) * 0.22)
        canvas.shade(inside, Tint(mix(panel, deep, 0.5), mix(panel, deep, 0.8), deep))
    elif arrangement in ("hero", "pair"):
        x, y, size = box.x + box.width / 2, box.y + box.height / 2, _reach(box)
        canvas.fill(moved(disc(64), x, y, scale=size * 0.96), panel)
        rim = moved(disc(64), x, y, scale=size * 0.9)
        canvas.stroke(rim, mix(panel, (0, 0, 0), 0.12), thickness_px=size / 60, closed=True)


def _paint_shadow(canvas: Canvas, spot: Spot) -> None:
    """A soft dark under the motif, so that it lies on the pack."""
    reach = max(round(spot.radius * 0.85), 2)
    across = np.linspace(-1, 1, 2 * reach, dtype=np.float32)
    away = across[None, :] ** 2 + (across[:, None] * 1.1) ** 2
    mask = (np.clip(1 - away, 0, 1) * 255).astype(np.uint8)
    drop = spot.radius * 0.24 * math.sqrt(2)
    canvas.stamp(mask, spot.x - reach + drop / 2, spot.y - reach + drop, (25, 20, 30), opacity=0.4)
