"""The slim bar under a match: rank and name on the left, what geometry says on the right."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from kpsearch.report.lettering import default_font, letter, shorten

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.types import Hit

GROUND = (27, 23, 21)
"""BGR of the bar and of the gap between the pictures."""
CAPTION_HEIGHT_PX = 36
_FONT_PX = 15
_EDGE_PX = 14
_GAP_PX = 18
_DOT_PX = 4
_INK, _QUIET = (236, 236, 232), (158, 163, 168)
_VERIFIED, _UNVERIFIED = (122, 204, 178), (216, 176, 104)


def caption_bar(hit: Hit, width_px: int) -> npt.NDArray[np.uint8]:
    """The caption of ``hit`` as (CAPTION_HEIGHT_PX, width_px, 3) BGR pixels."""
    bar = Image.new("RGB", (width_px, CAPTION_HEIGHT_PX), GROUND[::-1])
    draw = ImageDraw.Draw(bar)
    right = _draw_facts(draw, hit, width_px - _EDGE_PX)
    _draw_name(draw, hit, right - _GAP_PX)
    return np.asarray(bar, np.uint8)[:, :, ::-1].copy()


def _draw_name(draw: ImageDraw.ImageDraw, hit: Hit, right: float) -> None:
    """Rank and file name from the left edge to ``right`` at most."""
    middle, font = CAPTION_HEIGHT_PX / 2, default_font(_FONT_PX)
    rank = str(hit.rank)
    draw.text((_EDGE_PX, middle), rank, _QUIET, font, anchor="lm")
    left = _EDGE_PX + font.getlength(rank) + _GAP_PX / 2
    name, font = letter(os.path.basename(hit.path) or hit.path, size_px=_FONT_PX)
    name = shorten(name, font, room_px=right - left)
    draw.text((left, middle), name, _INK, font, anchor="lm")


def _draw_facts(draw: ImageDraw.ImageDraw, hit: Hit, right: float) -> float:
    """Confidence, score, inliers and status up to ``right``; returns where they begin."""
    middle, font = CAPTION_HEIGHT_PX / 2, default_font(_FONT_PX)
    colour = _VERIFIED if hit.verified else _UNVERIFIED
    status = "verified" if hit.verified else "not verified"
    draw.text((right, middle), status, colour, font, anchor="rm")
    dot = right - font.getlength(status) - 2.5 * _DOT_PX
    draw.ellipse(
        (dot - _DOT_PX, middle - _DOT_PX, dot + _DOT_PX, middle + _DOT_PX),
        fill=colour if hit.verified else None,
        outline=colour,
    )
    right = dot - _DOT_PX - _GAP_PX
    facts = f"{hit.inliers} inliers", f"score {hit.score:.4g}", f"confidence {hit.confidence:.3f}"
    for fact in facts:
        draw.text((right, middle), fact, _QUIET, font, anchor="rm")
        right -= font.getlength(fact) + _GAP_PX
    return right + _GAP_PX
