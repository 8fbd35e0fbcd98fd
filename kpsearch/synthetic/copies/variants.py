"""Variants of a pack: one design, another text, colour or artwork, one at a time or together."""

from __future__ import annotations

from typing import Literal

import numpy as np

from kpsearch.synthetic.spec import CatalogueSpec
from kpsearch.synthetic.truth import Aspects, place_of, wording_of

Aspect = Literal["text", "colour", "artwork"]

VARIANTS: tuple[tuple[Aspect, ...], ...] = (
    ("text",),
    ("colour",),
    ("artwork",),
    ("text", "colour"),
    ("text", "artwork"),
    ("colour", "artwork"),
    ("text", "colour", "artwork"),
)
"""What may differ; the last is as a catalogue's own variants are."""

LEAST_TURN_DEG = 75.0
"""Of the hues of a pack of another colour."""
_CHOICES = 12
"""Variants beyond the catalogue that an item takes another motif and other words from."""


def draw_variant(
    spec: CatalogueSpec, i: int, aspects: tuple[Aspect, ...], rng: np.random.Generator
) -> Aspects:
    """What is different on a variant of item ``i`` that is in no catalogue.

    No two items of a line choose from the same words and motifs.
    """
    place, motif = place_of(spec, i), wording_of(spec, i).flavour.motif
    first = spec.variants_per_line + place.variant * _CHOICES
    choices = (first + rng.permutation(_CHOICES)).tolist()
    turned_deg = float(rng.uniform(LEAST_TURN_DEG, 360 - LEAST_TURN_DEG))
    if "artwork" in aspects:
        choices = [
            variant
            for variant in choices
            if wording_of(spec, i, Aspects(artwork=variant)).flavour.motif != motif
        ]
    return Aspects(
        text=choices[0] if "text" in aspects else None,
        artwork=choices[0] if "artwork" in aspects else None,
        turned_deg=turned_deg if "colour" in aspects else 0.0,
    )
