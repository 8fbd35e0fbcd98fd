"""A shortlist: its correspondences, and its order once geometry has been heard."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import log10
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.geometry import (
    Correspondences,
    Frames,
    Verification,
    one_to_one,
    verify,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.index import Snapshot
    from kpsearch.options import VerificationOptions
    from kpsearch.scoring import Weighting
    from kpsearch.search.matching import QueryMatches
    from kpsearch.types import Features


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """An image that may be a hit."""

    slot: int
    score: float
    verification: Verification | None = None
    verified: bool = False
    """Whether the homography is beyond chance."""
    matches: npt.NDArray[np.float32] | None = None
    """(inliers, 4): x, y in the query and x, y in the hit, of each inlier."""


@dataclass(frozen=True, slots=True, eq=False)
class Shortlist:
    """The candidates to verify, and the one-to-one correspondences of each."""

    slots: npt.NDArray[np.int64]
    pairs: Correspondences
    """Of all candidates, candidate by candidate."""
    start: npt.NDArray[np.int64]
    """(n + 1,): candidate i has the pairs ``start[i]:start[i + 1]``."""

    @classmethod
    def of(
        cls,
        slots: npt.NDArray[np.int64],
        found: QueryMatches,
        features: Features,
        snapshot: Snapshot,
        weighting: Weighting,
    ) -> Shortlist:
        """The shortlist of the images in ``slots``, in slot order."""
        slots = np.sort(slots)
        listed = np.zeros(snapshot.slots, np.bool_)
        listed[slots] = True
        chosen = found.take(np.flatnonzero(listed[found.slot]))
        chosen = chosen.take(one_to_one(chosen.slot, chosen.query, chosen.keypoint, chosen.weight))
        chosen = chosen.take(np.argsort(chosen.slot, kind="stable"))
        pairs = Correspondences(
            query=Frames(
                features.xy[chosen.query],
                features.scale[chosen.query],
                features.angle_rad[chosen.query],
            ),
            hit=_frames(chosen, snapshot),
            weight=chosen.weight,
            false_alarms=weighting.false_alarms(chosen.word, chosen.distance, chosen.slot),
        )
        bounds = np.concatenate([slots, [snapshot.slots]])
        return cls(slots, pairs, np.searchsorted(chosen.slot, bounds))

    def __len__(self) -> int:
        return len(self.slots)

    def pairs_of(self, row: int) -> Correspondences:
        """The correspondences of candidate ``row``."""
        return self.pairs.slice(int(self.start[row]), int(self.start[row + 1]))


def _frames(matches: QueryMatches, snapshot: Snapshot) -> Frames:
    """Frames of the matched keypoints; matches are by slot, hence by segment."""
    bounds = np.searchsorted(matches.segment, np.arange(len(snapshot.segments) + 1))
    parts = [Frames(np.empty((0, 2), np.float32), *np.empty((2, 0), np.float32))]
    for number, segment in enumerate(snapshot.segments):
        rows = slice(int(bounds[number]), int(bounds[number + 1]))
        images = matches.slot[rows] - snapshot.slot_start[number]
        found = segment.geometry(matches.keypoint[rows], images)
        parts.append(Frames(found.xy, found.scale, found.angle_rad))
    return Frames(
        np.concatenate([part.xy for part in parts]),
        np.concatenate([part.scale for part in parts]),
        np.concatenate([part.angle_rad for part in parts]),
    )


def verify_shortlist(
    shortlist: Shortlist,
    snapshot: Snapshot,
    features: Features,
    prior: float,
    options: VerificationOptions,
) -> list[Candidate]:
    """The shortlist re-scored by geometry, best first, ties by the hash of the path.

    A candidate scores the weights of its one-to-one pairs, and what geometry adds to them.
    """
    if len(shortlist) == 0:
        return []
    sizes = snapshot.image_sizes[shortlist.slots].astype(np.int64)
    size, pairs, start = features.image_size, shortlist.pairs, shortlist.start
    outcomes = verify(pairs, start, size, sizes, prior, options)
    # One by one in their order: equal pairs, equal sums, wherever in the shortlist they stand.
    owners = np.repeat(np.arange(len(shortlist)), start[1:] - start[:-1])
    weights = np.bincount(owners, weights=pairs.weight, minlength=len(shortlist))
    limit = log10(options.false_alarms) - log10(len(shortlist))
    candidates = [
        Candidate(
            slot=int(slot),
            score=float(weights[row]) + outcome.gain,
            verification=outcome,
            verified=outcome.log10_false_alarms <= limit,
            matches=_matched_points(shortlist.pairs_of(row), outcome) if outcome.inliers else None,
        )
        for row, (slot, outcome) in enumerate(zip(shortlist.slots, outcomes, strict=True))
    ]
    tie = snapshot.path_hash
    return sorted(candidates, key=lambda candidate: (-candidate.score, int(tie[candidate.slot])))


def _matched_points(pairs: Correspondences, outcome: Verification) -> npt.NDArray[np.float32]:
    rows = outcome.pairs
    return np.hstack([pairs.query.xy[rows], pairs.hit.xy[rows]]).astype(np.float32)


def below(candidates: list[Candidate], others: list[Candidate]) -> list[Candidate]:
    """The candidates, then the others in their order, scoring no more than the last before."""
    floor = candidates[-1].score if candidates else float("inf")
    return candidates + [replace(c, score=min(c.score, floor)) for c in others]
