"""Where things go on a pack: a few templates, each with its jitter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import NamedTuple

import numpy as np


class Box(NamedTuple):
    """A part of the pack as fractions of its width and height."""

    x: float
    y: float
    width: float
    height: float

    def scaled(self, width: float, height: float) -> Box:
        """The box in pixels of a pack of this size."""
        return Box(self.x * width, self.y * height, self.width * width, self.height * height)

    def inset(self, share: float) -> Box:
        """The box without a margin of ``share`` of its sides."""
        dx, dy = self.width * share, self.height * share
        return Box(self.x + dx, self.y + dy, self.width - 2 * dx, self.height - 2 * dy)


@dataclass(frozen=True, slots=True)
class Layout:
    """The boxes of one design; None where the design has no such part."""

    logo: Box
    title: Box
    flavour: Box
    art: Box
    weight: Box | None = None
    seal: Box | None = None
    claims: Box | None = None
    story: Box | None = None
    """Small print on the ground."""
    panel: Box | None = None
    """A light field that carries the nutrition table, small print and barcode."""


_TEMPLATES: Mapping[str, tuple[Layout, ...]] = MappingProxyType(
    {
        "front": (
            Layout(
                logo=Box(0.14, 0.04, 0.72, 0.19),
                title=Box(0.08, 0.25, 0.84, 0.15),
                flavour=Box(0.12, 0.415, 0.76, 0.07),
                art=Box(0.08, 0.5, 0.84, 0.42),
                weight=Box(0.04, 0.93, 0.24, 0.045),
                seal=Box(0.72, 0.5, 0.24, 0.16),
                claims=Box(0.32, 0.935, 0.64, 0.035),
            ),
            Layout(
                logo=Box(0.08, 0.4, 0.84, 0.2),
                title=Box(0.1, 0.62, 0.8, 0.13),
                flavour=Box(0.1, 0.765, 0.8, 0.065),
                art=Box(0.06, 0.03, 0.88, 0.38),
                weight=Box(0.7, 0.93, 0.26, 0.045),
                seal=Box(0.05, 0.28, 0.22, 0.15),
                claims=Box(0.06, 0.935, 0.6, 0.035),
                story=Box(0.12, 0.845, 0.76, 0.08),
            ),
            Layout(
                logo=Box(0.05, 0.04, 0.55, 0.16),
                title=Box(0.05, 0.22, 0.6, 0.22),
                flavour=Box(0.05, 0.46, 0.58, 0.075),
                art=Box(0.2, 0.52, 0.78, 0.44),
                weight=Box(0.05, 0.92, 0.24, 0.05),
                seal=Box(0.68, 0.06, 0.27, 0.18),
                claims=Box(0.05, 0.55, 0.4, 0.035),
                story=Box(0.05, 0.61, 0.26, 0.16),
            ),
            Layout(
                logo=Box(0.06, 0.04, 0.6, 0.17),
                title=Box(0.06, 0.23, 0.62, 0.16),
                flavour=Box(0.06, 0.405, 0.62, 0.07),
                art=Box(0.03, 0.49, 0.7, 0.42),
                weight=Box(0.05, 0.92, 0.24, 0.05),
                seal=Box(0.5, 0.8, 0.22, 0.15),
                panel=Box(0.75, 0.03, 0.22, 0.94),
            ),
        ),
        "label": (
            Layout(
                logo=Box(0.3, 0.06, 0.42, 0.24),
                title=Box(0.29, 0.32, 0.44, 0.16),
                flavour=Box(0.3, 0.49, 0.42, 0.09),
                art=Box(0.28, 0.58, 0.46, 0.38),
                weight=Box(0.03, 0.88, 0.2, 0.07),
                seal=Box(0.06, 0.08, 0.17, 0.24),
                story=Box(0.03, 0.36, 0.21, 0.48),
                panel=Box(0.77, 0.05, 0.2, 0.9),
            ),
            Layout(
                logo=Box(0.05, 0.08, 0.42, 0.3),
                title=Box(0.05, 0.41, 0.42, 0.24),
                flavour=Box(0.05, 0.67, 0.4, 0.11),
                art=Box(0.46, 0.08, 0.32, 0.84),
                weight=Box(0.05, 0.86, 0.18, 0.08),
                claims=Box(0.25, 0.87, 0.24, 0.055),
                panel=Box(0.8, 0.05, 0.18, 0.9),
            ),
        ),
        "cover": (
            Layout(
                logo=Box(0.34, 0.9, 0.32, 0.075),
                title=Box(0.07, 0.05, 0.86, 0.27),
                flavour=Box(0.15, 0.335, 0.7, 0.05),
                art=Box(0.0, 0.0, 1.0, 1.0),
                seal=Box(0.72, 0.72, 0.22, 0.15),
                story=Box(0.12, 0.81, 0.55, 0.075),
            ),
            Layout(
                logo=Box(0.06, 0.03, 0.3, 0.07),
                title=Box(0.06, 0.6, 0.88, 0.22),
                flavour=Box(0.06, 0.83, 0.7, 0.05),
                art=Box(0.0, 0.0, 1.0, 1.0),
                seal=Box(0.7, 0.08, 0.24, 0.16),
                claims=Box(0.06, 0.94, 0.6, 0.03),
                story=Box(0.06, 0.89, 0.6, 0.045),
            ),
        ),
    }
)


def random_layout(template: str, rng: np.random.Generator) -> Layout:
    """One of the layouts of ``template`` ('front', 'label', 'cover'), nudged and maybe mirrored."""
    choices = _TEMPLATES[template]
    layout = choices[int(rng.integers(len(choices)))]
    mirrored = template != "cover" and bool(rng.random() < 0.5)
    nudges = rng.uniform(-0.012, 0.012, (len(fields(Layout)), 2))
    boxes: dict[str, Box] = {}
    for field, (dx, dy) in zip(fields(Layout), nudges, strict=True):
        box: Box | None = getattr(layout, field.name)
        if box is not None and field.name not in ("art", "panel"):
            x = 1 - box.x - box.width if mirrored else box.x
            boxes[field.name] = Box(x + dx, box.y + dy, box.width, box.height)
        elif box is not None and mirrored:
            boxes[field.name] = box._replace(x=1 - box.x - box.width)
    return replace(layout, **boxes)
