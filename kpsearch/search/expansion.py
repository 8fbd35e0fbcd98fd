"""Query expansion: what the verified hits of a query show, and the query does not.

A hit that geometry has verified is another picture of the thing asked about. It is asked in its
turn, with the keypoints it has in the index, within the part of it that the query covers. What it
finds is found through it, and is no surer than the weaker of the two steps: an image's evidence
through a hit is the lesser of theirs, less a discount, and it counts where it is more than the
image's own.

Chum et al. 2007 ask again with the mean of the verified hits' words; Tolias & Jégou 2014 with their
keypoints, grouped in Hamming space and added to the query's. Both add up the evidence of several
pictures, and an image that a wrong hit resembles gains by it. Here no sum is made: a wrong hit can
only bring in what it finds itself, below itself.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from kpsearch.geometry import Frames, projected_outline
from kpsearch.search.question import Question
from kpsearch.search.ranking import best_scored, score, shortlisted, verified
from kpsearch.search.region import Region
from kpsearch.search.shortlist import Candidate, reordered
from kpsearch.types import ImageSize, Words

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.options import ExpansionOptions, SearchOptions


def expand(
    question: Question, candidates: list[Candidate], options: SearchOptions
) -> tuple[list[Candidate], int]:
    """The candidates with what the best verified ones find, and how many of those were asked."""
    wanted = options.expansion
    if wanted is None:
        return candidates, 0
    seeds = [c for c in candidates if c.verified][: wanted.hits]
    through: dict[int, Candidate] = {}
    for seed in seeds:
        for found in _found_through(seed, question, options, wanted):
            before = through.get(found.slot)
            if before is None or found.score > before.score:
                through[found.slot] = found
    own = {c.slot: c for c in candidates}
    for slot, found in through.items():
        direct = own.get(slot)
        if direct is None or (found.score > direct.score and not direct.verified):
            own[slot] = found
    return reordered(list(own.values())), len(seeds)


def _found_through(
    seed: Candidate, question: Question, options: SearchOptions, wanted: ExpansionOptions
) -> list[Candidate]:
    """What a verified hit finds when it is asked itself, scored as seen from the query."""
    if options.verification is None:
        return []
    asked = _question_of(seed, question)
    candidates = best_scored(asked, score(asked, options.scoring), options.verification.shortlist)
    unguided = replace(options, verification=replace(options.verification, guided=0))
    found, _ = verified(shortlisted(asked, candidates, options.verification), unguided)
    return [
        Candidate(c.slot, wanted.discount * min(c.score, seed.score), via=seed.slot) for c in found
    ]


def _question_of(seed: Candidate, question: Question) -> Question:
    """A hit as a question: its keypoints in the part of it that the query covers."""
    snapshot = question.snapshot
    segment, image = snapshot.locate(seed.slot)
    every = np.arange(len(snapshot.vocabulary), dtype=np.uint32)
    word, place = segment.postings_of(image, every)
    found = segment.geometry(segment.keypoint[place], np.full(len(place), image))
    size = ImageSize(*snapshot.image_sizes[seed.slot].tolist())
    kept = np.flatnonzero(_covered(found.xy, seed, question, size))
    barred = ~snapshot.live if question.barred is None else question.barred.copy()
    barred[seed.slot] = True
    return Question.ask(
        snapshot,
        question.facts,
        question.scorer,
        Frames(found.xy, found.scale, found.angle_rad).take(kept),
        Words(word[kept, None].astype(np.uint32), segment.signature[place[kept], None]),
        size,
        Region(0, 0, *size),
        barred,
        sought=question.sought,
    )


def _covered(
    xy: npt.NDArray[np.float32], seed: Candidate, question: Question, size: ImageSize
) -> npt.NDArray[np.bool_]:
    """(n,) which points of a hit are covered by what is asked about."""
    transform = seed.verification.transform if seed.verification else None
    if transform is None:
        return np.ones(len(xy), np.bool_)
    x, y, width, height = question.region
    corner = transform @ np.array([[1.0, 0, x], [0, 1.0, y], [0, 0, 1.0]])
    outline = projected_outline(corner, ImageSize(width, height), size)
    if len(outline) < 3:
        return np.zeros(len(xy), np.bool_)
    inside = [cv2.pointPolygonTest(outline, (float(x), float(y)), False) >= 0 for x, y in xy]
    return np.array(inside, np.bool_)
