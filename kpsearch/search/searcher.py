"""A query from image files to ranked hits."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.errors import UsageError
from kpsearch.geometry import Frames
from kpsearch.index import Snapshot
from kpsearch.options import ScoringOptions, SearchOptions
from kpsearch.parallel import single_threaded_products
from kpsearch.scoring import SCORERS, CollectionFacts, Scorer
from kpsearch.search.confidence import DEPTH, SCORED, VERIFIED, figures_of, log_odds, unproven
from kpsearch.search.expansion import expand
from kpsearch.search.fusion import embedder_for, fuse
from kpsearch.search.hits import hit_of
from kpsearch.search.matching import read_postings
from kpsearch.search.merging import merged, merged_scores
from kpsearch.search.question import Question
from kpsearch.search.ranking import best_scored, score, verified
from kpsearch.search.reading import Picture, embedding_of, read_picture, views_of
from kpsearch.search.region import Region, clipped
from kpsearch.search.stages import StageLog
from kpsearch.types import Answer, Hit, Image, Words

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.search.shortlist import Candidate
    from kpsearch.search.view import View

MERGED = 10_000
"""Images of each view that are merged, at least: a rank must not depend on the limit."""


class Searcher:
    """Answers queries from one generation of an index; a query changes nothing in it.

    Safe to use from several threads. A newer generation is a new `Searcher`.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._scorers: dict[ScoringOptions, Scorer] = {}

    @classmethod
    def open(cls, index: str | os.PathLike[str]) -> Searcher:
        """The index in a folder as it is now; raises `IndexMissing` or `IndexDamaged`."""
        return cls(Snapshot.open(index))

    @cached_property
    def facts(self) -> CollectionFacts:
        """What scores depend on, counted over the live images."""
        snapshot = self.snapshot
        return CollectionFacts(
            word_frequency=snapshot.collection_frequency,
            image_length=snapshot.keypoint_counts,
            chance=snapshot.vocabulary.chance,
            images=snapshot.images,
            postings=partial(read_postings, snapshot),
        )

    def scorer(self, options: ScoringOptions) -> Scorer:
        """What scores under these options; it is made once, as it may read the whole index."""
        if options not in self._scorers:
            self._scorers[options] = SCORERS.resolve(options.scorer)(options, self.facts)
        return self._scorers[options]

    def query(
        self,
        image: Picture,
        options: SearchOptions | None = None,
        *,
        region: Region | None = None,
        clip: bool = False,
        exclude: Collection[str] = (),
    ) -> Answer:
        """The images that show what a picture, or a ``region`` of it, shows; best first.

        Images whose path is in ``exclude`` are never hits. Raises `ImageRejected` for a picture
        that cannot be used, `UsageError` for a region that reaches beyond it; with ``clip`` what
        lies in the picture is asked about, and a region with nothing in it is a rejected picture.
        """
        return self._answer([image], [region], options or SearchOptions(), exclude, clip=clip)

    def query_together(
        self,
        images: Sequence[Picture],
        options: SearchOptions | None = None,
        *,
        exclude: Collection[str] = (),
    ) -> Answer:
        """The images that show what several pictures of one thing show, as one answer.

        The evidence of the pictures adds up. Raises as `query`.
        """
        if not images:
            raise UsageError("no picture to ask about")
        return self._answer(images, [None] * len(images), options or SearchOptions(), exclude)

    def _answer(
        self,
        images: Sequence[Picture],
        regions: Sequence[Region | None],
        options: SearchOptions,
        exclude: Collection[str],
        *,
        clip: bool = False,
    ) -> Answer:
        log = StageLog()
        with log.stage("read") as note:
            snapshot = self.snapshot
            pictures = [read_picture(i, r, snapshot) for i, r in zip(images, regions, strict=True)]
            note(", ".join(f"{p.format} {p.size.width} x {p.size.height}" for p in pictures))
        if clip:
            regions = [
                None if region is None else clipped(region, picture)
                for region, picture in zip(regions, pictures, strict=True)
            ]
        with log.stage("extract") as note:
            views = views_of(pictures, regions, snapshot, mirrored=options.mirrored)
            note(f"{sum(len(view.features) for view in views)} keypoints")
        vector = None
        if options.fuse is not None:
            with log.stage("embed") as note:
                on_disk = [not isinstance(image, Image) for image in images]
                embedder = embedder_for(snapshot, options.fuse)
                vector = embedding_of(pictures, regions, embedder, on_disk=on_disk)
                note(f"{len(vector)} dimensions")
        with single_threaded_products():
            hits = self.rank(views, options, log, exclude=exclude, vector=vector)
        return Answer(
            query=pictures[0].path,
            pictures=tuple(picture.path for picture in pictures),
            image_size=pictures[0].size,
            keypoints=sum(len(v.features) for v in views if not v.placement.mirrored),
            hits=hits,
            stages=tuple(log.stages),
            warnings=tuple(warning for picture in pictures for warning in picture.warnings),
            verified_images=log.verified_images,
        )

    def rank(
        self,
        views: Sequence[View],
        options: SearchOptions,
        log: StageLog,
        *,
        exclude: Collection[str] = (),
        vector: npt.NDArray[np.float32] | None = None,
    ) -> tuple[Hit, ...]:
        """The hits for the views of a query; the stages are added to ``log``.

        ``vector`` is the query's embedding, heard where ``options`` say how to ``fuse`` it.
        """
        barred = self._barred(exclude)
        with log.stage("quantise") as note:
            words = [
                self.snapshot.vocabulary.quantise(
                    view.features.descriptors, assignments=options.scoring.assignments
                )
                for view in views
            ]
            note(f"{words[0].ids.shape[1]} of {len(self.snapshot.vocabulary)} words a keypoint")
        with log.stage("score") as note:
            questions = [
                self._ask(view, own, options.scoring, barred)
                for view, own in zip(views, words, strict=True)
            ]
            scores = [score(question, options.scoring) for question in questions]
            count = max(_wanted(options), MERGED if len(views) > 1 else 0)
            lists = [best_scored(q, s, count) for q, s in zip(questions, scores, strict=True)]
            note(f"{sum(len(q.matches) for q in questions)} within the Hamming threshold")
        lists = _verified(questions, lists, options, log)
        lists = _expanded(questions, lists, options, log)
        placements = [view.placement for view in views]
        candidates = merged(lists, placements)
        if options.fuse is not None and vector is not None:
            with log.stage("fuse") as note:
                before = len(candidates)
                total = merged_scores(scores, placements)
                candidates = fuse(candidates, vector, self.snapshot, total, barred, options.fuse)
                note(f"{len(candidates) - before} more candidates by their cosine")
        with log.stage("report") as note:
            curve = VERIFIED if options.verification else SCORED
            pictures = len({placement.picture for placement in placements})
            odds = log_odds(self._figures(candidates, barred, options, pictures), curve)
            if options.verification is not None:
                odds = unproven(odds, candidates, self._images(barred))
            hits = [
                hit_of(
                    rank,
                    candidate,
                    odds=float(odds[rank - 1]),
                    placements=placements,
                    snapshot=self.snapshot,
                )
                for rank, candidate in enumerate(candidates[: options.limit], start=1)
            ]
            note(f"{len(hits)} hits")
        return tuple(hits)

    def _ask(
        self,
        view: View,
        words: Words,
        options: ScoringOptions,
        barred: npt.NDArray[np.bool_] | None,
    ) -> Question:
        features = view.features
        return Question.ask(
            self.snapshot,
            self.facts,
            self.scorer(options),
            Frames(features.xy, features.scale, features.angle_rad),
            words,
            features.image_size,
            view.placement.framed,
            barred,
            descriptors=features.descriptors,
        )

    def _barred(self, exclude: Collection[str]) -> npt.NDArray[np.bool_] | None:
        """(slots,) True for images that must not be hits; None if there are none."""
        slots = [slot for path in exclude if (slot := self.snapshot.find(path)) is not None]
        if not slots and self.snapshot.images == self.snapshot.slots:
            return None
        barred = ~self.snapshot.live
        barred[slots] = True
        return barred

    def _figures(
        self,
        candidates: list[Candidate],
        barred: npt.NDArray[np.bool_] | None,
        options: SearchOptions,
        pictures: int,
    ) -> npt.NDArray[np.float64]:
        """(n, 3) what the confidence in each candidate depends on."""
        in_nats = options.verification is not None or options.scoring.scorer == "likelihood"
        images = self._images(barred)
        return figures_of(candidates, images, in_nats=in_nats, pictures=pictures)

    def _images(self, barred: npt.NDArray[np.bool_] | None) -> int:
        """Those that may be hits."""
        return self.snapshot.slots - (0 if barred is None else int(np.count_nonzero(barred)))


def _wanted(options: SearchOptions) -> int:
    """Images to look at more closely or to report, and the query's background below them."""
    shortlist = options.verification.shortlist if options.verification else 0
    fused = options.fuse.shortlist if options.fuse else 0
    return max(options.limit, shortlist, fused, DEPTH)


def _verified(
    questions: list[Question],
    lists: list[list[Candidate]],
    options: SearchOptions,
    log: StageLog,
) -> list[list[Candidate]]:
    """The candidates of each question, re-ordered by geometry."""
    if options.verification is None:
        return lists
    with log.stage("verify") as note:
        checked = [verified(q, c, options) for q, c in zip(questions, lists, strict=True)]
        sure = {c.slot for candidates, _ in checked for c in candidates if c.verified}
        log.verified_images = len(sure)
        note(f"{sum(tried for _, tried in checked)} candidates, {len(sure)} verified")
    return [candidates for candidates, _ in checked]


def _expanded(
    questions: list[Question],
    lists: list[list[Candidate]],
    options: SearchOptions,
    log: StageLog,
) -> list[list[Candidate]]:
    """The candidates of each question, with what its verified hits find."""
    if options.expansion is None:
        return lists
    with log.stage("expand") as note:
        grown = [expand(q, c, options) for q, c in zip(questions, lists, strict=True)]
        note(f"{sum(asked for _, asked in grown)} hits asked in their turn")
    return [candidates for candidates, _ in grown]
