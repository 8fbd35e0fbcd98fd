"""Geometry between a picture and some others, from what the index keeps of their keypoints."""

from __future__ import annotations

from math import log10
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from kpsearch.dedup.matching.correspondences import Joined, correspond, join
from kpsearch.dedup.matching.points import frames_of, mirrored_frames, points_of, sketch_of
from kpsearch.geometry import Correspondences, Frames, Verification, inverse, project, verify
from kpsearch.options import VerificationOptions
from kpsearch.types import ImageSize

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from kpsearch.dedup.matching.catalogue import Catalogue
    from kpsearch.dedup.matching.forward import Forward
    from kpsearch.dedup.matching.points import Points
    from kpsearch.options import CandidateOptions
    from kpsearch.scoring import CollectionFacts


class Found(NamedTuple):
    """Two pictures that geometry was asked about, and what it said."""

    other: int
    """Number of the second picture."""
    mirrored: bool
    score: float
    """Nats of its correspondences, with what geometry adds."""
    geometry: Verification
    overlap: tuple[int, int] = (0, 0)
    """Keypoints of either where the two overlap: what could have been inliers."""


class Verifier:
    """Verifies pairs of pictures of a catalogue."""

    def __init__(
        self,
        catalogue: Catalogue,
        forwards: tuple[Forward, Forward],
        facts: CollectionFacts,
        options: CandidateOptions,
    ) -> None:
        """``forwards`` are of the batch and of the gallery."""
        self._catalogue = catalogue
        self._forwards = forwards
        self._facts = facts
        self._options = options
        self._geometry = VerificationOptions()
        self._sure = log10(options.false_alarms) - log10(max(len(catalogue), 1) * options.most)

    def verified(self, number: int, others: Sequence[tuple[int, bool]]) -> list[Found]:
        """Those of some pictures, mirrored or not, that it has more in common with than chance.

        That is as in `kpsearch.search.shortlist.is_verified`, among all that a whole catalogue
        tries.
        """
        found = []
        for flag in (False, True):
            chosen = [other for other, mirrored in others if mirrored == flag]
            if chosen:
                found += self._verify(number, chosen, mirrored=flag)
        sure = [f for f in found if f.geometry.log10_false_alarms <= self._sure]
        return [f._replace(overlap=self._overlap(number, f)) for f in sure]

    def _verify(self, number: int, others: list[int], *, mirrored: bool) -> list[Found]:
        own = self._frames(number, mirrored=mirrored)
        pairs = [self._pairs(number, own, other, mirrored=mirrored) for other in others]
        start = np.concatenate([[0], np.cumsum([len(p) for p in pairs])]).astype(np.int64)
        size = ImageSize(*self._catalogue.sizes[number].tolist())
        sides = self._catalogue.sizes[others]
        outcomes = verify(
            _end_to_end(pairs), start, size, sides, self._options.prior, self._geometry
        )
        return [
            Found(other, mirrored, float(p.weight.sum()) + outcome.gain, outcome)
            for other, p, outcome in zip(others, pairs, outcomes, strict=True)
        ]

    def _overlap(self, number: int, found: Found) -> tuple[int, int]:
        """Keypoints of either that lie within the other, under the transform."""
        own, others = self._frames(number, mirrored=found.mirrored), self._frames(found.other)
        transform = found.geometry.transform
        assert transform is not None  # without one nothing is verified
        sizes = self._catalogue.sizes
        return (
            _inside(transform, own.xy, sizes[found.other]),
            _inside(inverse(transform), others.xy, sizes[number]),
        )

    def _pairs(self, number: int, own: Frames, other: int, *, mirrored: bool) -> Correspondences:
        """Of the keypoints of both; in a mirror, of the sketch of either and all of the other."""
        threshold = self._geometry.hamming_threshold
        a, b = self._points(number), self._points(other)
        if mirrored:
            joined = Joined.together(
                [
                    join(self._sketch(number), b, threshold),
                    join(a, self._sketch(other), threshold),
                ]
            )
        else:
            joined = join(a, b, threshold)
        return correspond(joined, own, self._frames(other), self._facts, self._options.prior)

    def _points(self, number: int) -> Points:
        snapshot, slot = self._catalogue.place(number)
        return points_of(snapshot, self._forwards[number >= self._catalogue.asking], slot)

    def _sketch(self, number: int) -> Points:
        return sketch_of(*self._catalogue.place(number))

    def _frames(self, number: int, *, mirrored: bool = False) -> Frames:
        frames = frames_of(*self._catalogue.place(number))
        if not mirrored:
            return frames
        upright = self._catalogue.batch.manifest.features.upright
        return mirrored_frames(frames, int(self._catalogue.sizes[number, 0]), upright=upright)


def _inside(
    transform: npt.NDArray[np.float64], xy: npt.NDArray[np.float32], size: npt.NDArray[np.int64]
) -> int:
    """How many of the (n, 2) points lie in a picture of that size once they are projected."""
    with np.errstate(divide="ignore", invalid="ignore"):  # of what is on the horizon
        projected = project(transform, xy)
    return int(((projected >= -0.5) & (projected <= size - 0.5)).all(axis=1).sum())


def _end_to_end(parts: Sequence[Correspondences]) -> Correspondences:
    return Correspondences(
        Frames.together([part.query for part in parts]),
        Frames.together([part.hit for part in parts]),
        np.concatenate([part.weight for part in parts]),
        np.concatenate([part.false_alarms for part in parts]),
    )
