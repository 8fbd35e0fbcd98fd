"""The same logo, badge or shop's frame on pictures that have nothing else in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from kpsearch.synthetic.canvas import Canvas
from kpsearch.synthetic.colours import WHITE, oklch
from kpsearch.synthetic.copies.copy import Pixels, sheet_over
from kpsearch.synthetic.design import brand_look
from kpsearch.synthetic.labelling import place_seal, place_text
from kpsearch.synthetic.layout import Box
from kpsearch.synthetic.lettering import random_face
from kpsearch.synthetic.logos import place_logo
from kpsearch.synthetic.outlines import rectangle
from kpsearch.synthetic.spec import CatalogueSpec
from kpsearch.synthetic.words import brand_name, fine_print

Part = Callable[[Canvas, np.random.Generator, np.random.Generator], None]
"""Paints what the first generator says where the second one says."""

_CLAIMS = (
    "TEST WINNER 2024",
    "BUY 2 GET 1 FREE",
    "MADE WITH CARE",
    "5 YEARS WARRANTY",
    "CLUB PRICE",
)


def paint_logo(sheet: Canvas, part: np.random.Generator, place: np.random.Generator) -> None:
    """A brand's sign on a light plate, 30 to 45% of the sheet wide, near its top or bottom."""
    number = int(part.integers(2**30))
    look = brand_look(CatalogueSpec(0, seed=number), 0)
    wide = sheet.width * float(place.uniform(0.3, 0.45))
    x = float(place.uniform(0.02, 0.98)) * (sheet.width - wide)
    y = sheet.height * float(place.choice([0.03, 0.8]))
    box = Box(x, y, wide, wide * 0.38)
    sheet.fill(rectangle(*box, radius=wide / 20), WHITE)
    name = brand_name(number, 0)
    place_logo(sheet, box.inset(0.07), name=name, look=look, ink=oklch(0.3, 0.1, look.hue_deg))


def paint_badge(sheet: Canvas, part: np.random.Generator, place: np.random.Generator) -> None:
    """A seal, a quarter to a third of the shorter side wide, in a corner."""
    text, hue_deg = str(part.choice(_CLAIMS)), float(part.uniform(0, 360))
    points = int(part.choice([0, 16, 24]))
    size = min(sheet.width, sheet.height) * float(place.uniform(0.25, 0.34))
    x, y = place.choice([0.04, 0.96], 2) * (sheet.width - size, sheet.height - size)
    box = Box(float(x), float(y), size, size)
    place_seal(sheet, box, text=text, colour=oklch(0.5, 0.2, hue_deg), ink=WHITE, points=points)


def paint_frame(sheet: Canvas, part: np.random.Generator, place: np.random.Generator) -> None:
    """A shop's frame: a line around, and a band with its name, a slogan and its conditions."""
    hue_deg, number = float(part.uniform(0, 360)), int(part.integers(2**30))
    band, ink = oklch(0.42, 0.16, hue_deg), oklch(0.97, 0.04, hue_deg + 90)
    width, height = float(sheet.width), float(sheet.height)
    edge = rectangle(0, 0, width - 1, height - 1)
    sheet.stroke(edge, band, thickness_px=width / 30, closed=True)
    box = Box(0, height * 0.84, width, height * 0.16)
    sheet.fill(rectangle(*box), band)
    name = box._replace(width=box.width * 0.45, height=box.height * 0.62).inset(0.1)
    place_text(sheet, brand_name(number, 0), name, face=random_face(part, bold=True), colour=ink)
    offer = name._replace(x=box.width * 0.5)
    place_text(sheet, str(part.choice(_CLAIMS)), offer, face=random_face(part), colour=ink)
    terms = Box(width * 0.04, height * 0.945, width * 0.92, height * 0.04)
    place_text(sheet, " ".join(fine_print(9, part)), terms, face=random_face(part), colour=ink)


PARTS: Mapping[str, Part] = MappingProxyType(
    {"badge": paint_badge, "frame": paint_frame, "logo": paint_logo}
)


def paste_part(
    picture: Pixels, kind: str, *, part: np.random.Generator, place: np.random.Generator
) -> Pixels:
    """``picture`` (h, w, 3) BGR with one of `PARTS` on it.

    ``part`` says what it looks like, the same for all that share it; ``place`` how large and where.
    """
    sheet = sheet_over(picture)
    PARTS[kind](sheet, part, place)
    return sheet.pixels
