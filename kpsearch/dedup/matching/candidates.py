"""The pictures that may show what one picture shows, by votes of its rarest words.

The posting lists of a picture's words are read from the rarest on until a budget of postings is
spent, so that the work for a picture does not grow with the collection beyond it. Matches within a
tight Hamming threshold vote with their evidence in nats (`kpsearch.scoring.likelihood`, and
`recurrence`). A picture is a candidate where its votes outweigh the odds against any one picture of
the collection: the logarithm of their number, and a margin.

What a picture gives to pictures that it most likely has nothing in common with is its background:
the median of ranks 11 to 50, as in `kpsearch.search.confidence`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.scoring import Votes, best, hamming_matches, recurrence, sum_heaviest
from kpsearch.search.confidence import DEPTH, background
from kpsearch.types import Words

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.dedup.matching.points import Points
    from kpsearch.index import Snapshot
    from kpsearch.options import CandidateOptions
    from kpsearch.scoring import CollectionFacts


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """What one picture finds, best first."""

    slots: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float64]
    """Nats, (n,), scaled up to all of its keypoints where only the rarest were asked."""
    background: float
    """Nats that it gives to pictures it has nothing in common with."""
    cut: bool
    """Whether there were more than are kept."""


def candidates_of(
    points: Points,
    snapshot: Snapshot,
    facts: CollectionFacts,
    barred: npt.NDArray[np.bool_],
    options: CandidateOptions,
) -> Candidates:
    """The candidates of one picture among those whose slot is not ``barred``."""
    asked = rarest(points, facts.word_frequency, options.postings)
    votes = _votes(asked, snapshot, facts, barred, options)
    share = len(asked) / max(len(points), 1)
    voted, place = np.unique(votes.slot, return_inverse=True)  # few, however many there are
    votes = Votes(votes.query, place, votes.weight)
    scores = sum_heaviest(votes, len(voted)) / max(share, 1e-9)
    ranked = best(scores, max(options.most + 1, DEPTH), snapshot.path_hash[voted])
    found = scores[ranked]
    live = int(np.count_nonzero(~barred))
    enough = int(np.count_nonzero(found >= log(max(live, 1)) + options.margin_nats))
    kept = min(enough, options.most)
    return Candidates(
        voted[ranked[:kept]].astype(np.int64),
        found[:kept],
        background(found[:DEPTH], live),
        enough > options.most,
    )


def rarest(points: Points, frequency: npt.NDArray[np.int64], postings: int) -> Points:
    """The keypoints of the rarest words, whose lists hold ``postings`` together; one at least."""
    lengths = frequency[points.words]
    order = np.argsort(lengths, kind="stable")
    count = int(np.searchsorted(np.cumsum(lengths[order]), postings, side="right"))
    return points.take(np.sort(order[: max(count, 1)]))


def _votes(
    points: Points,
    snapshot: Snapshot,
    facts: CollectionFacts,
    barred: npt.NDArray[np.bool_],
    options: CandidateOptions,
) -> Votes:
    query, slot, distance = _matches(points, snapshot, barred, options.hamming_threshold)
    words = Words(points.words[:, None], points.signatures[:, None])
    factor = recurrence(query, distance, words, facts, options.hamming_threshold)
    alarms = facts.word_share[points.words[query]] * facts.image_length[slot]
    alarms *= facts.chance[distance] * factor[query, distance]
    return Votes(query, slot, np.log1p(options.prior / np.maximum(alarms, 1e-300)))


def _matches(
    points: Points, snapshot: Snapshot, barred: npt.NDArray[np.bool_], threshold: int
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """Row in ``points``, slot and distance of each match in all segments."""
    parts = []
    for number, segment in enumerate(snapshot.segments):
        start, stop = (segment.start[points.words + np.uint32(i)] for i in (0, 1))
        near = hamming_matches(segment.signature, start, stop, points.signatures, threshold)
        slot = segment.image_of(segment.keypoint[near.postings]) + int(snapshot.slot_start[number])
        kept = np.flatnonzero(~barred[slot])
        parts.append((near.lists[kept], slot[kept], near.distances[kept]))
    if not parts:
        return np.empty(0, np.intp), np.empty(0, np.int64), np.empty(0, np.uint8)
    query, slots, distances = (np.concatenate(column) for column in zip(*parts, strict=True))
    return query, slots, distances
