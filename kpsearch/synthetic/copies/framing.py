"""Another frame: crops, borders, margins, mirrors and turns."""

from __future__ import annotations

import math

import cv2
import numpy as np

from kpsearch.synthetic.colours import Colour, oklch
from kpsearch.synthetic.copies.copy import Copy, Pixels, resized, shift, stretch

_PLAIN: tuple[Colour, ...] = ((255, 255, 255), (255, 255, 255), (0, 0, 0), (238, 238, 238))
"""What borders are mostly made of."""


def crop(picture: Pixels, rng: np.random.Generator, kept: float) -> Copy:
    """A part of ``kept`` of the area, of about the picture's proportions, from anywhere."""
    height, width = picture.shape[:2]
    lean = 2 ** float(rng.uniform(-0.25, 0.25))
    share = math.sqrt(kept) * np.array([lean, 1 / lean])
    if share.max() > 1:
        share = np.array([kept, 1.0]) if share[0] < share[1] else np.array([1.0, kept])
    high, wide = max(round(height * share[0]), 1), max(round(width * share[1]), 1)
    y, x = int(rng.integers(height - high + 1)), int(rng.integers(width - wide + 1))
    return Copy(picture[y : y + high, x : x + wide].copy(), shift(-x, -y))


def add_border(picture: Pixels, rng: np.random.Generator, share: float) -> Copy:
    """A plain frame of ``share`` of the longer side, all around or on two sides only."""
    thick = max(round(max(picture.shape[:2]) * share), 1)
    down, across = ((1, 1), (1, 0), (0, 1))[int(rng.choice(3, p=(0.5, 0.25, 0.25)))]
    return _framed(picture, thick * down, thick * across, border_colour(rng))


def put_on_white(picture: Pixels, rng: np.random.Generator, share: float) -> Copy:
    """As in a shop's catalogue: in the middle of a white square, with margins of ``share``."""
    height, width = picture.shape[:2]
    side = round(max(height, width) * (1 + 2 * share))
    return _framed(picture, (side - height) // 2, (side - width) // 2, (255, 255, 255))


def _framed(picture: Pixels, down: int, across: int, colour: Colour) -> Copy:
    framed = cv2.copyMakeBorder(
        picture, down, down, across, across, cv2.BORDER_CONSTANT, value=colour
    )
    return Copy(np.asarray(framed, dtype=np.uint8), shift(across, down))


def border_colour(rng: np.random.Generator) -> Colour:
    """White, black, light grey, or now and then some colour."""
    if rng.random() < 0.25:
        lightness, hue_deg = rng.uniform(0.4, 0.95), rng.uniform(0, 360)
        return oklch(float(lightness), 0.1, float(hue_deg))
    return _PLAIN[int(rng.integers(len(_PLAIN)))]


def mirror(picture: Pixels, rng: np.random.Generator, strength: float) -> Copy:
    """Left for right."""
    across = np.array([[-1, 0, picture.shape[1] - 1], [0, 1, 0], [0, 0, 1]], dtype=np.float64)
    return Copy(np.ascontiguousarray(picture[:, ::-1]), across)


def turn(picture: Pixels, rng: np.random.Generator, angle_deg: float) -> Copy:
    """Clockwise by 90, 180 or 270 degrees, every pixel kept."""
    quarters = round(angle_deg / 90) % 4
    right, low = picture.shape[1] - 1, picture.shape[0] - 1
    path = (
        np.eye(3),
        np.array([[0, -1, low], [1, 0, 0], [0, 0, 1]]),
        np.array([[-1, 0, right], [0, -1, low], [0, 0, 1]]),
        np.array([[0, 1, 0], [-1, 0, right], [0, 0, 1]]),
    )[quarters]
    return Copy(np.ascontiguousarray(np.rot90(picture, -quarters)), path.astype(np.float64))


def rotate(picture: Pixels, rng: np.random.Generator, angle_deg: float) -> Copy:
    """By an angle to either side; the frame grows to hold it, its corners filled plainly."""
    angle = math.radians(angle_deg) * (1 if rng.random() < 0.5 else -1)
    cos, sin = math.cos(angle), math.sin(angle)
    spin = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    right, low = picture.shape[1] - 1, picture.shape[0] - 1
    corners = np.array([[0, 0], [right, 0], [right, low], [0, low]]) @ spin[:2, :2].T
    start, end = np.floor(corners.min(axis=0)), np.ceil(corners.max(axis=0))
    path = shift(-float(start[0]), -float(start[1])) @ spin
    size = (int(end[0] - start[0]) + 1, int(end[1] - start[1]) + 1)
    turned = cv2.warpPerspective(
        picture, path, size, flags=cv2.INTER_CUBIC, borderValue=border_colour(rng)
    )
    return Copy(np.asarray(turned, dtype=np.uint8), path)


def stretch_sides(picture: Pixels, rng: np.random.Generator, factor: float) -> Copy:
    """Squeezed into other proportions: one side longer by ``factor`` than it should be."""
    height, width = picture.shape[:2]
    if rng.random() < 0.5:
        copy = resized(picture, height, round(width * factor))
    else:
        copy = resized(picture, round(height * factor), width)
    return Copy(copy, stretch(picture.shape, copy.shape))
