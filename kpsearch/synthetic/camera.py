"""Where the phone stands: the homography from pack to photo, and how much of the pack is seen.

All of it is decided before a pixel is painted, so that the truth of a photo costs no picture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from kpsearch.errors import UsageError
from kpsearch.synthetic.occluders import Occluder, random_occluder

Homography = npt.NDArray[np.float64]
"""(3, 3) from catalogue pixels to photo pixels; the last element is 1."""

DISTANCE = 2.4
"""From camera to pack in pack lengths: sets how strong the perspective is."""


@dataclass(frozen=True, slots=True)
class CameraOptions:
    """How hard the photos are. What is 'at severity 1' shrinks in proportion below it."""

    severity: float = 0.5
    """0 is a flat scan, 1 is a bad photo in a bad light."""
    side_px: int = 800
    """Longest side of the photo."""
    tilt_deg: float = 50.0
    """Largest angle between the optical axis and the pack's normal at severity 1."""
    roll_deg: float = 30.0
    """Largest turn in the picture's plane at severity 1."""
    crop: float = 0.35
    """Largest share of the pack's width or height outside the frame at severity 1."""
    crop_probability: float = 0.6
    """How often a photo is cropped on purpose at severity 1."""
    occlusion_probability: float = 0.6
    """How often something is in front of the pack at severity 1."""
    light: float = 1.0
    """Strength of gradients, shadows, glare and colour casts; 0 is none."""
    blur: float = 1.0
    """Strength of lens and motion blur; 0 is none."""
    noise: float = 1.0
    """Strength of sensor noise; 0 is none."""
    worst_jpeg_quality: int = 40
    """At severity 1; at 0 it is 95."""

    def __post_init__(self) -> None:
        if not 0 <= self.severity <= 1:
            raise UsageError(f"severity must be between 0 and 1, not {self.severity}")
        if not 64 <= self.side_px <= 8192:
            raise UsageError(f"side_px must be between 64 and 8192, not {self.side_px}")
        if not 0 <= self.tilt_deg <= 75 or not 0 <= self.crop < 0.9:
            raise UsageError("tilt_deg must be between 0 and 75, and crop between 0 and 0.9")


@dataclass(frozen=True, slots=True, eq=False)
class Aim:
    """One photo before it is taken."""

    homography: Homography
    height_px: int
    width_px: int
    occluder: Occluder | None
    visible: float
    """Share of the pack's face that is in the frame and not covered."""
    occluded: float
    """Share of the pack's face that is in the frame but covered."""


def aim(size: tuple[int, int], rng: np.random.Generator, options: CameraOptions) -> Aim:
    """Point the camera at a pack of ``size`` (height, width) in pixels."""
    frame = _frame(size, rng, options)
    turned = _tilted(size, rng, options)
    homography = _framed(turned, size, frame, rng, options)
    occluder = None
    if rng.random() < options.occlusion_probability * options.severity:
        middle = _project(homography, _grid(size, 3)[4:5])[0]
        occluder = random_occluder(frame, (float(middle[0]), float(middle[1])), rng)
    visible, occluded = seen_shares(homography, size, frame, occluder)
    return Aim(homography, *frame, occluder, visible, occluded)


def _frame(
    size: tuple[int, int], rng: np.random.Generator, options: CameraOptions
) -> tuple[int, int]:
    """Height and width of the photo, 4:3, mostly held the way the pack stands."""
    short = round(options.side_px * 0.75)
    upright = (size[0] >= size[1]) == bool(rng.random() < 0.85)
    return (options.side_px, short) if upright else (short, options.side_px)


def _tilted(size: tuple[int, int], rng: np.random.Generator, options: CameraOptions) -> Homography:
    """The pack seen at an angle by a pinhole camera: x ~ K [r1 r2 t] X, with K = I."""
    tilt = math.radians(options.tilt_deg) * options.severity * math.sqrt(rng.random())
    towards = rng.uniform(0, 2 * math.pi)
    roll = math.radians(options.roll_deg) * options.severity * rng.uniform(-1, 1)
    axis = np.array([math.cos(towards), math.sin(towards), 0.0]) * tilt
    turn, _ = cv2.Rodrigues(axis)
    spin, _ = cv2.Rodrigues(np.array([0.0, 0.0, roll]))
    pose = np.asarray(spin @ turn, dtype=np.float64)
    pose[:, 2] = (0, 0, DISTANCE)
    length = max(size)
    centred = np.diag([1 / length, 1 / length, 1.0])
    centred[:2, 2] = (-(size[1] - 1) / 2 / length, -(size[0] - 1) / 2 / length)
    return np.asarray(pose @ centred, dtype=np.float64)


def _framed(
    turned: Homography,
    size: tuple[int, int],
    frame: tuple[int, int],
    rng: np.random.Generator,
    options: CameraOptions,
) -> Homography:
    """Zoom and shift until the pack fills a good part of the frame, or is cropped by it."""
    corners = _project(turned, _corners(size))
    low, high = corners.min(axis=0), corners.max(axis=0)
    room = np.array([frame[1], frame[0]], dtype=np.float64)
    fill = 0.92 - 0.5 * options.severity * rng.random()
    zoom = fill * float(np.min(room / (high - low)))
    slack = room - zoom * (high - low)
    start = slack * (0.5 + options.severity * rng.uniform(-0.5, 0.5, 2))
    if rng.random() < options.crop_probability * options.severity:
        outside = options.crop * options.severity * rng.random(2) * (high - low) * zoom
        start = np.where(rng.random(2) < 0.5, -outside, slack + outside)
    shift = start - zoom * low
    frame_from_view = np.array([[zoom, 0, shift[0]], [0, zoom, shift[1]], [0, 0, 1]])
    homography = frame_from_view @ turned
    return np.asarray(homography / homography[2, 2], dtype=np.float64)


def seen_shares(
    homography: Homography,
    size: tuple[int, int],
    frame: tuple[int, int],
    occluder: Occluder | None,
) -> tuple[float, float]:
    """(visible, occluded) shares of the pack's face, counted on a grid of 80 x 80 points."""
    points = _project(homography, _grid(size, 80))
    x, y = np.round(points).astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < frame[1]) & (y < frame[0])
    if occluder is None:
        return float(inside.mean()), 0.0
    covered = occluder.mask(frame)[y[inside], x[inside]] > 127
    return float((~covered).sum() / len(points)), float(covered.sum() / len(points))


def _corners(size: tuple[int, int]) -> npt.NDArray[np.float64]:
    right, low = size[1] - 1, size[0] - 1
    return np.array([[0, 0], [right, 0], [right, low], [0, low]], dtype=np.float64)


def _grid(size: tuple[int, int], count: int) -> npt.NDArray[np.float64]:
    """(count², 2) points spread evenly over the pack, the centres of equal cells."""
    steps = (np.arange(count) + 0.5) / count
    x, y = np.meshgrid(steps * size[1] - 0.5, steps * size[0] - 0.5)
    return np.stack([x.ravel(), y.ravel()], axis=1)


def _project(homography: Homography, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(n, 2) points through a homography."""
    lifted = points @ homography[:, :2].T + homography[:, 2]
    return np.asarray(lifted[:, :2] / lifted[:, 2:], dtype=np.float64)
