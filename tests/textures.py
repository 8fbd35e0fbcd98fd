"""Grey pictures full of keypoints, made by seeded code, and cameras that move them."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from kpsearch.types import FileFacts, Image, ImageSize

Grey = npt.NDArray[np.uint8]
Matrix = npt.NDArray[np.float64]


def textured(seed: int, width: int = 400, height: int = 300) -> Grey:
    """(height, width): noise of several grain sizes under discs, bars and ellipses."""
    rng = np.random.default_rng(seed)
    canvas = np.full((height, width), 128, np.float32)
    for grain_px in (48, 24, 12, 6):
        shape = (height // grain_px + 2, width // grain_px + 2)
        coarse = rng.normal(0, 12, shape).astype(np.float32)
        canvas += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    picture = np.clip(canvas, 0, 255).astype(np.uint8)
    for _ in range(width * height // 1500):
        x, y = int(rng.integers(width)), int(rng.integers(height))
        axes = tuple(int(side) for side in rng.integers(4, 22, 2))
        shade = int(rng.integers(256))
        turn_deg = float(rng.uniform(0, 180))
        cv2.ellipse(picture, (x, y), axes, turn_deg, 0, 360, shade, -1, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.7), np.uint8)


def flat(shade: int = 128, width: int = 400, height: int = 300) -> Grey:
    return np.full((height, width), shade, np.uint8)


def as_image(pixels: Grey, size: ImageSize | None = None) -> Image:
    """Pixels as if decoded from a file whose original had ``size``."""
    return Image(
        path="picture",
        pixels=pixels,
        size=size or ImageSize(pixels.shape[1], pixels.shape[0]),
        facts=FileFacts(0, 0, bytes(16)),
        format="PNG",
    )


def similarity(
    turn_deg: float, zoom: float, *, about: tuple[float, float], to: tuple[float, float]
) -> Matrix:
    """(3, 3): turned clockwise on the screen and enlarged, the point ``about`` going to ``to``."""
    turn = np.deg2rad(turn_deg)
    matrix = np.eye(3)
    matrix[:2, :2] = zoom * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix[:2, 2] = np.array(to) - matrix[:2, :2] @ np.array(about)
    return matrix


def tilt(width: int, height: int, strength: float = 0.1) -> Matrix:
    """(3, 3): the picture seen from the side and a little from above, within its own frame."""
    left, low = width * strength, height * strength
    corners = [(0, 0), (width - 1, 0), (width - 1, height - 1), (0, height - 1)]
    seen = [(left, low), (width - 1, 0), (width - 1 - left / 2, height - 1), (left / 3, height - 1)]
    return np.asarray(
        cv2.getPerspectiveTransform(np.array(corners, np.float32), np.array(seen, np.float32))
    )


def warp(pixels: Grey, matrix: Matrix, width: int, height: int, *, ground: int = 128) -> Grey:
    """The picture moved by ``matrix`` into a frame of ``width`` × ``height``."""
    moved = cv2.warpPerspective(
        pixels, matrix, (width, height), flags=cv2.INTER_LINEAR, borderValue=ground
    )
    return np.asarray(moved, np.uint8)


def encode(pixels: Grey, kind: str = ".png", quality: int | None = None) -> bytes:
    options = [] if quality is None else [cv2.IMWRITE_JPEG_QUALITY, quality]
    written, content = cv2.imencode(kind, pixels, options)
    assert written
    return content.tobytes()
