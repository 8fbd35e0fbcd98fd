"""Colours that go together, made in a perceptual space.

OKLCH (Björn Ottosson, "A perceptual color space for image processing", 2020): equal lightness
looks equally light whatever the hue, so that text keeps its contrast on every variant.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

Colour = tuple[int, int, int]
"""Blue, green, red, 0-255 each, as OpenCV orders them."""

WHITE: Colour = (255, 255, 255)


def oklch(lightness: float, chroma: float, hue_deg: float) -> Colour:
    """The sRGB colour nearest to OKLCH (lightness 0-1, chroma 0-0.35), clipped to the gamut."""
    a = chroma * math.cos(math.radians(hue_deg))
    b = chroma * math.sin(math.radians(hue_deg))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short
    return _to_byte(blue), _to_byte(green), _to_byte(red)


def _to_byte(linear: float) -> int:
    """The sRGB transfer function, to 0-255."""
    value = min(max(linear, 0.0), 1.0)
    coded = 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055
    return round(coded * 255)


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """``share`` of the second colour in the first."""
    blue, green, red = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return blue, green, red


@dataclass(frozen=True, slots=True)
class Tint:
    """One material under light: lit side, body, shaded side."""

    light: Colour
    body: Colour
    dark: Colour


def tint(hue_deg: float, *, chroma: float = 0.17, lightness: float = 0.64) -> Tint:
    """A material of one hue; shadows turn cooler and highlights warmer, as painters do."""
    return Tint(
        light=oklch(min(lightness + 0.2, 0.97), chroma * 0.75, hue_deg + 8),
        body=oklch(lightness, chroma, hue_deg),
        dark=oklch(lightness * 0.58, chroma * 0.8, hue_deg - 12),
    )


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of one pack."""

    ground: Colour
    ground_far: Colour
    """Where the ground's gradient ends."""
    pattern: Colour
    ink: Colour
    """Text on the ground."""
    panel: Colour
    panel_ink: Colour
    accent: Colour
    accent_ink: Colour
    spot: Colour
    """Badges and seals."""


SCHEMES = ("vivid", "vivid", "pale", "dark", "white", "brand", "brand")
"""How a line uses colour, weighted by how common it is on a shelf."""


def palette(scheme: str, hue_deg: float, brand_hue_deg: float, *, twist_deg: float) -> Palette:
    """The colours of a variant of hue ``hue_deg`` in a line that uses ``scheme``.

    ``twist_deg`` is the angle between the main hue and that of the badges.
    """
    main = brand_hue_deg if scheme == "brand" else hue_deg
    accent_hue = hue_deg if scheme != "vivid" else hue_deg + twist_deg
    light, chroma = {
        "vivid": (0.66, 0.17),
        "pale": (0.93, 0.045),
        "dark": (0.27, 0.05),
        "white": (0.975, 0.008),
        "brand": (0.55, 0.15),
    }[scheme]
    bright = light > 0.8
    return Palette(
        ground=oklch(light, chroma, main),
        ground_far=oklch(light - 0.1 if bright else light - 0.14, chroma * 1.1, main - 14),
        pattern=oklch(light - 0.06 if bright else light + 0.07, chroma * 1.15, main + 10),
        ink=oklch(0.3, 0.09, main) if bright else oklch(0.98, 0.015, 95),
        panel=oklch(0.985, 0.012, 95),
        panel_ink=oklch(0.28, 0.06, main),
        accent=oklch(0.58, 0.19, accent_hue),
        accent_ink=WHITE,
        spot=oklch(0.84, 0.17, 92) if not bright else oklch(0.55, 0.2, hue_deg + twist_deg),
    )


def hue_apart(rng: np.random.Generator) -> float:
    """An angle between two hues that go together: split complements and triads."""
    return float(rng.choice([-150, -120, 120, 150, 180]) + rng.uniform(-12, 12))
