"""A query from image files to ranked hits."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.errors import UsageError
from kpsearch.geometry import Frames
from kpsearch.index import Snapshot
from kpsearch.options import ScoringOptions, SearchOptions
from kpsearch.parallel import single_threaded_products
from kpsearch.scoring import SCORERS, CollectionFacts, Scorer
from kpsearch.search.category import (
    NOT_VERIFIED,
    Restriction,
    classifier_for,
    in_words,
    named,
    predicted,
    widened_to_all,
)
from kpsearch.search.checking import expand_lists, verify_lists
from kpsearch.search.confidence import DEPTH, SCORED, VERIFIED, figures_of, log_odds, unproven
from kpsearch.search.fusion import embedder_for, fuse
from kpsearch.search.hits import hit_of
from kpsearch.search.matching import read_postings
from kpsearch.search.merging import merged, merged_scores
from kpsearch.search.question import Question
from kpsearch.search.ranking import best_scored, score
from kpsearch.search.reading import Picture, embedding_of, predictions_of, read_picture, views_of
from kpsearch.search.region import Region, clipped
from kpsearch.search.stages import StageLog
from kpsearch.types import Answer, Hit, Image, Words

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.categories import Classifier, Prediction
    from kpsearch.options import CategoryOptions
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
        restriction = None
        if options.category is not None:
            with log.stage("categorise") as note:
                on_disk = [not isinstance(image, Image) for image in images]
                look = partial(predictions_of, pictures, regions, on_disk=on_disk)
                restriction = self._restriction(options.category, exclude, look)
                note(in_words(restriction.outcome))
        with single_threaded_products():
            hits = self.rank(
                views, options, log, exclude=exclude, vector=vector, restriction=restriction
            )
        return Answer(
            query=pictures[0].path,
            pictures=tuple(picture.path for picture in pictures),
            image_size=pictures[0].size,
            keypoints=sum(len(v.features) for v in views if not v.placement.mirrored),
            hits=hits,
            stages=tuple(log.stages),
            warnings=tuple(warning for picture in pictures for warning in picture.warnings),
            verified_images=log.verified_images,
            category=log.category,
        )

    def rank(
        self,
        views: Sequence[View],
        options: SearchOptions,
        log: StageLog,
        *,
        exclude: Collection[str] = (),
        vector: npt.NDArray[np.float32] | None = None,
        restriction: Restriction | None = None,
    ) -> tuple[Hit, ...]:
        """The hits for the views of a query; the stages are added to ``log``.

        ``vector`` is the query's embedding, heard where ``options`` say how to ``fuse`` it;
        ``restriction`` are the images of its category, whatever the ``options`` say of it.
        """
        barred = self._barred(exclude, restriction)
        sought = None if restriction is None else restriction.sought
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
                self._ask(view, own, options.scoring, barred, sought)
                for view, own in zip(views, words, strict=True)
            ]
            scores = [score(question, options.scoring) for question in questions]
            count = max(_wanted(options), MERGED if len(views) > 1 else 0)
            lists = [best_scored(q, s, count) for q, s in zip(questions, scores, strict=True)]
            note(f"{sum(len(q.matches) for q in questions)} within the Hamming threshold")
        questions, lists = verify_lists(questions, lists, options, log)
        if restriction is not None:
            log.category = restriction.outcome
            if sought is not None and questions[0].sought is None:
                sought, log.category = None, widened_to_all(restriction.outcome, NOT_VERIFIED)
        lists = expand_lists(questions, lists, options, log)
        placements = [view.placement for view in views]
        candidates = merged(lists, placements)
        if options.fuse is not None and vector is not None:
            with log.stage("fuse") as note:
                before = len(candidates)
                total = merged_scores(scores, placements)
                candidates = fuse(candidates, vector, self.snapshot, total, barred, options.fuse)
                note(f"{len(candidates) - before} more candidates by their cosine")
        with log.stage("report") as note:
            reported = [c for c in candidates if sought is None or sought[c.slot]]
            pictures = len({placement.picture for placement in placements})
            odds = self._log_odds(reported, candidates, barred, options, pictures)
            hits = [
                hit_of(
                    rank,
                    candidate,
                    odds=float(odds[rank - 1]),
                    placements=placements,
                    snapshot=self.snapshot,
                )
                for rank, candidate in enumerate(reported[: options.limit], start=1)
            ]
            note(f"{len(hits)} hits")
        return tuple(hits)

    def _ask(
        self,
        view: View,
        words: Words,
        options: ScoringOptions,
        barred: npt.NDArray[np.bool_] | None,
        sought: npt.NDArray[np.bool_] | None,
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
            sought=sought,
        )

    def _restriction(
        self,
        options: CategoryOptions,
        exclude: Collection[str],
        look: Callable[[Classifier], list[Prediction]],
    ) -> Restriction:
        """The images of a query's category; ``look`` has a classifier look at its pictures."""
        barred = self._barred(exclude)
        heard = self.snapshot.live if barred is None else ~barred
        if options.name is not None:
            return named(options.name, self.snapshot, heard)
        classifier = classifier_for(self.snapshot, options)
        return predicted(look, classifier, options, self.snapshot, heard)

    def _barred(
        self, exclude: Collection[str], restriction: Restriction | None = None
    ) -> npt.NDArray[np.bool_] | None:
        """(slots,) True for images that must not be hits; None if there are none."""
        others = None if restriction is None else restriction.barred
        slots = [slot for path in exclude if (slot := self.snapshot.find(path)) is not None]
        if not slots and others is None and self.snapshot.images == self.snapshot.slots:
            return None
        barred = ~self.snapshot.live if others is None else ~self.snapshot.live | others
        barred[slots] = True
        return barred

    def _log_odds(
        self,
        reported: list[Candidate],
        ranking: list[Candidate],
        barred: npt.NDArray[np.bool_] | None,
        options: SearchOptions,
        pictures: int,
    ) -> npt.NDArray[np.float64]:
        """(n,) how sure it is of each candidate that is reported, out of a whole ranking."""
        in_nats = options.verification is not None or options.scoring.scorer == "likelihood"
        images = self.snapshot.slots - (0 if barred is None else int(np.count_nonzero(barred)))
        values = figures_of(reported, ranking, images, in_nats=in_nats, pictures=pictures)
        if options.verification is None:
            return log_odds(values, SCORED)
        return unproven(log_odds(values, VERIFIED), reported, images)


def _wanted(options: SearchOptions) -> int:
    """Images to look at more closely or to report, and the query's background below them."""
    shortlist = options.verification.shortlist if options.verification else 0
    fused = options.fuse.shortlist if options.fuse else 0
    return max(options.limit, shortlist, fused, DEPTH)
