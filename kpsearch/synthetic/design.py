"""What the variants of a line have in common: everything decided before the flavour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from kpsearch.synthetic.backdrops import BACKDROPS
from kpsearch.synthetic.colours import SCHEMES, hue_apart
from kpsearch.synthetic.layout import Layout, random_layout
from kpsearch.synthetic.lettering import Face, random_face
from kpsearch.synthetic.spec import CatalogueSpec, Stream, random_stream
from kpsearch.synthetic.truth import Wording, place_of, wording_of

LOGO_SHAPES = ("oval", "ribbon", "shield", "plate", "seal", "underline", "plain", "roundel")
ARRANGEMENTS = ("hero", "pair", "heap", "scatter", "trio", "window")


@dataclass(frozen=True, slots=True)
class PackFormat:
    """A kind of packaging."""

    template: str
    aspect: tuple[float, float]
    """Range of width / height."""
    finish: str
    """'flat', 'crimped', 'round' or 'spine': see `finishes`."""


FORMATS: Mapping[str, PackFormat] = MappingProxyType(
    {
        "bottle_label": PackFormat("front", (0.68, 0.85), "round"),
        "box": PackFormat("front", (0.64, 0.8), "flat"),
        "can_label": PackFormat("label", (1.35, 1.7), "round"),
        "cover": PackFormat("cover", (0.64, 0.74), "spine"),
        "pouch": PackFormat("front", (0.66, 0.78), "crimped"),
        "wide_box": PackFormat("label", (1.5, 1.9), "flat"),
    }
)


@dataclass(frozen=True, slots=True)
class BrandLook:
    """What all packs of a brand share."""

    hue_deg: float
    shape: str
    face: Face
    ink_on_shape: bool
    """Light letters on a coloured shape, or the other way round."""


@dataclass(frozen=True, slots=True)
class LineDesign:
    """What all variants of a line share."""

    format: PackFormat
    height_px: int
    width_px: int
    scheme: str
    twist_deg: float
    backdrop: str
    layout: Layout
    title: Face
    flavour: Face
    arrangement: str
    banner: bool
    """The flavour's name stands on a band of its colour."""
    claim_rows: tuple[str, ...]


def brand_look(spec: CatalogueSpec, brand: int) -> BrandLook:
    """The look of brand number ``brand``."""
    rng = random_stream(spec.seed, Stream.BRAND, brand, 1)
    return BrandLook(
        hue_deg=float(rng.uniform(0, 360)),
        shape=str(rng.choice(LOGO_SHAPES)),
        face=random_face(rng, bold=True),
        ink_on_shape=bool(rng.random() < 0.3),
    )


def line_design(spec: CatalogueSpec, i: int) -> LineDesign:
    """The design of item ``i``, the same for all of its line."""
    place, words = place_of(spec, i), wording_of(spec, i)
    rng = random_stream(spec.seed, Stream.LINE, place.line)
    pack = FORMATS[str(rng.choice(words.category.formats))]
    height, width = _size(pack, spec.side_px, rng)
    return LineDesign(
        format=pack,
        height_px=height,
        width_px=width,
        scheme=str(rng.choice(SCHEMES)),
        twist_deg=hue_apart(rng),
        backdrop=str(rng.choice(sorted(BACKDROPS))),
        layout=random_layout(pack.template, rng),
        title=random_face(rng, bold=True),
        flavour=random_face(rng, bold=bool(rng.random() < 0.6)),
        arrangement=str(rng.choice(ARRANGEMENTS)),
        banner=bool(rng.random() < 0.55),
        claim_rows=_claims(words, rng),
    )


def _size(pack: PackFormat, side_px: int, rng: np.random.Generator) -> tuple[int, int]:
    aspect = float(rng.uniform(*pack.aspect))
    if aspect < 1:
        return side_px, round(side_px * aspect)
    return round(side_px / aspect), side_px


def _claims(words: Wording, rng: np.random.Generator) -> tuple[str, ...]:
    chosen = rng.permutation(len(words.category.claims))[:3]
    return tuple(words.category.claims[k] for k in chosen)


def pack_size(spec: CatalogueSpec, i: int) -> tuple[int, int]:
    """Height and width in pixels of item ``i``, without drawing it."""
    design = line_design(spec, i)
    return design.height_px, design.width_px
