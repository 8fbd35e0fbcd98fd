"""What saving again does: other sizes and stronger compression."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kpsearch.synthetic.copies.copy import Copy, Pixels, in_place, resized, stretch


def same_pixels(picture: Pixels, rng: np.random.Generator, strength: float) -> Copy:
    """Another file of the very same pixels."""
    return replace(in_place(picture), lossless=True)


def resize(picture: Pixels, rng: np.random.Generator, scale: float) -> Copy:
    """Both sides by a factor."""
    height, width = (max(round(side * scale), 1) for side in picture.shape[:2])
    copy = resized(picture, height, width)
    return Copy(copy, stretch(picture.shape, copy.shape))


def compress(picture: Pixels, rng: np.random.Generator, quality: float) -> Copy:
    """Saved as JPEG of a quality from 1 to 100."""
    return replace(in_place(picture), jpeg_quality=round(quality))
