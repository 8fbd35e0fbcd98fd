"""Other colours, other sharpness; nothing moves."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from kpsearch.synthetic.copies.copy import Copy, Pixels, in_place

REFERENCE_SIDE_PX = 640
"""The longest side at which a blur is as many pixels as it says; it grows with the picture."""


def cast(picture: Pixels, rng: np.random.Generator, strength: float) -> Copy:
    """A light of another colour: each channel up or down by up to ``strength`` of its value."""
    gains = rng.uniform(-1, 1, 3)
    gains = 1 + strength * gains / np.abs(gains).max()
    return in_place(picture * gains.astype(np.float32))


def expose(picture: Pixels, rng: np.random.Generator, stops: float) -> Copy:
    """Lighter or darker by ``stops`` of the camera, clipped like there."""
    return in_place(picture * np.float32(2 ** (stops * _either(rng) / 2.2)))


def bend(picture: Pixels, rng: np.random.Generator, power: float) -> Copy:
    """Gamma: the tones to the power of ``power``, or of its inverse."""
    tones = (np.arange(256) / 255) ** (power ** _either(rng))
    return in_place(cv2.LUT(picture, np.rint(tones * 255).astype(np.uint8)))


def saturate(picture: Pixels, rng: np.random.Generator, strength: float) -> Copy:
    """More colour or less: by ``strength`` of what there is."""
    grey = _grey(picture)
    return in_place(grey + (picture - grey) * np.float32(1 + strength * _either(rng)))


def drain(picture: Pixels, rng: np.random.Generator, strength: float) -> Copy:
    """Shades of grey."""
    return in_place(np.repeat(_grey(picture), 3, axis=2))


def shift_contrast(picture: Pixels, rng: np.random.Generator, strength: float) -> Copy:
    """Contrast up or down by ``strength`` around the mean."""
    middle = np.float32(picture.mean())
    return in_place(middle + (picture - middle) * np.float32(1 + strength * _either(rng)))


def blur(picture: Pixels, rng: np.random.Generator, sigma_px: float) -> Copy:
    """Out of focus."""
    sigma = sigma_px * max(picture.shape[:2]) / REFERENCE_SIDE_PX
    return in_place(np.asarray(cv2.GaussianBlur(picture, (0, 0), max(sigma, 0.1))))


def sharpen(picture: Pixels, rng: np.random.Generator, amount: float) -> Copy:
    """An unsharp mask of 1.2 pixels."""
    sharp = picture.astype(np.float32)
    return in_place(sharp + amount * (sharp - cv2.GaussianBlur(sharp, (0, 0), 1.2)))


def add_grain(picture: Pixels, rng: np.random.Generator, deviation: float) -> Copy:
    """Noise of ``deviation`` grey levels, each channel by itself."""
    grain = rng.standard_normal(picture.shape, dtype=np.float32) * np.float32(deviation)
    return in_place(picture + grain)


def _either(rng: np.random.Generator) -> int:
    return 1 if rng.random() < 0.5 else -1


def _grey(picture: Pixels) -> npt.NDArray[np.float32]:
    """(h, w, 1)"""
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)[:, :, None], dtype=np.float32)
