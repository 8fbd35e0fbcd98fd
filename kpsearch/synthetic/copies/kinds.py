"""Every kind of copy there is: how it is made, how strong, and what it is to its original.

Relations are those of `kpsearch.dedup`, by name. The rule: what was only worked on as a file is a
near-duplicate, whatever its colours, and however it is turned; less of the picture is a crop of
it, more around it contains it (but for plain borders); what went through a lens or a scanner is
the same item.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from kpsearch.synthetic.copies import capture, encoding, framing, overlays, pages, tone
from kpsearch.synthetic.copies.copy import Copy, Make, Pixels


@dataclass(frozen=True, slots=True)
class Kind:
    """A way to copy a picture."""

    make: Make
    relation: str
    """Of the copy to its original."""
    unit: str
    """Of the strength."""
    strengths: tuple[float, ...]
    """From mild to hard."""
    partial: bool = False
    """Whether it leaves out what may tell the picture from a variant of it."""


def _near(make: Make, unit: str, *strengths: float) -> Kind:
    return Kind(make, "near-duplicate", unit, strengths)


def _one_after_another(*steps: tuple[Make, float | None]) -> Make:
    """Several in a row, each at its strength; None is the strength asked for."""

    def make(picture: Pixels, rng: np.random.Generator, strength: float) -> Copy:
        copy = encoding.same_pixels(picture, rng, 0)
        for step, fixed in steps:
            copy = step(copy.pixels, rng, strength if fixed is None else fixed).after(copy)
        return copy

    return make


_BORDERED_LABELLED = _one_after_another(
    (framing.add_border, 0.06), (overlays.write_text, 0.08), (encoding.compress, None)
)
_CROPPED_RESAVED = _one_after_another(
    (framing.crop, None), (encoding.resize, 0.6), (encoding.compress, 50)
)
_CROPPED_MARKED = _one_after_another(
    (framing.crop, None), (tone.cast, 0.15), (overlays.stamp_watermark, 0.25)
)
_CROPPED_ROTATED = _one_after_another((framing.crop, None), (framing.rotate, 12))
_MIRRORED_CROPPED = _one_after_another((framing.mirror, None), (framing.crop, None))
_REPOSTED = _one_after_another(
    (pages.take_screenshot, 0.55), (encoding.resize, None), (encoding.compress, 60)
)

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "same-pixels": Kind(encoding.same_pixels, "exact", "", (1,)),
        "jpeg": _near(encoding.compress, "quality", 90, 70, 50, 30, 20, 10),
        "resize": _near(encoding.resize, "scale", 2.0, 1.5, 0.8, 0.5, 0.35, 0.25),
        "stretch": _near(framing.stretch_sides, "factor", 1.15, 1.35),
        "cast": _near(tone.cast, "gain", 0.15, 0.35),
        "exposure": _near(tone.expose, "stops", 0.5, 1.0, 1.5),
        "gamma": _near(tone.bend, "power", 1.3, 1.8),
        "contrast": _near(tone.shift_contrast, "share", 0.25, 0.5),
        "saturation": _near(tone.saturate, "share", 0.4, 0.8),
        "grey": _near(tone.drain, "", 1),
        "blur": _near(tone.blur, "px", 1.0, 2.0, 3.0),
        "sharpen": _near(tone.sharpen, "amount", 1.0, 2.5),
        "noise": _near(tone.add_grain, "levels", 5, 12, 25),
        "border": _near(framing.add_border, "of the side", 0.04, 0.12, 0.3),
        "on-white": _near(framing.put_on_white, "of the side", 0.05, 0.15, 0.3),
        "text": _near(overlays.write_text, "of the area", 0.05, 0.15, 0.3),
        "watermark": _near(overlays.stamp_watermark, "opacity", 0.15, 0.3, 0.5),
        "badge": _near(overlays.stick_badge, "of the side", 0.12, 0.2, 0.3),
        "turn": _near(framing.turn, "degrees", 90, 180, 270),
        "rotate": _near(framing.rotate, "degrees", 3, 10, 25, 45),
        "border+text+jpeg": _near(_BORDERED_LABELLED, "quality", 60, 30),
        "crop": Kind(framing.crop, "crop-of", "kept", (0.9, 0.7, 0.5, 0.4, 0.3, 0.2), True),
        "crop+resize+jpeg": Kind(_CROPPED_RESAVED, "crop-of", "kept", (0.8, 0.5, 0.3), True),
        "crop+cast+watermark": Kind(_CROPPED_MARKED, "crop-of", "kept", (0.8, 0.5, 0.3), True),
        "crop+rotate": Kind(_CROPPED_ROTATED, "crop-of", "kept", (0.8, 0.5), True),
        "collage": Kind(pages.make_collage, "contains", "pictures", (4, 6, 9)),
        "screenshot": Kind(pages.take_screenshot, "contains", "of the width", (0.6, 0.4)),
        "screenshot+resize+jpeg": Kind(_REPOSTED, "contains", "scale", (0.8, 0.6)),
        "mirror": Kind(framing.mirror, "mirrored", "", (1,)),
        "mirror+crop": Kind(_MIRRORED_CROPPED, "mirrored", "kept", (0.8, 0.5), True),
        "print-scan": Kind(capture.print_and_scan, "same-item", "severity", (0.4, 0.7, 1.0)),
        "photo": Kind(capture.rephotograph, "same-item", "severity", (0.2, 0.35, 0.5)),
        "bad-photo": Kind(capture.rephotograph, "same-item", "severity", (0.75, 1.0), True),
    }
)
"""By name, as in the truth of a set; a new kind is one function and one line here."""


def copy_picture(picture: Pixels, kind: str, *, strength: float, rng: np.random.Generator) -> Copy:
    """A copy of ``picture`` (h, w, 3) BGR of one of `KINDS`, at a strength in its unit."""
    return KINDS[kind].make(picture, rng, strength)
