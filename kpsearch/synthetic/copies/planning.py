"""Which pictures a set to judge deduplication by holds, without painting any."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from kpsearch.errors import UsageError
from kpsearch.synthetic.copies.kinds import KINDS
from kpsearch.synthetic.copies.shared_parts import PARTS
from kpsearch.synthetic.copies.variants import VARIANTS, draw_variant
from kpsearch.synthetic.spec import CatalogueSpec, Stream, random_stream, stranger_number
from kpsearch.synthetic.truth import OWN, Aspects, instance_id

SAME_BYTES = "same-bytes"
"""The kind of a copy that is the very file."""
_REWORKED = (("", 0.0), ("jpeg", 60), ("resize", 0.7), ("", 0.0), ("on-white", 0.06))
"""What is done to the pictures of variants, in turn: two people made them."""


@dataclass(frozen=True, slots=True)
class DedupSpec:
    """A catalogue with copies, variants and look-alikes in it."""

    catalogue: CatalogueSpec
    """The items; those of one line are variants of each other, those of one brand share a logo."""
    copies: float = 1.2
    """An item, on average; each kind and strength about as often."""
    variants: float = 0.35
    """Generated ones an item, on average, on top of those of the line; at most one of a kind."""
    shared_parts: int = 20
    """Pairs of strangers with the same logo, badge or frame."""
    strangers: int = 0
    """More items, each of a brand of its own, with no copy."""
    on_white: float = 0.3
    """Share of the lines that are shown on white with margins."""

    def __post_init__(self) -> None:
        if min(self.copies, self.shared_parts, self.strangers) < 0 or not 0 <= self.on_white <= 1:
            raise UsageError(
                "copies, shared_parts and strangers cannot be negative, or a share > 1"
            )
        if not 0 <= self.variants <= len(VARIANTS):
            raise UsageError(f"variants must be between 0 and {len(VARIANTS)} an item")
        if not self.catalogue.items and (self.copies or self.variants):
            raise UsageError("copies and variants need items to be made of")

    def to_json(self) -> dict[str, Any]:
        """All options, for the note that says what a folder holds."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Base:
    """What a picture shows, before it was copied."""

    item: int
    variant: str = ""
    """The aspects in which it is not the item itself, with ``+`` between."""
    aspects: Aspects = OWN
    part: str = ""
    """What it shares with another stranger, one of `PARTS`; empty for nothing."""
    part_number: int = 0


@dataclass(frozen=True, slots=True)
class PlannedPicture:
    """One file of the set."""

    path: str
    """Relative to the folder, with forward slashes."""
    base: Base
    kind: str = ""
    """One of `KINDS`, or `SAME_BYTES`; empty for a picture that is no copy."""
    strength: float = 0.0
    number: int = 0
    """Of the copy, for its randomness."""


def plan_set(spec: DedupSpec) -> list[PlannedPicture]:
    """Items, copies, variants, sharers of parts, strangers; a pure function of ``spec``."""
    return [*_items(spec), *_copies(spec), *_variants(spec), *_sharers(spec), *_strangers(spec)]


def _items(spec: DedupSpec) -> Iterator[PlannedPicture]:
    for i in range(spec.catalogue.items):
        yield PlannedPicture(f"pictures/{instance_id(spec.catalogue, i)}.jpg", Base(i))


def copy_cells() -> list[tuple[str, float]]:
    """Every kind with every strength."""
    cells = [(name, float(s)) for name, kind in KINDS.items() for s in kind.strengths]
    return [(SAME_BYTES, 1.0), *cells]


def _copies(spec: DedupSpec) -> Iterator[PlannedPicture]:
    """The cells in turn, in an order shuffled anew for each round."""
    cells, seed = copy_cells(), spec.catalogue.seed
    for n in range(round(spec.copies * spec.catalogue.items)):
        turn, place = divmod(n, len(cells))
        order = random_stream(seed, Stream.COPY, turn, 1).permutation(len(cells))
        kind, strength = cells[int(order[place])]
        item = int(random_stream(seed, Stream.COPY, n, 2).integers(spec.catalogue.items))
        yield _copied(f"copy-{n:06d}", Base(item), kind, strength, n)


def _copied(name: str, base: Base, kind: str, strength: float, number: int) -> PlannedPicture:
    suffix = "png" if kind == "same-pixels" else "jpg"
    told = f"-{kind}-{strength:g}" if kind else ""
    return PlannedPicture(f"pictures/{name}{told}.{suffix}", base, kind, strength, number)


def _variants(spec: DedupSpec) -> Iterator[PlannedPicture]:
    """No item twice in one kind, so that two of them always differ to the eye."""
    items, seed = spec.catalogue.items, spec.catalogue.seed
    order = random_stream(seed, Stream.VARIANT, 0, 1).permutation(items)
    for n in range(round(spec.variants * items)):
        turn, kind_number = divmod(n, len(VARIANTS))
        aspects = VARIANTS[kind_number]
        item = int(order[(turn + kind_number * items // len(VARIANTS)) % items])
        rng = random_stream(seed, Stream.VARIANT, n, 2)
        name = "+".join(aspects)
        base = Base(item, name, draw_variant(spec.catalogue, item, aspects, rng))
        kind, strength = _REWORKED[n % len(_REWORKED)]
        yield _copied(f"variant-{n:06d}-{name}", base, kind, strength, n)


def _sharers(spec: DedupSpec) -> Iterator[PlannedPicture]:
    kinds = sorted(PARTS)
    for n in range(2 * spec.shared_parts):
        pair = n // 2
        base = Base(_stranger(spec, n), part=kinds[pair % len(kinds)], part_number=pair)
        yield PlannedPicture(f"pictures/sharer-{pair:04d}-{base.part}-{n % 2}.jpg", base)


def _strangers(spec: DedupSpec) -> Iterator[PlannedPicture]:
    for n in range(spec.strangers):
        number = _stranger(spec, 2 * spec.shared_parts + n)
        yield PlannedPicture(f"pictures/stranger-{n:06d}.jpg", Base(number))


def _stranger(spec: DedupSpec, n: int) -> int:
    """The n-th item of a brand that has no other in the set."""
    return stranger_number(spec.catalogue, n * spec.catalogue.lines_per_brand)


def part_streams(spec: DedupSpec, base: Base) -> tuple[np.random.Generator, np.random.Generator]:
    """What the shared part of a stranger looks like, and where it is on this one."""
    seed = spec.catalogue.seed
    part = random_stream(seed, Stream.PART, base.part_number, 1)
    return part, random_stream(seed, Stream.PART, base.part_number, 2, base.item)
