"""Pictures as they might have been taken: seeded changes that keep what a picture shows.

All changes of shape are one homography and one resampling, all changes of colour one matrix.
"""

from __future__ import annotations

from math import cos, log, radians, sin

import cv2
import numpy as np
import numpy.typing as npt

from kpsearch.training.finetuning.options import Augmentation

Pixels = npt.NDArray[np.uint8]
Matrix = npt.NDArray[np.float64]


def augmented(
    pixels: Pixels, side_px: int, augmentation: Augmentation, *, rng: np.random.Generator
) -> Pixels:
    """A (side, side, 3) view of a BGR picture (h, w, 3)."""
    corners = _crop(pixels.shape[1], pixels.shape[0], augmentation, rng)
    view = _warped(pixels, corners, side_px)
    view = np.asarray(cv2.transform(view, _colours(augmentation, rng)), np.uint8)
    if rng.random() < augmentation.blur:
        view = np.asarray(cv2.GaussianBlur(view, (0, 0), rng.uniform(0.2, 2)), np.uint8)
    return _compressed(view, rng) if rng.random() < augmentation.jpeg else view


def _crop(width: int, height: int, by: Augmentation, rng: np.random.Generator) -> Matrix:
    """(4, 2) corners of the part that is shown, clockwise from where the view's top left is.

    Area and aspect as Szegedy et al., CVPR 2015, section 6, draw them.
    """
    whole = np.array([width, height], float)
    area = rng.uniform(by.smallest_area, 1) * width * height
    stretch = np.exp(rng.uniform(-log(by.aspect), log(by.aspect)) / 2)
    sides = np.minimum(np.sqrt(area) * np.array([stretch, 1 / stretch]), whole)
    room = (whole - sides) / 2
    centre = (whole - 1) / 2 + rng.uniform(-room, room)
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) / 2
    corners = corners + rng.uniform(-by.perspective, by.perspective, (4, 2))
    if rng.random() < 0.5 and by.flip:
        corners = corners[[1, 0, 3, 2]]
    angle = radians(rng.uniform(-by.rotation_deg, by.rotation_deg))
    turn = np.array([[cos(angle), -sin(angle)], [sin(angle), cos(angle)]])
    return np.asarray(centre + (corners * sides) @ turn.T)


def _warped(pixels: Pixels, corners: Matrix, side_px: int) -> Pixels:
    """The quadrangle as a square; pictures go on beyond their borders as in a mirror."""
    low, high = -0.5, side_px - 0.5  # the outer edges of the border pixels
    square = np.array([[low, low], [high, low], [high, high], [low, high]], np.float32)
    homography = cv2.getPerspectiveTransform(corners.astype(np.float32), square)
    view = cv2.warpPerspective(
        pixels,
        homography,
        (side_px, side_px),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return np.asarray(view, np.uint8)


_LUMA = np.array([0.114, 0.587, 0.299])
"""Of blue, green and red (Rec. 601)."""


def _colours(by: Augmentation, rng: np.random.Generator) -> Matrix:
    """(3, 4): contrast about mid-grey, brightness, and saturation and hue about the grey axis."""
    brightness, contrast, saturation = (
        1 + rng.uniform(-share, share) for share in (by.brightness, by.contrast, by.saturation)
    )
    grey = np.tile(_LUMA, (3, 1))
    colour = grey + saturation * (np.eye(3) - grey)
    turned = _turned_hue(radians(rng.uniform(-by.hue_deg, by.hue_deg)))
    middle = 128 * (1 - contrast) * brightness
    return np.column_stack([brightness * contrast * (turned @ colour), np.full(3, middle)])


def _turned_hue(angle: float) -> Matrix:
    """The rotation about the grey axis (Rodrigues)."""
    axis = np.full((3, 3), 1 / 3)
    cross = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)
    return np.asarray(cos(angle) * np.eye(3) + sin(angle) * cross + (1 - cos(angle)) * axis)


def _compressed(view: Pixels, rng: np.random.Generator) -> Pixels:
    quality = int(rng.integers(30, 91))
    _, data = cv2.imencode(".jpg", view, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
