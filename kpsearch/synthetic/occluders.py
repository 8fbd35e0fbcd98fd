"""What gets between the camera and the pack: fingers, a price sticker, a plain card."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from kpsearch.synthetic.canvas import Canvas, Outline
from kpsearch.synthetic.colours import Tint, oklch, tint
from kpsearch.synthetic.labelling import place_text
from kpsearch.synthetic.layout import Box
from kpsearch.synthetic.lettering import Face, Mask
from kpsearch.synthetic.outlines import disc, moved, rectangle

KINDS = ("hand", "sticker", "card")


@dataclass(frozen=True, slots=True, eq=False)
class Occluder:
    """Something in front of the pack, in photo pixels."""

    kind: str
    outlines: tuple[Outline, ...]
    tint: Tint
    text: str = ""

    def mask(self, frame: tuple[int, int]) -> Mask:
        """(h, w) of ``frame``: 255 where it covers."""
        mask = np.zeros(frame, dtype=np.uint8)
        for outline in self.outlines:
            cv2.fillPoly(mask, [np.round(outline).astype(np.int32).reshape(-1, 1, 2)], (255,))
        return mask

    def paint(self, canvas: Canvas) -> None:
        """Draw it over the photo."""
        for outline in self.outlines:
            canvas.fill(outline + canvas.width / 130, (35, 35, 40))
            canvas.shade(outline, self.tint, grain=0.06)
        if self.text:
            (left, top), (right, low) = self.outlines[0].min(axis=0), self.outlines[0].max(axis=0)
            room = Box(left, top, right - left, low - top).inset(0.2)
            face = Face(upright=0.08, level=0.06)
            place_text(canvas, self.text, room, face=face, colour=(30, 30, 60))


def random_occluder(
    frame: tuple[int, int], middle: tuple[float, float], rng: np.random.Generator
) -> Occluder:
    """One of the kinds, near the pack's ``middle`` (x, y), covering some 3 to 15% of the frame."""
    kind = KINDS[int(rng.integers(len(KINDS)))]
    side = float(max(frame))
    if kind == "hand":
        return _hand(frame, middle, rng)
    x, y = middle + rng.uniform(-0.22, 0.22, 2) * side
    size, turn = side * float(rng.uniform(0.07, 0.15)), float(rng.uniform(-0.6, 0.6))
    bright = tint(float(rng.uniform(0, 360)), chroma=0.18, lightness=0.78)
    if kind == "sticker":
        price = f"{rng.integers(0, 20)}.{rng.integers(10, 99)}"
        return Occluder(kind, (moved(disc(40), x, y, scale=size),), bright, price)
    card = rectangle(-1.3, -0.8, 2.6, 1.6, radius=0.1)
    return Occluder(kind, (moved(card, x, y, scale=size, turn_rad=turn),), bright)


def _hand(
    frame: tuple[int, int], middle: tuple[float, float], rng: np.random.Generator
) -> Occluder:
    """Fingers from beyond the frame's edge towards the pack, as when it is held up."""
    side = float(max(frame))
    angle = float(rng.uniform(0, 2 * math.pi))
    along = np.array([math.cos(angle), math.sin(angle)])
    across = np.array([-along[1], along[0]])
    tip = np.array(middle) + along * side * rng.uniform(0.2, 0.32)
    thick, fingers = side * float(rng.uniform(0.035, 0.05)), []
    for k in range(4):
        start = tip + across * thick * 2.15 * (k - 1.5) + along * thick * abs(k - 1.3) * 0.9
        capsule = rectangle(-1, -1, 2 + side * 1.5 / thick, 2, radius=1)
        turn = angle + 0.07 * (k - 1.5)
        fingers.append(moved(capsule, *start, scale=thick, turn_rad=turn))
    light = float(rng.uniform(0.4, 0.82))
    skin = Tint(
        oklch(light + 0.08, 0.06, 55), oklch(light, 0.075, 50), oklch(light * 0.6, 0.07, 40)
    )
    return Occluder("hand", tuple(fingers), skin)
