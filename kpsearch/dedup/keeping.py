"""Which picture of a group to keep.

A policy orders pictures by what is known of each; where it cannot tell two of them apart the
lower number is kept. A picture of the fixed index is kept before any of the batch, whatever the
policy. Relations have no say: of a crop and what contains it a shop may want either (the container
may be a collage or a screenshot, the crop a mere detail), and a mirrored picture cannot be told
from its original.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import log
from typing import TYPE_CHECKING, Protocol

from kpsearch.registry import Registry

if TYPE_CHECKING:
    from kpsearch.dedup.records import Entry, JudgedPair

POLICIES = Registry(
    "keeping policy",
    {
        "first": "kpsearch.dedup.keeping:first",
        "largest": "kpsearch.dedup.keeping:largest",
        "oldest": "kpsearch.dedup.keeping:oldest",
        "sharpest": "kpsearch.dedup.keeping:sharpest",
    },
)


class Policy(Protocol):
    """How much each picture of a group deserves to be kept."""

    def __call__(
        self, members: Sequence[Entry], links: Sequence[JudgedPair]
    ) -> Sequence[tuple[float, ...]]:
        """A tuple for each member, of equal length: the greatest is kept."""


def choose_keeper(
    members: Sequence[Entry], links: Sequence[JudgedPair], *, policy: Policy
) -> Entry:
    """The member to keep; ``links`` are the pairs among the members, in any order."""
    worth = policy(members, links)
    ranked = zip(members, worth, strict=True)
    return max(ranked, key=lambda known: (known[0].fixed, known[1], -known[0].number))[0]


def first(members: Sequence[Entry], links: Sequence[JudgedPair]) -> list[tuple[float, ...]]:
    """The picture of the lowest number: the first of the index."""
    return [(-entry.number,) for entry in members]


def largest(members: Sequence[Entry], links: Sequence[JudgedPair]) -> list[tuple[float, ...]]:
    """The picture of most pixels; among equals, of most bytes."""
    return [(entry.size.width * entry.size.height, entry.size_bytes) for entry in members]


def oldest(members: Sequence[Entry], links: Sequence[JudgedPair]) -> list[tuple[float, ...]]:
    """The picture whose file was changed last the longest ago."""
    return [(-entry.mtime_ns,) for entry in members]


def sharpest(members: Sequence[Entry], links: Sequence[JudgedPair]) -> list[tuple[float, ...]]:
    """The picture that is sharper than those it is linked to; among equals, the largest.

    Pairs have ``sharpness_a`` and ``sharpness_b`` in their evidence, measured at one scale, which
    is another in each pair: so pictures are compared by the mean logarithm of how many times
    sharper they are than their partners, in steps of a tenth. Pictures of equal bytes are equally
    sharp, and one of which nothing is known is as sharp as its partners.
    """
    content = {entry.number: entry.content_hash for entry in members}
    advantage = _advantage(content, links)
    own = (round(advantage.get(entry.content_hash, 0.0), 1) for entry in members)
    return [(sharp, *size) for sharp, size in zip(own, largest(members, links), strict=True)]


def _advantage(content: Mapping[int, bytes], links: Sequence[JudgedPair]) -> dict[bytes, float]:
    """Mean logarithm of how many times sharper than its partners a picture is, by content."""
    ratios: defaultdict[bytes, list[float]] = defaultdict(list)
    for link in sorted(links, key=lambda pair: (pair.a, pair.b)):  # sums depend on the order
        a, b = (link.evidence.get(f"sharpness_{end}", 0.0) for end in "ab")
        if min(a, b) > 0:
            ratios[content[link.a]].append(log(a / b))
            ratios[content[link.b]].append(log(b / a))
    return {picture: sum(logs) / len(logs) for picture, logs in ratios.items()}
