"""What light, lens and sensor do to a picture. Each step takes pixels and gives new ones."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from kpsearch.synthetic.noise import fractal_noise

Pixels = npt.NDArray[np.uint8]


def relight(pixels: Pixels, strength: float, rng: np.random.Generator) -> Pixels:
    """A light from one side, shadows, exposure, a colour cast, and a glare."""
    height, width = pixels.shape[:2]
    angle = rng.uniform(0, 2 * np.pi)
    across = np.linspace(-1, 1, width, dtype=np.float32)[None, :] * np.float32(np.cos(angle))
    down = np.linspace(-1, 1, height, dtype=np.float32)[:, None] * np.float32(np.sin(angle))
    light = 1 + np.float32(0.45 * strength * rng.random()) * (across + down)
    light *= _shadow(height, width, strength, rng)
    exposure = 2 ** float(rng.uniform(-0.5, 0.6) * strength)
    cast = 1 + 0.16 * strength * rng.uniform(-1, 1, 3)
    factors = cv2.merge([light * np.float32(exposure * gain) for gain in cast])
    lit = cv2.multiply(pixels, factors, dtype=cv2.CV_32F)
    if rng.random() < 0.6 * strength:
        lit = lit + _glare(height, width, rng)[:, :, None]
    return np.clip(lit, 0, 255).astype(np.uint8)


def _shadow(
    height: int, width: int, strength: float, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """(h, w) factors: soft-edged patches of shade."""
    field = fractal_noise(height, width, rng=rng, cell_px=width / 1.5, octaves=2)
    depth = np.float32(0.55 * strength * rng.random())
    edge = np.clip(field * 4 + np.float32(rng.uniform(-1, 1)), 0, 1)
    return np.asarray(1 - depth * edge, dtype=np.float32)


def _glare(height: int, width: int, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """(h, w) added brightness: the blurred mirror image of a lamp."""
    x, y = rng.uniform(0.1, 0.9, 2) * (width, height)
    long, short = max(height, width) * rng.uniform(0.1, 0.25), max(height, width) * 0.07
    angle = rng.uniform(0, np.pi)
    across = np.arange(width, dtype=np.float32)[None, :] - np.float32(x)
    down = np.arange(height, dtype=np.float32)[:, None] - np.float32(y)
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    along = (across * cos + down * sin) / np.float32(long)
    aside = (down * cos - across * sin) / np.float32(short)
    return np.asarray(np.float32(190) * np.exp(-(along**2 + aside**2)), dtype=np.float32)


def blur_lens(pixels: Pixels, strength: float, rng: np.random.Generator) -> Pixels:
    """Defocus, and now and then a shaken hand; ``strength`` 1 is up to 2 px and 11 px."""
    sigma = 0.3 + 1.7 * strength * float(rng.random())
    soft = cv2.GaussianBlur(pixels, (0, 0), sigma)
    if rng.random() < 0.4 * strength:
        length = 3 + 2 * int(rng.integers(0, max(int(4 * strength), 0) + 1))
        soft = cv2.filter2D(soft, -1, _streak(length, float(rng.uniform(0, np.pi))))
    return np.asarray(soft, dtype=np.uint8)


def _streak(length: int, angle: float) -> npt.NDArray[np.float32]:
    """(length, length) kernel of a straight, centred motion."""
    kernel = np.zeros((length, length), dtype=np.float32)
    middle = (length - 1) / 2
    for step in np.linspace(-middle, middle, 4 * length):
        column, row = middle + step * np.cos(angle), middle + step * np.sin(angle)
        kernel[round(row), round(column)] += 1
    return np.asarray(kernel / kernel.sum(), dtype=np.float32)


def add_noise(pixels: Pixels, strength: float, rng: np.random.Generator) -> Pixels:
    """Sensor noise, common to the channels and by channel; ``strength`` 1 is 9 grey levels."""
    height, width = pixels.shape[:2]
    deviation = np.float32(9 * strength * rng.uniform(0.3, 1))
    common = rng.standard_normal((height, width, 1), dtype=np.float32) * deviation
    coarse = (height // 2 + 1, width // 2 + 1, 3)
    colour = rng.standard_normal(coarse, dtype=np.float32) * (deviation / 2)
    grain = cv2.resize(colour, (width, height), interpolation=cv2.INTER_LINEAR) + common
    return np.asarray(np.clip(pixels + grain + np.float32(0.5), 0, 255), dtype=np.uint8)
