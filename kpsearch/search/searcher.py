"""A query from an image file to ranked hits."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.errors import NotInstalled, UnknownName
from kpsearch.features import extract_features, make_extractor
from kpsearch.geometry import inverse, projected_outline
from kpsearch.images import read_image
from kpsearch.index import Snapshot
from kpsearch.options import SearchOptions
from kpsearch.parallel import single_threaded_products
from kpsearch.scoring import (
    WEIGHTINGS,
    CollectionFacts,
    Weighting,
    best,
    sum_by_image,
    sum_heaviest,
)
from kpsearch.search.matching import QueryMatches, match_query
from kpsearch.search.region import Region, crop
from kpsearch.search.shortlist import Candidate, Shortlist, below, verify_shortlist
from kpsearch.search.stages import StageLog
from kpsearch.types import Answer, Features, Hit, Image, ImageSize

if TYPE_CHECKING:
    import numpy.typing as npt


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
            verified_images=log.verified_images,
        )

    def _read(self, image: str | os.PathLike[str] | Image, region: Region | None) -> Image:
        if isinstance(image, Image):
            return image
        max_side_px = self.snapshot.manifest.features.max_side_px
        return read_image(image, at_least_px=None if region else max_side_px)

    def _extract(self, picture: Image, region: Region | None) -> Features:
        options = self.snapshot.manifest.features
        try:
            make_extractor(options.extractor)
        except (NotInstalled, UnknownName) as error:
            folder = self.snapshot.storage.folder
            raise type(error)(f"{folder}: made with {options.extractor}, but: {error}") from error
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
        scoring, vocabulary = options.scoring, self.snapshot.vocabulary
        weighting: Weighting = WEIGHTINGS.resolve(scoring.weighting)(scoring, self.facts)
        with log.stage("quantise") as note:
            words = vocabulary.quantise(features.descriptors, assignments=scoring.assignments)
            note(f"{scoring.assignments} of {len(vocabulary)} words a keypoint")
        with log.stage("score") as note:
            found, read = match_query(self.snapshot, words, weighting, self._barred(exclude))
            total = sum_heaviest if scoring.remove_bursts else sum_by_image
            scores = total(found.query, found.slot, found.weight, self.snapshot.slots)
            note(f"{read} postings read, {len(found)} within the Hamming threshold")
        candidates = self._candidates(scores, options)
        if options.verification is not None:
            with log.stage("verify") as note:
                candidates = self._verify(candidates, found, features, weighting, options)
                tried = min(len(candidates), options.verification.shortlist)
                log.verified_images = sum(candidate.verified for candidate in candidates)
                note(f"{tried} candidates, {log.verified_images} verified")
        with log.stage("report") as note:
            shown = candidates[: options.limit]
            hits = [self._hit(i + 1, c, features, region) for i, c in enumerate(shown)]
            note(f"{len(hits)} hits")
        return tuple(hits)

    def _candidates(
        self, scores: npt.NDArray[np.float64], options: SearchOptions
    ) -> list[Candidate]:
        """The images to look at more closely or to report, by score."""
        shortlist = options.verification.shortlist if options.verification else 0
        chosen = best(scores, max(options.limit, shortlist), self.snapshot.path_hash)
        return [Candidate(int(slot), float(scores[slot])) for slot in chosen]

    def _verify(
        self,
        candidates: list[Candidate],
        found: QueryMatches,
        features: Features,
        weighting: Weighting,
        options: SearchOptions,
    ) -> list[Candidate]:
        """The candidates with the shortlist verified, and re-ordered by it."""
        wanted = options.verification
        if wanted is None:
            return candidates
        first, rest = candidates[: wanted.shortlist], candidates[wanted.shortlist :]
        slots = np.array([candidate.slot for candidate in first], np.int64)
        shortlist = Shortlist.of(slots, found, features, self.snapshot, weighting)
        prior = options.scoring.prior
        return below(verify_shortlist(shortlist, self.snapshot, features, prior, wanted), rest)

    def _barred(self, exclude: Collection[str]) -> npt.NDArray[np.bool_] | None:
        """(slots,) True for images that must not be hits; None if there are none."""
        slots = [slot for path in exclude if (slot := self.snapshot.find(path)) is not None]
        if not slots and self.snapshot.images == self.snapshot.slots:
            return None
        barred = ~self.snapshot.live
        barred[slots] = True
        return barred

    def _hit(
        self, rank: int, candidate: Candidate, features: Features, region: Region | None
    ) -> Hit:
        record = self.snapshot.record(candidate.slot)
        geometry = candidate.verification
        transform = geometry.transform if geometry and candidate.verified else None
        hit = Hit(
            rank=rank,
            id=self.snapshot.id_of(candidate.slot),
            path=record.path,
            category=record.category,
            score=candidate.score,
            verified=candidate.verified,
            inliers=geometry.inliers if geometry else 0,
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
