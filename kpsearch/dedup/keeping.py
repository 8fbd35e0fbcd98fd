"""Which picture of a group to keep.

A policy orders pictures by what is known of each; where it cannot tell two of them apart the
lower number is kept. A picture of the fixed index is kept before any of the batch, whatever the
policy. Relations have no say: of a crop and what contains it a shop may want either (the container
may be a collage or a screenshot, the crop a mere detail), and a mirrored picture cannot be told
from its original.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from math import log
from statistics import fmean
from typing import TYPE_CHECKING, Protocol

import numpy as np

from kpsearch.geometry import inverse, projected_outline
from kpsearch.geometry.homography import jacobian
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
    """The picture that shows what they have in common largest; then most pixels, agreement, bytes.

    A screenshot or a collage may have more pixels than the picture in it, and fewer of it. How many
    times larger than its partners a picture shows it is told by the transforms of its pairs; the
    mean logarithm counts, in steps of a tenth. A crop is of its original's scale, and has fewer
    pixels. Copies with a badge or a watermark, of as many pixels, agree with each other less than
    each does with what they were made of.
    """
    zooms, agreement = _advantage(members, links, _zoom), _agreement(members, links)
    return [
        (zoom, entry.size.width * entry.size.height, agrees, entry.size_bytes)
        for zoom, agrees, entry in zip(zooms, agreement, members, strict=True)
    ]


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
    sharpness = _advantage(members, links, _sharpness)
    return [(sharp, *size) for sharp, size in zip(sharpness, largest(members, links), strict=True)]


def _agreement(members: Sequence[Entry], links: Sequence[JudgedPair]) -> list[float]:
    """Mean log-odds of each member's pairs, in whole nats; equal for equal bytes."""
    contents = {entry.number: entry.content_hash for entry in members}
    odds: defaultdict[bytes, list[float]] = defaultdict(list)
    for link in links:
        a, b = contents[link.a], contents[link.b]
        if a != b:
            odds[a].append(link.log_odds)
            odds[b].append(link.log_odds)
    return [
        float(round(fmean(odds[content]))) if content in odds else 0.0
        for content in contents.values()
    ]


Ratio = Callable[["JudgedPair", "Entry", "Entry"], float]
"""Of a pair, how many times more of something a has than b; 0 where nobody knows."""


def _sharpness(link: JudgedPair, a: Entry, b: Entry) -> float:
    of_a, of_b = (link.evidence.get(f"sharpness_{end}", 0.0) for end in "ab")
    return of_a / of_b if min(of_a, of_b) > 0 else 0.0


def _zoom(link: JudgedPair, a: Entry, b: Entry) -> float:
    """Length in a over length in b, in the middle of where they overlap."""
    if link.transform is None:
        return 0.0
    overlap = projected_outline(inverse(link.transform), b.size, a.size)
    if not len(overlap):
        return 0.0
    area = abs(float(np.linalg.det(jacobian(link.transform, overlap.mean(axis=0)))))
    return area**-0.5 if area > 0 else 0.0


def _advantage(members: Sequence[Entry], links: Sequence[JudgedPair], ratio: Ratio) -> list[float]:
    """Mean logarithm of each member's ratios to its partners, in tenths; equal for equal bytes."""
    entries = {entry.number: entry for entry in members}
    ratios: defaultdict[bytes, list[float]] = defaultdict(list)
    for link in sorted(links, key=lambda pair: (pair.a, pair.b)):  # sums depend on the order
        a, b = entries[link.a], entries[link.b]
        times = ratio(link, a, b)
        if times > 0 and a.content_hash != b.content_hash:
            ratios[a.content_hash].append(log(times))
            ratios[b.content_hash].append(-log(times))
    means = {content: sum(logs) / len(logs) for content, logs in ratios.items()}
    return [round(means.get(entry.content_hash, 0.0), 1) for entry in members]
