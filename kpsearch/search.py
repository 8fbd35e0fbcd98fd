"""The stages of a query, from an image file to ranked hits, timed and explained."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import log10
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from kpsearch.errors import UsageError
from kpsearch.features import extract_features
from kpsearch.geometry import (
    NOT_VERIFIED,
    Correspondences,
    Frames,
    Verification,
    inverse,
    one_to_one,
    projected_outline,
    verify,
)
from kpsearch.images import read_image
from kpsearch.index import Snapshot
from kpsearch.options import SearchOptions
from kpsearch.parallel import single_threaded_products
from kpsearch.scoring import (
    WEIGHTINGS,
    CollectionFacts,
    Weighting,
    best,
    hamming_matches,
    sum_by_image,
    without_bursts,
)
from kpsearch.types import Answer, Features, Hit, Image, ImageSize, Stage

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.options import VerificationOptions


class Region(NamedTuple):
    """A rectangle of a picture, in pixels of the upright original."""

    x: int
    y: int
    width: int
    height: int


class Searcher:
    """Answers queries from one generation of an index; a query changes nothing in it.

    Safe to use from several threads. A newer generation is a new `Searcher`.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot

    @classmethod
    def open(cls, index: str | os.PathLike[str]) -> Searcher:
        """The index in a folder as it is now; raises `IndexMissing` or `IndexDamaged`."""
        return cls(Snapshot.open(index))

    @cached_property
    def facts(self) -> CollectionFacts:
        """What weights depend on, counted over the live images."""
        snapshot = self.snapshot
        return CollectionFacts(
            word_frequency=snapshot.collection_frequency,
            image_length=snapshot.keypoint_counts,
            chance=snapshot.vocabulary.chance,
            images=snapshot.images,
        )

    def query(
        self,
        image: str | os.PathLike[str] | Image,
        options: SearchOptions | None = None,
        *,
        region: Region | None = None,
        exclude: Collection[str] = (),
    ) -> Answer:
        """The images that show what a picture, or a ``region`` of it, shows; best first.

        Images whose path is in ``exclude`` are never hits. Raises `ImageRejected` for a picture
        that cannot be used, `UsageError` for a region outside it.
        """
        options = options or SearchOptions()
        log = StageLog()
        with log.stage("read") as note:
            picture = self._read(image, region)
            note(f"{picture.format} {picture.size.width} x {picture.size.height}")
        with log.stage("extract") as note:
            features = self._extract(picture, region)
            note(f"{len(features)} keypoints")
        with single_threaded_products():
            hits = self.rank(features, options, log, region=region, exclude=exclude)
        return Answer(
            query=picture.path,
            image_size=picture.size,
            keypoints=len(features),
            hits=hits,
            stages=tuple(log.stages),
            warnings=picture.warnings,
        )

    def _read(self, image: str | os.PathLike[str] | Image, region: Region | None) -> Image:
        if isinstance(image, Image):
            return image
        max_side_px = self.snapshot.manifest.features.max_side_px
        return read_image(image, at_least_px=None if region else max_side_px)

    def _extract(self, picture: Image, region: Region | None) -> Features:
        options = self.snapshot.manifest.features
        if region is None:
            return extract_features(picture, options)
        features = extract_features(crop(picture, region), options)
        offset = np.array([region.x, region.y], np.float32)
        return replace(features, xy=features.xy + offset, image_size=picture.size)

    def rank(
        self,
        features: Features,
        options: SearchOptions,
        log: StageLog,
        *,
        region: Region | None = None,
        exclude: Collection[str] = (),
    ) -> tuple[Hit, ...]:
        """The hits for a query's features; the stages are added to ``log``."""
        scoring = options.scoring
        weighting: Weighting = WEIGHTINGS.resolve(scoring.weighting)(scoring, self.facts)
        with log.stage("quantise") as note:
            assigned = self.snapshot.vocabulary.quantise(
                features.descriptors, assignments=scoring.assignments
            )
            note(f"{scoring.assignments} of {len(self.snapshot.vocabulary)} words a keypoint")
        with log.stage("score") as note:
            found = self._match(assigned.ids, assigned.signatures, weighting, exclude)
            counted = (
                without_bursts(found.query, found.slot, found.weight)
                if scoring.remove_bursts
                else found.weight
            )
            scores = sum_by_image(found.slot, counted, self.snapshot.slots)
            note(f"{found.read} postings read, {len(found)} within the Hamming threshold")
        verification = options.verification
        depth = max(options.limit, verification.shortlist if verification else 0)
        ranked = best(scores, depth)
        candidates = [_Candidate(int(slot), float(scores[slot])) for slot in ranked]
        if verification is not None:
            with log.stage("verify") as note:
                candidates = self._verify(candidates, found, features, scoring.prior, verification)
                passed = sum(candidate.verified for candidate in candidates)
                note(f"{min(len(ranked), verification.shortlist)} candidates, {passed} verified")
        with log.stage("report") as note:
            shown = candidates[: options.limit]
            hits = [self._hit(i + 1, c, features, region) for i, c in enumerate(shown)]
            note(f"{len(hits)} hits")
        return tuple(hits)

    def _match(
        self,
        words: npt.NDArray[np.uint32],
        signatures: npt.NDArray[np.uint64],
        weighting: Weighting,
        exclude: Collection[str],
    ) -> _Matches:
        """All weighted matches of (n, k) words and signatures, by query keypoint and segment."""
        flat_words, flat_signatures = words.ravel(), signatures.ravel()
        barred = self._barred(exclude)
        parts: list[_Matches] = []
        for number, segment in enumerate(self.snapshot.segments):
            segment.advise(np.unique(flat_words))
            starts, stops = segment.start[flat_words], segment.start[flat_words + 1]
            near = hamming_matches(
                segment.signature, starts, stops, flat_signatures, weighting.hamming_threshold
            )
            keypoint = segment.keypoint[near.postings]
            slot = segment.image_of(keypoint) + self.snapshot.slot_start[number]
            if barred is not None:
                kept = np.flatnonzero(~barred[slot])
                near, keypoint, slot = near.take(kept), keypoint[kept], slot[kept]
            word = flat_words[near.lists]
            parts.append(
                _Matches(
                    query=near.lists // words.shape[1],
                    segment=np.full(len(slot), number, np.int32),
                    slot=slot,
                    keypoint=keypoint,
                    weight=weighting.weigh(word, near.distances, slot),
                    word=word,
                    distance=near.distances,
                    read=int((stops.astype(np.int64) - starts).sum()),
                    weighting=weighting,
                )
            )
        return _Matches.joined(parts, weighting)

    def _barred(self, exclude: Collection[str]) -> npt.NDArray[np.bool_] | None:
        """(slots,) True for images that must not be hits; None if there are none."""
        slots = [slot for path in exclude if (slot := self.snapshot.find(path)) is not None]
        if not slots and self.snapshot.images == self.snapshot.slots:
            return None
        barred = ~self.snapshot.live
        barred[slots] = True
        return barred

    def _verify(
        self,
        candidates: list[_Candidate],
        found: _Matches,
        features: Features,
        prior: float,
        options: VerificationOptions,
    ) -> list[_Candidate]:
        """The shortlist re-scored and re-ordered by geometry, then the other candidates.

        A shortlisted image scores the weights of its one-to-one matches plus the evidence of
        its geometry. The rest keep their order and score no more than the last of them.
        """
        shortlist, rest = candidates[: options.shortlist], candidates[options.shortlist :]
        limit = log10(options.false_alarms) - log10(max(len(shortlist), 1))
        verified = []
        for candidate, pairs in self._pairs(shortlist, found, features):
            size = self.snapshot.record_size(candidate.slot)
            outcome = verify(pairs, features.image_size, size, prior, options)
            verified.append(
                replace(
                    candidate,
                    score=float(pairs.weight.sum()) + outcome.gain,
                    verification=outcome,
                    verified=outcome.log10_false_alarms <= limit,
                    matches=matched_points(pairs, outcome) if outcome.inliers else None,
                )
            )
        verified.sort(key=lambda candidate: (-candidate.score, candidate.slot))
        floor = verified[-1].score if verified else 0.0
        return verified + [replace(c, score=min(c.score, floor)) for c in rest]

    def _pairs(
        self, shortlist: list[_Candidate], found: _Matches, features: Features
    ) -> Iterator[tuple[_Candidate, Correspondences]]:
        """The one-to-one correspondences of each candidate."""
        listed = np.zeros(self.snapshot.slots, np.bool_)
        listed[[candidate.slot for candidate in shortlist]] = True
        chosen = found.take(np.flatnonzero(listed[found.slot]))
        chosen = chosen.take(one_to_one(chosen.slot, chosen.query, chosen.keypoint, chosen.weight))
        chosen = chosen.take(np.argsort(chosen.slot, kind="stable"))
        pairs = Correspondences(
            query=Frames(
                features.xy[chosen.query],
                features.scale[chosen.query],
                features.angle_rad[chosen.query],
            ),
            hit=self._frames(chosen),
            weight=chosen.weight,
            false_alarms=chosen.false_alarms(),
        )
        slots = np.array([candidate.slot for candidate in shortlist], np.int64)
        lows = np.searchsorted(chosen.slot, slots, side="left")
        highs = np.searchsorted(chosen.slot, slots, side="right")
        for candidate, low, high in zip(shortlist, lows, highs, strict=True):
            yield candidate, pairs.slice(int(low), int(high))

    def _frames(self, matches: _Matches) -> Frames:
        """Frames of the matched keypoints; matches are by slot, hence by segment."""
        parts = []
        bounds = np.searchsorted(matches.segment, np.arange(len(self.snapshot.segments) + 1))
        for number, segment in enumerate(self.snapshot.segments):
            rows = slice(int(bounds[number]), int(bounds[number + 1]))
            images = matches.slot[rows] - self.snapshot.slot_start[number]
            parts.append(segment.geometry(matches.keypoint[rows], images))
        if not parts:
            return Frames(np.empty((0, 2), np.float32), *np.empty((2, 0), np.float32))
        return Frames(
            np.concatenate([part.xy for part in parts]),
            np.concatenate([part.scale for part in parts]),
            np.concatenate([part.angle_rad for part in parts]),
        )

    def _hit(
        self, rank: int, candidate: _Candidate, features: Features, region: Region | None
    ) -> Hit:
        record = self.snapshot.record(candidate.slot)
        transform = candidate.verification.transform if candidate.verified else None
        hit = Hit(
            rank=rank,
            id=self.snapshot.id_of(candidate.slot),
            path=record.path,
            category=record.category,
            score=candidate.score,
            verified=candidate.verified,
            inliers=candidate.verification.inliers,
            transform=transform,
            region=None,
            query_region=None,
            matches=candidate.matches,
        )
        if transform is None:
            return hit
        size = features.image_size
        seen = region or Region(0, 0, *size)
        placed = transform @ np.array([[1.0, 0, seen.x], [0, 1.0, seen.y], [0, 0, 1.0]])
        return replace(
            hit,
            region=projected_outline(placed, ImageSize(seen.width, seen.height), record.size),
            query_region=projected_outline(inverse(transform), record.size, size),
        )


def crop(picture: Image, region: Region) -> Image:
    """A region of a picture as a picture; raises `UsageError` if it is not inside.

    The pixels may be fewer than the size says (a picture decoded reduced): the region is in
    pixels of the original, and at least one pixel of each side is kept.
    """
    right, bottom = region.x + region.width, region.y + region.height
    inside = 0 <= region.x < right <= picture.size.width
    if not (inside and 0 <= region.y < bottom <= picture.size.height):
        raise UsageError(
            f"{picture.path}: region {','.join(map(str, region))} is not inside the picture "
            f"of {picture.size.width} x {picture.size.height} pixels"
        )
    height, width = picture.pixels.shape[:2]
    across, down = width / picture.size.width, height / picture.size.height
    left, top = int(region.x * across), int(region.y * down)
    pixels = picture.pixels[
        top : max(top + 1, round(bottom * down)), left : max(left + 1, round(right * across))
    ]
    return replace(picture, pixels=pixels, size=ImageSize(region.width, region.height))


def matched_points(pairs: Correspondences, outcome: Verification) -> npt.NDArray[np.float32]:
    """(inliers, 4): x, y in the query and x, y in the hit, of each inlier."""
    rows = outcome.pairs
    return np.hstack([pairs.query.xy[rows], pairs.hit.xy[rows]]).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class _Candidate:
    slot: int
    score: float
    verification: Verification = NOT_VERIFIED
    verified: bool = False
    matches: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Matches:
    """Matches of a query through all segments, m of them."""

    query: npt.NDArray[np.intp]
    segment: npt.NDArray[np.int32]
    slot: npt.NDArray[np.int64]
    keypoint: npt.NDArray[np.uint32]
    weight: npt.NDArray[np.float64]
    word: npt.NDArray[np.uint32]
    distance: npt.NDArray[np.uint8]
    read: int
    weighting: Weighting

    def __len__(self) -> int:
        return len(self.query)

    def false_alarms(self) -> npt.NDArray[np.float64]:
        """(m,) E of each match."""
        return self.weighting.false_alarms(self.word, self.distance, self.slot)

    def take(self, rows: npt.NDArray[np.intp]) -> _Matches:
        return replace(
            self,
            query=self.query[rows],
            segment=self.segment[rows],
            slot=self.slot[rows],
            keypoint=self.keypoint[rows],
            weight=self.weight[rows],
            word=self.word[rows],
            distance=self.distance[rows],
        )

    @classmethod
    def joined(cls, parts: list[_Matches], weighting: Weighting) -> _Matches:
        """The matches of all segments, by query keypoint."""
        if len(parts) == 1:
            return parts[0]
        if not parts:
            nothing = np.empty(0, np.int64)
            return cls(
                query=nothing,
                segment=nothing.astype(np.int32),
                slot=nothing,
                keypoint=nothing.astype(np.uint32),
                weight=nothing.astype(np.float64),
                word=nothing.astype(np.uint32),
                distance=nothing.astype(np.uint8),
                read=0,
                weighting=weighting,
            )
        together = cls(
            query=np.concatenate([part.query for part in parts]),
            segment=np.concatenate([part.segment for part in parts]),
            slot=np.concatenate([part.slot for part in parts]),
            keypoint=np.concatenate([part.keypoint for part in parts]),
            weight=np.concatenate([part.weight for part in parts]),
            word=np.concatenate([part.word for part in parts]),
            distance=np.concatenate([part.distance for part in parts]),
            read=sum(part.read for part in parts),
            weighting=weighting,
        )
        return together.take(np.argsort(together.query, kind="stable"))


@dataclass(slots=True)
class StageLog:
    """Collects the stages of one query as they run."""

    stages: list[Stage] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[StageNote]:
        """Time a stage; call what is yielded with the line that explains it."""
        note = StageNote()
        started = time.perf_counter()
        yield note
        spent = (time.perf_counter() - started) * 1000
        self.stages.append(Stage(name, spent, note.detail))


@dataclass(slots=True)
class StageNote:
    """Takes the line that explains a stage."""

    detail: str = ""

    def __call__(self, detail: str) -> None:
        """Set it; the last one counts."""
        self.detail = detail
