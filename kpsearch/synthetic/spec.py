"""What catalogue to make, and where its randomness comes from.

Everything is a pure function of the seed and a number: each item, line, brand and photo has
its own random stream, so that any one of them can be made without the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from kpsearch.errors import UsageError

FIRST_STRANGER_BRAND = 200_000
"""Brands from here on are never in a catalogue: their packs play the strangers."""


class Stream(IntEnum):
    """The independent sources of randomness; a number here never changes its meaning."""

    BRAND = 1
    LINE = 2
    ITEM = 3
    PHOTO = 4
    QUERY = 5
    NAMES = 6
    COPY = 7
    PART = 8
    MARGIN = 9
    VARIANT = 10


@dataclass(frozen=True, slots=True)
class CatalogueSpec:
    """A catalogue of ``items`` packs; item i does not depend on how many there are."""

    items: int
    seed: int = 0
    variants_per_line: int = 3
    """Items of one design: same layout and brand, another flavour."""
    lines_per_brand: int = 4
    """Designs that share a logo."""
    side_px: int = 640
    """Longest side of a catalogue picture."""
    jpeg_quality: int = 90

    def __post_init__(self) -> None:
        if min(self.variants_per_line, self.lines_per_brand) < 1 or min(self.items, self.seed) < 0:
            raise UsageError("a catalogue needs items, seed >= 0 and at least 1 variant and line")
        if self.items > self.first_stranger:
            raise UsageError(f"at most {self.first_stranger} items with this many a brand")
        if not 64 <= self.side_px <= 4096:
            raise UsageError(f"side_px must be between 64 and 4096, not {self.side_px}")
        if not 1 <= self.jpeg_quality <= 100:
            raise UsageError(f"jpeg_quality must be between 1 and 100, not {self.jpeg_quality}")

    @property
    def items_per_brand(self) -> int:
        """Packs that share a logo."""
        return self.variants_per_line * self.lines_per_brand

    @property
    def first_stranger(self) -> int:
        """Item numbers from here on are packs that are in no catalogue of this kind."""
        return FIRST_STRANGER_BRAND * self.items_per_brand


def random_stream(seed: int, stream: Stream, *numbers: int) -> np.random.Generator:
    """The generator of one thing, the same in every process and in any order of calls."""
    return np.random.default_rng([seed, int(stream), *numbers])


def stranger_number(spec: CatalogueSpec, n: int) -> int:
    """The item number of the n-th stranger; each is of a design of its own."""
    return spec.first_stranger + n * spec.variants_per_line
