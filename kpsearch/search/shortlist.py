"""A shortlist: its correspondences, and its order once geometry has been heard."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from math import log10
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.geometry import Correspondences, Frames, Verification, one_to_one, verify

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from kpsearch.index import Snapshot
    from kpsearch.options import VerificationOptions
    from kpsearch.search.matching import QueryMatches
    from kpsearch.search.question import Question


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """An image that may be a hit."""

    slot: int
    score: float
    verification: Verification | None = None
    verified: bool = False
    """Whether the homography is beyond chance."""
    matches: npt.NDArray[np.float32] | None = None
    """(inliers, 4): x, y in the query's view and x, y in the hit, of each inlier."""
    view: int = 0
    """Number of the query's view that the geometry is of."""
    via: int | None = None
    """Slot of the verified hit through which it was found; None if directly."""
    cosine: float | None = None
    """Of the deep embeddings, where they are fused."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Some candidates to verify together, and the one-to-one correspondences of each."""

    slots: npt.NDArray[np.intp]
    """Rising."""
    pairs: Correspondences
    """Of all candidates, candidate by candidate."""
    start: npt.NDArray[np.intp]
    """(n + 1,): candidate i has the pairs ``start[i]:start[i + 1]``."""

    @classmethod
    def of(cls, slots: npt.NDArray[np.intp], found: QueryMatches, question: Question) -> Block:
        """The images in ``slots``."""
        snapshot = question.snapshot
        slots = np.sort(slots)
        listed = np.zeros(snapshot.slots, np.bool_)
        listed[slots] = True
        chosen = found.take(np.flatnonzero(listed[found.slot]))
        chosen = chosen.take(one_to_one(chosen.slot, chosen.query, chosen.keypoint, chosen.weight))
        chosen = chosen.take(np.argsort(chosen.slot, kind="stable"))
        pairs = Correspondences(
            question.frames.take(chosen.query),
            _frames(chosen, snapshot),
            chosen.weight,
            chosen.false_alarms,
        )
        bounds = np.concatenate([slots, [snapshot.slots]])
        return cls(slots, pairs, np.searchsorted(chosen.slot, bounds))

    def __len__(self) -> int:
        return len(self.slots)

    def pairs_of(self, row: int) -> Correspondences:
        """The correspondences of candidate ``row``."""
        return self.pairs.slice(int(self.start[row]), int(self.start[row + 1]))

    def weights(self) -> npt.NDArray[np.float64]:
        """(n,) of the pairs of each candidate, summed one by one in their order.

        So equal pairs have equal sums, wherever in the index they stand.
        """
        owners = np.repeat(np.arange(len(self)), np.diff(self.start))
        total = np.bincount(owners, weights=self.pairs.weight, minlength=len(self))
        return total.astype(np.float64)


def _frames(matches: QueryMatches, snapshot: Snapshot) -> Frames:
    """Frames of the matched keypoints; matches are by slot, hence by segment."""
    bounds = np.searchsorted(matches.segment, np.arange(len(snapshot.segments) + 1))
    parts = []
    for number, segment in enumerate(snapshot.segments):
        rows = slice(int(bounds[number]), int(bounds[number + 1]))
        images = matches.slot[rows] - snapshot.slot_start[number]
        found = segment.geometry(matches.keypoint[rows], images)
        parts.append(Frames(found.xy, found.scale, found.angle_rad))
    return Frames.together(parts)


@dataclass(frozen=True, slots=True, eq=False)
class Shortlist:
    """The best candidates of a question, matched again, and what geometry said of some of them."""

    question: Question
    """Widened."""
    found: QueryMatches
    """Of the first."""
    first: list[Candidate]
    """What geometry may be asked about, by the weights of ``found``."""
    rest: list[Candidate]
    """The others, as they were scored."""
    checked: Mapping[int, Candidate]
    """By slot, those that geometry was asked about already."""

    def check(
        self, candidates: list[Candidate], prior: float, options: VerificationOptions
    ) -> list[Candidate]:
        """What geometry says of some of the first; none is asked about twice."""
        held = [self.checked[c.slot] for c in candidates if c.slot in self.checked]
        if len(held) == len(candidates):
            return held
        slots = [c.slot for c in candidates if c.slot not in self.checked]
        block = Block.of(np.array(slots, np.intp), self.found, self.question)
        return held + _verify_block(block, len(self.first), self.question, prior, options)


def verify_while_it_pays(
    shortlist: Shortlist, prior: float, options: VerificationOptions
) -> tuple[list[Candidate], dict[int, Candidate]]:
    """A shortlist re-scored by geometry, best first; and by slot those looked at.

    They are verified block by block, best first. A block pays that holds a verified one or brings
    one among the leaders; after one that does not, or when time is up, the rest keep their order
    below those verified. Where a question is about some images, only those of a block are looked
    at, and the others keep their scores: geometry goes about as deep, at their share of the work.
    """
    verified: list[Candidate] = []
    first, sought = shortlist.first, shortlist.question.sought
    seconds = float("inf") if options.milliseconds is None else options.milliseconds / 1000
    deadline = time.perf_counter() + seconds
    low = 0
    while low < len(first):
        block = first[low : low + options.block]
        low += len(block)
        tried = block if sought is None else [c for c in block if sought[c.slot]]
        if not tried:
            continue
        news = shortlist.check(tried, prior, options)
        entry = verified[options.leaders - 1].score if len(verified) >= options.leaders else 0.0
        verified = by_score(verified + news, shortlist.question.snapshot)
        pays = any(c.verified or c.score > entry for c in news)
        if not pays or time.perf_counter() > deadline:
            break
    seen = {c.slot: c for c in verified}
    unseen = [c for c in first if c.slot not in seen]
    waiting = [c for c in unseen if sought is None or sought[c.slot]]
    others = [c for c in unseen if sought is not None and not sought[c.slot]]
    return reordered(below(verified, waiting) + others), seen


def _verify_block(
    block: Block, tried: int, question: Question, prior: float, options: VerificationOptions
) -> list[Candidate]:
    """A candidate scores the weights of its pairs, and what geometry adds to them."""
    sizes = question.snapshot.image_sizes[block.slots].astype(np.int64)
    outcomes = verify(block.pairs, block.start, question.image_size, sizes, prior, options)
    return [
        Candidate(
            slot=int(slot),
            score=float(weight) + outcome.gain,
            verification=outcome,
            verified=is_verified(outcome, tried, options),
            matches=matched_points(block.pairs_of(row), outcome) if outcome.inliers else None,
        )
        for row, (slot, weight, outcome) in enumerate(
            zip(block.slots, block.weights(), outcomes, strict=True)
        )
    ]


def is_verified(outcome: Verification, tried: int, options: VerificationOptions) -> bool:
    """Whether chance would hardly give such a hit among as many candidates as were ``tried``."""
    return outcome.log10_false_alarms <= log10(options.false_alarms) - log10(tried)


def matched_points(pairs: Correspondences, outcome: Verification) -> npt.NDArray[np.float32]:
    """(inliers, 4): x, y in the query and x, y in the hit, of each inlier."""
    rows = outcome.pairs
    return np.hstack([pairs.query.xy[rows], pairs.hit.xy[rows]]).astype(np.float32)


def by_score(candidates: list[Candidate], snapshot: Snapshot) -> list[Candidate]:
    """Best first, ties by the hash of the path: for scores that are all the images' own."""
    tie = snapshot.path_hash
    return sorted(candidates, key=lambda candidate: (-candidate.score, int(tie[candidate.slot])))


def reordered(candidates: list[Candidate]) -> list[Candidate]:
    """Best first; equal ones as they stood, such as those `below` the others."""
    return sorted(candidates, key=lambda candidate: -candidate.score)


def below(candidates: list[Candidate], others: list[Candidate]) -> list[Candidate]:
    """The candidates, then the others in their order, scoring no more than the last before."""
    floor = candidates[-1].score if candidates else float("inf")
    return candidates + [replace(c, score=min(c.score, floor)) for c in others]
