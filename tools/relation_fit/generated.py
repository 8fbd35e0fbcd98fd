"""Pairs of generated packs with a known relation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from kpsearch.synthetic import CatalogueSpec, render_item, stranger_number
from kpsearch.synthetic.copies.kinds import KINDS, copy_picture
from kpsearch.synthetic.copies.shared_parts import PARTS, paste_part
from kpsearch.synthetic.copies.variants import VARIANTS, draw_variant

Pixels = npt.NDArray[np.uint8]

REWORKED = (
    ("same-pixels", 1),
    ("jpeg", 40),
    ("resize", 0.5),
    ("on-white", 0.1),
    ("crop", 0.7),
    ("crop", 0.4),
    ("cast", 0.2),
    ("text", 0.1),
    ("badge", 0.2),
    ("print-scan", 0.5),
    ("photo", 0.25),
    ("photo", 0.45),
    ("blur", 1.5),
    ("rotate", 10),
)
"""What is done to one of two variants, or of two that share a part."""


@dataclass(frozen=True, slots=True, eq=False)
class KnownPair:
    """Two pictures, as files, and what they are to each other."""

    source: str
    kind: str
    """How b was made of a, or of what else."""
    relation: str
    """Of a to b."""
    a: bytes
    b: bytes


def generated_pairs(seed: int, rounds: int) -> Iterator[KnownPair]:
    """Every kind of copy at every strength, variants, shared parts, strangers; ``rounds`` times.

    A pure function of its arguments, each item used for one pair only.
    """
    spec = CatalogueSpec(1_000_000, seed=seed)
    item = 0
    for turn in range(rounds):
        for kind, strength in _cells():
            rng = np.random.default_rng([seed, turn, item])
            yield _copy(spec, item * spec.items_per_brand, kind, strength, rng)
            item += 1
        for n in range(4 * len(REWORKED)):
            rng = np.random.default_rng([seed, turn, item])
            yield _variant(spec, item * spec.items_per_brand, n + 3 * turn, rng)
            item += 1
        for n in range(9):
            rng = np.random.default_rng([seed, turn, item])
            yield _sharers(spec, item, n, rng)
            item += 1


def _cells() -> list[tuple[str, float]]:
    return [(name, float(s)) for name, kind in KINDS.items() for s in kind.strengths]


def _copy(
    spec: CatalogueSpec, i: int, kind: str, strength: float, rng: np.random.Generator
) -> KnownPair:
    """a is the copy."""
    original = render_item(spec, i)
    copy = copy_picture(original, kind, strength=strength, rng=rng)
    relation = KINDS[kind].relation
    return KnownPair("generated", f"{kind} {strength:g}", relation, copy.encode(), jpeg(original))


def _variant(spec: CatalogueSpec, i: int, n: int, rng: np.random.Generator) -> KnownPair:
    aspects = VARIANTS[n % len(VARIANTS)]
    other = render_item(spec, i, draw_variant(spec, i, aspects, rng))
    kind, strength = REWORKED[int(rng.integers(len(REWORKED)))]
    copy = copy_picture(other, kind, strength=strength, rng=rng)
    name = f"variant {'+'.join(aspects)}, {kind} {strength:g}"
    return KnownPair("generated", name, "variant", copy.encode(), jpeg(render_item(spec, i)))


def _sharers(spec: CatalogueSpec, item: int, n: int, rng: np.random.Generator) -> KnownPair:
    kind = sorted(PARTS)[n % len(PARTS)]
    seed = int(rng.integers(2**31))
    sheets = []
    for side in range(2):
        number = stranger_number(spec, (2 * item + side) * spec.lines_per_brand)
        part = np.random.default_rng(seed)
        place = np.random.default_rng([seed, side])
        sheets.append(paste_part(render_item(spec, number), kind, part=part, place=place))
    return KnownPair("generated", f"shared {kind}", "shared-part", jpeg(sheets[0]), jpeg(sheets[1]))


def jpeg(pixels: Pixels, quality: int = 90) -> bytes:
    """The bytes of a file."""
    done, coded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return coded.tobytes()
