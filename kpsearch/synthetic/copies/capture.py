"""The picture seen again by a machine: printed and scanned, or photographed."""

from __future__ import annotations

import cv2
import numpy as np

from kpsearch.synthetic.camera import CameraOptions, Homography
from kpsearch.synthetic.copies.copy import Copy, Pixels, shift
from kpsearch.synthetic.light import add_noise
from kpsearch.synthetic.photos import photograph
from kpsearch.synthetic.surroundings import lay_over

_BLACK, _PAPER = 26.0, 244.0
"""What black ink and white paper come to in a scan."""


def print_and_scan(picture: Pixels, rng: np.random.Generator, severity: float) -> Copy:
    """On paper, not quite straight on the glass; paler, softer and grained.

    ``severity`` 1 moves the corners by up to 4% of the sides.
    """
    height, width = picture.shape[:2]
    margin = round(0.06 * max(height, width))
    path = shift(margin, margin) @ _skewed(height, width, 0.04 * severity, rng)
    size = (height + 2 * margin, width + 2 * margin, 3)
    glass = np.full(size, int(rng.integers(225, 256)), dtype=np.uint8)
    sheet = lay_over(glass, _printed(picture, severity, rng), path)
    return Copy(add_noise(sheet, 0.6 * severity, rng), path / path[2, 2])


def _skewed(height: int, width: int, share: float, rng: np.random.Generator) -> Homography:
    """Each corner moved by up to ``share`` of the sides."""
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32) - 0.5
    moved = corners + (rng.uniform(-share, share, (4, 2)) * (width, height)).astype(np.float32)
    path = cv2.getPerspectiveTransform(corners, moved.astype(np.float32))
    return np.asarray(path, dtype=np.float64)


def _printed(picture: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
    """Inks and paper: less contrast, a tinge, a screen of dots, soft edges."""
    span = 1 - severity * 0.5 * (1 - (_PAPER - _BLACK) / 255)
    tinge = 1 + 0.06 * severity * rng.uniform(-1, 1, 3)
    ink = (picture * span + severity * _BLACK * 0.5) * tinge.astype(np.float32)
    rows, columns = np.indices(picture.shape[:2], dtype=np.float32)
    pitch = float(rng.uniform(2.6, 3.6))
    screen = np.sin((rows + columns) * np.float32(4.44 / pitch)) * np.sin(
        (rows - columns) * np.float32(4.44 / pitch)
    )
    dots = ink + np.float32(14 * severity) * screen[:, :, None]
    soft = cv2.GaussianBlur(np.asarray(dots, np.float32), (0, 0), 0.5 + 0.6 * severity)
    return np.clip(np.rint(soft), 0, 255).astype(np.uint8)


def rephotograph(picture: Pixels, rng: np.random.Generator, severity: float) -> Copy:
    """A photo of the picture, by the camera of `kpsearch.synthetic.photos`."""
    photo = photograph(picture, rng, CameraOptions(severity=severity))
    return Copy(photo.pixels, photo.homography)
