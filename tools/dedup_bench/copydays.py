"""Copies as in the Copydays benchmark, made by seeded code.

Douze, Jégou, Sandhawalia, Amsaleg & Schmid, "Evaluation of GIST descriptors for web-scale image
search" (CIVR 2009, §4.1): crops that remove 10 to 80% of the area; JPEG of quality 3 to 75 of the
picture reduced to 1/16 of its pixels; and "strong" ones: print and scan, contrast, perspective,
blur, writing. Pictures here are smaller than theirs, so the reduced ones keep 240 px a side.
"""

from __future__ import annotations

import numpy as np

from kpsearch.synthetic.copies import KINDS, Copy, copy_picture
from kpsearch.synthetic.copies.copy import Pixels

REMOVED = (10, 15, 20, 30, 40, 50, 60, 70, 80)
QUALITIES = (75, 50, 30, 20, 15, 10, 8, 5, 3)
STRONG = (
    ("print-scan", 1.0),
    ("photo", 0.35),
    ("contrast", 0.5),
    ("gamma", 1.8),
    ("blur", 3.0),
    ("text", 0.3),
    ("watermark", 0.5),
    ("rotate", 25.0),
    ("mirror", 1.0),
    ("collage", 4.0),
    ("screenshot", 0.4),
    ("on-white", 0.3),
)
REDUCED_SIDE_PX = 240

CELLS = (
    *(("crop", float(100 - removed) / 100) for removed in REMOVED),
    *(("reduced jpeg", float(quality)) for quality in QUALITIES),
    *STRONG,
)
"""Kind and strength of every copy that a picture can have."""


def copydays(picture: Pixels, kind: str, strength: float, rng: np.random.Generator) -> Copy:
    """A copy of ``picture`` (h, w, 3) BGR that is one of `CELLS`."""
    if kind != "reduced jpeg":
        return copy_picture(picture, kind, strength=strength, rng=rng)
    scale = min(max(0.25, REDUCED_SIDE_PX / max(picture.shape)), 1.0)
    small = copy_picture(picture, "resize", strength=scale, rng=rng)
    return copy_picture(small.pixels, "jpeg", strength=strength, rng=rng).after(small)


def relation_of(kind: str) -> str:
    """Of a copy to its original."""
    return "near-duplicate" if kind == "reduced jpeg" else KINDS[kind].relation
